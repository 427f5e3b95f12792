"""`run.json`: a run's config, results and end. It is written atomically, also when the run fails."""

from __future__ import annotations

import dataclasses
import functools
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fsdd_lightning.artifacts import Kind, MissingError, write_json
from fsdd_lightning.config.load import config_to_mapping, content_hash, with_current_keys
from fsdd_lightning.errors import first_line
from fsdd_lightning.files import RECORD_BYTES
from fsdd_lightning.interruption import asked, obey, shielded
from fsdd_lightning.runs.machine import describe_machine
from fsdd_lightning.runs.plan import RunPlan
from fsdd_lightning.runs.provenance import code_digest, git_state, package_versions
from fsdd_lightning.runs.record_fields import check_fields

RUN_FILE = "run.json"
KIND = Kind("a run record", 1, "run this one again", version_key="schema_version", limit=RECORD_BYTES)
EVALUATIONS = "evaluations"  # the folder beside it about other recordings
EXPORT = "export"  # the folder beside it that holds the C files of an integer network
LISTEN_PAGE, COMPARE_PAGE = "listen.html", "compare.html"  # in it: pages that hear with this network, and with another
BACKENDS = ("float", "quantized", "integer", "c")
WAYS = {"heard": "through the listener", "alone": "clips alone"}  # in which other corpora are recognized, in words
PRESENTED = "pictures"  # in `timings_s` of a run that is done and shown
LEFT_BEHIND = "what an interrupted run resumes from is left behind, which changes no result"  # begins a note
STATUSES = ("done", "over_budget", "failed", "interrupted")
RUNNING = "still running, or killed"

logger = logging.getLogger(__name__)


class NoRecordError(MissingError):
    """There is no run.json."""


@dataclass
class RunRecord:
    """The record of one run. Fields may be added in later versions, never renamed."""

    name: str
    overrides: list[str]
    config: dict[str, Any]
    config_hash: str
    seed: int
    status: str = "interrupted"  # until another end is recorded: a killed run can't do that
    error: str | None = RUNNING
    started: str = ""
    dataset: dict[str, Any] = field(default_factory=dict)
    split: dict[str, Any] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    agreement: dict[str, float] = field(default_factory=dict)
    confidence: dict[str, Any] = field(default_factory=dict)  # of the deployed backend in the test clips
    calibration: dict[str, dict[str, Any]] = field(default_factory=dict)  # by backend; empty in older runs
    others: dict[str, dict[str, Any]] = field(default_factory=dict)  # by corpus: people who were never heard
    unheard: dict[str, Any] = field(default_factory=dict)  # a second network, on the one voice it never hears
    timings_s: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    git: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)  # what the bits of float sums depend on, see machine.py
    code_digest: str = ""  # of the package's sources, see provenance.py
    digests: dict[str, str] = field(default_factory=dict)  # of files that belong to this record; {} in older runs
    owns: list[str] | None = None  # files that the next run may remove, see results.py; None in older runs
    notes: list[str] = field(default_factory=list)
    schema_version: int = KIND.version

    @property
    def is_running(self) -> bool:
        """Whether its end is not recorded yet: the run goes on, or was killed."""
        return self.status == "interrupted" and self.error == RUNNING

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds spent inside to `timings_s[stage]`. A signal that was lost ends the run before the stage."""
        obey()
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = self.timings_s.get(stage, 0.0) + time.perf_counter() - start
            self.timings_s[stage] = round(spent, 3)


def new_record(plan: RunPlan, overrides: list[str]) -> RunRecord:
    """The record of a trial that has not run yet."""
    config = config_to_mapping(plan.config)
    return RunRecord(
        name=plan.config.name,
        overrides=overrides,
        config=config,
        config_hash=content_hash(config),
        seed=plan.config.seed,
        memory=plan.memory_record(),
        versions=package_versions(),
        git=git_state(),
        machine=describe_machine(),
        code_digest=code_digest(),
    )


@contextmanager
def recorded(record: RunRecord, folder: Path) -> Iterator[Callable[[], None]]:
    """Write `record` to `folder`/run.json at the start of the run and at its end, however it ends.

    An exception marks the run as failed, Ctrl-C, SIGTERM and SIGHUP as interrupted; all of them are raised again.
    Yields what records that the run is done, which is called at the end of the context or earlier: an exception of what
    comes after it is a note.
    """
    record.started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    start = time.perf_counter()
    conclude = functools.partial(_conclude, record, folder, start)
    try:
        write_record(record, folder)
        yield conclude
        if record.status != "done":
            conclude()
    except BaseException as error:
        logger.exception("the run ended early")
        if record.status != "done":
            _record_end(record, folder, error, start)
        elif isinstance(error, Exception):
            record.notes.append(f"after the end of the run: {first_line(error)}")
            return
        raise


def _conclude(record: RunRecord, folder: Path, start: float) -> None:
    obey()
    record.timings_s["total"] = round(time.perf_counter() - start, 3)
    with shielded():
        write_record(dataclasses.replace(record, status="done", error=None), folder)
        record.status, record.error = "done", None
    obey()


def _record_end(record: RunRecord, folder: Path, error: BaseException, start: float) -> None:
    record.status = "failed" if isinstance(error, Exception) and asked() is None else "interrupted"
    record.error = first_line(error)
    record.timings_s["total"] = round(time.perf_counter() - start, 3)
    with shielded():
        write_record(record, folder)


def write_record(record: RunRecord, folder: Path) -> None:
    """Replace `folder`/run.json in one step: a reader sees the old record or the new one, never half of one."""
    write_json(folder / RUN_FILE, dataclasses.asdict(record))


def read_record(folder: Path) -> RunRecord:
    """The record of a run folder.

    Raises:
        NoRecordError: there is none.
        DamagedError: it is cut off, no JSON, or its fields are not those of a record.
        ArtifactError: it can't be read, is a foreign file, or one of a newer version.
    """
    try:
        return KIND.read(folder / RUN_FILE, _parse)
    except MissingError:
        raise NoRecordError(f"{folder} is not a run folder: it holds no {RUN_FILE}") from None


def missing_fields(record: RunRecord) -> list[str]:
    """What that of a finished run lacks of what its readers need: dotted names."""
    lacking = [f"dataset.{key}" for key in ("digest", "folder", "name", "source") if key not in record.dataset]
    lacking += [
        f"views.{name}.{key}"
        for name, score in record.views.items()
        for key in ("accuracy", "correct", "total")
        if key not in score
    ]
    lacking += [] if record.views else ["views"]
    lacking += [f"memory.{key}" for key in ("flash_bytes", "float32_bytes") if key not in record.memory]
    return lacking + ([] if "name" in record.config.get("quantization", {}) else ["config.quantization.name"])


def _parse(data: bytes) -> RunRecord:
    known = {field.name for field in dataclasses.fields(RunRecord)}
    content = _with_current_names(KIND.parse_json(data))
    check_fields(content)
    return RunRecord(**{key: content[key] for key in content if key in known})


def _with_current_names(content: dict[str, Any]) -> dict[str, Any]:
    """The record of an earlier version with the current names; the check finds what is missing or malformed."""
    config, status = content.get("config"), content.get("status")
    renamed = {"config": with_current_keys(config)} if isinstance(config, dict) else {}
    return content | renamed | ({"status": "over_budget"} if status == "refused" else {})
