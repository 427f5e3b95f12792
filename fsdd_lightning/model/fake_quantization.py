"""The network computed in the integer arithmetic: exact in evaluation, straight-through gradients in training."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fsdd_lightning.arithmetic.fixed_point import FEATURE_BITS, FEATURE_SHIFT, HIDDEN_BITS
from fsdd_lightning.arithmetic.integer_lstm import quantize_features
from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.arithmetic.quantize import (
    FloatLayer,
    FloatModel,
    convert,
    float_model,
    quantize_layer,
    quantize_output,
)
from fsdd_lightning.arithmetic.weight_codes import WeightCode, weight_code
from fsdd_lightning.model.compiled_engine import CHOICE
from fsdd_lightning.model.integer_lstm import LstmTrace, network_trace, output_logits
from fsdd_lightning.model.network import classifier_parts, last_valid
from fsdd_lightning.model.recurrence import running_clips, spans_of
from fsdd_lightning.model.row_scale_search import with_fast_search
from fsdd_lightning.model.straight_through_lstm import StraightThroughLayer, step_matrix


def quantize(network: nn.Module, code: str = "int8") -> QuantizedView:
    """A classifier in the integer arithmetic, for evaluation: its logits are those of the exported C.

    `network` is any module with one `nn.LSTM`, whose last valid hidden state one `nn.Linear` classifies; `code` is
    one of int8, int8_pot_scale, int4, pot, ternary. The module is referenced, not changed.

    Raises:
        ValueError: another kind of network, an unknown code, or weights that are not finite.
    """
    view = QuantizedView(network, weight_code(code)).eval()
    view.integer_model()
    return view


class QuantizedView(nn.Module):
    """Runs a network's parameters through the integer arithmetic and owns no parameters, so its state dict is empty.

    `network`: see `quantize`. It is referenced, not registered, so that the state dict is the same in every mode. The
    owner of the network optimizes and saves it. The view's own `train()` and `eval()` select how the view computes.
    """

    def __init__(self, network: nn.Module, code: WeightCode) -> None:
        super().__init__()
        self._network = (network,)  # nn.Module does not look into tuples
        self._parts = classifier_parts(network)
        self.code = code
        self._search = with_fast_search(code)
        self._converted: tuple[list[Tensor], IntegerModel] | None = None

    @property
    def network(self) -> nn.Module:
        """The module that owns the parameters."""
        return self._network[0]

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """features float32 (B, T, C) standardized, lengths int64 (B,) in 1..T -> logits (B, classes).

        Evaluation: float64, the integer logits times their step. Different int32 give different products in float64,
        so that ties, and nothing but ties, stay ties. The integers are computed on the CPU, wherever the network is.
        """
        if self.training:
            with _in_full_precision(features.device.type):
                return self._training_logits(features, lengths)
        step = self.integer_model().output.scale * 2.0**-HIDDEN_BITS
        integers = self.integer_logits(features.cpu(), lengths.cpu())
        return (integers.to(torch.float64) * step).to(features.device)

    def _training_logits(self, features: Tensor, lengths: Tensor) -> Tensor:
        lstm = self._parts.lstm
        order = lengths.argsort(descending=True)
        lengths, running = lengths[order], running_clips(lengths)
        spans, engine = spans_of(running), CHOICE.of(features)
        inputs_q7 = _features_q7(features[order, : len(running)]).permute(1, 2, 0).contiguous()  # (T, F, B)
        for index, parameters in enumerate(lstm.all_weights):
            if index:
                inputs_q7 = F.dropout(inputs_q7, lstm.dropout)
            layer = quantize_layer(_float_layer(parameters), self._search, index)
            matrix = step_matrix(layer, features)
            inputs_q7 = StraightThroughLayer.apply(engine, inputs_q7, matrix, spans, *parameters)  # type: ignore[no-untyped-call]
        clips = torch.arange(len(lengths), device=lengths.device)
        last = inputs_q7[lengths - 1, :, clips] * 2.0**-HIDDEN_BITS
        return self._output_logits(F.dropout(last[order.argsort()], self._parts.dropout.p))

    def _output_logits(self, hidden: Tensor) -> Tensor:
        weight, bias = self._parts.output.weight, self._parts.output.bias
        output = quantize_output(_array(weight), _array(bias), self._search)
        quantized_weight = torch.from_numpy(output.weights * output.scale)
        quantized_bias = torch.from_numpy(output.bias * (output.scale * 2.0**-HIDDEN_BITS))
        return F.linear(hidden, _straight_through(weight, quantized_weight), _straight_through(bias, quantized_bias))

    def integer_model(self) -> IntegerModel:
        """The current weights, converted by `arithmetic`; converted again after a weight has changed."""
        weights = [parameter.detach() for parameter in self.network.parameters()]
        if self._converted is None or not all(map(torch.equal, weights, self._converted[0])):
            model = convert(arrays_of(self.network), self.code)
            self._converted = ([weight.clone() for weight in weights], model)
        return self._converted[1]

    def trace(self, features: Tensor) -> tuple[LstmTrace, ...]:
        """Every c and h of every layer, as `arithmetic.integer_lstm.network_trace`."""
        return trace_of(self.integer_model(), features)

    def integer_logits(self, features: Tensor, lengths: Tensor) -> Tensor:
        """(B, classes) int32, as `arithmetic.integer_lstm.network_logits`."""
        return logits_of(self.integer_model(), features, lengths)


@torch.no_grad()
def trace_of(model: IntegerModel, features: Tensor) -> tuple[LstmTrace, ...]:
    """Every c and h of every layer of an integer network, computed by torch; features as in `QuantizedView.forward`."""
    return network_trace(model, torch.from_numpy(quantize_features(features.numpy())))


@torch.no_grad()
def logits_of(model: IntegerModel, features: Tensor, lengths: Tensor) -> Tensor:
    """(B, classes) int32 of an integer network, computed by torch."""
    return output_logits(model.output, last_valid(trace_of(model, features)[-1].hidden_q7, lengths))


def _in_full_precision(device: str) -> AbstractContextManager[object]:
    """Without autocast: the steps of the arithmetic are exact in float32, and would not be in 16 bits."""
    enabled = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.autocast(device, enabled=False) if enabled else nullcontext()


def _features_q7(features: Tensor) -> Tensor:
    """`quantize_features` in the input's own type, in steps of h: exact, as all factors are powers of two."""
    steps = features * 2.0**FEATURE_BITS
    below = steps.floor()
    rounded = below + (steps - below >= 0.5)
    return rounded.clamp_(-(2.0**7), 2.0**7 - 1).mul_(2.0**FEATURE_SHIFT)


def _straight_through(parameter: Tensor, quantized: Tensor) -> Tensor:
    return parameter + (quantized.to(parameter) - parameter).detach()


def _float_layer(parameters: Sequence[Tensor]) -> FloatLayer:
    return FloatLayer(*(_array(parameter) for parameter in parameters))


def _array(parameter: Tensor) -> np.ndarray:
    """A view of the memory on the CPU; a copy from elsewhere."""
    array: np.ndarray = parameter.detach().cpu().numpy()
    return array


def arrays_of(network: nn.Module) -> FloatModel:
    """The network's parameters for `arithmetic.quantize`; on the CPU they share memory with it."""
    parts = classifier_parts(network)
    lstm = {name: _array(weight) for name, weight in parts.lstm.named_parameters()}
    output = {name: _array(weight) for name, weight in parts.output.named_parameters()}
    return float_model(lstm, output)
