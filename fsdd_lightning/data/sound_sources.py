"""Sound as it comes: 16-bit samples in pieces, from a file or a pipe. A microphone is in `microphone.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from fsdd_lightning.arithmetic.fixed_point import Int16Array
from fsdd_lightning.data.audio import HEAD_BYTES, decode_audio, is_container, read_bytes
from fsdd_lightning.data.integer_features import to_int16
from fsdd_lightning.data.wav import BadWavError, DecodedWav, waveform_of
from fsdd_lightning.data.wav_pipe import PipeFormat, read_header
from fsdd_lightning.errors import UserError
from fsdd_lightning.files import RECORDING_BYTES

CHUNK_S = 0.02
_AT_ONCE_BYTES = 2**20  # so much is reserved for a read
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


def fed_chunks(path: Path, sample_rate_hz: int, saturate: bool = False) -> Iterator[Int16Array]:
    """Of what a command is fed: a file as by `chunks_of_file`, or standard input (-) as by `chunks_of_pipe`.

    Raises:
        UserError: it is no sound; of a file at once, of standard input while it is read.
    """
    if path == Path("-"):
        return _chunks_of_standard_input(sample_rate_hz)
    try:
        return chunks_of_file(path, sample_rate_hz, saturate)
    except BadWavError as error:
        raise UserError(f"{path}: {error}") from error


def _chunks_of_standard_input(sample_rate_hz: int) -> Iterator[Int16Array]:
    try:
        yield from chunks_of_pipe(standard_input(), sample_rate_hz)
    except BadWavError as error:
        raise UserError(f"-: {error}") from error


def chunks_of_file(path: Path, sample_rate_hz: int, saturate: bool = False) -> Iterator[Int16Array]:
    """The samples of a file of any kind in pieces of CHUNK_S, and SILENCE_S after them.

    Where resampling makes it exceed full scale it is scaled down, or saturated, so that what was clipped stays visible.

    Raises:
        BadWavError: a file that is none.
    """
    return chunks_of_sound(decode_audio(read_bytes(path), sample_rate_hz), sample_rate_hz, saturate)


def chunks_of_sound(sound: DecodedWav, sample_rate_hz: int, saturate: bool = False) -> Iterator[Int16Array]:
    """The same for a file that is decoded already."""
    gain = np.float32(max(sound.peak, 1.0) if saturate else 1.0)
    silence = np.zeros(round(SILENCE_S * sample_rate_hz), np.int16)
    step = round(CHUNK_S * sample_rate_hz)
    whole = np.concatenate([to_int16(sound.waveform * gain), silence])
    return (whole[start : start + step] for start in range(0, len(whole), step))


def sound_of_pipe(
    pipe: BinaryIO, sample_rate_hz: int, least_samples: int = 1, raw_rate_hz: int | None = None
) -> DecodedWav:
    """All of a pipe: a file of any kind, told by its header, or raw 16-bit samples, little-endian, mono.

    raw_rate_hz: they are raw samples, at this rate; None: at `sample_rate_hz`, unless there is a header.

    Raises:
        BadWavError: no usable recording.
    """
    content = _whole(pipe)
    if raw_rate_hz is None and is_container(content[:HEAD_BYTES]):
        return decode_audio(content, sample_rate_hz, least_samples)
    whole = content[: len(content) // SAMPLE_TYPE.itemsize * SAMPLE_TYPE.itemsize]
    samples = np.frombuffer(whole, SAMPLE_TYPE).astype(np.float32) * np.float32(2.0**-15)
    return waveform_of(samples[:, None], raw_rate_hz or sample_rate_hz, sample_rate_hz, least_samples)


def chunks_of_pipe(pipe: BinaryIO, sample_rate_hz: int, raw_rate_hz: int | None = None) -> Iterator[Int16Array]:
    """The same in pieces of CHUNK_S as they come; SILENCE_S after the end.

    WAV and raw samples are heard as they come, files of other kinds at their end.

    Raises:
        BadWavError: while it is read, the content is not usable.
    """
    head = b"" if raw_rate_hz else _read(pipe, HEAD_BYTES)
    if not is_container(head):
        raw = PipeFormat(raw_rate_hz or sample_rate_hz, 1, "PCM_16", SAMPLE_TYPE.itemsize)
        yield from _decoded_chunks(_Pieces(pipe, head), raw, sample_rate_hz)
    elif head[:4] == b"RIFF":
        pieces = _Pieces(pipe, head)
        yield from _decoded_chunks(pieces, read_header(pieces.read), sample_rate_hz)
    else:
        yield from chunks_of_sound(decode_audio(_whole(pipe, head), sample_rate_hz), sample_rate_hz)
        return
    yield np.zeros(round(SILENCE_S * sample_rate_hz), np.int16)


def _decoded_chunks(pieces: _Pieces, form: PipeFormat, sample_rate_hz: int) -> Iterator[Int16Array]:
    """Mixed down and resampled to the same bits as a whole file, wherever the pieces end; saturated, not scaled."""
    resample = None
    if form.sample_rate_hz != sample_rate_hz:
        import soxr  # only now: most pipes have the rate

        resample = soxr.ResampleStream(form.sample_rate_hz, sample_rate_hz, 1, dtype="float32", quality="HQ")
    for content in pieces.whole_frames(form, round(CHUNK_S * form.sample_rate_hz)):
        waveform = form.waveform(content)
        yield to_int16(waveform if resample is None else resample.resample_chunk(waveform))
    if resample is not None:
        yield to_int16(resample.resample_chunk(np.empty(0, np.float32), last=True))


class _Pieces:
    """A pipe of which some bytes were read already."""

    def __init__(self, pipe: BinaryIO, head: bytes) -> None:
        self._pipe, self._head = pipe, head

    def read(self, size: int) -> bytes:
        """`size` bytes; fewer at the end."""
        taken, self._head = self._head[:size], self._head[size:]
        return taken + _read(self._pipe, size - len(taken))

    def whole_frames(self, form: PipeFormat, frames: int) -> Iterator[bytes]:
        """So many frames at a time up to the end; less than a frame, where a pipe was cut, is dropped."""
        left = form.data_bytes
        while left is None or left > 0:
            size = frames * form.frame_bytes
            content = self.read(size if left is None else min(size, left))
            whole = len(content) // form.frame_bytes * form.frame_bytes
            if whole == 0:
                return
            left = None if left is None else left - whole
            yield content[:whole]


def _whole(pipe: BinaryIO, head: bytes = b"") -> bytes:
    """All that comes, after what was read already. Raises BadWavError for more than a recording may have."""
    content = head + _read(pipe, RECORDING_BYTES + 1 - len(head))
    if len(content) > RECORDING_BYTES:
        raise BadWavError(f"it has more than {RECORDING_BYTES:,} bytes, perhaps no end: --stream hears it as it comes")
    return content


def _read(pipe: BinaryIO, size: int) -> bytes:
    """`size` bytes, however few a pipe gives at a time; fewer at its end. Raises BadWavError where it can't be read."""
    parts: list[bytes] = []
    try:
        while size > 0 and (part := pipe.read(min(size, _AT_ONCE_BYTES))):
            parts.append(part)
            size -= len(part)
    except OSError as error:  # a folder, a terminal that is gone
        raise BadWavError(f"cannot be read ({error.strerror})") from error
    return b"".join(parts)


def standard_input() -> BinaryIO:
    """The pipe that a command is fed by. Raises UserError where it was closed."""
    _require_open()
    return sys.stdin.buffer


def is_terminal() -> bool:
    """Whether somebody types into that pipe. Raises UserError where it was closed."""
    _require_open()
    return sys.stdin.isatty()


def _require_open() -> None:
    if sys.stdin is None or getattr(sys.stdin, "closed", False):
        raise UserError("-: standard input is closed: feed it a file, or raw samples")
