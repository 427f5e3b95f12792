"""`network.pt`: the chosen network, as plain tensors and numbers. Loading one executes no code from it."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.artifacts import ForeignError, Kind, arrays_digest, replace_file
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.network import LSTMClassifier

NETWORK_FILE = "network.pt"
KIND = Kind("a network", 1, "run it again", format="fsdd_lightning network")


@dataclass(frozen=True)
class Checkpoint:
    """A network with what it needs beside its weights, and the mode that it is meant to be seen in.

    `network` is what is deployed: seen through `weight_code`, or as float32 where that is None. `float_network` is the
    float network that it came from; the same object where nothing was trained since.
    """

    network: LSTMClassifier
    float_network: LSTMClassifier
    weight_code: str | None
    mean: np.ndarray  # float32 (C,) of the training clips' features
    std: np.ndarray  # float32 (C,)
    labels: tuple[str, ...]


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write atomically."""
    content = {
        "format": KIND.format,
        "version": KIND.version,
        "shape": asdict(checkpoint.network.shape),
        "dropout": checkpoint.network.dropout.p,
        "weight_code": checkpoint.weight_code,
        "labels": list(checkpoint.labels),
        "mean": torch.from_numpy(checkpoint.mean),
        "std": torch.from_numpy(checkpoint.std),
        "weights": checkpoint.network.state_dict(),
    }
    if checkpoint.float_network is not checkpoint.network:
        content["float_weights"] = checkpoint.float_network.state_dict()
    content["sha256"] = _fingerprint(content)
    buffer = io.BytesIO()
    torch.save(content, buffer)
    replace_file(path, buffer.getvalue())


def load_checkpoint(path: Path) -> Checkpoint:
    """Read with `weights_only=True`.

    Raises:
        ArtifactError: missing, damaged, foreign or newer file.
    """
    return KIND.read(path, _parse)


def _parse(data: bytes) -> Checkpoint:
    content = KIND.check(_unpickled(data))
    if content["sha256"] != _fingerprint(content):
        raise ValueError("its checksum is wrong")
    code = content["weight_code"]
    if code is not None and code not in WEIGHT_CODES:
        raise ForeignError(f"has weights of an unknown code, {code!r}: update this program")
    mean, std = content["mean"].numpy(), content["std"].numpy()
    if not (mean.shape == std.shape == (len(mean),) and mean.dtype == std.dtype == np.float32):
        raise ValueError("its mean and std do not fit")
    network = _network(content, "weights")
    float_network = _network(content, "float_weights") if "float_weights" in content else network
    return Checkpoint(network, float_network, code, mean, std, tuple(content["labels"]))


def _unpickled(data: bytes) -> Any:
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # whose messages are pages
        raise ValueError("it is damaged, or no network of fsdd_lightning") from error


def _fingerprint(content: dict[str, Any]) -> str:
    """SHA-256 (hex) of what makes the network; torch's own archive does not notice a flipped bit."""
    plain = {name: content[name] for name in ("shape", "dropout", "weight_code", "labels")}
    tensors = {"mean": content["mean"], "std": content["std"], **content["weights"]}
    tensors |= {f"float {name}": tensor for name, tensor in content.get("float_weights", {}).items()}
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    return arrays_digest(json.dumps(plain, sort_keys=True), arrays)


def _network(content: dict[str, Any], weights: str) -> LSTMClassifier:
    network = LSTMClassifier(NetworkShape(**content["shape"]), content["dropout"])
    network.load_state_dict(content[weights])
    return network.eval()
