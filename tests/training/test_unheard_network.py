"""A second network never hears one voice: its number is true, and nothing else of the run changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fsdd_lightning.config.load import config_from_mapping, with_current_keys
from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.training import experiment
from fsdd_lightning.training.context import RunContext
from fsdd_lightning.training.resume import SECOND, LastEpoch
from fsdd_lightning.training.tensorboard import event_files

RunTrial = Callable[[Sequence[str], Path], RunRecord]
WORDS = ("evaluation.unheard_speaker=any", "quantization=int8_qat", "quantization.epochs=2")


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(scope="module")
def words(finished_overrides: list[str]) -> list[str]:
    return [*finished_overrides, *WORDS, "quantization.start_epoch=0"]


@pytest.fixture(scope="module")
def folder(words: list[str], run_trial: RunTrial, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a whole run with a second network, whose trainings nobody else's store holds."""
    folder, output = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("output")
    run_trial([*words, f"output_root={output}"], folder)
    return folder


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    (file,) = event_files(folder)
    accumulator = EventAccumulator(str(file), {"scalars": 0}).Reload()
    return {
        tag: [(point.step, point.value) for point in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]
    }


def test_its_number_is_that_of_a_run_with_the_voice_held_out(
    words: list[str], folder: Path, run_trial: RunTrial, tmp_path: Path
) -> None:
    split = ["split=unseen_speaker", "split.held_out=basil", "split.validation_speakers=0"]
    same = run_trial([*words, *split, f"output_root={tmp_path / 'output'}"], tmp_path)
    assert same.unheard == {} and "no second network: split=unseen_speaker tests" in same.notes[-1]
    expected = {key: same.views["integer"][key] for key in ("correct", "total", "accuracy", "ci95")}
    found = read_record(folder).unheard
    assert found == json.loads(json.dumps({"speaker": "basil", **expected, "float_key": same.training["float"]["key"]}))
    assert found["total"] == 60 and found["correct"] > 0


def test_nothing_else_of_the_run_changes(words: list[str], folder: Path, run_trial: RunTrial, tmp_path: Path) -> None:
    plain = run_trial([*words, "evaluation.unheard_speaker=null"], tmp_path)
    record = read_record(folder)
    assert plain.unheard == {} and "unheard" not in plain.timings_s and record.timings_s["unheard"] > 0
    assert (record.views, record.notes, record.memory) == (
        json.loads(json.dumps(plain.views)),
        plain.notes,
        json.loads(json.dumps(plain.memory)),
    )
    assert record.training["float"]["key"] == plain.training["float"]["key"]
    assert record.training["quantized"] == plain.training["quantized"]
    for name in ("network.npz", "integer_model.npz", "golden_clips.npz"):
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes()
    names = {path.name for path in folder.iterdir()}
    assert {name for name in names if "tfevents" not in name} == {
        path.name for path in tmp_path.iterdir() if "tfevents" not in path.name
    }


def test_its_curves_are_not_those_of_the_run(folder: Path) -> None:
    curves = scalars(folder)
    assert [step for step, _ in curves["loss/train"]] == [0, 1, 2, 3, 4]  # 3 in float, 2 quantized
    assert [step for step, _ in curves["results/test_accuracy"]] != [] and not (folder / SECOND).exists()
    assert curves["results/accuracy/unheard"] == [(8, pytest.approx(read_record(folder).unheard["accuracy"]))]


def test_the_readme_of_the_c_files_knows_it(folder: Path) -> None:
    line = "of 60 clips of basil, by a second network that was trained without them"
    assert line in (folder / "export" / "README.md").read_text()


