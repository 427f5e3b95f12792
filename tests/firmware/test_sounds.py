"""From samples to words on the emulated boards: every logit, label and event is numpy's."""

from __future__ import annotations

from pathlib import Path

import board_sounds as sounds
import boards
import networks
import numpy as np
import phone_numbers
import pytest
from example_listening import FRONT_ENDS

pytestmark = pytest.mark.slow
CLIPS = ("sounds.c", "file_streams.c")
STREAM = ("listen.c", "file_streams.c")
HIDDEN = 24
WORDS = 12
ALL = [
    board for board in boards.BOARDS if board is not boards.RV32_NO_MULTIPLIER
]  # RV32IMC's code, but for slow products
LEVELS = [*((board, "-O3") for board in ALL), (boards.M0, "-Os"), (boards.M4, "-Os")]
HARD = (boards.M0, boards.M4, boards.M55, boards.RV32_NO_MULTIPLIER, boards.A64)


@pytest.fixture(scope="module")
def clip_program(heard_clips: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory):
    """Sources of a program, and the folder of its clips and expected output."""
    folder = tmp_path_factory.mktemp("clips")
    deployment = sounds.digit_deployment("int8", HIDDEN, heard_clips)
    assert len(heard_clips) >= 200
    (folder / "clips.bin").write_bytes(sounds.input_clips(heard_clips))
    (folder / "expected.bin").write_bytes(sounds.expected_clips(deployment, heard_clips))
    return networks.export_deployments({"net": deployment}, folder), folder


@pytest.mark.parametrize(("board", "level"), LEVELS, ids=boards.board_id)
def test_clips_are_numpys_byte_for_byte(
    board: boards.Board, level: str, clip_program: tuple[networks.Sources, Path], tmp_path: Path
) -> None:
    sources, folder = clip_program
    elf = sources.build(CLIPS, board, level, tmp_path)
    boards.assert_expected(elf, board, folder)


@pytest.mark.parametrize("board", HARD, ids=boards.board_id)
@pytest.mark.parametrize("front_end", ["default", "deltas", "decay", "128"])
def test_hard_sounds_and_other_front_ends(front_end: str, board: boards.Board, tmp_path: Path) -> None:
    """Products of 64 bits are not M0's: it computes the same from several of 32."""
    heard = FRONT_ENDS[front_end]
    clips = sounds.hard_clips(heard)
    deployment = sounds.deployment(networks.spoken_digit_model("int8", 9, inputs=heard.channels), clips, heard)
    (tmp_path / "clips.bin").write_bytes(sounds.input_clips(clips))
    (tmp_path / "expected.bin").write_bytes(sounds.expected_clips(deployment, clips))
    elf = networks.export_deployments({"net": deployment}, tmp_path).build(CLIPS, board, "-O2", tmp_path / "build")
    boards.assert_expected(elf, board, tmp_path)


@pytest.fixture(scope="module")
def stream_program(heard_clips: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory):
    """The same for one stream of words, half of which are rejected."""
    folder = tmp_path_factory.mktemp("stream")
    words = heard_clips[:: len(heard_clips) // WORDS][:WORDS]
    samples = phone_numbers.joined(words)
    deployment = sounds.with_rejection(sounds.digit_deployment("int8", HIDDEN, heard_clips), samples)
    events = sounds.expected_events(deployment, samples)
    ends = events[events[:, 0] == sounds.KINDS["ends"]]
    assert len(ends) >= WORDS - 2 and len(events) >= 2 * len(ends)
    assert 0 < (ends[:, 1] < 0).sum() < len(ends)
    (folder / "clips.bin").write_bytes(sounds.input_stream(samples, seed=1))
    (folder / "expected.bin").write_bytes(events.tobytes())
    return networks.export_deployments({"net": deployment}, folder), folder


@pytest.mark.parametrize("board", HARD, ids=boards.board_id)
def test_events_of_a_stream_in_pieces_are_the_listeners(
    board: boards.Board, stream_program: tuple[networks.Sources, Path], tmp_path: Path
) -> None:
    sources, folder = stream_program
    elf = sources.build(STREAM, board, "-O3", tmp_path)
    boards.assert_expected(elf, board, folder)


@pytest.mark.parametrize("byte", [0, -1])
def test_one_wrong_bit_of_the_events_is_noticed(
    byte: int, stream_program: tuple[networks.Sources, Path], tmp_path: Path
) -> None:
    sources, folder = stream_program
    expected = bytearray((folder / "expected.bin").read_bytes())
    expected[byte] ^= 1
    (tmp_path / "expected.bin").write_bytes(expected)
    (tmp_path / "clips.bin").write_bytes((folder / "clips.bin").read_bytes())
    elf = sources.build(STREAM, boards.M4, "-Os", tmp_path)
    assert boards.run(elf, boards.M4, tmp_path).status == boards.EXIT_MISMATCH


def test_one_wrong_sample_is_noticed(clip_program: tuple[networks.Sources, Path], tmp_path: Path) -> None:
    """Its highest bit, in the middle of the last clip."""
    sources, folder = clip_program
    clips = bytearray((folder / "clips.bin").read_bytes())
    clips[-2001] ^= 0x80
    (tmp_path / "clips.bin").write_bytes(clips)
    (tmp_path / "expected.bin").write_bytes((folder / "expected.bin").read_bytes())
    elf = sources.build(CLIPS, boards.M4, "-Os", tmp_path)
    assert boards.run(elf, boards.M4, tmp_path).status == boards.EXIT_MISMATCH
