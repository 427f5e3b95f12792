"""`integer_model.npz`: the integer model of a run; arithmetic/archive.py knows its content."""

from __future__ import annotations

from pathlib import Path

from fsdd_lightning.arithmetic.archive import VERSION, archive_bytes, restore_archive
from fsdd_lightning.arithmetic.array_archive import UnknownFormatError
from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.artifacts import ForeignError, Kind, replace_file
from fsdd_lightning.files import NETWORK_BYTES

INTEGER_MODEL = "integer_model.npz"
KIND = Kind("an integer model", VERSION, "run it again", limit=NETWORK_BYTES)


def save_archive(path: Path, deployment: Deployment) -> None:
    """Write in one step; RangeError for a model that could overflow, and then the old file stays."""
    replace_file(path, archive_bytes(deployment))


def load_archive(path: Path) -> Deployment:
    """The deployment.

    Raises:
        ArtifactError: a missing, damaged, foreign or newer file, or ranges that could overflow.
    """
    return KIND.read(path, _restored)


def _restored(content: bytes) -> Deployment:
    try:
        return restore_archive(content)
    except UnknownFormatError as error:
        raise ForeignError(str(error)) from error
