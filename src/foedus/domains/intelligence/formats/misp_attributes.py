"""MISP attributes as indicators, observed data, named things or notes, with their galaxies and sightings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from foedus.domains.intelligence.formats import misp_types as names
from foedus.domains.intelligence.formats.misp_draft import Draft
from foedus.domains.intelligence.formats.misp_galaxies import clusters
from foedus.domains.intelligence.formats.misp_raw import Raw, is_set, rows_of, text_of, time_of, uuid_of
from foedus.domains.intelligence.formats.observables import observable
from foedus.domains.intelligence.formats.values import comparison, normalise, pattern, plain

_INDICATED = frozenset({"attack-pattern", "campaign", "intrusion-set", "malware", "threat-actor", "tool"})


class Attributes:
    """Turns the attributes of one event into objects of its draft."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def add(self, raw: Raw, group: list[str] | None = None) -> None:
        """The records of one attribute; their ids also go into the group of its object."""
        if is_set(raw, "deleted"):
            self._draft.counts["deleted attributes left out"] += 1
            return
        kind, value = text_of(raw, "type"), text_of(raw, "value")
        if not kind or not value:
            self._draft.fault(
                "misp-attribute", f"an attribute needs type and value: {uuid_of(raw) or 'no uuid'}", "Attribute"
            )
            return
        made = self._record(raw, kind, value)
        if text_of(raw, "data"):
            self._draft.counts["attached files left out: only their names and hashes were read"] += 1
        for own in made:
            if group is not None:
                group.append(own)
            self.around(raw, own)
        if made and (uuid := uuid_of(raw)):
            self._draft.ids[uuid] = made[0]

    def _record(self, raw: Raw, kind: str, value: str) -> list[str]:
        uuid, comment = uuid_of(raw), text_of(raw, "comment")
        if kind in names.RULE_TYPES:
            return [self.indicator(raw, uuid, value, names.RULE_TYPES[kind], comment or kind)]
        if kind == "vulnerability":
            cve = value.upper().startswith("CVE-")
            about = {"external_references": [{"source_name": "cve", "external_id": value.upper()}] if cve else []}
            return [self._draft.put("vulnerability", uuid, raw, name=value, description=comment, **about)]
        if kind in names.NAME_TYPES:
            return [self._draft.put(names.NAME_TYPES[kind], uuid, raw, name=value, description=comment)]
        if kind == "link":
            self._draft.links.append(
                {"source_name": comment or "link", "url": value, **({"description": comment} if comment else {})}
            )
            return []
        found = self.values(kind, value)
        if found and (is_set(raw, "to_ids") or observable(found)):
            if is_set(raw, "to_ids"):
                text = " AND ".join(comparison(*one) for one in found)
                one = pattern(*found[0]) if len(found) == 1 else f"[{text}]"
                return [self.indicator(raw, uuid, one, "stix", value)]
            if "|" in kind and kind.rpartition("|")[2] in names.COMPANIONS:
                self._draft.counts["ports and registry values of observed data left out"] += 1
            return self.observed(raw, uuid, found)
        self._draft.counts[f"attributes of type {kind} kept as notes"] += 1
        content = f"{kind}: {value}" + (f"\n\n{comment}" if comment else "")
        about_the_report = [self._draft.report_id]
        return [
            self._draft.put("note", uuid, raw, abstract=f"{kind} (MISP)", content=content, object_refs=about_the_report)
        ]

    def values(self, kind: str, value: str) -> list[tuple[str, str]]:
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

    def indicator(self, raw: Raw, uuid: str, text: str, language: str, name: str) -> str:
        """Keep an indicator whose pattern is `text` in this language; its id."""
        at = time_of(text_of(raw, "first_seen")) or time_of(text_of(raw, "timestamp")) or self._draft.at
        until = time_of(text_of(raw, "last_seen"))
        return self._draft.put(
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

    def observed(self, raw: Raw, uuid: str, found: Iterable[tuple[str, str]]) -> list[str]:
        """Keep observed data with its cyber-observable objects; their ids, the observed data's first."""
        refs = []
        for thing in observable(found):
            self._draft.objects.setdefault(thing["id"], self._draft.marked(thing, raw))
            refs.append(thing["id"])
        first = time_of(text_of(raw, "first_seen")) or time_of(text_of(raw, "timestamp")) or self._draft.at
        last = max(time_of(text_of(raw, "last_seen")) or first, first)
        own = self._draft.put(
            "observed-data",
            uuid,
            raw,
            first_observed=first,
            last_observed=last,
            number_observed=1,
            object_refs=refs,
        )
        return [own, *refs]

    def around(self, raw: Raw, own: str) -> None:
        """Galaxies and sightings of one attribute."""
        if not own.startswith(("indicator--", "observed-data--")):
            return
        for galaxy in rows_of(raw, "Galaxy"):
            for cluster in clusters(self._draft, galaxy):
                indicates = own.startswith("indicator--") and cluster.split("--")[0] in _INDICATED
                self._draft.relate("indicates" if indicates else "related-to", own, cluster, raw)
        for sighting in rows_of(raw, "Sighting"):
            self._sighting(sighting, own)

    def _sighting(self, raw: Raw, of: str) -> None:
        uuid, kind = uuid_of(raw), text_of(raw, "type") or "0"
        at = time_of(text_of(raw, "date_sighting")) or self._draft.at
        if kind == "1":
            note = f"False positive, reported by {text_of(raw, 'source') or 'a MISP user'}"
            self._draft.put("opinion", uuid, raw, opinion="strongly-disagree", explanation=note, object_refs=[of])
            return
        if kind != "0":
            self._draft.counts["expiry sightings left out"] += 1
            return
        org = raw.get("Organisation")
        where = []
        if isinstance(org, Mapping) and uuid_of(org):
            own = f"identity--{uuid_of(org)}"
            author = self._draft.objects[self._draft.author]
            name = text_of(org, "name") or own
            self._draft.objects.setdefault(own, {**author, "id": own, "name": name})
            where = [own]
        properties: dict[str, Any] = {"description": text_of(raw, "source"), "where_sighted_refs": where}
        if of.startswith("observed-data--"):
            self._draft.counts["sightings of observed data left out: STIX counts them in number_observed"] += 1
            return
        self._draft.put("sighting", uuid, raw, sighting_of_ref=of, first_seen=at, last_seen=at, count=1, **properties)
