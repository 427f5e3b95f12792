"""What `fsdd-listen` shows: a meter while it listens, a line a word, and a summary."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.live import Live
from rich.text import Text

from fsdd_lightning.console.lines import say_aside, say_json
from fsdd_lightning.console.predictions import NOTHING
from fsdd_lightning.console.terminal import console, line_of
from fsdd_lightning.data.words import NO_WORDS

if TYPE_CHECKING:
    from fsdd_lightning.evaluation.ear import LiveEar, LiveWord
    from fsdd_lightning.runs.folder import Run

QUIETEST_DB, BAR_CELLS, METER_S = -72.0, 20, 0.1
CLIPPED_DB, LOUD_DB = -0.1, -6.0
STATES = {"settling": "learning the room", "quiet": "quiet", "word": "a word"}


class Display(Protocol):
    """Shows what is heard."""

    def word(self, word: LiveWord) -> None:
        """A word has ended."""

    def level(self, ear: LiveEar) -> None:
        """A piece of sound was heard."""

    def summary(self, ear: LiveEar, lost: int) -> None:
        """It is over."""


@contextmanager
def display(run: Run, backend: str, source: str, as_json: bool) -> Iterator[Display]:
    """On the console, with a meter where it is a terminal; or lines of JSON."""
    if as_json:
        yield _Lines()
        return
    labels = [label for label in run.checkpoint.labels if label not in NO_WORDS]
    rate = run.config.features.sample_rate_hz
    words = f"{len(labels)} words: {', '.join(labels)}"
    console.print(f"listening to {source} at {rate} Hz with {run.folder} ({backend}), {words}", soft_wrap=True)
    console.print("Ctrl-C ends.")
    with Live(console=console, transient=True, auto_refresh=False) as live:
        yield _Screen(live if console.is_terminal else None, max(map(len, labels)))


class _Lines:
    def word(self, word: LiveWord) -> None:
        say_json(word.as_dict())

    def level(self, ear: LiveEar) -> None:
        pass

    def summary(self, ear: LiveEar, lost: int) -> None:
        say_aside(summary_line(ear, lost))


class _Screen:
    def __init__(self, live: Live | None, width: int) -> None:
        self._live, self._width = live, width
        self._shown_s = -METER_S

    def word(self, word: LiveWord) -> None:
        console.print(word_line(word, self._width), soft_wrap=True)

    def level(self, ear: LiveEar) -> None:
        if self._live is not None and ear.heard_s - self._shown_s >= METER_S:
            self._shown_s = ear.heard_s
            self._live.update(meter(ear), refresh=True)

    def summary(self, ear: LiveEar, lost: int) -> None:
        if self._live is not None:
            self._live.stop()
        console.print(summary_line(ear, lost), soft_wrap=True)


def word_line(word: LiveWord, width: int) -> Text:
    """Time, word or "none of these", probability, margin and latency."""
    answer = word.prediction
    share = "" if answer.probability is None else f"{answer.probability:5.3f}"
    numbers = f"{share:>5}  margin {answer.margin or 0:>7,}  {1000 * word.latency_s:4.0f} ms after it"
    notes = f"  ({'; '.join(answer.notes)})" if answer.notes else ""
    style = "bold green" if answer.word else "yellow"
    label = f"{answer.word or NOTHING:<{width}}"
    return line_of(f"{answer.start_s:7.2f} s  ", (label, style), f"  {numbers}{notes}")


def meter(ear: LiveEar) -> Text:
    """How loud it is, as a bar, and what the endpointer makes of it; it fits into 80 columns."""
    share = (ear.level_db - QUIETEST_DB) / -QUIETEST_DB
    cells = round(BAR_CELLS * min(max(share, 0.0), 1.0))
    style = "red" if ear.peak_db >= CLIPPED_DB else "yellow" if ear.peak_db >= LOUD_DB else "green"
    bar = ("█" * cells + "·" * (BAR_CELLS - cells), style)
    clipped = "  clipped: move back" if ear.peak_db >= CLIPPED_DB else ""
    return line_of(bar, f" {ear.level_db:4.0f} dB  {STATES[ear.state]:<17} {ear.heard_s:7.1f} s{clipped}")


def summary_line(ear: LiveEar, lost: int) -> str:
    """What was heard in all."""
    rejected = f", {ear.rejected} of them none of these" if ear.rejected else ""
    words = f"{ear.words} word{'' if ear.words == 1 else 's'}{rejected}"
    busy = f", {100 * ear.busy_s / ear.heard_s:.0f} % of the time computing" if ear.heard_s else ""
    gaps = f", samples lost {lost} times: this machine is too busy" if lost else ""
    return f"{words} in {ear.heard_s:.1f} s of sound{busy}{gaps}"
