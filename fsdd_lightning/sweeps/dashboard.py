"""A sweep's own page in TensorBoard: final metrics over hidden size, one curve for all that else differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import mean

from fsdd_lightning.artifacts import place_within
from fsdd_lightning.config.load import run_name
from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.metrics import final_metrics
from fsdd_lightning.runs.record import RUN_FILE, RunRecord, missing_fields, read_record
from fsdd_lightning.runs.results import EVENTS, find_files
from fsdd_lightning.sweeps.manifest import CURVES
from fsdd_lightning.sweeps.names import varying
from fsdd_lightning.sweeps.trial import Trial
from fsdd_lightning.training.tensorboard import metrics_step, write_curve

# What a curve goes over, and what it averages.
_WITHIN = ("model.hidden_size=", "model=", "hidden_size=", "seed=")
Points = dict[int, dict[str, float]]  # by hidden size: mean over seeds of the final metrics


def write_curves(trials: Sequence[Trial]) -> None:
    """Draw the curves of the sweeps to which these trials belong again; of several hidden sizes only."""
    for sweep in dict.fromkeys(trial.folder.parent for trial in trials):
        with suppress(OSError, UserError):  # a full disk, or a link there, must not hide how the sweep ended
            _remove_curves(sweep)
            for name, points in curves(list(_records(sweep))).items():
                if len(points) > 1:
                    write_curve(points, place_within(sweep, f"{CURVES}/{name}"))


def _remove_curves(sweep: Path) -> None:
    for path, _ in list(find_files(place_within(sweep, CURVES), [f"*/{EVENTS}"])):
        if not path.is_symlink():
            path.unlink()
            with suppress(OSError):  # it holds something else
                path.parent.rmdir()
    with suppress(OSError):
        (sweep / CURVES).rmdir()


def curves(records: Sequence[RunRecord]) -> dict[str, Points]:
    """By name, which holds the overrides that not all of these finished runs have."""
    found: dict[str, dict[int, list[dict[str, float]]]] = defaultdict(lambda: defaultdict(list))
    for record, varies in zip(records, varying([record.overrides for record in records]), strict=True):
        own = [text for text in varies if not text.startswith(_WITHIN)]
        name = run_name(own or [str(record.config["quantization"]["name"])])
        found[name][metrics_step(record)].append(final_metrics(record))
    return {name: {size: _means(of[size]) for size in sorted(of)} for name, of in found.items()}


def _means(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of the metrics that all of them have."""
    common = [name for name in runs[0] if all(name in run for run in runs)]
    return {name: mean(run[name] for run in runs) for name in common}


def _records(sweep: Path) -> Iterator[RunRecord]:
    """Of all that is done in a sweep, also by earlier commands."""
    for path in sorted(sweep.glob(f"*/{RUN_FILE}")):
        with suppress(UserError):
            record = read_record(path.parent)
            if record.status == "done" and not missing_fields(record):
                yield record
