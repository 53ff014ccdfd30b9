"""Which label set each incoming object gets.

1. Its own confidentiality markings (object and granular ones: a part's marking covers the whole record), except those
   that limit nothing of their own, such as statements.
2. The label given with the import or form, in addition: every label of the set must permit.
3. Where there is neither: the default, the most restrictive label of the owner's policy or of the writer's clearance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from foedus.kernel.label import Label
from foedus.kernel.stixmarking import Meaning, Means, meaning
from foedus.node.registry import LabelRegistry


class Labelling:
    """Label sets for one import. `definitions` are the marking definitions among the input, by id."""

    def __init__(
        self,
        registry: LabelRegistry,
        given: Label | None,
        default: Label,
        definitions: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self._registry = registry
        self._definitions = definitions
        self.needed: dict[str, dict[str, Any]] = {}  # definitions of our own that entries will name
        self.named: set[str] = set()  # markings that the objects themselves name
        self._given = self._own(given) if given is not None else ""
        self._default = default
        self._cache: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._defaulted: set[tuple[str, ...]] = set()  # markings (of statements only) that led to the default

    def label_set(self, markings: tuple[str, ...]) -> tuple[str, ...]:
        """Marking ids, sorted; never empty."""
        found = self._cache.get(markings)
        if found is None:
            found = self._cache[markings] = self._label_set(markings)
        return found

    def unmarked(self, all_markings: Iterable[tuple[str, ...]]) -> int:
        """How many of these objects got the default, because nothing else said who may read them."""
        return sum(markings in self._defaulted for markings in all_markings) if self._defaulted else 0

    def sent(self, marking_id: str) -> bool:
        """Whether whoever imports knows this marking: its definition is part of the input, or its label was given."""
        return marking_id in self._definitions or marking_id in self.needed

    def _label_set(self, markings: tuple[str, ...]) -> tuple[str, ...]:
        senses = {one: self._sense(one) for one in markings}
        self.named.update(markings)
        ids = {one for one, sense in senses.items() if sense is None or sense.means is not Means.NO_RESTRICTION}
        if self._given:
            ids.add(self._given)
        elif None in senses.values() or all(s is not None and s.means is Means.NO_RESTRICTION for s in senses.values()):
            # A marking whose definition is still to come may turn out to limit nothing: the default holds besides it.
            if None not in senses.values():
                self._defaulted.add(markings)
            ids.add(self._own(self._default))
        return tuple(sorted(ids))

    def _sense(self, marking_id: str) -> Meaning | None:
        known = self._registry.meaning_of(marking_id)
        if marking_id not in self._definitions or self._registry.is_settled(marking_id):
            return known
        here = meaning(self._definitions[marking_id])
        # No definition widens another: where one of the two limits, the marking does.
        return known if known is not None and here.means is Means.NO_RESTRICTION else here

    def _own(self, label: Label) -> str:
        definition = self._registry.definition(label)
        self.needed[definition["id"]] = definition
        return str(definition["id"])
