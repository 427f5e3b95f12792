"""The line on the progress of a run: what it shows, how much time is left, and how often it is printed in a pipe."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from fsdd_lightning.config.schema import Config
from fsdd_lightning.console import progress as progress_module
from fsdd_lightning.console.progress import (
    EVALUATION,
    FLOAT,
    QUANTIZED,
    WRITING,
    RunProgress,
    Stage,
    clock_text,
    current_progress,
    line_of_run,
    progress_of_run,
    stages_of,
)
from fsdd_lightning.sweeps.compose import compose_trials

STAGES = [
    Stage(FLOAT, "float", 60),
    Stage(QUANTIZED, "int4_qat", 20, cost=2.0),
    Stage(EVALUATION, "evaluation", seconds=3.0),
]
SECOND = [Stage(FLOAT, "2nd network, float", 60), Stage(QUANTIZED, "2nd network, int4_qat", 20, cost=2.0)]


class Clock:
    """Time passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is printed without a terminal."""
    text = io.StringIO()
    monkeypatch.setattr(progress_module, "console", Console(file=text, width=120))
    return text


def train(progress: RunProgress, clock: Clock, epochs: int, epoch_s: float, steps: int = 4) -> None:
    """So many epochs, from the first one on."""
    for step in range(1, epochs * steps + 1):
        clock.now += epoch_s / steps
        progress.step(step / steps)


def config(*words: str) -> Config:
    ((_, found),) = compose_trials(["data=synthetic", *words], multirun=False)
    return found


def test_the_time_left_is_that_of_all_stages(clock: Clock, out: io.StringIO) -> None:
    progress = RunProgress(STAGES, clock)
    progress.begin(FLOAT, 60)
    assert progress.seconds_left is None and "left" not in progress.line()
    train(progress, clock, 15, epoch_s=2.0)
    assert progress.seconds_left == pytest.approx(45 * 2.0 + 20 * 4.0 + 3.0)
    train(progress, clock, 60, epoch_s=2.0)
    progress.end()
    progress.begin(QUANTIZED, 20)
    train(progress, clock, 5, epoch_s=6.0)  # slower than was thought
    assert progress.seconds_left == pytest.approx(15 * 6.0 + 3.0)
    progress.end()
    with progress.stage(EVALUATION):
        clock.now += 1.0
        assert progress.seconds_left == pytest.approx(2.0)
        clock.now += 9.0
        assert progress.line() == "evaluation"  # longer than was thought: no time is better than a wrong one


def test_a_slow_first_step_and_the_epochs_of_a_run_that_was_killed_do_not_count(clock: Clock, out: io.StringIO) -> None:
    progress = RunProgress([Stage(FLOAT, "float", 60)], clock)
    progress.begin(FLOAT)
    clock.now += 30.0  # compiling, warming up
    progress.step(40.25)
    clock.now += 1.5
    progress.step(41.0)
    assert progress.seconds_left == pytest.approx(19 * 2.0)


def test_what_the_store_has_is_skipped(clock: Clock, out: io.StringIO) -> None:
    progress = RunProgress([*STAGES, *SECOND], clock)
    progress.begin(QUANTIZED)
    assert progress.share == pytest.approx(60 / 200)
    progress.end()
    progress.second_network()
    progress.begin(FLOAT)
    assert progress.line() == "2nd network, float epoch 1/60"
    assert progress.share == pytest.approx(100 / 200)
    progress.begin(QUANTIZED)
    assert progress.share == pytest.approx(160 / 200)
    fresh = RunProgress([*STAGES, *SECOND], clock)
    fresh.second_network()  # the store had the whole first network
    fresh.begin(FLOAT)
    assert fresh.line() == "2nd network, float epoch 1/60"


def test_the_longest_line_fits_80_columns(clock: Clock, out: io.StringIO) -> None:
    progress = RunProgress([*STAGES, *SECOND], clock)
    progress.second_network()
    progress.begin(QUANTIZED)
    progress.score(1.23456, 0.93333)
    train(progress, clock, 3, epoch_s=1000.0)
    assert progress.line() == "2nd network, int4_qat epoch 3/20, val loss 1.235, accuracy 93.3 %, 4:43:20 left"
    assert len(progress.line()) < 80


def test_before_the_first_validation_and_without_its_metrics_there_are_no_scores(
    clock: Clock, out: io.StringIO
) -> None:
    progress = RunProgress(STAGES, clock)
    progress.begin(FLOAT)
    assert progress.line() == "float epoch 1/60"
    progress.score(None, 0.5)
    assert progress.line() == "float epoch 1/60, accuracy 50.0 %"
    progress.begin(QUANTIZED)
    assert progress.line() == "int4_qat epoch 1/20"  # the scores were another stage's


@pytest.mark.parametrize(
    ("epoch_s", "printed_after"),
    [
        (0.01, []),  # a second in all
        (0.5, [20, 40, 60, 80, 100]),  # every 10 s: rarer than every tenth
        (5.0, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]),  # every tenth: rarer than every 10 s
    ],
)
def test_a_pipe_gets_a_line_every_10_s_or_tenth_whichever_is_rarer(
    clock: Clock, out: io.StringIO, epoch_s: float, printed_after: list[int]
) -> None:
    progress = RunProgress([Stage(FLOAT, "float", 100)], clock)
    progress.begin(FLOAT)
    seen = []
    for epoch in range(1, 101):
        clock.now += epoch_s
        before = out.getvalue()
        progress.step(float(epoch))
        if out.getvalue() != before:
            seen.append(epoch)
    assert seen == printed_after
    assert "\x1b" not in out.getvalue() and len(out.getvalue().splitlines()) == len(printed_after)


def test_the_tenths_are_those_of_the_whole_run(clock: Clock, out: io.StringIO) -> None:
    progress = RunProgress([*STAGES, *SECOND], clock)
    for key, epochs in ((FLOAT, 60), (QUANTIZED, 20)):
        progress.begin(key)
        train(progress, clock, epochs, epoch_s=60.0)
        progress.end()
    printed = out.getvalue().splitlines()
    assert len(printed) == 5  # half of the run
    assert printed[0].startswith("float epoch 20/60") and printed[-1].startswith("int4_qat epoch 20/20")


def test_a_quiet_console_gets_nothing(clock: Clock, out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module.console, "quiet", True)
    progress = RunProgress(STAGES, clock)
    progress.begin(FLOAT)
    train(progress, clock, 60, epoch_s=60.0)
    assert out.getvalue() == ""
    assert progress.line().startswith("float epoch 60/60")  # a sweep still reads it


def test_a_terminal_has_one_line_that_goes_at_the_end(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    terminal = Console(file=text, width=40, force_terminal=True, legacy_windows=False, _environ={"TERM": "xterm"})
    monkeypatch.setattr(progress_module, "console", terminal)
    progress = RunProgress(STAGES, clock)
    with progress.stage(FLOAT):
        progress.score(1.0, 0.5)
        train(progress, clock, 30, epoch_s=60.0)
        assert progress._live is not None
        progress._live.refresh()
        shown = text.getvalue()
    assert "float epoch 30/60, val loss 1.000, accu" in shown and "…" in shown  # cut, never wrapped
    assert shown.count("\n") == 0
    assert text.getvalue().endswith("\x1b[2K") and progress._live is None  # and taken away


def test_the_stages_are_those_of_the_mode() -> None:
    def keys(*words: str, second: bool = False) -> list[str]:
        return [stage.key for stage in stages_of(config(*words), 840, second)]

    assert keys("quantization=int8_ptq") == [FLOAT, EVALUATION, WRITING]
    assert keys("quantization=int4_qat") == [FLOAT, QUANTIZED, EVALUATION, WRITING]
    assert keys("quantization=int4_qat", second=True) == [*[FLOAT, QUANTIZED, EVALUATION], FLOAT, QUANTIZED, WRITING]
    training = stages_of(
        config("quantization=int4_qat", "quantization.epochs=8", "quantization.start_epoch=4"), 0, False
    )
    assert (training[0].epochs, training[1].epochs, training[1].cost) == (60, 8, 1.5)
    few, many = (stages_of(config(), clips, False)[1].seconds for clips in (10, 10_000))
    assert 0.0 < few < many


def test_a_process_is_at_one_run_or_at_none() -> None:
    assert line_of_run() == ""
    with pytest.raises(KeyboardInterrupt), progress_of_run():
        current_progress().plan([dataclasses.replace(STAGES[0], label="mine")])
        current_progress().begin(FLOAT)
        assert line_of_run() == "mine epoch 1/60"
        raise KeyboardInterrupt
    assert line_of_run() == "" and current_progress() is not current_progress()


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0:01"), (59.5, "1:00"), (720, "12:00"), (3723, "1:02:03")])
def test_times_are_short(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text
