"""The ways to run one network on the same features: in float, quantized in torch, in integers, and as compiled C."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.fixed_point import HIDDEN_BITS, Int16Array
from fsdd_lightning.arithmetic.integer_lstm import network_logits, quantize_features
from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.arithmetic.listener import WordEvent
from fsdd_lightning.arithmetic.ranges import NarrowRowsError, has_storable_rows, require_narrow_rows
from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.baselines.torch_ao import BASELINES, Baseline
from fsdd_lightning.config.schema import QuantizationConfig
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.clips import Clips
from fsdd_lightning.export import CompilerMissing, compile_host
from fsdd_lightning.model.checkpoint import Checkpoint
from fsdd_lightning.model.fake_quantization import QuantizedView, logits_of
from fsdd_lightning.model.inference import float_logits
from fsdd_lightning.runs.folder import Run, recorded_data
from fsdd_lightning.runs.metrics import deployed_backend
from fsdd_lightning.runs.record import BACKENDS

Logits = Callable[[Clips], np.ndarray]


class WordStream(Protocol):
    """Takes samples in pieces of any size, and answers what they make known."""

    def push(self, samples: Int16Array) -> list[WordEvent]:
        """samples (samples,) int16 at the rate of the network."""


@dataclass(frozen=True)
class Backend:
    """Runs a network: `logits(clips)` -> (clips, classes), float32 or int32; one unit of them is `logit_step`."""

    name: str
    logits: Logits
    logit_step: float = 1.0
    new_stream: Callable[[], WordStream] | None = None  # a listener of its own; None: one in numpy, around its logits
    temperature: float = 1.0  # of the probabilities alone, see calibration.py

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Softmax over the last axis at the temperature, float64."""
        values = logits * (self.logit_step / self.temperature)
        shares = np.exp(values - values.max(axis=-1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class Backends:
    """All backends of a network by name, in the order of the data flow; `note` is the reason why one is missing."""

    by_name: dict[str, Backend]
    note: str | None = None


def torch_backend(network: nn.Module, name: str = "float") -> Backend:
    """Logits float32, as torch computes them."""
    return Backend(name, lambda clips: float_logits(network, clips.features, clips.lengths))


def quantized_backend(checkpoint: Checkpoint, archived: IntegerModel) -> Backend:
    """The network seen through the integer arithmetic by torch; logits int32.

    Its weights are quantized anew, which must give the archived integers. Where these are of an earlier version, which
    chose other ones, torch computes with the archived.
    """
    assert checkpoint.weight_code is not None
    view = QuantizedView(checkpoint.network, weight_code(checkpoint.weight_code)).eval()
    model = view.integer_model() if has_storable_rows(archived) else archived

    def logits(clips: Clips) -> np.ndarray:
        return logits_of(model, torch.from_numpy(clips.features), torch.from_numpy(clips.lengths)).numpy()

    return Backend("quantized", logits, logit_step(model))


def integer_backend(model: IntegerModel) -> Backend:
    """numpy and integers only, from the quantized features on; logits int32."""

    def logits(clips: Clips) -> np.ndarray:
        # Matrices this small gain nothing from a second thread, and on a busy machine threads that wait for one another
        # cost a hundred times the work (600 clips of 2x24 units: 0.07 s of processor time, or 2 to 10 s).
        with threadpool_limits(1):
            return network_logits(model, quantize_features(clips.features), clips.lengths)

    return Backend("integer", logits, logit_step(model))


@contextmanager
def c_backend(deployment: Deployment) -> Iterator[Backend]:
    """The exported C, compiled for this machine; logits int32. It hears samples where the deployment does.

    Raises:
        CompilerMissing: there is no C compiler.
        NarrowRowsError: a network of an earlier version, which the C cannot store.
        RunFailedError: the compiler fails.
    """
    require_narrow_rows(deployment.model)
    with compile_host(deployment) as host:

        def logits(clips: Clips) -> np.ndarray:
            if clips.samples is not None:
                return host.clip_logits(clips.samples)
            return host.logits(quantize_features(clips.features), clips.lengths)

        stream = None if deployment.listening is None else host.listener
        yield Backend("c", logits, logit_step(deployment.model), stream)


def logit_step(model: IntegerModel) -> float:
    """The value of one unit of its logits."""
    return model.output.scale * 2.0**-HIDDEN_BITS


@contextmanager
def open_backends(
    checkpoint: Checkpoint, deployment: Deployment | None, baseline: Baseline | None = None
) -> Iterator[Backends]:
    """All backends that a network has. Without a C compiler, or for a network that the C of today cannot store, there
    is no `c`, but a note; a compiler that fails is an error.

    `deployment` is None where the mode has no integer model; `baseline` stands for the quantized backend of a network
    that PyTorch itself has quantized.
    """
    with ExitStack() as stack:
        opened, note = [torch_backend(checkpoint.float_network)], None
        if baseline is not None:
            opened.append(torch_backend(baseline.network, "quantized"))
        if deployment is not None:
            opened += [quantized_backend(checkpoint, deployment.model), integer_backend(deployment.model)]
            try:
                opened.append(stack.enter_context(c_backend(deployment)))
            except (CompilerMissing, NarrowRowsError) as error:
                note = f"no c backend of the network: {error}"
        yield Backends({backend.name: backend for backend in opened}, note)


def backend_without_folder(checkpoint: Checkpoint, mode: QuantizationConfig, data: PreparedData) -> Backend:
    """The one that a network in memory is deployed as; `data`: those it was trained on."""
    baseline = baseline_of(mode.baseline, checkpoint, data)
    if baseline is not None:
        return torch_backend(baseline.network, "quantized")
    if checkpoint.weight_code is None:
        return torch_backend(checkpoint.float_network)
    return integer_backend(QuantizedView(checkpoint.network, weight_code(checkpoint.weight_code)).integer_model())


@contextmanager
def open_backend(run: Run, name: str | None = None, data: PreparedData | None = None) -> Iterator[Backend]:
    """One backend of a run, calibrated; None: that which is deployed. `data` are the run's, where they are at hand.

    Raises:
        UserError: an unknown backend, one that the run's mode does not have, no C compiler, or no recordings to
            calibrate a network that PyTorch quantizes.
    """
    name = name or deployed_backend(run.record.views) or "float"
    if name not in BACKENDS:
        raise UserError(f"there is no backend {name!r}; there are {', '.join(BACKENDS)}")
    available = available_backends(run)
    if name not in available:
        raise UserError(
            f"the run in {run.folder} is {run.config.quantization.name}, which has no {name} backend: "
            f"use --backend {' or '.join(available)}, or a run with quantization=int8_ptq"
        )
    with ExitStack() as stack:
        yield calibrated(_OPENERS[name](run, data, stack), run.record.calibration)


def calibrated(backend: Backend, calibration: Mapping[str, Mapping[str, Any]]) -> Backend:
    """With the temperature of a record's `calibration`."""
    return replace(backend, temperature=recorded_temperature(calibration, backend.name))


def recorded_temperature(calibration: Mapping[str, Mapping[str, Any]], name: str) -> float:
    """Of the backend of this name; 1 where a record's `calibration` has none for its logits."""
    alike = "integer" if name in ("quantized", "c") and "integer" in calibration else name
    return float(calibration.get(alike, {}).get("temperature", 1.0))


def available_backends(run: Run) -> tuple[str, ...]:
    """Names of the backends that the mode of a run has, whether or not there is a C compiler here."""
    if run.deployment is not None:
        return BACKENDS
    return ("float",) if run.config.quantization.baseline is None else ("float", "quantized")


def _float(run: Run, data: PreparedData | None, stack: ExitStack) -> Backend:
    return torch_backend(run.checkpoint.float_network)


def _quantized(run: Run, data: PreparedData | None, stack: ExitStack) -> Backend:
    if run.deployment is not None:
        return quantized_backend(run.checkpoint, run.deployment.model)
    name = run.config.quantization.baseline
    baseline = baseline_of(name, run.checkpoint, data or recorded_data(run, None))
    assert baseline is not None
    return torch_backend(baseline.network, "quantized")


def _integer(run: Run, data: PreparedData | None, stack: ExitStack) -> Backend:
    assert run.deployment is not None
    return integer_backend(run.deployment.model)


def _c(run: Run, data: PreparedData | None, stack: ExitStack) -> Backend:
    assert run.deployment is not None
    try:
        return stack.enter_context(c_backend(run.deployment))
    except (CompilerMissing, NarrowRowsError) as error:
        raise UserError(f"the c backend: {error}") from error


_OPENERS: dict[str, Callable[[Run, PreparedData | None, ExitStack], Backend]] = {
    "float": _float,
    "quantized": _quantized,
    "integer": _integer,
    "c": _c,
}


def baseline_of(name: str | None, checkpoint: Checkpoint, data: PreparedData) -> Baseline | None:
    """PyTorch's own quantization of the float network, calibrated on the training clips; None where none is asked for.

    Raises:
        UserError: an unknown name.
    """
    if name is None:
        return None
    if name not in BASELINES:
        raise UserError(f"quantization.baseline: there is no {name!r}; there are {', '.join(BASELINES)}")
    train = data.split.train
    return BASELINES[name](
        checkpoint.float_network, torch.from_numpy(data.features[train]), torch.from_numpy(data.lengths[train])
    )
