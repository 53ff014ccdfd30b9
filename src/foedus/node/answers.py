"""What the node's verbs answer: plain frozen values, made only of what the reader may see.

Times are microseconds since 1970 UTC. No entry number of the journal leaves the node through these values, except in
`Proof`, which only auditors get: a number counts what came before it, hidden things too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from foedus.kernel.errors import Fault
from foedus.kernel.label import Reason

_decode = msgspec.json.decode


@dataclass(frozen=True, slots=True)
class Marking:
    """One label of a record as people read it."""

    id: str  # the marking definition
    text: str  # display marking: "NATO RESTRICTED Releasable to Japan"
    background: str  # colour of the classification, "#rrggbb"
    foreground: str  # text colour of contrast AA on it


@dataclass(frozen=True, slots=True)
class Found:
    """One version of one record that the reader may see."""

    id: str
    type: str
    version: int  # `modified`; 0 where the type has none
    released: int  # when this reader could first see it; strictly increasing in release order
    originator: str
    created_by: str
    labels: tuple[str, ...]  # marking definition ids of its label set
    body: bytes  # canonical JSON
    origins: tuple[str, ...] = ()  # all originators of this equal version

    @property
    def obj(self) -> dict[str, Any]:
        """The object decoded (each call decodes)."""
        decoded: dict[str, Any] = _decode(self.body)
        return decoded


@dataclass(frozen=True, slots=True)
class PageQuery:
    """A page in release order (TAXII). `cursor` comes from `Page.next`; `versions`: last, first, all or µs."""

    added_after: int | None = None
    cursor: str = ""
    limit: int = 100
    types: frozenset[str] | None = None
    ids: tuple[str, ...] | None = None
    versions: tuple[str | int, ...] = ("last",)
    spec_versions: tuple[str, ...] | None = None
    bodies: bool = True  # False: heads only (manifest)


@dataclass(frozen=True, slots=True)
class Page:
    """One page in release order: canonical bytes; heads too where `bodies` was False or ids were asked for."""

    bodies: list[bytes]
    heads: list[PageHead]
    more: bool
    next: str  # "" at the end
    first: int  # release time of the first and last object; 0 on an empty page
    last: int


@dataclass(frozen=True, slots=True)
class PageHead:
    """For the manifest: what a version is, without its body."""

    id: str
    type: str
    version: int
    released: int


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """`text` in the search syntax of docs/search.md; the rest are facet filters."""

    text: str = ""
    types: frozenset[str] | None = None
    originator: str = ""
    created_by: str = ""
    label: str = ""  # id of a marking definition
    since: int | None = None  # by version time (created/modified), µs
    until: int | None = None
    released_after: int | None = None  # only what this reader could first see after this moment
    order: str = "relevance"  # or "newest"
    limit: int = 25
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Facet:
    value: str
    count: int


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Counts and facets come from the View. `facets`: "type", "originator", "label", "month"."""

    total: int
    results: list[Found]
    facets: Mapping[str, list[Facet]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    source: str  # STIX ids
    kind: str
    target: str
    via: str  # the relationship object's id, or the object that holds the reference


@dataclass(frozen=True, slots=True)
class Neighbours:
    """One expansion of the graph around `centre`."""

    centre: str
    nodes: list[Found]
    edges: list[Edge]
    more: bool
    next: str
    degree: int  # visible links in all, counted up to a cap


@dataclass(frozen=True, slots=True)
class LabelReason:
    """Why this reader sees the record: one line a label."""

    marking: Marking
    reason: str


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody to whom a version was released."""

    subject: str
    face: str  # "web", "taxii", "http", "cli", "file"
    at: int


@dataclass(frozen=True, slots=True)
class Audience:
    """For the originator's staff: who can see the record, who has seen it."""

    can_see: list[str]
    cannot_see: list[str]
    seen: list[Seen]
    why_not: Mapping[str, tuple[Reason, ...]] = field(default_factory=dict)  # of those who cannot


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a version comes from, for every reader: computed from what they have in hand."""

    originator: str
    origins: tuple[str, ...]
    sha256: str  # of the canonical bytes
    size: int


@dataclass(frozen=True, slots=True)
class Proof:
    """Inclusion of a version in the journal (RFC 9162), for auditors: it names positions."""

    seq: int
    size: int
    leaf: str
    salt: str
    path: list[str]
    checkpoint: str
    erased: bool


@dataclass(frozen=True, slots=True)
class Published:
    id: str
    version: int
    known: bool  # an equal version was there already and visible to the publisher


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. Stored is 0 where faults stopped all of it (not `partial`)."""

    total: int
    stored: int
    known: int  # equal versions that were there already
    refused: int
    faults: tuple[Fault, ...]
    notices: tuple[str, ...]  # "1,826 objects carried no label: labelled … by default"
    labels: Mapping[str, int]  # display marking -> objects
    seconds: float
    accepted: tuple[tuple[str, int], ...] = ()  # (STIX id, version) of what was stored or known

    def as_dict(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "stored": self.stored,
            "known": self.known,
            "refused": self.refused,
            "faults": [f.as_dict() for f in self.faults],
            "notices": list(self.notices),
            "labels": dict(self.labels),
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """A step of long work: `done` of `total` (0: unknown), and the time left in seconds where it can be told."""

    stage: str
    done: int
    total: int
    rate: float = 0.0
    left: float | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record that has just become visible to a reader (live streams)."""

    released: int
    id: str
    type: str
    version: int
    body: bytes
