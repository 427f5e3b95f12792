"""The default config as a mapping."""

from __future__ import annotations

from typing import Any

import pytest

from fsdd_lightning.config.load import config_to_mapping
from fsdd_lightning.sweeps.compose import compose_trials


def composed(*overrides: str) -> dict[str, Any]:
    ((_, config),) = compose_trials(list(overrides), multirun=False)
    return config_to_mapping(config)


@pytest.fixture(scope="session")
def mapping() -> dict[str, Any]:
    return composed()


@pytest.fixture(scope="session")
def mfcc_mapping() -> dict[str, Any]:
    return composed("features=mfcc")


@pytest.fixture
def mapping_with(
    request: pytest.FixtureRequest, mapping: dict[str, Any], mfcc_mapping: dict[str, Any]
) -> dict[str, Any]:
    """The default config, or that with MFCC where it lacks the `key` of a parametrized test."""
    group, _, name = request.getfixturevalue("key").partition(".")
    return mfcc_mapping if group == "features" and name not in mapping["features"] else mapping
