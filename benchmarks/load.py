"""The load: real ATT&CK objects, and as many consistent copies of them as a benchmark needs.

Copy k has every id of the original XORed with one mask that is derived from k, the version and variant bits of the
UUID left alone. So ids stay valid and spread like random ones, no two copies meet, and a relationship of copy k
points at objects of copy k. The marking definition and the identity that all objects share keep their ids.
Everything is computed from the number k alone: two runs send the same bytes.

Envelopes are written to a file before anything is measured, and sent from there.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import mmap
import os
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from benchmarks.environment import BENCH, ROOT

ID = re.compile(rb"(--)([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?![0-9a-f])")
SHARED_TYPES = (b"identity", b"marking-definition")
FREE_BITS = int("ffffffffffff0fff3fffffffffffffff", 16)  # all of a UUID but its version and its variant


class LoadMissing(Exception):
    """The real data beside the project are absent."""


def attack_file() -> Path:
    """The ATT&CK load set in ../shared/data, or where FOEDUS_SHARED says."""
    shared = Path(os.environ.get("FOEDUS_SHARED", ROOT.parent / "shared" / "data"))
    file = shared / "stix" / "attack" / "enterprise-attack-2.1.json.gz"
    if not file.is_file():
        raise LoadMissing("the ATT&CK load set is absent (../shared/data, or set FOEDUS_SHARED)")
    return file


def mask(copy: int) -> int:
    """The 128 bits that copy number `copy` XORs into each id; 0 for the original."""
    if copy == 0:
        return 0
    return int.from_bytes(hashlib.sha256(b"foedus load %d" % copy).digest()[:16]) & FREE_BITS


def varied(uuid: bytes, bits: int) -> bytes:
    """This UUID's text with `bits` XORed in."""
    text = b"%032x" % (int(uuid.replace(b"-", b""), 16) ^ bits)
    return b"-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


class Load:
    """The objects of one bundle as bytes, cut at the ids that differ from copy to copy."""

    def __init__(self, bundle: bytes) -> None:
        objects = json.loads(bundle)["objects"]
        self.digest = hashlib.sha256(bundle).hexdigest()[:12]
        shared = {o["id"].encode().partition(b"--")[2] for o in objects if o["type"].encode() in SHARED_TYPES}
        own = {o["id"].encode().partition(b"--")[2] for o in objects} - shared
        # Peers ask for `modified`, which marking definitions have not: those are sent before the measurement.
        self.preamble = [encode(o) for o in objects if o["type"] == "marking-definition"]
        self._shared = [encode(o) for o in objects if o["type"] == "identity"]
        self._templates = [template(encode(o), own) for o in objects if o["type"].encode() not in SHARED_TYPES]
        self._own = own

    @classmethod
    def attack(cls) -> Load:
        """The enterprise ATT&CK set: 24,771 objects, 33.9 MB."""
        return cls(gzip.decompress(attack_file().read_bytes()))

    @cached_property
    def size(self) -> int:
        """Objects of the original, the preamble left out."""
        return len(self._shared) + len(self._templates)

    def objects(self, count: int) -> Iterator[bytes]:
        """The first `count` objects: the original, then copy after copy."""
        made, copy = 0, 0
        while made < count:
            bits = mask(copy)
            ids = {uuid: varied(uuid, bits) for uuid in self._own}
            if copy == 0:
                for raw in self._shared[: count - made]:
                    yield raw
                    made += 1
            for parts in self._templates[: count - made]:
                yield b"".join(ids.get(part, part) for part in parts)
                made += 1
            copy += 1


def encode(obj: dict[str, object]) -> bytes:
    """One object as compact JSON in UTF-8."""
    return json.dumps(obj, ensure_ascii=False, separators=(",", ":")).encode()


def template(raw: bytes, own: set[bytes]) -> list[bytes]:
    """`raw` cut so that each UUID of `own` is a part of its own."""
    parts, start = [], 0
    for found in ID.finditer(raw):
        if found[2] in own:
            parts += [raw[start : found.start(2)], found[2]]
            start = found.end(2)
    return [*parts, raw[start:]]


def envelope(objects: list[bytes]) -> bytes:
    """A TAXII envelope of these encoded objects."""
    return b'{"objects":[' + b",".join(objects) + b"]}"


class Envelopes:
    """Pre-encoded envelopes in one mapped file: `len()`, iteration, and how many objects each holds."""

    def __init__(self, file: Path, ends: list[int], counts: list[int]) -> None:
        self.counts = counts
        self._ends = ends
        with file.open("rb") as opened:
            self._map = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, index: int) -> bytes:
        start = self._ends[index - 1] if index else 0
        return self._map[start : self._ends[index]]

    def slice(self, start: int, stop: int) -> Iterator[bytes]:
        """The envelopes start .. stop-1."""
        return (self[index] for index in range(start, stop))

    def __iter__(self) -> Iterator[bytes]:
        return self.slice(0, len(self))


def envelopes(load: Load, count: int, per: int, folder: Path = BENCH / "load") -> Envelopes:
    """`count` objects of the load in envelopes of `per`, written once and kept for later runs."""
    return written(folder / f"{load.digest}-{count}x{per}", load.objects(count), count, per)


def written(stem: Path, objects: Iterable[bytes], count: int, per: int) -> Envelopes:
    """These objects in envelopes of `per`, written to a file beside an index, or found there."""
    file, index = stem.with_suffix(".bin"), stem.with_suffix(".json")
    if index.exists():
        kept = json.loads(index.read_text())
        return Envelopes(file, kept["ends"], kept["counts"])
    stem.parent.mkdir(parents=True, exist_ok=True)
    ends: list[int] = []
    counts: list[int] = []
    with file.open("wb") as out:
        batch: list[bytes] = []
        for number, raw in enumerate(objects, 1):
            batch.append(raw)
            if len(batch) == per or number == count:
                out.write(envelope(batch))
                ends.append(out.tell())
                counts.append(len(batch))
                batch = []
    index.write_text(json.dumps({"ends": ends, "counts": counts}))
    return Envelopes(file, ends, counts)
