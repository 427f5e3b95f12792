"""Several corpora as one set of recordings, in which a speaker is known as `{corpus}-{speaker}`: fsdd-george."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from fsdd_lightning.data.layouts import fit_speaker
from fsdd_lightning.data.recordings import FSDD, RecordingSet, content_digest, folder_digest, load_recordings
from fsdd_lightning.data.words import Words
from fsdd_lightning.errors import UserError

_SPEAK_OF_THEIR_PARENT = ("recordings", "untrimmed")  # folders whose own name tells nobody what is in them


def corpus_names(roots: Iterable[Path]) -> list[str]:
    """A name for each folder: its own, or its parent's, made fit for names of speakers; the second alike gets -2."""
    names: list[str] = []
    for root in roots:
        path = Path(os.path.normpath(root.absolute()))  # not resolved: a link is called what its owner called it
        name = fit(path.parent.name if path.name in _SPEAK_OF_THEIR_PARENT else path.name)
        alike = (f"{name}-{number}" for number in range(2, len(names) + 3))
        names.append(name if name not in names else next(other for other in alike if other not in names))
    return names


def fit(name: str) -> str:
    """The name in letters, digits and single hyphens, as a part of a speaker's name."""
    return fit_speaker(name) or "corpus"


def require_fit(name: str) -> str:
    """The name of a corpus as a user gave it. Raises UserError if it can't be a part of a speaker's name."""
    if fit(name) != name:
        raise UserError(
            f"data.root: {name!r} can't be the name of a corpus (letters, digits and hyphens are allowed): "
            f"write {fit(name)!r}"
        )
    return name


def corpora_digest(folders: Mapping[str, Path], words: Words = FSDD) -> str:
    """Of all WAV files in these folders, without decoding them; that of a single folder knows no corpus."""
    return _digest_of({corpus: folder_digest(folder, words) for corpus, folder in folders.items()})


def _digest_of(digests: Mapping[str, str]) -> str:
    """Of (corpus, file name, SHA-256) of all files: a content_digest of the corpora's own."""
    return next(iter(digests.values())) if len(digests) == 1 else content_digest(digests.items())


def load_corpora(
    roots: Mapping[str, Path],
    sample_rate_hz: int,
    on_bad_file: Literal["error", "skip"],
    least_samples: int = 1,
    words: Words = FSDD,
) -> RecordingSet:
    """The recordings of all folders by name of the corpus, as `load_recordings` reads each; one folder as it is.

    Raises UserError as `load_recordings` does, and if two corpora would have a speaker of the same full name.
    """
    sets = [
        load_recordings(root, name, sample_rate_hz, on_bad_file, least_samples, words) for name, root in roots.items()
    ]
    return sets[0] if len(sets) == 1 else _joined(sets, words)


def _joined(sets: list[RecordingSet], words: Words) -> RecordingSet:
    clips = [
        (replace(recording, speaker=f"{one.name}-{recording.speaker}", corpus=one.name), waveform)
        for one in sets
        for recording, waveform in zip(one.recordings, one.waveforms, strict=True)
    ]
    clips.sort(key=lambda clip: clip[0])
    recordings, waveforms = zip(*clips, strict=True)
    _require_own_names({(recording.speaker, recording.corpus) for recording in recordings})
    return RecordingSet(
        name="+".join(one.name for one in sets),
        folder=sets[0].folder,
        recordings=recordings,
        waveforms=waveforms,
        sample_rate_hz=sets[0].sample_rate_hz,
        digest=_digest_of({one.name: one.digest for one in sets}),
        bad=tuple(bad for one in sets for bad in one.bad),
        notes=(*(f"{one.name}: {note}" for one in sets for note in one.notes), *_repetitions(sets)),
        labels=words.outputs(label for one in sets for label in one.labels),
        corpora={one.name: one.folder for one in sets},
        words=words,
    )


def _require_own_names(speakers: set[tuple[str, str]]) -> None:
    """`a-b` of corpus `c` and `b` of corpus `c-a` would be one speaker."""
    corpus_of: dict[str, str] = {}
    for speaker, corpus in sorted(speakers):
        if speaker in corpus_of:
            raise UserError(
                f"speaker {speaker} would be in the corpora {corpus_of[speaker]} and {corpus}: "
                "name the corpora in another way, data.root={NAME: FOLDER, OTHER: FOLDER}"
            )
        corpus_of[speaker] = corpus


def _repetitions(sets: list[RecordingSet]) -> list[str]:
    """A note on clips that are in two corpora: they may be heard in training and test."""
    heard: set[bytes] = set()
    notes = []
    for one in sets:
        own = [waveform.tobytes() for waveform in one.waveforms]
        repeated = sum(sound in heard for sound in own)
        if repeated:
            notes.append(f"{one.name}: {repeated} of {len(own)} recordings are in another corpus, too: leave one out")
        heard.update(own)
    return notes
