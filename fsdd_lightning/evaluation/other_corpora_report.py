"""What was counted of other corpora as plain records, as RUN/evaluations/NAME.json, .csv and .png, and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fsdd_lightning.artifacts import place_within
from fsdd_lightning.data.recordings import RecordingSet, folder_digest
from fsdd_lightning.evaluation.confidence import Confidence
from fsdd_lightning.evaluation.other_corpora import CorpusScore, Count, OthersReport, WayScore, group_names, means
from fsdd_lightning.evaluation.pictures import caption, label
from fsdd_lightning.evaluation.report_files import COLORS, beside_others, write_report
from fsdd_lightning.runs.record import EVALUATIONS, WAYS, RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# ---- records


def describe_others(record: RunRecord, report: OthersReport, corpora: Sequence[RecordingSet]) -> None:
    """Fill the parts of a record about confidence and about people never heard; without confusion and bins."""
    record.confidence = report.test_clips.as_record()
    record.others = {
        score.name: {
            # of all files, where some were left out
            "folder_digest": folder_digest(corpus.folder, corpus.words) if corpus.bad else corpus.digest,
            **{name: way_record(way) for name, way in score.ways.items()},
        }
        for score, corpus in zip(report.corpora, corpora, strict=True)
    }


def way_record(way: WayScore) -> dict[str, Any]:
    """Counts, means over groups and over people, confidence; [correct, total] by speaker."""
    every = way.all
    rejecting = every.accepted is not None
    return {
        "recordings": every.total,
        "found": every.found,
        "correct": every.correct,
        "groups": asdict(means(_accuracies(way.groups))),
        "people": asdict(means(_accuracies(way.speakers))),
        **({"rejecting": _rejecting_record(way)} if rejecting else {}),
        **way.confidence.as_record(),
        "by_speaker": {one.name: [one.correct, one.total] for one in way.speakers},
    }


def _rejecting_record(way: WayScore) -> dict[str, Any]:
    """The same of the answers that are not rejected; what is rejected is not right."""
    return {
        "accepted": way.all.accepted,
        "correct": way.all.accepted_correct,
        "groups": asdict(means(_accepted_accuracies(way.groups))),
        "people": asdict(means(_accepted_accuracies(way.speakers))),
    }


def _accuracies(counts: Sequence[Count]) -> dict[str, float]:
    return {one.name: one.accuracy for one in counts}


def _accepted_accuracies(counts: Sequence[Count]) -> dict[str, float]:
    return {one.name: one.accepted_accuracy for one in counts if one.accepted_accuracy is not None}


def whole_records(report: OthersReport) -> dict[str, dict[str, Any]]:
    """All that was measured, by corpus, and the confidence in the run's own test clips beside it."""
    return {score.name: _whole_record(score, report) for score in report.corpora}


def _whole_record(score: CorpusScore, report: OthersReport) -> dict[str, Any]:
    ways = {name: way_record(way) | _details(way) for name, way in score.ways.items()}
    own = report.test_clips.as_record() | {"bins": [asdict(one) for one in report.test_clips.bins]}
    return {"corpus": score.name, "digest": score.digest, "backend": report.backend, **ways, "test_clips": own}


def _details(way: WayScore) -> dict[str, Any]:
    return {
        "by_speaker": [asdict(one) for one in way.speakers],
        "by_group": [asdict(one) for one in way.groups],
        "confusion": [list(row) for row in way.confusion],
        "bins": [asdict(one) for one in way.confidence.bins],
    }


def write_corpora(report: OthersReport, run_folder: Path, title: str) -> None:
    """For each corpus NAME.json, NAME.csv (a line a speaker and way) and NAME.png, in `evaluations` of a run folder."""
    folder = place_within(run_folder, EVALUATIONS)
    folder.mkdir(exist_ok=True)
    records = whole_records(report)
    for score in report.corpora:
        people = f"{len(next(iter(score.ways.values())).speakers)} people never heard"
        text = caption(f"{title}, {report.backend}: {people}, {score.name}")
        record = beside_others(folder / f"{score.name}.json", records[score.name])
        write_report(folder, score.name, record, _rows(score), partial(corpus_figure, score, report.test_clips, text))


def _rows(score: CorpusScore) -> list[dict[str, Any]]:
    return [
        {"way": way, "group": group, **asdict(one)}
        for way, scored in score.ways.items()
        for one, group in zip(scored.speakers, group_names(scored.speakers), strict=True)
    ]


