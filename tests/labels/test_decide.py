"""Decisions: the shared examples, fail-closed cases, mapping, succession, and the oracle."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest

from foedus.kernel.aggregate import aggregate, at_least
from foedus.kernel.clearancetext import read_clearance
from foedus.kernel.defaultlabel import most_restrictive
from foedus.kernel.errors import PolicyRefused
from foedus.kernel.label import MAX_SUCCESSORS, Category, Clearance, Label, Succession, TagType
from foedus.kernel.labeltext import read_label
from foedus.kernel.nativelabel import read_any_clearance, read_any_label
from foedus.kernel.policy import decide, in_force
from foedus.kernel.policyset import PolicySet
from foedus.kernel.spif import read_policy


def permits(labels, clearance, policies, now=0):
    clearances = read_clearance(clearance, policies) if clearance else ()
    return decide([read_label(x, policies, valid=False) for x in labels], clearances, policies, now)


@pytest.mark.parametrize(
    ("label", "clearance", "code"),
    [
        ("milk-chocolate", "all-okay", "permitted"),
        ("milk-chocolate", "lactose-intolerant", "restrictive-category"),
        ("cheap-milk-chocolate", "all-okay", "invalid-label"),
    ],
)
def test_food(shared, labels_data, label, clearance, code):
    held = read_any_label((labels_data / f"food-label-{label}.xml").read_bytes(), shared)
    who = read_any_clearance((labels_data / f"food-clearance-{clearance}.xml").read_bytes(), shared)
    decision = decide([held], [who], shared, 0)
    assert decision.permit == (code == "permitted")
    assert [r.code for r in decision.reasons] == [code]


def test_two_permissive_tags_of_one_tag_set_must_both_be_met(shared):
    label = read_label("Food Commodity; Taste Sensations: Crunchy, Sweet", shared)
    assert not decide([label], read_clearance("Food Ambrosia; Taste Sensations: Sweet", shared), shared, 0).permit
    assert decide([label], read_clearance("Food Ambrosia; Taste Sensations: Sweet, Crunchy", shared), shared, 0).permit


@pytest.mark.parametrize(
    ("label", "clearance", "permit"),
    [
        ("NATO RESTRICTED Releasable to Japan, Switzerland, Ukraine", "NATO SECRET for member FIN", True),
        ("NATO RESTRICTED Releasable to Japan, Switzerland, Ukraine", "NATO SECRET for partner JPN", True),
        ("NATO RESTRICTED Releasable to Japan, Switzerland, Ukraine", "NATO SECRET for partner AUS", False),
        ("NATO RESTRICTED", "NATO SECRET for partner JPN", False),
        ("NATO SECRET", "NATO RESTRICTED for member FIN", False),
        ("COSMIC TOP SECRET ATOMAL", "NATO TOP SECRET for member FIN", False),
        ("COSMIC TOP SECRET ATOMAL", "NATO TOP SECRET for member FIN; Additional Sensitivity: ATOMAL", True),
        ("NATO SECRET; Context: NATO; Only: FIN, SWE", "NATO SECRET for member SWE", True),
        ("NATO SECRET; Context: NATO; Only: FIN, SWE", "NATO SECRET for member NOR", False),
    ],
)  # fmt: skip
def test_nato(shared, label, clearance, permit):
    assert permits([label], clearance, shared).permit is permit


@pytest.mark.parametrize(
    ("label", "clearance", "permit"),
    [
        ("ALLIANCE SECRET", "ALLIANCE SECRET for FIN", True),
        ("ALLIANCE SECRET", "ALLIANCE SECRET for JPN", False),
        ("ALLIANCE SECRET Releasable to Japan", "ALLIANCE SECRET for JPN", True),
        ("ALLIANCE SECRET Releasable to Japan", "ALLIANCE SECRET for AUS", False),
        ("ALLIANCE SECRET Releasable to Japan", "ALLIANCE SECRET for FIN", True),
        ("ALLIANCE SECRET Finland ONLY", "ALLIANCE SECRET for SWE", False),
        ("ALLIANCE SECRET Japan ONLY", "ALLIANCE SECRET for JPN", True),
        ("ALLIANCE SECRET Japan ONLY", "ALLIANCE SECRET for AUS", False),
        ("ALLIANCE SECRET; Context: ALLIANCE, Releasable", "ALLIANCE SECRET for JPN", False),  # released to nobody
        ("ALLIANCE SECRET;", "ALLIANCE TOP SECRET for FIN", False),  # Context is mandatory
        ("ALLIANCE SECRET", "ALLIANCE = RESTRICTED; Context: ALLIANCE", False),
        ("ALLIANCE SECRET - STAFF", "ALLIANCE SECRET for FIN", True),  # informative
    ],
)
def test_alliance(ours, label, clearance, permit):
    assert permits([label], clearance, ours).permit is permit


@pytest.mark.parametrize(
    ("level", "clearance", "permit"),
    [
        ("CLEAR", "", True),
        ("CLEAR", "ALLIANCE UNCLASSIFIED for JPN", True),
        ("CLEAR", "TLP = RED", False),  # an explicit clearance under TLP says otherwise
        ("WHITE", "", True),
        ("GREEN", "", False),
        ("GREEN", "ALLIANCE UNCLASSIFIED for FIN", True),
        ("GREEN", "ALLIANCE UNCLASSIFIED for JPN", False),  # a partner is not of the community
        ("AMBER", "ALLIANCE UNCLASSIFIED for FIN", False),
        ("AMBER", "ALLIANCE RESTRICTED for FIN", True),
        ("AMBER+STRICT", "ALLIANCE RESTRICTED for FIN", True),
        ("RED", "ALLIANCE TOP SECRET for FIN", False),
        ("RED", "ALLIANCE TOP SECRET for FIN + TLP RED", True),
        ("RED", "TLP AMBER", False),
    ],
)
def test_tlp(ours, level, clearance, permit):
    assert permits([f"TLP:{level}"], clearance, ours).permit is permit


def test_tlp_maps_to_the_nato_policy(shared):
    assert permits(["TLP:AMBER"], "NATO RESTRICTED for member FIN", shared).permit
    assert not permits(["TLP:RED"], "NATO TOP SECRET for member FIN", shared).permit


def test_what_cannot_be_decided_denies(ours):
    everything = read_clearance("ALLIANCE TOP SECRET for FIN", ours)
    codes = {
        "no-label": [],
        "unknown-policy": [Label("ACS", "U")],
        "invalid-label": [Label("ALLIANCE", "SECRIT")],
        "error": ["ALLIANCE SECRET"],
    }
    for code, labels in codes.items():
        decision = decide(labels, everything, ours, 0)
        assert (decision.permit, decision.reasons[0].code) == (False, code)
    assert not decide([None], everything, ours, 0).permit
    good = read_label("ALLIANCE SECRET", ours)
    assert decide([good], everything, ours, 0).permit
    assert not decide([good, None], everything, ours, 0).permit
    assert not decide([good], (), ours, 0).permit
    assert not decide([good], everything, PolicySet([]), 0).permit
    wrong = Label("ALLIANCE", "SECRET", good.categories, policy_id="1.3.26.1.3.1")
    assert decide([wrong], everything, ours, 0).reasons[0].code == "unknown-policy"


def test_a_wrong_type_is_not_the_value(ours):
    label = Label("ALLIANCE", "SECRET", (Category("Context", TagType.INFORMATIVE, frozenset({"ALLIANCE"})),))
    assert not decide([label], read_clearance("ALLIANCE SECRET for FIN", ours), ours, 0).permit


def test_two_clearances_are_not_added_up(ours):
    label = read_label("ALLIANCE SECRET CRYPTO", ours)
    apart = "ALLIANCE SECRET for FIN + ALLIANCE RESTRICTED for FIN; Additional Sensitivity: CRYPTO"
    assert not decide([label], read_clearance(apart, ours), ours, 0).permit


def test_succession(ours):
    first, then = read_label("ALLIANCE SECRET", ours), read_label("ALLIANCE UNCLASSIFIED", ours)
    label = Label(first.policy, first.classification, first.categories, "", Succession(100, then))
    who = read_clearance("ALLIANCE UNCLASSIFIED for FIN", ours)
    before, after = decide([label], who, ours, 99), decide([label], who, ours, 100)
    assert (before.permit, before.until, after.permit, after.until) == (False, 100, True, None)
    endless = label
    for at in range(40):
        endless = Label("ALLIANCE", "SECRET", (), "", Succession(at, endless))
    assert not decide([endless], who, ours, 1000).permit


def test_a_label_set_keeps_only(ours):
    """The leak of the published rules for dominant labels: a join must not drop Only."""
    narrow = read_label("ALLIANCE RESTRICTED Canada, Germany, United States ONLY", ours)
    wide = read_label("ALLIANCE RESTRICTED", ours)
    joined = aggregate([[narrow], [wide], [wide]])
    assert joined == aggregate([[wide], [narrow]]) and len(joined) == 2
    poland, canada = (read_clearance(f"ALLIANCE SECRET for {n}", ours) for n in ("POL", "CAN"))
    assert not decide(joined, poland, ours, 0).permit
    assert decide(joined, canada, ours, 0).permit
    assert at_least([[narrow], [wide]], joined)
    assert not at_least([[narrow], [wide]], [wide])
    assert not at_least([[]], [wide])


def test_default_labels(ours, shared):
    alliance = ours.find("ALLIANCE")
    label = most_restrictive(alliance, "FIN")
    assert label == read_label("ZENITH TOP SECRET Finland ONLY", ours)
    for text in ("ALLIANCE SECRET for FIN", "ALLIANCE SECRET for JPN", "ALLIANCE RESTRICTED; Context: ALLIANCE"):
        who = read_clearance(text, ours)
        label = most_restrictive(alliance, "FIN" if "FIN" in text else "JPN", who[0])
        assert alliance.faults(label, new=True) == []
        assert decide([label], who, ours, 0).permit
        others = read_clearance("ALLIANCE TOP SECRET for NOR", ours)
        assert decide([label], others, ours, 0).permit == ("for" not in text)
    assert most_restrictive(ours.find("TLP"), "FIN").classification == "RED"
    assert most_restrictive(shared.find("NATO"), "FIN") == read_label("NATO SECRET; Context: NATO; Only: FIN", shared)
    with pytest.raises(PolicyRefused):
        most_restrictive(alliance, "FIN", Clearance("ALLIANCE", frozenset({"SECRET"})))


def test_policy_sets_refuse_doubles(ours):
    with pytest.raises(PolicyRefused):
        PolicySet([*ours, ours.find("TLP")])
    assert ours.find("alliance") is ours.find(id="urn:oid:" + ours.find("ALLIANCE").id)
    assert ours.find("TLP", ours.find("ALLIANCE").id) is None


@pytest.mark.parametrize("seed", range(12))
def test_the_oracle_agrees(oracle, rolls, seed):
    """Thousands of random labels and clearances under random policies that map to each other."""
    rng = random.Random(seed)
    names = (("ONE", "1.2.3.1"), ("TWO", "1.2.3.2"), ("THREE", "1.2.3.3"))
    policies = PolicySet(rolls.policy(rng, n, i, tuple(o for o in names if o[0] != n)) for n, i in names)
    permitted = 0
    for _ in range(1200):
        labels = [rolls.label(rng, list(policies)) for _ in range(rng.choice((1, 1, 1, 2, 0)))]
        if rng.random() < 0.02:
            labels.append(None)
        clearances = [rolls.clearance(rng, list(policies)) for _ in range(rng.choice((1, 1, 2, 0)))]
        now = rng.randrange(100)
        expected = oracle.permits(labels, clearances, policies, now)
        decision = decide(labels, clearances, policies, now)
        assert decision.permit == expected, (seed, labels, clearances, now, decision)
        permitted += expected
    assert permitted > 20


def test_the_oracle_agrees_on_our_policies(oracle, rolls, ours):
    rng = random.Random(7)
    alliance, tlp = ours.find("ALLIANCE"), ours.find("TLP")
    texts = ["ALLIANCE SECRET", "ALLIANCE SECRET Releasable to Japan", "ALLIANCE RESTRICTED Finland, Sweden ONLY",
             "TLP:GREEN", "TLP:RED", "ALLIANCE CONFIDENTIAL CRYPTO"]  # fmt: skip
    people = ["ALLIANCE SECRET for FIN", "ALLIANCE SECRET for JPN", "TLP AMBER", "ALLIANCE CONFIDENTIAL; Context: all"]
    permitted = 0
    for _ in range(1500):
        sound = [read_label(t, ours) for t in rng.sample(texts, 1)]
        labels = sound if rng.random() < 0.3 else [rolls.label(rng, [alliance, tlp])]
        some = [c for t in rng.sample(people, 1) for c in read_clearance(t, ours)]
        clearances = some if rng.random() < 0.5 else [rolls.clearance(rng, [alliance, tlp])]
        expected = oracle.permits(labels, clearances, ours, 50)
        assert decide(labels, clearances, ours, 50).permit == expected, (labels, clearances)
        permitted += expected
    assert permitted > 50


def test_two_thousand_labels_are_quick(ours):
    """The budget is 30 ms for 2,000 distinct labels; the bound here leaves room for a busy machine."""
    rng = random.Random(3)
    alliance = ours.find("ALLIANCE")
    nations = [s.value.name for s in alliance.slots() if s.tag_set.name == "Releasable To" and s.value.name.isupper()]
    context = Category("Context", TagType.PERMISSIVE, frozenset({"ALLIANCE", "Releasable"}))
    labels = {
        Label("ALLIANCE", rng.choice(["RESTRICTED", "SECRET"]), (
            context,
            Category("Releasable To", TagType.PERMISSIVE, frozenset({"ALLIANCE", *rng.sample(nations, 3)})),
        ))
        for _ in range(2200)
    }  # fmt: skip
    who = read_clearance("ALLIANCE SECRET for JPN", ours)
    start = time.perf_counter()
    permitted = sum(decide([label], who, ours, 0).permit for label in labels)
    assert time.perf_counter() - start < 0.5
    assert 0 < permitted < len(labels)


def test_policy_validity():
    text = (
        '<SPIF notAfter="20200101000000Z"><securityPolicyId name="P" id="1.2.3"/><securityClassifications>'
        '<securityClassification name="C" lacv="1" hierarchy="1"/></securityClassifications></SPIF>'
    )
    policies = PolicySet([read_policy(text.encode())])
    who = [Clearance("P", frozenset({"C"}))]
    assert decide([Label("P", "C")], who, policies, 0).permit
    decision = decide([Label("P", "C")], who, policies, 1_600_000_000_000_000)
    assert decision.reasons[0].code == "policy-validity"


def test_a_decision_holds_until_a_policy_begins_or_ends(ours):
    text = (
        '<SPIF notBefore="20190101000000Z" notAfter="20200101000000Z"><securityPolicyId name="P" id="1.2.3"/>'
        '<securityClassifications><securityClassification name="C" lacv="1" hierarchy="1"/></securityClassifications>'
        "</SPIF>"
    )
    policies = PolicySet([*ours, read_policy(text.encode())])
    begin, end = 1_546_300_800_000_000, 1_577_836_800_000_000
    who = [Clearance("P", frozenset({"C"}))]
    for now, permit, until in ((0, False, begin), (begin, True, end + 1), (end, True, end + 1), (end + 1, False, None)):
        decision = decide([Label("P", "C")], who, policies, now)
        assert (decision.permit, decision.until) == (permit, until)
    soon = Label("P", "C", succession=Succession(begin + 5, Label("P", "C")))
    assert decide([soon], who, policies, begin).until == begin + 5


def test_as_many_successors_as_may_be_written_can_be_followed(ours):
    label = read_label("ALLIANCE UNCLASSIFIED", ours)
    for _ in range(MAX_SUCCESSORS):
        label = replace(read_label("ALLIANCE SECRET", ours), succession=Succession(7, label))
    assert ours.resolve(label) == label
    assert in_force(label, 7)[0].classification == "UNCLASSIFIED"
    assert decide([label], read_clearance("ALLIANCE UNCLASSIFIED for FIN", ours), ours, 7).permit
    longer = replace(label, succession=Succession(7, label))
    with pytest.raises(PolicyRefused):
        ours.resolve(longer)
    with pytest.raises(PolicyRefused):
        in_force(longer, 7)


def test_a_category_of_unknown_type_denies_even_without_values(ours):
    label = read_label("ALLIANCE SECRET", ours)
    strange = replace(label, categories=(*label.categories, Category("Only", TagType.UNKNOWN, frozenset())))
    assert not decide([strange], read_clearance("ALLIANCE SECRET for FIN", ours), ours, 0).permit
