"""Programs that speak, espeak-ng and flite, where they are installed. None is needed; nothing they say is shipped."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsdd_lightning.data.audio import read_bytes
from fsdd_lightning.data.wav import BadWavError, decode_wav
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.escaping import visible

PATIENCE_S = 10.0  # a word takes some milliseconds
_MOST_SAID_BYTES = 2**20  # the list of voices has some kB
_COMPLAINT_LETTERS = 300
_MOST_VOICES = 500  # espeak-ng has a hundred

# Voices of espeak-ng that sound like a machine, a whisper or a monster, and those whose names a command can't hold.
_UNLIKE_PEOPLE = re.compile(
    r"announcer|anikaRobot|AnxiousAndy|croak|Demonic|fast|klatt[56]|robosoft\d?|Storm|UniRobot|whisperf?|.*[^\w-].*"
)


@dataclass(frozen=True)
class Engine:
    """A program, and how it is asked for its version."""

    command: str
    version_pattern: str

    @property
    def installed(self) -> bool:
        return shutil.which(self.command) is not None

    @property
    def version(self) -> str:
        """As the program says it; "unknown" where it says nothing that looks like one."""
        found = re.search(self.version_pattern, self.says("--version"))
        return found.group(1) if found else "unknown"

    def speak(self, arguments: Sequence[str], file: Path, sample_rate_hz: int) -> np.ndarray:
        """(samples,) float32 in [-1, 1] of what `arguments` ask for; they make the program write `file`.

        Raises:
            RunFailedError: the program fails, or writes no sound.
        """
        try:
            code, complaint = self._run(arguments, subprocess.DEVNULL, subprocess.PIPE)
            if code != 0 or not file.exists():
                raise BadWavError(" ".join(complaint.split())[:_COMPLAINT_LETTERS] or f"exit code {code}")
            return decode_wav(read_bytes(file), sample_rate_hz).waveform
        except (BadWavError, OSError) as error:
            reason = visible(f"({' '.join(arguments)}): {error}")
            raise RunFailedError(f"{self.command} cannot speak {reason}") from error
        finally:
            file.unlink(missing_ok=True)

    def says(self, *arguments: str) -> str:
        """What the program prints; nothing where it can't be started, or prints no end."""
        try:
            return self._run(arguments, subprocess.PIPE, subprocess.DEVNULL)[1]
        except (BadWavError, OSError):
            return ""

    def _run(self, arguments: Sequence[str], stdout: int, stderr: int) -> tuple[int, str]:
        """Exit code and what comes through the one pipe. Raises BadWavError for a program that does not end."""
        program = subprocess.Popen(
            [self.command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,  # so that what it starts can be ended with it
        )
        try:
            said = _all_said(program)
            code = program.wait(PATIENCE_S if len(said) <= _MOST_SAID_BYTES else 0.0)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        finally:
            if program.poll() is None:
                _kill(program)
                program.wait()
        if code == -signal.SIGKILL:
            raise BadWavError(f"it says more than {_MOST_SAID_BYTES:,} bytes, or does not end in {PATIENCE_S:g} s")
        return code, said.decode("utf-8", errors="replace")


def _all_said(program: subprocess.Popen[bytes]) -> bytes:
    """Up to the end of its pipe, its own or after PATIENCE_S, or to one byte more than it may say."""
    pipe = program.stdout or program.stderr
    assert pipe is not None
    watch = threading.Timer(PATIENCE_S, _kill, [program])  # who is not waited for keeps his number
    watch.start()
    try:
        return pipe.read(_MOST_SAID_BYTES + 1)
    finally:
        watch.cancel()
        pipe.close()


def _kill(program: subprocess.Popen[bytes]) -> None:
    """With all that it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, signal.SIGKILL)


ESPEAK = Engine("espeak-ng", r"text-to-speech: ([\w.+-]{1,40})")
FLITE = Engine("flite", r"version: ([\w.+-]{1,40})")


def espeak_word(voice: str, words_per_minute: int, pitch: int, text: str, file: Path) -> list[str]:
    """The arguments that make espeak-ng write `text`; `pitch` 0..99, 50 is the voice's own."""
    return ["-v", voice, "-p", str(pitch), "-s", str(words_per_minute), "-w", str(file), "--", text]


def flite_word(voice: str, stretch: float, pitch_hz: float, text: str, file: Path) -> list[str]:
    """The arguments that make flite write `text`, `stretch` times as slow as usual."""
    changes = ["--setf", f"duration_stretch={stretch:.4f}", "--setf", f"int_f0_target_mean={pitch_hz:.2f}"]
    return ["-voice", voice, *changes, "-t", text, "-o", str(file)]


def espeak_variants() -> tuple[str, ...]:
    """The names of all voices of espeak-ng that speak any language and sound like a person, sorted."""
    found = re.finditer(r"!v/(\S+(?: \S+)*)", ESPEAK.says("--voices=variant"))
    names = {match.group(1) for match in found}
    return tuple(sorted(name for name in names if not _UNLIKE_PEOPLE.fullmatch(name))[:_MOST_VOICES])
