"""The bytes of a journal: how entries, checkpoints, segment headers and the tree's cursor are framed. Pure.

Every frame is a magic of 4 bytes, a CRC-32 over the magic and all that follows the CRC, the payload's length, and the
payload; integers are little-endian. docs/journal-format.md is the full description; `tools/verify_journal.py` reads
it independently.

    entry       FJE1 | crc | length | state leaf | 0x00 salt seq at kind envelope-length envelope body
    checkpoint  FJC1 | crc | length | signed note
    segment     FJS1 | crc | length | version first-seq base origin
    cursor      FJP1 | crc | length | size end signed note

The part of an entry after its leaf is exactly what the leaf is the SHA-256 of: one run of bytes, hashed as it lies.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple
from zlib import crc32

from foedus.kernel.ports import Entry, Kind, NewEntry

ENTRY: Final = b"FJE1"
CHECKPOINT: Final = b"FJC1"
SEGMENT: Final = b"FJS1"
CURSOR: Final = b"FJP1"

VERSION: Final = 1
LIVE: Final = 0
ERASED: Final = 1
MAX_PAYLOAD: Final = 128 * 1024 * 1024  # a longer frame is damage, whatever its length field says
MAX_ENVELOPE: Final = 65_535

PREFIX = struct.Struct("<4sII")  # magic, crc, payload length
_COVERED = struct.Struct("<IB32s")  # the part of an entry's head that the crc covers: length, state, leaf
_HEAD = struct.Struct("<4sIIB32s")
_HASHED = struct.Struct("<B16sQQBH")  # 0x00, salt, seq, at, kind, envelope length: what the leaf begins with
_PAYLOAD = struct.Struct("<B32sB16sQQBH")
_SEGMENT = struct.Struct("<HHQQ")  # version, reserved, first seq, base
_CURSOR = struct.Struct("<QQ")  # size, end

ENTRY_HEAD: Final = _HEAD.size + _HASHED.size  # 81: where the envelope begins in an entry's frame
FIXED: Final = _PAYLOAD.size  # 69: the least payload of an entry
_CHUNK: Final = 1024 * 1024
_STARTS: Final = {magic: crc32(magic) for magic in (ENTRY, CHECKPOINT, SEGMENT, CURSOR)}  # where each crc starts
_ENTRY_START: Final = _STARTS[ENTRY]


class BadFrame(ValueError):
    """These bytes are not a frame of this format."""


class Frame(NamedTuple):
    """One good frame: its position in its segment, its magic, and its payload as buffer[lo:hi]."""

    position: int
    magic: bytes
    buffer: bytes
    lo: int
    hi: int

    @property
    def end(self) -> int:
        """The position after it."""
        return self.position + PREFIX.size + self.hi - self.lo

    def payload(self) -> bytes:
        return self.buffer[self.lo : self.hi]


@dataclass(frozen=True, slots=True)
class EntryHead:
    """The fixed fields of an entry's frame."""

    state: int
    leaf: bytes
    salt: bytes
    seq: int
    at: int
    kind: int
    envelope_length: int


def frame(magic: bytes, payload: bytes) -> bytes:
    """Any frame but an entry's."""
    crc = crc32(payload, crc32(len(payload).to_bytes(4, "little"), _STARTS[magic]))
    return PREFIX.pack(magic, crc, len(payload)) + payload


def encode_entries(
    entries: Sequence[NewEntry], seq: int, at: int, salts: bytes, base: int
) -> tuple[list[bytes], list[int], list[bytes], list[int]]:
    """Frames of new entries from `seq` on, all at time `at` and address `base`.

    Returns the parts to write, the addresses of the frames, the leaves, and the addresses of the bodies.
    """
    parts: list[bytes] = []
    positions: list[int] = []
    leaves: list[bytes] = []
    bodies: list[int] = []
    hashed, covered, head = _HASHED.pack, _COVERED.pack, _HEAD.pack
    salt = 0
    for new in entries:
        envelope, body = new.envelope, new.body
        run = b"".join((hashed(0, salts[salt : salt + 16], seq, at, new.kind, len(envelope)), envelope, body))
        leaf = sha256(run).digest()
        length = 33 + len(run)
        parts.append(head(ENTRY, crc32(run, crc32(covered(length, LIVE, leaf), _ENTRY_START)), length, LIVE, leaf))
        parts.append(run)
        positions.append(base)
        bodies.append(base + ENTRY_HEAD + len(envelope))
        leaves.append(leaf)
        base += PREFIX.size + length
        seq, salt = seq + 1, salt + 16
    return parts, positions, leaves, bodies


def encoded_size(new: NewEntry) -> int:
    """How long the frame of this entry will be."""
    return ENTRY_HEAD + len(new.envelope) + len(new.body)


def encode_erased(head: EntryHead, content: int) -> bytes:
    """The frame that replaces an entry's when it is erased: same length, same fields, zeros for salt and content.

    `content` is the length of envelope and body together.
    """
    run = _HASHED.pack(0, bytes(16), head.seq, head.at, head.kind, head.envelope_length) + bytes(content)
    length = 33 + len(run)
    crc = crc32(run, crc32(_COVERED.pack(length, ERASED, head.leaf), _ENTRY_START))
    return _HEAD.pack(ENTRY, crc, length, ERASED, head.leaf) + run


