"""Publishing and editing in a browser without script."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from foedus.node.answers import SearchQuery
from tests.node.conftest import World, indicator
from tests.web_writing.conftest import HIGH, LOW, Browser, fields

Sign = Callable[[str], Browser]


def publish(world: World, number: int, label: str = LOW, **more: object) -> str:
    anna = world.node.access.local("anna")
    obj = indicator(number, **more)  # type: ignore[arg-type]
    world.node.publish(anna, [obj], label)
    return str(obj["id"])


def test_a_report_under_a_label_is_seen_by_whom_the_label_permits(people: World, browser: Sign) -> None:
    about = publish(people, 1)
    anna, bob = browser("anna"), browser("bob")
    page = anna.get("/publish/report")
    assert page.status_code == 200
    form = fields(page) | {
        "name": "Pumps at night", "description": "First line\n\nSecond", "published": "2026-09-01T10:30",
        "report_types": ["threat-report"], "report_types.other": "water, harbour", "object_refs": [about],
        "labels": "pump\nnight", "label_text": HIGH,
        "external_references.0.source_name": "paper", "external_references.0.url": "https://example.org/a",
    }  # fmt: skip
    answer = anna.post("/publish/report", form)
    assert answer.status_code == 303, answer.text
    address = answer.headers["location"]
    assert "Pumps at night" in anna.get(address).text
    assert bob.get(address).status_code == 404
    [found] = people.node.view(people.node.access.local("anna"), "test").search(SearchQuery("pumps night")).results
    obj = found.obj
    assert obj["report_types"] == ["threat-report", "water", "harbour"]
    assert obj["labels"] == ["pump", "night"]
    assert obj["published"] == "2026-09-01T10:30:00.000Z"
    assert obj["external_references"] == [{"source_name": "paper", "url": "https://example.org/a"}]
    assert "extensions" not in obj


def test_sending_a_form_twice_publishes_once(people: World, browser: Sign) -> None:
    anna = browser("anna")
    form = fields(anna.get("/publish/campaign")) | {"name": "Twice"}
    first, second = anna.post("/publish/campaign", form), anna.post("/publish/campaign", form)
    assert first.headers["location"] == second.headers["location"]
    assert len(people.node.view(people.node.access.local("anna"), "t").versions(first.headers["location"][9:])) == 1


def test_every_fault_is_told_at_once_beside_its_field_and_nothing_is_lost(people: World, browser: Sign) -> None:
    anna = browser("anna")
    form = fields(anna.get("/publish/report")) | {
        "name": "", "description": "Kept & <b>safe</b>", "published": "soon", "object_refs": ["no such thing"],
        "confidence": "a lot", "label_text": "ALLIANCE ULTRA",
    }  # fmt: skip
    answer = anna.post("/publish/report", form)
    assert answer.status_code == 422
    for name in ("name", "published", "object_refs", "confidence"):
        assert f'id="e-{name}"' in answer.text
    assert "Kept &amp; &lt;b&gt;safe&lt;/b&gt;" in answer.text
    assert "ALLIANCE ULTRA" in answer.text
    assert 'value="soon"' in answer.text
    assert people.node.view(people.node.access.local("anna"), "test").count(frozenset({"report"})) == 0


def test_faults_that_validation_finds_stand_beside_their_fields(browser: Sign) -> None:
    anna = browser("anna")
    form = fields(anna.get("/publish/indicator")) | {"pattern": "[no pattern", "pattern_type": "stix"}
    answer = anna.post("/publish/indicator", form)
    assert answer.status_code == 422
    assert 'id="e-pattern"' in answer.text


def test_words_where_a_record_is_needed_offer_what_the_writer_may_see(people: World, browser: Sign) -> None:
    shown, hidden = publish(people, 1, name="harbour pump"), publish(people, 2, HIGH, name="harbour secret")
    people.node.accounts.add("low", by="test", roles=("analyst",))
    with_low = people.person("lena", "ALLIANCE UNCLASSIFIED for FIN", "analyst")
    people.clock.tick(5_000_000)
    people.settle()
    lena = browser(with_low.name)
    form = fields(lena.get("/publish/note")) | {"content": "x", "object_refs": ["harbour"]}
    answer = lena.post("/publish/note", form)
    assert shown in answer.text
    assert hidden not in answer.text
    part = lena.get("/publish/suggestions?q=harb&types=")
    assert shown in part.text
    assert hidden not in part.text


def test_a_new_version_shows_its_difference_and_keeps_what_no_field_shows(people: World, browser: Sign) -> None:
    stix_id = publish(
        people, 7, name="before the change", x_own={"deep": [1]}, valid_until="2027-01-01T00:00:00.123456Z"
    )
    people.clock.tick()
    anna = browser("anna")
    page = anna.get(f"/records/{stix_id}/edit")
    form = fields(page) | {"name": "after the change", "_step": "review"}
    review = anna.post(f"/records/{stix_id}/edit", form)
    assert review.status_code == 200, review.text
    assert "<ins>after</ins>" in review.text
    assert "valid_until" not in review.text.split("<form")[0]
    done = anna.post(f"/records/{stix_id}/edit", form | {"_step": "publish"})
    assert done.status_code == 303, done.text
    view = people.node.view(people.node.access.local("anna"), "test")
    new, old = view.versions(stix_id)
    assert new.obj["name"] == "after the change"
    assert new.obj["x_own"] == {"deep": [1]}
    assert new.obj["valid_until"] == "2027-01-01T00:00:00.123456Z"
    assert (new.obj["created"], new.labels) == (old.obj["created"], old.labels)


def test_a_changed_label_says_who_gains_sight(people: World, browser: Sign) -> None:
    stix_id = publish(people, 8, HIGH)
    anna, bob = browser("anna"), browser("bob")
    form = fields(anna.get(f"/records/{stix_id}/edit"))
    del form["label_keep"]
    form |= {"label_text": LOW, "_step": "review"}
    review = anna.post(f"/records/{stix_id}/edit", form)
    assert "bob" in review.text
    assert anna.post(f"/records/{stix_id}/edit", form | {"_step": "publish"}).status_code == 303
    assert bob.get(f"/records/{stix_id}").status_code == 200
    view = people.node.view(people.node.access.local("bob"), "test")
    assert len(view.versions(stix_id)) == 1


def test_what_changed_meanwhile_is_said(people: World, browser: Sign) -> None:
    stix_id = publish(people, 9)
    anna = browser("anna")
    form = fields(anna.get(f"/records/{stix_id}/edit"))
    publish(people, 9, modified="2026-05-01T00:00:00.000Z", name="somebody else's")
    answer = anna.post(f"/records/{stix_id}/edit", form | {"_step": "publish", "name": "mine"})
    assert answer.status_code == 422
    assert "newer version" in answer.text
    assert 'value="mine"' in answer.text


@pytest.mark.parametrize("path", ["/publish", "/publish/report", "/publish/suggestions?q=a"])
def test_readers_do_not_write(browser: Sign, path: str) -> None:
    assert browser("bob").get(path).status_code == 403


def test_a_record_that_may_not_be_seen_may_not_be_edited_and_is_not_there(people: World, browser: Sign) -> None:
    stix_id = publish(people, 5, HIGH)
    people.person("lena", "ALLIANCE UNCLASSIFIED for FIN", "analyst")
    people.clock.tick(5_000_000)
    lena = browser("lena")
    there, absent = lena.get(f"/records/{stix_id}/edit"), lena.get(f"/records/{stix_id[:-1]}9/edit")
    assert there.status_code == absent.status_code == 404
    assert there.text == absent.text


def test_an_object_as_json(people: World, browser: Sign) -> None:
    anna = browser("anna")
    form = fields(anna.get("/publish/json"))
    faulty = anna.post("/publish/json", form | {"_json": '{"type": "tool", "type": "tool"}'})
    assert faulty.status_code == 422
    obj = indicator(40)
    done = anna.post("/publish/json", form | {"_json": json.dumps(obj), "label_text": LOW})
    assert done.status_code == 303, done.text
    assert str(obj["id"]) in done.headers["location"]


def test_without_the_form_token_nothing_is_published(people: World, browser: Sign) -> None:
    anna = browser("anna")
    form = fields(anna.get("/publish/campaign")) | {"name": "Forged"}
    anna.csrf = "wrong"
    assert anna.post("/publish/campaign", form).status_code == 403
    assert people.node.view(people.node.access.local("anna"), "test").count(frozenset({"campaign"})) == 0
