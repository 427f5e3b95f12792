"""Runs that may be compared: the same recordings, split in the same way. What differs in either is never averaged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fsdd_lightning.reports.collect import CollectedRun
from fsdd_lightning.reports.flatten import differing, natural
from fsdd_lightning.reports.results import Cell, Result, cell_of, result_of
from fsdd_lightning.reports.speakers import SpeakerSummary, summarize_speakers
from fsdd_lightning.reports.statistics import Summary, summarize


@dataclass(frozen=True)
class GroupKey:
    """`split` is the split's settings as JSON; for unseen_speaker without the speaker, who is a dimension within."""

    dataset: str
    digest: str
    split: str


@dataclass(frozen=True)
class Group:
    """What stands in one section of a report. `labels[key]` tells the variants of one mode apart."""

    key: GroupKey
    summaries: tuple[Summary, ...]
    speakers: tuple[SpeakerSummary, ...]
    unfinished: tuple[Cell, ...]  # refused, failed, ...: cells without a result
    labels: dict[str, str]
    budgets: tuple[int, ...]  # bytes
    budget_names: dict[str, str]  # key: those that a cell was run under
    notes: tuple[str, ...]

    @property
    def first(self) -> Result:
        """One result, for what all have in common."""
        return self.summaries[0].first

    @property
    def several_speakers(self) -> bool:
        """Whether more than one voice was held out: then a result is a mean over voices."""
        return len({summary.first.cell.held_out for summary in self.summaries}) > 1

    def label(self, cell: Cell) -> str:
        """Mode and variant of a cell."""
        variant = self.labels.get(cell.key, "")
        return f"{cell.mode}, {variant}" if variant else cell.mode


@dataclass
class _Gathered:
    results: list[Result] = field(default_factory=list)
    unfinished: list[Cell] = field(default_factory=list)


@dataclass(frozen=True)
class Sorted:
    """All runs in their places; `incomplete` are finished ones whose record can't be used, with the reason."""

    groups: tuple[Group, ...]
    incomplete: tuple[tuple[CollectedRun, str], ...]


def sort_into_groups(runs: Sequence[CollectedRun]) -> Sorted:
    """`runs` in the order of `results.ordered`."""
    gathered: dict[GroupKey, _Gathered] = {}
    incomplete: list[tuple[CollectedRun, str]] = []
    homeless: list[Cell] = []
    for run in runs:
        cell = cell_of(run)
        if isinstance(cell, Cell) and run.status != "done":
            homeless.append(cell)  # it may not have come to look at its data
        elif run.status == "done":
            result = cell if isinstance(cell, str) else result_of(cell)
            if isinstance(result, str):
                incomplete.append((run, result))
            else:
                gathered.setdefault(_key(result.cell), _Gathered()).results.append(result)
    for cell in homeless:
        _house(cell, gathered)
    groups = [_group(key, each) for key, each in gathered.items()]
    return Sorted(tuple(sorted(groups, key=_group_order)), tuple(incomplete))


def _key(cell: Cell) -> GroupKey:
    dataset = cell.record.dataset
    return GroupKey(str(dataset.get("name", "?")), str(dataset.get("digest")), _split(cell))


def _split(cell: Cell) -> str:
    chosen = {name: value for name, value in cell.settings.items() if name.startswith("split.")}
    if cell.held_out is not None:
        chosen.pop("split.held_out")
    return json.dumps(chosen, sort_keys=True, default=str)


def _house(cell: Cell, gathered: dict[GroupKey, _Gathered]) -> None:
    """A cell without a result stands with those of its split and dataset, where that is beyond doubt."""
    digest = cell.record.dataset.get("digest")
    wanted = str(cell.record.dataset.get("name") or cell.settings.get("data.name"))
    alike = [
        key
        for key in gathered
        if key.split == _split(cell) and (key.digest == digest if digest else key.dataset == wanted)
    ]
    if len(alike) == 1:
        gathered[alike[0]].unfinished.append(cell)


