"""Times for people: microseconds since 1970 in, a date with its zone out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from foedus.kernel.searchtext import when

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def zone(name: str) -> tzinfo:
    """The zone of an account ("Europe/Helsinki"); UTC where it has none or the system does not know it."""
    try:
        return ZoneInfo(name) if name and name != "UTC" else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def moment(at: int) -> datetime:
    """Microseconds as a time in UTC, clamped to what a calendar can hold."""
    try:
        return _EPOCH + timedelta(microseconds=at)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if at > 0 else datetime.min.replace(tzinfo=UTC)


def iso(at: int) -> str:
    """For `<time datetime>` and charts: UTC with milliseconds."""
    return moment(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shown(at: int, where: tzinfo, *, seconds: bool = False, day: bool = False) -> str:
    """`2026-03-14 09:05 EET`; `day` alone without time and zone."""
    try:
        local = moment(at).astimezone(where)
    except OverflowError:
        local = moment(at)
    if day:
        return local.strftime("%Y-%m-%d")
    pattern = "%Y-%m-%d %H:%M:%S %Z" if seconds else "%Y-%m-%d %H:%M %Z"
    return local.strftime(pattern)


def read(text: str) -> int | None:
    """A STIX timestamp or an ISO date as microseconds, None where it is none."""
    return when(text)


def month(text: str) -> tuple[int | None, int | None]:
    """The first and the last microsecond of `2026-03`, (None, None) where the text is no month."""
    year, _, number = text.partition("-")
    if not (len(text) == 7 and year.isdigit() and number.isdigit() and text.isascii()):
        return None, None
    following = f"{int(year) + 1:04d}-01" if number == "12" else f"{year}-{int(number) + 1:02d}"
    since, end = read(text), read(following)
    return (since, end - 1) if since is not None and end is not None else (None, None)
