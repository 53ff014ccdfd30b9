"""Why a reader may see a record, in words: one explanation a label, in English or French.

The decision itself is `kernel.policy.decide`; this says which part of the clearance met which part of the label.
"""

from __future__ import annotations

from collections.abc import Sequence

from foedus.kernel.label import Category, Clearance, Label, TagType
from foedus.kernel.marking import class_phrase, value_phrase
from foedus.kernel.policyset import PolicySet
from foedus.kernel.securitypolicy import Policy

_WORDS = {
    "en": {
        "class": "Your {policy} clearance includes {level}.",
        "permissive": "{tags}: you hold {held}, one of those named.",
        "restrictive": "{tags}: you hold everything that is named ({held}).",
        "informative": "{tags}: {held} limits nobody.",
        "mapped": "You hold no {policy} clearance; the policy has an equivalent under {others}, which permits.",
        "open": "{policy} {level} limits nobody.",
    },
    "fr": {
        "class": "Votre habilitation {policy} comprend {level}.",
        "permissive": "{tags} : vous détenez {held}, l'une des valeurs nommées.",
        "restrictive": "{tags} : vous détenez tout ce qui est nommé ({held}).",
        "informative": "{tags} : {held} ne limite personne.",
        "mapped": "Vous n'avez pas d'habilitation {policy} ; la politique a un équivalent sous {others}, qui permet.",
        "open": "{policy} {level} ne limite personne.",
    },
}


def explain(label: Label, clearances: Sequence[Clearance], policies: PolicySet, lang: str) -> str:
    """For a label that the clearances permit: what of them met what of it."""
    words = _WORDS.get(lang, _WORDS["en"])
    policy = policies.find(label.policy, label.policy_id)
    if policy is None:
        return ""
    level = _level(policy, label.classification, lang)
    own = [c for c in clearances if policies.find(c.policy, c.policy_id) is policy]
    if not own:
        if label.classification in policy.unlimited:
            return words["open"].format(policy=policy.name, level=level)
        others = ", ".join(sorted({c.policy for c in clearances}))
        return words["mapped"].format(policy=policy.name, others=others)
    held = next((c for c in own if label.classification in c.classifications), own[0])
    lines = [words["class"].format(policy=policy.name, level=level)]
    lines += [_category(one, held, policy, words, lang) for one in label.categories if one.values]
    return " ".join(lines)


def _category(category: Category, clearance: Clearance, policy: Policy, words: dict[str, str], lang: str) -> str:
    values = category.values
    if category.type is not TagType.INFORMATIVE:
        mine = {v for c in clearance.categories if c.tag_set == category.tag_set for v in c.values}
        values = values & mine
    kind = {TagType.PERMISSIVE: "permissive", TagType.RESTRICTIVE: "restrictive"}.get(category.type, "informative")
    return words[kind].format(tags=category.tag_set, held=_values(policy, category, values, lang))


def _values(policy: Policy, category: Category, values: frozenset[str], lang: str) -> str:
    slots = (policy.slot(category.tag_set, category.type, value) for value in sorted(values))
    return ", ".join(value_phrase(slot, lang) or slot.value.name for slot in slots if slot is not None)


def _level(policy: Policy, name: str, lang: str) -> str:
    found = policy.classification(name)
    return (class_phrase(found, policy, lang) if found is not None else "") or name
