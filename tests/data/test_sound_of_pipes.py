"""Sound from a pipe: the same samples as of a file, as they come, wherever the pipe is cut."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from sounds import tone, wav_bytes

from fsdd_lightning.data.sound_sources import chunks_of_file, chunks_of_pipe, sound_of_pipe
from fsdd_lightning.data.wav import BadWavError, decode_wav

SUBTYPES = ("PCM_16", "PCM_24", "PCM_32", "PCM_U8", "FLOAT", "DOUBLE", "ULAW", "ALAW")


class Trickling(io.BytesIO):
    """Gives what it likes, as a pipe does, and can't be rewound."""

    def read(self, size: int | None = -1) -> bytes:
        """At most 13 bytes, but where all is asked for."""
        return super().read(size if size in (None, -1) else min(size or 0, 13))

    def seekable(self) -> bool:
        return False


def sound(channels: int, rate_hz: int) -> np.ndarray:
    noise = np.random.default_rng(channels).standard_normal((rate_hz, channels))
    return 0.4 * tone(440, rate_hz, rate_hz)[:, None] + 0.05 * noise


@pytest.mark.parametrize("rate_hz", [8000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("subtype", SUBTYPES)
def test_a_wav_file_through_a_pipe_has_the_samples_of_the_file(
    tmp_path: Path, subtype: str, channels: int, rate_hz: int
) -> None:
    content = wav_bytes(sound(channels, rate_hz), rate_hz=rate_hz, subtype=subtype)
    (tmp_path / "a.wav").write_bytes(content)
    expected = np.concatenate(list(chunks_of_file(tmp_path / "a.wav", 8000)))
    for pipe in (io.BytesIO(content), Trickling(content)):
        assert np.array_equal(np.concatenate(list(chunks_of_pipe(pipe, 8000))), expected)


@pytest.mark.parametrize("kind", ["WAVEX", "FLAC", "AIFF"])
def test_files_of_other_kinds_are_heard_at_their_end(tmp_path: Path, kind: str) -> None:
    content = wav_bytes(sound(2, 8000), subtype="PCM_16", format=kind)
    (tmp_path / "a").write_bytes(content)
    expected = np.concatenate(list(chunks_of_file(tmp_path / "a", 8000)))
    assert np.array_equal(np.concatenate(list(chunks_of_pipe(Trickling(content), 8000))), expected)


def test_a_wav_file_is_heard_before_its_end() -> None:
    content = wav_bytes(sound(1, 8000))
    pipe = io.BytesIO(content)
    first = next(chunks_of_pipe(pipe, 8000))
    assert len(first) == 160 and pipe.tell() == 44 + 320


def test_raw_samples_are_those_of_the_rate_that_is_given() -> None:
    samples = np.round(32768 * 0.9 * tone(440, 16_000, 16_000)).astype("<i2")
    same = np.concatenate(list(chunks_of_pipe(io.BytesIO(samples.tobytes()), 8000)))
    assert np.array_equal(same[:-8000], samples) and not same[-8000:].any()
    as_file = wav_bytes(samples, rate_hz=16_000)
    expected = np.concatenate(list(chunks_of_pipe(io.BytesIO(as_file), 8000)))
    found = np.concatenate(list(chunks_of_pipe(io.BytesIO(samples.tobytes()), 8000, 16_000)))
    assert np.array_equal(found, expected) and len(found) == 16_000
    whole = sound_of_pipe(io.BytesIO(samples.tobytes() + b"x"), 8000, raw_rate_hz=16_000)
    assert np.array_equal(whole.waveform, decode_wav(as_file, 8000).waveform)


def test_sound_after_the_data_chunk_is_none() -> None:
    content = wav_bytes(tone())
    tagged = content + b"LIST\x04\x00\x00\x00abcd"
    plain, more = (np.concatenate(list(chunks_of_pipe(io.BytesIO(each), 8000))) for each in (content, tagged))
    assert np.array_equal(plain, more)


WHOLE = wav_bytes(tone())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (WHOLE[:20], "format chunk is too short"),
        (WHOLE[:36], "ends before its data chunk"),
        (b"RIFF\x00\x00\x00\x00AVI " + bytes(100), "not a WAV file"),
        (WHOLE[:20] + b"\x99\x99" + WHOLE[22:], r"encoding \(tag 39321, 16 bits\) cannot be heard as it comes"),
        (WHOLE[:12] + WHOLE[36:], "its sound comes before its format"),
        (WHOLE[:12] + b"fmt \x02\x00\x00\x00\x01\x00" + WHOLE[36:], "format chunk is too short"),
        (wav_bytes(tone(), rate_hz=1), "sample rate of 1 Hz"),
        (b"fLaC" + bytes(50), "cannot be decoded"),
    ],
)
def test_an_unusable_pipe_is_refused_with_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(BadWavError, match=reason):
        list(chunks_of_pipe(io.BytesIO(content), 8000))
