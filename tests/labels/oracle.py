"""A second implementation of decide(), deliberately plain: sets and loops straight from the policy's values.

It shares the value types with the product and nothing else: no index, no cache, no compiled form.
"""

from __future__ import annotations

import unicodedata

from foedus.kernel.label import TagType


def same(a, b):
    def norm(s):
        return " ".join(unicodedata.normalize("NFC", s).split()).casefold()

    return norm(a) == norm(b)


def find_policy(policies, name, oid):
    for p in policies:
        by_name = same(p.name, name) or name.strip().removeprefix("urn:oid:") == p.id
        by_id = oid.strip().removeprefix("urn:oid:") == p.id
        if (by_name or not name.strip()) and (by_id or not oid.strip()) and (name.strip() or oid.strip()):
            return p
    return None


def find_class(policy, name):
    for c in policy.classifications:
        if same(c.name, name):
            return c
    for alias, real in policy.aliases:
        if same(alias, name):
            return find_class(policy, real)
    return None


def everything(policy):
    """(tag set, tag, value) of the whole policy, each with a key of its own."""
    out = []
    for i, tag_set in enumerate(policy.tag_sets):
        for j, tag in enumerate(tag_set.tags):
            for k, value in enumerate(tag.values):
                out.append(((i, j, k), tag_set, tag, value))
    return out


def find_value(policy, tag_set_name, type, value_name):
    for key, tag_set, tag, value in everything(policy):
        named = same(tag_set.name, tag_set_name) or tag_set.id == tag_set_name.removeprefix("urn:oid:")
        if named and tag.kind.type is type and same(value.name, value_name):
            return key, tag_set, tag, value
    return None


def refers(reference, entry):
    _, tag_set, tag, value = entry
    return (
        same(reference.tag_set, tag_set.name)
        and reference.kind is tag.kind
        and tag.kind.type is not TagType.UNKNOWN
        and reference.lacv in ("", value.lacv)
    )


def met(requirement, held):
    counts = [sum(1 for e in held if refers(r, e)) for r in requirement.references]
    if requirement.operation.value == "all":
        return len(counts) > 0 and all(n > 0 for n in counts)
    if requirement.operation.value == "oneOrMore":
        return sum(counts) > 0
    if requirement.operation.value == "onlyOne":
        return sum(counts) == 1
    return False


def entries(policy, label):
    """The label's values in the policy, or None where one is unknown."""
    found = {}
    for category in label.categories:
        for name in category.values:
            entry = find_value(policy, category.tag_set, category.type, name)
            if entry is None:
                return None
            found[entry[0]] = entry
        if not any(same(s.name, category.tag_set) or s.id == category.tag_set for s in policy.tag_sets):
            return None
    return list(found.values())


def valid(policy, label):
    level = find_class(policy, label.classification)
    held = entries(policy, label)
    if level is None or level.unusable or held is None:
        return False
    if not all(met(r, held) for r in level.requirements):
        return False
    for key, _, tag, value in held:
        if tag.kind.type is TagType.UNKNOWN or value.unusable:
            return False
        if level.name in value.excluded_classes:
            return False
        if value.required_classes and level.name not in value.required_classes:
            return False
        if not all(met(r, held) for r in value.requirements):
            return False
        if any(refers(x, other) for x in value.exclusions for other in held if other[0] != key):
            return False
        count = sum(1 for other in held if other[0][:2] == key[:2])
        if (tag.most and count > tag.most) or count < tag.least:
            return False
    return True


def cleared(policy, label, clearance):
    level = find_class(policy, label.classification)
    if level.name not in {c.name for n in clearance.classifications if (c := find_class(policy, n))}:
        return False
    have = set()
    for category in clearance.categories:
        for name in category.values:
            entry = find_value(policy, category.tag_set, category.type, name)
            if entry is not None:
                have.add(entry[0])
    for category in label.categories:
        tags = {}
        for name in category.values:
            entry = find_value(policy, category.tag_set, category.type, name)
            tags.setdefault(entry[0][:2], set()).add(entry[0])
        for keys in tags.values():
            if category.type is TagType.RESTRICTIVE and not keys <= have:
                return False
            if category.type is TagType.PERMISSIVE and not keys & have:
                return False
            if category.type is TagType.UNKNOWN:
                return False
    return True


