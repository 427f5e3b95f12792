"""A deployment to store."""

from __future__ import annotations

import example_models
import numpy as np

from fsdd_lightning.arithmetic import quantize, weight_codes
from fsdd_lightning.arithmetic.device_arrays import Deployment

SETTINGS = {"sample_rate_hz": 8000, "band_pass_hz": (300.0, 3400.0), "top_db": None}


def deployment_of(code: str = "int8", **shape: int) -> Deployment:
    floats = example_models.random_float_model(quantize, 2, **shape)
    model = quantize.convert(floats, weight_codes.weight_code(code))
    mean = np.linspace(-1, 1, model.input_size, dtype=np.float32)
    labels = tuple(f'"{k}" é' for k in range(model.classes))
    return Deployment(model, mean, mean + 2, SETTINGS, labels)
