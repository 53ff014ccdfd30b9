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

from collections.abc import Sequence

from foedus.kernel.equivalence import equivalent_label
from foedus.kernel.errors import Fault, PolicyRefused
from foedus.kernel.label import MAX_SUCCESSORS, Clearance, Decision, Label, Reason, TagType
from foedus.kernel.policyrules import CompiledLabel
from foedus.kernel.policyset import Held, PolicySet, Subject, unknown_policy
from foedus.kernel.securitypolicy import Policy

_NOTHING: frozenset[str] = frozenset()
_PERMITTED = (Reason("permitted", "every label permits"),)


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
    for _ in range(MAX_SUCCESSORS + 1):
        succession = label.succession
        if succession is None:
            return label, None
        if succession.at > now:
            return label, succession.at
        label = succession.label
    raise PolicyRefused([Fault("succession", f"more than {MAX_SUCCESSORS} successors in a row")])


def _decide(labels: Sequence[Label | None], clearances: Sequence[Clearance], policies: PolicySet, now: int) -> Decision:
    subject = policies.subject(tuple(clearances))
    until = policies.turn_after(now)
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


def _denied(label: Label, subject: Subject, policies: PolicySet, now: int) -> Reason | None:
    """Why this label denies, or None."""
    index = policies.position(label.policy, label.policy_id)
    if index is None:
        return Reason("unknown-policy", unknown_policy(label, policies).message)
    policy = policies.policies[index]
    if not policy.not_before <= now <= policy.not_after:
        return Reason("policy-validity", f"the policy {policy.name} is not in force at this time")
    compiled = policy.compile(label)
    if compiled.faults:
        return _invalid(compiled.faults)
    held = subject.held.get(index)
    if held is not None:
        return _weigh(compiled, held)
    if policy.unlimited and _weigh_one(compiled, Held(policy.unlimited, {})) is None:
        return None
    return _denied_by_equivalent(label, policy, subject, policies, now)


def _denied_by_equivalent(
    label: Label, source: Policy, subject: Subject, policies: PolicySet, now: int
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


def _weigh(label: CompiledLabel, held: list[Held]) -> Reason | None:
    """None where one of the clearances permits the whole label, else why the last one does not."""
    reason: Reason | None = Reason("no-clearance", "no clearance")
    for clearance in held:
        reason = _weigh_one(label, clearance)
        if reason is None:
            return None
    return reason


def _weigh_one(label: CompiledLabel, clearance: Held) -> Reason | None:
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


def _invalid(faults: Sequence[Fault]) -> Reason:
    return Reason("invalid-label", "; ".join(f.message for f in faults[:4]))
