"""torch.ao's own int8 LSTMs, for comparison only: `quantize_dynamic`, and eager static quantization after training.

Both evaluate the quantized kernels themselves, never the float network they came from. Some parts stay in float: in
the dynamic network everything but the matrix products, in the static one the biases and the rescaling between tensors.
torch.ao is deprecated as a whole and warns at every step; the known warnings are silenced here, by message.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.ao.quantization
from torch import Tensor, nn

from fsdd_lightning.model.network import LSTMClassifier, last_valid

tq: Any = torch.ao.quantization  # has no type hints

logger = logging.getLogger(__name__)

# Best first. Dynamic: fbgemm is torch's default on x86; qnnpack has no reduced range and warns about it on stderr.
# Static, one 2x24 network, 600 clips: qnnpack agrees with float on all of them, in 10,248 bytes; fbgemm, with 7-bit
# activations and a scale per weight row, on 595, in 16,472 bytes.
DYNAMIC_ENGINES = ("fbgemm", "x86", "qnnpack", "onednn")
STATIC_ENGINES = ("qnnpack", "fbgemm", "x86", "onednn")

_KNOWN_WARNINGS = (
    r"\s*torch\.ao\.quantization is deprecated",
    r"\s*torch\.quantize_per_tensor, torch\.quantize_per_channel",  # the tensors it makes are deprecated, too
    r"\s*All inputs of this cat operator must share",  # of the final states of the layers, which are not used
    r"\s*Please use quant_min and quant_max",  # torch.ao's own defaults do not
    r"\s*Default qconfig of oneDNN backend with reduce_range of false",
)


@dataclass(frozen=True, eq=False)
class Baseline:
    """A network quantized by another tool."""

    name: str
    network: nn.Module  # in evaluation mode; called as LSTMClassifier is
    flash_bytes: int  # as the function of this name counts them
    engine: str  # the torch backend whose kernels it runs


BaselineMaker = Callable[[LSTMClassifier, Tensor, Tensor], Baseline]


def torch_dynamic(network: LSTMClassifier, calibration_features: Tensor, calibration_lengths: Tensor) -> Baseline:
    """int8 weights, one scale per matrix; activations quantized on the fly. Needs no calibration clips."""
    engine = preferred_engine(DYNAMIC_ENGINES)
    with torch_ao(engine):
        quantized = tq.quantize_dynamic(_frozen_copy(network), {nn.LSTM, nn.Linear}, dtype=torch.qint8)
    return Baseline("torch_dynamic", DynamicClassifier(quantized, engine), flash_bytes(quantized), engine)


def torch_static(network: LSTMClassifier, calibration_features: Tensor, calibration_lengths: Tensor) -> Baseline:
    """int8 weights and 8-bit activations whose ranges are those of the calibration clips' valid frames.

    features float32 (N, T, C), lengths int64 (N,): training clips, about 2 s for 2,160 of them.
    Raises ValueError if there is no clip.
    """
    if len(calibration_lengths) == 0:
        raise ValueError("torch_static needs at least one calibration clip")
    engine = preferred_engine(STATIC_ENGINES)
    classifier = StaticClassifier(_frozen_copy(network), engine).eval()
    with torch_ao(engine):
        classifier.qconfig = tq.get_default_qconfig(engine)
        # torch.ao's default mappings turn nn.LSTM into quantizable.LSTM (observed), and that into quantized.LSTM.
        observed = tq.prepare(classifier)
        for features, lengths in without_padding(calibration_features, calibration_lengths):
            observed(features, lengths)
        quantized = tq.convert(observed).eval()  # it makes its modules in training mode
    return Baseline("torch_static", quantized, flash_bytes(quantized), engine)


BASELINES: dict[str, BaselineMaker] = {"torch_dynamic": torch_dynamic, "torch_static": torch_static}


class DynamicClassifier(nn.Module):
    """Runs clip by clip, on the valid frames only.

    Activations get one scale for the whole tensor, so in a batch a clip's logits would depend on the other clips and
    on their padding; on a device a clip is alone.
    """

    def __init__(self, quantized: nn.Module, engine: str) -> None:
        super().__init__()
        self.quantized = quantized
        self.engine = engine
        self.eval()

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """features float32 (B, T, C), lengths int64 (B,) in 1..T -> logits float32 (B, classes)."""
        with torch_ao(self.engine):
            valid = [clip[:length] for clip, length in zip(features, lengths.tolist(), strict=True)]
            return torch.cat([self.quantized(clip[None], torch.tensor([len(clip)])) for clip in valid])


class StaticClassifier(nn.Module):
    """LSTMClassifier between quantization and dequantization; the same class observed and converted.

    The hidden state is read out quantized, and the logits are 8-bit codes before they are dequantized: expect ties.
    All scales are fixed and the LSTM is causal, so neither other clips nor padding change a clip's logits.
    """

    def __init__(self, network: LSTMClassifier, engine: str) -> None:
        super().__init__()
        self.quantize = tq.QuantStub()
        self.lstm = network.lstm
        self.output = network.output
        self.dequantize = tq.DeQuantStub()
        self.engine = engine

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """features float32 (B, T, C), lengths int64 (B,) in 1..T -> logits float32 (B, classes)."""
        if features.shape[2] != self.lstm.input_size:  # qnnpack would read beyond the tensor
            raise ValueError(f"features have {features.shape[2]} channels, the network {self.lstm.input_size}")
        with torch_ao(self.engine):
            hidden, _ = self.lstm(self.quantize(features))  # (B, T, H)
            logits: Tensor = self.dequantize(self.output(last_valid(hidden, lengths)))
            return logits


@contextmanager
def torch_ao(engine: str) -> Iterator[None]:
    """Inside, torch uses (and packs for) `engine`, and the known warnings of torch.ao are silent. No gradients.

    The engine belongs to the whole process: it is restored afterwards, but other threads see it meanwhile.
    """
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = engine
    try:
        with torch.no_grad(), warnings.catch_warnings():
            for message in _KNOWN_WARNINGS:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        torch.backends.quantized.engine = before


def preferred_engine(preference: Sequence[str]) -> str:
    """The first of `preference` that this build of torch supports; logs a warning if it is not the first of all.

    Raises RuntimeError if none is supported.
    """
    supported = torch.backends.quantized.supported_engines
    chosen = next((engine for engine in preference if engine in supported), None)
    if chosen is None:
        raise RuntimeError(f"this torch cannot run quantized networks: it supports {supported or 'no engine'}")
    if chosen != preference[0]:
        logger.warning("torch's engine %s is not supported here; %s is used instead", preference[0], chosen)
    return chosen


def without_padding(features: Tensor, lengths: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of clips of equal length, shortest first: an observer sees all valid frames and no padding."""
    for length in sorted(set(lengths.tolist())):
        chosen = lengths == length
        yield features[chosen, :length], lengths[chosen]


