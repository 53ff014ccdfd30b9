"""Seeded 64-bit hashes by which projections name STIX ids and contents in a fixed width.

XXH3 is fast, not cryptographic: with a secret seed of the node nobody outside can aim for a collision, and whoever
looks a record up confirms the id on the body. The seed never leaves the node.
"""

from __future__ import annotations

from dataclasses import dataclass

from xxhash import xxh3_64_intdigest

_HALF = 1 << 63
_WHOLE = 1 << 64


@dataclass(frozen=True, slots=True)
class Hashing:
    """Hashes under one node's seed. 0 means "none" in every projection and is never the hash of anything."""

    seed: int

    def of_id(self, stix_id: str) -> int:
        """An unsigned 64-bit number for a STIX id."""
        return xxh3_64_intdigest(stix_id.encode(), self.seed) or 1

    def of_body(self, body: bytes) -> int:
        """An unsigned 64-bit number for canonical bytes."""
        return xxh3_64_intdigest(body, self.seed) or 1

    def signed(self, stix_id: str) -> int:
        """`of_id` as the signed number that SQLite keeps."""
        return to_signed(self.of_id(stix_id))


def to_signed(value: int) -> int:
    """The two's complement reading of an unsigned 64-bit number."""
    return value - _WHOLE if value >= _HALF else value


def to_unsigned(value: int) -> int:
    """The inverse of `to_signed`."""
    return value + _WHOLE if value < 0 else value
