"""Notes, keys and cosignatures, with the published examples of the Go note package and C2SP."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from foedus.kernel.checkpoint import (
    COSIGNATURE_V1,
    MAX_NOTE_BYTES,
    Checkpoint,
    NoteRefused,
    Signer,
    Verifier,
    add_signature,
    split_note,
)
from foedus.kernel.merkle import EMPTY_ROOT

from .worlds import ORIGIN, SIGNER

NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()


def test_a_published_note_verifies() -> None:
    verifier = Verifier.parse(NEUMANN)
    assert str(verifier) == NEUMANN
    assert verifier.verify(NEUMANN_NOTE).startswith(b"If you think")
    with pytest.raises(NoteRefused):
        verifier.verify(NEUMANN_NOTE.replace(b"answer", b"Answer"))


def test_signing_and_reading_a_checkpoint() -> None:
    checkpoint = Checkpoint(ORIGIN, 7, EMPTY_ROOT, ("an extension",))
    note = SIGNER.sign(checkpoint.text())
    assert SIGNER.verifier.checkpoint(note) == checkpoint
    assert note.startswith(checkpoint.text() + b"\n" + f"— {ORIGIN} ".encode())


def test_key_texts_go_both_ways_and_tell_nothing() -> None:
    assert Signer.parse(SIGNER.secret()).verifier == SIGNER.verifier
    assert Verifier.parse(str(SIGNER.verifier)) == SIGNER.verifier
    secret = SIGNER.secret().rsplit("+", 1)[1]
    assert secret not in repr(SIGNER) and secret not in str(SIGNER.verifier)
    with pytest.raises(NoteRefused) as refusal:
        Signer.parse(SIGNER.secret().replace("PRIVATE", "PUBLIC"))
    assert secret not in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+",
        NEUMANN.replace("c74f", "c740"),
        NEUMANN.replace("PeterNeumann", "Peter Neumann"),
        NEUMANN[:-4],
        NEUMANN.replace("+AR", "+CR"),
    ],
)
def test_bad_public_keys(text: str) -> None:
    with pytest.raises(NoteRefused):
        Verifier.parse(text)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\nno dash\n",
        b"text\n\n\xe2\x80\x94 name\n",
        b"text\n\n\xe2\x80\x94 na+me AAAAAAAA\n",
        b"text\n\n\xe2\x80\x94 name AAAA\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAB=\n",
        b"te\x00xt\n\n\xe2\x80\x94 name AAAAAAAA\n",
        b"te\xffxt\n\n\xe2\x80\x94 name AAAAAAAA\n",
        b"text\n\n" + b"\xe2\x80\x94 name AAAAAAAA\n" * 101,
        b"x" * MAX_NOTE_BYTES + b"\n\n\xe2\x80\x94 name AAAAAAAA\n",
    ],
)
def test_bad_notes(note: bytes) -> None:
    with pytest.raises(NoteRefused):
        split_note(note)


ROOT = base64.b64encode(EMPTY_ROOT).decode()


@pytest.mark.parametrize(
    "text",
    [
        "o\n1\n",
        f"o\n01\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n１\n{ROOT}\n",
        f"o\n{10**19}\n{ROOT}\n",
        f"\n1\n{ROOT}\n",
        f"o\n1\n{ROOT}",
        f"o\n\n1\n{ROOT}\n",
        "o\n1\nAAAA\n",
    ],
)
def test_bad_checkpoints(text: str) -> None:
    assert Checkpoint.parse(f"o\n1\n{ROOT}\n".encode()).size == 1
    with pytest.raises(NoteRefused):
        Checkpoint.parse(text.encode())


def test_a_witness_signs_beside_the_log() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    witness = Verifier("witness.example/w1", key.public_key().public_bytes_raw(), COSIGNATURE_V1)
    assert Verifier.parse(str(witness)) == witness
    note = SIGNER.sign(Checkpoint(ORIGIN, 1, EMPTY_ROOT).text())
    at = 1_679_315_147
    signature = key.sign(f"cosignature/v1\ntime {at}\n".encode() + split_note(note)[0])
    blob = base64.b64encode(witness.key_id + at.to_bytes(8, "big") + signature).decode()
    both = add_signature(note, f"— witness.example/w1 {blob}\n".encode())
    assert SIGNER.verifier.checkpoint(both).size == 1  # a line of another key is tolerated
    assert witness.witnessed_at(both) == at
    later = base64.b64encode(witness.key_id + (at + 1).to_bytes(8, "big") + signature).decode()
    with pytest.raises(NoteRefused):
        witness.witnessed_at(add_signature(note, f"— witness.example/w1 {later}\n".encode()))
    with pytest.raises(NoteRefused):
        witness.witnessed_at(note)
    with pytest.raises(NoteRefused):
        SIGNER.verifier.witnessed_at(both)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_and_nothing_else(data: bytes) -> None:
    with pytest.raises(NoteRefused):
        SIGNER.verifier.checkpoint(data)


@given(st.data())
def test_no_altered_byte_passes(data: st.DataObject) -> None:
    note = bytearray(SIGNER.sign(Checkpoint(ORIGIN, 7, EMPTY_ROOT).text()))
    note[data.draw(st.integers(0, len(note) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(NoteRefused):
        SIGNER.verifier.checkpoint(bytes(note))
