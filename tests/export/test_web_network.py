"""A network as the page opens it, under Node: golden sounds, answers, listeners, and float networks beside integers."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from example_listening import DEFAULT, FRONT_ENDS, deployment, model, words
from web_networks import events_of, logits_of, opened, web_network
from web_scripts import NODE, needs_node, script

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.front_end import features, levels
from fsdd_lightning.arithmetic.listener import Listening, lead
from fsdd_lightning.evaluation.backends import torch_backend
from fsdd_lightning.evaluation.clips import Clips
from fsdd_lightning.evaluation.stream import FLOAT_STEP, BackendListener, device_logits
from fsdd_lightning.evaluation.web import float_weights
from fsdd_lightning.export.web import page
from fsdd_lightning.export.web.golden import MOST_SAMPLES, WebGolden, shortest_clips
from fsdd_lightning.export.web.image import ear_image
from fsdd_lightning.export.web.page import WebNetwork
from fsdd_lightning.export.weight_layout import arranged_arrays, arranged_weights
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.network import LSTMClassifier

pytestmark = needs_node

HEARD = deployment(model(DEFAULT, hidden=24, classes=10), least_margin=1000)
SOUND = words(DEFAULT, 20)
CLIPS = [words(DEFAULT, 1, seed=seed)[:4000] for seed in range(4)]
FLOAT_TOLERANCE = 2  # steps of 2^-16 between torch's float32 and the page's float64


def word_clips(sound: np.ndarray, heard: Deployment = HEARD) -> list[np.ndarray]:
    """The words that the listener finds, as clips."""
    ends = [event for event in events_of(heard, sound) if event[0] == "ends" and event[5] > 0]
    hop, window = DEFAULT.hop, DEFAULT.window
    return [sound[first * hop : first * hop + window + (frames - 1) * hop] for _, _, first, frames, *_ in ends]


def test_the_scripts_of_a_page_are_one_program() -> None:
    """As one script, in which a name is declared once."""
    program = "".join(map(script, (*page.SCRIPTS,)))
    done = subprocess.run([str(NODE), "--check", "-"], input=program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert max(map(len, program.splitlines())) <= 120
    shortened = "".join(map(page.script_text, page.SCRIPTS))
    done = subprocess.run([str(NODE), "--check", "-"], input=shortened, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "/**" not in shortened and len(shortened) < 0.9 * len(program)


# ---- golden sounds


def test_golden_clips_and_their_stream_come_out() -> None:
    clips = word_clips(SOUND)[:2]
    network = web_network(HEARD, clips)
    assert len(network.golden.events) == 4 and len(network.golden.clips) == 2
    found = opened(network, "answer(network.check())")
    events = len(network.golden.events)
    assert found == {"clips": 2, "logits": 20, "events": events, "problem": None}


@pytest.mark.parametrize("name", ["128", "512"])
def test_golden_clips_of_other_front_ends(name: str) -> None:
    front_end = FRONT_ENDS[name]
    heard = deployment(model(front_end, hidden=6), front_end)
    network = web_network(heard, [words(front_end, 2, seed=seed)[:6000] for seed in range(2)])
    assert opened(network, "answer(network.check().problem)") is None


def test_the_least_difference_is_noticed() -> None:
    network = web_network(HEARD, word_clips(SOUND)[:2])
    golden = network.golden
    wrong = golden.logits.copy()
    wrong[1, 7] += 1
    text = opened(replace(network, golden=replace(golden, logits=wrong)), "answer(network.check().problem)")
    assert text == f"clip 2: logit 7 is {golden.logits[1, 7]}, not {wrong[1, 7]}"
    for at in range(1, 6):
        events = [list(event) for event in golden.events]
        events[-1][at] += 1
        other = replace(network, golden=replace(golden, events=tuple(map(tuple, events))))
        text = opened(other, "answer(network.check().problem)")
        assert text.startswith(f"event {len(events)} of a stream is ends,")
    other = replace(network, golden=replace(golden, events=golden.events[:-1]))
    assert "of a stream is" in opened(other, "answer(network.check().problem)")


@pytest.mark.parametrize("name", ["layer0_weights", "layer1_weights", "output_weights", "front_end_width"])
def test_a_damaged_constant_is_noticed(name: str) -> None:
    network = web_network(HEARD, word_clips(SOUND)[:2])
    arrays = arranged_arrays(HEARD) | arranged_weights(HEARD, "columns")
    damaged = bytearray(network.image)
    damaged[network.image.index(arrays[name].tobytes()) + 9] ^= 0x40
    assert opened(replace(network, image=bytes(damaged)), "answer(network.check().problem)") is not None


def test_as_many_clips_as_have_room() -> None:
    clips = [np.full(count, k, np.int16) for k, count in enumerate((5000, 4000, 3000, 4900, 90000))]
    assert [clip[0] for clip in shortest_clips(clips)] == [1, 2]
    assert sum(map(len, shortest_clips(clips))) <= MOST_SAMPLES
    assert [clip[0] for clip in shortest_clips(clips[-1:])] == [4]


# ---- words and answers

LISTEN = """
const listener = network.newListener(data.rate);
const frames = [...data.pieces.flatMap((piece) => listener.push(piece)), ...listener.finish()];
const words = frames.flatMap(({ event }) => event && event.kind === "ends" ? [event.word] : []);
answer({ events: eventsOf(frames), words, heard: listener.heard, kept: listener.recording() });
"""


def as_floats(sound: np.ndarray) -> np.ndarray:
    return sound.astype(np.float32) / np.float32(32768)


def test_a_listener_hears_the_very_samples_at_its_own_rate() -> None:
    network = web_network(HEARD, CLIPS, none=(3,))
    parts = np.split(as_floats(SOUND), range(1000, len(SOUND), 1000))
    found = opened(network, LISTEN, rate=8000, pieces=parts)
    expected = events_of(HEARD, SOUND)
    assert found["events"] == expected
    assert found["heard"] == len(SOUND)
    np.testing.assert_array_equal(found["kept"], SOUND)
    ends = [event for event in expected if event[0] == "ends"]
    assert len(ends) == len(found["words"]) > 5
    for (_, _, first, frames, label, margin, logits), word in zip(ends, found["words"], strict=True):
        start, end = first * 160, first * 160 + 256 + (frames - 1) * 160
        assert (word["start"], word["end"], word["rateHz"], word["margin"]) == (start, end, 8000, margin)
        np.testing.assert_array_equal(word["samples"], SOUND[max(start - 800, 0) : end + 800][: len(word["samples"])])
        assert len(word["samples"]) >= end - start
        if logits is None:
            assert word["isOverlong"] and word["label"] is None
            continue
        assert word["logits"] == logits
        nearest = int(np.argmax(logits))
        assert word["nearest"] == f"word {nearest}"
        assert word["label"] == (None if label in (-1, 3) else f"word {label}")
        shares = np.exp((np.array(logits) - max(logits)) * network.logit_step / 0.5)
        assert word["share"] == pytest.approx(1 / shares.sum(), abs=1e-12)


def test_a_listener_forgets() -> None:
    code = """
      const listener = network.newListener(8000);
      listener.push(data.sound.subarray(0, 20011));
      listener.reset();
      const frames = [...listener.push(data.sound), ...listener.finish()];
      const words = frames.flatMap(({ event }) => event?.word ? [event.word] : []);
      answer({ places: words.map(({ start, end }) => [start, end]), kept: listener.recording() });
    """
    found = opened(web_network(HEARD, CLIPS), code, sound=as_floats(SOUND))
    ends = [event for event in events_of(HEARD, SOUND) if event[0] == "ends"]
    places = [[first * 160, first * 160 + 256 + (frames - 1) * 160] for _, _, first, frames, *_ in ends]
    assert found["places"] == places
    np.testing.assert_array_equal(found["kept"], SOUND)


def test_a_clip_alone() -> None:
    clip = word_clips(SOUND)[0]
    short, whole = opened(
        web_network(HEARD, CLIPS),
        "answer([network.clip(data.clip.subarray(0, 255)), network.clip(data.clip)])",
        clip=clip,
    )
    (logits,) = logits_of(HEARD, [clip])
    assert short is None and whole["logits"] == logits.tolist() and whole["margin"] == int(lead(logits))


def test_a_clip_of_no_word() -> None:
    clip = word_clips(SOUND)[0]
    heard = replace(HEARD, input=replace(HEARD.listening, least_margin=0))
    nearest = int(np.argmax(logits_of(heard, [clip])))
    found = opened(web_network(heard, CLIPS, none=(nearest,)), "answer(network.clip(data.clip))", clip=clip)
    assert (found["label"], found["nearest"]) == (None, f"word {nearest}")


def test_a_clip_is_heard_as_long_as_the_network_listens() -> None:
    found = opened(web_network(HEARD, CLIPS, longest_frames=30), "answer(network.clip(data.clip))", clip=SOUND)
    (logits,) = logits_of(HEARD, [SOUND[: 256 + 29 * 160]])
    assert found["logits"] == logits.tolist()


def test_ties_go_to_the_lowest_label_and_a_single_one_always_leads() -> None:
    code = """
      const cases = [[[3, 7, 7, 1], 0], [[3, 7, 7, 1], 1], [[-5], 2 ** 31 - 1], [[9, -2147483648], 0], [[3, 7], 4]];
      answer(cases.map((each) => decide(...each)));
    """
    found = opened(web_network(HEARD, CLIPS), code)
    assert [(each["label"], each["margin"]) for each in found] == [
        (1, 0),
        (-1, 0),
        (0, 2**31 - 1),
        (0, 2**31 - 1),
        (1, 4),
    ]


def test_only_the_last_five_minutes_are_kept() -> None:
    code = """
      const listener = network.newListener(8000);
      const second = new Float32Array(8000);
      for (let at = 0; at < 310; at++) listener.push(second.fill(at / 1000));
      const kept = listener.recording();
      answer({ length: kept.length, first: kept[0], last: kept[kept.length - 1], heard: listener.heard });
    """
    found = opened(web_network(HEARD, CLIPS), code)
    assert found == {"length": 300 * 8000, "first": 328, "last": 10125, "heard": 310 * 8000}


# ---- float networks


def float_network(seed: int, front_end: Any = DEFAULT, **shape: int) -> tuple[LSTMClassifier, Listening]:
    torch.manual_seed(seed)
    size = {"hidden_size": 24, "layers": 2, "classes": 10} | shape
    network = LSTMClassifier(NetworkShape(inputs=front_end.channels, **size)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 2  # so that units saturate
    listening = deployment(model(front_end), front_end).listening
    assert listening is not None
    return network, listening


def web_float(network: LSTMClassifier, listening: Listening, clips: list[np.ndarray]) -> WebNetwork:
    backend = torch_backend(network)
    golden = WebGolden.of(clips, BackendListener(listening, backend, FLOAT_STEP))
    parts: dict[str, Any] = {"image": ear_image(listening), "float_weights": float_weights(network), "golden": golden}
    return replace(web_network(HEARD, CLIPS), listening=listening, logit_step=FLOAT_STEP, **parts)


def float_logits(backend: Any, listening: Listening, clip: np.ndarray) -> np.ndarray:
    frames = features(listening.front_end, listening.standardization, clip)[None].astype(np.float32) / 16
    return device_logits(backend.logits(Clips(frames, np.array([frames.shape[1]]))), backend, FLOAT_STEP)


@pytest.mark.parametrize("shape", [{}, {"layers": 1, "hidden_size": 7}, {"layers": 3, "classes": 3}])
def test_a_float_network_hears_what_torch_hears(shape: dict[str, int]) -> None:
    network, listening = float_network(1, **shape)
    web = web_float(network, listening, CLIPS[:2])
    code = """
      const events = eventsOf(network.newStream().push(data.sound));
      answer({ check: network.check(), events, clip: network.clip(data.sound) });
    """
    found = opened(web, code, sound=SOUND)
    assert found["check"]["problem"] is None and found["check"]["events"] == len(web.golden.events)
    stream = BackendListener(listening, torch_backend(network), FLOAT_STEP)
    expected = stream.push(SOUND)
    assert len(expected) == len(found["events"]) > 10
    both = [(event.logits, seen[-1]) for event, seen in zip(expected, found["events"], strict=True) if event.logits]
    differences = np.concatenate([np.array(page) - torch_logits for torch_logits, page in both])
    assert abs(differences.mean()) < 0.25, "half up, not down"
    for event, (kind, frame, first, frames, label, margin, logits) in zip(expected, found["events"], strict=True):
        assert (event.kind, event.frame, event.first, event.frames) == (kind, frame, first, frames)
        assert label == (-1 if event.label is None else event.label)
        assert abs(margin - event.margin) <= 2 * FLOAT_TOLERANCE
        assert not event.logits or np.abs(np.array(logits) - event.logits).max() <= FLOAT_TOLERANCE
    (expected_clip,) = float_logits(torch_backend(network), listening, SOUND[: 256 + 59 * 160])
    assert np.abs(np.array(found["clip"]["logits"]) - expected_clip).max() <= FLOAT_TOLERANCE


def test_a_wrong_float_is_noticed() -> None:
    network, listening = float_network(2)
    web = web_float(network, listening, CLIPS[:2])
    weights = web.float_weights
    assert weights is not None
    wrong = replace(weights, output_bias=weights.output_bias + np.float32(0.001))
    assert opened(replace(web, float_weights=wrong), "answer(network.check().problem)") is not None


def test_the_features_of_an_ear_are_the_networks() -> None:
    network, listening = float_network(3, FRONT_ENDS["deltas"])
    web = web_float(network, listening, CLIPS[:2])
    assert opened(web, "answer(network.check().problem)") is None
    assert levels(FRONT_ENDS["deltas"], SOUND).shape[1] == 32
