"""Unmodified clients against a real server: taxii2-client, stix2's TAXII source and sink, stix2-validator."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import pytest
import requests
from stix2 import Filter, Indicator, TAXIICollectionSink, TAXIICollectionSource
from stix2validator import ValidationOptions, validate_string
from taxii2client.exceptions import AccessError
from taxii2client.v21 import Collection, Status, as_pages
from taxii2client.v21 import Server as TaxiiServer

from tests.process import indicator
from tests.taxii.conftest import Taxii

Numbers = Callable[[int], list[int]]


class Bearer(requests.auth.AuthBase):
    """What a script does that has a token and no password."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def later(number: int, month: int, **more: object) -> dict[str, object]:
    return indicator(number, modified=f"2026-{month:02d}-01T00:00:00.000Z", **more)


def pages(ask: object, per_request: int, *args: object, **more: object) -> list[dict[str, object]]:
    """All pages, and never more than there can be: a server without `next` makes this client loop for ever."""
    found = list(itertools.islice(as_pages(ask, per_request, *args, **more), 50))
    assert len(found) < 50, "as_pages did not end"
    return found


@pytest.mark.parametrize("bearer", [False, True])
def test_discovery_to_objects(taxii: Taxii, bearer: bool) -> None:
    token = taxii.node.tokens["anna"]
    credentials = {"auth": Bearer(token)} if bearer else {"user": "anna", "password": token}
    server = TaxiiServer(f"{taxii.server.url}/taxii2/", **credentials)
    assert "Finland" in server.title
    root = server.default
    assert root is not None and root.url in {one.url for one in server.api_roots}
    assert root.max_content_length > 0
    first, *domains = root.collections
    assert first.can_read and first.can_write
    assert domains and not any(one.can_write for one in domains)
    assert {one.title for one in domains} >= {"Intelligence"}


def test_a_wrong_token_is_an_http_error(taxii: Taxii) -> None:
    with pytest.raises(requests.HTTPError) as refused:
        Collection(taxii.everything, user="anna", password="fds_wrong").get_objects()
    assert refused.value.response.status_code == 401


def test_add_objects_and_the_status_behind_it(taxii: Taxii, new_numbers: Numbers) -> None:
    objects = [indicator(n) for n in new_numbers(3)]
    status = taxii.collection().add_objects({"objects": objects}, wait_for_completion=True)
    assert isinstance(status, Status)
    assert (status.status, status.success_count, status.failure_count, status.pending_count) == ("complete", 3, 0, 0)
    assert [one["id"] for one in status.successes] == [one["id"] for one in objects]
    again = Status(
        f"{taxii.server.url}/taxii2/api/status/{status.id}/", user="anna", password=taxii.node.tokens["anna"]
    )
    assert again.total_count == 3


def test_pages_of_objects_manifest_and_versions_end(taxii: Taxii, new_numbers: Numbers) -> None:
    numbers = new_numbers(23)
    taxii.post(*(indicator(n) for n in numbers))
    ids = [indicator(n)["id"] for n in numbers]
    collection = taxii.collection()
    found = pages(collection.get_objects, 10, id=ids)
    assert [o["id"] for page in found for o in page["objects"]] == ids
    assert [len(page["objects"]) for page in found] == [10, 10, 3]
    listed = pages(collection.get_manifest, 10, id=ids)
    assert [o["id"] for page in listed for o in page["objects"]] == ids
    dates = [o["date_added"] for page in listed for o in page["objects"]]
    assert dates == sorted(set(dates)), "date_added must be strictly increasing"

    one = new_numbers(1)[0]
    taxii.post(*(later(one, month) for month in range(1, 8)))
    seen = [v for page in pages(collection.object_versions, 3, indicator(one)["id"]) for v in page["versions"]]
    assert sorted(seen) == [f"2026-{month:02d}-01T00:00:00.000Z" for month in range(1, 8)]


