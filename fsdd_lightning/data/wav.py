"""Decode the bytes of one WAV file to a mono waveform, or explain why that is impossible.

libsndfile reads a truncated file without complaint, so the RIFF chunks are checked here first. Files of other kinds are
decoded in `audio.py`.
"""

from __future__ import annotations

import io
import re
import struct
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from soundfile import SoundFile

MIN_DURATION_S = 0.02  # no word fits in less; the shortest recording of FSDD lasts 0.14 s
MIN_SOURCE_RATE_HZ = 1_000  # a lower rate means a damaged header
MAX_SOURCE_RATE_HZ = 768_000  # of the best converters; a higher one would take a giant filter to resample
MAX_CHANNELS = 64  # of arrays of microphones
MAX_DURATION_S = 600.0  # to find the words of a longer one takes longer than anybody waits
MAX_VALUES = 2**25  # samples x channels: 11 minutes at 48 kHz; as float32 134 MB, and some copies of it
MAX_LEVEL = 2.0**20  # of full scale, 120 dB; with more a resampler overflows
SILENT_PEAK_TO_PEAK = 2.0**-14  # two steps of 16-bit PCM: what dither alone makes
UNSTATED_SIZE = 0x7FFF0000  # or more: written by recorders that stream to a pipe and do not know the length
_CUT = "cut it, or feed it as standard input, --stream -"
CLIPPED_LEVEL, CLIPPED_RUN = 0.99, 3  # clipped: so many equal samples in a row at this share of full scale, or more


NOT_SOUND = "not a sound file (no header that libsndfile knows)"


# Kinds that libsndfile tells by their first bytes.
_TOLD = re.compile(
    rb"(RIFF|RF64)....WAVE|fLaC|OggS|FORM....(AIF[FC]|8SVX|16SV)|caff....desc|\.snd|NIST_1A|2BIT|Creative Voice File",
    re.S,
)


class BadWavError(ValueError):
    """This is not a usable recording; the message is the reason, without the file's name."""


class SilentError(BadWavError):
    """There is no sound in it."""


class TooShortError(BadWavError):
    """No word fits in it."""


@dataclass(frozen=True)
class DecodedWav:
    """A waveform and how the file had to be converted."""

    waveform: np.ndarray  # (samples,) float32, mono, in [-1, 1]
    source_channels: int
    source_rate_hz: int
    peak: float  # before it was scaled down; full scale is 1
    clipped: int = 0  # samples of the file, of all channels, see `clipped_samples`

    @property
    def scaled_down(self) -> bool:
        """Whether it exceeded full scale (a float WAV, or overshoot of the resampler)."""
        return self.peak > 1.0


def decode_wav(content: bytes, sample_rate_hz: int, least_samples: int = 1) -> DecodedWav:
    """Decode a whole WAV file, mix its channels down by their mean, resample.

    Raises:
        BadWavError: no usable recording, or one of less than `least_samples`, those of a frame, at that rate.
    """
    _check_chunks(content)
    return waveform_of(*decoded(content), sample_rate_hz, least_samples)


def waveform_of(samples: np.ndarray, source_rate_hz: int, sample_rate_hz: int, least_samples: int = 1) -> DecodedWav:
    """The same for sound that is decoded already: samples float32 (samples, channels). Raises BadWavError."""
    _check_samples(samples, source_rate_hz)
    waveform = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float64)
    _check_not_silent(waveform)
    waveform = _resample(waveform.astype(np.float32), source_rate_hz, sample_rate_hz)
    if len(waveform) < least_samples:
        raise TooShortError(f"too short ({len(waveform)} samples; one frame takes {least_samples})")
    _check_not_silent(waveform)  # again: all sound may have been above the new Nyquist frequency
    peak = float(np.abs(waveform).max())
    if peak > 1.0:
        waveform = (waveform / np.float32(peak)).clip(-1.0, 1.0)
    clipped = clipped_samples(samples)
    return DecodedWav(np.ascontiguousarray(waveform), samples.shape[1], source_rate_hz, peak, clipped)


def clipped_samples(samples: np.ndarray) -> int:
    """How many of (samples, channels) float were cut off by a converter: they lie in runs of equal extreme ones."""
    extreme = np.abs(samples) >= CLIPPED_LEVEL
    if not extreme.any():
        return 0
    alike = extreme[1:] & (samples[1:] == samples[:-1])
    run = alike[:-1] & alike[1:]  # three equal ones
    inside = np.zeros(samples.shape, np.bool_)
    for shift in range(CLIPPED_RUN):
        inside[shift : len(samples) - CLIPPED_RUN + 1 + shift] |= run
    return int(inside.sum())


