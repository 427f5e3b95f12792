"""Bytes of any kind of sound file to a waveform: as WAV where nothing is lost, and a reason for each that is broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sounds import tone, wav_bytes

from fsdd_lightning.data.audio import HEAD_BYTES, SUFFIXES, audio_paths, decode_audio, is_container
from fsdd_lightning.data.wav import BadWavError, clipped_samples, decode_wav

KINDS = ("FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64", "RF64", "VOC", "NIST", "SVX", "AVR")
LOSSY = {"OGG", "MP3"}
CUT = ("FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64", "RF64", "SVX")  # kinds that state how long they are


def content_of(kind: str, samples: np.ndarray | None = None, rate_hz: int = 8000) -> bytes:
    sound = tone(samples=8000) if samples is None else samples
    return wav_bytes(np.round(32768 * sound).astype(np.int16), rate_hz=rate_hz, format=kind, subtype=None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_any_kind_is_decoded_as_a_wav_file_is(kind: str) -> None:
    expected = decode_wav(content_of("WAV"), 8000).waveform
    found = decode_audio(content_of(kind), 8000)
    assert (found.source_channels, found.source_rate_hz, found.clipped) == (1, 8000, 0)
    if kind in LOSSY:
        assert len(found.waveform) == 8000 and np.abs(found.waveform - expected)[400:-400].max() < 0.1
    else:
        assert np.array_equal(found.waveform, expected)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_U8", "FLOAT", "ULAW"])
def test_wav_files_are_decoded_to_the_same_bits(subtype: str) -> None:
    content = wav_bytes(tone(), subtype=subtype)
    assert np.array_equal(decode_audio(content, 8000).waveform, decode_wav(content, 8000).waveform)


@pytest.mark.parametrize("kind", CUT)
def test_half_a_file_is_refused(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    content = content_of(kind)
    with pytest.raises(BadWavError, match=r"truncated|cannot be decoded"):
        decode_audio(content[: len(content) // 2], 8000)
    assert capfd.readouterr() == ("", "")  # decoders in C print warnings


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [3, 8, 20, 40])
def test_a_few_bytes_are_refused_with_a_reason(kind: str, length: int) -> None:
    with pytest.raises(BadWavError, match=r"truncated|cannot be decoded|not a sound file|holds no samples"):
        decode_audio(content_of(kind)[:length], 8000)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"this is a text, not a recording", "not a sound file"),
        (b"RIFF\x00\x00\x00\x00AVI " + bytes(100), "not a WAV file"),
        (content_of("FLAC", np.zeros(8000)), "silent"),
        (content_of("FLAC", tone(samples=100)), "too short"),
    ],
)
def test_what_is_no_recording_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(BadWavError, match=reason):
        decode_audio(content, 8000, 256)


@pytest.mark.parametrize("kind", ("WAV", *KINDS))
def test_files_are_told_from_raw_samples_by_their_beginning(kind: str) -> None:
    assert is_container(content_of(kind)[:HEAD_BYTES])


def test_raw_samples_are_no_file() -> None:
    random = np.random.default_rng(0)
    for scale in (0, 1, 30, 3000, 32767):
        for _ in range(200):
            samples = np.round(scale * random.uniform(-1, 1, 100)).astype("<i2").tobytes()
            assert not is_container(samples[:HEAD_BYTES])
    assert not is_container(b"") and not is_container(b"\xff\xff\xff\xff")


def test_a_folder_is_searched_by_suffix(tmp_path: Path) -> None:
    for name in ("b.flac", "a.OGG", ".hidden.wav", "notes.txt", "flac"):
        (tmp_path / name).touch()
    (tmp_path / "c.aiff").touch()
    assert audio_paths(tmp_path) == [tmp_path / "a.OGG", tmp_path / "b.flac", tmp_path / "c.aiff"]
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)


def test_clipped_are_equal_extreme_samples_in_a_row() -> None:
    samples = np.array([0.1, 1.0, 1.0, 1.0, 1.0, 0.2, -1.0, -1.0, 0.0, 0.5, 0.5, 0.5, -0.995, -0.995, -0.995])
    assert clipped_samples(samples[:, None]) == 4 + 3
    assert clipped_samples(np.stack([samples, 0 * samples], axis=1)) == 7
    for peak in (0.5, 0.99, 1.0):  # whatever is normalized is not clipped
        waveform = np.round(32767 * peak * np.sin(np.arange(8000) / 12.7)) / 32768
        assert clipped_samples(waveform[:, None]) == 0
    assert clipped_samples(np.empty((0, 1))) == clipped_samples(np.ones((2, 1))) == 0


def test_a_streaming_recorder_need_not_know_the_length() -> None:
    whole = wav_bytes(tone())
    position = whole.index(b"data") + 4
    for size in (b"\xff\xff\xff\xff", b"\x00\xf0\xff\x7f"):  # ffmpeg, sox
        streamed = whole[:position] + size + whole[position + 4 :]
        assert np.array_equal(decode_audio(streamed, 8000).waveform, decode_wav(whole, 8000).waveform)
