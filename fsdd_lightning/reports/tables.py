"""The tables of a report, as plain text with the values to sort by; HTML and Markdown are made of them alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsdd_lightning.reports.collect import CollectedRun
from fsdd_lightning.reports.flatten import differing, flatten
from fsdd_lightning.reports.groups import Group
from fsdd_lightning.reports.pictures import speaker_label
from fsdd_lightning.reports.results import Result, cell_of, result_of
from fsdd_lightning.reports.statistics import Estimate, Summary


@dataclass(frozen=True)
class Field:
    """One field of a table. `sort` orders rows where the text would not; `folder` is what it links to."""

    text: str
    sort: float | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class Table:
    """`numeric` names the columns that stand right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Field, ...], ...]
    numeric: frozenset[str] = frozenset()


_NOTHING = Field("")
_NUMBERS = frozenset({
    "network", "accuracy %", "std", "95 % interval", "seeds", "float %", "drop", "macro-F1 %", "flash bytes",
    "RAM bytes", "MACs/clip", "parameters", "worst %", "spread", "mean %", "integer %", "C %", "clips",
})  # fmt: skip


def percent(share: float | None, signed: bool = False) -> Field:
    """0.99333 -> 99.33; nothing for None."""
    if share is None:
        return _NOTHING
    return Field(f"{100 * share:+.2f}" if signed else f"{100 * share:.2f}", share)


def count(value: int) -> Field:
    """12345 -> 12,345."""
    return Field(f"{value:,}", float(value))


def interval(estimate: Estimate) -> Field:
    """Bounds in percent and what they cover."""
    return Field(f"{100 * estimate.low:.2f} – {100 * estimate.high:.2f} ({estimate.kind})", estimate.low)


def summary_table(group: Group) -> Table:
    """One row a configuration, over its seeds."""
    rows = [_summary_row(group, summary) for summary in group.summaries]
    columns = [name for name in rows[0] if any(row[name].text for row in rows)] if rows else []
    return _table(columns, [[row[name] for name in columns] for row in rows])


def _summary_row(group: Group, summary: Summary) -> dict[str, Field]:
    plan, estimate = summary.first.plan, summary.accuracy
    return {
        "mode": Field(plan.mode),
        "variant": Field(group.labels.get(plan.key, "")),
        "speaker": Field(plan.held_out or ""),
        "network": Field(f"{plan.memory.layers}×{plan.memory.hidden_size}", plan.memory.hidden_size),
        "accuracy %": percent(estimate.mean),
        "std": percent(estimate.std),
        "95 % interval": interval(estimate),
        "seeds": count(estimate.n),
        "float %": percent(summary.float_accuracy.mean if summary.float_accuracy else None),
        "drop": percent(summary.drop.mean if summary.drop else None, signed=True),
        "macro-F1 %": percent(summary.macro_f1),
        "flash bytes": count(plan.memory.flash_bytes),
        "RAM bytes": count(plan.memory.ram_bytes),
        "MACs/clip": count(plan.memory.macs_per_clip),
        "budget": Field(group.budget_names[plan.key]),
    }


def speaker_table(group: Group) -> Table:
    """One row a configuration, one column a voice that it never heard; the mean counts every voice the same."""
    names = list(dict.fromkeys(name for each in group.speakers for name in [*each.by_speaker, *each.missing]))
    columns = [
        "configuration",
        "mean %",
        "std",
        "worst %",
        "worst speaker",
        "spread",
        "seeds",
        *names,
        "missing",
    ]
    rows = []
    for index, each in enumerate(group.speakers):
        seeds = sorted({summary.accuracy.n for summary in each.by_speaker.values()})
        numbers = [percent(each.mean), percent(each.std), percent(each.accuracies[each.worst])]
        voices = [percent(each.accuracies.get(name)) for name in names]
        seen = Field("–".join(str(n) for n in sorted({seeds[0], seeds[-1]})), seeds[0])
        ends = [percent(each.spread), seen, *voices, Field(", ".join(each.missing))]
        rows.append([Field(speaker_label(group, index)), *numbers, Field(each.worst), *ends])
    if not any(each.missing for each in group.speakers):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return _table(columns, rows, numeric=frozenset(names))


def changed_keys(runs: Sequence[CollectedRun]) -> list[str]:
    """Settings, data, versions of packages and of the code in which the readable runs differ."""
    return differing([_config(run) for run in runs if run.record is not None])


def _config(run: CollectedRun) -> dict[str, Any]:
    """What a trial was run with, but for names and places."""
    assert run.record is not None
    record = run.record
    flat = flatten({"config": record.config, "versions": record.versions, "git": record.git})
    hidden = (
        "config.name",
        "config.output_root",
        "config.logger.",
        "config.data.root",
        "config.data.cache_dir",
    )
    return {name: value for name, value in flat.items() if not name.startswith(hidden)}


def trials_table(runs: Sequence[CollectedRun]) -> Table:
    """One row a run: what changed between them, how each ended and what came out."""
    changed = changed_keys(runs)
    several = len({run.sweep for run in runs}) > 1
    columns = ["run", *(["sweep"] if several else []), "state", *(short_name(name) for name in changed)]
    columns += ["accuracy %", "float %", "integer %", "C %", "drop", "flash bytes", "RAM bytes"]
    rows = []
    for number, run in enumerate(runs, start=1):
        config = _config(run) if run.record is not None else {}
        row = [
            Field(f"{number}", number, run.folder if run.folder.is_dir() else None),
            *([Field(run.sweep)] if several else []),
        ]
        values = [_value(config.get(name)) for name in changed]
        rows.append([*row, Field(run_state(run)), *values, *_trial_end(run)])
    return _table(columns, rows)


def run_state(run: CollectedRun) -> str:
    """The run's status; `incomplete` for a finished run whose numbers can't be used."""
    return "incomplete" if incompleteness(run) else run.status


def incompleteness(run: CollectedRun) -> str | None:
    """What a finished run's record lacks; None where it is whole, or the run not finished."""
    if run.status != "done":
        return None
    plan = cell_of(run)
    result = plan if isinstance(plan, str) else result_of(plan)
    return result if isinstance(result, str) else None


def short_name(setting: str) -> str:
    """`config.quantization.name` -> `quantization`; `config.model.hidden_size` -> `model.hidden_size`."""
    name = setting.removeprefix("config.")
    return name.removesuffix(".name") if setting.startswith("config.") else name


def _value(value: Any) -> Field:
    if isinstance(value, bool) or value is None:
        return Field("" if value is None else str(value))
    return Field(str(value), float(value)) if isinstance(value, int | float) else Field(str(value))


def _trial_end(run: CollectedRun) -> list[Field]:
    plan = cell_of(run)
    if isinstance(plan, str):
        return [_NOTHING] * 7
    sizes = [count(plan.memory.flash_bytes), count(plan.memory.ram_bytes)]
    result = result_of(plan)
    if not isinstance(result, Result):
        return [_NOTHING] * 5 + sizes
    views = [result.views.get(name) for name in ("float", "integer", "c")]
    accuracies = [percent(view.accuracy if view else None) for view in views]
    return [percent(result.deployed.accuracy), *accuracies, percent(result.drop, signed=True), *sizes]


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[Field]], numeric: frozenset[str] = frozenset()
) -> Table:
    """Columns that hold numbers alone stand right, too."""
    numbers = {
        name
        for index, name in enumerate(columns)
        if any(row[index].sort is not None for row in rows)
        and all(row[index].sort is not None or not row[index].text for row in rows)
    }
    return Table(tuple(columns), tuple(map(tuple, rows)), frozenset(numbers | numeric | _NUMBERS))
