"""What somebody may not see moves nothing: two nodes that differ only in hidden records give the same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from .coalition import HIGH, INDICATOR, MALWARE, PLACE, REPORT, SECRET_REPORT, USES, World, start

ABSENT = "report--00000000-0000-4000-8000-00000000dead"
PARTS = ["", "/json", "/history", "/links", "/audience", "/recall", "?version=1"]


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, World]]:
    """The second node holds a secret report more, in the middle of what both hold."""
    made = []
    for secret in (False, True):
        world, server, thread = start(tmp_path_factory.mktemp("twin"))
        world.publish(MALWARE, INDICATOR)
        if secret:
            world.publish(SECRET_REPORT, label=HIGH)
        world.publish(REPORT, USES, PLACE)
        made.append((world, server, thread))
    yield made[0][0], made[1][0]
    for world, server, thread in made:
        server.should_exit = server.force_exit = True
        thread.join(10)
        world.node.close()


def bare(answer: httpx.Response) -> tuple[int, str, dict[str, str]]:
    """Status, body and headers without what is random or a moment of the clock on both nodes alike."""
    text = re.sub(r'value="[\w-]{20,}"|"X-CSRF-Token": "[\w-]+"', "TOKEN", answer.text)
    text = re.sub(r"after=\d{16}", "after=NOW", text)
    text = re.sub(r'<time datetime="2(?!026-0)[^<]*</time>', "TIME", text)
    text = re.sub(r'<time datetime="[^"]+">[^<]*</time>', lambda m: m[0] if "2026-01" in m[0] else "TIME", text)
    text = re.sub(r"marking-definition--[0-9a-f-]{36}", "MARKING", text)
    headers = {k: v for k, v in answer.headers.items() if k not in ("date", "content-length")}
    return answer.status_code, text, headers


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/search",
        "/search?q=waterworks",
        "/search?q=source",
        "/search?order=newest&type=report",
        "/timeline",
        f"/timeline?id={MALWARE['id']}",
        f"/records/{MALWARE['id']}",
        f"/records/{MALWARE['id']}/links",
        f"/graph/data?id={MALWARE['id']}",
        "/graph",
        f"/records/{SECRET_REPORT['id']}",
        f"/graph?id={SECRET_REPORT['id']}",
        "/search/export?format=csv&q=waterworks",
    ],
)
def test_hidden_records_change_nothing_on_any_page(twins: tuple[World, World], path: str) -> None:
    without, with_it = (bare(world.client("rolf").get(path)) for world in twins)
    assert without == with_it
    assert SECRET_REPORT["name"] not in with_it[1]


@pytest.mark.parametrize("part", PARTS)
def test_absent_and_not_permitted_are_the_same_bytes(world: World, part: str) -> None:
    client = world.client("rolf")
    hidden, absent = client.get(f"/records/{SECRET_REPORT['id']}{part}"), client.get(f"/records/{ABSENT}{part}")
    nonsense = client.get(f"/records/no-such-thing{part}")
    assert hidden.status_code == absent.status_code == nonsense.status_code == 404
    assert hidden.content == absent.content == nonsense.content
    strip = {"date"}
    assert {k: v for k, v in hidden.headers.items() if k not in strip} == {
        k: v for k, v in absent.headers.items() if k not in strip
    }


def test_an_unknown_address_is_the_same_page_too(world: World) -> None:
    client = world.client("rolf")
    assert client.get("/nothing/here").content == client.get(f"/records/{SECRET_REPORT['id']}").content


def test_who_is_not_signed_in_learns_nothing_from_the_way_to_sign_in(world: World) -> None:
    client = world.client()
    answers = [client.get(f"/records/{i}") for i in (REPORT["id"], ABSENT)]
    assert [a.status_code for a in answers] == [303, 303]
    assert [a.headers["location"] for a in answers] == [f"/signin?next=/records/{i}" for i in (REPORT["id"], ABSENT)]


def test_a_recall_of_what_one_may_not_see_is_not_found(world: World) -> None:
    client = world.client("rolf")
    token = re.search(r'name="_csrf" value="([^"]+)"', client.get("/").text)
    assert token
    answers = [
        client.post(f"/records/{i}/recall", data={"_csrf": token[1], "reason": ""})
        for i in (SECRET_REPORT["id"], ABSENT)
    ]
    assert [a.status_code for a in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_nobody_without_clearance_sees_anything(world: World) -> None:
    client = world.client("ned")
    assert "0 records are visible to you" in client.get("/").text
    for path in (
        "/search",
        "/search?q=waterworks",
        "/timeline",
        "/graph",
        "/search/export",
        "/search/export?format=csv",
    ):
        text = client.get(path).text
        for obj in (REPORT, INDICATOR, MALWARE, SECRET_REPORT):
            assert obj["name"] not in text
            assert obj["id"] not in text
