"""Policy files: what is read, what is mended, what is refused, what fails closed."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foedus.config import Limits
from foedus.kernel.clearancetext import read_clearance, write_clearance
from foedus.kernel.errors import LabelRefused, PolicyRefused, Refused, TooLarge
from foedus.kernel.label import Category, Clearance, Label, TagType
from foedus.kernel.labeltext import read_label, write_label
from foedus.kernel.nativelabel import read_any_label, write_native_label
from foedus.kernel.policy import decide
from foedus.kernel.policymodel import Operation, TagKind
from foedus.kernel.policyset import PolicySet
from foedus.kernel.spif import read_policy

POLICIES = Path(__file__).resolve().parents[2] / "policies"
HEAD = '<SPIF><securityPolicyId name="P" id="1.2.3"/>'
CLASSES = (
    '<securityClassifications><securityClassification name="C" lacv="1" hierarchy="1"/>'
    '<securityClassification name="D" lacv="2" hierarchy="2"/></securityClassifications>'
)


def spif(category="", tag='tagType="restrictive"', more="", classes=CLASSES):
    return (
        f'{HEAD}{classes}<securityCategoryTagSets><securityCategoryTagSet name="T" id="1.2.3.1"><securityCategoryTag '
        f'name="T" {tag}><tagCategory name="A" lacv="1">{category}</tagCategory><tagCategory name="B" lacv="2"/>'
        f"{more}</securityCategoryTag></securityCategoryTagSet></securityCategoryTagSets></SPIF>"
    ).encode()


def faults(policy, *values, type=TagType.RESTRICTIVE, level="C", new=False):
    return [f.code for f in policy.faults(Label("P", level, (Category("T", type, frozenset(values)),)), new=new)]


def test_our_policies_read_without_a_warning():
    for file in POLICIES.glob("*.xml"):
        assert read_policy(file.read_bytes()).warnings == ()


def test_nato(labels_data):
    policy = read_policy((labels_data / "nato-4774-policy.xml").read_bytes())
    assert (policy.name, policy.id, policy.warnings) == ("NATO", "1.3.26.1.3.1", ())
    assert [c.name for c in policy.classifications][-1] == "TOP SECRET"
    slot = policy.slot("releasable to", TagType.PERMISSIVE, "fin")
    assert slot and slot.tag.kind is TagKind.ENUMERATED_PERMISSIVE and "TOP SECRET" in slot.value.excluded_classes
    crypto = Category("Additional Sensitivity", TagType.RESTRICTIVE, frozenset({"SIOP ESI"}))
    label = Label("NATO", "SECRET", (crypto,))
    assert policy.faults(label, new=False) == []
    assert [f.code for f in policy.faults(label, new=True)] == ["obsolete"]


def test_a_misspelt_end_tag_is_mended_and_said(labels_data):
    data = (labels_data / "food-policy.xml").read_bytes()
    policy = read_policy(data)
    assert len(policy.warnings) == 1 and "securityCategiryTagSet" in policy.warnings[0]
    assert read_policy(data.replace(b"Categiry", b"Category")).tag_sets == policy.tag_sets


@pytest.mark.parametrize(
    "broken",
    [
        spif().replace(b"</securityCategoryTag></securityCategoryTagSet>", b"</securityCategoryTag>"),  # one missing
        spif().replace(  # interleaved, not misspelt
            b"</securityCategoryTag></securityCategoryTagSet>", b"</securityCategoryTagSet></securityCategoryTag>"
        ),
        spif().replace(b"</SPIF>", b"</Wrong>"),
        spif().replace(b"</SPIF>", b""),
        spif() + b"<x/>",
        spif().replace(b'lacv="2"/>', b"lacv=2/>"),
        spif().replace(b'name="A"', b'name="A" name="B"'),
        spif().replace(b"</SPIF>", b"&bomb;</SPIF>"),
        b"",
        b"<",
        b"\xff\xfe<",
        b"<SPIF>\x00</SPIF>",
        b"<?xml version='1.0' encoding='utf-7'?><SPIF/>",
    ],
)
def test_other_malformed_documents_are_refused(broken):
    with pytest.raises(PolicyRefused):
        read_policy(broken)


def test_bombs_entities_depth_and_size_are_refused():
    bomb = '<!DOCTYPE SPIF [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + spif().decode().replace('"A"', '"&b;"')
    outside = '<!DOCTYPE SPIF SYSTEM "http://127.0.0.1:9/x.dtd">' + spif().decode()
    file = '<!DOCTYPE SPIF [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + spif().decode().replace('"A"', '"&x;"')
    for text in (bomb, outside, file, '<?xml version="1.0"?>\n' + bomb):
        for data in (text.encode(), text.encode("utf-16")):
            with pytest.raises(PolicyRefused):
                read_policy(data)
    for deep in (b"<a>" * 100 + b"</a>" * 100, b"<a>" * 100_000):
        with pytest.raises(PolicyRefused):
            read_policy(deep)
    with pytest.raises(TooLarge):
        read_policy(spif() + b" " * 100, Limits(max_xml_bytes=len(spif())))


def test_namespaces_encodings_and_content_decide_not_names():
    plain = read_policy(spif())
    spaced = spif().replace(b"<SPIF>", b'<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="3.0">')
    assert read_policy(spaced).tag_sets == plain.tag_sets
    assert read_policy(spif().decode().encode("utf-16")).tag_sets == plain.tag_sets
    with pytest.raises(PolicyRefused, match="root element"):
        read_policy(b"<originatorConfidentialityLabel/>")
    with pytest.raises(PolicyRefused, match="root element"):
        read_policy(spif().replace(b"<SPIF>", b'<SPIF xmlns="urn:other">'))


@pytest.mark.parametrize(
    "tag", ['tagType="secretive"', "", 'tagType="enumerated"', 'tagType="enumerated" enumType="x"']
)
def test_an_unknown_tag_type_always_denies(tag):
    policy = read_policy(spif(tag=tag))
    assert any("not known" in w for w in policy.warnings)
    for type in TagType:
        label = Label("P", "C", (Category("T", type, frozenset({"A"})),))
        held = Clearance("P", frozenset({"C"}), tuple(Category("T", t, frozenset({"A", "B"})) for t in TagType))
        assert not decide([label], [held], PolicySet([policy]), 0).permit


@pytest.mark.parametrize(
    ("category", "code"),
    [
        ("<excludedClass>c</excludedClass>", "excluded-class"),
        ("<requiredClass>D</requiredClass>", "required-class"),
        ('<requiredCategory operation="all"><categoryGroup tagSetRef="T" tagType="restrictive" lacv="2"/>'
         "</requiredCategory>", "required-category"),
        ('<requiredCategory operation="most"><categoryGroup tagSetRef="T" tagType="restrictive" lacv="1"/>'
         "</requiredCategory>", "required-category"),
        ('<requiredCategory operation="all"><categoryGroup tagSetRef="T" tagType="restrictive" lacv="7"/>'
         "</requiredCategory>", "required-category"),
        ('<requiredCategory operation="all"/>', "required-category"),
        ("<forbiddenNation>FIN</forbiddenNation>", "unknown-rule"),
    ],
)  # fmt: skip
def test_rules_of_a_category(category, code):
    policy = read_policy(spif(category))
    assert faults(policy, "A") == [code]
    assert faults(policy, "B") == []


def test_selection_limits_and_exclusions():
    exclusion = '<excludedCategory tagSetRef="t" tagType="restrictive" all="true"/>'
    assert faults(read_policy(spif(exclusion)), "A") == []
    assert faults(read_policy(spif(exclusion)), "A", "B") == ["excluded-category"]
    assert faults(read_policy(spif(tag='tagType="restrictive" singleSelection="true"')), "A", "B") == [
        "selection-limit"
    ]
    assert faults(read_policy(spif(tag='tagType="restrictive" minSelection="2"')), "A") == ["selection-limit"]
    assert faults(read_policy(spif(tag='tagType="restrictive" maxSelection="2"')), "A", "B") == []


def test_obsolete_values_refuse_new_labels_only():
    policy = read_policy(spif().replace(b'name="A"', b'obsolete="true" name="A"'))
    assert faults(policy, "A") == []
    assert faults(policy, "A", new=True) == ["obsolete"]


@pytest.mark.parametrize(
    "data",
    [
        spif("<excludedClass>Nowhere</excludedClass>"),
        spif('<excludedCategory tagSetRef="Nowhere" tagType="restrictive" all="true"/>'),
        spif(more='<tagCategory name="a" lacv="3"/>'),
        spif().replace(b'name="D"', b'name="c"'),
        spif().replace(b'id="1.2.3"', b'id="one"'),
        HEAD.encode() + b"</SPIF>",
        CLASSES.encode(),
    ],
)
def test_what_could_mean_two_things_is_refused(data):
    with pytest.raises(PolicyRefused):
        read_policy(data)


def test_resolving_names_what_is_unknown():
    policy = read_policy(spif())
    label = policy.resolve(Label("p", "c", (Category("t", TagType.RESTRICTIVE, frozenset({"a", "A"})),)))
    assert label == Label("P", "C", (Category("T", TagType.RESTRICTIVE, frozenset({"A"})),), policy_id="1.2.3")
    assert policy.resolve(label) == label
    with pytest.raises(PolicyRefused) as caught:
        policy.resolve(Label("Q", "X", (Category("T", TagType.RESTRICTIVE, frozenset({"Z"})),)))
    assert [f.code for f in caught.value.faults] == ["unknown-policy", "unknown-classification", "unknown-category"]


def test_only_one_counts_values():
    policy = read_policy(spif())
    requirement = '<requiredCategory operation="onlyOne"><categoryGroup tagSetRef="T" tagType="restrictive" all="1"/>'
    classes = CLASSES.replace(
        'hierarchy="1"/>', f'hierarchy="1">{requirement}</requiredCategory></securityClassification>'
    )
    policy = read_policy(spif(classes=classes))
    assert policy.classifications[0].requirements[0].operation is Operation.ONLY_ONE
    assert faults(policy, "A") == [] and faults(policy, "A", "B") == ["required-category"]
    assert [f.code for f in policy.faults(Label("P", "C"), new=False)] == ["required-category"]


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: f"<SPIF>{t}</SPIF>".encode("utf-8", "replace")))
def test_noise_is_refused_and_nothing_else(data):
    with pytest.raises(Refused):
        read_policy(data)


@given(st.integers(0, 1500), st.binary(min_size=1, max_size=4))
def test_a_damaged_policy_is_read_or_refused(at, noise):
    data = (POLICIES / "tlp.xml").read_bytes()
    with suppress(Refused):
        read_policy(data[:at] + noise + data[at + len(noise) :])


def test_the_native_form_needs_numbers_that_mean_one_thing():
    policies = PolicySet([read_policy(spif(more='<tagCategory name="E" lacv="1"/><tagCategory name="F"/>'))])
    for value, written in (("A", False), ("B", True), ("E", False), ("F", False)):
        label = policies.resolve(Label("P", "C", (Category("T", TagType.RESTRICTIVE, frozenset({value})),)))
        if written:
            assert read_any_label(write_native_label(label, policies), policies) == label
        else:
            with pytest.raises(PolicyRefused, match="number"):
                write_native_label(label, policies)


def test_an_alias_means_one_classification():
    alias = '<x:alias xmlns:x="urn:foedus:policy:1" classification="{}" name="OPEN"/>'
    twice = f"<extensions>{alias.format('C')}{alias.format('D')}</extensions></SPIF>".encode()
    with pytest.raises(PolicyRefused, match="OPEN"):
        read_policy(spif().replace(b"</SPIF>", twice))
    once = f"<extensions>{alias.format('D')}</extensions></SPIF>".encode()
    assert read_policy(spif().replace(b"</SPIF>", once)).classification("open").name == "D"


@pytest.mark.parametrize(
    "bomb",
    [b"<" + b"a" * 200_000, b"<a>" + b"<!--" * 50_000, b"<a>" + b"<![CDATA[" * 20_000, b"<a>" + b"<?" * 100_000,
     b"<a></b>" + b"<!--" * 50_000, b"<" + b"ab" * 20_000 + b"></" + b"ba" * 20_000 + b">", b"<a '" * 50_000,
     b"<r>" + b"<abcdefghij" * 10_000, b"<r>" + b"<abcdefghij></abcdefghik>" * 10_000 + b"</r>"],
    ids=range(9),
)  # fmt: skip
def test_what_is_not_well_formed_costs_no_more_than_its_length(bomb):
    start = time.process_time()
    with pytest.raises(PolicyRefused):
        read_policy(bomb)
    assert time.process_time() - start < 1


# What two things are called is no name


def phrase(text, lang=""):
    language = f' xml:lang="{lang}"' if lang else ""
    return f'<markingData phrase="{text}"{language}><code>pageBottom</code></markingData>'


def classes(**inside):
    levels = "".join(
        f'<securityClassification name="{name}" lacv="{n}" hierarchy="{n}">{words}</securityClassification>'
        for n, (name, words) in enumerate(inside.items(), 1)
    )
    return f"<securityClassifications>{levels}</securityClassifications>"


@pytest.mark.parametrize("lang", ["", "fr"])
@pytest.mark.parametrize("text", ["P SHUT", "P SHUT;"])
def test_words_that_two_classifications_share_mean_neither(lang, text):
    levels = classes(C=phrase("SHUT", "fr"), D=phrase("SHUT", lang))
    policies = PolicySet([read_policy(spif(classes=levels))])
    with pytest.raises(LabelRefused):
        read_label(text, policies)
    with pytest.raises(Refused):
        read_clearance(text.rstrip(";"), policies)
    assert read_label("P D;", policies).classification == "D"


def test_a_name_that_is_another_ones_words_is_doubtful_in_a_marking():
    policies = PolicySet([read_policy(spif(classes=classes(C=phrase("D"), D=phrase("DEEP"))))])
    with pytest.raises(LabelRefused, match="can mean 2 labels"):
        read_label("P D", policies)
    assert read_label("P D;", policies).classification == "D"
    for level in "CD":
        label = policies.resolve(Label("P", level))
        assert read_label(write_label(label, policies), policies) == label


def test_two_policies_whose_names_run_together_are_told_apart():
    one = spif(classes=classes(**{"X C": ""}))
    other = spif(classes=classes(C="")).replace(b'name="P" id="1.2.3"', b'name="P X" id="1.2.4"')
    policies = PolicySet(read_policy(data) for data in (one, other))
    for text in ("P X C;", "P X C"):
        with pytest.raises(LabelRefused):
            read_label(text, policies)


def test_a_clearance_for_one_level_is_not_for_another_of_the_same_height():
    levels = classes(C="", D="").replace('hierarchy="2"', 'hierarchy="1"')
    policies = PolicySet([read_policy(spif(classes=levels))])
    for level in "CD":
        (held,) = read_clearance(f"P {level}", policies)
        assert held.classifications == {level}
        assert read_clearance(write_clearance([held], policies), policies) == (held,)


def test_a_marking_that_takes_too_many_trials_is_refused():
    """Only all 27 values together are as long as the text, but there are 27! orders in which to try them."""
    values = "".join(f'<tagCategory name="V{n}" lacv="{n}">{phrase("X" * n)}</tagCategory>' for n in range(3, 30))
    separator = '<markingQualifier><qualifier markingQualifier="X" qualifierCode="separator"/></markingQualifier>'
    policies = PolicySet([read_policy(spif(more=values + separator))])
    with pytest.raises(LabelRefused, match="too many ways"):
        read_label("P C " + "X" * (sum(range(3, 30)) + 26), policies)
    assert read_label("P C XXX", policies) == read_label("P C; T: V3", policies)
