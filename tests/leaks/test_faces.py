"""Every face, read by somebody who may see some records, in two worlds that differ only in the others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.leaks.worlds import HIGH, build, client, shape
from tests.node.conftest import World

OBJECTS = "/taxii2/api/collections/everything/objects/"
MALWARE = "malware--00000000-0000-4000-8000-000000000001"
CAMPAIGN = "campaign--00000000-0000-4000-8000-000000000002"
REPORT = "report--00000000-0000-4000-8000-000000000003"
TWELVE = "indicator--00000000-0000-4000-8000-000000000012"
ELEVEN = "indicator--00000000-0000-4000-8000-000000000011"
ACTOR = "threat-actor--00000000-0000-4000-8000-000000001000"
NOTHING = "threat-actor--00000000-0000-4000-8000-00000000ffff"

REQUESTS = [
    "/taxii2/",
    "/taxii2/api/",
    "/taxii2/api/collections/",
    OBJECTS,
    OBJECTS + "?limit=2",
    OBJECTS + "?limit=3&match[type]=indicator",
    OBJECTS + "?match[type]=threat-actor",
    OBJECTS + "?match[version]=all",
    OBJECTS + "?match[version]=first",
    OBJECTS + f"?match[id]={TWELVE},{ACTOR}",
    OBJECTS + "?added_after=2026-09-21T14:15:00Z",
    OBJECTS + MALWARE + "/",
    OBJECTS + TWELVE + "/?match[version]=all",
    OBJECTS + TWELVE + "/versions/",
    OBJECTS + ELEVEN + "/versions/",
    OBJECTS + ACTOR + "/",
    OBJECTS + ACTOR + "/versions/",
    "/taxii2/api/collections/everything/manifest/",
    "/taxii2/api/collections/everything/manifest/?limit=2",
    "/taxii2/api/collections/intelligence/objects/",
    "/api/me",
    "/api/records?limit=3",
    f"/api/records/{MALWARE}",
    f"/api/records/{TWELVE}/versions",
    f"/api/records/{MALWARE}/neighbours",
    f"/api/records/{MALWARE}/neighbours?limit=2",
    f"/api/records/{CAMPAIGN}/neighbours",
    f"/api/records/{REPORT}/neighbours",
    f"/api/records/{MALWARE}/why",
    f"/api/records/{ACTOR}",
    f"/api/records/{ACTOR}/neighbours",
    f"/api/records/{ACTOR}/audience",
    "/api/search?q=harbour",
    "/api/search?q=harbour&limit=3&offset=2",
    "/api/search?q=harbour%20lantern",
    "/api/search?q=%22winter%20tide%22",
    "/api/search?q=hidden",
    "/api/search?q=type:threat-actor",
    "/api/search?q=harb*&order=newest",
    "/api/search",
    "/api/search?type=indicator",
    "/api/labels/choices",
    "/",
    "/search?q=harbour",
    "/search?q=hidden",
    "/search?q=label:SECRET",
    "/search",
    "/search/export?format=csv&q=harbour",
    f"/records/{MALWARE}",
    f"/records/{TWELVE}/history",
    f"/records/{MALWARE}/links",
    f"/records/{CAMPAIGN}/links",
    f"/records/{MALWARE}/audience",
    f"/records/{ACTOR}",
    f"/graph?id={MALWARE}",
    f"/graph/data?id={MALWARE}",
    f"/graph/data?id={CAMPAIGN}",
    "/timeline?q=harbour",
    "/audit",
]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, World]]:
    plain, _ = build(tmp_path_factory.mktemp("plain") / "node", hidden=False)
    secret, _ = build(tmp_path_factory.mktemp("secret") / "node", hidden=True)
    yield plain, secret
    plain.close()
    secret.close()


async def _ask(world: World, name: str, paths: list[str]) -> list[tuple[int, list[tuple[str, str]], bytes]]:
    async with client(world, name) as session:
        return [shape(await session.get(path)) for path in paths]


def test_the_worlds_differ_for_who_may_see(worlds: tuple[World, World]) -> None:
    """The suite would prove nothing otherwise."""
    plain, secret = (asyncio.run(_ask(world, "anna", [OBJECTS]))[0][2] for world in worlds)
    assert plain != secret
    assert HIGH


def test_every_answer_is_the_same_byte_for_byte(worlds: tuple[World, World]) -> None:
    plain, secret = (asyncio.run(_ask(world, "bob", REQUESTS)) for world in worlds)
    differing = [path for path, one, other in zip(REQUESTS, plain, secret, strict=True) if one != other]
    assert differing == []
    assert not [path for path, one in zip(REQUESTS, plain, strict=True) if one[0] >= 500]


def test_absent_and_not_permitted_are_the_same_answer(worlds: tuple[World, World]) -> None:
    """Within one world too: what is hidden looks like what never was."""
    _, secret = worlds
    for template in (OBJECTS + "{}/", OBJECTS + "{}/versions/", "/api/records/{}", "/api/records/{}/neighbours"):
        hidden, nothing = asyncio.run(_ask(secret, "bob", [template.format(ACTOR), template.format(NOTHING)]))
        assert hidden == nothing
        assert hidden[0] == 404


def test_writing_what_hides_somewhere_is_like_writing_something_new(worlds: tuple[World, World]) -> None:
    """An id that exists out of sight must not be told from one that does not: not by POST, not by DELETE."""

    async def write(world: World) -> list[tuple[int, bytes]]:
        envelope = {
            "objects": [
                {
                    "type": "threat-actor",
                    "spec_version": "2.1",
                    "id": ACTOR,
                    "created": "2026-01-01T00:00:00.000Z",
                    "modified": "2026-01-02T00:00:00.000Z",
                    "name": "My own",
                }
            ]
        }
        kind = {"content-type": "application/taxii+json;version=2.1"}
        async with client(world, "bob") as session:
            gone = await session.delete(OBJECTS + ACTOR + "/")
            posted = await session.post(OBJECTS, json=envelope, headers=kind)
            status = {k: v for k, v in posted.json().items() if k != "id"}
            shown = await session.get(OBJECTS + ACTOR + "/")
            return [(gone.status_code, gone.content), (posted.status_code, repr(status).encode()), shape(shown)[::2]]

    plain, secret = (asyncio.run(write(world)) for world in worlds)
    assert plain == secret


def test_files_exported_for_the_reader_are_the_same(worlds: tuple[World, World]) -> None:
    def exported(world: World) -> bytes:
        subject = world.node.access.local("bob")
        whole = b"".join(world.node.export(subject, None, "stix", None))
        return whole.split(b'"objects":', 1)[1]  # the bundle's own id is random

    plain, secret = (exported(world) for world in worlds)
    assert plain == secret
