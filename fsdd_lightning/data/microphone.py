"""A microphone as a source of samples, by the library sounddevice: the extra `mic`."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from fsdd_lightning.arithmetic.fixed_point import Int16Array
from fsdd_lightning.data.sound_sources import CHUNK_S
from fsdd_lightning.errors import RunFailedError, UserError

QUEUE_S = 10.0  # so long the program may be busy before samples are lost
PATIENCE_S = 3.0  # a device that gives nothing for so long is gone


@dataclass(frozen=True)
class Device:
    """A microphone of this computer."""

    number: int
    name: str
    sample_rate_hz: int  # its own; others are converted
    default: bool


class Microphone:
    """int16 samples in pieces of CHUNK_S while it is open, without end: `with Microphone(8000) as source`.

    A device that does not know the sample rate is opened with its own one, and resampled.

    Raises:
        UserError: the extra is not installed, or there is no such device.
        RunFailedError: while it is read: the device gives no more samples.
    """

    def __init__(self, sample_rate_hz: int, device: int | None = None) -> None:
        self._sounddevice = _sounddevice()
        self._sample_rate_hz, self._device = sample_rate_hz, device
        self._chunks: queue.Queue[bytes] = queue.Queue(round(QUEUE_S / CHUNK_S))
        self.lost = 0

    def __enter__(self) -> Microphone:
        try:
            self._device_rate_hz = self._supported_rate_hz()
            self._stream = self._sounddevice.RawInputStream(
                samplerate=self._device_rate_hz,
                blocksize=round(CHUNK_S * self._device_rate_hz),
                callback=self._received,
                **self._kind(),
            )
            self._stream.start()
        except (self._sounddevice.PortAudioError, ValueError) as error:  # ValueError: no device of this number
            reason = str(error).splitlines()[0]
            raise UserError(
                f"cannot open the microphone ({reason}): see --list-devices, name one by --device"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[Int16Array]:
        chunks = self._received_chunks()
        same = self._device_rate_hz == self._sample_rate_hz
        return chunks if same else _resampled(chunks, self._device_rate_hz, self._sample_rate_hz)

    def _kind(self) -> dict[str, Any]:
        return {"device": self._device, "channels": 1, "dtype": "int16"}

    def _supported_rate_hz(self) -> int:
        try:
            self._sounddevice.check_input_settings(samplerate=self._sample_rate_hz, **self._kind())
        except self._sounddevice.PortAudioError:
            own_rate_hz: float = self._sounddevice.query_devices(self._device, "input")["default_samplerate"]
            return round(own_rate_hz)
        return self._sample_rate_hz

    def _received(self, content: Any, frames: int, time: Any, status: Any) -> None:
        """Called in a thread of PortAudio, which must not wait."""
        self.lost += bool(status.input_overflow)
        try:
            self._chunks.put_nowait(bytes(content))
        except queue.Full:
            self.lost += 1

    def _received_chunks(self) -> Iterator[Int16Array]:
        while True:
            try:
                content = self._chunks.get(timeout=PATIENCE_S)
            except queue.Empty:
                raise RunFailedError(
                    f"the microphone has given nothing for {PATIENCE_S:g} s: is it plugged in?"
                ) from None
            yield np.frombuffer(content, np.int16)


def list_microphones() -> list[Device]:
    """The devices that have an input, by number.

    Raises:
        UserError: the extra is not installed.
    """
    sounddevice = _sounddevice()
    default = sounddevice.default.device[0]
    return [
        Device(number, device["name"], round(device["default_samplerate"]), number == default)
        for number, device in enumerate(sounddevice.query_devices())
        if device["max_input_channels"] > 0
    ]


def _resampled(chunks: Iterator[Int16Array], from_hz: int, to_hz: int) -> Iterator[Int16Array]:
    """As they come; what exceeds full scale is saturated."""
    import soxr  # only now: most devices know the rate

    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16", quality="HQ")
    for chunk in chunks:
        yield stream.resample_chunk(chunk)


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ModuleNotFoundError:
        raise UserError('a microphone needs an extra that is not installed: pip install -e ".[mic]"') from None
    except OSError as error:  # Linux: the wheel does not bring the library
        raise UserError(f"no microphone ({error}): install PortAudio, e.g. apt install libportaudio2") from error
    return sounddevice
