"""Indicator patterns of pattern_type "stix" (section 9 of STIX 2.1).

The full grammar is read by `stix2-patterns` (ANTLR, about a millisecond a pattern). Most patterns are a plain chain of
comparisons of one object type, which a regular expression accepts at once; it accepts a subset of the grammar, which
the tests hold against the library.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from foedus.kernel.stix.checks import Problems, problem, quoted

MAX_SLOW_PATTERN = 100_000  # characters of one pattern that the full grammar is tried on
MAX_GRAMMAR = 10_000  # and those outside its quotes, which are what it costs: about half a second
SLOW_BUDGET = 300_000  # and outside the quotes of all patterns of one input, so that nobody holds a node for minutes
_MAX_NESTING = 60
_REMEMBERED_LENGTH = 2_000

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*+'", re.S)
_TYPE_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*-?")
_PROPERTY_NAME = re.compile(r"[a-z0-9_]{3,250}")
_SHORT_PROPERTIES = frozenset({"id"})

_KEYWORDS = r"(?!(?:and|or|not|like|in|true|false|exists|matches)\b)"
_TYPE = rf"{_KEYWORDS}[a-z][a-z0-9]{{2,20}}(?:-[a-z][a-z0-9]{{1,20}}){{0,5}}"
_STEP = rf"(?:\.{_KEYWORDS}[a-z][a-z0-9_]{{2,60}}|\.'[A-Z0-9-]{{3,20}}'|\.MD5|\[(?:\*|[0-9]{{1,6}})\])"
_PATH = rf"[a-z][a-z0-9_]{{2,60}}{_STEP}{{0,6}}"
_VALUE = r"(?:'(?:[^'\\\x00-\x1f]|\\['\\])*'|[1-9][0-9]{0,14}|true|false)"
_HEX = "'[0-9a-fA-F]"
_HASH = rf"(?:MD5 = {_HEX}{{32}}|'SHA-1' = {_HEX}{{40}}|'SHA-256' = {_HEX}{{64}}|'SHA-512' = {_HEX}{{128}})'"
# The library looks at every path with a step `hashes`: only the common ones are plain
_COMPARISON = rf"(?:hashes\.{_HASH}|{_KEYWORDS}(?![^ ]*hashes){_PATH} !?= {_VALUE})"
_PLAIN = re.compile(
    rf"\[(?P<type>{_TYPE}):{_COMPARISON}"
    rf"(?: (?P<glue>AND|OR) (?P=type):{_COMPARISON}(?: (?P=glue) (?P=type):{_COMPARISON})*)?\]"
)


def is_plain(pattern: str) -> bool:
    """Whether this is one chain of comparisons that is surely a pattern of STIX 2.0 and 2.1 alike."""
    return _PLAIN.fullmatch(pattern) is not None


def check_pattern(obj: dict[str, Any]) -> Problems | None:
    """The rule for indicators: `pattern` must parse where `pattern_type` is "stix"."""
    pattern = obj.get("pattern")
    if obj.get("pattern_type") != "stix" or type(pattern) is not str or _PLAIN.fullmatch(pattern):
        return None
    version = "2.0" if obj.get("pattern_version") == "2.0" else "2.1"
    find = _remembered_faults if len(pattern) <= _REMEMBERED_LENGTH else full_grammar_faults
    try:
        messages = find(pattern, version)
    except _Exhausted:
        message = f"one input may hold {SLOW_BUDGET} characters of patterns beyond plain comparisons; send it in parts"
        return [("pattern", "too-many-complex-patterns", message)]
    return [("pattern", "invalid-pattern", message) for message in messages] or None


_budget: ContextVar[list[int] | None] = ContextVar("slow pattern characters left", default=None)


class SlowBudget:
    """Within the block the full grammar reads SLOW_BUDGET characters at most; what it met before costs nothing."""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before = _budget.set([SLOW_BUDGET])

    def __exit__(self, *_: object) -> None:
        _budget.reset(self._before)


class _Exhausted(Exception):
    """The budget is spent: not remembered, for the pattern itself may be right."""


@lru_cache(maxsize=4096)
def _remembered_faults(pattern: str, version: str) -> tuple[str, ...]:
    return full_grammar_faults(pattern, version)


def full_grammar_faults(pattern: str, version: str) -> tuple[str, ...]:
    if len(pattern) > MAX_SLOW_PATTERN:
        return (f"a pattern of {len(pattern)} characters; at most {MAX_SLOW_PATTERN}, or a plain chain of comparisons",)
    weight = len(_QUOTED.sub("''", pattern))
    if weight > MAX_GRAMMAR:
        return (f"a pattern with {weight} characters outside its quotes; at most {MAX_GRAMMAR}, or plain comparisons",)
    if _nesting(pattern) > _MAX_NESTING:
        return (f"a pattern may nest {_MAX_NESTING} parentheses at most",)
    left = _budget.get()
    if left is not None:
        if left[0] < weight:
            raise _Exhausted
        left[0] -= weight
    from stix2patterns.v21.pattern import Pattern  # a tenth of a second to load, and most patterns do not need it
    from stix2patterns.validator import run_validator

    try:
        errors = run_validator(pattern, version)
        if errors:
            return tuple(str(error).removeprefix("FAIL: ") for error in errors[:5])
        comparisons = Pattern(pattern).inspect().comparisons
    except Exception as error:  # the parser raises many kinds, and RecursionError
        return (f"is not a STIX pattern: {type(error).__name__} {error}"[:300],)
    return tuple(_bad_names(comparisons))


def _nesting(pattern: str) -> int:
    depth = deepest = 0
    for character in pattern:
        if character == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif character == ")":
            depth -= 1
    return deepest


def _bad_names(comparisons: dict[str, list[tuple[list[Any], str, str]]]) -> list[str]:
    """Names of object types and properties that STIX does not permit."""
    found = []
    for kind, expressions in comparisons.items():
        if not 3 <= len(kind) <= 250 or not _TYPE_NAME.fullmatch(kind):
            found.append(f"{quoted(kind)} is not a name of an object type: 3 to 250 of a-z, 0-9 and hyphens")
        for path, _, _ in expressions:
            name = path[0]
            if not isinstance(name, str) or not (_PROPERTY_NAME.fullmatch(name) or name in _SHORT_PROPERTIES):
                found.append(f"{quoted(str(name))} is not a name of a property: 3 to 250 of a-z, 0-9 and _")
    return list(dict.fromkeys(found))


def pattern_problem(pattern: str) -> Problems | None:
    """A pattern on its own: for forms and commands that take one."""
    messages = () if is_plain(pattern) else full_grammar_faults(pattern, "2.1")
    return [item for message in messages for item in problem("invalid-pattern", message)] or None
