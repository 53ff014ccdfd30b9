"""STIX 2.1 marking definitions and labels, in both directions.

TLP has fixed ids: they mean their TLP whatever a submitted definition says. Every other label is carried by a marking
definition of ours, whose id follows from the label alone, so that every node makes the same one. The label's content
stands in it as STANAG 4774 in JSON, under our extension definition.

What a marking means is one of three things: labels; no restriction on who may read (statements such as a
copyright); or unknown, which denies.

Source: STIX 2.1 chapter 7.2; TLP 2.0 extension of OASIS; ACS 3.0 extension; the JSON follows the de facto
`ConfidentialityInformation` form of the ZTDF assertions, as no normative JSON form of STANAG 4774 exists, with its
names in the lower case that STIX demands of property names.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import rfc8785

from foedus.kernel import marking
from foedus.kernel.label import MAX_SUCCESSORS, Category, Label, Succession, TagType, merged
from foedus.kernel.policyset import PolicySet
from foedus.kernel.stanag4774 import read_time, write_time

EXTENSION_ID = "extension-definition--0c2f1d7e-64c1-5b8e-9b52-3d3f6a0c9d11"
TLP2_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
ACS_EXTENSION = "extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce"

TLP = "TLP"
ACS = "ACS"
TLP1_IDS = {
    "WHITE": "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
    "GREEN": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
    "AMBER": "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
    "RED": "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
}
TLP2_IDS = {
    "CLEAR": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "GREEN": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "AMBER": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "AMBER+STRICT": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    "RED": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}

_NAMESPACE = uuid.UUID("6f1b7a52-1d0a-5c6b-8a3e-2f9c4b7d8e60")  # ours, for ids of marking definitions
_CREATED = "2025-11-01T00:00:00.000Z"  # of everything made here: the same label gives the same object at every node
_IDENTITY = "identity--7b2c8a94-5f0e-5d3a-9c41-8e6d2a1f7b30"
_STATEMENTS = frozenset({"statement"})
_BY_ID = {id: level for table in (TLP1_IDS, TLP2_IDS) for level, id in table.items()}


class Means(Enum):
    LABELS = "labels"
    NO_RESTRICTION = "no-restriction"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a marking definition says about who may read. `labels` is not empty exactly where `means` is LABELS."""

    means: Means
    labels: tuple[Label, ...] = ()
    reason: str = ""  # why it is unknown


def tlp_label(level: str) -> Label:
    """The label of a TLP level, TLP 1's WHITE as CLEAR."""
    return Label(TLP, "CLEAR" if level.upper() == "WHITE" else level.upper())


def meaning(obj: Mapping[str, Any]) -> Meaning:
    """What a marking definition means. Labels are as the object spells them; resolve them under the policies.

    Never raises: what cannot be understood is UNKNOWN, and that denies.
    """
    try:
        return _meaning(obj)
    except Exception as error:
        return Meaning(Means.UNKNOWN, reason=f"the marking cannot be read: {type(error).__name__}")


def meaning_of_id(id: str) -> Meaning | None:
    """What an id means by itself: the fixed TLP ids; None for every other."""
    level = _BY_ID.get(id)
    return None if level is None else Meaning(Means.LABELS, (tlp_label(level),))


def marking_for(label: Label, policies: PolicySet, lang: str = "en") -> dict[str, Any]:
    """The marking definition that carries a label: TLP's own object for a TLP label, else one of ours.

    Equal labels give equal objects, at every node. Raises PolicyRefused for a label that is not under these policies.
    """
    policy = policies.of(label)
    label = policies.resolve(label)
    name = marking.display(label, policy, lang)
    plain = not label.categories and not label.privacy_mark and label.succession is None
    if label.policy == TLP and plain and label.classification in TLP2_IDS:
        return tlp_marking(label.classification)
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": marking_id(label),
        "created": _CREATED,
        "name": name,
        "extensions": {EXTENSION_ID: {"extension_type": "property-extension", **label_json(label)}},
    }


