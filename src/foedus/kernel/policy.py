"""The release decision: labels, a subject's clearances and the policies in; permit or deny with reasons out.

    decide(labels, clearances, policies, now):          # any error => deny
      1. no labels, or a missing one                    => deny
      2. succession due by `now`                        => the successor takes the label's place
      3. policy not known, or outside its validity      => deny
      4. label not valid under it                       => deny (obsolete values refuse new labels only)
      5. no clearance under the policy                  => permit what the policy calls unlimited; else the label is
                                                           mapped to an equivalent policy that the subject holds a
                                                           clearance under; no mapping => deny
      6. classification not in the clearance's set      => deny (hierarchy does not decide)
      7. each tag: restrictive: the values are a subset of the clearance's; permissive: they meet it;
         informative: skipped; a type that is not known => deny
      8. every label must permit

Source: ADatP-4774 (access control decision function), X.841.

A subject who holds no clearance under a policy holds the classifications that the policy file calls unlimited
(TLP:CLEAR in `policies/tlp.xml`): the file decides, not a name in this code. Several clearances under one policy stand
beside each other: one of them must permit the whole label.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from foedus.kernel.equivalence import equivalent_label
from foedus.kernel.errors import Fault, PolicyRefused
from foedus.kernel.label import Clearance, Decision, Label, Reason, Succession, TagType
from foedus.kernel.policyindex import Slot, categories_of
from foedus.kernel.policymodel import fold
from foedus.kernel.policyrules import CompiledLabel
from foedus.kernel.securitypolicy import Policy

__all__ = ["Policy", "PolicySet", "decide", "equivalent_label", "in_force", "most_restrictive"]

_SUCCESSIONS = 16  # a longer chain of successors is refused
_REMEMBERED = 4_096  # clearances compiled per policy set
_NOTHING: frozenset[str] = frozenset()
_PERMITTED = (Reason("permitted", "every label permits"),)


class _Held(NamedTuple):
    """One clearance in its policy's terms: classifications, and the values held of each tag."""

    classifications: frozenset[str]
    values: dict[int, frozenset[str]]


@dataclass(frozen=True, slots=True)
class _Subject:
    """A subject's clearances by the policy's position in the set."""

    held: dict[int, list[_Held]]


class PolicySet:
    """The policies that a node knows. Immutable; what it remembers is bounded and follows from what it holds."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        """Raises PolicyRefused where two policies share a name or an OID: a label could mean either."""
        self.policies: tuple[Policy, ...] = tuple(policies)
        self._names: dict[str, int] = {}
        self._ids: dict[str, int] = {}
        for index, policy in enumerate(self.policies):
            for key, known in ((fold(policy.name), self._names), (policy.id, self._ids)):
                if key in known:
                    message = f"two policies share the name {policy.name} or the id {policy.id}; give each one once"
                    raise PolicyRefused([Fault("duplicate-policy", message)])
                known[key] = index
        self._found: dict[tuple[str, str], int | None] = {}
        self._subjects: dict[tuple[Clearance, ...], _Subject] = {}

    def __iter__(self) -> Iterator[Policy]:
        return iter(self.policies)

    def __len__(self) -> int:
        return len(self.policies)

    def find(self, name: str = "", id: str = "") -> Policy | None:
        """The policy of this name and OID (with or without `urn:oid:`); where both are given they must agree."""
        index = self._index(name, id)
        return None if index is None else self.policies[index]

    def of(self, label: Label | Clearance) -> Policy:
        """The policy of a label or clearance. Raises PolicyRefused where it is not known."""
        policy = self.find(label.policy, label.policy_id)
        if policy is None:
            raise PolicyRefused([_unknown_policy(label, self)])
        return policy

    def resolve(self, label: Label) -> Label:
        """The label under its policy's own names, its successors under theirs. Raises PolicyRefused."""
        return self._resolve(label, 0)

    def _resolve(self, label: Label, depth: int) -> Label:
        if depth > _SUCCESSIONS:
            raise PolicyRefused([Fault("succession", f"more than {_SUCCESSIONS} successors in a row")])
        succession = label.succession
        resolved = self.of(label).resolve(replace(label, succession=None))
        if succession is None:
            return resolved
        successor = self._resolve(succession.label, depth + 1)
        return replace(resolved, succession=Succession(succession.at, successor))

    def _index(self, name: str, id: str) -> int | None:
        key = (name, id)
        if key not in self._found:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            self._found[key] = self._look_up(name, id)
        return self._found[key]

    def _look_up(self, name: str, id: str) -> int | None:
        oid = id.strip().removeprefix("urn:oid:")
        named = self._names.get(fold(name))
        if named is None:
            named = self._ids.get(name.strip().removeprefix("urn:oid:"))
        if not oid:
            return named
        identified = self._ids.get(oid)
        return identified if not name.strip() or identified == named else None

    def _subject(self, clearances: tuple[Clearance, ...]) -> _Subject:
        found = self._subjects.get(clearances)
        if found is None:
            if len(self._subjects) >= _REMEMBERED:
                self._subjects.clear()
            found = self._subjects[clearances] = self._compile(clearances)
        return found

    def _compile(self, clearances: tuple[Clearance, ...]) -> _Subject:
        held: dict[int, list[_Held]] = {}
        for clearance in clearances:
            index = self._index(clearance.policy, clearance.policy_id)
            if index is not None:
                held.setdefault(index, []).append(_held(clearance, self.policies[index]))
        return _Subject(held)


