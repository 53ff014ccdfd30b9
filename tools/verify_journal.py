#!/usr/bin/env python3
"""Verify a Foedus journal without Foedus: verify_journal.py FOLDER VKEY

FOLDER holds the segments (*.seg); VKEY is the journal's public key, <name>+<key id>+<base64>. Written from
docs/journal-format.md alone, with the standard library; Ed25519 needs the package `cryptography`, and without it the
roots are checked and the signatures are not, which is said. Exit status 0: sound. It stops at the first damage.
"""

import base64
import hashlib
import json
import struct
import sys
import zlib
from pathlib import Path

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey, InvalidSignature = None, ValueError


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


class Journal:
    def __init__(self, vkey):
        self.name, key_id, key = vkey.split("+", 2)
        self.key = base64.b64decode(key)
        self.id = hashlib.sha256(self.name.encode() + b"\n" + self.key).digest()[:4]
        if self.id.hex() != key_id or self.key[0] != 1 or len(self.key) != 33:
            sys.exit("the key text is not that of an Ed25519 key")
        self.size = self.at = self.sealed = self.checkpoints = self.end = 0
        self.origin, self.peaks, self.erased, self.named = None, [], set(), set()

    def segment(self, path):
        with path.open("rb") as file:
            while prefix := file.read(12):
                if len(prefix) < 12:
                    raise ValueError("the file ends inside a frame")
                magic, crc, length = struct.unpack("<4sII", prefix)
                payload = file.read(length) if length <= 128 << 20 else b""
                if len(payload) < length or not payload:
                    raise ValueError("the file ends inside a frame")
                if zlib.crc32(payload, zlib.crc32(magic + prefix[8:])) != crc:
                    raise ValueError("a checksum is wrong")
                if (file.tell() == 12 + length) != (magic == b"FJS1"):
                    raise ValueError("a segment begins with its header, and has one")
                {b"FJS1": self.header, b"FJE1": self.entry, b"FJC1": self.checkpoint}[magic](payload, path)
            self.end += file.tell()

    def header(self, payload, path):
        version, _, first, base = struct.unpack_from("<HHQQ", payload)
        origin = payload[20:].decode()
        if (version, first, base, f"{first:020}.seg") != (1, self.size, self.end, path.name):
            raise ValueError("the segment does not continue the one before it")
        if self.size != self.sealed or self.origin not in (None, origin):
            raise ValueError("the segment before ends without a checkpoint, or is of another journal")
        self.origin = origin

    def entry(self, payload, _):
        state, leaf, zero, _salt, seq, at, kind, length = struct.unpack_from("<B32sB16sQQBH", payload)
        body = payload[69 + length :]
        if (
            seq != self.size
            or at < self.at
            or zero
            or state > 1
            or kind not in (1, 2, 3, 4)
            or len(payload) < 69 + length
        ):
            raise ValueError("an entry is out of order, or its fields are impossible")
        if state == 1:
            self.erased.add(seq)
            if any(payload[34:50]) or any(payload[69:]):
                raise ValueError("an erased entry has content")
        elif hashlib.sha256(payload[33:]).digest() != leaf:
            raise ValueError("the content is not what its leaf says")
        elif kind == 2:
            self.named |= {target for target in json.loads(body)["targets"] if target < seq}
        level = 0
        while self.size >> level & 1:  # each bit of the size has a peak, the smallest last
            leaf, level = node(self.peaks.pop(), leaf), level + 1
        self.peaks.append(leaf)
        self.size, self.at = self.size + 1, at

    def checkpoint(self, note, _):
        text, _, lines = note.rpartition(b"\n\n")
        origin, size, root = text.decode().split("\n")[:3]
        expected = self.peaks[-1] if self.peaks else hashlib.sha256(b"").digest()
        for peak in self.peaks[-2::-1]:
            expected = node(peak, expected)
        if (origin, int(size), base64.b64decode(root)) != (self.origin, self.size, expected):
            raise ValueError(f"entries {self.sealed} to {self.size - 1} are not those of their checkpoint")
        for line in lines.decode().splitlines():
            dash, name, signature = line.split(" ")
            raw = base64.b64decode(signature)
            if (dash, name, raw[:4]) == ("\u2014", self.name, self.id) and base64.b64encode(raw).decode() == signature:
                if Ed25519PublicKey:
                    Ed25519PublicKey.from_public_bytes(self.key[1:]).verify(raw[4:], text + b"\n")
                break
        else:
            raise ValueError("a checkpoint lacks our signature")
        self.sealed, self.checkpoints = self.size, self.checkpoints + 1


def main(folder, vkey):
    journal = Journal(vkey)
    for path in sorted(Path(folder).glob("[0-9]*.seg")):
        try:
            journal.segment(path)
        except (ValueError, KeyError, TypeError, struct.error, InvalidSignature) as error:
            reason = str(error) or "a signature does not verify"
            sys.exit(f"DAMAGED at entry {journal.size}, in {path.name}: {reason}. What follows was not checked.")
    if journal.origin is None or journal.size != journal.sealed or not journal.checkpoints:
        sys.exit(f"DAMAGED: no checkpoint covers what follows entry {journal.sealed - 1}")
    if journal.erased - journal.named:
        sys.exit(f"DAMAGED: entry {min(journal.erased - journal.named)} is erased, but no tombstone names it")
    checked = "verified" if Ed25519PublicKey else "NOT CHECKED (the package cryptography is missing)"
    print(f"sound: {journal.size} entries, {len(journal.erased)} erased, {journal.checkpoints} checkpoints")
    print(f"signatures: {checked}; the folder tree is a projection and was not looked at")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
