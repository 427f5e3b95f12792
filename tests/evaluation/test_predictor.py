"""Words in files without labels: the same network and front end, and a reason for every bad file."""

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
from spoken_streams import hum, in_room, pause, spoken

from fsdd_lightning.arithmetic.listener import Listener
from fsdd_lightning.data.integer_features import to_int16
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.data.sound_sources import chunks_of_file, chunks_of_pipe
from fsdd_lightning.data.wav import clipped_samples
from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.backends import integer_backend, open_backend
from fsdd_lightning.evaluation.clips import ClipMaker, clips_at
from fsdd_lightning.evaluation.predict import Predictor, find_sounds
from fsdd_lightning.evaluation.prediction import rejection
from fsdd_lightning.evaluation.stream import open_stream
from fsdd_lightning.runs.folder import Run, read_run
from fsdd_lightning.runs.record import BACKENDS


@pytest.fixture(scope="module")
def predictor(run: Run) -> Predictor:
    with open_backend(run) as backend:
        return Predictor(run, backend)


def test_a_file_is_recognized_as_its_clip_was_in_the_test(run: Run, data: PreparedData, predictor: Predictor) -> None:
    positions = data.split.test[:10]
    assert run.integer_model is not None
    logits = integer_backend(run.integer_model).logits(clips_at(data, positions))
    temperature = run.record.calibration["integer"]["temperature"]
    assert temperature != 1.0
    shares = np.exp(logits * (run.integer_model.output.scale / 128 / temperature))
    shares /= shares.sum(axis=1, keepdims=True)
    for position, expected in zip(positions, shares, strict=True):
        path = data.recordings.recordings[position].path
        answer = predictor.predict(path)
        assert (answer.file, answer.word or answer.nearest, answer.error) == (str(path), str(expected.argmax()), None)
        assert answer.probability == pytest.approx(expected.max(), abs=1e-6)


def test_a_file_needs_no_name_of_the_datasets(wav: Path, predictor: Predictor, tmp_path: Path) -> None:
    shutil.copy(wav, tmp_path / "what is this.wav")
    assert predictor.predict(tmp_path / "what is this.wav").word == predictor.predict(wav).word


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
    reasons = {"silent": "silent", "short": "short", "nan": "NaN", "cut": "truncated", "text": "not a sound file"}
    reasons |= {"empty": "empty", "nowhere": "No such file"}
    return {folder / f"{name}.wav": reason for name, reason in reasons.items()} | {folder: "directory"}


def test_every_bad_file_has_its_reason_and_none_is_fatal(predictor: Predictor, tmp_path: Path) -> None:
    heard = {"silent": "silent", "short": "too short"}
    for path, reason in bad_files(tmp_path).items():
        answer = predictor.predict(path)
        assert (answer.file, answer.word, answer.probability) == (str(path), None, None)
        assert answer.status == heard.get(reason, "unreadable")
        assert reason.lower() in " ".join([*answer.notes, str(answer.error)]).lower()
        why = "notes" if reason in heard else "error"
        assert answer.as_dict().keys() == {"file", "status", "word", why}


@pytest.mark.parametrize("samples", [256, 257, 415, 416, 8_000, 80_000])
def test_any_length_from_the_shortest_to_far_beyond_max_frames(
    predictor: Predictor, tmp_path: Path, samples: int
) -> None:
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(samples) / 5), 8000)
    answer = predictor.predict(tmp_path / "a.wav")
    assert answer.error is None
    if samples > 6000:  # a tone without a pause is no word
        assert (answer.status, answer.word, answer.words_found) == ("no word", None, 0)
        assert answer.notes == (f"no word found in {samples / 8000:.2f} s",)
    else:
        assert answer.status in ("heard", "rejected") and (answer.word or answer.nearest) in tuple("0123456789")
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
        assert (word.word, word.logits) == (alone.word, alone.logits)


