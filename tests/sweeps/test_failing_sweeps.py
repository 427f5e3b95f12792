"""Trials that fail, folders that can't be written, disks that are full: all other trials run, nothing is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from results_table import results_table
from sweep_processes import Finished, run_sweep

Mount = Callable[[str], Path]


def fail_in(mode: str) -> None:
    """A defect that affects only one quantization mode."""
    from fsdd_lightning.training import experiment as training

    test = training.test

    def failing(checkpoint, deployment, context):  # type: ignore[no-untyped-def]
        if context.config.quantization.name == mode:
            raise ZeroDivisionError("deep inside\nmore")
        return test(checkpoint, deployment, context)

    training.test = failing


def statuses(folder: Path) -> list[str]:
    return sorted(json.loads(path.read_text())["status"] for path in folder.glob("multirun/grid/*/run.json"))


def test_all_failures_are_listed_and_the_others_run(finished_sweep: Finished, tmp_path: Path) -> None:
    code, out, err = run_sweep(finished_sweep.words, tmp_path, fail_in, "int4_qat")
    assert code == 1
    assert err == "error: 2 of 4 trials failed, the first with: ZeroDivisionError: deep inside\n"
    assert statuses(tmp_path) == ["done", "done", "failed", "failed"]
    listed = [line for line in out.splitlines() if line.startswith("failed: ")]
    assert [line.split(": ", 1)[1] for line in listed] == [
        f"hidden_size={size},quantization=int4_qat: ZeroDivisionError: deep inside" for size in (4, 3)
    ]
    code, out, err = run_sweep(finished_sweep.words, tmp_path)
    assert (code, err) == (0, "")
    assert results_table(tmp_path / "multirun" / "grid") == results_table(finished_sweep.trials)


@pytest.mark.slow
def test_fail_fast_starts_no_further_trial(finished_sweep: Finished, tmp_path: Path) -> None:
    code, out, err = run_sweep([*finished_sweep.words, "fail_fast=true"], tmp_path, fail_in, "int4_qat")
    assert code == 1
    assert err.startswith("error: 1 of 4 trials failed")
    assert "4 trials: 1 failed, 3 not run" in out
    assert statuses(tmp_path) == ["failed"]
    assert not list((tmp_path / "multirun" / "grid").glob(".stop-*"))
    code, out, err = run_sweep(finished_sweep.words, tmp_path)  # and a later sweep is not stopped by it
    assert (code, err) == (0, "")
    assert results_table(tmp_path / "multirun" / "grid") == results_table(finished_sweep.trials)


@pytest.mark.slow
def test_a_run_folder_that_cannot_be_made_fails_alone(finished_sweep: Finished, tmp_path: Path) -> None:
    name = next(finished_sweep.trials.glob("*/run.json")).parent.name
    (tmp_path / "multirun" / "grid").mkdir(parents=True)
    (tmp_path / "multirun" / "grid" / name).write_text("somebody's file")
    code, out, err = run_sweep(finished_sweep.words, tmp_path)
    assert code == 1
    assert err.startswith("error: 1 of 4 trials failed, the first with: ") and name in err
    assert "4 trials: 3 done, 1 failed" in out
    assert (tmp_path / "multirun" / "grid" / name).read_text() == "somebody's file"


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [60, 400])
def test_a_full_disk_is_one_line_and_loses_only_what_did_not_fit(
    finished_sweep: Finished, tmp_path: Path, mount: Mount, kilobytes: int
) -> None:
    words = [*finished_sweep.words, f"output_root={mount(f'size={kilobytes}k') / 'multirun'}"]
    code, _out, err = run_sweep(words, tmp_path / "here")
    assert code == 1
    (line,) = err.splitlines()
    assert "No space left on device" in line and "free some space" in line
    grid = tmp_path / "small" / "multirun" / "grid"
    done = [path for path in grid.glob("*/run.json") if json.loads(path.read_text())["status"] == "done"]
    kept = {path: path.read_bytes() for path in done}
    mount("size=100m")
    code, _, err = run_sweep(words, tmp_path / "here")
    assert (code, err) == (0, "")
    assert {path: path.read_bytes() for path in done} == kept
    assert views(grid) == views(finished_sweep.trials)


def views(sweep: Path) -> list[str]:
    rows = [json.loads(row) for row in results_table(sweep).splitlines()]
    return sorted(json.dumps([row["config_hash"], row["views"], row["files"]]) for row in rows)


@pytest.mark.slow
def test_a_read_only_folder_is_one_line(finished_sweep: Finished, tmp_path: Path, mount: Mount) -> None:
    place = mount("size=100m")
    shutil.copytree(finished_sweep.folder / "multirun", place / "multirun")
    before = results_table(place / "multirun" / "grid")
    mount("ro")
    words = [*finished_sweep.words, f"output_root={place / 'multirun'}"]
    code, _out, err = run_sweep([*words, "seed=5"], tmp_path / "here")
    assert code == 1
    (line,) = err.splitlines()
    assert "Read-only file system" in line and "choose another output_root=" in line
    assert results_table(place / "multirun" / "grid") == before


@pytest.mark.slow
def test_a_finished_sweep_needs_no_writing(finished_sweep: Finished, tmp_path: Path, mount: Mount) -> None:
    place = mount("size=100m")
    code, _, err = run_sweep([*finished_sweep.words, f"output_root={place / 'multirun'}"], tmp_path / "here")
    assert (code, err) == (0, "")
    mount("ro")
    code, out, err = run_sweep([*finished_sweep.words, f"output_root={place / 'multirun'}"], tmp_path / "here")
    assert (code, err) == (0, "") and "4 trials: 4 skipped" in out
