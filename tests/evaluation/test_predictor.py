"""Digits in files without labels: the same network and front end, and a reason for every bad file."""

from __future__ import annotations

import dataclasses
import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from example_configs import feature_config

from fsdd_lightning.arithmetic.listener import Listener
from fsdd_lightning.data.integer_features import to_int16
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.data.sound_sources import chunks_of_file, chunks_of_pipe
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.backends import integer_backend, open_backend
from fsdd_lightning.evaluation.clips import ClipMaker, clips_at
from fsdd_lightning.evaluation.predict import Predictor, find_wavs
from fsdd_lightning.evaluation.stream import open_stream
from fsdd_lightning.runs.folder import Run
from fsdd_lightning.runs.record import BACKENDS


@pytest.fixture(scope="module")
def predictor(run: Run) -> Predictor:
    with open_backend(run) as backend:
        return Predictor(run, backend)


def test_a_file_is_recognized_as_its_clip_was_in_the_test(run: Run, data: PreparedData, predictor: Predictor) -> None:
    positions = data.split.test[:10]
    assert run.integer_model is not None
    logits = integer_backend(run.integer_model).logits(clips_at(data, positions))
    shares = np.exp(logits * (run.integer_model.output.scale / 128))
    shares /= shares.sum(axis=1, keepdims=True)
    for position, expected in zip(positions, shares, strict=True):
        path = data.recordings.recordings[position].path
        answer = predictor.predict(path)
        assert (answer.file, answer.digit, answer.error) == (str(path), str(expected.argmax()), None)
        assert answer.probability == pytest.approx(expected.max(), abs=1e-6)


def test_a_file_needs_no_name_of_the_datasets(wav: Path, predictor: Predictor, tmp_path: Path) -> None:
    shutil.copy(wav, tmp_path / "what is this.wav")
    assert predictor.predict(tmp_path / "what is this.wav").digit == predictor.predict(wav).digit


def bad_files(folder: Path) -> dict[Path, str]:
    """Paths, and a word of what is wrong with the file."""
    tone = np.sin(np.arange(4000) / 5)
    written = {"silent.wav": np.zeros(4000), "short.wav": tone[:50], "nan.wav": np.where(tone > 0.9, np.nan, tone)}
    for name, samples in written.items():
        soundfile.write(folder / name, samples, 8000, subtype="FLOAT")
    soundfile.write(folder / "cut.wav", tone, 8000)
    os.truncate(folder / "cut.wav", 1000)
    (folder / "text.wav").write_text("seven")
    (folder / "empty.wav").touch()
    reasons = {"silent": "silent", "short": "short", "nan": "NaN", "cut": "truncated", "text": "not a WAV"}
    reasons |= {"empty": "empty", "nowhere": "No such file"}
    return {folder / f"{name}.wav": reason for name, reason in reasons.items()} | {folder: "directory"}


def test_every_bad_file_has_its_reason_and_none_is_fatal(predictor: Predictor, tmp_path: Path) -> None:
    for path, reason in bad_files(tmp_path).items():
        answer = predictor.predict(path)
        assert (answer.file, answer.digit, answer.probability) == (str(path), None, None)
        assert reason.lower() in str(answer.error).lower()
        assert answer.as_dict().keys() == {"file", "error"}


@pytest.mark.parametrize("samples", [256, 257, 415, 416, 8_000, 80_000])
def test_any_length_from_the_shortest_to_far_beyond_max_frames(
    predictor: Predictor, tmp_path: Path, samples: int
) -> None:
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(samples) / 5), 8000)
    answer = predictor.predict(tmp_path / "a.wav")
    assert answer.error is None and answer.digit in tuple("0123456789")
    assert 0.1 <= float(answer.probability or 0) <= 1.0


def test_stereo_at_another_rate_is_heard_like_the_original(wav: Path, predictor: Predictor, tmp_path: Path) -> None:
    samples, rate = soundfile.read(wav)
    soundfile.write(tmp_path / "stereo.wav", np.stack([samples, samples], axis=1), rate)
    assert predictor.predict(tmp_path / "stereo.wav").probability == predictor.predict(wav).probability
    soundfile.write(tmp_path / "slow.wav", samples, 2 * rate)
    assert predictor.predict(tmp_path / "slow.wav").error is None


def concatenated(data: PreparedData, folder: Path, positions: list[int]) -> tuple[Path, list[float]]:
    """A recording of several clips between half seconds of faint noise, and where their middles lie."""
    parts, middles_s, at = [np.zeros(4000)], [], 4000
    for position in positions:
        clip = data.recordings.waveforms[position]
        parts += [0.5 * clip / np.abs(clip).max(), np.zeros(4000)]
        middles_s.append((at + len(clip) / 2) / 8000)
        at += len(clip) + 4000
    sound = np.concatenate(parts)
    path = folder / "long.wav"
    soundfile.write(path, sound + 1e-4 * np.random.default_rng(0).standard_normal(len(sound)), 8000)
    return path, middles_s


