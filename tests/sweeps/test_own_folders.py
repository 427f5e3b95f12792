"""Folders of the user's own, in which a command is told to write: refused before anything is written, or left whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import Call, only_line

from fsdd_lightning import plan, train
from fsdd_lightning.runs.record import read_record
from fsdd_lightning.sweeps.compose import check_command
from fsdd_lightning.sweeps.plan import compose_sweep

# A run that takes no time, and leaves a record.
TOO_LARGE = ("quantization=float32", "model.hidden_size=25", "memory_budget=kb36")
OWN = (
    "export/main.c",
    "checkpoints/best_float.ckpt",
    "x.tmp",
    "confusion_a.png",
    "network.pt",
    "network.npz",
    "run.log",
)


@pytest.fixture
def thesis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "thesis"
    for name in OWN:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    monkeypatch.chdir(folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "words",
    [
        ("hydra.run.dir=.",),
        ("hydra.run.dir=${hydra:runtime.cwd}",),
        ("++hydra.run.dir=../${name}", "name=thesis"),
        ("hydra.run.dir=${hydra.runtime.cwd}/../${hydra.job.name}", "hydra.job.name=thesis"),
        ("hydra.run.dir=.", "hydra.output_subdir=null"),
        ("hydra.run.dir=.", "hydra.job.chdir=true"),
        ("--config-dir=../settings", "experiment=here"),
    ],
    ids=" ".join,
)
def test_a_single_run_in_a_folder_of_the_users_is_refused(thesis: Path, call: Call, words: tuple[str, ...]) -> None:
    settings = thesis.parent / "settings" / "experiment"
    settings.mkdir(parents=True)
    (settings / "here.yaml").write_text("# @package _global_\nhydra:\n  run:\n    dir: .\n")
    before = contents(thesis.parent)
    code, out, err = call(train, *TOO_LARGE, *words)
    assert (code, out) == (2, "")
    assert only_line(err) == (
        f"error: {thesis} holds checkpoints and 5 more, and no run of this program: nothing is written there; "
        "name a new or an empty folder"
    )
    assert contents(thesis.parent) == before


def test_a_run_takes_an_empty_folder_and_its_own_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for number in range(2):
        code, _, err = call(train, *TOO_LARGE, "hydra.run.dir=.", "hydra.output_subdir=words")
        assert code == 2 and "over budget" in only_line(err)
        (tmp_path / "empty" / f"mine{number}.tmp").touch()
    assert read_record(tmp_path / "empty").status == "over_budget"
    names = {path.name for path in Path().iterdir()}
    assert {"mine0.tmp", "mine1.tmp", "run.json", "words"} <= names
    assert len([name for name in names if "tfevents" in name]) == 1


@pytest.mark.parametrize("place", ["/dev/null", "notes", "notes/inside"])
def test_what_is_no_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes").write_text("mine")
    code, out, err = call(train, *TOO_LARGE, f"hydra.run.dir={place}")
    assert (code, out) == (2, "") and only_line(err)
    assert contents(tmp_path) == {"notes": b"mine"}


def test_a_trial_whose_folder_is_the_users_is_blocked_and_the_others_run(
    thesis: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.chdir(thesis.parent)
    words = ["-m", "model.hidden_size=25,26", *TOO_LARGE[::2], "name=grid", f"output_root={thesis.parent}"]
    composed = check_command(words)
    folders = [trial.folder for trial in compose_sweep(composed.trials).trials]
    thesis.parent.joinpath("grid").mkdir()
    thesis.rename(folders[0])
    before = contents(folders[0])
    states = [trial.state.name for trial in compose_sweep(composed.trials).trials]
    assert states == ["blocked", "to run"]
    _, out, _ = call(plan, *words)
    assert "no run of this program" in out
    code, _, err = call(train, *words)
    assert code == 1 and "no run of this program" in only_line(err)
    assert contents(folders[0]) == before and read_record(folders[1]).status == "over_budget"


def test_a_folder_named_in_a_list_of_trials_is_not_pruned(thesis: Path) -> None:
    from fsdd_lightning.sweeps.prune import prune_sweep

    sweep = thesis.parent
    (sweep / "run").mkdir()
    (sweep / "run" / "hydra").mkdir()
    (sweep / "run" / "hydra" / "hydra.yaml").touch()
    (sweep / "run" / "run.lock").touch()
    (sweep / "hydra" / "hydra").mkdir(parents=True)
    (sweep / "hydra" / "hydra" / "conf.py").write_text("mine")
    (sweep / "link").symlink_to(sweep / "run")
    trials = {name: {"overrides": []} for name in ("thesis", "hydra", "run", "link")}
    commands = [{"arguments": [], "trials": list(trials)}]
    (sweep / "sweep.json").write_text(json.dumps({"schema_version": 3, "commands": commands, "trials": trials}))
    before = contents(thesis)
    assert {each.place for each in prune_sweep(sweep)} == {None}
    assert contents(thesis) == before and not (sweep / "run").exists()
    assert (sweep / "hydra" / "hydra" / "conf.py").read_text() == "mine" and (sweep / "link").is_symlink()


def test_curves_of_a_sweep_are_drawn_again_around_what_is_the_users(thesis: Path) -> None:
    from fsdd_lightning.sweeps import dashboard

    sweep, target = thesis.parent, thesis / "export"
    (target / "events.out.tfevents.1.vm.2.0").touch()
    (sweep / dashboard.CURVES / "float32").mkdir(parents=True)
    for name in ("notes.txt", "float32/mine.csv", "float32/events.out.tfevents.1.vm.2.0"):
        (sweep / dashboard.CURVES / name).touch()
    (sweep / dashboard.CURVES / "link").symlink_to(target)
    dashboard._remove_curves(sweep / dashboard.CURVES)
    left = {str(path.relative_to(sweep / dashboard.CURVES)) for path in (sweep / dashboard.CURVES).rglob("*")}
    assert left == {"notes.txt", "float32", "float32/mine.csv", "link"}
    assert (target / "events.out.tfevents.1.vm.2.0").exists()
