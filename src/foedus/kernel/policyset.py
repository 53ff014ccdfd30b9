"""The security policies that a node knows, found by name or object identifier, and clearances in their terms."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from foedus.kernel.errors import Fault, PolicyRefused
from foedus.kernel.label import MAX_SUCCESSORS, Clearance, Label, Succession
from foedus.kernel.policymodel import fold
from foedus.kernel.securitypolicy import Policy

_REMEMBERED = 4_096  # subjects and names remembered per policy set
_EVER = 2**62  # further away than any time: a policy without a beginning or an end


class Held(NamedTuple):
    """One clearance in its policy's terms: classifications, and the values held of each tag."""

    classifications: frozenset[str]
    values: dict[int, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject's clearances by the policy's position in the set."""

    held: dict[int, list[Held]]


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
        windows = (at for p in self.policies for at in (p.not_before, p.not_after + 1))
        self._turns = tuple(sorted({at for at in windows if abs(at) < _EVER}))
        self._position = lru_cache(_REMEMBERED)(self._look_up)
        self._subject = lru_cache(_REMEMBERED)(self._compile)

    def __iter__(self) -> Iterator[Policy]:
        return iter(self.policies)

    def __len__(self) -> int:
        return len(self.policies)

    def find(self, name: str = "", id: str = "") -> Policy | None:
        """The policy of this name and OID (with or without `urn:oid:`); where both are given they must agree."""
        index = self.position(name, id)
        return None if index is None else self.policies[index]

    def of(self, label: Label | Clearance) -> Policy:
        """The policy of a label or clearance. Raises PolicyRefused where it is not known."""
        policy = self.find(label.policy, label.policy_id)
        if policy is None:
            raise PolicyRefused([unknown_policy(label, self)])
        return policy

    def resolve(self, label: Label) -> Label:
        """The label under its policy's own names, its successors under theirs. Raises PolicyRefused."""
        return self._resolve(label, 0)

    def _resolve(self, label: Label, depth: int) -> Label:
        if depth > MAX_SUCCESSORS:
            raise PolicyRefused([Fault("succession", f"more than {MAX_SUCCESSORS} successors in a row")])
        succession = label.succession
        resolved = self.of(label).resolve(replace(label, succession=None))
        if succession is None:
            return resolved
        successor = self._resolve(succession.label, depth + 1)
        return replace(resolved, succession=Succession(succession.at, successor))

    def position(self, name: str, id: str) -> int | None:
        """Which of `policies` has this name and OID, as `find` says; None where none has."""
        return self._position(name, id)

    def _look_up(self, name: str, id: str) -> int | None:
        oid = id.strip().removeprefix("urn:oid:")
        named = self._names.get(fold(name))
        if named is None:
            named = self._ids.get(name.strip().removeprefix("urn:oid:"))
        if not oid:
            return named
        identified = self._ids.get(oid)
        return identified if not name.strip() or identified == named else None

    def turn_after(self, now: int) -> int | None:
        """The first moment after `now` (microseconds) at which a policy begins or ends; None where there is none."""
        place = bisect_right(self._turns, now)
        return self._turns[place] if place < len(self._turns) else None

    def subject(self, clearances: tuple[Clearance, ...]) -> Subject:
        """Whoever holds these clearances; those under policies that are not known here grant nothing."""
        return self._subject(clearances)

    def _compile(self, clearances: tuple[Clearance, ...]) -> Subject:
        held: dict[int, list[Held]] = {}
        for clearance in clearances:
            index = self.position(clearance.policy, clearance.policy_id)
            if index is not None:
                held.setdefault(index, []).append(held_under(clearance, self.policies[index]))
        return Subject(held)


def held_under(clearance: Clearance, policy: Policy) -> Held:
    """The clearance in the policy's terms. Names that the policy does not know grant nothing."""
    values: dict[int, set[str]] = {}
    for category in clearance.categories:
        for slot in policy.compiled(category).slots:
            values.setdefault(slot.key, set()).add(slot.value.name)
    levels = (policy.classification(name) for name in clearance.classifications)
    return Held(
        frozenset(level.name for level in levels if level is not None),
        {key: frozenset(names) for key, names in values.items()},
    )


def unknown_policy(label: Label | Clearance, policies: PolicySet) -> Fault:
    """The fault of a label or clearance under none of the policies."""
    stated = " ".join(filter(None, (label.policy, label.policy_id))) or "no policy"
    known = ", ".join(p.name for p in policies) or "none"
    return Fault("unknown-policy", f"the policy {stated} is not known here; known: {known}")
