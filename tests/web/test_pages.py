"""The pages as a browser without script gets them."""

from __future__ import annotations

import csv
import io
import json
import re

import httpx
import pytest

from foedus.faces.web.headers import SECURITY_HEADERS

from .coalition import HIGH, INDICATOR, MALWARE, PLACE, REPORT, SECRET_REPORT, USES, World, csrf, link, stix

PAGES = [
    "/",
    "/search",
    "/search?q=waterworks&order=newest",
    "/search?type=report&type=malware&month=2026-01",
    f"/records/{REPORT['id']}",
    f"/records/{INDICATOR['id']}",
    f"/records/{USES['id']}",
    f"/records/{PLACE['id']}",
    f"/records/{REPORT['id']}/json",
    f"/records/{REPORT['id']}/history",
    f"/records/{MALWARE['id']}/links",
    "/graph",
    f"/graph?id={MALWARE['id']}",
    "/timeline?q=waterworks",
    f"/timeline?id={MALWARE['id']}",
]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("lang", ["en", "fr"])
def test_every_page_reads_in_both_languages(clients: dict[str, httpx.Client], path: str, lang: str) -> None:
    page = clients["anna"].get(path + ("&" if "?" in path else "?") + f"lang={lang}")
    assert page.status_code == 200
    assert f'<html lang="{lang}"' in page.text
    for name, value in SECURITY_HEADERS.items():
        assert page.headers[name] == value
    assert page.headers["cache-control"] == "no-store"
    assert "last-modified" not in page.headers
    assert "etag" not in page.headers


def test_pages_hold_no_inline_script_style_or_foreign_address(world: World) -> None:
    client = world.client("anna")
    for path in PAGES:
        text = client.get(path).text
        assert not re.search(r"<script(?![^>]* src=\"/static/)", text), path
        assert not re.search(r"<style| style=|<[^>]+ on\w+=", text), path
        for address in re.findall(r"<(?:script|link|img|use)[^>]+(?:src|href)=\"([^\"]+)", text):
            assert address.startswith("/static/"), address


def test_what_a_record_says_is_shown_and_is_harmless(world: World) -> None:
    text = world.client("anna").get(f"/records/{REPORT['id']}").text
    assert "Probing of &lt;b&gt;pumps&lt;/b&gt; in the <strong>harbour</strong> district" in text
    assert "value of my own" in text  # a property nobody knows, two levels down
    assert 'href="https://example.org/a" rel="noopener noreferrer nofollow"' in text
    assert 'href="javascript:' not in text
    assert text.count("ALLIANCE RESTRICTED</p>") == 2  # the banner, above and below
    assert ">Industroyer</a>" in text


def test_times_carry_the_zone_of_the_account(world: World) -> None:
    text = world.client("anna").get(f"/records/{REPORT['id']}").text
    assert '<time datetime="2026-01-10T08:00:00.000Z">2026-01-10 10:00 EET</time>' in text


def test_a_search_marks_its_words_and_counts_by_facet(world: World) -> None:
    text = world.client("anna").get("/search?q=pumps").text
    assert "<mark>pumps</mark>" in text
    assert "1 record</strong>" in text
    assert re.search(r"Report</span><span class=\"facet-count\">1<", text)


def test_a_search_that_cannot_be_read_says_why(world: World) -> None:
    page = world.client("anna").get("/search?q=after:never")
    assert page.status_code == 200
    assert "after: needs a date such as 2026-01-31" in page.text


def test_a_search_goes_out_as_csv_and_as_a_bundle(world: World) -> None:
    client = world.client("anna")
    table = list(csv.DictReader(io.StringIO(client.get("/search/export?q=pumps&format=csv").text)))
    assert [(line["id"], line["label"]) for line in table] == [(REPORT["id"], "ALLIANCE RESTRICTED")]
    answer = client.get("/search/export?type=malware")
    bundle = json.loads(answer.content)
    assert MALWARE["id"] in [o["id"] for o in bundle["objects"]]
    assert answer.headers["content-disposition"].startswith("attachment")


