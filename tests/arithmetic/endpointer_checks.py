"""Small checks of every constant of the endpointer, in the style of directed_checks.py."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import scalar_listener
from directed_checks import equal, refuses


class Constants(NamedTuple):
    """The fields of Endpointer."""

    margin: int = 10
    quiet: int = 100
    loud: int = 300
    rise: int = 0
    rise_in_word: int = 0
    fall: int = 0
    settle_frames: int = 1
    hangover_frames: int = 2
    shortest_frames: int = 3
    longest_frames: int = 9

    def of(self, p: Any) -> Any:
        return p.endpointer.Endpointer(*self)


FIXED = Constants()  # floors stay as the first frame sets them
FOLLOWING = Constants(256, 100, 200, 4, 1, 512, 12, 4, 2, 25)
VARIANTS = (
    FIXED,
    FOLLOWING,
    Constants(0, 0, 0, 0, 0, 0, 1, 0, 1, 2),
    Constants(300, 50, 400, 40, 3, 30, 5, 1, 4, 12),
    Constants(100, 300, 300, 0, 7, 2000, 30, 8, 1, 40),
)


def level_of(excess: int, bands: int = 8) -> list[int]:
    """Levels with this excess over floors of 1000 and FIXED's margin: one band is far below, so one has its share."""
    return [1010 + 2 * excess, -30000] + [1010 + excess] * (bands - 2)


def steps(p: Any, constants: Constants, levels: list[list[int]]) -> list[tuple[Any, ...]]:
    """(opens, begins, ends, overlong), length, voiced and loud of every frame."""
    endpointer = constants.of(p)
    state = p.endpointer.reset_endpointer(endpointer, len(levels[0]))
    result = []
    for level in levels:
        state, endpoint = p.endpointer.endpointer_step(endpointer, state, np.array(level, np.int32))
        changes = endpoint.opens, endpoint.begins, endpoint.ends, endpoint.overlong
        result.append((tuple(map(bool, changes)), int(state.length), int(state.voiced), bool(state.loud)))
    return result


def story(p: Any, constants: Constants, excesses: list[int]) -> str:
    """A letter per frame: o opens, b begins, B opens and begins, e ends, x overlong, w in a word, . in a pause."""
    letters = {
        (False, False, False, False): "",
        (True, False, False, False): "o",
        (True, True, False, False): "B",
        (False, True, False, False): "b",
        (False, False, True, False): "e",
        (False, False, False, True): "x",
    }
    rows = steps(p, constants, [[1000] * 8, *map(level_of, excesses)])
    assert rows[0] == ((False,) * 4, 0, 0, False)
    return "".join(letters[changes] or ("w" if length else ".") for changes, length, *_ in rows[1:])


# --- endpointer, directed ---


def check_thresholds(p: Any) -> None:
    assert story(p, FIXED, [100, 101, 300, 300, 100, 0, 0, 0]) == ".owwww.."  # never louder than loud: ends unheard
    assert story(p, FIXED, [0, 101, 301, 101, 100, 0, 0, 0]) == ".owbwwe."
    assert story(p, FIXED, [301, 301, 301, 0, 0, 0]) == "owbwwe"
    assert story(p, FIXED._replace(shortest_frames=1), [301, 0, 0, 0]) == "Bwwe"
    assert story(p, FIXED._replace(loud=100), [101, 101, 101, 0]) == "owbw"
    assert story(p, FIXED._replace(quiet=0, loud=0), [0, 1, 1, 1]) == ".owb"


def check_shortest(p: Any) -> None:
    assert story(p, FIXED, [301, 101, 0, 0, 0, 301]) == "owww.o"  # a click
    assert story(p, FIXED, [301, 0, 101, 0, 0, 0]) == "owbwwe"  # frames up to the last one with speech
    assert story(p, FIXED, [101, 101, 101, 101, 301, 0, 0, 0, 101, 101, 101]) == "owwwbwweoww"  # the next is not loud


def check_hangover(p: Any) -> None:
    word = [301, 301, 301]
    assert story(p, FIXED, [*word, 0, 0, 101, 0, 0, 0, 0]) == "owbwwwwwe."
    assert story(p, FIXED._replace(hangover_frames=0), [*word, 0, *word, 0]) == "owbeowbe"
    assert steps(p, FIXED, [[1000] * 8, *map(level_of, [*word, 0, 0, 0, 0])])[-2:] == [
        ((False, False, True, False), 0, 3, False),
        ((False, False, False, False), 0, 3, False),
    ]


