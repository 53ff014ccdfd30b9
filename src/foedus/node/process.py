"""How a process that serves for weeks is set: the collector, the interpreter's turns, the memory of many threads.

Nearly everything that a request makes is freed when the last name of it goes; what the collector finds are the few
cycles. With Python's own thresholds it would walk thousands of live objects several times in every import.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import time
from collections.abc import Callable

_YOUNG = 50_000  # objects made and not freed before the collector looks at them
_MIDDLE, _OLD = 10, 10
_TURN = 0.001  # seconds: a thread that comes back from the disk waits so long for one that computes, not 5 ms

# malloc.h of glibc
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_ALLOCATOR = {
    # Each thread would get a pool of its own that keeps what it once held: a hundred megabytes under load.
    _M_ARENA_MAX: 2,
    # A large array, request or cache page goes back to the system when it is freed. Left alone, glibc raises this bound
    # to 32 MB as soon as such a block is freed once; then blocks that come and go leave holes between those that stay.
    _M_MMAP_THRESHOLD: 256 * 1024,
    _M_TRIM_THRESHOLD: 1024 * 1024,
}
_LOOK = 2.0  # seconds between looks at what freed memory there is between blocks that are in use
_WORKED = 0.1  # seconds of work in between that make a look worth while
_PR_SET_THP_DISABLE = 41  # sys/prctl.h


def start() -> None:
    """Call before threads begin, and best before modules are loaded: the collector finds nothing among those."""
    sys.setswitchinterval(_TURN)
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
    try:
        libc = ctypes.CDLL(None)
        mallopt = libc.mallopt
    except (OSError, AttributeError):
        return  # not glibc: its own allocator is left as it is
    for option, value in _ALLOCATOR.items():
        mallopt(option, value)
    # numpy asks for pages of 2 MB, of which each array fills its last one in part: a megabyte lost for each column.
    libc.prctl(_PR_SET_THP_DISABLE, 1, 0, 0, 0)


def settle() -> None:
    """Call once, when the process has loaded what it needs. From then on freed memory goes back to the system."""
    gc.collect()
    gc.freeze()
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return
    threading.Thread(target=_give_back, args=(trim,), name="foedus-memory", daemon=True).start()


def _give_back(trim: Callable[[int], object]) -> None:
    """Now and then, while there is work: by itself glibc gives back only what is free at the end of a pool."""
    worked = 0.0
    while True:
        time.sleep(_LOOK)
        if time.process_time() - worked > _WORKED:
            trim(0)
            worked = time.process_time()
