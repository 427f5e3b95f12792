"""The commonest slips of a command line, each answered in one line that names what was meant."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from commands import only_line, run, run_command

from fsdd_lightning import plan
from fsdd_lightning.config.load import config_directory, register_resolvers
from fsdd_lightning.errors import UserError
from fsdd_lightning.sweeps.compose import ComposedSweep, check_command, hydra_errors

OWN_BUDGET = "a budget of your own: memory_budget.flash_bytes"


def composed(line: str) -> ComposedSweep:
    register_resolvers()
    with hydra_errors():
        return check_command(shlex.split(line))


SLIPS = {
    "model.hidden_size=16,24": "did you mean a sweep? put -m first: fsdd-train -m model.hidden_size=16,24",
    "model=small,medium": "did you mean a sweep? put -m first: fsdd-train -m model=small,medium",
    "model=glob(*)": "did you mean a sweep? put -m first: fsdd-train -m 'model=glob(*)'",
    "data.others=a,b": "fsdd-train -m data.others=a,b; for a list: 'data.others=[a,b]'",
    "memory_budget=36KB": f"did you mean memory_budget=kb36 (36,864 bytes)? {OWN_BUDGET}=36864",
    "memory_budget=36kb": f"did you mean memory_budget=kb36 (36,864 bytes)? {OWN_BUDGET}=36864",
    "memory_budget=36864": f"did you mean memory_budget=kb36 (36,864 bytes)? {OWN_BUDGET}=36864",
    "memory_budget=kb40": f"did you mean memory_budget=kb36 (36,864 bytes)? {OWN_BUDGET}=40960",
    "memory_budget=7.5k": f"did you mean memory_budget=kb8 (8,192 bytes)? {OWN_BUDGET}=7680",
    "memory_budget=1MB": f"{OWN_BUDGET}=1048576",
    "memory_budget=big": "no option 'big' in group 'memory_budget' (there are: kb16, kb36,",
    "model=3": "no option '3' in group 'model' (there are: fit,",
    "-m 'model=glob(x*)'": "model=glob(x*) matches no option (there are: fit,",
    "-m 'model.hidden_size=glob(*)'": "glob(...) chooses options of a group, and model.hidden_size is none",
    "-m seed=1..5": "seed=1..5: a range is written seed=range(1,6)",
    "-m seed=1, 2": "no spaces after commas: write seed=1,2",
    "seed = 3": "no spaces around the equals sign: write seed=3",
    "seed= 3": "no spaces around the equals sign: write seed=3",
    "seed =3": "no spaces around the equals sign: write seed=3",
    "name=a seed = 3 fail_fast=true": "no spaces around the equals sign: write seed=3",
    "seed 3": "can't read the override 'seed': write seed=3",
    "seed:3": "can't read the override 'seed:3': write seed=3",
    "seed==3": "can't read the override 'seed==3': write seed=3",
    "seed": "can't read the override 'seed': write seed=VALUE",
    "--seed=3": "config keys have no dashes: write seed=3",
    "--seed 3": "config keys have no dashes: write seed=3",
    "'seed=1 model=small'": "every key=value is a word of its own, with quotes of its own",
    "'\"model=small\"'": "one pair of quotes is enough: write model=small",
    "'data.root=/a/b (c)'": "special characters in quotes: 'data.root=\"/a/b (c)\"'",
    "quickstart": "'quickstart' is no override; did you mean experiment=quickstart?",
    "experiment=Quickstart": "did you mean experiment=quickstart?",
    "experiment.quickstart": "did you mean experiment=quickstart?",
    "+experiment=quickstart": "'experiment' has an option already: write it without the +",
    "quickstrat": "write key=value, such as experiment=quickstart",
    "small": "'small' is no override; did you mean model=small?",
    "quantization=INT8_PTQ": "did you mean quantization=int8_ptq?",
    "--report": "fsdd-train has no option --report; did you mean the command fsdd-report?",
    "listen": "'listen' is no override of fsdd-train; did you mean the command fsdd-listen?",
    "report multirun/grid": "'report' is no override of fsdd-train; did you mean the command fsdd-report?",
    "--mutlirun seed=1,2": "fsdd-train has no option --mutlirun; did you mean --multirun?",
    "--nothing": "config keys are written key=value, and --help lists them",
    "hidden_size=16": "unknown config key 'hidden_size'; did you mean 'model.hidden_size'?",
    "learning_rate=1": "did you mean 'quantization.learning_rate' or 'optimizer.lr'?",
    "epochs=3": "did you mean 'quantization.epochs' or 'trainer.max_epochs'?",
    "--config-dir /nonexist": "--config-dir /nonexist does not exist: name a folder with groups of your own",
    "--config-dir=/nonexist": "--config-dir /nonexist does not exist: name a folder with groups of your own",
    "--config_dir /nonexist": "fsdd-train has no option --config_dir; did you mean --config-dir?",
    "--config-path /nonexist": "--config-path would replace the whole config; add options of your own with",
    "-cn mine": "--config-name would replace the whole config",
    "--config-dir": "--config-dir needs a value",
}


@pytest.mark.parametrize("line", SLIPS)
def test_a_slip_is_answered_in_one_line(line: str) -> None:
    with pytest.raises(UserError) as caught:
        composed(line)
    assert SLIPS[line] in only_line(str(caught.value))


@pytest.mark.parametrize("name", ["conf/model", "README.md"])
def test_a_folder_without_groups_is_no_config_dir(name: str) -> None:
    with pytest.raises(UserError, match=rf"--config-dir \S*{name} (holds no options|is a file)"):
        composed(f"--config-dir {config_directory().parent / name} seed=3")


@pytest.mark.parametrize(
    "line",
    [
        "model.layers=1 -m seed=1,2",
        "model.layers=1 seed=1,2 --multirun",
        "-m model.layers=1 seed=1,2 -r",
        "seed=1,2 -m",
    ],
)
def test_options_may_stand_between_and_behind_overrides(line: str) -> None:
    assert [plan.config.seed for _, plan in composed(line).trials] == [1, 2]


def test_a_glob_chooses_options() -> None:
    found = composed("-m 'model=glob(*,exclude=[fit,l*])'").trials
    assert [overrides for overrides, _ in found] == [["model=medium"], ["model=small"], ["model=tiny"]]
    budgets = composed("-m 'memory_budget=glob(kb*)' model=fit").trials
    assert {plan.budget.name for _, plan in budgets} == {"kb8", "kb16", "kb36", "kb36_per_layer"}


def test_a_glob_finds_options_of_ones_own_folder(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "wide.yaml").write_text("layers: 1\nhidden_size: 40\ndropout: 0.0\n")
    ((overrides, planned),) = composed(f"--config-dir {tmp_path} -m 'model=glob(w*)'").trials
    assert (overrides, planned.shape.hidden_size) == (["model=wide"], 40)


def test_the_answer_names_the_command_that_was_given(tmp_path: Path) -> None:
    process = run_command(tmp_path, "plan", "seed=1,2")
    assert (process.returncode, process.stdout) == (2, "HEAVY []\n")
    assert process.stderr == "error: did you mean a sweep? put -m first: fsdd-plan -m seed=1,2\n"


@pytest.mark.parametrize("words", [["--config-dir", "/nonexist"], ["--report"], ["quickstart"], ["seed=1,2"]])
def test_a_slip_ends_with_2_before_anything_is_written(tmp_path: Path, words: list[str]) -> None:
    process = run(tmp_path, "-m", "fsdd_lightning.train", *words)
    assert process.returncode == 2
    assert only_line(process.stderr).startswith("error: ")
    assert not list(tmp_path.iterdir())


def test_hydra_reads_options_behind_overrides_too(tmp_path: Path) -> None:
    process = run(tmp_path, "-m", "fsdd_lightning.train", "model=large", "--cfg", "job")
    assert (process.returncode, process.stderr) == (0, "")
    assert "hidden_size: 128" in process.stdout


def test_the_command_of_the_plan_reads_them_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["fsdd-plan", "output_root=nowhere", "-m", "seed=1,2"])
    plan._plan()
    assert "2 trials: 2 to run" in capsys.readouterr().out
