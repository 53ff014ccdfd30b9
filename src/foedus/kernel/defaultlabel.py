"""The label for objects that came without one: the owner's most restrictive."""

from __future__ import annotations

from foedus.kernel.errors import Fault, PolicyRefused
from foedus.kernel.label import Clearance, Label, TagType
from foedus.kernel.policy import decide
from foedus.kernel.policyindex import Slot, categories_of
from foedus.kernel.policymodel import fold
from foedus.kernel.policyset import PolicySet, held_under
from foedus.kernel.securitypolicy import Policy

_NOTHING: frozenset[str] = frozenset()


def most_restrictive(policy: Policy, owner: str, clearance: Clearance | None = None) -> Label:
    """The label for objects that came without one: valid, and permitted to `clearance` where one is given.

    The highest classification (that the clearance holds), for the owner only where the policy has a tag set Only with
    that value (and the clearance holds it), plus whatever the policy requires. Being for the owner only counts for
    more than the height of the classification. Raises PolicyRefused where no label fits.
    """
    policies = PolicySet([policy])
    levels = sorted(policy.classifications, key=lambda c: -c.hierarchy)
    only = _named_slots(policy, "Only", owner)
    for start in [[s] for s in only] + [[]]:
        for level in levels:
            label = _completed(policy, level.name, start, clearance)
            if label is None or policy.faults(label, new=True):
                continue
            if clearance is None or decide([label], [clearance], policies, policy.not_before).permit:
                return label
    raise PolicyRefused([Fault("no-default-label", f"{policy.name}: no label is valid and permitted to its owner")])


def _named_slots(policy: Policy, tag_set: str, value: str) -> list[Slot]:
    return [s for s in policy.slots() if fold(s.tag_set.name) == fold(tag_set) and fold(s.value.name) == fold(value)]


def _completed(policy: Policy, level: str, start: list[Slot], clearance: Clearance | None) -> Label | None:
    """The label with what the policy requires added; where there is a choice, the first value that is allowed."""
    held = {s.order: s for s in start}
    mine = held_under(clearance, policy).values if clearance is not None else None

    def usable(slot: Slot) -> bool:
        value = slot.value
        if value.obsolete or value.unusable or level in value.excluded_classes:
            return False
        return mine is None or slot.tag.kind.type is TagType.INFORMATIVE or value.name in mine.get(slot.key, _NOTHING)

    classification = policy.classification(level)
    if classification is None:
        return None
    # A Context names whose information it is: mandatory by convention even where the file does not say so.
    if not any(fold(s.tag_set.name) == "context" for s in held.values()):
        own = [s for s in _named_slots(policy, "Context", policy.name) if usable(s)]
        held.update((s.order, s) for s in own[:1])
    for _ in range(len(policy.slots()) + 1):
        wanted = [*classification.requirements, *(r for s in held.values() for r in s.value.requirements)]
        missing = next((r for r in wanted if not policy.satisfied(r, held)), None)
        if missing is None:
            return Label(policy.name, classification.name, categories_of(held.values()), policy_id=policy.id)
        choice = [s for r in missing.references for s in policy.matching(r) if usable(s) and s.order not in held]
        if not choice:
            return None
        held[choice[0].order] = choice[0]
    return None
