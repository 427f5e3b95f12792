"""What a speaker sees: one line a word, the takes at the end, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fsdd_lightning.console.tables import plain_table
from fsdd_lightning.console.terminal import console, line_of
from fsdd_lightning.data.recorder.judgment import LOUD_ROOM_DB, Cut, Refusal
from fsdd_lightning.data.words import DIGITS

if TYPE_CHECKING:
    from fsdd_lightning.data.microphone import Device
    from fsdd_lightning.data.recorder.takes import TakeFolder

SPELLED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_LEAST_WIDTH = 2 + max(map(len, SPELLED))


class Prompts:
    """A `Display` on the console. A prompt and its outcome share a line."""

    def __init__(self, done: int, total: int) -> None:
        self._done, self._total = done, total
        self._asking = False

    def ask(self, word: str) -> None:
        """Print the prompt and leave the line open."""
        width = len(str(self._total))
        count = f"{self._done + 1:>{width + 2}}/{self._total}  "
        console.print(line_of(count, (f"{_spelled(word):<{_LEAST_WIDTH}}", "bold cyan"), "  "), end="")
        self._asking = True

    def kept(self, cut: Cut, path: Path) -> None:
        """Close the line."""
        self._done += 1
        above = "" if cut.above_room_db is None else f", {cut.above_room_db:.0f} dB above the room"
        self._close(f"{cut.duration_s:.2f} s, peak {cut.peak_db:.0f} dB{above}, {path.name}", "green")

    def refused(self, refusal: Refusal) -> None:
        """Close the line."""
        self._close(f"again: {refusal.reason}", "yellow")

    def close(self) -> None:
        """End the line of a prompt that has no outcome."""
        if self._asking:
            self._close("-", "")

    def _close(self, text: str, style: str) -> None:
        console.print(line_of((text, style)), soft_wrap=True)
        self._asking = False


def print_start(takes: TakeFolder, there: int, total: int, fed: bool) -> None:
    """Print what is going to happen; sound that is fed can't be asked to stop."""
    begun = f", {there} of them there already" if there else ""
    console.print(f"{total} recordings of {takes.speaker} in {takes.folder}{begun}.", soft_wrap=True)
    if fed:
        console.print("Each line hears the next word that is fed, and hears another one where it says `again`.")
    else:
        console.print("Say each word once when its line appears. Ctrl-C stops, the same command goes on.")
    console.print()


def print_quiet() -> None:
    """Ask for silence."""
    console.print("Quiet for a moment, please ... ", end="")


def print_room(level_db: float) -> None:
    """Print how loud it is where nobody speaks."""
    loud = f", louder than {LOUD_ROOM_DB:.0f} dB: a quieter place is better" if level_db > LOUD_ROOM_DB else ""
    console.print(f"the room has {level_db:.0f} dB{loud}.")
    console.print()


def print_takes(takes: TakeFolder, words: Sequence[str], wanted: int) -> None:
    """Print how many takes each word has, and how many are missing."""
    there = takes.takes()
    missing = {word: max(wanted - len(there[word]), 0) for word in words}
    table = plain_table(f"Takes of {takes.speaker}", ("word",), ("takes", "missing"))
    for word in words:
        table.add_row(_spelled(word), str(len(there[word])), str(missing[word] or "-"))
    console.print()
    console.print(table)
    if sum(missing.values()):
        of_all = f"{sum(missing.values())} of {wanted * len(words)} recordings"
        console.print(f"{of_all} are missing: the same command goes on from there.")


def print_next(takes: TakeFolder, words: Sequence[str], folder: Path) -> None:
    """Print what to do with a folder in which nothing is missing."""
    people = takes.speakers()
    train, more = f"data.root={folder}", shlex.quote(str(folder))
    console.print()
    console.print(f"Next, with the {'voice' if people == 1 else f'{people} voices'} in {folder}:", soft_wrap=True)
    data = "" if set(words) <= set(DIGITS) else "data=words data.layout=fsdd "
    console.print(f"  fsdd-train {data}{shlex.quote(train)}", soft_wrap=True)
    console.print(
        f"  fsdd-record {more} --speaker SOMEBODY   # more people, so that others are understood, too", soft_wrap=True
    )


def print_microphones() -> None:
    """Print the numbers for --device."""
    from fsdd_lightning.data.microphone import list_microphones

    print_devices(list_microphones())


def print_devices(devices: Sequence[Device]) -> None:
    """The same of these."""
    table = plain_table("Microphones", ("device", "name"), ("Hz",), ("",))
    for device in devices:
        rate, note = f"{device.sample_rate_hz:,}", "default" if device.default else ""
        table.add_row(str(device.number), device.name, rate, note)
    console.print(table)


def _spelled(word: str) -> str:
    """A digit as it is pronounced; another word as it is written."""
    return f"{word} {SPELLED[int(word)]}" if word in DIGITS else word
