"""Audio effects: what may happen to a recording between mouth and network.

Pure functions on waveforms, (samples,) float32 or float64 in [-1, 1]; all randomness comes from the given generator.
Only `gain`, `clipping` and `dc_offset` clip: other results may exceed 1, as before a converter with headroom.
`waveform_augmentation` composes some of them into training copies, `evaluation/robustness.py` tests with the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import numpy as np
from numpy.random import Generator

QUIET_SAMPLES = 80  # 10 ms at 8 kHz: shorter than the pauses in a word, longer than a period of most voices
_SHORTEST_SAMPLES = 8
_SILENCE = 1e-9  # root mean square, far below one step of 16 bits; keeps divisors above 0
_REVERBERATION_S = (0.03, 0.25)  # until an echo is 60 dB down
_ECHO_LEVEL = (0.1, 0.6)  # square root of its energy, relative to the direct sound's
_DB_60 = np.log(1e3)  # nepers
_EDGE_ORDER = 8  # of Butterworth filters: 48 dB an octave, about as steep as a telephone's


def rms(waveform: np.ndarray) -> float:
    """Root of the mean power, computed in float64; at least _SILENCE, so that it may divide."""
    return max(float(np.sqrt((np.asarray(waveform, np.float64) ** 2).mean())), _SILENCE)


def amplitude_ratio(db: float) -> float:
    """20 dB -> 10."""
    return float(10.0 ** (db / 20.0))


# ---- noise


def add_noise(
    waveform: np.ndarray, noise: np.ndarray, noise_rms: float, snr_db: float, signal_rms: float | None = None
) -> np.ndarray:
    """Waveform + noise of root mean square `noise_rms`, scaled to `snr_db` below the signal's: float64.

    `signal_rms`: that of speech with pauses, say; None: of the whole waveform.
    """
    level = (rms(waveform) if signal_rms is None else signal_rms) * amplitude_ratio(-snr_db) / noise_rms
    return np.asarray(waveform + level * noise)


def white_noise(waveform: np.ndarray, snr_db: float, generator: Generator) -> np.ndarray:
    """Gaussian noise at `snr_db` below the clip's mean power: float32."""
    noise = generator.standard_normal(len(waveform))
    return add_noise(waveform, noise, rms(noise), snr_db).astype(np.float32)


def babble_noise(waveform: np.ndarray, voices: Sequence[np.ndarray], snr_db: float, generator: Generator) -> np.ndarray:
    """Other clips talking at once at `snr_db` below the clip's mean power: float32.

    Every voice is repeated from a random moment on, and all are equally loud. Few voices make an unsteady noise; ten
    are babble.
    """
    babble = np.zeros(len(waveform))
    for voice in voices:
        babble += np.resize(np.roll(voice, -int(generator.integers(len(voice)))), len(waveform)) / rms(voice)
    return add_noise(waveform, babble, rms(babble), snr_db).astype(np.float32)


def colored_noise(samples: int, slope: float, generator: Generator) -> np.ndarray:
    """(samples,) float64 of root mean square 1 and a power that falls as frequency^-slope."""
    from scipy import fft

    whole = fft.next_fast_len(samples, real=True)  # other lengths take up to twenty times as long
    spectrum = fft.rfft(generator.standard_normal(whole))
    spectrum *= np.maximum(np.arange(len(spectrum)), 1) ** (-slope / 2.0)
    noise = fft.irfft(spectrum, whole)[:samples]
    return np.asarray(noise / rms(noise))


def background(waveform: np.ndarray, samples: int, generator: Generator) -> np.ndarray:
    """White noise as loud as the quietest stretch of QUIET_SAMPLES in the clip: (samples,) float32."""
    whole = len(waveform) // QUIET_SAMPLES * QUIET_SAMPLES
    stretches = waveform[:whole].reshape(-1, QUIET_SAMPLES) if whole else waveform[None]
    quietest = float(np.sqrt((stretches.astype(np.float64) ** 2).mean(axis=1)).min())
    return np.asarray(quietest * generator.standard_normal(samples), np.float32)


# ---- time


def leading_silence(waveform: np.ndarray, samples: int) -> np.ndarray:
    """The word starts later, after digital silence."""
    return np.concatenate([np.zeros(samples, np.float32), waveform])


def trailing_silence(waveform: np.ndarray, samples: int) -> np.ndarray:
    """The recording stops later, in digital silence."""
    return np.concatenate([waveform, np.zeros(samples, np.float32)])


def surrounding_silence(waveform: np.ndarray, samples: int) -> np.ndarray:
    """Both: so many samples of digital silence on each side."""
    return trailing_silence(leading_silence(waveform, samples), samples)


def leading_background(waveform: np.ndarray, samples: int, generator: Generator) -> np.ndarray:
    """The word starts later, after `background`: a room as loud as the recording's own."""
    return np.concatenate([background(waveform, samples, generator), waveform])


def trailing_background(waveform: np.ndarray, samples: int, generator: Generator) -> np.ndarray:
    """The recording stops later, with the room still on; see `background`."""
    return np.concatenate([waveform, background(waveform, samples, generator)])


