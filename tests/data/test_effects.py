"""Effects do what their names and levels promise, and leave the given waveform alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fsdd_lightning.data import effects
from fsdd_lightning.data.effects import QUIET_SAMPLES

RATE = 8000
Effect = Callable[[np.ndarray, np.random.Generator], np.ndarray]


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
RANDOM: dict[str, Effect] = {
    "white": lambda wave, r: effects.white_noise(wave, 10, r),
    "colored": lambda wave, r: effects.add_noise(wave, effects.colored_noise(len(wave), 1.0, r), 1.0, 10),
    "babble": lambda wave, r: effects.babble_noise(wave, VOICES, 10, r),
    "before": lambda wave, r: effects.leading_background(wave, 800, r),
    "after": lambda wave, r: effects.trailing_background(wave, 800, r),
    "echo": lambda wave, r: effects.add_echo(wave, effects.room_response(RATE, r)),
}
EVERY: dict[str, Effect] = RANDOM | {
    "gain": lambda wave, r: effects.gain(wave, -20),
    "clipping": lambda wave, r: effects.clipping(wave, 0.1),
    "silence before": lambda wave, r: effects.leading_silence(wave, 80),
    "silence after": lambda wave, r: effects.trailing_silence(wave, 80),
    "silence around": lambda wave, r: effects.surrounding_silence(wave, 80),
    "offset": lambda wave, r: effects.dc_offset(wave, 0.1),
    "band": lambda wave, r: effects.band_limit(wave, 300, 3400, RATE),
    "speed": lambda wave, r: effects.change_speed(wave, 0.9),
    "speed percent": lambda wave, r: effects.change_speed_percent(wave, 90),
    "equalizer": lambda wave, r: effects.equalize(wave, np.array([0.0, 6.0, -6.0])),
}
IN_FLOAT64 = {"colored", "echo", "speed", "equalizer"}  # steps of a training copy, rounded at its end


@pytest.mark.parametrize("name", EVERY)
def test_the_given_waveform_is_left_alone(name: str) -> None:
    wave = word()
    changed = EVERY[name](wave, rng())
    assert np.array_equal(wave, word())
    assert changed.ndim == 1 and (changed.dtype == np.float32 or name in IN_FLOAT64)
    assert np.isfinite(changed).all() and not np.array_equal(changed, wave)


@pytest.mark.parametrize("name", RANDOM)
def test_randomness_comes_from_the_generator_alone(name: str) -> None:
    first, again, other = (RANDOM[name](word(), rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("samples", [1, QUIET_SAMPLES - 1, QUIET_SAMPLES + 1])
def test_very_short_and_silent_clips_stay_finite(name: str, samples: int) -> None:
    for wave in (word(samples + 5)[5:], np.zeros(samples, np.float32)):
        assert np.isfinite(EVERY[name](wave, rng())).all()


@pytest.mark.parametrize("snr_db", [20.0, 5.0, 0.0])
@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_noise_lies_at_its_level_below_the_clip(snr_db: float, gain: float) -> None:
    wave = gain * word()
    for noisy in (
        effects.white_noise(wave, snr_db, rng()),
        effects.babble_noise(wave, VOICES, snr_db, rng()),
        effects.add_noise(wave, effects.colored_noise(len(wave), 1.0, rng()), 1.0, snr_db),
    ):
        assert power_db(wave) - power_db(noisy - wave) == pytest.approx(snr_db, abs=1e-3)


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_colored_noise_falls_with_its_slope(slope: float) -> None:
    power = np.abs(np.fft.rfft(effects.colored_noise(1 << 16, slope, rng()))) ** 2
    low, high = power[1000:2000].mean(), power[16000:32000].mean()  # four octaves apart
    assert 10 * np.log10(low / high) == pytest.approx(slope * 10 * np.log10(16), abs=0.5)


def test_white_noise_is_white_and_babble_is_made_of_its_voices() -> None:
    wave = np.zeros(8000, np.float32)
    wave[::2] = 1e-3
    white = np.abs(np.fft.rfft(effects.white_noise(wave, 0, rng()) - wave))[1:-1] ** 2
    assert white[:1999].mean() == pytest.approx(white[1999:].mean(), rel=0.15)
    babble = np.abs(np.fft.rfft(effects.babble_noise(wave, VOICES[:2], 0, rng()) - wave)) ** 2
    share = sum(babble[hz - 60 : hz + 60].sum() for hz in (700, 1300)) / babble.sum()
    assert share > 0.99


def test_voices_of_a_babble_are_equally_loud() -> None:
    loud, soft = 100 * word(8000, 700), word(8000, 1300)
    wave = word(8000, 3000)
    babble = np.abs(np.fft.rfft(effects.babble_noise(wave, [loud, soft], 0, rng()) - wave)) ** 2
    assert babble[640:760].sum() == pytest.approx(babble[1240:1360].sum(), rel=0.01)


@pytest.mark.parametrize("gain_db", [-20.0, 6.0])
def test_gain_scales_in_steps_of_16_bits(gain_db: float) -> None:
    wave = 0.4 * word()
    louder = effects.gain(wave, gain_db)
    assert power_db(louder) - power_db(wave) == pytest.approx(gain_db, abs=0.01)
    assert np.abs(louder - wave * 10 ** (gain_db / 20)).max() <= 2.0**-16 + 1e-9
    assert np.array_equal(louder * 2**15, np.round(louder * 2**15))


def test_a_gain_beyond_full_scale_clips() -> None:
    louder = effects.gain(2 * word(), 6)
    assert (louder.min(), louder.max()) == (-1.0, 1.0 - 2.0**-15)


@pytest.mark.parametrize("share", [0.01, 0.2])
def test_clipping_cuts_its_share_of_the_samples(share: float) -> None:
    wave = word()
    cut = effects.clipping(wave, share)
    assert (cut != wave).mean() == pytest.approx(share, abs=0.003)
    assert np.abs(cut).max() < np.abs(wave).max()
    untouched = np.abs(wave) < np.abs(cut).max()
    assert np.array_equal(cut[untouched], wave[untouched])


def test_silence_moves_the_word_and_changes_nothing_else() -> None:
    wave = word()
    before, after = effects.leading_silence(wave, 400), effects.trailing_silence(wave, 400)
    assert np.array_equal(before[400:], wave) and np.array_equal(after[:-400], wave)
    assert not before[:400].any() and not after[-400:].any()
    around = effects.surrounding_silence(wave, 400)
    assert np.array_equal(around[400:-400], wave) and not around[:400].any() and not around[-400:].any()


def test_a_background_is_as_loud_as_the_quietest_moment() -> None:
    wave = word()
    wave[960 : 960 + QUIET_SAMPLES] = 0.001 * np.where(np.arange(QUIET_SAMPLES) % 2, 1, -1)
    wave[:400] += 0.1
    wave[-400:] += 0.1
    before = effects.leading_background(wave, 20000, rng())
    after = effects.trailing_background(wave, 20000, rng())
    assert np.array_equal(before[20000:], wave) and np.array_equal(after[:-20000], wave)
    assert power_db(before[:20000]) == pytest.approx(-60, abs=0.2)
    assert power_db(after[-20000:]) == pytest.approx(-60, abs=0.2)


@pytest.mark.parametrize("percent", [80, 90, 95, 100, 105, 110, 125])
@pytest.mark.parametrize("polyphase", [False, True])
def test_speed_shortens_the_clip_and_raises_the_pitch(percent: int, polyphase: bool) -> None:
    wave, factor = word(8000, 1000), percent / 100
    faster = effects.change_speed_percent(wave, percent) if polyphase else effects.change_speed(wave, factor)
    tolerance = 0.0 if polyphase else 0.035  # the nearest length that is transformed fast
    assert len(faster) == pytest.approx(8000 / factor, rel=tolerance, abs=1)
    exactly = 8000 / len(faster)
    spectrum = np.abs(np.fft.rfft(faster))
    assert spectrum.argmax() * RATE / len(faster) == pytest.approx(1000 * exactly, abs=3)
    assert power_db(faster) == pytest.approx(power_db(wave), abs=0.1)


PRIMES = (811, 1511, 4999, 7919, 10007)  # lengths whose own transforms are slow


def test_any_length_changes_its_speed_about_as_asked() -> None:
    """The factor is that of the lengths: within 3.5 %, and 1 % on average."""
    errors = []
    for samples in (*PRIMES, *range(820, 9000, 501)):
        for factor in np.exp(np.linspace(-0.3, 0.3, 9)):
            errors.append(abs(len(effects.change_speed(word(samples), factor)) * factor / samples - 1.0))
    assert max(errors) < 0.035 and np.mean(errors) < 0.01


@pytest.mark.parametrize("samples", [1, 7, 8, 9, *PRIMES])
def test_a_speed_of_one_changes_nothing(samples: int) -> None:
    wave = rng().standard_normal(samples)
    changed = effects.change_speed(wave, 1.0)
    np.testing.assert_allclose(changed[:samples], wave, atol=1e-12)
    assert len(changed) == max(samples, 8) and not np.abs(changed[samples:]).max(initial=0.0) > 1e-12


@pytest.mark.parametrize("factor", [0.8, 1.1, 1.25])
def test_the_ends_of_a_clip_that_changes_its_speed_do_not_leak_into_each_other(factor: float) -> None:
    wave = np.zeros(3989)
    wave[:40] = 1.0
    assert np.abs(effects.change_speed(wave, factor)[-100:]).max() < 0.06


@pytest.mark.parametrize("samples", PRIMES)
def test_the_equalizer_takes_any_length(samples: int) -> None:
    tone = np.sin(2 * np.pi * 1600.0 * np.arange(samples) / RATE)
    np.testing.assert_allclose(effects.equalize(tone, np.zeros(6)), tone, atol=1e-12)
    inner = slice(samples // 4, -(samples // 4))  # ends ring
    louder = effects.equalize(tone, np.array([0.0, 0.0, 6.0, 0.0, 0.0, 0.0]))
    assert len(louder) == samples
    assert power_db(louder[inner]) - power_db(tone[inner]) == pytest.approx(6.0, abs=0.2)


@pytest.mark.parametrize("samples", [4999, 9999])
@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_colored_noise_of_any_length_falls_with_its_slope(samples: int, slope: float) -> None:
    """From the octave around 250 Hz to that around 2 kHz power falls by 3 slopes of 3 dB, per hertz."""
    noise = effects.colored_noise(samples, slope, rng())
    assert len(noise) == samples and effects.rms(noise) == pytest.approx(1.0)
    spectrum, hertz = np.abs(np.fft.rfft(noise * np.hanning(samples))) ** 2, np.fft.rfftfreq(samples, 1 / RATE)
    low, high = (spectrum[(hertz > f / 1.4) & (hertz < f * 1.4)].mean() for f in (250, 2000))
    assert 10 * np.log10(low / high) == pytest.approx(slope * 9.03, abs=1.2)


@pytest.mark.parametrize(("frequency_hz", "gain_db"), [(800.0, 6.0), (1200.0, -3.0), (1600.0, -12.0), (3200.0, 3.0)])
def test_the_equalizer_gives_each_frequency_its_gain(frequency_hz: float, gain_db: float) -> None:
    """Six bands from 0 to 4000 Hz are 800 Hz apart: 800 Hz has the second gain, 1200 Hz the mean of two."""
    tone = np.sin(2 * np.pi * frequency_hz * np.arange(4000) / RATE)
    changed = effects.equalize(tone, np.array([0.0, 6.0, -12.0, 0.0, 3.0, 0.0]))
    assert power_db(changed) - power_db(tone) == pytest.approx(gain_db, abs=0.05)


def test_a_room_keeps_the_direct_sound_and_dies_away() -> None:
    response = effects.room_response(RATE, rng())
    impulse = np.zeros(4000)
    impulse[0] = 1.0
    heard = effects.add_echo(impulse, response)
    assert len(heard) == 4000
    np.testing.assert_allclose(heard[: len(response)], response, atol=1e-12)
    assert 0.5 < response[0] < 1.5
    tail, end = response[1 : len(response) // 4], response[-len(response) // 10 :]
    assert effects.rms(end) < 0.05 * effects.rms(tail)


def test_an_offset_shifts_the_zero_and_clips_at_full_scale() -> None:
    wave = word()
    shifted = effects.dc_offset(wave, 0.2)
    np.testing.assert_allclose(shifted - wave, 0.2, atol=1e-7)
    assert shifted.max() < 1.0
    loud = effects.dc_offset(1.9 * wave, 0.2)
    assert loud.max() == np.float32(1.0 - 2.0**-15)
    assert loud.min() == pytest.approx(1.9 * wave.min() + 0.2, abs=1e-6)


@pytest.mark.parametrize(
    ("edges_hz", "frequency_hz", "gain_db", "tolerance_db"),
    [
        ((300, 3400), 300, -3.0, 0.1),
        ((300, 3400), 3400, -3.0, 0.1),
        ((300, 3400), 1000, 0.0, 0.01),
        ((300, 3400), 150, -48.2, 0.5),  # an octave below
        ((0, 2000), 2000, -3.0, 0.1),
        ((0, 2000), 50, 0.0, 0.01),
        ((0, 1000), 2000, -62.0, 2.0),  # steeper than 48 dB: the bilinear transform squeezes the upper octave
        ((0, 4000), 3900, 0.0, 0.01),  # not below half the sample rate: no edge
    ],
)
def test_a_band_limit_passes_its_band(
    edges_hz: tuple[float, float], frequency_hz: float, gain_db: float, tolerance_db: float
) -> None:
    tone = np.sin(2 * np.pi * frequency_hz * np.arange(2 * RATE) / RATE).astype(np.float32)
    passed = effects.band_limit(tone, *edges_hz, RATE)
    assert len(passed) == len(tone)
    settled = slice(RATE, None)
    assert power_db(passed[settled]) - power_db(tone[settled]) == pytest.approx(gain_db, abs=tolerance_db)


def test_a_band_limit_is_causal() -> None:
    impulse = np.zeros(400, np.float32)
    impulse[200] = 0.5
    passed = effects.band_limit(impulse, 300, 3400, RATE)
    assert not passed[:200].any() and passed[200:].any()
