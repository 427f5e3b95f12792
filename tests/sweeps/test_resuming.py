"""The same command again: settled trials do not run, changes are named and run again, nothing is lost."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import REPOSITORY, run, run_command
from filelock import FileLock
from results_table import results_table
from sweep_processes import Finished, run_sweep

from fsdd_lightning.data import locate
from fsdd_lightning.data.recordings import folder_digest
from fsdd_lightning.runs import state as trial_state
from fsdd_lightning.runs.provenance import code_digest
from fsdd_lightning.sweeps.compose import check_command
from fsdd_lightning.sweeps.plan import plan_sweep
from fsdd_lightning.sweeps.trial import Trial


def rewrite(run_folder: Path, **changes: Any) -> None:
    path = run_folder / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def records(sweep: Finished) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(sweep.trials.glob("*/run.json"))]


def trial_folder(sweep: Finished, number: int = 0) -> Path:
    return sorted(path.parent for path in sweep.trials.glob("*/run.json"))[number]


def planned(sweep: Finished, *more: str) -> list[Trial]:
    composed = check_command(["-m", *sweep.words, f"output_root={sweep.folder / 'multirun'}", *more])
    return plan_sweep(composed.trials, composed.folder)


def run_state(sweep: Finished, folder: Path) -> trial_state.RunState:
    (found,) = [trial.state for trial in planned(sweep) if trial.folder == folder]
    return found


def test_a_finished_sweep_is_checked_without_heavy_imports(copy_of_sweep: Finished) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy_of_sweep.trials.glob("*/*")}
    process = run_command(copy_of_sweep.folder, "train", "-m", *copy_of_sweep.words)
    assert (process.returncode, process.stderr) == (0, "")
    first, *_, heavy = process.stdout.splitlines()
    assert (first, heavy) == ("4 trials: 0 to run, 4 to skip: they are done", "HEAVY []")
    assert {path: path.stat().st_mtime_ns for path in copy_of_sweep.trials.glob("*/*")} == before


def test_only_what_failed_or_is_missing_runs_again(copy_of_sweep: Finished) -> None:
    whole = results_table(copy_of_sweep.trials)
    rewrite(trial_folder(copy_of_sweep, 0), status="failed", error="the disk was full")
    shutil.rmtree(trial_folder(copy_of_sweep, 1))
    kept = trial_folder(copy_of_sweep, 1) / "run.json"
    before = kept.stat().st_mtime_ns
    code, out, err = run_sweep(copy_of_sweep.words, copy_of_sweep.folder)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "4 trials: 2 to run, 2 to skip: they are done"
    assert "failed before: the disk was full" in out
    assert kept.stat().st_mtime_ns == before
    assert results_table(copy_of_sweep.trials) == whole


def test_what_was_not_measured_on_other_people_runs_again(copy_of_sweep: Finished, tmp_path: Path) -> None:
    people = tmp_path / "people"
    shutil.copytree(next(Path(record["dataset"]["folder"]) for record in records(copy_of_sweep)), people)
    words = f"data.others=[{people}]"
    trials = planned(copy_of_sweep, words)
    assert {(trial.state.name, trial.state.reason) for trial in trials} == {("to run", "not measured on people yet")}
    assert {trial.folder for trial in trials} == {trial.folder for trial in planned(copy_of_sweep)}
    for folder in {trial.folder for trial in trials}:
        rewrite(folder, others={"people": {"folder_digest": folder_digest(people)}})
    assert {trial.state.name for trial in planned(copy_of_sweep, words)} == {"done"}
    next(people.glob("*.wav")).unlink()
    reasons = {trial.state.reason or "" for trial in planned(copy_of_sweep, words)}
    assert all(reason.startswith("recordings of people changed: ") for reason in reasons)
    shutil.rmtree(people)  # what is known stays known, and what is not is asked for before anything is lost
    assert {trial.state.name for trial in planned(copy_of_sweep, words)} == {"done"}
    for folder in {trial.folder for trial in trials}:
        rewrite(folder, others={})
    states = {(trial.state.name, str(trial.state.reason).partition(":")[0]) for trial in planned(copy_of_sweep, words)}
    assert states == {("blocked", "data.others")}


def test_people_who_are_found_nearby_are_measured(
    copy_of_sweep: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody is found, nothing is missing."""
    words = "data.others=nearby"
    corpus = next(Path(record["dataset"]["folder"]) for record in records(copy_of_sweep))
    monkeypatch.setattr(locate, "nearby_folders", lambda name: (tmp_path / name,))
    assert {trial.state.name for trial in planned(copy_of_sweep, words)} == {"done"}
    shutil.copytree(corpus, tmp_path / "other_voices" / "untrimmed")
    reasons = {trial.state.reason for trial in planned(copy_of_sweep, words)}
    assert reasons == {"not measured on untrimmed yet"}


