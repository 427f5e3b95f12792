"""Files are whole or not at all, shared by processes, and refused in one line; and every kind of file is written so."""

from __future__ import annotations

import errno
import json
import logging
import math
import multiprocessing
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_deployment import deployment_of
from filelock import FileLock

from fsdd_lightning import artifacts
from fsdd_lightning.artifacts import (
    ArtifactError,
    DamagedError,
    ForeignError,
    Kind,
    MissingError,
    archive_damaged,
    arrays_digest,
    cached,
    exclusive,
    replace_file,
    sealed,
    unsealed,
    user_cache_folder,
    write_json,
)
from fsdd_lightning.errors import UserError
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.checkpoint import NETWORK_FILE, Checkpoint, load_checkpoint, save_checkpoint
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.runs.archive import INTEGER_MODEL, load_archive, save_archive
from fsdd_lightning.runs.record import RUN_FILE, RunRecord, read_record, write_record
from fsdd_lightning.sweeps.manifest import SWEEP_FILE, planned_names, write_manifest

LETTER = Kind("a letter", 3, "write it again")


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


NO_SPACE = raising(OSError(errno.ENOSPC, "No space left on device"))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


# writing


def save_network(folder: Path) -> None:
    network, ones = LSTMClassifier(NetworkShape(13, 2, 1, 10)), np.ones(13, np.float32)
    save_checkpoint(Checkpoint(network, network, None, ones, ones, tuple("0123456789")), folder / NETWORK_FILE)


def save_record(folder: Path) -> None:
    write_record(RunRecord(name="trial", overrides=[], config={}, config_hash="ab", seed=2), folder)


KINDS: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    NETWORK_FILE: (save_network, lambda folder: load_checkpoint(folder / NETWORK_FILE)),
    INTEGER_MODEL: (
        lambda folder: save_archive(folder / INTEGER_MODEL, deployment_of()),
        lambda folder: load_archive(folder / INTEGER_MODEL),
    ),
    RUN_FILE: (save_record, read_record),
    SWEEP_FILE: (lambda folder: write_manifest(folder, ["a"], []), planned_names),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_is_replaced_or_left_as_it_was(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, read = KINDS[name]
    (tmp_path / "plain").touch()
    write(tmp_path)
    write(tmp_path)
    before = (tmp_path / name).read_bytes()
    read(tmp_path)
    assert names_in(tmp_path) == sorted([name, "plain"])
    modes = {stat.S_IMODE((tmp_path / file).stat().st_mode) for file in (name, "plain")}
    assert len(modes) == 1, "others may read it as any new file"
    for owner, step in ((Path, "replace"), (os, "fsync")):
        monkeypatch.setattr(owner, step, NO_SPACE)
        with pytest.raises(OSError, match="No space"):
            write(tmp_path)
        assert (tmp_path / name).read_bytes() == before
        assert names_in(tmp_path) == sorted([name, "plain"])


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    contents = {bytes([value]) * 400_000 for value in (1, 2)}
    stop = threading.Event()

    def keep_writing() -> None:
        while not stop.is_set():
            for content in contents:
                replace_file(tmp_path / "a", content)

    replace_file(tmp_path / "a", next(iter(contents)))
    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        for _ in range(30):
            assert (tmp_path / "a").read_bytes() in contents
    finally:
        stop.set()
        writer.join()


def test_nan_and_infinity_become_null(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"x": math.nan, "y": [1.5, -math.inf, (math.inf,)], "z": "Zürich"})
    assert json.loads((tmp_path / "a").read_text()) == {"x": None, "y": [1.5, None, [None]], "z": "Zürich"}


def test_damaged_files_are_numbered(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "[a].json").write_text(str(number))
        assert archive_damaged(tmp_path / "[a].json") == tmp_path / f"[a].json.damaged-{number}"
    assert [path.read_text() for path in sorted(tmp_path.iterdir())] == ["1", "2"]


# reading


