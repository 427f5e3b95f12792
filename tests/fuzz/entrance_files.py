"""Audio files, and what lies where one should be, given to the commands that hear files."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import hostile
import seeds
from room import Case, Room

RATES = ("8000", "0", "-1", "1", "1000000000000", "16000", "x", "4000", "nan", "1e3", "")
SECONDS = ("1", "0", "-1", "nan", "inf", "1e-320", "1e308", "x")
BACKENDS = ("float", "quantized", "integer", "c", "torch", "x", "", "\x1b[31m")


def spoiled_sound(random: Random, source: Path, place: Path) -> str:
    """Something in the place of a sound, and what it is."""
    if random.random() < 0.25:
        place.unlink(missing_ok=True)
        return hostile.place_kind(random, place)
    content = source.read_bytes()
    if random.random() < 0.1:
        place.write_bytes(content)
        return "good"
    if random.random() < 0.15 and source.suffix == ".wav":
        spoiled, how = wav_of(random)
    else:
        spoiled, how = hostile.spoil_bytes(random, content)
    place.write_bytes(spoiled)
    return f"{source.name} {how}"


def wav_of(random: Random) -> tuple[bytes, str]:
    """A WAV file that says of itself what cannot be."""
    import struct

    kind, bits = random.choice((1, 3, 6, 7, 2, 17, 0xFFFE, 0, 85)), random.choice((8, 16, 24, 32, 64, 0, 1, 12, 65535))
    channels = random.choice((1, 1, 2, 0, 255, 65535))
    rate = random.choice((8000, 16000, 0, 1, 2**31, 2**32 - 1, 44100, 3))
    data = random.choice(
        (b"", b"\0", b"\0\0" * 4000, b"\xff\x7f\x00\x80" * 2000, b"\xff" * 8000, random.randbytes(8000))
    )
    align, size = random.choice((channels * bits // 8 % 65536, 0, 1)), random.choice((len(data), 0, 2**31, 2**32 - 1))
    header = struct.pack("<HHIIHH", kind, channels, rate, rate * 2 % 2**32, align, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + header + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body, f"wav {kind=} {channels=} {rate=} {bits=} {size=} {len(data)}"


def case(room: Room) -> Case:
    """One command with one to three files."""
    random = room.random
    run = room.copy(random.choice(seeds.runs(room)), "run")
    places, notes = [], []
    for at in range(random.choice((1, 1, 1, 2, 3))):
        source = random.choice(sorted((room.seeds / "sounds").iterdir()))
        name = hostile.bad_name(random, source.suffix) if random.random() < 0.3 else f"sound{at}{source.suffix}"
        place = room.work / name
        if os.path.lexists(place):
            continue
        notes.append(spoiled_sound(random, source, place))
        places.append(name if not name.startswith("-") else f"./{name}")
    maker = random.choice((_predict, _predict, _predict, _pipe, _listen, _listen, _evaluate, _record))
    made = maker(room, places)
    made.note = f"{run.name}: {'; '.join(notes)}"
    return made


def _options(random: Random) -> list[str]:
    words = [*(["--json"] if random.random() < 0.4 else [])]
    words += random.choice(([], [], ["--stream"], ["--segment"]))
    if random.random() < 0.2:
        words += ["--backend", random.choice(BACKENDS)]
    return words


def _predict(room: Room, places: list[str]) -> Case:
    files = [random_form(room.random, place) for place in places]
    return Case("fsdd_lightning.predict", ["run", *_options(room.random), *files], "")


def random_form(random: Random, place: str) -> str:
    """A path of a file: relative, absolute, or around a corner."""
    return random.choice((place, place, f"../work/{place}", f"./{place}", f"outside/../{place}"))


def _pipe(room: Room, places: list[str]) -> Case:
    words = ["run", *_options(room.random), "-"]
    if room.random.random() < 0.4:
        words += ["--rate", room.random.choice(RATES)]
    place = room.work / places[0]
    regular = place.is_file() and place.resolve().is_relative_to(room.folder) and place.stat().st_size < 2**24
    return Case("fsdd_lightning.predict", words, "", stdin=str(place) if regular else os.devnull)


def _listen(room: Room, places: list[str]) -> Case:
    words = ["run", f"--input={places[0]}", *(["--json"] if room.random.random() < 0.4 else [])]
    if room.random.random() < 0.3:
        words += [f"--seconds={room.random.choice(SECONDS)}"]
    if room.random.random() < 0.2:
        words += ["--backend", room.random.choice(BACKENDS)]
    return Case("fsdd_lightning.listen", words, "")


def _evaluate(room: Room, places: list[str]) -> Case:
    folder = room.copy("digits", "others")
    for at, place in enumerate(places):
        (room.work / place).rename(folder / f"{at}_theo_{at}.wav")
    words = ["run", room.random.choice(("--data", "--data", "--others")), "others"]
    room.copy_cache()
    return Case("fsdd_lightning.evaluate", words, "", ours=("work/run/evaluations/*",))


def _record(room: Room, places: list[str]) -> Case:
    words = ["takes", "--speaker", room.random.choice(("ann", *hostile.TEXTS)), f"--input={places[0]}"]
    words += ["--words", room.random.choice(("left,right", "zero", *hostile.TEXTS))]
    return Case("fsdd_lightning.record", words, "", ours=("work/takes/*",))
