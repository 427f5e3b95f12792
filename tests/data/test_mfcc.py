"""The extractor against librosa itself, on noise, tones, silence and the real recordings."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import soundfile
from example_configs import feature_config
from scipy.signal import butter, sosfilt

from fsdd_lightning.config.schema import MfccConfig
from fsdd_lightning.data import mfcc as mfcc_module
from fsdd_lightning.data.mfcc import MfccExtractor

PACKAGE = Path(mfcc_module.__file__).parents[1]
TOLERANCE = 1e-3  # absolute; coefficients reach some hundreds


def librosa_mfcc(waveform: np.ndarray, config: MfccConfig) -> np.ndarray:
    """(frames, n_mfcc) float32. librosa.feature.mfcc itself does not pass top_db on: hence two calls."""
    same = {"n_mels": config.n_mels, "n_fft": config.n_fft, "win_length": config.window, "hop_length": config.hop}
    mel = librosa.feature.melspectrogram(
        y=waveform, sr=config.sample_rate_hz, fmin=config.f_min_hz, fmax=config.f_max_hz, **same
    )
    return librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=config.top_db), n_mfcc=config.n_mfcc).T


def assert_near(ours: np.ndarray, theirs: np.ndarray) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)


def speech_like(samples: int, seed: int) -> np.ndarray:
    """A gliding harmonic tone over faint noise that swells, fades, ends in digital silence: (samples,)."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 8000
    pitch_hz = rng.uniform(90, 200) * (1 + 0.3 * time)
    tone = sum(np.sin(2 * np.pi * k * np.cumsum(pitch_hz) / 8000) / k for k in range(1, 12))
    swell = np.sin(np.pi * np.arange(samples) / samples) ** 2
    waveform = 0.1 * tone * swell + 1e-4 * rng.standard_normal(samples)
    waveform[-samples // 5 :] = 0.0
    return waveform.astype(np.float32)


def normalized(waveform: np.ndarray) -> np.ndarray:
    return waveform / np.abs(waveform).max()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        *({"win_length": samples} for samples in (240, 321)),
        *({"n_fft": 512, "win_length": 400}, {"n_fft": 255}),
        *({"top_db": top_db} for top_db in (40.0, None)),
        *({"hop_length": samples} for samples in (80, 400, 133)),
        *({"n_mfcc": 20}, {"n_mfcc": 24, "n_mels": 24}),
        {"f_min_hz": 200.0, "f_max_hz": 3500.0},
        {"sample_rate_hz": 16000},
    ],
    ids=str,
)
def test_values_are_librosas_for_every_config(changes: dict[str, Any]) -> None:
    config = feature_config(**changes)
    extractor = MfccExtractor(config)
    for samples in (1, 160, 399, 400, 401, 2000, 7999):
        waveform = speech_like(samples, seed=samples)
        waveform[0] = 0.05  # even a single sample has a peak
        with np.errstate(all="raise"):
            ours = extractor.clip(waveform)
        too_large = pytest.warns(UserWarning, match="is too large for input signal")
        with too_large if samples < config.n_fft else nullcontext():
            theirs = librosa_mfcc(normalized(waveform), config)
        assert ours.dtype == np.float32 and ours.shape == theirs.shape
        assert_near(ours, theirs)


def test_the_reference_equals_a_single_call_of_librosa() -> None:
    waveform = normalized(speech_like(5000, seed=3))
    options = {"sr": 8000, "n_mfcc": 13, "n_mels": 40, "n_fft": 400, "hop_length": 160, "win_length": 240}
    np.testing.assert_array_equal(
        librosa.feature.mfcc(y=waveform, **options).T, librosa_mfcc(waveform, feature_config(win_length=240))
    )


@pytest.mark.fsdd
@pytest.mark.parametrize(
    ("changes", "every"),
    [
        pytest.param({}, 1, id="all", marks=pytest.mark.slow),
        pytest.param({"top_db": None, "hop_length": 80, "n_mfcc": 20}, 10, id="tenth"),
    ],
)
def test_recordings_have_librosas_values(fsdd_root: Path, changes: dict[str, Any], every: int) -> None:
    paths = sorted((fsdd_root / "recordings").glob("*.wav"))[::every]
    waveforms = [soundfile.read(path, dtype="float32")[0] for path in paths]
    config = feature_config(max_frames=250, **changes)
    mfcc = MfccExtractor(config)(waveforms)
    assert mfcc.trimmed == 0
    for index, waveform in enumerate(waveforms):
        theirs = librosa_mfcc(normalized(waveform), config)
        assert mfcc.lengths[index] == len(theirs), paths[index].name
        assert np.abs(mfcc.values[index, : len(theirs)] - theirs).max() < TOLERANCE, paths[index].name


def test_a_batch_equals_single_clips_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mfcc_module, "_CLIPS_PER_BLOCK", 4)
    monkeypatch.setattr(mfcc_module, "_FRAMES_PER_FFT", 7)
    # Reversed: the sound reaches up to the neighbor, which is half as loud.
    waveforms = [speech_like(300 + 517 * k, seed=k)[::-1] * 0.5**k for k in range(11)]
    waveforms += [np.ascontiguousarray(waveform[::-1]) for waveform in waveforms]
    config = feature_config(max_frames=25)
    extractor = MfccExtractor(config)
    mfcc = extractor(waveforms)
    monkeypatch.undo()
    for values, length, waveform in zip(mfcc.values, mfcc.lengths, waveforms, strict=True):
        np.testing.assert_array_equal(values[:length], extractor.clip(waveform))
        np.testing.assert_array_equal(values[length:], 0.0)