def read_letter(path: Path) -> dict[str, Any]:
    return LETTER.read(path, LETTER.parse_json)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    for version in (1, 3):
        write_json(tmp_path / "a", {"version": version, "text": "東京"})
        assert read_letter(tmp_path / "a") == {"version": version, "text": "東京"}


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, MissingError, "is missing; write it again"),
        (b"", DamagedError, r"can't be read \(Expecting value.*\); write it again"),
        (b'{"version": 3', DamagedError, "can't be read"),
        (b"\xff\xfe", DamagedError, r"can't be read \('utf-8' codec"),
        (b"[" * 100_000, DamagedError, "can't be read"),
        (b"[]", ForeignError, "is not a letter of fsdd_lightning: move it away"),
        (b"{}", ForeignError, "is not a letter"),
        (b'{"version": "3"}', ForeignError, "is not a letter"),
        (b'{"version": true}', ForeignError, "is not a letter"),
        (b'{"version": 0}', ForeignError, "is not a letter"),
        (b'{"version": 3, "format": "x"}', ForeignError, "is not a letter"),
        (b'{"version": 4}', ForeignError, "is of version 4; this program knows 3: update it"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, content: bytes | None, error: type[ArtifactError], message: str
) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=message) as caught:
        read_letter(path)
    assert type(caught.value) is error and isinstance(caught.value, UserError)
    assert str(caught.value).startswith(f"{path} ") and "\n" not in str(caught.value)


def test_a_file_that_may_not_be_read_is_not_damaged(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"can't be read \(Is a directory\)") as caught:
        read_letter(tmp_path)
    assert not isinstance(caught.value, DamagedError | MissingError)


def test_whatever_a_parser_raises_is_damage(tmp_path: Path) -> None:
    (tmp_path / "a").touch()

    def parse(content: bytes) -> None:
        raise RuntimeError("one\n  two")

    with pytest.raises(DamagedError, match=r"can't be read \(one two\)"):
        LETTER.read(tmp_path / "a", parse)


# checksums


def test_the_digest_of_arrays_notices_all_that_makes_them() -> None:
    values = np.arange(6, dtype=np.int16)
    others: list[tuple[str, dict[str, Any]]] = [
        ("header", {"a": values}),
        ("other", {"a": values}),
        ("header", {"b": values}),
        ("header", {"a": values[::-1]}),
        ("header", {"a": values.reshape(2, 3)}),
        ("header", {"a": values.view(np.uint16)}),
        ("header", {"a": values, "b": values}),
    ]
    assert len({arrays_digest(*other) for other in others}) == len(others)
    assert arrays_digest("h", {"a": values, "b": -values}) == arrays_digest("h", {"b": -values, "a": values})


def test_a_changed_bit_breaks_the_seal() -> None:
    whole = sealed(b"content")
    assert unsealed(whole) == b"content"
    for at in range(len(whole)):
        with pytest.raises(ValueError, match="checksum"):
            unsealed(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ValueError, match="checksum"):
            unsealed(whole[:at])


# locks


def test_the_lock_keeps_others_out_and_what_a_killed_process_left_goes(tmp_path: Path) -> None:
    mark = "0123456789abcdef" * 2
    (tmp_path / f"a.{mark}.tmp").write_bytes(b"half")
    (tmp_path / f"ab.{mark}.tmp").write_bytes(b"another file's")
    (tmp_path / "a.0123.tmp").write_bytes(b"the user's")
    with exclusive(tmp_path / "a") as waited_s:
        assert waited_s < 0.2
        assert names_in(tmp_path) == ["a.0123.tmp", f"ab.{mark}.tmp"]
        with pytest.raises(OSError), exclusive(tmp_path / "a", timeout_s=0.1):
            pass
    with exclusive(tmp_path / "a", timeout_s=0.0):
        pass


def _hold(path: Path, held: Any) -> None:
    with exclusive(path):
        held.set()
        time.sleep(0.5)


