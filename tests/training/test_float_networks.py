"""Float networks are trained once for all that need the same one, and never confused with another."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import math
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from fsdd_lightning.config.load import PRESENTATION, config_keys
from fsdd_lightning.config.schema import Config
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.checkpoint import Checkpoint
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.runs.plan import FLOAT_GROUPS, plan_run
from fsdd_lightning.sweeps.compose import compose_trials
from fsdd_lightning.training import float_networks
from fsdd_lightning.training.float_networks import FloatNetwork, float_key, float_network

OPTIONAL = ("scheduler.frequency", "scheduler.monitor")  # not of the default schedule
LEAVES = [
    key
    for key in config_keys()
    if not any(other.startswith(f"{key}.") for other in config_keys()) and key not in (*OPTIONAL, "callbacks")
]
# Of `data`, the digest of the recordings and their words matter; the rest changes nothing.
NOT_DECIDING = {
    *("name", "output_root", "fail_fast", "quiet", "data", "memory_budget", "quantization", "logger"),
    *("evaluation", "export"),
}
DECIDING = {*FLOAT_GROUPS, "listener", "seed", "torch_threads"}


def decides(key: str) -> bool:
    """The listener cuts training copies; what it rejects is decided later. Some of Lightning's arguments only show."""
    group, _, name = key.partition(".")
    shown = {"listener": ("false_reject_rate",), "trainer": PRESENTATION["trainer"]}
    words = ("data.layout", "data.labels", "data.other", "data.noise", "data.speaker_pattern")
    return key in words or (group in DECIDING and name not in shown.get(group, ()))


def test_of_every_field_of_a_config_it_is_known_whether_it_decides() -> None:
    assert {field.name for field in dataclasses.fields(Config)} == DECIDING | NOT_DECIDING
    assert not DECIDING & NOT_DECIDING


def of_recordings(digest: str = "ab" * 32, speech: str | None = None) -> PreparedData:
    """The part of prepared data that a key depends on."""
    synthetic = None if speech is None else SimpleNamespace(speech=SimpleNamespace(digest=speech))
    return SimpleNamespace(recordings=SimpleNamespace(digest=digest), synthetic=synthetic)  # type: ignore[return-value]


@pytest.fixture(scope="module")
def config() -> Config:
    return planned()


def planned(*overrides: str) -> Config:
    ((_, composed),) = compose_trials(list(overrides), multirun=False)
    return plan_run(composed).config


def config_with(key: str) -> Config:
    """The default, or that with MFCC where it lacks the key."""
    default = planned()
    group, _, name = key.partition(".")
    return planned("features=mfcc") if group == "features" and not hasattr(default.features, name) else default


def changed(config: Config, key: str) -> Config:
    """Bypasses all checks: only the key matters here."""
    copied = copy.deepcopy(config)
    *groups, name = key.split(".")
    node: Any = copied
    for group in groups:
        node = getattr(node, group)
    if isinstance(node, dict):
        assert name in node
        node[name] = "another value"
    else:
        assert getattr(node, name) != "another value"
        object.__setattr__(node, name, "another value")
    return copied


@pytest.mark.parametrize("key", [key for key in LEAVES if decides(key)])
def test_the_key_changes_with_all_that_decides_the_weights(key: str) -> None:
    config = config_with(key)
    assert float_key(changed(config, key), of_recordings()) != float_key(config, of_recordings())


@pytest.mark.parametrize("key", [key for key in LEAVES if not decides(key)])
def test_the_key_ignores_presentation_budget_and_quantization(config: Config, key: str) -> None:
    assert float_key(changed(config, key), of_recordings()) == float_key(config, of_recordings())


@pytest.mark.parametrize("callbacks", ["quiet", "learning_rate_monitor", "[]"])
def test_the_key_ignores_callbacks_that_only_watch(config: Config, callbacks: str) -> None:
    assert float_key(planned(f"callbacks={callbacks}"), of_recordings()) == float_key(config, of_recordings())


