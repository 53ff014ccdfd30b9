"""Clearances in TEXT, the short form that people type; `labeltext` gives its grammar.

NATO SECRET; Context: NATO; Releasable To: NATO, FIN; Only: FIN + TLP AMBER
ALLIANCE = SECRET; Context: all
ALLIANCE SECRET for FIN
"""

from __future__ import annotations

from collections.abc import Sequence

from foedus.kernel.errors import Refused
from foedus.kernel.label import Category, Clearance, TagType, merged
from foedus.kernel.markingtext import CONTEXT, ONLY, RELEASABLE, RELEASABLE_TO
from foedus.kernel.policyindex import categories_of
from foedus.kernel.policymodel import Classification
from foedus.kernel.policyset import PolicySet
from foedus.kernel.quoting import checked, cut, quoted, refused, split, unquoted
from foedus.kernel.securitypolicy import Policy
from foedus.kernel.textparts import read_category, read_head, read_level, read_policy_name, read_value, write_category


def read_clearance(text: str, policies: PolicySet) -> tuple[Clearance, ...]:
    """The clearances that a text means, resolved. Raises Refused; its faults say what to write instead."""
    return tuple(_clearance(part, policies) for part in split(checked(text), " + "))


def write_clearance(clearances: Sequence[Clearance], policies: PolicySet) -> str:
    """The text that `read_clearance` reads back as the same clearances. Raises PolicyRefused for unknown names."""
    return " + ".join(_write_clearance(c, policies) for c in clearances)


def _clearance(text: str, policies: PolicySet) -> Clearance:
    head, *parts = split(text, ";")
    head, nation = _cut_nation(head, policies)
    name, equals, rest = cut(head, "=")
    if equals:
        policy = read_policy_name(unquoted(name), policies)
        levels = frozenset(read_level(unquoted(w), policy).name for w in split(rest, ","))
    else:
        policy, top = read_head(unquoted(head), policies)
        levels = _up_to(top, policy)
    categories = [read_category(part, policy, every=True) for part in filter(str.strip, parts)]
    if nation:
        categories += _national(nation, policy)
    return Clearance(policy.name, levels, merged(categories), policy.id)


def _up_to(top: Classification, policy: Policy) -> frozenset[str]:
    """The classification and all below it; one of the same height is not below it."""
    return frozenset(c.name for c in policy.classifications if c is top or c.hierarchy < top.hierarchy)


def _cut_nation(head: str, policies: PolicySet) -> tuple[str, str]:
    """Split "ALLIANCE SECRET for FIN", unless the whole is a classification's name."""
    at = head.casefold().rfind(" for ")
    if at < 0:
        return head, ""
    try:
        read_head(unquoted(head), policies)
    except Refused:
        return head[:at], head[at + 5 :].strip()
    return head, ""


def _national(text: str, policy: Policy) -> tuple[Category, ...]:
    """What a cleared national holds: a member's the policy's own context, a partner's what is released to them."""
    word, _, rest = text.partition(" ")
    role = word.casefold() if word.casefold() in ("member", "partner") and rest else ""
    said = unquoted(rest if role else text)
    tag_set = policy.tag_set(RELEASABLE_TO)
    if tag_set is None:
        raise refused("no-nations", f"{policy.name} has no tag set {RELEASABLE_TO}; name the values one by one")
    nation = read_value(said, tag_set, None).value.name
    if not role:
        if not policy.members:
            hint = f"write `for member {nation}` or `for partner {nation}`"
            raise refused("no-members", f"{policy.name} does not say who its members are: {hint}")
        role = "member" if nation in policy.members else "partner"
    context = policy.name if role == "member" else RELEASABLE
    wanted = [(CONTEXT, context), (RELEASABLE_TO, nation), (ONLY, nation)]
    if role == "member":
        wanted.append((RELEASABLE_TO, policy.name))
    slots = [policy.slot(where, TagType.PERMISSIVE, name) for where, name in wanted]
    return categories_of(s for s in slots if s is not None)


def _write_clearance(clearance: Clearance, policies: PolicySet) -> str:
    policy = policies.of(clearance)
    clearance = policy.resolve_clearance(clearance)
    names = [c.name for c in policy.classifications if c.name in clearance.classifications]
    if not names:
        raise refused("no-classification", "a clearance without a classification cannot be written")
    tops = [c for c in policy.classifications if _up_to(c, policy) == clearance.classifications]
    if tops:
        head = quoted(f"{policy.name} {tops[0].name}", ';="()')
    else:
        head = f"{quoted(policy.name)} = {', '.join(quoted(n) for n in names)}"
    return "; ".join([head, *(write_category(c, policy) for c in clearance.categories)])
