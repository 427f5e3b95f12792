"""Run and sweep folders that somebody else sent, or that a disk has spoiled, given to all commands that open them."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import zipfile
import zlib
from collections.abc import Callable
from glob import escape
from pathlib import Path
from random import Random
from typing import Any

import hostile
import numpy as np
import seeds
from room import Case, Room

NAMES = ("digits", "a b", "1a", "", "int", "a" * 300, "../x", "\x1b[31m", "main", "a-b", "\u65e5", "/x", "a\nb")


class Hostile:
    """Unpickling this runs a program."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch canary",)


def case(room: Room) -> Case:
    """One command on one spoiled run, or on a sweep with one or two spoiled runs."""
    random = room.random
    command, whole = random.choice(_COMMANDS)
    if whole:
        name = random.choice(("sweep", "sweep", "mfcc"))
        place = room.copy(name, f"multirun/{name}")
        folders = [*sorted(path for path in place.iterdir() if path.is_dir()), place]
    else:
        wanted = f"sweep/quantization={seeds.INTERRUPTED}" if command is _resume else random.choice(seeds.runs(room))
        place = room.copy(wanted, "multirun/single/run")
        folders = [place]
    (place / "users_file.txt").write_text("a user's own among results")
    notes = [_spoil(random, random.choice(folders)) for _ in range(random.choice((1, 1, 1, 2, 3)))]
    if not whole and command is not _resume and random.random() < 0.1:
        renamed = place.with_name(hostile.bad_name(random).lstrip("-") or "x")
        place = place.rename(renamed)
    made = command(room, os.path.relpath(place, room.work))
    made.note = f"{'; '.join(notes)}"
    return made


# --- what is spoiled ---


def _spoil(random: Random, folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if _is_plain(path) and path.name != "users_file.txt")
    records = [path for path in files if path.suffix == ".json"]
    archives = [path for path in files if path.suffix in (".npz", ".pt")]
    kind = random.randrange(20)
    if kind < 9 and records:
        return _spoil_record(random, random.choice(records))
    if kind < 14 and archives:
        return _spoil_archive(random, random.choice(archives))
    if kind < 16 and files:
        path = random.choice(files)
        path.write_bytes(hostile.spoil_bytes(random, path.read_bytes())[0])
        return f"{path.name} bytes"
    if kind == 16:
        path = folder / random.choice(("export", "report", "evaluations", "checkpoints", ".pruned", "robustness.json"))
        return f"{path.name}: {hostile.place_kind(random, path)}"
    if kind == 17 and files:
        path = random.choice(files)
        path.unlink()
        return f"without {path.name}"
    if kind == 18 and len(files) > 1:
        one, other = random.sample(files, 2)
        shutil.copyfile(one, other)
        return f"{other.name} is a copy of {one.name}"
    path = (
        random.choice(files) if files and kind == 19 else folder / random.choice(("run.json", "sweep.json", "run.lock"))
    )
    return f"{path.name}: {hostile.place_kind(random, path)}"


def _is_plain(path: Path) -> bool:
    """Whether it is not spoiled already by what is endless."""
    return path.is_file() and not path.is_symlink() and path.stat().st_size < 2**24


def _spoil_record(random: Random, path: Path) -> str:
    text = path.read_bytes()
    if random.random() < 0.15:
        spoiled, how = hostile.spoil_json_text(random, text)
        path.write_bytes(spoiled)
        return f"{path.name}: {how}"
    try:
        content = json.loads(text)
        json.dumps(content)
    except (ValueError, RecursionError):
        return f"{path.name} was spoiled already"
    notes = []
    for _ in range(random.choice((1, 1, 2, 4))):
        content, how = random.choice((hostile.spoil_json, hostile.spoil_json, _lie))(random, content)
        notes.append(how)
    path.write_text(json.dumps(content))
    return f"{path.name}: {', '.join(notes)}"