def entry_head(buffer: bytes, lo: int, hi: int) -> EntryHead:
    """The fixed fields of an entry's payload buffer[lo:hi]. Raises BadFrame where they contradict each other."""
    if hi - lo < FIXED:
        raise BadFrame("an entry's frame is too short")
    state, leaf, prefix, salt, seq, at, kind, envelope_length = _PAYLOAD.unpack_from(buffer, lo)
    if prefix or state > ERASED or hi - lo < FIXED + envelope_length:
        raise BadFrame("an entry's fields contradict each other")
    return EntryHead(state, leaf, salt, seq, at, kind, envelope_length)


def entry_run(found: Frame) -> memoryview:
    """The run of bytes that the leaf is the SHA-256 of."""
    return memoryview(found.buffer)[found.lo + 33 : found.hi]


def decode_entry(buffer: bytes, lo: int, hi: int, address: int) -> Entry:
    """The entry in payload buffer[lo:hi] of the frame at `address`. Raises BadFrame."""
    if hi - lo < FIXED:
        raise BadFrame("an entry's frame is too short")
    state, leaf, prefix, salt, seq, at, kind, envelope_length = _PAYLOAD.unpack_from(buffer, lo)
    middle = lo + FIXED + envelope_length
    if prefix or state > ERASED or middle > hi:
        raise BadFrame("an entry's fields contradict each other")
    try:
        known = Kind(kind)
    except ValueError as error:
        raise BadFrame(f"kind {kind} is not known") from error
    offset = address + ENTRY_HEAD + envelope_length
    if state == ERASED:
        return Entry(seq, known, at, b"", b"", b"", leaf, True, offset)
    return Entry(seq, known, at, buffer[lo + FIXED : middle], buffer[middle:hi], salt, leaf, False, offset)


def encode_segment(first: int, base: int, origin: str) -> bytes:
    """The header of a segment whose first entry is `first` and whose first byte has address `base`."""
    return frame(SEGMENT, _SEGMENT.pack(VERSION, 0, first, base) + origin.encode())


def decode_segment(payload: bytes) -> tuple[int, int, str]:
    """First entry, base address and origin. Raises BadFrame."""
    if len(payload) < _SEGMENT.size:
        raise BadFrame("a segment's header is too short")
    version, _, first, base = _SEGMENT.unpack_from(payload)
    if version != VERSION:
        raise BadFrame(f"a segment has format version {version}; this program reads {VERSION}")
    try:
        return first, base, payload[_SEGMENT.size :].decode()
    except UnicodeDecodeError as error:
        raise BadFrame("a segment's origin is not UTF-8") from error


def encode_cursor(size: int, end: int, note: bytes) -> bytes:
    """How far the stored tree reaches: entries, the address after the checkpoint, and the checkpoint itself."""
    return frame(CURSOR, _CURSOR.pack(size, end) + note)


def decode_cursor(data: bytes) -> tuple[int, int, bytes]:
    """Size, end and note of a cursor. Raises BadFrame."""
    found = parse(data)
    if found.magic != CURSOR or found.end != len(data) or found.hi - found.lo < _CURSOR.size:
        raise BadFrame("this is not a cursor")
    size, end = _CURSOR.unpack_from(data, found.lo)
    return size, end, data[found.lo + _CURSOR.size : found.hi]


def parse(buffer: bytes, at: int = 0, position: int = 0) -> Frame:
    """The whole frame that begins at buffer[at]. Raises BadFrame."""
    if at + PREFIX.size > len(buffer):
        raise BadFrame("the frame ends early")
    magic, crc, length = PREFIX.unpack_from(buffer, at)
    lo = at + PREFIX.size
    if magic not in _STARTS or length > MAX_PAYLOAD:
        raise BadFrame("no frame begins here")
    if lo + length > len(buffer):
        raise BadFrame("the frame ends early")
    if crc32(memoryview(buffer)[at + 8 : lo + length], _STARTS[magic]) != crc:
        raise BadFrame("the checksum of the frame is wrong")
    return Frame(position, magic, buffer, lo, lo + length)


def frames(read: Callable[[int, int], bytes], start: int, stop: int) -> Iterator[Frame]:
    """The good frames of `read(position, length)` from `start` up to `stop`. Ends early at the first bad one.

    Whoever needs to know whether all was good compares the last frame's end with `stop`. Memory: a chunk of 1 MB, or
    the longest frame.
    """
    chunk = b""
    base = start  # position of chunk[0]
    at = 0
    while base + at + PREFIX.size <= stop:
        missing = at + PREFIX.size - len(chunk)
        if missing <= 0:
            magic, crc, length = PREFIX.unpack_from(chunk, at)
            lo = at + PREFIX.size
            hi = lo + length
            if magic not in _STARTS or length > MAX_PAYLOAD or base + hi > stop:
                return
            missing = hi - len(chunk)
        if missing > 0:
            base, chunk, at = base + at, chunk[at:], 0
            more = read(base + len(chunk), min(max(missing, _CHUNK), stop - base - len(chunk)))
            if not more:
                return
            chunk += more
            continue
        if crc32(memoryview(chunk)[at + 8 : hi], _STARTS[magic]) != crc:
            return
        yield Frame(base + at, magic, chunk, lo, hi)
        at = hi
