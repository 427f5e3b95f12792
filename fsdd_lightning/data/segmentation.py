"""Find the spoken words in a long recording: stretches of energy above the noise floor, with pauses between them.

Two thresholds, after Rabiner and Sambur (1975): a word is loud somewhere and extends as far as it is not quiet. So
its weak beginning and end are kept, while noise alone is not a word. Both thresholds are relative to the recording's
own floor and peak; no level is absolute.

Six clips of one FSDD speaker in a row, pauses of 0.3-0.8 s, white noise at a level below the loudest clip's mean:
all six found, and nothing else, in 90 of 90 recordings at -40 dB, 89 at -30 dB, 76 at -20 dB, 55 at -10 dB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WINDOW_S = 0.040
HOP_S = 0.010
FLOOR_PERCENTILE = 10.0  # of the frames: a recording with pauses is quiet for more than a tenth of its time
DEEPEST_FLOOR_DB = -60.0  # below the peak; digital silence lies below any floor
LOUD_SHARE = 0.3  # of the way from floor to peak, in dB: a word exceeds it somewhere
QUIET_SHARE = 0.1  # a word lasts as long as it stays above this
LEAST_QUIET_DB = 3.0  # above the floor: the spread of steady noise within WINDOW_S
LEAST_CONTRAST_DB = 9.0  # between floor and peak; with less, words and pauses cannot be distinguished
LONGEST_GAP_S = 0.165  # inside a word, as before the t of eight and the s of six: up to 0.16 s in FSDD
SHORTEST_WORD_S = 0.08  # shorter is a click
MARGIN_S = 0.02  # kept before and after a word


@dataclass(frozen=True)
class Segment:
    """A stretch of a waveform in samples: `waveform[start:end]`."""

    start: int
    end: int


def find_words(waveform: np.ndarray, sample_rate_hz: int) -> tuple[Segment, ...]:
    """The words in (samples,) float32, in order, not overlapping; none in silence.

    A pause of more than LONGEST_GAP_S separates two words. Steady sound without any pause is one segment.
    """
    if not np.ptp(waveform):
        return ()
    energy_db = frame_energy_db(waveform, sample_rate_hz)
    peak_db = float(energy_db.max())
    floor_db = max(float(np.percentile(energy_db, FLOOR_PERCENTILE)), peak_db + DEEPEST_FLOOR_DB)
    contrast_db = peak_db - floor_db
    if contrast_db < LEAST_CONTRAST_DB:
        return (Segment(0, len(waveform)),)
    loud_db = floor_db + LOUD_SHARE * contrast_db
    quiet_db = floor_db + max(QUIET_SHARE * contrast_db, LEAST_QUIET_DB)
    stretches = _bridged(_runs(energy_db > quiet_db), round(LONGEST_GAP_S / HOP_S))
    words = [
        (first, last)
        for first, last in stretches
        if energy_db[first:last].max() > loud_db and (last - first) * HOP_S >= SHORTEST_WORD_S
    ]
    return _with_margins(words, len(waveform), sample_rate_hz)


def frame_energy_db(waveform: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Mean square of WINDOW_S around every HOP_S, in dB of full scale: (frames,) float64, at least -100."""
    half, hop = round(WINDOW_S * sample_rate_hz / 2), round(HOP_S * sample_rate_hz)
    energy = np.concatenate([[0.0], np.cumsum(np.asarray(waveform, np.float64) ** 2)])
    centers = np.arange(0, len(waveform), hop)
    first, last = np.maximum(centers - half, 0), np.minimum(centers + half, len(waveform))
    power: np.ndarray = np.maximum((energy[last] - energy[first]) / (last - first), 1e-10)
    return np.asarray(10.0 * np.log10(power))


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """[0, 1, 1, 0, 1] -> [(1, 3), (4, 5)]"""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _bridged(runs: list[tuple[int, int]], longest_gap: int) -> list[tuple[int, int]]:
    """Neighbors at most `longest_gap` apart become one."""
    joined: list[tuple[int, int]] = []
    for first, last in runs:
        if joined and first - joined[-1][1] <= longest_gap:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def _with_margins(words: list[tuple[int, int]], samples: int, sample_rate_hz: int) -> tuple[Segment, ...]:
    hop, margin = round(HOP_S * sample_rate_hz), round(MARGIN_S * sample_rate_hz)
    return tuple(Segment(max(first * hop - margin, 0), min(last * hop + margin, samples)) for first, last in words)
