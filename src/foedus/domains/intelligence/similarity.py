"""Which records say the same: exact keys, names, and texts that are nearly equal.

Three ways, each with its reason:
- exact: indicators and observables with the same normalised pattern or value;
- name: actors, malware and the like whose names or aliases meet, apart from case, blanks and punctuation;
- text: reports, notes and incidents whose words overlap. MinHash signatures over three-word shingles, banded (Broder
  1997; Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, chapter 3) find candidates in linear time; rapidfuzz
  confirms each one, so the score is that of the texts and not of the sketch.

`candidates(records)` compares 20,000 reports in a few seconds and remembers nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray
from rapidfuzz import fuzz

from foedus.domains.intelligence.formats.values import normalise, read_pattern
from foedus.kernel.searchtext import fold, words

NAMED = frozenset(
    {"threat-actor", "intrusion-set", "malware", "tool", "campaign", "infrastructure", "identity", "attack-pattern"}
)
TEXTUAL = frozenset({"report", "note", "incident", "grouping", "course-of-action"})
OBSERVABLE = frozenset(
    {"ipv4-addr", "ipv6-addr", "domain-name", "url", "email-addr", "mac-addr", "mutex", "autonomous-system", "file"}
)
BANDS, ROWS = 32, 4  # candidates from a Jaccard of about (1/32)^(1/4) = 0.42 upwards
SIGNATURE = BANDS * ROWS
THRESHOLD = 80.0  # of 100, below which two texts are not the same
MAX_BUCKET = 64  # records that share one key: beyond it each is compared with the next ones only
_MAX_WORDS = 2_000  # of one text; the beginning of a report tells it
_SEED = 0x466F65647573


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records that may be one. `score` from 0 to 100, `reason` for a person."""

    left: str  # STIX ids, left < right
    right: str
    score: float
    kind: str  # "exact", "name", "text"
    reason: str


def candidates(records: Iterable[Mapping[str, Any]], threshold: float = THRESHOLD) -> list[Pair]:
    """Pairs of records that say the same, best first; each pair once, with its strongest reason. Not revoked ones."""
    kept = {str(r["id"]): r for r in records if "id" in r and not r.get("revoked")}
    found: dict[tuple[str, str], Pair] = {}
    for pair in (*_exact(kept.values()), *_names(kept.values()), *_texts(list(kept.values()), threshold)):
        known = found.get((pair.left, pair.right))
        if known is None or pair.score > known.score:
            found[pair.left, pair.right] = pair
    return sorted(found.values(), key=lambda p: (-p.score, p.left, p.right))


def _pair(a: str, b: str, score: float, kind: str, reason: str) -> Pair:
    left, right = sorted((a, b))
    return Pair(left, right, round(score, 1), kind, reason)


def _meet(buckets: Mapping[Any, Sequence[int]]) -> Iterator[tuple[int, int, Any]]:
    """Pairs of members of each bucket: all of a small one, neighbours in a large one, so that cost stays linear."""
    for key, members in buckets.items():
        if len(members) <= MAX_BUCKET:
            for a, b in combinations(members, 2):
                yield a, b, key
        else:
            yield from ((a, b, key) for a, b in pairwise(members))


_BLANKS = re.compile(r"\s+")
_QUOTED = re.compile(r"('(?:[^'\\]|\\.)*')", re.DOTALL)


def exact_key(record: Mapping[str, Any]) -> str:
    """What an indicator or observable is about, normalised; equal keys mean the same thing. "" where there is none.

    An indicator on one address and the address itself have different keys: a suspicion is not a fact.
    """
    kind = str(record.get("type"))
    if kind == "indicator":
        text, language = str(record.get("pattern", "")), str(record.get("pattern_type", ""))
        if not text:
            return ""
        simple = read_pattern(text) if language == "stix" else None
        if simple is not None:
            return f"indicator {simple[0]} {_value(*simple)}"
        parts = _QUOTED.split(text) if language == "stix" else [text]
        # Blanks inside quoted constants count, those between tokens do not.
        plain = [p if i % 2 else _BLANKS.sub("", p) for i, p in enumerate(parts)] if len(parts) > 1 else parts
        return f"indicator {language} {''.join(plain).strip()}"
    if kind not in OBSERVABLE:
        return ""
    hashes = record.get("hashes")
    if kind == "file" and isinstance(hashes, Mapping):
        best = next(
            (f"{n} {str(hashes[n]).lower()}" for n in ("SHA-256", "SHA-512", "SHA-1", "MD5") if n in hashes), ""
        )
        return f"file {best}" if best else ""
    value = record.get("value", record.get("number", record.get("name") if kind == "mutex" else None))
    return f"{kind} {_value(kind, str(value))}" if value is not None else ""


def _value(kind: str, value: str) -> str:
    found = normalise(kind, value)
    text = found[1] if found is not None else value.strip()
    if kind != "url":
        return text
    scheme, mark, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{mark}{host.lower()}{slash}{path}".rstrip("/")


