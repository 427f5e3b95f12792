"""What figures show of a group: one point a configuration, whether over seeds or over speakers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fsdd_lightning.reports.flatten import natural
from fsdd_lightning.reports.groups import Group
from fsdd_lightning.reports.results import Memory


@dataclass(frozen=True)
class Interval:
    """A value with its range, as shares."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Point:
    """A configuration in a figure; `series` is its mode and variant."""

    series: str
    memory: Memory
    accuracy: Interval
    drop: Interval | None


@dataclass(frozen=True)
class Points:
    """All points of a group in the order of their series; `bars` says in words what the ranges are.

    `blanks` are configurations without a result: (series, hidden size) -> state; `budgets` in bytes, ascending.
    """

    points: tuple[Point, ...]
    bars: str
    blanks: dict[tuple[str, int], str]
    budgets: tuple[int, ...] = ()

    @property
    def series(self) -> list[str]:
        """Names, in natural order."""
        return sorted({point.series for point in self.points}, key=natural)

    @property
    def hidden_sizes(self) -> list[int]:
        """Those that have a result, ascending."""
        return sorted({point.memory.hidden_size for point in self.points})


def points_of(group: Group) -> Points:
    """Means over seeds; where several voices were held out, means over voices, from worst voice to best."""
    points = _speaker_points(group) if group.several_speakers else _seed_points(group)
    ordered = sorted(points, key=lambda point: (natural(point.series), point.memory.hidden_size))
    blanks = {(group.label(plan), plan.memory.hidden_size): plan.run.status for plan in group.unfinished}
    return Points(tuple(ordered), _bars(group), blanks, group.budgets)


def _seed_points(group: Group) -> Iterable[Point]:
    for summary in group.summaries:
        plan, accuracy, drop = summary.first.plan, summary.accuracy, summary.drop
        shown = Interval(accuracy.mean, accuracy.low, accuracy.high)
        lost = None if drop is None else Interval(drop.mean, drop.low, drop.high)
        yield Point(group.label(plan), plan.memory, shown, lost)


def _speaker_points(group: Group) -> Iterable[Point]:
    for each in group.speakers:
        if each.missing:  # a mean over other voices can't be compared
            continue
        accuracies = each.accuracies.values()
        shown = Interval(each.mean, min(accuracies), max(accuracies))
        drops = [one.drop.mean for one in each.by_speaker.values() if one.drop is not None]
        lost = Interval(each.drop, min(drops), max(drops)) if each.drop is not None else None
        yield Point(group.label(each.plan), each.plan.memory, shown, lost)


def _bars(group: Group) -> str:
    if group.several_speakers:
        return "mean over held-out speakers; bars: worst to best speaker"
    kinds = {summary.accuracy.kind for summary in group.summaries}
    counts = {summary.accuracy.n for summary in group.summaries}
    seeds = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)}–{max(counts)}"
    names = {"t": "Student t over seeds", "Wilson": "Wilson, by test clips"}
    kind = " or ".join(names[name] for name in sorted(kinds, reverse=True))
    return f"mean of {seeds} seed{'' if seeds == '1' else 's'}; bars: 95 % interval ({kind})"


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """Points that no other beats in both: ascending in bytes and, strictly, in accuracy."""
    front: list[Point] = []
    for point in sorted(points, key=lambda each: (each.memory.flash_bytes, -each.accuracy.value)):
        if not front or point.accuracy.value > front[-1].accuracy.value:
            front.append(point)
    return front
