"""A module in place of sounddevice, and the devices that it has."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

FINE = SimpleNamespace(input_overflow=False)
OVERFLOW = SimpleNamespace(input_overflow=True)
DEVICES = [
    {"name": "loudspeaker", "max_input_channels": 0, "default_samplerate": 48_000.0},
    {"name": "built-in", "max_input_channels": 2, "default_samplerate": 48_000.0},
    {"name": "headset [b]", "max_input_channels": 1, "default_samplerate": 16_000.0},
]


class PortAudioError(Exception):
    """The library's own."""


class FakeSounddevice(ModuleType):
    """As much of sounddevice as a microphone needs; it knows these sample rates."""

    PortAudioError = PortAudioError

    def __init__(self, *rates_hz: int) -> None:
        super().__init__("sounddevice")
        self.rates_hz = rates_hz
        self.default = SimpleNamespace(device=[2, 0])
        self.stream: Any = None
        self.waiting: np.ndarray = np.empty(0, np.int16)  # delivered when a stream starts

    def check_input_settings(self, samplerate: int, device: int | None, channels: int, dtype: str) -> None:
        assert (channels, dtype) == (1, "int16")
        if samplerate not in self.rates_hz:
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")

    def query_devices(self, device: int | None = None, kind: str | None = None) -> Any:
        return DEVICES if kind is None else DEVICES[self.default.device[0] if device is None else device]

    def RawInputStream(self, **settings: Any) -> Any:  # noqa: N802 - the library's name
        self.stream = SimpleNamespace(settings=settings, started=0, closed=0)
        self.stream.start = self._start
        self.stream.close = lambda: setattr(self.stream, "closed", 1)
        if settings["device"] == 99:
            raise ValueError("No input device matching 99")
        return self.stream

    def _start(self) -> None:
        self.stream.started = 1
        self.deliver(self.waiting)

    def deliver(self, samples: np.ndarray, status: Any = FINE) -> None:
        """As PortAudio's thread does: in blocks, from a buffer that is used again."""
        block = self.stream.settings["blocksize"]
        for start in range(0, len(samples), block):
            buffer = bytearray(samples[start : start + block].tobytes())
            self.stream.settings["callback"](memoryview(buffer), len(buffer) // 2, None, status)
            buffer[:] = bytes(len(buffer))
