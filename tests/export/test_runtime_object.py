"""The runtime is compiled once a process, and again only where that is needed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.integer_lstm import network_logits
from fsdd_lightning.export import host
from fsdd_lightning.export.host import compile_host
from fsdd_lightning.runs.archive import load_archive


@pytest.fixture(scope="module")
def deployment(finished_run: Path) -> Deployment:
    return load_archive(finished_run / "integer_model.npz")


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The arguments of every call of the compiler, in a process that has compiled nothing yet."""
    calls: list[list[str]] = []
    compile_c = host.compile_c

    def watched(arguments: Sequence[str | Path]) -> None:
        calls.append([str(argument) for argument in arguments])
        compile_c(arguments)

    monkeypatch.setattr(host, "compile_c", watched)
    host._runtime_folder.cache_clear()
    return calls


def assert_works(deployment: Deployment) -> None:
    rng = np.random.default_rng(0)
    features_q4 = rng.integers(-128, 128, (3, 9, deployment.model.input_size)).astype(np.int8)
    lengths = np.array([1, 5, 9])
    with compile_host(deployment) as engine:
        logits = engine.logits(features_q4, lengths)
    assert np.array_equal(logits, network_logits(deployment.model, features_q4, lengths))


def test_two_networks_share_one_runtime(deployment: Deployment, compilations: list[list[str]]) -> None:
    assert_works(deployment)
    assert_works(deployment)
    assert ["-c" in call for call in compilations] == [True, False, False]


def test_a_runtime_that_was_cleaned_away_is_compiled_again(
    deployment: Deployment, compilations: list[list[str]]
) -> None:
    assert_works(deployment)
    (runtime,) = {Path(word).parent for call in compilations for word in call if word.endswith("fsdd_lstm.o")}
    shutil.rmtree(runtime)
    assert_works(deployment)
    assert sum("-c" in call for call in compilations) == 2


def test_another_compiler_makes_its_own(
    deployment: Deployment, compilations: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_works(deployment)
    monkeypatch.setenv("CC", "gcc -O1")
    assert_works(deployment)
    assert sum("-c" in call for call in compilations) == 2


def test_what_a_kill_left_half_written_is_not_used(
    deployment: Deployment, compilations: list[list[str]]
) -> None:
    assert_works(deployment)
    (call,) = (call for call in compilations if "-c" in call)
    half = Path(call[call.index("-o") + 1])
    assert half.name == "unfinished.o" and not half.exists()
