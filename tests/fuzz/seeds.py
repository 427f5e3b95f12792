"""Good things, made once a session, that cases spoil: sounds, folders of them, finished runs and sweeps, an archive.

sounds/     the same word in every kind of file
digits/     named as FSDD's files are; the synthetic corpus that the runs know
words/      a folder for each word
sweep/      of a run for each weight code, one of which is interrupted
mfcc/       a sweep of float networks on librosa's features
cache/      the synthetic recordings, features, compiled C
fsdd.tar.gz the digits as the dataset's archive, whose digest is in digest.txt
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from room import Room
from zygote import Request, Zygote, environment

TINY = (
    *("data=synthetic", "data.synthetic.speakers=2", "data.synthetic.takes=6", "model.hidden_size=4", "model.layers=1"),
    *("trainer.max_epochs=1", "quantization.epochs=1", "training.batch_size=64", "waveform_augmentation=none"),
    *("logger.misclassified_clips=0", "logger.histogram_every_epochs=0", "callbacks=quiet"),
)
CODES = ("int8_ptq", "int4_qat", "pot_qat", "ternary_qat")
INTERRUPTED = "pot_qat"
WORDS = ("left", "right", "stop")
TOP = "free-spoken-digit-dataset-1.0.10"


def make_seeds(folder: Path, zygote: Zygote) -> Path:
    """Fill `folder`, in a quarter of a minute."""
    folder.mkdir(parents=True, exist_ok=True)
    _make_sounds(folder / "sounds")
    _make_words(folder / "words")
    _train(folder, zygote, "sweep", f"quantization={','.join(CODES)}")
    _train(folder, zygote, "mfcc", "quantization=float32", "features=mfcc", "seed=1,2")
    digits = next((folder / "cache" / "fsdd_lightning").glob("synthetic-*/recordings"))
    shutil.copytree(digits, folder / "digits")
    _interrupt(folder / "sweep" / f"quantization={INTERRUPTED}")
    _make_archive(folder)
    return folder


def sweep_words(name: str) -> list[str]:
    """The command line of a sweep among the seeds, and of another one with the same networks."""
    choices = {"sweep": (f"quantization={','.join(CODES)}",), "mfcc": ("features=mfcc", "seed=1,2")}
    return ["-m", *choices[name], *TINY, f"name={name}"]


def _train(folder: Path, zygote: Zygote, name: str, *words: str) -> None:
    room = folder / f"{name}_room"
    for each in ("work", "temporary"):
        (room / each).mkdir(parents=True)
    request = Request(
        module="sketched_train",
        words=["-m", *words, *TINY, f"name={name}"],
        folder=str(room / "work"),
        environment={**environment(room, room / "temporary"), "XDG_CACHE_HOME": str(folder / "cache")},
        stdin=os.devnull,
        out=str(room / "out.txt"),
        err=str(room / "err.txt"),
        audit=str(room / "audit.txt"),
        own=[str(folder)],
        patience_s=300,
    )
    ended = zygote.run(request)
    if ended.code != 0:
        raise RuntimeError(f"seeds: {ended}: {(room / 'err.txt').read_text()}{(room / 'audit.txt').read_text()}")
    (room / "work" / "multirun" / name).rename(folder / name)
    shutil.rmtree(room)


def _interrupt(folder: Path) -> None:
    """Its record as a killed process leaves it."""
    path = folder / "run.json"
    record: dict[str, Any] = json.loads(path.read_bytes())
    record |= {"status": "interrupted", "error": "still running, or killed", "views": {}}
    path.write_text(json.dumps(record))
    (folder / "network.pt").unlink(missing_ok=True)


def _word(seed: int, rate: int = 8000) -> np.ndarray:
    """0.4 s of a voice-like sound between pauses, int16."""
    random = np.random.default_rng(seed)
    time = np.arange(int(0.4 * rate)) / rate
    pitch = 90 + random.integers(120)
    voice = sum(np.sin(2 * np.pi * pitch * n * time + n) / n for n in range(1, 9)) * np.hanning(len(time))
    pause = random.normal(0, 0.001, rate // 10)
    return (np.concatenate([pause, 0.3 * voice, pause]) * 20000).astype(np.int16)


def _make_sounds(folder: Path) -> None:
    folder.mkdir()
    word = _word(1)
    soundfile.write(folder / "pcm16.wav", word, 8000, "PCM_16")
    soundfile.write(folder / "stereo24.wav", np.stack([_word(2, 44100)] * 2, axis=1), 44100, "PCM_24")
    for subtype in ("PCM_U8", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610"):
        soundfile.write(folder / f"{subtype.lower()}.wav", word, 8000, subtype)
    soundfile.write(folder / "extensible.wav", word, 16000, "PCM_16", format="WAVEX")
    soundfile.write(folder / "rf64.wav", word, 8000, "PCM_16", format="RF64")
    soundfile.write(folder / "big_endian.wav", word, 8000, "PCM_16", endian="BIG")
    for name in ("flac", "ogg", "aiff", "au", "mp3", "caf", "w64"):
        soundfile.write(folder / f"sound.{name}", word, 8000, format=name.upper())
    soundfile.write(folder / "long.wav", np.tile(word, 8), 8000, "PCM_16")
    (folder / "raw.pcm").write_bytes(word.tobytes())


def _make_words(folder: Path) -> None:
    for at, word in enumerate(WORDS):
        (folder / word).mkdir(parents=True)
        for speaker in ("ann", "bob"):
            for take in range(6):
                name = f"{speaker}_nohash_{take}.wav"
                soundfile.write(folder / word / name, _word(at * 100 + take, 8000), 8000, "PCM_16")
    (folder / "_background_noise_").mkdir()
    soundfile.write(folder / "_background_noise_" / "hum.wav", np.tile(_word(9), 4), 8000, "PCM_16")
    (folder / "validation_list.txt").write_text(
        "left/ann_nohash_0.wav\nright/bob_nohash_0.wav\nstop/ann_nohash_1.wav\n"
    )
    (folder / "testing_list.txt").write_text("left/ann_nohash_1.wav\nright/bob_nohash_1.wav\nstop/ann_nohash_2.wav\n")


def _make_archive(folder: Path) -> None:
    from fsdd_lightning.data.recordings import folder_digest

    with tarfile.open(folder / "fsdd.tar.gz", "w:gz", compresslevel=1) as tar:
        for path in sorted((folder / "digits").glob("*.wav")):
            content, info = path.read_bytes(), tarfile.TarInfo(f"{TOP}/recordings/{path.name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    (folder / "digest.txt").write_text(folder_digest(folder / "digits"))


def runs(room: Room) -> list[str]:
    """The finished runs among the seeds."""
    found = [f"sweep/quantization={code}" for code in CODES if code != INTERRUPTED]
    return [*found, *(f"mfcc/{path.name}" for path in sorted((room.seeds / "mfcc").glob("*seed=*")))]
