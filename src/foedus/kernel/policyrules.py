"""The validity rules of a security policy: which values, classifications and numbers of values a label may hold.

A label is brought into the policy's terms once (`PolicyRules.label`), with a fault for every rule that it breaks:

    unknown names · excluded and required classifications · required and excluded categories · selection limits ·
    what the policy file says and we cannot read

Source: X.841 and the Open XML SPIF 2.1 schema (requiredCategory, excludedCategory, excludedClass, requiredClass,
minSelection, maxSelection, singleSelection).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from foedus.kernel.errors import Fault
from foedus.kernel.label import Category, TagType
from foedus.kernel.policyindex import PolicyIndex, Slot
from foedus.kernel.policymodel import Classification, Operation, Requirement, fold

_HOW_MANY = {Operation.ONLY_ONE: "exactly one", Operation.ONE_OR_MORE: "one or more", Operation.ALL: "all"}


@dataclass(frozen=True, slots=True)
class Need:
    """A requirement with its references as sets of values' orders."""

    operation: Operation
    choices: tuple[frozenset[int], ...]

    def met(self, held: frozenset[int]) -> bool:
        """Whether values (by order) meet it. An unknown operation and an empty list never are."""
        operation = self.operation
        if operation is Operation.ALL:
            for choice in self.choices:
                if choice.isdisjoint(held):
                    return False
            return bool(self.choices)
        if operation is Operation.ONE_OR_MORE:
            return any(not choice.isdisjoint(held) for choice in self.choices)
        return operation is Operation.ONLY_ONE and sum([len(choice & held) for choice in self.choices]) == 1


class CompiledCategory(NamedTuple):
    """A category in the policy's terms: what deciding and validating need, computed once per distinct category."""

    category: Category  # canonical names
    slots: tuple[Slot, ...]
    groups: tuple[tuple[TagType, int, frozenset[str]], ...]  # (type, tag key, values), informative tags left out
    faults: tuple[Fault, ...]  # unknown names and types
    excluded: frozenset[str]  # classifications that no label with it may have
    orders: frozenset[int]
    needs: tuple[Need, ...]  # what its values require, each once
    bars: tuple[tuple[int, frozenset[int]], ...]  # (value, values that it excludes)
    careful: bool  # it has rules beyond needs and bars
    obsolete: tuple[Slot, ...]


class CompiledLabel(NamedTuple):
    classification: Classification | None
    categories: tuple[CompiledCategory, ...]
    faults: tuple[Fault, ...]  # every rule that a label already in use must keep


