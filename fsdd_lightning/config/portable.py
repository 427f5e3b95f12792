"""`trainer.portable`: a process whose float training gives the same bits on every x86-64 processor with AVX2 and FMA.

By default every library takes the kernels of the processor at hand, whose sums round differently. These variables fix
one set of kernels. The libraries read them when they are loaded, before any config is, so a command that turns out
to need them starts itself again. The rest, in torch alone, is in `model/portable.py`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import NoReturn

from fsdd_lightning.config.processor import this_processor
from fsdd_lightning.errors import RunFailedError, UserError

SETTINGS = {
    # torch's own loops: eight floats at a time, with FMA and exp, tanh, ... that torch brings along. `default` would
    # run anywhere, but calls the system's libm, whose last bits depend on its version.
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "COMPATIBLE",  # matrix products; the other branches exist on Intel's processors alone
    "MKL_DYNAMIC": "FALSE",  # or it would take fewer threads where there are fewer cores
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",  # numpy's and scipy's matrix products
    # numpy's exp, log, power, ...; names of several versions, those that one does not know are ignored
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_KNL AVX512_KNM AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL "
    "AVX512_SPR X86_V4",
}
_NEEDED = {"AVX2", "FMA"}


def is_portable(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process has the variables; `require_portable` also checks that they came in time."""
    return all(environ.get(name) == value for name, value in SETTINGS.items())


def wants_portable(choices: Iterable[bool]) -> bool:
    """The one value of `trainer.portable` in all trials of a command line.

    Raises:
        UserError: there are both, which no process can serve.
    """
    found = set(choices)
    if len(found) > 1:
        raise UserError("trainer.portable holds for a whole sweep, because processes start with it: give it one value")
    return found == {True}


def start_portable() -> None:
    """Start this command again in place of itself, with the variables; nothing where it has them.

    Raises:
        UserError: a processor that they are not made for.
    """
    if is_portable():
        return
    _require_processor()
    os.environ.update(SETTINGS)
    sys.stdout.flush()
    sys.stderr.flush()
    _replace_process([sys.executable, *sys.orig_argv[1:]])


def _replace_process(command: list[str]) -> NoReturn:
    os.execv(command[0], command)


def require_portable() -> None:
    """Check, after torch and numpy were loaded, that this process computes as `trainer.portable` promises.

    Raises:
        UserError: another kind of processor.
        RunFailedError: a process that was started without the variables, such as a worker of a Ray cluster.
    """
    import torch

    _require_processor()
    if is_portable() and torch.backends.cpu.get_cpu_capability() == "AVX2" and not _numpy_has_avx512():
        return
    variables = " ".join(f"{name}='{value}'" if " " in value else f"{name}={value}" for name, value in SETTINGS.items())
    raise RunFailedError(
        "trainer.portable=true: this process was started without the variables that it needs; start what starts it "
        f"(Python, or ray start) with: env {variables}"
    )


def _require_processor() -> None:
    missing = _NEEDED - set(this_processor().instructions)
    if missing:
        raise UserError(
            f"trainer.portable=true needs an x86-64 processor with AVX2 and FMA (2013 or later), and "
            f"{this_processor().name} is none: set it to false"
        )


def _numpy_has_avx512() -> bool:
    from numpy.lib.introspect import opt_func_info

    found = [
        kernel["current"] for types in opt_func_info(func_name="^(exp|log)$").values() for kernel in types.values()
    ]
    return any("AVX512" in name or "X86_V4" in name for name in found)
