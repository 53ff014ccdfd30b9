"""Checks of single values, and the means to build larger checks from smaller ones.

A check takes a decoded JSON value and returns None where the value is right, else its problems: (path below the
value, code, what is wrong and what would be right). Checks that pass cost one call, so a valid object is read once;
paths are put together only for problems.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from foedus.kernel.ids import id_type, timestamp
from foedus.kernel.json_faults import printable
from foedus.kernel.stix.vocabulary import STANDARD_TYPES

Problem = tuple[str, str, str]
Problems = list[Problem]
Check = Callable[[Any], Problems | None]

REMEMBERED = 8_192  # values remembered as good, for each check that remembers
PRECISE_LENGTH = len("2016-04-06T20:03:48.000Z")
ENOUGH = 1_000  # problems of one list or object after which the rest of it is not looked at


def problem(code: str, message: str, path: str = "") -> Problems:
    return [(path, code, message)]


def below(step: str, problems: Iterable[Problem]) -> Problems:
    """Problems of a part, seen from the whole: `step` is a property's name or `[index]`."""
    return [
        (step + path if not path or path[0] == "[" else f"{step}.{path}", code, text) for path, code, text in problems
    ]


def kind_of(value: Any) -> str:
    """The JSON type of a value, for messages."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return names.get(type(value), "null")


def wrong_type(expected: str, value: Any) -> Problems:
    return problem("wrong-type", f"must be {expected}, not {kind_of(value)}")


def quoted(value: str) -> str:
    return f'"{printable(value)}"'


def string(value: Any) -> Problems | None:
    return None if type(value) is str else wrong_type("a string", value)


def boolean(value: Any) -> Problems | None:
    return None if type(value) is bool else wrong_type("true or false", value)


def number(value: Any) -> Problems | None:
    return None if type(value) is int or type(value) is float else wrong_type("a number", value)


# Checks that look at nothing but the JSON type: the types that they accept.
BY_TYPE: Mapping[Check, frozenset[type]] = {
    string: frozenset({str}),
    boolean: frozenset({bool}),
    number: frozenset({int, float}),
}


def integer(least: int | None = None, most: int | None = None) -> Check:
    def check(value: Any) -> Problems | None:
        if type(value) is not int:
            return wrong_type("an integer", value)
        if least is not None and value < least:
            return problem("out-of-range", f"{value} is less than {least}")
        if most is not None and value > most:
            return problem("out-of-range", f"{value} is more than {most}")
        return None

    return check


def number_between(least: float, most: float) -> Check:
    def check(value: Any) -> Problems | None:
        if type(value) is not int and type(value) is not float:
            return wrong_type("a number", value)
        if not least <= value <= most:
            return problem("out-of-range", f"{value} is not between {least:g} and {most:g}")
        return None

    return check


def matching(form: str, code: str, expected: str) -> Check:
    """A string that a regular expression matches whole."""
    match = re.compile(form).fullmatch

    def check(value: Any) -> Problems | None:
        if type(value) is not str:
            return wrong_type("a string", value)
        return None if match(value) else problem(code, f"{quoted(value)} is not {expected}")

    return check


def one_of(values: Iterable[str]) -> Check:
    """A closed enumeration."""
    allowed = tuple(values)
    known = frozenset(allowed)

    def check(value: Any) -> Problems | None:
        if type(value) is not str:
            return wrong_type("a string", value)
        if value in known:
            return None
        return problem("not-in-enumeration", f"{quoted(value)} is not one of {', '.join(allowed)}")

    return check


def time(value: Any) -> Problems | None:
    if type(value) is not str:
        return wrong_type("a timestamp", value)
    try:
        timestamp(value)
    except ValueError as error:
        return problem("invalid-timestamp", f"{quoted(value)} is not a timestamp: {error}")
    return None


def precise_time(value: Any) -> Problems | None:
    """`created` and `modified`: a timestamp with milliseconds at least (sections 3.2 and 3.6)."""
    if type(value) is not str:
        return wrong_type("a timestamp", value)
    if len(value) < PRECISE_LENGTH:
        text = f"{quoted(value)} must have milliseconds, as in 2016-04-06T20:03:48.000Z"
        return time(value) or problem("invalid-timestamp", text)
    return time(value)


def list_of(item: Check, *, least: int = 1) -> Check:
    """A list whose items pass a check. Empty lists are prohibited in STIX (section 2.8)."""

    def check(value: Any) -> Problems | None:
        if type(value) is not list:
            return wrong_type("a list", value)
        if len(value) < least:
            return problem("empty-list", "must not be empty; leave the property out")
        found: Problems | None = None
        for index, element in enumerate(value):
            problems = item(element)
            if problems:
                if found is None:
                    found = []
                found += below(f"[{index}]", problems)
                if len(found) >= ENOUGH:
                    break
        return found

    return check


strings = list_of(string)


def reference(*types: str, banned: Iterable[str] = ()) -> Check:
    """An identifier of an object of one of `types` (none named: of any type but the banned ones).

    Types that the standard does not define may stand for a permitted one: an extension may have made them.
    """
    wanted = frozenset(types)
    refused = frozenset(banned)
    good: set[str] = set()

    def check(value: Any) -> Problems | None:
        try:
            if value in good:
                return None
        except TypeError:  # unhashable: a list or an object
            pass
        if type(value) is not str:
            return wrong_type("an identifier", value)
        kind = id_type(value)
        if kind is None:
            return problem("invalid-identifier", f"{quoted(value)} is not an identifier: type--UUID (RFC 4122, 1 to 5)")
        if wanted and kind not in wanted and kind in STANDARD_TYPES:
            return problem("wrong-reference", f"must refer to {_either(types)}, not {kind}")
        if kind in refused:
            return problem("wrong-reference", f"must not refer to a {kind}")
        if len(good) >= REMEMBERED:
            good.clear()
        good.add(value)
        return None

    return check


def _either(names: Iterable[str]) -> str:
    return " or ".join(names)


def dictionary(value_check: Check | None = None, key: str = r"[a-zA-Z0-9_-]{1,250}", *, least: int = 1) -> Check:
    """A `dictionary` (section 2.3): keys of letters, digits, hyphen and underscore; not empty; no nulls."""
    match = re.compile(key).fullmatch

    def check(value: Any) -> Problems | None:
        if type(value) is not dict:
            return wrong_type("a dictionary", value)
        if len(value) < least:
            return problem("empty-dictionary", "must not be empty; leave the property out")
        found: Problems = []
        for name, item in value.items():
            if not match(name):
                found += problem("invalid-key", f"the key {quoted(name)} does not match {key}", printable(name))
            problems = (value_check or any_value)(item)
            if problems:
                found += below(printable(name), problems)
            if len(found) >= ENOUGH:
                break
        return found or None

    return check


def any_value(value: Any) -> Problems | None:
    """Whatever STIX can hold: no null, no empty list."""
    if value is None:
        return problem("null", "must not be null; leave the property out")
    if type(value) is list and not value:
        return problem("empty-list", "must not be empty; leave the property out")
    return None


Rule = Callable[[dict[str, Any]], Problems | None]


def record(
    properties: Mapping[str, Check],
    *,
    required: Iterable[str] = (),
    any_of: Iterable[str] = (),
    rules: Iterable[Rule] = (),
    closed: bool = False,
) -> Check:
    """An object inside an object: known properties are checked, others may be there unless `closed`."""
    needed, alternatives, further = tuple(required), tuple(any_of), tuple(rules)

    def check(value: Any) -> Problems | None:
        if type(value) is not dict:
            return wrong_type("an object", value)
        found: Problems = []
        for name, item in value.items():
            part = properties.get(name, None if closed else any_value)
            if part is None:
                found += problem("unknown-property", f"{quoted(name)} is not a property here", printable(name))
                continue
            problems = part(item)
            if problems:
                found += below(printable(name), problems)
            if len(found) >= ENOUGH:
                break
        for name in needed:
            if name not in value:
                found += missing(name)
        if alternatives and not any(name in value for name in alternatives):
            found += problem("missing-property", f"needs at least one of {', '.join(alternatives)}")
        for rule in further:
            found += rule(value) or ()
        return found or None

    return check


def missing(name: str) -> Problems:
    return problem("missing-property", f"the property {name} is required", name)
