"""A run that is asked to end is recorded as interrupted, at whatever moment; done it stays once its results are."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from commands import only_line
from lost_signals import CODES, PLACES

from fsdd_lightning import interruption
from fsdd_lightning.console.command_line import run_command
from fsdd_lightning.evaluation import confusion
from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.training import experiment, fit, pictures, presentation

RunTrial = Callable[[Sequence[str], Path], RunRecord]
LOST = [place for place in PLACES if place != "in_logging"]

# Where the signal comes: before this step.
STEPS: dict[str, tuple[Any, str]] = {
    "data": (experiment.KEEPER, "prepare"),
    "training": (experiment, "seed_everything"),
    "first epoch": (fit.LastEpoch, "on_train_epoch_end"),
    "quantization": (experiment, "quantize"),
    "evaluation": (experiment, "evaluate_backends"),
    "test": (experiment, "log_test_metrics"),
    "C files": (experiment, "export_run"),
    "TensorBoard": (experiment, "log_bill"),
}
AFTER: dict[str, tuple[Any, str]] = {
    "pictures": (presentation, "show"),
    "sounds": (pictures, "mistakes"),
    "last record": (presentation, "write_record"),
}


def strike(patch: pytest.MonkeyPatch, step: tuple[Any, str], place: str, number: int) -> None:
    """Let a signal come before `step`, once."""
    owner, name = step
    original, left = getattr(owner, name), [place]

    def struck(*arguments: Any, **keywords: Any) -> Any:
        if left:
            PLACES[left.pop()](number)
        return original(*arguments, **keywords)

    patch.setattr(owner, name, struck)


def end_of(
    run_trial: RunTrial, words: Sequence[str], folder: Path, capfd: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        run_command(lambda: run_trial(words, folder) and None)
    code = caught.value.code
    assert isinstance(code, int)
    return code, capfd.readouterr().err


@pytest.mark.parametrize(
    ("step", "again"), [*((step, True) for step in STEPS), ("first epoch", False), ("test", False), ("C files", False)]
)
def test_a_lost_sigterm_ends_a_run_in_every_stage(
    finished_overrides: list[str],
    tmp_path: Path,
    run_trial: RunTrial,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    step: str,
    again: bool,
) -> None:
    place = LOST[(list(STEPS).index(step) + 3 * again) % len(LOST)]
    strike(monkeypatch, STEPS[step], place, signal.SIGTERM)
    if not again:
        monkeypatch.setattr(interruption, "_send_again", lambda state, signum: None)
    own = [f"output_root={tmp_path}"] if step in ("training", "first epoch") else []  # else a network is reused
    end = end_of(run_trial, [*finished_overrides, *own], tmp_path, capfd)
    assert end == CODES[signal.SIGTERM]
    record = read_record(tmp_path)
    assert (record.status, record.error) == ("interrupted", "Terminated")


@pytest.mark.parametrize(("step", "number"), zip(AFTER, CODES, strict=True))
def test_once_its_results_are_recorded_a_run_is_done(
    finished_overrides: list[str],
    tmp_path: Path,
    run_trial: RunTrial,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    step: str,
    number: signal.Signals,
) -> None:
    strike(monkeypatch, AFTER[step], "in_del", number)
    code, err = end_of(run_trial, finished_overrides, tmp_path, capfd)
    assert (code, only_line(err) + "\n") == CODES[number]
    record = read_record(tmp_path)
    assert (record.status, record.error) == ("done", None)
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize("name", ["$5_$10", "$^_{"])
def test_a_name_is_drawn_as_it_is_written(
    finished_overrides: list[str], tmp_path: Path, draw_trial: RunTrial, name: str
) -> None:
    record = draw_trial([*finished_overrides, f"name='{name}'"], tmp_path)
    assert record.status == "done" and "could not be drawn" not in " ".join(record.notes)
    assert {path.name for path in tmp_path.glob("*.png")} == {f"confusion_{view}.png" for view in record.views}


@pytest.mark.parametrize("error", [ValueError("no glyph"), OSError(28, "No space left on device")])
def test_a_picture_that_fails_is_a_note(
    finished_overrides: list[str],
    tmp_path: Path,
    run_trial: RunTrial,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(pictures, "mistakes", fail)
    with monkeypatch.context() as patch:
        patch.setattr("fsdd_lightning.evaluation.pictures.replace_file", fail)
        record = run_trial(finished_overrides, tmp_path)
    assert record.status == "done" and "pictures" not in record.timings_s
    notes = [note for note in record.notes if "could not be drawn" in note]
    assert all(any(f"confusion_{view}.png" in note for note in notes) for view in record.views)
    assert "wrongly recognized" in notes[-1] and "wrongly recognized clips" in record.notes[-1]
    assert read_record(tmp_path).notes == record.notes
    shown = " ".join(capsys.readouterr().out.split())
    assert all(" ".join(note.split()) in shown for note in record.notes)


def test_a_title_is_literal_whatever_a_user_has_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl
    from matplotlib.text import Text

    from fsdd_lightning.evaluation.pictures import draw, literal_texts

    drawn = []
    score = {"classes": [{"label": "$\\frac{"}, {"label": "_$$"}], "confusion": [[3, 1], [0, 4]]}
    draw_text = Text.draw

    def noting(self: Text, *arguments: object) -> None:
        drawn.append((self.get_text(), self.get_parse_math()))
        draw_text(self, *arguments)

    monkeypatch.setattr(Text, "draw", noting)
    with mpl.rc_context({"text.parse_math": True, "axes.formatter.use_mathtext": True}), literal_texts():
        confusion.confusion_figure(score, "$\\frac{").draw_without_rendering()
    assert {"$\\frac{", " _$$"} <= {text for text, _ in drawn}
    assert not any(parses for _, parses in drawn)
    assert draw(Path("/nowhere/x.png"), lambda: confusion.confusion_figure(score, "$$")) is not None
