"""`fsdd-plan`: every trial in a table, in the state that it is in; nothing is run, nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from commands import Call
from example_listening import DEFAULT as FRONT_END

from fsdd_lightning import plan
from fsdd_lightning.config.load import run_name
from fsdd_lightning.memory.bill import memory_bill
from fsdd_lightning.memory.device_cost import clip_costs
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.runs.machine import describe_machine
from fsdd_lightning.runs.plan import plan_run
from fsdd_lightning.runs.record import new_record, read_record, write_record
from fsdd_lightning.sweeps.compose import compose_trials

MAX_FRAMES = 36  # of the default features
SWEEP = ("-m", "model.hidden_size=16,24,48", "quantization=float32,int8_ptq", "memory_budget=kb36")


@pytest.fixture
def plan_of(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Call]:
    """Exit code, stdout and stderr of fsdd-plan in an empty folder, which it has to leave empty."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    yield partial(call, plan)
    assert list(here.iterdir()) == []


def table(printed: str) -> list[list[str]]:
    """Rows of the table of trials."""
    lines = [line.split() for line in printed.partition("\nTrials")[2].splitlines()]
    return [words for words in lines if words and words[0][:1].isdigit() and words[1] != "trials:"]


def test_a_sweep_is_a_table_of_its_trials(plan_of: Call) -> None:
    code, out, err = plan_of(*SWEEP)
    assert (code, err) == (0, "")
    rows = table("\n" + out)
    assert [row[:3] for row in rows] == [
        [f"2x{size}", mode, "kb36"] for size in (16, 24, 48) for mode in ("float32", "int8_ptq")
    ]
    for row in rows:
        shape = NetworkShape(13, int(row[0][2:]), 2, 10)
        expected = memory_bill(shape, {"float32": None, "int8_ptq": "int8"}[row[1]], MAX_FRAMES, FRONT_END)
        numbers = [int(each.replace(",", "")) for each in row[3:7]]
        assert numbers == [expected.flash_bytes, expected.ram_bytes, expected.macs_per_clip, 1]
    states = [" ".join(row[7:]) for row in rows]
    assert states == ["to run"] * 4 + ["over_budget: does not fit", "to run"]
    assert out.splitlines()[-1] == "6 trials: 5 to run, 1 over_budget"