def translate(policy, other, label):
    """The label under another policy as (classification name, entries), or None."""
    level = find_class(policy, label.classification)
    wanted, requirements = set(), []
    for e in level.equivalents:
        if e.outward and e.policy == other.id:
            matches = [c.name for c in other.classifications if c.lacv == e.lacv]
            wanted.add(matches[0] if len(matches) == 1 else None)
            requirements += e.requirements
    for c in other.classifications:
        for e in c.equivalents:
            if e.inward and e.policy == policy.id and e.lacv == level.lacv:
                wanted.add(c.name)
                requirements += e.requirements
    if len(wanted) != 1 or None in wanted:
        return None
    held, origins = {}, {}
    for entry in entries(policy, label):
        _, tag_set, tag, value = entry
        said = False
        for e in value.equivalents:
            if not e.outward or e.policy != other.id:
                continue
            said = True
            if e.discard:
                continue
            there = [
                x for x in everything(other)
                if x[1].id == e.tag_set and x[2].kind is e.kind and x[2].kind.value != "unknown" and x[3].lacv == e.lacv
            ]  # fmt: skip
            if len(there) != 1:
                return None
            held[there[0][0]] = there[0]
            origins.setdefault(there[0][0], []).append(entry)
        for x in everything(other):
            for e in x[3].equivalents:
                here = tag_set.id == e.tag_set and tag.kind is e.kind and value.lacv == e.lacv
                if e.inward and e.policy == policy.id and not e.discard and here and tag.kind.value != "unknown":
                    said = True
                    held[x[0]] = x
                    origins.setdefault(x[0], []).append(entry)
        if not said:
            return None
    if any(x[2].kind.type is TagType.PERMISSIVE and opens(x, held, origins) for x in held.values()):
        return None
    for p in policy.equivalent_policies:
        if p.id.removeprefix("urn:oid:") == other.id:
            requirements += p.requirements
    for r in requirements:
        if met(r, held.values()):
            continue
        choices = [[x for x in everything(other) if refers(ref, x)] for ref in r.references]
        if any(len(c) != 1 for c in choices) or (r.operation.value != "all" and len(choices) != 1):
            return None
        for (choice,) in choices:
            own = any(choice[0][:2] == key[:2] for key in origins)
            if own and choice[2].kind.type is TagType.PERMISSIVE and choice[0] not in held:
                return None
        held.update((c[0][0], c[0]) for c in choices)
        if not met(r, held.values()):
            return None
    return next(iter(wanted)), list(held.values())


def opens(entry, held, origins):
    """Whether a permissive value stands beside others that a reader had to hold besides it, and now need not."""
    mates = [key for key in held if key[:2] == entry[0][:2]]
    sources = [e for key in mates for e in origins[key]]
    if len({e[0][:2] for e in sources}) > 1:
        return True
    restrictive = any(e[2].kind.type is TagType.RESTRICTIVE for e in sources)
    return restrictive and len(mates) > 1 and len({e[0] for e in sources}) > 1


def as_label(policy, name, held):
    from foedus.kernel.label import Category, Label

    grouped = {}
    for _, tag_set, tag, value in held:
        grouped.setdefault((tag_set.name, tag.kind.type), set()).add(value.name)
    return Label(policy.name, name, tuple(Category(s, t, frozenset(v)) for (s, t), v in grouped.items()))


def permits_one(label, clearances, policies, now):
    while label.succession is not None and label.succession.at <= now:
        label = label.succession.label
    policy = find_policy(policies, label.policy, label.policy_id)
    if policy is None or not (policy.not_before <= now <= policy.not_after) or not valid(policy, label):
        return False
    mine = [c for c in clearances if find_policy(policies, c.policy, c.policy_id) is policy]
    if mine:
        return any(cleared(policy, label, c) for c in mine)
    level = find_class(policy, label.classification)
    if level.name in policy.unlimited and all(c.type is TagType.INFORMATIVE for c in label.categories):
        return True
    for clearance in clearances:
        other = find_policy(policies, clearance.policy, clearance.policy_id)
        if other is None:
            continue
        translated = translate(policy, other, label)
        if translated is None:
            continue
        there = as_label(other, *translated)
        in_force = other.not_before <= now <= other.not_after
        if in_force and valid(other, there) and cleared(other, there, clearance):
            return True
    return False


def permits(labels, clearances, policies, now):
    if not labels:
        return False
    return all(label is not None and permits_one(label, clearances, list(policies), now) for label in labels)
