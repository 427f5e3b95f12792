"""A finished run on other recordings than its own, as they are: all its backends, by speaker.

How whole recordings do through the listener of a device, and how far its confidence can be trusted there, measures
`other_corpora.py`.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fsdd_lightning.artifacts import place_within, write_json
from fsdd_lightning.data.others import load_others
from fsdd_lightning.data.recordings import RecordingSet
from fsdd_lightning.evaluation.clips import ClipMaker
from fsdd_lightning.evaluation.evaluate import BackendScores, evaluate_clips
from fsdd_lightning.evaluation.other_corpora import Answers, Means, by_speaker, means
from fsdd_lightning.evaluation.report_files import beside_others
from fsdd_lightning.evaluation.run import OpenRun
from fsdd_lightning.evaluation.scores import Score
from fsdd_lightning.runs.folder import recorded_data
from fsdd_lightning.runs.metrics import deployed_backend
from fsdd_lightning.runs.record import EVALUATIONS


@dataclass(frozen=True, eq=False)
class RecordingsReport:
    """What a run makes of recordings. `backend` is the deployed one, of which `speakers` are counted: (right, all)."""

    recordings: RecordingSet
    evaluated: BackendScores
    backend: str
    speakers: dict[str, tuple[int, int]]
    labels: tuple[str, ...]
    note: str | None  # on a backend that is missing

    @property
    def over_speakers(self) -> Means:
        """Of accuracies that count the same, whatever the number of clips."""
        return means({name: right / total for name, (right, total) in self.speakers.items()})

    @property
    def scores(self) -> dict[str, Score]:
        """By backend; a word of which there are no clips does not count in their macro means."""
        return {name: _of_spoken_words(score) for name, score in self.evaluated.scores.items()}


def recordings_report(run: OpenRun, folder: Path, backend: str | None = None) -> RecordingsReport:
    """Evaluate one backend, or all that the run has, on all recordings of `folder`, in either layout.

    Raises:
        UserError: no recordings, bad ones, or words that the network does not know; a backend that there is not.
        RunFailedError: two backends that must be equal differ.
    """
    labels = run.checkpoint.labels
    (recordings,) = load_others([folder], run.config.features, "--data", labels=labels)
    calibration = recorded_data(run, None) if run.config.quantization.baseline else None
    with run.threads(), run.backends(calibration, backend) as backends:
        clips = ClipMaker(run.config.features, run.statistics, run.config.listener)(recordings.waveforms)
        evaluated = evaluate_clips(backends.by_name, clips, recordings.targets(labels), labels)
    deployed = deployed_backend(evaluated.scores) or "float"
    right = evaluated.predictions(deployed) == recordings.targets(labels)
    answers = Answers(evaluated.logits[deployed], np.ones(len(right), np.bool_), None)
    speakers = {one.name: (one.correct, one.total) for one in by_speaker(recordings, answers, right)}
    return RecordingsReport(recordings, evaluated, deployed, speakers, labels, backends.note)


def _of_spoken_words(score: Score) -> Score:
    return replace(score, macro_f1=float(np.mean([word.f1 for word in score.classes if word.clips])))


def recordings_record(report: RecordingsReport) -> dict[str, Any]:
    """Plain types, as in the file."""
    over, recordings = report.over_speakers, report.recordings
    return {
        "name": recordings.name,
        "folder": str(recordings.folder.resolve()),
        "digest": recordings.digest,
        "clips": len(recordings.recordings),
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "labels": list(report.labels),
        "backend": report.backend,
        "backends": {name: score.as_record() for name, score in report.scores.items()},
        "speakers": {
            name: {"correct": right, "total": total, "accuracy": right / total}
            for name, (right, total) in report.speakers.items()
        },
        "mean_over_speakers": asdict(over),
        "worst_speaker": {"name": over.worst_name, "accuracy": over.worst},
    }


def write_recordings(report: RecordingsReport, run_folder: Path) -> Path:
    """`evaluations/NAME.json` of a run folder; what was measured of the same recordings in other ways stays in it."""
    path = place_within(run_folder, EVALUATIONS) / f"{report.recordings.name}.json"
    path.parent.mkdir(exist_ok=True)
    write_json(path, beside_others(path, recordings_record(report)))
    return path
