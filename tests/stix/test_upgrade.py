"""STIX 2.0 is refused by name, and raised to 2.1 when asked."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from foedus.kernel.record import read_input
from foedus.kernel.stix import upgrade, validate

from .samples import TYPES, UUID4, UUID5, sample

TIME = "2016-04-06T20:03:48Z"


def old(kind: str, **properties: Any) -> dict[str, Any]:
    """An object as STIX 2.0 has it: no spec_version, times of whole seconds."""
    return {"type": kind, "id": f"{kind}--{UUID4}", "created": TIME, "modified": TIME, **properties}


OLD = [
    old("attack-pattern", name="A", kill_chain_phases=[{"kill_chain_name": "k", "phase_name": "p"}]),
    old("campaign", name="C"),
    old("course-of-action", name="C"),
    old("identity", name="I", identity_class="organization", labels=["l"]),
    old("indicator", labels=["malicious-activity"], pattern="[file:name = 'a']", valid_from=TIME),
    old("intrusion-set", name="I"),
    old("malware", name="M", labels=["ransomware"]),
    old("report", name="R", labels=["campaign"], published=TIME, object_refs=[f"malware--{UUID4}"]),
    old("threat-actor", name="T", labels=["crime-syndicate"]),
    old("tool", name="T", labels=["remote-access"]),
    old("vulnerability", name="V"),
    old("relationship", relationship_type="uses", source_ref=f"tool--{UUID4}", target_ref=f"malware--{UUID4}"),
    old("sighting", sighting_of_ref=f"malware--{UUID4}"),
    old("x-acme-thing", some_value=1),
    {
        "type": "marking-definition",
        "id": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
        "created": "2017-01-20T00:00:00.000Z",
        "definition_type": "tlp",
        "definition": {"tlp": "green"},
    },
    old(
        "observed-data",
        first_observed=TIME,
        last_observed=TIME,
        number_observed=1,
        objects={
            "0": {"type": "file", "name": "f", "hashes": {"SHA256": "0" * 64}, "is_encrypted": False},
            "1": {"type": "process", "pid": 1, "name": "n", "arguments": ["-v"], "created": TIME, "image_ref": "0"},
            "2": {"type": "windows-registry-key", "key": "hklm\\system", "modified": TIME},
            "3": {"type": "user-account", "user_id": "u", "password_last_changed": TIME},
        },
    ),
]
BUNDLE = {"type": "bundle", "id": f"bundle--{UUID4}", "spec_version": "2.0", "objects": OLD}


def test_a_bundle_of_stix_20_is_refused_by_name_with_the_way_out() -> None:
    found = read_input(json.dumps(BUNDLE).encode())
    (fault,) = found.faults
    assert (fault.code, fault.index, fault.path) == ("stix-2.0", -1, "spec_version")
    assert "--upgrade" in fault.message
    assert (found.valid, found.total) == ([], len(OLD))


def test_a_bundle_of_stix_20_is_raised_when_asked() -> None:
    found = read_input(json.dumps(BUNDLE).encode(), upgrade=True)
    assert found.faults == []
    assert len(found.valid) == len(OLD)
    assert {item.obj["spec_version"] for item in found.valid} == {"2.1"}
    assert [json.loads(item.body) for item in found.valid] == [item.obj for item in found.valid]


@pytest.mark.parametrize("obj", OLD, ids=lambda obj: obj["type"])
def test_every_object_is_raised_to_a_valid_one_and_stays_itself(obj: dict[str, Any]) -> None:
    assert validate(obj), "it is not valid before"
    before = copy.deepcopy(obj)
    raised = upgrade(obj)
    assert validate(raised) == []
    assert obj == before
    assert raised["id"] == obj["id"]
    assert upgrade(raised) == raised


@pytest.mark.parametrize("kind", TYPES)
def test_what_is_21_already_is_left_alone(kind: str) -> None:
    assert upgrade(sample(kind)) == sample(kind)


def raised(kind: str) -> dict[str, Any]:
    return upgrade(next(obj for obj in OLD if obj["type"] == kind))


def test_kinds_move_from_labels_to_their_own_property() -> None:
    for kind, name in (("tool", "tool_types"), ("malware", "malware_types"), ("report", "report_types")):
        obj = raised(kind)
        assert "labels" not in obj
        assert obj[name]
    assert raised("identity")["labels"] == ["l"], "those of an identity say nothing of its kind"


def test_what_21_requires_and_20_left_unsaid() -> None:
    assert raised("malware")["is_family"] is True
    assert raised("indicator")["pattern_type"] == "stix"
    assert raised("indicator")["pattern_version"] == "2.0"
    assert raised("tool")["created"] == "2016-04-06T20:03:48.000Z"
    assert raised("marking-definition")["name"] == "TLP:GREEN"


def test_observables_keep_what_21_dropped_under_names_of_their_own() -> None:
    members = raised("observed-data")["objects"]
    assert members["0"] == {
        "type": "file",
        "name": "f",
        "hashes": {"SHA-256": "0" * 64},
        "x_stix20_is_encrypted": False,
    }
    assert members["1"]["created_time"] == TIME
    assert members["1"]["x_stix20_arguments"] == ["-v"]
    assert members["2"] == {"type": "windows-registry-key", "key": "HKEY_LOCAL_MACHINE\\system", "modified_time": TIME}
    assert members["3"]["credential_last_changed"] == TIME


def test_a_key_twice_is_found_in_old_input_too() -> None:
    data = json.dumps(BUNDLE).replace('"name": "V"', '"name": "U", "name": "V"').encode()
    found = read_input(data, upgrade=True)
    assert [(fault.code, fault.path) for fault in found.faults] == [("duplicate-key", "name")]
    assert len(found.valid) == len(OLD) - 1


def test_an_observable_without_spec_version_is_21() -> None:
    obj = {"type": "mutex", "id": f"mutex--{UUID5}", "name": "m"}
    assert upgrade(obj) is obj
