"""Compiles the steps of quantization-aware training, where this machine has a C compiler."""

from __future__ import annotations

import ctypes
import hashlib
import json
import logging
import tempfile
from functools import cache
from importlib import resources
from pathlib import Path

from fsdd_lightning.artifacts import cached, sealed, unsealed, user_cache_folder
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.export.compiler import compile_c, compiler_identity
from fsdd_lightning.model.compiled_engine import CHOICE, SOURCE, CompiledEngine

_BUILDS = "compiled"  # in the user's cache folder
# None changes a value, so that the compiler decides about the speed alone; the library never leaves this machine.
_FLAGS = ("-std=c99", "-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fPIC")

logger = logging.getLogger(__name__)


def use_compiled_steps(wanted: bool = True) -> bool:
    """Whether this process trains with compiled steps from now on; without a compiler torch computes them.

    Both give the same bits again and again, but not each other's: where they must not depend on whether there is a
    compiler (`trainer.portable`), they are not wanted.
    """
    CHOICE.compiled = None
    if wanted:
        try:
            CHOICE.compiled = _engine()
        except (RunFailedError, OSError, AttributeError) as error:
            logger.info("quantization-aware training uses operations of torch: %s", error)
    return CHOICE.compiled is not None


@cache  # but for a failure: a compiler may be there the next time
def _engine() -> CompiledEngine:
    return CompiledEngine(_load(_library()))


def _library() -> bytes:
    """The shared library, kept in the user's cache folder."""
    source = (resources.files("fsdd_lightning.model") / SOURCE).read_text("ascii")
    key = hashlib.sha256(json.dumps([source, compiler_identity(_FLAGS), _FLAGS]).encode()).hexdigest()[:32]
    path = user_cache_folder() / _BUILDS / f"straight_through-{key}.so"
    return cached(path, load=unsealed, make=lambda: _compiled(source), dump=sealed)


def _compiled(source: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="fsdd_build_", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / SOURCE).write_text(source)
        compile_c([*_FLAGS, "-shared", folder / SOURCE, "-o", folder / "steps.so", "-lm"], folder)
        return (folder / "steps.so").read_bytes()


def _load(content: bytes) -> ctypes.CDLL:
    """A library that is loaded needs its file no more."""
    with tempfile.TemporaryDirectory(prefix="fsdd_build_", ignore_cleanup_errors=True) as name:
        path = Path(name) / "steps.so"
        path.write_bytes(content)
        return ctypes.CDLL(str(path))
