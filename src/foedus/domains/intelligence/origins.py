"""How many independent origins stand behind several records: one source repeated by five counts as one.

Records are one *strand* where one was derived from another or is its duplicate, where they cite the same publication,
or where their texts are the same. A strand's origin is the source of its first record that derives from nothing; for a
sighting that is who saw it, not who wrote it down. Strands with the same origin count once. Records without any named
source cannot be shown to be independent of each other: together they count once.

An indicator that two sources give separately is two origins: equal patterns corroborate, copied words do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any

import msgspec

from foedus.domains.intelligence import grading
from foedus.domains.intelligence.objects import type_of, visible
from foedus.domains.intelligence.similarity import candidates, text_of
from foedus.kernel.domain import Reader, Text
from foedus.kernel.searchtext import fold, words

Record = Mapping[str, Any]
Derivation = tuple[str, str, str]  # (from, "derived-from" or "duplicate-of", to)

COPIES = ("derived-from", "duplicate-of")
EVIDENCE = frozenset(
    {"report", "sighting", "indicator", "incident", "observed-data", "grouping", "malware-analysis", "malware"}
)
# References to these say what a thing is, not where somebody read of it.
CATALOGUES = ("cve", "cwe", "capec", "nvd", "mitre-", "cpe", "epss", "attack")
SAME_TEXT = 92.0  # of 100: as near as copying leaves two texts
MIN_WORDS = 8  # shorter texts agree by chance
MAX_RECORDS = 500  # evidence that one question weighs

_REASONS: Mapping[str, Text] = {
    "derived-from": {"en": "derived from it", "fr": "en est tiré"},
    "duplicate-of": {"en": "a duplicate of it", "fr": "en est un doublon"},
    "reference": {"en": "cites the same publication: {}", "fr": "cite la même publication : {}"},
    "text": {"en": "the text is the same", "fr": "le texte est le même"},
    "source": {"en": "from the same source", "fr": "de la même source"},
    "unnamed": {
        "en": "no source is named: it cannot be shown to be independent",
        "fr": "aucune source n'est nommée : son indépendance ne peut être établie",
    },
}


class Because(msgspec.Struct, frozen=True):
    """Why `record` was put with `other`."""

    record: str
    other: str
    kind: str  # a key of _REASONS
    text: dict[str, str]


class Origin(msgspec.Struct, frozen=True):
    """One independent origin: its source ("" where none is named), all that repeats it, and why they are one."""

    source: str
    first: str  # the record that it goes back to; it need not be among `records`
    records: list[str]
    because: list[Because]
    grading: str  # best reliability and credibility among them: "B2"


class _Strands:
    """Union-find over record ids that remembers why two came together."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}
        self.because: list[Because] = []

    def root(self, item: str) -> str:
        self.parent.setdefault(item, item)
        while self.parent[item] != item:
            self.parent[item] = self.parent[self.parent[item]]
            item = self.parent[item]
        return item

    def join(self, a: str, b: str, kind: str, detail: str = "") -> None:
        one, other = self.root(a), self.root(b)
        if one != other:
            self.parent[max(one, other)] = min(one, other)
            text = {lang: words_.format(detail) for lang, words_ in _REASONS[kind].items()}
            self.because.append(Because(a, b, kind, text))


def independent(
    records: Iterable[Record], derivations: Iterable[Derivation] = (), ancestors: Mapping[str, Record] | None = None
) -> list[Origin]:
    """The independent origins of these records, largest first. `ancestors`: records outside that derivations name."""
    own = {str(r["id"]): r for r in records}
    known = {**(ancestors or {}), **own}
    copies = [(a, kind, b) for a, kind, b in derivations if kind in COPIES and a in known]
    strands = _Strands()
    for a, kind, b in copies:
        strands.join(a, b, kind)
    _join_alike(strands, own.values(), _publications, "reference")
    _join_alike(strands, own.values(), _full_text, "text")
    for pair in candidates(own.values(), SAME_TEXT):
        if pair.kind == "text" and min(_length(own[pair.left]), _length(own[pair.right])) >= MIN_WORDS:
            strands.join(pair.left, pair.right, "text")
    derived = {a for a, _, _ in copies}
    _join_sources(strands, _firsts(strands, known, derived, [b for _, _, b in copies]), known)
    return _collect(strands, own, known, derived)


def _join_alike(
    strands: _Strands, records: Iterable[Record], keys: Callable[[Record], Iterable[str]], kind: str
) -> None:
    first: dict[str, str] = {}
    for record in sorted(records, key=_age):
        for key in keys(record):
            strands.join(str(record["id"]), first.setdefault(key, str(record["id"])), kind, key[:200])


def _publications(record: Record) -> list[str]:
    """What a record cites as published elsewhere: URLs, and identifiers that a source gave."""
    found = []
    references = record.get("external_references")
    for reference in references if isinstance(references, list) else ():
        if not isinstance(reference, Mapping):
            continue
        source = fold(str(reference.get("source_name", "")))
        if source.startswith(CATALOGUES):
            continue
        if url := reference.get("url"):
            found.append(str(url).split("#")[0].rstrip("/"))
        elif external := reference.get("external_id"):
            found.append(f"{source} {external}")
    return found