def flash_bytes(network: nn.Module) -> int:
    """The bytes that torch stores: int8 weights, float32 biases, scales and zero points of the quantized tensors.

    The sum over the state dict, packed parameters unpacked. torch keeps 16 bytes of scale and zero point for a weight
    (per row with fbgemm's static weights) and 12 for an activation; the overhead of a file format is not counted.
    """
    return sum(_tensor_bytes(tensor) for value in network.state_dict().values() for tensor in _tensors(value))


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):  # (weight, bias) of a Linear
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, torch.ScriptObject):  # packed weights; __getstate__ is how torch unpacks them to save them
        state: tuple[object, ...] = value.__getstate__()[0]  # type: ignore[index]
        # A dynamic LSTM layer lists its biases, then the packed (weight, bias) of both matrices: the same biases.
        yield from _tensors(state[-1] if state[0] == "quantized_dynamic" else state)


def _tensor_bytes(tensor: Tensor) -> int:
    if not tensor.is_quantized:
        return tensor.nbytes
    if tensor.qscheme() == torch.per_tensor_affine:
        return tensor.nbytes + 16  # a float64 scale, an int64 zero point
    return tensor.nbytes + tensor.q_per_channel_scales().nbytes + tensor.q_per_channel_zero_points().nbytes


def _frozen_copy(network: LSTMClassifier) -> LSTMClassifier:
    frozen = copy.deepcopy(network).eval().requires_grad_(False)
    frozen.lstm.dropout = 0.0  # without effect in evaluation, but quantizable.LSTM would warn about it
    return frozen
