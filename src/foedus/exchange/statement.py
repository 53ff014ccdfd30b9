"""What an originator says about one record, so that the last node of a chain can check it without trusting the chain.

A statement is a salt, an envelope (originator and labels, as in the journal) and the record's canonical bytes. Its leaf
is the hash of all three: while the salt is kept nowhere else, a leaf tells nothing once the record is recalled.

The originator seals statements in groups: a small tree over their leaves, whose root it signs. A group holds
statements of one label set that became durable together, so whoever may see one of them may see all, and the
proof's length tells nothing more. One signature then serves a thousand records (signing each would cost the
receiver 100 microseconds apiece), and a single record costs one signature.

    seals = seal(signer, [a.leaf, b.leaf])
    seals[1].check(b.leaf, signer.verifier)     # raises SealRefused where it is not b's

Source: RFC 9162 (tree and paths), C2SP tlog-checkpoint and signed-note (the signed root).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

import msgspec

from foedus.kernel.checkpoint import Checkpoint, NoteRefused, Signer, Verifier
from foedus.kernel.errors import PeerFault
from foedus.kernel.merkle import Frontier, entry_leaf, inclusion_path, verify_inclusion
from foedus.kernel.ports import Kind

SALT_BYTES = 16
MAX_GROUP = 1 << 16  # statements under one signature
_MAX_PATH = 16  # hashes: the depth of the largest group
_NAME = "/statements"


class SealRefused(PeerFault):
    """A seal that its originator did not put on this statement."""

    code = "seal-refused"


class Statement(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record as its originator states it. `kind`: a record, the definition of a label, or a recall."""

    kind: Kind
    salt: bytes
    envelope: bytes  # canonical JSON: originator and labels
    body: bytes  # canonical JSON: the record

    @property
    def leaf(self) -> bytes:
        """The hash that a seal and a channel commit to. Without number and time: those would count what is hidden."""
        return entry_leaf(self.salt, 0, 0, self.kind, self.envelope, self.body)


class Seal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The place of one statement in a group, and the note in which the originator signed the group."""

    note: bytes
    index: int
    path: tuple[bytes, ...]

    def check(self, leaf: bytes, verifier: Verifier) -> None:
        """Raises SealRefused where `verifier` did not sign a group with this leaf at this place."""
        group = signed_group(self.note, verifier)
        if len(self.path) > _MAX_PATH or not verify_inclusion(leaf, self.index, group.size, self.path, group.root):
            raise SealRefused("the statement is not in the group that its seal names")


@lru_cache(1_024)
def signed_group(note: bytes, verifier: Verifier) -> Checkpoint:
    """The group in a note that this originator signed; remembered, for a note comes with each of its statements.

    Raises SealRefused.
    """
    try:
        group = verifier.checkpoint(note)
    except NoteRefused as error:
        raise SealRefused(f"the seal is not the originator's: {error}") from error
    if group.origin != verifier.name or not 0 < group.size <= MAX_GROUP:
        raise SealRefused("the seal's note is not about a group of statements")
    return group


def sealing_name(origin: str) -> str:
    """The name of the key with which the node of this origin seals."""
    return origin + _NAME


def seal(signer: Signer, leaves: Sequence[bytes]) -> list[Seal]:
    """Seal one group. Raises ValueError where it is empty or larger than MAX_GROUP."""
    if not 0 < len(leaves) <= MAX_GROUP:
        raise ValueError(f"a group has 1 to {MAX_GROUP} statements, not {len(leaves)}")
    frontier = Frontier()
    levels = frontier.extend(leaves)
    note = signer.sign(Checkpoint(signer.name, len(leaves), frontier.root()).text())
    node: Callable[[int, int], bytes] = lambda level, index: levels[level][index]  # noqa: E731
    return [Seal(note, i, tuple(inclusion_path(node, i, len(leaves)))) for i in range(len(leaves))]


def salt_of(journal_salt: bytes) -> bytes:
    """The salt of a record's statement, from the salt of its journal entry: erasing that one forgets this one too."""
    return sha256(b"foedus/statement/1\x00" + journal_salt).digest()[:SALT_BYTES]


class Envelope(msgspec.Struct, frozen=True):
    """Who states the record, and under which labels."""

    originator: str
    labels: tuple[str, ...]


def read_envelope(data: bytes) -> Envelope:
    """Raises SealRefused where it is none, or holds more than an envelope may."""
    try:
        read: Any = _strict(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SealRefused(f"the envelope cannot be read: {error}") from error
    if _encode(read) != data:
        raise SealRefused("the envelope is not in canonical form")
    return read  # type: ignore[no-any-return]


class _StrictEnvelope(Envelope, frozen=True, forbid_unknown_fields=True):
    pass


_strict = msgspec.json.Decoder(_StrictEnvelope).decode
_encode = msgspec.json.Encoder(order="sorted").encode
