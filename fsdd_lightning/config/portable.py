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
from fsdd_lightning.errors import UserError

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
    """Whether this process has the variables; `training/kernels.py` also checks that they came in time."""
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
    require_processor()
    os.environ.update(SETTINGS)
    sys.stdout.flush()
    sys.stderr.flush()
    _replace_process([sys.executable, *sys.orig_argv[1:]])


def _replace_process(command: list[str]) -> NoReturn:
    os.execv(command[0], command)


def require_processor() -> None:
    """Raises UserError on a processor that the variables are not made for."""
    missing = _NEEDED - set(this_processor().instructions)
    if missing:
        raise UserError(
            f"trainer.portable=true needs an x86-64 processor with AVX2 and FMA (2013 or later), and "
            f"{this_processor().name} is none: set it to false"
        )
