"""Statements and their seals: whoever has one can check it without the node that handed it on."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foedus.exchange.statement import MAX_GROUP, Seal, SealRefused, read_envelope, salt_of, seal
from foedus.kernel.checkpoint import Checkpoint, Signer
from foedus.kernel.merkle import hash_leaf

from .logs import ORIGINATORS, envelope, record

FIN, NOR = ORIGINATORS["FIN"], ORIGINATORS["NOR"]


@given(count=st.integers(1, 70), data=st.data())
def test_every_statement_of_a_group_is_proved_and_no_other(count: int, data: st.DataObject) -> None:
    leaves = [hash_leaf(bytes([n])) for n in range(count)]
    seals = seal(FIN, leaves)
    which = data.draw(st.integers(0, count - 1))
    seals[which].check(leaves[which], FIN.verifier)
    with pytest.raises(SealRefused):
        seals[which].check(hash_leaf(b"another"), FIN.verifier)
    if count > 1:
        with pytest.raises(SealRefused):
            seals[which].check(leaves[which - 1], FIN.verifier)
        with pytest.raises(SealRefused):
            msgspec.structs.replace(seals[which], index=which - 1 if which else count - 1).check(
                leaves[which], FIN.verifier
            )


def test_only_the_originators_own_key_seals() -> None:
    one = record(1)
    (by_nor,) = seal(NOR, [one.leaf])
    with pytest.raises(SealRefused, match="not the originator's"):
        by_nor.check(one.leaf, FIN.verifier)
    imposter = Signer(FIN.name, b"\x55" * 32)
    (forged,) = seal(imposter, [one.leaf])
    with pytest.raises(SealRefused):
        forged.check(one.leaf, FIN.verifier)


def test_a_note_of_something_else_is_no_seal() -> None:
    """The same key must never be made to sign a text that passes for a group."""
    leaf = record(1).leaf
    for text in (Checkpoint("other/log", 1, leaf).text(), Checkpoint(FIN.name, 0, leaf).text(), b"FIN\nnothing\n"):
        with pytest.raises(SealRefused):
            Seal(FIN.sign(text), 0, ()).check(leaf, FIN.verifier)
    with pytest.raises(ValueError, match="group"):
        seal(FIN, [])
    with pytest.raises(ValueError, match="group"):
        seal(FIN, [leaf] * (MAX_GROUP + 1))


def test_a_leaf_commits_to_everything() -> None:
    one = record(1)
    others = [
        msgspec.structs.replace(one, salt=bytes(16)),
        msgspec.structs.replace(one, envelope=envelope("NOR")),
        msgspec.structs.replace(one, body=one.body + b" "),
        msgspec.structs.replace(one, envelope=one.envelope + one.body[:1], body=one.body[1:]),
        record(2),
    ]
    assert len({one.leaf, *(other.leaf for other in others)}) == 6


def test_the_salt_follows_from_the_journals_and_is_another() -> None:
    assert salt_of(b"a" * 16) == salt_of(b"a" * 16) != salt_of(b"b" * 16)
    assert salt_of(b"a" * 16) != b"a" * 16


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b'{"originator":"FIN"}',
        b'{"labels":["a"],"originator":"FIN","x":1}',
        b'{"labels":["a"], "originator":"FIN"}',
        b'{"originator":"FIN","labels":["a"]}',
        b'{"labels":["a"],"labels":["b"],"originator":"FIN"}',
        b'{"labels":"a","originator":"FIN"}',
        b'{"labels":["\xff"],"originator":"FIN"}',
    ],
)
def test_an_envelope_is_canonical_or_refused(data: bytes) -> None:
    with pytest.raises(SealRefused):
        read_envelope(data)
    assert read_envelope(envelope("FIN", "a", "b")).labels == ("a", "b")
