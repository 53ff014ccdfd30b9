"""Signed notes and checkpoints: how a journal says, under its key, how long it is and what its root is. Pure.

A note is text, a blank line, and one line a signature (C2SP signed-note); a checkpoint is a note whose text is the
origin, the tree size and the root in base64 (C2SP tlog-checkpoint). Example:

    node.fin.example/journal
    3
    5v1lbVYbBxyxmXBj2mGbMBCkkPXYhOoQy4N6DQHYLcM=

    — node.fin.example/journal Az3grlgtzPICa5OS8npVmf1Myq…

Public keys travel as one line of text, `<name>+<key id, hex>+<base64(algorithm || key)>`. Witnesses sign with
cosignature/v1 (C2SP tlog-cosignature): lines of other keys are tolerated everywhere, and verified by who has the key.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from foedus.kernel.errors import PeerFault
from foedus.kernel.merkle import HASH_BYTES

ED25519: Final = 0x01
COSIGNATURE_V1: Final = 0x04
MAX_NOTE_BYTES: Final = 64 * 1024
MAX_SIGNATURES: Final = 100

_DASH = "\u2014 "  # an em dash and a space begin a signature line
_PRIVATE = "PRIVATE+KEY+"


class NoteRefused(PeerFault):
    """A note, checkpoint or key text that is malformed, or that bears no valid signature of the key asked for."""

    code = "note-refused"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a note of a log says. `extensions` are further lines, opaque."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> bytes:
        """The text that is signed."""
        lines = [self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions]
        return ("\n".join(lines) + "\n").encode()

    @classmethod
    def parse(cls, text: bytes) -> Checkpoint:
        """Read the text of a note, without its signatures. Raises NoteRefused."""
        lines = _decode(text).removesuffix("\n").split("\n")
        if not text.endswith(b"\n") or len(lines) < 3 or not all(lines):
            raise NoteRefused("a checkpoint is an origin, a size and a root, each on a line of its own")
        origin, size, root, *extensions = lines
        if not (size.isascii() and size.isdecimal()) or (size != "0" and size.startswith("0")) or len(size) > 19:
            raise NoteRefused("the size in a checkpoint is a decimal number without leading zeros")
        return cls(origin, int(size), _base64(root, HASH_BYTES), tuple(extensions))


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note."""

    name: str
    key_id: bytes
    signature: bytes


def split_note(note: bytes) -> tuple[bytes, list[Signature]]:
    """The text of a note (with its last newline) and its signatures, none of them verified. Raises NoteRefused."""
    if len(note) > MAX_NOTE_BYTES:
        raise NoteRefused(f"a note has at most {MAX_NOTE_BYTES} bytes")
    _decode(note)
    head, blank, tail = note.rpartition(b"\n\n")
    if not blank or not tail.endswith(b"\n"):
        raise NoteRefused("a note is text, a blank line, and signature lines")
    lines = tail.decode().removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteRefused(f"a note bears at most {MAX_SIGNATURES} signatures")
    return head + b"\n", [_signature(line) for line in lines]


def _signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not _is_name(name):
        raise NoteRefused("a signature line is an em dash, a key name and base64, with one space between them")
    raw = _base64(encoded)
    if len(raw) < 5:
        raise NoteRefused("a signature line holds a key id of 4 bytes and a signature")
    return Signature(name, raw[:4], raw[4:])


