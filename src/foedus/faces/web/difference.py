"""What changed between two versions of a record, property by property, words within texts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any, Literal

Piece = tuple[Literal["same", "add", "cut"], str]
_WORDS = re.compile(r"\s+|[^\s]+")
_MAX_WORDS = 3_000  # a longer text is shown as a whole
_MAX_CHANGES = 500
_QUIET = frozenset({"modified"})  # it always differs


@dataclass(frozen=True, slots=True)
class Change:
    """One property; None where it was not there. `pieces` for texts, `added` and `cut` for lists."""

    path: str
    before: Any = None
    after: Any = None
    pieces: tuple[Piece, ...] = ()
    added: tuple[Any, ...] = ()
    cut: tuple[Any, ...] = ()
    kind: str = field(default="changed")  # "added", "removed", "changed"


def _words(before: str, after: str) -> tuple[Piece, ...]:
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if len(old) > _MAX_WORDS or len(new) > _MAX_WORDS:
        return (("cut", before), ("add", after))
    pieces: list[Piece] = []
    for op, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=True).get_opcodes():
        if op == "equal":
            pieces.append(("same", "".join(old[i1:i2])))
            continue
        if i2 > i1:
            pieces.append(("cut", "".join(old[i1:i2])))
        if j2 > j1:
            pieces.append(("add", "".join(new[j1:j2])))
    return tuple(pieces)


def _plain(values: list[Any]) -> bool:
    return all(isinstance(v, str | int | float | bool) for v in values)


def _walk(path: str, before: Any, after: Any, depth: int) -> Iterator[Change]:
    if before == after and type(before) is type(after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping) and depth:
        for key in dict.fromkeys([*before, *after]):
            inner = f"{path}.{key}" if path else str(key)
            if inner in _QUIET:
                continue
            if key not in before:
                yield Change(inner, after=after[key], kind="added")
            elif key not in after:
                yield Change(inner, before=before[key], kind="removed")
            else:
                yield from _walk(inner, before[key], after[key], depth - 1)
    elif isinstance(before, str) and isinstance(after, str):
        yield Change(path, before, after, pieces=_words(before, after))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(path, before, after, depth)
    else:
        yield Change(path, before, after)


def _lists(path: str, before: list[Any], after: list[Any], depth: int) -> Iterator[Change]:
    if not (_plain(before) and _plain(after)) and len(before) == len(after) and depth:
        for i, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _walk(f"{path}[{i}]", old, new, depth - 1)
        return
    had, has = {_key(v) for v in before}, {_key(v) for v in after}
    cut = tuple(v for v in before if _key(v) not in has)
    added = tuple(v for v in after if _key(v) not in had)
    yield Change(path, before, after, added=added, cut=cut)  # neither: only the order changed


def _key(value: Any) -> Any:
    """Something that hashes and is equal where the values are, type and all (1 is not true)."""
    return (type(value), value) if isinstance(value, str | int | float | bool | None) else repr(value)


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every change from `before` to `after`, at most 500, in the order of the properties. `modified` is left out."""
    out: list[Change] = []
    for change in _walk("", before, after, 32):
        out.append(change)
        if len(out) == _MAX_CHANGES:
            break
    return out
