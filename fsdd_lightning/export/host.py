"""The exported C, compiled for this machine and called from Python: the `c` backend."""

from __future__ import annotations

import ctypes
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.fixed_point import Int8Array, Int16Array, Int32Array
from fsdd_lightning.arithmetic.front_end import FrontEnd
from fsdd_lightning.arithmetic.listener import WordEvent
from fsdd_lightning.artifacts import cached, sealed, unsealed, user_cache_folder
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.export.c_export import LISTENING_RUNTIME, LISTENING_TEMPLATES, export_c, runtime_files
from fsdd_lightning.export.compiler import STRICT_C99, compile_c, compiler_identity, find_compiler
from fsdd_lightning.export.host_listener import HostEvent, HostListener, check_samples

NAME = "host"  # of the model: the prefix that host/fsdd_host.c expects
OPTIMIZE = ("-O3", "-fPIC", "-fvisibility=hidden")
THIS_PROCESSOR = ("-march=native",)  # AVX2 where there is any; the library never leaves this machine
BUILDS = "compiled"  # in the user's cache folder
ABANDONED_AFTER_S = 3600.0  # a build takes a second

Files = tuple[tuple[str, str], ...]  # name and text of each, by name


class HostNetwork:
    """A compiled network, until it is closed or its `with` statement ends. It needs no files."""

    def __init__(self, deployment: Deployment, library: Path) -> None:
        model = deployment.model
        self._inputs, self._classes = model.input_size, model.classes
        self._layers, self._hidden = len(model.layers), model.layers[0].hidden_size
        self._listening = deployment.listening
        self._library: ctypes.CDLL | None = _load(library, self._listening is not None)

    def logits(self, features_q4: Int8Array, lengths: NDArray[Any]) -> Int32Array:
        """(B, classes) int32 for features (B, T, F): read at each clip's last valid frame; lengths (B,) in 1..T."""
        features = self._checked(features_q4, axes=3)
        clips, frames = features_q4.shape[:2]
        lengths = np.asarray(lengths, dtype=np.int64)
        logits = np.empty((clips, self._classes), np.int32)
        call = self._functions().fsdd_host_logits
        if lengths.shape != (clips,) or not call(features, lengths.tobytes(), clips, frames, _at(logits)):
            raise ValueError(f"{clips} clips need as many lengths in 1..{frames}")
        return logits

    def trace(self, features_q4: Int8Array) -> tuple[Int16Array, Int8Array]:
        """Every cell, int16 (T, L, H), and every hidden state, int8 (T, L, H), for one clip (T, F)."""
        features = self._checked(features_q4, axes=2)
        shape = (len(features_q4), self._layers, self._hidden)
        cell_q11, hidden_q7 = np.empty(shape, np.int16), np.empty(shape, np.int8)
        self._functions().fsdd_host_trace(features, len(features_q4), _at(cell_q11), _at(hidden_q7))
        return cell_q11, hidden_q7

    def clip_logits(self, clips: Sequence[Int16Array]) -> Int32Array:
        """(B, classes) int32 for clips (samples,) int16 that stand alone: after every whole window of each.

        Raises:
            ValueError: a clip without a whole window, or a network that gets features.
        """
        self._heard_front_end()
        for clip in clips:
            check_samples(clip)
        samples = np.concatenate([np.empty(0, np.int16), *clips])
        counts = np.array([len(clip) for clip in clips], np.int64)
        logits = np.empty((len(clips), self._classes), np.int32)
        call = self._functions().fsdd_host_clip_logits
        if not call(samples.tobytes(), counts.tobytes(), len(clips), _at(logits)):
            raise ValueError("a clip is shorter than one window")
        return logits

    def listener(self) -> HostListener:
        """A stream of samples, as `arithmetic.listener.Listener`; any number of them at once."""
        return HostListener(self._functions, self._heard_front_end())

    def listen(self, chunks: Iterable[Int16Array]) -> Iterator[WordEvent]:
        """The events of one stream that comes in pieces, each (samples,) int16."""
        listener = self.listener()
        for chunk in chunks:
            yield from listener.push(chunk)

    def _heard_front_end(self) -> FrontEnd:
        if self._listening is None:
            raise ValueError("this network gets features, not samples")
        return self._listening.front_end

    def close(self) -> None:
        """It answers no more."""
        self._library = None

    def __enter__(self) -> HostNetwork:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _checked(self, features_q4: Int8Array, axes: int) -> bytes:
        """The features in C order; ctypes passes bytes on in a tenth of the time that an array's address takes."""
        if features_q4.dtype != np.int8 or features_q4.ndim != axes or features_q4.shape[-1] != self._inputs:
            expected = f"int8 with {axes} axes, the last of {self._inputs}"
            raise ValueError(f"features must be {expected}, not {features_q4.dtype} {features_q4.shape}")
        return features_q4.tobytes()

    def _functions(self) -> ctypes.CDLL:
        if self._library is None:
            raise ValueError("this network was closed")
        return self._library


