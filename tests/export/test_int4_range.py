"""An int4 network whose sums would not fit the Arm kernel, which holds them 16-fold, is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from example_deployment import any_deployment

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.integer_model import IntegerLayer, IntegerModel, IntegerOutput
from fsdd_lightning.errors import UserError
from fsdd_lightning.export import export_c

MOST_INPUTS = 18_724  # 7 * 1024 * 18,724 + 7 * 128 is the last below 2^31 / 16


def deployment(inputs: int, code: str) -> Deployment:
    """One unit; every level is 7."""
    levels = np.full((4, inputs + 1), 7, np.int8)
    layer = IntegerLayer(levels, np.full(4, 2**15 - 1, np.int32), np.full(4, 2**20, np.int32), 32)
    output = IntegerOutput(np.full((2, 1), 7, np.int8), np.zeros(2, np.int32), 1.0)
    return any_deployment(IntegerModel((layer,), output, code))


@pytest.mark.parametrize(("inputs", "code"), [(MOST_INPUTS, "int4"), (MOST_INPUTS + 1, "int8")])
def test_what_fits_is_exported(inputs: int, code: str, tmp_path: Path) -> None:
    export_c(deployment(inputs, code), tmp_path, name="wide", golden=None, notes={})


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="layer 1, gate i, unit 0: too many int4 weights"):
        export_c(deployment(MOST_INPUTS + 1, "int4"), tmp_path, name="wide", golden=None, notes={})
