"""What a run tells its user: what it works on, what came out, what to try next."""

from __future__ import annotations

from pathlib import Path

from rich.panel import Panel

from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.experiments.console import console
from fsdd_lightning.experiments.record import RunRecord
from fsdd_lightning.experiments.tables import bill_table, class_table, confusion_table, result_table
from fsdd_lightning.memory.bill import MemoryBill
from fsdd_lightning.settings import Settings


def print_data(data: PreparedData, bill: MemoryBill, settings: Settings) -> None:
    """Recordings, split and the size of what is about to be trained."""
    for note in data.notes:
        if note.startswith("SYNTHETIC"):
            console.print(Panel(note, style="bold yellow"))
        else:
            console.print(f"note: {note}")
    recordings, split = data.recordings, data.split
    console.print(
        f"data: {len(recordings.recordings):,} recordings of {recordings.name} in {recordings.folder} "
        f"(digest {recordings.digest[:12]})"
    )
    console.print(
        f"split: {split.name}, {len(split.train):,} train, {len(split.val):,} val, {len(split.test):,} test"
    )
    console.print(bill_table(bill))
    shape = f"{settings.model.layers}x{settings.model.hidden_size}"
    console.print(f"training: {shape} LSTM, {settings.trainer.epochs} epochs, seed {settings.seed}")


def print_result(record: RunRecord, folder: Path) -> None:
    """Tables of the result, where everything is, and the next commands."""
    for name, view in record.views.items():
        if len(record.views) > 1:
            console.print(f"\n[bold]{name}[/bold]")
        console.print(confusion_table(view))
        console.print(class_table(view))
    console.print(result_table(record.views, record.memory))
    training = record.training
    console.print(
        f"best validation epoch {training['best_epoch'] + 1} of {training['epochs']}; "
        f"{record.timings_s['total']:.0f} s in all, {record.timings_s['training']:.0f} s of them training"
    )
    place = _short(folder)
    console.print(f"everything is in {place}", soft_wrap=True)
    console.print("\nNext:", *_next_commands(place), sep="\n  ", soft_wrap=True)


def _next_commands(place: str) -> list[str]:
    return [
        f"fsdd-evaluate {place}",
        f"fsdd-predict {place} SOME.wav",
        f"tensorboard --logdir {place}",
        "fsdd-train -m model.hidden_size=16,24,32 name=my_first_sweep",
    ]


def _short(folder: Path) -> str:
    try:
        return str(folder.relative_to(Path.cwd()))
    except ValueError:
        return str(folder)
