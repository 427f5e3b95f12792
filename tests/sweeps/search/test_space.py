"""The space of a search."""

from __future__ import annotations

import pytest

from fsdd_lightning.errors import UserError
from fsdd_lightning.sweeps.search.space import Dimension, search_space

PARAMS = {"model.hidden_size": "range(8,25,8)", "quantization": "choice(int8_ptq,pot_qat)"}


def test_a_command_line_overrides_the_config() -> None:
    space = search_space(PARAMS, ["search=x", "quantization=int4_qat", "model.hidden_size=4,6", "model.layers=1,2"])
    assert space.fixed == ("quantization=int4_qat", "search=x")
    assert [(dimension.key, dimension.values) for dimension in space.dimensions] == [
        ("model.hidden_size", ("4", "6")),
        ("model.layers", ("1", "2")),
    ]
    assert space.overrides(("6", "1")) == ["model.hidden_size=6", "model.layers=1", "quantization=int4_qat", "search=x"]


def test_the_points_are_all_combinations() -> None:
    points = list(search_space(PARAMS, []).points())
    assert len(points) == len(set(points)) == 6
    assert ("24", "pot_qat") in points


def test_every_name_and_both_ends_of_a_range_are_probed() -> None:
    probes = list(search_space(PARAMS | {"model.layers": "range(1,9)"}, []).probes())
    assert {value for _, value, _ in probes} == {"int8_ptq", "pot_qat"}
    assert {value for *_, value in probes} == {"1", "8"}
    assert len(probes) == len(set(probes)) == 4


@pytest.mark.parametrize(
    ("values", "grid"),
    [
        (("8", "16", "24"), range(8, 25, 8)),
        (("24", "8", "16"), range(8, 25, 8)),
        (("7",), range(7, 8)),
        (("8", "16", "32"), None),
        (("8", "fit"), None),
        (("0.1", "0.2"), None),
    ],
)
def test_evenly_spaced_integers_are_a_grid(values: tuple[str, ...], grid: range | None) -> None:
    assert Dimension("x", values).grid == grid


def test_values_are_taken_once() -> None:
    (dimension,) = search_space({}, ["seed=1,2,1"]).dimensions
    assert dimension.values == ("1", "2")


def test_nothing_to_choose_from_is_reported() -> None:
    with pytest.raises(UserError, match=r"something to choose from, such as model\.hidden_size=8,16,24"):
        search_space({"seed": "choice(1,2)"}, ["seed=1"])


def test_an_endless_range_is_rejected() -> None:
    with pytest.raises(UserError, match=r"optimizer.lr=interval\(0,1\): a search takes choice"):
        search_space({"optimizer.lr": "interval(0,1)"}, [])
