"""Runs with synthetic speakers: of a stand-in for an engine, of none, and what their records say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from stand_in_engines import FAILS, Engines

from fsdd_lightning.config.schema import Config
from fsdd_lightning.data import text_to_speech
from fsdd_lightning.data.preparation import PreparedData, prepare_data
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.runs.folder import read_run, recorded_data
from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.sweeps.compose import compose_config
from fsdd_lightning.training import fit

RunTrial = Callable[[Sequence[str], Path], RunRecord]
# Of two voices each word is said once; the training clips are 86.
SPOKEN = ("text_to_speech=digits", "text_to_speech.takes=1", "text_to_speech.copies=2", "text_to_speech.share=0.5")
WORSE = (
    "without any, experiment=flash lost 3 to 4 points on people whom it had never heard (multirun/reference/README.md)"
)


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engines:
    """None is installed, nor a compiler."""
    return Engines(tmp_path / "bin", monkeypatch)


@pytest.fixture
def words(tiny_overrides: list[str], tmp_path: Path) -> list[str]:
    return [
        *tiny_overrides,
        *SPOKEN,
        "trainer.max_epochs=1",
        f"output_root={tmp_path}/output",
        f"data.cache_dir={tmp_path}/cache",
    ]


def prepared(words: Sequence[str]) -> tuple[PreparedData, Config]:
    config = compose_config(*words)
    data = prepare_data(
        config.data, config.split, config.features, config.waveform_augmentation, config.listener, config.text_to_speech
    )
    return data, config


def run(words: Sequence[str], folder: Path, run_trial: RunTrial) -> dict[str, Any]:
    folder.mkdir()
    run_trial(words, folder)
    record = read_record(folder)
    assert record.status == "done"
    return vars(record)


def notes_on_speakers(notes: Sequence[str]) -> list[str]:
    return [note for note in notes if "synthetic speakers" in note]


def test_a_run_is_trained_on_what_an_engine_says_and_names_it(
    engines: Engines, words: list[str], tmp_path: Path, run_trial: RunTrial
) -> None:
    """One of two engines is installed, which a note tells; the network is found again, and evaluated without it."""
    engines.espeak()
    record = run(words, tmp_path / "run", run_trial)
    speech = record["dataset"]["synthetic_speech"]
    assert (speech["clips"], speech["voices"], speech["engines"]) == (20, 2, {"espeak-ng": "1.51"})
    assert len(speech["digest"]) == 64
    assert len(engines.asked()) == 20
    assert notes_on_speakers(record["notes"]) == [f"fewer synthetic speakers: flite not installed; {WORSE}"]
    (engines.folder / "espeak-ng").unlink()
    data = recorded_data(read_run(tmp_path / "run"), None)
    assert data.synthetic is None and not notes_on_speakers(data.notes)


def test_without_engines_training_goes_on_with_a_note(
    engines: Engines, words: list[str], tmp_path: Path, run_trial: RunTrial
) -> None:
    record = run(words, tmp_path / "run", run_trial)
    assert "synthetic_speech" not in record["dataset"]
    expected = f"no synthetic speakers: espeak-ng and flite not installed; {WORSE}"
    assert notes_on_speakers(record["notes"]) == [expected]
    assert record["config"]["text_to_speech"]["share"] == 0.5


def test_where_none_is_asked_for_none_is_missed_or_speaks(engines: Engines, words: list[str]) -> None:
    quiet = [*words, "text_to_speech.share=0"]
    data, _ = prepared(quiet)
    assert data.synthetic is None and not notes_on_speakers(data.notes)
    engines.espeak()
    data, _ = prepared(quiet)
    assert data.synthetic is None and not engines.asked()


def test_where_all_engines_speak_there_is_no_note(
    engines: Engines, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    engines.espeak()
    monkeypatch.setattr(text_to_speech, "ENGINES", text_to_speech.ENGINES[:1])
    data, _ = prepared(words)
    assert data.synthetic is not None and not notes_on_speakers(data.notes)


def test_synthetic_words_are_copies_as_the_augmentation_says(engines: Engines, words: list[str]) -> None:
    """So many of each take, whatever the number of the recordings' copies; statistics know none of them."""
    engines.espeak()
    data, config = prepared([*words, "waveform_augmentation.copies=3"])
    assert data.synthetic is not None and data.copies is not None
    assert (len(data.synthetic.features), len(data.copies.features)) == (2, 3)
    first, second = data.synthetic.features
    assert first.values.shape == second.values.shape == (20, 36, 13)
    assert not np.array_equal(first.values, second.values)
    assert data.synthetic.labels.tolist() == list(range(10)) * 2
    plain, _ = prepared([*words, "text_to_speech.share=0"])
    assert np.array_equal(plain.statistics.mean, data.statistics.mean) and np.array_equal(plain.features, data.features)
    unchanged, _ = prepared([*words, "waveform_augmentation=none"])
    assert unchanged.synthetic is not None and unchanged.copies is None
    first, second = unchanged.synthetic.features
    assert np.array_equal(first.values, second.values) and config.text_to_speech.copies == 2


def test_another_engine_makes_other_features(engines: Engines, words: list[str]) -> None:
    engines.espeak()
    before, _ = prepared(words)
    engines.espeak(variants=("m1", "m2"))
    after, _ = prepared(words)
    assert before.synthetic is not None and after.synthetic is not None
    assert before.synthetic.speech.digest != after.synthetic.speech.digest
    assert not np.array_equal(before.synthetic.features[0].values, after.synthetic.features[0].values)


def test_an_engine_that_fails_ends_a_run_with_one_line(engines: Engines, words: list[str]) -> None:
    engines.espeak()
    ten = ",".join([FAILS, *["one"] * 9])
    with pytest.raises(RunFailedError, match=rf"^espeak-ng cannot speak \(-v .* {FAILS}\): no such voice.*$") as caught:
        prepared([*words, f"text_to_speech.words=[{ten}]", "text_to_speech.accented_share=0"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("share", "steps"), [(0.0, 11), (0.5, 22)])
def test_weights_are_averaged_over_the_steps_that_there_are(
    engines: Engines, words: list[str], monkeypatch: pytest.MonkeyPatch, share: float, steps: int
) -> None:
    """86 clips in batches of 8, or of 4 beside 4 synthetic words; a fifth of 10 epochs."""
    engines.espeak()
    data, config = prepared([*words, f"text_to_speech.share={share}", "training.weight_averaging=0.2"])
    decays: list[float] = []
    monkeypatch.setattr(fit, "MovingAverage", lambda decay: decays.append(decay))
    fit._weight_averaging(SimpleNamespace(config=config, data=data), 10)  # type: ignore[arg-type]
    assert decays == [pytest.approx(1.0 - 1.0 / (0.2 * 10 * steps), abs=1e-12)]


def test_where_flite_speaks_alone_espeak_is_missed(
    engines: Engines, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_to_speech, "_FLITE_VOICES", {"slt": 170.0})
    monkeypatch.setattr(text_to_speech, "_FLITE_TAKES", 1)
    engines.flite()
    data, _ = prepared(words)
    assert data.synthetic is not None
    assert (data.synthetic.speech.voices, len(data.synthetic.labels)) == (1, 10)
    assert notes_on_speakers(data.notes) == [f"fewer synthetic speakers: espeak-ng not installed; {WORSE}"]
