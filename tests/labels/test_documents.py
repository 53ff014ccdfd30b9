"""Labels in other people's documents: STANAG 4774 and native XML, bindings, STIX markings, `label check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from foedus.kernel import stanag4774, stanag4778
from foedus.kernel.clearancetext import read_clearance
from foedus.kernel.errors import PolicyRefused, Refused
from foedus.kernel.label import Category, Label, Succession, TagType
from foedus.kernel.labelcheck import check
from foedus.kernel.labeltext import read_label
from foedus.kernel.nativelabel import read_any_clearance, read_any_label, write_native_clearance, write_native_label
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

LABEL = "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0"


def xml(inner, root="originatorConfidentialityLabel", more=""):
    return (
        f'<{root} xmlns="{LABEL}"><ConfidentialityInformation><PolicyIdentifier>ALLIANCE</PolicyIdentifier>'
        f"<Classification>secret</Classification>{inner}</ConfidentialityInformation>{more}</{root}>"
    ).encode()


CONTEXT = '<Category TagName="Context" Type="PERMISSIVE"><GenericValue>ALLIANCE</GenericValue></Category>'


# STANAG 4774


@pytest.mark.parametrize("root", ["originatorConfidentialityLabel", "OriginatorConfidentialityLabel",
                                  "alternativeConfidentialityLabel", "metadataConfidentialityLabel"])  # fmt: skip
def test_labels_are_read_leniently(ours, root):
    assert read_any_label(xml(CONTEXT, root), ours) == read_label("ALLIANCE SECRET", ours)


def test_a_label_with_all_its_parts_round_trips(ours):
    then = read_label("ALLIANCE UNCLASSIFIED", ours)
    label = read_label("ALLIANCE SECRET Releasable to Japan - STAFF", ours)
    label = Label(label.policy, label.classification, label.categories, "COVERING LETTER",
                  Succession(1_893_456_000_123_456, then), label.policy_id)  # fmt: skip
    around = stanag4774.LabelDocument("alternativeConfidentialityLabel", "anna", "emailAddress", 1_000_000, 2_000_000)
    written = stanag4774.write_label(label, around)
    assert stanag4774.read_label_document(written) == (label, around)
    assert b'URI="urn:oid:2.25.' in written and b'Type="PERMISSIVE"' in written


def test_the_policy_files_own_example_is_read(shared):
    text = (
        f'<s:OriginatorConfidentialityLabel xmlns:s="{LABEL}" ReviewDateTime="2020-08-02T14:06:20.9873126Z">'
        '<s:ConfidentialityInformation><s:PolicyIdentifier URL="urn:oid:1.3.26.1.3.1">nato</s:PolicyIdentifier>'
        '<s:Classification>unclassified</s:Classification><s:Category TagName="Context" Type="PERMISSIVE">'
        "<s:GenericValue>NATO</s:GenericValue></s:Category></s:ConfidentialityInformation>"
        "<s:CreationDateTime>2015-08-02T14:06:20.9873126Z</s:CreationDateTime></s:OriginatorConfidentialityLabel>"
    )
    assert read_any_label(text.encode(), shared) == read_label("NATO UNCLASSIFIED", shared)
    assert stanag4774.read_label_document(text.encode())[1].review == 1_596_377_180_987_312


@pytest.mark.parametrize(
    "document",
    [
        xml('<Category TagName="Context" Type="PERMISSIVE"/>'),
        xml('<Category Type="PERMISSIVE"><GenericValue>ALLIANCE</GenericValue></Category>'),
        xml('<Category TagName="Context" Type="PERMISSIVE"><BitValue>1</BitValue></Category>'),
        xml("<Classification>UNCLASSIFIED</Classification>"),
        xml(CONTEXT, more="<SuccessionHandling/>"),
        xml(CONTEXT, more="<SuccessionHandling><SuccessionDateTime>soon</SuccessionDateTime></SuccessionHandling>"),
        xml(CONTEXT, "somethingElse"),
        xml(CONTEXT).replace(b"ALLIANCE</Policy", b"</Policy"),
        xml(CONTEXT).replace(b"<PolicyIdentifier>", b'<PolicyIdentifier URI="urn:oid:1.2.3">'),
        xml('<Category TagName="Context" Type="ADVISORY"><GenericValue>ALLIANCE</GenericValue></Category>'),
        xml('<Category TagName="Context" Type="RESTRICTIVE"><GenericValue>ALLIANCE</GenericValue></Category>'),
    ],
)
def test_faulty_labels_are_refused(ours, document):
    with pytest.raises(PolicyRefused):
        read_any_label(document, ours)


def test_clearances_round_trip(ours, shared):
    for text in ("ALLIANCE SECRET for FIN", "NATO TOP SECRET for member FIN; Additional Sensitivity: all"):
        (held,) = read_clearance(text, shared)
        assert read_any_clearance(stanag4774.write_clearance(held), shared) == held
        assert read_any_clearance(write_native_clearance(held, shared), shared) == held
    with pytest.raises(PolicyRefused):
        stanag4774.read_clearance(xml(CONTEXT))


# Native


def test_native_and_stanag_say_the_same(shared, labels_data):
    for number in (1, 2):
        one = read_any_label((labels_data / f"nato-4774-17-{number}.xml").read_bytes(), shared)
        assert one == read_any_label((labels_data / f"nato-4774-17-{number}.nato").read_bytes(), shared)
        assert read_any_label(write_native_label(one, shared), shared) == one


def test_only_numbers_count_in_the_native_form(shared, labels_data):
    data = (labels_data / "food-label-cheap-milk-chocolate.xml").read_bytes()
    assert read_any_label(data, shared).classification == "Commodity"  # whatever the text inside says
    for old, new in ((b"lacv='51'", b"lacv='99'"), (b"permissive", b"mystery"), (b"lacv='6'", b"lacv='66'"),
                     (b"6726289.0.0'>Food", b"6726289.9.9'>Food")):  # fmt: skip
        with pytest.raises(PolicyRefused):
            read_any_label(data.replace(old, new), shared)


# STANAG 4778


def test_bindings(ours):
    secret, public = read_label("ALLIANCE SECRET", ours), read_label("ALLIANCE UNCLASSIFIED", ours)
    a, b = stanag4778.Data("a.json", b'{"a":1}'), stanag4778.Data("b.json", b"{}")
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    signed = stanag4778.bind([(secret, [a]), (public, [b])], stanag4778.Signer("FIN-1", key))
    contents = {"a.json": a.content, "b.json": b.content}
    assert stanag4778.read_binding(signed) == ((secret, ("a.json",)), (public, ("b.json",)))
    assert stanag4778.verify(signed, key.public_key(), contents)
    assert not stanag4778.verify(signed, other.public_key(), contents)
    assert not stanag4778.verify(signed, key.public_key(), contents | {"a.json": b"{}"})
    assert not stanag4778.verify(signed, key.public_key(), {"a.json": a.content})
    assert not stanag4778.verify(signed.replace(b">SECRET<", b">RESTRICTED<"), key.public_key(), contents)
    assert not stanag4778.verify(signed.replace(b'"b.json"', b'"a.json"'), key.public_key(), contents)
    unsigned = stanag4778.bind([(secret, [a])])
    assert b"Signature" not in unsigned and not stanag4778.verify(unsigned, key.public_key(), contents)
    assert b"a.json" not in stanag4778.bind([(secret, [a])], encapsulate=True)
    with pytest.raises(PolicyRefused):
        stanag4778.bind([])


# STIX


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


# label check


def test_check_on_the_shared_examples(labels_data):
    nato, food = ((labels_data / f).read_bytes() for f in ("nato-4774-policy.xml", "food-policy.xml"))
    label = (labels_data / "nato-4774-17-1.nato").read_bytes()
    answer = check([nato, food], label, None, "fr", 0)
    assert answer["valid"] and answer["decision"] is None
    assert answer["marking"] == "NATO SANS CLASSIFICATION Communicable a ISAF, KFOR, RESOLUTE SUPPORT"
    for name, clearance, valid, decision in (
        ("milk-chocolate", "all-okay", True, "permit"),
        ("milk-chocolate", "lactose-intolerant", True, "deny"),
        ("cheap-milk-chocolate", "all-okay", False, "deny"),
    ):
        label = (labels_data / f"food-label-{name}.xml").read_bytes()
        held = (labels_data / f"food-clearance-{clearance}.xml").read_bytes()
        answer = check([nato, food], label, held, "en", 0)
        assert (answer["valid"], answer["decision"]) == (valid, decision)
        assert answer["reason"] and any("securityCategiryTagSet" in w for w in answer["warnings"])


def test_check_never_raises():
    for policies, label, clearance in (
        ([], b"", None), ([b"junk"], b"<label/>", b"x"), ([b"<SPIF/>"], "\ud800", "\x00"),
        ([b""], b"\xff\xfe\x00", None),
        ([b"<SPIF/>"], b"<" * 100, None),
    ):  # fmt: skip
        answer = check(policies, label, clearance, "xx", 0)
        assert answer["valid"] is False and answer["reason"]
        assert answer["decision"] == (None if clearance is None else "deny")
        json.dumps(answer)


def test_check_reads_text_and_an_unreadable_clearance_denies():
    alliance = (Path(__file__).resolve().parents[2] / "policies" / "alliance.xml").read_bytes()
    answer = check([alliance], "ALLIANCE SECRET Releasable to Japan", "ALLIANCE SECRET for JPN", "fr", 0)
    assert (answer["valid"], answer["decision"]) == (True, "permit")
    assert answer["marking"] == "ALLIANCE SECRET Communicable à Japon"
    answer = check([alliance], "ALLIANCE SECRET", "ALLIANCE SECRET for Narnia", "en", 0)
    assert (answer["valid"], answer["decision"]) == (True, "deny") and "Narnia" in answer["reason"]
    answer = check([alliance], "ALLIANCE SECRET;", None, "en", 0)
    assert not answer["valid"] and answer["faults"][0]["code"] == "required-category"


@given(st.binary(max_size=60))
def test_label_noise_is_refused(ours, data):
    with pytest.raises(Refused):
        read_any_label(data, ours)


def test_unknown_category_types_cannot_be_written():
    label = Label("P", "C", (Category("T", TagType.UNKNOWN, frozenset({"A"})),))
    with pytest.raises(PolicyRefused):
        stanag4774.write_label(label)
