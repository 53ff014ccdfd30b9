"""Reading a label of one policy as a label of another, by the equivalents that the policy files state.

Both files may state them: the label's own policy outward (applied encrypt or both), the other policy inward (decrypt
or both). Taken together there must be exactly one equivalent classification, and every category value must have
equivalents or be discarded; what the other policy requires is added. Anything else: no equivalent.

The result is for deciding only. It never replaces the originator's label.
"""

from __future__ import annotations

from collections.abc import Sequence

from foedus.kernel.label import Label
from foedus.kernel.policyindex import Slot, categories_of
from foedus.kernel.policymodel import EquivalentValue, Operation, Requirement, TagKind
from foedus.kernel.securitypolicy import Policy


def equivalent_label(label: Label, source: Policy, target: Policy) -> Label | None:
    """The label in `target`'s terms, or None. `label` is valid under `source`."""
    level = source.classification(label.classification)
    if level is None:
        return None
    outward = [e for e in level.equivalents if e.outward and e.policy == target.id]
    classes = {(found.name if (found := target.classification_numbered(e.lacv)) else "") for e in outward}
    requirements: list[Requirement] = [r for e in outward for r in e.requirements]
    for candidate in target.classifications:
        for e in candidate.equivalents:
            if e.inward and e.policy == source.id and e.lacv == level.lacv:
                classes.add(candidate.name)
                requirements += e.requirements
    if len(classes) != 1 or "" in classes:
        return None
    held: dict[int, Slot] = {}
    for slot in source.slots_of(label):
        slots = _equivalent_slots(slot, source, target)
        if slots is None:
            return None
        held.update((s.order, s) for s in slots)
    for entry in source.equivalent_policies:
        if entry.id.removeprefix("urn:oid:") == target.id:
            requirements += entry.requirements
    if not all(_add(r, held, target) for r in requirements):
        return None
    return Label(target.name, next(iter(classes)), categories_of(held.values()), policy_id=target.id)


def _equivalent_slots(slot: Slot, source: Policy, target: Policy) -> list[Slot] | None:
    """The target's values for one value; [] where it is discarded, None where nothing is said or it points nowhere."""
    stated: list[EquivalentValue] = [e for e in slot.value.equivalents if e.outward and e.policy == target.id]
    found: list[Slot] = []
    for e in stated:
        if e.discard:
            continue
        values = [s for s in target.slots() if _is(s, e)]
        if not values:
            return None
        found += values
    for s in target.slots():
        for e in s.value.equivalents:
            if e.inward and e.policy == source.id and not e.discard and _is(slot, e):
                stated.append(e)
                found.append(s)
    return found if stated else None


def _is(slot: Slot, equivalent: EquivalentValue) -> bool:
    return (
        slot.tag_set.id == equivalent.tag_set
        and slot.tag.kind is equivalent.kind
        and slot.tag.kind is not TagKind.UNKNOWN
        and slot.value.lacv == equivalent.lacv
    )


def _add(requirement: Requirement, held: dict[int, Slot], target: Policy) -> bool:
    """Add what the mapping requires; False where it leaves a choice that nobody made."""
    if target.satisfied(requirement, held):
        return True
    matches: Sequence[tuple[Slot, ...]] = [target.matching(r) for r in requirement.references]
    if any(len(m) != 1 for m in matches):
        return False
    if requirement.operation is not Operation.ALL and len(matches) != 1:
        return False
    held.update((m[0].order, m[0]) for m in matches)
    return target.satisfied(requirement, held)
