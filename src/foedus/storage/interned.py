"""Names kept once: a small append-only JSON-lines file, one name a line; the line's number is the name's code.

Example: line 0 `"indicator"`, line 1 `"relationship"`; a label set is a line `["marking-definition--…", …]`. A name
that only erased records carried becomes `null`; its number is not given out again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

Name = str | tuple[str, ...]


class Interned:
    """A growing list of distinct names. With `path` None it lives in memory only."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._names: list[Name | None] = []
        self._codes: dict[Name, int] = {}
        self._file = -1
        if path is not None:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._load()

    def __len__(self) -> int:
        return len(self._names)

    @property
    def names(self) -> Sequence[Name | None]:
        """By code. None: erased."""
        return self._names

    def code(self, name: Name) -> int:
        """The code of a known name, -1 where it is not known."""
        return self._codes.get(name, -1)

    def codes(self, names: Sequence[Name]) -> list[int]:
        """One code a name, -1 for an empty one; new names are written before any row that uses them."""
        known = self._codes
        new = [name for name in dict.fromkeys(names) if name and name not in known]
        for name in new:
            known[name] = len(self._names)
            self._names.append(name)
        if new and self._file >= 0:
            _write(self._file, b"".join(msgspec.json.encode(name) + b"\n" for name in new))
        return [known[name] if name else -1 for name in names]

    def forget(self, codes: Iterable[int]) -> None:
        """Leave no trace of these names: in memory, and in the file, which is written anew."""
        gone = [code for code in codes if self._names[code] is not None]
        for code in gone:
            name = self._names[code]
            if name is not None:
                del self._codes[name]
                self._names[code] = None
        if gone and self._path is not None:
            self._rewrite()

    def cut(self, count: int) -> None:
        """Keep the first `count` names only."""
        if count < len(self._names):
            del self._names[count:]
            self._codes = {name: code for code, name in enumerate(self._names) if name is not None}
            if self._path is not None:
                self._rewrite()

    def sync(self) -> None:
        if self._file >= 0:
            os.fsync(self._file)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _load(self) -> None:
        """Read up to the first line that is torn or is not a name; what follows is cut."""
        assert self._path is not None
        good = 0
        for line in self._path.read_bytes().splitlines(keepends=True):
            try:
                name = msgspec.json.decode(line, type=str | tuple[str, ...] | None)
            except (msgspec.DecodeError, UnicodeDecodeError):
                break
            if not line.endswith(b"\n") or (name is not None and name in self._codes):
                break
            if name is not None:
                self._codes[name] = len(self._names)
            self._names.append(name)
            good += len(line)
        os.ftruncate(self._file, good)

    def _rewrite(self) -> None:
        """Overwrite in place of a rename: the old bytes must not stay behind in a freed block of the file."""
        text = b"".join(msgspec.json.encode(name) + b"\n" for name in self._names)
        size = os.fstat(self._file).st_size
        assert self._path is not None
        with open(self._path, "r+b") as file:
            file.write(text.ljust(size, b"\n"))
            file.flush()
            os.fsync(file.fileno())
            file.truncate(len(text))
            os.fsync(file.fileno())


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