def _group_order(group: Group) -> tuple[object, ...]:
    return (natural(group.key.dataset), group.key.split, group.key.digest)


def _group(key: GroupKey, gathered: _Gathered) -> Group:
    kept, notes = _without_repetitions(gathered.results)
    labels = variant_labels([*(result.cell for result in kept), *gathered.unfinished])
    by_cell: dict[tuple[str, str], list[Result]] = {}
    for result in kept:
        by_cell.setdefault((result.cell.key, result.view), []).append(result)
    summaries = sorted(
        (summarize(results) for results in by_cell.values()), key=lambda each: _place(each, labels)
    )
    return Group(
        key=key,
        summaries=tuple(summaries),
        speakers=summarize_speakers(summaries),
        unfinished=tuple(gathered.unfinished),
        labels=labels,
        budget_names=_budget_names(gathered.results),
        budgets=_budgets([result.cell for result in gathered.results] + gathered.unfinished),
        notes=(*notes, *_code_notes(kept)),
    )


def _place(summary: Summary, labels: dict[str, str]) -> tuple[object, ...]:
    cell = summary.first.cell
    size = (cell.memory.layers, cell.memory.hidden_size)
    return (natural(cell.mode), natural(labels[cell.key]), *size, natural(cell.held_out or ""), cell.key)


def _budgets(cells: Iterable[Cell]) -> tuple[int, ...]:
    return tuple(sorted({cell.memory.budget_bytes for cell in cells if cell.memory.budget_bytes}))


def _budget_names(results: Iterable[Result]) -> dict[str, str]:
    names: dict[str, dict[str, None]] = {}
    for result in results:
        names.setdefault(result.cell.key, {})[result.cell.memory.budget] = None
    return {key: ", ".join(each) for key, each in names.items()}


def _without_repetitions(results: Iterable[Result]) -> tuple[list[Result], list[str]]:
    """The same cell with the same seed, of another sweep or under another budget, is no new sample: it counts once."""
    kept: dict[tuple[str, int, str], Result] = {}
    notes, alike = [], 0
    for result in results:
        first = kept.setdefault((result.cell.key, result.cell.seed, result.view), result)
        if first is result:
            continue
        if first.deployed.correct == result.deployed.correct:
            alike += 1
            continue
        one, other = (f"{each.cell.run.sweep}/{each.cell.run.folder.name}" for each in (first, result))
        notes.append(f"{other} repeats {one} with another result; only the first is counted")
    if alike:
        runs = "1 run repeats a network" if alike == 1 else f"{alike} runs repeat networks"
        notes.append(f"{runs} of another sweep or budget with the same result; each network is counted once")
    return list(kept.values()), notes


def _code_notes(results: Sequence[Result]) -> list[str]:
    commits = sorted({str(result.cell.record.git.get("commit")) for result in results})
    if len(commits) < 2:
        return []
    short = ", ".join(commit[:10] for commit in commits)
    return [f"these cells were made by {len(commits)} versions of the code ({short})"]


def variant_labels(cells: Sequence[Cell]) -> dict[str, str]:
    """For each cell key the settings, beside hidden size, speaker and mode, in which cells of one mode differ."""
    by_mode: dict[str, list[Cell]] = {}
    for cell in cells:
        by_mode.setdefault(cell.mode, []).append(cell)
    names = {
        name
        for alike in by_mode.values()
        for name in differing([cell.settings for cell in alike])
        if name not in ("model.hidden_size", "split.held_out")
    }
    return {
        cell.key: ", ".join(_setting(name, cell.settings.get(name)) for name in sorted(names, key=natural))
        for cell in cells
    }


def _setting(name: str, value: object) -> str:
    """`memory_budget=kb8`, `layers=1`: short, for legends."""
    group, _, last = name.rpartition(".")
    return f"{group if last == 'name' else last}={value}"
