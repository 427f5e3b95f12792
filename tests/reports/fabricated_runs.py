"""Run folders that nobody ran: records as fsdd-train writes them, with results of one's own choice."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fsdd_lightning.config.load import config_to_mapping, content_hash
from fsdd_lightning.config.schema import Config
from fsdd_lightning.evaluation.scores import wilson_interval
from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.reports.frame import frame
from fsdd_lightning.reports.sections import Section, sections
from fsdd_lightning.runs.plan import plan_run
from fsdd_lightning.runs.record import RunRecord, new_record, write_record
from fsdd_lightning.sweeps.compose import compose_trials

DIGEST = "d1" * 32
TOTAL = 600
QUICK = ("seed=", "split.held_out=", "model.hidden_size=")


@functools.cache
def _composed(words: tuple[str, ...]) -> Config:
    ((_, config),) = compose_trials(["data=synthetic", *words], multirun=False)
    return config


@functools.cache
def _provenance() -> dict[str, Any]:
    record = new_record(plan_run(_composed(())), [])
    return {"versions": record.versions, "git": {"commit": "c0" * 20, "dirty": False}}


def _config(words: tuple[str, ...]) -> Config:
    """Composed by Hydra, but for what most runs of a sweep differ in: that is put in afterwards, which is faster."""
    quick = {word.partition("=")[0]: word.partition("=")[2] for word in words if word.startswith(QUICK)}
    config = _composed(tuple(word for word in words if not word.startswith(QUICK)))
    split, model = config.split, config.model
    return dataclasses.replace(
        config,
        seed=int(quick.get("seed", config.seed)),
        split=dataclasses.replace(split, held_out=quick.get("split.held_out", split.held_out)),
        model=dataclasses.replace(model, hidden_size=int(quick.get("model.hidden_size", model.hidden_size))),
    )


def blank_record(*words: str) -> RunRecord:
    """The record of a trial that has not run, at commit c0."""
    plan = plan_run(_config(words))
    config = config_to_mapping(plan.config)
    record = RunRecord("default", list(words), config, content_hash(config), plan.config.seed)
    return dataclasses.replace(record, memory=plan.memory_record(), **copy.deepcopy(_provenance()))


def view(correct: int, total: int = TOTAL) -> dict[str, Any]:
    """A view's score with so many correct clips; the mistakes are all taken for the next digit."""
    counts = [(total + digit) // 10 for digit in range(10)]
    wrong = total - correct
    confusion = [[0] * 10 for _ in counts]
    for digit, count in enumerate(counts):
        missed = min(count, (wrong + digit) // 10)
        confusion[digit][digit] = count - missed
        confusion[digit][(digit + 1) % 10] = missed
    return {
        "accuracy": correct / total,
        "correct": correct,
        "total": total,
        "macro_f1": correct / total,
        "ci95": list(wilson_interval(correct, total)),
        "classes": [{"label": str(digit), "clips": count} for digit, count in enumerate(counts)],
        "confusion": confusion,
    }


def finished(words: tuple[str, ...], correct: Mapping[str, int], digest: str = DIGEST) -> RunRecord:
    """`correct`: of TOTAL clips, for each view."""
    record = blank_record(*words)
    record.status, record.error = "done", None
    record.started = "2026-01-02T03:04:05+0000"
    record.dataset = {"name": "synthetic", "digest": digest, "recordings": 3000, "folder": "/data/synthetic"}
    record.split = {"name": record.config["split"]["name"], "train": 2160, "val": 240, "test": TOTAL}
    record.views = {name: view(count) for name, count in correct.items()}
    record.training = {
        "val_accuracy": {name: (count + 2) // 3 / 200 for name, count in correct.items()},
        "float": {"key": "k", "reused": False, "run": "/runs/elsewhere", "epochs": 3},
    }
    record.timings_s = {"total": 1.5}
    return record


def write(folder: Path, record: RunRecord) -> Path:
    """Write it into a new run folder."""
    folder.mkdir(parents=True)
    write_record(record, folder)
    return folder


def run(folder: Path, mode: str, hidden: int, seed: int, correct: int, *words: str) -> Path:
    """A finished run of which the float network has 590 right, and what is deployed `correct`."""
    every = (f"quantization={mode}", f"model.hidden_size={hidden}", f"seed={seed}", *words)
    views = {"float": 590} | ({} if mode == "float32" else {"quantized": correct, "integer": correct})
    if mode == "float32":
        views["float"] = correct
    return write(folder / ",".join(every).replace("/", "_"), finished(every, views))


def with_curves(folder: Path, epochs: int = 40, first: int = 0) -> Path:
    """Events of a training beside a record: losses fall, accuracies rise; and a histogram's worth of other bytes."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(folder))
    for epoch in range(first, first + epochs):
        values = {"train/loss": 2 / (epoch + 1), "val/loss": 2.2 / (epoch + 1)}
        values |= {"train/accuracy": 1 - 0.8 / (epoch + 1), "val/accuracy": 1 - 0.9 / (epoch + 1)}
        for tag, number in values.items():
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=number)])
            writer.add_event(Event(wall_time=1.0, step=epoch, summary=summary))
    other = Summary.Value(tag="val/accuracy", tensor={"string_val": [b"x" * 5000]})  # type: ignore[arg-type]
    writer.add_event(Event(wall_time=1.0, step=99, summary=Summary(value=[other])))
    writer.close()
    return folder


def ended(folder: Path, status: str, error: str | None, *words: str) -> Path:
    """A run that came to no result."""
    record = blank_record(*words)
    record.status, record.error = status, error
    return write(folder / (",".join(words) or status), record)


def grid(folder: Path, modes: tuple[str, ...] = ("float32", "int8_ptq", "pot_qat"), seeds: int = 3) -> Path:
    """A sweep over modes, two sizes and seeds; the result depends on each."""
    for at, mode in enumerate(modes):
        for hidden in (8, 16):
            for seed in range(1, seeds + 1):
                run(folder, mode, hidden, seed, 500 + hidden * 4 - 3 * at + seed)
    return folder


def leave_one_out(folder: Path, mode: str, correct: Mapping[str, int], seed: int = 1, *words: str) -> None:
    """Runs of 8 units, one a held-out speaker."""
    for speaker, count in correct.items():
        run(folder, mode, 8, seed, count, "split=unseen_speaker", f"split.held_out={speaker}", *words)


def learning_curve(folder: Path, modes: tuple[str, ...] = ("int8_ptq", "int4_qat")) -> Path:
    """Every speaker is recognized 40 clips better for every further speaker in training."""
    for at, mode in enumerate(modes):
        for heard in (1, 2, 4):
            correct = {name: 300 + 40 * heard + 10 * voice - 5 * at for voice, name in enumerate(("ann", "bob", "zoe"))}
            leave_one_out(folder, mode, correct, 1, f"split.train_speakers={heard}")
    return folder


def frame_of(*folders: Path) -> pd.DataFrame:
    """The frame of the runs in these folders."""
    return frame(collect_runs(folders))


def section_of(*folders: Path) -> Section:
    """The only section of these folders."""
    (section,) = sections(frame_of(*folders))
    return section
