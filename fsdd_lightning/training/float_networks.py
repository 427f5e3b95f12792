"""A store of trained float networks by a hash of all that they depend on, so that quantization modes share them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsdd_lightning.artifacts import exclusive, write_json
from fsdd_lightning.config.schema import Config
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.errors import UserError
from fsdd_lightning.model.checkpoint import NETWORK_FILE, Checkpoint, load_checkpoint, save_checkpoint
from fsdd_lightning.runs.plan import float_config
from fsdd_lightning.runs.provenance import code_digest, package_versions

FOLDER = "float_networks"
ORIGIN = "origin.json"
ORIGIN_KEYS = {"run", "epochs", "best_epoch", "val_loss"}


@dataclass(frozen=True)
class FloatNetwork:
    """A trained float network and its origin; `reused`: it was in the store already, or after `waited_s` seconds."""

    checkpoint: Checkpoint
    key: str
    reused: bool
    origin: dict[str, Any]  # run folder, epochs, best epoch, validation loss
    waited_s: float = 0.0


def float_network(
    config: Config, data: PreparedData, store: Path, train: Callable[[], tuple[Checkpoint, dict[str, Any]]]
) -> FloatNetwork:
    """The network of this config on these data from `store`, or else from `train`, whose result is then stored.

    Parallel jobs that need the same network wait for the first one. A damaged one is trained again.
    """
    key = float_key(config, data)
    folder = store / key
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder / NETWORK_FILE) as waited_s:
        kept = _load(folder)
        if kept is not None:
            checkpoint, origin = kept
            return FloatNetwork(checkpoint, key, True, origin, waited_s)
        checkpoint, origin = train()
        save_checkpoint(checkpoint, folder / NETWORK_FILE)
        write_json(folder / ORIGIN, origin)
        return FloatNetwork(checkpoint, key, False, origin, waited_s)


def float_key(config: Config, data: PreparedData) -> str:
    """SHA-256 (16 hex digits) over all that the float weights depend on: data, config, seed, packages, code."""
    versions = package_versions()
    decides = float_config(config) | {
        "digest": data.recordings.digest,
        "speech": None if data.synthetic is None else data.synthetic.speech.digest,
        "versions": {name: versions[name] for name in ("fsdd_lightning", "torch", "pytorch-lightning")},
        "code": code_digest(),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


def _load(folder: Path) -> tuple[Checkpoint, dict[str, Any]] | None:
    try:
        origin = json.loads((folder / ORIGIN).read_text(encoding="utf-8"))
        if not isinstance(origin, dict) or not origin.keys() >= ORIGIN_KEYS:
            return None
        return load_checkpoint(folder / NETWORK_FILE), origin
    except (OSError, ValueError, UserError):
        return None