@pytest.mark.parametrize("words", [["callbacks=early_stopping"], ["+callbacks.mine._target_=my_module.MyCallback"]])
def test_the_key_changes_with_any_other_callback(config: Config, words: list[str]) -> None:
    assert float_key(planned(*words), of_recordings()) != float_key(config, of_recordings())


def test_the_key_changes_with_the_recordings(config: Config) -> None:
    assert float_key(config, of_recordings("cd" * 32)) != float_key(config, of_recordings())


def test_the_key_changes_with_the_speech_that_engines_made(config: Config) -> None:
    """Also where none was installed, though the config asks for it."""
    keys = {float_key(config, of_recordings(speech=speech)) for speech in (None, "cd" * 32, "ef" * 32)}
    assert len(keys) == 3


@pytest.mark.parametrize("package", ["fsdd_lightning", "torch", "pytorch-lightning"])
def test_the_key_changes_with_the_code(config: Config, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    before = float_key(config, of_recordings())
    versions = float_networks.package_versions()
    monkeypatch.setattr(float_networks, "package_versions", lambda: {**versions, package: "99"})
    assert float_key(config, of_recordings()) != before


class Training:
    """A fake; every call gives other weights."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> tuple[Checkpoint, dict[str, Any]]:
        self.calls += 1
        torch.manual_seed(self.calls)
        network = LSTMClassifier(NetworkShape(13, 3, 1, 10))
        ones = np.ones(13, np.float32)
        checkpoint = Checkpoint(network, network, None, ones, ones, tuple("0123456789"))
        return checkpoint, {"run": "here", "epochs": 3, "best_epoch": 1, "val_loss": 0.25}


@pytest.fixture
def training() -> Training:
    return Training()


def bias(network: FloatNetwork) -> list[float]:
    values: list[float] = network.checkpoint.network.output.bias.tolist()
    return values


def test_modes_and_budgets_share_one_training(config: Config, training: Training, tmp_path: Path) -> None:
    first = float_network(config, of_recordings(), tmp_path, training)
    assert (first.reused, training.calls) == (False, 1)
    for words in (["quantization=int4_qat"], ["memory_budget=kb36"], ["quantization=float32", "name=b"]):
        ((_, other),) = compose_trials(words, multirun=False)
        again = float_network(plan_run(other).config, of_recordings(), tmp_path, training)
        assert (again.reused, again.key, again.origin) == (True, first.key, first.origin)
        assert bias(again) == bias(first)
    assert training.calls == 1


def test_a_size_solved_from_a_budget_shares_with_the_same_size_given(training: Training, tmp_path: Path) -> None:
    for words in (["model=fit", "memory_budget=kb36", "quantization=float32"], ["model.hidden_size=24"]):
        ((_, config),) = compose_trials(words, multirun=False)
        float_network(plan_run(config).config, of_recordings(), tmp_path, training)
    assert training.calls == 1


def test_another_seed_is_another_training(config: Config, training: Training, tmp_path: Path) -> None:
    first = float_network(config, of_recordings(), tmp_path, training)
    other = float_network(changed(config, "seed"), of_recordings(), tmp_path, training)
    assert (other.reused, training.calls) == (False, 2)
    assert bias(other) != bias(first)


def cut_in_half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def rewritten(folder: Path, **changes: Any) -> None:
    origin = json.loads((folder / "origin.json").read_text())
    (folder / "origin.json").write_text(json.dumps({**origin, **changes}))


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no network": lambda folder: (folder / "network.npz").unlink(),
    "half a network": lambda folder: cut_in_half(folder / "network.npz"),
    "no network at all": lambda folder: (folder / "network.npz").write_bytes(b"digits"),
    "no origin": lambda folder: (folder / "origin.json").unlink(),
    "half an origin": lambda folder: cut_in_half(folder / "origin.json"),
    "an empty origin": lambda folder: (folder / "origin.json").write_text(""),
    "a foreign origin": lambda folder: (folder / "origin.json").write_text("[]"),
    "an incomplete origin": lambda folder: (folder / "origin.json").write_text('{"run": "here"}'),
    "an origin of another type": lambda folder: rewritten(folder, epochs="many"),
    "an origin that is not finite": lambda folder: rewritten(folder, val_loss=math.inf),
    "another place's origin": lambda folder: rewritten(folder, key="0" * 16),
    "the origin of another network": lambda folder: rewritten(folder, network="0" * 64),
    "a pipe": lambda folder: piped(folder / "network.npz"),
    "an origin that is a pipe": lambda folder: piped(folder / "origin.json"),
}
SILENT = {"no network", "no origin"}  # of what was killed before it was complete


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_network_is_trained_again_and_then_stored(
    config: Config, training: Training, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = float_network(config, of_recordings(), tmp_path, training)
    DAMAGES[damage](tmp_path / first.key)
    second = float_network(config, of_recordings(), tmp_path, training)
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == (damage not in SILENT) and all(first.key in text for text in warned)
    third = float_network(config, of_recordings(), tmp_path, training)
    assert (second.reused, third.reused, training.calls) == (False, True, 2)
    assert bias(second) == bias(third) != bias(first)
    kept = json.loads((tmp_path / first.key / "origin.json").read_text())
    assert {name: kept[name] for name in third.origin} == third.origin == second.origin


@pytest.mark.parametrize("copied", [("network.npz",), ("network.npz", "origin.json")])
def test_a_network_that_was_copied_under_another_key_is_not_used(
    config: Config, training: Training, tmp_path: Path, copied: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """Another seed's result would stand under this seed's record."""
    first = float_network(config, of_recordings(), tmp_path, training)
    other = float_network(changed(config, "seed"), of_recordings(), tmp_path, training)
    for name in copied:
        shutil.copyfile(tmp_path / other.key / name, tmp_path / first.key / name)
    again = float_network(config, of_recordings(), tmp_path, training)
    assert not again.reused and bias(again) != bias(other)
    assert f"the float network {first.key} is not used but trained again" in caplog.text


def test_the_key_in_the_network_counts_as_much_as_that_of_the_origin(
    config: Config, training: Training, tmp_path: Path
) -> None:
    first = float_network(config, of_recordings(), tmp_path, training)
    other = float_network(changed(config, "seed"), of_recordings(), tmp_path, training)
    for name in ("network.npz", "origin.json"):
        shutil.copyfile(tmp_path / other.key / name, tmp_path / first.key / name)
    rewritten(tmp_path / first.key, key=first.key)
    assert not float_network(config, of_recordings(), tmp_path, training).reused


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_training_that_ends_early_is_not_kept(
    config: Config, training: Training, tmp_path: Path, error: type[BaseException]
) -> None:
    def ended() -> Any:
        raise error

    with pytest.raises(error):
        float_network(config, of_recordings(), tmp_path, ended)
    assert not float_network(config, of_recordings(), tmp_path, training).reused  # and it is not locked


def in_parallel(config: Config, store: Path, number: int, gate: Any, answers: Any) -> None:
    training = Training()

    def slowly() -> tuple[Checkpoint, dict[str, Any]]:
        time.sleep(0.3)  # the others arrive meanwhile
        training.calls = number  # so that every process would give other weights
        return training()

    gate.wait()
    network = float_network(config, of_recordings(), store, slowly)
    answers.put((network.reused, bias(network)))


def test_parallel_processes_train_once(config: Config, tmp_path: Path) -> None:
    processes = 4
    context = multiprocessing.get_context("fork")
    gate, answers = context.Barrier(processes), context.Queue()
    jobs = [
        context.Process(target=in_parallel, args=(config, tmp_path, number, gate, answers))
        for number in range(processes)
    ]
    for job in jobs:
        job.start()
    heard = [answers.get(timeout=120) for _ in jobs]
    for job in jobs:
        job.join()
    assert sorted(reused for reused, _ in heard) == [False, True, True, True]
    assert len({tuple(values) for _, values in heard}) == 1
