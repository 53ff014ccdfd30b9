"""Opening a journal: read on from where the stored tree ends, and tell a torn tail from damage.

The journal is good up to its last checkpoint. What follows is either a batch that was never acknowledged, because
the process or the machine stopped while it was written, or damage:

1. A later checkpoint that verifies follows the bad bytes: damage, in the middle of the journal.
2. The bad frame is not in the last segment: damage, for a new segment begins only after its predecessor is durable.
3. The file ends inside the frame, whose first bytes are right: torn. Except where those bytes are a whole checkpoint
   that verifies: then its length was altered.
4. A whole disk sector from the bad frame on is zeros: the file had grown, its content had not yet arrived: torn.
5. Anything else was written whole and altered later: damage.
"""

from __future__ import annotations

from dataclasses import dataclass

from foedus.kernel.checkpoint import Checkpoint, NoteRefused, Verifier, split_note
from foedus.kernel.errors import Damaged
from foedus.storage.frames import (
    CHECKPOINT,
    ENTRY,
    MAX_PAYLOAD,
    PREFIX,
    BadFrame,
    EntryHead,
    decode_entry,
    entry_head,
    parse,
)
from foedus.storage.layout import Segments
from foedus.storage.tree import FLUSH_AFTER, Cursor, Tree

_CHUNK = 1024 * 1024
_SECTOR = 512
_MAX_NOTE_FRAME = PREFIX.size + 64 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """Where a journal stands: entries, the address after the last checkpoint, its note, the last entry's time."""

    size: int
    end: int
    note: bytes
    last_at: int

    def cursor(self) -> Cursor:
        return Cursor(self.size, self.end, self.note)


def stored_tree(segments: Segments, cursor: Cursor | None, verifier: Verifier, stop: int) -> tuple[Tree, Head]:
    """The tree as far as it is stored and good, and the head it stands for; an empty one where it must be rebuilt.

    Raises Damaged where the tree's signed checkpoint proves that the journal once was longer.
    """
    folder = segments.folder / "tree"
    empty = Head(0, 0, b"", 0)
    if cursor is None:
        return Tree(folder), empty
    try:
        tree = Tree(folder, cursor)
        check(verifier, segments.origin, Head(cursor.size, cursor.end, cursor.note, 0), tree, 0)
        last_at = 0 if cursor.end > stop else _time_of_last(segments, tree)
    except (ValueError, OSError, Damaged):
        return Tree(folder), empty
    if cursor.end > stop:
        missing = f"the journal ends early: it had {cursor.size} entries"
        raise Damaged(missing, cursor.size - 1, hint="restore from a backup")
    return tree, Head(cursor.size, cursor.end, cursor.note, last_at)


def _time_of_last(segments: Segments, tree: Tree) -> int:
    """Raises ValueError where the stored index does not lead to the last entry."""
    if not tree.size:
        return 0
    (address,) = tree.positions(tree.size - 1)
    found = segments.frame_at(address)
    entry = decode_entry(found.buffer, found.lo, found.hi, address)
    if entry.seq != tree.size - 1:
        raise ValueError("the stored index leads elsewhere")
    return entry.at


def read_on(segments: Segments, tree: Tree, verifier: Verifier, start: Head, stop: int, *, store: bool) -> Head:
    """Extend `tree` by every whole batch between `start` and address `stop`; the new head.

    The last checkpoint is verified: signature, origin, size, root. `store` writes the tree as it grows, so that
    memory stays bounded while it is rebuilt. Raises Damaged; the tail after the head is the caller's to `classify`.
    """
    head, stored, seq, last_at = start, start, start.size, start.last_at
    leaves: list[bytes] = []
    positions: list[int] = []
    for found in segments.frames(start.end, stop):
        if found.magic == ENTRY:
            entry = _entry(found.buffer, found.lo, found.hi, seq)
            if entry.seq != seq or entry.at < last_at:
                raise Damaged(f"entry {seq} is out of order", seq, hint="run verify")
            leaves.append(entry.leaf)
            positions.append(found.position)
            seq, last_at = seq + 1, entry.at
        elif found.magic == CHECKPOINT:
            note = found.payload()
            if _size(note) != seq:
                raise Damaged(f"the checkpoint after entry {seq - 1} is for another size", head.size, hint="run verify")
            tree.extend(leaves, positions)
            leaves, positions = [], []
            head = Head(seq, found.end, note, last_at)
            if store and tree.pending >= FLUSH_AFTER:
                check(verifier, segments.origin, head, tree, stored.size)
                tree.flush(head.end, note)
                stored = head
        else:
            break
    if head is not stored:
        check(verifier, segments.origin, head, tree, stored.size)
    return head


