"""Networks that M55's vectors read, by what could go wrong there: 8 bits, odd shapes, every shift."""

from __future__ import annotations

import example_models
import networks
import numpy as np
from example_deployment import PACKAGE

from fsdd_lightning.arithmetic import integer_model
from fsdd_lightning.arithmetic.integer_model import IntegerModel

CODES = ("int8", "int8_pot_scale")
# Inputs, hidden units: every rest of 4, and rests of 8 and 16 on both sides of the lanes' ends.
ODD_SHAPES = ((1, 1), (2, 1), (1, 2), (3, 3), (5, 6), (9, 7), (13, 8), (16, 5), (13, 24), (17, 16), (40, 33))


def adversarial_networks() -> dict[str, IntegerModel]:
    """Ties, saturations and largest values; all shifts of power-of-two scales; shapes with rests."""
    models = {name: model for name, model in example_models.all_models(PACKAGE).items() if model.weight_code in CODES}
    models |= {f"{code} odd": networks.spoken_digit_model(code, 13, layers=3, inputs=19) for code in CODES}
    models |= {"right shifts": shifts_model(32, 127), "left shifts": shifts_model(16, 1)}
    return models | {"largest z": z_model(1), "least z": z_model(-1)}


def odd_networks(code: str, layers: int) -> dict[str, IntegerModel]:
    return {
        f"{inputs}x{hidden}": networks.spoken_digit_model(code, hidden, layers=layers, inputs=inputs)
        for inputs, hidden in ODD_SHAPES
    }


def shifts_model(shift: int, largest: int, *, inputs: int = 5, hidden: int = 8) -> IntegerModel:
    """Multipliers 2^0 ... 2^30 in turn, so that right shifts are `shift` ... `shift - 30`; levels up to +-largest."""
    random = np.random.default_rng(shift)
    rows = 4 * hidden
    weights = random.integers(-largest, largest + 1, (rows, inputs + hidden)).astype(np.int8)
    bias = random.integers(-4000, 4000, rows).astype(np.int32)
    multiplier = np.left_shift(1, np.arange(rows) % 31).astype(np.int32)
    layer = integer_model.IntegerLayer(weights, bias, multiplier, shift)
    return IntegerModel((layer,), example_models.tie_output(integer_model, hidden), "int8_pot_scale")


def z_model(sign: int, *, inputs: int = 5, hidden: int = 3) -> IntegerModel:
    """Every z is as far from 0 as the ranges allow, before it saturates: 2^30."""
    rows = 4 * hidden
    bias = np.full(rows, sign * (2**31 - 1), np.int32)
    weights, multiplier = np.zeros((rows, inputs + hidden), np.int8), np.full(rows, 2**31 - 1, np.int32)
    layer = integer_model.IntegerLayer(weights, bias, multiplier, 32)
    return IntegerModel((layer,), example_models.tie_output(integer_model, hidden), "int8")
