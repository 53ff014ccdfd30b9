"""Where each name of a security policy stands: classifications, tag sets and category values, found by any spelling.

One `PolicyIndex` is computed once per policy; `securitypolicy.Policy` asks it. Names are compared as `policymodel.fold`
says, tag sets by their object identifier too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from foedus.kernel.label import Category, TagType, merged
from foedus.kernel.policymodel import Classification, Reference, Tag, TagKind, TagSet, Value, fold


@dataclass(frozen=True, slots=True)
class Slot:
    """One category value at its place in the policy. `key` numbers its tag, `order` the value, over the whole file."""

    tag_set: TagSet
    tag: Tag
    value: Value
    key: int
    order: int

    def __str__(self) -> str:
        return f"{self.tag_set.name} {self.value.name}"


def categories_of(slots: Iterable[Slot]) -> tuple[Category, ...]:
    """The categories that hold these values."""
    return merged(Category(s.tag_set.name, s.tag.kind.type, frozenset({s.value.name})) for s in slots)


class PolicyIndex:
    """Look-ups over the parts of one policy. `slots` are all its category values, in the policy's order."""

    def __init__(
        self,
        classifications: tuple[Classification, ...],
        aliases: tuple[tuple[str, str], ...],
        tag_sets: tuple[TagSet, ...],
    ) -> None:
        self.slots = _slots(tag_sets)
        self._classes = _classes(classifications, aliases)
        self._tag_sets = {s.id: s for s in tag_sets if s.id}
        self._tag_sets.update((name, s) for s in tag_sets for name in (fold(s.name), s.name))
        self._values: dict[tuple[str, TagType], dict[str, Slot]] = {}
        for slot in self.slots:
            named = self._values.setdefault((slot.tag_set.name, slot.tag.kind.type), {})
            named[slot.value.name] = named[fold(slot.value.name)] = slot
        self._matching: dict[Reference, tuple[Slot, ...]] = {}

    def classification(self, name: str) -> Classification | None:
        """The classification of this name or alias."""
        return self._classes.get(name) or self._classes.get(fold(name))

    def tag_set(self, name: str) -> TagSet | None:
        """The tag set of this name or OID."""
        return self._tag_sets.get(name) or self._tag_sets.get(fold(name.removeprefix("urn:oid:")))

    def values(self, tag_set: TagSet, type: TagType) -> dict[str, Slot]:
        """The values of this type in a tag set, by their exact and by their folded names."""
        return self._values.get((tag_set.name, type), {})

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
            for s in self.slots
            if s.tag.kind is reference.kind
            and fold(s.tag_set.name) == wanted
            and reference.lacv in ("", s.value.lacv)
            and s.tag.kind is not TagKind.UNKNOWN
        )


def _slots(tag_sets: tuple[TagSet, ...]) -> tuple[Slot, ...]:
    slots: list[Slot] = []
    key = 0
    for tag_set in tag_sets:
        for tag in tag_set.tags:
            for value in tag.values:
                slots.append(Slot(tag_set, tag, value, key, len(slots)))
            key += 1
    return tuple(slots)


def _classes(
    classifications: tuple[Classification, ...], aliases: tuple[tuple[str, str], ...]
) -> dict[str, Classification]:
    found = {fold(c.name): c for c in classifications}
    for alias, name in aliases:
        found.setdefault(fold(alias), found[fold(name)])
    # Exact spellings too: the usual case then costs no folding.
    return {**{c.name: c for c in classifications}, **found}