def test_formulas_in_names_are_text_in_the_csv(world: World) -> None:
    world.publish(stix("campaign", 90, name="=HYPERLINK(1)"))
    assert ",'=HYPERLINK(1)," in world.client("anna").get("/search/export?type=campaign&format=csv").text


def test_saved_searches_are_kept_counted_and_dropped(world: World) -> None:
    client = world.client("anna")
    token = csrf(client.get("/search?q=buoy"))
    form = {"_csrf": token, "name": "Buoys & <nets>", "query": "q=buoy", "notify": "1"}
    assert client.post("/search/save", data=form).headers["location"] == "/search?q=buoy"
    assert "Buoys &amp; &lt;nets&gt;" in client.get("/").text
    world.publish(stix("malware", 91, name="Buoy worm", is_family=False))
    assert re.search(r"nets&gt;</a>\s*<span class=\"count\"[^>]*>1<", client.get("/").text)
    assert client.get("/search/saved", params={"name": "Buoys & <nets>"}).headers["location"] == "/search?q=buoy"
    assert not re.search(r"nets&gt;</a>\s*<span class=\"count\"", client.get("/").text)
    client.post("/search/forget", data={"_csrf": token, "name": "Buoys & <nets>"})
    assert "nets&gt;" not in client.get("/").text


def test_forms_without_the_token_do_nothing(world: World) -> None:
    client = world.client("anna")
    assert client.post("/search/save", data={"name": "x", "query": "q=x"}).status_code == 403
    assert client.post(f"/records/{REPORT['id']}/recall", data={"reason": "x"}).status_code == 403
    assert client.get(f"/records/{REPORT['id']}").status_code == 200


def test_what_is_new_is_new_until_it_is_seen(world: World) -> None:
    client = world.client("rolf")
    assert REPORT["name"] in client.get("/").text
    client.post("/seen", data={"_csrf": csrf(client.get("/"))})
    page = client.get("/").text
    assert re.search(r'<ol class="rows" id="news"></ol>', page)
    world.publish(stix("malware", 92, name="Just arrived", is_family=False))
    news = re.search(r'id="news">(.*?)</ol>', client.get("/").text, re.DOTALL)
    assert news
    assert "Just arrived" in news[1]


def test_history_shows_the_difference_between_two_versions(world: World) -> None:
    world.publish({**PLACE, "modified": "2026-02-01T00:00:00.000Z", "name": "Harbour basin"})
    text = world.client("anna").get(f"/records/{PLACE['id']}/history").text
    assert "2 versions" in text
    assert "<ins> basin</ins>" in text


def test_links_name_kind_direction_and_marking(world: World) -> None:
    text = world.client("anna").get(f"/records/{MALWARE['id']}/links").text
    assert "Beacon address" in text
    assert "indicates" in text
    assert "ALLIANCE SECRET" in text  # the marking of the neighbour, not of this record


def test_one_expansion_of_the_graph(world: World) -> None:
    answer = world.client("anna").get("/graph/data", params={"id": MALWARE["id"]}).json()
    assert {n["title"] for n in answer["nodes"]} >= {"Beacon address", SECRET_REPORT["name"]}
    assert {"ALLIANCE RESTRICTED", "ALLIANCE SECRET"} == {m["text"] for m in answer["markings"]}


def test_a_recall_asks_first_and_then_the_record_is_gone(world: World) -> None:
    one = stix("malware", 93, name="To be withdrawn", is_family=False)
    world.publish(one)
    client = world.client("anna")
    page = client.get(f"/records/{one['id']}/recall")
    done = client.post(f"/records/{one['id']}/recall", data={"_csrf": csrf(page), "reason": "wrong"})
    assert "1 version was erased." in done.text
    assert client.get(f"/records/{one['id']}").status_code == 404


