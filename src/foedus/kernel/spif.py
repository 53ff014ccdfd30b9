"""Reading a security policy file: Open XML SPIF 2.1, with 2.0 and 3.0 leniently, with or without its namespace.

What the file says about release and we cannot read makes the construct that it stands in unusable, so that a
decision on it denies; `Policy.warnings` names each. What concerns presentation only is warned about and passed over.

Source: the Open XML SPIF schema (namespace http://www.xmlspif.org/spif) and ADatP-4774.1, chapter 3.

Our own policies use an extension, `<extensions>` with elements of namespace `urn:foedus:policy:1`:
`<unlimited classification="CLEAR"/>`: every subject who has no clearance under this policy holds that classification;
`<alias classification="CLEAR" name="WHITE"/>`: another name by which documents may call it;
`<members tagSet="Releasable To">BEL CAN …</members>`: whose nationals hold the policy's own
context, so that a clearance "for FIN" can be expanded (`clearancetext.py`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TypeVar

from foedus.config import Limits
from foedus.kernel import xmltext
from foedus.kernel.policymodel import Classification, Tag, TagSet, Value, fold, same_number
from foedus.kernel.securitypolicy import Policy
from foedus.kernel.spifmarking import read_marking_of
from foedus.kernel.spifrules import RuleReader
from foedus.kernel.xmltext import Element, attribute, children, local, refused

NAMESPACE = "http://www.xmlspif.org/spif"
EXTENSION = "urn:foedus:policy:1"

_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_TIME = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)[T ]?(\d\d):?(\d\d):?(\d\d)(?:[.,]\d+)?Z?")
_N = TypeVar("_N", Classification, TagSet, Tag, Value)


def read_policy(data: bytes, limits: Limits | None = None) -> Policy:
    """The policy that an XML SPIF document states.

    Raises PolicyRefused (TooLarge for size) where the document cannot be read, lacks a part that a policy needs, or
    names two things alike; its faults say which.
    """
    root, mended = xmltext.read_xml(data, limits)
    if local(root) != "SPIF" or xmltext.namespace(root) not in ("", NAMESPACE):
        raise refused("not-a-policy", f"the root element is <{local(root)}>; a policy file has <SPIF>")
    return _Reader(root, list(mended)).policy()


class _Reader:
    """One pass over one document. `warnings` collects what was mended or could not be read."""

    def __init__(self, root: Element, warnings: list[str]) -> None:
        self.root = root
        self.warnings = warnings
        self.rules = RuleReader(root, self.warn)

    def policy(self) -> Policy:
        identity = children(self.root, "securityPolicyId")
        if len(identity) != 1 or not attribute(identity[0], "name"):
            raise refused("no-policy-name", "a policy file needs one securityPolicyId with a name")
        oid = attribute(identity[0], "id").removeprefix("urn:oid:")
        if not _OID.fullmatch(oid):
            raise refused("policy-id", f"the policy's id {oid!r} is not an object identifier")
        groups = children(self.root, "securityClassifications")
        elements = [e for g in groups for e in children(g, "securityClassification")]
        if not elements:
            raise refused("no-classifications", "a policy file needs at least one securityClassification")
        classifications = tuple(self.classification(e) for e in elements)
        _distinct(classifications, "classification")
        tag_sets = tuple(
            self.tag_set(e)
            for group in children(self.root, "securityCategoryTagSets")
            for e in children(group, "securityCategoryTagSet")
        )
        _distinct(tag_sets, "tag set")
        self.rules.check_references(classifications, tag_sets)
        unlimited, aliases, members = self.extensions()
        return Policy(
            name=attribute(identity[0], "name"),
            id=oid,
            classifications=classifications,
            tag_sets=tag_sets,
            equivalent_policies=self.rules.equivalent_policies(),
            marking=read_marking_of(self.root, self.warn),
            unlimited=unlimited,
            aliases=aliases,
            members=members,
            not_before=self.time(self.root, "notBefore", -(2**63)),
            not_after=self.time(self.root, "notAfter", 2**63),
            version=attribute(self.root, "version"),
            warnings=tuple(self.warnings),
        )

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    # Classifications and categories

    def classification(self, element: Element) -> Classification:
        name, lacv = self.named(element, "classification")
        hierarchy = attribute(element, "hierarchy") or lacv
        if not re.fullmatch(r"-?[0-9]{1,9}", hierarchy):
            raise refused("hierarchy", f"classification {name}: hierarchy {hierarchy!r} is not a number")
        return Classification(
            name=name,
            lacv=lacv,
            hierarchy=int(hierarchy),
            obsolete=_true(attribute(element, "obsolete")),
            colour=attribute(element, "bgcolor", "color"),
            marking=read_marking_of(element, self.warn),
            requirements=self.rules.requirements(element),
            equivalents=tuple(
                e for c in children(element, "equivalentClassification") if (e := self.rules.equivalent_class(c, name))
            ),
            unusable=self.rules.unknown_rules(element, {"requiredcategory", "equivalentclassification"}, name),
        )

    def tag_set(self, element: Element) -> TagSet:
        name = attribute(element, "name")
        oid = attribute(element, "id").removeprefix("urn:oid:")
        if not name:
            raise refused("no-name", "a tag set has no name")
        unusable = self.rules.unknown_rules(element, {"securitycategorytag", "equivalentsecuritycategorytagset"}, name)
        excluded = self.rules.class_list(element, "excludedClass", name)
        tags = tuple(self.tag(t, name, excluded, unusable) for t in children(element, "securityCategoryTag"))
        seen: set[tuple[object, str]] = set()
        for tag in tags:
            for value in tag.values:
                # A label names a value by tag set, type and name: two alike could not be told apart.
                if (key := (tag.kind.type, fold(value.name))) in seen:
                    raise refused("duplicate-name", f"tag set {name}: two {tag.kind.type} values named {value.name}")
                seen.add(key)
        return TagSet(name, oid, tags, read_marking_of(element, self.warn))

    def tag(self, element: Element, tag_set: str, excluded: frozenset[str], unusable: str) -> Tag:
        name = attribute(element, "name") or tag_set
        kind = self.rules.kind(element, f"tag {name}")
        unusable = unusable or self.rules.unknown_rules(element, {"tagcategory", "excludedclass"}, name)
        excluded |= self.rules.class_list(element, "excludedClass", name)
        most = 1 if _true(attribute(element, "singleSelection")) else self.rules.count(element, "maxSelection")
        return Tag(
            name=name,
            kind=kind,
            least=self.rules.count(element, "minSelection"),
            most=most,
            values=tuple(self.value(e, excluded, unusable) for e in children(element, "tagCategory")),
            marking=read_marking_of(element, self.warn),
        )

    def value(self, element: Element, excluded: frozenset[str], unusable: str) -> Value:
        name, lacv = self.named(element, "category")
        rules = {"excludedclass", "requiredclass", "requiredcategory", "excludedcategory", "equivalentseccategorytag"}
        unusable = unusable or self.rules.unknown_rules(element, rules, name)
        required = self.rules.class_list(element, "requiredClass", name)
        if one := attribute(element, "requiredClass"):
            required |= self.rules.known_class(one, name)
        for window in ("notBefore", "notAfter"):
            if attribute(element, window):
                unusable = f"{window} of a category is not supported"
                self.warn(f"category {name}: {unusable}; labels that hold it are refused")
        return Value(
            name=name,
            lacv=lacv,
            obsolete=_true(attribute(element, "obsolete")),
            excluded_classes=excluded | self.rules.class_list(element, "excludedClass", name),
            required_classes=required,
            requirements=self.rules.requirements(element),
            exclusions=tuple(self.rules.reference(e) for e in children(element, "excludedCategory")),
            marking=read_marking_of(element, self.warn),
            equivalents=tuple(
                e for c in children(element, "equivalentSecCategoryTag") if (e := self.rules.equivalent_value(c, name))
            ),
            unusable=unusable,
        )

    def named(self, element: Element, what: str) -> tuple[str, str]:
        name, lacv = attribute(element, "name"), attribute(element, "lacv")
        if not name:
            raise refused("no-name", f"a {what} has no name")
        if not lacv:
            self.warn(f"{what} {name}: no lacv; documents that name it by number cannot mean it")
        return name, same_number(lacv)

    # Extensions and validity

    def extensions(self) -> tuple[frozenset[str], tuple[tuple[str, str], ...], frozenset[str]]:
        unlimited: frozenset[str] = frozenset()
        aliases: list[tuple[str, str]] = []
        members: frozenset[str] = frozenset()
        for element in (e for group in children(self.root, "extensions") for e in children(group)):
            if xmltext.namespace(element) != EXTENSION:
                continue
            if local(element) == "members":
                members |= frozenset(xmltext.text(element).split())
                continue
            name = self.rules.known_class(attribute(element, "classification"), "extensions")
            if local(element) == "unlimited":
                unlimited |= name
            elif local(element) == "alias":
                alias = attribute(element, "name")
                if fold(alias) in {*self.rules.class_names, *(fold(a) for a, _ in aliases)}:
                    raise refused("duplicate-name", f"the alias {alias} is another classification's name")
                aliases.append((alias, next(iter(name))))
            else:
                self.warn(f"extension <{local(element)}> is not known")
        return unlimited, tuple(aliases), members

    def time(self, element: Element, name: str, default: int) -> int:
        stated = attribute(element, name)
        if not stated:
            return default
        if not (match := _TIME.fullmatch(stated)):
            raise refused("invalid-time", f"{name} {stated!r} is not a time")
        try:
            return int(datetime(*map(int, match.groups()), tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc, arg-type]
        except ValueError:
            raise refused("invalid-time", f"{name} {stated!r} is not a time") from None


def _true(stated: str) -> bool:
    return stated.casefold() in ("true", "1")


def _distinct(things: tuple[_N, ...], what: str) -> None:
    seen: set[str] = set()
    for thing in things:
        if fold(thing.name) in seen:
            raise refused("duplicate-name", f"two {what}s are named {thing.name}")
        seen.add(fold(thing.name))
