"""What was recognized in sound without labels, and what was not: no word, silence, several words, a part alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from fsdd_lightning.data.wav import BadWavError, DecodedWav, SilentError, TooShortError
from fsdd_lightning.data.words import NO_WORDS

# heard: it has a word; rejected: none of the words, or none leads far enough; unreadable: no sound could be decoded.
Status = Literal["heard", "rejected", "no word", "silent", "too short", "unreadable"]
ALWAYS = ("file", "status", "word")  # in every record


@dataclass(frozen=True)
class Prediction:
    """What was recognized in a file or in a part of it, or the reason why nothing was."""

    file: str  # ARRAY where the sound was no file
    status: Status = "heard"
    word: str | None = None  # None: another status
    nearest: str | None = None  # of what was rejected: the label that leads
    probability: float | None = None  # of the word or the nearest label, calibrated where the run is
    margin: int | None = None  # how far the largest logit of the device leads the second one
    logits: tuple[float, ...] | None = None  # of the backend: whole numbers but from float
    start_s: float | None = None  # of the part that was heard; not given: all of it
    end_s: float | None = None
    words_found: int | None = None  # by the listener in a clip from which one answer was asked for; where not 1
    clipped_samples: int | None = None  # none of these fields where nothing was clipped, converted or mixed
    source_rate_hz: int | None = None
    source_channels: int | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None  # why it is unreadable

    def as_dict(self) -> dict[str, Any]:
        """Without what does not apply; file, status and word always."""
        return {key: value for key, value in asdict(self).items() if key in ALWAYS or value not in (None, ())}


def unusable(file: str, error: BadWavError) -> Prediction:
    """Silence and what is too short are answers; all else is an error."""
    if isinstance(error, SilentError):
        return Prediction(file, "silent", notes=("silent",))
    if isinstance(error, TooShortError):
        return Prediction(file, "too short", notes=(str(error),))
    return Prediction(file, "unreadable", error=str(error))


def source_fields(sound: DecodedWav, sample_rate_hz: int, clipped: bool = True) -> dict[str, Any]:
    """How a file had to be converted, and what was lost before: fields of a `Prediction`, with `notes`.

    clipped: count that in the whole file, not in its words.
    """
    found: dict[str, Any] = {}
    notes = []
    if sound.source_rate_hz != sample_rate_hz:
        found["source_rate_hz"] = sound.source_rate_hz
        notes.append(f"{sound.source_rate_hz} Hz converted to {sample_rate_hz} Hz")
    if sound.source_channels > 1:
        found["source_channels"] = sound.source_channels
        notes.append(f"{sound.source_channels} channels mixed to one")
    if clipped and sound.clipped:
        found["clipped_samples"] = sound.clipped
        notes.append(f"{sound.clipped:,} samples clipped")
    return {**found, "notes": tuple(notes)}


def rejection(label: str, margin: int | None, least_margin: int) -> str | None:
    """Why an answer is none of the user's words; None where it is one. margin None: the run has no listener."""
    if label in NO_WORDS:
        return f"none of these: {label}"
    if margin is None or margin >= least_margin:
        return None
    return f"none of these: {label} leads by {margin:,}, less than {least_margin:,}"