class PolicyRules:
    """The rules of one policy, with its requirements and exclusions as sets of values."""

    def __init__(self, policy: str, classifications: tuple[Classification, ...], index: PolicyIndex) -> None:
        self._policy = policy
        self._classifications = classifications
        self._index = index
        self._level_needs = {c.name: tuple(self.need(r) for r in c.requirements) for c in classifications}
        known: dict[Need, Need] = {}  # one object for equal needs: they are then compared by identity
        needs = [tuple(self.need(r) for r in s.value.requirements) for s in index.slots]
        self._slot_needs = tuple(tuple(known.setdefault(n, n) for n in each) for each in needs)
        self._slot_bars = tuple(
            frozenset(o.order for r in s.value.exclusions for o in index.matching(r)) for s in index.slots
        )
        self._least = any(s.tag.least for s in index.slots)

    def need(self, requirement: Requirement) -> Need:
        """A requirement in the policy's terms."""
        matching = self._index.matching
        return Need(
            requirement.operation, tuple(frozenset(s.order for s in matching(r)) for r in requirement.references)
        )

    def label(
        self, stated: str, level: Classification | None, categories: tuple[CompiledCategory, ...]
    ) -> CompiledLabel:
        """A label of these categories, with its faults; `level` is the classification that `stated` names, if any."""
        faults: list[Fault] = []
        if level is None:
            faults.append(self.unknown_classification(stated))
        elif level.unusable:
            faults.append(Fault("unknown-rule", f"{level.name}: {level.unusable}", path="classification"))
        for category in categories:
            faults += category.faults
        if level is not None:
            for category in categories:
                if level.name in category.excluded:
                    faults += _excluded_classes(category, level.name)
            if not self._keeps(level, categories):
                faults += self._broken(level, categories)
        return CompiledLabel(level, categories, tuple(faults))

    def category(self, category: Category) -> CompiledCategory:
        """A category in the policy's terms; names that the policy does not know are its faults."""
        faults: list[Fault] = []
        slots: dict[int, Slot] = {}
        tag_set = self._index.tag_set(category.tag_set)
        if tag_set is None:
            message = f"{self._policy} has no tag set {category.tag_set!r}"
            faults.append(Fault("unknown-tag-set", message, path="category"))
        named = self._index.values(tag_set, category.type) if tag_set else {}
        excluded: frozenset[str] = frozenset()
        groups: dict[int, set[str]] = {}
        needs: dict[int, Need] = {}  # by identity: equal needs are one object
        careful = False
        for name in category.values:
            slot = named.get(name) or named.get(fold(name))
            if slot is None:
                if tag_set is not None:
                    message = f"{tag_set.name} has no {category.type.lower()} value {name!r}"
                    faults.append(Fault("unknown-category", message, path=tag_set.name))
                continue
            slots[slot.order] = slot
            value = slot.value
            if value.excluded_classes:
                excluded |= value.excluded_classes
            for need in self._slot_needs[slot.order]:
                needs[id(need)] = need
            if value.unusable or value.required_classes or slot.tag.most:
                careful = True
            groups.setdefault(slot.key, set()).add(value.name)
        if category.type is TagType.UNKNOWN:
            message = f"{category.tag_set}: a tag of a type that is not known"
            faults.append(Fault("unknown-tag-type", message, path=category.tag_set))
        faults.sort(key=lambda f: f.message)  # a set of values has no order; a report has one
        found = tuple([slots[order] for order in sorted(slots)])
        names = frozenset([s.value.name for s in found])
        return CompiledCategory(
            Category(tag_set.name if tag_set else category.tag_set, category.type, names),
            found,
            ()
            if category.type is TagType.INFORMATIVE
            else tuple([(category.type, key, frozenset(values)) for key, values in groups.items()]),
            tuple(faults),
            excluded,
            frozenset(slots),
            tuple(needs.values()),
            tuple([(s.order, self._slot_bars[s.order]) for s in found if s.value.exclusions]),
            careful,
            tuple([s for s in found if s.value.obsolete]),
        )

    def unknown_classification(self, stated: str) -> Fault:
        known = ", ".join(c.name for c in self._classifications)
        return Fault(
            "unknown-classification",
            f"{self._policy} has no classification {stated!r}; it has {known}",
            path="classification",
        )

    def _keeps(self, level: Classification, categories: tuple[CompiledCategory, ...]) -> bool:
        """Whether no rule between values is broken: the quick answer; `_broken` says which one is."""
        if self._least or any(c.careful for c in categories):
            return False
        held = frozenset().union(*(c.orders for c in categories))
        for need in self._level_needs[level.name]:
            if not need.met(held):
                return False
        for category in categories:
            for need in category.needs:
                if not need.met(held):
                    return False
            for order, barred in category.bars:
                if not barred.isdisjoint(held - {order}):
                    return False
        return True

    def _broken(self, level: Classification, categories: tuple[CompiledCategory, ...]) -> list[Fault]:
        slots = {s.order: s for c in categories for s in c.slots}
        held = frozenset(slots)
        faults = self._unmet(level.name, level.requirements, held)
        for slot in slots.values():
            value = slot.value
            where = slot.tag_set.name
            if value.unusable:
                faults.append(Fault("unknown-rule", f"{slot}: {value.unusable}", path=where))
            if value.required_classes and level.name not in value.required_classes:
                wanted = " or ".join(sorted(value.required_classes))
                faults.append(Fault("required-class", f"{slot} needs classification {wanted}", path=where))
            faults += self._unmet(str(slot), value.requirements, held)
            for reference in value.exclusions:
                for other in self._index.matching(reference):
                    if other.order in held and other.order != slot.order:
                        message = f"{slot} must not stand with {other}"
                        faults.append(Fault("excluded-category", message, path=where))
        return faults + list(_selection(slots))

    def _unmet(self, owner: str, requirements: tuple[Requirement, ...], held: frozenset[int]) -> list[Fault]:
        return [self._missing(owner, r) for r in requirements if not self.need(r).met(held)]

    def _missing(self, owner: str, requirement: Requirement) -> Fault:
        names = [str(s) for r in requirement.references for s in self._index.matching(r)]
        shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
        how = _HOW_MANY.get(requirement.operation, "an unknown")
        return Fault(
            "required-category", f"{owner} needs {how} of: {shown or 'a category that is not there'}", path=owner
        )


def _selection(held: dict[int, Slot]) -> Iterator[Fault]:
    """Limits on how many values of one tag a label holds; they count over all of its categories."""
    counts: dict[int, list[Slot]] = {}
    for slot in held.values():
        counts.setdefault(slot.key, []).append(slot)
    for slots in counts.values():
        tag = slots[0].tag
        if tag.most and len(slots) > tag.most:
            message = f"{tag.name} takes at most {tag.most} of its values, not {len(slots)}"
            yield Fault("selection-limit", message, path=slots[0].tag_set.name)
        if len(slots) < tag.least:
            message = f"{tag.name} takes at least {tag.least} of its values, not {len(slots)}"
            yield Fault("selection-limit", message, path=slots[0].tag_set.name)


def _excluded_classes(category: CompiledCategory, level: str) -> list[Fault]:
    return [
        Fault("excluded-class", f"{s} must not stand with classification {level}", path=s.tag_set.name)
        for s in category.slots
        if level in s.value.excluded_classes
    ]
