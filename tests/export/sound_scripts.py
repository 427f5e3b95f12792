"""Scripts for the sound program that together notice every constant of the front end and the listener in C."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import example_models
import numpy as np
from example_listening import (
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
from sound_programs import Script

from fsdd_lightning.arithmetic import integer_model
from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.endpointer import Endpointer
from fsdd_lightning.arithmetic.front_end import FrontEnd
from fsdd_lightning.arithmetic.integer_model import IntegerModel

ENDPOINTERS = (
    ENDPOINTER,
    Endpointer(1100, 10, 300, 40, 3, 60, 1, 0, 1, 12),
    Endpointer(0, 150, 150, 0, 0, 0, 5, 3, 7, 8),
    Endpointer(1000, 20, 60, 1, 30, 300, 40, 2, 2, 30),
)


def with_bias(network: IntegerModel, bias: Sequence[int]) -> IntegerModel:
    """Logits that differ by as much as int32 holds, and more."""
    output = replace(network.output, bias=np.array(bias, np.int32))
    return replace(network, output=output)


def deployments_of(front_end: FrontEnd) -> list[Deployment]:
    """Networks and endpointers of all kinds: several codes, ties, leads beyond int32, a single class."""
    usual, hasty, short, nervous = ENDPOINTERS
    extreme = extreme_standardization(front_end)
    sensitive = sensitive_standardization(front_end, hard_sounds(front_end.window)["two tones"])
    ties = example_models.tie_model(integer_model, 4, inputs=front_end.channels)
    far = with_bias(model(front_end, 5, code="ternary", layers=1), (-(2**31) + 99999, 2**31 - 99999, -(2**30)))
    listeners = [
        deployment(model(front_end, 2, classes=4), front_end, usual, least_margin=1500),
        deployment(model(front_end, 3, code="pot", classes=5), front_end, hasty, standard=sensitive),
        deployment(model(front_end, 6, code="int4", hidden=3), front_end, short, standard=extreme),
        deployment(ties, front_end, usual),
        deployment(far, front_end, nervous, least_margin=2**31 - 1),
        deployment(model(front_end, 7, classes=1), front_end, usual, least_margin=2**31 - 1),
    ]
    if front_end.window == front_end.hop == 128:  # as many units as the scratch has words, and one more
        large = [model(front_end, 3, code="ternary", layers=1, hidden=hidden) for hidden in (256, 257)]
        listeners += [deployment(network, front_end, usual) for network in large]
    return listeners


def add_hard_sounds(script: Script, random: np.random.Generator) -> None:
    """Each from a reset, half of it before a new word; levels without features in between."""
    front_end = script.deployments[0].listening.front_end
    for number, sound in enumerate(hard_sounds(front_end.window).values()):
        k, half = number % 3, len(sound) // 2
        script.reset(k)
        for piece in pieces(sound[:half], random):
            script.features(piece, k)
        if number % 3 == 0:
            script.begin_word(k)
        script.features(sound[half:], k)
        script.levels(sound[: 2 * front_end.window], k)
        script.features(sound[:half], k)
    script.reset(1)
    script.features(hard_sounds(front_end.window)["two tones"], 1)  # for which its standardization was made


def add_streams(script: Script, random: np.random.Generator, count: int) -> None:
    """All listeners at once, each with words of its own in pieces of random sizes; some are reset in between."""
    front_end = script.deployments[0].listening.front_end
    streams = [pieces(words(front_end, count, seed=k), random) for k in range(len(script.deployments))]
    streams[6:] = [pieces(words(front_end, 3, seed=2), random) for _ in streams[6:]]  # they are slow
    for k in range(len(streams)):
        script.listen_reset(k)
    while any(streams):
        k = int(random.choice([k for k, stream in enumerate(streams) if stream]))
        script.listen(streams[k].pop(0), k)
        if random.random() < 0.003:
            script.listen_reset(k)


def add_zeros(script: Script, random: np.random.Generator) -> None:
    """Zeros, noise of one step, a word: floors may not sink with the zeros."""
    for k, one in enumerate(script.deployments[:4]):
        script.listen_reset(k)
        _, spoken = zeros_then_noise(one.listening.front_end, seed=k)
        for piece in pieces(spoken, random):
            script.listen(piece, k)


def add_levels(script: Script, random: np.random.Generator) -> None:
    """Levels that no sound has, for the endpointers alone: the largest, near every threshold, and exactly there."""
    bands = script.deployments[0].listening.front_end.bands
    for k, one in enumerate(script.deployments):
        endpointer, frames = one.listening.endpointer, 400
        excess = np.repeat(random.choice([-9, 0, 0, endpointer.quiet, endpointer.loud], frames // 4), 4)
        near = random.integers(-1, 3, (frames, bands)) + (endpointer.margin + excess)[:, None] * (excess >= 0)[:, None]
        script.endpointer_steps(np.concatenate([3000 + 0 * near[:1], 3000 + near]), k)
        script.endpointer_steps(random.choice([-2000, 0, 1, 20479], (100, bands)), k)
        least = one.listening.front_end.least_audible
        script.endpointer_steps(random.choice([-2000, least - 1, least, least + 1, least + 9], (100, bands)), k)
        for total in (bands * (endpointer.quiet + 1) - 1, bands * (endpointer.quiet + 1)):
            above = np.array([1, total - 1, *[0] * (bands - 2)])
            script.endpointer_steps(np.stack([0 * above, endpointer.margin + above]), k)


def add_clips(script: Script, random: np.random.Generator) -> None:
    """Also those that are too short, or end one sample before a frame."""
    front_end = script.deployments[0].listening.front_end
    for k in range(len(script.deployments)):
        sound = words(front_end, 3, seed=50 + k)
        for frames in (1, 2, 9):
            script.clip(sound[-front_end.samples(frames) :], k)
            script.clip(sound[-front_end.samples(frames) + 1 :], k)
        script.clip(sound[:0], k)


def whole_script(name: str, count: int = 25) -> Script:
    """All of it for the front end of this name."""
    front_end, random = FRONT_ENDS[name], np.random.default_rng(len(name))
    script = Script(deployments_of(front_end))
    add_hard_sounds(script, random)
    add_streams(script, random, count)
    add_zeros(script, random)
    add_levels(script, random)
    add_clips(script, random)
    return script
