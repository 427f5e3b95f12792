"""The synthetic corpus: spoken-digit-like WAV files in FSDD's layout, generated offline, always with the same bytes.

It replaces the real recordings where they are not available, and is read from WAV files as they are.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
from filelock import FileLock

from fsdd_lightning.config.schema import SyntheticConfig
from fsdd_lightning.data.speech_synthesis import WORDS, clip_generator, make_voice, synthesize_digit
from fsdd_lightning.data.wav import encode_wav
from fsdd_lightning.errors import RunFailedError

GENERATOR_VERSION = (
    1  # increment with every change to the sound, so that an old folder is not mistaken for a new corpus
)
VOICE_NAMES = (
    "ada", "basil", "clara", "dexter", "edith", "felix", "greta", "hugo",
    "ines", "jonas", "karla", "leo", "mina", "nestor", "olga", "pavel",
)  # fmt: skip


def make_synthetic_corpus(config: SyntheticConfig, cache_dir: Path, sample_rate_hz: int = 8000) -> Path:
    """The folder of the corpus (it holds `recordings/`), generated if missing or incomplete.

    Written beside its place and renamed in one step under a lock: neither two processes at once nor a killed one
    leave a partial corpus in its place. Raises RunFailedError where the folder cannot be written.
    """
    folder = synthetic_folder(config, cache_dir, sample_rate_hz)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not _is_whole(folder, config):
                _build(folder, config, sample_rate_hz)
    except OSError as error:
        raise RunFailedError(
            f"cannot write the synthetic corpus to {folder}: {error.strerror or error};"
            " free some space there or set data.cache_dir to another folder"
        ) from error
    return folder


def synthetic_folder(config: SyntheticConfig, cache_dir: Path, sample_rate_hz: int = 8000) -> Path:
    """The folder of this corpus, whether it exists or not."""
    return cache_dir / f"synthetic-{_fingerprint(config, sample_rate_hz)}"


def voice_name(index: int) -> str:
    """The speaker's name in the files; numbered beyond the list."""
    return VOICE_NAMES[index] if index < len(VOICE_NAMES) else f"voice{index}"


def _fingerprint(config: SyntheticConfig, sample_rate_hz: int) -> str:
    key = {"generator": GENERATOR_VERSION, "sample_rate_hz": sample_rate_hz, **asdict(config)}
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]


def _is_whole(folder: Path, config: SyntheticConfig) -> bool:
    files = sum(1 for _ in (folder / "recordings").glob("*.wav"))
    return files == config.speakers * len(WORDS) * config.takes


def _build(folder: Path, config: SyntheticConfig, sample_rate_hz: int) -> None:
    """Write the corpus beside its place, then move it there; remove what a killed process left behind first."""
    aside = folder.with_name(f"{folder.name}.partial")
    for leftover in (aside, folder):
        if leftover.exists():
            shutil.rmtree(leftover)
    (aside / "recordings").mkdir(parents=True)
    for voice_index in range(config.speakers):
        _write_voice(aside / "recordings", voice_index, config, sample_rate_hz)
    aside.rename(folder)


def _write_voice(folder: Path, voice_index: int, config: SyntheticConfig, sample_rate_hz: int) -> None:
    voice = make_voice(config.seed, voice_index)
    for digit in range(len(WORDS)):
        for take in range(config.takes):
            rng = clip_generator(config.seed, digit, voice_index, take)
            clip = synthesize_digit(digit, voice, rng, sample_rate_hz)
            _write_wav(folder / f"{digit}_{voice_name(voice_index)}_{take}.wav", clip, sample_rate_hz)


def _write_wav(path: Path, clip: np.ndarray, sample_rate_hz: int) -> None:
    """16-bit mono; `clip` (n,) lies in [-1, 1]."""
    path.write_bytes(encode_wav(np.round(clip * 32767).astype(np.int16), sample_rate_hz))
