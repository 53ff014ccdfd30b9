"""A writer is told before publishing that a reference leads further than the readers of the record can follow; nobody
is told of records that they may not see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from foedus.node import reach
from foedus.node.answers import SearchQuery
from tests.node.conftest import World, indicator
from tests.web_writing.conftest import HIGH, LOW, Browser, fields

Sign = Callable[[str], Browser]
SECRET = indicator(1, name="Where the source sits")
PLAIN = indicator(2, name="Known to all")


@pytest.fixture
def stored(people: World) -> World:
    anna = people.node.access.local("anna")
    people.node.publish(anna, [SECRET], HIGH)
    people.node.publish(anna, [PLAIN], LOW)
    people.settle()
    return people


def form_of(browser: Browser, label: str, *refs: object, **more: Any) -> dict[str, Any]:
    return fields(browser.get("/publish/report")) | {
        "name": "Pumps", "published": "2026-09-01T10:30", "object_refs": list(refs), "label_text": label, **more,
    }  # fmt: skip


def published(world: World) -> int:
    return world.node.view(world.node.access.local("anna"), "test").count(frozenset({"report"}))


def test_the_writer_is_told_which_and_for_whom_and_may_go_on(stored: World, browser: Sign) -> None:
    anna = browser("anna")
    answer = anna.post("/publish/report", form_of(anna, LOW, SECRET["id"], PLAIN["id"]))
    assert answer.status_code == 200 and published(stored) == 0
    warning = (
        answer.text.split('class="notice notice-warn form-faults beyond"')[1].split("</form>")[0].split("<section")[0]
    )
    assert "Where the source sits" in warning and "ALLIANCE SECRET" in warning
    assert "Known to all" not in warning
    assert "2 readers here cannot follow it: bob, dora" in " ".join(warning.split())
    again = fields(answer) | {"object_refs": [SECRET["id"], PLAIN["id"]], "beyond_known": SECRET["id"]}
    assert anna.post("/publish/report", again).status_code == 303
    assert published(stored) == 1


def test_what_was_agreed_to_is_those_references_and_no_others(stored: World, browser: Sign) -> None:
    anna = browser("anna")
    form = form_of(anna, LOW, SECRET["id"], beyond_known=PLAIN["id"])
    assert anna.post("/publish/report", form).status_code == 200
    assert published(stored) == 0


def test_under_a_label_as_high_nothing_is_said(stored: World, browser: Sign) -> None:
    anna = browser("anna")
    assert anna.post("/publish/report", form_of(anna, HIGH, SECRET["id"])).status_code == 303


def test_a_reference_to_what_the_writer_may_not_see_is_as_one_to_nothing(stored: World, browser: Sign) -> None:
    stored.person("carl", "ALLIANCE UNCLASSIFIED for FIN", "analyst")
    stored.clock.tick(10_000_000)
    carl = stored.node.access.local("carl")
    view = stored.node.view(carl, "test")
    labels = [stored.node.read_label(LOW)]
    for ref in (SECRET["id"], indicator(99)["id"]):
        assert reach.beyond(stored.node, view, {"type": "report", "object_refs": [ref]}, labels) == []


def test_a_higher_classification_counts_where_nobody_here_is_in_between(stored: World) -> None:
    for name in ("bob", "dora"):
        stored.node.accounts.deactivate(name, by="test")
    anna = stored.node.access.local("anna")
    obj = {"type": "relationship", "source_ref": PLAIN["id"], "target_ref": SECRET["id"], "relationship_type": "uses"}
    [one] = reach.beyond(stored.node, stored.node.view(anna, "test"), obj, [stored.node.read_label(LOW)])
    assert (one.found.id, one.names) == (SECRET["id"], ())


def test_a_label_beyond_the_writer_tells_nothing_of_who_is_cleared_for_it(stored: World) -> None:
    stored.person("kei", "ALLIANCE UNCLASSIFIED for JPN", "reader")
    stored.clock.tick(10_000_000)
    anna, kei = (stored.node.access.local(name) for name in ("anna", "kei"))
    label = stored.node.read_label("ALLIANCE UNCLASSIFIED Japan ONLY")
    assert [stored.node.registry.permits(label, one.clearances, stored.clock.now()) for one in (anna, kei)] == [
        False,
        True,
    ]
    obj = {"type": "report", "object_refs": [SECRET["id"]]}
    [one] = reach.beyond(stored.node, stored.node.view(anna, "test"), obj, [label])
    assert one.names == ()


def test_broken_references_are_left_to_validation(stored: World) -> None:
    view = stored.node.view(stored.node.access.local("anna"), "test")
    for obj in ({"type": "relationship"}, {"type": "sighting", "sighting_of_ref": 3, "where_sighted_refs": 4}):
        assert reach.beyond(stored.node, view, obj, [stored.node.read_label(LOW)]) == []


def test_a_new_version_warns_where_the_difference_is_shown(stored: World, browser: Sign) -> None:
    anna = browser("anna")
    anna.post("/publish/report", form_of(anna, HIGH, SECRET["id"]))
    [found] = stored.node.view(stored.node.access.local("anna"), "t").search(SearchQuery("type:report")).results
    page = anna.get(f"/records/{found.id}/edit")
    form = {n: w for n, w in fields(page).items() if n != "label_keep"}
    form |= {"label_text": LOW, "object_refs": [SECRET["id"]], "_step": "review"}
    review = anna.post(f"/records/{found.id}/edit", form)
    assert review.status_code == 200
    assert "This refers to a record that not all of its readers may see." in review.text
    kept = anna.post(f"/records/{found.id}/edit", form | {"label_keep": "1"})
    assert "not all of its readers" not in kept.text
