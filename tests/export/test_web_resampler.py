"""The page's resampler: the same samples in any pieces, its pass and stop bands, and soxr's samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import soxr
from web_scripts import needs_node, run_scripts

pytestmark = needs_node

RATES = [
    *((48_000, 8_000), (44_100, 8_000), (44_100, 16_000), (11_025, 8_000), (8_000, 16_000), (16_000, 44_100)),
    *((96_000, 16_000), (384_000, 8_000)),
    *((47_999, 8_000), (8_000, 47_999), (16_001, 16_000)),  # more phases than the table has rows
]
RESAMPLER = ["arrays.js", "wav.js", "resampler.js"]
SECONDS = 0.25
EDGE_S = 0.02  # where the kernel reaches beyond the sound
PASSED = (0.01, 0.1, 0.5, 0.8, 0.9)  # of the lower Nyquist frequency
STOPPED = (1.0, 1.02, 1.05, 1.1, 1.5, 2.9)
SNR_DB = 100  # at least; 103 to 148 measured
STOP_DB = -100
SOXR_BOUND = 3 / 2**15  # 1.7 steps of 16 bits measured: soxr's pass band is down by 0.01 dB at its end, this one is not

WHOLE = "const whole = (resampler, sound) => joinArrays(Float32Array, [resampler.push(sound), resampler.flush()]);\n"

each_ratio = pytest.mark.parametrize(("from_hz", "to_hz"), RATES)


def in_page(from_hz: int, to_hz: int, code: str, **data: Any) -> Any:
    made = "const resampler = new Resampler(data.fromHz, data.toHz);\n"
    return run_scripts(RESAMPLER, WHOLE + made + code, {"fromHz": from_hz, "toHz": to_hz, **data})


def resampled(sounds: Sequence[np.ndarray], from_hz: int, to_hz: int) -> list[np.ndarray]:
    """Each sound whole, one after another by one resampler."""
    code = "answer(data.sounds.map((sound) => whole(resampler, sound)));"
    return in_page(from_hz, to_hz, code, sounds=list(sounds))


def tone(hz: float, rate_hz: int, samples: int) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(samples) / rate_hz + 0.3)


def tones(shares: Sequence[float], from_hz: int, to_hz: int) -> dict[float, np.ndarray]:
    """By frequency in hertz: tones at shares of the lower Nyquist frequency, those that the source's rate can tell."""
    frequencies = (share * min(from_hz, to_hz) / 2 for share in shares)
    samples = int(SECONDS * from_hz)
    return {hz: tone(hz, from_hz, samples).astype(np.float32) for hz in frequencies if hz < from_hz / 2}


