"""Random policies (as SPIF documents), labels and clearances; hostile ones among them."""

from __future__ import annotations

import random
from xml.sax.saxutils import quoteattr

from foedus.kernel.label import Category, Clearance, Label, Succession, TagType, merged
from foedus.kernel.securitypolicy import Policy
from foedus.kernel.spif import read_policy

KINDS = (
    ("restrictive", ""), ("permissive", ""), ("enumerated", "restrictive"), ("enumerated", "permissive"),
    ("tagType7", ""), ("informative", ""), ("mystery", ""), ("enumerated", "mystery"),
)  # fmt: skip
OPERATIONS = ("onlyOne", "oneOrMore", "all", "mystery")


def policy(rng: random.Random, name: str, oid: str, others: tuple[tuple[str, str], ...] = ()) -> Policy:
    """A policy of a few classifications and tag sets, with rules and equivalents drawn at random."""
    sets = [(f"Set {s}", f"{oid}.{s}", [_tag(rng, s, t) for t in range(rng.randint(1, 2))]) for s in range(3)]
    classes = [f"LEVEL {i}" for i in range(4)]

    def group(element: str) -> str:
        tag_set, _, tags = rng.choice(sets)
        kind, values = rng.choice(tags)
        lacv = f' lacv="{rng.choice(values)[1]}"' if rng.random() < 0.7 else ' all="true"'
        return f"<{element} tagSetRef={quoteattr(tag_set)} {_type(kind)}{lacv}/>"

    def required(chance: float) -> str:
        if rng.random() > chance:
            return ""
        groups = "".join(group("categoryGroup") for _ in range(rng.randint(1, 2)))
        return f'<requiredCategory operation="{rng.choice(OPERATIONS)}">{groups}</requiredCategory>'

    def equivalent_class(chance: float) -> str:
        out = ""
        for other, _ in others:
            if rng.random() < chance:
                applied = rng.choice(("encrypt", "decrypt", "both", "never"))
                lacv = rng.randrange(4)
                out += f'<equivalentClassification policyRef="{other}" lacv="{lacv}" applied="{applied}"/>'
        return out

    def equivalent_value() -> str:
        out = ""
        for other, other_id in others:
            if rng.random() < 0.7:
                action = ' action="discard"' if rng.random() < 0.5 else ""
                applied = rng.choice(("encrypt", "decrypt", "both", "both"))
                out += (
                    f'<equivalentSecCategoryTag policyRef="{other}" tagSetId="{other_id}.{rng.randrange(3)}" '
                    f'{_type(rng.choice(KINDS[:4]))} lacv="{rng.randrange(6)}" applied="{applied}"{action}/>'
                )
        return out

    out = [f'<SPIF xmlns="http://www.xmlspif.org/spif"><securityPolicyId name="{name}" id="{oid}"/>']
    out.append("<equivalentPolicies>")
    out += [f'<equivalentPolicy name="{n}" id="{i}"/>' for n, i in others]
    out.append("</equivalentPolicies><securityClassifications>")
    for i, level in enumerate(classes):
        obsolete = ' obsolete="true"' if rng.random() < 0.1 else ""
        out.append(f'<securityClassification name="{level}" lacv="{i}" hierarchy="{i}"{obsolete}>')
        out.append(equivalent_class(0.7) + required(0.15) + "</securityClassification>")
    out.append("</securityClassifications><securityCategoryTagSets>")
    for tag_set, tag_set_id, tags in sets:
        out.append(f"<securityCategoryTagSet name={quoteattr(tag_set)} id={quoteattr(tag_set_id)}>")
        for kind, values in tags:
            single = ' singleSelection="true"' if rng.random() < 0.15 else ""
            out.append(f"<securityCategoryTag name={quoteattr(tag_set)} {_type(kind)}{single}>")
            for value, lacv in values:
                obsolete = ' obsolete="true"' if rng.random() < 0.1 else ""
                out.append(f'<tagCategory name="{value}" lacv="{lacv}"{obsolete}>')
                out.append(equivalent_value() if others else "")
                if rng.random() < 0.15:
                    out.append(f"<excludedClass>{rng.choice(classes)}</excludedClass>")
                out.append(required(0.08))
                if rng.random() < 0.08:
                    excluded = group("excludedCategory")
                    out.append(excluded if "mystery" not in excluded else "")
                out.append("</tagCategory>")
            out.append("</securityCategoryTag>")
        out.append("</securityCategoryTagSet>")
    extension = '<extensions><unlimited xmlns="urn:foedus:policy:1" classification="LEVEL 0"/></extensions>'
    out.append(f"</securityCategoryTagSets>{extension if rng.random() < 0.3 else ''}</SPIF>")
    return read_policy("".join(out).encode())


def label(rng: random.Random, policies: list[Policy], depth: int = 0) -> Label:
    """A label that mostly knows its policy, and sometimes names what is not there."""
    under = rng.choice(policies)
    level = rng.choice(under.classifications).name
    if rng.random() < 0.05:
        level = rng.choice((level.lower(), "LEVEL 9", ""))
    categories = _categories(rng, under, rng.choice((0, 0, 1, 1, 2, 3)))
    if rng.random() < 0.05:
        type = rng.choice(list(TagType))
        categories = (*categories, Category(rng.choice(("Set 0", "Set 9")), type, frozenset({"V0", "nowhere"})))
    succession = None
    if depth < 2 and rng.random() < 0.15:
        succession = Succession(rng.randrange(100), label(rng, policies, depth + 1))
    name = rng.choice((under.name, under.name, under.name.lower(), "", "NOWHERE" if rng.random() < 0.1 else under.name))
    return Label(name, level, categories, "", succession, under.id if not name or rng.random() < 0.5 else "")


def clearance(rng: random.Random, policies: list[Policy]) -> Clearance:
    under = rng.choice(policies)
    levels = [c.name for c in under.classifications]
    held = frozenset(rng.sample(levels, rng.randint(1, len(levels)))) | ({"LEVEL 9"} if rng.random() < 0.1 else set())
    return Clearance(under.name, held, _categories(rng, under, rng.randint(3, 14)), under.id)


def _categories(rng: random.Random, under: Policy, count: int) -> tuple[Category, ...]:
    slots = rng.sample(list(under.slots()), min(count, len(under.slots())))
    return merged(Category(s.tag_set.name, s.tag.kind.type, frozenset({s.value.name})) for s in slots)


def _tag(rng: random.Random, tag_set: int, number: int) -> tuple[tuple[str, str], list[tuple[str, str]]]:
    kind = rng.choice(KINDS if rng.random() < 0.15 else KINDS[:5])
    return kind, [(f"V{number * 3 + v}", str(number * 3 + v)) for v in range(3)]


def _type(kind: tuple[str, str]) -> str:
    return f'tagType="{kind[0]}"' + (f' enumType="{kind[1]}"' if kind[1] else "")
