"""A store of trained float networks by a hash of all that they depend on, so that quantization modes share them.

The network and its origin know this key, and the origin the digest of its network: what was copied to another place in
the store, or replaced there, is not used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsdd_lightning.artifacts import Kind, MissingError, exclusive, file_digest, remove_abandoned, write_json
from fsdd_lightning.config.schema import Config
from fsdd_lightning.data.preparation import PreparedData
from fsdd_lightning.errors import UserError
from fsdd_lightning.files import NETWORK_BYTES, TEXT_BYTES
from fsdd_lightning.model.checkpoint import NETWORK_FILE, Checkpoint, load_checkpoint, save_checkpoint
from fsdd_lightning.runs.plan import float_config
from fsdd_lightning.runs.provenance import code_digest, package_versions

FOLDER = "float_networks"
ORIGIN = "origin.json"
KIND = Kind("the origin of a float network", 1, "it is trained again", limit=TEXT_BYTES)

logger = logging.getLogger(__name__)


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

    Parallel jobs that need the same network wait for the first one. One that is damaged, or not this one, is trained
    again, with a warning.
    """
    key = float_key(config, data)
    folder = store / key
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder / NETWORK_FILE) as waited_s:
        remove_abandoned(folder)
        kept = _load(folder, key)
        if kept is not None:
            checkpoint, origin = kept
            return FloatNetwork(checkpoint, key, True, origin, waited_s)
        checkpoint, origin = train()
        save_checkpoint(checkpoint, folder / NETWORK_FILE, key)
        bound = {"version": KIND.version, "key": key, "network": file_digest(folder / NETWORK_FILE, NETWORK_BYTES)}
        write_json(folder / ORIGIN, bound | origin)
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


def _load(folder: Path, key: str) -> tuple[Checkpoint, dict[str, Any]] | None:
    try:
        origin = KIND.read(folder / ORIGIN, lambda content: _origin(content, key))
        if file_digest(folder / NETWORK_FILE, NETWORK_BYTES) != origin.pop("network"):
            raise UserError(f"{folder / NETWORK_FILE} is not the network of its {ORIGIN}")
        return load_checkpoint(folder / NETWORK_FILE, key), origin
    except (MissingError, FileNotFoundError):
        return None  # never trained, or killed before it was complete
    except (OSError, UserError) as error:
        logger.warning("the float network %s is not used but trained again: %s", key, error)
        return None


def _origin(content: bytes, key: str) -> dict[str, Any]:
    """Run folder, epochs, best epoch, validation loss, and the digest of the network; ValueError for anything else."""
    found = KIND.parse_json(content)
    if found["key"] != key:
        raise ValueError(f"it belongs to {found['key']!r}, not here")
    kinds = {"run": str, "epochs": int, "best_epoch": int, "val_loss": float, "network": str}
    if any(type(found[name]) is not kind for name, kind in kinds.items()) or not math.isfinite(found["val_loss"]):
        raise ValueError("a field is of another type")
    if not 0 <= found["best_epoch"] < found["epochs"]:
        raise ValueError("its epochs are none")
    return {name: found[name] for name in kinds}