def marking_id(label: Label) -> str:
    """The id of our marking definition for a resolved label: it follows from the content, so that nobody can give an
    id another meaning."""
    return f"marking-definition--{uuid.uuid5(_NAMESPACE, rfc8785.dumps(label_json(label)).decode())}"


def tlp_marking(level: str) -> dict[str, Any]:
    """The TLP 2.0 marking definition of a level, as OASIS published it."""
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": TLP2_IDS[level],
        "created": "2022-10-01T00:00:00.000Z",
        "name": f"TLP:{level}",
        "extensions": {TLP2_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": level.lower()}},
    }


def extension_objects() -> tuple[dict[str, Any], ...]:
    """The extension definition of our marking definitions, and the identity that created it."""
    return (
        {
            "type": "identity",
            "spec_version": "2.1",
            "id": _IDENTITY,
            "created": _CREATED,
            "modified": _CREATED,
            "name": "Foedus",
            "identity_class": "organization",
        },
        {
            "type": "extension-definition",
            "spec_version": "2.1",
            "id": EXTENSION_ID,
            "created_by_ref": _IDENTITY,
            "created": _CREATED,
            "modified": _CREATED,
            "name": "Confidentiality label",
            "description": "A STANAG 4774 confidentiality label in JSON, carried by a marking definition.",
            "schema": "urn:foedus:stix:confidentiality-label:1",
            "version": "1.0.0",
            "extension_types": ["property-extension"],
        },
    )


# The label in JSON


def label_json(label: Label) -> dict[str, Any]:
    """The label's content as JSON, in one canonical form."""
    information: dict[str, Any] = {
        "policy_identifier": label.policy,
        "classification": label.classification,
        "category": [
            {"tag_name": c.tag_set, "type": c.type.value, "generic_values": sorted(c.values)} for c in label.categories
        ],
    }
    if label.policy_id:
        information["policy_identifier_uri"] = f"urn:oid:{label.policy_id}"
    if label.privacy_mark:
        information["privacy_mark"] = label.privacy_mark
    out: dict[str, Any] = {"confidentiality_information": information}
    if label.succession is not None:
        out["succession_handling"] = {
            "succession_date_time": write_time(label.succession.at),
            "successor_confidentiality_label": label_json(label.succession.label),
        }
    return out


def label_from_json(content: Mapping[str, Any], depth: int = 0) -> Label:
    """The label in our JSON form. Raises ValueError, KeyError or TypeError where it is not that form; unknown members
    are refused, because they might restrict."""
    if depth > MAX_SUCCESSORS:
        raise ValueError("too many successors")
    _only(content, {"extension_type", "confidentiality_information", "succession_handling"})
    info = content["confidentiality_information"]
    _only(info, {"policy_identifier", "policy_identifier_uri", "classification", "category", "privacy_mark"})
    succession = None
    if (handling := content.get("succession_handling")) is not None:
        _only(handling, {"succession_date_time", "successor_confidentiality_label"})
        successor = label_from_json(handling["successor_confidentiality_label"], depth + 1)
        succession = Succession(read_time(_string(handling["succession_date_time"])), successor)
    return Label(
        _string(info["policy_identifier"]),
        _string(info["classification"]),
        merged(_category(c) for c in _list(info.get("category", []))),
        _string(info.get("privacy_mark", "")),
        succession,
        _string(info.get("policy_identifier_uri", "")).removeprefix("urn:oid:"),
    )


def _category(content: Any) -> Category:
    _only(content, {"tag_name", "type", "generic_values"})
    values = frozenset(_string(v) for v in _list(content["generic_values"]))
    if not values:
        raise ValueError("a category without values")
    stated = _string(content["type"]).upper()
    return Category(
        _string(content["tag_name"]), TagType(stated) if stated in TagType.__members__ else TagType.UNKNOWN, values
    )


