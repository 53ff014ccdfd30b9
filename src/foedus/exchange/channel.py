"""A channel: what one node releases to another, as a numbered append-only log under signed checkpoints. No I/O.

The receiver asks (`Pull`), the sender answers (`Batch`), the receiver takes what it can prove (`Intake.take`) and says
how far it is with its next question. Losing, repeating or reordering messages changes nothing: a question names its
start, and an answer that does not continue where the receiver stands is refused.

`Intake.take` verifies by these numbered steps, and a refusal names its step:

    1. size          within the limits
    2. form          the fields are what they should be
    3. key           the note names the channel, and bears a signature of the pinned key
    4. checkpoint    it is not smaller than one seen before
    5. consistency   its log begins with what was seen before, and with what was taken before and this batch
    6. inclusion     each statement, and each recall that is sent ahead, is the entry that its number says
    7. originator    the statement is sealed by the originator that it names
    8. label         the labels that it names are known here

A failure in steps 1 to 6 refuses the whole answer: the sender or the line is at fault. Steps 7 and 8 concern one
statement, which goes into quarantine while the channel goes on. A checkpoint that contradicts an earlier one under the
same key is evidence that the sender rewrote or forked its log: `ForkRefused` carries both notes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import msgspec

from foedus.config import Limits
from foedus.exchange.statement import Envelope, Seal, SealRefused, Statement, read_envelope
from foedus.kernel import merkle
from foedus.kernel.checkpoint import Checkpoint, NoteRefused, Verifier
from foedus.kernel.errors import PeerFault
from foedus.kernel.merkle import HASH_BYTES, Frontier, verify_consistency, verify_inclusion
from foedus.kernel.ports import Kind

_NO_SALT = bytes(16)
_MAX_AT = 1 << 63
_MAX_PATH = 64  # hashes: a log of 2^64 entries has no longer proof


class AnswerRefused(PeerFault):
    """An answer that is not taken. `step` is one of the numbered steps."""

    code = "answer-refused"

    def __init__(self, step: int, message: str) -> None:
        super().__init__(f"step {step}: {message}")
        self.step = step


class ForkRefused(AnswerRefused):
    """Two checkpoints under one key that contradict each other: evidence, whatever the reason."""

    code = "fork-refused"

    def __init__(self, message: str, earlier: bytes, later: bytes) -> None:
        super().__init__(5, message)
        self.earlier, self.later = earlier, later


class Sent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One entry as it is sent. Without a statement it was recalled meanwhile: its leaf is all that is left.

    `at`: when the sender released it to this receiver, in microseconds since 1970.
    """

    leaf: bytes
    at: int
    statement: Statement | None = None
    seal: Seal | None = None


