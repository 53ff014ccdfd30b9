"""What stands before a record in the journal: canonical JSON of its originator and its label set."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class _Envelope(msgspec.Struct):
    originator: str
    labels: tuple[str, ...]


_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(_Envelope).decode


def envelope(originator: str, labelset: Sequence[str]) -> bytes:
    """The bytes that the journal keeps, and hashes, beside the body."""
    return _encode({"labels": list(labelset), "originator": originator})


def read_envelope(data: bytes) -> tuple[str, tuple[str, ...]]:
    """The inverse of `envelope`: originator and label set."""
    read = _decode(data)
    return read.originator, read.labels
