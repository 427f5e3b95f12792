"""fsdd-train --resume RUN: an interrupted single run goes on in its folder, to the same bits."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from commands import Call, only_line

from fsdd_lightning import train
from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.record import RUNNING, RunRecord, read_record
from fsdd_lightning.sweeps.resume import resumed
from fsdd_lightning.training import resume as training_resume

RunTrial = Callable[[Sequence[str], Path], RunRecord]


def rewrite(folder: Path, **changes: Any) -> None:
    content = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**content, **changes}))


@pytest.fixture
def interrupted(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run that was killed; only its record is needed."""
    monkeypatch.chdir(tmp_path)
    folder = Path(shutil.copytree(finished_run, tmp_path / "multirun" / "single" / "2026-a b'c"))
    rewrite(folder, status="interrupted", error=RUNNING)
    return folder


def test_the_command_line_is_that_of_the_run(interrupted: Path) -> None:
    rewrite(interrupted, config={**read_record(interrupted).config, "output_root": "multirun"})
    found = resumed(["--resume", str(interrupted), "callbacks=default"])
    assert found is not None and found.folder == interrupted
    before = read_record(interrupted).overrides
    assert "callbacks=quiet" in before  # which the new word replaces
    kept = [word for word in before if not word.startswith(("callbacks=", "data.cache_dir=", "output_root="))]
    root = f"output_root='{interrupted.parent.parent}'"
    where = "hydra.run.dir='{}'".format(str(interrupted).replace("'", r"\'"))
    assert found.words == [*kept, root, "callbacks=default", where]
    assert resumed(["-m", "seed=1"]) is None


def test_nothing_is_written_outside_the_folder_of_a_run_that_lies_elsewhere(interrupted: Path) -> None:
    rewrite(interrupted, config={**read_record(interrupted).config, "output_root": "/"})
    found = resumed(["--resume", str(interrupted)])
    assert found is not None
    (root,) = [word for word in found.words if word.startswith("output_root=")]
    assert root == "output_root='{}'".format(str(interrupted).replace("'", r"\'"))
    assert not any(word.startswith(("data.cache_dir=", "data.archive_url=")) for word in found.words)


@pytest.mark.parametrize(
    "word",
    [
        "callbacks.x._target_=os.system",
        "+callbacks.x={_target_:os.system}",
        "++optimizer._target_=os.system",
        "optimizer={_args_:[touch x],_target_:os.system}",
        "+callbacks={x:{_target_:subprocess.run}}",
        "callbacks=../../../tmp/evil",
        "callbacks@hydra.callbacks=default",
        "hydra/launcher=joblib",
        "hydra.searchpath=[file:///tmp/evil]",
        "+hydra.callbacks.x={}",
        "logger=wandb",
        "logger.csv.save_dir=/tmp",
        "+logger.csv.save_dir=/tmp",
        "data.name=${oc.env:HOME}",
        "data.archive_digest=../../../../x",
        "--config-dir=/tmp/evil",
        "-cd",
        "--experimental-rerun=/tmp/x",
        "../x=1",
        "",
    ],
)
def test_an_override_that_could_do_anything_is_not_taken_from_a_record(interrupted: Path, word: str) -> None:
    rewrite(interrupted, overrides=[*read_record(interrupted).overrides, word])
    with pytest.raises(UserError, match="is not followed, as it may execute or write anything"):
        resumed(["--resume", str(interrupted)])


