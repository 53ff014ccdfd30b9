"""Requests, duplicates, gradings and saved searches, through the pages."""

from __future__ import annotations

from collections.abc import Callable

from foedus.faces.web.pages.duplicates import grading
from tests.node.conftest import START, World
from tests.web_writing.conftest import HIGH, LOW, Browser, fields

Sign = Callable[[str], Browser]
WHEN = "2026-01-01T00:00:00.000Z"


def stix(kind: str, number: int, **more: object) -> dict[str, object]:
    base = {"type": kind, "spec_version": "2.1", "id": f"{kind}--00000000-0000-4000-8000-{number:012d}"}
    return {**base, "created": WHEN, "modified": WHEN, **more}


def put(world: World, *objects: dict[str, object], label: str = LOW) -> None:
    world.node.publish(world.node.access.local("anna"), objects, label)
    world.settle()


ME = stix("identity", 1, name="anna", identity_class="individual")
REPORT = stix("report", 2, name="What the pumps say", published=WHEN, object_refs=[ME["id"]])


def asked(browser: Browser, **more: object) -> str:
    form = fields(browser.get("/requests/ask")) | {"question": "Who touched the pumps?", "label_text": LOW, **more}
    answer = browser.post("/requests/ask", form)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_a_request_from_asked_to_closed(people: World, browser: Sign) -> None:
    put(people, ME, REPORT)
    anna = browser("anna")
    address = asked(anna, priority="flash", needed_by="2026-12-24T12:00", about=[REPORT["id"]])
    page = anna.get(address)
    assert "Who touched the pumps?" in page.text
    assert f'href="{address}"' in anna.get("/").text  # home leads to where it can be answered
    assert "What the pumps say" in page.text
    people.clock.tick()
    assert anna.post(f"{address}/assign", {"assignee": ME["id"]}).status_code == 303
    assert "Who touched" in anna.get("/requests?show=mine").text
    people.clock.tick()
    assert anna.post(f"{address}/answer", {"answers": [REPORT["id"]]}).status_code == 303
    assert "1 answer" in anna.get(address).text
    people.clock.tick()
    assert anna.post(f"{address}/close", {"outcome": "satisfied"}).status_code == 303
    assert "Who touched" not in anna.get("/requests").text
    assert "Who touched" in anna.get("/requests?show=all").text
    people.clock.tick()
    reopened = anna.post(f"{address}/reopen", {"reason": ""})
    assert reopened.status_code == 422
    assert 'id="e-reopen-reason"' in reopened.text
    assert anna.post(f"{address}/reopen", {"reason": "It began again"}).status_code == 303
    assert "It began again" in anna.get(address).text


def test_a_request_of_another_label_is_not_there(people: World, browser: Sign) -> None:
    anna, bob = browser("anna"), browser("bob")
    low, high = asked(anna), asked(anna, question="Where is the source?", label_text=HIGH)
    listed = bob.get("/requests?show=all").text
    assert "Who touched" in listed
    assert "Where is the source" not in listed
    assert bob.get(low).status_code == 200
    assert bob.get(high).status_code == 404
    assert "/assign" not in bob.get(low).text
    bob.get("/requests")
    assert bob.post(f"{low}/withdraw", {"reason": "no"}).status_code == 403


def test_a_faulty_question_is_not_lost(browser: Sign) -> None:
    anna = browser("anna")
    form = fields(anna.get("/requests/ask")) | {"question": "", "details": "kept <i>", "needed_by": "2001-01-01T00:00"}
    answer = anna.post("/requests/ask", form)
    assert answer.status_code == 422
    assert "kept &lt;i&gt;" in answer.text
    assert 'id="e-question"' in answer.text


def test_duplicates_are_merged_and_separated(people: World, browser: Sign) -> None:
    one = stix("malware", 11, name="Blackwater", is_family=True, description="left words")
    two = stix("malware", 12, name="BlackWater", is_family=False, description="right words")
    put(people, one, two)
    anna = browser("anna")
    page = anna.get("/duplicates")
    assert "left words" in page.text
    assert 'class="differs"' in page.text
    pair = {"left": one["id"], "right": two["id"]}
    people.clock.tick()
    assert anna.post("/duplicates", {**pair, "do": "left", "reason": "same"}).status_code == 303
    people.settle()
    page = anna.get("/duplicates")
    assert "left words" not in page.text
    assert "is a duplicate of" in page.text
    people.clock.tick()
    undone = anna.post("/duplicates", {"left": two["id"], "right": one["id"], "do": "undo"})
    assert undone.status_code == 303, undone.text
    people.settle()
    assert "left words" in anna.get("/duplicates").text
    assert anna.post("/duplicates", {**pair, "do": "two"}).status_code == 303
    assert "left words" not in anna.get("/duplicates").text


def test_grading_in_the_record(people: World, browser: Sign) -> None:
    put(people, ME, REPORT)
    anna = browser("anna")
    address = f"/records/{REPORT['id']}/grade"
    assert anna.get(address).status_code == 200
    people.clock.tick()
    given = {"reliability": "B", "credibility": "2", "reason": "seen twice", "where": "record"}
    assert anna.post(address, given).status_code == 303
    found = people.node.view(people.node.access.local("anna"), "test").get(str(REPORT["id"]))
    assert grading.display(grading.read(found.obj)) == "B2"
    assert "Usually reliable" in anna.get(address).text
    assert anna.post(address, {"reliability": "", "credibility": ""}).status_code == 422


def test_saved_searches_tell_of_what_is_new(people: World, browser: Sign) -> None:
    put(people, ME)
    bob = browser("bob")
    bob.get("/search?q=pumps")
    assert bob.post("/search/save", {"query": "q=pumps", "name": "Pumps", "notify": "1"}).status_code in (302, 303)
    people.clock.at = START + 3_600_000_000
    put(people, REPORT)
    put(people, stix("report", 9, name="Secret pumps", published=WHEN, object_refs=[ME["id"]]), label=HIGH)
    page = bob.get("/searches").text
    assert "What the pumps say" in page
    assert "Secret pumps" not in page
    assert bob.post("/searches", {"name": "Pumps", "do": "quiet"}).status_code == 303
    assert "What the pumps say" not in bob.get("/searches").text
    assert bob.post("/searches", {"name": "Pumps", "do": "forget"}).status_code == 303
    assert bob.post("/searches", {"name": "Pumps", "do": "forget"}).status_code == 404
