"""Importing files in a browser without script: progress, faults, downloads, and whose task it is."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable

import httpx

from tests.node.conftest import World, indicator
from tests.web_writing.conftest import LOW, Browser

Sign = Callable[[str], Browser]


def bundle(*objects: object) -> bytes:
    return json.dumps(
        {"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000001", "objects": objects}
    ).encode()


def bring_in(browser: Browser, data: bytes, name: str = "in.json", **form: str) -> httpx.Response:
    """The finished page of an import."""
    browser.get("/import")
    given = {"label_use": "given", "label_text": LOW, **form}
    answer = browser.post("/import", given, files={"files": (name, data)})
    assert answer.status_code == 303, answer.text
    for _ in range(600):
        page = browser.get(answer.headers["location"])
        if "hx-trigger" not in page.text:
            page.extensions["address"] = answer.headers["location"]
            return page
        time.sleep(0.05)
    raise AssertionError("the import did not end")


def test_a_file_comes_in_under_the_label(people: World, browser: Sign) -> None:
    page = bring_in(browser("anna"), bundle(indicator(1, name="first of the file"), indicator(2)))
    assert "Every object is stored" in page.text
    assert "first of the file" in page.text
    assert people.node.view(people.node.access.local("bob"), "test").count() >= 2


def test_a_faulty_file_stores_nothing_and_names_every_fault(people: World, browser: Sign) -> None:
    anna = browser("anna")
    bad = {**indicator(3), "pattern": "[broken", "valid_from": "yesterday"}
    page = bring_in(anna, bundle(indicator(1), bad))
    assert "nothing of this file was stored" in page.text
    assert "valid_from" in page.text
    assert "pattern" in page.text
    assert str(bad["id"]) in page.text
    assert people.node.view(people.node.access.local("anna"), "test").count(frozenset({"indicator"})) == 0
    address = page.extensions["address"]
    rows = list(csv.DictReader(io.StringIO(anna.get(f"{address}/faults/csv").text)))
    assert {row["path"] for row in rows} >= {"pattern", "valid_from"}
    assert {row["index"] for row in rows} == {"1"}
    told = anna.get(f"{address}/faults/json").json()
    assert told[0]["stored"] == 0
    assert len(told[0]["faults"]) == len(rows)


def test_the_good_ones_are_kept_where_asked(people: World, browser: Sign) -> None:
    page = bring_in(browser("anna"), bundle(indicator(1), {**indicator(3), "pattern": "[broken"}), partial="1")
    assert "1 object was refused" in page.text
    assert people.node.view(people.node.access.local("anna"), "test").count(frozenset({"indicator"})) == 1


def test_what_is_no_json_at_all_is_one_clear_fault(browser: Sign) -> None:
    page = bring_in(browser("anna"), b"\xff\xfe\x00 no", name="x.bin")
    assert page.status_code == 200
    assert "nothing of this file was stored" in page.text


def test_a_table_by_its_template(people: World, browser: Sign) -> None:
    anna = browser("anna")
    anna.get("/import")
    template = anna.get("/import/template/csv")
    assert template.headers["content-disposition"] == 'attachment; filename="indicators.csv"'
    header = template.text.strip().split(",")
    assert "value" in header
    row = ["203.0.113.9" if name == "value" else "ipv4-addr" if name == "type" else "" for name in header]
    page = bring_in(anna, (template.text.strip() + "\n" + ",".join(row) + "\n").encode(), name="t.csv")
    assert "Every object is stored" in page.text, page.text
    assert anna.get("/import/template/xlsx").content[:2] == b"PK"
    assert anna.get("/import/template/misp").status_code == 404


def test_no_file_and_a_bad_label_are_said_together(browser: Sign) -> None:
    anna = browser("anna")
    anna.get("/import")
    answer = anna.post("/import", {"label_use": "given", "label_text": "ALLIANCE HUSH"}, files={"files": ("", b"")})
    assert answer.status_code == 422
    assert "Choose a file" in answer.text
    assert "HUSH" in answer.text


def test_another_persons_import_does_not_exist(people: World, browser: Sign) -> None:
    page = bring_in(browser("anna"), bundle(indicator(1)))
    people.person("lena", "ALLIANCE SECRET for FIN", "analyst")
    people.clock.tick(5_000_000)
    lena = browser("lena")
    assert lena.get(page.extensions["address"]).status_code == 404
    assert lena.get(f"{page.extensions['address']}/faults/csv").status_code == 404


def test_readers_do_not_import(browser: Sign) -> None:
    bob = browser("bob")
    assert bob.get("/import").status_code == 403
    bob.get("/")
    assert bob.post("/import", {}, files={"files": ("a.json", b"{}")}).status_code == 403
