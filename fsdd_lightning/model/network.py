"""The float network: an LSTM whose last valid hidden state is classified by one linear layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from fsdd_lightning.memory.shape import NetworkShape

Module = TypeVar("Module", bound=nn.Module)


class LSTMClassifier(nn.Module):
    """Logits at the last *valid* frame, so that zero padding has no effect and streaming gives the same result.

    All parameters live here. Float evaluation is `forward`; a `QuantizedView` runs the same parameters through the
    integer arithmetic, so the state dict is the same in every mode.
    """

    def __init__(self, shape: NetworkShape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        between = dropout if shape.layers > 1 else 0.0  # nn.LSTM drops between layers only
        self.lstm = nn.LSTM(shape.inputs, shape.hidden_size, shape.layers, dropout=between, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(shape.hidden_size, shape.classes)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """features float32 (B, T, C), lengths int64 (B,) in 1..T -> logits float32 (B, classes)."""
        hidden, _ = self.lstm(features)  # (B, T, H)
        logits: Tensor = self.output(self.dropout(last_valid(hidden, lengths)))
        return logits


@dataclass(frozen=True, eq=False)
class ClassifierParts:
    """What the integer arithmetic needs of a classifier: its LSTM, its output layer, the dropout before the output."""

    lstm: nn.LSTM
    output: nn.Linear
    dropout: nn.Dropout


def classifier_parts(network: nn.Module) -> ClassifierParts:
    """The parts of any module with one `nn.LSTM`, read at the last valid frame by one `nn.Linear`.

    Raises:
        ValueError: more or fewer of either, or an LSTM that the integer arithmetic does not know: bidirectional, with
            a projection, or without biases.
    """
    lstm, output = _only(network, nn.LSTM), _only(network, nn.Linear)
    unknown = {"bidirectional": lstm.bidirectional, "proj_size": lstm.proj_size > 0, "bias=False": not lstm.bias}
    if any(unknown.values()):
        names = ", ".join(name for name, found in unknown.items() if found)
        raise ValueError(f"an nn.LSTM with {names} has no integer arithmetic here: use a plain one")
    if output.in_features != lstm.hidden_size or output.bias is None:
        raise ValueError(
            f"the nn.Linear must have a bias and read the {lstm.hidden_size} hidden units, "
            f"not {output.in_features} values"
        )
    dropouts = [module for module in network.modules() if isinstance(module, nn.Dropout)]
    return ClassifierParts(lstm, output, dropouts[-1] if dropouts else nn.Dropout(0.0))


def _only(network: nn.Module, kind: type[Module]) -> Module:
    found = [module for module in network.modules() if isinstance(module, kind)]
    if len(found) != 1:
        raise ValueError(f"the network must have exactly one nn.{kind.__name__}, but it has {len(found)}")
    return found[0]


def last_valid(hidden: Tensor, lengths: Tensor) -> Tensor:
    """hidden (B, T, H) at frame lengths - 1: (B, H)."""
    return hidden[torch.arange(len(lengths), device=lengths.device), lengths - 1]
