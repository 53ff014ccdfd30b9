"""The way in: what a peer released to us, checked step by step, stored under its originator's authority.

Recalls are carried out first. Then records are judged like any input (form, limits, known types) and stored as their
originator wrote them, byte for byte; what cannot be is put into quarantine with the reason. Only then the place in the
channel moves on: after a crash the same entries come again, and are known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from foedus.exchange.channel import Accepted, Batch, ForkRefused, Intake, Place, Pull, Quarantined, Sent
from foedus.exchange.statement import SealRefused
from foedus.kernel.checkpoint import Verifier
from foedus.kernel.errors import Refused
from foedus.kernel.ports import Head, Kind
from foedus.kernel.record import Valid, read_input
from foedus.node.exchange.peer import Peer, channel_name
from foedus.node.exchange.recalling import keep_recall, recalled_leaf
from foedus.node.ingest import batches
from foedus.node.writer import Draft
from foedus.storage.exchangestore import ExchangeStore, PlaceRow, QuarantineRow, SealRow

if TYPE_CHECKING:
    from foedus.node.node import Node

_packed = msgspec.msgpack.Encoder().encode


class Received(NamedTuple):
    """What one answer brought."""

    stored: int
    known: int
    recalled: int
    quarantined: int
    behind: int  # entries of the channel that are still to come


class Inlet:
    """One peer's channel, as its receiver takes it."""

    def __init__(
        self, node: Node, store: ExchangeStore, peer: Peer, originators: Callable[[str], Sequence[Verifier]]
    ) -> None:
        self._node, self._store, self.peer = node, store, peer
        self.channel = channel_name(peer.origin, node.owner)
        self._intake = Intake(self.channel, peer.keys.signing(), originators, self._knows, node.limits)

    @property
    def place(self) -> Place:
        row = self._store.place(self.peer.code)
        return Place() if row is None else Place(row.frontier, row.note, row.size, row.root, row.ahead)

    def question(self) -> Pull:
        return self.place.pull(self.channel, self._node.limits.max_channel_entries)

    def take(self, batch: Batch) -> Received:
        """Take one answer. Raises AnswerRefused; ForkRefused, and then the evidence is kept."""
        try:
            taken = self._intake.take(self.place, batch)
        except ForkRefused as error:
            now = self._node.clock.now()
            self._store.keep_evidence(self.peer.code, now, str(error), error.earlier, error.later)
            raise
        bad = list(taken.quarantined)
        recalled = self._recall(taken.recalls, bad)
        stored, known = self._keep(taken.accepted, bad)
        at = taken.place
        place = PlaceRow(at.frontier, at.note, at.size, at.root, at.ahead)
        self._store.keep_place(self.peer.code, place, map(self._waiting, bad))
        return Received(stored, known, recalled, len(bad), at.size - at.frontier.size)

    # -- recalls

    def _recall(self, recalls: Sequence[Accepted], bad: list[Quarantined]) -> int:
        """Withdraw what is here, and remember what may still come. Only the originator recalls its own."""
        targets = []
        for one in recalls:
            try:
                leaf = recalled_leaf(one.statement)
            except SealRefused as error:
                bad.append(_quarantined(one, 2, str(error)))
                continue
            seq = self._store.entry_of(leaf)
            if seq is not None and self._originator_of(seq) not in (one.envelope.originator, ""):
                bad.append(_quarantined(one, 7, "only its originator recalls a record"))
                continue
            keep_recall(self._store, one.envelope.originator, one.statement, one.seal, self._node.clock.now())
            if seq is not None:
                targets.append(seq)
        return self._node.recalls.carry_out(targets, by=self.peer.subject().name)

    # -- records

    def _keep(self, accepted: Sequence[Accepted], bad: list[Quarantined]) -> tuple[int, int]:
        """(stored, known). Each originator's records are judged apart: theirs may differ under one id."""
        by_originator: dict[str, list[Accepted]] = defaultdict(list)
        for one in accepted:
            if one.envelope.originator != self._node.owner and not self._recalled(one):
                by_originator[one.envelope.originator].append(one)
        stored = known = 0
        for ones in by_originator.values():
            drafts = self._drafts(ones, bad)
            runs = batches([draft for _, draft in drafts], self._node.limits)
            futures = [self._node.writer.submit(run) for run in runs]
            outcomes = [outcome for future in futures for outcome in future.result()]
            rows = [
                SealRow(
                    outcome.seq, one.statement.leaf, one.seal.note, one.seal.index, one.seal.path, one.statement.salt
                )
                for (one, _), outcome in zip(drafts, outcomes, strict=True)
            ]
            self._store.keep_seals(rows)
            known += sum(outcome.known for outcome in outcomes)
            stored += sum(not outcome.known for outcome in outcomes)
        return stored, known

    def _recalled(self, one: Accepted) -> bool:
        """Whether its originator withdrew it before it came."""
        row = self._store.recall_of(one.statement.leaf)
        return row is not None and row.originator == one.envelope.originator

    def _drafts(self, ones: Sequence[Accepted], bad: list[Quarantined]) -> list[tuple[Accepted, Draft]]:
        valid, faults = self._judged([one.statement.body for one in ones])
        out = []
        for index, one in enumerate(ones):
            found = valid.get(one.statement.body)
            if found is None:
                bad.append(_quarantined(one, 2, faults.get(index, "the record is not in canonical form")))
                continue
            if (found.type == "marking-definition") is not (
                one.statement.kind is Kind.LABEL
            ) and not one.envelope.labels:
                bad.append(_quarantined(one, 8, "a record without a label is shown to nobody"))
                continue
            if one.statement.kind is Kind.LABEL and found.type != "marking-definition":
                bad.append(_quarantined(one, 8, "only a marking definition defines a label"))
                continue
            originator, labels = one.envelope.originator, one.envelope.labels
            head = Head(found.id, found.type, found.version, originator, found.created_by, labels)
            out.append((one, Draft(one.statement.kind, one.statement.envelope, one.statement.body, head)))
        return out

    def _judged(self, bodies: Sequence[bytes]) -> tuple[dict[bytes, Valid], dict[int, str]]:
        """Valid records by their bytes, and the first fault of each other one by its place."""
        try:
            read = read_input(b'{"objects":[' + b",".join(bodies) + b"]}", self._node.limits)
        except Refused:
            if len(bodies) == 1:
                return {}, {0: "the record is not JSON as the standard has it"}
            valid: dict[bytes, Valid] = {}
            faults: dict[int, str] = {}
            for index, body in enumerate(bodies):  # one that cannot be read must not take the others with it
                good, bad = self._judged([body])
                valid |= good
                if bad:
                    faults[index] = bad[0]
            return valid, faults
        faults = {}
        for fault in (*read.faults, *self._node.domain_faults(read.valid)):
            faults.setdefault(fault.index, str(fault))
        refused = {fault.object_id for fault in self._node.domain_faults(read.valid)}
        return {one.body: one for one in read.valid if one.id not in refused}, faults

    # -- inside

    def _originator_of(self, seq: int) -> str:
        """Whose entry this is; "" where it was withdrawn already."""
        table = self._node.table
        code = int(table.column("originator")[seq])
        return str(table.names("originator")[code] or "") if code >= 0 else ""

    def _knows(self, label: str) -> bool:
        return self._node.registry.meaning_of(label) is not None

    def _waiting(self, one: Quarantined) -> QuarantineRow:
        now = self._node.clock.now()
        return QuarantineRow(self.peer.code, one.number, _packed(one.sent), one.step, one.reason, now, "")


def _kept(seq: int, one: Accepted) -> SealRow:
    return SealRow(seq, one.statement.leaf, one.seal.note, one.seal.index, one.seal.path, one.statement.salt)


def _quarantined(one: Accepted, step: int, reason: str) -> Quarantined:
    return Quarantined(one.number, Sent(one.statement.leaf, 0, one.statement, one.seal), step, reason)


def taken_from(rows: Iterable[QuarantineRow]) -> list[tuple[QuarantineRow, Sent]]:
    """What waits, with its statement decoded, for whoever inspects it."""
    decode = msgspec.msgpack.Decoder(Sent).decode
    return [(row, decode(row.sent)) for row in rows]