def inner(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    edge = int(EDGE_S * rate_hz)
    return samples[edge:-edge]


def db(power: float) -> float:
    return 10 * float(np.log10(power + 1e-30))


def speech_like(samples: int, rate_hz: int, top_hz: float) -> np.ndarray:
    """(samples,) float32 noise that falls by 6 dB an octave above 500 Hz up to top_hz, and comes and goes."""
    random = np.random.default_rng(0)
    hz = np.fft.rfftfreq(samples, 1 / rate_hz)
    spectrum = (random.normal(size=len(hz)) + 1j * random.normal(size=len(hz))) / np.maximum(1, hz / 500)
    noise = np.fft.irfft(spectrum * (hz < top_hz), samples) * np.hanning(samples)
    return (0.9 * noise / np.abs(noise).max()).astype(np.float32)


# --- what is passed and what is not ---


@each_ratio
def test_tones_that_both_rates_know_stay_in_place(from_hz: int, to_hz: int) -> None:
    """Sample n is the tone at the time n / to_hz: neither delayed, nor louder, nor with images."""
    sounds = tones(PASSED, from_hz, to_hz)
    for hz, got in zip(sounds, resampled(list(sounds.values()), from_hz, to_hz), strict=True):
        error = inner(got - tone(hz, to_hz, len(got)), to_hz)
        assert db(0.5) - db(float(np.mean(error**2))) > SNR_DB, f"{hz} Hz"


@pytest.mark.parametrize(("from_hz", "to_hz"), [ratio for ratio in RATES if ratio[0] > ratio[1]])
def test_what_would_fold_back_is_gone(from_hz: int, to_hz: int) -> None:
    sounds = tones(STOPPED, from_hz, to_hz)
    for hz, got in zip(sounds, resampled(list(sounds.values()), from_hz, to_hz), strict=True):
        assert db(float(np.mean(inner(got, to_hz) ** 2))) - db(0.5) < STOP_DB, f"{hz} Hz"


@each_ratio
def test_response_is_flat_and_then_shut(from_hz: int, to_hz: int) -> None:
    got = in_page(from_hz, to_hz, "answer({ rows: resampler.rows, phases: resampler.phases, half: resampler.half });")
    phases, taps = got["phases"], 2 * got["half"]
    rows = np.array(got["rows"])
    assert rows.shape == (phases + 1, taps) and rows.nbytes < 3e6
    kernel = np.zeros(taps * phases)  # at `phases` places for each sample of the source
    for phase in range(phases):
        kernel[phases * np.arange(taps) + phase] = rows[phase, ::-1] / phases
    count = 2 ** int(np.ceil(np.log2(16 * len(kernel))))
    gain = np.abs(np.fft.rfft(kernel, count))
    share = np.arange(len(gain)) / count * from_hz * phases / (min(from_hz, to_hz) / 2)
    assert np.abs(20 * np.log10(gain[share <= 0.91])).max() < 1e-4
    assert 20 * np.log10(gain[share >= 1.0].max()) < -99.5


@each_ratio
def test_a_level_stays(from_hz: int, to_hz: int) -> None:
    (got,) = resampled([np.ones(int(SECONDS * from_hz), np.float32)], from_hz, to_hz)
    assert (inner(got, to_hz) == 1).all()


@each_ratio
def test_speech_is_that_of_soxr(from_hz: int, to_hz: int) -> None:
    sound = speech_like(int(SECONDS * from_hz), from_hz, 0.9 * min(from_hz, to_hz) / 2)
    (got,) = resampled([sound], from_hz, to_hz)
    expected = soxr.resample(sound, from_hz, to_hz, quality="HQ")
    assert len(got) == len(expected)
    np.testing.assert_allclose(got, expected, rtol=0, atol=SOXR_BOUND)


@each_ratio
def test_as_many_samples_as_of_soxr(from_hz: int, to_hz: int) -> None:
    counts = [*range(20), *range(1000, 1020)]
    sounds = [np.zeros(count, np.float32) for count in counts]
    got = [len(each) for each in resampled(sounds, from_hz, to_hz)]
    assert got == [(2 * count * to_hz + from_hz) // (2 * from_hz) for count in counts]
    assert got == [len(soxr.resample(sound, from_hz, to_hz)) for sound in sounds]


# --- a stream ---


def pieces_of(longest: Callable[[np.random.Generator], int], samples: int) -> list[int]:
    random, sizes = np.random.default_rng(1), list[int]()
    while sum(sizes) < samples:
        sizes.append(min(longest(random), samples - sum(sizes)))
    return sizes


@pytest.mark.parametrize(("from_hz", "to_hz"), [*RATES, (8_000, 8_000)])
def test_any_pieces_give_the_same_samples(from_hz: int, to_hz: int) -> None:
    sound = np.random.default_rng(0).uniform(-1, 1, 9001).astype(np.float32)
    cuts = [
        pieces_of(lambda _: 1, 9001),
        pieces_of(lambda _: 128, 9001),
        pieces_of(lambda random: int(random.integers(0, 500)), 9001),
        pieces_of(lambda random: int(random.integers(0, 5000)), 9001),
    ]
    code = """
    function inPieces(sizes) {
      let [all, at] = [new Float32Array(0), 0];
      for (const size of sizes) {
        all = joinArrays(Float32Array, [all, resampler.push(data.sound.slice(at, at + size))]);
        at += size;
      }
      return joinArrays(Float32Array, [all, resampler.flush()]);
    }
    answer([whole(resampler, data.sound), ...data.cuts.map(inPieces)]);
    """
    first, *others = in_page(from_hz, to_hz, code, sound=sound, cuts=cuts)
    for other in others:
        np.testing.assert_array_equal(other, first)
    if from_hz == to_hz:
        np.testing.assert_array_equal(first, sound)


@each_ratio
def test_reset_and_flush_forget(from_hz: int, to_hz: int) -> None:
    sound = np.random.default_rng(0).uniform(-1, 1, 2001).astype(np.float32)
    code = """
    const first = whole(resampler, data.sound);
    const second = whole(resampler, data.sound);
    resampler.push(data.sound);
    resampler.reset();
    answer([first, second, whole(resampler, data.sound), resampler.flush()]);
    """
    first, second, third, nothing = in_page(from_hz, to_hz, code, sound=sound)
    assert (first == second).all() and (first == third).all() and len(nothing) == 0


def test_samples_come_while_the_source_goes_on() -> None:
    """9 ms late: half a kernel, 432 samples at 48 kHz."""
    code = "answer([432, 1, 5, 1, 4800, 4800].map((size) => resampler.push(new Float32Array(size)).length));"
    assert in_page(48_000, 8_000, code) == [0, 1, 0, 1, 800, 800]


def test_long_streams_do_not_drift() -> None:
    """In a minute's time as in the first second, at a ratio of many phases."""
    from_hz, to_hz, seconds = 44_100, 16_000, 60
    sound = tone(1000, from_hz, seconds * from_hz).astype(np.float32)
    (got,) = resampled([sound], from_hz, to_hz)
    error = inner(got - tone(1000, to_hz, len(got)), to_hz)
    assert len(got) == seconds * to_hz
    assert np.abs(error[-to_hz:]).max() < 1e-5


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        ("0", "sample rate of 0 Hz is too low for speech"),
        ("NaN", "sample rate of NaN Hz is too low for speech"),
        ("Infinity", "sample rate of Infinity Hz is more than 768000 Hz"),
        ("44100.5", "sample rate of 44100.5 Hz is no whole number"),
    ],
)
def test_rates_of_no_speech_are_refused(rate: str, message: str) -> None:
    code = f"answer([errorOf(() => new Resampler({rate}, 8000)), errorOf(() => new Resampler(8000, {rate}))]);"
    assert run_scripts(RESAMPLER, code) == [message, message]