def test_get_object_and_manifest_with_filters(taxii: Taxii, new_numbers: Numbers) -> None:
    a, b = new_numbers(2)
    taxii.post(indicator(a), later(a, 6), indicator(b))
    collection, stix_id = taxii.collection(), indicator(a)["id"]
    assert collection.get_object(stix_id)["objects"] == [later(a, 6)]
    assert collection.get_object(stix_id, version="first")["objects"] == [indicator(a)]
    assert len(collection.get_object(stix_id, version="all")["objects"]) == 2
    listed = collection.get_manifest(id=stix_id, version="2026-01-02T00:00:00.000Z")["objects"]
    assert [(o["id"], o["version"]) for o in listed] == [(stix_id, "2026-01-02T00:00:00.000Z")]
    assert all(o["media_type"] == "application/stix+json;version=2.1" for o in listed)
    assert "objects" not in collection.get_manifest(id=stix_id, type="campaign")


def test_delete_is_a_recall(taxii: Taxii, new_numbers: Numbers) -> None:
    one = new_numbers(1)[0]
    taxii.post(indicator(one), later(one, 6))
    collection, stix_id = taxii.collection(), indicator(one)["id"]
    collection.delete_object(stix_id)
    assert taxii.ask("GET", f"@objects/{stix_id}/").status_code == 404
    assert taxii.ask("DELETE", f"@objects/{stix_id}/").status_code == 404
    assert taxii.ask("GET", f"@objects/{stix_id}/versions/").status_code == 404
    assert "objects" not in collection.get_manifest(id=stix_id, version="all")


def test_a_collection_of_one_domain_is_read_only(taxii: Taxii) -> None:
    with pytest.raises(AccessError):
        taxii.collection(alias="intelligence").add_objects({"objects": [indicator(1)]})


def test_stix2_sink_and_source_round_trip(taxii: Taxii, new_numbers: Numbers) -> None:
    one = new_numbers(1)[0]
    stix_id = indicator(one)["id"]
    made = Indicator(**{**indicator(one), "labels": ["round-trip"]}, allow_custom=True)
    newer = made.new_version(name="a newer name", modified="2026-05-01T00:00:00.000Z")
    sink = TAXIICollectionSink(taxii.collection())
    sink.add([made, newer])
    source = TAXIICollectionSource(taxii.collection())
    assert source.get(stix_id) == newer
    assert source.get(stix_id, version="2.1") == newer  # of the standard, not of the object
    versions = source.all_versions(stix_id)
    assert sorted(v.modified for v in versions) == [made.modified, newer.modified]
    found = source.query([Filter("type", "=", "indicator"), Filter("labels", "=", "round-trip")])
    assert [o.id for o in found] == [stix_id]
    found = source.query([Filter("id", "=", stix_id), Filter("version", "=", "all")])
    assert len(found) == 2
    assert source.query([Filter("id", "=", "indicator--00000000-0000-4000-8000-999999999999")]) == []


def test_stix2_source_raises_nothing_for_what_is_hidden(taxii: Taxii, new_numbers: Numbers) -> None:
    """Anna posts under her default label, which bob may not see: for him the object is not there."""
    one = new_numbers(1)[0]
    taxii.post(indicator(one))
    assert TAXIICollectionSource(taxii.collection("anna")).get(indicator(one)["id"]) is not None
    assert TAXIICollectionSource(taxii.collection("bob")).get(indicator(one)["id"]) is None


def test_an_export_is_valid_for_the_official_validator(taxii: Taxii, new_numbers: Numbers) -> None:
    a, b = new_numbers(2)
    link = {
        "type": "relationship",
        "spec_version": "2.1",
        "id": f"relationship--00000000-0000-4000-8000-{a:012d}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "relationship_type": "related-to",
        "source_ref": indicator(a)["id"],
        "target_ref": indicator(b)["id"],
    }
    taxii.post(indicator(a), indicator(b), link)
    exported = taxii.node.run("export", "--as", "anna").done().out
    assert {indicator(a)["id"], link["id"]} <= {o["id"] for o in json.loads(exported)["objects"]}
    result = validate_string(exported, ValidationOptions(version="2.1"))
    results = result if isinstance(result, list) else [result]
    assert all(one.is_valid for one in results), [e for one in results for e in one.errors]
