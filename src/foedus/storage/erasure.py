"""Erasing entries in place so that a crash at any instant leaves each of them whole, erased, or named by the intent."""

from __future__ import annotations

import os
from collections.abc import Mapping

from foedus.kernel.errors import Damaged
from foedus.storage import intent
from foedus.storage.files import write_all
from foedus.storage.frames import ENTRY, ERASED, FIXED, BadFrame, EntryHead, Frame, encode_erased, entry_head
from foedus.storage.layout import Segment, Segments


def erase(segments: Segments, targets: Mapping[int, int]) -> None:
    """Erase the entries in the frames at these addresses (address -> sequence number), durably.

    1. Leave out those that are erased already. 2. Write the intent, durably. 3. Overwrite each frame. 4. Make the
    segments durable. 5. Remove the intent. Raises OSError, after which it can be repeated, and Damaged.
    """
    earlier = intent.pending(segments.folder)
    fresh = {address: seq for address, seq in targets.items() if address not in earlier}
    waiting = earlier | {a: seq for a, seq in fresh.items() if _read(segments, a, seq)[1].state != ERASED}
    if not waiting:
        return
    intent.write(segments.folder, waiting)
    _overwrite(segments, waiting)
    intent.clear(segments.folder)


def finish(segments: Segments) -> None:
    """Finish what a crash interrupted. An unreadable intent was never in force: it is removed."""
    waiting = intent.pending(segments.folder)
    if waiting:
        _overwrite(segments, waiting)
    intent.clear(segments.folder)


def _read(segments: Segments, address: int, seq: int) -> tuple[Frame, EntryHead]:
    try:
        found = segments.frame_at(address)
        head = entry_head(found.buffer, found.lo, found.hi)
    except BadFrame as error:
        raise Damaged(f"entry {seq}: {error}", seq) from error
    if found.magic != ENTRY or head.seq != seq:
        raise Damaged(f"entry {seq} is not where the index says", seq, hint="run verify")
    return found, head


def _overwrite(segments: Segments, targets: Mapping[int, int]) -> None:
    for segment, addresses in _by_segment(segments, targets):
        fd = os.open(segment.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            for address in addresses:
                # While the intent names it, a frame reads as erased whatever state its bytes are in.
                found, head = _read(segments, address, targets[address])
                write_all(fd, encode_erased(head, found.hi - found.lo - FIXED), address - segment.base)
            os.fdatasync(fd)
        finally:
            os.close(fd)


def _by_segment(segments: Segments, addresses: Mapping[int, int]) -> list[tuple[Segment, list[int]]]:
    grouped: dict[int, tuple[Segment, list[int]]] = {}
    for address in sorted(addresses):
        segment = segments.locate(address)
        grouped.setdefault(segment.base, (segment, []))[1].append(address)
    return list(grouped.values())
