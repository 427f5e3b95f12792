"""Sound that does not end: a run's listener on any backend, fed with samples as they come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fsdd_lightning.arithmetic.fixed_point import FEATURE_BITS, Int8Array, Int16Array, Int64Array, round_half_up
from fsdd_lightning.arithmetic.listener import Listening, WordListener
from fsdd_lightning.data.integer_features import to_int16
from fsdd_lightning.data.recordings import read_bytes
from fsdd_lightning.data.wav import decode_wav
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.backends import Backend, WordStream, logit_step
from fsdd_lightning.evaluation.clips import Clips
from fsdd_lightning.runs.folder import Run

CHUNK_S = 0.02
SILENCE_S = 1.0  # after a file's end, so that its last word ends, too
SAMPLE_TYPE = np.dtype("<i2")  # of standard input: `arecord -t raw -f S16_LE`


def open_stream(run: Run, backend: Backend) -> WordStream:
    """A new stream of this run.

    Raises:
        UserError: the run's features need float and whole clips.
    """
    listening = run.listening
    if listening is None:
        raise UserError(
            f"the run in {run.folder} has features={run.config.features.kind}, which need whole clips: "
            "use --segment, or a run with features=integer"
        )
    if backend.new_stream is not None:
        return backend.new_stream()
    step = 2.0**-16 if run.deployment is None else logit_step(run.deployment.model)
    return BackendListener(listening, backend, step)


class BackendListener(WordListener):
    """With any backend of a network; logits of the float network become integers of the deployed network's step."""

    def __init__(self, listening: Listening, backend: Backend, logit_step: float) -> None:
        super().__init__(listening)
        self._backend, self._scale = backend, backend.logit_step / logit_step

    def word_logits(self, features_q4: Int8Array) -> Int64Array:
        """(classes,) int64."""
        features = features_q4[None].astype(np.float32) * np.float32(2.0**-FEATURE_BITS)
        logits = self._backend.logits(Clips(features, np.array([len(features_q4)])))[0]
        return round_half_up(logits.astype(np.float64) * self._scale)


def chunks_of_file(path: Path, sample_rate_hz: int) -> Iterator[Int16Array]:
    """The samples of a WAV file in pieces of CHUNK_S, and SILENCE_S after them. BadWavError for a file that is none."""
    samples = to_int16(decode_wav(read_bytes(path), sample_rate_hz).waveform)
    silence = np.zeros(round(SILENCE_S * sample_rate_hz), np.int16)
    step = round(CHUNK_S * sample_rate_hz)
    whole = np.concatenate([samples, silence])
    return (whole[start : start + step] for start in range(0, len(whole), step))


def chunks_of_pipe(pipe: BinaryIO, sample_rate_hz: int) -> Iterator[Int16Array]:
    """Raw 16-bit samples, little-endian, in pieces of CHUNK_S as they come; SILENCE_S after the end."""
    step, kept = SAMPLE_TYPE.itemsize * round(CHUNK_S * sample_rate_hz), b""
    while content := pipe.read(step):
        content = kept + content
        whole = len(content) // SAMPLE_TYPE.itemsize * SAMPLE_TYPE.itemsize
        kept = content[whole:]  # half a sample, where a pipe was cut between two bytes
        yield np.frombuffer(content[:whole], SAMPLE_TYPE).astype(np.int16)
    yield np.zeros(round(SILENCE_S * sample_rate_hz), np.int16)
