"""A set of sequence numbers in one bit each."""

from __future__ import annotations

from collections.abc import Iterator


class Bits:
    """Grows as needed: a million numbers take 125 kB."""

    __slots__ = ("_bits",)

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> None:
        byte = number >> 3
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte + 1 - len(self._bits)))
        self._bits[byte] |= 1 << (number & 7)

    def __contains__(self, number: int) -> bool:
        byte = number >> 3
        return byte < len(self._bits) and bool(self._bits[byte] >> (number & 7) & 1)

    def count(self) -> int:
        return int.from_bytes(self._bits, "little").bit_count()

    def minus(self, other: Bits) -> Iterator[int]:
        """The numbers that are here and not there, in order."""
        for index, byte in enumerate(self._bits):
            there = other._bits[index] if index < len(other._bits) else 0
            left = byte & ~there
            while left:
                low = left & -left
                yield (index << 3) + low.bit_length() - 1
                left ^= low
