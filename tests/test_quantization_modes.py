"""Every mode, end to end: what was trained is what the integers compute, is stored, and comes out again."""

from __future__ import annotations

import dataclasses
import functools
import json
import operator
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from fsdd_lightning import evaluate
from fsdd_lightning.arithmetic.front_end import Standardization
from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.arithmetic.quantize import convert
from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.config.load import config_directory
from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.evaluation.backends import Backend, integer_backend, open_backend, quantized_backend
from fsdd_lightning.evaluation.clips import Clips, clips_at
from fsdd_lightning.evaluation.evaluate import evaluate_backends
from fsdd_lightning.evaluation.predict import Predictor
from fsdd_lightning.model.checkpoint import load_checkpoint
from fsdd_lightning.model.fake_quantization import arrays_of
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.runs.archive import load_archive
from fsdd_lightning.runs.folder import Run, read_run, recorded_data
from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.training import experiment as training

RunTrial = Callable[[Sequence[str], Path], RunRecord]
SHORT = ("trainer.max_epochs=2", "quantization.epochs=2", "model.dropout=0.2")


@functools.cache
def described(mode: str) -> dict[str, Any]:
    """A mode's file over those that it starts from. To compose all of them would slow down every collection."""
    content = yaml.safe_load((config_directory() / "quantization" / f"{mode}.yaml").read_text())
    starts_from = [described(option) for option in content.pop("defaults", []) if option != "_self_"]
    return functools.reduce(operator.or_, [*starts_from, content])


# Whatever lies in conf/quantization: a new mode is tested without a word here.
OPTIONS = sorted(path.stem for path in (config_directory() / "quantization").glob("*.yaml"))
INTEGER_MODES = [mode for mode in OPTIONS if described(mode)["weight_code"] is not None]
TRAINED_MODES = [mode for mode in INTEGER_MODES if described(mode)["start"] == "epoch"]
LOOKED_AT_MODES = [mode for mode in INTEGER_MODES if described(mode)["start"] == "after_fit"]
BASELINES = [mode for mode in OPTIONS if described(mode)["baseline"] is not None]


def run_every_mode(overrides: Sequence[str], folder: Path, run_trial: RunTrial) -> None:
    """One run of each mode over one float network, in the order of the alphabet; the float trainings are counted."""
    original, trainings = training.fit_float, folder / "float trainings"

    def counted(*arguments: object) -> object:
        with trainings.open("a") as file:
            file.write(".")
        return original(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "fit_float", counted)
        for mode in OPTIONS:
            (folder / mode).mkdir()
            words = [*overrides, *SHORT, f"quantization={mode}", f"output_root={folder}"]
            run_trial(words, folder / mode)


class Grid:
    """The folders and records of `run_every_mode`."""

    def __init__(self, folder: Path) -> None:
        self.float_trainings = len((folder / "float trainings").read_text())
        self.folders = {mode: folder / mode for mode in OPTIONS}
        self.records = {mode: read_record(folder / mode) for mode in OPTIONS}

    def open(self, mode: str) -> Run:
        return read_run(self.folders[mode])

    def test_clips(self, mode: str) -> Clips:
        data = recorded_data(self.open(mode), None)
        return clips_at(data, data.split.test)


@pytest.fixture(scope="module")
def grid(tiny_overrides: list[str], run_trial: RunTrial, once: Callable[[str, Callable[[Path], object]], Path]) -> Grid:
    return Grid(once("modes", lambda folder: run_every_mode(tiny_overrides, folder, run_trial)))


def model_of(run: Run) -> IntegerModel:
    assert run.integer_model is not None
    return run.integer_model


def equal(one: LSTMClassifier, other: LSTMClassifier) -> bool:
    before, after = one.state_dict(), other.state_dict()
    return before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def test_the_modes_of_the_assignment_are_there() -> None:
    assert set(TRAINED_MODES) >= {"int8_qat", "int4_qat", "pot_qat", "ternary_qat"}
    assert set(LOOKED_AT_MODES) == {"int8_ptq", "int8_pot_scale"}
    assert set(OPTIONS) - set(INTEGER_MODES) == {"float32", *BASELINES}


