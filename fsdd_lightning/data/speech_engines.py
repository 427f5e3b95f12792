"""Programs that speak, espeak-ng and flite, where they are installed. None is needed; nothing they say is shipped."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from fsdd_lightning.data.wav import decode_wav
from fsdd_lightning.errors import RunFailedError

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
        return _version(self.command, self.version_pattern)

    def speak(self, arguments: Sequence[str], file: Path, sample_rate_hz: int) -> np.ndarray:
        """(samples,) float32 in [-1, 1] of what `arguments` ask for; they make the program write `file`.

        Raises:
            RunFailedError: the program fails.
        """
        ended = subprocess.run([self.command, *arguments], capture_output=True, text=True, check=False)
        if ended.returncode != 0 or not file.exists():
            asked, said = " ".join(arguments), ended.stderr.strip() or f"exit code {ended.returncode}"
            raise RunFailedError(f"{self.command} cannot speak ({asked}): {said}")
        try:
            return decode_wav(file.read_bytes(), sample_rate_hz).waveform
        finally:
            file.unlink()


@cache
def _version(command: str, pattern: str) -> str:
    said = subprocess.run([command, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(pattern, said)
    return found.group(1) if found else "unknown"


ESPEAK = Engine("espeak-ng", r"text-to-speech: (\S+)")
FLITE = Engine("flite", r"version: (\S+)")


def espeak_word(voice: str, words_per_minute: int, pitch: int, text: str, file: Path) -> list[str]:
    """The arguments that make espeak-ng write `text`; `pitch` 0..99, 50 is the voice's own."""
    return ["-v", voice, "-p", str(pitch), "-s", str(words_per_minute), "-w", str(file), "--", text]


def flite_word(voice: str, stretch: float, pitch_hz: float, text: str, file: Path) -> list[str]:
    """The arguments that make flite write `text`, `stretch` times as slow as usual."""
    changes = ["--setf", f"duration_stretch={stretch:.4f}", "--setf", f"int_f0_target_mean={pitch_hz:.2f}"]
    return ["-voice", voice, *changes, "-t", text, "-o", str(file)]


@cache
def espeak_variants() -> tuple[str, ...]:
    """The names of all voices of espeak-ng that speak any language and sound like a person, sorted."""
    said = subprocess.run([ESPEAK.command, "--voices=variant"], capture_output=True, text=True, check=False).stdout
    names = {match.group(1) for match in re.finditer(r"!v/(\S+(?: \S+)*)", said)}
    return tuple(sorted(name for name in names if not _UNLIKE_PEOPLE.fullmatch(name)))
