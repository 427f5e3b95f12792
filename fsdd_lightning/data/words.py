"""The words that a network tells apart, as data: which labels of a folder they are, and in which order.

An output of the network is a label: those of `data.labels`, or all that a folder holds, sorted; then, where it is asked
for, `other` for words that are none of them, and `noise` for what is no word.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from fsdd_lightning.config.schema import DataConfig

DIGITS = tuple("0123456789")
OTHER, NOISE = "other", "noise"
NO_WORDS = (OTHER, NOISE)  # of the user's; a device that hears one has heard none of these
_LISTED = 12  # words in one line
REST: Literal["rest"] = "rest"  # as data.other: all labels that data.labels does not list


@dataclass(frozen=True)
class Words:
    """How the files of a folder become recordings of words. The default: FSDD."""

    layout: Literal["fsdd", "folders"] = "fsdd"
    labels: tuple[str, ...] | None = DIGITS  # None: all that are there
    other: tuple[str, ...] | Literal["rest"] = ()  # labels, or folders elsewhere, that become OTHER
    noise: int = 0  # clips of NOISE
    speaker_pattern: str | None = None  # of file names; None: those of the layout

    @property
    def grouping(self) -> str:
        """What decides the order of clips beside their names; empty where nothing does."""
        deciding = {"other": self.other, "noise": self.noise, "speaker_pattern": self.speaker_pattern}
        return json.dumps(deciding, sort_keys=True) if any(deciding.values()) else ""

    @property
    def extra(self) -> tuple[str, ...]:
        """The classes that are no words of the user's."""
        return (*([OTHER] if self.other else []), *([NOISE] if self.noise else []))

    def outputs(self, found: Iterable[str]) -> tuple[str, ...]:
        """The classes in their order, where a folder holds these labels."""
        plain = self.labels if self.labels is not None else sorted(set(found) - {*self.other, *self.extra})
        return (*plain, *self.extra)

    def class_of(self, label: str) -> str | None:
        """The class of a recording of this label; None: it is left out."""
        if self.other and self.other != REST and label in self.other:
            return OTHER
        if self.labels is None or label in self.labels:
            return label
        return OTHER if self.other == REST else None


def words_of(config: DataConfig) -> Words:
    """What a config asks for."""
    return Words(config.layout, config.labels, config.other, config.noise, config.speaker_pattern)


def some(labels: Sequence[str]) -> str:
    """The first of many, with commas between."""
    return ", ".join(labels[:_LISTED]) + (", ..." if len(labels) > _LISTED else "")


def nearest(label: str, known: Sequence[str]) -> str:
    """`; did you mean ...?` where a known label is like this one."""
    close = difflib.get_close_matches(label, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
