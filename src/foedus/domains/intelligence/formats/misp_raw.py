"""Reading MISP's loose JSON: a property that is absent or of another type counts as empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from foedus.domains.intelligence.objects import stamp
from foedus.kernel.searchtext import when

Raw = Mapping[str, Any]


def rows_of(parent: Raw, name: str) -> list[Raw]:
    """The objects of a list."""
    value = parent.get(name)
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []


def text_of(parent: Raw, name: str) -> str:
    """A string or number as text."""
    value = parent.get(name)
    return str(value).strip() if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""


def uuid_of(parent: Raw) -> str:
    """Its UUID in lower case, "" where it has no valid one."""
    try:
        return str(UUID(text_of(parent, "uuid")))
    except ValueError:
        return ""


def time_of(text: str) -> str:
    """Seconds since 1970 or an ISO date as a STIX timestamp, "" where it is neither."""
    if text.isascii() and text.isdigit() and len(text) <= 11:
        return stamp(int(text) * 1_000_000) if int(text) else ""
    at = when(text) if text else None
    return stamp(at) if at is not None else ""


def is_set(parent: Raw, name: str) -> bool:
    """MISP writes truth in several ways."""
    return parent.get(name) in (True, 1, "1", "true", "True")


def each(value: Any) -> Iterator[Any]:
    """The members of a list, or a single value."""
    if isinstance(value, list):
        yield from value
    elif isinstance(value, (str, int)) and value != "":
        yield value
