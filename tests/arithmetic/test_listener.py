"""The listener: pieces of any size, the words of find_words, the logits of network_logits, and rejection."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import example_listening
import example_models
import numpy as np
import pytest
import scalar_listener
from listener_checks import FRONT_END, HEARING, as_tuple, expected_events, heard, listening_of, network, sound

from fsdd_lightning.arithmetic import endpointer, front_end, listener, quantize, weight_codes
from fsdd_lightning.arithmetic.integer_lstm import network_logits

PACKAGE = SimpleNamespace(endpointer=endpointer, front_end=front_end, listener=listener)
Event = tuple[Any, ...]
SHIPPED = endpointer.Endpointer(768, 96, 128, 8, 2, 8, 16, 9, 4, 80)


def listener_of(least_margin: int = 0, hearing: Any = HEARING) -> listener.Listener:
    return listener.Listener(network(), listening_of(PACKAGE, hearing.of(PACKAGE), least_margin))


def margins() -> list[int]:
    """Of the words that ended as words."""
    return [event[5] for event in expected_events(0) if event[6]]


@pytest.mark.parametrize("piece", [1, 7, 63, 64, 65, 160, 5000, 10**6])
def test_pieces_of_any_size_are_heard_alike(piece: int) -> None:
    assert heard(listener_of(), sound(), piece) == expected_events(0)


def test_pieces_of_random_sizes_also_empty_ones() -> None:
    cuts = np.sort(np.random.default_rng(2).integers(0, len(sound()), 90))
    hears = listener_of()
    events = [as_tuple(event) for part in np.split(sound(), cuts) for event in hears.push(part)]
    assert events == expected_events(0)
    assert hears.push(np.empty(0, np.int16)) == []


def test_the_sound_has_every_kind_of_event() -> None:
    events = expected_events(0)
    assert sum(kind == "begins" for kind, *_ in events) == 7
    assert len(margins()) == 4 and len(set(margins())) == 4
    assert sum(kind == "ends" and not logits for kind, *_, logits in events) == 3


@pytest.mark.parametrize("samples", [0, 63, 700, 1100, 4000])
def test_a_reset_forgets_everything(samples: int) -> None:
    """Also in the middle of a word."""
    hears = listener_of()
    hears.push(sound()[:samples])
    hears.reset()
    assert heard(hears, sound(), 999) == expected_events(0)


def test_words_are_those_of_find_words_and_logits_those_of_their_frames() -> None:
    """Causally, by the states of the network, and by cutting frames out of the whole stream."""
    listening = listener_of().listening
    level = front_end.levels(listening.front_end, sound())
    (words,) = endpointer.find_words(listening.endpointer, level[None], np.array([len(level)]))
    expected = []
    for word in words:
        channels = front_end.channels(listening.front_end, level[word.first : word.end])
        features_q4 = listening.standardization(channels)
        logits = network_logits(network(), features_q4, len(features_q4))
        expected.append((word.closed, word.first, word.end - word.first, tuple(logits.tolist())))
    ended = [(frame, first, frames, logits) for _, frame, first, frames, _, _, logits in expected_events(0) if logits]
    assert ended == expected and len(expected) == 4


def test_a_pause_does_not_change_a_word() -> None:
    """Behind a shorter pause of the same level: only the frames' numbers differ."""
    steady = HEARING._replace(rise=0, fall=0, settle_frames=1)
    hum = sound()[:64]
    late = np.concatenate([np.tile(hum, 59), sound()[64 * 9 : 64 * 17], np.tile(hum, 9)])
    events = [heard(listener_of(0, steady), late[64 * skipped :], 500) for skipped in (0, 37)]
    assert len(events[0]) == 2
    assert events[0] == [(kind, frame + 37, first + 37, *rest) for kind, frame, first, *rest in events[1]]


def test_a_word_that_is_open_at_the_end_is_not_reported() -> None:
    _, end = (event[1] for event in expected_events(0)[:2])
    before = 64 * end + 127  # one sample less than that frame needs
    assert [event[0] for event in heard(listener_of(), sound()[:before], 100)] == ["begins"]
    assert [event[0] for event in heard(listener_of(), sound()[: before + 1], 100)] == ["begins", "ends"]


def test_a_lead_that_is_too_small_gives_no_label() -> None:
    """The margin itself is still enough; events differ in the label alone."""
    for least in (min(margins()), min(margins()) + 1, max(margins()), max(margins()) + 1):
        events = heard(listener_of(least), sound(), 5000)
        labeled = [event[4] is not None for event in events if event[6]]
        assert labeled == [margin >= least for margin in margins()]
        unlabeled = [(*event[:4], *event[5:]) for event in events]
        assert unlabeled == [(*event[:4], *event[5:]) for event in expected_events(0)]


def test_a_word_that_is_too_long_has_no_label_even_without_rejection() -> None:
    overlong = [event for event in heard(listener_of(), sound(), 5000) if event[0] == "ends" and not event[6]]
    assert [event[3:6] for event in overlong] == [(HEARING.longest_frames, None, 0)] * 3


def test_noise_after_zeros_is_no_word_but_a_word_in_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the listener as shipped; without the least audible level, all noise is one long word."""
    shipped = example_listening.deployment(example_listening.model(example_listening.DEFAULT), endpointer=SHIPPED)
    assert shipped.listening is not None
    noise, spoken = example_listening.zeros_then_noise(example_listening.DEFAULT)
    hears = listener.Listener(shipped.model, shipped.listening)
    assert hears.push(noise) == []
    hears.reset()
    begins, ends = hears.push(spoken)
    assert (begins.kind, ends.kind) == ("begins", "ends")
    assert abs(ends.first - 250) <= 3 and abs(ends.first + ends.frames - 275) <= 3
    monkeypatch.setattr(listener, "audible", lambda front_end, level: level)
    hears.reset()
    assert [event.kind for event in hears.push(noise)][:1] == ["begins"]


def test_deltas_and_decay_in_a_stream() -> None:
    """The first frame of every word has no change, whatever came before."""
    floats = example_models.random_float_model(quantize, 3, inputs=6, spread=2.0)
    model = quantize.convert(floats, weight_codes.weight_code("int4"))
    constants = FRONT_END._replace(coefficients=3, deltas=True, decay=40)
    multiplier, bias = [20000, 90000, 110000, 80000, 70000, 400000], [4000, -900, 0, 300, -200, 100]
    standardization = front_end.Standardization(np.array(multiplier, np.int32), np.array(bias, np.int32))
    listening = listener.Listening(constants.of(PACKAGE), standardization, HEARING.of(PACKAGE), 0)
    scalar = scalar_listener.ScalarListener(
        model, SimpleNamespace(front_end=constants, standardization=standardization, endpointer=HEARING, least_margin=0)
    )
    expected = scalar.push(sound().tolist())
    assert heard(listener.Listener(model, listening), sound(), 333) == expected
    assert len({event[6] for event in expected}) == 5