def test_a_one_time_link_asks_before_it_is_used_up(world: World) -> None:
    client, secret = world.client(), link(world.node, "rolf")
    assert client.get(f"/signin/link/{secret}").status_code == 200
    assert client.get(f"/signin/link/{secret}").status_code == 200
    assert client.post(f"/signin/link/{secret}").status_code == 303
    assert client.get("/").status_code == 200
    assert client.post(f"/signin/link/{secret}").status_code == 401


def test_signing_out_ends_the_session(world: World) -> None:
    client = world.client("rolf")
    client.post("/signout", data={"_csrf": csrf(client.get("/"))})
    answer = client.get("/search?q=a")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/signin?next=/search%3Fq%3Da"


def test_the_language_and_the_colours_stay_as_they_were_chosen(world: World) -> None:
    client = world.client("anna")
    client.get("/?lang=fr&theme=dark")
    page = client.get("/search").text
    assert '<html lang="fr" data-theme="dark">' in page


def test_auditors_see_releases_and_others_do_not(world: World) -> None:
    world.client("rolf").get(f"/records/{REPORT['id']}")
    auditor = world.client("iris")
    text = auditor.get("/audit?subject=rolf&face=web").text
    assert "rolf" in text
    assert "/audit?subject=" not in text or "anna" not in re.findall(r"subject=(\w+)", text)
    lines = list(csv.DictReader(io.StringIO(auditor.get("/audit/export?subject=rolf").text)))
    assert lines
    assert {line["subject"] for line in lines} == {"rolf"}
    assert world.client("anna").get("/audit").status_code == 403
    assert ">Audit<" not in world.client("anna").get("/").text


def test_the_originators_staff_see_who_has_seen_a_record(world: World) -> None:
    world.client("rolf").get(f"/records/{REPORT['id']}")
    text = world.client("anna").get(f"/records/{REPORT['id']}/audience").text
    assert "rolf" in text
    assert world.client("rolf").get(f"/records/{REPORT['id']}/audience").status_code == 403
    assert "/audience" not in world.client("rolf").get(f"/records/{REPORT['id']}").text


def test_an_internal_fault_gives_a_reference_and_no_detail(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = world.client("anna")

    def broken(*_: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(world.node, "domains", broken)
    page = client.get("/")
    monkeypatch.undo()
    assert page.status_code == 500
    assert "a secret detail" not in page.text


def test_static_files_are_kept_by_their_content(world: World) -> None:
    client = world.client()
    address = re.search(r'href="(/static/foedus\.css\?v=\w+)"', client.get("/signin").text)
    assert address
    first = client.get(address[1])
    assert "immutable" in first.headers["cache-control"]
    assert client.get(address[1], headers={"if-none-match": first.headers["etag"]}).status_code == 304
    assert client.get("/static/../app.py").status_code in (303, 404)
    assert client.get("/static/%2e%2e/app.py").status_code in (303, 404)


def test_marking_colours_come_from_a_sheet_that_the_page_names(world: World) -> None:
    client = world.client("anna")
    text = client.get("/search?q=label:SECRET").text
    sheet = re.search(r'href="(/static/marking-colours/[^"]+)"', text)
    assert sheet
    rules = client.get(sheet[1]).text
    for css in set(re.findall(r'class="chip (mk-[0-9a-f-]+)"', text)):
        assert f".{css}{{background:#" in rules
    assert client.get("/static/marking-colours/red;x.css").status_code == 404
    assert HIGH in text


def test_an_export_with_labels_names_only_what_the_reader_may_see(clients: dict[str, httpx.Client]) -> None:
    for name, secret in (("anna", True), ("rolf", False)):
        text = clients[name].get("/search/export?q=waterworks&format=marked").text
        objects = json.loads(text)["objects"]
        reports = [one for one in objects if one["type"] == "report"]
        ids = {one["id"] for one in objects}
        assert len(reports) == 1 + secret
        assert all(one["object_marking_refs"] and set(one["object_marking_refs"]) <= ids for one in reports)
        assert ("SECRET" in text) is secret
