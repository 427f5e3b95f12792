"""`network.pt`: the chosen network, as plain tensors and numbers. Loading one executes no code from it."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.artifacts import replace_file
from fsdd_lightning.errors import UserError
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.network import LSTMClassifier

FILE_NAME = "network.pt"
FORMAT = "fsdd_lightning network"
VERSION = 1


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
        "format": FORMAT,
        "version": VERSION,
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
        UserError: missing, damaged, foreign or newer file.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: this run has no trained network; run it again") from None
    except Exception as error:  # damaged zips and pickles raise nearly anything: KeyError, IndexError, ...
        raise UserError(f"{path} is damaged or is no network of fsdd_lightning; run it again") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(f"{path} is no network of fsdd_lightning")
    version = content.get("version")
    if type(version) is not int or version < 1:
        raise UserError(f"{path} is damaged: it has no version")
    if version > VERSION:
        raise UserError(f"{path} is of version {version}; this program knows {VERSION}: update it")
    return _rebuild(content, path)


def _fingerprint(content: dict[str, Any]) -> str:
    """SHA-256 (hex) of what makes the network; torch's own archive does not notice a flipped bit."""
    plain = {name: content[name] for name in ("shape", "dropout", "weight_code", "labels")}
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
    tensors = {"mean": content["mean"], "std": content["std"], **content["weights"]}
    tensors |= {f"float {name}": tensor for name, tensor in content.get("float_weights", {}).items()}
    for name, tensor in sorted(tensors.items()):
        array = tensor.numpy()
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _rebuild(content: dict[str, Any], path: Path) -> Checkpoint:
    try:
        if content["sha256"] != _fingerprint(content):
            raise ValueError("checksum")
        labels = tuple(content["labels"])
        mean, std = content["mean"].numpy(), content["std"].numpy()
        if not (mean.shape == std.shape == (len(mean),) and mean.dtype == std.dtype == np.float32):
            raise ValueError("mean and std")
        code = content["weight_code"]
        network = _network(content, "weights")
        float_network = _network(content, "float_weights") if "float_weights" in content else network
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise UserError(
            f"{path} is damaged: its checksum is wrong, or its weights do not fit its size"
        ) from error
    if code is not None and code not in WEIGHT_CODES:
        raise UserError(f"{path} has weights of an unknown code, {code!r}: update this program")
    return Checkpoint(network, float_network, code, mean, std, labels)


def _network(content: dict[str, Any], weights: str) -> LSTMClassifier:
    network = LSTMClassifier(NetworkShape(**content["shape"]), content["dropout"])
    network.load_state_dict(content[weights])
    return network.eval()
