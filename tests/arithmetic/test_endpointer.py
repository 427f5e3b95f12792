"""The endpointer: equal to a scalar one, streams side by side, and how it behaves in rooms."""

from __future__ import annotations

import numpy as np
import pytest
import scalar_listener
from endpointer_checks import FIXED, FOLLOWING, VARIANTS, Constants, level_of, random_levels

from fsdd_lightning.arithmetic.endpointer import Endpointer, endpointer_step, find_words, reset_endpointer

ROOM = Constants(768, 96, 128, 8, 1, 8, 16, 9, 4, 60)


def random_constants(seed: int) -> Constants:
    random = np.random.default_rng(seed)
    margin, quiet, loud, *steps = random.integers(0, [400, 200, 300, 40, 10, 300]).tolist()
    longest = int(random.integers(4, 50))
    hangover, shortest = random.integers(0, longest), random.integers(1, min(longest, 6))
    return Constants(margin, quiet, quiet + loud, *steps, random.integers(1, 20), hangover, shortest, longest)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("bands", [8, 32])
def test_random_constants_and_levels_give_what_the_scalar_endpointer_gives(seed: int, bands: int) -> None:
    constants = Constants(*map(int, random_constants(seed)))
    endpointer, scalar = Endpointer(*constants), scalar_listener.ScalarEndpointer(constants)
    state = reset_endpointer(endpointer, bands)
    for level in random_levels(seed, 1, 200, bands)[0]:
        state, endpoint = endpointer_step(endpointer, state, level)
        changes = scalar.step(level.tolist())
        assert (endpoint.opens, endpoint.begins, endpoint.ends, endpoint.overlong) == changes
        assert state.floor.tolist() == scalar.floor
        assert (state.age, state.length, state.voiced, state.loud) == (
            scalar.age, scalar.length, scalar.voiced, scalar.loud
        )  # fmt: skip


def test_the_random_levels_try_everything() -> None:
    """Each kind of event comes often, and so do words that are none."""
    counts = np.zeros(4, int)
    for seed, constants in enumerate(VARIANTS):
        for stream in random_levels(seed).tolist():
            scalar = scalar_listener.ScalarEndpointer(constants)
            counts += np.sum([scalar.step(level) for level in stream], axis=0)
    opened, begun, ended, overlong = counts.tolist()
    assert opened > begun + 10 > ended + overlong > 30
    assert min(ended, overlong) > 10


@pytest.mark.parametrize("constants", [FOLLOWING, ROOM, *VARIANTS[2:]])
def test_streams_side_by_side_are_each_alone(constants: Constants) -> None:
    endpointer = Endpointer(*constants)
    levels, lengths = random_levels(3, 5, 200), np.array([200, 199, 150, 60, 1])
    together = find_words(endpointer, levels, lengths)
    alone = [find_words(endpointer, levels[k : k + 1], lengths[k : k + 1])[0] for k in range(5)]
    assert together == alone
    assert find_words(endpointer, levels[:0], lengths[:0]) == []


def test_leading_axes_of_any_shape() -> None:
    endpointer = Endpointer(*FOLLOWING)
    levels = random_levels(4, 6, 80)
    flat, square = reset_endpointer(endpointer, 8, (6,)), reset_endpointer(endpointer, 8, (2, 3))
    for t in range(80):
        flat, one = endpointer_step(endpointer, flat, levels[:, t])
        square, two = endpointer_step(endpointer, square, levels[:, t].reshape(2, 3, 8))
        for name in ("opens", "begins", "ends", "overlong"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name).ravel())
        np.testing.assert_array_equal(flat.floor, square.floor.reshape(6, 8))


def words(constants: Constants, excesses: list[int]) -> list[tuple[int, int, int]]:
    levels = np.array([[[1000] * 8, *map(level_of, excesses)]], np.int32)
    found = find_words(Endpointer(*constants), levels, np.array([levels.shape[1]]))[0]
    return [(word.first, word.end, word.closed) for word in found]


def test_words_of_every_length_beside_the_limits() -> None:
    """FIXED: a hangover of 2, 3 to 8 frames; the pause of 3 frames must end before the 9th frame is there."""
    for length in range(1, 12):
        found = words(FIXED, [0, *[301] * length, 0, 0, 0, 0])
        assert found == ([(2, 2 + length, 4 + length)] if 3 <= length <= 6 else []), length
    for pause in range(5):
        found = words(FIXED._replace(longest_frames=30), [0, *[301] * 3, *[0] * pause, *[301] * 3, 0, 0, 0])
        joined = [(2, 8 + pause, 10 + pause)]
        assert found == (joined if pause <= 2 else [(2, 5, 7), (5 + pause, 8 + pause, 10 + pause)])


def test_steady_noise_has_no_words_however_loud_it_is() -> None:
    """Nor has noise that grows half as fast as floors may rise; words stand out of both."""
    random = np.random.default_rng(6)
    noise = np.round(random.normal(0, 150, (1, 800, 32)))
    for level in (2000, 9000, 15000):
        steady = (level + noise).astype(np.int32)
        assert find_words(Endpointer(*ROOM), steady, np.array([800])) == [[]]
    growing = (2000 + ROOM.rise // 2 * np.arange(800)[:, None] + noise).astype(np.int32)
    assert find_words(Endpointer(*ROOM), growing, np.array([800])) == [[]]
    spoken = growing + 1500 * ((np.arange(800) // 30 % 4 == 3)[:, None])
    assert len(find_words(Endpointer(*ROOM), spoken.astype(np.int32), np.array([800]))[0]) == 6


def test_a_louder_room_is_no_word_for_long() -> None:
    """A step in the noise is given up as overlong, the floors settle anew, and words are found again."""
    level = np.full((1, 400, 8), 4000, np.int32)
    level[:, 100:] += 2000
    level[:, 300:320] += 1500
    (found,) = find_words(Endpointer(*ROOM), level, np.array([400]))
    assert [(word.first, word.end) for word in found] == [(300, 320)]
