"""Mapped files of the full text: their pages are let go of when they have become many.

The full text is read through files that are mapped into memory. What a search touches counts as memory of the process
from then on, so that a node with a million records would hold most of its index and never give it back. Let go of, the
pages stay in the kernel's cache for as long as it has room, like those of any file that was read, and come back
without the disk when a search wants them again.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
from contextlib import AbstractContextManager
from pathlib import Path

_LOOK = 0.05  # seconds between looks at how much there is
_MOST = 16 * 1024 * 1024  # bytes; one search of a million records touches some three million
_MAPS, _STATM = Path("/proc/self/maps"), Path("/proc/self/statm")
_DELETED = " (deleted)"


class MappedFiles:
    """Watches the mapped pages of files below `folder`, in a thread of its own, until `close`.

    Nothing below the folder may be unmapped but under `lock`: a range that is given back must be that of the file
    still. A shared mapping loses nothing by it. On a system without /proc nothing is done.
    """

    def __init__(self, folder: Path, lock: AbstractContextManager[object], most: int = _MOST) -> None:
        self._folder = f"{folder.resolve()}{os.sep}"
        self._lock = lock
        self._most = most // mmap.PAGESIZE
        self._quit = threading.Event()
        self._thread: threading.Thread | None = None
        if _MAPS.exists() and _STATM.exists() and hasattr(mmap, "MADV_DONTNEED"):
            self._bound = _file_pages() + self._most  # libraries are mapped too
            self._thread = threading.Thread(target=self._run, name="foedus-mapped", daemon=True)
            self._thread.start()

    def close(self) -> None:
        self._quit.set()
        if self._thread is not None:
            self._thread.join()

    def let_go(self) -> None:
        """Give back all pages of the folder's files now."""
        advise = ctypes.CDLL(None, use_errno=True).madvise
        with self._lock:
            for start, stop in self._ranges():
                advise(ctypes.c_void_p(start), ctypes.c_size_t(stop - start), mmap.MADV_DONTNEED)
            self._bound = _file_pages() + self._most

    def _run(self) -> None:
        while not self._quit.wait(_LOOK):
            if _file_pages() > self._bound:
                self.let_go()

    def _ranges(self) -> list[tuple[int, int]]:
        """Addresses at which the folder's files are mapped, shared and for reading only; deleted ones are on their way
        out, and left alone."""
        out = []
        for line in _MAPS.read_text().splitlines():
            addresses, rights, *_, path = line.split(maxsplit=5) if "/" in line else ("", "", "")
            if rights == "r--s" and path.startswith(self._folder) and not path.endswith(_DELETED):
                start, stop = addresses.split("-")
                out.append((int(start, 16), int(stop, 16)))
        return out


def _file_pages() -> int:
    """Resident pages of this process that belong to files."""
    return int(_STATM.read_bytes().split()[2])
