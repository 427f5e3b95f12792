"""Fixtures of reports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fsdd_lightning.reports import page
from fsdd_lightning.reports.style import Look


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Figures are placeholders, which saves seconds a report; test_pictures.py draws them."""

    def placeholder(picture: object, look: Look, file_format: str) -> bytes:
        return f"<svg>{look.width_in} {file_format}</svg>".encode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "rendered", placeholder)
        yield
