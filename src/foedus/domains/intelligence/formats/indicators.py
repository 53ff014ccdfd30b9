"""One row of a table is one indicator: the columns, both ways. CSV and workbooks share them.

| column | meaning |
| --- | --- |
| type | kind of value, see `values.KINDS` (aliases such as ip, domain, sha-256 too); empty: guessed |
|      | stix, yara, sigma, snort, suricata, pcre: `value` is a whole pattern |
| value | what to look for; defanged writing (hxxp, [.]) is read, with a notice |
| name, description | words for people |
| valid_from, valid_until | ISO 8601, a time without zone is UTC |
| confidence | 0 to 100 |
| indicator_types, labels | lists, separated by semicolons |
| tlp | TLP 2.0 or 1 colour |
| reliability, credibility | A to F, 1 to 6 |
| source, source_url | becomes an external reference |
| id, created, modified, object_marking_refs | written by the export, so that a table comes back as the same records |

A header may use any case, blanks for underscores, and the aliases in `HEADERS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from foedus.domains.intelligence import grading
from foedus.domains.intelligence.formats import tlp
from foedus.domains.intelligence.formats.values import (
    KINDS,
    known_kind,
    normalise,
    pattern,
    plain,
    read_pattern,
    refang,
)
from foedus.domains.intelligence.objects import identify, stamp
from foedus.kernel.errors import Fault
from foedus.kernel.ids import is_id
from foedus.kernel.searchtext import when

COLUMNS = (
    "type",
    "value",
    "name",
    "description",
    "valid_from",
    "valid_until",
    "confidence",
    "indicator_types",
    "labels",
    "tlp",
    "reliability",
    "credibility",
    "source",
    "source_url",
    "id",
    "created",
    "modified",
    "object_marking_refs",
)
HEADERS: Mapping[str, str] = {
    **{name: name for name in COLUMNS},
    **dict.fromkeys(("indicator", "ioc", "observable", "pattern", "valeur", "indicateur"), "value"),
    **dict.fromkeys(("ioc_type", "indicator_type", "value_type", "kind"), "type"),
    **dict.fromkeys(("title", "nom", "titre"), "name"),
    **dict.fromkeys(("comment", "comments", "notes", "commentaire"), "description"),
    **dict.fromkeys(("first_seen", "start", "date"), "valid_from"),
    **dict.fromkeys(("expires", "expiration", "expiry", "valid_to", "last_seen"), "valid_until"),
    **dict.fromkeys(("tags", "keywords", "mots_cles"), "labels"),
    **dict.fromkeys(("source_reliability",), "reliability"),
    **dict.fromkeys(("information_credibility",), "credibility"),
    **dict.fromkeys(("reference", "url_source", "link"), "source_url"),
    **dict.fromkeys(("confiance",), "confidence"),
}
PATTERN_TYPES = frozenset({"stix", "yara", "sigma", "snort", "suricata", "pcre"})
_PATTERN_ALIASES = {"stix-pattern": "stix", "stix2-pattern": "stix"}
UNDATED = 0  # without any time, and without the day of the import, a row is as old as time (1970)

Row = Mapping[str, str]


def header(cells: Sequence[str]) -> tuple[list[str], list[Fault]]:
    """The column that each cell names ("" for an unknown one), and what is wrong with the header."""
    names, faults = [], []
    for cell in cells:
        word = "_".join(cell.strip().lower().replace("-", " ").replace("_", " ").split())
        name = HEADERS.get(word, "")
        if name and name in names:
            faults.append(Fault("repeated-column", f"the header names {name} twice", path=name))
        elif not name and word:
            faults.append(
                Fault("unknown-column", f"column {cell.strip()[:80]!r} is not read", path=word[:80], notice=True)
            )
        names.append(name)
    if "value" not in names:
        faults.append(Fault("no-header", "the first row names the columns; one of them is `value`"))
    return names, faults


def read_rows(rows: Iterable[tuple[int, Row]], day: int | None = None) -> tuple[list[dict[str, Any]], list[Fault]]:
    """Indicators of (row number, cells by column) pairs. `day`: the time that undated rows get, in microseconds."""
    objects: list[dict[str, Any]] = []
    faults: list[Fault] = []
    first: dict[str, int] = {}
    for index, (number, row) in enumerate(rows):
        reading = _Row(index, number, row, day)
        made = reading.indicator()
        faults += reading.faults
        if made is None:
            continue
        if made["id"] in first:
            text = f"row {number} says what row {first[made['id']]} says"
            faults.append(Fault("repeated-row", text, made["id"], index, notice=True))
            continue
        first[made["id"]] = number
        objects.append(made)
    return objects, faults


class _Row:
    """One row while it is read: the indicator, or its faults, each with the row's number and the column."""

    def __init__(self, index: int, number: int, row: Row, day: int | None) -> None:
        self.index, self.number, self.row, self.day = index, number, row, day
        self.faults: list[Fault] = []

    def fault(self, code: str, message: str, column: str, notice: bool = False) -> None:
        self.faults.append(
            Fault(code, f"row {self.number}, {column}: {message}", index=self.index, path=column, notice=notice)
        )

    def indicator(self) -> dict[str, Any] | None:
        made: dict[str, Any] = {"type": "indicator", "spec_version": "2.1"}
        looked_for = self._pattern()
        if looked_for is not None:
            made["pattern"], made["pattern_type"], named = looked_for
            made["name"] = self._cell("name") or named
        for column in ("description",):
            if text := self._cell(column):
                made[column] = text
        for column in ("indicator_types", "labels"):
            if values := _list(self._cell(column)):
                made[column] = values
        self._confidence(made)
        self._marking(made)
        self._grading(made)
        if source := self._cell("source") or self._cell("source_url"):
            url = self._cell("source_url")
            made["external_references"] = [{"source_name": source, **({"url": refang(url)} if url else {})}]
        times = {c: self._time(c) for c in ("valid_from", "valid_until", "created", "modified")}
        own = self._cell("id")
        if own and (not is_id(own) or not own.startswith("indicator--")):
            self.fault("invalid-id", "an id of an indicator, or nothing", "id")
        if any(not f.notice for f in self.faults):
            return None
        # The seed has only what the row says: a row imported on two days is one record.
        said = {**made, **{k: v for k, v in times.items() if v is not None}}
        made["id"] = own or identify("indicator", "table", msgspec.json.encode(said, order="sorted").decode())
        return self._dated(made, times)

    def _cell(self, column: str) -> str:
        return self.row.get(column, "").strip()

    def _pattern(self) -> tuple[str, str, str] | None:
        kind, value = self._cell("type").lower(), self._cell("value")
        if not value:
            self.fault("missing-value", "a row needs a value", "value")
            return None
        kind = _PATTERN_ALIASES.get(kind, kind)
        if kind in PATTERN_TYPES:
            return value, kind, value.partition("\n")[0][:200]
        online = plain(kind, value)
        found = normalise(kind, online)
        if found is None:
            self._wrong_value(kind, online)
            return None
        if online != value:
            self.fault("refanged", f"{value[:200]!r} read as {found[1][:200]!r}", "value", notice=True)
        return pattern(*found), "stix", found[1]

    def _wrong_value(self, kind: str, value: str) -> None:
        known = KINDS.get(known_kind(kind))
        if known_kind(kind) == "?":
            self.fault("unknown-type", f"{kind[:80]!r} is no kind of value; known: {', '.join(KINDS)}", "type")
        elif known is not None:
            self.fault("invalid-value", f"{value[:200]!r} is not {known.expected}", "value")
        else:
            self.fault("invalid-value", f"{value[:200]!r}: say in `type` what kind of value it is", "value")

    def _confidence(self, made: dict[str, Any]) -> None:
        text = self._cell("confidence").removesuffix("%").strip().removesuffix(".0")
        if not text:
            return
        if not text.isascii() or not text.isdigit() or int(text[:4]) > 100:
            self.fault("invalid-confidence", "an integer from 0 to 100", "confidence")
        else:
            made["confidence"] = int(text)

    def _marking(self, made: dict[str, Any]) -> None:
        refs = _list(self._cell("object_marking_refs"))
        if any(not is_id(r) or not r.startswith("marking-definition--") for r in refs):
            self.fault("invalid-marking", "ids of marking definitions, separated by semicolons", "object_marking_refs")
        if word := self._cell("tlp"):
            colour = tlp.read(word)
            if colour is None:
                self.fault("invalid-tlp", f"one of {', '.join(tlp.ORDER)}", "tlp")
            elif tlp.of_refs(refs) != colour:
                refs = [*refs, tlp.TLP2[colour]]
        if refs:
            made["object_marking_refs"] = refs

    def _grading(self, made: dict[str, Any]) -> None:
        letter, figure = self._cell("reliability").upper()[:1], self._cell("credibility")[:1]
        if letter and letter not in grading.RELIABILITY:
            self.fault("invalid-reliability", "a letter from A to F", "reliability")
        elif figure and figure not in "123456":
            self.fault("invalid-credibility", "a figure from 1 to 6", "credibility")
        elif letter or figure:
            made["extensions"] = grading.write({}, grading.Grading(letter, int(figure or 0)))

    def _time(self, column: str) -> str | None:
        text = self._cell(column)
        if not text:
            return None
        at = when(text)
        if at is None:
            self.fault("invalid-timestamp", "a date or time in ISO 8601, such as 2026-01-31T12:00:00Z", column)
            return None
        return stamp(at)

    def _dated(self, made: dict[str, Any], times: Mapping[str, str | None]) -> dict[str, Any] | None:
        fallback = times["created"] or times["valid_from"] or stamp(self.day or UNDATED)
        if not (times["created"] or times["valid_from"]) and self.day is None:
            self.fault("undated", "no time is given: counted as valid since 1970", "valid_from", notice=True)
        made["created"] = times["created"] or fallback
        made["modified"] = max(times["modified"] or made["created"], made["created"])
        made["valid_from"] = times["valid_from"] or fallback
        if times["valid_until"] is not None:
            if times["valid_until"] <= made["valid_from"]:
                self.fault("invalid-period", "valid_until is later than valid_from", "valid_until")
                return None
            made["valid_until"] = times["valid_until"]
        return made


