"""Clips longer than a network hears: every backend hears the same word, in tests, predictions and golden vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from long_clips import RATE, padded_corpus, within_pauses

from fsdd_lightning.data.preparation import PreparedData, prepare_data
from fsdd_lightning.evaluation.backends import Backend, open_backends
from fsdd_lightning.evaluation.clips import ClipMaker, clips_at
from fsdd_lightning.evaluation.deployment import keep_golden_clips, kept_golden_clips
from fsdd_lightning.evaluation.predict import Predictor
from fsdd_lightning.runs.folder import Run

DEVICE = ("quantized", "integer", "c")


@pytest.fixture(scope="module")
def backends(run: Run) -> Iterator[dict[str, Backend]]:
    with open_backends(run.checkpoint, run.deployment) as opened:
        assert set(DEVICE) <= set(opened.by_name), opened.note
        yield opened.by_name


@pytest.fixture(scope="module")
def long_data(run: Run, data: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """All clips of the run's corpus, every second one within pauses, with the run's statistics."""
    root = padded_corpus(data, tmp_path_factory.mktemp("corpus") / "recordings", every=2)
    config = replace(run.config.data, name="long", source="fsdd", root=str(root))
    made = prepare_data(config, run.config.split, run.config.features, listener=run.config.listener)
    return replace(made, statistics=run.statistics, features=run.statistics.standardize(made.extracted))


def test_all_backends_agree_on_long_clips(backends: dict[str, Backend], long_data: PreparedData) -> None:
    positions = np.arange(len(long_data.labels))
    assert sum(note.endswith("their word was cut out") for note in long_data.notes) == 1
    clips = clips_at(long_data, positions)
    quantized, integer, in_c = (backends[name].logits(clips) for name in DEVICE)
    assert np.array_equal(quantized, integer) and np.array_equal(integer, in_c)
    clean = clips_at(long_data, positions[1::2])
    assert np.array_equal(integer[1::2], backends["integer"].logits(clean))


def test_clips_made_of_waveforms_are_those_of_the_test(
    run: Run, backends: dict[str, Backend], long_data: PreparedData
) -> None:
    """In a batch or alone, in features, samples and logits."""
    clips_of = ClipMaker(run.config.features, run.statistics, run.config.listener)
    positions = long_data.split.test
    waveforms = [long_data.recordings.waveforms[position] for position in positions]
    made = clips_of(waveforms)
    expected = replace(
        clips_at(long_data, positions), features=run.statistics.standardize(long_data.extracted)[positions]
    )
    assert np.array_equal(made.features, expected.features) and np.array_equal(made.lengths, expected.lengths)
    assert made.samples is not None and expected.samples is not None
    assert all(map(np.array_equal, made.samples, expected.samples))
    logits = backends["c"].logits(made)
    for position, waveform in enumerate(waveforms[:12]):
        alone = clips_of.one(waveform)
        for name in DEVICE:
            assert np.array_equal(backends[name].logits(alone)[0], logits[position])


def test_a_clip_maker_without_a_listener_hears_whole_clips(run: Run, long_data: PreparedData) -> None:
    waveform = long_data.recordings.waveforms[0]
    longest = run.config.features.max_frames
    whole = ClipMaker(run.config.features, run.statistics)([waveform])
    cut = ClipMaker(run.config.features, run.statistics, run.config.listener)([waveform])
    assert whole.lengths.tolist() == [longest] and cut.lengths[0] < longest
    assert whole.samples is not None and len(whole.samples[0]) == run.config.features.samples(longest)


def test_golden_clips_are_cut_to_their_word(
    run: Run, backends: dict[str, Backend], long_data: PreparedData, tmp_path: Path
) -> None:
    assert run.deployment is not None
    golden = keep_golden_clips(run.deployment, long_data, tmp_path)
    assert golden.samples is not None and len(golden.samples) == 10
    test = long_data.split.test
    first = [int(test[np.flatnonzero(long_data.labels[test] == digit)[0]]) for digit in range(10)]
    for position, samples in zip(first, golden.samples, strict=True):
        assert len(samples) == len(long_data.heard[position][: run.config.features.samples(36)])
    assert any(len(long_data.heard[k]) < len(long_data.recordings.waveforms[k]) for k in first)
    for name in ("integer", "c"):
        assert np.array_equal(backends[name].logits(clips_at(long_data, np.array(first))), golden.logits)
    again = kept_golden_clips(run.deployment, tmp_path)
    assert again is not None and np.array_equal(again.logits, golden.logits)


def test_a_word_in_a_long_file_is_recognized_as_the_word_alone(
    run: Run, backends: dict[str, Backend], data: PreparedData, tmp_path: Path
) -> None:
    """The same answer for the word that was cut, however long the pauses are."""
    predictor = Predictor(run, backends["c"])
    for position in data.split.test[:10]:
        answers = set()
        for number, pauses in enumerate([(0.9, 0.6), (2.0, 1.0)]):
            sound = within_pauses(data.recordings.waveforms[position], *pauses)
            soundfile.write(tmp_path / f"{number}.wav", sound, RATE, subtype="PCM_16")
            answer = predictor.predict(tmp_path / f"{number}.wav")
            assert answer.error is None
            answers.add(answer.word or answer.nearest)
        assert len(answers) == 1