def encode_wav(samples: np.ndarray, sample_rate_hz: int) -> bytes:
    """The bytes of a WAV file of (samples,) int16, mono."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return content.getvalue()


def _check_chunks(content: bytes) -> None:
    if not content:
        raise BadWavError("empty file")
    if content[:4] != b"RIFF" or (len(content) >= 12 and content[8:12] != b"WAVE"):
        raise BadWavError("not a WAV file (no RIFF/WAVE header)")
    position = 12
    while position + 8 <= len(content):
        chunk_id, stated_bytes = struct.unpack_from("<4sI", content, position)
        present_bytes = len(content) - position - 8
        if chunk_id == b"data":
            if present_bytes < stated_bytes < UNSTATED_SIZE:
                raise BadWavError(
                    f"truncated (header promises {stated_bytes} bytes of sound, {present_bytes} are there)"
                )
            return
        position += 8 + stated_bytes + stated_bytes % 2  # chunks start at even offsets
    raise BadWavError("truncated (the file ends before its data chunk)")


def decoded(content: bytes) -> tuple[np.ndarray, int]:
    """All samples, (samples, channels) float32, and the sample rate in hertz. Raises BadWavError."""
    import soundfile  # only now: a digest of the files needs no decoder

    try:
        with opened(content) as file:
            check_form(file.samplerate, file.channels)
            return _all_samples(file), int(file.samplerate)
    except OSError as error:
        raise BadWavError(f"cannot be decoded ({error.strerror or error})") from error
    except (soundfile.SoundFileError, RuntimeError) as error:
        # The message of a LibsndfileError is "Error opening <_io.BytesIO ...>: reason"; only the reason helps.
        reason = str(getattr(error, "error_string", error))
        if reason == "Format not recognised.":
            raise BadWavError(NOT_SOUND) from error
        raise BadWavError(f"cannot be decoded ({reason})") from error


@contextmanager
def opened(content: bytes) -> Iterator[SoundFile]:
    """A file as libsndfile reads it.

    Where the first bytes do not tell the kind, as those of MP3, it looks for the other half of a Macintosh file, `._`
    and its name; of a file in memory in the current folder. So such a one is read from a folder of its own.
    """
    import soundfile

    if _TOLD.match(content):
        with soundfile.SoundFile(_Content(content)) as file:
            yield file
        return
    with TemporaryDirectory(prefix="fsdd-sound-") as folder:
        path = Path(folder) / "sound"
        path.write_bytes(content)
        with soundfile.SoundFile(str(path)) as file:
            yield file


def _all_samples(file: SoundFile) -> np.ndarray:
    """At once, as a decoder of MP3 would begin anew with each piece. Raises BadWavError."""
    most = _most_samples(file.channels, file.samplerate)
    if file.seekable():
        file.seek(0)  # as `soundfile.read` does: it decides the last bit of MP3
    samples: np.ndarray = file.read(most + 1, dtype="float32", always_2d=True)  # whatever its header promises
    _check_length(len(samples), samples.shape[1], file.samplerate)
    return samples


def _most_samples(channels: int, source_rate_hz: int) -> int:
    return min(MAX_VALUES // channels, int(MAX_DURATION_S * source_rate_hz))


def _check_length(samples: int, channels: int, source_rate_hz: int) -> None:
    most = _most_samples(channels, source_rate_hz)
    if samples > most:
        raise BadWavError(f"longer than {most / source_rate_hz:.0f} s: {_CUT}")


def check_form(source_rate_hz: int, channels: int) -> None:
    """Raises BadWavError for numbers that no recording of speech has."""
    if source_rate_hz < MIN_SOURCE_RATE_HZ:
        raise BadWavError(f"sample rate of {source_rate_hz} Hz is too low for speech")
    if source_rate_hz > MAX_SOURCE_RATE_HZ:
        raise BadWavError(f"sample rate of {source_rate_hz} Hz is more than {MAX_SOURCE_RATE_HZ} Hz")
    if not 1 <= channels <= MAX_CHANNELS:
        raise BadWavError(f"has {channels} channels, not 1 to {MAX_CHANNELS}")


class _Content(io.BytesIO):
    """libsndfile asks for places before the beginning of a damaged file, and a callback must not raise."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


def _check_samples(samples: np.ndarray, source_rate_hz: int) -> None:
    check_form(source_rate_hz, samples.shape[1])
    _check_length(len(samples), samples.shape[1], source_rate_hz)
    if len(samples) == 0:
        raise BadWavError("holds no samples")
    duration_s = len(samples) / source_rate_hz
    if duration_s < MIN_DURATION_S:
        raise TooShortError(f"too short ({len(samples)} samples, {1000 * duration_s:.1f} ms)")
    check_values(samples)


def check_values(samples: np.ndarray) -> None:
    """Raises BadWavError for floats that no converter has made."""
    with np.errstate(invalid="ignore"):
        absurd = int(np.count_nonzero(~(np.abs(samples) <= MAX_LEVEL)))
    if absurd:
        raise BadWavError(f"holds {absurd} NaN or infinite samples, or far beyond full scale")


def _check_not_silent(waveform: np.ndarray) -> None:
    if np.ptp(waveform) <= SILENT_PEAK_TO_PEAK:
        raise SilentError("silent")


def _resample(waveform: np.ndarray, source_rate_hz: int, sample_rate_hz: int) -> np.ndarray:
    if source_rate_hz == sample_rate_hz:
        return waveform
    import soxr  # only now: most datasets never need it

    resampled: np.ndarray = soxr.resample(waveform, source_rate_hz, sample_rate_hz, quality="HQ")
    return resampled
