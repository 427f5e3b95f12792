"""A session: ask for a word, listen, keep it or say why not and ask again, until all words have their takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from fsdd_lightning.data.recorder.hearing import Ear
from fsdd_lightning.data.recorder.judgment import Cut, Refusal, judge
from fsdd_lightning.data.recorder.takes import TakeFolder


class Display(Protocol):
    """What the speaker sees."""

    def ask(self, word: str) -> None:
        """Say this word now."""

    def kept(self, cut: Cut, path: Path) -> None:
        """It is in this file."""

    def refused(self, refusal: Refusal) -> None:
        """It will be asked for again."""


def record_words(ear: Ear, takes: TakeFolder, asked: Sequence[str], display: Display) -> None:
    """Record the words `asked`, one after another. Each file is there as soon as its word was heard.

    Raises:
        SoundEnded: before the last one.
    """
    for word in asked:
        cut = _heard(ear, word, display)
        display.kept(cut, takes.write(word, cut.samples, ear.sample_rate_hz))


def _heard(ear: Ear, word: str, display: Display) -> Cut:
    while True:
        display.ask(word)
        answer = judge(ear.hear())
        if isinstance(answer, Cut):
            return answer
        display.refused(answer)