@pytest.mark.parametrize(("stage", "epoch"), [("float", 1), ("quantized", 0)])
def test_a_run_that_is_killed_in_it_goes_on_to_the_same_bits(
    words: list[str],
    folder: Path,
    run_trial: RunTrial,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    stage: str,
    epoch: int,
) -> None:
    own, run = [*words, f"output_root={tmp_path / 'output'}"], tmp_path / "run"
    run.mkdir()
    save = LastEpoch.on_train_epoch_end

    def killed(last: LastEpoch, trainer: Any, module: Any) -> None:
        save(last, trainer, module)
        if last.path == run / SECOND / "checkpoints" / f"last_{stage}.ckpt" and trainer.current_epoch == epoch:
            raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(LastEpoch, "on_train_epoch_end", killed)
        run_trial(own, run)
    assert read_record(run).status == "interrupted"
    capsys.readouterr()
    run_trial(own, run)
    printed = capsys.readouterr().out
    second = printed.partition("a second network, trained without basil's voice\n")[2]
    assert second.startswith(f"note: {stage} training goes on after epoch {epoch + 1}\n")
    resumed, whole = read_record(run), read_record(folder)
    assert (resumed.unheard, resumed.views, resumed.notes) == (whole.unheard, whole.views, whole.notes)
    assert (run / "network.npz").read_bytes() == (folder / "network.npz").read_bytes()
    assert scalars(run) == scalars(folder)
    assert not (run / SECOND).exists()


def test_it_is_announced_in_one_line_and_its_number_stands_beside_the_runs_own(
    words: list[str], folder: Path, run_trial: RunTrial, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = run_trial(words, tmp_path)
    printed = capsys.readouterr().out
    assert printed.count("Memory bill") == printed.count("split: random") == 1
    before, _, after = printed.partition("a second network, trained without basil's voice\n")
    assert "What to expect" not in before and after.startswith("Confusion")
    row = next(line for line in after.splitlines() if "an unheard voice, basil" in line)
    assert row.split()[-2:] == ["60", "1"] and f"{100 * record.unheard['accuracy']:.2f}" in row
    assert any(line.split()[:2] == ["heard", "voices"] for line in after.splitlines())


@pytest.mark.parametrize(("mode", "backend"), [("float32", "float"), ("torch_dynamic", "quantized")])
def test_it_is_tested_as_the_mode_deploys_it(
    finished_overrides: list[str], run_trial: RunTrial, tmp_path: Path, mode: str, backend: str
) -> None:
    words = [*finished_overrides, f"quantization={mode}", "evaluation.unheard_speaker=ada"]
    (tmp_path / "second").mkdir()
    record = run_trial(words, tmp_path)
    held_out = ["split=unseen_speaker", "split.held_out=ada", "split.validation_speakers=0"]
    same = run_trial([*words, *held_out], tmp_path / "second")
    assert same.training["float"]["reused"]  # from the store: it is that very network
    assert (record.unheard["speaker"], record.unheard["correct"]) == ("ada", same.views[backend]["correct"])


def test_a_second_training_that_fails_costs_its_number_alone(
    words: list[str], run_trial: RunTrial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(network: Any, context: RunContext) -> Any:
        if context.folder.name == SECOND:
            raise RunFailedError("the float training diverged")
        return fit_float(network, context)

    fit_float = experiment.fit_float
    monkeypatch.setattr(experiment, "fit_float", diverge)
    record = run_trial([*words, f"output_root={tmp_path / 'output'}"], tmp_path)
    assert (record.status, record.unheard) == ("done", {})
    assert record.notes[-1] == "no second network without basil's voice: the float training diverged"
    assert (tmp_path / "export").is_dir() and not (tmp_path / SECOND).exists()


def test_a_name_that_nobody_has_ends_the_run_before_anything_is_trained(
    finished_overrides: list[str], run_trial: RunTrial, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"evaluation\.unheard_speaker=zoe: no such speaker; choose one of ada, basil"):
        run_trial([*finished_overrides, "evaluation.unheard_speaker=zoe"], tmp_path)
    assert not (tmp_path / "network.npz").exists()


def test_records_of_earlier_versions_open(finished_run: Path, tmp_path: Path) -> None:
    record = json.loads((finished_run / "run.json").read_text())
    del record["unheard"], record["config"]["evaluation"], record["split"]["people"]
    (tmp_path / "run.json").write_text(json.dumps(record))
    opened = read_record(tmp_path)
    assert opened.unheard == {}
    config = config_from_mapping(with_current_keys(opened.config))
    assert config.evaluation.unheard_speaker is None
    assert read_record(finished_run).config == with_current_keys(opened.config)
