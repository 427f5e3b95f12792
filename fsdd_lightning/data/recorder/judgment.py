"""Whether what was heard is a recording to keep: one whole word, undistorted, well above the noise of the room.

The limits let pass what real people record: words of FSDD and of 26 others mostly last 0.2 to 1.1 s and are 15 to 75 dB
above their room. Peaks lie above -21 dB of full scale, but those of FSDD's quietest speaker at -30 to -37 dB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fsdd_lightning.arithmetic.fixed_point import Int16Array
from fsdd_lightning.data.integer_features import FULL_SCALE
from fsdd_lightning.data.recorder.hearing import PATIENCE_S, Heard
from fsdd_lightning.data.streams import active_rms

ROOM_KEPT_S = 0.1  # before and after the word
CLIPPED_AT = 32_700  # of 32,768: resampling moves a clipped sample by a little
CLIPPED_SAMPLES = 3  # or more; a single one may be a peak that just fits
LEAST_PEAK_DB = -40.0
LEAST_ABOVE_ROOM_DB = 15.0
SHORTEST_S, LONGEST_S = 0.12, 1.2
LOUD_ROOM_DB = -40.0  # where no word is found in more than that, the room is to blame
ROOM_MEASURED_S = 0.5  # of sound before the word
ROOM_LEAST_S = 0.05  # with less, nothing is known of the room
GUARD_S = 0.06  # before the word: a soft beginning is not the room's


@dataclass(frozen=True, eq=False)
class Cut:
    """A word with some room before and after it."""

    samples: Int16Array  # (samples,)
    duration_s: float  # of the word alone
    peak_db: float  # of full scale
    above_room_db: float | None  # None: too little was heard before the word


@dataclass(frozen=True)
class Refusal:
    """Why a take is not kept, and what to do: one line without a full stop."""

    reason: str


def judge(heard: Heard) -> Cut | Refusal:
    """The one word that was heard, cut out, or why it is none."""
    if heard.lost:
        return Refusal("samples were lost, since the computer was too busy: close other programs")
    if heard.overlong:
        return Refusal("too long: say one word, not drawn out, in a room where nobody else speaks")
    if len(heard.words) > 1:
        return Refusal(f"{len(heard.words)} words: say it once, and wait for the next line")
    if not heard.words:
        return Refusal(_silence(heard))
    (span,) = heard.words
    cut = _cut(heard, *span)
    reason = _fault(cut)
    return cut if reason is None else Refusal(reason)


def room_level_db(sound: Int16Array) -> float:
    """The level of (samples,) in dB of full scale; half a step is the least that 16 bits know."""
    return _decibel(max(float(np.std(sound)), 0.5) / FULL_SCALE)


def _silence(heard: Heard) -> str:
    level_db = room_level_db(heard.sound)
    if level_db > LOUD_ROOM_DB:
        return f"no word stands out of a room of {level_db:.0f} dB: find a quieter place, or come closer"
    return f"silence: no word within {PATIENCE_S:g} s"


def _cut(heard: Heard, start: int, end: int) -> Cut:
    rate, sound = heard.sample_rate_hz, heard.sound
    kept = round(ROOM_KEPT_S * rate)
    samples = sound[max(start - kept, 0) : end + kept]
    word = (sound[start:end] - samples.mean()) / FULL_SCALE
    room = sound[max(start - round(ROOM_MEASURED_S * rate), 0) : max(start - round(GUARD_S * rate), 0)]
    known = len(room) >= round(ROOM_LEAST_S * rate)
    above_db = _decibel(active_rms(word, rate)) - room_level_db(room) if known else None
    return Cut(samples, (end - start) / rate, _decibel(float(np.abs(word).max())), above_db)


def _fault(cut: Cut) -> str | None:
    clipped = int(np.count_nonzero(np.abs(cut.samples.astype(np.int32)) >= CLIPPED_AT))
    if clipped >= CLIPPED_SAMPLES:
        return f"clipped, {clipped} samples at full scale: speak more softly, or move back"
    if cut.peak_db < LEAST_PEAK_DB:
        return f"too quiet, peak {cut.peak_db:.0f} dB: speak up, or come closer"
    if cut.above_room_db is not None and cut.above_room_db < LEAST_ABOVE_ROOM_DB:
        return f"too loud a room, only {cut.above_room_db:.0f} dB below the word: find a quieter place, or come closer"
    if cut.duration_s < SHORTEST_S:
        return f"a click of {cut.duration_s:.2f} s, no word: say it now"
    if cut.duration_s > LONGEST_S:
        return f"too long, {cut.duration_s:.1f} s: say one word, not drawn out"
    return None


def _decibel(ratio: float) -> float:
    return 20.0 * math.log10(max(ratio, 1e-9))
