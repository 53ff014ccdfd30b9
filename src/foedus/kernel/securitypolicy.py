"""A security policy: names brought to the policy's spelling, and labels checked against its rules.

Example:
    policy = read_policy(data)
    label = policy.resolve(Label("nato", "secret"))      # names as the policy spells them
    faults = policy.faults(label, new=True)              # every rule that the label breaks

A label's categories are looked up by (tag set, type, name). One `Category` may hold values of several security category
tags of its tag set; each tag decides on its own (X.841: the tag is the unit of the access decision).

What it says stands in `policymodel.py`, where names are found in `policyindex.py`, its rules in `policyrules.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

from foedus.kernel.errors import Fault, PolicyRefused
from foedus.kernel.label import Category, Clearance, Label, TagType, merged
from foedus.kernel.policyindex import PolicyIndex, Slot
from foedus.kernel.policymodel import Classification, EquivalentPolicy, Marking, Reference, Requirement, TagSet, fold
from foedus.kernel.policyrules import CompiledCategory, CompiledLabel, PolicyRules

_REMEMBERED = 65_536  # labels and categories kept in the policy's terms, so that memory stays bounded
_UNKNOWN = frozenset({"unknown-tag-set", "unknown-category"})
_NO_XML = re.compile(r"[\x00-\x1f\ud800-\udfff\ufffe\uffff]")  # XML 1.0 section 2.2, white space aside


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
        return self._index.classification(name)

    def classification_numbered(self, lacv: str) -> Classification | None:
        found = [c for c in self.classifications if c.lacv == lacv]
        return found[0] if len(found) == 1 else None

    def tag_set(self, name: str) -> TagSet | None:
        """The tag set of this name or OID."""
        return self._index.tag_set(name)

    def slot(self, tag_set: str, type: TagType, value: str) -> Slot | None:
        """Where this value of this tag set stands."""
        found = self.tag_set(tag_set)
        values = self._index.values(found, type) if found else {}
        return values.get(value) or values.get(fold(value))

    def slots(self) -> tuple[Slot, ...]:
        """Every category value, in the policy's order."""
        return self._index.slots

    def matching(self, reference: Reference) -> tuple[Slot, ...]:
        """The values that a reference means."""
        return self._index.matching(reference)

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

        A successor is resolved where it is under this policy and left alone otherwise. The privacy mark is brought into
        the form that every document can carry: white space collapsed, U+FFFD for what is no character of XML.
        """
        faults = [] if self.has(label) else [self._other_policy(label)]
        level = self.classification(label.classification)
        if level is None:
            faults.append(self._rules.unknown_classification(label.classification))
        categories = self._resolved(label.categories, faults)
        if faults or level is None:
            raise PolicyRefused(faults)
        succession = label.succession
        if succession is not None and self.has(succession.label):
            succession = replace(succession, label=self.resolve(succession.label))
        return Label(self.name, level.name, categories, _plain(label.privacy_mark), succession, self.id)

    def resolve_clearance(self, clearance: Clearance) -> Clearance:
        """The clearance under the policy's own names. Raises PolicyRefused naming every unknown name."""
        stated = Label(clearance.policy, "", policy_id=clearance.policy_id)
        faults = [] if self.has(stated) else [self._other_policy(stated)]
        levels = {name: self.classification(name) for name in sorted(clearance.classifications)}
        faults += [self._rules.unknown_classification(name) for name, level in levels.items() if level is None]
        categories = self._resolved(clearance.categories, faults)
        if faults:
            raise PolicyRefused(faults)
        names = frozenset(level.name for level in levels.values() if level is not None)
        return Clearance(self.name, names, categories, self.id)

    def _resolved(self, categories: Iterable[Category], faults: list[Fault]) -> tuple[Category, ...]:
        """The categories under the policy's own names; unknown names are added to the faults."""
        compiled = [self.compiled(c) for c in categories]
        faults += [f for c in compiled for f in c.faults if f.code in _UNKNOWN]
        return merged(c.category for c in compiled)

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
            faults.append(Fault("obsolete", f"{slot} is obsolete", path=slot.tag_set.name))
        return faults

    def satisfied(self, requirement: Requirement, held: Iterable[int]) -> bool:
        """Whether values (by order) meet a requirement."""
        return self._rules.need(requirement).met(frozenset(held))

    def compile(self, label: Label) -> CompiledLabel:
        """The label in the policy's terms, with every fault that an existing label can have; once a distinct label."""
        return self._label(label.classification, label.categories)

    @cached_property
    def compiled(self) -> Callable[[Category], CompiledCategory]:
        """A category in the policy's terms: computed once per distinct category; the memory is bounded."""
        return lru_cache(_REMEMBERED)(self._rules.category)

    @cached_property
    def memo(self) -> dict[str, Any]:
        """Tables that other modules derive from this policy, by a name of their own."""
        return {}

    def _other_policy(self, label: Label) -> Fault:
        stated = " ".join(filter(None, (label.policy, label.policy_id)))
        return Fault("unknown-policy", f"the label is under {stated or 'no policy'}, not {self.name} {self.id}")

    # Computed once

    @cached_property
    def _index(self) -> PolicyIndex:
        return PolicyIndex(self.classifications, self.aliases, self.tag_sets)

    @cached_property
    def _rules(self) -> PolicyRules:
        return PolicyRules(self.name, self.classifications, self._index)

    @cached_property
    def _label(self) -> Callable[[str, tuple[Category, ...]], CompiledLabel]:
        return lru_cache(_REMEMBERED)(self._compile)

    def _compile(self, stated: str, categories: tuple[Category, ...]) -> CompiledLabel:
        return self._rules.label(stated, self.classification(stated), tuple(self.compiled(c) for c in categories))


def _plain(text: str) -> str:
    return _NO_XML.sub("\ufffd", " ".join(text.split()))
