"""Markings and the short form: what people read and type."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foedus.kernel.clearancetext import read_clearance, write_clearance
from foedus.kernel.errors import LabelRefused, Refused
from foedus.kernel.label import Label, Succession
from foedus.kernel.labeltext import read_label, read_labels, write_label
from foedus.kernel.marking import colours, contrast, display
from foedus.kernel.nativelabel import read_any_clearance, read_any_label
from foedus.kernel.policyset import PolicySet
from foedus.kernel.spif import read_policy


def shown(policies, text, lang="en"):
    label = read_label(text, policies)
    return display(label, policies.of(label), lang)


def test_nato_markings(shared, labels_data):
    text = "NATO RESTRICTED; Context: NATO, Releasable; Releasable To: UKR, NATO, JPN, CHE"
    assert shown(shared, text) == "NATO RESTRICTED Releasable to Japan, Switzerland, Ukraine"
    assert shown(shared, text, "fr") == "NATO DIFFUSION RESTREINTE Communicable a Japon, Suisse, Ukraine"
    assert shown(shared, text, "fr-CA") == shown(shared, text, "fr")
    assert shown(shared, text, "de") == shown(shared, text)
    assert shown(shared, "NATO TOP SECRET; Context: NATO") == "COSMIC TOP SECRET"
    assert shown(shared, "NATO TOP SECRET; Context: NATO", "fr") == "COSMIC TRES SECRET"
    assert shown(shared, "NATO UNCLASSIFIED; Context: NATO; Administrative: STAFF") == "NATO UNCLASSIFIED - STAFF"
    only = "NATO CONFIDENTIAL; Context: KFOR; Only: NATO, IRL, SWE, UKR"
    assert shown(shared, only) == "NATO/KFOR CONFIDENTIAL Ireland, Sweden, Ukraine, NATO ONLY"
    for name in ("nato-4774-17-1.nato", "nato-4774-17-1.xml"):
        label = read_any_label((labels_data / name).read_bytes(), shared)
        assert display(label, shared.of(label)) == "NATO UNCLASSIFIED Releasable to ISAF, KFOR, RESOLUTE SUPPORT"


def test_food_markings(shared, labels_data):
    label = read_any_label((labels_data / "food-label-milk-chocolate.xml").read_bytes(), shared)
    expected = "[ Food Sweet/Yummy Chocolate Brown Contains Lactose Not Vegan Animal Rights ]"
    assert display(label, shared.of(label)) == expected
    assert shown(shared, "Food Freely Available; Ethics: British Flag") == "[ Food FREE British Flag ]"
    # The classification does not show, so the marking can mean two labels: it is refused, and written explicitly.
    with pytest.raises(LabelRefused, match="explicit form"):
        read_label(expected, shared)
    assert read_label(write_label(label, shared), shared) == label


def test_the_shared_tlp_policy(labels_data):
    policies = PolicySet([read_policy((labels_data / "tlp.xml").read_bytes())])
    text = "TLP AMBER; Additional Information: EU; Additional Information: Extra, Foreign"
    expected = "TLP:AMBER [REGION=EU] [Additional Handling May Apply]/[Imported Data]"
    assert shown(policies, text) == expected
    assert read_label(expected, policies) == read_label(text, policies)


def test_our_markings(ours):
    assert shown(ours, "ALLIANCE TOP SECRET; Context: ALLIANCE") == "ZENITH TOP SECRET"
    assert shown(ours, "ALLIANCE TOP SECRET; Context: ALLIANCE", "fr") == "ZENITH TRÈS SECRET"
    assert shown(ours, "ALLIANCE SECRET Releasable to Japan", "fr") == "ALLIANCE SECRET Communicable à Japon"
    assert shown(ours, "tlp amber+strict") == "TLP:AMBER+STRICT"
    assert shown(ours, "TLP:WHITE") == "TLP:CLEAR"


@pytest.mark.parametrize(
    ("marking", "explicit"),
    [
        ("ALLIANCE SECRET Releasable to Japan, European Union",
         "ALLIANCE SECRET; Context: ALLIANCE, Releasable; Releasable To: ALLIANCE, JPN, EU"),
        ("alliance  diffusion restreinte communicable à japon",
         "ALLIANCE RESTRICTED; Context: ALLIANCE, Releasable; Releasable To: ALLIANCE, JPN"),
        ("ALLIANCE SECRET CRYPTO SOURCE Finland ONLY - STAFF LEGAL",
         "ALLIANCE SECRET; Additional Sensitivity: CRYPTO, SOURCE; Only: Finland; Administrative: STAFF, LEGAL; "
         "Context: ALLIANCE"),
    ],
)  # fmt: skip
def test_a_marking_implies_what_it_hides(ours, marking, explicit):
    assert read_label(marking, ours) == read_label(explicit, ours)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "empty"),
        ("SECRET", "known: ALLIANCE, TLP"),
        ("ALLIANCE SECRIT", "'SECRET'"),
        ("ALLIANCE SECRET Relesable to Japan", "RELEASABLE TO"),
        ("ALLIANCE SECRIT; Context: ALLIANCE", "ALLIANCE SECRET"),
        ("ALLIANCE SECRET; Contxt: ALLIANCE", "Context"),
        ("ALLIANCE SECRET; Releasable To: FINLND", "FIN"),
        ("ALLIANCE SECRET; Context: ALLIANCE; Only", "tag set: value"),
        ('ALLIANCE SECRET; Context: "ALLIANCE', "not closed"),
        ("ALLIANCE SECRET; Context: ALLIANCE, Releasable", "Releasable To"),
        ("ALLIANCE UNCLASSIFIED CRYPTO", "must not stand with classification UNCLASSIFIED"),
        ("ALLIANCE SECRET\x00", "control character"),
        ("ALLIANCE SECRET " + "x" * 20000, "at most"),
        ("ALLIANCE SECRET; successor 2030-01-01T00:00:00Z = (" * 300, "successor"),
    ],
)
def test_refusals_say_what_to_do(ours, text, hint):
    with pytest.raises(Refused) as caught:
        read_label(text, ours)
    assert hint in str(caught.value)


def test_clearances(ours):
    (one,) = read_clearance("ALLIANCE RESTRICTED for FIN", ours)
    assert one.classifications == {"UNCLASSIFIED", "RESTRICTED"}
    assert read_clearance("alliance restricted for finland", ours) == (one,)
    held = {c.tag_set: c.values for c in one.categories}
    assert held == {"Context": {"ALLIANCE"}, "Releasable To": {"ALLIANCE", "FIN"}, "Only": {"FIN"}}
    (partner,) = read_clearance("ALLIANCE SECRET for JPN", ours)
    held = {c.tag_set: c.values for c in partner.categories}
    assert held == {"Context": {"Releasable"}, "Releasable To": {"JPN"}, "Only": {"JPN"}}
    two = read_clearance("ALLIANCE = SECRET; Additional Sensitivity: all + TLP AMBER", ours)
    assert two[0].classifications == {"SECRET"} and len(two[0].categories[0].values) == 3
    assert two[1].classifications == {"CLEAR", "GREEN", "AMBER"}
    for text in ("ALLIANCE SECRET for Narnia", "ALLIANCE = ", "TLP RED for FIN", "ALLIANCE SECRET +", "NOWHERE = X"):
        with pytest.raises(Refused):
            read_clearance(text, ours)


def test_shared_clearances_round_trip(shared, labels_data):
    for file in labels_data.glob("food-clearance-*.xml"):
        held = (read_any_clearance(file.read_bytes(), shared),)
        assert read_clearance(write_clearance(held, shared), shared) == held


def test_nations_need_a_policy_that_says_who_its_members_are(shared):
    with pytest.raises(Refused, match="for member FIN"):
        read_clearance("NATO SECRET for FIN", shared)
    assert read_clearance("NATO SECRET for member FIN", shared)[0].classifications >= {"SECRET"}


def test_label_sets(ours):
    assert len(read_labels("ALLIANCE SECRET + TLP:AMBER+STRICT", ours)) == 2


def test_succession_and_privacy_mark_round_trip(ours):
    then = read_label("ALLIANCE UNCLASSIFIED", ours)
    label = read_label('ALLIANCE SECRET; Context: ALLIANCE; privacy mark = "a; ""b"" (c"', ours)
    assert label.privacy_mark == 'a; "b" (c'
    label = Label(label.policy, label.classification, label.categories, label.privacy_mark,
                  Succession(1_893_456_000_000_001, then), label.policy_id)  # fmt: skip
    assert read_label(write_label(label, ours), ours) == label


def test_a_successor_whose_marking_holds_marks_round_trips():
    words = '<markingData phrase="(OPEN; &quot;x"><code>pageBottom</code></markingData>'
    text = (
        '<SPIF><securityPolicyId name="P" id="1.2.3"/><securityClassifications><securityClassification name="C" '
        f'lacv="1" hierarchy="1">{words}</securityClassification></securityClassifications></SPIF>'
    )
    policies = PolicySet([read_policy(text.encode())])
    label = policies.resolve(Label("P", "C", succession=Succession(5, Label("P", "C"))))
    assert read_label(write_label(label, policies), policies) == label


@pytest.mark.parametrize("seed", range(6))
def test_valid_labels_round_trip(rolls, ours, seed):
    rng = random.Random(seed)
    found = 0
    for _ in range(300):
        label = rolls.label(rng, list(ours))
        try:
            label = ours.resolve(label)
        except Refused:
            continue
        if label.succession is None and not ours.of(label).faults(label, new=False):
            found += 1
            for lang in ("en", "fr"):
                assert read_label(write_label(label, ours, lang), ours) == label
    assert found > 20


@pytest.mark.parametrize("seed", range(4))
def test_valid_labels_of_any_policy_round_trip(rolls, seed):
    rng = random.Random(seed)
    policies = PolicySet([rolls.policy(rng, "ONE", "1.2.3.1"), rolls.policy(rng, "TWO", "1.2.3.2")])
    for _ in range(300):
        try:
            label = policies.resolve(rolls.label(rng, list(policies)))
            if policies.of(label).faults(label, new=False):
                continue
            written = write_label(label, policies)
        except Refused:
            continue
        assert read_label(written, policies) == label


@pytest.mark.parametrize("seed", range(4))
def test_clearances_round_trip(rolls, ours, seed):
    rng = random.Random(seed)
    for _ in range(100):
        held = rolls.clearance(rng, list(ours))
        policy = ours.of(held)
        known = frozenset(n for n in held.classifications if policy.classification(n))
        held = policy.resolve_clearance(type(held)(held.policy, known, held.categories, held.policy_id))
        assert read_clearance(write_clearance([held], ours), ours) == (held,)


@given(text=st.text(max_size=80) | st.text(max_size=40).map(lambda t: f"ALLIANCE SECRET; {t}"))
def test_any_text_is_read_or_refused(ours, text):
    for read in (read_label, read_clearance):
        with suppress(Refused):
            read(text, ours)


def test_banner_colours_keep_their_contrast(shared):
    for policy in shared:
        for level in policy.classifications:
            assert contrast(*colours(Label(policy.name, level.name), policy)) >= 4.5
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)


@given(st.integers(0, 0xFFFFFF))
def test_any_colour_is_readable(ours, number):
    policy = ours.find("TLP")
    level = policy.classifications[0]
    tinted = replace(policy, classifications=(replace(level, colour=f"#{number:06x}"),))
    assert contrast(*colours(Label("TLP", level.name), tinted)) >= 4.5
