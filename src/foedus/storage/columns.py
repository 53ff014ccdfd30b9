"""Growing numpy columns, each with a flat file of its own: row i of a column stands at i * itemsize, little-endian.

Rows are written to the files, not fsynced, a thousand or more at a time: single ones would cost a system call a
column. After a crash of the process what was written counts, after one of the machine what `sync` had made durable;
the rest is there to be computed again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]
_FIRST = 4096  # rows; untouched pages cost no memory
_WRITE = 1024  # rows that wait in memory before they are written


class Columns:
    """Equal-length columns by name. `folder` None: in memory only."""

    def __init__(self, folder: Path | None, dtypes: Mapping[str, str]) -> None:
        self._dtypes = {name: np.dtype(code) for name, code in dtypes.items()}
        self._arrays: dict[str, Column] = {name: np.empty(0, dtype) for name, dtype in self._dtypes.items()}
        self._files: dict[str, int] = {}
        self._written = 0  # rows that the files hold
        self.count = 0
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for name in self._dtypes:
                path = folder / f"{name}.col"
                self._files[name] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __getitem__(self, name: str) -> Column:
        """The column up to `count`: a view that holds until the next append."""
        return self._arrays[name][: self.count]

    def stored(self) -> int:
        """Whole rows that every file holds."""
        return min(os.fstat(file).st_size // self._dtypes[name].itemsize for name, file in self._files.items())

    def load(self, count: int) -> None:
        """Read the first `count` rows."""
        for name, file in self._files.items():
            array = np.empty(_capacity(count), self._dtypes[name])
            _read(file, array[:count].view(np.uint8).data)
            self._arrays[name] = array
        self.count = self._written = count

    def cut(self, count: int) -> None:
        """Forget the rows from `count` on, in the files too."""
        self.count = min(self.count, count)
        self._written = min(self._written, count)
        for name, file in self._files.items():
            os.ftruncate(file, count * self._dtypes[name].itemsize)

    def append(self, rows: Mapping[str, Column | Sequence[int]]) -> None:
        """Add equal-length columns; readers of `count` see all of the rows or none."""
        start = self.count
        added = len(rows["at"])
        for name, dtype in self._dtypes.items():
            array = self._arrays[name]
            if start + added > len(array):
                grown = np.empty(_capacity(start + added), dtype)
                grown[:start] = array[:start]
                self._arrays[name] = array = grown
            array[start : start + added] = rows[name]
        self.count = start + added
        if self.count - self._written >= _WRITE:
            self._write()

    def set(self, name: str, row: int, value: int) -> None:
        """Change one value, in the file too."""
        array = self._arrays[name]
        array[row] = value
        if self._files and row < self._written:
            _pwrite(self._files[name], array[row : row + 1], row)

    def sync(self) -> None:
        self._write()
        for file in self._files.values():
            os.fdatasync(file)

    def _write(self) -> None:
        """Put the rows that wait in memory into the files."""
        for name, file in self._files.items():
            _pwrite(file, self._arrays[name][self._written : self.count], self._written)
        self._written = self.count

    def close(self) -> None:
        self._write()
        for file in self._files.values():
            os.close(file)
        self._files = {}


def _capacity(rows: int) -> int:
    return max(_FIRST, rows + rows // 2)


def _read(file: int, into: memoryview) -> None:
    done = 0
    while done < len(into):
        got = os.preadv(file, [into[done:]], done)
        if not got:
            raise OSError("a column file is shorter than it was a moment ago")
        done += got


def _pwrite(file: int, values: Column, row: int) -> None:
    view = values.view(np.uint8).data
    offset = row * values.itemsize
    while view:
        wrote = os.pwrite(file, view, offset)
        view, offset = view[wrote:], offset + wrote
