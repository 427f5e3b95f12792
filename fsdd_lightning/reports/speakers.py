"""Leaving one speaker out at a time: how a configuration does on each voice that it has never heard."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from fsdd_lightning.reports.flatten import natural
from fsdd_lightning.reports.results import RunPlan
from fsdd_lightning.reports.statistics import Summary


@dataclass(frozen=True)
class SpeakerSummary:
    """One configuration; `by_speaker` holds its seeds' summary for each held-out voice that was run.

    `missing` are voices that other configurations were run for: a mean without them can't be compared.
    """

    by_speaker: dict[str, Summary]
    missing: tuple[str, ...]

    @property
    def plan(self) -> RunPlan:
        """One of the trials, for what they have in common."""
        return next(iter(self.by_speaker.values())).first.plan

    @property
    def accuracies(self) -> dict[str, float]:
        """Mean over seeds, by speaker."""
        return {speaker: summary.accuracy.mean for speaker, summary in self.by_speaker.items()}

    @property
    def mean(self) -> float:
        """Over speakers, each counting the same."""
        return statistics.fmean(self.accuracies.values())

    @property
    def worst(self) -> str:
        """The speaker with the lowest accuracy; the first in order where several are as low."""
        return min(self.accuracies, key=self.accuracies.__getitem__)

    @property
    def spread(self) -> float:
        """Best speaker minus worst."""
        return max(self.accuracies.values()) - min(self.accuracies.values())

    @property
    def std(self) -> float | None:
        """Standard deviation over speakers; None for one."""
        values = list(self.accuracies.values())
        return statistics.stdev(values) if len(values) > 1 else None

    @property
    def drop(self) -> float | None:
        """Mean over speakers of the float-to-deployed drop."""
        drops = [summary.drop.mean for summary in self.by_speaker.values() if summary.drop is not None]
        return statistics.fmean(drops) if len(drops) == len(self.by_speaker) else None


def summarize_speakers(summaries: Sequence[Summary]) -> tuple[SpeakerSummary, ...]:
    """Those of `summaries` in which a voice was held out, configuration by configuration."""
    by_configuration: dict[str, dict[str, Summary]] = {}
    for summary in summaries:
        plan = summary.first.plan
        if plan.held_out is not None:
            by_configuration.setdefault(_configuration(summary), {})[plan.held_out] = summary
    everyone = sorted({speaker for each in by_configuration.values() for speaker in each}, key=natural)
    return tuple(
        SpeakerSummary(
            {speaker: each[speaker] for speaker in everyone if speaker in each},
            tuple(speaker for speaker in everyone if speaker not in each),
        )
        for each in by_configuration.values()
    )


def _configuration(summary: Summary) -> str:
    """Settings and view, but for the speaker."""
    config = {k: v for k, v in summary.first.plan.config.items() if k != "split.held_out"}
    return json.dumps([config, summary.first.view], sort_keys=True, default=str)
