"""A security policy with its rules: names brought to the policy's spelling, and every validity rule checked.

Example:
    policy = read_policy(data)
    label = policy.resolve(Label("nato", "secret"))      # names as the policy spells them
    faults = policy.faults(label, new=True)              # every rule that the label breaks

A label's categories are looked up by (tag set, type, name). One `Category` may hold values of several security category
tags of its tag set; each tag decides on its own (X.841: the tag is the unit of the access decision).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from foedus.kernel.errors import Fault, PolicyRefused
from foedus.kernel.label import Category, Clearance, Label, TagType
from foedus.kernel.policymodel import (
    Classification,
    EquivalentPolicy,
    Marking,
    Operation,
    Reference,
    Requirement,
    Tag,
    TagKind,
    TagSet,
    Value,
    fold,
)

_REMEMBERED = 65_536  # compiled categories kept per policy, so that memory stays bounded


@dataclass(frozen=True, slots=True)
class Slot:
    """One category value at its place in the policy. `key` numbers its tag, `order` the value, over the whole file."""

    tag_set: TagSet
    tag: Tag
    value: Value
    key: int
    order: int


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
    faults: tuple[Fault, ...]  # unknown names and selection limits
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


@dataclass(frozen=True)
class Policy:
    """One security policy. Times are microseconds since 1970, UTC. Equal where the files said the same."""

    name: str
    id: str  # OID
    classifications: tuple[Classification, ...]
    tag_sets: tuple[TagSet, ...] = ()
    equivalent_policies: tuple[EquivalentPolicy, ...] = ()
    marking: Marking = field(default_factory=Marking)
    unlimited: frozenset[str] = frozenset()  # held by subjects without a clearance under this policy
    aliases: tuple[tuple[str, str], ...] = ()  # (other name, classification)
    members: frozenset[str] = frozenset()  # values whose nationals hold the policy's own context
    not_before: int = -(2**63)
    not_after: int = 2**63
    version: str = ""
    warnings: tuple[str, ...] = ()

    # Looking up, without regard to case

    def classification(self, name: str) -> Classification | None:
        """The classification of this name or alias."""
        return self._classes.get(name) or self._classes.get(fold(name))

    def classification_numbered(self, lacv: str) -> Classification | None:
        found = [c for c in self.classifications if c.lacv == lacv]
        return found[0] if len(found) == 1 else None

    def tag_set(self, name: str) -> TagSet | None:
        """The tag set of this name or OID."""
        return self._tag_sets.get(name) or self._tag_sets.get(fold(name.removeprefix("urn:oid:")))

    def slot(self, tag_set: str, type: TagType, value: str) -> Slot | None:
        """Where this value of this tag set stands."""
        found = self.tag_set(tag_set)
        values = self._values.get((found.name, type)) if found else None
        return (values.get(value) or values.get(fold(value))) if values else None

    def slots(self) -> tuple[Slot, ...]:
        """Every category value, in the policy's order."""
        return self._slots

    def matching(self, reference: Reference) -> tuple[Slot, ...]:
        """The values that a reference means."""
        found = self._matching.get(reference)
        if found is None:
            found = self._matching[reference] = self._match(reference)
        return found

    def _match(self, reference: Reference) -> tuple[Slot, ...]:
        wanted = fold(reference.tag_set)
        return tuple(
            s
            for s in self._slots
            if s.tag.kind is reference.kind
            and fold(s.tag_set.name) == wanted
            and reference.lacv in ("", s.value.lacv)
            and s.tag.kind is not TagKind.UNKNOWN
        )

    def slots_of(self, label: Label) -> tuple[Slot, ...]:
        """The label's values at their places, in the policy's order; unknown ones are left out."""
        found = [s for c in label.categories for s in self.compiled(c).slots]
        return tuple(sorted(found, key=lambda s: s.order))

    def has(self, label: Label) -> bool:
        """Whether the label says that it is under this policy: OID and name agree where both are given."""
        oid = label.policy_id.removeprefix("urn:oid:")
        return (not oid or oid == self.id) and (not label.policy or fold(label.policy) == fold(self.name))

    # Resolving and validating

    def resolve(self, label: Label) -> Label:
        """The label under the policy's own names. Raises PolicyRefused naming every unknown name.

        A successor is resolved where it is under this policy and left alone otherwise.
        """
        faults = [] if self.has(label) else [self._other_policy(label)]
        level = self.classification(label.classification)
        if level is None:
            faults.append(self._unknown_class(label.classification))
        compiled = [self.compiled(c) for c in label.categories]
        faults += [f for c in compiled for f in c.faults if f.code in _UNKNOWN]
        if faults or level is None:
            raise PolicyRefused(faults)
        succession = label.succession
        if succession is not None and self.has(succession.label):
            succession = replace(succession, label=self.resolve(succession.label))
        return Label(
            self.name, level.name, merged(c.category for c in compiled), label.privacy_mark, succession, self.id
        )

    def resolve_clearance(self, clearance: Clearance) -> Clearance:
        """The clearance under the policy's own names. Raises PolicyRefused naming every unknown name."""
        faults: list[Fault] = []
        names: set[str] = set()
        if not self.has(Label(clearance.policy, "", policy_id=clearance.policy_id)):
            faults.append(self._other_policy(Label(clearance.policy, "", policy_id=clearance.policy_id)))
        for name in sorted(clearance.classifications):
            level = self.classification(name)
            if level is None:
                faults.append(self._unknown_class(name))
            else:
                names.add(level.name)
        compiled = [self.compiled(c) for c in clearance.categories]
        faults += [f for c in compiled for f in c.faults if f.code in _UNKNOWN]
        if faults:
            raise PolicyRefused(faults)
        return Clearance(self.name, frozenset(names), merged(c.category for c in compiled), self.id)

    def faults(self, label: Label, *, new: bool) -> list[Fault]:
        """Every rule that the label breaks. Obsolete values are refused in a `new` label only."""
        faults = [] if self.has(label) else [self._other_policy(label)]
        compiled = self.compile(label)
        faults += compiled.faults
        if not new:
            return faults
        if (level := compiled.classification) is not None and level.obsolete:
            faults.append(Fault("obsolete", f"classification {level.name} is obsolete", path="classification"))
        for slot in (s for c in compiled.categories for s in c.obsolete):
            faults.append(Fault("obsolete", f"{_said(slot)} is obsolete", path=slot.tag_set.name))
        return faults

    def compile(self, label: Label) -> CompiledLabel:
        """The label in the policy's terms, with every fault that an existing label can have; once a distinct label."""
        key = (label.classification, label.categories)
        found = self._labels.get(key)
        if found is None:
            if len(self._labels) >= _REMEMBERED:
                self._labels.clear()
            found = self._labels[key] = self._compile_label(label)
        return found

    def _compile_label(self, label: Label) -> CompiledLabel:
        level = self.classification(label.classification)
        categories = tuple(self.compiled(c) for c in label.categories)
        faults: list[Fault] = []
        if level is None:
            faults.append(self._unknown_class(label.classification))
        elif level.unusable:
            faults.append(Fault("unknown-rule", f"{level.name}: {level.unusable}", path="classification"))
        for category in categories:
            faults += category.faults
        if level is not None:
            for category in categories:
                if level.name in category.excluded:
                    faults += _excluded_classes(category, level.name)
            if not self._keeps(level, categories):
                faults += self._rules(level, categories)
        return CompiledLabel(level, categories, tuple(faults))

    def compiled(self, category: Category) -> CompiledCategory:
        """Computed once per distinct category; the memory is bounded."""
        found = self._compiled.get(category)
        if found is None:
            if len(self._compiled) >= _REMEMBERED:
                self._compiled.clear()
            found = self._compiled[category] = self._compile(category)
        return found

    def _keeps(self, level: Classification, categories: tuple[CompiledCategory, ...]) -> bool:
        """Whether no rule between values is broken: the quick answer; `_rules` says which one is."""
        if any(c.careful for c in categories) or self._least:
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

    def _rules(self, level: Classification, categories: tuple[CompiledCategory, ...]) -> list[Fault]:
        faults: list[Fault] = []
        slots = {s.order: s for c in categories for s in c.slots}
        held = frozenset(slots)
        for requirement in level.requirements:
            if not self._need(requirement).met(held):
                faults.append(self._missing(level.name, requirement))
        for slot in slots.values():
            value = slot.value
            where = slot.tag_set.name
            if value.unusable:
                faults.append(Fault("unknown-rule", f"{_said(slot)}: {value.unusable}", path=where))
            if value.required_classes and level.name not in value.required_classes:
                wanted = " or ".join(sorted(value.required_classes))
                faults.append(Fault("required-class", f"{_said(slot)} needs classification {wanted}", path=where))
            for requirement in value.requirements:
                if not self._need(requirement).met(held):
                    faults.append(self._missing(_said(slot), requirement))
            for reference in value.exclusions:
                for other in self.matching(reference):
                    if other.order in held and other.order != slot.order:
                        message = f"{_said(slot)} must not stand with {_said(other)}"
                        faults.append(Fault("excluded-category", message, path=where))
        return faults + list(self._selection(slots))

    def satisfied(self, requirement: Requirement, held: Iterable[int]) -> bool:
        """Whether values (by order) meet a requirement."""
        return self._need(requirement).met(frozenset(held))

    def _need(self, requirement: Requirement) -> Need:
        return Need(
            requirement.operation, tuple(frozenset(s.order for s in self.matching(r)) for r in requirement.references)
        )

    def _selection(self, held: dict[int, Slot]) -> Iterator[Fault]:
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

    def _compile(self, category: Category) -> CompiledCategory:
        faults: list[Fault] = []
        slots: dict[int, Slot] = {}
        tag_set = self.tag_set(category.tag_set)
        if tag_set is None:
            faults.append(Fault("unknown-tag-set", f"{self.name} has no tag set {category.tag_set!r}", path="category"))
        named = self._values.get((tag_set.name, category.type), {}) if tag_set else {}
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
            faults += [
                Fault("unknown-tag-type", f"{_said(s)}: its tag has a type that is not known", path=s.tag_set.name)
                for s in slots.values()
            ]
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

    def _other_policy(self, label: Label) -> Fault:
        stated = " ".join(filter(None, (label.policy, label.policy_id)))
        return Fault("unknown-policy", f"the label is under {stated or 'no policy'}, not {self.name} {self.id}")

    def _unknown_class(self, name: str) -> Fault:
        known = ", ".join(c.name for c in self.classifications)
        return Fault(
            "unknown-classification",
            f"{self.name} has no classification {name!r}; it has {known}",
            path="classification",
        )

    def _missing(self, owner: str, requirement: Requirement) -> Fault:
        names = [_said(s) for r in requirement.references for s in self.matching(r)]
        shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
        how = {"onlyOne": "exactly one", "oneOrMore": "one or more", "all": "all"}.get(
            requirement.operation, "an unknown"
        )
        return Fault(
            "required-category", f"{owner} needs {how} of: {shown or 'a category that is not there'}", path=owner
        )

    @cached_property
    def memo(self) -> dict[str, Any]:
        """Tables that other modules derive from this policy, by a name of their own."""
        return {}

    # Indexes, computed once

    @cached_property
    def _slots(self) -> tuple[Slot, ...]:
        slots: list[Slot] = []
        key = 0
        for tag_set in self.tag_sets:
            for tag in tag_set.tags:
                for value in tag.values:
                    slots.append(Slot(tag_set, tag, value, key, len(slots)))
                key += 1
        return tuple(slots)

    @cached_property
    def _classes(self) -> dict[str, Classification]:
        found = {fold(c.name): c for c in self.classifications}
        for alias, name in self.aliases:
            found.setdefault(fold(alias), found[fold(name)])
        # Exact spellings too: the usual case then costs no folding.
        return {**{c.name: c for c in self.classifications}, **found}

    @cached_property
    def _values(self) -> dict[tuple[str, TagType], dict[str, Slot]]:
        found: dict[tuple[str, TagType], dict[str, Slot]] = {}
        for slot in self._slots:
            named = found.setdefault((slot.tag_set.name, slot.tag.kind.type), {})
            named[slot.value.name] = named[fold(slot.value.name)] = slot
        return found

    @cached_property
    def _tag_sets(self) -> dict[str, TagSet]:
        found = {s.id: s for s in self.tag_sets if s.id}
        found.update((name, s) for s in self.tag_sets for name in (fold(s.name), s.name))
        return found

    @cached_property
    def _level_needs(self) -> dict[str, tuple[Need, ...]]:
        return {c.name: tuple(self._need(r) for r in c.requirements) for c in self.classifications}

    @cached_property
    def _slot_needs(self) -> tuple[tuple[Need, ...], ...]:
        known: dict[Need, Need] = {}  # one object for equal needs: they are then compared by identity
        needs = [tuple(self._need(r) for r in s.value.requirements) for s in self._slots]
        return tuple(tuple(known.setdefault(n, n) for n in each) for each in needs)

    @cached_property
    def _slot_bars(self) -> tuple[frozenset[int], ...]:
        return tuple(frozenset(o.order for r in s.value.exclusions for o in self.matching(r)) for s in self._slots)

    @cached_property
    def _least(self) -> bool:
        return any(t.least for s in self.tag_sets for t in s.tags)

    @cached_property
    def _matching(self) -> dict[Reference, tuple[Slot, ...]]:
        return {}

    @cached_property
    def _compiled(self) -> dict[Category, CompiledCategory]:
        return {}

    @cached_property
    def _labels(self) -> dict[tuple[str, tuple[Category, ...]], CompiledLabel]:
        return {}


_UNKNOWN = frozenset({"unknown-tag-set", "unknown-category"})


def merged(categories: Iterable[Category]) -> tuple[Category, ...]:
    """Sorted by (tag set, type), one per pair, none empty: the form that a Label promises."""
    found: dict[tuple[str, TagType], frozenset[str]] = {}
    for c in categories:
        found[c.tag_set, c.type] = found.get((c.tag_set, c.type), frozenset()) | c.values
    return tuple(Category(*key, values) for key, values in sorted(found.items()) if values)


def categories_of(slots: Iterable[Slot]) -> tuple[Category, ...]:
    """The categories that hold these values."""
    return merged(Category(s.tag_set.name, s.tag.kind.type, frozenset({s.value.name})) for s in slots)


def _said(slot: Slot) -> str:
    return f"{slot.tag_set.name} {slot.value.name}"


def _excluded_classes(category: CompiledCategory, level: str) -> list[Fault]:
    return [
        Fault("excluded-class", f"{_said(s)} must not stand with classification {level}", path=s.tag_set.name)
        for s in category.slots
        if level in s.value.excluded_classes
    ]
