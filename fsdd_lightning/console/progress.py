"""How far a run is, as one line: stage, epoch, loss, accuracy, and the time that is left for the whole run.

No Lightning here: a sweep reads it, too, and is there before torch is. One run at a time in a process.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rich.live import Live
from rich.text import Text

from fsdd_lightning.config.schema import Config
from fsdd_lightning.console.terminal import console, line_of

FLOAT, QUANTIZED, EVALUATION, WRITING = "float", "quantized", "evaluation", "writing"
# An epoch through the arithmetic takes about so many float ones. Only until the first one was measured.
_QUANTIZED_COST = 2.0
# Measured on an idle machine of 2 cores: all backends, and what a clip adds; C files and pictures.
_EVALUATION_S, _EVALUATION_S_A_CLIP, _WRITING_S = 0.7, 0.0006, 1.0
_PLAIN_EVERY_S, _PLAIN_EVERY_SHARE = 10.0, 0.1  # whichever is rarer


@dataclass(frozen=True)
class Stage:
    """`epochs` that take `cost` float epochs each, or about `seconds` without epochs."""

    key: str
    label: str
    epochs: int = 0
    cost: float = 1.0
    seconds: float = 0.0

    @property
    def work(self) -> float:
        """In float epochs; nothing without epochs."""
        return self.epochs * self.cost


def stages_of(config: Config, clips: int, second_network: bool) -> list[Stage]:
    """All that a run does, in order; `clips` are evaluated at its end. What the store has is skipped then."""
    mode = config.quantization
    stages = [Stage(FLOAT, "float", config.trainer.max_epochs)]
    if mode.start == "epoch":
        through = (mode.epochs - mode.start_epoch) / mode.epochs
        stages.append(Stage(QUANTIZED, mode.name, mode.epochs, 1.0 + (_QUANTIZED_COST - 1.0) * through))
    evaluation = Stage(EVALUATION, "evaluation", seconds=_EVALUATION_S + _EVALUATION_S_A_CLIP * clips)
    second = [Stage(one.key, f"2nd network, {one.label}", one.epochs, one.cost) for one in stages]
    writing = Stage(WRITING, "C files and pictures", seconds=_WRITING_S)
    return [*stages, evaluation, *(second if second_network else []), writing]


class RunProgress:
    """Told by the stages of a run as they go on; on a terminal it shows itself while one is open."""

    def __init__(self, stages: Sequence[Stage] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self._stages, self._clock = list(stages), clock
        self._at = -1  # of the current stage
        self._epochs = 0.0  # of the current stage that are over
        self._measured: tuple[float, float] | None = None  # seconds and epochs at the first step of this stage
        self._epoch_s: float | None = None  # seconds a float epoch
        self._began = clock()
        self._scores = ""
        self._live: Live | None = None
        self._plain: tuple[float, float] | None = None  # seconds and share of the last plain line

    def plan(self, stages: Sequence[Stage]) -> None:
        """What is to come."""
        self._stages, self._at = list(stages), -1

    @contextmanager
    def stage(self, key: str) -> Iterator[None]:
        """Show the next stage of this kind; `begin` and `end` where a `with` has no place."""
        self.begin(key)
        try:
            yield
        finally:
            self.end()

    def begin(self, key: str, epochs: int = 0) -> None:
        """The next stage of this kind begins, with another number of epochs than planned where one is given."""
        later = [at for at in range(self._at + 1, len(self._stages)) if self._stages[at].key == key]
        if not later:
            self._stages.append(Stage(key, key))
        self._at = later[0] if later else len(self._stages) - 1
        if epochs > 0:
            self._stages[self._at] = replace(self._stages[self._at], epochs=epochs)
        self._epochs, self._measured, self._began, self._scores = 0.0, None, self._clock(), ""
        if self._plain is None:
            self._plain = self._began, self.share
        if console.is_terminal and not console.is_dumb_terminal and not console.quiet:
            self._live = Live(console=console, get_renderable=self._renderable, transient=True)
            self._live.start()

    def end(self) -> None:
        """Take the line away."""
        if self._live is not None:
            self._live.stop()
        self._live = None

    def second_network(self) -> None:
        """The first one is done, whatever of it the store had."""
        seconds = [at for at, stage in enumerate(self._stages) if stage.key == EVALUATION]
        self._at = max([self._at, *seconds])

    def step(self, epochs: float) -> None:
        """So many epochs of this stage are over. Cheap: after every batch."""
        now, self._epochs = self._clock(), epochs
        if self._measured is None:
            self._measured = now, epochs  # the first step is slow
        elif epochs > self._measured[1]:
            seconds, since = now - self._measured[0], epochs - self._measured[1]
            self._epoch_s = seconds / since / self._current.cost
        if self._live is None and not console.quiet:
            self._print_when_due(now)

    def score(self, loss: float | None, accuracy: float | None) -> None:
        """Of the validation clips after the last epoch."""
        found = [f"val loss {loss:.3f}"] if loss is not None else []
        self._scores = ", ".join([*found, *([f"accuracy {100 * accuracy:.1f} %"] if accuracy is not None else [])])

    @property
    def share(self) -> float:
        """Of the whole training that is over, in 0..1."""
        total = sum(stage.work for stage in self._stages)
        over = sum(stage.work for stage in self._stages[: max(self._at, 0)])
        return (over + self._epochs * self._current.cost) / total if total else 0.0

    @property
    def seconds_left(self) -> float | None:
        """For the rest of the run; None while that is unknown."""
        now, current = self._clock(), self._current
        trainings = self._stages[self._at + 1 :]
        work = (current.epochs - self._epochs) * current.cost + sum(stage.work for stage in trainings)
        if work > 0.0 and self._epoch_s is None:
            return None
        here = max(current.seconds - (now - self._began), 0.0)
        return work * (self._epoch_s or 0.0) + here + sum(stage.seconds for stage in trainings)

    def line(self, with_time: bool = True) -> str:
        """Up to 80 columns, as long as names are short."""
        current = self._current
        number = min(max(math.ceil(self._epochs), 1), current.epochs)
        where = f"{current.label} epoch {number}/{current.epochs}" if current.epochs else current.label
        left = self.seconds_left if with_time else None
        parts = [where, self._scores, f"{clock_text(left)} left" if left else ""]
        return ", ".join(filter(None, parts))

    @property
    def _current(self) -> Stage:
        return self._stages[self._at] if 0 <= self._at < len(self._stages) else Stage("", "preparing")

    def _renderable(self) -> Text:
        return line_of(self.line(), no_wrap=True, overflow="ellipsis")

    def _print_when_due(self, now: float) -> None:
        assert self._plain is not None
        seconds, share = self._plain
        if now - seconds >= _PLAIN_EVERY_S and self.share - share >= _PLAIN_EVERY_SHARE - 1e-9:
            self._plain = now, self.share
            console.print(self.line(), soft_wrap=True)


def clock_text(seconds: float) -> str:
    """0:07, 12:00, 1:02:03."""
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


_running: list[RunProgress] = []


@contextmanager
def progress_of_run() -> Iterator[None]:
    """A run begins in this process, and is over at the end of the context."""
    _running.append(RunProgress())
    try:
        yield
    finally:
        _running.pop().end()


def current_progress() -> RunProgress:
    """Of the run that this process is at; a new one where it is at none, as in a training by another program."""
    return _running[-1] if _running else RunProgress()


def line_of_run() -> str:
    """What the run that this process is at would show, without the time; empty where it is at none."""
    running = _running[-1:]  # a sweep reads this in another thread
    return running[0].line(with_time=False) if running else ""
