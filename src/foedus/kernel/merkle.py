"""The Merkle tree of RFC 9162, section 2.1: leaves, nodes, roots, inclusion and consistency proofs. Pure.

Example: two leaves, and the proof that the first stands in the tree.

    tree = Frontier()
    tree.extend([hash_leaf(b"a"), hash_leaf(b"b")])
    verify_inclusion(hash_leaf(b"a"), 0, 2, [hash_leaf(b"b")], tree.root())  # True

Whoever stores the tree hands the provers a `Node`: the hash of a perfect subtree by level and index, where level 0
are the leaves and node (l, i) covers the leaves i * 2**l up to (i + 1) * 2**l. Every hash is 32 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

Node = Callable[[int, int], bytes]

_ENTRY = struct.Struct("<B16sQQBH")


def hash_leaf(data: bytes) -> bytes:
    """SHA-256(0x00 || data)."""
    return sha256(b"\x00" + data).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def entry_leaf(salt: bytes, seq: int, at: int, kind: int, envelope: bytes, body: bytes) -> bytes:
    """The leaf of one journal entry (docs/journal-format.md): whoever holds the entry can compute it.

    The envelope's length is part of it, so that no other split into envelope and body has the same leaf.
    """
    return sha256(_ENTRY.pack(0, salt, seq, at, kind, len(envelope)) + envelope + body).digest()


def fold(nodes: Sequence[bytes]) -> bytes:
    """The root of a perfect subtree from all its nodes of one level; their number is a power of two."""
    while len(nodes) > 1:
        nodes = [hash_node(a, b) for a, b in zip(nodes[::2], nodes[1::2], strict=True)]
    return nodes[0]


class Frontier:
    """The right edge of a growing tree (a compact range): its size and one peak for each bit of the size."""

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[tuple[int, bytes]] = ()) -> None:
        self.size = size
        self._peaks = dict(peaks)
        if sum(1 << level for level in self._peaks) != size:
            raise ValueError(f"these peaks do not make a tree of {size} leaves")

    @classmethod
    def of(cls, size: int, node: Node) -> Frontier:
        """The frontier of a stored tree."""
        return cls(
            size, ((level, node(level, (size >> level) - 1)) for level in range(size.bit_length()) if size >> level & 1)
        )

    def copy(self) -> Frontier:
        return Frontier(self.size, self._peaks.items())

    def peaks(self) -> list[tuple[int, bytes]]:
        """(level, node), lowest first: what `Frontier(size, peaks)` takes."""
        return sorted(self._peaks.items())

    def extend(self, leaves: Sequence[bytes]) -> list[list[bytes]]:
        """Append leaves. Returns the nodes that they completed, level by level, from level 0 (the leaves)."""
        self.size += len(leaves)
        completed: list[list[bytes]] = []
        nodes = list(leaves)
        while nodes:
            completed.append(nodes)
            level = len(completed) - 1
            peak = self._peaks.pop(level, None)
            row = nodes if peak is None else [peak, *nodes]
            if len(row) & 1:
                self._peaks[level] = row[-1]
            pairs = zip(row[::2], row[1::2], strict=False)
            nodes = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
        return completed

    def root(self) -> bytes:
        """The root of the tree as it stands."""
        root = b""
        for level in sorted(self._peaks):
            root = hash_node(self._peaks[level], root) if root else self._peaks[level]
        return root or EMPTY_ROOT


def range_root(node: Node, begin: int, end: int) -> bytes:
    """The root over the leaves begin .. end-1, as the tree of RFC 9162 splits them.

    `begin` is a multiple of the largest power of two that is below the length, or of the length itself.
    """
    peaks = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        peaks.append(node(level, begin >> level))
        begin += 1 << level
    root = peaks.pop()
    while peaks:
        root = hash_node(peaks.pop(), root)
    return root


def root_at(node: Node, size: int) -> bytes:
    """The root of the first `size` leaves of a stored tree."""
    return range_root(node, 0, size) if size else EMPTY_ROOT


def _split(count: int) -> int:
    """The largest power of two smaller than `count` (the k of RFC 9162)."""
    return 1 << (count - 1).bit_length() - 1


def inclusion_path(node: Node, index: int, size: int) -> list[bytes]:
    """PATH(index, D_size), RFC 9162 section 2.1.3.1, from the leaf upwards. Raises ValueError outside the tree."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is outside a tree of {size}")
    begin, end = 0, size
    path = []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(range_root(node, middle, end))
            end = middle
        else:
            path.append(range_root(node, begin, middle))
            begin = middle
    return path[::-1]


def consistency_path(node: Node, old: int, new: int) -> list[bytes]:
    """PROOF(old, D_new), RFC 9162 section 2.1.4.1. Empty where old is 0 or new. Raises ValueError where old > new."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} does not extend one of {old}")
    if old in (0, new):
        return []
    begin, end, whole = 0, new, True  # whole: the subtree so far is one that the old tree's root stands for
    path = []
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append(range_root(node, middle, end))
            end = middle
        else:
            path.append(range_root(node, begin, middle))
            begin, whole = middle, False
    if not whole:
        path.append(range_root(node, begin, end))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` is number `index` of the tree of `size` leaves with this root: RFC 9162 section 2.1.3.2.

    1. Fail where the index is not below the size.
    2. fn = index, sn = size - 1.
    3. r = the leaf.
    4. For each p of the path: (a) fail where sn is 0; (b) hash p on the left where fn is odd or equals sn, and then
       shift both until fn is odd or 0, else hash p on the right; (c) shift both once.
    5. Succeed where sn is 0 and r is the root.
    """
    if not 0 <= index < size:  # step 1
        return False
    fn, sn = index, size - 1  # step 2
    r = leaf  # step 3
    for p in path:  # step 4
        if sn == 0:  # step 4a
            return False
        if fn & 1 or fn == sn:  # step 4b
            r = hash_node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hash_node(r, p)
        fn, sn = fn >> 1, sn >> 1  # step 4c
    return sn == 0 and r == root  # step 5


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the tree of `new` leaves begins with the tree of `old` leaves: RFC 9162 section 2.1.4.2.

    The RFC asks for 0 < old < new. Equal sizes are consistent where the roots are equal and the path is empty; the
    empty tree is a beginning of every tree, with an empty path.

    1. Fail where the path is empty.
    2. Where old is a power of two, the old root comes before the path.
    3. fn = old - 1, sn = new - 1.
    4. Shift both until fn is even.
    5. fr = sr = the first value.
    6. For each further c: (a) fail where sn is 0; (b) where fn is odd or equals sn, hash c on the left of both and
       shift both until fn is odd or 0, else hash c on the right of sr; (c) shift both once.
    7. Succeed where fr is the old root, sr is the new root and sn is 0.
    """
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == EMPTY_ROOT
    if not 0 < old < new or not path:  # step 1
        return False
    values = [old_root, *path] if old & (old - 1) == 0 else list(path)  # step 2
    fn, sn = old - 1, new - 1  # step 3
    while fn & 1:  # step 4
        fn, sn = fn >> 1, sn >> 1
    fr = sr = values[0]  # step 5
    for c in values[1:]:  # step 6
        if sn == 0:  # step 6a
            return False
        if fn & 1 or fn == sn:  # step 6b
            fr, sr = hash_node(c, fr), hash_node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = hash_node(sr, c)
        fn, sn = fn >> 1, sn >> 1  # step 6c
    return fr == old_root and sr == new_root and sn == 0  # step 7
