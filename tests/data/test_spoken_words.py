"""Words of espeak-ng: of a stand-in that beeps, and of the real one where it is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from fsdd_lightning.data import spoken_words as speaking
from fsdd_lightning.data.spoken_words import VOICES, WORDS, WORDS_PER_MINUTE, espeak_installed, spoken_words
from fsdd_lightning.errors import RunFailedError

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
BEEPS = """#!{python}
import math, struct, sys, wave
end = sys.argv.index("--")
options = dict(zip(sys.argv[1:end:2], sys.argv[2:end:2]))
if options["-v"] == "{silent}":
    sys.exit("no such voice")
with wave.open(options["-w"], "wb") as file:
    file.setnchannels(1), file.setsampwidth(2), file.setframerate(8000)
    samples = 10 * int(options["-s"]) + len(sys.argv[end + 1])
    file.writeframes(b"".join(struct.pack("<h", round(9999 * math.sin(k))) for k in range(samples)))
"""


def beeping(folder: Path, silent: str = "") -> str:
    """The PATH of a command espeak-ng whose words are as long as they are slow and have letters."""
    command = folder / "espeak-ng"
    command.write_text(BEEPS.format(python=sys.executable, silent=silent))
    command.chmod(0o755)
    return str(folder)


def test_no_word_is_a_digit_or_sounds_like_one() -> None:
    like = {*DIGITS, "oh", "won", "to", "too", "for", "fore", "ate", "ten"}
    assert len(WORDS) == len(set(WORDS)) >= 60
    assert not set(WORDS) & like


def test_every_voice_speaks_every_word_at_every_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "WORDS", WORDS[:3])
    monkeypatch.setenv("PATH", beeping(tmp_path))
    assert espeak_installed()
    spoken = spoken_words(8000)
    assert [len(words) for words in spoken] == [3] * len(VOICES) * len(WORDS_PER_MINUTE)
    expected = [10 * speed + len(word) for _ in VOICES for speed in WORDS_PER_MINUTE for word in WORDS[:3]]
    assert [len(word) for words in spoken for word in words] == expected


def test_without_the_command_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not espeak_installed()


def test_a_voice_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "WORDS", WORDS[:1])
    monkeypatch.setenv("PATH", beeping(tmp_path, silent=VOICES[1]))
    with pytest.raises(RunFailedError, match=rf"-v {VOICES[1].replace('+', '.')} .*: no such voice"):
        spoken_words(8000)


@pytest.mark.skipif(not espeak_installed(), reason="espeak-ng is not installed")
def test_the_real_one_speaks() -> None:
    for words in spoken_words(8000):
        assert all(0.1 < len(word) / 8000 < 2.5 and np.ptp(word) > 0.1 for word in words)
