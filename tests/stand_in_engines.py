"""Programs named espeak-ng and flite that make noise in a moment, alone on PATH, and note what they were asked for."""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

FLITE_VOICES = ("awb", "kal", "kal16", "rms", "slt")
FAILS, SILENT, WRITES_NOTHING = "cannot", "silent", "nothing"  # words that an engine has trouble with
_SCRIPT = """#!{python} -IS
import json, sys, zlib
arguments = sys.argv[1:]
if arguments[0] in {answers!r}:
    sys.exit(print({answers!r}[arguments[0]]))
at = arguments.index({written_after!r}) + 1
file, arguments[at] = arguments[at], "FILE"
with open({log!r}, "a") as log:
    log.write(json.dumps(arguments) + "\\n")
if {fails!r} in arguments:
    sys.exit("no such voice\\n  in this program")
if {nothing!r} in arguments:
    sys.exit()
state = zlib.crc32(json.dumps(arguments).encode())
loud = {silent!r} not in arguments
samples = [(state >> 15) % 2**15 * loud, state % 2**15 * loud]  # see fingerprint
for _ in range(1600 + state % 999):
    state = (1103515245 * state + 12345) % 2**31
    samples.append((state % 16001 - 8000) * loud)
data = b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)
header = [b"RIFF", 36 + len(data), b"WAVEfmt ", 16, 1 + (1 << 16), 8000, 16000, 2 + (16 << 16), b"data", len(data)]
with open(file, "wb") as wav:
    wav.write(b"".join(part if isinstance(part, bytes) else part.to_bytes(4, "little") for part in header) + data)
"""


class Engines:
    """What stands in for the engines: `install` replaces one, or adds it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.log = folder, folder / "log"
        folder.mkdir(exist_ok=True)
        monkeypatch.setenv("PATH", str(folder))

    def espeak(self, version: str = "1.51", variants: Sequence[str] = ("f1", "m1")) -> None:
        listed = "".join(f"\n 5  variant         --/M      {name}    !v/{name}              " for name in variants)
        listed = f"Pty Language       Age/Gender VoiceName          File                 Other Languages{listed}"
        said = f"eSpeak NG text-to-speech: {version}  Data at: /nowhere"
        self._install("espeak-ng", "-w", {"--version": said, "--voices=variant": listed})

    def flite(self, version: str = "2.2-current") -> None:
        said = f"  Carnegie Mellon University\n  version: flite-{version} Sep 2018 (http://cmuflite.org)"
        self._install("flite", "-o", {"--version": said})

    def _install(self, command: str, written_after: str, answers: dict[str, str]) -> None:
        script = _SCRIPT.format(
            python=sys.executable,
            answers=answers,
            written_after=written_after,
            log=str(self.log),
            fails=FAILS,
            silent=SILENT,
            nothing=WRITES_NOTHING,
        )
        (self.folder / command).write_text(script)
        (self.folder / command).chmod(0o755)

    def asked(self) -> list[list[str]]:
        """The arguments of all sounds so far, with FILE for the file, in any order."""
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def asked_by_sound(self) -> dict[int, list[str]]:
        """The same by the fingerprint of the sound."""
        return {zlib.crc32(json.dumps(arguments).encode()) % 2**30: arguments for arguments in self.asked()}


def fingerprint(waveform: np.ndarray) -> int:
    """What the first two samples say of the arguments."""
    high, low = np.round(waveform[:2] * 2**15).astype(int).tolist()
    return int(high * 2**15 + low)


def option(arguments: Sequence[str], name: str) -> str:
    """What follows the option."""
    return arguments[list(arguments).index(name) + 1]