# --- exact ---


def exact_backends(run: Run) -> dict[str, Backend]:
    return {"quantized": quantized_backend(run.checkpoint, model_of(run)), "integer": integer_backend(model_of(run))}


def logits(backend: Backend, clips: Clips) -> np.ndarray:
    return backend.logits(clips)


@pytest.mark.parametrize("mode", INTEGER_MODES)
def test_torch_computes_the_logits_of_the_integers_on_every_test_clip(grid: Grid, mode: str) -> None:
    run, clips = grid.open(mode), grid.test_clips(mode)
    seen, computed = (logits(backend, clips) for backend in exact_backends(run).values())
    assert seen.shape == computed.shape == (24, 10)
    assert seen.dtype == computed.dtype == np.int32
    np.testing.assert_array_equal(seen, computed)
    assert len(np.unique(computed)) > 20  # no dead network


@pytest.mark.parametrize("mode", INTEGER_MODES)
def test_the_stored_integer_model_is_the_trained_networks(grid: Grid, mode: str) -> None:
    run, clips = grid.open(mode), grid.test_clips(mode)
    code = run.config.quantization.weight_code
    fresh = convert(arrays_of(run.checkpoint.network), weight_code(str(code)))
    stored = load_archive(grid.folders[mode] / "integer_model.npz")
    one, other = integer_backend(stored.model), integer_backend(fresh)
    np.testing.assert_array_equal(logits(one, clips), logits(other, clips))
    for ours, theirs in zip(stored.model.layers, fresh.layers, strict=True):
        np.testing.assert_array_equal(ours.weights, theirs.weights)
        np.testing.assert_array_equal(ours.multiplier, theirs.multiplier)
    expected = Standardization.from_statistics(run.checkpoint.mean, run.checkpoint.std)
    assert stored.listening is not None
    np.testing.assert_array_equal(stored.listening.standardization.multiplier, expected.multiplier)
    np.testing.assert_array_equal(stored.listening.standardization.bias, expected.bias)


@pytest.mark.parametrize("mode", INTEGER_MODES)
def test_a_network_that_is_not_the_stored_integers_is_noticed(grid: Grid, mode: str) -> None:
    run = grid.open(mode)
    data = recorded_data(run, None)
    with torch.no_grad():
        run.checkpoint.network.output.bias[3] += 0.1
    with pytest.raises(RunFailedError, match=r"the quantized backend and the integer model differ on 24 of 24"):
        evaluate_backends(exact_backends(run), data, data.split.test)


@pytest.mark.parametrize("mode", [mode for mode in INTEGER_MODES if mode != "int8_ptq"])
def test_the_integer_model_of_another_run_is_refused(grid: Grid, tmp_path: Path, mode: str) -> None:
    folder = Path(shutil.copytree(grid.folders["int8_ptq"], tmp_path / "run"))
    shutil.copy(grid.folders[mode] / "integer_model.npz", folder)
    with pytest.raises(UserError, match=r"integer_model\.npz is damaged, or another run's"):
        read_run(folder)


# --- recorded, and recorded again ---


@pytest.fixture
def sigterm() -> Iterator[None]:
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.usefixtures("sigterm")
@pytest.mark.parametrize("mode", OPTIONS)
def test_evaluate_makes_the_record_again(
    grid: Grid, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["fsdd-evaluate", str(grid.folders[mode]), "--json"])
    with pytest.raises(SystemExit) as caught:
        evaluate.main()
    out, err = capsys.readouterr()
    assert (caught.value.code, err) == (0, f"equal to the record of {grid.folders[mode]}\n")
    assert json.loads(out) == grid.open(mode).record.views