LIES: dict[str, tuple[Any, ...]] = {  # of records that look right
    "overrides": (
        ["+callbacks.x._target_=os.system", "+callbacks.x.command='touch canary'"],
        *(["--config-dir=../../outside"], ["hydra.run.dir=../../../outside/x"], ["output_root=/dev/null"], ["-m"]),
        *(["hydra.sweep.dir=../../outside"], ["--experimental-rerun=x"], [1], [None], "seed=1", ["\x1b[31m=1"]),
    ),
    "status": ("done", "failed", "interrupted", "over_budget", "\x1b[31m", "running", "=1+1"),
    "error": ("\x1b[31mred", "a\nerror: b", "\u202e", "=cmd", "<script>", "|a|b|", None, "still running, or killed"),
    "name": hostile.TEXTS,
    "config.data.root": ("/", "/proc", "../../../outside", "/dev", "~nobody", ["a", "b"], {"a": "b"}),
    "config.data.cache_dir": ("/dev/null", "../../../outside", "/proc/x", "work"),
    "config.data.archive_url": ("http://203.0.113.1/x.tar.gz", "file:///etc/passwd", "http://127.0.0.1:1/x"),
    "config.data.source": ("fsdd",),
    "config.data.synthetic.takes": (10**9, 10**6, 7),
    "config.data.synthetic.speakers": (10**9, 10**5),
    "config.model.hidden_size": (10**9, 2**31, 0, -1, 10**5),
    "config.model.layers": (10**9, 10**4, 0),
    "config.features.n_mels": (2**31, 10**9),
    "config.features.max_seconds": (1e308, 1e9, 1e-9),
    "config.features.sample_rate_hz": (2**31, 1, 10**9),
    "config.features.window_ms": (1e9, 16.0, 64.0),
    "config.features.coefficients": (10**9, 0, 32),
    "config.features.bands": (10**9, 1),
    "config.listener.longest_frames": (10**9, 2**31),
    "config.waveform_augmentation.copies": (10**9,),
    "config.torch_threads": (10**5, 10**9),
    "config.quantization.weight_code": ("int8", "int4", "x", None),
    "dataset.folder": ("/", "/dev/zero", "../../../outside"),
    "config.evaluation.unheard_speaker": ("any", "ada", "\x1b"),
    "config.data.others": (["/"], ["../../../outside"], "nearby"),
    "git.commit": ("\x1b[31m", "=1+1", "<b>"),
    "schema_version": (0, 2, 10**9, "1", None),
}


def _lie(random: Random, content: Any) -> tuple[Any, str]:
    name = random.choice(sorted(LIES))
    *way, last = name.split(".")
    holder = content
    for key in way:
        holder = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(holder, dict):
        return content, "no place for a lie"
    holder[last] = random.choice(LIES[name])
    return content, f"{name} = {ascii(holder[last])[:60]}"


