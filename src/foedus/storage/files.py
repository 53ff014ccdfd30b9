"""Files as the journal needs them: whole writes, durable replacement, few descriptors, one error for a full disk."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foedus.kernel.errors import Busy, StorageFull

_LOOK = 0.01  # seconds between looks at a lock that another process holds
_REFUSALS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EIO,
    errno.EACCES,
    errno.EPERM,
    errno.EMFILE,
    errno.ENFILE,
}


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turn the disk's refusals into StorageFull; `what` says what was attempted."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        hint = (
            "free some space on the disk"
            if error.errno in (errno.ENOSPC, errno.EDQUOT)
            else "look at the disk and its permissions"
        )
        raise StorageFull(f"{what}: {os.strerror(error.errno or 0).lower()}", hint=hint) from error


def write_all(fd: int, data: bytes, position: int) -> None:
    """Write all of it at this position, or raise OSError."""
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, position)
        view, position = view[written:], position + written


def read_exactly(fd: int, position: int, length: int) -> bytes:
    """So many bytes, or fewer where the file ends."""
    data = os.pread(fd, length, position)
    while len(data) < length:
        more = os.pread(fd, length - len(data), position + len(data))
        if not more:
            break
        data += more
    return data


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace_file(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Put these bytes at this path: the old content or the new, never a part. `sync`: durable on return."""
    temporary = path.with_name(path.name + ".new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(fd, data, 0)
        os.fdatasync(fd)
    finally:
        os.close(fd)
    os.replace(temporary, path)
    if sync:
        sync_folder(path.parent)


class Descriptor:
    """An open file, closed when nobody uses it any more."""

    __slots__ = ("fd",)

    def __init__(self, path: Path, flags: int) -> None:
        self.fd = os.open(path, flags | os.O_CLOEXEC)

    def __del__(self) -> None:
        if hasattr(self, "fd"):
            os.close(self.fd)


class Descriptors:
    """At most `limit` open files, the least used closed first. A reader that holds one keeps it open meanwhile."""

    def __init__(self, limit: int = 128, flags: int = os.O_RDONLY) -> None:
        self._limit = limit
        self._flags = flags
        self._open: OrderedDict[Path, Descriptor] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: Path) -> Descriptor:
        with self._lock:
            found = self._open.get(path)
            if found is None:
                found = self._open[path] = Descriptor(path, self._flags)
                if len(self._open) > self._limit:
                    self._open.popitem(last=False)
            else:
                self._open.move_to_end(path)
            return found

    def clear(self) -> None:
        with self._lock:
            self._open.clear()


class FolderLock:
    """One writer a folder: an advisory lock on its file `lock`, held until `release` or the end of the process.

    Raises Busy where another one holds it, and still does after `seconds`.
    """

    def __init__(self, folder: Path, what: str = "this journal", seconds: float = 0.0) -> None:
        self._fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        end = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                if time.monotonic() >= end:
                    os.close(self._fd)
                    raise Busy(f"another process writes {what}", hint="stop the other process first") from error
            time.sleep(_LOOK)

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