def _list(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.replace("\n", ";").split(";") if part.strip()))


def write_rows(objects: Iterable[Mapping[str, Any]]) -> Iterator[list[str]]:
    """The cells of every indicator, in the order of COLUMNS. Objects that are no indicators have no row."""
    for record in objects:
        if record.get("type") != "indicator" or record.get("revoked"):
            continue
        kind, value = _kind_and_value(record)
        grade = grading.read(record)
        refs = [str(r) for r in record.get("object_marking_refs") or ()]
        source: Mapping[str, Any] = next(iter(record.get("external_references") or ()), {})
        cells = {
            **{c: str(record.get(c, "")) for c in COLUMNS},
            "type": kind,
            "value": value,
            "indicator_types": ";".join(map(str, record.get("indicator_types") or ())),
            "labels": ";".join(map(str, record.get("labels") or ())),
            "tlp": tlp.of_refs(refs),
            "reliability": grade.reliability,
            "credibility": str(grade.credibility or ""),
            "source": str(source.get("source_name", "")),
            "source_url": str(source.get("url", "")),
            "object_marking_refs": ";".join(refs),
        }
        yield [cells[c] for c in COLUMNS]


def _kind_and_value(record: Mapping[str, Any]) -> tuple[str, str]:
    language, text = str(record.get("pattern_type", "stix")), str(record.get("pattern", ""))
    simple = read_pattern(text) if language == "stix" else None
    # Only what reads back to the same pattern is written as a bare value.
    if simple is not None and normalise(*simple) == simple and pattern(*simple) == text:
        return simple
    return language, text