def _decode(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NoteRefused("a note is UTF-8") from error
    if any(ch < " " and ch != "\n" for ch in text):
        raise NoteRefused("a note has no control characters but newline")
    return text


def _base64(text: str, length: int | None = None) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteRefused("base64 is malformed") from error
    if base64.b64encode(raw).decode() != text:  # one encoding only: no spare bits that could be changed unseen
        raise NoteRefused("base64 is not in its canonical form")
    if length is not None and len(raw) != length:
        raise NoteRefused(f"{length} bytes are expected, {len(raw)} are there")
    return raw


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(ch.isspace() for ch in name)


def key_id(name: str, algorithm: int, public: bytes) -> bytes:
    """SHA-256(name || 0x0A || algorithm || key), its first 4 bytes."""
    return sha256(name.encode() + b"\n" + bytes([algorithm]) + public).digest()[:4]


@dataclass(frozen=True)
class Verifier:
    """A public key with its name. `algorithm` is ED25519 for a log's own key, COSIGNATURE_V1 for a witness's.

    `str(verifier)` is the text form, `Verifier.parse` its inverse.
    """

    name: str
    public: bytes
    algorithm: int = ED25519

    def __post_init__(self) -> None:
        if not _is_name(self.name):
            raise NoteRefused("a key name is not empty and has neither spaces nor a plus sign")
        if self.algorithm not in (ED25519, COSIGNATURE_V1):
            raise NoteRefused(f"signature algorithm {self.algorithm} is not known here")
        if len(self.public) != 32:
            raise NoteRefused("an Ed25519 public key has 32 bytes")

    @cached_property
    def key_id(self) -> bytes:
        return key_id(self.name, self.algorithm, self.public)

    @cached_property
    def _key(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.public)

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.algorithm]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Read `<name>+<key id>+<base64>`. Raises NoteRefused, also where the key id is another key's."""
        name, _, rest = text.strip().partition("+")
        hex_id, _, encoded = rest.partition("+")
        raw = _base64(encoded)
        if not raw:
            raise NoteRefused("a public key is written <name>+<key id>+<base64>")
        verifier = cls(name, raw[1:], raw[0])
        if hex_id != verifier.key_id.hex():
            raise NoteRefused(f"the key id of {name} does not belong to its key")
        return verifier

    def verify(self, note: bytes) -> bytes:
        """The text of the note, where this key signed it. Raises NoteRefused."""
        text, signatures = split_note(note)
        for line in self._own(signatures):
            message, signature = self._message(text, line)
            try:
                self._key.verify(signature, message)
            except InvalidSignature as error:
                raise NoteRefused(f"the signature of {self.name} does not verify") from error
            return text
        raise NoteRefused(f"the note bears no signature of {self.name}")

    def checkpoint(self, note: bytes) -> Checkpoint:
        """The checkpoint in a note that this key signed. Raises NoteRefused."""
        return Checkpoint.parse(self.verify(note))

    def witnessed_at(self, note: bytes) -> int:
        """When this witness cosigned the note, in seconds since 1970. Raises NoteRefused."""
        if self.algorithm != COSIGNATURE_V1:
            raise NoteRefused(f"{self.name} is not a witness's key")
        self.verify(note)
        line = next(self._own(split_note(note)[1]))
        return int.from_bytes(line.signature[:8], "big")

    def _own(self, signatures: list[Signature]) -> Iterator[Signature]:
        return (s for s in signatures if s.name == self.name and s.key_id == self.key_id)

    def _message(self, text: bytes, line: Signature) -> tuple[bytes, bytes]:
        """What was signed, and the Ed25519 signature."""
        if self.algorithm == ED25519:
            return text, line.signature
        if len(line.signature) != 72:
            raise NoteRefused("a cosignature holds a time of 8 bytes and 64 bytes of signature")
        (at,) = struct.unpack_from(">Q", line.signature)
        return f"cosignature/v1\ntime {at}\n".encode() + text, line.signature[8:]


class Signer:
    """A log's private key with its name. The seed never appears in a repr, an error or a log line.

    `secret()` is the text form for a file that only the node may read, `Signer.parse` its inverse.
    """

    __slots__ = ("_key", "_line_start", "_seed", "name", "verifier")

    def __init__(self, name: str, seed: bytes) -> None:
        if len(seed) != 32:
            raise NoteRefused("an Ed25519 seed has 32 bytes")
        self.name = name
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw())
        self._line_start = f"{_DASH}{name} ".encode()

    def __repr__(self) -> str:
        return f"Signer({self.name!r})"

    def secret(self) -> str:
        """PRIVATE+KEY+<name>+<key id>+<base64(0x01 || seed)>: a secret."""
        encoded = base64.b64encode(bytes([ED25519]) + self._seed).decode()
        return f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> Signer:
        """Read what `secret()` wrote. Raises NoteRefused, without a word of the key."""
        name, _, rest = text.strip().removeprefix(_PRIVATE).partition("+")
        hex_id, _, encoded = rest.partition("+")
        raw = _base64(encoded, 33)
        if not text.startswith(_PRIVATE) or raw[0] != ED25519:
            raise NoteRefused("this is not a private key for notes")
        signer = cls(name, raw[1:])
        if hex_id != signer.verifier.key_id.hex():
            raise NoteRefused(f"the key id of {name} does not belong to its key")
        return signer

    def sign(self, text: bytes) -> bytes:
        """A note: the text with our signature under it. The text ends in a newline."""
        if not text.endswith(b"\n"):
            raise NoteRefused("the text of a note ends in a newline")
        signature = base64.b64encode(self.verifier.key_id + self._key.sign(text))
        return text + b"\n" + self._line_start + signature + b"\n"


def add_signature(note: bytes, line: bytes) -> bytes:
    """The note with a further signature line, a witness's for instance. Raises NoteRefused."""
    combined = note + line.rstrip(b"\n") + b"\n"
    split_note(combined)
    return combined
