"""The garbage collector of a process that serves: it looks seldom, and not at what is there for good.

Nearly everything that a request makes is freed when the last name of it goes; what the collector finds are the few
cycles. With Python's own thresholds it would walk thousands of live objects several times in every import.
"""

from __future__ import annotations

import gc

_YOUNG = 50_000  # objects made and not freed before the collector looks at them
_MIDDLE, _OLD = 10, 10


def settle() -> None:
    """Call once, when the process has loaded what it needs."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