def change_speed(waveform: np.ndarray, factor: float) -> np.ndarray:
    """`factor` times as fast and as high, for any factor: the whole clip resampled through its spectrum, float64.

    The clip is lengthened by silence, so that both transforms are fast and its ends do not leak into each other; the
    factor comes as near as those lengths allow: of clips of more than 0.1 s within 3.5 %, and 1 % on average.
    """
    from scipy import fft

    samples = len(waveform)
    before = fft.next_fast_len(samples + _SHORTEST_SAMPLES, real=True)
    wanted = max(int(before / factor + 0.5), _SHORTEST_SAMPLES)
    near = (fft.prev_fast_len(wanted, real=True), fft.next_fast_len(wanted, real=True))
    after = min(near, key=lambda length: abs(length - wanted))
    spectrum = np.zeros(after // 2 + 1, np.complex128)
    heard = fft.rfft(waveform, before)[: len(spectrum)]
    spectrum[: len(heard)] = heard
    kept = max(int(samples * after / before + 0.5), _SHORTEST_SAMPLES)
    return np.asarray(fft.irfft(spectrum, after)[:kept] * (after / before))


def change_speed_percent(waveform: np.ndarray, percent: int) -> np.ndarray:
    """`percent` / 100 times as fast and as high, as a tape that runs faster: a polyphase resampler, float32.

    Unlike in `change_speed`, the filter is short: the ends of a clip do not leak into each other.
    """
    from scipy.signal import resample_poly

    divisor = gcd(percent, 100)
    return np.asarray(resample_poly(waveform, 100 // divisor, percent // divisor), np.float32)


# ---- level, channel and room


def at_peak(waveform: np.ndarray, peak: float) -> np.ndarray:
    """Scaled to this largest magnitude; silence stays silent."""
    return np.asarray(waveform * (peak / max(float(np.abs(waveform).max()), _SILENCE)))


def gain(waveform: np.ndarray, gain_db: float) -> np.ndarray:
    """Quieter or louder, in steps of a 16-bit converter that clips what does not fit: float32."""
    scaled = waveform.astype(np.float64) * amplitude_ratio(gain_db)
    steps = np.clip(np.floor(scaled * 2**15 + 0.5), -(2**15), 2**15 - 1)
    return np.asarray(steps / 2**15, np.float32)


def clipping(waveform: np.ndarray, clipped_share: float) -> np.ndarray:
    """An overdriven microphone: the loudest `clipped_share` of the samples are cut to one magnitude."""
    ceiling = np.quantile(np.abs(waveform), 1.0 - clipped_share)
    return np.asarray(np.clip(waveform, -ceiling, ceiling), np.float32)


def dc_offset(waveform: np.ndarray, share: float) -> np.ndarray:
    """A converter whose zero lies `share` of full scale too high, and that clips what does not fit: float32."""
    return np.asarray(np.clip(waveform + share, -1.0, 1.0 - 2.0**-15), np.float32)


def band_limit(waveform: np.ndarray, low_hz: float, high_hz: float, sample_rate_hz: int) -> np.ndarray:
    """A channel that passes low_hz..high_hz, 3 dB down at its edges: float32.

    0 and what is not below half the sample rate are no edges. Causal, as channels are.
    """
    from scipy.signal import butter, sosfilt

    passed = waveform
    if low_hz > 0:
        passed = sosfilt(butter(_EDGE_ORDER, low_hz, "highpass", fs=sample_rate_hz, output="sos"), passed)
    if high_hz < sample_rate_hz / 2:
        passed = sosfilt(butter(_EDGE_ORDER, high_hz, "lowpass", fs=sample_rate_hz, output="sos"), passed)
    return np.asarray(passed, np.float32)


def equalize(waveform: np.ndarray, gains_db: np.ndarray) -> np.ndarray:
    """Gains at frequencies spaced evenly from 0 to half the sample rate, in between interpolated in dB: float64."""
    from scipy import fft

    whole = fft.next_fast_len(len(waveform), real=True)
    spectrum = fft.rfft(waveform, whole)
    position = np.linspace(0, len(gains_db) - 1, len(spectrum))
    spectrum *= 10.0 ** (np.interp(position, np.arange(len(gains_db)), gains_db) / 20.0)
    return np.asarray(fft.irfft(spectrum, whole)[: len(waveform)])


def room_response(sample_rate_hz: int, generator: Generator) -> np.ndarray:
    """The direct sound and a tail of noise that dies away exponentially: (samples,) float64."""
    samples = max(int(generator.uniform(*_REVERBERATION_S) * sample_rate_hz), 1)
    tail = generator.standard_normal(samples) * np.exp(-_DB_60 * np.arange(samples) / samples)
    tail *= generator.uniform(*_ECHO_LEVEL) / max(np.sqrt((tail**2).sum()), _SILENCE)
    tail[0] += 1.0
    return np.asarray(tail)


def add_echo(waveform: np.ndarray, response: np.ndarray) -> np.ndarray:
    """The waveform in a room of this response: float64; what sounds on after the clip's end is cut off."""
    from scipy.signal import fftconvolve

    return np.asarray(fftconvolve(waveform, response)[: len(waveform)])
