"""`network.pt`: the chosen network, as plain tensors and numbers. Loading one executes no code from it."""

from __future__ import annotations

import os
import pickle
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from fsdd_lightning.errors import UserError
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.settings import ModelSettings

FILE_NAME = "network.pt"
FORMAT = "fsdd_lightning network"
VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """A network with what it needs beside its weights: the training set's feature mean and std, float32 (C,)."""

    network: LSTMClassifier
    size: ModelSettings
    mean: np.ndarray
    std: np.ndarray
    labels: tuple[str, ...]


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write atomically."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "size": asdict(checkpoint.size),
        "labels": list(checkpoint.labels),
        "mean": torch.from_numpy(checkpoint.mean),
        "std": torch.from_numpy(checkpoint.std),
        "weights": checkpoint.network.state_dict(),
    }
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save(content, file)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load_checkpoint(path: Path) -> Checkpoint:
    """Read with `weights_only=True`.

    Raises:
        UserError: missing, damaged, foreign or newer file.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: this run has no trained network; run it again") from None
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise UserError(f"{path} is damaged or is no network of fsdd_lightning; run it again") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(f"{path} is no network of fsdd_lightning")
    if content["version"] > VERSION:
        raise UserError(f"{path} is of version {content['version']}; this program knows {VERSION}: update it")
    return _rebuild(content, path)


def _rebuild(content: dict, path: Path) -> Checkpoint:  # type: ignore[type-arg]
    try:
        size = ModelSettings(**content["size"])
        labels = tuple(content["labels"])
        mean, std = content["mean"].numpy(), content["std"].numpy()
        network = LSTMClassifier(size, len(mean), len(labels))
        network.load_state_dict(content["weights"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise UserError(f"{path} is damaged: its weights do not fit its own size") from error
    return Checkpoint(network.eval(), size, mean, std, labels)
