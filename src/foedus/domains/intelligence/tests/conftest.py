"""A small reader in memory: what a domain sees of a View, without a node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import pytest

from foedus.kernel.domain import Output
from foedus.kernel.errors import NotFound
from foedus.kernel.links import links


class Memory:
    """A Reader over a dict: the latest versions that one subject may see."""

    def __init__(self, records: Iterable[Mapping[str, Any]] = ()) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.add(records)

    def add(self, records: Iterable[Mapping[str, Any]]) -> None:
        for record in records:
            self.records[record["id"]] = deepcopy(dict(record))

    def publish(self, output: Output) -> Output:
        """Keep what a verb answered, as the node would; fails on faults."""
        assert not output.faults, [str(f) for f in output.faults]
        for stix_id in output.sources:
            self.get(stix_id)
        for record in output.records:
            known = self.records.get(record["id"])
            assert known is None or record["modified"] > known["modified"]
        self.add(output.records)
        return output

    def get(self, stix_id: str) -> dict[str, Any]:
        if stix_id not in self.records:
            raise NotFound
        return deepcopy(self.records[stix_id])

    def find(self, **where: Any) -> Sequence[dict[str, Any]]:
        found = [
            dict(r)
            for r in self.records.values()
            if where.get("type") in (None, r["type"]) and where.get("created_by") in (None, r.get("created_by_ref"))
        ]
        found.sort(key=lambda r: str(r.get("modified", "")), reverse=True)
        return found[: where.get("limit")]

    def _links(self) -> Iterable[dict[str, Any]]:
        for record in self.records.values():
            if not record.get("revoked"):
                for link in links(record):
                    yield {**link._asdict(), "via": record["id"]}

    def links_from(self, stix_id: str, kind: str = "") -> Sequence[dict[str, Any]]:
        return [e for e in self._links() if e["source"] == stix_id and kind in ("", e["kind"])]

    def links_to(self, stix_id: str, kind: str = "") -> Sequence[dict[str, Any]]:
        return [e for e in self._links() if e["target"] == stix_id and kind in ("", e["kind"])]


@pytest.fixture
def memory() -> Memory:
    """The examples of the domain, as one reader sees them."""
    from foedus.domains.intelligence.examples import EXAMPLES

    return Memory(EXAMPLES.values())
