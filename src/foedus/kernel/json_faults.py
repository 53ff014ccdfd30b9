"""What is wrong with a JSON text, every fault with its place: the slow, thorough reader behind `canonical.decode`.

Standards: RFC 8259 (JSON), RFC 7493 (I-JSON: unique names, numbers that a double carries, no lone surrogates).
The text is read with pairs kept and numbers left as literals, so that nothing is lost before it was judged.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from foedus.config import Limits

MAX_EXACT_INTEGER = 2**53 - 1
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class JsonFault:
    """One fault and its path from the root of the text."""

    code: str
    message: str
    path: Path = ()


@dataclass(slots=True)
class Explained:
    """The tree as far as it could be read, at most `limit` faults of it, and how many more there are."""

    limit: int
    tree: Any = None
    readable: bool = False  # False: there is no tree, the faults concern the text as a whole
    faults: list[JsonFault] = field(default_factory=list)
    places: set[Path] = field(default_factory=set)  # the first two steps of every fault's path
    more: int = 0

    def add(self, code: str, message: str, path: Path = ()) -> None:
        self.places.add(path[:2])
        if len(self.faults) < self.limit:
            self.faults.append(JsonFault(code, message, path))
        else:
            self.more += 1


class _Pairs(list[tuple[str, Any]]):
    """An object with its pairs as written, equal keys included."""


class _Integer(str):
    """The literal of an integer."""


class _Real(str):
    """The literal of a number with a fraction or an exponent."""


class _Constant(str):
    """NaN, Infinity or -Infinity: Python reads them, JSON has none of them."""


def explain(data: bytes, limits: Limits) -> Explained:
    """Reads `data` and names everything that a strict reader must refuse. Never raises."""
    out = Explained(limits.max_faults_reported)
    foreign = not_json(data)
    if foreign is not None:
        out.add(*foreign)
        return out
    try:
        text, broken = data.decode("utf-8"), False
    except UnicodeDecodeError as error:
        # Bytes that are not UTF-8 come through as U+DC80..U+DCFF, so that the walk can say in which object they are.
        text, broken = data.decode("utf-8", "surrogateescape"), True
        where = f"byte {error.start} (0x{data[error.start]:02x})"
        out_message = f"the text is not UTF-8 at {where}; write JSON in UTF-8"
    try:
        raw = json.loads(
            text, object_pairs_hook=_Pairs, parse_int=_Integer, parse_float=_Real, parse_constant=_Constant
        )
    except RecursionError:
        out.add("too-deep", f"nested deeper than {limits.max_depth} levels at byte {_depth_offset(data, limits)}")
        return out
    except json.JSONDecodeError as error:
        if broken:
            out.add("invalid-utf-8", out_message)
        out.add("not-json", _syntax(error, text))
        return out
    out.readable = True
    out.tree = _Walk(out, limits, broken).value(raw, ())
    if broken and not out.faults:  # outside every string: json.loads would have refused it
        out.add("invalid-utf-8", out_message)
    return out


_SIGNATURES = (
    (b"\xef\xbb\xbf", "byte-order-mark", "begins with a UTF-8 byte order mark; write plain UTF-8 without one"),
    (b"\xff\xfe\x00\x00", "not-utf-8", "is UTF-32; write JSON in UTF-8"),
    (b"\x00\x00\xfe\xff", "not-utf-8", "is UTF-32; write JSON in UTF-8"),
    (b"\xff\xfe", "not-utf-8", "is UTF-16; write JSON in UTF-8"),
    (b"\xfe\xff", "not-utf-8", "is UTF-16; write JSON in UTF-8"),
    (b"\x1f\x8b", "not-json", "is compressed with gzip; give the JSON text itself"),
    (b"BZh", "not-json", "is compressed with bzip2; give the JSON text itself"),
    (b"\xfd7zXZ\x00", "not-json", "is compressed with xz; give the JSON text itself"),
    (b"\x28\xb5\x2f\xfd", "not-json", "is compressed with zstd; give the JSON text itself"),
    (b"PK\x03\x04", "not-json", "is a ZIP archive (a workbook is one too); give the JSON text itself"),
    (b"%PDF", "not-json", "is a PDF document, not JSON"),
)


def not_json(data: bytes) -> tuple[str, str] | None:
    """Code and message for a text that is plainly something else: empty, compressed, in another encoding."""
    if data[:1] in (b"{", b"[") and b"\x00" not in data[:4]:
        return None
    for signature, code, message in _SIGNATURES:
        if data.startswith(signature):
            return code, f"the input {message}"
    head = data[:4]
    if len(head) == 4 and b"\x00" in head:
        zeros = tuple(byte == 0 for byte in head)
        if zeros in ((True, True, True, False), (False, True, True, True)):
            return "not-utf-8", "the input is UTF-32; write JSON in UTF-8"
        if zeros in ((True, False, True, False), (False, True, False, True)):
            return "not-utf-8", "the input is UTF-16; write JSON in UTF-8"
        return "not-json", "the input is binary data, not JSON"
    start = data[:512].lstrip(b" \t\r\n")
    if not start and not data.strip(b" \t\r\n"):
        return (
            "empty-input",
            "the input is empty; give a STIX bundle, a TAXII envelope, a list of objects or one object",
        )
    if start.startswith(b"<"):
        kind = "HTML" if start[:200].lower().startswith((b"<!doctype html", b"<html")) else "XML"
        return "not-json", f"the input is {kind}, not JSON"
    return None


def _syntax(error: json.JSONDecodeError, text: str) -> str:
    """One sentence on a syntax error, with its place."""
    if error.pos >= len(text.rstrip()) or "Unterminated string" in error.msg:
        return f"the JSON text ends too early (line {error.lineno}, column {error.colno}): it was cut off"
    if text.lstrip()[:1] not in tuple('{["-0123456789tfn'):
        first = text.split("\n", 1)[0]
        if first.count(",") >= 2 or first.count(";") >= 2 or first.count("\t") >= 2:
            return "the input looks like CSV, not JSON"
        return "the input is not JSON: it begins with neither { nor ["
    return f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}"


_BRACKETS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


def _depth_offset(data: bytes, limits: Limits) -> int:
    """Where the nesting first passes the limit."""
    depth = 0
    for token in _BRACKETS.finditer(data):
        character = token[0]
        if character in (b"[", b"{"):
            depth += 1
            if depth > limits.max_depth:
                return token.start()
        elif character in (b"]", b"}"):
            depth -= 1
    return 0


def number(literal: str) -> int | float:
    """The value of a JSON number that a double carries exactly.

    Raises ValueError with what would be right, where it does not: integers beyond ±(2^53-1), and decimals that are not
    the shortest one of their double (another reader would see a different number).
    """
    if len(literal) > 400:
        raise ValueError(f"a number of {len(literal)} characters; write it as a string")
    value = float(literal)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {literal} is too large for JSON; write it as a string")
    try:
        same = Decimal(literal) == Decimal(repr(value))
    except InvalidOperation:  # an exponent beyond what Decimal holds
        same = False
    if value.is_integer() and abs(value) < 1e21:
        whole = int(literal) if literal.lstrip("-").isdigit() else int(value)
        if abs(whole) > MAX_EXACT_INTEGER:
            raise ValueError(f"the integer {literal} is beyond ±(2^53-1) and loses digits; write it as a string")
        if same:
            return whole
    if not same:
        raise ValueError(f"the number {literal} loses digits in JSON, readers see {value!r}; write it as a string")
    return value


class _Walk:
    """Judges the raw tree and builds the plain one (of equal keys the last stays, as parsers do; a fault names it)."""

    def __init__(self, out: Explained, limits: Limits, broken: bool) -> None:
        self.out, self.limits, self.broken = out, limits, broken

    def value(self, raw: Any, path: Path) -> Any:
        if isinstance(raw, _Pairs):
            return self._object(raw, path)
        if isinstance(raw, list):
            if self._too_deep(path):
                return []
            return [self.value(item, (*path, index)) for index, item in enumerate(raw)]
        if isinstance(raw, (_Integer, _Real)):
            try:
                return number(raw)
            except ValueError as error:
                self.out.add("inexact-number", str(error), path)
                return 0
        if isinstance(raw, _Constant):
            self.out.add("inexact-number", f"JSON has no {raw}; leave the property out", path)
            return 0
        if isinstance(raw, str):
            return self._string(raw, path)
        return raw

    def _object(self, pairs: _Pairs, path: Path) -> dict[str, Any]:
        if self._too_deep(path):
            return {}
        out: dict[str, Any] = {}
        for key, raw in pairs:
            here = (*path, printable(key))
            name = self._string(key, here)
            if name in out:
                self.out.add("duplicate-key", f"the key {printable(key)!r} is there twice in one object", here)
            out[name] = self.value(raw, here)
        return out

    def _too_deep(self, path: Path) -> bool:
        if len(path) < self.limits.max_depth:
            return False
        self.out.add("too-deep", f"nested deeper than {self.limits.max_depth} levels", path[:8])
        return True

    def _string(self, text: str, path: Path) -> str:
        """The string, with a question mark for what is no character."""
        if len(text) > self.limits.max_string:
            self.out.add(
                "string-too-long", f"a string of {len(text)} characters; at most {self.limits.max_string}", path
            )
        if text.isascii():
            return text
        surrogates = [ord(character) for character in text if "\ud800" <= character <= "\udfff"]
        if not surrogates:
            return text
        if self.broken and all(0xDC80 <= code <= 0xDCFF for code in surrogates):
            self.out.add("invalid-utf-8", f"the byte 0x{surrogates[0] - 0xDC00:02x} is not UTF-8", path)
        else:
            self.out.add("lone-surrogate", f"half of a surrogate pair (\\u{surrogates[0]:04x}) is no character", path)
        return text.encode("utf-8", "replace").decode("utf-8")


def printable(text: str, most: int = 80) -> str:
    """Text for a message: surrogates replaced, cut at `most` characters."""
    short = text if len(text) <= most else text[:most] + "…"
    return short if short.isascii() else short.encode("utf-8", "replace").decode("utf-8")


def show_path(path: Path) -> str:
    """`("a", 0, "b")` as "a[0].b"."""
    out = ""
    for step in path:
        out += f"[{step}]" if isinstance(step, int) else f".{step}" if out else step
    return out
