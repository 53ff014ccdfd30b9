"""`label check`: a label against policies and a clearance, without a node."""

from __future__ import annotations

import json
from pathlib import Path

from foedus.kernel.labelcheck import check


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