def test_displays_and_another_folder_with_the_same_recordings_start_nothing(
    copy_of_sweep: Finished, tmp_path: Path
) -> None:
    """And a command that sweeps more finds the finished trials, under their names."""
    others = ["callbacks=default", "logger.misclassified_clips=3", f"data.cache_dir={tmp_path}", "seed=1"]
    assert {trial.state.name for trial in planned(copy_of_sweep, *others)} == {"done"}
    more = planned(copy_of_sweep, *others, "seed=1,2")
    done = {trial.run_name for trial in more if trial.state.name == "done"}
    assert done == {path.parent.name for path in copy_of_sweep.trials.glob("*/run.json")}
    assert {trial.run_name for trial in more} == done | {f"{name},seed=2" for name in done}


def test_an_added_value_runs_alone(copy_of_sweep: Finished) -> None:
    words = [word.replace("=4,3", "=4,3,200") for word in copy_of_sweep.words]
    code, out, _ = run_sweep(words, copy_of_sweep.folder)
    assert code == 0
    assert "4 to skip" in out and "2 over_budget" in out.splitlines()[-2]
    manifest = json.loads((copy_of_sweep.trials / "sweep.json").read_text())
    assert [len(command["trials"]) for command in manifest["commands"]] == [4, 6]
    assert len(manifest["trials"]) == 6
    again = run_sweep(words, copy_of_sweep.folder)[1]
    assert again.splitlines()[0] == "6 trials: 0 to run, 6 to skip: they are done"


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "config": (
        lambda record: {
            "config": {**record["config"], "seed": 9, "fail_fast": True},
            "config_hash": "that of another one",
        },
        "config changed: seed 9 -> 1",
    ),
    "code": (lambda record: {"code_digest": "before"}, f"code changed: before -> {code_digest()}"),
    "packages": (
        lambda record: {"versions": {**record["versions"], "torch": "1.0", "python": "3.0"}},
        "packages changed: torch 1.0 -> ",
    ),
    "recordings": (
        lambda record: {"dataset": {**record["dataset"], "folder_digest": "0" * 64}},
        "recordings changed: 000000000000 -> ",
    ),
    "no digest": (lambda record: {"dataset": {}}, "recordings changed: None -> "),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_a_reason_to_run_again(copy_of_sweep: Finished, change: str) -> None:
    folder = trial_folder(copy_of_sweep)
    changed, reason = CHANGES[change]
    rewrite(folder, **changed(json.loads((folder / "run.json").read_text())))
    state = run_state(copy_of_sweep, folder)
    assert state.name == "to run" and str(state.reason).startswith(reason), state.reason
    assert [trial.state.name for trial in planned(copy_of_sweep)].count("done") == 3


def test_what_does_not_affect_a_result_is_no_reason(copy_of_sweep: Finished) -> None:
    rewrite(trial_folder(copy_of_sweep), git={"commit": "another", "dirty": True}, started="yesterday")
    assert all(trial.state.name == "done" for trial in planned(copy_of_sweep))
    assert all(trial.state.name == "done" for trial in planned(copy_of_sweep, "fail_fast=true"))


