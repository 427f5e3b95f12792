"""A finished run, opened to be used: it recognizes words, and its test clips can be counted again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import numpy as np
import torch

from fsdd_lightning.config.portable import is_portable
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.backends import Backends, baseline_of, calibrated, open_backend, open_backends
from fsdd_lightning.evaluation.evaluate import BackendScores, evaluate_backends
from fsdd_lightning.evaluation.predict import Predictor
from fsdd_lightning.evaluation.prediction import Prediction
from fsdd_lightning.model.portable import portable_kernels
from fsdd_lightning.runs.folder import Run, read_run, recorded_data
from fsdd_lightning.runs.machine import describe_machine, other_processor


class OpenRun(Run):
    """What a run folder holds, and what can be done with it."""

    def predict(
        self, sound: str | PathLike[str] | np.ndarray, sample_rate_hz: int | None = None, backend: str | None = None
    ) -> Prediction:
        """The word that is spoken in a sound file or an array; where there is none, the answer's `status` says why.

        sound: a path; or samples, float in -1..1 or int16, (samples,) or (samples, channels), at `sample_rate_hz`
            (None: the rate of the model). Any rate is resampled to the model's.
        backend: float, quantized, integer or c; None: the one that is deployed.

        Raises:
            UserError: an array of another type or shape, a rate beside a path, or a backend that the run does not have.
        """
        if sample_rate_hz is not None and not isinstance(sound, np.ndarray):
            raise UserError("sample_rate_hz belongs to an array: a file states its own")
        with self.threads(), open_backend(self, backend) as opened:
            predictor = Predictor(self, opened)
            if isinstance(sound, np.ndarray):
                return predictor.predict_array(sound, sample_rate_hz)
            return predictor.predict(Path(sound))

    def evaluate(
        self, backend: str | None = None, data_root: str | PathLike[str] | Sequence[str | PathLike[str]] | None = None
    ) -> BackendScores:
        """Logits and scores of the test clips, of one backend or of all that the run has.

        data_root: where the recordings are now, of several corpora a list in the order of the record; None: where
            they were, or where such data are looked for.

        Raises:
            UserError: no recordings, other ones than the run's, or a backend that the run does not have.
            RunFailedError: two backends that must be equal differ.
        """
        roots = [data_root] if isinstance(data_root, str | PathLike) else data_root or ()
        data = recorded_data(self, list(map(Path, roots)))
        with self.threads(), self.backends(data, backend) as opened:
            return evaluate_backends(opened.by_name, data, data.split.test)

    @contextmanager
    def backends(self, data: PreparedData | None, name: str | None = None) -> Iterator[Backends]:
        """One calibrated backend or all that the run has.

        `data` are the run's own; only PyTorch's quantization needs them.
        """
        if name is not None:
            with open_backend(self, name, data) as opened:
                yield Backends({name: opened})
            return
        baseline = None if data is None else baseline_of(self.config.quantization.baseline, self.checkpoint, data)
        with open_backends(self.checkpoint, self.deployment, baseline) as all_backends:
            by_name = all_backends.by_name.items()
            known = {name: calibrated(each, self.record.calibration) for name, each in by_name}
            yield Backends(known, all_backends.note)

    def has_exact(self, backend: str) -> bool:
        """Whether a backend computes in integers, whose results are the same on every processor."""
        return backend in ("integer", "c") or (backend == "quantized" and self.deployment is not None)

    @property
    def other_processor(self) -> str | None:
        """How this processor differs from the run's in what decides the bits of float sums; None if in nothing."""
        if self.config.trainer.portable and is_portable():
            return None
        return other_processor(self.record.machine, describe_machine())

    @contextmanager
    def threads(self) -> Iterator[None]:
        """Threads and kernels of torch as the run had them: the last bits of sums in float depend on them."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.config.torch_threads)
        try:
            with portable_kernels(self.config.trainer.portable):
                yield
        finally:
            torch.set_num_threads(before)


def open_run(path: str | PathLike[str]) -> OpenRun:
    """Open the folder of a finished run. Nothing in it is executed.

    Raises:
        UserError: no run folder, a run that did not finish, a damaged, foreign or newer file.
    """
    run = read_run(Path(path))
    return OpenRun(run.folder, run.record, run.config, run.checkpoint, run.deployment)
