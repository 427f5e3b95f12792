"""Shapes of networks and names of weight codes for the tests of the memory bill."""

from __future__ import annotations

from hypothesis import strategies as st

from fsdd_lightning.arithmetic.weight_codes import WEIGHT_CODES
from fsdd_lightning.memory.budget import MemoryBudget
from fsdd_lightning.memory.shape import NetworkShape

INTEGER_CODES = sorted(WEIGHT_CODES)
CODES = [None, *INTEGER_CODES]
SMALL = NetworkShape(inputs=13, hidden_size=24, layers=2, classes=10)
KB36 = MemoryBudget("kb36", 36_864, "network")
KB36_PER_LAYER = MemoryBudget("kb36_per_layer", 36_864, "layer")
UNLIMITED = MemoryBudget("unlimited", None, "network")


def any_shape(inputs: int = 40, hidden_size: int = 150, layers: int = 4, classes: int = 12) -> st.SearchStrategy:
    """Shapes up to these sizes."""
    return st.builds(NetworkShape, *(st.integers(1, largest) for largest in (inputs, hidden_size, layers, classes)))
