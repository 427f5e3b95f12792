"""Programs that speak, espeak-ng and flite, where they are installed. None is needed; nothing they say is shipped."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsdd_lightning.data.wav import BadWavError, decode_wav
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
        found = re.search(self.version_pattern, self.says("--version"))
        return found.group(1) if found else "unknown"

    def speak(self, arguments: Sequence[str], file: Path, sample_rate_hz: int) -> np.ndarray:
        """(samples,) float32 in [-1, 1] of what `arguments` ask for; they make the program write `file`.

        Raises:
            RunFailedError: the program fails, or writes no sound.
        """
        ended = self._run(*arguments)
        try:
            if ended.returncode != 0 or not file.exists():
                raise BadWavError(" ".join(ended.stderr.split()) or f"exit code {ended.returncode}")
            return decode_wav(file.read_bytes(), sample_rate_hz).waveform
        except BadWavError as error:
            raise RunFailedError(f"{self.command} cannot speak ({' '.join(arguments)}): {error}") from error
        finally:
            file.unlink(missing_ok=True)

    def says(self, *arguments: str) -> str:
        """What the program prints."""
        return self._run(*arguments).stdout

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.command, *arguments], capture_output=True, encoding="utf-8", errors="replace", check=False
        )


ESPEAK = Engine("espeak-ng", r"text-to-speech: (\S+)")
FLITE = Engine("flite", r"version: (\S+)")


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
    return tuple(sorted(name for name in names if not _UNLIKE_PEOPLE.fullmatch(name)))
