"""The query parameters of TAXII 2.1 (section 3.4), read strictly: what cannot be understood is 400, never 500."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from foedus.config import Limits
from foedus.kernel.errors import Fault, Refused
from foedus.kernel.ids import timestamp
from foedus.node.answers import PageQuery

_KNOWN = frozenset(
    {"added_after", "limit", "next", "match[id]", "match[type]", "match[version]", "match[spec_version]"}
)
_DIGITS = re.compile(r"[0-9]{1,18}")


class BadQuery(Refused):
    """A parameter that cannot be read."""

    status = 400
    code = "bad-query"


def _bad(name: str, message: str) -> BadQuery:
    return BadQuery([Fault("bad-parameter", message, path=name)], f"{name}: {message}")


def parameters(query: bytes) -> dict[str, str]:
    """The parameters once each. Raises BadQuery for undecodable or repeated ones."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=32, errors="strict")
    except (UnicodeDecodeError, ValueError) as error:
        raise _bad("query", "the query string cannot be read") from error
    out: dict[str, str] = {}
    for name, value in pairs:
        if name in out and name in _KNOWN:
            raise _bad(name, "given twice; give a comma list once")
        out[name] = value
    return out


def _time(name: str, value: str) -> int:
    try:
        return timestamp(value)
    except ValueError as error:
        raise _bad(name, "must be a timestamp such as 2026-01-31T12:00:00.000000Z") from error


def _limit(value: str | None, limits: Limits) -> int:
    if value is None:
        return limits.max_page
    if not _DIGITS.fullmatch(value) or int(value) == 0:
        raise _bad("limit", "must be a whole number from 1")
    return min(int(value), limits.max_page)


def _versions(value: str | None) -> tuple[str | int, ...]:
    if value is None:
        return ("last",)
    out: list[str | int] = []
    for part in value.split(","):
        word = part.strip()
        out.append(word if word in {"last", "first", "all"} else _time("match[version]", word))
    return ("all",) if "all" in out else tuple(out)


def _list(name: str, value: str | None, most: int) -> tuple[str, ...] | None:
    if value is None:
        return None
    parts = tuple(p.strip() for p in value.split(",") if p.strip())
    if not parts:
        raise _bad(name, "must name at least one value")
    if len(parts) > most:
        raise _bad(name, f"names more than {most} values")
    return parts


def page_query(query: bytes, limits: Limits, *, ids: tuple[str, ...] | None = None) -> PageQuery:
    """The page that these parameters ask for. Filters without a meaning here are left alone, as the standard says."""
    given = parameters(query)
    types = _list("match[type]", given.get("match[type]"), limits.max_match_ids)
    return PageQuery(
        added_after=_time("added_after", given["added_after"]) if "added_after" in given else None,
        cursor=given.get("next", ""),
        limit=_limit(given.get("limit"), limits),
        types=None if types is None else frozenset(types),
        ids=ids if ids is not None else _list("match[id]", given.get("match[id]"), limits.max_match_ids),
        versions=_versions(given.get("match[version]")),
        spec_versions=_list("match[spec_version]", given.get("match[spec_version]"), 8),
    )
