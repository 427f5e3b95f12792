"""The exported C, compiled for this machine and called from Python: the `c` view of a network."""

from __future__ import annotations

import ctypes
import tempfile
from functools import cache
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.fixed_point import Int8Array, Int16Array, Int32Array
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.export.c_export import export_c, runtime_files
from fsdd_lightning.export.compiler import STRICT_C99, compile_c, find_compiler

NAME = "host"  # of the model: the prefix that host/fsdd_host.c expects
OPTIMIZE = ("-O3", "-fPIC", "-fvisibility=hidden")
THIS_PROCESSOR = ("-march=native",)  # AVX2 where there is any; the library never leaves this machine


class HostNetwork:
    """A compiled network. Close it, or use it in a `with` statement: its files are in a temporary folder."""

    def __init__(
        self, deployment: Deployment, library: Path, folder: tempfile.TemporaryDirectory[str]
    ) -> None:
        model = deployment.model
        self._inputs, self._classes = model.input_size, model.classes
        self._layers, self._hidden = len(model.layers), model.layers[0].hidden_size
        self._library: ctypes.CDLL | None = _load(library)
        self._folder = folder

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

    def close(self) -> None:
        """Remove the files; the engine answers no more."""
        self._library = None
        self._folder.cleanup()

    def __enter__(self) -> HostNetwork:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _checked(self, features_q4: Int8Array, axes: int) -> bytes:
        """The features in C order; ctypes passes bytes on in a tenth of the time that an array's address takes."""
        if features_q4.dtype != np.int8 or features_q4.ndim != axes or features_q4.shape[-1] != self._inputs:
            wanted = f"int8 with {axes} axes, the last of {self._inputs}"
            raise ValueError(f"features must be {wanted}, not {features_q4.dtype} {features_q4.shape}")
        return features_q4.tobytes()

    def _functions(self) -> ctypes.CDLL:
        if self._library is None:
            raise ValueError("this engine was closed")
        return self._library


def _at(array: NDArray[Any]) -> int:
    return array.ctypes.data


def _load(library: Path) -> ctypes.CDLL:
    functions = ctypes.CDLL(str(library))
    constant, pointer, size = ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t
    functions.fsdd_host_logits.argtypes = (constant, constant, size, size, pointer)
    functions.fsdd_host_trace.argtypes = (constant, size, pointer, pointer)
    functions.fsdd_host_trace.restype = None
    return functions


def compile_host(deployment: Deployment) -> HostNetwork:
    """Export with the layout for hosts, compile, load.

    Raises:
        CompilerMissing: there is no C compiler on this machine.
        RunFailedError: the compiler failed; the message has its first error.
    """
    find_compiler()
    folder = tempfile.TemporaryDirectory(prefix="fsdd_host_", ignore_cleanup_errors=True)
    try:
        return HostNetwork(deployment, _build_library(deployment, Path(folder.name)), folder)
    except BaseException:
        folder.cleanup()
        raise


def _build_library(deployment: Deployment, folder: Path) -> Path:
    export_c(deployment, folder, name=NAME, golden=None, notes={}, layout="host")
    source = resources.files("fsdd_lightning.export") / "host" / "fsdd_host.c"
    (folder / "fsdd_host.c").write_text(source.read_text("ascii"))
    runtime, library = _runtime_object(tuple(find_compiler())), folder / "fsdd_host.so"
    _compile("-shared", folder / "fsdd_host.c", folder / "fsdd_model.c", runtime, "-o", library)
    return library


def _compile(*arguments: str | Path) -> None:
    try:
        compile_c([*STRICT_C99, *OPTIMIZE, *THIS_PROCESSOR, *arguments])
    except RunFailedError:  # a compiler that does not know its processor, or a warning newer than this code
        compile_c(["-std=c99", *OPTIMIZE, *arguments])


def _runtime_object(compiler: tuple[str, ...]) -> Path:
    """The runtime for all weight codes, compiled once a process and compiler: it is most of the time a build takes.

    A build takes gcc 12 0.53 s of processor time, and the next one in the same process, such as a sweep's, 0.06 s.
    """
    folder = Path(_runtime_folder(compiler).name)
    compiled = folder / "fsdd_lstm.o"
    if not compiled.exists():  # not yet, or a cleaner of temporary files came by
        folder.mkdir(exist_ok=True)
        for name, text in runtime_files().items():
            (folder / name).write_text(text)
        _compile("-c", folder / "fsdd_lstm.c", "-o", folder / "unfinished.o")
        (folder / "unfinished.o").replace(compiled)
    return compiled


@cache
def _runtime_folder(compiler: tuple[str, ...]) -> tempfile.TemporaryDirectory[str]:
    """Removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="fsdd_runtime_", ignore_cleanup_errors=True)