def test_numbers_are_whole_in_a_narrow_terminal(plan_of: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsdd_lightning.console.terminal import console

    monkeypatch.setattr(console, "width", 80)
    _, out, _ = plan_of("-m", "model=large", "quantization=int8_pot_scale,float32", "seed=4294967295")
    assert "827,401" in out and "4294967295" in out
    assert all(len(line) <= 80 for line in out.splitlines())


def finished(root: Path, overrides: list[str], **changes: Any) -> Path:
    """A folder like that of a finished trial of a sweep."""
    ((task, config),) = compose_trials(overrides, multirun=False)
    record = new_record(plan_run(config), task)
    record.status, record.error = "done", None
    record.dataset = {"digest": config.data.archive_digest}  # that of FSDD, whether it is here or not
    for name, value in changes.items():
        setattr(record, name, value)
    folder = root / config.name / run_name(task)
    folder.mkdir(parents=True)
    write_record(record, folder)
    for name in ("network.npz", "run.lock"):
        (folder / name).touch()
    return folder


def test_trials_of_another_processor_are_done_and_named(plan_of: Call, tmp_path: Path) -> None:
    words = [f"output_root={tmp_path}", "name=grid", "model.hidden_size=4"]
    here = describe_machine()
    finished(tmp_path, [*words, "seed=1"], machine={**here, "vectors": "AVX10"})
    finished(tmp_path, [*words, "seed=2"])
    code, out, err = plan_of("-m", *words, "seed=1,2,3")
    assert (code, err, states(out)[:3]) == (0, "", ["done", "done", "to run"])
    difference = f"done on another processor (AVX10; this one: {here['vectors']})"
    assert f"1 of 3 trials: {difference}: a rerun may differ in float training" in out.splitlines()
    assert out.splitlines()[-1] == "3 trials: 2 done, 1 to run"


def states(out: str) -> list[str]:
    return [" ".join(row[7:]) for row in table("\n" + out)]


@pytest.fixture
def fixed(tmp_path: Path) -> list[str]:
    return ["name=grid", f"output_root={tmp_path / 'output'}"]


def test_what_is_done_is_not_to_run(plan_of: Call, fixed: list[str], tmp_path: Path) -> None:
    finished(tmp_path / "output", ["seed=2", *fixed])
    finished(tmp_path / "output", ["seed=3", *fixed], status="failed")
    finished(tmp_path / "output", ["seed=4", *fixed], status="interrupted")
    changed = finished(tmp_path / "output", ["seed=5", *fixed])
    record = read_record(changed)
    record.config["model"]["dropout"] = 0.125
    write_record(record, changed)
    (finished(tmp_path / "output", ["seed=6", *fixed]) / "run.json").write_text("{")
    _, out, _ = plan_of("-m", "seed=1,2,3,4,5,6", *fixed)
    assert states(out) == ["to run", "done", "to run", "to run", "to run", "to run"]
    assert out.splitlines()[-1] == "6 trials: 5 to run, 1 done"


def test_a_solved_size_is_done_as_well(plan_of: Call, fixed: list[str], tmp_path: Path) -> None:
    plan = ["model=fit", "memory_budget=kb16", *fixed]
    finished(tmp_path / "output", plan)
    _, out, _ = plan_of("-m", *plan)
    assert states(out) == ["done"]


def test_a_single_run_is_always_to_run(plan_of: Call, fixed: list[str], tmp_path: Path) -> None:
    finished(tmp_path / "output", ["seed=2", *fixed])
    _, out, _ = plan_of("seed=2", *fixed)
    assert states(out) == ["to run"]


def test_a_single_trial_comes_with_its_bill(plan_of: Call) -> None:
    code, out, _ = plan_of("model=fit", "memory_budget=kb36", "quantization=int4_qat")
    assert code == 0
    assert [row[:2] for row in table(out)] == [["2x71", "int4_qat"]]
    assert "Memory bill" in out and "row multipliers" in out


def test_a_single_trial_comes_with_its_cost_on_microcontrollers(plan_of: Call) -> None:
    code, out, err = plan_of("--mhz", "80", "quantization=int4_qat", "--ua-per-mhz", "100", "--volts", "1.8")
    assert (code, err) == (0, "")
    (cost,) = [
        cost for cost in clip_costs(NetworkShape(13, 24, 2, 10), "int4", MAX_FRAMES, FRONT_END) if cost.core == "M4"
    ]
    assert cost.cycles is not None
    (row,) = [line.split() for line in out.splitlines() if line.startswith("M4 ")]
    expected = [f"{count:,.0f}" for count in (cost.network, cost.instructions, cost.cycles)]
    assert row[1:4] == expected
    assert row[-1] == f"{cost.cycles * 100 * 1.8 * 1e-9:.3g}"
    assert "ms at 80" in out and "at 80 MHz, where a microphone gives 50" in out
    assert states(out) == ["to run"]


def test_a_front_end_of_ones_own_is_not_counted(plan_of: Call) -> None:
    _, out, _ = plan_of("features.bands=16")
    assert "this front end is not counted" in out and "and sound" not in out


def test_a_network_in_float_has_no_cost_on_microcontrollers(plan_of: Call) -> None:
    code, out, _ = plan_of("quantization=float32")
    assert code == 0
    assert "no time on microcontrollers: float32 is not exported as C" in out.splitlines()


def test_a_sweep_says_how_to_ask_for_the_cost(plan_of: Call) -> None:
    _, out, _ = plan_of(*SWEEP)
    assert "time and energy on microcontrollers: fsdd-plan of one trial, without -m" in out.splitlines()


def test_a_wrong_device_is_answered_in_one_line(plan_of: Call) -> None:
    code, out, err = plan_of("model=fit", "--mhz", "fast")
    assert (code, out) == (2, "")
    assert err == "error: --mhz 'fast' is no number of MHz from 1 to 2,000\n"


def test_a_single_trial_that_does_not_fit_names_the_size_that_does(plan_of: Call) -> None:
    code, out, _ = plan_of("quantization=float32", "model.hidden_size=25", "memory_budget=kb36")
    assert code == 0
    assert states(out) == ["over_budget: does not fit"]
    assert out.splitlines()[0].endswith("the largest hidden size that fits is 24")


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["model.hidden_sise=3"], "unknown config key 'model.hidden_sise'; did you mean 'model.hidden_size'?"),
        (["-m", "seed=1,2", "trainr.max_epochs=3"], "unknown config key 'trainr.max_epochs'"),
        (["quantization=int9"], "no option 'int9' in group 'quantization'"),
        (["model=fit"], "hidden_size=fit needs a budget"),
        (["quantization.weight_code=int3"], "there is no 'int3'"),
        (["-m", "model.hidden_size=8,0"], "hidden_size must be at least 1"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_wrong_words_are_answered_in_one_line(plan_of: Call, words: list[str], answer: str) -> None:
    code, out, err = plan_of(*words)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("error: ") and answer in line


def test_a_search_is_a_table_of_what_it_may_choose_from(plan_of: Call) -> None:
    code, out, err = plan_of(
        "-m", "hparams_search=accuracy_vs_bytes", "memory_budget=kb8", "quantization=int8_ptq,pot_qat"
    )
    assert (code, err) == (0, "")
    rows = table("\n" + out)
    assert len({tuple(row[:2]) for row in rows}) == len(rows) == 15 * 2 * 2
    assert out.splitlines()[-1] == "a search: it trains 40 of those that fit, of its own choosing"


def test_the_test_set_is_reported_where_it_differs(plan_of: Call) -> None:
    speakers = "split=unseen_speaker", "split.held_out=george,theo"
    _, out, _ = plan_of("-m", *speakers)
    rows = [line.split() for line in out.splitlines() if "int8_ptq" in line]
    assert [row[:3] for row in rows] == [["george", "2x24", "int8_ptq"], ["theo", "2x24", "int8_ptq"]]
    _, out, _ = plan_of("-m", "split=random,official")
    assert [line.split()[0] for line in out.splitlines() if "int8_ptq" in line] == ["random", "official"]
    _, out, _ = plan_of("-m", "split=official", "seed=1,2")
    assert "test set" not in out and "official" not in out