def check(verifier: Verifier, origin: str, head: Head, tree: Tree, since: int) -> None:
    """Raise Damaged, for the entries from `since`, unless the checkpoint of `head` is ours and the tree's."""
    try:
        checkpoint = verifier.checkpoint(head.note)
    except NoteRefused as error:
        raise Damaged(f"the checkpoint of {head.size} entries does not verify: {error.message}", since) from error
    if checkpoint != Checkpoint(origin, head.size, tree.root()):
        raise Damaged(f"entries {since} to {head.size - 1} are not those of their checkpoint", since, hint="run verify")


def require_torn(segments: Segments, verifier: Verifier, head: Head, stop: int) -> None:
    """Return where what follows `head` is a batch that was never acknowledged. Raises Damaged where it is not."""
    bad, seq = head.end, head.size
    for found in segments.frames(head.end, stop):
        bad, seq = found.end, seq + (found.magic == ENTRY)
    if bad == segments.last.base:
        bad += segments.last.header  # a segment that was begun, and has nothing yet
    reason = damage_after(segments, verifier, head.size, bad, stop)
    if reason:
        raise Damaged(
            f"entry {seq} or the checkpoint after it is damaged: {reason}",
            seq,
            hint="run verify; restore from a backup",
        )


def damage_after(segments: Segments, verifier: Verifier, size: int, bad: int, stop: int) -> str:
    """Why the bytes from the bad frame at address `bad` are damage and not a torn tail; empty where they are torn."""
    last = segments.last
    if bad < last.base:
        return "later segments follow"
    if bad >= stop:
        return ""
    if _later_checkpoint(segments, verifier, size, bad + 1, stop):
        return "a later checkpoint follows"
    start = segments.read(bad, min(PREFIX.size, stop - bad))
    known = any(start[:4] == magic[: len(start[:4])] for magic in (ENTRY, CHECKPOINT))
    if known and len(start) < PREFIX.size:
        return ""
    if known:
        _, _, length = PREFIX.unpack(start)
        if length <= MAX_PAYLOAD and bad + PREFIX.size + length > stop:
            rest = segments.read(bad + PREFIX.size, min(_MAX_NOTE_FRAME, stop - bad - PREFIX.size))
            return "its length was altered" if _is_ours(verifier, rest, size) else ""
    return "" if _has_empty_sector(segments, bad, stop) else "it was written whole and altered later"


def _entry(buffer: bytes, lo: int, hi: int, seq: int) -> EntryHead:
    try:
        return entry_head(buffer, lo, hi)
    except BadFrame as error:
        raise Damaged(f"entry {seq}: {error}", seq) from error


def _size(note: bytes) -> int:
    try:
        return Checkpoint.parse(split_note(note)[0]).size
    except NoteRefused:
        return -1


def _is_ours(verifier: Verifier, note: bytes, size: int) -> bool:
    try:
        return verifier.checkpoint(note).size > size
    except NoteRefused:
        return False


def _later_checkpoint(segments: Segments, verifier: Verifier, size: int, start: int, stop: int) -> bool:
    """Whether a checkpoint of more than `size` entries, signed by us, lies anywhere between these addresses.

    An entry's content cannot imitate one: it would need our signature on a size that was not yet reached.
    """
    while start < stop:
        chunk = segments.read(start, min(_CHUNK + _MAX_NOTE_FRAME, stop - start))
        at = chunk.find(CHECKPOINT)
        while 0 <= at < _CHUNK:
            try:
                if _is_ours(verifier, parse(chunk, at).payload(), size):
                    return True
            except BadFrame:
                pass
            at = chunk.find(CHECKPOINT, at + 1)
        start += _CHUNK
    return False


def _has_empty_sector(segments: Segments, start: int, stop: int) -> bool:
    """Whether an aligned sector is zeros from `start` on: one between, or what is left of the first or the last."""
    position = start - segments.last.base
    end = stop - segments.last.base
    first = position - position % _SECTOR
    while first < end:
        low, high = max(first, position), min(first + _SECTOR, end)
        if high - low == _SECTOR or high == end or low == position:
            data = segments.read(segments.last.base + low, high - low)
            if len(data) >= PREFIX.size and not any(data):
                return True
        first += _SECTOR
    return False
