"""Confidentiality labels and clearances as values (STANAG 4774).

A label says: this policy, this classification, these categories. A clearance says: under this policy, these
classifications, these category values. Both are plain frozen values; rules stand in `policy.py`, files in
`spif.py`, XML in `stanag4774.py`, words for people in `marking.py`.

Names are the policy's own canonical names once a label has passed through `Policy.resolve`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

MAX_SUCCESSORS = 16  # in a row; a label with more is refused


class TagType(StrEnum):
    """How a tag set decides. UNKNOWN always denies (a known implementation lets it pass: that fails open)."""

    RESTRICTIVE = "RESTRICTIVE"  # the reader must hold every value
    PERMISSIVE = "PERMISSIVE"  # the reader must hold one of the values
    INFORMATIVE = "INFORMATIVE"  # decides nothing
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Category:
    """Values of one security category tag of one tag set. `tag_set` is its name in the policy."""

    tag_set: str
    type: TagType
    values: frozenset[str]


def merged(categories: Iterable[Category]) -> tuple[Category, ...]:
    """Sorted by (tag set, type), one per pair, none empty: the form that a Label promises."""
    found: dict[tuple[str, TagType], frozenset[str]] = {}
    for c in categories:
        found[c.tag_set, c.type] = found.get((c.tag_set, c.type), frozenset()) | c.values
    return tuple(Category(*key, values) for key, values in sorted(found.items()) if values)


@dataclass(frozen=True, slots=True)
class Succession:
    """At `at` (microseconds since 1970, UTC) the label is replaced by `label`."""

    at: int
    label: Label


@dataclass(frozen=True, slots=True)
class Label:
    """One confidentiality label. `categories` is sorted by (tag_set, type), at most one per pair, none empty."""

    policy: str  # the policy's name, canonical: "NATO"
    classification: str
    categories: tuple[Category, ...] = ()
    privacy_mark: str = ""
    succession: Succession | None = None
    policy_id: str = ""  # OID, "" where the document gave none


@dataclass(frozen=True, slots=True)
class Clearance:
    """What a subject may see under one policy. Classifications are a set: hierarchy does not decide."""

    policy: str
    classifications: frozenset[str]
    categories: tuple[Category, ...] = ()
    policy_id: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a decision fell. `code` is stable; `message` may name values, so it is for those who may read the label."""

    code: str  # "permitted", "classification", "restrictive-category", "permissive-category", "unknown-policy", ...
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """PERMIT only where every label permits; the reasons say which one did not."""

    permit: bool
    reasons: tuple[Reason, ...]
    until: int | None = None  # when it must be taken again (microseconds): a succession, a policy that begins or ends
