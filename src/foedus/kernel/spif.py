"""Reading a security policy file: Open XML SPIF 2.1, with 2.0 and 3.0 leniently, with or without its namespace.

What the file says about release and we cannot read makes the construct that it stands in unusable, so that a
decision on it denies; `Policy.warnings` names each. What concerns presentation only is warned about and passed over.

Source: the Open XML SPIF schema (namespace http://www.xmlspif.org/spif) and ADatP-4774.1, chapter 3.

Our own policies use an extension, `<extensions>` with elements of namespace `urn:foedus:policy:1`:
`<unlimited classification="CLEAR"/>`: every subject who has no clearance under this policy holds that classification;
`<alias classification="CLEAR" name="WHITE"/>`: another name by which documents may call it;
`<members tagSet="Releasable To">BEL CAN …</members>`: whose nationals hold the policy's own
context, so that a clearance "for FIN" can be expanded (`labeltext.py`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TypeVar

from foedus.config import Limits
from foedus.kernel import xmltext
from foedus.kernel.policymodel import (
    Classification,
    EquivalentClassification,
    EquivalentPolicy,
    EquivalentValue,
    Marking,
    Operation,
    Phrase,
    Qualifier,
    Reference,
    Requirement,
    Tag,
    TagKind,
    TagSet,
    Value,
    fold,
    same_number,
)
from foedus.kernel.securitypolicy import Policy
from foedus.kernel.xmltext import Element, attribute, children, local, refused

NAMESPACE = "http://www.xmlspif.org/spif"
EXTENSION = "urn:foedus:policy:1"

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_TIME = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)[T ]?(\d\d):?(\d\d):?(\d\d)(?:[.,]\d+)?Z?")
_PRESENTATION = {
    "markingdata", "markingqualifier", "extensions", "userinput", "description", "comment", "annotation", "example",
    "markingcode", "portionmarking", "privacymarks", "updateinfo", "shortphrase", "simplephrase", "inputphrase",
}  # fmt: skip
_CODES = {
    "pagetop", "pagebottom", "pagetopbottom", "documentstart", "documentend", "nonamedisplay", "nomarkingdisplay",
    "suppressclassname", "firstlineoftext", "lastlineoftext", "subject", "xheader", "portionmarking", "inputtitle",
    "watermark", "replacepolicy",
}  # fmt: skip
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
        self.foreign = {
            fold(attribute(e, "name")): attribute(e, "id")
            for group in children(root, "equivalentPolicies")
            for e in children(group, "equivalentPolicy")
        }
        self.class_names: dict[str, str] = {}

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
        self.class_names = {fold(attribute(e, "name")): attribute(e, "name") for e in elements}
        classifications = tuple(self.classification(e) for e in elements)
        _distinct(classifications, "classification")
        tag_sets = tuple(
            self.tag_set(e)
            for group in children(self.root, "securityCategoryTagSets")
            for e in children(group, "securityCategoryTagSet")
        )
        _distinct(tag_sets, "tag set")
        self.check_references(classifications, tag_sets)
        unlimited, aliases, members = self.extensions()
        return Policy(
            name=attribute(identity[0], "name"),
            id=oid,
            classifications=classifications,
            tag_sets=tag_sets,
            equivalent_policies=tuple(
                EquivalentPolicy(attribute(e, "name"), attribute(e, "id"), self.requirements(e))
                for group in children(self.root, "equivalentPolicies")
                for e in children(group, "equivalentPolicy")
            ),
            marking=self.marking(self.root),
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
            marking=self.marking(element),
            requirements=self.requirements(element),
            equivalents=tuple(
                e for c in children(element, "equivalentClassification") if (e := self.equivalent_class(c, name))
            ),
            unusable=self.unknown_rules(element, {"requiredcategory", "equivalentclassification"}, name),
        )

    def tag_set(self, element: Element) -> TagSet:
        name = attribute(element, "name")
        oid = attribute(element, "id").removeprefix("urn:oid:")
        if not name:
            raise refused("no-name", "a tag set has no name")
        unusable = self.unknown_rules(element, {"securitycategorytag", "equivalentsecuritycategorytagset"}, name)
        excluded = self.class_list(element, "excludedClass", name)
        tags = tuple(self.tag(t, name, excluded, unusable) for t in children(element, "securityCategoryTag"))
        seen: set[tuple[object, str]] = set()
        for tag in tags:
            for value in tag.values:
                # A label names a value by tag set, type and name: two alike could not be told apart.
                if (key := (tag.kind.type, fold(value.name))) in seen:
                    raise refused("duplicate-name", f"tag set {name}: two {tag.kind.type} values named {value.name}")
                seen.add(key)
        return TagSet(name, oid, tags, self.marking(element))

    def tag(self, element: Element, tag_set: str, excluded: frozenset[str], unusable: str) -> Tag:
        name = attribute(element, "name") or tag_set
        kind = self.kind(element, f"tag {name}")
        unusable = unusable or self.unknown_rules(element, {"tagcategory", "excludedclass"}, name)
        excluded |= self.class_list(element, "excludedClass", name)
        most = 1 if _true(attribute(element, "singleSelection")) else self.count(element, "maxSelection")
        return Tag(
            name=name,
            kind=kind,
            least=self.count(element, "minSelection"),
            most=most,
            values=tuple(self.value(e, excluded, unusable) for e in children(element, "tagCategory")),
            marking=self.marking(element),
        )

    def value(self, element: Element, excluded: frozenset[str], unusable: str) -> Value:
        name, lacv = self.named(element, "category")
        rules = {"excludedclass", "requiredclass", "requiredcategory", "excludedcategory", "equivalentseccategorytag"}
        unusable = unusable or self.unknown_rules(element, rules, name)
        required = self.class_list(element, "requiredClass", name)
        if one := attribute(element, "requiredClass"):
            required |= self.known_class(one, name)
        for window in ("notBefore", "notAfter"):
            if attribute(element, window):
                unusable = f"{window} of a category is not supported"
                self.warn(f"category {name}: {unusable}; labels that hold it are refused")
        return Value(
            name=name,
            lacv=lacv,
            obsolete=_true(attribute(element, "obsolete")),
            excluded_classes=excluded | self.class_list(element, "excludedClass", name),
            required_classes=required,
            requirements=self.requirements(element),
            exclusions=tuple(self.reference(e) for e in children(element, "excludedCategory")),
            marking=self.marking(element),
            equivalents=tuple(
                e for c in children(element, "equivalentSecCategoryTag") if (e := self.equivalent_value(c, name))
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

    def kind(self, element: Element, what: str) -> TagKind:
        """The tag type; what is not known becomes UNKNOWN, which always denies."""
        stated = attribute(element, "tagType").casefold()
        if stated == "enumerated":
            stated += " " + attribute(element, "enumType").casefold()
        known = _KINDS.get(stated)
        if known is None:
            self.warn(f"{what}: tag type {stated!r} is not known; labels that use it are denied")
        return known or TagKind.UNKNOWN

    def unknown_rules(self, element: Element, known: set[str], name: str) -> str:
        for child in children(element):
            tag = local(child).casefold()
            ours = xmltext.namespace(child) == xmltext.namespace(self.root)
            if ours and tag not in known and tag not in _PRESENTATION:
                self.warn(f"{name}: <{local(child)}> is not known; labels that use {name} are refused")
                return f"the policy states a rule <{local(child)}> that is not known"
        return ""

    def class_list(self, element: Element, child: str, name: str) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        for e in children(element, child):
            found |= self.known_class(xmltext.text(e), name)
        return found

    def known_class(self, stated: str, name: str) -> frozenset[str]:
        """The classification. Raises PolicyRefused where it is not known: a typing error could let something pass."""
        known = self.class_names.get(fold(stated))
        if known is None:
            raise refused("unknown-classification", f"{name}: refers to classification {stated!r}, which is not there")
        return frozenset({known})

    def count(self, element: Element, name: str) -> int:
        stated = attribute(element, name)
        if not stated or stated.casefold() == "unbounded":
            return 0
        if not re.fullmatch(r"[0-9]{1,6}", stated):
            raise refused("selection", f"{attribute(element, 'name')}: {name} {stated!r} is not a number")
        return int(stated)

    # Rules

    def requirements(self, element: Element) -> tuple[Requirement, ...]:
        found = []
        for e in children(element, "requiredCategory"):
            stated = attribute(e, "operation")
            operation = _OPERATIONS.get(stated.casefold(), Operation.UNKNOWN)
            if operation is Operation.UNKNOWN:
                self.warn(f"requiredCategory: operation {stated!r} is not known; it is never met")
            if strange := self.unknown_rules(e, {"categorygroup"}, "requiredCategory"):
                self.warn(strange)
                operation = Operation.UNKNOWN
            found.append(Requirement(operation, tuple(self.reference(g) for g in children(e, "categoryGroup"))))
        return tuple(found)

    def reference(self, element: Element) -> Reference:
        # The schema wants exactly one of `lacv` and `all`; neither is in use too, and means the whole tag set.
        lacv = same_number(attribute(element, "lacv"))
        return Reference(attribute(element, "tagSetRef"), self.kind(element, local(element)), lacv)

    def check_references(self, classes: tuple[Classification, ...], tag_sets: tuple[TagSet, ...]) -> None:
        """An exclusion that points nowhere may be a typing error that would let something pass: refuse the file."""
        known: set[tuple[str, TagKind, str]] = set()
        for tag_set in tag_sets:
            for tag in tag_set.tags:
                known.add((fold(tag_set.name), tag.kind, ""))
                known.update((fold(tag_set.name), tag.kind, v.lacv) for v in tag.values)
        for value in (v for s in tag_sets for t in s.tags for v in t.values):
            for r in value.exclusions:
                if (fold(r.tag_set), r.kind, r.lacv) not in known:
                    where = f"{r.tag_set} ({r.kind}) {r.lacv or 'all'}"
                    raise refused("unknown-category", f"{value.name}: excludes {where}, which is not there")
        owners = [(c.name, c.requirements) for c in classes]
        owners += [(v.name, v.requirements) for s in tag_sets for t in s.tags for v in t.values]
        for name, requirements in owners:
            for r in (r for q in requirements for r in q.references):
                if (fold(r.tag_set), r.kind, r.lacv) not in known:
                    self.warn(f"{name}: requires {r.tag_set} ({r.kind}) {r.lacv or 'all'}, which is not there")

    # Equivalents

    def equivalent_class(self, element: Element, name: str) -> EquivalentClassification | None:
        policy, outward, inward = self.applies(element, name)
        lacv = same_number(attribute(element, "lacv"))
        if not policy or not lacv:
            return None
        return EquivalentClassification(policy, lacv, outward, inward, self.requirements(element))

    def equivalent_value(self, element: Element, name: str) -> EquivalentValue | None:
        policy, outward, inward = self.applies(element, name)
        action = attribute(element, "action").casefold()
        if action not in ("", "discard"):
            self.warn(f"{name}: action {action!r} of an equivalent is not known; it is passed over")
            return None
        if not policy:
            return None
        lacv = same_number(attribute(element, "lacv"))
        kind = TagKind.UNKNOWN if action else self.kind(element, f"equivalent of {name}")
        tag_set = attribute(element, "tagSetId").removeprefix("urn:oid:")
        return EquivalentValue(policy, tag_set, kind, lacv, outward, inward, bool(action))

    def applies(self, element: Element, name: str) -> tuple[str, bool, bool]:
        reference = attribute(element, "policyRef")
        policy = self.foreign.get(fold(reference), "").removeprefix("urn:oid:")
        applied = attribute(element, "applied").casefold()
        if not policy:
            self.warn(f"{name}: equivalent in policy {reference!r}, which equivalentPolicies does not list")
        if applied not in ("encrypt", "decrypt", "both"):
            self.warn(f"{name}: an equivalent applies {applied!r}, which is not known; it is passed over")
            return "", False, False
        return policy, applied != "decrypt", applied != "encrypt"

    # Markings and extensions

    def marking(self, element: Element) -> Marking:
        phrases = []
        for e in children(element, "markingData"):
            codes = frozenset(xmltext.text(c).casefold() for c in children(e, "code"))
            for strange in sorted(codes - _CODES):
                self.warn(f"marking code {strange!r} is not known")
            said = next((e.get(a) for a in ("phrase", "simplePhrase") if e.get(a) is not None), None)
            phrases.append(Phrase(_lang(e), said, codes & _CODES))
        qualifiers = [
            Qualifier(_lang(q) or _lang(e), attribute(q, "qualifierCode").casefold(), q.get("markingQualifier", ""))
            for e in children(element, "markingQualifier")
            for q in children(e, "qualifier")
        ]
        return Marking(tuple(phrases), tuple(qualifiers))

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
            name = self.known_class(attribute(element, "classification"), "extensions")
            if local(element) == "unlimited":
                unlimited |= name
            elif local(element) == "alias":
                if fold(attribute(element, "name")) in self.class_names:
                    raise refused("duplicate-name", f"alias {attribute(element, 'name')} is a classification's name")
                aliases.append((attribute(element, "name"), next(iter(name))))
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


_KINDS = {
    "restrictive": TagKind.RESTRICTIVE,
    "permissive": TagKind.PERMISSIVE,
    "enumerated restrictive": TagKind.ENUMERATED_RESTRICTIVE,
    "enumerated permissive": TagKind.ENUMERATED_PERMISSIVE,
    "informative": TagKind.INFORMATIVE,
    "tagtype7": TagKind.INFORMATIVE,
}
_OPERATIONS = {o.value.casefold(): o for o in Operation if o is not Operation.UNKNOWN}


def _true(stated: str) -> bool:
    return stated.casefold() in ("true", "1")


def _lang(element: Element) -> str:
    return str(element.get(_LANG, element.get("lang", ""))).casefold()


def _distinct(things: tuple[_N, ...], what: str) -> None:
    seen: set[str] = set()
    for thing in things:
        if fold(thing.name) in seen:
            raise refused("duplicate-name", f"two {what}s are named {thing.name}")
        seen.add(fold(thing.name))
