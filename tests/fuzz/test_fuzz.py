"""Some hundred hostile cases at every entrance; with --run-slow some thousand. A failure names its case to be rerun."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fuzz import ENTRANCES, SHARES, names, report, run_case
from seeds import make_seeds
from zygote import Zygote

SEED = 13
PARTS = 2  # of an entrance's cases: workers share them
MOST = {False: 200, True: 2000}  # with --run-slow 15 minutes of processor time


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as started:
        yield started


@pytest.fixture(scope="module")
def fuzz_seeds(zygote: Zygote, once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    return once("fuzz", lambda folder: make_seeds(folder / "seeds", zygote)) / "seeds"


def _fails(names_of_cases: Iterator[str], folder: Path, seeds: Path, zygote: Zygote) -> list[str]:
    verdicts = (run_case(name, folder / "room", seeds, zygote) for name in names_of_cases)
    return [f"python tests/fuzz {report(verdict)}" for verdict in verdicts if verdict.reasons]


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("entrance", sorted(ENTRANCES))
def test_every_promise_is_kept(entrance: str, part: int, tmp_path: Path, fuzz_seeds: Path, zygote: Zygote) -> None:
    cases = list(names(entrance, SEED, MOST[False] * SHARES[entrance] // 100))
    failures = _fails(iter(cases[part::PARTS]), tmp_path, fuzz_seeds, zygote)
    assert not failures, "\n".join(failures)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("entrance", sorted(ENTRANCES))
def test_every_promise_is_kept_by_thousands(
    entrance: str, part: int, tmp_path: Path, fuzz_seeds: Path, zygote: Zygote
) -> None:
    cases = list(names(entrance, SEED + 1, MOST[True] * SHARES[entrance] // 100))
    failures = _fails(iter(cases[part::4]), tmp_path, fuzz_seeds, zygote)
    assert not failures, "\n".join(failures)