# ---- the figure


def corpus_figure(score: CorpusScore, test_clips: Confidence, title: str) -> Figure:
    """Accuracy of groups and their people; confidence against accuracy; accuracy where the least sure are rejected."""
    from matplotlib.figure import Figure

    groups = len(next(iter(score.ways.values())).groups)
    figure = Figure(figsize=(12.0, max(4.4, 2.0 + 0.3 * groups)), dpi=120, layout="constrained")
    people, reliability, rejection = figure.subplots(1, 3, width_ratios=(5, 4, 4))
    _draw_people(people, score.ways)
    confidences = {WAYS[name]: way.confidence for name, way in score.ways.items()} | {"own test clips": test_clips}
    _draw_reliability(reliability, confidences)
    _draw_rejection(rejection, confidences)
    figure.suptitle(title)
    return figure


def _draw_people(axes: Axes, ways: Mapping[str, WayScore]) -> None:
    """A line a group: a large mark for it, small ones for its people, where it has several."""
    groups = next(iter(ways.values())).groups
    at = {group.name: row for row, group in enumerate(groups)}
    for index, (name, way) in enumerate(ways.items()):
        color, shift = COLORS[index], 0.3 * (index - (len(ways) - 1) / 2)
        crowd = [
            (100 * one.accuracy, at[group] + shift)
            for one, group in zip(way.speakers, group_names(way.speakers), strict=True)
            if one.name != group
        ]
        if crowd:
            x, y = np.array(crowd).T
            axes.scatter(x, y, 12, color=color, alpha=0.3, linewidths=0)
        mean = 100 * means(_accuracies(way.groups)).mean
        axes.axvline(mean, color=color, linestyle="--", linewidth=1)
        values, rows = [100 * group.accuracy for group in way.groups], [at[group.name] + shift for group in way.groups]
        axes.plot(values, rows, "os"[index], color=color, markersize=7, label=f"{WAYS[name]}, mean {mean:.1f} %")
    names = [
        f"{label(group.name)} ({group.people} people)" if group.people > 1 else label(group.name) for group in groups
    ]
    axes.set_yticks(range(len(groups)), names)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlim(-2, 102)
    axes.set_xlabel("recognized right, %")
    axes.grid(axis="x", color="0.9")
    axes.set_title("speakers (small: of a group); dashed: their mean", fontsize="medium")
    _legend_below(axes)


def _draw_reliability(axes: Axes, confidences: Mapping[str, Confidence]) -> None:
    """A mark a bin, the larger the more clips it holds."""
    axes.plot([0, 100], [0, 100], color="0.6", linewidth=1)
    for color, (name, one) in zip(COLORS, confidences.items(), strict=False):
        clips = max(sum(each.clips for each in one.bins), 1)
        x = [100 * each.confidence for each in one.bins]
        y = [100 * each.accuracy for each in one.bins]
        axes.scatter(x, y, [6 + 300 * each.clips / clips for each in one.bins], color=color, alpha=0.6, linewidths=0)
        error = "none answered" if one.ece is None else f"ECE {100 * one.ece:.1f} %"
        axes.plot([], [], "o", color=color, markersize=6, alpha=0.6, label=f"{name}: {error}")
    axes.set_xlim(0, 102)
    axes.set_ylim(0, 102)
    axes.set_xlabel("probability of the answer, %")
    axes.set_ylabel("right, %")
    axes.set_title("confidence: on the line as sure as right", fontsize="medium")
    _legend_below(axes)


def _draw_rejection(axes: Axes, confidences: Mapping[str, Confidence]) -> None:
    """Accuracy of those that are answered, the surest first."""
    for color, (name, one) in zip(COLORS, confidences.items(), strict=False):
        accuracies = [100 * accuracy for accuracy in one.accuracy_at.values()]
        axes.plot(list(one.accuracy_at), accuracies, "o-", color=color, markersize=4, linewidth=1.3, label=name)
    axes.invert_xaxis()
    axes.margins(y=0.08)
    axes.set_xlabel("answered, % (largest margins first)")
    axes.set_ylabel("right of those answered, %")
    axes.grid(color="0.9")
    axes.set_title("the least sure are rejected", fontsize="medium")
    _legend_below(axes)


def _legend_below(axes: Axes) -> None:
    """Where it covers nothing."""
    axes.legend(fontsize="small", frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16))