def test_clips_above_max_frames_are_trimmed_and_counted() -> None:
    samples = [9 * 160 - 1, 9 * 160, 10 * 160, 8000]  # 9, 10, 11 and 51 frames
    waveforms = [speech_like(count, seed=count) for count in samples]
    mfcc = MfccExtractor(feature_config(max_frames=10))(waveforms)
    assert (mfcc.lengths.tolist(), mfcc.lengths.dtype, mfcc.trimmed) == ([9, 10, 10, 10], np.int64, 2)
    assert (mfcc.values.shape, mfcc.values.dtype) == ((4, 10, 13), np.float32)
    assert MfccExtractor(feature_config(max_frames=10)).clip(waveforms[3]).shape == (10, 13)


def test_dynamic_range_is_relative_to_the_whole_clip_not_to_the_frames_kept() -> None:
    quiet_then_loud = np.concatenate([speech_like(1600, seed=1) * 1e-3, speech_like(3200, seed=2)])
    config = feature_config(max_frames=5, top_db=30.0)
    theirs = librosa_mfcc(normalized(quiet_then_loud), config)[:5]
    assert_near(MfccExtractor(config).clip(quiet_then_loud), theirs)


def test_deltas_are_the_change_since_the_previous_frame() -> None:
    """Two clips in one batch: the second's first frame has no past, least of all the first clip's end."""
    waveforms = [np.random.default_rng(i).standard_normal(2000 + i).astype(np.float32) for i in range(2)]
    extractor = MfccExtractor(feature_config(max_frames=10, deltas=True))
    plain, made = MfccExtractor(feature_config(max_frames=10))(waveforms), extractor(waveforms)
    assert made.values.shape == (2, 10, 26)
    np.testing.assert_array_equal(made.values[:, :, :13], plain.values)
    np.testing.assert_array_equal(made.values[:, 0, 13:], np.zeros((2, 13)))
    np.testing.assert_array_equal(made.values[:, 1:, 13:], np.diff(plain.values, axis=1))
    np.testing.assert_array_equal(made.values[1], extractor.clip(waveforms[1]))


def test_peak_is_of_either_sign_and_normalization_can_be_off() -> None:
    waveform = speech_like(3000, seed=5)
    waveform[1000] = -0.9  # the peak is negative
    loud = MfccExtractor(feature_config()).clip(waveform)
    assert_near(loud, librosa_mfcc(waveform / np.float32(0.9), feature_config()))
    assert_near(MfccExtractor(feature_config()).clip(waveform / 16), loud)
    raw = MfccExtractor(feature_config(peak_normalize=False)).clip(waveform / 16)
    assert_near(raw, librosa_mfcc(waveform / 16, feature_config()))
    assert np.abs(raw - loud).max() > 10.0


def test_band_pass_is_a_causal_butterworth_before_normalization() -> None:
    waveform = speech_like(4000, seed=6)
    sections = butter(4, (300.0, 3000.0), btype="bandpass", fs=8000, output="sos")
    filtered = sosfilt(sections, waveform).astype(np.float32)
    ours = MfccExtractor(feature_config(band_pass_hz=(300.0, 3000.0))).clip(waveform)
    assert_near(ours, librosa_mfcc(normalized(filtered), feature_config()))


def test_silence_gives_finite_features_and_no_warning() -> None:
    with np.errstate(all="raise"):
        mfcc = MfccExtractor(feature_config())([np.zeros(1000, np.float32), speech_like(1000, seed=1)])
    expected = np.zeros(13)
    expected[0] = -100.0 * np.sqrt(40)  # the orthonormal DCT of 40 bands at 10 log10(amin)
    assert_near(mfcc.values[0, :7], np.tile(expected, (7, 1)))


def test_input_is_not_changed() -> None:
    waveform = speech_like(2000, seed=9)
    before = waveform.copy()
    MfccExtractor(feature_config(band_pass_hz=(300.0, 3000.0)))([waveform])
    MfccExtractor(feature_config())([waveform])
    np.testing.assert_array_equal(waveform, before)


@pytest.mark.parametrize("waveform", [np.zeros(0), np.zeros((100, 2))], ids=["empty", "stereo"])
def test_an_array_of_another_shape_is_refused(waveform: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"must have the shape \(samples,\)"):
        MfccExtractor(feature_config())([waveform])


def test_no_clips_give_an_empty_batch() -> None:
    mfcc = MfccExtractor(feature_config(max_frames=7))([])
    assert (mfcc.values.shape, mfcc.lengths.shape, mfcc.trimmed) == ((0, 7, 13), (0,), 0)


def test_importing_the_module_imports_neither_librosa_nor_scipy() -> None:
    """`--help` and a warm cache must not wait for them."""
    code = (
        "import sys, fsdd_lightning.data.feature_cache, fsdd_lightning.data.preparation\n"
        "print({name.split('.')[0] for name in sys.modules} & {'librosa', 'scipy', 'numba', 'torch'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert done.stdout.strip() == "set()"
