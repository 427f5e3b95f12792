"""A voice that a second network never hears: the clips of a run, divided so that one speaker is the whole test set."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fsdd_lightning.config.schema import SplitConfig
from fsdd_lightning.data.preparation import PreparedData, redivided
from fsdd_lightning.data.splits import find_speaker
from fsdd_lightning.data.words import NO_WORDS
from fsdd_lightning.errors import UserError

ANY = "any"  # the last speaker by name, so that it works with every corpus
KEY = "evaluation.unheard_speaker"


@dataclass(frozen=True, eq=False)
class UnheardVoice:
    """`data`: all clips as `split` divides them, standardized by those of the others that train."""

    speaker: str
    split: SplitConfig
    data: PreparedData


def leave_out(choice: str | None, data: PreparedData, split: SplitConfig) -> tuple[UnheardVoice | None, str | None]:
    """The speaker who was chosen, or a line on why there can be no second network; neither where none is asked for.

    Raises:
        UserError: nobody has this name, or the others' clips are too few for a training. `any` gives a line there.
    """
    if choice is None:
        return None, None
    everybody = data.recordings.recordings
    speakers = sorted({recording.speaker for recording in everybody if recording.label not in NO_WORDS})
    if split.name == "unseen_speaker":
        return None, "no second network: split=unseen_speaker tests a voice that is never heard already"
    if len(speakers) == 1:
        return None, f"no second network without a voice: all recordings are {speakers[0]}'s"
    try:
        return _without(speakers[-1] if choice == ANY else choice, data, split), None
    except UserError as error:
        if choice != ANY:
            raise
        return None, f"no second network without {speakers[-1]}'s voice: {error}"


def _without(name: str, data: PreparedData, split: SplitConfig) -> UnheardVoice:
    speaker = find_speaker(data.recordings.recordings, name, KEY)
    others = replace(split, name="unseen_speaker", held_out=speaker, validation_speakers=0, train_speakers=None)
    return UnheardVoice(speaker, others, redivided(data, others))
