"""The float network in another runtime: the same logits, whatever the batch, its padding and its lengths."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fsdd_lightning.errors import UserError
from fsdd_lightning.export.onnx import export_onnx
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.checkpoint import Checkpoint
from fsdd_lightning.model.inference import float_logits
from fsdd_lightning.model.network import LSTMClassifier

ort = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

BOUND = 1e-5
LABELS = tuple("0123456789")
SETTINGS = {"n_mfcc": 13, "band_pass_hz": (100.0, 3900.0), "f_max_hz": None}


def checkpoint(layers: int = 2, hidden_size: int = 24) -> Checkpoint:
    torch.manual_seed(layers)
    networks = [LSTMClassifier(NetworkShape(13, hidden_size, layers, 10), 0.5).eval() for _ in range(2)]
    rng = np.random.default_rng(3)
    mean = rng.normal(-20, 90, 13).astype(np.float32)
    return Checkpoint(*networks, "int8", mean, rng.uniform(5, 80, 13).astype(np.float32), LABELS)


def exported(folder: Path, network: Checkpoint) -> Path:
    return export_onnx(network, SETTINGS, folder / "model.onnx", name="digits")


def ragged(clips: int, frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, frames + 1, clips)
    lengths[0], lengths[-1] = 1, frames
    return rng.normal(-20, 90, (clips, frames, 13)).astype(np.float32), lengths


def session(path: Path) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def torch_logits(network: Checkpoint, mfcc: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    return float_logits(network.float_network, (mfcc - network.mean) / network.std, lengths)


@pytest.mark.parametrize(("layers", "hidden_size"), [(2, 24), (1, 1), (3, 5)])
@pytest.mark.parametrize(("clips", "frames"), [(1, 1), (1, 36), (7, 36), (32, 90)])
def test_onnxruntime_and_torch_agree_on_ragged_batches(
    tmp_path: Path, layers: int, hidden_size: int, clips: int, frames: int
) -> None:
    network = checkpoint(layers, hidden_size)
    runtime = session(exported(tmp_path, network))
    mfcc, lengths = ragged(clips, frames)
    (logits,) = runtime.run(None, {"mfcc": mfcc, "lengths": lengths})
    expected = torch_logits(network, mfcc, lengths)
    assert logits.dtype == np.float32 and logits.shape == (clips, 10)
    assert np.abs(logits - expected).max() <= BOUND
    assert np.ptp(expected) > 100 * BOUND


def test_padding_is_never_read(tmp_path: Path) -> None:
    runtime = session(exported(tmp_path, checkpoint()))
    mfcc, lengths = ragged(6, 20)
    (before,) = runtime.run(None, {"mfcc": mfcc, "lengths": lengths})
    for clip, length in enumerate(lengths):
        mfcc[clip, length:] = 1e6
    (after,) = runtime.run(None, {"mfcc": mfcc, "lengths": lengths})
    assert np.array_equal(before, after)


def test_the_front_end_travels_in_the_metadata(tmp_path: Path) -> None:
    network = checkpoint()
    properties = session(exported(tmp_path, network)).get_modelmeta().custom_metadata_map
    assert json.loads(properties["labels"]) == list(LABELS)
    assert json.loads(properties["feature_settings"]) == {**SETTINGS, "band_pass_hz": [100.0, 3900.0]}
    for name, array in (("feature_mean", network.mean), ("feature_std", network.std)):
        assert np.array_equal(np.array(json.loads(properties[name]), np.float32), array)


def test_equal_networks_give_equal_files(tmp_path: Path) -> None:
    first, second = (exported(tmp_path, checkpoint()).read_bytes() for _ in range(2))
    assert first == second


def test_without_the_package_one_line_states_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without_onnx(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "onnx" or name.startswith("onnx."):
            raise ImportError(name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_onnx)
    with pytest.raises(UserError, match=r"pip install 'fsdd_lightning\[onnx\]'"):
        exported(tmp_path, checkpoint())
    assert not list(tmp_path.iterdir())
