"""Strict JSON in, canonical JSON out (RFC 8785, JCS).

A record's canonical bytes are what is stored, hashed, signed, served and exchanged. Three rules make them safe:
a text is refused when a key stands twice in one object (parsers disagree on which one counts, so a label could be
smuggled past), when a number would lose digits, and when it is not UTF-8.

    >>> canonical(decode(b'{"b": 1.0, "a": "\\u00e9"}'))
    b'{"a":"\\xc3\\xa9","b":1}'

How it is fast: msgspec reads and writes; cheap tests over the whole text prove that nothing was lost. Only a text that
fails one of them is read again by `json_faults.explain`, which names each fault and its place.

- Equal keys: a pair that was dropped takes at least one colon with it. Decoding turns nothing into a colon but the
  escape \\u003a, so in a text without `\\u003` equal numbers of colons before and after prove that all pairs are there.
  So do equal lengths in a text without decimal numbers: nothing else has a canonical form that is longer.
- Integers beyond 2^53-1 have 16 digits or more, and start after `:`, `,`, `[`, a blank, a minus or nothing.
- Numbers with fraction or exponent are judged one by one as they are decoded.
- Depth is at most the number of opening brackets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import rfc8785

from foedus.config import Limits
from foedus.kernel.errors import Fault, Refused, TooLarge
from foedus.kernel.json_faults import Explained, Path, explain, not_json, number, show_path

_sorted = msgspec.json.Encoder(order="sorted").encode
_DIGITS = bytes(48 if 48 <= byte <= 57 else byte for byte in range(256))
_LONG_RUN = b"0" * 16
_NUMBER_START = frozenset(b":,[ \t\r\n-")
_FOUR_BYTE_LEADS = (b"\xf0", b"\xf1", b"\xf2", b"\xf3", b"\xf4")  # characters beyond the BMP, in UTF-8


class Numbers:
    """Judges the decimal numbers of one text as msgspec meets them.

    `inexact`: one would lose digits; `plain`: msgspec writes them as RFC 8785 does; `whole`: there is none, every
    number is written as an integer.
    """

    __slots__ = ("inexact", "plain", "whole")

    def __init__(self) -> None:
        self.inexact = False
        self.plain = True
        self.whole = True

    def read(self, literal: str) -> int | float:
        self.whole = False
        try:
            value = number(literal)
        except ValueError:
            self.inexact = True
            return 0
        if type(value) is float and not 1e-5 <= abs(value) < 1e15:
            self.plain = False
        return value


@dataclass(frozen=True, slots=True)
class Quick:
    """A text read fast."""

    tree: Any
    numbers: Numbers


class _Container(msgspec.Struct, forbid_unknown_fields=True):
    """An envelope or bundle whose objects are not decoded yet."""

    objects: list[msgspec.Raw]
    type: str | msgspec.UnsetType = msgspec.UNSET
    id: str | msgspec.UnsetType = msgspec.UNSET
    spec_version: str | msgspec.UnsetType = msgspec.UNSET


def split_quickly(data: bytes) -> Quick | None:
    """`read_quickly` for an envelope or bundle, whose objects are left as `msgspec.Raw`; None where it is not one.

    Each is then decoded, with `numbers.read` as the hook for decimals, when it is looked at: a tree that is gone
    before the next one is made never leaves the processor's cache.
    """
    try:
        held = _container(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if _long_integer(data):
        return None
    tree = {name: value for name in held.__struct_fields__ if (value := getattr(held, name)) is not msgspec.UNSET}
    return Quick(tree, Numbers())


_container = msgspec.json.Decoder(_Container).decode


def read_quickly(data: bytes) -> Quick | None:
    """The tree of a text that passes the cheap tests, or None: then `explain` must look.

    Equal keys and depth are not judged here: compare `colons` of text and canonical form, and see `depth_within`.
    """
    numbers = Numbers()
    try:
        tree = msgspec.json.Decoder(float_hook=numbers.read).decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if numbers.inexact or _long_integer(data):
        return None
    return Quick(tree, numbers)


def _long_integer(data: bytes) -> bool:
    """Whether 16 digits stand in a row where a number may begin (inside a string too: the caller then looks closer)."""
    zeros = data.translate(_DIGITS)
    at = zeros.find(_LONG_RUN)
    while at >= 0:
        if at == 0 or zeros[at - 1] in _NUMBER_START:
            return True
        at += 16
        while zeros[at : at + 1] == b"0":  # to the end of the run
            at += 1
        at = zeros.find(_LONG_RUN, at)
    return False


def colons(data: bytes) -> int:
    """How many colons decoding must leave, -1 where the text has escapes that hide some."""
    return -1 if b"\\u003" in data else data.count(b":")


def depth_within(tree: Any, encoded: bytes, most: int) -> bool:
    """Whether a tree, `encoded` so, nests at most `most` levels."""
    return encoded.count(b"{") + encoded.count(b"[") <= most or _depth_within(tree, most)


def _depth_within(value: Any, most: int) -> bool:
    if type(value) is dict:
        return most > 0 and all(_depth_within(item, most - 1) for item in value.values())
    if type(value) is list:
        return most > 0 and all(_depth_within(item, most - 1) for item in value)
    return True


def decode(data: bytes, limits: Limits | None = None) -> Any:
    """The tree of a JSON text: dict, list, str, int, float, bool, None. Decimals with a whole value become int.

    Raises Refused with every fault of the text (code, path, which object), TooLarge beyond `limits.max_import_file`.
    """
    limits = limits or Limits()
    check_size(data, limits)
    quick = read_quickly(data) if not_json(data) is None else None
    if quick is not None:
        encoded = _sorted(quick.tree)
        if (
            colons(data) == encoded.count(b":")
            and depth_within(quick.tree, encoded, limits.max_depth)
            and len(encoded) <= limits.max_string
        ):
            return quick.tree
    explained = explain(data, limits)
    if explained.faults:
        raise Refused(faults_of(explained))
    return explained.tree


def check_size(data: bytes, limits: Limits) -> None:
    if len(data) > limits.max_import_file:
        text = f"the input has {len(data)} bytes; at most {limits.max_import_file} (max_import_file)"
        raise TooLarge([Fault("too-large", text)], text)


def faults_of(explained: Explained) -> list[Fault]:
    """Faults of a text with the object that each is in, and a last one that counts those not listed."""
    out = []
    for fault in explained.faults:
        index, identifier, rest = _place(explained.tree, fault.path)
        out.append(Fault(fault.code, fault.message, identifier, index, show_path(rest)))
    if explained.more:
        out.append(Fault("more-faults", f"{explained.more} further faults are not listed"))
    return out


def faulty_objects(explained: Explained) -> set[int]:
    """Indices of the objects with faults in their text, -1 among them where the container itself has some."""
    return {_place(explained.tree, path)[0] for path in explained.places}


def _place(tree: Any, path: Path) -> tuple[int, str, Path]:
    """Which object of the input a path leads into: its index, its id, and the path inside it."""
    if isinstance(tree, list) and path:
        index, members, rest = path[0], tree, path[1:]
    elif isinstance(tree, dict) and isinstance(tree.get("objects"), list) and tree.get("type", "bundle") == "bundle":
        if len(path) < 2 or path[0] != "objects":
            return -1, "", path
        index, members, rest = path[1], tree["objects"], path[2:]
    elif isinstance(tree, dict):
        return 0, _id(tree), path
    else:
        return -1, "", path
    assert isinstance(index, int)
    return index, _id(members[index]), rest


def _id(value: Any) -> str:
    identifier = value.get("id") if isinstance(value, dict) else None
    return identifier if isinstance(identifier, str) and len(identifier) < 400 and identifier.isascii() else ""


def canonical(tree: Any) -> bytes:
    """RFC 8785 of a tree of JSON values. Raises ValueError where there is none: NaN, infinity, integers beyond 2^53-1,
    lone surrogates, anything but JSON values."""
    try:
        encoded = _sorted(tree)
        quick = read_quickly(encoded) if b"null" not in encoded else None  # msgspec writes NaN as null
        if quick is not None and quick.numbers.plain and quick.tree == tree and not beyond_bmp(encoded):
            return _sorted(quick.tree)
        return bytes(rfc8785.dumps(tree))
    except (TypeError, UnicodeEncodeError, RecursionError, rfc8785.CanonicalizationError) as error:
        raise ValueError(f"has no canonical form: {error}") from error


def canonical_of_read(tree: Any, plain: bool) -> bytes:
    """`canonical` for (a part of) a tree that `read_quickly` gave: what it proved need not be looked at again."""
    encoded = _sorted(tree)
    if plain and (encoded.isascii() or not beyond_bmp(encoded)):
        return encoded
    return bytes(rfc8785.dumps(tree))


def beyond_bmp(encoded: bytes) -> bool:
    """Whether RFC 8785's order of keys (UTF-16 code units) may differ from that of code points."""
    return not encoded.isascii() and any(lead in encoded for lead in _FOUR_BYTE_LEADS)


def is_canonical(data: bytes) -> bool:
    """Whether these bytes are what `canonical` would write: a peer's bytes that are not are refused."""
    try:
        return canonical(decode(data)) == data
    except (Refused, ValueError):
        return False
