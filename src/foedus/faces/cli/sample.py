"""The sample coalition: reads `samples/` and builds its STIX objects, each with the label that stands beside it.

samples/coalition.toml    whose node it is, the labels by short name, the people
samples/facts/*.csv       members and partners: public facts with their source
samples/scenario/*.toml   the invented exercise scenario; `samples/README.md` describes the form

    sample = read_sample()
    for batch in sample.batches:         # in the order of time, consecutive objects of one label together
        node.ingest(None, batch.bundle(), batch.label)

Ids follow from the keys, so building twice gives the same objects.
"""

from __future__ import annotations

import csv
import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from foedus.domains.intelligence.extensions import REQUEST
from foedus.domains.intelligence.grading import Grading, write
from foedus.domains.intelligence.objects import identify
from foedus.kernel.errors import Fault, Refused

Table = dict[str, Any]

INVENTED = {"en": "Exercise scenario, invented.", "fr": "Scénario d'exercice, inventé."}
MARK = "exercise"  # in `labels` of every object of the scenario
FACTS_AT = "2026-01-05T08:00Z"

_SHORT_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\dZ)?")
_PATTERNS = {
    "ipv4": "[ipv4-addr:value = '{}']",
    "domain": "[domain-name:value = '{}']",
    "url": "[url:value = '{}']",
    "email": "[email-addr:value = '{}']",
    "sha256": "[file:hashes.'SHA-256' = '{}']",
    "x509": "[x509-certificate:hashes.'SHA-256' = '{}']",
}
# Where each type of object keeps the words that people read; the rest have a description.
_WORDS = {"note": "content", "opinion": "explanation"}


