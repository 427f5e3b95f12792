"""`network.npz`: the chosen network, as arrays and numbers in an archive without pickle, see array_archive.py."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.array_archive import packed, unpacked
from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.artifacts import ArtifactError, ForeignError, Kind, MissingError, replace_file
from fsdd_lightning.files import NETWORK_BYTES
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.network import LSTMClassifier

NETWORK_FILE = "network.npz"
EARLIER_NETWORK_FILE = "network.pt"  # a pickle, which nobody can read safely that somebody else made
KIND = Kind("a network", 2, "run it again", format="fsdd_lightning network", limit=NETWORK_BYTES)
_WEIGHTS, _FLOAT = "weights.", "float_weights."  # prefixes of the names of arrays
_MOST_UNITS = 2**20  # of a layer


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


def save_checkpoint(checkpoint: Checkpoint, path: Path, key: str | None = None) -> None:
    """Write atomically; the same bytes for the same network. `key`: of the place that the file belongs to."""
    metadata = {
        "format": KIND.format,
        "version": KIND.version,
        "key": key,
        "shape": asdict(checkpoint.network.shape),
        "dropout": checkpoint.network.dropout.p,
        "weight_code": checkpoint.weight_code,
        "labels": list(checkpoint.labels),
    }
    arrays = _arrays(checkpoint.network, _WEIGHTS)
    if checkpoint.float_network is not checkpoint.network:
        arrays |= _arrays(checkpoint.float_network, _FLOAT)
    replace_file(path, packed(metadata, arrays | {"mean": checkpoint.mean, "std": checkpoint.std}))


def load_checkpoint(path: Path, key: str | None = None) -> Checkpoint:
    """Read a network; no memory is taken for more than the file holds, and no code from it is executed.

    Raises:
        ArtifactError: a missing, damaged, foreign or newer file, or one with another key than the one expected.
    """
    try:
        return KIND.read(path, lambda content: _parse(content, key))
    except MissingError:
        if path.with_name(EARLIER_NETWORK_FILE).exists():
            text = f"{path.parent} was made by an earlier version, which wrote {EARLIER_NETWORK_FILE}: run it again"
            raise ArtifactError(text) from None
        raise


def _arrays(network: LSTMClassifier, prefix: str) -> dict[str, NDArray[Any]]:
    return {f"{prefix}{name}": tensor.cpu().numpy() for name, tensor in network.state_dict().items()}


def _parse(data: bytes, key: str | None) -> Checkpoint:
    metadata, arrays = unpacked(data, KIND.check)
    if key is not None and metadata["key"] != key:
        raise ValueError(f"it belongs to {metadata['key']!r}, not here")
    code, labels, shape = metadata["weight_code"], metadata["labels"], _shape(metadata["shape"], arrays)
    if code is not None and not isinstance(code, str):
        raise ValueError("its weight_code is no name")
    if code is not None and code not in WEIGHT_CODES:
        raise ForeignError(f"has weights of an unknown code, {code!r}: update this program")
    if not (
        isinstance(labels, list) and len(labels) == shape.classes and all(isinstance(word, str) for word in labels)
    ):
        raise ValueError("its labels are not one for each class")
    dropout = metadata["dropout"]
    if type(dropout) not in (int, float) or not 0 <= dropout < 1:
        raise ValueError("its dropout is no share")
    _check_arrays(arrays, shape)
    network = _network(arrays, _WEIGHTS, shape, dropout)
    has_another = any(name.startswith(_FLOAT) for name in arrays)
    float_network = _network(arrays, _FLOAT, shape, dropout) if has_another else network
    return Checkpoint(network, float_network, code, arrays["mean"], arrays["std"], tuple(labels))


def _shape(described: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> NetworkShape:
    """Checked so far that its arrays can be listed: a layer has some."""
    sizes = {field.name: described[field.name] for field in fields(NetworkShape)}
    if any(type(size) is not int or not 1 <= size <= _MOST_UNITS for size in sizes.values()):
        raise ValueError("its shape is none")
    if sizes["layers"] > len(arrays):
        raise ValueError("its arrays are not those of the network it describes")
    return NetworkShape(**sizes)


def _check_arrays(arrays: Mapping[str, NDArray[Any]], shape: NetworkShape) -> None:
    """Check that all are there, and as large as the network will be, before it is made."""
    with torch.device("meta"):
        planned = {name: tuple(tensor.shape) for name, tensor in LSTMClassifier(shape).state_dict().items()}
    weights = [_WEIGHTS, _FLOAT] if any(name.startswith(_FLOAT) for name in arrays) else [_WEIGHTS]
    expected = {f"{prefix}{name}": size for prefix in weights for name, size in planned.items()}
    expected |= {"mean": (shape.inputs,), "std": (shape.inputs,)}
    if {name: array.shape for name, array in arrays.items()} != expected:
        raise ValueError("its arrays are not those of the network it describes")
    for name, array in arrays.items():
        if array.dtype != np.float32 or not math.isfinite(array.sum(dtype=np.float64)):
            raise ValueError(f"its {name} is not of finite float32 numbers")


def _network(arrays: Mapping[str, NDArray[Any]], prefix: str, shape: NetworkShape, dropout: float) -> LSTMClassifier:
    network = LSTMClassifier(shape, dropout)
    own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    network.load_state_dict({name: torch.from_numpy(array) for name, array in own.items()})
    return network.eval()
