"""Sound for the boards: deployments that hear it, what goes into programs/sounds.c and listen.c, what must come out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import example_listening
import networks
import numpy as np

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.front_end import FrontEnd, Standardization, channels, features, levels
from fsdd_lightning.arithmetic.integer_lstm import classify, network_logits
from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.arithmetic.listener import Listener, Listening

FRONT_END = example_listening.DEFAULT
MOST_SAMPLES = FRONT_END.samples(36)  # of a clip: what fits into 16 KB of RAM beside the listener
LONGEST_PIECE = 1000
KINDS = {"begins": 1, "ends": 2}


def deployment(model: IntegerModel, clips: Sequence[np.ndarray], front_end: FrontEnd = FRONT_END) -> Deployment:
    """A network whose features are standardized for these clips, (samples,) int16."""
    heard = np.concatenate([channels(front_end, levels(front_end, clip)) for clip in clips])
    standardization = Standardization.from_statistics(heard.mean(axis=0), heard.std(axis=0))
    listening = Listening(front_end, standardization, example_listening.ENDPOINTER, 0)
    return Deployment(model, listening, {}, tuple(map(str, range(model.classes))))


def digit_deployment(code: str, hidden: int, clips: Sequence[np.ndarray]) -> Deployment:
    """The product's shape."""
    return deployment(networks.spoken_digit_model(code, hidden, inputs=FRONT_END.channels), clips)


def hard_clips(front_end: FrontEnd) -> list[np.ndarray]:
    """Sounds near the proven bounds, of all levels: what is summed in two halves on M0 is large here."""
    random, n = np.random.default_rng(front_end.window), np.arange(4 * front_end.window)
    noise = random.normal(0, 1, len(n))
    sounds = [0 * n, 0 * n - 32768, n % 7 == 0, 300 * noise, 90000 * noise, 4000 + 5 * noise]
    sounds += [np.where(n % front_end.window == front_end.window // 2, 32767, -32768), noise * 2.0 ** (16 * n / len(n))]
    for k in (1, 5, front_end.window // 8, front_end.window // 4, front_end.window // 2 - 1):
        for phase in (0.0, 0.8):
            sounds.append(np.where(np.cos(2 * np.pi * k * n / front_end.window + phase) >= 0, 32767, -32768))
    return [np.clip(np.round(np.asarray(sound, np.float64)), -32768, 32767).astype(np.int16) for sound in sounds]


def input_clips(clips: Sequence[np.ndarray]) -> bytes:
    """For programs/sounds.c."""
    parts = [np.uint16(len(clips)).tobytes()]
    for clip in clips:
        parts += [np.uint16(len(clip)).tobytes(), clip.astype("<i2").tobytes()]
    return b"".join(parts)


def expected_clips(deployment: Deployment, clips: Sequence[np.ndarray]) -> bytes:
    """Logits, class and number of frames of every clip."""
    listening = deployment.listening
    assert listening is not None
    parts = []
    for clip in clips:
        frames = features(listening.front_end, listening.standardization, clip)
        logits = network_logits(deployment.model, frames, len(frames))
        parts.append(np.array([*logits, classify(logits), len(frames)], "<i4").tobytes())
    return b"".join(parts)


def pieces(samples: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Of all sizes from one sample on, odd ones among them."""
    random = np.random.default_rng(seed)
    while len(samples):
        size = int(np.exp(random.uniform(0, np.log(LONGEST_PIECE))))
        yield samples[:size]
        samples = samples[size:]


def input_stream(samples: np.ndarray, seed: int) -> bytes:
    """For programs/listen.c."""
    parts = []
    for piece in pieces(samples, seed):
        parts += [np.uint16(len(piece)).tobytes(), piece.astype("<i2").tobytes()]
    return b"".join([*parts, np.uint16(0).tobytes()])


def expected_events(deployment: Deployment, samples: np.ndarray) -> np.ndarray:
    """(events, 6) int32: kind, label, margin, frames, frames since the first one, samples heard until then."""
    listening = deployment.listening
    assert listening is not None
    rows = []
    for event in Listener(deployment.model, listening).push(samples):
        label = -1 if event.label is None else event.label
        heard = listening.front_end.samples(event.frame + 1)
        rows.append([KINDS[event.kind], label, event.margin, event.frames, event.frame - event.first, heard])
    return np.array(rows, "<i4")


def with_rejection(deployment: Deployment, samples: np.ndarray) -> Deployment:
    """The same, but half of the words of this stream are none of the labels."""
    ends = [event for event in expected_events(deployment, samples) if event[0] == KINDS["ends"]]
    least = int(np.median([event[2] for event in ends]))
    return replace(deployment, input=replace(deployment.listening, least_margin=least))
