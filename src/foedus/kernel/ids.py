"""Identifiers and times of STIX 2.1 objects (sections 2.9 and 3.2 of the standard).

An identifier is `type--UUID`, with an RFC 4122 UUID of version 1 to 5. A time is RFC 3339 in UTC with a `Z`;
inside Foedus it is an int of microseconds since 1970-01-01T00:00:00Z.

Example: `timestamp("2017-01-20T00:00:00.000Z") == 1484870400000000`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

UUID_FORM = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-5][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
TYPE_FORM = r"[a-z](?:[a-z0-9]|-(?!-))+"  # no two hyphens in a row: they end the type in an identifier
_ID = re.compile(rf"({TYPE_FORM})--{UUID_FORM}")
is_uuid_from = re.compile(UUID_FORM).fullmatch  # (text, position): whether a UUID stands there, to the end
_TYPE = re.compile(r"[a-z](?:[a-z0-9]|-(?!-)){2,249}")

_TIME = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[012])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?Z"
)
_EPOCH_DAY = datetime(1970, 1, 1).toordinal()
_CACHE_SIZE = 65_536
# Parts of times in microseconds. A time whose parts are all here is good, and costs four look-ups: few days, minutes,
# seconds and fractions make up many times. What was found good is remembered, and forgotten when it becomes too much.
_days: dict[str, int] = {}  # "2017-01-20"
_minutes = {f"T{n // 60:02d}:{n % 60:02d}": n * 60_000_000 for n in range(1440)}
_seconds = {f":{n:02d}": n * 1_000_000 for n in range(60)}  # without 60, which is good on two days of the year only
_fractions: dict[str, int] = {}  # ".000Z", "Z"


def id_type(text: str) -> str | None:
    """The type an identifier begins with, or None where the text is not an identifier."""
    match = _ID.fullmatch(text)
    return match[1] if match else None


def is_id(text: object) -> bool:
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def is_type_name(text: object) -> bool:
    """Lower-case letters, digits and single hyphens, 3 to 250 characters, a letter first."""
    return isinstance(text, str) and _TYPE.fullmatch(text) is not None


def uuid_version(identifier: str) -> int:
    """The version digit of an identifier's UUID, 0 where it has none."""
    digit = identifier[-22:-21]
    return int(digit) if digit.isdigit() else 0


def timestamp(text: str) -> int:
    """Microseconds since 1970 of an RFC 3339 time in UTC; what is finer than a microsecond is cut off.

    A leap second (23:59:60 on the last day of June or December) is the second that follows it.
    Raises ValueError, saying what is wrong.
    """
    try:
        return _days[text[:10]] + _minutes[text[10:16]] + _seconds[text[16:19]] + _fractions[text[19:]]
    except KeyError:
        return _parse(text)


def _parse(text: str) -> int:
    if _TIME.fullmatch(text) is None:
        raise ValueError("not of the form YYYY-MM-DDTHH:mm:ss[.s…]Z")
    day = _days.get(text[:10])
    if day is None:
        day = _parse_day(text[:10])
    if text[17] == "6" and (text[5:10] not in ("06-30", "12-31") or text[11:16] != "23:59"):
        raise ValueError("second 60 exists only as a leap second, at 23:59:60 on 30 June or 31 December")
    fraction = int(text[20:-1][:6].ljust(6, "0"))
    if len(text) < 64:
        _remember(_fractions, text[19:], fraction)
    return day + _minutes[text[10:16]] + int(text[17:19]) * 1_000_000 + fraction


def _remember(cache: dict[str, int], part: str, micros: int) -> None:
    if len(cache) >= _CACHE_SIZE:
        cache.clear()
    cache[part] = micros


def _parse_day(date: str) -> int:
    try:
        micros = (datetime.fromisoformat(date).toordinal() - _EPOCH_DAY) * 86_400_000_000
    except ValueError:
        raise ValueError(f"{date} is not a day of the calendar") from None
    _remember(_days, date, micros)
    return micros


def exact(text: str) -> tuple[int, str]:
    """A valid time as something that orders exactly, digits finer than a microsecond included."""
    _, _, fraction = text[:-1].partition(".")
    return timestamp(text), fraction[6:].rstrip("0")


@lru_cache(_CACHE_SIZE)
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%dT").rjust(11, "0")  # years before 1000


@lru_cache(86_400)
def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}."


def format_time(micros: int) -> str:
    """The RFC 3339 form with three digits of a second, or six where the microseconds need them."""
    seconds, rest = divmod(micros, 1_000_000)
    day, second = divmod(seconds, 86_400)
    fraction = f"{rest // 1000:03d}Z" if rest % 1000 == 0 else f"{rest:06d}Z"
    return _date(day) + _clock(second) + fraction
