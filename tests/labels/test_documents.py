"""Labels and clearances in other people's documents: STANAG 4774 and native XML."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foedus.kernel import stanag4774
from foedus.kernel.clearancetext import read_clearance
from foedus.kernel.errors import PolicyRefused, Refused
from foedus.kernel.label import Category, Label, Succession, TagType
from foedus.kernel.labeltext import read_label, write_label
from foedus.kernel.nativelabel import read_any_clearance, read_any_label, write_native_clearance, write_native_label

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


@given(st.binary(max_size=60))
def test_label_noise_is_refused(ours, data):
    with pytest.raises(Refused):
        read_any_label(data, ours)


def test_unknown_category_types_cannot_be_written():
    label = Label("P", "C", (Category("T", TagType.UNKNOWN, frozenset({"A"})),))
    with pytest.raises(PolicyRefused):
        stanag4774.write_label(label)


# What might restrict, and is not understood, is refused


@pytest.mark.parametrize(
    "document",
    [
        xml(CONTEXT + '<Categorie TagName="Only" Type="PERMISSIVE"><GenericValue>FIN</GenericValue></Categorie>'),
        xml(CONTEXT + '<x:Handling xmlns:x="urn:else">eyes only</x:Handling>'),
        xml(CONTEXT, more="<SucessionHandling/>"),
    ],
)
def test_an_element_that_is_not_known_may_restrict(ours, document):
    with pytest.raises(PolicyRefused, match="not known"):
        read_any_label(document, ours)


def test_what_stands_around_a_label_may_be_of_another_namespace(ours):
    more = '<x:Note xmlns:x="urn:else">1</x:Note><OriginatorID IDType="x">a</OriginatorID>'
    assert read_any_label(xml(CONTEXT, more=more), ours) == read_label("ALLIANCE SECRET", ours)


def test_an_element_of_a_native_label_that_is_not_known_may_restrict(ours):
    label = read_label("ALLIANCE SECRET CRYPTO", ours)
    written = write_native_label(label, ours)
    assert read_any_label(written, ours) == label
    crypto = next(line for line in written.split(b"<s:tag")[1:] if b"restrictive" in line)
    assert crypto in written
    with pytest.raises(PolicyRefused, match="not known"):
        read_any_label(written.replace(b"<s:tag" + crypto, b"<s:tga" + crypto.replace(b"s:tag>", b"s:tga>")), ours)


@pytest.mark.parametrize("other", ["LACV", "x:lacv"])
def test_an_attribute_that_stands_twice_means_what_its_plain_name_says(ours, other):
    written = write_native_label(read_label("ALLIANCE SECRET", ours), ours).replace(
        b"<s:label", b'<s:label xmlns:x="y"'
    )
    for place in (b'%s="1" lacv="4"', b'lacv="4" %s="1"'):
        twice = written.replace(b'lacv="4"', place % other.encode())
        assert read_any_label(twice, ours).classification == "SECRET"
    doubtful = written.replace(b'lacv="4"', b'LACV="1" Lacv="4"')
    with pytest.raises(PolicyRefused, match="twice"):
        read_any_label(doubtful, ours)


# What a form cannot say is refused, never changed


@pytest.mark.parametrize("mark", ["two  blanks", " around ", "a\nb", "a\x01b", "a\ufffeb", "\ud800"])
def test_a_privacy_mark_of_any_text_survives_every_form(ours, mark):
    """Resolved, it holds what XML and the short form can carry: what a node keeps is what it writes."""
    label = ours.resolve(replace(read_label("ALLIANCE SECRET", ours), privacy_mark=mark))
    assert label.privacy_mark
    assert stanag4774.read_label(stanag4774.write_label(label)) == label
    assert read_label(write_label(label, ours), ours) == label


def test_text_that_xml_cannot_carry_is_refused(ours):
    with pytest.raises(PolicyRefused):
        stanag4774.write_label(replace(read_label("ALLIANCE SECRET", ours), privacy_mark="a\x01b"))
