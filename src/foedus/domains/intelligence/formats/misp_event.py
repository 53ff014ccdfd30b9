"""One MISP event while it becomes STIX objects; see `misp` for the mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foedus.domains.intelligence import grading
from foedus.domains.intelligence.formats import misp_types as names
from foedus.domains.intelligence.formats.misp_attributes import Attributes
from foedus.domains.intelligence.formats.misp_draft import Draft
from foedus.domains.intelligence.formats.misp_galaxies import clusters
from foedus.domains.intelligence.formats.misp_objects import Objects
from foedus.domains.intelligence.formats.misp_raw import Raw, is_set, rows_of, text_of, time_of, uuid_of
from foedus.domains.intelligence.objects import identify, stamp
from foedus.kernel.errors import Fault

MAX_ATTRIBUTES = 200_000


class Event:
    """Reads one event; `convert` gives its objects, `faults` says what could not be kept as it was."""

    def __init__(self, raw: Raw, index: int) -> None:
        self.raw = raw
        self._draft = Draft(raw, index)

    @property
    def faults(self) -> list[Fault]:
        """What could not be kept as it was; a `notice` refuses nothing."""
        return self._draft.faults

    def convert(self) -> list[dict[str, Any]]:
        """The objects of the event; none where it lacks what identifies it."""
        if not self._draft.uuid or not self._draft.at:
            self._draft.fault("misp-event", "an event needs a uuid and a date or timestamp", "Event")
            return []
        if (count := self._size()) > MAX_ATTRIBUTES:
            self._draft.fault("too-large", f"{count:,} attributes; at most {MAX_ATTRIBUTES:,}", "Event")
            return []
        self._organisation()
        attributes = Attributes(self._draft)
        objects = Objects(self._draft, attributes)
        for attribute in rows_of(self.raw, "Attribute"):
            attributes.add(attribute)
        for thing in rows_of(self.raw, "Object"):
            objects.add(thing)
        for galaxy in rows_of(self.raw, "Galaxy"):
            clusters(self._draft, galaxy)
        self._report()
        for thing in rows_of(self.raw, "Object"):
            objects.refer(thing)
        self._notices()
        return list(self._draft.objects.values())

    def _size(self) -> int:
        return len(rows_of(self.raw, "Attribute")) + sum(
            len(rows_of(o, "Attribute")) for o in rows_of(self.raw, "Object")
        )

    def _organisation(self) -> None:
        org = self.raw.get("Orgc") or self.raw.get("Org")
        org = org if isinstance(org, Mapping) else {}
        name = text_of(org, "name") or "Unnamed organisation of a MISP event"
        uuid = uuid_of(org)
        self._draft.author = f"identity--{uuid}" if uuid else identify("identity", "misp", name)
        at = stamp(0)  # MISP keeps no time for organisations; a fixed one keeps the identity the same in every event
        self._draft.objects[self._draft.author] = {
            "type": "identity",
            "spec_version": "2.1",
            "id": self._draft.author,
            "created": at,
            "modified": at,
            "name": name,
            "identity_class": "organization",
        }

    def _report(self) -> None:
        for report in rows_of(self.raw, "EventReport"):
            if not is_set(report, "deleted"):
                self._draft.put(
                    "note",
                    uuid_of(report),
                    report,
                    abstract=text_of(report, "name") or "Report",
                    content=text_of(report, "content") or "(empty)",
                    object_refs=[self._draft.report_id],
                )
        level = names.THREAT_LEVELS.get(text_of(self.raw, "threat_level_id"))
        stage = names.ANALYSIS.get(text_of(self.raw, "analysis"))
        labels = [f'misp:threat-level="{level}"'] if level else []
        labels += [f'misp:analysis="{stage}"'] if stage else []
        own = self._draft.report_id
        refs = [i for i, o in self._draft.objects.items() if o["type"] != "note" or own not in o["object_refs"]]
        self._draft.put(
            "report",
            self._draft.uuid,
            {k: v for k, v in self.raw.items() if k != "Tag"},
            name=text_of(self.raw, "info") or "MISP event",
            report_types=["threat-report"],
            published=time_of(text_of(self.raw, "publish_timestamp")) or self._draft.at,
            object_refs=refs,
            labels=[*labels, *dict.fromkeys(self._draft.labels)],
            external_references=self._draft.links,
            extensions=grading.write({}, self._draft.grading) if self._draft.grading else None,
        )

    def _notices(self) -> None:
        sharing = names.DISTRIBUTION.get(text_of(self.raw, "distribution"))
        if sharing and sharing != "all communities":
            text = f"MISP shares this event with {sharing}: that is not a label, only TLP tags are"
            self._draft.fault("misp-distribution", text, "distribution", notice=True)
        for text, count in sorted(self._draft.counts.items()):
            self._draft.fault("misp-changed", f"{count:,} {text}", "Event", notice=True)