# Meanings


def _meaning(obj: Mapping[str, Any]) -> Meaning:
    if obj.get("type") != "marking-definition":
        return Meaning(Means.UNKNOWN, reason="not a marking definition")
    if (fixed := meaning_of_id(str(obj.get("id", "")))) is not None:
        return fixed
    labels: list[Label] = []
    understood = False
    extensions = obj.get("extensions", {})
    if not isinstance(extensions, Mapping):
        return Meaning(Means.UNKNOWN, reason="extensions is not an object")
    if EXTENSION_ID in extensions and marking_id(label_from_json(extensions[EXTENSION_ID])) != obj.get("id"):
        return Meaning(Means.UNKNOWN, reason="the id does not follow from the label that the marking carries")
    for id, content in extensions.items():
        found = _extension(str(id), content)
        if found is None:
            return Meaning(Means.UNKNOWN, reason=f"the extension {id} is not known")
        labels += found
        understood = True
    kind = obj.get("definition_type")
    if kind is not None:
        found = _definition(kind, obj.get("definition"))
        if found is None:
            return Meaning(Means.UNKNOWN, reason=f"the definition type {kind!r} is not known")
        labels += found
        understood = True
    if labels:
        return Meaning(Means.LABELS, tuple(dict.fromkeys(labels)))
    if understood:
        return Meaning(Means.NO_RESTRICTION)
    return Meaning(Means.UNKNOWN, reason="the marking has neither a definition nor an extension")


def _extension(id: str, content: Any) -> list[Label] | None:
    """The labels that one extension states; [] where it limits nobody, None where it is not known."""
    if id == EXTENSION_ID:
        return [label_from_json(content)]
    if id == TLP2_EXTENSION:
        level = _string(content["tlp_2_0"]).upper()
        return [tlp_label(level)] if level in TLP2_IDS else None
    if id == ACS_EXTENSION:
        return [acs_label(content)]
    return None


def _definition(kind: Any, definition: Any) -> list[Label] | None:
    if kind == "tlp":
        level = _string(definition["tlp"]).upper()
        return [tlp_label(level)] if level in TLP1_IDS or level in TLP2_IDS else None
    return [] if kind in _STATEMENTS else None


def acs_label(content: Mapping[str, Any]) -> Label:
    """An ACS marking as a label under the policy ACS, which no node has unless a policy file of that name is given: so
    it denies, unless such a file validates it and maps it.

    Everything in the marking is kept, as restrictive values of tag sets that are named like its members, so that
    nothing that restricts falls away.
    """
    control = content.get("control_set") or {}
    found: list[Category] = []
    for member, stated in control.items():
        if member != "classification":
            values = frozenset(_leaves(stated))
            found.append(Category(str(member), TagType.RESTRICTIVE, values or frozenset({"?"})))
    for member in sorted(set(content) - {"control_set", "extension_type", "name", "identifier", "create_date_time"}):
        if values := frozenset(_leaves(content[member])):
            found.append(Category(str(member), TagType.RESTRICTIVE, values))
    return Label(ACS, str(control.get("classification", "")), merged(found))


def _leaves(content: Any) -> list[str]:
    if isinstance(content, Mapping):
        return [f"{key}:{leaf}" for key, value in content.items() for leaf in _leaves(value)]
    if isinstance(content, list | tuple):
        return [leaf for value in content for leaf in _leaves(value)]
    return [str(content)]


def _only(content: Any, members: set[str]) -> None:
    if not isinstance(content, Mapping):
        raise TypeError("not an object")
    if strange := set(content) - members:
        raise ValueError(f"unknown members {sorted(strange)}")


def _string(content: Any) -> str:
    if not isinstance(content, str):
        raise TypeError("not a string")
    return content


def _list(content: Any) -> list[Any]:
    if not isinstance(content, list):
        raise TypeError("not a list")
    return content
