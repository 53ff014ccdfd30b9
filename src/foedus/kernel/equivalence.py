"""Reading a label of one policy as a label of another, by the equivalents that the policy files state.

Both files may state them: the label's own policy outward (applied encrypt or both), the other policy inward (decrypt
or both). Taken together there must be exactly one equivalent classification, and every category value must have
equivalents or be discarded; what the other policy requires is added. A number that two things bear, or none, names
nothing. Anything else: no equivalent.

Values of a permissive tag are alternatives, so a value more lets more people read. Hence only values of one tag may
come together in a permissive tag; those of a restrictive tag, which a reader must all hold, not more than one; and
nothing is added to a permissive tag that speaks for the label's own values.

The result is for deciding only. It never replaces the originator's label.
"""

from __future__ import annotations

from collections.abc import Sequence

from foedus.kernel.label import Label, TagType
from foedus.kernel.policyindex import Slot, categories_of
from foedus.kernel.policymodel import EquivalentValue, Operation, Requirement, TagKind
from foedus.kernel.securitypolicy import Policy

_Pairs = list[tuple[Slot, Slot]]  # a value of the label, and what it is in the other policy


def equivalent_label(label: Label, source: Policy, target: Policy) -> Label | None:
    """The label in `target`'s terms, or None. `label` is valid under `source`."""
    found = _equivalent_class(label, source, target)
    if found is None:
        return None
    name, requirements = found
    pairs: _Pairs = []
    for slot in source.slots_of(label):
        slots = _equivalent_slots(slot, source, target)
        if slots is None:
            return None
        pairs += [(slot, s) for s in slots]
    if _widens(pairs):
        return None
    for entry in source.equivalent_policies:
        if entry.id.removeprefix("urn:oid:") == target.id:
            requirements += entry.requirements
    held = {s.order: s for _, s in pairs}
    taken = frozenset(s.key for s in held.values() if s.tag.kind.type is TagType.PERMISSIVE)
    if not all(_add(r, held, taken, target) for r in requirements):
        return None
    return Label(target.name, name, categories_of(held.values()), policy_id=target.id)


def _equivalent_class(label: Label, source: Policy, target: Policy) -> tuple[str, list[Requirement]] | None:
    """The one classification that the label's is, and what the mapping to it requires."""
    level = source.classification(label.classification)
    if level is None:
        return None
    outward = [e for e in level.equivalents if e.outward and e.policy == target.id]
    classes = {(found.name if (found := target.classification_numbered(e.lacv)) else "") for e in outward}
    requirements: list[Requirement] = [r for e in outward for r in e.requirements]
    for candidate in target.classifications:
        for e in candidate.equivalents:
            if e.inward and e.policy == source.id and e.lacv == level.lacv:
                classes.add(candidate.name if source.classification_numbered(e.lacv) else "")
                requirements += e.requirements
    if len(classes) != 1 or "" in classes:
        return None
    return next(iter(classes)), requirements


def _equivalent_slots(slot: Slot, source: Policy, target: Policy) -> list[Slot] | None:
    """The target's values for one value; [] where it is discarded, None where nothing is said or it points nowhere."""
    stated: list[EquivalentValue] = [e for e in slot.value.equivalents if e.outward and e.policy == target.id]
    found: list[Slot] = []
    for e in stated:
        if e.discard:
            continue
        value = _named(target, e)
        if value is None:
            return None
        found.append(value)
    for s in target.slots():
        for e in s.value.equivalents:
            if e.inward and e.policy == source.id and not e.discard and _is(slot, e):
                if _named(source, e) is None:
                    return None
                stated.append(e)
                found.append(s)
    return found if stated else None


def _named(policy: Policy, equivalent: EquivalentValue) -> Slot | None:
    """The one value of the policy that an equivalent names."""
    found = [s for s in policy.slots() if _is(s, equivalent)]
    return found[0] if len(found) == 1 else None


def _is(slot: Slot, equivalent: EquivalentValue) -> bool:
    return (
        slot.tag_set.id == equivalent.tag_set
        and slot.tag.kind is equivalent.kind
        and slot.tag.kind is not TagKind.UNKNOWN
        and slot.value.lacv == equivalent.lacv
    )


def _widens(pairs: _Pairs) -> bool:
    """Whether values that a reader must hold together would become alternatives."""
    for _, target in pairs:
        if target.tag.kind.type is not TagType.PERMISSIVE:
            continue
        together = [(s, t) for s, t in pairs if t.key == target.key]
        if len({s.key for s, _ in together}) > 1:
            return True
        must_all = together[0][0].tag.kind.type is TagType.RESTRICTIVE
        if must_all and len({s.order for s, _ in together}) > 1 and len({t.order for _, t in together}) > 1:
            return True
    return False


def _add(requirement: Requirement, held: dict[int, Slot], taken: frozenset[int], target: Policy) -> bool:
    """Add what the mapping requires; False where it leaves a choice that nobody made, or would add an alternative to
    the label's own values, in the tags that are `taken`."""
    if target.satisfied(requirement, held):
        return True
    matches: Sequence[tuple[Slot, ...]] = [target.matching(r) for r in requirement.references]
    if any(len(m) != 1 for m in matches):
        return False
    if requirement.operation is not Operation.ALL and len(matches) != 1:
        return False
    if any(m[0].key in taken and m[0].order not in held for m in matches):
        return False
    held.update((m[0].order, m[0]) for m in matches)
    return target.satisfied(requirement, held)
