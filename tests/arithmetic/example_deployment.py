"""Deployments to store and to export."""

from __future__ import annotations

from types import SimpleNamespace

import example_models
import numpy as np

from fsdd_lightning.arithmetic import integer_model, quantize, weight_codes
from fsdd_lightning.arithmetic.device_arrays import Deployment, FloatInput

PACKAGE = SimpleNamespace(integer_model=integer_model, quantize=quantize, weight_codes=weight_codes)
SETTINGS = {"sample_rate_hz": 8000, "band_pass_hz": (300.0, 3400.0), "top_db": None}


def any_deployment(model: integer_model.IntegerModel, label: str = "class {}", **config: object) -> Deployment:
    """A model with some mean and std."""
    mean = np.linspace(-1, 1, model.input_size, dtype=np.float32)
    return Deployment(model, FloatInput(mean, mean + 2), config, tuple(label.format(k) for k in range(model.classes)))


def deployment_of(code: str = "int8", **shape: int) -> Deployment:
    floats = example_models.random_float_model(quantize, 2, **shape)
    return any_deployment(quantize.convert(floats, weight_codes.weight_code(code)), '"{}" é', **SETTINGS)
