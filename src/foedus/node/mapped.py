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
import re
from pathlib import Path

_MOST = 56 * 1024 * 1024  # bytes; one search of a common word among a million records touches thirty million
_MAPS, _STATM = Path("/proc/self/maps"), Path("/proc/self/statm")


class MappedFiles:
    """The mapped files below `folder`. On a system without /proc nothing is done.

    Call both methods only while nothing below the folder can be unmapped: a range that is given back must still be
    that of the file. A shared mapping loses nothing by it.
    """

    def __init__(self, folder: Path, most: int = _MOST) -> None:
        path = re.escape(os.fsencode(folder.resolve()))
        self._lines = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) r--s [^/]* (%s/.*)$" % path, re.MULTILINE)
        self._most = most // mmap.PAGESIZE
        self._known = _MAPS.exists() and _STATM.exists() and hasattr(mmap, "MADV_DONTNEED")
        self._bound = _file_pages() + self._most if self._known else 0  # libraries are mapped too

    def keep_few(self) -> None:
        """Give back all pages where they have become many. Cheap where they have not."""
        if self._known and _file_pages() > self._bound:
            self.let_go()

    def let_go(self) -> None:
        """Give back all pages of the folder's files."""
        advise = ctypes.CDLL(None).madvise
        for start, stop in self._ranges():
            advise(ctypes.c_void_p(start), ctypes.c_size_t(stop - start), mmap.MADV_DONTNEED)
        self._bound = _file_pages() + self._most

    def _ranges(self) -> list[tuple[int, int]]:
        """Addresses at which the folder's files are mapped, shared and for reading only; deleted ones are on their way
        out, and left alone."""
        found = self._lines.findall(_MAPS.read_bytes())
        return [(int(start, 16), int(stop, 16)) for start, stop, path in found if not path.endswith(b" (deleted)")]


def _file_pages() -> int:
    """Resident pages of this process that belong to files."""
    return int(_STATM.read_bytes().split()[2])
