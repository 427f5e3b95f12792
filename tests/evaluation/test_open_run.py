"""An opened run: it predicts files and arrays alike, and counts its test clips again, on any backend it has."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from fsdd_lightning.errors import UserError
from fsdd_lightning.evaluation.run import OpenRun, open_run
from fsdd_lightning.runs.record import BACKENDS


@pytest.fixture(scope="session")
def run(finished_run: Path) -> OpenRun:
    return open_run(str(finished_run))


@pytest.mark.parametrize("backend", [None, *BACKENDS])
def test_files_and_arrays_are_heard_alike(run: OpenRun, wav: Path, backend: str | None) -> None:
    expected = run.predict(str(wav), backend=backend)
    assert expected.error is None and (expected.word or expected.nearest) in tuple("0123456789")
    whole, rate = soundfile.read(wav, dtype="int16")
    for samples in (whole, whole / 2**15, (whole / 2**15).astype(np.float32), np.stack([whole, whole], axis=1)):
        heard = run.predict(samples, rate, backend)
        assert (heard.word, heard.logits) == (expected.word, expected.logits)
    assert run.predict(whole, backend=backend).logits == expected.logits  # the rate of the model


def test_an_array_at_another_rate_is_resampled_as_a_file_is(run: OpenRun, wav: Path, tmp_path: Path) -> None:
    samples, rate = soundfile.read(wav, dtype="int16")
    soundfile.write(tmp_path / "slow.wav", samples, 2 * rate, subtype="PCM_16")
    assert run.predict(samples, 2 * rate).logits == run.predict(tmp_path / "slow.wav").logits


def test_the_default_is_the_deployed_backend(run: OpenRun, wav: Path) -> None:
    answers = {backend: run.predict(wav, backend=backend).logits for backend in (None, *BACKENDS)}
    assert answers[None] == answers["integer"] == answers["quantized"] == answers["c"] != answers["float"]


def test_unusable_sound_is_an_answer_and_an_unusable_argument_an_error(run: OpenRun, wav: Path) -> None:
    silent = run.predict(np.zeros(4000))
    assert (silent.status, silent.word, silent.error) == ("silent", None, None)
    assert "NaN" in str(run.predict(np.full(4000, np.nan)).error)
    for arguments, reason in (
        ((np.arange(4000),), r"samples must be int16 or float.*not int64 \(4000,\)"),
        ((np.zeros((2, 3, 4)),), r"not float64 \(2, 3, 4\)"),
        ((wav, 8000), "belongs to an array"),
        ((wav, None, "cuda"), "there is no backend 'cuda'"),
    ):
        with pytest.raises(UserError, match=reason):
            run.predict(*arguments)


def test_the_recorded_scores_come_out_again_and_torch_keeps_its_threads(run: OpenRun) -> None:
    torch.set_num_threads(2)
    try:
        scores = run.evaluate().scores
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert {name: score.correct for name, score in scores.items()} == {
        name: score["correct"] for name, score in run.record.views.items()
    }
    (alone,) = run.evaluate("float").scores.items()
    assert alone == ("float", scores["float"])


def test_recordings_may_have_moved(run: OpenRun, tmp_path: Path) -> None:
    moved = shutil.copytree(run.record.dataset["folder"], tmp_path / "moved")
    assert run.evaluate("integer", moved).scores["integer"].correct == run.record.views["integer"]["correct"]
    next(Path(moved).glob("*.wav")).unlink()
    with pytest.raises(UserError, match="are not those of the run"):
        run.evaluate("integer", moved)
    with pytest.raises(UserError, match=r"^\$\{x\}: .*--data-root"):
        run.evaluate("integer", "${x}")


def test_pytorchs_own_quantized_network_is_a_backend_and_the_deployed_one(
    finished_overrides: list[str], wav: Path, tmp_path: Path, run_trial
) -> None:
    run_trial([*finished_overrides, "quantization=torch_dynamic"], tmp_path)
    run = open_run(tmp_path)
    assert list(run.evaluate().scores) == ["float", "quantized"]
    assert run.predict(wav).logits == run.predict(wav, backend="quantized").logits
    assert run.predict(wav).logits != run.predict(wav, backend="float").logits
    with pytest.raises(UserError, match="no integer backend: use --backend float or quantized"):
        run.predict(wav, backend="integer")
