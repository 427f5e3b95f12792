"""Figures: all of them, on any sweep, in any look, with nothing cut off and no label over another."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from fabricated_runs import ended, grid, learning_curve, leave_one_out, run, section_of
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from fsdd_lightning.reports.figures import pictures_of
from fsdd_lightning.reports.maps import confusion_counts
from fsdd_lightning.reports.style import LOOKS, Picture, printable, rc_parameters, rendered

PATIENCE_PX = 1.5
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
LONG = "a_mode_with_a_name_that_goes_on_and_on_and_on_and_on"


def pictures(folder: Path) -> dict[str, Picture]:
    return {picture.name: picture for picture in pictures_of(section_of(folder))}


def many_modes(folder: Path) -> None:
    for at, mode in enumerate(("float32", "int8_ptq", "int8_qat", "int8_pot_scale", "int4_qat", "pot_qat")):
        for hidden in (8, 16, 24, 32, 48, 64):
            run(folder, mode, hidden, 1, 560 + hidden // 2 - at)
    for hidden in (64, 128):
        words = ("quantization=float32", f"model.hidden_size={hidden}", "memory_budget=kb36", "seed=9")
        ended(folder, "over_budget", "too large", *words)


def hostile(folder: Path) -> None:
    for at, name in enumerate((LONG, "_hidden", "$x^$", "東京\n\t", "<b>&amp;", "%s{}\\")):
        escaped = name.replace("\\", "\\\\")
        run(folder, "int8_ptq", 8 * (at + 1), 1, 560 + at, f"quantization.name='{escaped}'")


def voices(folder: Path) -> None:
    correct = {speaker: 300 + 50 * at for at, speaker in enumerate(SPEAKERS)}
    for mode, seed in itertools.product(("float32", "int8_ptq", "int4_qat"), (1, 2)):
        leave_one_out(folder, mode, correct, seed)


def single(folder: Path) -> None:
    run(folder, "int8_ptq", 8, 1, 600)


SWEEPS = {
    **{"many modes": many_modes, "hostile": hostile, "voices": voices, "single": single},
    "learning curve": learning_curve,
}


@pytest.fixture(scope="module", params=SWEEPS)
def sweep(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Picture]:
    folder = tmp_path_factory.mktemp("sweep")
    SWEEPS[request.param](folder)
    return pictures(folder)


def drawn(picture: Picture, look: str) -> tuple[Figure, list[Text]]:
    """The figure, and those of its texts that are really drawn (ticks outside of the axes are not)."""
    texts: list[Text] = []
    draw = Text.draw

    def noting(self: Text, *arguments: object) -> None:
        texts.append(self)
        draw(self, *arguments)

    with mpl.rc_context(rc_parameters(LOOKS[look])), pytest.MonkeyPatch.context() as patch:  # type: ignore[arg-type]
        figure = picture.draw(LOOKS[look])
        patch.setattr(Text, "draw", noting)
        figure.draw_without_rendering()
    return figure, [text for text in dict.fromkeys(texts) if text.get_visible() and text.get_text()]


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("look", ["light", "dark_narrow"])
def test_no_text_is_cut_off_or_stands_on_another(sweep: dict[str, Picture], look: str) -> None:
    for name, picture in sweep.items():
        figure, texts = drawn(picture, look)
        assert len(texts) > 4
        boxes = [(text, text.get_window_extent()) for text in texts]
        width, height = figure.bbox.size
        for text, box in boxes:
            free = min(box.x0, box.y0, width - box.x1, height - box.y1)
            assert free > -PATIENCE_PX, (name, look, text.get_text())
        level = [(text, box.shrunk(0.9, 0.9)) for text, box in boxes if not text.get_rotation()]
        for (one, first), (other, second) in itertools.combinations(level, 2):
            assert not first.overlaps(second), (name, look, one.get_text(), other.get_text())


def test_a_section_has_the_figures_that_it_has_data_for(tmp_path: Path) -> None:
    names = ["accuracy_vs_bytes", "accuracy_vs_size", "accuracy_map", "drop_vs_size"]
    assert list(pictures(grid(tmp_path / "grid", seeds=1))) == names
    assert list(pictures(grid(tmp_path / "float", ("float32",), seeds=1))) == names[:-1]  # these have no drop
    voices(tmp_path / "voices")
    of_speakers = ["accuracy_by_speaker", "confusion_by_speaker"]
    assert list(pictures(tmp_path / "voices")) == [*names, *of_speakers]
    assert list(pictures(learning_curve(tmp_path / "curve"))) == [*names, "learning_curve", *of_speakers]


def test_a_learning_curve_is_a_line_a_network_over_training_speakers(tmp_path: Path) -> None:
    learning_curve(tmp_path)
    leave_one_out(tmp_path, "int8_ptq", dict.fromkeys(("ann", "bob", "zoe"), 590))  # all train: no point on the curve
    figure = pictures(tmp_path)["learning_curve"].draw(LOOKS["light"])
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "4"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("speakers heard in training", "test accuracy, %")
    lines = {str(line.get_label()): line.lines[0].get_ydata() for line in axes.containers}  # type: ignore[attr-defined]
    assert set(lines) == {"int8_ptq 2×8", "int4_qat 2×8"}
    for at, mode in enumerate(("int8_ptq", "int4_qat")):
        expected = [100 * (310 + 40 * heard - 5 * at) / 600 for heard in (1, 2, 4)]
        assert list(lines[f"{mode} 2×8"]) == pytest.approx(expected)


def test_confusions_are_summed_over_seeds(tmp_path: Path) -> None:
    voices(tmp_path)
    counts = confusion_counts(section_of(tmp_path))
    assert list(counts) == list(SPEAKERS)
    for at, matrix in enumerate(counts.values()):
        assert np.sum(matrix) == 2 * 600
        assert np.trace(matrix) == 2 * (300 + 50 * at)


def test_equal_data_give_equal_bytes_which_look_like_something(tmp_path: Path) -> None:
    grid(tmp_path, seeds=2)
    one, other = pictures(tmp_path), pictures(tmp_path)
    for name in ("accuracy_vs_bytes", "accuracy_map"):
        png = rendered(one[name], LOOKS["light"], "png")
        assert rendered(other[name], LOOKS["light"], "png") == png
        dark, again = (rendered(found[name], LOOKS["dark"], "svg") for found in (one, other))
        assert dark == again != rendered(one[name], LOOKS["light"], "svg")
        image = imread(io.BytesIO(png), format="png")
        assert image.shape[1] == 1400  # good at 700 pixels, twice
        assert image.std() > 0.05  # an empty one has 0
        assert name == "accuracy_map" or 800 < image.shape[0] < 1200


def test_what_is_drawn_is_what_was_measured(tmp_path: Path) -> None:
    for hidden, correct in ((8, 540), (16, 570)):
        run(tmp_path, "int8_ptq", hidden, 1, correct)
    figure, _ = drawn(pictures(tmp_path)["accuracy_vs_size"], "light")
    (heights,) = [list(line.get_ydata()) for line in figure.axes[0].lines if line.get_marker() == "s"]  # type: ignore[arg-type]
    assert heights == [90.0, 95.0]
    _, texts = drawn(pictures(tmp_path)["accuracy_map"], "light")
    assert {"90.00", "95.00", "8", "16", "int8_ptq"} <= {text.get_text() for text in texts}


@pytest.mark.parametrize(
    ("text", "label"),
    [("int8_qat", "int8_qat"), ("_x", " _x"), ("a\nb\ud800", "a�b�"), ("x" * 99, "x" * 39 + "…"), ("", "")],
)
def test_labels_are_short_and_printable(text: str, label: str) -> None:
    assert printable(text) == label
