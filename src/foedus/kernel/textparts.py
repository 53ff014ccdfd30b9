"""The parts of the short form that labels and clearances share: policy, classification, values of a tag set.

Each is meant by its name or by its words in a marking, in any language of the policy. What is not known is refused with
what is near it.
"""

from __future__ import annotations

from difflib import get_close_matches

from foedus.kernel import marking
from foedus.kernel.label import Category, TagType
from foedus.kernel.policyindex import Slot
from foedus.kernel.policymodel import Classification, TagSet, fold
from foedus.kernel.policyset import PolicySet
from foedus.kernel.quoting import cut, quoted, refused, split, unquoted
from foedus.kernel.securitypolicy import Policy


def read_head(text: str, policies: PolicySet) -> tuple[Policy, Classification]:
    """Policy and classification, by name or words in any language. Raises LabelRefused, as all that reads here."""
    wanted = fold(text)
    known: list[str] = []
    found: list[tuple[Policy, Classification]] = []
    for policy in policies:
        levels = _level_words(policy)
        for name in (fold(policy.name), policy.id, f"urn:oid:{policy.id}"):
            level = levels.get(wanted[len(name) + 1 :]) if wanted.startswith((f"{name} ", f"{name}:")) else None
            if level is not None:
                found.append((policy, level))
        known += [f"{policy.name} {c.name}" for c in policy.classifications]
    if len(found) == 1:
        return found[0]
    if found:
        forms = " or ".join(f"{policy.id} {level.name}" for policy, level in found)
        raise refused("ambiguous-classification", f"{text.strip()!r} can mean {len(found)} things; write {forms}")
    near = get_close_matches(text.strip().upper(), known, n=3, cutoff=0.5)
    hint = f"; near it: {', '.join(near)}" if near else f"; known policies: {', '.join(p.name for p in policies)}"
    raise refused("unknown-classification", f"{text.strip()!r} is no policy with a classification{hint}")


def read_policy_name(text: str, policies: PolicySet) -> Policy:
    """The policy of this name or OID."""
    policy = policies.find(text)
    if policy is None:
        names = ", ".join(p.name for p in policies) or "none"
        raise refused("unknown-policy", f"the policy {text.strip()!r} is not known; known: {names}")
    return policy


def read_level(text: str, policy: Policy) -> Classification:
    """A classification of the policy."""
    level = _level_words(policy).get(fold(text))
    if level is None:
        names = ", ".join(c.name for c in policy.classifications)
        raise refused("unknown-classification", f"{policy.name} has no classification {text.strip()!r}; it has {names}")
    return level


def _level_words(policy: Policy) -> dict[str, Classification]:
    """A policy's classifications by name, alias and words; names go before words. Words that two share mean neither."""
    words = policy.memo.get("textparts")
    if words is None:
        words = policy.memo["textparts"] = _collect(policy)
    found: dict[str, Classification] = words
    return found


def _collect(policy: Policy) -> dict[str, Classification]:
    named = {fold(c.name): c for c in policy.classifications}
    for alias, name in policy.aliases:
        named.setdefault(fold(alias), named[fold(name)])
    said: dict[str, Classification] = {}
    shared = {""}  # a name that is hidden
    for level in policy.classifications:
        for words in {fold(marking.class_phrase(level, policy, lang)) for lang in marking.languages(policy)}:
            shared |= {words} & said.keys()
            said[words] = level
    return {words: level for words, level in said.items() if words not in shared} | named


def read_category(part: str, policy: Policy, *, every: bool) -> Category:
    """`tag set: value, value`. With `every`, `all` stands for every value of the tag set."""
    name, colon, rest = cut(part, ":")
    if not colon:
        raise refused("unreadable-part", f"{part.strip()!r} is not `tag set: value, value`")
    type: TagType | None = None
    words = name.strip()
    if words.endswith(")") and "(" in words and not words.startswith('"'):
        words, _, stated = words[:-1].rpartition("(")
        if stated.strip().upper() not in TagType.__members__:
            raise refused("unknown-tag-type", f"{stated.strip()!r} is no type; write permissive or restrictive")
        type = TagType[stated.strip().upper()]
    tag_set = policy.tag_set(unquoted(words))
    if tag_set is None:
        near = ", ".join(s.name for s in policy.tag_sets) or "none"
        raise refused("unknown-tag-set", f"{policy.name} has no tag set {unquoted(words)!r}; it has {near}")
    said = [w for w in split(rest, ",") if w.strip()]
    if not said:
        raise refused("no-value", f"{tag_set.name}: no value is given")
    found: list[Slot] = []
    for word in said:
        if every and fold(word) == "all":
            found += [s for s in policy.slots() if s.tag_set is tag_set and type in (None, s.tag.kind.type)]
        else:
            found.append(read_value(unquoted(word), tag_set, type, policy))
    types = {s.tag.kind.type for s in found}
    if len(types) > 1:
        kinds = " and ".join(sorted(t.lower() for t in types))
        raise refused("several-types", f"{tag_set.name} has values of type {kinds}: write `{tag_set.name} (type): …`")
    return Category(tag_set.name, types.pop(), frozenset(s.value.name for s in found))


def read_value(text: str, tag_set: TagSet, type: TagType | None, policy: Policy | None = None) -> Slot:
    """A value of a tag set by its name, else by its words in a marking. With `policy`, at its place there."""
    slots = [s for s in policy.slots() if s.tag_set is tag_set] if policy else _slots_of(tag_set)
    slots = [s for s in slots if type in (None, s.tag.kind.type)]
    named = [s for s in slots if fold(s.value.name) == fold(text)]
    if not named:
        named = [s for s in slots if any(fold(p.text or "") == fold(text) for p in s.value.marking.phrases)]
    if len(named) == 1:
        return named[0]
    if named:
        kinds = ", ".join(sorted({s.tag.kind.type.lower() for s in named}))
        raise refused("several-types", f"{tag_set.name}: {text!r} means several values ({kinds}); give the type")
    known = [s.value.name for s in slots] + [p.text for s in slots for p in s.value.marking.phrases if p.text]
    near = get_close_matches(text.strip(), known, n=3, cutoff=0.5) or known[:5]
    raise refused("unknown-category", f"{tag_set.name} has no value {text.strip()!r}; near it: {', '.join(near)}")


def _slots_of(tag_set: TagSet) -> list[Slot]:
    return [Slot(tag_set, tag, value, 0, 0) for tag in tag_set.tags for value in tag.values]


def write_category(category: Category, policy: Policy) -> str:
    """The part that `read_category` reads back."""
    tag_set = policy.tag_set(category.tag_set)
    name = quoted(category.tag_set)
    others = [t for t in tag_set.tags if t.kind.type is not category.type] if tag_set else []
    if any(fold(v.name) in {fold(c) for c in category.values} for t in others for v in t.values):
        name += f" ({category.type.lower()})"
    slots = policy.compiled(category).slots
    values = [s.value.name for s in slots] or sorted(category.values)
    return f"{name}: {', '.join(quoted(v) for v in values)}"
