"""The exported example on emulated boards, with a WAV file as its microphone: phone numbers, from samples to digits."""

from __future__ import annotations

import difflib
import shutil
from pathlib import Path

import boards
import networks
import numpy as np
import phone_numbers
import pytest

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.runs.archive import INTEGER_MODEL, load_archive

boards.require(boards.M4)
pytestmark = pytest.mark.slow
RUNTIME = ("fsdd_lstm.c", "fsdd_front_end.c", "fsdd_listen.c")
NUMBERS = {"lucas": (0, "0369258147"), "theo": (4, "4703692581"), "george": (3, "3692581470")}  # take, digits
STRANGER, STRANGERS_DIGITS = "crowd19", "0123456789"


class Example:
    """A run's export, built for a board."""

    def __init__(self, run: Path, board: boards.Board, folder: Path) -> None:
        export = folder / "export"
        shutil.copytree(run / "export", export)
        code = [export / "example" / "main.c", export / "example" / "microphone_semihosting.c"]
        code += [export / name for name in RUNTIME]
        options = (f"-I{export}", networks.formats_option({"FSDD_INT8 | FSDD_FASTEST(FSDD_INT8)"}))
        self.board, self.folder = board, folder
        self.elf = boards.build(code, [export / "fsdd_model.c"], board, "-O3", folder / "build", options=options)

    def hear(self, samples: np.ndarray, rate_hz: int = phone_numbers.RATE_HZ) -> boards.TrialEnd:
        phone_numbers.write_samples(self.folder / "microphone.wav", samples, rate_hz)
        return boards.run(self.elf, self.board, self.folder)


def words_of(example: Example, samples: np.ndarray) -> list[str]:
    """What it prints, and nothing else."""
    end = example.hear(samples)
    assert end.status == boards.EXIT_DONE
    return list(end.lines)


@pytest.mark.parametrize("board", [boards.M0, boards.M4], ids=boards.board_id)
def test_it_prints_what_the_listener_hears(board: boards.Board, finished_run: Path, tmp_path: Path) -> None:
    """Of synthetic voices, in 16 KB of RAM as well."""
    samples = phone_numbers.joined([phone_numbers.synthetic(k, k % 2, 3) for k in range(8)])
    expected = phone_numbers.heard_words(load_archive(finished_run / INTEGER_MODEL), samples)
    assert len(expected) >= 4
    assert words_of(Example(finished_run, board, tmp_path), samples) == expected


def test_what_it_cannot_hear_is_named(finished_run: Path, tmp_path: Path) -> None:
    example = Example(finished_run, boards.M4, tmp_path)
    missing = boards.run(example.elf, boards.M4, tmp_path)
    assert (missing.status, missing.lines) == (1, ("microphone.wav can't be opened",))
    other_rate = example.hear(np.zeros(100, np.int16), 16000)
    assert (other_rate.status, len(other_rate.lines)) == (1, 1)
    assert "another sample rate" in other_rate.lines[0]


@pytest.fixture(scope="module")
def trained(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Example, Deployment]:
    """On M4, and the same network for numpy."""
    example = Example(trained_run, boards.M4, tmp_path_factory.mktemp("trained"))
    return example, load_archive(trained_run / INTEGER_MODEL)


@pytest.mark.fsdd
@pytest.mark.parametrize("speaker", NUMBERS)
def test_a_phone_number_is_understood(speaker: str, trained: tuple[Example, Deployment], fsdd_root: Path) -> None:
    """Ten test clips of one speaker, which the network was not trained with."""
    example, deployment = trained
    take, digits = NUMBERS[speaker]
    folder = fsdd_root / "recordings"
    samples = phone_numbers.joined(
        [phone_numbers.read_samples(folder / f"{digit}_{speaker}_{take}.wav") for digit in digits]
    )
    printed = words_of(example, samples)
    assert printed == phone_numbers.heard_words(deployment, samples)
    assert "".join(printed) == digits


@pytest.mark.fsdd
def test_a_phone_number_of_a_stranger_is_heard_as_by_numpy(
    trained: tuple[Example, Deployment], fsdd_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a voice that the network does not know, hence no number that it must get right."""
    folder = fsdd_root.parent / "other_voices" / "recordings"
    if not folder.is_dir():
        pytest.skip(f"there are no other voices in {folder}")
    example, deployment = trained
    files = [sorted(folder.glob(f"{digit}_{STRANGER}_*.wav"))[0] for digit in STRANGERS_DIGITS]
    samples = phone_numbers.joined([phone_numbers.read_samples(file) for file in files])
    printed = words_of(example, samples)
    assert printed == phone_numbers.heard_words(deployment, samples)
    assert printed
    right = in_order(STRANGERS_DIGITS, "".join(printed))
    with capsys.disabled():
        print(f" {right} of {len(STRANGERS_DIGITS)} digits of {STRANGER} right: {''.join(printed)}", end=" ")


def in_order(spoken: str, printed: str) -> int:
    """How many spoken digits were printed, in their order."""
    matches = difflib.SequenceMatcher(None, spoken, printed, autojunk=False).get_matching_blocks()
    return sum(match.size for match in matches)
