"""What the C library does with memory that torch frees: keeps it for the next step.

A training step takes and frees a few megabytes. glibc may give them back to the system at once, and the system clears
every page again that the next step touches: 1,280 pages a float step of 2x24 and 64 clips, a third of its time. It
stops that by itself where a process has freed a block of many megabytes before, as most runs have; here it never
begins.
"""

from __future__ import annotations

import ctypes
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, in malloc.h
_KEPT_BYTES = 2**28  # of free memory, at most
_OWN_PAGES_BYTES = 2**25  # what is larger gets, and gives back, pages of its own; the most that glibc allows


@cache
def keep_freed_memory() -> bool:
    """Whether this process does from now on; elsewhere than in glibc nothing happens."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _OWN_PAGES_BYTES)) and bool(mallopt(_TRIM_THRESHOLD, _KEPT_BYTES))
