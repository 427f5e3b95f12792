"""Sound as it comes: 16-bit samples in pieces, from a WAV file or a pipe. A microphone is in `microphone.py`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from fsdd_lightning.arithmetic.fixed_point import Int16Array
from fsdd_lightning.data.integer_features import to_int16
from fsdd_lightning.data.recordings import read_bytes
from fsdd_lightning.data.wav import decode_wav

CHUNK_S = 0.02
SILENCE_S = 1.0  # after a file's end, so that its last word ends, too
SAMPLE_TYPE = np.dtype("<i2")  # of standard input: `arecord -t raw -f S16_LE`


class SoundSource(Protocol):
    """What a listener listens to."""

    @property
    def lost(self) -> int:
        """How often samples have been lost so far."""

    def __iter__(self) -> Iterator[Int16Array]:
        """(samples,) int16, mono, pieces of any size."""


@dataclass(frozen=True)
class FedSound:
    """Chunks that wait until they are asked for: none is lost."""

    chunks: Iterator[Int16Array]
    lost: int = 0

    def __iter__(self) -> Iterator[Int16Array]:
        return self.chunks


def chunks_of_file(path: Path, sample_rate_hz: int, saturate: bool = False) -> Iterator[Int16Array]:
    """The samples of a WAV file in pieces of CHUNK_S, and SILENCE_S after them.

    Where resampling makes it exceed full scale it is scaled down, or saturated, so that what was clipped stays visible.

    Raises:
        BadWavError: a file that is none.
    """
    wav = decode_wav(read_bytes(path), sample_rate_hz)
    gain = np.float32(max(wav.peak, 1.0) if saturate else 1.0)
    silence = np.zeros(round(SILENCE_S * sample_rate_hz), np.int16)
    step = round(CHUNK_S * sample_rate_hz)
    whole = np.concatenate([to_int16(wav.waveform * gain), silence])
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
