"""One account as a value: its properties, its clearances over time, and what makes either malformed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

import msgspec

from foedus.kernel.errors import Damaged, Fault, Refused
from foedus.kernel.label import Clearance

LANGUAGES = ("en", "fr")

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")  # no colon: Basic authentication splits there
_ROLE = re.compile(r"[a-z][a-z-]{0,31}")
_MAX_CLEARANCES = 64 * 1024  # bytes of one history entry


@dataclass(frozen=True, slots=True)
class Account:
    """One account as it stands. `epochs`: (since, clearances), oldest first; the last may begin in a moment."""

    id: int
    name: str
    display_name: str
    roles: frozenset[str]
    active: bool
    created: int
    language: str
    zone: str
    has_password: bool
    epochs: tuple[tuple[int, tuple[Clearance, ...]], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the administrative log."""

    id: int
    at: int
    actor: str
    account: str
    action: str  # "add", "change", "clearances", "deactivate", "password", "token", ...
    detail: Mapping[str, Any]


def encode_clearances(clearances: Iterable[Clearance]) -> str:
    """Clearances as JSON: the same text for equal clearances."""
    return msgspec.json.encode(tuple(clearances), order="sorted").decode()


def decode_clearances(text: str) -> tuple[Clearance, ...]:
    """The clearances that `encode_clearances` wrote. Raises Damaged for anything else: never a guess."""
    try:
        clearances = msgspec.json.decode(text, type=tuple[Clearance, ...])
    except msgspec.MsgspecError as error:
        raise Damaged("a stored clearance cannot be read") from error
    if encode_clearances(clearances) != text:
        raise Damaged("a stored clearance is not what was written")
    return clearances


def checked_clearances(clearances: tuple[Clearance, ...]) -> str:
    """Clearances as JSON. Raises Refused where they are too large, or two of them are under one policy."""
    text = encode_clearances(clearances)
    if len(text) > _MAX_CLEARANCES:
        raise Refused([Fault("clearance-too-large", f"a clearance has at most {_MAX_CLEARANCES} bytes")])
    policies = [clearance.policy for clearance in clearances]
    if len(set(policies)) != len(policies):
        raise Refused([Fault("clearance-twice", "at most one clearance under each policy")])
    return text


def faults_of(**given: Any) -> Iterable[Fault]:
    """What is wrong with the properties that are given."""
    name = given.get("name")
    if name is not None and not _NAME.fullmatch(name):
        yield Fault(
            "invalid-name",
            "a name has 1 to 64 characters a-z, 0-9, '.', '_', '@', '-' and begins with a letter or digit",
            path="name",
        )
    for role in given.get("roles", ()):
        if not _ROLE.fullmatch(role):
            yield Fault("invalid-role", f"not the name of a role: {role!r}", path="roles")
    shown = given.get("display_name")
    if shown is not None and not (0 < len(shown) <= 128 and shown.isprintable()):
        yield Fault("invalid-display-name", "1 to 128 printable characters", path="display_name")
    language = given.get("language")
    if language is not None and language not in LANGUAGES:
        yield Fault("unknown-language", f"one of {', '.join(LANGUAGES)}", path="language")
    zone = given.get("zone")
    if zone is not None and zone != "UTC" and zone not in available_timezones():
        yield Fault("unknown-zone", "a name of the IANA time zone database, for example Europe/Helsinki", path="zone")
