"""Builds and runs the sound program: several listeners on one front end, and what numpy answers to the same sounds."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import c_programs
import numpy as np

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.endpointer import endpointer_step, reset_endpointer
from fsdd_lightning.arithmetic.front_end import audible, channels, features, levels
from fsdd_lightning.arithmetic.integer_lstm import network_logits
from fsdd_lightning.arithmetic.integer_model import IntegerModel
from fsdd_lightning.arithmetic.listener import Listener, Listening, WordEvent
from fsdd_lightning.export import export_c

RESET, BEGIN_WORD, LEVELS, FEATURES, LISTEN_RESET, LISTEN, STEP, CLIP = range(8)  # of sound_program.c
KINDS = {"begins": 1, "ends": 2}
RUNTIME = ("fsdd_front_end.c", "fsdd_lstm.c")  # the program itself includes fsdd_listen.c
FLAGS = {"opens": 1, "begins": 2, "ends": 4, "overlong": 8}  # FSDD_OPENS... of fsdd_listen.c
NO_SAMPLES = np.empty(0, np.int16)


class FrontEndReference:
    """The front end's own functions in numpy, for a stream in pieces; `fsdd_front_end`."""

    def __init__(self, listening: Listening) -> None:
        self.listening = listening
        self.reset()

    def reset(self) -> None:
        self._samples = NO_SAMPLES
        self.begin_word()

    def begin_word(self) -> None:
        self._word: list[np.ndarray] = []  # levels

    def push(self, samples: np.ndarray, with_features: bool) -> bytes:
        front_end = self.listening.front_end
        self._samples = np.concatenate([self._samples, samples])
        frames = levels(front_end, self._samples)
        self._samples = self._samples[len(frames) * front_end.hop :]
        return b"".join(self._frame(level, with_features) for level in frames)

    def _frame(self, level: np.ndarray, with_features: bool) -> bytes:
        if not with_features:
            return level.astype("<i4").tobytes()
        self._word.append(level)
        values = channels(self.listening.front_end, np.stack(self._word))[-1]
        return level.astype("<i4").tobytes() + self.listening.standardization(values).tobytes()


class ListenerReference:
    """`fsdd_listen_push` in numpy: events with the samples that each took."""

    def __init__(self, model: IntegerModel, listening: Listening) -> None:
        self._listener, self._front_end = Listener(model, listening), listening.front_end
        self.reset()

    def reset(self) -> None:
        self._listener.reset()
        self._heard = 0  # samples
        self._reported = 0  # of them

    def push(self, samples: np.ndarray) -> bytes:
        answers = [self._answer(event) for event in self._listener.push(samples)]
        self._heard += len(samples)
        rest = np.array([0, -1, 0, 0, 0, self._heard - self._reported], "<i4").tobytes()
        self._reported = self._heard
        return b"".join([*answers, rest])

    def _answer(self, event: WordEvent) -> bytes:
        at = self._front_end.samples(event.frame + 1)
        taken, self._reported = at - self._reported, at
        label = -1 if event.label is None else event.label
        numbers = [KINDS[event.kind], label, event.margin, event.frames, event.frame - event.first, taken]
        return np.array(numbers, "<i4").tobytes()