def decide(labels: Sequence[Label | None], clearances: Sequence[Clearance], policies: PolicySet, now: int) -> Decision:
    """Whether a subject with these clearances may see what carries all of these labels, at `now` (microseconds).

    Never raises: what cannot be decided is denied. The reasons name every label that denies; they quote label values,
    so they are for the originator and the auditor only.
    """
    try:
        return _decide(labels, clearances, policies, now)
    except Exception as error:  # fail closed, whatever a caller handed in
        return Decision(False, (Reason("error", f"the labels could not be read: {type(error).__name__}"),))


def in_force(label: Label, now: int) -> tuple[Label, int | None]:
    """The label or successor that holds at `now`, and when it will next be succeeded. Raises PolicyRefused for a
    chain of more than 16 successors."""
    for _ in range(_SUCCESSIONS):
        succession = label.succession
        if succession is None:
            return label, None
        if succession.at > now:
            return label, succession.at
        label = succession.label
    raise PolicyRefused([Fault("succession", f"more than {_SUCCESSIONS} successors in a row")])


def _decide(labels: Sequence[Label | None], clearances: Sequence[Clearance], policies: PolicySet, now: int) -> Decision:
    subject = policies._subject(tuple(clearances))
    until: int | None = None
    denied: list[Reason] = []
    if not labels:
        return Decision(False, (Reason("no-label", "there is no label"),))
    for label in labels:
        if label is None:
            denied.append(Reason("no-label", "a label is missing or could not be read"))
            continue
        if label.succession is not None:
            label, at = in_force(label, now)
            if at is not None and (until is None or at < until):
                until = at
        reason = _denied(label, subject, policies, now)
        if reason is not None:
            denied.append(reason)
    if denied:
        return Decision(False, tuple(denied), until)
    return Decision(True, _PERMITTED, until)


def _denied(label: Label, subject: _Subject, policies: PolicySet, now: int) -> Reason | None:
    """Why this label denies, or None."""
    index = policies._index(label.policy, label.policy_id)
    if index is None:
        return Reason("unknown-policy", _unknown_policy(label, policies).message)
    policy = policies.policies[index]
    if not policy.not_before <= now <= policy.not_after:
        return Reason("policy-validity", f"the policy {policy.name} is not in force at this time")
    compiled = policy.compile(label)
    if compiled.faults:
        return _invalid(compiled.faults)
    held = subject.held.get(index)
    if held is not None:
        return _weigh(compiled, held)
    if policy.unlimited and _weigh_one(compiled, _Held(policy.unlimited, {})) is None:
        return None
    return _denied_by_equivalent(label, policy, subject, policies, now)


def _denied_by_equivalent(
    label: Label, source: Policy, subject: _Subject, policies: PolicySet, now: int
) -> Reason | None:
    """The label is read under the policies that the subject does hold a clearance under; one that permits is enough."""
    reason = Reason("no-clearance", f"no clearance under {source.name} or a policy that it is mapped to")
    for index, held in subject.held.items():
        target = policies.policies[index]
        mapped = equivalent_label(label, source, target)
        if mapped is None or not target.not_before <= now <= target.not_after:
            continue
        compiled = target.compile(mapped)
        refusal = _invalid(compiled.faults) if compiled.faults else _weigh(compiled, held)
        if refusal is None:
            return None
        reason = Reason(refusal.code, f"read as {target.name}: {refusal.message}")
    return reason


def _weigh(label: CompiledLabel, held: list[_Held]) -> Reason | None:
    """None where one of the clearances permits the whole label, else why the last one does not."""
    reason: Reason | None = Reason("no-clearance", "no clearance")
    for clearance in held:
        reason = _weigh_one(label, clearance)
        if reason is None:
            return None
    return reason


def _weigh_one(label: CompiledLabel, clearance: _Held) -> Reason | None:
    level = label.classification
    if level is None or level.name not in clearance.classifications:
        return Reason("classification", f"not cleared for {level.name if level else 'an unknown classification'}")
    for category in label.categories:
        for type, key, values in category.groups:
            have = clearance.values.get(key, _NOTHING)
            if type is TagType.RESTRICTIVE:
                if not values <= have:
                    missing = ", ".join(sorted(values - have))
                    return Reason("restrictive-category", f"{category.category.tag_set}: does not hold {missing}")
            elif type is TagType.PERMISSIVE:
                if have.isdisjoint(values):
                    named = ", ".join(sorted(values))
                    return Reason("permissive-category", f"{category.category.tag_set}: holds none of {named}")
            else:
                return Reason("unknown-tag-type", f"{category.category.tag_set}: the tag's type is not known")
    return None


def _held(clearance: Clearance, policy: Policy) -> _Held:
    """Names that the policy does not know grant nothing."""
    values: dict[int, set[str]] = {}
    for category in clearance.categories:
        for slot in policy.compiled(category).slots:
            values.setdefault(slot.key, set()).add(slot.value.name)
    levels = (policy.classification(name) for name in clearance.classifications)
    return _Held(
        frozenset(level.name for level in levels if level is not None),
        {key: frozenset(names) for key, names in values.items()},
    )


def _invalid(faults: Sequence[Fault]) -> Reason:
    return Reason("invalid-label", "; ".join(f.message for f in faults[:4]))


def _unknown_policy(label: Label | Clearance, policies: PolicySet) -> Fault:
    stated = " ".join(filter(None, (label.policy, label.policy_id))) or "no policy"
    known = ", ".join(p.name for p in policies) or "none"
    return Fault("unknown-policy", f"the policy {stated} is not known here; known: {known}")


# The default label


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
    mine = _held(clearance, policy).values if clearance is not None else None

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
