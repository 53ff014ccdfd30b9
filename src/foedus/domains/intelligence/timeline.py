"""When what happened: every time that records name, in order, as written.

Example: `events([campaign, indicator])` gives first_seen, valid_from and so on as one sorted list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from foedus.domains.intelligence.objects import visible
from foedus.domains.intelligence.records import summary
from foedus.kernel.domain import Reader, Text
from foedus.kernel.errors import Fault, Refused
from foedus.kernel.searchtext import when

# Property -> words. What happened in the world first, what happened to the record last (`administrative`).
TIMES: Mapping[str, Text] = {
    "first_seen": {"en": "first seen", "fr": "première observation"},
    "last_seen": {"en": "last seen", "fr": "dernière observation"},
    "first_observed": {"en": "first observed", "fr": "première observation"},
    "last_observed": {"en": "last observed", "fr": "dernière observation"},
    "start_time": {"en": "start", "fr": "début"},
    "stop_time": {"en": "end", "fr": "fin"},
    "start": {"en": "start", "fr": "début"},
    "end": {"en": "end", "fr": "fin"},
    "valid_from": {"en": "valid from", "fr": "valable à partir de"},
    "valid_until": {"en": "valid until", "fr": "valable jusqu'au"},
    "published": {"en": "published", "fr": "publié"},
    "needed_by": {"en": "needed by", "fr": "nécessaire avant"},
    "submitted": {"en": "submitted for analysis", "fr": "soumis à l'analyse"},
    "analysis_started": {"en": "analysis began", "fr": "début de l'analyse"},
    "analysis_ended": {"en": "analysis ended", "fr": "fin de l'analyse"},
    "date": {"en": "sent", "fr": "envoyé"},
    "created_time": {"en": "process began", "fr": "début du processus"},
    "account_created": {"en": "account made", "fr": "compte créé"},
    "account_expires": {"en": "account expires", "fr": "expiration du compte"},
    "account_last_login": {"en": "last signed in", "fr": "dernière connexion"},
    "validity_not_before": {"en": "certificate valid from", "fr": "certificat valable à partir de"},
    "validity_not_after": {"en": "certificate valid until", "fr": "certificat valable jusqu'au"},
    "created": {"en": "recorded", "fr": "enregistré"},
    "modified": {"en": "changed", "fr": "modifié"},
}
ADMINISTRATIVE = frozenset({"created", "modified"})


class Event(msgspec.Struct, frozen=True):
    """One time of one record."""

    at: int  # microseconds since 1970 UTC, for order
    written: str  # the time as the record has it, with its zone
    zone: int  # minutes east of UTC, as written
    property: str
    title: dict[str, str]
    record: str
    type: str
    summary: str


def events(records: Iterable[Mapping[str, Any]], *, administrative: bool = True) -> list[Event]:
    """Every time that these records name, oldest first. A record that never changed has no `modified` event."""
    found = []
    for record in records:
        for name, title in TIMES.items():
            written = record.get(name)
            if not isinstance(written, str) or (name in ADMINISTRATIVE and not administrative):
                continue
            if name == "modified" and written == record.get("created"):
                continue
            at = when(written)
            if at is not None:
                kind, own = str(record.get("type", "")), str(record.get("id", ""))
                found.append(Event(at, written, _zone(written), name, dict(title), own, kind, summary(record)))
    return sorted(found, key=lambda e: (e.at, e.record, e.property))


def _zone(written: str) -> int:
    offset = datetime.fromisoformat(written.strip()).utcoffset() if len(written.strip()) > 7 else None
    return int(offset.total_seconds() // 60) if offset is not None else 0


class Timeline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happened around one record, or in a period."""

    target: Annotated[
        str, msgspec.Meta(description="a record and what is linked with it; empty: all", max_length=400)
    ] = ""
    type: Annotated[str, msgspec.Meta(description="only records of this STIX type", max_length=250)] = ""
    after: Annotated[str, msgspec.Meta(description="ISO 8601", max_length=40)] = ""
    before: Annotated[str, msgspec.Meta(description="ISO 8601", max_length=40)] = ""
    administrative: Annotated[bool, msgspec.Meta(description="also when records were made and changed")] = False
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 200


def timeline(view: Reader, command: Timeline, now: int) -> list[Event]:
    """Events of permitted records, oldest first; of more than `limit` the latest. NotFound, Refused (wrong dates)."""
    after, before = (_bound(name, getattr(command, name)) for name in ("after", "before"))
    found = [
        event
        for event in events(_around(view, command), administrative=command.administrative)
        if (after is None or event.at >= after) and (before is None or event.at < before)
    ]
    return found[-command.limit :]


def _bound(name: str, text: str) -> int | None:
    at = when(text) if text else None
    if text and at is None:
        raise Refused([Fault("invalid-timestamp", "a date or time in ISO 8601", path=name)])
    return at


def _around(view: Reader, command: Timeline) -> Sequence[Mapping[str, Any]]:
    if not command.target:
        where = {"type": command.type} if command.type else {}
        return view.find(limit=1000, **where)
    record = view.get(command.target)
    ids: dict[str, None] = {}
    for link in (*view.links_from(command.target), *view.links_to(command.target)):
        ids.update(dict.fromkeys((str(link["source"]), str(link["target"]), str(link["via"]))))
    ids.pop(command.target, None)
    linked = [found for i in list(ids)[:500] if (found := visible(view, i)) is not None]
    return [r for r in (record, *linked) if not command.type or r.get("type") == command.type]
