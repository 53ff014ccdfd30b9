"""`View`: the one way to read. What the subject may not see is not found, not counted, not hinted at.

A view belongs to one request: a subject, the face they came through, and the moment. Every body that leaves
through it, and every id, is first recorded in the release log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from foedus.kernel.errors import Fault, NotFound, NotPermitted, Refused
from foedus.kernel.ids import format_time, timestamp
from foedus.kernel.label import Reason
from foedus.kernel.policy import in_force
from foedus.node.answers import (
    Arrival,
    Audience,
    Found,
    LabelReason,
    Marking,
    Neighbours,
    Page,
    PageHead,
    PageQuery,
    Progress,
    Proof,
    Provenance,
    SearchAnswer,
    SearchQuery,
    Seen,
)
from foedus.node.contract import OnProgress
from foedus.node.subject import Subject
from foedus.node.why import explain
from foedus.storage.sight import Sight
from foedus.storage.versions import ALL, LAST

if TYPE_CHECKING:
    from foedus.node.node import Node

Rows = np.ndarray[Any, Any]


class RecordHead(msgspec.Struct):
    """What a body says of itself; everything else is skipped. Observables may have anything as their author."""

    id: str
    type: str
    created_by_ref: Any = ""
    spec_version: Any = "2.1"


_read_head = msgspec.json.Decoder(RecordHead).decode


class View:
    """Implements `contract.View`. Made by `Node.view`; cheap to make, not kept."""

    def __init__(self, node: Node, subject: Subject, face: str) -> None:
        self._node = node
        self._subject = subject
        self._face = face
        self._recorded: set[int] = set()  # one request releases an entry once, however often it looks

    @property
    def subject(self) -> Subject:
        return self._subject

    # -- single records

    def get(self, stix_id: str, version: int | None = None) -> Found:
        found = self._versions(stix_id)
        if version is not None:
            found = [one for one in found if one.found.version == version]
        if not found:
            raise NotFound
        self._release([found[0]])
        return found[0].found

    def versions(self, stix_id: str) -> list[Found]:
        found = self._versions(stix_id)
        if not found:
            raise NotFound
        self._release(found)
        return [one.found for one in found]

    def many(self, stix_ids: Sequence[str]) -> dict[str, Found]:
        out: dict[str, _Row] = {}
        for stix_id in dict.fromkeys(stix_ids):
            versions = self._versions(stix_id)
            if versions:
                out[stix_id] = versions[0]
        self._release(list(out.values()))
        return {stix_id: row.found for stix_id, row in out.items()}

    # -- pages

    def page(self, query: PageQuery) -> Page:
        after = -1 if query.added_after is None else query.added_after
        if query.cursor:
            after = max(after, _read_cursor(query.cursor))
        if query.spec_versions is not None and "2.1" not in query.spec_versions:
            return Page([], [], False, "", 0, 0)
        with self._node.sights.of(self._subject) as sight:
            seqs = None
            if query.ids is not None:
                seqs = [row for rows in self._node.table.rows_of_many(query.ids) for row in rows]
            page = sight.page(after, query.limit, types=query.types, seqs=seqs, versions=frozenset(query.versions))
            plain = query.bodies and query.ids is None  # the hot path needs no heads
            heads = [] if plain else self._heads(page.seqs, page.times)
            offsets = self._node.table.column("offset")[page.seqs].tolist()
            lengths = self._node.table.column("length")[page.seqs].tolist()
        bodies = self._node.journal.read(offsets, lengths)
        if query.ids is not None:
            bodies, heads = _confirmed(bodies, heads, frozenset(query.ids))
        elif not query.bodies:
            heads = [_named(head, body) for head, body in zip(heads, bodies, strict=True)]
        seen = page.seqs.tolist()
        if query.bodies:
            self._record(seen)
        else:
            self._record_ids(seen)
        times = page.times
        first, last = (int(times[0]), int(times[-1])) if len(times) else (0, 0)
        return Page(bodies if query.bodies else [], heads, page.more, _cursor(last) if page.more else "", first, last)

    def newest(
        self, types: frozenset[str] | None = None, limit: int = 25, since_released: int | None = None
    ) -> list[Found]:
        with self._node.sights.of(self._subject) as sight:
            page = sight.newest(limit, types=types, versions=LAST)
            seqs = page.seqs
            if since_released is not None:
                seqs = seqs[page.times > since_released]
            rows = self._rows(seqs, sight)
        self._release(rows)
        return [row.found for row in rows]

    def count(self, types: frozenset[str] | None = None) -> int:
        with self._node.sights.of(self._subject) as sight:
            if types is None:
                return len(sight.current())
            counts = sight.counts_by("type")
        return sum(count for name, count in counts.items() if name in types)

    def arrivals(self, after_released: int, limit: int = 100) -> list[Arrival]:
        with self._node.sights.of(self._subject) as sight:
            page = sight.page(after_released, limit, versions=ALL)
            rows = self._rows(page.seqs, sight)
        self._release(rows)
        return [Arrival(r.found.released, r.found.id, r.found.type, r.found.version, r.found.body) for r in rows]

    def latest_release(self) -> int:
        """The release time of what arrived last in this view; 0 where it is empty."""
        with self._node.sights.of(self._subject) as sight:
            times = sight.newest(1, versions=ALL).times
            return int(times[0]) if len(times) else 0

    # -- search and graph

    def search(self, query: SearchQuery) -> SearchAnswer:
        return self._node.searching.search(self, query)

    def neighbours(
        self, stix_id: str, *, kinds: frozenset[str] | None = None, limit: int = 50, cursor: str = ""
    ) -> Neighbours:
        return self._node.searching.neighbours(self, stix_id, kinds, limit, cursor)

    # -- labels

    def markings(self, found: Found, lang: str = "en") -> list[Marking]:
        return [self._node.registry.marking(one, lang) for one in found.labels]

    def why(self, stix_id: str, lang: str = "en") -> list[LabelReason]:
        found = self.get(stix_id)
        policies = self._node.registry.policies
        out = []
        for one in found.labels:
            labels = [in_force(label, self._node.clock.now())[0] for label in self._node.registry.labels((one,))]
            words = " ".join(explain(label, self._subject.clearances, policies, lang) for label in labels)
            out.append(LabelReason(self._node.registry.marking(one, lang), words))
        return out

    def audience(self, stix_id: str) -> Audience:
        if not self._subject.may("publish"):
            raise NotPermitted("only those who publish for this node may ask who can see a record")
        found = self.get(stix_id)
        now = self._node.clock.now()
        can: list[str] = []
        why_not: dict[str, tuple[Reason, ...]] = {}
        for account in self._node.access.everyone():
            decision = self._node.registry.decide(found.labels, account.clearances, now)
            if decision.permit:
                can.append(account.name)
            else:
                why_not[account.name] = decision.reasons
        return Audience(can, list(why_not), self._seen(stix_id), why_not)

    def seen(self, stix_id: str) -> list[Seen]:
        """Who has seen it, for auditors and for those who publish; only of what the subject may see. NotFound."""
        if not self._subject.may("releases"):
            self._subject.require("publish")
        self.get(stix_id)
        return self._seen(stix_id)

    def _seen(self, stix_id: str) -> list[Seen]:
        seqs = [row.seq for row in self._versions(stix_id)]
        return [Seen(str(note["subject"]), str(note["face"]), at) for at, note in self._node.released.releases_of(seqs)]

    # -- provenance

    def provenance(self, stix_id: str, version: int | None = None) -> Provenance:
        found = self.get(stix_id, version)
        return Provenance(found.originator, found.origins, hashlib.sha256(found.body).hexdigest(), len(found.body))

    def proof(self, stix_id: str, version: int | None = None) -> Proof:
        if not self._subject.may("verify"):
            raise NotPermitted("proofs name positions in the journal: they are for auditors and administrators")
        rows = self._versions(stix_id)
        rows = [row for row in rows if version is None or row.found.version == version]
        if not rows:
            raise NotFound
        journal = self._node.journal
        entry, size = journal.entry(rows[0].seq), journal.size
        return Proof(
            entry.seq,
            size,
            entry.leaf.hex(),
            entry.salt.hex(),
            [node.hex() for node in journal.inclusion(entry.seq, size)],
            journal.checkpoint().decode(),
            entry.erased,
        )

    # -- export

    def export(self, types: frozenset[str] | None = None, on_progress: OnProgress | None = None) -> Iterator[bytes]:
        total = self.count(types)
        bundle = self._node.new_uuid()
        yield b'{"type":"bundle","id":"bundle--' + bundle.encode() + b'","objects":['
        cursor, done, first = "", 0, True
        while True:
            page = self.page(PageQuery(cursor=cursor, limit=self._node.limits.max_page, types=types))
            if page.bodies:
                yield (b"" if first else b",") + b",".join(page.bodies)
                first = False
                done += len(page.bodies)
                if on_progress is not None:
                    on_progress(Progress("exporting", done, total))
            if not page.more:
                break
            cursor = page.next
        yield b"]}\n"

    # -- for domains (node/reader.py)

    def find(self, **where: Any) -> list[dict[str, Any]]:
        """Latest permitted versions whose properties equal the given ones; `type` narrows first, `limit` bounds."""
        limit = int(where.pop("limit", 1000))
        kind = where.pop("type", None)
        types = None if kind is None else frozenset([kind] if isinstance(kind, str) else kind)
        out: list[dict[str, Any]] = []
        before: int | None = None
        while len(out) < limit:
            with self._node.sights.of(self._subject) as sight:
                page = sight.newest(min(limit, 1000), before=before, types=types, versions=LAST)
                rows = self._rows(page.seqs, sight)
            kept = [row for row in rows if all(row.found.obj.get(key) == value for key, value in where.items())]
            self._release(kept)
            out += [row.found.obj for row in kept]
            if not page.more:
                break
            before = int(page.times[-1])
        return out[:limit]

    # -- inside

    def _versions(self, stix_id: str) -> list[_Row]:
        """Visible versions of an id, newest first; equal ones once with all their origins."""
        with self._node.sights.of(self._subject) as sight:
            seqs = np.asarray(self._node.table.rows_of(stix_id), np.int64)
            seqs = seqs[sight.visible(seqs)] if len(seqs) else seqs
            rows = [row for row in self._rows(seqs, sight) if row.found.id == stix_id]
        by_content: dict[bytes, _Row] = {}
        for row in rows:
            known = by_content.setdefault(row.found.body, row)
            if known is not row:
                origins = tuple(sorted({*known.found.origins, *row.found.origins}))
                # the reader reads it under the first label set that permits; every origin is named
                by_content[row.found.body] = _Row(known.seq, replace(known.found, origins=origins))
        return sorted(by_content.values(), key=lambda r: (r.found.version or r.found.released, r.seq), reverse=True)

    def own_entries(self, stix_id: str) -> list[int]:
        """Entries of this id that the subject sees and this node originated: what a recall erases."""
        with self._node.sights.of(self._subject) as sight:
            seqs = np.asarray(self._node.table.rows_of(stix_id), np.int64)
            rows = self._rows(seqs[sight.visible(seqs)], sight) if len(seqs) else []
        return [row.seq for row in rows if row.found.id == stix_id and row.found.originator == self._node.owner]

    def rows(self, seqs: Sequence[int] | Rows) -> list[Found]:
        """Records by entry, for parts of the node that have filtered through this view's sight already."""
        with self._node.sights.of(self._subject) as sight:
            array = np.asarray(seqs, np.int64)
            rows = self._rows(array[sight.visible(array)] if len(array) else array, sight)
        self._release(rows)
        return [row.found for row in rows]

    def entries(self, seqs: Sequence[int]) -> dict[int, Found]:
        """As `rows`, by entry: one that was recalled in the meantime is left out."""
        with self._node.sights.of(self._subject) as sight:
            array = np.unique(np.asarray(seqs, np.int64))
            rows = self._rows(array[sight.visible(array)], sight)
        self._release(rows)
        return {row.seq: row.found for row in rows}

    def _rows(self, seqs: Rows, sight: Sight) -> list[_Row]:
        if not len(seqs):
            return []
        table = self._node.table
        times = sight.times(seqs)
        bodies = self._node.journal.read(table.column("offset")[seqs].tolist(), table.column("length")[seqs].tolist())
        versions, sets = table.column("version")[seqs].tolist(), table.column("labelset")[seqs].tolist()
        origins = table.column("originator")[seqs].tolist()
        set_names, origin_names = table.names("labelset"), table.names("originator")
        out = []
        for n, (seq, body) in enumerate(zip(seqs.tolist(), bodies, strict=True)):
            head = _read_head(body)
            origin = origin_names[origins[n]]
            labels = set_names[sets[n]]
            out.append(
                _Row(
                    seq,
                    Found(
                        head.id,
                        head.type,
                        versions[n],
                        int(times[n]),
                        origin,
                        head.created_by_ref if type(head.created_by_ref) is str else "",
                        labels,
                        body,
                        (origin,),
                    ),
                )
            )
        return out

    def _heads(self, seqs: Rows, times: Rows) -> list[PageHead]:
        """Heads without ids: those stand in the bodies."""
        table = self._node.table
        names = table.names("type")
        kinds, versions = table.column("type")[seqs].tolist(), table.column("version")[seqs].tolist()
        return [
            PageHead("", names[kind], version, released)
            for kind, version, released in zip(kinds, versions, times.tolist(), strict=True)
        ]

    def _release(self, rows: Sequence[_Row]) -> None:
        self._record([row.seq for row in rows])

    def _record(self, seqs: Sequence[int]) -> None:
        """Recorded durably before anything leaves: the answer waits for it."""
        seqs = [seq for seq in seqs if seq not in self._recorded]
        if not seqs:
            return
        self._recorded.update(seqs)
        self._note(self._face, seqs)

    def _record_ids(self, seqs: Sequence[int]) -> None:
        """An id is a release too: that a record is there is told. The face says that its body did not leave."""
        self._note(f"{self._face}-ids", seqs)

    def _note(self, face: str, seqs: Sequence[int]) -> None:
        token = str(self._subject.token_id) if self._subject.token_id else ""
        self._node.released.record(self._subject.name, face, seqs, token=token).result()


class _Row(msgspec.Struct, frozen=True):
    seq: int
    found: Found


def _named(head: PageHead, body: bytes) -> PageHead:
    return PageHead(_read_head(body).id, head.type, head.version, head.released)


def _confirmed(bodies: list[bytes], heads: list[PageHead], ids: frozenset[str]) -> tuple[list[bytes], list[PageHead]]:
    """Leave out what only shares a hash with an id that was asked for."""
    named = [(body, _named(head, body)) for body, head in zip(bodies, heads, strict=True)]
    kept = [(body, head) for body, head in named if head.id in ids]
    return [body for body, _ in kept], [head for _, head in kept]


def _cursor(time: int) -> str:
    """A place in release order is a release time; it says nothing that the page did not."""
    return format_time(time)


def _read_cursor(text: str) -> int:
    try:
        return timestamp(text)
    except ValueError as error:
        raise _BadCursor([Fault("bad-cursor", "`next` is not one that this server gave", path="next")]) from error


class _BadCursor(Refused):
    status = 400
    code = "bad-query"