def _full_text(record: Record) -> list[str]:
    text = words(text_of(record))
    return [" ".join(text)] if len(text) >= MIN_WORDS else []


def _length(record: Record) -> int:
    return len(words(text_of(record)))


def _age(record: Record) -> tuple[str, str]:
    return str(record.get("created", "")), str(record.get("id", ""))


def _sources(record: Record) -> list[str]:
    """Who knows it first-hand: who saw a sighting, who wrote anything else."""
    if record.get("type") == "sighting" and isinstance(seen := record.get("where_sighted_refs"), list) and seen:
        return [str(s) for s in seen]
    return [str(record["created_by_ref"])] if record.get("created_by_ref") else []


def _firsts(
    strands: _Strands, known: Mapping[str, Record], derived: set[str], targets: Sequence[str]
) -> dict[str, str]:
    """Strand -> the record it goes back to: one that derives from nothing, the oldest of them."""
    members: dict[str, list[str]] = {}
    for item in {*known, *targets}:
        members.setdefault(strands.root(item), []).append(item)
    return {root: _first(items, known, derived) for root, items in members.items()}


def _first(items: Sequence[str], known: Mapping[str, Record], derived: set[str]) -> str:
    original = [i for i in items if i not in derived] or list(items)
    return min(original, key=lambda i: (*(_age(known[i]) if i in known else ("~", i)),))


def _join_sources(strands: _Strands, firsts: Mapping[str, str], known: Mapping[str, Record]) -> None:
    first: dict[str, str] = {}
    for item in sorted(firsts.values()):
        record = known.get(item)
        if record is None:
            continue  # what it derives from is not in view: an origin of its own
        sources = _sources(record)
        if not sources:
            strands.join(item, first.setdefault("", item), "unnamed")
        for source in sources:
            strands.join(item, first.setdefault(source, item), "source")


def _collect(
    strands: _Strands, own: Mapping[str, Record], known: Mapping[str, Record], derived: set[str]
) -> list[Origin]:
    groups: dict[str, list[str]] = {}
    for item in own:
        groups.setdefault(strands.root(item), []).append(item)
    whole: dict[str, list[str]] = {}
    for item in list(strands.parent):
        whole.setdefault(strands.root(item), []).append(item)
    found = []
    for root, items in groups.items():
        first = _first(whole.get(root, items), known, derived)
        sources = _sources(known[first]) if first in known else []
        because = [b for b in strands.because if strands.root(b.record) == root and b.record != b.other]
        found.append(
            Origin(sources[0] if sources else "", first, sorted(items), because, _best(known[i] for i in items))
        )
    return sorted(found, key=lambda o: (-len(o.records), o.first))


def _best(records: Iterable[Record]) -> str:
    given = [g for r in records if (g := grading.read(r))]
    reliability = min((g.reliability for g in given if g.reliability), default="")
    credibility = min((g.credibility for g in given if g.credibility), default=0)
    return grading.display(grading.Grading(reliability, credibility))


class Origins(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Independent origins behind one record."""

    target: Annotated[
        str, msgspec.Meta(description="an indicator, incident, malware or anything reported", max_length=400)
    ]


def origins(view: Reader, command: Origins, now: int) -> dict[str, Any]:
    """Evidence about the target that the reader sees, by independent origin.

    {"target", "records": how many, "independent": how many origins, "origins": [Origin], "more": evidence was cut}
    """
    target = view.get(command.target)
    evidence = {command.target: target} if type_of(command.target) in EVIDENCE else {}
    more = False
    for link in view.links_to(command.target):
        source = str(link["source"])
        if source in evidence or type_of(source) not in EVIDENCE or link["kind"] in COPIES:
            continue
        if len(evidence) >= MAX_RECORDS:
            more = True
            break
        if (record := visible(view, source)) is not None and not record.get("revoked"):
            evidence[source] = record
    derivations, ancestors = _ancestry(view, evidence)
    found = independent(evidence.values(), derivations, ancestors)
    return {
        "target": command.target,
        "records": len(evidence),
        "independent": len(found),
        "origins": found,
        "more": more,
    }


def _ancestry(view: Reader, evidence: Mapping[str, Record]) -> tuple[list[Derivation], dict[str, Record]]:
    """What the evidence derives from, and what that derives from, as far as the reader sees."""
    derivations: list[Derivation] = []
    ancestors: dict[str, Record] = {}
    frontier, seen = list(evidence), set(evidence)
    while frontier and len(seen) < 4 * MAX_RECORDS:
        item = frontier.pop()
        for kind in COPIES:
            for link in view.links_from(item, kind):
                to = str(link["target"])
                derivations.append((item, kind, to))
                if to not in seen:
                    seen.add(to)
                    if (record := visible(view, to)) is not None:
                        ancestors[to] = record
                        frontier.append(to)
    return derivations, ancestors
