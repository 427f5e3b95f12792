"""The kernels for M55's vectors against numpy: every state after every frame, and that they are used at all."""

from __future__ import annotations

from pathlib import Path

import boards
import measurements
import mve_networks
import pytest
from vectors import status_of, vector_program

boards.require(boards.M55)
pytestmark = pytest.mark.slow
LEVELS = ("-O1", "-O2", "-O3", "-Os")
MOST_INSTRUCTIONS = {24: 180_000, 48: 420_000}  # of one clip at -O3; without vectors more than twice as many


@pytest.mark.parametrize("level", LEVELS)
def test_adversarial_networks_of_8_bits(level: str, tmp_path: Path) -> None:
    program = vector_program(mve_networks.adversarial_networks(), tmp_path, clips=12, frames=24)
    assert status_of(program, boards.M55, level, tmp_path) == boards.EXIT_DONE


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("code", mve_networks.CODES)
def test_odd_shapes_of_8_bits(code: str, layers: int, level: str, tmp_path: Path) -> None:
    program = vector_program(mve_networks.odd_networks(code, layers), tmp_path, clips=6, frames=6)
    assert status_of(program, boards.M55, level, tmp_path) == boards.EXIT_DONE


@pytest.mark.parametrize("hidden", MOST_INSTRUCTIONS)
def test_the_vectors_are_used(hidden: int) -> None:
    """By the instructions of a clip, which the emulator counts: the same on every machine."""
    assert measurements.measure(boards.M55, "-O3", "int8", hidden).instructions <= MOST_INSTRUCTIONS[hidden]