def _at(array: NDArray[Any]) -> int:
    return array.ctypes.data


def _load(library: Path, listening: bool) -> ctypes.CDLL:
    functions = ctypes.CDLL(str(library))
    constant, pointer, size = ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t
    functions.fsdd_host_logits.argtypes = (constant, constant, size, size, pointer)
    functions.fsdd_host_trace.argtypes = (constant, size, pointer, pointer)
    functions.fsdd_host_trace.restype = None
    if listening:
        functions.fsdd_host_clip_logits.argtypes = (constant, constant, size, pointer)
        functions.fsdd_host_listener_bytes.restype = size
        functions.fsdd_host_listen_init.argtypes = (pointer,)
        functions.fsdd_host_listen_init.restype = None
        functions.fsdd_host_listen_push.argtypes = (pointer, pointer, size, ctypes.POINTER(HostEvent))
        functions.fsdd_host_listen_push.restype = None
    return functions


def compile_host(deployment: Deployment) -> HostNetwork:
    """Export with the layout for hosts, compile, load.

    Raises:
        CompilerMissing: there is no C compiler on this machine.
        RunFailedError: the compiler failed; the message has its first error.
    """
    with _build_folder() as folder:
        return HostNetwork(deployment, _build_library(deployment, folder))


@contextmanager
def _build_folder() -> Iterator[Path]:
    """Gone at the end: a library that is loaded needs its file no more.

    In the user's cache folder, where the next build removes what a killed process left; in the temporary folder where
    that can't be written.
    """
    builds = user_cache_folder() / BUILDS
    try:
        builds.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(builds)
        folder = tempfile.TemporaryDirectory(prefix="build-", dir=builds, ignore_cleanup_errors=True)
    except OSError:
        folder = tempfile.TemporaryDirectory(prefix="fsdd_build_", ignore_cleanup_errors=True)
    with folder as name:
        yield Path(name)


def _remove_abandoned(builds: Path) -> None:
    for folder in builds.glob("build-*"):
        try:
            if time.time() - folder.stat().st_mtime > ABANDONED_AFTER_S:
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:  # that build has just ended
            continue


def _build_library(deployment: Deployment, folder: Path) -> Path:
    library = folder / "fsdd_host.so"
    export_c(deployment, folder, name=NAME, golden=None, notes={}, target="host")
    source = resources.files("fsdd_lightning.export") / "host" / "fsdd_host.c"
    (folder / "fsdd_host.c").write_text(source.read_text("ascii"))
    objects = []
    for name, files in _shared_sources(folder, deployment.listening is not None):
        objects.append(folder / f"{name}.o")
        objects[-1].write_bytes(_object(tuple(find_compiler()), name, files))
    _compile(folder, "-shared", folder / "fsdd_host.c", folder / "fsdd_model.c", *objects, "-o", library)
    return library


def _shared_sources(folder: Path, listening: bool) -> list[tuple[str, Files]]:
    """What no network is in: each C file without its suffix, with all files that it may include."""
    shared = [("fsdd_lstm", _in_order(runtime_files(listening=False)))]
    if listening:
        constants = {name: (folder / name).read_text("ascii") for name in LISTENING_TEMPLATES}
        files = _in_order(runtime_files(listening=True) | constants)
        shared += [(name, files) for name in LISTENING_RUNTIME]
    return shared


def _in_order(files: Mapping[str, str]) -> Files:
    return tuple(sorted(files.items()))


def _compile(folder: Path, *arguments: str | Path) -> None:
    try:
        compile_c([*STRICT_C99, *OPTIMIZE, *THIS_PROCESSOR, *arguments], folder)
    except RunFailedError:  # a compiler that does not know its processor, or a warning newer than this code
        compile_c(["-std=c99", *OPTIMIZE, *arguments], folder)


@cache  # for processes that find no cache folder
def _object(compiler: tuple[str, ...], name: str, files: Files) -> bytes:
    """An object file that networks share, kept in the user's cache folder: these are most of a build.

    The runtime is one for all weight codes. A network that gets features takes 0.68 s to build with gcc 12 where it has
    to be compiled, and 0.09 s otherwise; front end and listener take 0.25 s more.
    """
    path = user_cache_folder() / BUILDS / f"{name}-{_object_key(files)}.o"
    return cached(path, load=unsealed, make=partial(_compiled_object, name, files), dump=sealed)


def _object_key(files: Files) -> str:
    """SHA-256 (32 hex digits) of all that an object file depends on: sources, compiler, processor and flags."""
    flags = (*STRICT_C99, *OPTIMIZE, *THIS_PROCESSOR)
    return hashlib.sha256(json.dumps([files, compiler_identity(flags), flags]).encode()).hexdigest()[:32]


def _compiled_object(name: str, files: Files) -> bytes:
    with _build_folder() as folder:
        for file, text in files:
            (folder / file).write_text(text)
        _compile(folder, "-c", folder / f"{name}.c", "-o", folder / f"{name}.o")
        return (folder / f"{name}.o").read_bytes()
