"""A consistent copy of a journal while it is in use.

The trouble is erasure: it overwrites bytes that may be copied at the same moment, and a copy made just before would
keep what was recalled. So: 1. copy up to a checkpoint; 2. look for tombstones that came meanwhile, and while there
are any, copy on to the checkpoint that includes them; 3. in the copy, erase every entry that any of its tombstones
names, whatever state the copied bytes were in; 4. read the copy from its first byte to its last, which checks it
and builds its tree. The copy appears under its name only when it is complete. A recall that comes after the
copy's checkpoint is not in the copy: whoever restores applies later recalls again.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from foedus.kernel.errors import Damaged
from foedus.kernel.ports import Kind
from foedus.storage import erasure, intent, recovery
from foedus.storage.files import sync_folder, write_all
from foedus.storage.layout import Segments
from foedus.storage.tombstones import targets_of
from foedus.storage.tree import Tree

if TYPE_CHECKING:
    from foedus.storage.segments import SegmentJournal

_CHUNK = 1024 * 1024
_ROUNDS = 100


def copy_journal(source: SegmentJournal, folder: Path) -> int:
    """Copy `source` into `folder`, which is absent or empty. Returns the size of the copy.

    Raises FileExistsError, Damaged where the source is damaged, OSError where the disk refuses (nothing appears then).
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700, parents=True)
    try:
        size = _copy(source, partial)
        os.replace(partial, folder)
        sync_folder(folder.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return size


def _copy(source: SegmentJournal, folder: Path) -> int:
    copied, size = 0, 0
    recalled: dict[int, int] = {}
    for _ in range(_ROUNDS):
        source.refresh()
        head = source.head
        found = _recalled(source, size, head.size)
        if copied and not found:
            break  # what came since the last round recalls nothing: the copy may end before it
        recalled |= found
        _copy_bytes(source.segments, folder, copied, head.end)
        copied, size = head.end, head.size
    intent.write(folder, recalled)
    return _complete(source, folder, copied)


def _recalled(source: SegmentJournal, start: int, stop: int) -> dict[int, int]:
    """What the tombstones among these entries name: address -> sequence number."""
    named: dict[int, int] = {}
    for entry in source.scan(start, stop):
        if entry.kind is Kind.TOMBSTONE and not entry.erased:
            named |= {source.address(seq): seq for seq in targets_of(entry.body) if seq < entry.seq}
    return named


def _copy_bytes(segments: Segments, folder: Path, start: int, stop: int) -> None:
    for segment in segments.all():
        size = min(stop, segments.after(segment)) - segment.base
        at = max(start - segment.base, 0)
        if at >= size:
            continue
        fd = os.open(folder / segment.path.name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while at < size:
                data = segments.read(segment.base + at, min(_CHUNK, size - at))
                if not data:
                    raise Damaged(f"{segment.path.name} ends early", segment.first)
                write_all(fd, data, at)
                at += len(data)
            os.fdatasync(fd)
        finally:
            os.close(fd)


def _complete(source: SegmentJournal, folder: Path, end: int) -> int:
    """Erase in the copy what was recalled, check it, build its tree. Its size."""
    segments = Segments(folder)
    segments.load()
    erasure.finish(segments)
    tree = Tree(folder / "tree")
    head = recovery.read_on(segments, tree, source.verifier, recovery.Head(0, 0, b"", 0), end, store=True)
    if head.end != end:
        raise Damaged(f"entry {head.size} could not be copied: it is damaged", head.size, hint="run verify")
    tree.flush(head.end, head.note)
    tree.close()
    segments.clear()
    sync_folder(folder)
    return head.size
