"""Words of one's own, from a folder to C, to an evaluation elsewhere and to a prediction, in both layouts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from commands import Call
from four_words import SPEAKERS, TAKES, WORDS, four_words

from fsdd_lightning import evaluate, train
from fsdd_lightning.data.words import NOISE, OTHER
from fsdd_lightning.evaluation.run import open_run

RunTrial = Callable[[Sequence[str], Path], object]
TRAINING = ("model.hidden_size=8", "trainer.max_epochs=3", "callbacks=quiet")


@pytest.fixture(scope="session")
def words_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("words")
    four_words(root / "folders", "folders")
    four_words(root / "fsdd", "fsdd")
    return root


def overrides(root: Path, layout: str, tmp_path: Path, *more: str) -> list[str]:
    data = [f"data.root={root / layout}", f"data.layout={layout}", f"data.cache_dir={tmp_path / 'cache'}"]
    return ["data=words", *data, *TRAINING, f"output_root={tmp_path}", *more]


@pytest.mark.parametrize("layout", ["folders", "fsdd"])
def test_four_words_go_from_a_folder_to_c_in_one_command(
    words_root: Path, layout: str, tmp_path: Path, call: Call
) -> None:
    done = call(train, *overrides(words_root, layout, tmp_path))
    assert done.code == 0, done.err
    (folder,) = (tmp_path / "single").iterdir()
    record = json.loads((folder / "run.json").read_text())
    assert record["dataset"]["labels"] == list(WORDS)
    assert [word["label"] for word in record["views"]["c"]["classes"]] == list(WORDS)
    assert record["agreement"]["integer_c"] == 1.0
    header = (folder / "export" / "fsdd_model.h").read_text()
    assert "#define WORDS_CLASSES 4" in header and '"turn_on"' in header
    run = open_run(folder)
    assert run.checkpoint.labels == WORDS and run.deployment is not None and run.deployment.labels == WORDS
    clip = next((words_root / layout).rglob("*.wav"))
    answer = run.predict(clip, backend="c")
    assert (answer.word or answer.nearest) in WORDS
    assert "digit" not in done.out.lower()


@pytest.fixture(scope="session")
def run_of_words(words_root: Path, tmp_path_factory: pytest.TempPathFactory, run_trial: RunTrial) -> Path:
    """A network that knows two of the words, that the others are others, and noise."""
    folder = tmp_path_factory.mktemp("run")
    more = ("data.labels=[stop,left]", "data.other=rest", "data.noise=12")
    run_trial(overrides(words_root, "folders", folder, *more), folder)
    return folder


def test_other_words_and_noise_are_outputs_like_any(run_of_words: Path) -> None:
    run = open_run(run_of_words)
    assert run.checkpoint.labels == ("stop", "left", OTHER, NOISE)
    assert run.record.memory["hidden_size"] == 8 and run.checkpoint.network.shape.classes == 4
    clips = {word["label"]: word["clips"] for word in run.record.views["integer"]["classes"]}
    assert min(clips.values()) > 0 and clips[OTHER] > clips["stop"]


def test_other_words_and_noise_are_none_of_these(run_of_words: Path, words_root: Path) -> None:
    run = open_run(run_of_words)
    answers = [run.predict(clip) for clip in sorted((words_root / "folders" / "turn_on").glob("*.wav"))[:5]]
    others = [answer for answer in answers if answer.nearest == OTHER]
    assert others and all(answer.word is None and answer.status == "rejected" for answer in others)
    assert {answer.notes[-1] for answer in others} == {"none of these: other"}


def test_a_run_is_evaluated_on_other_recordings(run_of_words: Path, tmp_path: Path, call: Call) -> None:
    elsewhere = four_words(tmp_path / "elsewhere", "fsdd", rate_hz=16000, takes=2)
    done = call(evaluate, run_of_words, "--data", elsewhere)
    assert done.code == 0, done.err
    assert "mean over 3 speakers" in done.out and "worst" in done.out
    record = json.loads((run_of_words / "evaluations" / "elsewhere.json").read_text())
    assert record["labels"] == ["stop", "left", OTHER, NOISE] and record["clips"] == 4 * 3 * 2
    assert set(record["speakers"]) == set(SPEAKERS)
    right = sum(person["correct"] for person in record["speakers"].values())
    assert right == record["backends"]["integer"]["correct"] == record["backends"]["c"]["correct"]
    confusion = record["backends"]["integer"]["confusion"]
    assert [sum(row) for row in confusion] == [6, 6, 12, 0]
    accuracies = [person["accuracy"] for person in record["speakers"].values()]
    assert record["mean_over_speakers"]["mean"] == pytest.approx(sum(accuracies) / 3)
    assert record["worst_speaker"]["accuracy"] == min(accuracies)


def test_the_same_recordings_in_either_layout_are_recognized_alike(run_of_words: Path, words_root: Path) -> None:
    from fsdd_lightning.evaluation.other_recordings import recordings_report

    run = open_run(run_of_words)
    folders, files = (recordings_report(run, words_root / layout) for layout in ("folders", "fsdd"))
    assert folders.scores == files.scores and folders.speakers == files.speakers
    assert sum(total for _, total in folders.speakers.values()) == len(WORDS) * len(SPEAKERS) * TAKES


def test_words_that_a_network_does_not_know_are_named(
    words_root: Path, tmp_path: Path, run_trial: RunTrial, call: Call
) -> None:
    two = four_words(tmp_path / "two", "folders", words=("left", "right"))
    folder = tmp_path / "run"
    folder.mkdir()
    run_trial(
        ["data=words", f"data.root={two}", f"data.cache_dir={tmp_path}", *TRAINING, f"output_root={tmp_path}"], folder
    )
    failed = call(evaluate, folder, "--data", words_root / "folders")
    assert failed.code == 2
    assert "has the words stop, turn_on, which the network does not know (it knows left, right)" in failed.err
    failed = call(evaluate, folder, "--data-root", words_root / "folders")
    assert failed.code == 2 and failed.err.count("\n") == 1


def test_a_rerun_finds_a_run_of_words_done_and_a_new_word_outdates_it(
    tmp_path: Path, words_root: Path, call: Call
) -> None:
    from fsdd_lightning import plan

    root = four_words(tmp_path / "data" / "folders", "folders", words=("left", "right"), takes=3).parent
    words = [*overrides(root, "folders", tmp_path, "name=mine"), "seed=1,2"]
    assert call(train, "-m", *words).code == 0
    assert "2 done" in call(plan, "-m", *words).out
    four_words(root / "folders", "folders", words=("left", "right", "up"), takes=3)
    again = call(plan, "-m", *words)
    assert "2 to run" in again.out and "recordings changed" in again.out