def check_longest(p: Any) -> None:
    """The floors of the frame after an overlong word are that frame's levels, which become speech only above them."""
    assert story(p, FIXED, [301] * 8 + [0, 0, 0]) == "owbwwwwwx.."
    assert story(p, FIXED, [301] * 7 + [0, 0, 0]) == "owbwwwwwx."  # within its hangover, too
    assert story(p, FIXED, [301] * 6 + [0, 0, 0]) == "owbwwwwwe"  # at its longest
    assert story(p, FIXED, [301] * 20) == "owbwwwwwx..........."
    assert story(p, FIXED, [101] * 9 + [0]) == "owwwwwww.."  # not counted: no event
    assert story(p, FIXED, [101] * 8 + [301, 0]) == "owwwwwww.."  # loud in its last frame alone
    assert story(p, FIXED, [101] * 7 + [301, 0]) == "owwwwwwbx"
    settling = FIXED._replace(settle_frames=3)
    after = steps(p, settling, [[1000] * 8, *map(level_of, [301] * 12)])
    assert [row[1] for row in after] == [0, *range(1, 9), 0, 0, 0, 0]


def check_excess(p: Any) -> None:
    endpointer, excess = FIXED.of(p), p.endpointer.excess
    floor = np.array([[5, -5, 0, 0, 0, 0, 0, 0], [-32768] * 8], np.int16)
    level = np.array([[31, 21, 10, 9, -90, -32768, 0, 0], [32767] * 8], np.int32)
    equal(excess(endpointer, floor, level), [(16 + 16) >> 3, 65525])
    equal(excess(endpointer, floor[0], level[0] + [0, 0, -1, 0, 0, 0, 0, 0]), 4)
    equal(excess(endpointer, floor[0], level[0] - [1, 0, 0, 0, 0, 0, 0, 0]), 3)
    for bands in (1, 2, 16, 64):
        equal(excess(endpointer, np.zeros(bands, np.int16), np.full(bands, 17, np.int32)), 7)


def floors(p: Any, constants: Constants, levels: list[int]) -> list[int]:
    """The floor of the only band after every frame."""
    endpointer = constants.of(p)
    state = p.endpointer.reset_endpointer(endpointer, 1)
    result = []
    for level in levels:
        state, _ = p.endpointer.endpointer_step(endpointer, state, np.array([level], np.int32))
        result.append(int(state.floor[0]))
    return result


def check_floors(p: Any) -> None:
    still = FIXED._replace(quiet=32000, loud=32767, rise=4, fall=6, settle_frames=1)
    assert floors(p, still, [100, 103, 200, 104, 108, 112, 50, 95, 95]) == [100, 103, 107, 104, 108, 112, 106, 100, 95]
    settling = still._replace(settle_frames=3)  # age 1 and 2: by an eighth, rounded down
    assert floors(p, settling, [100, 115, 92, 200, 0]) == [100, 101, 99, 103, 97]
    assert floors(p, settling, [100, 107, 99, 99]) == [100, 100, 99, 99]
    widest = still._replace(margin=32767, quiet=32767)  # the ends of int16, and just no speech
    assert floors(p, widest._replace(settle_frames=2), [-32768, 32766, 32766]) == [-32768, -24577, -24573]
    assert floors(p, widest._replace(settle_frames=2), [32767, -32768, -32768]) == [32767, 24575, 24569]
    fast = widest._replace(rise=32767, fall=32767)
    assert floors(p, fast, [-32768, 32766, 32767, -32768]) == [-32768, -1, 32766, -1]
    in_word = FIXED._replace(rise=50, rise_in_word=3, fall=6, settle_frames=9)  # no settling within a word
    assert floors(p, in_word, [100, 500, 500, 0, 0, 0, 0]) == [100, 103, 106, 100, 94, 82, 71]
    assert floors(p, in_word._replace(settle_frames=1), [100, 500, 500, 0, 110, 110]) == [100, 103, 106, 100, 103, 110]


def check_resettling(p: Any) -> None:
    """After an overlong word the age starts anew: the next frame sets the floors, then they follow by an eighth."""
    constants = FIXED._replace(rise=5, fall=5, settle_frames=3, longest_frames=4)
    assert floors(p, constants, [0, *[1000] * 4, 2000, 2080, 2000, 2080]) == [0, 0, 0, 0, 5, 2000, 2010, 2008, 2013]
    slow = constants._replace(settle_frames=2)
    assert floors(p, slow, [0, 0, *[1000] * 4, 800]) == [0, 0, 0, 0, 0, 5, 800]


# --- endpointer, against the scalar one ---


