"""`run.json`: what a run was, what it reached, how it ended. Written atomically, whatever happens."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fsdd_lightning.errors import RunFailedError, UserError

SCHEMA_VERSION = 1
FILE_NAME = "run.json"
STATUSES = ("done", "refused", "failed", "interrupted")

logger = logging.getLogger(__name__)


@dataclass
class RunRecord:
    """The record of one run. Fields may be added in later versions, never renamed."""

    name: str
    overrides: list[str]
    config: dict[str, Any]
    config_hash: str
    seed: int
    status: str = "interrupted"  # until it ends in another way: a killed run can't say so itself
    error: str | None = "still running, or killed"
    started: str = ""
    dataset: dict[str, Any] = field(default_factory=dict)
    split: dict[str, Any] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    agreement: dict[str, float] = field(default_factory=dict)
    timings_s: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    git: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    schema_version: int = SCHEMA_VERSION

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds spent inside to `timings_s[stage]`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = self.timings_s.get(stage, 0.0) + time.perf_counter() - start
            self.timings_s[stage] = round(spent, 3)


@contextmanager
def recorded(record: RunRecord, folder: Path) -> Iterator[RunRecord]:
    """Keep `record` in `folder`/run.json while the run lasts, and its end however it ends.

    Inside, an exception marks the run as failed, Ctrl-C and SIGTERM as interrupted; all go on upwards.
    """
    record.started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    start = time.perf_counter()
    try:
        write_record(record, folder)
        yield record
        record.status, record.error = "done", None
    except BaseException as error:
        record.status = "failed" if isinstance(error, Exception) else "interrupted"
        record.error = _first_line(error)
        logger.exception("the run ended early")
        raise
    finally:
        record.timings_s["total"] = round(time.perf_counter() - start, 3)
        write_record(record, folder)


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    kind = type(error).__name__
    if isinstance(error, UserError | RunFailedError) and text:
        return text[0]
    return f"{kind}: {text[0]}" if text else kind


def write_record(record: RunRecord, folder: Path) -> None:
    """Replace `folder`/run.json in one step: a reader sees the old record or the new one, never a half."""
    text = json.dumps(dataclasses.asdict(record), indent=2, allow_nan=False) + "\n"
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=FILE_NAME, suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(folder / FILE_NAME)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_record(folder: Path) -> RunRecord:
    """The record of a run folder.

    Raises:
        UserError: no record, a broken or foreign one, or one of a newer version.
    """
    path = folder / FILE_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{folder} is not a run folder: it holds no {FILE_NAME}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read ({error}); delete the folder and run again") from error
    return _from_content(content, path)


def _from_content(content: Any, path: Path) -> RunRecord:
    version = content.get("schema_version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise UserError(f"{path} is not a run record of fsdd_lightning: it has no schema_version")
    if version > SCHEMA_VERSION:
        raise UserError(
            f"{path} is of schema version {version}; this program knows {SCHEMA_VERSION}: update it"
        )
    known = {each.name for each in dataclasses.fields(RunRecord)}
    try:
        return RunRecord(**{key: value for key, value in content.items() if key in known})
    except TypeError as error:
        raise UserError(f"{path} is incomplete: {str(error).split('() ')[-1]}") from error
