"""One MISP event while it becomes STIX objects; see `misp` for the mapping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from foedus.domains.intelligence import grading
from foedus.domains.intelligence.formats import misp_types as names
from foedus.domains.intelligence.formats import tlp
from foedus.domains.intelligence.formats.misp_raw import (
    Raw,
    each,
    is_set,
    rows_of,
    text_of,
    time_of,
    uuid_of,
)
from foedus.domains.intelligence.formats.observables import observable
from foedus.domains.intelligence.formats.values import comparison, normalise, pattern, plain
from foedus.domains.intelligence.objects import identify, stamp
from foedus.kernel.errors import Fault

MAX_ATTRIBUTES = 200_000


class Event:
    """Reads one event; `convert` gives its objects, `faults` says what could not be kept as it was."""

    def __init__(self, raw: Raw, index: int) -> None:
        self.raw, self.index = raw, index
        self.faults: list[Fault] = []
        self._objects: dict[str, dict[str, Any]] = {}
        self._ids: dict[str, str] = {}  # MISP uuid -> STIX id
        self._counts: Counter[str] = Counter()
        self._links: list[dict[str, Any]] = []
        self._uuid = uuid_of(raw)
        self._at = time_of(text_of(raw, "timestamp")) or time_of(text_of(raw, "date"))
        self._made = min(time_of(text_of(raw, "date")) or self._at, self._at)
        self._colour, self._grading, self._labels = self._tags(raw)

    def convert(self) -> list[dict[str, Any]]:
        """The objects of the event; none where it lacks what identifies it."""
        if not self._uuid or not self._at:
            self._fault("misp-event", "an event needs a uuid and a date or timestamp", "Event")
            return []
        if (count := self._size()) > MAX_ATTRIBUTES:
            self._fault("too-large", f"{count:,} attributes; at most {MAX_ATTRIBUTES:,}", "Event")
            return []
        self._organisation()
        for attribute in rows_of(self.raw, "Attribute"):
            self._attribute(attribute)
        for thing in rows_of(self.raw, "Object"):
            self._object(thing)
        for galaxy in rows_of(self.raw, "Galaxy"):
            self._galaxy(galaxy)
        self._report()
        for thing in rows_of(self.raw, "Object"):
            self._references(thing)
        self._notices()
        return list(self._objects.values())

    def _size(self) -> int:
        return len(rows_of(self.raw, "Attribute")) + sum(
            len(rows_of(o, "Attribute")) for o in rows_of(self.raw, "Object")
        )

    # what every object shares

    def _fault(self, code: str, message: str, path: str, notice: bool = False) -> None:
        self.faults.append(Fault(code, message, f"misp:{self._uuid}", self.index, path, notice))

    def _put(self, kind: str, uuid: str, raw: Raw, **properties: Any) -> str:
        """Keep an object under the id that follows from MISP's uuid."""
        at = time_of(text_of(raw, "timestamp")) or self._at
        own = f"{kind}--{uuid}" if uuid else identify(kind, "misp", self._uuid, repr(sorted(properties.items())))
        made: dict[str, Any] = {
            "type": kind,
            "spec_version": "2.1",
            "id": own,
            "created_by_ref": self._author,
            "created": min(self._made, at),
            "modified": at,
            **{k: v for k, v in properties.items() if v not in (None, "", [], {})},
        }
        colour, grade, labels = self._tags(raw)
        if colour := tlp.strictest(c for c in (colour, self._colour) if c):
            made["object_marking_refs"] = [tlp.TLP2[colour]]
        if grade and "extensions" not in made:
            made["extensions"] = grading.write({}, grade)
        if labels:
            made["labels"] = [*made.get("labels", []), *labels]
        self._objects[own] = made
        return own

    def _tags(self, raw: Raw) -> tuple[str, grading.Grading, list[str]]:
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
                self._fault("unknown-tlp", f"{name[:100]!r} is no TLP colour: read as TLP:RED", "Tag", notice=True)
            elif low.startswith('admiralty-scale:source-reliability="'):
                letter = name[-2:-1].upper() if name[-2:-1].upper() in grading.RELIABILITY else letter
            elif low.startswith('admiralty-scale:information-credibility="'):
                figure = int(name[-2:-1]) if name[-2:-1] in "123456" else figure
            elif low.startswith("misp-galaxy:") or not name:
                continue  # galaxies come with their clusters
            else:
                labels.append(name)
        return tlp.strictest(colours), grading.Grading(letter, figure), list(dict.fromkeys(labels))

    def _organisation(self) -> None:
        org = self.raw.get("Orgc") or self.raw.get("Org")
        org = org if isinstance(org, Mapping) else {}
        name = text_of(org, "name") or "Unnamed organisation of a MISP event"
        uuid = uuid_of(org)
        self._author = f"identity--{uuid}" if uuid else identify("identity", "misp", name)
        at = stamp(0)  # MISP keeps no time for organisations; a fixed one keeps the identity the same in every event
        self._objects[self._author] = {
            "type": "identity",
            "spec_version": "2.1",
            "id": self._author,
            "created": at,
            "modified": at,
            "name": name,
            "identity_class": "organization",
        }

    # attributes

    def _attribute(self, raw: Raw, group: list[str] | None = None) -> None:
        """The records of one attribute; their ids also go into the group of its object."""
        if is_set(raw, "deleted"):
            self._counts["deleted attributes left out"] += 1
            return
        kind, value = text_of(raw, "type"), text_of(raw, "value")
        if not kind or not value:
            self._fault(
                "misp-attribute", f"an attribute needs type and value: {uuid_of(raw) or 'no uuid'}", "Attribute"
            )
            return
        made = self._record(raw, kind, value)
        if text_of(raw, "data"):
            self._counts["attached files left out: only their names and hashes were read"] += 1
        for own in made:
            if group is not None:
                group.append(own)
            self._around(raw, own)
        if made and (uuid := uuid_of(raw)):
            self._ids[uuid] = made[0]

    def _record(self, raw: Raw, kind: str, value: str) -> list[str]:
        uuid, comment = uuid_of(raw), text_of(raw, "comment")
        if kind in names.RULE_TYPES:
            return [self._indicator(raw, uuid, value, names.RULE_TYPES[kind], comment or kind)]
        if kind == "vulnerability":
            reference = (
                [{"source_name": "cve", "external_id": value.upper()}] if value.upper().startswith("CVE-") else []
            )
            return [
                self._put("vulnerability", uuid, raw, name=value, description=comment, external_references=reference)
            ]
        if kind in names.NAME_TYPES:
            return [self._put(names.NAME_TYPES[kind], uuid, raw, name=value, description=comment)]
        if kind == "link":
            self._links.append(
                {"source_name": comment or "link", "url": value, **({"description": comment} if comment else {})}
            )
            return []
        found = self._values(kind, value)
        if found and (is_set(raw, "to_ids") or observable(found)):
            if is_set(raw, "to_ids"):
                text = " AND ".join(comparison(*one) for one in found)
                one = pattern(*found[0]) if len(found) == 1 else f"[{text}]"
                return [self._indicator(raw, uuid, one, "stix", value)]
            if "|" in kind and kind.rpartition("|")[2] in names.COMPANIONS:
                self._counts["ports and registry values of observed data left out"] += 1
            return self._observed(raw, uuid, found)
        self._counts[f"attributes of type {kind} kept as notes"] += 1
        content = f"{kind}: {value}" + (f"\n\n{comment}" if comment else "")
        return [self._put("note", uuid, raw, abstract=f"{kind} (MISP)", content=content, object_refs=[self._report_id])]

    @property
    def _report_id(self) -> str:
        return f"report--{self._uuid}"

    def _values(self, kind: str, value: str) -> list[tuple[str, str]]:
        """The (kind, normal value) pairs of an attribute; none where a part is not what it says."""
        kind, value = ("filename|md5", value) if kind == "malware-sample" else (kind, value)
        kinds, values = kind.split("|"), value.split("|")
        if kind == "attachment":
            kinds = ["filename"]
        if len(kinds) != len(values):
            return []
        found = []
        for one, text in zip(kinds, values, strict=True):
            if one in names.COMPANIONS:
                continue
            name = names.VALUE_TYPES.get(one, one)
            normal = normalise(name, plain(name, text))
            if normal is None:
                return []
            found.append(normal)
        return found

    def _indicator(self, raw: Raw, uuid: str, text: str, language: str, name: str) -> str:
        at = time_of(text_of(raw, "first_seen")) or time_of(text_of(raw, "timestamp")) or self._at
        until = time_of(text_of(raw, "last_seen"))
        return self._put(
            "indicator",
            uuid,
            raw,
            name=name[:1000],
            description=text_of(raw, "comment"),
            pattern=text,
            pattern_type=language,
            valid_from=at,
            valid_until=until if until > at else None,
            indicator_types=["malicious-activity"] if is_set(raw, "to_ids") else ["unknown"],
            labels=[f'misp:category="{text_of(raw, "category")}"'] if text_of(raw, "category") else [],
        )

    def _observed(self, raw: Raw, uuid: str, found: Iterable[tuple[str, str]]) -> list[str]:
        refs = []
        for thing in observable(found):
            self._objects.setdefault(thing["id"], self._marked(thing, raw))
            refs.append(thing["id"])
        first = time_of(text_of(raw, "first_seen")) or time_of(text_of(raw, "timestamp")) or self._at
        last = max(time_of(text_of(raw, "last_seen")) or first, first)
        own = self._put(
            "observed-data",
            uuid,
            raw,
            first_observed=first,
            last_observed=last,
            number_observed=1,
            object_refs=refs,
        )
        return [own, *refs]

    def _marked(self, thing: dict[str, Any], raw: Raw) -> dict[str, Any]:
        colour = tlp.strictest(c for c in (self._tags(raw)[0], self._colour) if c)
        return {**thing, "object_marking_refs": [tlp.TLP2[colour]]} if colour else thing

    def _around(self, raw: Raw, own: str) -> None:
        """Galaxies and sightings of one attribute."""
        if own.startswith("indicator--"):
            for galaxy in rows_of(raw, "Galaxy"):
                for cluster in self._galaxy(galaxy):
                    kind = "indicates" if cluster.split("--")[0] in _INDICATED else "related-to"
                    self._relate(kind, own, cluster, raw)
        elif own.startswith("observed-data--"):
            for galaxy in rows_of(raw, "Galaxy"):
                for cluster in self._galaxy(galaxy):
                    self._relate("related-to", own, cluster, raw)
        if not own.startswith(("indicator--", "observed-data--")):
            return
        for sighting in rows_of(raw, "Sighting"):
            self._sighting(sighting, own)

    def _sighting(self, raw: Raw, of: str) -> None:
        uuid, kind = uuid_of(raw), text_of(raw, "type") or "0"
        at = time_of(text_of(raw, "date_sighting")) or self._at
        if kind == "1":
            note = f"False positive, reported by {text_of(raw, 'source') or 'a MISP user'}"
            self._put("opinion", uuid, raw, opinion="strongly-disagree", explanation=note, object_refs=[of])
            return
        if kind != "0":
            self._counts["expiry sightings left out"] += 1
            return
        org = raw.get("Organisation")
        where = []
        if isinstance(org, Mapping) and uuid_of(org):
            own = f"identity--{uuid_of(org)}"
            author = self._objects[self._author]
            name = text_of(org, "name") or own
            self._objects.setdefault(own, {**author, "id": own, "name": name})
            where = [own]
        properties: dict[str, Any] = {"description": text_of(raw, "source"), "where_sighted_refs": where}
        if of.startswith("observed-data--"):
            self._counts["sightings of observed data left out: STIX counts them in number_observed"] += 1
            return
        self._put("sighting", uuid, raw, sighting_of_ref=of, first_seen=at, last_seen=at, count=1, **properties)

    # objects

    def _object(self, raw: Raw) -> None:
        if is_set(raw, "deleted"):
            self._counts["deleted objects left out"] += 1
            return
        group: list[str] = []
        if text_of(raw, "name") == "file":
            self._file(raw, group)
        else:
            for attribute in rows_of(raw, "Attribute"):
                self._attribute(attribute, group)
        if not group:
            return
        uuid = uuid_of(raw)
        name = text_of(raw, "name") or "object"
        own = self._put(
            "grouping",
            uuid,
            raw,
            name=f"{name} (MISP object)",
            description=text_of(raw, "comment") or text_of(raw, "description"),
            context="unspecified",
            object_refs=list(dict.fromkeys(group)),
        )
        if uuid:
            self._ids[uuid] = own

    def _file(self, raw: Raw, group: list[str]) -> None:
        """A file: its name and hashes are one pattern or one object; the rest are attributes of their own."""
        parts: list[tuple[Raw, list[tuple[str, str]]]] = []
        for attribute in rows_of(raw, "Attribute"):
            found = self._values(text_of(attribute, "type"), text_of(attribute, "value"))
            if found and all(k in _FILE_KINDS for k, _ in found) and not is_set(attribute, "deleted"):
                parts.append((attribute, found))
            else:
                self._attribute(attribute, group)
        for wanted in (True, False):
            mine = [(a, f) for a, f in parts if is_set(a, "to_ids") is wanted]
            found = list(dict.fromkeys(one for _, f in mine for one in f))
            if not mine:
                continue
            first = mine[0][0]
            tags = [t for a, _ in mine for t in rows_of(a, "Tag")]
            whole = {**first, "Tag": tags, "comment": text_of(raw, "comment") or text_of(first, "comment")}
            if wanted:
                text = f"[{' AND '.join(comparison(*one) for one in found)}]"
                made = [self._indicator(whole, uuid_of(first), text, "stix", found[0][1])]
            else:
                made = self._observed(whole, uuid_of(first), found)
            group += made
            for attribute, _ in mine:
                self._ids[uuid_of(attribute)] = made[0]
                self._around(attribute, made[0])
                if text_of(attribute, "data"):
                    self._counts["attached files left out: only their names and hashes were read"] += 1

    def _references(self, raw: Raw) -> None:
        source = self._ids.get(uuid_of(raw))
        for reference in rows_of(raw, "ObjectReference"):
            target = self._ids.get(text_of(reference, "referenced_uuid").lower())
            if source is None or target is None or is_set(reference, "deleted"):
                self._counts["object references left out: an end is not in the event"] += 1
                continue
            word = "-".join(text_of(reference, "relationship_type").lower().replace("_", "-").split()) or "related-to"
            kind = word if word.replace("-", "").isalnum() and word.isascii() else "related-to"
            self._relate(kind, source, target, reference)

    def _relate(self, kind: str, source: str, target: str, raw: Raw) -> None:
        own = identify("relationship", "misp", kind, source, target)
        self._put(
            "relationship",
            own.partition("--")[2],
            {"timestamp": text_of(raw, "timestamp"), "Tag": raw.get("Tag")},
            relationship_type=kind,
            source_ref=source,
            target_ref=target,
            description=text_of(raw, "comment") if "referenced_uuid" in raw else "",
        )

    # galaxies

    def _galaxy(self, raw: Raw) -> list[str]:
        kind = names.GALAXIES.get(text_of(raw, "type"))
        made = []
        for cluster in rows_of(raw, "GalaxyCluster"):
            value = text_of(cluster, "value")
            if not value:
                continue
            if kind is None:
                self._counts[f"galaxy {text_of(raw, 'type')} kept as keywords"] += 1
                self._labels.append(text_of(cluster, "tag_name") or value)
                continue
            made.append(self._cluster(kind, value, cluster))
        return made

    def _cluster(self, kind: str, value: str, raw: Raw) -> str:
        meta = raw.get("meta")
        meta = meta if isinstance(meta, Mapping) else {}
        external = [str(v) for v in each(meta.get("external_id"))]
        name = value.rpartition(" - ")[0] if external and value.endswith(f" - {external[0]}") else value
        references = [{"source_name": "mitre-attack", "external_id": v} for v in external]
        synonyms = [str(s) for s in each(meta.get("synonyms")) if str(s) != name]
        properties: dict[str, Any] = {"name": name, "description": text_of(raw, "description")}
        if kind in ("attack-pattern", "threat-actor", "intrusion-set", "malware", "tool"):
            properties["aliases"] = synonyms
        if kind == "malware":
            properties["is_family"] = True
        if kind == "identity":
            properties["identity_class"] = "class"
        if kind == "location":
            code = str(next(iter(each(meta.get("ISO"))), ""))
            properties |= {"country": code.upper()} if len(code) == 2 else {"region": name.lower()}
        # Not MISP's uuid: for ATT&CK that is the id of MITRE's own object, which this is not.
        uuid = identify(kind, "misp-galaxy", text_of(raw, "uuid") or value).partition("--")[2]
        return self._put(kind, uuid, {}, external_references=references, **properties)

    # the report

    def _report(self) -> None:
        for report in rows_of(self.raw, "EventReport"):
            if not is_set(report, "deleted"):
                self._put(
                    "note",
                    uuid_of(report),
                    report,
                    abstract=text_of(report, "name") or "Report",
                    content=text_of(report, "content") or "(empty)",
                    object_refs=[self._report_id],
                )
        level = names.THREAT_LEVELS.get(text_of(self.raw, "threat_level_id"))
        stage = names.ANALYSIS.get(text_of(self.raw, "analysis"))
        labels = [f'misp:threat-level="{level}"'] if level else []
        labels += [f'misp:analysis="{stage}"'] if stage else []
        refs = [i for i, o in self._objects.items() if o["type"] != "note" or self._report_id not in o["object_refs"]]
        clusters = list(dict.fromkeys(self._labels))
        self._put(
            "report",
            self._uuid,
            {k: v for k, v in self.raw.items() if k != "Tag"},
            name=text_of(self.raw, "info") or "MISP event",
            report_types=["threat-report"],
            published=time_of(text_of(self.raw, "publish_timestamp")) or self._at,
            object_refs=refs,
            labels=[*labels, *clusters],
            external_references=self._links,
            extensions=grading.write({}, self._grading) if self._grading else None,
        )

    def _notices(self) -> None:
        sharing = names.DISTRIBUTION.get(text_of(self.raw, "distribution"))
        if sharing and sharing != "all communities":
            text = f"MISP shares this event with {sharing}: that is not a label, only TLP tags are"
            self._fault("misp-distribution", text, "distribution", notice=True)
        for text, count in sorted(self._counts.items()):
            self._fault("misp-changed", f"{count:,} {text}", "Event", notice=True)


_INDICATED = frozenset({"attack-pattern", "campaign", "intrusion-set", "malware", "threat-actor", "tool"})
_FILE_KINDS = frozenset({"file-name", "md5", "sha1", "sha256", "sha512", "ssdeep", "tlsh"})