def test_every_word_of_a_long_recording_is_recognized_in_its_place(
    data: PreparedData, predictor: Predictor, tmp_path: Path
) -> None:
    path, middles_s = concatenated(data, tmp_path, [0, 50, 100, 25])
    words = predictor.predict_words(path)
    samples, _ = soundfile.read(path)
    for word, middle_s in zip(words, middles_s, strict=True):
        assert word.start_s is not None and word.end_s is not None and word.error is None
        assert word.start_s < middle_s < word.end_s
        part = samples[round(8000 * word.start_s) : round(8000 * word.end_s)]
        soundfile.write(tmp_path / "part.wav", part, 8000)
        alone = predictor.predict(tmp_path / "part.wav")
        assert (word.digit, word.logits) == (alone.digit, alone.logits)


def test_of_a_long_recording_it_is_noted_which_word_was_heard(
    run: Run, data: PreparedData, wav: Path, predictor: Predictor, tmp_path: Path
) -> None:
    long, _ = concatenated(data, tmp_path, [0, 50])
    waveform = soundfile.read(long, dtype="float32")[0]
    start, end = ClipMaker(run.config.features, run.statistics, run.config.listener).heard(waveform)
    seconds = [f"{samples / 8000:.2f}" for samples in (start, end, len(waveform))]
    expected = "the longest word was heard, {} to {} of {} s; --stream finds every word".format(*seconds)
    assert predictor.predict(long).note == expected and end - start < len(waveform) / 2
    assert predictor.predict(wav).note is None


def test_a_long_recording_in_which_no_word_is_found_is_noted_as_trimmed(predictor: Predictor, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "noise.wav", 0.1 * np.random.default_rng(0).standard_normal(24000), 8000)
    note = predictor.predict(tmp_path / "noise.wav").note
    assert note == "only the first 0.72 of 3.00 s were heard; --segment finds every digit"


def test_a_stream_gives_every_word_as_it_ends(
    run: Run, data: PreparedData, predictor: Predictor, tmp_path: Path
) -> None:
    path, middles_s = concatenated(data, tmp_path, [0, 50, 100, 25])
    words = list(predictor.predict_stream(chunks_of_file(path, 8000), str(path)))
    for word, middle_s in zip(words, middles_s, strict=True):
        assert word.start_s is not None and word.end_s is not None and word.error is None
        assert word.start_s < middle_s < word.end_s
    samples = to_int16(soundfile.read(path)[0])
    assert run.deployment is not None and run.listening is not None
    events = Listener(run.deployment.model, run.listening).push(np.concatenate([samples, np.zeros(8000, np.int16)]))
    ended = [event for event in events if event.kind == "ends"]
    assert [(word.margin, word.digit) for word in words] == [
        (event.margin, None if event.label is None else str(event.label)) for event in ended
    ]


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_backends_hear_the_same_words(run: Run, data: PreparedData, tmp_path: Path, backend: str) -> None:
    path, _ = concatenated(data, tmp_path, [0, 50, 100, 25])
    with open_backend(run, backend) as opened:
        words = list(Predictor(run, opened).predict_stream(chunks_of_file(path, 8000), "a"))
    with open_backend(run, "integer") as opened:
        expected = list(Predictor(run, opened).predict_stream(chunks_of_file(path, 8000), "a"))
    assert [(word.start_s, word.end_s) for word in words] == [(word.start_s, word.end_s) for word in expected]
    if backend != "float":
        assert words == expected


def test_a_pipe_may_be_cut_anywhere(run: Run, data: PreparedData, predictor: Predictor, tmp_path: Path) -> None:
    path, _ = concatenated(data, tmp_path, [0, 50])
    expected = list(predictor.predict_stream(chunks_of_file(path, 8000), "a"))
    content = to_int16(soundfile.read(path)[0]).astype("<i2").tobytes()

    class Trickling(io.BytesIO):
        """Gives what it likes, as a pipe does."""

        def read(self, size: int | None = -1) -> bytes:
            """At most 13 bytes."""
            return super().read(min(size or 13, 13))

    assert list(predictor.predict_stream(chunks_of_pipe(Trickling(content), 8000), "a")) == expected
    assert list(predictor.predict_stream(chunks_of_pipe(io.BytesIO(content), 8000), "a")) == expected


def test_mfcc_of_a_stream_do_not_exist(run: Run, predictor: Predictor) -> None:
    features = feature_config(max_frames=36)
    of_mfcc = dataclasses.replace(run, config=dataclasses.replace(run.config, features=features), deployment=None)
    with open_backend(run) as backend, pytest.raises(UserError, match="use --segment, or a run with features=integer"):
        open_stream(of_mfcc, backend)


def test_words_of_a_bad_file_are_one_reason(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("seven")
    (answer,) = predictor.predict_words(tmp_path / "text.wav")
    assert "not a WAV" in str(answer.error)


@pytest.mark.parametrize("samples", [160, 255])
def test_less_than_a_window_is_too_short(predictor: Predictor, tmp_path: Path, samples: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(samples) / 5), 8000)
    assert predictor.predict(tmp_path / "a.wav").error == f"too short ({samples} samples; one frame takes 256)"


def test_folders_stand_for_their_wav_files_sorted(tmp_path: Path) -> None:
    for name in ("b.wav", "a.WAV", "c.txt", ".hidden.wav"):
        (tmp_path / name).touch()
    single = tmp_path / "c.txt"
    assert find_wavs([single, tmp_path]) == [single, tmp_path / "a.WAV", tmp_path / "b.wav"]


def test_a_folder_without_wav_files_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no WAV files in"):
        find_wavs([tmp_path])
