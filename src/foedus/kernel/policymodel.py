"""A security policy as values: what an XML SPIF file says, before any rule is applied.

Names are kept as the file spells them. `lacv` (label and certificate value) is the number by which other documents
refer to a classification or category; leading zeros mean nothing. Rules stand in `policy.py`.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

from foedus.kernel.label import TagType


def fold(name: str) -> str:
    """How names are compared: composed, white space collapsed, without case (as STANAG 4774 compares values)."""
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()


def same_number(lacv: str) -> str:
    """A lacv for comparison: "008" is "8"."""
    lacv = lacv.strip()
    return str(int(lacv)) if lacv.isascii() and lacv.isdigit() and len(lacv) < 40 else lacv


class TagKind(StrEnum):
    """A tag's type with its encoding, under the names of the native label form."""

    RESTRICTIVE = "restrictive"
    PERMISSIVE = "permissive"
    ENUMERATED_RESTRICTIVE = "enumeratedRestrictive"
    ENUMERATED_PERMISSIVE = "enumeratedPermissive"
    INFORMATIVE = "informative"
    UNKNOWN = "unknown"

    @property
    def type(self) -> TagType:
        return _TYPES[self]


_TYPES = {
    TagKind.RESTRICTIVE: TagType.RESTRICTIVE,
    TagKind.ENUMERATED_RESTRICTIVE: TagType.RESTRICTIVE,
    TagKind.PERMISSIVE: TagType.PERMISSIVE,
    TagKind.ENUMERATED_PERMISSIVE: TagType.PERMISSIVE,
    TagKind.INFORMATIVE: TagType.INFORMATIVE,
    TagKind.UNKNOWN: TagType.UNKNOWN,
}


class Operation(StrEnum):
    """How many of a requirement's references a label must hold. UNKNOWN is never satisfied."""

    ONLY_ONE = "onlyOne"
    ONE_OR_MORE = "oneOrMore"
    ALL = "all"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reference:
    """One value of a tag set, or any value of it where `lacv` is ""."""

    tag_set: str
    kind: TagKind
    lacv: str = ""


@dataclass(frozen=True, slots=True)
class Requirement:
    operation: Operation
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """One `markingData`. `text` None: the name itself."""

    lang: str
    text: str | None
    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Qualifier:
    """One `qualifier`: `place` is prefix, separator or suffix."""

    lang: str
    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Marking:
    phrases: tuple[Phrase, ...] = ()
    qualifiers: tuple[Qualifier, ...] = ()


@dataclass(frozen=True, slots=True)
class EquivalentClassification:
    """A classification of another policy. `outward`: our labels may be read as theirs; `inward`: theirs as ours."""

    policy: str  # OID
    lacv: str
    outward: bool
    inward: bool
    requirements: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class EquivalentValue:
    """A category value of another policy; `discard`: it has no meaning there and falls away."""

    policy: str  # OID
    tag_set: str  # OID of the other policy's tag set
    kind: TagKind
    lacv: str
    outward: bool
    inward: bool
    discard: bool = False


@dataclass(frozen=True, slots=True)
class EquivalentPolicy:
    """Another policy that labels may be mapped to. `requirements` speak of the other policy's tag sets."""

    name: str
    id: str
    requirements: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class Classification:
    name: str
    lacv: str
    hierarchy: int
    obsolete: bool = False
    colour: str = ""
    marking: Marking = field(default_factory=Marking)
    requirements: tuple[Requirement, ...] = ()
    equivalents: tuple[EquivalentClassification, ...] = ()
    unusable: str = ""  # why no label may carry it: the file says something about it that we cannot read


@dataclass(frozen=True, slots=True)
class Value:
    """One `tagCategory`."""

    name: str
    lacv: str
    obsolete: bool = False
    excluded_classes: frozenset[str] = frozenset()  # classification names
    required_classes: frozenset[str] = frozenset()  # where not empty, the label's classification is one of these
    requirements: tuple[Requirement, ...] = ()
    exclusions: tuple[Reference, ...] = ()
    marking: Marking = field(default_factory=Marking)
    equivalents: tuple[EquivalentValue, ...] = ()
    unusable: str = ""


@dataclass(frozen=True, slots=True)
class Tag:
    """One `securityCategoryTag`: the unit that a decision looks at."""

    name: str
    kind: TagKind
    least: int  # how many values a label that uses the tag must hold
    most: int  # and how many it may hold; 0: no limit
    values: tuple[Value, ...]
    marking: Marking = field(default_factory=Marking)


@dataclass(frozen=True, slots=True)
class TagSet:
    name: str
    id: str
    tags: tuple[Tag, ...]
    marking: Marking = field(default_factory=Marking)
