"""Memory of the C library: kept by the process instead of given back after every layer."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # names of mallopt(3)
_KEPT = 2**31 - 1  # bytes; mallopt takes an int
_STEP = 2**28


def keep_freed_memory() -> bool:
    """Let the allocator reuse large blocks; whether it could be told so (glibc only).

    By default glibc maps each block over some megabytes afresh and unmaps it when it is freed. A training step
    on the processor allocates hundreds of them, and the kernel clears every page of each: without this, the
    frozen trunk of an EfficientNet-Lite0 at 128 px took 1.0 to 1.5 times the processor time (four pairs of
    runs on two busy cores).
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return False
    options = {_MMAP_MAX: 0, _TRIM_THRESHOLD: _KEPT, _TOP_PAD: _STEP}
    return all(mallopt(name, value) for name, value in options.items())
