"""Folders of recordings with something wrong in them, given to all commands that read data."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from random import Random

import hostile
import seeds
from entrance_files import spoiled_sound
from room import Case, Room

LISTS = ("validation_list.txt", "testing_list.txt")
WORD_OPTIONS = (
    *("data.labels=[left,right]", "data.labels=[left]", "data.labels=[left,up]", "data.noise=5", "data.other=rest"),
    *("data.other=[stop]", "data.labels=[left,right] data.other=rest", "split=official", "split=unseen_speaker"),
    *("split.held_out=ann split=unseen_speaker", "data.on_bad_file=skip", "data.layout=fsdd", "data.noise=1000000000"),
    *("data.speaker_pattern=(?P<speaker>.+)+x", "data.speaker_pattern=(?P<speaker>(a+)+)$", "data.others=[words]"),
    *("features=mfcc", "features.sample_rate_hz=16000", "features.max_seconds=0.1"),
)
SINGLE = tuple(word for word in seeds.TINY if not word.startswith("data"))


def case(room: Room) -> Case:
    """One command on one folder."""
    random = room.random
    folder, layout = (room.copy("words", "words"), "folders") if random.random() < 0.6 else _digits(room)
    notes = [random.choice(_WAYS)(random, folder, room) for _ in range(random.choice((1, 1, 2, 3)))]
    name = folder.name
    if random.random() < 0.15:
        name = hostile.bad_name(random).lstrip("-") or "x"
        folder = folder.rename(folder.with_name(name))
    made = random.choice(_COMMANDS)(room, name, layout)
    made.note = "; ".join(notes)
    return made


def _digits(room: Room) -> tuple[Path, str]:
    """A part of the corpus, in one of the two folders that are found."""
    folder = room.work / "digits"
    place = folder / "recordings" if room.random.random() < 0.3 else folder
    place.mkdir(parents=True)
    for path in sorted((room.seeds / "digits").glob("*.wav")):
        shutil.copyfile(path, place / path.name)
    return folder, "fsdd"


def _sounds(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.wav") if not path.is_dir())


def _spoil_sound(random: Random, folder: Path, room: Room) -> str:
    sounds = _sounds(folder)
    if not sounds:
        return "nothing there"
    path = random.choice(sounds)
    return f"{path.name}: {spoiled_sound(random, room.seeds / 'sounds' / 'pcm16.wav', path)}"


def _add_file(random: Random, folder: Path, room: Room) -> str:
    place = random.choice([folder, *sorted(path for path in folder.iterdir() if path.is_dir())])
    stem = os.fsdecode(random.choice((*hostile.BAD_NAMES, b"0_x_0", b"0__0", b"0_x_" + b"9" * 200, b"_", b"0_x_-1")))
    path = place / f"{stem}{random.choice(('.wav', '.WAV', '', '.txt', '_nohash_0.wav', '_theo_1.wav'))}"
    if os.path.lexists(path) or len(os.fsencode(path.name)) > 250:
        return "no new file"
    return f"{path.name!a}: {spoiled_sound(random, room.seeds / 'sounds' / 'pcm16.wav', path)}"


def _add_folder(random: Random, folder: Path, room: Room) -> str:
    path = folder / hostile.bad_name(random)
    if os.path.lexists(path):
        return "no new folder"
    source = random.choice([each for each in sorted(room.seeds.glob("words/*")) if each.is_dir()])
    shutil.copytree(source, path)
    return f"folder {path.name!a}"


def _replace_folder(random: Random, folder: Path, room: Room) -> str:
    inside = sorted(folder.iterdir())
    if not inside:
        return "nothing there"
    path = random.choice(inside)
    return f"{path.name}: {hostile.place_kind(random, path)}"


def _remove_some(random: Random, folder: Path, room: Room) -> str:
    sounds = _sounds(folder)
    kept = random.choice((0, 1, 2, 5))
    for path in random.sample(sounds, max(len(sounds) - kept, 0)):
        path.unlink()
    return f"{kept} clips left"


def _spoil_list(random: Random, folder: Path, room: Room) -> str:
    path = folder / random.choice(LISTS)
    if not path.is_file() or path.is_symlink() or path.stat().st_size > 2**24:
        hostile.clear(path)
        path.write_text("left/ann_nohash_0.wav\n")
    content = path.read_bytes()
    if random.random() < 0.3:
        return f"{path.name}: {hostile.place_kind(random, path)}"
    lines = random.choice((*hostile.TEXTS, "../../outside/users_file.txt", "left/none.wav", "left", "/etc/passwd"))
    ways = (
        b"",
        content[:7],
        content + lines.encode() + b"\n",
        content * 2,
        b"\xff\xfe",
        content + b"\0",
        content[::-1],
    )
    path.write_bytes(random.choice((*ways, hostile.spoil_bytes(random, content)[0])))
    return f"{path.name} changed"


_WAYS = (_spoil_sound, _spoil_sound, _add_file, _add_file, _add_folder, _replace_folder, _remove_some, _spoil_list)


def _root(random: Random, name: str) -> str:
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"data.root='{quoted}'" if random.random() < 0.8 else f"data.root={name}"


def _words(room: Room, name: str, layout: str) -> list[str]:
    random = room.random
    words = [*SINGLE, "data=words" if layout == "folders" else "data=fsdd", _root(random, name)]
    if random.random() < 0.5:
        words += random.choice(WORD_OPTIONS).split(" ")
    return words


def _plan(room: Room, name: str, layout: str) -> Case:
    return Case("fsdd_lightning.plan", _words(room, name, layout), "", ours=())


def _train(room: Room, name: str, layout: str) -> Case:
    words = [*_words(room, name, layout), room.random.choice(("quantization=float32", "quantization=int8_ptq"))]
    return Case("sketched_train", words, "", terminable=True)


def _prepare(room: Room, name: str, layout: str) -> Case:
    return Case("preparing", _words(room, name, layout), "", ours=())


def _evaluate(room: Room, name: str, layout: str) -> Case:
    room.copy_cache()
    room.copy("sweep/quantization=int8_ptq", "run")
    option = room.random.choice(("--data", "--data", "--others", "--data-root"))
    json = ["--json"] if room.random.random() < 0.3 else []
    return Case("fsdd_lightning.evaluate", ["run", f"{option}={name}", *json], "", ours=("work/run/evaluations/*",))


def _predict(room: Room, name: str, layout: str) -> Case:
    room.copy("sweep/quantization=int4_qat", "run")
    return Case("fsdd_lightning.predict", ["run", f"./{name}"], "", ours=())


_COMMANDS = (_plan, _plan, *(_prepare,) * 8, _train, *(_evaluate,) * 5, *(_predict,) * 2)
