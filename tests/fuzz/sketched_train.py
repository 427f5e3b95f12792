"""`fsdd-train` without the drawing, for seeds: a `main` for the zygote."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


def main() -> None:
    """As fsdd_lightning.train."""
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    from sketches import sketch_confusions

    from fsdd_lightning import train

    sketch_confusions(pytest.MonkeyPatch())
    train.main()
