"""STIX marking definitions: what each means, and how a label is carried by one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foedus.kernel.clearancetext import read_clearance
from foedus.kernel.label import Label, Succession
from foedus.kernel.labeltext import read_label
from foedus.kernel.policy import decide
from foedus.kernel.policyset import PolicySet
from foedus.kernel.spif import read_policy
from foedus.kernel.stixmarking import (
    ACS_EXTENSION,
    EXTENSION_ID,
    TLP1_IDS,
    TLP2_IDS,
    Means,
    extension_objects,
    marking_for,
    meaning,
    tlp_label,
)  # fmt: skip


@pytest.mark.parametrize("table", [TLP1_IDS, TLP2_IDS])
def test_fixed_ids_mean_their_tlp_whatever_is_submitted(table):
    for level, id in table.items():
        lie = {"type": "marking-definition", "id": id, "definition_type": "tlp", "definition": {"tlp": "white"}}
        assert meaning(lie).labels == (tlp_label(level),)


@pytest.mark.parametrize(
    "text", ["ALLIANCE SECRET Releasable to Japan", "TLP:AMBER+STRICT", "ALLIANCE RESTRICTED - STAFF"]
)
def test_markings_carry_their_label(ours, text):
    label = read_label(text, ours)
    made = marking_for(label, ours)
    assert made == marking_for(read_label(text, ours), ours)
    assert made["name"] == text
    found = meaning(json.loads(json.dumps(made)))
    assert found.means is Means.LABELS and ours.resolve(found.labels[0]) == label


def test_our_markings_and_extension_are_valid_stix(ours):
    from stix2validator import ValidationOptions, validate_instance

    made = marking_for(read_label("ALLIANCE SECRET Releasable to Japan", ours), ours)
    for obj in (made, marking_for(read_label("TLP:RED", ours), ours), *extension_objects()):
        result = validate_instance(obj, ValidationOptions(version="2.1"))
        assert result.is_valid, (obj, [str(e) for e in result.errors])


def test_an_id_cannot_be_given_another_meaning(ours):
    made = marking_for(read_label("ALLIANCE SECRET", ours), ours)
    made["extensions"][EXTENSION_ID]["confidentiality_information"]["classification"] = "UNCLASSIFIED"
    assert meaning(made).means is Means.UNKNOWN


def test_a_label_with_succession_round_trips(ours):
    label = read_label("ALLIANCE SECRET", ours)
    then = read_label("ALLIANCE UNCLASSIFIED", ours)
    label = Label(label.policy, label.classification, label.categories, "X", Succession(7, then), label.policy_id)
    assert meaning(marking_for(label, ours)).labels == (label,)


def marking(**members):
    return {"type": "marking-definition", "id": "marking-definition--00000000-0000-4000-8000-000000000001", **members}


def test_statements_limit_nobody_and_the_unknown_denies():
    statement = marking(definition_type="statement", definition={"statement": "(c) us"})
    assert meaning(statement).means is Means.NO_RESTRICTION
    for strange in (
        marking(), marking(definition_type="iep", definition={}), marking(extensions={"extension-definition--x": {}}),
        marking(definition_type="tlp", definition={"tlp": "pink"}), marking(definition_type="tlp"),
        marking(extensions=[]), {"type": "report"}, {}, marking(extensions={EXTENSION_ID: {"deep": 1}}),
        {**statement, "extensions": {"extension-definition--x": {}}},
    ):  # fmt: skip
        assert meaning(strange).means is Means.UNKNOWN, strange


def acs(**control):
    return marking(extensions={ACS_EXTENSION: {"extension_type": "property-extension", "control_set": control}})


def test_acs_denies_unless_a_policy_maps_it(ours):
    (label,) = meaning(acs(classification="U", formal_determination=["FOUO"])).labels
    who = read_clearance("ALLIANCE TOP SECRET for FIN", ours)
    assert not decide([label], who, ours, 0).permit
    alliance = ours.find("ALLIANCE")
    mapping = read_policy(
        f"""<SPIF><securityPolicyId name="ACS" id="2.25.7"/>
        <equivalentPolicies><equivalentPolicy name="ALLIANCE" id="{alliance.id}"><requiredCategory operation="all">
          <categoryGroup tagSetRef="Context" tagType="permissive" lacv="1001"/></requiredCategory></equivalentPolicy>
        </equivalentPolicies>
        <securityClassifications><securityClassification name="U" lacv="1" hierarchy="1">
          <equivalentClassification policyRef="ALLIANCE" lacv="2" applied="encrypt"/></securityClassification>
        </securityClassifications>
        <securityCategoryTagSets><securityCategoryTagSet name="formal_determination" id="2.25.7.1">
          <securityCategoryTag name="f" tagType="restrictive"><tagCategory name="FOUO" lacv="1">
            <equivalentSecCategoryTag policyRef="ALLIANCE" tagSetId="x" tagType="restrictive" lacv="" applied="encrypt"
              action="discard"/></tagCategory></securityCategoryTag></securityCategoryTagSet></securityCategoryTagSets>
        </SPIF>""".encode()
    )
    mapped = PolicySet([*ours, mapping])
    assert decide([label], who, mapped, 0).permit
    assert not decide([label], read_clearance("ALLIANCE UNCLASSIFIED for FIN", ours), mapped, 0).permit
    for control in ({"classification": "U", "formal_determination": ["FOUO", "PII"]}, {"classification": "TS"},
                    {"classification": "U", "caveat": "NOFORN"}, {}):  # fmt: skip
        assert not decide(meaning(acs(**control)).labels, who, mapped, 0).permit


def test_shared_markings_are_understood(shared_data):
    found = set()
    for file in (shared_data / "stix" / "valid").rglob("*.json"):
        try:
            content = json.loads(file.read_bytes())
        except ValueError:
            continue
        for obj in content.get("objects", [content]) if isinstance(content, dict) else []:
            if isinstance(obj, dict) and obj.get("type") == "marking-definition":
                found.add(meaning(obj).means)
    assert Means.LABELS in found


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                    lambda x: st.lists(x, max_size=3) | st.dictionaries(
                        st.sampled_from(["type", "id", "definition", "definition_type", "extensions", "tlp", "tlp_2_0",
                                         EXTENSION_ID, ACS_EXTENSION, "confidentiality_information", "control_set"]),
                        x, max_size=4), max_leaves=12))  # fmt: skip
def test_any_object_has_a_meaning(content):
    obj = {"type": "marking-definition", **content} if isinstance(content, dict) else {"type": content}
    found = meaning(obj)
    assert bool(found.labels) == (found.means is Means.LABELS)
