"""A label of one policy read as a label of another: what would let more people read than the label is no mapping."""

from __future__ import annotations

import pytest

from foedus.kernel.equivalence import equivalent_label
from foedus.kernel.label import Category, Label, TagType, merged
from foedus.kernel.spif import read_policy

KINDS = {"R": TagType.RESTRICTIVE, "P": TagType.PERMISSIVE}
SAME = '<equivalentClassification policyRef="THEIRS" lacv="1" applied="both"/>'
MISSPELT = (
    '<requiredCatgory operation="all"><categoryGroup tagSetRef="Only" tagType="permissive" lacv="3"/></requiredCatgory>'
)


def spif(name, oid, *tag_sets, equivalent=SAME, add=""):
    """`tag_sets`: (name, kind R or P, {value: what stands inside it}); values are numbered from 1."""
    sets = ""
    for number, (tag_set, kind, values) in enumerate(tag_sets, 1):
        sets += f'<securityCategoryTagSet name="{tag_set}" id="{oid}.{number}"><securityCategoryTag name="{tag_set}" '
        sets += f'tagType="{KINDS[kind].lower()}">'
        for lacv, (value, inside) in enumerate(values.items(), 1):
            sets += f'<tagCategory name="{value}" lacv="{lacv}">{inside}</tagCategory>'
        sets += "</securityCategoryTag></securityCategoryTagSet>"
    return (
        f'<SPIF><securityPolicyId name="{name}" id="{oid}"/><securityClassifications><securityClassification name="L" '
        f'lacv="1" hierarchy="1">{equivalent}</securityClassification></securityClassifications>'
        f"<securityCategoryTagSets>{sets}</securityCategoryTagSets><equivalentPolicies>"
        f'<equivalentPolicy name="THEIRS" id="1.2.2">{add}</equivalentPolicy></equivalentPolicies></SPIF>'
    )


def policy(*parts, **more):
    return read_policy(spif("OURS", "1.2.1", *parts, **more).encode())


def means(tag_set, kind, lacv, action=""):
    """This value is that one of THEIRS."""
    number = f'lacv="{lacv}"' if lacv else ""
    return (
        f'<equivalentSecCategoryTag policyRef="THEIRS" tagSetId="1.2.2.{tag_set}" tagType="{KINDS[kind].lower()}" '
        f'{number} applied="encrypt" {action}/>'
    )


def requires(*references):
    groups = (f'<categoryGroup tagSetRef="{s}" tagType="{KINDS[k].lower()}" lacv="{v}"/>' for s, k, v in references)
    return f'<requiredCategory operation="all">{"".join(groups)}</requiredCategory>'


def label(*values):
    return Label("OURS", "L", merged(Category(s, KINDS[k], frozenset({v})) for s, k, v in values))


VALUES = (("Only", "P", {"X": "", "Y": "", "Z": ""}), ("Need", "R", {"N": "", "M": ""}))
TEXT = spif("THEIRS", "1.2.2", *VALUES, equivalent="")
THEIRS = read_policy(TEXT.encode())


def mapped(ours, *values, theirs=THEIRS):
    """The values of the mapped label, None where there is no mapping."""
    found = equivalent_label(label(*values), ours, theirs)
    return None if found is None else {(c.tag_set, v) for c in found.categories for v in c.values}


def test_values_of_one_permissive_tag_may_share_one():
    ours = policy(("To", "P", {"A": means(1, "P", 1), "B": means(1, "P", 2)}))
    assert mapped(ours, ("To", "P", "A"), ("To", "P", "B")) == {("Only", "X"), ("Only", "Y")}


def test_two_permissive_tags_do_not_melt_into_one():
    """A reader needs A and B; under THEIRS one of X and Y would do."""
    ours = policy(("To", "P", {"A": means(1, "P", 1)}), ("By", "P", {"B": means(1, "P", 2)}))
    assert mapped(ours, ("To", "P", "A")) == {("Only", "X")}
    assert mapped(ours, ("To", "P", "A"), ("By", "P", "B")) is None


def test_what_all_must_hold_does_not_become_what_one_must_hold():
    ours = policy(("Need", "R", {"A": means(1, "P", 1), "B": means(1, "P", 2)}))
    assert mapped(ours, ("Need", "R", "A")) == {("Only", "X")}
    assert mapped(ours, ("Need", "R", "A"), ("Need", "R", "B")) is None


def test_what_the_mapping_adds_opens_no_permissive_tag():
    """The label is for X; a requirement that adds Z would let the readers of Z in."""
    add = requires(("Only", "P", 3))
    ours = policy(("To", "P", {"A": means(1, "P", 1), "B": means(2, "R", 1)}), add=add)
    assert mapped(ours, ("To", "P", "B")) == {("Need", "N"), ("Only", "Z")}
    assert mapped(ours, ("To", "P", "A")) is None


@pytest.mark.parametrize("lacv", ["", "9"])
def test_an_equivalent_without_a_number_that_is_there_maps_nothing(lacv):
    ours = policy(("To", "P", {"A": means(1, "P", lacv)}))
    numberless = TEXT.replace('name="X" lacv="1"', 'name="X"').replace('name="Y" lacv="2"', 'name="Y"')
    assert mapped(ours, ("To", "P", "A"), theirs=read_policy(numberless.encode())) is None


def test_a_number_that_two_values_bear_maps_nothing():
    ours = policy(("To", "P", {"A": means(1, "P", 1)}))
    twice = TEXT.replace('name="Y" lacv="2"', 'name="Y" lacv="1"')
    assert mapped(ours, ("To", "P", "A"), theirs=read_policy(twice.encode())) is None


def test_a_classification_number_that_two_levels_bear_maps_nothing():
    """THEIRS says that number 1 of OURS is its L; both L and CLOSED are number 1."""
    closed = '<securityClassification name="CLOSED" lacv="1" hierarchy="2"/></securityClassifications>'
    ours = read_policy(spif("OURS", "1.2.1", equivalent="").replace("</securityClassifications>", closed).encode())
    inward = '<equivalentClassification policyRef="OURS" lacv="1" applied="decrypt"/>'
    known = '<equivalentPolicies><equivalentPolicy name="OURS" id="1.2.1"/>'
    theirs = spif("THEIRS", "1.2.2", equivalent=inward).replace("<equivalentPolicies>", known)
    assert equivalent_label(Label("OURS", "CLOSED"), ours, read_policy(theirs.encode())) is None
    alone = read_policy(spif("OURS", "1.2.1", equivalent="").encode())
    assert equivalent_label(Label("OURS", "L"), alone, read_policy(theirs.encode())) is not None


def test_an_equivalent_with_a_rule_that_is_not_known_maps_nothing():
    """A requirement that is lost to a misspelling would let more people read."""
    lost = f'<equivalentClassification policyRef="THEIRS" lacv="1" applied="both">{MISSPELT}</equivalentClassification>'
    ours = policy(equivalent=lost)
    assert mapped(ours) is None and ours.warnings
    ours = policy(add=MISSPELT)
    assert mapped(ours) is None and ours.warnings
    inside = means(1, "P", 1).replace("/>", f">{MISSPELT}</equivalentSecCategoryTag>")
    ours = policy(("To", "P", {"A": inside}))
    assert mapped(ours, ("To", "P", "A")) is None and ours.warnings
    assert mapped(policy()) == set()
