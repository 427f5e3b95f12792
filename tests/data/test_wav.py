"""Bytes of a WAV file to a waveform: which files are refused or converted; no other exception escapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import tone, wav_bytes

from fsdd_lightning.data.wav import BadWavError, decode_wav

WHOLE = wav_bytes(tone())


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "PCM_U8", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
def test_all_usual_encodings_give_the_same_sound(subtype: str) -> None:
    decoded = decode_wav(wav_bytes(tone(), subtype=subtype), 8000)
    assert decoded.waveform.dtype == np.float32
    assert decoded.waveform.shape == (800,)
    assert np.abs(decoded.waveform - tone()).max() < 0.02
    assert not decoded.scaled_down


def test_channels_are_mixed_by_their_mean() -> None:
    left, right = tone(300), 0.2 * tone(700)
    decoded = decode_wav(wav_bytes(np.stack([left, right], axis=1), subtype="FLOAT"), 8000)
    assert decoded.source_channels == 2
    assert np.allclose(decoded.waveform, (left + right) / 2, atol=1e-7)


@pytest.mark.parametrize("source_rate_hz", [16_000, 11_025, 44_100, 4_000])
def test_resampling_keeps_pitch_length_and_level(source_rate_hz: int) -> None:
    source = tone(440, samples=source_rate_hz, rate_hz=source_rate_hz)
    decoded = decode_wav(wav_bytes(source, rate_hz=source_rate_hz), 8000)
    assert decoded.source_rate_hz == source_rate_hz
    assert len(decoded.waveform) == 8000
    inner = slice(200, -200)  # the filter rings at both ends
    assert np.abs(decoded.waveform - tone(440, 8000))[inner].max() < 2e-3


def test_sound_above_the_new_nyquist_frequency_does_not_fold_back() -> None:
    source = tone(440, 16_000, 16_000) + tone(6_000, 16_000, 16_000) * 0.9
    decoded = decode_wav(wav_bytes(source, rate_hz=16_000, subtype="FLOAT"), 8000)
    assert np.abs(decoded.waveform - tone(440, 8000))[200:-200].max() < 2e-3


def test_sound_above_full_scale_is_scaled_not_clipped() -> None:
    decoded = decode_wav(wav_bytes(6 * tone(), subtype="FLOAT"), 8000)
    assert decoded.scaled_down
    assert np.abs(decoded.waveform).max() == 1.0
    assert np.allclose(decoded.waveform * 6 * np.abs(tone()).max(), 6 * tone(), atol=1e-6)


def test_an_unknown_length_in_the_header_is_accepted() -> None:
    position = WHOLE.index(b"data") + 4
    streamed = WHOLE[:position] + b"\xff\xff\xff\xff" + WHOLE[position + 4 :]
    assert np.array_equal(decode_wav(streamed, 8000).waveform, decode_wav(WHOLE, 8000).waveform)


def test_chunks_before_and_after_the_sound_are_skipped() -> None:
    extra = b"LIST\x03\x00\x00\x00abc\x00"  # odd length, padded
    with_extra = WHOLE[:36] + extra + WHOLE[36:] + extra
    assert np.array_equal(decode_wav(with_extra, 8000).waveform, decode_wav(WHOLE, 8000).waveform)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"R", "not a WAV file"),
        (b"this is a text, not a recording", "not a WAV file"),
        (wav_bytes(tone(), format="FLAC"), "not a WAV file"),
        (b"RIFF\x00\x00\x00\x00AVI " + bytes(100), "not a WAV file"),
        (WHOLE[:20], "ends before its data chunk"),
        (WHOLE[:44], "header promises 1600 bytes of sound, 0 are there"),
        (WHOLE[:-1], "header promises 1600 bytes of sound, 1599 are there"),
        (WHOLE[:20] + b"\x99\x99" + WHOLE[22:], "cannot be decoded"),
        (wav_bytes(np.zeros(0)), "holds no samples"),
        (wav_bytes(tone(samples=159)), r"too short \(159 samples, 19.9 ms\)"),
        (wav_bytes(np.zeros(800)), "silent"),
        (wav_bytes(np.full(800, 0.5)), "silent"),
        (wav_bytes(np.tile([1, -1], 400) / 32768), "silent"),
        (wav_bytes(np.stack([tone(), -tone()], axis=1), subtype="FLOAT"), "silent"),
        (wav_bytes(tone(7_000, 8_000, 16_000) * np.hanning(8_000), rate_hz=16_000), "silent"),  # to 8 kHz
        (wav_bytes(np.where(np.arange(800) < 2, np.inf, tone()), subtype="FLOAT"), "2 NaN or infinite"),
        (wav_bytes(tone(), rate_hz=1), "sample rate of 1 Hz"),
    ],
)
def test_an_unusable_file_is_refused_with_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(BadWavError, match=reason):
        decode_wav(content, 8000)


def test_the_shortest_and_the_quietest_usable_sounds_pass() -> None:
    assert len(decode_wav(wav_bytes(tone(samples=160)), 8000).waveform) == 160
    assert len(decode_wav(wav_bytes(np.tile([1, -2], 400) / 32768), 8000).waveform) == 800


@settings(deadline=None)  # the first resampling imports soxr
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=6), st.integers(0, len(WHOLE)))
def test_damage_anywhere_gives_a_waveform_or_a_reason(changes: list[tuple[int, int]], length: int) -> None:
    content = bytearray(WHOLE)
    for position, value in changes:
        content[position] = value
    try:
        waveform = decode_wav(bytes(content[:length]), 8000).waveform
    except BadWavError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert waveform.ndim == 1
        assert np.abs(waveform).max() <= 1.0
