"""The takes of one speaker in a folder: which are there, which are missing, and how a new one is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsdd_lightning.artifacts import replace_file
from fsdd_lightning.data.audio import audio_paths
from fsdd_lightning.data.layouts import find_folder, parse_name, parse_speaker
from fsdd_lightning.data.recordings import FSDD
from fsdd_lightning.data.wav import encode_wav
from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.files import is_folder


@dataclass(frozen=True)
class TakeFolder:
    """Where the takes of a speaker lie, among those of others."""

    folder: Path
    speaker: str

    def make(self) -> None:
        """Make the folder if it does not exist. Raises UserError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot make the folder {self.folder} ({error.strerror}): choose another one") from error

    def takes(self) -> Mapping[str, list[int]]:
        """Of every word, the numbers of the takes that are there, ascending; none of a word that was never said."""
        found: dict[str, set[int]] = defaultdict(set)
        for word, speaker, take in self._names():
            if speaker == self.speaker:
                found[word].add(take)
        return defaultdict(list, {word: sorted(takes) for word, takes in found.items()})

    def speakers(self) -> int:
        """How many people have spoken."""
        return len({speaker for _, speaker, _ in self._names()})

    def write(self, word: str, samples: np.ndarray, sample_rate_hz: int) -> Path:
        """A WAV file of (samples,) int16 as the take after the highest one; nothing is overwritten.

        Raises:
            RunFailedError: it can't be written.
        """
        path = self._free_path(word)
        try:
            replace_file(path, encode_wav(samples, sample_rate_hz))
        except OSError as error:
            raise RunFailedError(f"cannot write {path} ({error.strerror}): what was recorded before is kept") from error
        return path

    def _free_path(self, word: str) -> Path:
        take = max(self.takes()[word], default=-1) + 1
        # Where a file system does not tell upper from lower case, Ann's take may stand where ann's would.
        while (path := self.folder / f"{word}_{self.speaker}_{take}.wav").exists():
            take += 1
        return path

    def _names(self) -> list[tuple[str, str, int]]:
        """Of all files that are named as recordings are."""
        names = []
        for path in audio_paths(self.folder) if is_folder(self.folder) else ():
            try:
                names.append(parse_name(path.name))
            except ValueError:  # fsdd-train will say so
                continue
        return names


def find_takes(folder: Path, speaker: str) -> TakeFolder:
    """The takes where the project reads the recordings of `folder`, which need not exist.

    Raises:
        UserError: no file may have this speaker's name, or the folder can't be read.
    """
    try:
        return TakeFolder(find_folder(folder, FSDD) or folder, parse_speaker(speaker))
    except ValueError as error:
        raise UserError(f"--speaker: {error}") from error


def missing_words(there: Mapping[str, list[int]], words: Sequence[str], takes: int, seed: int) -> list[str]:
    """The words to ask for until every word has so many takes, in rounds that are shuffled each in its own way.

    A session that was stopped goes on within its round: the order of a round does not depend on what is there.
    """
    rounds = (
        [word for word in _shuffled(words, seed, number) if len(there[word]) <= number] for number in range(takes)
    )
    return [word for each in rounds for word in each]


def _shuffled(words: Sequence[str], seed: int, number: int) -> list[str]:
    return [str(word) for word in np.random.default_rng([seed, number]).permutation(sorted(words))]
