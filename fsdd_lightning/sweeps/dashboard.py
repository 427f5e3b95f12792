"""A sweep's own page in TensorBoard: final metrics over hidden size, one curve for all that else differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import mean

from fsdd_lightning.artifacts import exclusive, place_within
from fsdd_lightning.config.load import run_name
from fsdd_lightning.errors import UserError
from fsdd_lightning.files import sync_folder
from fsdd_lightning.runs.metrics import final_metrics
from fsdd_lightning.runs.record import RUN_FILE, RunRecord, missing_fields, read_record
from fsdd_lightning.runs.results import EVENTS, find_files
from fsdd_lightning.sweeps.manifest import CURVES, SWEEP_FILE
from fsdd_lightning.sweeps.names import varying
from fsdd_lightning.sweeps.trial import Trial
from fsdd_lightning.training.tensorboard import metrics_step, write_curve

# What a curve goes over, and what it averages.
_WITHIN = ("model.hidden_size=", "model=", "hidden_size=", "seed=")
_ASIDE = f".{CURVES}.new"  # hidden: no trial
Points = dict[int, dict[str, float]]  # by hidden size: mean over seeds of the final metrics


def write_curves(trials: Sequence[Trial]) -> None:
    """Draw the curves of the sweeps to which these trials belong again; of several hidden sizes only."""
    for sweep in dict.fromkeys(trial.folder.parent for trial in trials):
        with suppress(OSError, UserError):  # a full disk, or a link there, must not hide how the sweep ended
            _replace_curves(sweep)


def _replace_curves(sweep: Path) -> None:
    """Written aside and renamed: what is there is whole, and as old as the rename."""
    with exclusive(sweep / SWEEP_FILE):
        aside = place_within(sweep, _ASIDE)
        _remove_curves(aside)
        for name, points in curves(list(_records(sweep))).items():
            if len(points) > 1:
                write_curve(points, place_within(sweep, f"{_ASIDE}/{name}"))
        _remove_curves(place_within(sweep, CURVES))
        if aside.exists():
            aside.rename(sweep / CURVES)
            sync_folder(sweep)


def _remove_curves(place: Path) -> None:
    for path, _ in list(find_files(place, [f"*/{EVENTS}"])):
        if not path.is_symlink():
            path.unlink()
            with suppress(OSError):  # it holds something else
                path.parent.rmdir()
    with suppress(OSError):
        place.rmdir()


def lacks_curves(trials: Sequence[Trial]) -> bool:
    """Whether a sweep ended, by a kill or a full disk, after these trials and before their curves were drawn."""
    done = [trial for trial in trials if trial.state.name == "done" and trial.state.record is not None]
    for sweep in dict.fromkeys(trial.folder.parent for trial in done):
        inside = [trial for trial in done if trial.folder.parent == sweep]
        sizes = {metrics_step(trial.state.record) for trial in inside if trial.state.record is not None}
        newest = max(_changed(trial.folder / RUN_FILE) for trial in inside)
        if len(sizes) > 1 and _changed(sweep / CURVES) < newest:
            return True
    return False


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


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