@pytest.mark.parametrize("mode", OPTIONS)
def test_a_mode_has_its_backends_and_no_others(grid: Grid, mode: str) -> None:
    expected = ["float", "quantized", "integer", "c"] if mode in INTEGER_MODES else ["float"]
    expected += ["quantized"] if mode in BASELINES else []
    record = grid.records[mode]
    assert list(record.views) == list(record.training["val_accuracy"]) == expected
    assert record.agreement.get("quantized_integer", 1.0) == record.agreement.get("integer_c", 1.0) == 1.0
    assert (grid.folders[mode] / "export").exists() == (mode in INTEGER_MODES)
    assert (grid.folders[mode] / "integer_model.npz").exists() == (mode in INTEGER_MODES)
    assert ("quantized" in record.training) == (mode in TRAINED_MODES)


@pytest.mark.parametrize("mode", OPTIONS)
def test_a_checkpoint_knows_its_mode(grid: Grid, mode: str) -> None:
    checkpoint = load_checkpoint(grid.folders[mode] / "network.npz")
    assert checkpoint.weight_code == described(mode)["weight_code"]
    assert (checkpoint.float_network is checkpoint.network) == (mode not in TRAINED_MODES)


@pytest.mark.parametrize("mode", INTEGER_MODES)
def test_predict_hears_with_the_integer_model(grid: Grid, mode: str) -> None:
    run = grid.open(mode)
    data = recorded_data(run, None)
    chosen = data.split.test[:6]
    steps = logits(integer_backend(model_of(run)), clips_at(data, chosen)) * (model_of(run).output.scale / 128)
    temperature = run.record.calibration["integer"]["temperature"]
    deaf = LSTMClassifier(run.checkpoint.network.shape)
    torch.nn.init.zeros_(deaf.output.weight)
    blind = dataclasses.replace(run.checkpoint, network=deaf, float_network=deaf)
    hearing = dataclasses.replace(run, checkpoint=blind)
    with open_backend(hearing) as backend:
        predictor = Predictor(hearing, backend)
        answers = [predictor.predict(data.recordings.recordings[position].path) for position in chosen]
    for answer, values in zip(answers, steps, strict=True):
        shares = np.exp((values - values.max()) / temperature)
        assert (answer.word or answer.nearest) == str(values.argmax())
        assert answer.probability == pytest.approx(shares.max() / shares.sum(), abs=1e-6)


# --- the same float network for all ---


def test_one_float_training_serves_all_modes(grid: Grid) -> None:
    assert grid.float_trainings == 1
    trained = {mode: record.training["float"] for mode, record in grid.records.items()}
    assert [each["reused"] for each in trained.values()] == [False] + [True] * (len(OPTIONS) - 1)
    first = str(grid.folders[OPTIONS[0]])
    assert {each["run"] for each in trained.values()} == {first}
    assert len({each["key"] for each in trained.values()}) == 1


@pytest.mark.parametrize("mode", OPTIONS)
def test_float_weights_and_scores_are_those_of_every_other_mode(grid: Grid, mode: str) -> None:
    checkpoint = grid.open(mode).checkpoint
    assert equal(checkpoint.float_network, grid.open("float32").checkpoint.network)
    assert equal(checkpoint.network, checkpoint.float_network) == (mode not in TRAINED_MODES)
    assert grid.records[mode].views["float"] == grid.records["float32"].views["float"]


@pytest.mark.parametrize("mode", ["int8_ptq", *TRAINED_MODES])
def test_who_trained_the_float_network_makes_no_difference(
    grid: Grid, mode: str, tiny_overrides: list[str], tmp_path: Path, run_trial: RunTrial
) -> None:
    """Training it leaves other random numbers behind than loading it: neither may reach what follows."""
    own = tmp_path / "own"
    own.mkdir()
    run_trial([*tiny_overrides, *SHORT, f"quantization={mode}", f"output_root={tmp_path}"], own)
    record = read_record(own)
    reused = grid.records[mode]
    assert (record.training["float"]["reused"], reused.training["float"]["reused"]) == (False, True)
    assert record.views == reused.views
    assert record.training.get("quantized") == reused.training.get("quantized")
    for name in ("network.npz", "integer_model.npz"):
        assert (own / name).read_bytes() == (grid.folders[mode] / name).read_bytes()
