"""Weights that grew without end are called a diverged training, with the key to lower."""

from __future__ import annotations

import numpy as np
import pytest

from fsdd_lightning.arithmetic.quantize import quantize_output
from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.training.fit import named_divergence


@pytest.mark.parametrize(("stage", "key"), [("float", "optimizer.lr"), ("quantized", "quantization.learning_rate")])
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_it_is_named_with_its_remedy(stage: str, key: str, value: float) -> None:
    weight = np.full((2, 3), value, np.float32)
    with pytest.raises(RunFailedError) as caught, named_divergence(stage):
        quantize_output(weight, np.zeros(2, np.float32), weight_code("int8"))
    message = str(caught.value)
    assert message.startswith(f"the {stage} training diverged (") and message.endswith(f": lower {key}")


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match=r"^other$"), named_divergence("float"):
        raise ValueError("other")