def test_waiting_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    context = multiprocessing.get_context("fork")
    held = context.Event()
    other = context.Process(target=_hold, args=(tmp_path / "a", held))
    other.start()
    assert held.wait(timeout=60)
    with exclusive(tmp_path / "a") as waited_s:
        assert 0.1 < waited_s < 60
    other.join()
    assert f"waiting for {tmp_path / 'a'}, which another process makes" in caplog.text


# caches


class Counted:
    """A value that is dear to make."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> bytes:
        self.calls += 1
        return b"value"


def from_cache(path: Path, make: Callable[[], bytes]) -> bytes:
    return cached(path, load=unsealed, make=make, dump=sealed)


def test_a_value_is_made_once(tmp_path: Path) -> None:
    make = Counted()
    assert [from_cache(tmp_path / "new" / "a", make) for _ in range(3)] == [b"value"] * 3
    assert make.calls == 1


def test_a_damaged_value_is_made_again_with_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make = Counted()
    (tmp_path / "a").write_bytes(b"digits")
    assert [from_cache(tmp_path / "a", make) for _ in range(2)] == [b"value"] * 2
    assert make.calls == 1
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "damaged and will be rebuilt (its checksum is wrong)" in caplog.text


def in_the_way(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.write_text("in the way")


def read_only(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts.FileLock, "acquire", raising(OSError(errno.EROFS, "Read-only file system")))


def lockless(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts.FileLock, "acquire", raising(NotImplementedError("no locks")))


def full(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", NO_SPACE)


def locked_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir()
    monkeypatch.setattr(artifacts, "CACHE_PATIENCE_S", 0.1)
    held = FileLock(f"{path}.lock")
    held.acquire()
    monkeypatch.setattr(artifacts, "held", held, raising=False)  # a lock that nobody refers to is released


OBSTACLES = {
    in_the_way: "exists",
    read_only: "Read-only file system",
    lockless: "no locks",
    full: "No space left on device",
    locked_for_ever: "lock",
}


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_nothing_about_the_folder_stops_anybody(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    obstacle: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    """And what was kept before is still used."""
    make, path = Counted(), tmp_path / "new" / "a"
    from_cache(tmp_path / "filled before", make)
    obstacle(path, monkeypatch)
    assert [from_cache(file, make) for file in (tmp_path / "filled before", path)] == [b"value"] * 2
    assert make.calls == 2
    (warning,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert warning.levelno == logging.WARNING
    assert f"a is computed but not kept: cannot write to {path.parent}" in caplog.text
    assert OBSTACLES[obstacle] in caplog.text
    assert not path.exists() and not list(tmp_path.glob("**/*.tmp"))


def test_an_error_while_making_it_is_passed_on_and_releases_the_lock(tmp_path: Path) -> None:
    def unreadable() -> bytes:
        raise OSError("the drive is gone")

    with pytest.raises(OSError, match="the drive is gone"):
        from_cache(tmp_path / "a", unreadable)
    make = Counted()
    assert [from_cache(tmp_path / "a", make) for _ in range(2)] == [b"value"] * 2
    assert make.calls == 1


def _job(path: Path, barrier: Any, results: Any) -> None:
    make = Counted()

    def slow() -> bytes:
        time.sleep(0.5)  # so that without a lock the other one would begin too
        return make()

    barrier.wait(timeout=120)
    results.put((from_cache(path, slow), make.calls))


def test_two_processes_at_once_make_it_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(2), context.Queue()
    jobs = [context.Process(target=_job, args=(tmp_path / "a", barrier, results)) for _ in range(2)]
    for job in jobs:
        job.start()
    assert sorted(results.get(timeout=120) for _ in jobs) == [(b"value", 0), (b"value", 1)]
    for job in jobs:
        job.join(timeout=60)
    assert [job.exitcode for job in jobs] == [0, 0]


def test_the_cache_folder_is_where_the_user_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache_folder() == tmp_path / "fsdd_lightning"
