"""The exported C behind Python, against numpy, zero tolerance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import c_programs
import directed_models
import example_models
import numpy as np
import pytest
from example_deployment import any_deployment

from fsdd_lightning.arithmetic.integer_lstm import network_logits, network_trace, quantize_features
from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.export import CompilerMissing, HostNetwork, compile_host
from fsdd_lightning.export.compiler import compile_c, find_compiler
from fsdd_lightning.runs.folder import read_run, recorded_data

LENGTHS = np.array([9, 1, 3, 9, 8, 2])
NAMES = [f"{code}, (13, 24, 2)" for code in WEIGHT_CODES]
NAMES += ["three layers", "saturating", "largest", "largest, negated", "ties", "int8, (1, 1, 1)", "pot, (3, 5, 3)"]


def assert_equals_numpy(network: HostNetwork, model: IntegerModel, features: np.ndarray, lengths: np.ndarray) -> None:
    np.testing.assert_array_equal(network.logits(features, lengths), network_logits(model, features, lengths))
    for clip in features:
        cell_q11, hidden_q7 = network.trace(clip)
        for k, layer in enumerate(network_trace(model, clip)):
            np.testing.assert_array_equal(cell_q11[:, k], layer.cell_q11)
            np.testing.assert_array_equal(hidden_q7[:, k], layer.hidden_q7)


@pytest.mark.parametrize("name", NAMES)
def test_logits_and_traces_equal_numpys(name: str) -> None:
    model = directed_models.all_models()[name]
    features = example_models.clips(3, len(LENGTHS), LENGTHS.max(), model.input_size)
    with compiled(model) as network:
        assert_equals_numpy(network, model, features, LENGTHS)


def assert_all_clips_are_equal(run_folder: Path) -> None:
    """Every clip of a run, so all of its test clips too."""
    run = read_run(run_folder)
    assert run.deployment is not None
    data, deployment = recorded_data(run, None), run.deployment
    features_q4 = quantize_features(data.features)
    with compile_host(deployment) as network:
        logits = network.logits(features_q4, data.lengths)
        some = data.split.test[:20]
        assert_equals_numpy(network, deployment.model, features_q4[some], data.lengths[some])
    np.testing.assert_array_equal(logits, network_logits(deployment.model, features_q4, data.lengths))


def test_a_trained_network_on_all_its_clips(finished_run: Path) -> None:
    c_programs.compiler()
    assert_all_clips_are_equal(finished_run)


@pytest.mark.fsdd
def test_a_network_trained_on_the_real_recordings_on_all_of_them(
    real_overrides: list[str], tmp_path: Path, run_trial: Callable[[Sequence[str], Path], object]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    words = f"trainer.max_epochs=1 training.batch_size=128 quantization=int8_ptq output_root={tmp_path}".split()
    run_trial([*real_overrides, *words], folder)
    assert_all_clips_are_equal(folder)


def compiled(model: IntegerModel) -> HostNetwork:
    try:
        return compile_host(any_deployment(model))
    except CompilerMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def network() -> Iterator[HostNetwork]:
    with compiled(directed_models.all_models()["int8"]) as network:
        yield network


@pytest.mark.parametrize(
    ("features", "lengths", "message"),
    [
        (np.zeros((2, 3, 4), np.int8), [1, 1], r"int8 with 3 axes, the last of 5, not int8 \(2, 3, 4\)"),
        (np.zeros((2, 3, 5), np.int16), [1, 1], "not int16"),
        (np.zeros((3, 5), np.int8), [1, 1], "with 3 axes"),
        (np.zeros((2, 3, 5), np.int8), [1], r"2 clips need as many lengths in 1\.\.3"),
        (np.zeros((2, 3, 5), np.int8), [0, 1], "need as many lengths"),
        (np.zeros((2, 3, 5), np.int8), [1, 4], "need as many lengths"),
    ],
)
def test_wrong_clips_are_refused(network: HostNetwork, features: np.ndarray, lengths: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network.logits(features, np.array(lengths))


def test_arrays_in_any_memory_order_are_read_right(network: HostNetwork) -> None:
    features = example_models.clips(5, 4, 6)
    lengths = np.array([6, 2, 4, 1])
    turned = np.asfortranarray(features)
    np.testing.assert_array_equal(network.logits(turned, lengths), network.logits(features, lengths))
    np.testing.assert_array_equal(network.logits(features[::2], lengths[::2]), network.logits(features, lengths)[::2])


def test_no_clips_give_no_logits(network: HostNetwork) -> None:
    assert network.logits(np.zeros((0, 3, 5), np.int8), np.zeros(0, int)).shape == (0, 3)
    assert network.trace(np.zeros((0, 5), np.int8))[0].shape == (0, 2, 4)


def test_two_networks_do_not_share_a_model(network: HostNetwork) -> None:
    features, lengths = example_models.clips(6, 3, 5), np.array([5, 5, 5])
    before = network.logits(features, lengths)
    with compiled(directed_models.all_models()["int4"]) as other:
        assert not np.array_equal(other.logits(features, lengths), before)
        np.testing.assert_array_equal(network.logits(features, lengths), before)


def test_a_closed_network_says_so() -> None:
    network = compiled(directed_models.all_models()["int8"])
    network.close()
    with pytest.raises(ValueError, match="was closed"):
        network.trace(np.zeros((1, 5), np.int8))


def test_a_missing_compiler_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CompilerMissing, match=r"^there is no C compiler \(looked for cc, gcc, clang\); install one"):
        compile_host(any_deployment(directed_models.all_models()["int8"]))
    monkeypatch.setenv("CC", "no-such-cc -O1")
    with pytest.raises(CompilerMissing, match=r"\(\$CC is no-such-cc -O1\)"):
        find_compiler()


def test_a_failing_compiler_shows_its_first_error(tmp_path: Path) -> None:
    source = tmp_path / "broken.c"
    source.write_text("int x = y;\n")
    with pytest.raises(RunFailedError, match=r"failed with exit status 1: .*broken\.c:1:9: error: "):
        compile_c(["-c", source, "-o", tmp_path / "broken.o"])
