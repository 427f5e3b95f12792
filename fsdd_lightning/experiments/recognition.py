"""Digits in files that no one labelled."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fsdd_lightning.arithmetic.fixed_point import HIDDEN_BITS
from fsdd_lightning.arithmetic.integer_lstm import network_logits, quantize_features
from fsdd_lightning.data.mfcc import MfccExtractor
from fsdd_lightning.data.recordings import read_bytes, wav_paths
from fsdd_lightning.data.wav import BadWavError, decode_wav
from fsdd_lightning.errors import UserError
from fsdd_lightning.experiments.run_folder import Run
from fsdd_lightning.model.inference import float_logits


@dataclass(frozen=True)
class Recognition:
    """What was heard in a file, or why nothing could be."""

    file: str
    digit: str | None = None
    probability: float | None = None
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Without what does not apply."""
        return {key: value for key, value in asdict(self).items() if value is not None}


class Recognizer:
    """The network of a run with its front end."""

    def __init__(self, run: Run) -> None:
        self._checkpoint = run.checkpoint
        self._integer_model = run.integer_model
        self._statistics = run.statistics
        self._sample_rate_hz = run.settings.features.sample_rate_hz
        self._extract = MfccExtractor(run.settings.features)

    def recognize(self, path: Path) -> Recognition:
        """Never raises for a bad file; its reason is in the answer."""
        try:
            waveform = decode_wav(read_bytes(path), self._sample_rate_hz).waveform
        except BadWavError as error:
            return Recognition(str(path), error=str(error))
        frames = self._statistics.standardize_clip(self._extract.clip(waveform))  # (T, C)
        logits = self._logits(frames)
        shares = np.exp(logits - logits.max())
        best = int(np.argmax(logits))
        return Recognition(
            str(path), self._checkpoint.labels[best], round(float(shares[best] / shares.sum()), 6)
        )

    def _logits(self, frames: np.ndarray) -> np.ndarray:
        """float (classes,): of the network as it is deployed."""
        lengths = np.array([len(frames)])
        if self._integer_model is None:
            return np.asarray(float_logits(self._checkpoint.network, frames[None], lengths)[0])
        steps = network_logits(self._integer_model, quantize_features(frames[None]), lengths)[0]
        return np.asarray(steps * (self._integer_model.output.scale * 2.0**-HIDDEN_BITS))


def find_wavs(paths: list[Path]) -> list[Path]:
    """Files as they are, folders as the WAV files in them, sorted by name.

    Raises:
        UserError: a folder without WAV files.
    """
    found: list[Path] = []
    for path in paths:
        inside = wav_paths(path) if path.is_dir() else [path]
        if not inside:
            raise UserError(f"no WAV files in {path}")
        found += inside
    return found