def _spoil_archive(random: Random, path: Path) -> str:
    members = _members(path)
    if random.random() < 0.4 or not members:
        spoiled, how = hostile.spoil_bytes(random, path.read_bytes())
        path.write_bytes(spoiled)
        return f"{path.name}: {how}"
    name = random.choice(sorted(members))
    way = random.choice(sorted(_SPOILED))
    members[name] = _SPOILED[way](random, members[name])
    extra = random.random() < 0.1
    with zipfile.ZipFile(path, "w", random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for each, data in members.items():
            archive.writestr(each, data)
        if extra:
            archive.writestr("../../../outside/canary.npy", b"x")
    return f"{path.name}/{name}: {way}{' and another member' if extra else ''}"


def _members(path: Path) -> dict[str, bytes]:
    """Of a .zip; none where it was spoiled already."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError, NotImplementedError, zlib.error, EOFError, RuntimeError):
        return {}


def _npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def _header(shape: str, kind: str = "<f4") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (63 - (10 + len(text)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + b"\0" * 64


def _other_values(random: Random, data: bytes) -> bytes:
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except ValueError:
        return hostile.spoil_bytes(random, data)[0]
    changes: tuple[Callable[[], Any], ...] = (
        lambda: np.zeros_like(array),
        lambda: np.full_like(array, 127) if array.dtype.kind in "iu" else np.full_like(array, np.nan, dtype=float),
        lambda: array.astype(np.float64) if array.dtype.kind in "iuf" else array,
        lambda: array[..., :1] if array.ndim else array[None],
        lambda: np.stack([array] * 3),
        lambda: np.array([]),
        lambda: np.array("\x1b[31m"),
        lambda: -array if array.dtype.kind in "if" else array,
        lambda: array.astype(np.int64) * 2**40 if array.dtype.kind in "iu" else array,
    )
    return _npy(random.choice(changes)())


_SPOILED: dict[str, Callable[[Random, bytes], bytes]] = {
    "pickle": lambda random, data: pickle.dumps(Hostile()),
    "array of objects": lambda random, data: _npy(np.array([Hostile()], dtype=object)),
    "bytes": lambda random, data: hostile.spoil_bytes(random, data)[0],
    "empty": lambda random, data: b"",
    "huge shape": lambda random, data: _header(random.choice(("(10**9, 10**9)", "(4000000000,)", "(1000000, 100000)"))),
    "odd shape": lambda random, data: _header(random.choice(("(-1,)", "(0, 0)", "()", "('a',)", "5", "(1,) * 100"))),
    "odd kind": lambda random, data: _header("(4,)", random.choice(("|O", "<U9", "<M8[s]", "<c16", "V8", "x", "<f2"))),
    "zeros without end": lambda random, data: _header("(200000000,)") + b"\0" * 10_000_000,
    "other values": _other_values,
}


# --- commands ---


def _predict(room: Room, place: str) -> Case:
    room.copy("sounds/pcm16.wav", "word.wav")
    words = [
        place,
        "word.wav",
        *room.random.choice(([], ["--json"], ["--stream"], ["--backend=c"], ["--backend=float"])),
    ]
    return Case("fsdd_lightning.predict", words, "", ours=())


def _listen(room: Room, place: str) -> Case:
    room.copy("sounds/long.wav", "word.wav")
    words = [place, "--input=word.wav", *room.random.choice(([], ["--json"], ["--backend=c"]))]
    return Case("fsdd_lightning.listen", words, "", ours=())


def _evaluate(room: Room, place: str) -> Case:
    room.copy_cache()
    more = room.random.choice(
        ([], [], ["--json"], ["--data=digits"], ["--others=digits"], ["--backend=c"], ["--backend=float"])
    )
    if any("digits" in word for word in more):
        room.copy("digits", "digits")
    return Case("fsdd_lightning.evaluate", [place, *more], "", ours=(f"work/{escape(place)}/evaluations/*",))


def _export(room: Room, place: str) -> Case:
    random = room.random
    formats = (["--format=onnx"], ["--format=web"], ["--format=web", "digits"])
    words = [place, *random.choice(([], [], *formats, ["--output=out"], ["--output=export"]))]
    if random.random() < 0.3:
        words += [f"--name={random.choice(NAMES)}"]
    created = ("work/out", "work/out/*", "work/export/*")
    return Case("fsdd_lightning.export_model", words, "", ours=(f"work/{escape(place)}/export/*",), created=created)


def _report(room: Room, place: str) -> Case:
    random = room.random
    words = [place, *random.choice(([], ["--portable"], ["--output=out"], [f"--title={random.choice(hostile.TEXTS)}"]))]
    return Case(
        "fsdd_lightning.report", words, "", ours=(f"work/{escape(place)}/report/*",), created=("work/out", "work/out/*")
    )


def _prune(room: Room, place: str) -> Case:
    return Case("fsdd_lightning.report", [place, "--prune"], "")


def _resume(room: Room, place: str) -> Case:
    room.copy_cache()
    return Case("fsdd_lightning.train", ["--resume", place], "", terminable=True)


def _plan(room: Room, place: str) -> Case:
    return Case("fsdd_lightning.plan", seeds.sweep_words(place.rpartition("/")[2]), "", ours=())


def _again(room: Room, place: str) -> Case:
    room.copy_cache()
    return Case("fsdd_lightning.train", seeds.sweep_words(place.rpartition("/")[2]), "", terminable=True)


_COMMANDS: tuple[tuple[Callable[[Room, str], Case], bool], ...] = (
    *((_predict, False),) * 12,
    *((_listen, False),) * 6,
    *((_evaluate, False),) * 12,
    *((_export, False),) * 8,
    *((_report, True),) * 8,
    *((_prune, True),) * 3,
    *((_resume, False),) * 3,
    *((_plan, True),) * 3,
    (_again, True),
)
