"""The directed checks, on the package as it is."""

from __future__ import annotations

import code_checks
import conversion_checks
import directed_checks
import endpointer_checks
import front_end_checks
import listener_checks
import mutation
import pytest

CHECKS = directed_checks.CHECKS + code_checks.CHECKS + conversion_checks.CHECKS
CHECKS += front_end_checks.CHECKS + endpointer_checks.CHECKS + listener_checks.CHECKS


@pytest.fixture(scope="module")
def package() -> object:
    return mutation.load_copy({})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_directed(check: object, package: object) -> None:
    check(package)
