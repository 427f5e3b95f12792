"""Three ways to run the network of a run on the same features: PyTorch in float, numpy in integers, the compiled C."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import numpy as np

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.fixed_point import HIDDEN_BITS
from fsdd_lightning.arithmetic.integer_lstm import quantize_features
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.evaluate import numpy_logits
from fsdd_lightning.model.inference import float_logits
from fsdd_lightning.runs.folder import Run

Logits = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Engine:
    """Runs a network: `logits(features, lengths)` -> (B, classes), float32 in float and int32 in integers.

    features float32 (B, T, C) standardised, lengths int64 (B,) in 1..T; one step of a logit means `logit_step`.
    """

    name: str
    logits: Logits
    logit_step: float

    def streamed_logits(self, frames: np.ndarray) -> np.ndarray:
        """(T, classes): after each of the frames (T, C) of one clip, as a device has them that is fed one by one."""
        count = len(frames)
        return self.logits(np.repeat(frames[None], count, axis=0), np.arange(1, count + 1))

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Softmax over the last axis, float64."""
        values = logits * self.logit_step
        shares = np.exp(values - values.max(axis=-1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def open_engine(run: Run, name: str | None) -> AbstractContextManager[Engine]:
    """The engine of this name for a run; None: the network as it is deployed.

    Raises:
        UserError: an unknown engine, one that the run's mode does not have, or no C compiler.
    """
    if name is None:
        name = "torch" if run.deployment is None else "integer"
    if name not in ENGINES:
        raise UserError(f"there is no engine {name!r}; there are {', '.join(ENGINES)}")
    return ENGINES[name](run)


@contextmanager
def _torch(run: Run) -> Iterator[Engine]:
    network = run.checkpoint.float_network
    yield Engine("torch", lambda features, lengths: float_logits(network, features, lengths), 1.0)


@contextmanager
def _integer(run: Run) -> Iterator[Engine]:
    model = _deployment(run, "integer").model

    def logits(features: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return numpy_logits(model, features, lengths)

    yield Engine("integer", logits, model.output.scale * 2.0**-HIDDEN_BITS)


@contextmanager
def _c(run: Run) -> Iterator[Engine]:
    deployment = _deployment(run, "c")
    from fsdd_lightning.export import CompilerMissing, compile_host

    try:
        host = compile_host(deployment)
    except CompilerMissing as error:
        raise UserError(f"--engine c: {error}") from error

    with host as engine:

        def logits(features: np.ndarray, lengths: np.ndarray) -> np.ndarray:
            return engine.logits(quantize_features(features), lengths)

        yield Engine("c", logits, deployment.model.output.scale * 2.0**-HIDDEN_BITS)


ENGINES: dict[str, Callable[[Run], AbstractContextManager[Engine]]] = {
    "torch": _torch,
    "integer": _integer,
    "c": _c,
}


def _deployment(run: Run, engine: str) -> Deployment:
    if run.deployment is None:
        mode = run.config.quantization.name
        raise UserError(
            f"the run in {run.folder} is {mode}, which has no integer model for the engine {engine}: "
            "use --engine torch, or a run with quantization=int8_ptq"
        )
    return run.deployment
