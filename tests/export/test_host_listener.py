"""The exported C behind Python, from samples on: clips and streams, against numpy, zero tolerance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import c_programs
import directed_models
import numpy as np
import pytest
from example_deployment import any_deployment
from example_listening import DEFAULT, FRONT_ENDS, deployment, hard_sounds, model, pieces, words, zeros_then_noise
from real_recordings import noisy_stream, recordings

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.front_end import features
from fsdd_lightning.arithmetic.integer_lstm import network_logits
from fsdd_lightning.arithmetic.listener import Listener, WordEvent
from fsdd_lightning.export import HostNetwork, compile_host

DEPLOYMENT = deployment(model(DEFAULT, hidden=24, classes=10), least_margin=1000)


def logits_of(heard: Deployment, clip: np.ndarray) -> np.ndarray:
    assert heard.listening is not None
    frames = features(heard.listening.front_end, heard.listening.standardization, clip)
    return network_logits(heard.model, frames, len(frames))


def events_of(heard: Deployment, sound: np.ndarray) -> list[WordEvent]:
    assert heard.listening is not None
    return Listener(heard.model, heard.listening).push(sound)


@pytest.fixture(scope="module")
def network() -> Iterator[HostNetwork]:
    c_programs.compiler()
    with compile_host(DEPLOYMENT) as network:
        yield network


def test_clips(network: HostNetwork) -> None:
    clips = [*hard_sounds(256).values(), words(DEFAULT, 1)[:256], words(DEFAULT, 2)]
    logits = network.clip_logits(clips)
    assert logits.dtype == np.int32
    np.testing.assert_array_equal(logits, [logits_of(DEPLOYMENT, clip) for clip in clips])
    assert network.clip_logits([]).shape == (0, 10)


def test_a_stream_in_pieces_of_any_size(network: HostNetwork) -> None:
    sound, random = words(DEFAULT, 30), np.random.default_rng(1)
    expected = events_of(DEPLOYMENT, sound)
    labels = {event.label for event in expected if event.kind == "ends"}
    assert None in labels and len(labels) > 2
    assert network.listener().push(sound) == expected
    assert list(network.listen(pieces(sound, random))) == expected
    assert list(network.listen(np.split(sound[:9000], 9000))) == events_of(DEPLOYMENT, sound[:9000])
    assert network.listener().push(np.stack([sound, sound], axis=1)[:, 0]) == expected, "not contiguous"


def test_zeros_then_the_noise_of_a_microphone(network: HostNetwork) -> None:
    """Floors that had sunk in zeros would take the noise for speech: only the word in it is one."""
    for sound, words_heard in zip(zeros_then_noise(DEFAULT), (0, 1), strict=True):
        expected = events_of(DEPLOYMENT, sound)
        assert sum(event.kind == "ends" for event in expected) == words_heard
        assert network.listener().push(sound) == expected
        assert list(network.listen(pieces(sound, np.random.default_rng(3)))) == expected


def test_two_streams_at_once(network: HostNetwork) -> None:
    sounds = [words(DEFAULT, 12, seed=seed) for seed in (1, 2)]
    listeners, heard = [network.listener(), network.listener()], [[], []]
    random = np.random.default_rng(2)
    streams = [pieces(sound, random) for sound in sounds]
    while any(streams):
        k = int(random.choice([k for k, stream in enumerate(streams) if stream]))
        heard[k] += listeners[k].push(streams[k].pop(0))
    assert heard == [events_of(DEPLOYMENT, sound) for sound in sounds]
    assert heard[0] != heard[1]


def test_a_reset_forgets_everything(network: HostNetwork) -> None:
    sound, listener = words(DEFAULT, 8, seed=4), network.listener()
    expected = events_of(DEPLOYMENT, sound)
    for at in (1, 255, len(sound) // 3, len(sound) // 2):
        listener.push(sound[:at])
        listener.reset()
        assert listener.push(sound) == expected
        listener.reset()


@pytest.mark.parametrize("name", ["128, no overlap", "512, 16 bands"])
def test_other_front_ends(name: str) -> None:
    c_programs.compiler()
    heard = deployment(model(FRONT_ENDS[name], hidden=6, layers=1), FRONT_ENDS[name])
    sound = words(FRONT_ENDS[name], 8)
    with compile_host(heard) as network:
        np.testing.assert_array_equal(network.clip_logits([sound]), [logits_of(heard, sound)])
        assert network.listener().push(sound) == events_of(heard, sound)


def test_wrong_sounds_are_refused(network: HostNetwork) -> None:
    with pytest.raises(ValueError, match=r"must be int16 \(samples,\), not int32"):
        network.clip_logits([np.zeros(300, np.int32)])
    with pytest.raises(ValueError, match=r"not int16 \(2, 300\)"):
        network.listener().push(np.zeros((2, 300), np.int16))
    with pytest.raises(ValueError, match="shorter than one window"):
        network.clip_logits([np.zeros(256, np.int16), np.zeros(255, np.int16)])


def test_a_network_that_gets_features_hears_nothing() -> None:
    c_programs.compiler()
    with compile_host(any_deployment(directed_models.all_models()["int8"])) as network:
        for call in (network.listener, lambda: network.clip_logits([])):
            with pytest.raises(ValueError, match="gets features, not samples"):
                call()


def test_a_closed_network_hears_nothing() -> None:
    c_programs.compiler()
    network = compile_host(DEPLOYMENT)
    listener = network.listener()
    network.close()
    with pytest.raises(ValueError, match="was closed"):
        listener.push(np.zeros(1, np.int16))


@pytest.mark.fsdd
@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.slow)])
def test_the_real_recordings_as_clips(step: int, network: HostNetwork, fsdd_root: Path) -> None:
    clips = recordings(fsdd_root, step)
    np.testing.assert_array_equal(network.clip_logits(clips), [logits_of(DEPLOYMENT, clip) for clip in clips])


@pytest.mark.fsdd
def test_the_real_recordings_as_a_stream(network: HostNetwork, fsdd_root: Path) -> None:
    random = np.random.default_rng(3)
    noisy = noisy_stream(fsdd_root, random)
    expected = events_of(DEPLOYMENT, noisy)
    assert len(expected) > 60
    assert list(network.listen(pieces(noisy, random))) == expected
