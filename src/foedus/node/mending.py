"""Projections whose files are damaged or of another make are dropped and built anew, for the journal is the truth.

What counts as damage is decided here once. A full or read-only disk does not, for dropping would not help.
"""

from __future__ import annotations

import errno
import logging
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from foedus.kernel.errors import StorageFull

T = TypeVar("T")
_log = logging.getLogger("foedus.projections")

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_MISSING = frozenset({None, errno.ENOENT, errno.EISDIR, errno.ENOTDIR})
_SQLITE_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_UNREADABLE = (ValueError, LookupError, EOFError, msgspec.MsgspecError)  # a bug of ours is none of these, mostly


def is_damage(error: BaseException) -> bool:
    """Whether an error of opening or writing a projection means that its files are not what was written."""
    if is_full(error):
        return False
    if isinstance(error, OSError):
        return error.errno in _MISSING
    if isinstance(error, sqlite3.Error):
        # a table or column that is not there: the files of another version
        return _sqlite_code(error) in _SQLITE_DAMAGE | {sqlite3.SQLITE_ERROR}
    return isinstance(error, _UNREADABLE) or is_panic(error)


def is_damage_in_reading(error: BaseException) -> bool:
    """The same for a reader's question, more narrowly: nobody can have files dropped by asking oddly."""
    if isinstance(error, sqlite3.Error):
        return _sqlite_code(error) in _SQLITE_DAMAGE
    if isinstance(error, OSError):
        return error.errno in _MISSING
    return is_panic(error)


def is_panic(error: BaseException) -> bool:
    """tantivy's panics; their class is a BaseException that no module exports."""
    return type(error).__name__ == "PanicException"


def is_full(error: BaseException) -> bool:
    """Whether the disk is full or read-only."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _NO_ROOM
    if isinstance(error, sqlite3.Error):
        return _sqlite_code(error) in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR}
    return any(words in str(error) for words in ("No space left", "Read-only file system"))  # tantivy tells in words


def or_anew(name: str, opened: Callable[[], T], drop: Callable[[], object]) -> T:
    """`opened()`; where the files are damaged, once more after `drop()`. Raises StorageFull, and what is no damage."""
    try:
        return opened()
    except BaseException as error:
        if is_full(error):
            raise StorageFull(f"{name} cannot be written: {error}", hint="free some space and start again") from error
        if not is_damage(error):
            raise
        _log.warning("%s: damaged (%s: %s); dropped, to be rebuilt from the journal", name, type(error).__name__, error)
    drop()
    return opened()


def discard(folder: Path, *patterns: str) -> None:
    """Remove the files and folders that match."""
    for pattern in patterns:
        for path in folder.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _sqlite_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the primary code
