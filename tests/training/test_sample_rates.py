"""A sample rate is one setting: durations stay, and all from the recordings to the C hears that rate."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from commands import Call

import fsdd_lightning as fl
from fsdd_lightning import predict
from fsdd_lightning.data.integer_features import to_int16
from fsdd_lightning.data.recordings import load_recordings
from fsdd_lightning.evaluation.run import OpenRun
from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.sweeps.compose import compose_config

RunTrial = Callable[[Sequence[str], Path], RunRecord]
Once = Callable[[str, Callable[[Path], object]], Path]
RATE_HZ = 16000
FEW = ("trainer.max_epochs=2", "waveform_augmentation.copies=1", f"features.sample_rate_hz={RATE_HZ}")


@pytest.fixture(scope="module")
def folder(tiny_overrides: list[str], run_trial: RunTrial, once: Once) -> Path:
    """A run at 16 kHz; a single logit of its C that differed would have failed it."""
    return once("sixteen", lambda folder: run_trial([*tiny_overrides, *FEW], folder))


@pytest.fixture(scope="module")
def run(folder: Path) -> OpenRun:
    return fl.open_run(folder)


def word(rate_hz: int) -> np.ndarray:
    """A second of silence around a tone that glides within what both rates can carry, float32."""
    time = np.arange(rate_hz // 2) / rate_hz
    tone = np.sin(2 * np.pi * (300 * time + 400 * time**2)) * np.sin(np.pi * time / 0.5)
    silence = np.zeros(rate_hz // 2)
    return np.concatenate([silence, 0.3 * tone, silence]).astype(np.float32)


def test_only_the_sample_rate_is_set() -> None:
    slow, fast = (compose_config(f"features.sample_rate_hz={rate_hz}").features for rate_hz in (8000, RATE_HZ))
    assert (slow.window, slow.hop, slow.max_frames) == (256, 160, 36)
    assert (fast.window, fast.hop, fast.max_frames) == (512, 320, 36)
    same = {"window_ms", "hop_ms", "max_seconds", "quietest_level"}
    assert {name: getattr(slow, name) for name in same} == {name: getattr(fast, name) for name in same}


def test_a_network_of_16_khz_is_trained_and_ends_in_c_that_hears_it(folder: Path) -> None:
    record = read_record(folder)
    assert (record.status, list(record.views)) == ("done", ["float", "quantized", "integer", "c"])
    assert record.agreement["integer_c"] == 1.0
    assert not any("resampled" in note for note in record.notes)  # synthetic voices speak at any rate
    config = (folder / "export" / "fsdd_front_end_config.h").read_text()
    assert "#define FSDD_SAMPLE_RATE_HZ 16000" in config and "#define FSDD_WINDOW 512u" in config
    (samples,) = (line for line in record.memory["lines"] if line["detail"] == "samples, int16")
    assert samples["bytes"] == 2 * 512


def test_files_and_arrays_of_other_rates_are_resampled_once(run: OpenRun, tmp_path: Path) -> None:
    for rate_hz in (8000, RATE_HZ):
        soundfile.write(tmp_path / f"{rate_hz}.wav", word(rate_hz), rate_hz)
    native = run.predict(tmp_path / f"{RATE_HZ}.wav", backend="c")
    assert native.logits == run.predict(to_int16(word(RATE_HZ)), backend="integer").logits
    resampled = run.predict(tmp_path / "8000.wav", backend="c")
    assert resampled.logits == run.predict(word(8000), 8000, backend="integer").logits
    assert native.notes and set(native.notes) < set(resampled.notes)  # of 1.5 s the same word is heard, and 8 kHz noted


def test_native_recordings_are_read_as_they_are(tmp_path: Path) -> None:
    for rate_hz, speaker in ((8000, "ann"), (RATE_HZ, "bob")):
        soundfile.write(tmp_path / f"3_{speaker}_0.wav", word(rate_hz), rate_hz)
    loaded = load_recordings(tmp_path, "both", RATE_HZ, "error", 512)
    of_ann, of_bob = loaded.waveforms
    np.testing.assert_array_equal(of_bob, soundfile.read(tmp_path / "3_bob_0.wav", dtype="float32")[0])
    assert len(of_ann) == len(of_bob) and np.abs(of_ann - of_bob).max() < 0.01
    assert loaded.notes == ("1 of 2 recordings were resampled to 16000 Hz (from 8000 Hz)",)


@pytest.mark.parametrize("rate_hz", [8000, RATE_HZ])
def test_words_in_a_stream_have_their_places_in_seconds(rate_hz: int, folder: Path, tmp_path: Path, call: Call) -> None:
    soundfile.write(tmp_path / "word.wav", word(rate_hz), rate_hz)
    code, out, err = call(predict, folder, tmp_path / "word.wav", "--stream", "--backend", "c", "--json")
    assert (code, err) == (0, "")
    (heard,) = map(json.loads, out.splitlines())
    assert heard["start_s"] == pytest.approx(0.5, abs=0.06) and heard["end_s"] == pytest.approx(1.0, abs=0.06)
