"""Whether an optional package is there; a plugin's module can't be asked for where no plugin at all is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import pytest


def needs(distribution: str, extra: str) -> pytest.MarkDecorator:
    """Skips a test, and says why, where the extra is not installed."""
    try:
        version(distribution)
    except PackageNotFoundError:
        return pytest.mark.skip(reason=f"the extra [{extra}] is not installed")
    return pytest.mark.skipif(False, reason="")