def test_of_a_long_recording_it_is_noted_which_word_was_heard(
    run: Run, data: PreparedData, wav: Path, predictor: Predictor, tmp_path: Path
) -> None:
    long, _ = concatenated(data, tmp_path, [0, 50])
    waveform = soundfile.read(long, dtype="float32")[0]
    start, end = ClipMaker(run.config.features, run.statistics, run.config.listener).heard(waveform)
    seconds = [f"{samples / 8000:.2f}" for samples in (start, end, len(waveform))]
    answer = predictor.predict(long)
    notes = ["2 words found; --stream gives every one"]
    notes.append("the longest word was heard, {} to {} of {} s".format(*seconds))
    assert answer.notes[:2] == tuple(notes) and answer.words_found == 2
    assert (answer.start_s, answer.end_s) == (round(start / 8000, 3), round(end / 8000, 3))
    assert end - start < len(waveform) / 2
    alone = predictor.predict(wav)
    assert (alone.start_s, alone.end_s, alone.words_found) == (None, None, None)


def test_where_no_listener_cuts_it_is_noted_what_was_not_heard(mfcc_folder: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "noise.wav", 0.1 * np.random.default_rng(0).standard_normal(24000), 8000)
    run = read_run(mfcc_folder)
    with open_backend(run) as backend:
        answer = Predictor(run, backend).predict(tmp_path / "noise.wav")
    assert answer.notes == ("only the first 0.72 of 3.00 s were heard; --segment finds every word",)
    assert answer.status == "heard" and answer.margin is None


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
    assert [(word.margin, word.word, word.logits) for word in words] == [
        (event.margin, None if event.label is None else str(event.label), event.logits) for event in ended
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
    with (
        open_backend(run) as backend,
        pytest.raises(UserError, match="use fsdd-predict --segment, or a run with features=integer"),
    ):
        open_stream(of_mfcc, backend)


def test_words_of_a_bad_file_are_one_reason(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("seven")
    (answer,) = predictor.predict_words(tmp_path / "text.wav")
    assert "not a sound file" in str(answer.error)


@pytest.mark.parametrize("samples", [160, 255])
def test_less_than_a_window_is_too_short(predictor: Predictor, tmp_path: Path, samples: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(samples) / 5), 8000)
    answer = predictor.predict(tmp_path / "a.wav")
    assert (answer.status, answer.notes) == ("too short", (f"too short ({samples} samples; one frame takes 256)",))


def test_folders_stand_for_their_sound_files_sorted(tmp_path: Path) -> None:
    for name in ("b.wav", "a.WAV", "c.txt", ".hidden.wav", "d.Flac", "e.mp3", "f.ogg", "g.aiff", "h.au", "wav"):
        (tmp_path / name).touch()
    single = tmp_path / "c.txt"
    expected = [tmp_path / name for name in ("a.WAV", "b.wav", "d.Flac", "e.mp3", "f.ogg", "g.aiff", "h.au")]
    assert find_sounds([single, tmp_path]) == [single, *expected]


def test_a_folder_without_sound_files_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no sound files"):
        find_sounds([tmp_path])


def test_words_that_lead_by_less_than_the_margin_are_none_of_these(run: Run, wav: Path, data: PreparedData) -> None:
    paths = [data.recordings.recordings[position].path for position in data.split.test[:20]]
    with open_backend(run) as backend:
        answers = [Predictor(run, backend).predict(path) for path in paths]
        margins = sorted(answer.margin or 0 for answer in answers)
        strict = Predictor(with_least_margin(run, margins[10] + 1), backend)
        for path, answer in zip(paths, answers, strict=True):
            again = strict.predict(path)
            assert (again.margin, again.logits, again.probability) == (answer.margin, answer.logits, answer.probability)
            assert (again.word or again.nearest) == (answer.word or answer.nearest)
            rejected = (answer.margin or 0) <= margins[10]
            assert (again.status == "rejected", again.word is None, again.nearest is not None) == (rejected,) * 3
            expected = f"none of these: {again.nearest} leads by {answer.margin:,}, less than {margins[10] + 1:,}"
            assert (again.notes[-1:] == (expected,)) is rejected


def with_least_margin(run: Run, margin: int) -> Run:
    assert run.deployment is not None and run.listening is not None
    listening = dataclasses.replace(run.listening, least_margin=margin)
    return dataclasses.replace(run, deployment=dataclasses.replace(run.deployment, input=listening))


def test_the_float_network_rejects_in_steps_of_the_device(run: Run, wav: Path) -> None:
    with open_backend(run, "float") as backend:
        answer = Predictor(with_least_margin(run, 0), backend).predict(wav)
        assert answer.logits is not None and run.integer_model is not None and answer.margin is not None
        first, second = sorted(answer.logits)[:-3:-1]
        assert answer.margin == pytest.approx((first - second) / (run.integer_model.output.scale / 128), abs=1)
        assert Predictor(with_least_margin(run, answer.margin + 1), backend).predict(wav).status == "rejected"
        assert Predictor(with_least_margin(run, answer.margin), backend).predict(wav).status == "heard"


def test_what_was_clipped_converted_or_mixed_is_said(wav: Path, predictor: Predictor, tmp_path: Path) -> None:
    samples, _ = soundfile.read(wav)
    loud = np.clip(8 * samples / np.abs(samples).max(), -1, 32767 / 32768)
    soundfile.write(tmp_path / "loud.wav", np.stack([loud, loud], axis=1), 16_000)
    answer = predictor.predict(tmp_path / "loud.wav")
    runs = clipped_samples(np.stack([loud, loud], axis=1))
    assert runs > 100
    assert (answer.clipped_samples, answer.source_rate_hz, answer.source_channels) == (runs, 16_000, 2)
    expected = ("16000 Hz converted to 8000 Hz", "2 channels mixed to one", f"{runs:,} samples clipped")
    assert answer.notes[:3] == expected
    assert predictor.predict(wav).as_dict().keys() & {"clipped_samples", "source_rate_hz", "source_channels"} == set()


def test_a_stream_says_which_word_was_clipped_and_which_sound_is_no_word(run: Run, tmp_path: Path) -> None:
    clear, loud = spoken(3, peak=0.5), np.clip(spoken(7, peak=6.0), -1.0, 32767 / 32768)
    soundfile.write(tmp_path / "a.wav", in_room(pause(0.6), clear, pause(0.6), loud, pause(0.6), hum(2.5)), 8000)
    answers = {}
    for name in ("integer", "c"):
        with open_backend(run, name) as backend:
            answers[name] = list(Predictor(run, backend).predict_stream_of_file(tmp_path / "a.wav"))
    assert answers["integer"] == answers["c"]
    first, second, third = answers["c"]
    assert first.clipped_samples is None and (second.clipped_samples or 0) > 20
    assert (third.status, third.word, third.margin, third.logits) == ("rejected", None, 0, None)
    assert third.notes == ("too long to be a word",)


@pytest.mark.parametrize("sound", [np.zeros(8000), 1e-3 * np.random.default_rng(0).standard_normal(16_000)])
def test_a_stream_without_words_has_an_answer(predictor: Predictor, tmp_path: Path, sound: np.ndarray) -> None:
    soundfile.write(tmp_path / "a.wav", sound, 8000)
    (answer,) = predictor.predict_stream_of_file(tmp_path / "a.wav")
    assert (answer.status, answer.word) == (("no word" if sound.any() else "silent"), None)
    pipe = io.BytesIO(to_int16(sound).tobytes())
    (answer,) = predictor.predict_stream_of_pipe(pipe, "-")
    assert (answer.status, answer.notes) == ("no word", ("no word found",))


def test_why_an_answer_is_none_of_the_words() -> None:
    assert rejection("stop", 100, 100) is rejection("stop", None, 5) is None
    assert rejection("stop", 99, 100) == "none of these: stop leads by 99, less than 100"
    for label in ("other", "noise"):
        assert rejection(label, 10_000, 0) == rejection(label, None, 0) == f"none of these: {label}"
