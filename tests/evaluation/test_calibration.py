"""One temperature by the validation clips: the best one, which makes probabilities truer and changes nothing else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.evaluation.backends import Backend, calibrated, open_backend
from fsdd_lightning.evaluation.calibration import (
    BOUNDS,
    calibration_of,
    fitted_temperature,
    uncalibrated_note,
    unequal_calibration,
)
from fsdd_lightning.evaluation.confidence import confidence_of
from fsdd_lightning.evaluation.evaluate import BackendScores, evaluate_backends
from fsdd_lightning.evaluation.predict import Predictor
from fsdd_lightning.evaluation.run import open_run
from fsdd_lightning.runs.folder import Run
from fsdd_lightning.runs.record import BACKENDS


def drawn(temperature: float, clips: int = 20_000, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn with their probabilities at this temperature."""
    random = np.random.default_rng(0)
    logits = random.normal(0.0, 2.0, (clips, classes))
    noise = random.gumbel(size=logits.shape)
    return logits, (logits / temperature + noise).argmax(axis=1)


def likelihood(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    shares = np.exp(logits / temperature)
    return float(np.log(shares[np.arange(len(labels)), labels] / shares.sum(axis=1)).mean())


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_the_temperature_is_found_at_which_labels_were_drawn(temperature: float) -> None:
    logits, labels = drawn(temperature)
    found = fitted_temperature(logits, labels)
    assert found == pytest.approx(temperature, rel=0.03)
    best = likelihood(logits, labels, found)
    assert all(best > likelihood(logits, labels, factor * found) for factor in (0.97, 1.03))


def test_shifted_logits_have_the_same_temperature() -> None:
    logits, labels = drawn(0.5, clips=300)
    assert fitted_temperature(logits + 1000.0, labels) == pytest.approx(fitted_temperature(logits, labels), abs=1e-3)


@pytest.mark.parametrize("clips", [5, 50, 500])
def test_where_all_are_right_certainty_is_as_large_as_so_many_clips_allow(clips: int) -> None:
    logits = np.zeros((clips, 10))
    logits[:, 3] = 1.0
    found = fitted_temperature(logits, np.full(clips, 3))
    share = np.exp(1 / found) / (np.exp(1 / found) + 9)
    assert BOUNDS[0] < found < BOUNDS[1]
    assert share == pytest.approx(1 - 0.9 / (clips + 1), abs=1e-3)


def test_noise_has_no_certainty() -> None:
    random = np.random.default_rng(0)
    assert fitted_temperature(random.normal(0, 5, (2000, 10)), random.integers(0, 10, 2000)) > 10


def test_the_record_of_a_run_is_that_of_its_validation_clips(run: Run, data: PreparedData) -> None:
    opened = open_run(run.folder)
    with opened.backends(data, None) as backends:
        plain = {name: dataclasses.replace(each, temperature=1.0) for name, each in backends.by_name.items()}
        validation = evaluate_backends(plain, data, data.split.val)
        test = evaluate_backends(plain, data, data.split.test)
    found = calibration_of(plain, validation, test, data)
    assert found == run.record.calibration and set(found) == {"float", "integer"}
    labels = data.labels[data.split.val]
    for name, values in found.items():
        step = plain[name].logit_step
        assert values["temperature"] == fitted_temperature(validation.logits[name] * step, labels)
        assert (values["clips"], values["test_clips"]) == (len(data.split.val), len(data.split.test))
        backend = dataclasses.replace(plain[name], temperature=values["temperature"])
        for when, each in (("before", plain[name]), ("after", backend)):
            expected = confidence_of(each, test.logits[name], data.labels[data.split.test]).ece
            assert values[f"expected_calibration_error_{when}"] == expected
    assert run.record.confidence["ece"] == found["integer"]["expected_calibration_error_after"]


def test_the_test_clips_have_no_say(run: Run, data: PreparedData) -> None:
    with open_run(run.folder).backends(data, "integer") as backends:
        validation = evaluate_backends(backends.by_name, data, data.split.val)
        test = evaluate_backends(backends.by_name, data, data.split.test)
    spoiled = BackendScores({"integer": test.logits["integer"][:, ::-1]}, test.scores)
    one, other = (calibration_of(backends.by_name, validation, each, data)["integer"] for each in (test, spoiled))
    assert one["temperature"] == other["temperature"]
    assert one["expected_calibration_error_after"] != other["expected_calibration_error_after"]


def test_all_backends_of_integers_have_one_temperature(run: Run) -> None:
    opened = {}
    for name in BACKENDS:
        with open_backend(run, name) as backend:
            opened[name] = backend.temperature
    recorded = {name: run.record.calibration[name]["temperature"] for name in ("float", "integer")}
    assert opened == {**recorded, "quantized": recorded["integer"], "c": recorded["integer"]}
    assert recorded["float"] != 1.0 != recorded["integer"]


def test_it_changes_probabilities_alone(run: Run, wav: Path) -> None:
    record = dataclasses.replace(run.record, calibration={})
    answers = []
    for each in (run, dataclasses.replace(run, record=record)):
        with open_backend(each) as backend:
            answers.append(Predictor(each, backend).predict(wav))
    after, before = answers
    assert after.probability != before.probability
    assert dataclasses.replace(after, probability=before.probability) == before


def test_the_temperature_divides_logits() -> None:
    backend = Backend("integer", lambda clips: np.empty(0), logit_step=0.5, temperature=2.0)
    shares = backend.probabilities(np.array([4, 0], np.int32))
    assert shares.tolist() == pytest.approx([np.e / (np.e + 1), 1 / (np.e + 1)])


def test_what_pytorch_quantized_has_a_temperature_of_its_own() -> None:
    backend = Backend("quantized", lambda clips: np.empty(0))
    known = {"float": {"temperature": 3.0}, "quantized": {"temperature": 2.0}}
    assert calibrated(backend, known).temperature == 2.0
    assert calibrated(backend, {"integer": {"temperature": 5.0}}).temperature == 5.0
    assert calibrated(backend, {}).temperature == 1.0


def test_older_records_are_told_from_those_that_differ(run: Run) -> None:
    recorded = run.record.calibration
    assert uncalibrated_note(run.record) is None
    note = uncalibrated_note(dataclasses.replace(run.record, calibration={}))
    assert note is not None and "temperature 1" in note
    assert unequal_calibration(recorded, recorded) is None
    assert unequal_calibration(recorded, {"quantized": recorded["integer"]}) is None
    wrong = {"integer": {**recorded["integer"], "temperature": recorded["integer"]["temperature"] * 1.1}}
    assert str(unequal_calibration(recorded, wrong)).startswith("calibration of integer: temperature is ")