def test_changed_recordings_are_noticed(copy_of_sweep: Finished, tmp_path: Path) -> None:
    used = Path(json.loads((trial_folder(copy_of_sweep) / "run.json").read_text())["dataset"]["folder"])
    words = [word for word in copy_of_sweep.words if not word.startswith(("data=", "data.synthetic"))]
    mine = Path(shutil.copytree(used, tmp_path / "mine"))
    words += [f"data.root={mine}", "quantization=int8_ptq", "model.hidden_size=3", "name=mine"]
    code, _, err = run_sweep(words, tmp_path)
    assert (code, err) == (0, "")
    sweep = Finished(tmp_path, words, "")
    assert [trial.state.name for trial in planned(sweep)] == ["done"]
    some = next(mine.glob("*.wav"))
    content = bytearray(some.read_bytes())
    content[-1] ^= 1
    some.write_bytes(content)
    (state,) = [trial.state for trial in planned(sweep)]
    assert state.name == "to run" and "recordings changed" in str(state.reason)
    shutil.rmtree(mine)  # a finished trial needs no data
    assert [trial.state.name for trial in planned(sweep)] == ["done"]


@pytest.mark.parametrize("name", ["network.npz", "integer_model.npz"])
def test_a_trial_without_its_own_network_is_not_done(copy_of_sweep: Finished, name: str) -> None:
    folders = [trial_folder(copy_of_sweep, number) for number in range(4)]
    folder, other = [each for each in folders if (each / name).exists()][:2]
    shutil.copyfile(other / name, folder / name)
    state = run_state(copy_of_sweep, folder)
    assert (state.name, state.reason) == ("to run", f"{name} is damaged, or another run's")
    (folder / name).unlink()
    state = run_state(copy_of_sweep, folder)
    assert (state.name, state.reason) == ("to run", f"{name} is missing")
    rewrite(folder, digests={}, owns=None)  # as of an earlier version
    (folder / "network.npz").unlink(missing_ok=True)
    assert run_state(copy_of_sweep, folder).reason == "network.npz is missing"
    assert [trial.state.name for trial in planned(copy_of_sweep)].count("done") == 3


def test_a_lost_network_is_trained_again_to_the_same_bits(copy_of_sweep: Finished) -> None:
    folder, whole = trial_folder(copy_of_sweep), results_table(copy_of_sweep.trials)
    before = {name: (folder / name).read_bytes() for name in ("network.npz", "confusion_float.png")}
    (folder / "network.npz").unlink()
    (folder / "confusion_mine.png").write_text("mine")
    assert run_sweep(copy_of_sweep.words, copy_of_sweep.folder)[0] == 0
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert results_table(copy_of_sweep.trials) == whole
    assert (folder / "confusion_mine.png").read_text() == "mine"


def test_the_outdated_record_is_kept(copy_of_sweep: Finished) -> None:
    folder = trial_folder(copy_of_sweep)
    whole = results_table(copy_of_sweep.trials)
    rewrite(folder, code_digest="before")
    outdated = (folder / "run.json").read_bytes()
    assert run_sweep(copy_of_sweep.words, copy_of_sweep.folder)[0] == 0
    assert [path.read_bytes() for path in (folder / "earlier").iterdir()] == [outdated]
    assert results_table(copy_of_sweep.trials) == whole


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema_version": 1}', b"\x00\xff"], ids=repr)
def test_a_damaged_record_is_a_reason_to_run_again(copy_of_sweep: Finished, content: bytes) -> None:
    folder = trial_folder(copy_of_sweep)
    (folder / "run.json").write_bytes(content)
    state = run_state(copy_of_sweep, folder)
    assert (state.name, state.damaged, state.reason) == ("to run", True, "its run.json is damaged")