def test_links_that_lead_out_of_the_folder_are_refused(interrupted: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (interrupted / "run.log").symlink_to(tmp_path / "mine.txt")
    with pytest.raises(UserError, match=r"run\.log is a link that leads out of"):
        resumed(["--resume", str(interrupted)])


@pytest.mark.parametrize(
    ("root", "word"),
    [
        ("voices", "data.root='{start}/voices'"),
        ("/voices", "data.root='/voices'"),
        (["a", "/b"], "data.root=['{start}/a','/b']"),
        ({"one": "a", "two": "b's"}, "data.root={{one:'{start}/a',two:'{start}/b\\'s'}}"),
    ],
    ids=str,
)
def test_folders_of_recordings_begin_where_the_run_was_started(
    interrupted: Path, tmp_path: Path, root: object, word: str
) -> None:
    config = read_record(interrupted).config
    rewrite(interrupted, config={**config, "data": {**config["data"], "root": root}})
    (interrupted / "hydra").mkdir(exist_ok=True)
    (interrupted / "hydra" / "hydra.yaml").write_text(json.dumps({"hydra": {"runtime": {"cwd": "/start"}}}))
    found, here = resumed([f"--resume={interrupted}"]), Path.cwd()
    assert found is not None and word.format(start="/start") in found.words
    assert here == tmp_path  # in which classes are looked up


def test_a_config_folder_of_the_first_command_is_to_be_given_again(interrupted: Path, tmp_path: Path) -> None:
    sources = [{"path": "pkg", "schema": "pkg", "provider": "hydra"}]
    sources += [{"path": "/my/conf", "schema": "file", "provider": "command-line"}]
    (interrupted / "hydra").mkdir(exist_ok=True)
    runtime = {"cwd": "/elsewhere", "config_sources": sources}
    (interrupted / "hydra" / "hydra.yaml").write_text(json.dumps({"hydra": {"runtime": runtime}}))
    with pytest.raises(UserError, match=r"was started in /elsewhere with --config-dir=/my/conf, .* give --config-dir"):
        resumed([f"--resume={interrupted}"])
    found = resumed([f"--resume={interrupted}", "--config-dir=/my/conf"])
    assert found is not None and "--config-dir=/my/conf" in found.words


@pytest.mark.parametrize(
    ("status", "words", "answer"),
    [
        ("done", [], "is done: there is nothing to go on with"),
        ("over_budget", [], "does not fit its budget: there is nothing to go on with"),
        ("interrupted", ["-m"], "--resume is about a single run; a sweep goes on when the same command is given again"),
    ],
)
def test_what_cannot_go_on_is_named(interrupted: Path, status: str, words: list[str], answer: str) -> None:
    rewrite(interrupted, status=status)
    with pytest.raises(UserError, match=answer):
        resumed([*words, "--resume", str(interrupted)])


def test_a_run_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--resume needs the folder of a run"):
        resumed(["seed=1", "--resume"])
    with pytest.raises(UserError, match="is not a run folder"):
        resumed(["--resume", str(tmp_path)])


def test_another_experiment_is_refused(interrupted: Path, call: Call) -> None:
    code, out, err = call(train, "--resume", interrupted, "seed=7", "trainer.max_epochs=9")
    assert (code, out) == (2, "")
    changes = "config changed: seed 1 -> 7, trainer.max_epochs 3 -> 9"
    assert only_line(err) == f"error: {interrupted} can't go on, as its {changes}: start a new run without --resume"
    assert read_record(interrupted).status == "interrupted"


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_the_same_bits(
    finished_run: Path,
    finished_overrides: list[str],
    run_trial: RunTrial,
    tmp_path: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, words = tmp_path / "single" / "killed", [*finished_overrides, f"output_root={tmp_path}"]
    folder.mkdir(parents=True)
    save, epochs = training_resume.LastEpoch.on_train_epoch_end, []

    def ending(self: Any, trainer: Any, module: Any) -> None:
        save(self, trainer, module)
        epochs.append(trainer.current_epoch)
        if len(epochs) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(training_resume.LastEpoch, "on_train_epoch_end", ending)
    with pytest.raises(KeyboardInterrupt):
        run_trial(words, folder)
    assert read_record(folder).status == "interrupted"
    monkeypatch.chdir(tmp_path)
    code, out, _ = call(train, *words, "--cfg", "job")  # which asks only
    assert code == 0 and "goes on with it" not in out
    code, out, err = call(train, "--resume", "single/killed", "callbacks=quiet")
    assert (code, err) == (0, ""), out
    assert epochs == [0, 1, 2]  # the third one alone was left
    assert read_record(folder).status == "done"
    assert (folder / "integer_model.npz").read_bytes() == (finished_run / "integer_model.npz").read_bytes()