class Script:
    """What the program is to do, and what it must answer."""

    def __init__(self, deployments: Sequence[Deployment]) -> None:
        self.deployments = deployments
        self.stdin, self.expected = b"", b""
        pairs = [(deployment.model, deployment.listening) for deployment in deployments]
        self._front_ends = [FrontEndReference(listening) for _, listening in pairs]
        self._listeners = [ListenerReference(model, listening) for model, listening in pairs]

    def _record(self, kind: int, k: int, samples: np.ndarray, expected: bytes) -> None:
        self.stdin += np.array([kind, k, len(samples)], "<i4").tobytes() + samples.astype("<i2").tobytes()
        self.expected += expected

    def reset(self, k: int = 0) -> None:
        self._front_ends[k].reset()
        self._record(RESET, k, NO_SAMPLES, b"")

    def begin_word(self, k: int = 0) -> None:
        self._front_ends[k].begin_word()
        self._record(BEGIN_WORD, k, NO_SAMPLES, b"")

    def levels(self, samples: np.ndarray, k: int = 0) -> None:
        self._record(LEVELS, k, samples, self._front_ends[k].push(samples, with_features=False))

    def features(self, samples: np.ndarray, k: int = 0) -> None:
        self._record(FEATURES, k, samples, self._front_ends[k].push(samples, with_features=True))

    def listen_reset(self, k: int = 0) -> None:
        self._listeners[k].reset()
        self._record(LISTEN_RESET, k, NO_SAMPLES, b"")

    def listen(self, samples: np.ndarray, k: int = 0) -> None:
        self._record(LISTEN, k, samples, self._listeners[k].push(samples))

    def endpointer_steps(self, level: np.ndarray, k: int = 0) -> None:
        """Levels (frames, bands) from a reset on; leaves listener k to be reset."""
        self.listen_reset(k)
        listening = self.deployments[k].listening
        state = reset_endpointer(listening.endpointer, level.shape[-1])
        for one in level:
            state, endpoint = endpointer_step(listening.endpointer, state, audible(listening.front_end, one))
            flags = sum(flag for name, flag in FLAGS.items() if getattr(endpoint, name))
            counters = np.array([flags, state.age, state.length, state.voiced, state.loud], "<i4")
            self._record(STEP, k, one.astype("<i2"), counters.tobytes() + state.floor.astype("<i2").tobytes())

    def clip(self, samples: np.ndarray, k: int = 0) -> None:
        """Leaves listener k to be reset."""
        deployment = self.deployments[k]
        frames = features(deployment.listening.front_end, deployment.listening.standardization, samples)
        answer = np.array(len(frames), "<i4").tobytes()
        if len(frames):
            answer += network_logits(deployment.model, frames, len(frames)).astype("<i4").tobytes()
        self._record(CLIP, k, samples, answer)


class SoundProgram:
    """The exported C of deployments that share a front end, with a script's input and expected output on disk."""

    def __init__(self, script: Script, folder: Path) -> None:
        self.folder = folder
        for k, deployment in enumerate(script.deployments):
            export_c(deployment, folder / f"m{k}", name=f"m{k}", golden=None, notes={})
        count = range(len(script.deployments))
        table = ", ".join(f"&m{k}_listener_model" for k in count)
        headers = "".join(f'#include "m{k}/fsdd_model.h"\n' for k in count)
        (folder / "models.h").write_text(f"{headers}static const fsdd_listener_model *const models[] = {{{table}}};\n")
        (folder / "models.c").write_text("".join(f'#include "m{k}/fsdd_model.c"\n' for k in count))
        (folder / "stdin.bin").write_bytes(script.stdin)
        (folder / "expected.bin").write_bytes(script.expected)
        self.runtime = folder / "m0"

    def build(self, name: str, *flags: str, runtime: Path | None = None, strict: bool = True) -> Path:
        where, program = runtime or self.runtime, self.folder / name
        files = (c_programs.HERE / "sound_program.c", self.folder / "models.c", *(where / file for file in RUNTIME))
        c_programs.compiled(*flags, "-I", where, "-I", self.folder, *files, "-o", program, strict=strict)
        return program

    def is_right(self, program: Path, mutant: int = 0) -> bool:
        """Whether a program answers what is expected; the first difference ends it."""
        return self.run(program, mutant).returncode == 0

    def run(self, program: Path, mutant: int = 0) -> subprocess.CompletedProcess[bytes]:
        command = [program, str(mutant), self.folder / "expected.bin"]
        with (self.folder / "stdin.bin").open("rb") as stdin:
            return subprocess.run(
                command, stdin=stdin, capture_output=True, preexec_fn=c_programs.limit_cpu, check=False
            )
