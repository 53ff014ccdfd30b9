"""The folder of a journal: its segment files under one address space, and reading frames from it.

An address is a position in the concatenation of all segment files, headers included. A segment's header names the
address of its first byte, so an address is found by bisection and never changes: erasure keeps every length.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from foedus.kernel.errors import Damaged
from foedus.storage import intent
from foedus.storage.files import Descriptors, read_exactly
from foedus.storage.frames import (
    ENTRY,
    FIXED,
    PREFIX,
    SEGMENT,
    BadFrame,
    Frame,
    decode_segment,
    encode_erased,
    entry_head,
    frames,
    parse,
)

_NAME = re.compile(r"\d{20}\.seg")
_MAX_HEADER = 4096
_GUESS = 4096  # read for one frame at first; most need no second read
_GAP = 64 * 1024  # bodies closer than this are read at once
_BEYOND = 1 << 63
_RUN = 8 * 1024 * 1024  # and at most so much at once


def segment_path(folder: Path, first: int) -> Path:
    return folder / f"{first:020}.seg"


def segment_paths(folder: Path) -> list[Path]:
    """The segment files in order."""
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


@dataclass(frozen=True, slots=True)
class Segment:
    """One file: its first entry, the address of its first byte, and the length of its header."""

    path: Path
    first: int
    base: int
    header: int
    origin: str


def read_segment(path: Path) -> Segment:
    """Read a segment's header. Raises BadFrame; OSError where the file cannot be read."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = parse(read_exactly(fd, 0, _MAX_HEADER))
    except BadFrame:
        raise BadFrame(f"the header of {path.name} is damaged") from None
    finally:
        os.close(fd)
    if found.magic != SEGMENT:
        raise BadFrame(f"{path.name} does not begin as a segment")
    first, base, origin = decode_segment(found.payload())
    if path.name != f"{first:020}.seg":
        raise BadFrame(f"{path.name} says that its first entry is {first}")
    return Segment(path, first, base, found.end, origin)


