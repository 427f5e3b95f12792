"""Which figures a group of runs gets, drawn once for every look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fsdd_lightning.reports import figures, maps
from fsdd_lightning.reports.groups import Group
from fsdd_lightning.reports.points import points_of
from fsdd_lightning.reports.style import LOOKS, Look, rendered

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure: its file's name without ending, what a reader who can't see it is told, and how to draw it."""

    name: str
    alt: str
    draw: Callable[[Look], Figure]

    def png(self) -> bytes:
        """For paper and READMEs: light, 1,400 pixels wide."""
        return rendered(self.draw, LOOKS["light"], "png")

    def svg(self, look: str) -> bytes:
        """For the page, one of LOOKS; text as paths, so that it looks the same everywhere."""
        return rendered(self.draw, LOOKS[look], "svg")


def pictures_of(group: Group) -> list[Picture]:
    """Those that the group has data for."""
    points = points_of(group)
    found = []
    if points.points:
        found += [
            Picture("accuracy_vs_bytes", "Accuracy against flash bytes", figures.accuracy_by_bytes(points)),
            Picture("accuracy_vs_size", "Accuracy against hidden size", figures.accuracy_by_size(points)),
            Picture("accuracy_map", "Accuracy by hidden size and mode", maps.accuracy_map(points)),
        ]
    if any(point.drop for point in points.points):
        found.append(Picture("drop_vs_size", "Drop from float to integer", figures.drop_by_size(points)))
    return [*found, *_of_speakers(group)]


def _of_speakers(group: Group) -> list[Picture]:
    if not group.speakers:
        return []
    labels = [speaker_label(group, index) for index in range(len(group.speakers))]
    by_voice = maps.speaker_map(group.speakers, labels)
    found = [Picture("accuracy_by_speaker", "Accuracy on each unseen voice", by_voice)]
    best = maps.best_on_voices(group.speakers)
    if maps.confusion_counts(best):
        label = labels[group.speakers.index(best)]
        draw = maps.speaker_confusions(best, label)
        found.append(Picture("confusion_by_speaker", f"Confusion on each unseen voice, {label}", draw))
    return found


def speaker_label(group: Group, index: int) -> str:
    """Mode, variant and size of a configuration of `group.speakers`."""
    plan = group.speakers[index].plan
    return f"{group.label(plan)} {plan.memory.layers}×{plan.memory.hidden_size}"
