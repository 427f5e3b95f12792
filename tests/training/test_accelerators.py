"""Training on another device than the CPU, on machines that have none: see pretend_device.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pretend_device import DEVICE, Elsewhere, pretend_device
from pytorch_lightning.accelerators import CPUAccelerator
from pytorch_lightning.strategies import SingleDeviceStrategy

from fsdd_lightning.config.schema import TrainerConfig
from fsdd_lightning.errors import UserError
from fsdd_lightning.model.checkpoint import load_checkpoint
from fsdd_lightning.runs.record import RunRecord, read_record
from fsdd_lightning.training import fit as fitting
from fsdd_lightning.training import trainer as training
from fsdd_lightning.training.module import DigitClassifier

RunTrial = Callable[[Sequence[str], Path], RunRecord]
MODES = ["float32", "int8_qat"]


class PretendAccelerator(CPUAccelerator):
    """Lightning's, for the pretended device."""

    def setup_device(self, device: torch.device) -> None:
        assert device == DEVICE


class Watched(DigitClassifier):
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
    monkeypatch.setattr(fitting, "DigitClassifier", Watched)
    monkeypatch.setattr(Watched, "devices", set())
    with pretend_device():
        yield


@pytest.mark.parametrize("mode", MODES)
def test_a_network_is_trained_there_to_the_weights_of_the_cpu(
    tiny_overrides: list[str], tmp_path: Path, run_trial: RunTrial, request: pytest.FixtureRequest, mode: str
) -> None:
    words = [*tiny_overrides, f"quantization={mode}", "quantization.epochs=2", f"output_root={tmp_path}/output"]
    folders = [tmp_path / name for name in ("here", "there")]
    with torch.backends.mkldnn.flags(enabled=False):  # type: ignore[no-untyped-call]  # kernels that other devices lack
        for folder, trainer in zip(folders, ("cpu", "gpu"), strict=True):
            folder.mkdir()
            if trainer == "gpu":
                request.getfixturevalue("device")
            run_trial([*words, f"trainer.accelerator={trainer}"], folder)
    assert Watched.devices == {("train", True), ("val", True), ("test", False)}
    here, there = (load_checkpoint(folder / "network.pt").network.state_dict() for folder in folders)
    assert not any(isinstance(weight, Elsewhere) for weight in there.values())
    assert all(torch.equal(here[name], there[name]) for name in here)
    assert read_record(folders[1]).views == read_record(folders[0]).views
