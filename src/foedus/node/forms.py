"""The label picker's choices, straight from the policy files."""

from __future__ import annotations

from typing import Any

from foedus.kernel.label import Label
from foedus.kernel.labeltext import write_label
from foedus.kernel.marking import class_phrase, colours, value_phrase
from foedus.kernel.policymodel import TagSet
from foedus.kernel.policyset import PolicySet
from foedus.kernel.securitypolicy import Policy


def label_choices(policies: PolicySet, default: Label, lang: str) -> dict[str, Any]:
    """{"policies": [{"name", "classifications", "tag_sets"}], "default": TEXT}: what a picker may offer."""
    return {
        "policies": [_policy(policy, lang) for policy in policies],
        "default": write_label(default, policies),
    }


def _policy(policy: Policy, lang: str) -> dict[str, Any]:
    levels = sorted(policy.classifications, key=lambda level: level.hierarchy)
    return {
        "name": policy.name,
        "classifications": [
            {
                "name": level.name,
                "phrase": class_phrase(level, policy, lang) or level.name,
                "colours": colours(Label(policy.name, level.name), policy),
            }
            for level in levels
            if not level.obsolete and not level.unusable
        ],
        "tag_sets": [_tag_set(policy, tag_set, lang) for tag_set in policy.tag_sets],
    }


def _tag_set(policy: Policy, tag_set: TagSet, lang: str) -> dict[str, Any]:
    slots = [slot for slot in policy.slots() if slot.tag_set.name == tag_set.name]
    return {
        "name": tag_set.name,
        "type": tag_set.tags[0].kind.type.value if tag_set.tags else "UNKNOWN",
        "single": any(tag.most == 1 for tag in tag_set.tags),
        "values": [
            {
                "name": slot.value.name,
                "phrase": value_phrase(slot, lang) or slot.value.name,
                "excluded": sorted(slot.value.excluded_classes),
            }
            for slot in slots
            if not slot.value.obsolete and not slot.value.unusable
        ],
    }
