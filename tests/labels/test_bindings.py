"""STANAG 4778: which label belongs to which data."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from foedus.kernel import stanag4778
from foedus.kernel.errors import PolicyRefused
from foedus.kernel.labeltext import read_label


def test_bindings(ours):
    secret, public = read_label("ALLIANCE SECRET", ours), read_label("ALLIANCE UNCLASSIFIED", ours)
    a, b = stanag4778.Data("a.json", b'{"a":1}'), stanag4778.Data("b.json", b"{}")
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    signed = stanag4778.bind([(secret, [a]), (public, [b])], stanag4778.Signer("FIN-1", key))
    contents = {"a.json": a.content, "b.json": b.content}
    assert stanag4778.read_binding(signed) == ((secret, ("a.json",)), (public, ("b.json",)))
    assert stanag4778.verify(signed, key.public_key(), contents)
    assert not stanag4778.verify(signed, other.public_key(), contents)
    assert not stanag4778.verify(signed, key.public_key(), contents | {"a.json": b"{}"})
    assert not stanag4778.verify(signed, key.public_key(), {"a.json": a.content})
    assert not stanag4778.verify(signed.replace(b">SECRET<", b">RESTRICTED<"), key.public_key(), contents)
    assert not stanag4778.verify(signed.replace(b'"b.json"', b'"a.json"'), key.public_key(), contents)
    unsigned = stanag4778.bind([(secret, [a])])
    assert b"Signature" not in unsigned and not stanag4778.verify(unsigned, key.public_key(), contents)
    assert b"a.json" not in stanag4778.bind([(secret, [a])], encapsulate=True)
    with pytest.raises(PolicyRefused):
        stanag4778.bind([])


def test_the_same_name_for_two_contents_is_refused(ours):
    """A signature over one of them would vouch for the other."""
    secret, public = read_label("ALLIANCE SECRET", ours), read_label("ALLIANCE UNCLASSIFIED", ours)
    one, other = stanag4778.Data("a.json", b"1"), stanag4778.Data("a.json", b"2")
    for items in ([(secret, [one, other])], [(secret, [one]), (public, [other])]):
        with pytest.raises(PolicyRefused, match="two contents"):
            stanag4778.bind(items)
    assert stanag4778.bind([(secret, [one]), (public, [one])])


def test_encapsulated_data_need_no_name(ours):
    secret = read_label("ALLIANCE SECRET", ours)
    bound = stanag4778.bind([(secret, [stanag4778.Data("", b"1"), stanag4778.Data("", b"2")])], encapsulate=True)
    assert b">MQ==<" in bound and b">Mg==<" in bound
