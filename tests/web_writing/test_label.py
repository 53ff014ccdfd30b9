"""The label picker: controls and TEXT say the same, the policy has the last word."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from foedus.faces.web.labelpicker import _parts
from foedus.faces.web.visit import Visit
from foedus.kernel.policymodel import Classification, Tag, TagKind, TagSet, Value
from foedus.kernel.policyset import PolicySet
from foedus.kernel.securitypolicy import Policy
from tests.node.conftest import World
from tests.web_writing.conftest import HIGH, LOW, Browser, fields

CONTEXT = "ALLIANCE/Context/permissive/ALLIANCE"
Sign = Callable[[str], Browser]


def preview(browser: Browser, **form: object) -> str:
    return browser.post("/label/preview", form).text


def test_the_controls_build_the_marking_and_the_audience(people: World, browser: Sign) -> None:
    anna = browser("anna")
    controls = {"label_by": "controls", "label_tag": CONTEXT, "label_text": "x", "label_was": "x"}
    low = preview(anna, **controls, label_class="ALLIANCE UNCLASSIFIED")
    assert "ALLIANCE UNCLASSIFIED" in low
    assert "3 people here can see this" in low
    assert "bob" in low
    high = preview(anna, **controls, label_class="ALLIANCE SECRET")
    assert "1 person here can see this" in high
    assert "bob" not in high
    assert 'lang="fr"' in low


def test_what_the_policy_requires_is_said(browser: Sign) -> None:
    part = preview(browser("anna"), label_by="controls", label_class="ALLIANCE SECRET", label_text="x", label_was="x")
    assert "notice-bad" in part
    assert "Context" in part


def test_text_sets_the_controls(browser: Sign) -> None:
    part = preview(browser("anna"), label_text="ALLIANCE CONFIDENTIAL", label_was=LOW)
    assert 'value="ALLIANCE CONFIDENTIAL" id="level-3-ALLIANCE" data-level="ALLIANCE CONFIDENTIAL" ' in part
    assert part.count(" checked") >= 1
    chosen = part.split('value="ALLIANCE CONFIDENTIAL"', 1)[1].split(">", 1)[0]
    assert "checked" in chosen


def test_a_text_that_cannot_be_read_stays_and_says_why(browser: Sign) -> None:
    part = preview(browser("anna"), label_text="ALLIANCE HUSH", label_was=LOW)
    assert "ALLIANCE HUSH" in part
    assert "notice-bad" in part


def test_a_writer_who_could_not_see_their_own_record_is_warned(browser: Sign) -> None:
    part = preview(browser("anna"), label_text="ALLIANCE TOP SECRET", label_was=LOW)
    assert "You could not see this record yourself" in part


def test_without_script_a_changed_text_counts_and_else_the_controls(people: World, browser: Sign) -> None:
    anna = browser("anna")
    page = anna.get("/publish/campaign")
    form = fields(page) | {"name": "One"}
    by_controls = anna.post(
        "/publish/campaign", form | {"label_class": "ALLIANCE UNCLASSIFIED", "label_tag": [CONTEXT]}
    )
    assert browser("bob").get(by_controls.headers["location"]).status_code == 200
    form = fields(anna.get("/publish/campaign")) | {"name": "Two"}
    by_text = anna.post("/publish/campaign", form | {"label_class": "ALLIANCE UNCLASSIFIED", "label_text": HIGH})
    assert browser("bob").get(by_text.headers["location"]).status_code == 404


def test_the_default_is_the_writers_most_restrictive_label(people: World, browser: Sign) -> None:
    page = browser("anna").get("/publish/campaign")
    default = people.node.label_choices(people.node.access.local("anna"))["default"]
    assert default in page.text
    form = fields(page)
    assert form["label_class"] == ["ALLIANCE SECRET"]
    assert form["label_text"] == [default]


def test_readers_get_no_preview(browser: Sign) -> None:
    bob = browser("bob")
    bob.get("/")
    assert bob.post("/label/preview", {"label_text": LOW}).status_code == 403


class _Visit:
    """As much of a visit as drawing a policy's part needs."""

    lang = "en"


def _policy(*, most: int) -> Policy:
    allowed = TagSet("Taste", "1.2.3.1", (
        Tag("Texture", TagKind.PERMISSIVE, 0, most, (Value("CRISP", "1"), Value("SOFT", "2"))),
        Tag("Flavour", TagKind.PERMISSIVE, 0, 0, (Value("SWEET", "3", excluded_classes=frozenset({"LOW"})),)),
    ))  # fmt: skip
    return Policy("FOOD", "1.2.3", (Classification("LOW", "1", 1), Classification("HIGH", "2", 2)), (allowed,))


def test_the_tag_decides_what_stands_together_and_whether_one_value_is_all() -> None:
    parts = _parts(cast(Visit, _Visit()), PolicySet([_policy(most=1)]), {"FOOD LOW"}, {"FOOD/Taste/permissive/SOFT"})
    texture, flavour = parts[0].groups
    assert (texture.title, texture.single, texture.chosen) == ("Taste: Texture", True, ("SOFT",))
    assert (flavour.title, flavour.single) == ("Taste: Flavour", False)
    assert flavour.choices[0].barred == "LOW"
    assert flavour.choices[0].excluded == ("FOOD LOW",)