class Ahead(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A recall that is sent before its turn, with the proof that it is entry `number` of the log."""

    number: int
    sent: Sent
    path: tuple[bytes, ...]


class Pull(msgspec.Struct, frozen=True, array_like=True):
    """The receiver's question: entries from `start` on, and the recalls beyond them.

    `seen`: the size of the largest checkpoint that it holds. `ahead`: recalls below this number were taken already.
    """

    channel: str
    start: int
    seen: int
    ahead: int
    limit: int


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """The sender's answer. `grown` proves that the log goes on behind the entries, `kept` that it begins as it did."""

    note: bytes
    start: int
    entries: tuple[Sent, ...] = ()
    grown: tuple[bytes, ...] = ()  # from start + len(entries) to the checkpoint
    kept: tuple[bytes, ...] = ()  # from `seen` to the checkpoint
    recalls: tuple[Ahead, ...] = ()


class Log(Protocol):
    """The sender's side of a channel, as it is stored."""

    @property
    def size(self) -> int: ...
    def note(self) -> bytes: ...
    def sent(self, start: int, stop: int) -> Sequence[Sent]: ...
    def recalls(self, start: int, limit: int) -> Sequence[tuple[int, Sent]]: ...
    def consistency(self, old: int, new: int) -> Sequence[bytes]: ...
    def inclusion(self, number: int, size: int) -> Sequence[bytes]: ...


def entry_leaf(number: int, sent: Sent) -> bytes:
    """What the log's tree holds: the leaf of a journal entry whose body is the statement's leaf, without a salt.

    The statement's own salt hides what it says; a second one would only have to be kept.
    """
    return merkle.entry_leaf(_NO_SALT, number, sent.at, Kind.NOTE, b"", sent.leaf)


def answer(log: Log, pull: Pull, limits: Limits) -> Batch:
    """What to send. Raises AnswerRefused (step 4) where the receiver claims more than there is."""
    note, size = log.note(), log.size
    if not 0 <= pull.start <= size or not 0 <= pull.seen <= size or pull.ahead < 0 or pull.limit < 0:
        raise AnswerRefused(4, f"the log has {size} entries")
    most = min(pull.limit, limits.max_channel_entries)
    entries = _within(log.sent(pull.start, min(size, pull.start + most)), limits.max_channel_bytes)
    stop = pull.start + len(entries)
    ahead = log.recalls(max(stop, pull.ahead), limits.max_channel_entries)
    recalls = tuple(Ahead(n, sent, tuple(log.inclusion(n, size))) for n, sent in ahead)
    grown, kept = log.consistency(stop, size), log.consistency(pull.seen, size)
    return Batch(note, pull.start, entries, tuple(grown), tuple(kept), recalls)


def _within(entries: Sequence[Sent], most: int) -> tuple[Sent, ...]:
    """The first ones, as far as their bodies fit; one at least."""
    size = 0
    for count, sent in enumerate(entries):
        size += len(sent.statement.body) if sent.statement else 0
        if size > most and count:
            return tuple(entries[:count])
    return tuple(entries)


# -- the receiver


@dataclass(frozen=True, slots=True)
class Place:
    """How far a receiver is: what it took (`frontier`), the largest checkpoint it saw, the recalls it took ahead."""

    frontier: Frontier = field(default_factory=Frontier)
    note: bytes = b""  # of the largest checkpoint seen
    size: int = 0
    root: bytes = b""
    ahead: int = 0  # recalls below this number were taken

    def pull(self, channel: str, limit: int) -> Pull:
        return Pull(channel, self.frontier.size, self.size, self.ahead, limit)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A statement that passed all steps. `number` is its entry in the channel."""

    number: int
    statement: Statement
    seal: Seal
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A statement that is the sender's entry for sure, and that may not be stored as it is."""

    number: int
    sent: Sent
    step: int
    reason: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What one answer brought: recalls first, then everything else in the order of the log."""

    place: Place
    recalls: tuple[Accepted, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    gone: tuple[tuple[int, bytes], ...] = ()  # entries that were recalled before they came: (number, leaf)


class Intake:
    """The receiver's rules for one channel.

    `keys`: those pinned for the sender, the current one and, while it is being replaced, the one before. `originators`:
    the pinned sealing keys of a nation or body, none where it is not known. `knows`: whether a label is known here.
    """

    def __init__(
        self,
        channel: str,
        keys: Sequence[Verifier],
        originators: Callable[[str], Sequence[Verifier]],
        knows: Callable[[str], bool],
        limits: Limits,
    ) -> None:
        self._channel, self._keys, self._limits = channel, tuple(keys), limits
        self._originators, self._knows = originators, knows

    def take(self, place: Place, batch: Batch) -> Taken:
        """Judge one answer to `place.pull(...)`. Raises AnswerRefused, ForkRefused: then nothing of it is taken."""
        self._sizes(batch)
        self._form(place, batch)
        checkpoint = self._checkpoint(place, batch)
        frontier = self._consistent(place, batch, checkpoint)
        self._included(batch, checkpoint, frontier.size)
        ahead = [(one.number, one.sent) for one in batch.recalls]
        inline = list(enumerate(batch.entries, batch.start))
        recalls, others, quarantined, gone = self._judged(ahead, inline)
        after = max([place.ahead, frontier.size, *(number + 1 for number, _ in ahead)])
        reached = Place(frontier, batch.note, checkpoint.size, checkpoint.root, after)
        return Taken(reached, tuple(recalls), tuple(others), tuple(quarantined), tuple(gone))

    # -- the steps

    def _sizes(self, batch: Batch) -> None:
        limits = self._limits
        if len(batch.entries) > limits.max_channel_entries or len(batch.recalls) > limits.max_channel_entries:
            raise AnswerRefused(1, f"more than {limits.max_channel_entries} entries")
        for sent in (*batch.entries, *(one.sent for one in batch.recalls)):
            if sent.statement is not None and len(sent.statement.body) > limits.max_object_bytes:
                raise AnswerRefused(1, f"a statement of more than {limits.max_object_bytes} bytes")

    def _form(self, place: Place, batch: Batch) -> None:
        if batch.start != place.frontier.size:
            raise AnswerRefused(2, f"the answer begins at {batch.start}, not at {place.frontier.size}")
        for sent in (*batch.entries, *(one.sent for one in batch.recalls)):
            if (
                len(sent.leaf) != HASH_BYTES
                or not 0 <= sent.at < _MAX_AT
                or (sent.statement is None) is not (sent.seal is None)
            ):
                raise AnswerRefused(2, "an entry is not of the form that entries have")
        for path in (batch.grown, batch.kept, *(one.path for one in batch.recalls)):
            if len(path) > _MAX_PATH or any(len(node) != HASH_BYTES for node in path):
                raise AnswerRefused(2, "a proof is not of the form that proofs have")
        if any(not 0 <= one.number < _MAX_AT for one in batch.recalls):
            raise AnswerRefused(2, "a number is not one that entries have")
        numbers = [one.number for one in batch.recalls]
        if numbers != sorted(set(numbers)) or (numbers and numbers[0] < batch.start + len(batch.entries)):
            raise AnswerRefused(2, "the recalls that are sent ahead are not in order")
        if any(one.sent.statement is None or one.sent.statement.kind is not Kind.TOMBSTONE for one in batch.recalls):
            raise AnswerRefused(2, "only recalls are sent ahead")

    def _checkpoint(self, place: Place, batch: Batch) -> Checkpoint:
        checkpoint = self._signed(batch.note)
        if checkpoint.origin != self._channel:
            raise AnswerRefused(3, f"the checkpoint is of {checkpoint.origin!r}, not of this channel")
        if checkpoint.size < place.size:
            # An answer that comes late looks the same as a log that was set back, so this alone is no evidence.
            raise AnswerRefused(4, f"the log had {place.size} entries and is said to have {checkpoint.size}")
        return checkpoint

    def _signed(self, note: bytes) -> Checkpoint:
        faults = []
        for key in self._keys:
            try:
                return key.checkpoint(note)
            except NoteRefused as error:
                faults.append(str(error))
        raise AnswerRefused(3, "; ".join(faults) or "no key is pinned for the sender")

    def _consistent(self, place: Place, batch: Batch, checkpoint: Checkpoint) -> Frontier:
        if place.size and not verify_consistency(place.size, checkpoint.size, place.root, checkpoint.root, batch.kept):
            raise ForkRefused("the log does not begin as it did before", place.note, batch.note)
        frontier = place.frontier.copy()
        frontier.extend([entry_leaf(number, sent) for number, sent in enumerate(batch.entries, batch.start)])
        if not verify_consistency(frontier.size, checkpoint.size, frontier.root(), checkpoint.root, batch.grown):
            raise AnswerRefused(5, "the entries are not those of the log that the checkpoint signs")
        return frontier

    def _included(self, batch: Batch, checkpoint: Checkpoint, taken: int) -> None:
        for number, sent in enumerate(batch.entries, batch.start):
            if sent.statement is not None and sent.statement.leaf != sent.leaf:
                raise AnswerRefused(6, f"the statement of entry {number} is another one")
        for one in batch.recalls:
            assert one.sent.statement is not None
            if one.number < taken or one.sent.statement.leaf != one.sent.leaf:
                raise AnswerRefused(6, f"the recall {one.number} is another one")
            entry = entry_leaf(one.number, one.sent)
            if not verify_inclusion(entry, one.number, checkpoint.size, one.path, checkpoint.root):
                raise AnswerRefused(6, f"the recall {one.number} is not in the log")

    def _judged(
        self, ahead: Sequence[tuple[int, Sent]], inline: Sequence[tuple[int, Sent]]
    ) -> tuple[list[Accepted], list[Accepted], list[Quarantined], list[tuple[int, bytes]]]:
        recalls: list[Accepted] = []
        others: list[Accepted] = []
        quarantined: list[Quarantined] = []
        gone: list[tuple[int, bytes]] = []
        met: set[str] = set()  # labels that this answer itself defines, in front of their first use
        for number, sent in (*ahead, *inline):
            if sent.statement is None:
                gone.append((number, sent.leaf))
                continue
            verdict = self._statement(number, sent, met)
            if isinstance(verdict, Quarantined):
                quarantined.append(verdict)
            elif sent.statement.kind is Kind.TOMBSTONE:
                recalls.append(verdict)
            else:
                others.append(verdict)
        return recalls, others, quarantined, gone

    def _statement(self, number: int, sent: Sent, met: set[str]) -> Accepted | Quarantined:
        statement, seal = sent.statement, sent.seal
        assert statement is not None and seal is not None
        try:
            envelope = read_envelope(statement.envelope)
        except SealRefused as error:
            return Quarantined(number, sent, 2, str(error))
        keys = self._originators(envelope.originator)
        if not keys:
            return Quarantined(number, sent, 7, f"no key is pinned for {envelope.originator}")
        faults = []
        for key in keys:
            try:
                seal.check(sent.leaf, key)
                break
            except SealRefused as error:
                faults.append(str(error))
        else:
            return Quarantined(number, sent, 7, "; ".join(faults))
        if statement.kind is Kind.LABEL:
            met.add(_id_of(statement.body))
        unknown = [one for one in envelope.labels if one not in met and not self._knows(one)]
        if unknown:
            return Quarantined(number, sent, 8, f"the label {unknown[0]} is not known here")
        return Accepted(number, statement, seal, envelope)


class _Identified(msgspec.Struct):
    id: str = ""


_identified = msgspec.json.Decoder(_Identified).decode


def _id_of(body: bytes) -> str:
    try:
        return _identified(body).id
    except msgspec.MsgspecError:
        return ""


def renewed(place: Place, ahead: int) -> Place:
    """The place after recalls below `ahead` were taken from elsewhere (a file)."""
    return replace(place, ahead=max(place.ahead, ahead))
