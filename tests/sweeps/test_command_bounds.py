"""Command lines that would expand, execute or break something: refused in one line before it is done."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest
from commands import call_here, only_line

from fsdd_lightning import plan, train
from fsdd_lightning.config.load import register_resolvers
from fsdd_lightning.errors import UserError
from fsdd_lightning.sweeps.compose import check_command, config_errors

REFUSED = {
    "-m 'seed=range(1,1000001)'": "a sweep of 1,000,000 trials, with 1,000,000 values of seed: more than 10,000 need",
    "-m 'seed=range(1,100001)' 'model.hidden_size=range(1,100001)'": "a sweep of 10,000,000,000 trials",
    "-m 'seed=shuffle(range(1,100000000))'": "a sweep of 99,999,999 trials",
    "-m 'seed=range(0,1,1e-300)'": "a sweep of more than 10^15 trials",
    "-m 'seed=range(1,10002)'": "a sweep of 10,001 trials",
    "-m 'seed=range(1,7)' --max-trials 5": "a sweep of 6 trials, with 6 values of seed: more than 5 need --max-",
    "-m hparams_search=accuracy_vs_bytes +hydra.sweeper.params.seed='range(1,1000000)'": "a sweep of 149,999,850",
    "-m 'seed=range(0,1,0)'": "no step of 0",
    "-m 'seed=range(0,nan)'": "a range has a first value, an end and a step that are numbers",
    "-m 'seed=interval(0,1)'": "an interval is for searches",
    "--max-trials many": "--max-trials many is no number of trials",
    "--max-trials 0": "--max-trials 0 is no number of trials",
    "--max-trials": "--max-trials needs a value",
    "--experimental-rerun x.pickle": "--experimental-rerun would execute what a pickled file holds",
    "--cfg job -m": "--multirun and --cfg exclude each other",
    "--hydra-help --help": "--hydra-help and --help exclude each other",
    "--cfg everything": "invalid choice: 'everything'",
    "--resolve": "--resolve belongs to --cfg job",
    "-p model": "--package belongs to --cfg job",
    "--cfg hydra --resolve": "--cfg all --resolve",
    "--help=3": "ignored explicit argument '3'",
    "--config-dir -m": "expected one argument",
    "hydra=null": "hydra as a whole is not for use here",
    "~hydra": "hydra as a whole is not for use here",
    "hydra.searchpath=[file:///x]": "name the folder by --config-dir FOLDER",
    "hydra.mode=MULTIRUN": "put -m first for a sweep",
    "-m hydra.sweeper=3": "hydra.sweeper holds keys of its own",
    "-m hydra.sweeper.max_batch_size=0": "hydra.sweeper.max_batch_size must be at least 1",
    "-m hparams_search=accuracy_vs_bytes hydra.sweeper.trials=1000000000": "hydra.sweeper.trials must be at least 1",
    "-m hparams_search=accuracy_vs_bytes hydra.sweeper.seed=abc": "hydra.sweeper.seed must be within 0..2^32 - 1",
    "hydra/launcher=nothing": "no option 'nothing' in group 'hydra/launcher'",
    "model=null": "model=null: a group takes an option or a list of them; ~model leaves it out",
    "+model=null": "a group takes an option or a list of them",
    "~model": "model is missing",
    "trainer=[1]": "trainer=[1]: the options of a list are names (default, gpu, voices)",
    "data=[null]": "the options of a list are names",
    "memory_budget={}": "no option '{}' in group 'memory_budget'",
    "memory_budget=true": "no option 'True' in group 'memory_budget'",
    "model=../../x": "no option 'x' in group",
    f"seed={'9' * 5000}": "an integer of thousands of digits is too large",
    f"seed={'9' * 400}": "seed must be less than 4294967296, not 999",
    f"seed={'1' * 30_000}": "an override has at most 20,000 characters",
    f"'data.labels=[{'a,' * 1500}a]'": "1,000 commas",
    f"x={'[' * 3000}{']' * 3000}": "nested too deeply",
    "optimizer.lr=1e308": "optimizer.lr must be at most 1000.0, not 1e+308",
    "optimizer.lr=1e400": "optimizer.lr must be a finite number, not inf",
    "model.dropout=nan": "model.dropout must be a finite number, not nan",
    "model.layers=true": "model.layers must be a valid integer, not True",
    "model.layers=2.0": "model.layers must be a valid integer, not 2.0",
    "trainer.threads=100000": "'trainer.threads' is called 'torch_threads' now",
    "torch_threads=100000": "torch_threads must be at most 256, not 100000",
    "output_root='${x}'": "output_root: Interpolation key 'x' not found",
}


@pytest.mark.parametrize("line", REFUSED, ids=lambda line: line[:60])
def test_it_is_refused_in_one_line(line: str) -> None:
    register_resolvers()
    with pytest.raises(UserError) as caught, config_errors():
        check_command(shlex.split(line))
    message = only_line(str(caught.value))
    assert REFUSED[line] in message and len(message) < 600


def test_as_many_trials_as_one_says_are_composed() -> None:
    register_resolvers()
    words = ["-m", "seed=range(1,4)"]
    for most in (["--max-trials", "3"], ["--max-trials=3"], []):
        assert len(check_command([*most, *words]).trials) == 3


def test_only_the_last_of_several_values_of_a_key_counts() -> None:
    register_resolvers()
    assert len(check_command(["-m", "seed=range(1,1000000)", "seed=range(1,3)"]).trials) == 2


@pytest.mark.parametrize("words", [["--cfg", "job", "-p", "nothing"], ["--cfg", "job", "--package", "${x}"]])
def test_what_hydra_prints_and_exits_with_becomes_our_line(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = call_here(monkeypatch, capsys, train, *words)
    assert code == 2
    assert only_line(err) == f"error: package {words[-1]!r} not found in config"


@pytest.mark.parametrize("command", [plan, train])
@pytest.mark.parametrize("name", ["${x}", "${now:%Y}", "${"])
def test_a_working_folder_that_hydra_would_look_up_is_refused(
    name: str, command: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    code, out, err = call_here(monkeypatch, capsys, command, "seed=1")  # type: ignore[arg-type]
    assert (code, out) == (2, "")
    assert "Hydra would look up what ${ begins" in only_line(err)
    assert not list((tmp_path / name).iterdir())


@pytest.mark.parametrize("name", ["a=b", "a,b", "[x]", "it's", "a b", "a\nb", "-x", "{a}", os.fsdecode(b"\xff")])
def test_a_working_folder_may_have_any_other_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    code, out, err = call_here(monkeypatch, capsys, plan, "-m", "seed=1,2")
    assert (code, err) == (0, "")
    assert "2 trials: 2 to run" in out


@pytest.mark.parametrize(
    "line",
    [
        "data=words 'data.root=\"~nosuchuser/x\"'",
        "data=words 'data.root=[\"~nosuchuser/x\",b]'",
        "-m data=words 'data.root={a:\"~nosuchuser/x\",b:c}'",
    ],
)
def test_a_home_of_nobody_is_named(line: str) -> None:
    register_resolvers()
    with pytest.raises(UserError, match=r"^data.root=~nosuchuser/x is not a folder: "):
        check_command(shlex.split(line))


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("\"hydra.run.dir='a\0b'\"", "hydra.run.dir: a path has no NUL character"),
        (f"hydra.run.dir={'x' * 300}", "hydra.run.dir: a name in a path has at most 255 bytes, not 300"),
        ("hydra.run.dir='${x}'", "Interpolation key 'x' not found"),
        (f"-m hydra.sweep.dir={'x' * 300}", "hydra.sweep.dir: a name in a path has at most 255 bytes, not 300"),
    ],
)
def test_a_folder_that_cannot_be_is_refused(line: str, answer: str) -> None:
    register_resolvers()
    with pytest.raises(UserError) as caught:
        check_command(shlex.split(line))
    assert answer in only_line(str(caught.value))
