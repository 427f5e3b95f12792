"""The default config as a mapping."""

from __future__ import annotations

from typing import Any

import pytest

from fsdd_lightning.config.load import config_to_mapping
from fsdd_lightning.sweeps.compose import compose_trials


@pytest.fixture(scope="session")
def mapping() -> dict[str, Any]:
    ((_, config),) = compose_trials([], multirun=False)
    return config_to_mapping(config)
