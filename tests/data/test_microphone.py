"""The microphone on a sounddevice that is none: rates, lost samples, devices, and a line for each mistake."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fake_sounddevice import OVERFLOW, FakeSounddevice
from sounds import tone

from fsdd_lightning.data import microphone
from fsdd_lightning.data.microphone import Device, Microphone, list_microphones
from fsdd_lightning.errors import RunFailedError, UserError

Fake = Callable[..., FakeSounddevice]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """`fake(8000, ...)`: the library is installed, and knows these rates."""

    def make(*rates_hz: int) -> FakeSounddevice:
        library = FakeSounddevice(*rates_hz)
        monkeypatch.setitem(sys.modules, "sounddevice", library)
        return library

    return make


def taken(source: Microphone, count: int) -> np.ndarray:
    pieces = iter(source)
    return np.concatenate([next(pieces) for _ in range(count)])


def test_samples_arrive_as_they_were_delivered(fake: Fake) -> None:
    library = fake(8000)
    samples = np.random.default_rng(0).integers(-(2**15), 2**15, 800).astype(np.int16)
    with Microphone(8000, device=1) as source:
        assert library.stream.started and not library.stream.closed
        library.deliver(samples)
        assert np.array_equal(taken(source, 5), samples)
        assert source.lost == 0
    assert library.stream.closed
    settings = {key: value for key, value in library.stream.settings.items() if key != "callback"}
    assert settings == {"samplerate": 8000, "blocksize": 160, "device": 1, "channels": 1, "dtype": "int16"}


def test_a_device_that_does_not_know_the_rate_is_resampled(fake: Fake) -> None:
    library = fake(16_000, 48_000)
    source_sound = np.round(32_767 * tone(440, 16_000, 16_000)).astype(np.int16)
    with Microphone(8000) as source:
        assert library.stream.settings["samplerate"] == 16_000  # that of the headset, the default
        library.deliver(source_sound)
        heard = taken(source, 50)
    assert heard.dtype == np.int16
    assert 7000 < len(heard) <= 8000  # a resampler keeps some
    expected = 32_767 * tone(440, 8000, 8000)[: len(heard)]
    assert np.abs(heard - expected)[200:].max() < 100


def test_what_was_clipped_is_clipped_after_resampling_too(fake: Fake) -> None:
    library = fake(16_000)
    with Microphone(8000) as source:
        library.deliver(np.round(32_767 * np.clip(4 * tone(300, 16_000, 16_000), -1, 1)).astype(np.int16))
        heard = taken(source, 50)
    assert np.count_nonzero(np.abs(heard.astype(int)) >= 32_700) > 1000


def test_lost_samples_are_counted(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "QUEUE_S", 0.06)  # three pieces
    library = fake(8000)
    samples = np.arange(800).astype(np.int16)
    with Microphone(8000) as source:
        library.deliver(samples)
        assert source.lost == 2
        assert np.array_equal(taken(source, 3), samples[:480])
        library.deliver(samples[:160], OVERFLOW)
        assert source.lost == 3


def test_a_device_that_is_unplugged_ends_the_wait(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "PATIENCE_S", 0.01)
    fake(8000)
    with Microphone(8000) as source, pytest.raises(RunFailedError, match=r"given nothing for 0.01 s: is it plugged in"):
        next(iter(source))


def test_a_device_that_does_not_exist_is_an_error_in_one_line(fake: Fake) -> None:
    fake(8000)
    reason = r"^cannot open the microphone \(No input device matching 99\): see --list-devices, name one by --device$"
    with pytest.raises(UserError, match=reason), Microphone(8000, device=99):
        pass


def test_only_devices_with_an_input_are_microphones(fake: Fake) -> None:
    fake()
    assert list_microphones() == [Device(1, "built-in", 48_000, False), Device(2, "headset [b]", 16_000, True)]


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    for ask in (lambda: Microphone(8000), list_microphones):
        with pytest.raises(UserError, match=r'^a microphone needs an extra .*: pip install -e "\.\[mic\]"$'):
            ask()


def test_without_portaudio_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return original(name, *rest, **named)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UserError, match=r"^no microphone \(PortAudio library not found\): install PortAudio"):
        list_microphones()
