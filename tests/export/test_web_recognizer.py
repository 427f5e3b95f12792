"""The page's WebAssembly under Node against numpy: zero tolerance, from samples to logits and words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_listening import (
    DEFAULT,
    ENDPOINTER,
    FRONT_ENDS,
    deployment,
    extreme_standardization,
    hard_sounds,
    model,
    pieces,
    sensitive_standardization,
    words,
    zeros_then_noise,
)
from real_recordings import noisy_stream, recordings
from web_networks import events_of, logits_of, recognized
from web_scripts import needs_node

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.endpointer import endpointer_step, excess, reset_endpointer
from fsdd_lightning.arithmetic.front_end import audible, levels
from fsdd_lightning.arithmetic.integer_lstm import network_logits
from fsdd_lightning.export.web.image import ear_image

pytestmark = needs_node

HEARD = deployment(model(DEFAULT, hidden=24, classes=10), least_margin=1000)
CLIPS = "answer(data.clips.map((clip) => recognizer.clipLogits(clip)));"
STREAM = "answer(eventsOf(data.pieces.flatMap((piece) => recognizer.push(piece))));"
CODES = ("int8", "int8_pot_scale", "int4", "pot", "ternary")


def clips_through(heard: Deployment, clips: list[np.ndarray]) -> np.ndarray:
    return np.array(recognized(heard, CLIPS, clips=clips)).astype(np.int64)


def stream_through(heard: Deployment, sound: list[np.ndarray]) -> list[list[Any]]:
    found: list[list[Any]] = recognized(heard, STREAM, pieces=sound)
    return found


def test_clips() -> None:
    clips = [*hard_sounds(256).values(), words(DEFAULT, 1)[:256], words(DEFAULT, 2)]
    np.testing.assert_array_equal(clips_through(HEARD, clips), logits_of(HEARD, clips))


def test_a_clip_without_a_whole_window_has_no_logits() -> None:
    clips = [np.zeros(255, np.int16), np.zeros(0, np.int16), np.zeros(256, np.int16)]
    short, none, whole = recognized(HEARD, CLIPS, clips=clips)
    assert short is None and none is None and len(whole) == 10


def test_a_network_without_room_is_refused() -> None:
    """More memory than there is: an image that asks for it can only be a damaged one."""
    code = """
      const image = data.image.slice();
      new Uint32Array(image.buffer)[IMAGE.classes] = 0x3fffffff;
      answer(errorOf(() => new Recognizer(new WebAssembly.Module(data.wasm), image)));
    """
    assert recognized(HEARD, code) == "there is no memory for this network"


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(("hidden", "layers", "classes"), [(5, 1, 1), (7, 3, 2), (24, 2, 10), (48, 2, 35)])
def test_all_weights_and_shapes(code: str, hidden: int, layers: int, classes: int) -> None:
    heard = deployment(model(DEFAULT, code=code, hidden=hidden, layers=layers, classes=classes), least_margin=300)
    sound = words(DEFAULT, 6, seed=hidden)
    np.testing.assert_array_equal(clips_through(heard, [sound[:9000], sound]), logits_of(heard, [sound[:9000], sound]))
    assert stream_through(heard, [sound]) == events_of(heard, sound)


def test_more_units_than_the_scratch_of_the_front_end_holds() -> None:
    heard = deployment(model(FRONT_ENDS["128"], hidden=300, layers=1), FRONT_ENDS["128"])
    sound = words(FRONT_ENDS["128"], 3)
    np.testing.assert_array_equal(clips_through(heard, [sound]), logits_of(heard, [sound]))
    assert stream_through(heard, [sound]) == events_of(heard, sound)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_all_front_ends(name: str) -> None:
    """One WebAssembly for all of them: what is a constant elsewhere is a variable here."""
    front_end = FRONT_ENDS[name]
    sound = words(front_end, 8)
    for standard in (None, extreme_standardization(front_end), sensitive_standardization(front_end, sound)):
        heard = deployment(model(front_end, hidden=6), front_end, standard=standard)
        clips = [*hard_sounds(front_end.window, 2).values(), sound]
        np.testing.assert_array_equal(clips_through(heard, clips), logits_of(heard, clips))
        assert stream_through(heard, [sound]) == events_of(heard, sound)


def test_a_stream_in_pieces_of_any_size() -> None:
    sound, random = words(DEFAULT, 30), np.random.default_rng(1)
    expected = events_of(HEARD, sound)
    labels = {event[4] for event in expected if event[0] == "ends"}
    assert -1 in labels and len(labels) > 2
    for parts in ([sound], pieces(sound, random), pieces(sound, random, 50)):
        assert stream_through(HEARD, parts) == expected
    one_by_one = np.split(sound[:9000], 9000)
    assert stream_through(HEARD, one_by_one) == events_of(HEARD, sound[:9000])


def test_zeros_then_the_noise_of_a_microphone() -> None:
    for sound in zeros_then_noise(DEFAULT):
        assert stream_through(HEARD, [sound]) == events_of(HEARD, sound)


@pytest.mark.parametrize(
    "other",
    [
        replace(ENDPOINTER, hangover_frames=0),
        replace(ENDPOINTER, shortest_frames=1, quiet=0, loud=0, margin=0),
        replace(ENDPOINTER, longest_frames=10, hangover_frames=3, shortest_frames=2),
        replace(ENDPOINTER, settle_frames=1, rise=0, rise_in_word=0, fall=32767),
        replace(ENDPOINTER, margin=32767),
    ],
)
def test_other_endpointers(other: Any) -> None:
    heard = replace(HEARD, input=replace(HEARD.listening, endpointer=other, least_margin=2**31 - 1))
    sound = words(DEFAULT, 20, seed=3)
    assert stream_through(heard, [sound]) == events_of(heard, sound)


def test_streams_and_resets_know_nothing_of_one_another() -> None:
    sounds = [words(DEFAULT, 8, seed=seed) for seed in (1, 2)]
    code = """
      const other = new Recognizer(new WebAssembly.Module(data.wasm), data.image);
      const heard = [[], []];
      for (let at = 0; at < 60000; at += 777) {
        heard[0].push(...recognizer.push(data.sounds[0].subarray(at, at + 777)));
        heard[1].push(...other.push(data.sounds[1].subarray(at, at + 777)));
      }
      const first = heard.map((frames) => eventsOf(frames));
      other.clipLogits(data.sounds[0]);
      recognizer.reset();
      answer([...first, eventsOf(other.push(data.sounds[0].subarray(0, 60000))),
        eventsOf(recognizer.push(data.sounds[1].subarray(0, 60000)))]);
    """
    found = recognized(HEARD, code, sounds=sounds)
    a, b = (events_of(HEARD, sound[:60000]) for sound in sounds)
    assert found == [a, b, a, b]


# ---- what the page shows beside the words


def seen(heard: Deployment, sound: np.ndarray) -> list[dict[str, Any]]:
    """Every frame as numpy has it."""
    listening = heard.listening
    assert listening is not None
    endpointer, frames = listening.endpointer, []
    state, word, logits = reset_endpointer(endpointer, listening.front_end.bands), [], None
    for level in levels(listening.front_end, sound):
        heard_level = audible(listening.front_end, level)
        above = int(excess(endpointer, state.floor, heard_level)) if state.age > 0 else 0
        state, _ = endpointer_step(endpointer, state, heard_level)
        length, voiced = int(state.length), int(state.voiced)
        word = [*word, level] if length > 1 else [level]
        is_speech = length > 0 and voiced == length
        features = listening.features(np.stack(word)) if length else None
        if is_speech and features is not None:
            logits = network_logits(heard.model, features, length).tolist()
        frames.append(
            {
                "levels": level.tolist(),
                "features": None if features is None else features[-1].tolist(),
                "excess": above,
                "inWord": length > 0,
                "isSpeech": is_speech,
                "logits": logits if length else None,
            }
        )
    return frames


@pytest.mark.parametrize("name", ["default", "deltas", "128", "512"])
def test_what_is_shown_of_a_frame_is_what_was_computed(name: str) -> None:
    front_end = FRONT_ENDS[name]
    heard = deployment(model(front_end, hidden=5, classes=3), front_end)
    sound = words(front_end, 12, seed=5)
    shown = recognized(heard, "answer(recognizer.push(data.sound));", sound=sound)
    expected = seen(heard, sound)
    assert any(frame["inWord"] for frame in expected) and not all(frame["inWord"] for frame in expected)
    for frame in shown:
        frame.pop("event")
        for array in ("levels", "features", "logits"):
            frame[array] = None if frame[array] is None else frame[array].tolist()
    assert shown == expected


def test_an_ear_alone_hears_the_same_frames() -> None:
    listening = HEARD.listening
    assert listening is not None
    sound = words(DEFAULT, 8, seed=6)
    code = """
      const ear = new Recognizer(new WebAssembly.Module(data.wasm), data.ear);
      const shown = ({ levels, features, excess, event }) => JSON.stringify([Array.from(levels),
        features && Array.from(features), excess, event && [event.kind, event.frames, event.framesAgo]]);
      const [one, other] = [recognizer, ear].map((each) => each.push(data.sound).map(shown));
      const features = ear.clipFeatures(data.sound).map((frame) => Array.from(frame));
      answer([one.length, one.every((text, at) => text === other[at]), features]);
    """
    count, same, features = recognized(HEARD, code, sound=sound, ear=ear_image(listening))
    assert same and count == DEFAULT.frames(len(sound))
    assert features == listening.features(levels(DEFAULT, sound)).tolist()


# ---- real recordings


@pytest.mark.fsdd
@pytest.mark.parametrize("step", [20, pytest.param(1, marks=pytest.mark.slow)])
def test_the_real_recordings_as_clips(step: int, fsdd_root: Path) -> None:
    clips = recordings(fsdd_root, step)
    np.testing.assert_array_equal(clips_through(HEARD, clips), logits_of(HEARD, clips))


@pytest.mark.fsdd
def test_the_real_recordings_as_a_stream(fsdd_root: Path) -> None:
    random = np.random.default_rng(3)
    noisy = noisy_stream(fsdd_root, random)
    expected = events_of(HEARD, noisy)
    assert len(expected) > 60
    assert stream_through(HEARD, pieces(noisy, random)) == expected
