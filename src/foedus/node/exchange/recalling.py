"""Recalls as they travel: a statement of the originator that names the leaf of what it withdraws, sealed as any other.

One statement a recalled leaf, sealed in groups of one tombstone and one label set: a receiver learns of no version that
it could not see.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from foedus.exchange.channel import Sent
from foedus.exchange.statement import Seal, SealRefused, Statement, salt_of, seal
from foedus.kernel.checkpoint import Signer
from foedus.kernel.merkle import HASH_BYTES
from foedus.kernel.ports import Entry, Kind
from foedus.storage.exchangestore import ExchangeStore, RecallRow


class _Recall(msgspec.Struct, forbid_unknown_fields=True):
    recalls: str


_body = msgspec.json.Decoder(_Recall).decode
_encode = msgspec.json.Encoder(order="sorted").encode
_packed = msgspec.msgpack.Encoder().encode
_statement = msgspec.msgpack.Decoder(Statement).decode
_seal = msgspec.msgpack.Decoder(Seal).decode


def recalled_leaf(statement: Statement) -> bytes:
    """The leaf of the statement that this one withdraws. Raises SealRefused where it is no recall."""
    try:
        body = _body(statement.body)
        leaf = bytes.fromhex(body.recalls)
    except (msgspec.MsgspecError, ValueError) as error:
        raise SealRefused(f"the recall cannot be read: {error}") from error
    if len(leaf) != HASH_BYTES or _encode(body) != statement.body:
        raise SealRefused("the recall is not in canonical form")
    return leaf


def state_recalls(
    store: ExchangeStore, signer: Signer, originator: str, tombstone: Entry, leaves: Iterable[bytes]
) -> None:
    """State, seal and keep the recalls of leaves that one tombstone withdraws and that share a label set."""
    envelope = _encode({"labels": [], "originator": originator})
    statements = [
        Statement(Kind.TOMBSTONE, salt_of(tombstone.salt + leaf), envelope, _encode({"recalls": leaf.hex()}))
        for leaf in leaves
    ]
    if statements:
        seals = seal(signer, [statement.leaf for statement in statements])
        for statement, one in zip(statements, seals, strict=True):
            keep_recall(store, originator, statement, one, tombstone.at)


def keep_recall(store: ExchangeStore, originator: str, statement: Statement, one: Seal, at: int) -> None:
    """Keep a recall as it travels."""
    store.keep_recall(recalled_leaf(statement), originator, _packed(statement), _packed(one), at)


def as_sent(row: RecallRow, at: int) -> Sent:
    """A kept recall as an entry of a channel."""
    statement = _statement(row.statement)
    return Sent(statement.leaf, at, statement, _seal(row.seal))