@cache
def random_levels(seed: int, streams: int = 3, frames: int = 250, bands: int = 8) -> np.ndarray:
    """(streams, frames, bands) int32: a room that drifts, bursts of every length, and levels that often repeat."""
    random = np.random.default_rng(seed)
    room = 5000 + np.cumsum(random.integers(-30, 31, (streams, frames, bands)), axis=1)
    edges = random.random((streams, frames)) < 0.12
    loudness = random.choice([0, 60, 300, 500, 900, 2500], (streams, frames))
    last_edge = np.maximum.accumulate(np.where(edges, np.arange(frames), 0), axis=1)
    bursts = np.take_along_axis(loudness, last_edge, axis=1)[..., None]
    return ((room + bursts * random.integers(0, 3, bands)) // 20 * 20).astype(np.int32)


@cache
def expected_states(constants: Constants, seed: int, stream: int) -> list[tuple[Any, ...]]:
    scalar = scalar_listener.ScalarEndpointer(constants)
    result = []
    for level in random_levels(seed)[stream].tolist():
        endpoint = scalar.step(level)
        result.append((endpoint, scalar.floor.copy(), scalar.age, scalar.length, scalar.voiced, scalar.loud))
    return result


def check_endpointer_against_scalar(p: Any) -> None:
    """Several streams at once, every part of the state."""
    for seed, constants in enumerate(VARIANTS):
        endpointer, levels = constants.of(p), random_levels(seed)
        state = p.endpointer.reset_endpointer(endpointer, 8, (3,))
        expected = [expected_states(constants, seed, k) for k in range(3)]
        for t in range(levels.shape[1]):
            state, endpoint = p.endpointer.endpointer_step(endpointer, state, levels[:, t])
            changes = np.stack([endpoint.opens, endpoint.begins, endpoint.ends, endpoint.overlong], -1)
            row = [stream[t] for stream in expected]
            for got, k in ((changes, 0), (state.floor, 1), (state.age, 2), (state.length, 3), (state.voiced, 4)):
                equal(got, [values[k] for values in row])
            equal(state.loud, [values[5] for values in row])
            assert state.floor.dtype == np.int16


def check_find_words(p: Any) -> None:
    levels, lengths = random_levels(1), np.array([250, 133, 0])
    found = p.endpointer.find_words(FOLLOWING.of(p), levels, lengths)
    assert found[2] == []
    for k in (0, 1):
        expected, first = [], 0
        for t, (endpoint, _, _, _, voiced, _) in enumerate(expected_states(FOLLOWING, 1, k)[: lengths[k]]):
            first = t if endpoint.opens else first
            if endpoint.ends:
                expected.append((first, first + voiced, t))
        assert [(word.first, word.end, word.closed) for word in found[k]] == expected and expected
    whole = np.array([[[1000] * 8, *map(level_of, [301, 301, 301, 0, 0, 0])]], np.int32)
    for length, words in ((6, []), (7, [(1, 4, 6)])):  # a word that is open at the end is none
        got = p.endpointer.find_words(FIXED.of(p), whole, np.array([length]))[0]
        assert [(word.first, word.end, word.closed) for word in got] == words


def check_endpointer_constants(p: Any) -> None:
    error, endpointer = p.endpointer.EndpointerError, FIXED.of(p)
    names = Constants._fields
    for name in names:
        refuses(error, f"{name} must lie in 0..32767, not -1", FIXED._replace(**{name: -1}).of, p)
        refuses(error, f"{name} must lie in 0..32767, not 32768", FIXED._replace(**{name: 32768}).of, p)
    for name in ("margin", "loud", "rise", "rise_in_word", "fall", "settle_frames", "longest_frames"):
        FIXED._replace(**{name: 32767}).of(p)
    for name in ("margin", "quiet", "rise", "rise_in_word", "fall", "hangover_frames"):
        FIXED._replace(**{name: 0}).of(p)
    FIXED._replace(quiet=300, hangover_frames=8, shortest_frames=8).of(p)
    for wrong, message in (
        ({"quiet": 301}, "loud 300 must be at least quiet 301"),
        ({"hangover_frames": 9}, "hangover_frames 9 must be less"),
        ({"shortest_frames": 9}, "shortest_frames 9 must be"),
        ({"shortest_frames": 0}, "shortest_frames 0 must be at least 1"),
        ({"settle_frames": 0}, "settle_frames must be at least 1"),
    ):
        refuses(error, message, FIXED._replace(**wrong).of, p)
    stored = FOLLOWING.of(p).array()
    assert stored.dtype.str == "<i2"
    equal(stored, FOLLOWING)
    assert p.endpointer.Endpointer.of_array(stored) == FOLLOWING.of(p) != endpointer


CHECKS = tuple(check for name, check in list(globals().items()) if name.startswith("check_"))
