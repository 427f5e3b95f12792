"""A mode has one color and one mark for ever, in every figure and page."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from fabricated_runs import grid, run, section_of
from matplotlib.colors import to_rgb

from fsdd_lightning.config.load import config_directory
from fsdd_lightning.reports.figures import pictures_of
from fsdd_lightning.reports.palette import _RESERVED, MARKERS, MODES, marks, style_of
from fsdd_lightning.reports.style import LOOKS

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(color: str) -> np.ndarray:
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    t = TO_XYZ @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("dark", [False, True])
def test_colors_can_be_told_apart_with_any_vision(vision: str, dark: bool) -> None:
    own = [style.dark if dark else style.light for style in MODES.values()]
    colors = [*own, *(pair[dark] for pair in _RESERVED)]
    seen = [lab(np.array(VISIONS[vision]) @ linear(color)) for color in colors]
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) > 9


@pytest.mark.parametrize("look", ["light", "dark"])
def test_colors_stand_out_from_the_ground(look: str) -> None:
    ground = TO_XYZ[1] @ linear(LOOKS[look].background)
    for style in MODES.values():
        color = TO_XYZ[1] @ linear(style.dark if look == "dark" else style.light)
        assert (max(ground, color) + 0.05) / (min(ground, color) + 0.05) > 2.8


def test_every_mode_of_the_package_has_its_own() -> None:
    names = {path.stem for path in (config_directory() / "quantization").glob("*.yaml")}
    assert names == set(MODES)
    assert len({style.mark for style in MODES.values()}) == len(MODES)


def test_a_mode_of_ones_own_has_a_reserved_color_that_stays() -> None:
    assert style_of("int3_mine") == style_of("int3_mine")
    taken = {style.light for style in MODES.values()}
    found = {style_of(f"mine_{at}") for at in range(200)}
    assert {(style.light, style.dark) for style in found} == set(_RESERVED)
    assert not taken & {style.light for style in found}
    assert style_of("int3_mine").light == "#71993f"  # as it was in the first report that showed it


def test_variants_of_a_mode_share_its_color_and_differ_in_their_marks() -> None:
    series = [("int8_ptq", "int8_ptq, layers=1"), ("int8_ptq", "int8_ptq, layers=2"), ("pot_qat", "pot_qat")]
    assert marks(series) == {"int8_ptq, layers=1": 1, "int8_ptq, layers=2": 2, "pot_qat": 5}


def test_a_figure_draws_a_mode_alike_whatever_else_it_shows(tmp_path: Path) -> None:
    grid(tmp_path / "many", ("float32", "int8_ptq", "pot_qat"), seeds=1)
    run(tmp_path / "one", "pot_qat", 8, 1, 570)
    found = set()
    for name in ("many", "one"):
        pictures = {picture.name: picture for picture in pictures_of(section_of(tmp_path / name))}
        (axes,) = pictures["accuracy_vs_bytes"].draw(LOOKS["light"]).axes
        (line,) = [bars.lines[0] for bars in axes.containers if bars.get_label() == "pot_qat"]  # type: ignore[attr-defined]
        found.add((line.get_color(), line.get_marker()))
    assert found == {(MODES["pot_qat"].light, MARKERS[MODES["pot_qat"].mark])}
