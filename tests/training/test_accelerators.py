"""Training on another device than the CPU, on machines that have none: see pretend_device.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from pretend_device import DEVICE, Elsewhere, pretend_device
from pytorch_lightning.accelerators import CPUAccelerator
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch.nn import functional as F

from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.config.schema import TrainerConfig
from fsdd_lightning.errors import UserError
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.checkpoint import load_checkpoint
from fsdd_lightning.model.compiled_engine import CHOICE
from fsdd_lightning.model.fake_quantization import QuantizedView
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.training import experiment
from fsdd_lightning.training import fit as fitting
from fsdd_lightning.training import trainer as training
from fsdd_lightning.training.module import WordClassifier

RunTrial = Callable[[Sequence[str], Path], RunRecord]
MODE = ("quantization=int8_qat", "quantization.epochs=2", "trainer.max_epochs=1")


class PretendAccelerator(CPUAccelerator):
    """Lightning's, for the pretended device."""

    def setup_device(self, device: torch.device) -> None:
        assert device == DEVICE


class Watched(WordClassifier):
    """Notes on which device it is trained and validated."""

    devices: set[tuple[str, bool]] = set()  # noqa: RUF012 - emptied by the test

    def _shared_step(self, batch: Any, stage: str) -> Any:
        on_device = all(isinstance(tensor, Elsewhere) for tensor in (*batch, *self.network.parameters()))
        self.devices.add((stage, on_device))
        return super()._shared_step(batch, stage)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """trainer.accelerator=gpu is the pretended device."""
    arguments = training.trainer_arguments

    def with_device(*given: Any) -> dict[str, Any]:
        found = arguments(*given)
        assert found.pop("accelerator") == "gpu" and found["deterministic"]
        del found["devices"]
        strategy = SingleDeviceStrategy(device=DEVICE, accelerator=PretendAccelerator())
        return {**found, "strategy": strategy, "deterministic": False}  # which would count on cuda

    monkeypatch.setattr(fitting, "trainer_arguments", with_device)
    monkeypatch.setattr(training, "check_accelerator", lambda config: None)
    monkeypatch.setattr(fitting, "WordClassifier", Watched)
    monkeypatch.setattr(Watched, "devices", set())
    with pretend_device():
        yield


def test_a_network_is_trained_there_and_comes_back(
    tiny_overrides: list[str], tmp_path: Path, run_trial: RunTrial, request: pytest.FixtureRequest
) -> None:
    """To the weights of the CPU, but for the last bits: torch adds up a float LSTM in another order there."""
    words = [*tiny_overrides, *MODE, f"output_root={tmp_path}/output"]
    folders = [tmp_path / name for name in ("here", "there")]
    for folder, accelerator in zip(folders, ("cpu", "gpu"), strict=True):
        folder.mkdir()
        if accelerator == "gpu":
            request.getfixturevalue("device")
        run_trial([*words, f"trainer.accelerator={accelerator}"], folder)
    assert Watched.devices == {("train", True), ("val", True), ("test", False)}
    here, there = (load_checkpoint(folder / "network.npz").network.state_dict() for folder in folders)
    assert not any(isinstance(weight, Elsewhere) for weight in there.values())
    for name, weight in here.items():
        torch.testing.assert_close(there[name], weight, atol=1e-3, rtol=0)
    record = read_record(folders[1])
    assert record.status == "done" and record.views["integer"] == record.views["c"]


def trained(device: str | torch.device, code: str) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Weights after three steps through the arithmetic, and the logits that they give then."""
    torch.manual_seed(1)
    network = LSTMClassifier(NetworkShape(13, 8, 2, 10), 0.0)
    features, labels = torch.randn(6, 20, 13).to(device), torch.arange(6).to(device)
    lengths = torch.tensor([20, 5, 9, 20, 1, 13]).to(device)
    network = network.to(device)
    view = QuantizedView(network, weight_code(code)).train()
    optimizer = torch.optim.AdamW(network.parameters(), 0.01, foreach=True)
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(view(features, lengths), labels, label_smoothing=0.1).backward()
        optimizer.step()
    logits = view.eval()(features, lengths)
    assert logits.device == torch.device(device)
    return [weight.detach().cpu() for weight in network.parameters()], logits.detach().cpu()


@pytest.mark.parametrize("code", ["int8", "int4", "pot"])
def test_training_through_the_arithmetic_gives_the_same_bits_there(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch computes on the CPU; steps that were compiled for it give other bits."""
    monkeypatch.setattr(CHOICE, "compiled", None)
    weights, logits = trained("cpu", code)
    with pretend_device() as device:
        elsewhere, its_logits = trained(device, code)
    assert all(map(torch.equal, weights, elsewhere)) and torch.equal(logits, its_logits)


def test_a_tensor_that_was_forgotten_is_found() -> None:
    with pretend_device() as device, pytest.raises(AssertionError, match="on the device and on the CPU"):
        torch.ones(2).to(device) + torch.ones(2)


@pytest.mark.parametrize("accelerator", ["gpu", "cuda", "mps"])
def test_an_accelerator_that_is_not_there_is_named_before_anything_is_computed(
    tiny_overrides: list[str], tmp_path: Path, run_trial: RunTrial, monkeypatch: pytest.MonkeyPatch, accelerator: str
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(experiment, "KEEPER", None)  # is not called
    with pytest.raises(UserError, match=rf"^trainer\.accelerator={accelerator}: torch .* finds none here; "):
        run_trial([*tiny_overrides, f"trainer.accelerator={accelerator}"], tmp_path)
    assert read_record(tmp_path).status == "failed"


@pytest.mark.parametrize(
    ("accelerator", "devices", "message"),
    [
        ("gpu", (0,), None),
        ("cuda", (1,), None),
        ("gpu", (2,), r"trainer\.devices=\[2\]: there is no such device, torch finds 2 \(from 0\)"),
        ("cpu", (1,), r"trainer\.devices=\[1\] is about GPUs"),
        ("cpu", 1, None),
    ],
)
def test_a_device_is_one_that_torch_finds(
    monkeypatch: pytest.MonkeyPatch, accelerator: Any, devices: Any, message: str | None
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    config = TrainerConfig(max_epochs=1, accelerator=accelerator, devices=devices)
    if message is None:
        training.check_accelerator(config)
    else:
        with pytest.raises(UserError, match=message):
            training.check_accelerator(config)


@pytest.mark.parametrize(("hidden_size", "noted"), [(24, True), (512, False)])
def test_a_gpu_that_gains_nothing_is_noted(hidden_size: int, noted: bool) -> None:
    config = TrainerConfig(max_epochs=1, accelerator="gpu")
    shape = NetworkShape(13, hidden_size, 2, 10)
    assert (training.gpu_note(config, shape, 64) is not None) == noted
    assert training.gpu_note(TrainerConfig(max_epochs=1), shape, 64) is None
