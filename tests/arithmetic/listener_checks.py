"""Small checks of every constant of the listener, in the style of directed_checks.py."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

import example_models
import numpy as np
import scalar_listener
from directed_checks import equal, refuses
from endpointer_checks import Constants
from front_end_examples import SMALL

from fsdd_lightning.arithmetic import integer_model, quantize, weight_codes

FRONT_END = SMALL._replace(decay=3)
MULTIPLIER, BIAS = [20000, 90000, 110000, 150000, 190000], [4000, -900, 0, 300, -200]


def listening_of(p: Any, endpointer: Any, least_margin: int) -> Any:
    standardization = p.front_end.Standardization(np.array(MULTIPLIER, np.int32), np.array(BIAS, np.int32))
    return p.listener.Listening(FRONT_END.of(p), standardization, endpointer, least_margin)


PLAIN = SimpleNamespace(integer_model=integer_model, quantize=quantize, weight_codes=weight_codes)
HEARING = Constants(700, 60, 400, 4, 1, 300, 6, 3, 3, 24)


@cache
def network() -> Any:
    return example_models.all_models(PLAIN)["int8"]


@cache
def sound() -> np.ndarray:
    """(samples,) int16 at hops of 64: noise with words of 1 to 40 frames, some of them soft, the last one open."""
    random = np.random.default_rng(8)
    loudness: list[int] = []
    for pause, frames, amplitude in (
        (9, 8, 4000), (6, 1, 9000), (9, 12, 300), (17, 40, 8000), (12, 5, 900), (2, 5, 6000), (8, 15, 20000),
        (9, 5, 5000), (19, 7, 700), (9, 9, 5000),
    ):  # fmt: skip
        loudness += [30] * pause + [amplitude] * frames
    amplitude = np.repeat(loudness, 64)
    tone = np.cos(np.arange(len(amplitude)) * (0.3 + np.arange(len(amplitude)) / 30000))
    return np.round(amplitude * (tone + random.normal(0, 0.3, len(amplitude)))).clip(-32768, 32767).astype(np.int16)


@cache
def expected_events(least_margin: int) -> list[tuple[Any, ...]]:
    standardization = SimpleNamespace(multiplier=np.array(MULTIPLIER), bias=np.array(BIAS))
    listening = SimpleNamespace(
        front_end=FRONT_END, standardization=standardization, endpointer=HEARING, least_margin=least_margin
    )
    return scalar_listener.ScalarListener(network(), listening).push(sound().tolist())


def as_tuple(event: Any) -> tuple[Any, ...]:
    return event.kind, event.frame, event.first, event.frames, event.label, event.margin, event.logits


def heard(listener: Any, samples: np.ndarray, piece: int) -> list[tuple[Any, ...]]:
    pieces = (samples[start : start + piece] for start in range(0, len(samples), piece))
    return [as_tuple(event) for part in pieces for event in listener.push(part)]


def check_listener_against_scalar(p: Any) -> None:
    """Pieces of any size, a reset, and words with and without a label."""
    margins = sorted(event[5] for event in expected_events(0) if event[6])
    listener = p.listener.Listener(network(), listening_of(p, HEARING.of(p), margins[1]))
    expected = expected_events(margins[1])
    for piece in (5000, 160, 7):
        assert heard(listener, sound(), piece) == expected
        listener.reset()
    again = p.listener.Listener(network(), listening_of(p, HEARING.of(p), margins[1] + 1))
    assert heard(again, sound(), len(sound())) == expected_events(margins[1] + 1) != expected


def check_refused_samples_do_no_harm(p: Any) -> None:
    listener = p.listener.Listener(network(), listening_of(p, HEARING.of(p), 0))
    first = heard(listener, sound()[:3000], 3000)
    refuses(ValueError, "int16", listener.push, np.zeros(500, np.int32))
    assert first + heard(listener, sound()[3000:], 5000) == expected_events(0)


def check_decisions(p: Any) -> None:
    decide, top = p.listener.decide, 2**31 - 1
    for logits, least, expected in (
        ([5, 9, 2], 4, (1, 4)),
        ([5, 9, 2], 5, (None, 4)),
        ([9, 5, 8], 1, (0, 1)),
        ([7, 7, 7], 0, (0, 0)),
        ([7, 7, 7], 1, (None, 0)),
        ([3, 7, 7], 0, (1, 0)),
        ([-(2**31), top], top, (1, top)),
        ([top, 0], top, (0, top)),
        ([top, 1], top, (None, top - 1)),
        ([-5], top, (0, top)),
    ):
        assert decide(np.array(logits, np.int32), least) == expected
        assert scalar_listener.decide(tuple(logits), least) == expected


def check_leads(p: Any) -> None:
    """Of many words at once: in any order of classes, on ties, beyond int32, and of a single class."""
    logits = np.array([[5, 9, 2], [9, 5, 2], [2, 9, 9], [-7, -3, -4], [2**31 - 1, -(2**31), -5]], np.int32)
    equal(p.listener.lead(logits), np.array([4, 4, 0, 1, 2**31 - 1]))
    equal(p.listener.lead(logits.reshape(5, 1, 3)), np.array([[4], [4], [0], [1], [2**31 - 1]]))
    alone = p.listener.lead(logits[:, :1])
    assert alone.shape == (5,)
    equal(alone, np.full(5, 2**31 - 1))
    equal(p.listener.lead(logits[:, :2]), np.array([4, 4, 7, 4, 2**31 - 1]))


def check_listening(p: Any) -> None:
    endpointer = HEARING.of(p)
    for least_margin in (0, 2**31 - 1):
        arrays = listening_of(p, endpointer, least_margin).arrays()
        tables = list(FRONT_END.of(p).tables.arrays())
        assert list(arrays) == ["feature_multiplier", "feature_bias", *tables, "endpointer", "least_margin"]
        assert [arrays[name].dtype.str for name in ("feature_multiplier", "feature_bias", "least_margin")] == [
            "<i4"
        ] * 3
        for name, expected in (("multiplier", MULTIPLIER), ("bias", BIAS)):
            equal(arrays[f"feature_{name}"], expected)
        equal(arrays["endpointer"], HEARING)
        equal(arrays["least_margin"], [least_margin])
    for wrong in (-1, 2**31):
        refuses(ValueError, "least_margin must lie in 0..2^31 - 1", listening_of, p, endpointer, wrong)
    one = p.front_end.Standardization(np.ones(1, np.int32), np.ones(1, np.int32))
    refuses(ValueError, "5 channels need", p.listener.Listening, FRONT_END.of(p), one, endpointer, 0)


def check_an_event_without_a_label(p: Any) -> None:
    event = p.listener.WordEvent("begins", 3, 1, 2)
    assert as_tuple(event) == ("begins", 3, 1, 2, None, 0, ())


CHECKS = tuple(check for name, check in list(globals().items()) if name.startswith("check_"))
