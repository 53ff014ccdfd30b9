"""What a security policy file says about release: tag types, classification lists, requirements and exclusions,
equivalents in other policies.

What cannot be read never lets anything pass: an unknown tag type denies, an unknown operation is never met, an unknown
rule makes its value unusable, a reference that points nowhere refuses the file, an equivalent that is not understood is
no equivalent.

Source: Open XML SPIF 2.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from foedus.kernel import xmltext
from foedus.kernel.policymodel import (
    Classification,
    EquivalentClassification,
    EquivalentPolicy,
    EquivalentValue,
    Operation,
    Reference,
    Requirement,
    TagKind,
    TagSet,
    fold,
    same_number,
)
from foedus.kernel.xmltext import Element, attribute, children, local, refused

_PRESENTATION = {
    "markingdata", "markingqualifier", "extensions", "userinput", "description", "comment", "annotation", "example",
    "markingcode", "portionmarking", "privacymarks", "updateinfo", "shortphrase", "simplephrase", "inputphrase",
}  # fmt: skip
_KINDS = {
    "restrictive": TagKind.RESTRICTIVE,
    "permissive": TagKind.PERMISSIVE,
    "enumerated restrictive": TagKind.ENUMERATED_RESTRICTIVE,
    "enumerated permissive": TagKind.ENUMERATED_PERMISSIVE,
    "informative": TagKind.INFORMATIVE,
    "tagtype7": TagKind.INFORMATIVE,
}
_OPERATIONS = {o.value.casefold(): o for o in Operation if o is not Operation.UNKNOWN}


class RuleReader:
    """Reads the rules of one document. `warn` takes what could not be read.

    `class_names`: the document's classifications by folded name.
    """

    def __init__(self, root: Element, warn: Callable[[str], None]) -> None:
        self._root = root
        self.warn = warn
        self.class_names = {
            fold(attribute(e, "name")): attribute(e, "name")
            for group in children(root, "securityClassifications")
            for e in children(group, "securityClassification")
        }
        self._foreign = {
            fold(attribute(e, "name")): attribute(e, "id")
            for group in children(root, "equivalentPolicies")
            for e in children(group, "equivalentPolicy")
        }

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
        """Why no label may use what the element states: it holds a rule that is not known; "" where it holds none."""
        for child in children(element):
            tag = local(child).casefold()
            ours = xmltext.namespace(child) == xmltext.namespace(self._root)
            if ours and tag not in known and tag not in _PRESENTATION:
                self.warn(f"{name}: <{local(child)}> is not known; labels that use {name} are refused")
                return f"the policy states a rule <{local(child)}> that is not known"
        return ""

    def class_list(self, element: Element, child: str, name: str) -> frozenset[str]:
        """The classifications that child elements of this name list."""
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
        """A selection limit, 0 where there is none."""
        stated = attribute(element, name)
        if not stated or stated.casefold() == "unbounded":
            return 0
        if not re.fullmatch(r"[0-9]{1,6}", stated):
            raise refused("selection", f"{attribute(element, 'name')}: {name} {stated!r} is not a number")
        return int(stated)

    # Requirements and exclusions

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

    def equivalent_policies(self) -> tuple[EquivalentPolicy, ...]:
        """The policies that labels may be mapped to; a rule that is not known is a requirement that is never met."""
        found = []
        for group in children(self._root, "equivalentPolicies"):
            for e in children(group, "equivalentPolicy"):
                requirements = self.requirements(e)
                if self.unknown_rules(e, {"requiredcategory"}, f"equivalent policy {attribute(e, 'name')}"):
                    requirements += (Requirement(Operation.UNKNOWN, ()),)
                found.append(EquivalentPolicy(attribute(e, "name"), attribute(e, "id"), requirements))
        return tuple(found)

    def equivalent_class(self, element: Element, name: str) -> EquivalentClassification | None:
        policy, outward, inward = self.applies(element, name)
        lacv = same_number(attribute(element, "lacv"))
        if not policy or not lacv or self.unknown_rules(element, {"requiredcategory"}, f"equivalent of {name}"):
            return None
        return EquivalentClassification(policy, lacv, outward, inward, self.requirements(element))

    def equivalent_value(self, element: Element, name: str) -> EquivalentValue | None:
        policy, outward, inward = self.applies(element, name)
        action = attribute(element, "action").casefold()
        if action not in ("", "discard"):
            self.warn(f"{name}: action {action!r} of an equivalent is not known; it is passed over")
            return None
        if not policy or self.unknown_rules(element, set(), f"equivalent of {name}"):
            return None
        lacv = same_number(attribute(element, "lacv"))
        kind = TagKind.UNKNOWN if action else self.kind(element, f"equivalent of {name}")
        tag_set = attribute(element, "tagSetId").removeprefix("urn:oid:")
        if not action and not (lacv and tag_set):
            self.warn(f"{name}: an equivalent names no tag set or no number; it is passed over")
            return None
        return EquivalentValue(policy, tag_set, kind, lacv, outward, inward, bool(action))

    def applies(self, element: Element, name: str) -> tuple[str, bool, bool]:
        reference = attribute(element, "policyRef")
        policy = self._foreign.get(fold(reference), "").removeprefix("urn:oid:")
        applied = attribute(element, "applied").casefold()
        if not policy:
            self.warn(f"{name}: equivalent in policy {reference!r}, which equivalentPolicies does not list")
        if applied not in ("encrypt", "decrypt", "both"):
            self.warn(f"{name}: an equivalent applies {applied!r}, which is not known; it is passed over")
            return "", False, False
        return policy, applied != "decrypt", applied != "encrypt"