@dataclass(frozen=True, slots=True)
class Batch:
    """Objects under one label, TEXT."""

    label: str
    objects: tuple[Table, ...]

    def bundle(self) -> bytes:
        """A STIX bundle; its id follows from what is in it."""
        names = [f"{one['id']} {one.get('modified', '')}" for one in self.objects]
        return msgspec.json.encode({"type": "bundle", "id": identify("bundle", *names), "objects": self.objects})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who reads the sample; `sees` says in one line what is particular about their view."""

    name: str
    title: str  # in English, for the terminal
    display_name: str  # as the pages show it, in the person's language
    roles: tuple[str, ...]
    clearance: str
    language: str
    zone: str
    sees: str


@dataclass(frozen=True, slots=True)
class Sample:
    """All of it. `count` is the number of object versions in the batches."""

    owner: str
    owner_name: str
    people: tuple[Person, ...]
    batches: tuple[Batch, ...]

    @property
    def count(self) -> int:
        return sum(len(batch.objects) for batch in self.batches)


def sample_folder() -> Path:
    """Where the installation keeps the samples. Raises Refused."""
    here = Path(__file__).resolve()
    for folder in (here.parents[2] / "_data" / "samples", here.parents[4] / "samples"):
        if (folder / "coalition.toml").is_file():
            return folder
    fault = Fault("broken-installation", "the sample files of the installation are missing")
    raise Refused([fault], fault.message)


def read_sample(folder: Path | None = None) -> Sample:
    """Read and build everything. Raises Refused where files are missing, KeyError where the scenario names nothing."""
    folder = folder or sample_folder()
    coalition = _toml(folder / "coalition.toml")
    labels: Mapping[str, str] = coalition["labels"]
    people = tuple(Person(**{**one, "roles": tuple(one["roles"])}) for one in coalition["people"])
    scenario: Table = {}
    for file in sorted((folder / "scenario").glob("*.toml")):
        for kind, tables in _toml(file).items():
            scenario.setdefault(kind, []).extend(tables)
    made = [*facts(folder / "facts"), *_Scenario(scenario).objects()]
    made.sort(key=lambda pair: (str(pair[1]["modified"]), str(pair[1]["id"])))
    batches = tuple(
        Batch(labels[label], tuple(obj for _, obj in group)) for label, group in groupby(made, key=lambda p: p[0])
    )
    return Sample(coalition["owner"]["code"], coalition["owner"]["name"], people, batches)


def _toml(path: Path) -> Table:
    return tomllib.loads(path.read_text(encoding="utf-8"))


# -- facts


def facts(folder: Path) -> Iterator[tuple[str, Table]]:
    """Members and partners as identities, public. What no source but general knowledge supports is left out."""
    for name, sentence in (("members", _member), ("partners", _partner)):
        with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["source"].strip() != "GK":
                    yield "public", _nation(row, sentence(row))


def _member(row: Mapping[str, str]) -> str:
    return f"Member of the North Atlantic Treaty since {row['accession_date']} ({row['enlargement_round']})."


def _partner(row: Mapping[str, str]) -> str:
    joined = f" since {row['joined']}" if row["joined"] else ""
    return f"Partner of the North Atlantic Treaty Organization ({row['framework']}{joined}); {row['status']}."


def _nation(row: Mapping[str, str], sentence: str) -> Table:
    doubt = " What is marked GK is general knowledge, unconfirmed." if "GK" in "".join(row.values()) else ""
    at = _time(FACTS_AT)
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": identify("identity", "sample", "nation", row["iso3"]),
        "created": at,
        "modified": at,
        "name": row["name"],
        "identity_class": "organization",
        "sectors": ["government"],
        "labels": ["public-fact"],
        "description": f"{sentence} Code {row['iso3']}. Source: {row['source'].replace('S:', '')}.{doubt}",
    }


# -- the scenario


class _Scenario:
    """Builds the objects from the tables. `@key` stands for the id of the object with that key."""

    def __init__(self, tables: Table) -> None:
        self._tables = dict(tables)
        self._cells = self._tables.pop("cells", [])
        self._indicators = self._tables.pop("indicators", [])
        self._sightings = self._tables.pop("sightings", [])
        self._echoes = self._tables.pop("echoes", [])
        self._links = self._tables.pop("links", [])
        self._ids: dict[str, str] = {}
        plain = [(kind, table["key"]) for kind, tables_ in self._tables.items() for table in tables_]
        rows = [("identity", row[0]) for group in self._cells for row in group["rows"]]
        rows += [("indicator", row[0]) for group in self._indicators for row in group["rows"]]
        rows += [("report", row[0]) for group in self._echoes for row in group["rows"]]
        for kind, key in (*plain, *rows):
            self._ids[key] = identify(kind, "sample", key)

    def objects(self) -> Iterator[tuple[str, Table]]:
        """(short name of the label, object)."""
        yield from self._whole()
        for group in self._cells:
            yield from ((group["label"], self._cell(group, *row)) for row in group["rows"])
        for group in self._indicators:
            yield from ((group["label"], self._indicator(group, *row)) for row in group["rows"])
        for group in self._echoes:
            yield from ((group["label"], self._echo(group, *row)) for row in group["rows"])
        for group in self._sightings:
            yield from ((group["label"], self._sighting(*row)) for row in group["rows"])
        for group in self._links:
            yield from ((group["label"], self._link(group, *row)) for row in group["rows"])

    def _whole(self) -> Iterator[tuple[str, Table]]:
        before: dict[str, Table] = {}
        for kind, tables in self._tables.items():
            for table in tables:
                table = before[table["key"]] = {**before.get(table["key"], {}), **table}
                given = {k: v for k, v in table.items() if k not in ("key", "label")}
                yield table["label"], self._object(kind, self._ids[table["key"]], **given)

    def _object(
        self,
        kind: str,
        own_id: str,
        *,
        at: str,
        changed: str = "",
        by: str = "",
        grade: str = "",
        grading_reason: str = "",
        **properties: Any,
    ) -> Table:
        head: Table = {"type": kind, "spec_version": "2.1", "id": own_id, "created": at, "modified": changed or at}
        if by:
            head["created_by_ref"] = by
        made: Table = self._resolved({**head, **properties})
        made["labels"] = [MARK, *made.get("labels", ())]
        words, mark = _WORDS.get(kind, "description"), INVENTED[made.get("lang", "en")]
        made[words] = f"{made[words]}\n\n{mark}" if made.get(words) else mark
        if grade:
            made["extensions"] = write(made, Grading(grade[0], int(grade[1:] or 0), grading_reason))
        if kind == "request-for-information":
            made["extensions"] = {REQUEST["id"]: {"extension_type": "new-sdo"}}
        return made

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, str):
            if value.startswith("@"):
                return self._ids[value[1:]]
            return _time(value) if _SHORT_TIME.fullmatch(value) else value
        if isinstance(value, list):
            return [self._resolved(one) for one in value]
        if isinstance(value, dict):
            return {key: self._resolved(one) for key, one in value.items()}
        return value

    def _cell(self, group: Table, key: str, nation: str, reliability: str) -> Table:
        return self._object(
            "identity",
            self._ids[key],
            at=group["at"],
            by=group["by"],
            grade=reliability,
            name=f"Exercise cell {nation}",
            identity_class="group",
            sectors=["government"],
            description=f"Plays {nation} in the exercise; speaks for nobody else.",
        )

    def _indicator(
        self, group: Table, key: str, kind: str, value: str, name: str, since: str, until: str, confidence: int
    ) -> Table:
        # The hash of a phrase: it has the form of a hash and is that of no file.
        shown = hashlib.sha256(value.encode()).hexdigest() if kind in ("sha256", "x509") else value
        return self._object(
            "indicator",
            self._ids[key],
            at=since,
            by=group["by"],
            name=name,
            indicator_types=group["types"],
            pattern=_PATTERNS[kind].format(shown),
            pattern_type="stix",
            valid_from=since,
            **({"valid_until": until} if until else {}),
            confidence=confidence,
        )

    def _echo(self, group: Table, key: str, cell: str, at: str, name: str, text: str) -> Table:
        return self._object(
            "report",
            self._ids[key],
            at=at,
            by=f"@{cell}",
            grade="C4",
            name=name,
            report_types=["indicator"],
            published=at,
            object_refs=[group["of"]],
            external_references=[{"source_name": group["source"], "url": group["cites"]}],
            description=text,
        )

    def _sighting(self, of: str, cell: str, first: str, last: str, count: int) -> Table:
        return self._object(
            "sighting",
            identify("sighting", "sample", of, cell, first),
            at=last,
            by=f"@{cell}",
            first_seen=first,
            last_seen=last,
            count=count,
            sighting_of_ref=f"@{of}",
            where_sighted_refs=[f"@{cell}"],
        )

    def _link(self, group: Table, source: str, kind: str, target: str, at: str) -> Table:
        return self._object(
            "relationship",
            identify("relationship", "sample", source, kind, target),
            at=at,
            by=group["by"],
            relationship_type=kind,
            source_ref=f"@{source}",
            target_ref=f"@{target}",
        )


def _time(short: str) -> str:
    """`2026-03-01` or `2026-03-01T10:00Z` as a STIX timestamp."""
    return f"{short}T00:00:00.000Z" if len(short) == 10 else f"{short[:-1]}:00.000Z"


def objects(batches: Iterable[Batch]) -> Iterator[Table]:
    """Every object version, in the order of import."""
    for batch in batches:
        yield from batch.objects
