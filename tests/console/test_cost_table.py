"""The options that describe a device, and the table of what a clip costs on it."""

from __future__ import annotations

import io

import pytest

from fsdd_lightning.console.cost_table import cost_lines, cost_table
from fsdd_lightning.console.device_options import take_device_options
from fsdd_lightning.console.terminal import VisibleConsole
from fsdd_lightning.errors import UserError
from fsdd_lightning.memory.device_cost import ClipCost, Device

SMALL = ClipCost("M4", 36, network=622_980.4, front_end=800_000.0, cycles=1_700_000.0)
UNKNOWN = ClipCost("M55", 36, network=200_000.0, front_end=500_000.0, cycles=None)
LARGE = ClipCost("RV32IMC", 36, network=98_765_432.0, front_end=1_234_567.0, cycles=2_345_678_901.0)


def printed(*costs: ClipCost, device: Device, width: int = 80) -> list[str]:
    console = VisibleConsole(file=io.StringIO(), width=width)
    console.print(cost_table(costs, device))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def row(lines: list[str], core: str) -> list[str]:
    (found,) = [line.split() for line in lines if line.split()[:1] == [core]]
    return found[1:]


def test_defaults_and_other_words_in_their_order() -> None:
    device, others = take_device_options(["-m", "seed=1,2", "--max-trials", "7", "model=fit"])
    assert device == Device((64.0, 480.0), None, 3.0)
    assert others == ["-m", "seed=1,2", "--max-trials", "7", "model=fit"]


def test_options_stand_anywhere() -> None:
    words = ["seed=2", "--mhz=80", "-m", "--ua-per-mhz", "37.5", "model=fit", "--volts", "1.8"]
    device, others = take_device_options(words)
    assert device == Device((80.0,), 37.5, 1.8)
    assert others == ["seed=2", "-m", "model=fit"]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["--mhz", "0"], "--mhz '0' is no number of MHz from 1 to 2,000"),
        (["--mhz", "64,fast"], "--mhz 'fast' is no number of MHz"),
        (["--mhz", "64,"], "--mhz '' is no number of MHz"),
        (["--mhz", "1,2,3"], "--mhz: 3 clocks are more than a table has room for; give at most 2"),
        (["--mhz"], "argument --mhz: expected one argument; see fsdd-plan --help"),
        (["--ua-per-mhz", "nan"], "--ua-per-mhz 'nan' is no number of uA/MHz"),
        (["--ua-per-mhz", "-1"], "--ua-per-mhz '-1' is no number of uA/MHz"),
        (["--ua-per-mhz", "1", "--volts", "230"], "--volts '230' is no number of V from 0.1 to 60"),
        (["--volts", "3"], "--volts alone makes no energy: give --ua-per-mhz, too"),
    ],
)
def test_values_that_no_device_has(words: list[str], answer: str) -> None:
    with pytest.raises(UserError) as caught:
        take_device_options(words)
    assert str(caught.value).startswith(answer) and "\n" not in str(caught.value)


def test_a_row_for_each_core() -> None:
    device = Device((64.0, 480.0), ua_per_mhz=100, volts=3)
    lines = printed(SMALL, UNKNOWN, device=device)
    assert row(lines, "M4") == ["622,980", "1,422,980", "1,700,000", "26.6", "3.5", "1,355", "0.51"]
    assert row(lines, "M55") == ["200,000", "700,000", "-", "-", "-", "-", "-"]


def test_without_energy_and_front_end_their_columns_are_left_out() -> None:
    alone = ClipCost("M4", 36, network=622_980.4, front_end=None, cycles=640_000.0)
    lines = printed(alone, device=Device((64.0,)))
    assert row(lines, "M4") == ["622,980", "640,000", "10.0", "3,600"]
    notes = cost_lines([alone], Device((64.0,)), hop_ms=20.0, code_name="int8")
    assert "this front end is not counted" in notes[0] and "--ua-per-mhz" in notes[-1]


def test_numbers_are_whole_in_80_columns() -> None:
    device = Device((33.25, 1999.0), ua_per_mhz=1000, volts=3.3)
    lines = printed(SMALL, LARGE, device=device)
    assert row(lines, "RV32IMC") == ["98.8", "M", "100.0", "M", "2,345.7", "M", "70,547", "1,173", "1", "7,741"]
    notes = cost_lines([LARGE], device, hop_ms=20.0, code_name="int8")
    assert all(len(line) <= 80 for line in [*lines, *notes])
    assert "cycles x 1000 uA/MHz x 3.3 V" in notes[-1]
    assert notes[2].endswith("at 33.25 MHz, where a microphone gives 50")


def test_what_a_table_of_powers_of_two_would_save_is_told() -> None:
    *_, last = cost_lines([LARGE], Device((64.0,)), hop_ms=20.0, code_name="pot")
    assert "export.target=arm_dsp" in last and len(last) <= 80
