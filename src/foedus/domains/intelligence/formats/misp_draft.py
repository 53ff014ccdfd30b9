"""The STIX objects of one MISP event while they are made, and what they share: author, times, marking, grading."""

from __future__ import annotations

from collections import Counter
from typing import Any

from foedus.domains.intelligence import grading
from foedus.domains.intelligence.formats import tlp
from foedus.domains.intelligence.formats.misp_raw import Raw, rows_of, text_of, time_of, uuid_of
from foedus.domains.intelligence.objects import identify
from foedus.kernel.errors import Fault


class Draft:
    """What one event has become so far.

    `objects` by STIX id, `ids` from MISP's uuids to theirs; `links` and `labels` go into the report; `counts` are
    notices on what was changed or left out. Every object has `author` as its creator.
    """

    def __init__(self, raw: Raw, index: int) -> None:
        self.raw, self.index = raw, index
        self.faults: list[Fault] = []
        self.objects: dict[str, dict[str, Any]] = {}
        self.ids: dict[str, str] = {}  # MISP uuid -> STIX id
        self.counts: Counter[str] = Counter()
        self.links: list[dict[str, Any]] = []
        self.author = ""
        self.uuid = uuid_of(raw)
        self.at = time_of(text_of(raw, "timestamp")) or time_of(text_of(raw, "date"))
        self.made = min(time_of(text_of(raw, "date")) or self.at, self.at)
        self.colour, self.grading, self.labels = self.tags(raw)

    @property
    def report_id(self) -> str:
        """The report that the event itself becomes."""
        return f"report--{self.uuid}"

    def fault(self, code: str, message: str, path: str, notice: bool = False) -> None:
        """Say what could not be kept as it was."""
        self.faults.append(Fault(code, message, f"misp:{self.uuid}", self.index, path, notice))

    def put(self, kind: str, uuid: str, raw: Raw, **properties: Any) -> str:
        """Keep an object under the id that follows from MISP's uuid."""
        at = time_of(text_of(raw, "timestamp")) or self.at
        own = f"{kind}--{uuid}" if uuid else identify(kind, "misp", self.uuid, repr(sorted(properties.items())))
        made: dict[str, Any] = {
            "type": kind,
            "spec_version": "2.1",
            "id": own,
            "created_by_ref": self.author,
            "created": min(self.made, at),
            "modified": at,
            **{k: v for k, v in properties.items() if v not in (None, "", [], {})},
        }
        colour, grade, labels = self.tags(raw)
        if colour := tlp.strictest(c for c in (colour, self.colour) if c):
            made["object_marking_refs"] = [tlp.TLP2[colour]]
        if grade and "extensions" not in made:
            made["extensions"] = grading.write({}, grade)
        if labels:
            made["labels"] = [*made.get("labels", []), *labels]
        self.objects[own] = made
        return own

    def tags(self, raw: Raw) -> tuple[str, grading.Grading, list[str]]:
        """(TLP colour, grading, other tags) of an event, attribute or object."""
        colours, labels, letter, figure = [], [], "", 0
        for tag in rows_of(raw, "Tag"):
            name = text_of(tag, "name")
            low = name.lower()
            if low.startswith("tlp:"):
                colour = tlp.read(name)
                if colour is not None:
                    colours.append(colour)
                    continue
                # An unknown colour must not open anything: as closed as can be.
                colours.append("red")
                self.fault("unknown-tlp", f"{name[:100]!r} is no TLP colour: read as TLP:RED", "Tag", notice=True)
            elif low.startswith('admiralty-scale:source-reliability="'):
                letter = name[-2:-1].upper() if name[-2:-1].upper() in grading.RELIABILITY else letter
            elif low.startswith('admiralty-scale:information-credibility="'):
                figure = int(name[-2:-1]) if name[-2:-1] in "123456" else figure
            elif low.startswith("misp-galaxy:") or not name:
                continue  # galaxies come with their clusters
            else:
                labels.append(name)
        return tlp.strictest(colours), grading.Grading(letter, figure), list(dict.fromkeys(labels))

    def marked(self, thing: dict[str, Any], raw: Raw) -> dict[str, Any]:
        """A cyber-observable object under the stricter of the event's and this part's TLP."""
        colour = tlp.strictest(c for c in (self.tags(raw)[0], self.colour) if c)
        return {**thing, "object_marking_refs": [tlp.TLP2[colour]]} if colour else thing

    def relate(self, kind: str, source: str, target: str, raw: Raw) -> None:
        """Keep a relationship, under an id that follows from what it says."""
        own = identify("relationship", "misp", kind, source, target)
        self.put(
            "relationship",
            own.partition("--")[2],
            {"timestamp": text_of(raw, "timestamp"), "Tag": raw.get("Tag")},
            relationship_type=kind,
            source_ref=source,
            target_ref=target,
            description=text_of(raw, "comment") if "referenced_uuid" in raw else "",
        )
