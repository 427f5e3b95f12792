"""Runs that may be compared: the same recordings, split in the same way. What differs in either is never averaged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fsdd_lightning.reports.collect import CollectedRun
from fsdd_lightning.reports.flatten import differing, natural
from fsdd_lightning.reports.results import Result, RunPlan, cell_of, result_of
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
    unfinished: tuple[RunPlan, ...]  # refused, failed, ...: trials without a result
    labels: dict[str, str]
    budgets: tuple[int, ...]  # bytes
    budget_names: dict[str, str]  # key: those that a trial was run under
    notes: tuple[str, ...]

    @property
    def first(self) -> Result:
        """One result, for what all have in common."""
        return self.summaries[0].first

    @property
    def several_speakers(self) -> bool:
        """Whether more than one voice was held out: then a result is a mean over voices."""
        return len({summary.first.plan.held_out for summary in self.summaries}) > 1

    def label(self, plan: RunPlan) -> str:
        """Mode and variant of a trial."""
        variant = self.labels.get(plan.key, "")
        return f"{plan.mode}, {variant}" if variant else plan.mode


@dataclass
class _Gathered:
    results: list[Result] = field(default_factory=list)
    unfinished: list[RunPlan] = field(default_factory=list)


@dataclass(frozen=True)
class Sorted:
    """All runs in their places; `incomplete` are finished ones whose record can't be used, with the reason."""

    groups: tuple[Group, ...]
    incomplete: tuple[tuple[CollectedRun, str], ...]


def sort_into_groups(runs: Sequence[CollectedRun]) -> Sorted:
    """`runs` in the order of `results.ordered`."""
    gathered: dict[GroupKey, _Gathered] = {}
    incomplete: list[tuple[CollectedRun, str]] = []
    homeless: list[RunPlan] = []
    for run in runs:
        plan = cell_of(run)
        if isinstance(plan, RunPlan) and run.status != "done":
            homeless.append(plan)  # it may not have come to look at its data
        elif run.status == "done":
            result = plan if isinstance(plan, str) else result_of(plan)
            if isinstance(result, str):
                incomplete.append((run, result))
            else:
                gathered.setdefault(_key(result.plan), _Gathered()).results.append(result)
    for plan in homeless:
        _house(plan, gathered)
    groups = [_group(key, each) for key, each in gathered.items()]
    return Sorted(tuple(sorted(groups, key=_group_order)), tuple(incomplete))


def _key(plan: RunPlan) -> GroupKey:
    dataset = plan.record.dataset
    return GroupKey(str(dataset.get("name", "?")), str(dataset.get("digest")), _split(plan))


def _split(plan: RunPlan) -> str:
    chosen = {name: value for name, value in plan.config.items() if name.startswith("split.")}
    if plan.held_out is not None:
        chosen.pop("split.held_out")
    return json.dumps(chosen, sort_keys=True, default=str)


def _house(plan: RunPlan, gathered: dict[GroupKey, _Gathered]) -> None:
    """A trial without a result stands with those of its split and dataset, where that is beyond doubt."""
    digest = plan.record.dataset.get("digest")
    wanted = str(plan.record.dataset.get("name") or plan.config.get("data.name"))
    alike = [
        key
        for key in gathered
        if key.split == _split(plan) and (key.digest == digest if digest else key.dataset == wanted)
    ]
    if len(alike) == 1:
        gathered[alike[0]].unfinished.append(plan)


def _group_order(group: Group) -> tuple[object, ...]:
    return (natural(group.key.dataset), group.key.split, group.key.digest)


def _group(key: GroupKey, gathered: _Gathered) -> Group:
    kept, notes = _without_repetitions(gathered.results)
    labels = variant_labels([*(result.plan for result in kept), *gathered.unfinished])
    by_trial: dict[tuple[str, str], list[Result]] = {}
    for result in kept:
        by_trial.setdefault((result.plan.key, result.view), []).append(result)
    summaries = sorted(
        (summarize(results) for results in by_trial.values()), key=lambda each: _place(each, labels)
    )
    return Group(
        key=key,
        summaries=tuple(summaries),
        speakers=summarize_speakers(summaries),
        unfinished=tuple(gathered.unfinished),
        labels=labels,
        budget_names=_budget_names(gathered.results),
        budgets=_budgets([result.plan for result in gathered.results] + gathered.unfinished),
        notes=(*notes, *_code_notes(kept)),
    )


def _place(summary: Summary, labels: dict[str, str]) -> tuple[object, ...]:
    plan = summary.first.plan
    size = (plan.memory.layers, plan.memory.hidden_size)
    return (natural(plan.mode), natural(labels[plan.key]), *size, natural(plan.held_out or ""), plan.key)


def _budgets(trials: Iterable[RunPlan]) -> tuple[int, ...]:
    return tuple(sorted({plan.memory.budget_bytes for plan in trials if plan.memory.budget_bytes}))


def _budget_names(results: Iterable[Result]) -> dict[str, str]:
    names: dict[str, dict[str, None]] = {}
    for result in results:
        names.setdefault(result.plan.key, {})[result.plan.memory.budget] = None
    return {key: ", ".join(each) for key, each in names.items()}


def _without_repetitions(results: Iterable[Result]) -> tuple[list[Result], list[str]]:
    """The same trial with the same seed, of another sweep or under another budget, is no new sample: it counts once."""
    kept: dict[tuple[str, int, str], Result] = {}
    notes, alike = [], 0
    for result in results:
        first = kept.setdefault((result.plan.key, result.plan.seed, result.view), result)
        if first is result:
            continue
        if first.deployed.correct == result.deployed.correct:
            alike += 1
            continue
        one, other = (f"{each.plan.run.sweep}/{each.plan.run.folder.name}" for each in (first, result))
        notes.append(f"{other} repeats {one} with another result; only the first is counted")
    if alike:
        runs = "1 run repeats a network" if alike == 1 else f"{alike} runs repeat networks"
        notes.append(f"{runs} of another sweep or budget with the same result; each network is counted once")
    return list(kept.values()), notes


def _code_notes(results: Sequence[Result]) -> list[str]:
    commits = sorted({str(result.plan.record.git.get("commit")) for result in results})
    if len(commits) < 2:
        return []
    short = ", ".join(commit[:10] for commit in commits)
    return [f"these trials were made by {len(commits)} versions of the code ({short})"]


def variant_labels(trials: Sequence[RunPlan]) -> dict[str, str]:
    """For each trial key the settings, beside hidden size, speaker and mode, in which trials of one mode differ."""
    by_mode: dict[str, list[RunPlan]] = {}
    for plan in trials:
        by_mode.setdefault(plan.mode, []).append(plan)
    names = {
        name
        for alike in by_mode.values()
        for name in differing([plan.config for plan in alike])
        if name not in ("model.hidden_size", "split.held_out")
    }
    return {
        plan.key: ", ".join(_short_key(name, plan.config.get(name)) for name in sorted(names, key=natural))
        for plan in trials
    }


def _short_key(name: str, value: object) -> str:
    """`memory_budget=kb8`, `layers=1`: short, for legends."""
    group, _, last = name.rpartition(".")
    return f"{group if last == 'name' else last}={value}"
