"""Corruptions do what their names and levels say, to a waveform that they leave alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fsdd_lightning.data import disturbance
from fsdd_lightning.data.disturbance import QUIET_SAMPLES

RATE = 8000
Disturb = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def word(samples: int = 4000, frequency_hz: float = 440.0) -> np.ndarray:
    """A tone that swells and fades: its ends are quiet."""
    time_s = np.arange(samples) / RATE
    envelope = np.sin(np.pi * np.arange(samples) / samples)
    return (0.5 * envelope * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def power_db(waveform: np.ndarray) -> float:
    return float(10 * np.log10((waveform.astype(np.float64) ** 2).mean()))


VOICES = [word(3000, 700), word(5000, 1300), word(100, 2100)]
RANDOM: dict[str, Disturb] = {
    "white": lambda wave, r: disturbance.white_noise(wave, 10, r),
    "babble": lambda wave, r: disturbance.babble_noise(wave, VOICES, 10, r),
    "before": lambda wave, r: disturbance.leading_background(wave, 800, r),
    "after": lambda wave, r: disturbance.trailing_background(wave, 800, r),
}
EVERY: dict[str, Disturb] = RANDOM | {
    "gain": lambda wave, r: disturbance.gain(wave, -20),
    "clipping": lambda wave, r: disturbance.clipping(wave, 0.1),
    "silence before": lambda wave, r: disturbance.leading_silence(wave, 80),
    "silence after": lambda wave, r: disturbance.trailing_silence(wave, 80),
    "speed": lambda wave, r: disturbance.speed(wave, 0.9),
}


@pytest.mark.parametrize("name", EVERY)
def test_the_waveform_given_stays_as_it_is(name: str) -> None:
    wave = word()
    changed = EVERY[name](wave, rng())
    assert np.array_equal(wave, word())
    assert changed.dtype == np.float32 and changed.ndim == 1
    assert np.isfinite(changed).all() and not np.array_equal(changed, wave)


@pytest.mark.parametrize("name", RANDOM)
def test_chance_comes_from_the_generator_alone(name: str) -> None:
    first, again, other = (RANDOM[name](word(), rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("samples", [1, QUIET_SAMPLES - 1, QUIET_SAMPLES + 1])
def test_the_shortest_and_the_silent_clips_break_nothing(name: str, samples: int) -> None:
    for wave in (word(samples + 5)[5:], np.zeros(samples, np.float32)):
        assert np.isfinite(EVERY[name](wave, rng())).all()


@pytest.mark.parametrize("snr_db", [20.0, 5.0, 0.0])
@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_noise_stands_at_its_level_below_the_clip(snr_db: float, gain: float) -> None:
    wave = gain * word()
    for noisy in (
        disturbance.white_noise(wave, snr_db, rng()),
        disturbance.babble_noise(wave, VOICES, snr_db, rng()),
    ):
        assert power_db(wave) - power_db(noisy - wave) == pytest.approx(snr_db, abs=1e-3)


def test_white_noise_is_white_and_babble_is_made_of_its_voices() -> None:
    wave = np.zeros(8000, np.float32)
    wave[::2] = 1e-3
    white = np.abs(np.fft.rfft(disturbance.white_noise(wave, 0, rng()) - wave))[1:-1] ** 2
    assert white[:1999].mean() == pytest.approx(white[1999:].mean(), rel=0.15)
    babble = np.abs(np.fft.rfft(disturbance.babble_noise(wave, VOICES[:2], 0, rng()) - wave)) ** 2
    share = sum(babble[hz - 60 : hz + 60].sum() for hz in (700, 1300)) / babble.sum()
    assert share > 0.99


def test_voices_of_a_babble_are_equally_loud() -> None:
    loud, soft = 100 * word(8000, 700), word(8000, 1300)
    wave = word(8000, 3000)
    babble = np.abs(np.fft.rfft(disturbance.babble_noise(wave, [loud, soft], 0, rng()) - wave)) ** 2
    assert babble[640:760].sum() == pytest.approx(babble[1240:1360].sum(), rel=0.01)


@pytest.mark.parametrize("gain_db", [-20.0, 6.0])
def test_gain_scales_in_steps_of_16_bits(gain_db: float) -> None:
    wave = 0.4 * word()
    louder = disturbance.gain(wave, gain_db)
    assert power_db(louder) - power_db(wave) == pytest.approx(gain_db, abs=0.01)
    assert np.abs(louder - wave * 10 ** (gain_db / 20)).max() <= 2.0**-16 + 1e-9
    assert np.array_equal(louder * 2**15, np.round(louder * 2**15))


def test_a_gain_beyond_full_scale_clips() -> None:
    louder = disturbance.gain(2 * word(), 6)
    assert (louder.min(), louder.max()) == (-1.0, 1.0 - 2.0**-15)


@pytest.mark.parametrize("share", [0.01, 0.2])
def test_clipping_cuts_its_share_of_the_samples(share: float) -> None:
    wave = word()
    cut = disturbance.clipping(wave, share)
    assert (cut != wave).mean() == pytest.approx(share, abs=0.003)
    assert np.abs(cut).max() < np.abs(wave).max()
    untouched = np.abs(wave) < np.abs(cut).max()
    assert np.array_equal(cut[untouched], wave[untouched])


def test_silence_moves_the_word_and_changes_nothing_else() -> None:
    wave = word()
    before, after = disturbance.leading_silence(wave, 400), disturbance.trailing_silence(wave, 400)
    assert np.array_equal(before[400:], wave) and np.array_equal(after[:-400], wave)
    assert not before[:400].any() and not after[-400:].any()


def test_a_background_is_as_loud_as_the_quietest_moment() -> None:
    wave = word()
    wave[960 : 960 + QUIET_SAMPLES] = 0.001 * np.where(np.arange(QUIET_SAMPLES) % 2, 1, -1)
    wave[:400] += 0.1
    wave[-400:] += 0.1
    before = disturbance.leading_background(wave, 20000, rng())
    after = disturbance.trailing_background(wave, 20000, rng())
    assert np.array_equal(before[20000:], wave) and np.array_equal(after[:-20000], wave)
    assert power_db(before[:20000]) == pytest.approx(-60, abs=0.2)
    assert power_db(after[-20000:]) == pytest.approx(-60, abs=0.2)


@pytest.mark.parametrize("factor", [0.9, 0.95, 1.05, 1.1])
def test_speed_shortens_the_clip_and_raises_the_pitch(factor: float) -> None:
    wave = word(8000, 1000)
    faster = disturbance.speed(wave, factor)
    assert len(faster) == pytest.approx(8000 / factor, abs=1)
    spectrum = np.abs(np.fft.rfft(faster))
    assert spectrum.argmax() * RATE / len(faster) == pytest.approx(1000 * factor, abs=3)
    assert power_db(faster) == pytest.approx(power_db(wave), abs=0.1)
