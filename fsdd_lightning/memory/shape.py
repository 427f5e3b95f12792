"""The shape of a network, its number of parameters and of operations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkShape:
    """An LSTM of `layers` layers with a linear output layer."""

    inputs: int
    hidden_size: int
    layers: int
    classes: int

    def layer_inputs(self, layer: int) -> int:
        """Input width of LSTM layer `layer`, counted from 0."""
        return self.inputs if layer == 0 else self.hidden_size

    def layer_parameters(self, layer: int) -> int:
        """PyTorch's count with both bias vectors: 4h(i + h) + 8h."""
        hidden = self.hidden_size
        return 4 * hidden * (self.layer_inputs(layer) + hidden) + 8 * hidden

    @property
    def output_parameters(self) -> int:
        """o(h + 1)."""
        return self.classes * (self.hidden_size + 1)

    @property
    def parameters(self) -> int:
        """PyTorch's count for the whole network; for 2 layers, 13 inputs and 10 classes 12h^2 + 78h + 10."""
        return sum(self.layer_parameters(layer) for layer in range(self.layers)) + self.output_parameters

    def macs_per_clip(self, frames: int) -> int:
        """Multiply-accumulates of weights for `frames` frames and one classification."""
        hidden = self.hidden_size
        step = sum(4 * hidden * (self.layer_inputs(layer) + hidden) for layer in range(self.layers))
        return frames * step + self.classes * hidden
