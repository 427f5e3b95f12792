"""The exported listener on this machine: samples of one stream in, words out, as `arithmetic.listener.Listener`."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np

from fsdd_lightning.arithmetic.fixed_point import Int16Array
from fsdd_lightning.arithmetic.front_end import FrontEnd
from fsdd_lightning.arithmetic.listener import WordEvent

BEGINS, ENDS = 1, 2  # FSDD_WORD_... of fsdd_listen.h


class HostEvent(ctypes.Structure):
    """`fsdd_host_event` of host/fsdd_host.c."""

    _fields_ = tuple((name, ctypes.c_int64) for name in ("taken", "kind", "label", "margin", "frames", "frames_ago"))


class HostListener:
    """One stream. Takes samples in pieces of any size; streams of one network know nothing of one another."""

    def __init__(self, functions: Callable[[], ctypes.CDLL], front_end: FrontEnd) -> None:
        self._functions, self._front_end = functions, front_end
        bytes_needed = functions().fsdd_host_listener_bytes()
        self._memory = (ctypes.c_uint64 * -(-bytes_needed // 8))()  # as aligned as the struct
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        self._functions().fsdd_host_listen_init(self._memory)
        self._heard = 0

    def push(self, samples: Int16Array) -> list[WordEvent]:
        """What the next samples, (samples,) int16, make known."""
        check_samples(samples)
        data, first, events = np.ascontiguousarray(samples), 0, []
        while first < len(data):
            event = HostEvent()
            rest = len(data) - first
            address = data.ctypes.data + first * data.itemsize
            self._functions().fsdd_host_listen_push(self._memory, address, rest, ctypes.byref(event))
            first += event.taken
            self._heard += event.taken
            if event.kind:
                events.append(self._word_event(event))
        return events

    def _word_event(self, event: HostEvent) -> WordEvent:
        frame = self._front_end.frames(self._heard) - 1
        first = frame - event.frames_ago
        if event.kind == BEGINS:
            return WordEvent("begins", frame, first, event.frames)
        label = None if event.label < 0 else int(event.label)
        return WordEvent("ends", frame, first, event.frames, label, event.margin)


def check_samples(samples: Int16Array) -> None:
    """ValueError for what is no sound of a device."""
    if samples.dtype != np.int16 or samples.ndim != 1:
        raise ValueError(f"samples must be int16 (samples,), not {samples.dtype} {samples.shape}")
