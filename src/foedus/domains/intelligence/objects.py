"""Making STIX objects from pure verbs: ids follow from content and time, so that a verb needs no randomness.

Example: `make("note", now, "…seed…", content="Seen again", object_refs=[report_id])`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec

from foedus.kernel.domain import Reader
from foedus.kernel.errors import NotFound
from foedus.kernel.searchtext import when

# Our own namespace: STIX 2.1 section 2.9 keeps 00abedb4-… for cyber-observable objects, which `observable_id` uses.
NAMESPACE = UUID("8f3a5be2-64d5-5c27-9d0a-2f1f3c0f9b11")
STIX_NAMESPACE = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def identify(kind: str, *seed: str) -> str:
    """The same id for the same seed, always: `report--` and a UUIDv5."""
    return f"{kind}--{uuid5(NAMESPACE, chr(0).join((kind, *seed)))}"


def observable_id(kind: str, contributing: Mapping[str, Any]) -> str:
    """The deterministic id of a cyber-observable object (STIX 2.1 section 2.9: UUIDv5 over its canonical properties).

    `contributing` holds strings, integers and objects of them; for those sorted compact JSON is RFC 8785.
    """
    canonical = msgspec.json.encode(contributing, order="sorted").decode()
    return f"{kind}--{uuid5(STIX_NAMESPACE, canonical)}"


def stamp(at: int) -> str:
    """Microseconds since 1970 as a STIX timestamp, in milliseconds."""
    time = _EPOCH + timedelta(milliseconds=at // 1000)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


def make(kind: str, now: int, *seed: str, **properties: Any) -> dict[str, Any]:
    """A new object of this type; properties that are None, "" or empty are left out. The node adds who created it."""
    at = stamp(now)
    kept = {k: v for k, v in properties.items() if v is not None and v != "" and v != [] and v != {}}
    seed = seed or (at, msgspec.json.encode(kept, order="sorted").decode())
    base = {"type": kind, "spec_version": "2.1", "id": identify(kind, *seed), "created": at, "modified": at}
    return {**base, **kept}


def revise(record: Mapping[str, Any], now: int, **changes: Any) -> dict[str, Any]:
    """The next version of a record: everything stays but the changes; None takes a property away.

    `modified` is later than that of the version before even where the clock is not.
    """
    before = when(str(record.get("modified", ""))) or 0
    at = max(now // 1000, before // 1000 + 1) * 1000
    out = {**record, **changes, "modified": stamp(at)}
    return {k: v for k, v in out.items() if v is not None}


def relate(kind: str, source: str, target: str, now: int, **properties: Any) -> dict[str, Any]:
    """A relationship. Its id follows from its ends and the time, so that two made at once are one."""
    return make(
        "relationship",
        now,
        kind,
        source,
        target,
        stamp(now),
        relationship_type=kind,
        source_ref=source,
        target_ref=target,
        **properties,
    )


def type_of(stix_id: str) -> str:
    """The type that an id names."""
    return stix_id.partition("--")[0]


def seed_of(command: msgspec.Struct, now: int) -> tuple[str, str]:
    """What tells two commands apart: what they say and when."""
    return str(now), msgspec.json.encode(command).decode()


def visible(view: Reader, stix_id: str) -> dict[str, Any] | None:
    """The record, or None where there is none that this reader may see."""
    if not stix_id:
        return None
    try:
        return view.get(stix_id)
    except NotFound:
        return None