def _exact(records: Iterable[Mapping[str, Any]]) -> Iterator[Pair]:
    ids: list[str] = []
    buckets: dict[str, list[int]] = {}
    for record in records:
        if key := exact_key(record):
            buckets.setdefault(key, []).append(len(ids))
            ids.append(str(record["id"]))
    for a, b, key in _meet(buckets):
        yield _pair(ids[a], ids[b], 100.0, "exact", f"both are about {key[:200]}")


def name_keys(record: Mapping[str, Any]) -> dict[str, str]:
    """Normalised names and aliases of a record, each with how it is written. Under three signs say too little."""
    names = [record.get("name")]
    for field in ("aliases", "x_mitre_aliases"):
        more = record.get(field)
        names += more if isinstance(more, list) else []
    keys = {"".join(words(n)): n for n in names if isinstance(n, str)}
    return {k: n for k, n in keys.items() if len(k) >= 3}


def _names(records: Iterable[Mapping[str, Any]]) -> Iterator[Pair]:
    ids: list[str] = []
    written: list[str] = []
    buckets: dict[tuple[str, str], list[int]] = {}
    for record in records:
        kind = str(record.get("type"))
        if kind not in NAMED:
            continue
        # An actor in one source is an intrusion set in another.
        family = (
            "actor" if kind in ("threat-actor", "intrusion-set") else "code" if kind in ("malware", "tool") else kind
        )
        for key, name in name_keys(record).items():
            buckets.setdefault((family, key), []).append(len(ids))
            ids.append(str(record["id"]))
            written.append(name)
    for a, b, _ in _meet(buckets):
        if ids[a] != ids[b]:
            score = 95.0 if fold(written[a]) == fold(written[b]) else 90.0
            yield _pair(ids[a], ids[b], score, "name", f"both are called {written[a]!r}")


def text_of(record: Mapping[str, Any]) -> str:
    """The words by which a text is compared."""
    parts = (record.get(n) for n in ("name", "abstract", "description", "content"))
    return " ".join(p for p in parts if isinstance(p, str))


def signatures(texts: Sequence[Sequence[str]]) -> NDArray[np.uint32]:
    """MinHash signatures, one row of SIGNATURE values a text: the minimum of each of as many hash functions.

    xxh3 hashes each distinct word once; shingles and the other functions are multiply-add modulo 2^64 over those,
    of which the high 32 bits are kept.
    """
    random = np.random.Generator(np.random.PCG64(_SEED))  # a fixed seed: constants, no chance
    factor = random.integers(1, 1 << 63, SIGNATURE, dtype=np.uint64) | np.uint64(1)
    offset = random.integers(0, 1 << 63, SIGNATURE, dtype=np.uint64)
    known: dict[str, int] = {word: xxhash.xxh3_64_intdigest(word.encode()) for word in {w for t in texts for w in t}}
    out = np.empty((len(texts), SIGNATURE), dtype=np.uint32)
    for row, text in enumerate(texts):
        shingles = _shingles(np.fromiter((known[w] for w in text), dtype=np.uint64, count=len(text)))
        out[row] = (shingles[:, None] * factor + offset).min(axis=0) >> np.uint64(32)
    return out


def _shingles(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One hash for every three words in a row (of fewer, one for them all)."""
    odd = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)
    if len(hashes) < 3:
        return hashes[:1] * odd[0] + hashes[-1:] * odd[1]
    mixed = hashes[:-2] * odd[0] + hashes[1:-1] * odd[1] + hashes[2:] * odd[2]
    return np.unique(mixed ^ (mixed >> np.uint64(31)))


def _texts(records: Sequence[Mapping[str, Any]], threshold: float) -> Iterator[Pair]:
    ids: list[str] = []
    tokens: list[list[str]] = []
    types: list[str] = []
    for record in records:
        kind = str(record.get("type"))
        if kind in TEXTUAL and len(found := words(text_of(record))[:_MAX_WORDS]) >= 5:
            ids.append(str(record["id"]))
            tokens.append(found)
            types.append(kind)
    if len(ids) < 2:
        return
    joined = [" ".join(t) for t in tokens]
    for a, b in sorted(_banded(signatures(tokens))):
        # Sorting the words first lets moved sentences count as equal.
        score = fuzz.token_sort_ratio(joined[a], joined[b], score_cutoff=threshold)
        if score:
            same = "word for word" if joined[a] == joined[b] else f"{score:.0f} of 100 words and signs"
            yield _pair(ids[a], ids[b], score, "text", f"the texts agree: {same}")


def _banded(signature: NDArray[np.uint32]) -> set[tuple[int, int]]:
    """Pairs of rows that agree in all values of at least one band."""
    found: set[tuple[int, int]] = set()
    for band in range(BANDS):
        part = np.ascontiguousarray(signature[:, band * ROWS : (band + 1) * ROWS])
        keys = part.view(np.dtype((np.void, part.dtype.itemsize * ROWS))).ravel()
        _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
        shared = np.flatnonzero(counts[inverse] > 1)
        buckets: dict[int, list[int]] = {}
        for row, bucket in zip(shared.tolist(), inverse[shared].tolist(), strict=True):
            buckets.setdefault(bucket, []).append(row)
        found.update((a, b) for a, b, _ in _meet(buckets))
    return found