class Segments:
    """The segment files of one journal, as far as they were there at `load` or added since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = Descriptors()
        self._segments: list[Segment] = []
        self._bases: list[int] = []

    def load(self) -> None:
        """Find segments that are new since the last load. Raises Damaged where they do not join."""
        for path in segment_paths(self.folder)[len(self._segments) :]:
            expected = self._segments[-1].base + self.size_of(self._segments[-1]) if self._segments else 0
            try:
                segment = read_segment(path)
            except BadFrame as error:
                raise Damaged(str(error), int(path.stem)) from error
            if segment.base != expected or (self._segments and segment.origin != self.origin):
                raise Damaged(f"{path.name} does not continue the segment before it", segment.first)
            self.add(segment)
        if not self._segments:
            raise Damaged(f"{self.folder} holds no journal", 0)

    def add(self, segment: Segment) -> None:
        self._segments = [*self._segments, segment]
        self._bases = [*self._bases, segment.base]

    @property
    def origin(self) -> str:
        return self._segments[0].origin

    @property
    def last(self) -> Segment:
        return self._segments[-1]

    def all(self) -> Sequence[Segment]:
        return self._segments

    def end(self) -> int:
        """The address after the last byte."""
        return self.last.base + self.size_of(self.last)

    def locate(self, address: int) -> Segment:
        """The segment that holds the byte at this address."""
        return self._segments[bisect_right(self._bases, address) - 1]

    def after(self, segment: Segment) -> int:
        """The address after this segment, the end of the last one as it is now."""
        following = self._after(segment.base)
        return following if following < _BEYOND else segment.base + self.size_of(segment)

    def descriptor(self, segment: Segment) -> int:
        return self._files.get(segment.path).fd

    def read(self, address: int, length: int) -> bytes:
        """Bytes of one segment; fewer where it ends."""
        segment = self.locate(address)
        held = self._files.get(segment.path)
        return read_exactly(held.fd, address - segment.base, length)

    def read_many(self, offsets: Sequence[int], lengths: Sequence[int]) -> list[bytes]:
        """Runs of bytes by (address, length), neighbours at once, in the order asked for."""
        if not offsets:
            return []
        low = min(offsets)
        high = max(map(sum, zip(offsets, lengths, strict=True)))
        if high - low <= min(_RUN, 2 * sum(lengths) + _GAP) and self.locate(low) is self.locate(high - 1):
            data = self._read_whole(low, high - low)
            return [data[a - low : a - low + n] for a, n in zip(offsets, lengths, strict=True)]
        out: list[bytes] = [b""] * len(offsets)
        order = sorted(range(len(offsets)), key=offsets.__getitem__)
        begin = 0
        while begin < len(order):
            start = offsets[order[begin]]
            stop, next_base = start + lengths[order[begin]], self._after(start)
            end = begin + 1
            while end < len(order):
                at = offsets[order[end]]
                reach = at + lengths[order[end]]
                if at - stop > _GAP or at >= next_base or reach - start > _RUN:
                    break
                stop = max(stop, reach)
                end += 1
            data = self._read_whole(start, stop - start)
            for i in order[begin:end]:
                out[i] = data[offsets[i] - start : offsets[i] - start + lengths[i]]
            begin = end
        return out

    def frame_at(self, address: int) -> Frame:
        """The one frame at this address; one that is being erased reads as erased. Raises BadFrame."""
        for _ in range(2):
            data = self.read(address, _GUESS)
            if len(data) >= PREFIX.size:
                length = PREFIX.size + PREFIX.unpack_from(data)[2]
                if _GUESS < length <= PREFIX.size + self._room(address):
                    data += self.read(address + len(data), length - len(data))
            try:
                return parse(data, 0, address)
            except BadFrame:
                # An erasure may be under way. Its intent is on disk before the first byte changes; where the intent
                # is gone again, it has finished meanwhile, and the second round finds the frame whole.
                if address in intent.pending(self.folder):
                    return _erased(data, address)
        raise BadFrame(f"the frame at address {address} is damaged")

    def frames(self, start: int, stop: int) -> Iterator[Frame]:
        """Good frames from address `start` up to `stop`, across segments, headers left out; ends at a bad one."""
        while start < stop:
            segment = self.locate(start)
            base = segment.base
            start = max(start, base + segment.header)
            limit = min(stop, self._after(start))
            held = self._files.get(segment.path)

            def read(position: int, length: int, fd: int = held.fd, base: int = base) -> bytes:
                return read_exactly(fd, position - base, length)

            for found in frames(read, start, limit):
                yield found
                start = found.end
            if start < limit:
                try:
                    found = self.frame_at(start)
                except BadFrame:
                    return
                if found.end > limit:
                    return
                yield found
                start = found.end

    def clear(self) -> None:
        """Close the open files."""
        self._files.clear()

    def size_of(self, segment: Segment) -> int:
        """The length of its file as it is now."""
        return os.fstat(self._files.get(segment.path).fd).st_size

    def _after(self, address: int) -> int:
        """The base of the segment after the one that holds this address; without one, a number beyond all."""
        index = bisect_right(self._bases, address)
        return self._bases[index] if index < len(self._bases) else _BEYOND

    def _room(self, address: int) -> int:
        segment = self.locate(address)
        return segment.base + self.size_of(segment) - address

    def _read_whole(self, address: int, length: int) -> bytes:
        data = self.read(address, length)
        if len(data) < length:
            raise Damaged(f"the journal ends before address {address + length}")
        return data


def _erased(data: bytes, address: int) -> Frame:
    """What the frame will be when its erasure has finished: all that this needs is left as it was."""
    length = PREFIX.unpack_from(data)[2]
    head = entry_head(data, PREFIX.size, PREFIX.size + length)
    whole = encode_erased(head, length - FIXED)
    return Frame(address, ENTRY, whole, PREFIX.size, len(whole))
