"""The header of a WAV file that comes through a pipe, so that its sound can be heard while it comes."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fsdd_lightning.data.wav import UNSTATED_SIZE, BadWavError, check_form, check_values

MAX_HEADER_BYTES = 2**20  # what stands before the sound: its format, and perhaps a text
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE  # format tags
SUBTYPES = {  # by tag and bits
    **{(PCM, 8): "PCM_U8", (PCM, 16): "PCM_16", (PCM, 24): "PCM_24", (PCM, 32): "PCM_32"},
    **{(FLOAT, 32): "FLOAT", (FLOAT, 64): "DOUBLE", (6, 8): "ALAW", (7, 8): "ULAW"},
}


@dataclass(frozen=True)
class PipeFormat:
    """How bytes are samples; `subtype` as soundfile calls it."""

    sample_rate_hz: int
    channels: int
    subtype: str
    frame_bytes: int  # of all channels
    data_bytes: int | None = None  # None: up to the end of the pipe

    def waveform(self, content: bytes) -> np.ndarray:
        """(samples,) float32 of whole frames, channels mixed down by their mean, as of a file. Raises BadWavError."""
        import soundfile  # only now: the pipe is checked first

        kind = {"format": "RAW", "subtype": self.subtype, "endian": "LITTLE", "dtype": "float32"}
        samples, _ = soundfile.read(
            io.BytesIO(content), samplerate=self.sample_rate_hz, channels=self.channels, always_2d=True, **kind
        )
        check_values(samples)
        mono: np.ndarray = samples[:, 0] if self.channels == 1 else samples.mean(axis=1, dtype=np.float64)
        return mono.astype(np.float32)


def read_header(read: Callable[[int], bytes]) -> PipeFormat:
    """Read up to the first sample; `read(n)` gives n bytes, fewer at the end.

    Raises:
        BadWavError: no WAV file, one that ends within its header, or of a kind that cannot be heard while it comes.
    """
    if read(12)[8:] != b"WAVE":
        raise BadWavError("not a WAV file (no RIFF/WAVE header)")
    form: PipeFormat | None = None
    left = MAX_HEADER_BYTES
    while len(head := read(8)) == 8:
        chunk_id, size = struct.unpack("<4sI", head)
        if chunk_id == b"data":
            return _with_size(form, size)
        left -= 8 + size
        if left < 0:
            raise BadWavError(f"its header has more than {MAX_HEADER_BYTES:,} bytes")
        content = read(size + size % 2)  # chunks start at even offsets
        if chunk_id == b"fmt ":
            form = _parsed(content)
    raise BadWavError("truncated (the file ends before its data chunk)")


def _parsed(content: bytes) -> PipeFormat:
    try:
        tag, channels, rate, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", content)
        tag = struct.unpack_from("<H", content, 24)[0] if tag == EXTENSIBLE else tag
    except struct.error as error:
        raise BadWavError("its format chunk is too short") from error
    subtype = SUBTYPES.get((tag, bits))
    if subtype is None or channels == 0 or frame_bytes != channels * bits // 8:
        raise BadWavError(f"its encoding (tag {tag}, {bits} bits) cannot be heard as it comes: give it as a file")
    check_form(rate, channels)
    return PipeFormat(rate, channels, subtype, frame_bytes)


def _with_size(form: PipeFormat | None, size: int) -> PipeFormat:
    if form is None:
        raise BadWavError("damaged (its sound comes before its format)")
    stated = None if size == 0 or size >= UNSTATED_SIZE else size
    return PipeFormat(form.sample_rate_hz, form.channels, form.subtype, form.frame_bytes, stated)
