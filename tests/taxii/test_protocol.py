"""TAXII 2.1 as its clients meet it: headers, status codes, filters, order, and what is answered to bad input."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.process import bundle, indicator
from tests.taxii.conftest import MEDIA, Taxii

Numbers = Callable[[int], list[int]]
POST = {"content-type": MEDIA}


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json().get("objects", [])]


def domain_name(value: str) -> dict[str, Any]:
    """A cyber-observable object: no created, no modified."""
    import uuid

    return {"type": "domain-name", "spec_version": "2.1", "id": f"domain-name--{uuid.uuid4()}", "value": value}


# -- who asks


@pytest.mark.parametrize("path", ["", "api/", "api/collections/", "@", "@objects/", "@manifest/", "nowhere/"])
def test_without_a_credential_everything_is_401(taxii: Taxii, path: str) -> None:
    for headers in (
        {},
        {"authorization": "Bearer fds_wrong"},
        {"authorization": "Basic ####"},
        {"authorization": "Digest x"},
    ):
        answer = taxii.ask("GET", path, "", headers=headers)
        assert answer.status_code == 401
        schemes = [value.split()[0] for value in answer.headers.get_list("www-authenticate")]
        assert schemes == ["Bearer", "Basic"]
        assert answer.headers["content-type"] == MEDIA
        assert answer.json()["http_status"] == "401"


def test_token_as_bearer_and_as_password_of_its_owner_only(taxii: Taxii) -> None:
    token = taxii.node.tokens["anna"]
    url = f"{taxii.server.url}/taxii2/"
    assert httpx.get(url, headers={"authorization": f"Bearer {token}"}).status_code == 200
    assert httpx.get(url, headers={"authorization": f"bearer {token}"}).status_code == 200
    assert httpx.get(url, auth=httpx.BasicAuth("anna", token)).status_code == 200
    assert httpx.get(url, auth=httpx.BasicAuth("bob", token)).status_code == 401


def test_who_may_only_read_cannot_write(taxii: Taxii, new_numbers: Numbers) -> None:
    (one,) = new_numbers(1)
    assert taxii.ask("GET", "api/collections/", "rita").json()["collections"][0]["can_write"] is False
    answer = taxii.ask("POST", "@objects/", "rita", json={"objects": [indicator(one)]}, headers=POST)
    assert answer.status_code == 403
    assert taxii.ask("GET", f"@objects/{indicator(one)['id']}/").status_code == 404


# -- media types and methods


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (MEDIA, 200),
        ("application/taxii+json", 200),
        ("application/taxii+json; version=2.1", 200),
        ('Application/TAXII+JSON; version="2.1"', 200),
        ("*/*", 200),
        ("", 200),
        ("text/html, application/taxii+json;version=2.1;q=0.5", 200),
        ("text/html", 406),
        ("application/json", 406),
        ("application/taxii+json;version=2.0", 406),
        ("application/vnd.oasis.taxii+json;version=2.0", 406),
    ],
)
def test_accept(taxii: Taxii, accept: str, status: int) -> None:
    answer = taxii.ask("GET", "api/", headers={"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA)


@pytest.mark.parametrize(
    "kind",
    ["application/json", "text/plain", "application/taxii+json;version=2.0", "application/stix+json;version=2.1"],
)
def test_post_of_another_media_type_is_415(taxii: Taxii, kind: str) -> None:
    assert taxii.ask("POST", "@objects/", content=b'{"objects":[]}', headers={"content-type": kind}).status_code == 415


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "", {"GET", "HEAD"}),
        ("PUT", "api/", {"GET", "HEAD"}),
        ("DELETE", "api/collections/", {"GET", "HEAD"}),
        ("POST", "@", {"GET", "HEAD"}),
        ("POST", "@manifest/", {"GET", "HEAD"}),
        ("DELETE", "@objects/", {"GET", "HEAD", "POST"}),
        ("OPTIONS", "@objects/", {"GET", "HEAD", "POST"}),
        ("POST", "@objects/indicator--00000000-0000-4000-8000-000000000001/", {"GET", "HEAD", "DELETE"}),
        ("DELETE", "@objects/indicator--00000000-0000-4000-8000-000000000001/versions/", {"GET", "HEAD"}),
        (
            "DELETE",
            "api/collections/intelligence/objects/indicator--00000000-0000-4000-8000-000000000001/",
            {"GET", "HEAD"},
        ),
    ],
)
def test_a_wrong_method_is_405_and_says_what_is_allowed(
    taxii: Taxii, method: str, path: str, allowed: set[str]
) -> None:
    answer = taxii.ask(method, path)
    assert answer.status_code == 405
    assert {one.strip() for one in answer.headers["allow"].split(",")} == allowed


@pytest.mark.parametrize("path", ["", "api/", "api/collections/", "@", "@objects/?limit=2", "@manifest/"])
def test_head_is_get_without_its_body(taxii: Taxii, path: str) -> None:
    got, head = taxii.ask("GET", path), taxii.ask("HEAD", path)
    assert head.status_code == got.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == str(len(got.content))


def test_a_base_without_its_last_slash_is_found_too(taxii: Taxii) -> None:
    assert (
        httpx.get(f"{taxii.server.url}/taxii2", auth=httpx.BasicAuth("anna", taxii.node.tokens["anna"])).status_code
        == 200
    )


# -- what is not there


def test_hidden_and_unknown_are_the_same_404(taxii: Taxii, new_numbers: Numbers) -> None:
    (one,) = new_numbers(1)
    taxii.post(indicator(one))  # anna's default label, which bob may not see
    stix_id, unknown = indicator(one)["id"], "indicator--00000000-0000-4000-8000-999999999998"
    assert ids(taxii.ask("GET", f"@objects/{stix_id}/")) == [stix_id]
    for rest in ("", "versions/"):
        hidden = taxii.ask("GET", f"@objects/{stix_id}/{rest}", "bob")
        absent = taxii.ask("GET", f"@objects/{unknown}/{rest}", "bob")
        assert (hidden.status_code, hidden.content) == (absent.status_code, absent.content)
        assert hidden.status_code == 404
    hidden, absent = (taxii.ask("DELETE", f"@objects/{x}/", "bob") for x in (stix_id, unknown))
    assert (hidden.status_code, hidden.content) == (absent.status_code, absent.content) == (404, absent.content)
    assert ids(taxii.ask("GET", f"@objects/?match[id]={stix_id}", "bob")) == []


@pytest.mark.parametrize(
    "path",
    [
        "api/collections/nothing/",
        "api/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/objects/",
        "api/status/91a7b528-80eb-42ed-a74d-c6fbd5a26116/",
        "other/",
        "@objects/x/y/z/",
        "@objects/not-an-id/",
        "@objects/..%2f..%2f/",
    ],
)
def test_unknown_places_are_404(taxii: Taxii, path: str) -> None:
    answer = taxii.ask("GET", path)
    assert answer.status_code == 404
    assert answer.json()["title"] == "not found"


def test_a_status_belongs_to_who_posted(taxii: Taxii, new_numbers: Numbers) -> None:
    status = taxii.post(indicator(new_numbers(1)[0]))
    assert taxii.ask("GET", f"api/status/{status['id']}/").json() == status
    assert taxii.ask("GET", f"api/status/{status['id']}/", "bob").status_code == 404


# -- pages


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=",
        "limit=1.5",
        "limit=99999999999999999999",
        "limit=5&limit=6",
        "added_after=yesterday",
        "added_after=2026-02-30T00:00:00Z",
        "next=garbage",
        "match[version]=latest",
        "match[version]=",
        "match[type]=",
        "%ff=%ff",
        "&".join(f"a{n}=1" for n in range(40)),
    ],
)
def test_a_query_that_cannot_be_read_is_400(taxii: Taxii, query: str) -> None:
    for path in ("@objects/", "@manifest/"):
        answer = taxii.ask("GET", f"{path}?{query}")
        assert answer.status_code == 400, answer.text
        assert answer.json()["error_code"] == "bad-query"


def test_date_added_grows_strictly_and_frames_each_page(taxii: Taxii, new_numbers: Numbers) -> None:
    numbers = new_numbers(12)
    taxii.post(*(indicator(n) for n in numbers))
    wanted = ",".join(indicator(n)["id"] for n in numbers)
    listed = taxii.ask("GET", f"@manifest/?match[id]={wanted}").json()["objects"]
    dates = [one["date_added"] for one in listed]
    assert dates == sorted(set(dates))
    assert all(len(date) == len("2026-01-01T00:00:00.000000Z") for date in dates)
    page = taxii.ask("GET", f"@objects/?match[id]={wanted}&limit=5")
    assert page.headers["x-taxii-date-added-first"] == dates[0]
    assert page.headers["x-taxii-date-added-last"] == dates[4]
    rest = taxii.ask("GET", f"@objects/?match[id]={wanted}&added_after={dates[4]}")
    assert ids(rest) == [indicator(n)["id"] for n in numbers[5:]]
    assert rest.json()["more"] is False and "next" not in rest.json()
    empty = taxii.ask("GET", f"@objects/?match[id]={wanted}&added_after={dates[-1]}")
    assert empty.json() == {"more": False}
    assert not [name for name in empty.headers if name.startswith("x-taxii")]


def test_added_after_together_with_next(taxii: Taxii, new_numbers: Numbers) -> None:
    """Some clients send both; the later of the two counts, and nothing is given twice or left out."""
    numbers = new_numbers(9)
    taxii.post(*(indicator(n) for n in numbers))
    wanted = ",".join(indicator(n)["id"] for n in numbers)
    dates = [one["date_added"] for one in taxii.ask("GET", f"@manifest/?match[id]={wanted}").json()["objects"]]
    seen: list[str] = []
    query = f"match[id]={wanted}&added_after={dates[1]}&limit=3"
    answer = taxii.ask("GET", f"@objects/?{query}")
    for _ in range(10):
        seen += ids(answer)
        if not answer.json()["more"]:
            break
        answer = taxii.ask("GET", f"@objects/?{query}&next={answer.json()['next']}")
    assert seen == [indicator(n)["id"] for n in numbers[2:]]


def test_a_poller_that_uses_added_after_alone_misses_nothing(taxii: Taxii, new_numbers: Numbers) -> None:
    start = taxii.ask("GET", "@manifest/").headers.get("x-taxii-date-added-last", "2026-01-01T00:00:00Z")
    numbers = new_numbers(40)
    for part in range(0, 40, 8):
        taxii.post(*(indicator(n) for n in numbers[part : part + 8]))
    seen: list[str] = []
    since = start
    for _ in range(50):
        page = taxii.ask("GET", f"@objects/?added_after={since}&limit=7")
        seen += ids(page)
        if not page.json()["more"]:
            break
        since = page.headers["x-taxii-date-added-last"]
    assert [one for one in seen if one in {indicator(n)["id"] for n in numbers}] == [
        indicator(n)["id"] for n in numbers
    ]


def test_match_version(taxii: Taxii, new_numbers: Numbers) -> None:
    (one,) = new_numbers(1)
    stamps = [f"2026-0{month}-01T00:00:00.000Z" for month in (2, 4, 6)]
    taxii.post(*(indicator(one, modified=stamp) for stamp in stamps))
    stix_id = indicator(one)["id"]

    def versions(wanted: str) -> list[str]:
        answer = taxii.ask("GET", f"@objects/?match[id]={stix_id}&match[version]={wanted}")
        assert answer.status_code == 200, answer.text
        return sorted(o["modified"] for o in answer.json().get("objects", []))

    assert versions("last") == stamps[2:]
    assert versions("first") == stamps[:1]
    assert versions("all") == stamps
    assert versions("first,last") == [stamps[0], stamps[2]]
    assert versions(stamps[1]) == [stamps[1]]
    assert versions("2026-04-01T00:00:00Z") == [stamps[1]], "the same moment, written in another way"
    assert versions(f"{stamps[1]},last") == stamps[1:]
    assert versions(f"first,{stamps[1]},all") == stamps
    assert versions("2020-01-01T00:00:00Z") == []
    assert [o["modified"] for o in taxii.ask("GET", f"@objects/{stix_id}/").json()["objects"]] == stamps[2:]
    got = taxii.ask("GET", f"@objects/{stix_id}/versions/").json()["versions"]
    assert sorted(got) == stamps
    newest = taxii.ask("GET", f"@objects/{stix_id}/?match[version]=2020-01-01T00:00:00Z")
    assert newest.json() == {"more": False}, "it is there, though not in this version"


def test_other_filters(taxii: Taxii, new_numbers: Numbers) -> None:
    a, b = new_numbers(2)
    name = domain_name(f"host{a}.example")
    taxii.post(indicator(a), indicator(b), name)
    ours = f"match[id]={indicator(a)['id']},{indicator(b)['id']},{name['id']}"
    ask = lambda more: ids(taxii.ask("GET", f"@objects/?{ours}&{more}"))  # noqa: E731
    assert ask("match[type]=domain-name") == [name["id"]]
    assert ask("match[type]=domain-name,indicator") == [indicator(a)["id"], indicator(b)["id"], name["id"]]
    assert ask("match[type]=campaign") == []
    assert len(ask("match[spec_version]=2.1")) == 3
    assert len(ask("match[spec_version]=2.0,2.1")) == 3
    assert ask("match[spec_version]=2.0") == []
    assert len(ask("match[unheard]=of")) == 3
    assert ids(taxii.ask("GET", "@objects/?match[id]=garbage")) == []


def test_the_version_of_an_observable_is_its_date_added(taxii: Taxii, new_numbers: Numbers) -> None:
    name = domain_name(f"host{new_numbers(1)[0]}.example")
    taxii.post(name)
    (listed,) = taxii.ask("GET", f"@manifest/?match[id]={name['id']}").json()["objects"]
    assert listed["version"] == listed["date_added"]
    assert taxii.ask("GET", f"@objects/{name['id']}/versions/").json()["versions"] == [listed["date_added"]]
    assert taxii.ask("GET", f"@objects/{name['id']}/").json()["objects"] == [name]


def test_a_domain_collection_holds_its_types_only(taxii: Taxii, new_numbers: Numbers) -> None:
    (one,) = new_numbers(1)
    custom = {**indicator(one), "type": "x-custom-thing", "id": f"x-custom-thing--00000000-0000-4000-8000-{one:012d}"}
    for key in ("pattern", "pattern_type", "valid_from"):
        del custom[key]
    taxii.post(custom, indicator(one))
    both = f"match[id]={custom['id']},{indicator(one)['id']}"
    assert len(ids(taxii.ask("GET", f"@objects/?{both}"))) == 2
    assert ids(taxii.ask("GET", f"api/collections/intelligence/objects/?{both}")) == [indicator(one)["id"]]
    assert taxii.ask("GET", f"api/collections/intelligence/objects/{custom['id']}/").status_code == 404


# -- POST


def test_an_object_comes_back_equal_with_what_nobody_knows(taxii: Taxii, new_numbers: Numbers) -> None:
    (one,) = new_numbers(1)
    odd = indicator(
        one,
        x_unknown={"deep": [1, 2.5, -0.0, 1e-7, True, None, {"ünïcode": "日本\u2028 🛰 \u0000"}], "empty": {}},
        extensions={
            "extension-definition--11111111-1111-4111-8111-111111111111": {
                "extension_type": "property-extension",
                "any": "thing",
            }
        },
        labels=["b", "a"],
    )
    odd["x_unknown"]["deep"].remove(None)  # a null is no value in STIX
    status = taxii.post(odd)
    assert status["failure_count"] == 0, status
    assert taxii.ask("GET", f"@objects/{odd['id']}/").json()["objects"] == [odd]


def test_faulty_objects_fail_one_by_one_and_name_the_property(taxii: Taxii, new_numbers: Numbers) -> None:
    good, bad, worse = new_numbers(3)
    status = taxii.post(
        indicator(good), indicator(bad, modified="yesterday"), {"type": "indicator", "id": indicator(worse)["id"]}, 7
    )
    assert (status["status"], status["total_count"]) == ("complete", 4)
    assert (status["success_count"], status["failure_count"], status["pending_count"]) == (1, 3, 0)
    assert status["successes"] == [{"id": indicator(good)["id"], "version": "2026-01-02T00:00:00.000Z"}]
    words = {one["id"]: one["message"] for one in status["failures"]}  # type: ignore[attr-defined]
    assert "modified" in words[indicator(bad)["id"]]
    assert "pattern" in words[indicator(worse)["id"]]
    assert "object 3" in words
    assert ids(taxii.ask("GET", f"@objects/?match[id]={indicator(bad)['id']},{indicator(worse)['id']}")) == []


def test_what_was_posted_twice_is_a_success_and_there_once(taxii: Taxii, new_numbers: Numbers) -> None:
    (one,) = new_numbers(1)
    taxii.post(indicator(one))
    assert taxii.post(indicator(one))["success_count"] == 1
    assert len(ids(taxii.ask("GET", f"@objects/?match[id]={indicator(one)['id']}&match[version]=all"))) == 1


NOT_AN_ENVELOPE = {
    "empty": b"",
    "cut off": b'{"objects":[{"type":"indicator"',
    "null": b"null",
    "number": b"7",
    "list of nothing": b"[]",
    "objects null": b'{"objects":null}',
    "objects object": b'{"objects":{}}',
    "deep list": b"[" * 200_000,
    "deep object": b'{"a":' * 200_000,
    "deep balanced": b'{"objects":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "utf-16": '{"objects":[]}'.encode("utf-16"),
    "utf-32": '{"objects":[]}'.encode("utf-32"),
    "bad utf-8 outside": b'{"objects":[],"\xff":1}',
    "key objects twice": b'{"objects":[%s],"objects":[%s]}'
    % tuple(json.dumps(indicator(n)).encode() for n in (78, 79)),
    "gzip": gzip.compress(b'{"objects":[]}'),
    "html": b"<!DOCTYPE html><html></html>",
    "nan": b'{"objects":NaN}',
    "trailing": b'{"objects":[]} x',
    "nul": b"\0" * 100,
}


@pytest.mark.parametrize("what", NOT_AN_ENVELOPE)
def test_what_is_no_envelope_is_refused_whole(taxii: Taxii, what: str) -> None:
    answer = taxii.ask("POST", "@objects/", content=NOT_AN_ENVELOPE[what], headers=POST)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["http_status"] == str(answer.status_code)
    (fault, *_) = answer.json()["details"]["faults"]
    assert fault["message"] and fault["code"]
    assert ids(taxii.ask("GET", f"@objects/?match[id]={indicator(78)['id']},{indicator(79)['id']}")) == []


INDICATOR = json.dumps(indicator(77))
ODD_OBJECTS = {
    "duplicate key": (INDICATOR[:-1] + ', "name": "twice"}', "name"),
    "duplicate marking": (
        INDICATOR[:-1] + ', "object_marking_refs": ["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"]'
        ', "object_marking_refs": ["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"]}',
        "object_marking_refs",
    ),
    "lone surrogate": (INDICATOR[:-1] + ', "description": "\\ud83d"}', "description"),
    "huge integer": (INDICATOR[:-1] + ', "x_count": 123456789012345678901234567890}', "x_count"),
    "too precise": (INDICATOR[:-1] + ', "x_rate": 0.1234567890123456789012}', "x_rate"),
    "infinite": (INDICATOR[:-1] + ', "x_rate": 1e400}', "x_rate"),
    "null": (INDICATOR[:-1] + ', "description": null}', "description"),
    "long string": (INDICATOR[:-1] + ', "description": "' + "x" * 1_100_000 + '"}', "description"),
}


@pytest.mark.parametrize("what", ODD_OBJECTS)
def test_what_json_cannot_carry_exactly_fails_by_name(taxii: Taxii, what: str) -> None:
    text, path = ODD_OBJECTS[what]
    answer = taxii.ask("POST", "@objects/", content=('{"objects":[' + text + "]}").encode(), headers=POST)
    assert answer.status_code in (202, 422), answer.text
    if answer.status_code == 202:
        assert (answer.json()["success_count"], answer.json()["failure_count"]) == (0, 1)
        assert path in answer.json()["failures"][0]["message"]
    else:
        assert path in answer.text
    assert taxii.ask("GET", f"@objects/{indicator(77)['id']}/").status_code == 404


def test_bytes_that_are_no_utf_8_fail_by_name(taxii: Taxii) -> None:
    body = b'{"objects":[' + INDICATOR.encode()[:-1] + b', "description": "caf\xe9"}]}'
    answer = taxii.ask("POST", "@objects/", content=body, headers=POST)
    (failure,) = answer.json()["failures"]
    assert "description" in failure["message"] and "0xe9" in failure["message"]


def test_a_bundle_is_taken_for_an_envelope(taxii: Taxii, new_numbers: Numbers) -> None:
    """Posting a bundle is the commonest mistake, and there is no doubt what is meant."""
    (one,) = new_numbers(1)
    answer = taxii.ask("POST", "@objects/", content=bundle(indicator(one)), headers=POST)
    assert (answer.status_code, answer.json()["success_count"]) == (202, 1)


def test_more_than_the_limit_is_413_before_it_is_read(taxii: Taxii) -> None:
    most = taxii.ask("GET", "api/").json()["max_content_length"]
    started = time.monotonic()
    answer = taxii.ask("POST", "@objects/", content=b" " * (most + 1), headers=POST)
    assert answer.status_code == 413
    assert "max_content_length" in answer.text
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("count", [10_001, 2_000_000])
def test_too_many_objects_in_one_envelope(taxii: Taxii, count: int) -> None:
    """Counted before any of them is judged: a million empty ones would keep the server busy for minutes."""
    started = time.monotonic()
    answer = taxii.ask("POST", "@objects/", content=b'{"objects":[' + b",".join([b"{}"] * count) + b"]}", headers=POST)
    assert answer.status_code == 413
    assert time.monotonic() - started < 10
    assert "10,000" in answer.text or "10000" in answer.text