def test_a_damaged_record_is_kept_aside(copy_of_sweep: Finished) -> None:
    folder = trial_folder(copy_of_sweep)
    whole = results_table(copy_of_sweep.trials)
    (folder / "run.json").write_bytes(b"{")
    code, out, err = run_sweep(copy_of_sweep.words, copy_of_sweep.folder)
    assert (code, err) == (0, "")
    assert "its run.json is damaged" in out
    assert (folder / "run.json.damaged-1").read_bytes() == b"{"
    assert results_table(copy_of_sweep.trials) == whole


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"accuracy": 0.5}', "run.json is not a run record of fsdd_lightning"),
        ('{"schema_version": 99}', "run.json is of schema version 99; this program knows 1: update it"),
    ],
    ids=["foreign", "newer"],
)
def test_a_foreign_or_newer_record_is_left_alone_and_the_others_run(
    copy_of_sweep: Finished, content: str, reason: str
) -> None:
    blocked, failed = trial_folder(copy_of_sweep, 0), trial_folder(copy_of_sweep, 1)
    (blocked / "run.json").write_text(content)
    before = contents(blocked)
    rewrite(failed, status="failed", error="once")
    code, out, err = run_sweep(copy_of_sweep.words, copy_of_sweep.folder)
    assert code == 1
    assert err.startswith("error: 1 of 4 trials failed, the first with: ") and reason in err
    assert out.splitlines()[-3].startswith("4 trials: 1 done, 1 failed, 2 skipped")
    assert contents(blocked) == before
    assert json.loads((failed / "run.json").read_text())["status"] == "done"


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_trial_that_runs_elsewhere_is_reported_and_not_run(copy_of_sweep: Finished) -> None:
    taken, missing = trial_folder(copy_of_sweep, 0), trial_folder(copy_of_sweep, 1)
    rewrite(taken, status="interrupted", error="still running, or killed")
    shutil.rmtree(missing)
    before = (taken / "run.json").read_bytes()
    with FileLock(taken / "run.lock"):
        code, out, err = run_sweep(copy_of_sweep.words, copy_of_sweep.folder)
    assert (code, err) == (0, "")
    assert "4 trials: 1 done, 1 elsewhere, 2 skipped" in out
    assert "elsewhere: " in out and "another process runs it" in out
    assert (taken / "run.json").read_bytes() == before
    assert json.loads((missing / "run.json").read_text())["status"] == "done"


def test_the_plan_shows_what_the_sweep_would_do(
    copy_of_sweep: Finished, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from fsdd_lightning import plan

    folders = [trial_folder(copy_of_sweep, number) for number in range(4)]
    rewrite(folders[0], code_digest="before")
    (folders[1] / "run.json").write_text('{"schema_version": 99}')
    rewrite(folders[2], status="interrupted", error="still running, or killed")
    monkeypatch.chdir(copy_of_sweep.folder)
    monkeypatch.setattr(sys, "argv", ["fsdd-plan", "-m", *copy_of_sweep.words])
    with FileLock(folders[2] / "run.lock"):
        plan._plan()
    out = capsys.readouterr().out
    counts = dict(reversed(count.split(" ", 1)) for count in out.splitlines()[-1].split(": ")[1].split(", "))
    assert counts == {"to run": "1", "blocked": "1", "running": "1", "done": "1"}
    assert "code changed: before -> " in out


@pytest.fixture
def own_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package, copied."""
    import fsdd_lightning

    package = tmp_path / "fsdd_lightning"
    shutil.copytree(REPOSITORY / "fsdd_lightning", package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fsdd_lightning, "__file__", str(package / "__init__.py"))
    yield package


def test_the_code_digest_covers_what_decides_results(own_checkout: Path) -> None:
    before = code_digest()
    outside = ("README.md", "plan.py", "sweeps/progress.py", "reports/page.py")
    for name in outside:
        (own_checkout / name).write_text("changed")
        assert code_digest() == before, name
    templates = [str(path.relative_to(own_checkout)) for path in own_checkout.glob("export/templates/*.c.j2")]
    assert templates
    for name in ("training/fit.py", "arithmetic/fixed_point.py", "data/mfcc.py", "new_module.py", *templates):
        (own_checkout / name).write_text("changed")
        assert code_digest() != before, name
        before = code_digest()
    (own_checkout / "new_module.py").rename(own_checkout / "renamed.py")
    assert code_digest() == before, "a move changes no result"


@pytest.mark.slow
def test_what_the_code_digest_leaves_out_is_not_part_of_a_run(tmp_path: Path) -> None:
    from fsdd_lightning.runs.provenance import _NOT_CODE, _OUTSIDE_RUNS

    program = "import sys, fsdd_lightning.training.experiment; print(*sys.modules)"
    names = run(tmp_path, "-c", program).stdout.split()
    ours = [name for name in names if name.startswith("fsdd_lightning.")]
    loaded = {name.removeprefix("fsdd_lightning.").replace(".", "/") + ".py" for name in ours}
    assert "training/experiment.py" in loaded
    assert not loaded & _OUTSIDE_RUNS
    assert not [name for name in loaded if _NOT_CODE & set(name.split("/"))]
