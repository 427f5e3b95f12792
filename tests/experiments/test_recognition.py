"""Digits in files that no one labelled: the same network and front end, and a reason for each bad file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fsdd_lightning.errors import UserError
from fsdd_lightning.experiments.evaluation import clips_at, integer_logits
from fsdd_lightning.experiments.recognition import Recognizer, find_wavs
from fsdd_lightning.experiments.run_folder import Run, open_run, recorded_data


@pytest.fixture(scope="module")
def run(finished_run: Path) -> Run:
    return open_run(finished_run)


@pytest.fixture(scope="module")
def recognizer(run: Run) -> Recognizer:
    return Recognizer(run)


def test_a_file_is_recognised_as_its_clip_was_in_the_test(run: Run, recognizer: Recognizer) -> None:
    data = recorded_data(run, None)
    positions = data.split.test[:10]
    assert run.integer_model is not None
    logits = integer_logits(run.integer_model, clips_at(data, positions))
    shares = np.exp(logits * (run.integer_model.output.scale / 128))
    shares /= shares.sum(axis=1, keepdims=True)
    for position, expected in zip(positions, shares, strict=True):
        path = data.recordings.recordings[position].path
        answer = recognizer.recognize(path)
        assert (answer.file, answer.digit, answer.error) == (str(path), str(expected.argmax()), None)
        assert answer.probability == pytest.approx(expected.max(), abs=1e-6)


def test_a_file_needs_no_name_of_the_datasets(run: Run, recognizer: Recognizer, tmp_path: Path) -> None:
    path = recorded_data(run, None).recordings.recordings[0].path
    shutil.copy(path, tmp_path / "what is this.wav")
    assert recognizer.recognize(tmp_path / "what is this.wav").digit == recognizer.recognize(path).digit


def bad_files(folder: Path) -> dict[Path, str]:
    """Paths and a word of what is wrong with each."""
    tone = np.sin(np.arange(4000) / 5)
    written = {
        "silent.wav": np.zeros(4000),
        "short.wav": tone[:50],
        "nan.wav": np.where(tone > 0.9, np.nan, tone),
    }
    for name, samples in written.items():
        soundfile.write(folder / name, samples, 8000, subtype="FLOAT")
    soundfile.write(folder / "whole.wav", tone, 8000)
    whole = (folder / "whole.wav").read_bytes()
    (folder / "whole.wav").unlink()
    (folder / "cut.wav").write_bytes(whole[:1000])
    (folder / "text.wav").write_text("seven")
    (folder / "empty.wav").touch()
    reasons = {
        "silent": "silent",
        "short": "short",
        "nan": "NaN",
        "cut": "truncated",
        "text": "not a WAV",
        "empty": "empty",
    }
    return {
        **{folder / f"{name}.wav": reason for name, reason in reasons.items()},
        folder / "nowhere.wav": "No such file",
        folder: "directory",
    }


def test_each_bad_file_has_its_reason_and_none_is_fatal(recognizer: Recognizer, tmp_path: Path) -> None:
    for path, reason in bad_files(tmp_path).items():
        answer = recognizer.recognize(path)
        assert (answer.file, answer.digit, answer.probability) == (str(path), None, None)
        assert reason.lower() in str(answer.error).lower()
        assert answer.as_dict().keys() == {"file", "error"}


@pytest.mark.parametrize("samples", [160, 161, 200, 399, 401, 8_000, 80_000])
def test_any_length_from_the_shortest_to_far_beyond_max_frames(
    recognizer: Recognizer, tmp_path: Path, samples: int
) -> None:
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(samples) / 5), 8000)
    answer = recognizer.recognize(tmp_path / "a.wav")
    assert answer.error is None and answer.digit in tuple("0123456789")
    assert 0.1 <= float(answer.probability or 0) <= 1.0


def test_stereo_at_another_rate_is_heard_like_the_original(
    run: Run, recognizer: Recognizer, tmp_path: Path
) -> None:
    path = recorded_data(run, None).recordings.recordings[0].path
    samples, rate = soundfile.read(path)
    soundfile.write(tmp_path / "stereo.wav", np.stack([samples, samples], axis=1), rate)
    assert recognizer.recognize(tmp_path / "stereo.wav").probability == recognizer.recognize(path).probability
    soundfile.write(tmp_path / "slow.wav", samples, 2 * rate)
    assert recognizer.recognize(tmp_path / "slow.wav").error is None


def test_folders_stand_for_their_wav_files_sorted(tmp_path: Path) -> None:
    for name in ("b.wav", "a.WAV", "c.txt", ".hidden.wav"):
        (tmp_path / name).touch()
    single = tmp_path / "c.txt"
    assert find_wavs([single, tmp_path]) == [single, tmp_path / "a.WAV", tmp_path / "b.wav"]


def test_a_folder_without_wav_files_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no WAV files in"):
        find_wavs([tmp_path])
