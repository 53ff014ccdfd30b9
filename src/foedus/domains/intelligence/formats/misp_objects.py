"""MISP objects as groupings of what their attributes became, and the references between objects as relationships."""

from __future__ import annotations

from foedus.domains.intelligence.formats.misp_attributes import Attributes
from foedus.domains.intelligence.formats.misp_draft import Draft
from foedus.domains.intelligence.formats.misp_raw import Raw, is_set, rows_of, text_of, uuid_of
from foedus.domains.intelligence.formats.values import comparison

_FILE_KINDS = frozenset({"file-name", "md5", "sha1", "sha256", "sha512", "ssdeep", "tlsh"})


class Objects:
    """Turns the objects of one event into objects of its draft; their attributes go through `attributes`."""

    def __init__(self, draft: Draft, attributes: Attributes) -> None:
        self._draft = draft
        self._attributes = attributes

    def add(self, raw: Raw) -> None:
        """Keep the attributes of one object and their grouping."""
        if is_set(raw, "deleted"):
            self._draft.counts["deleted objects left out"] += 1
            return
        group: list[str] = []
        if text_of(raw, "name") == "file":
            self._file(raw, group)
        else:
            for attribute in rows_of(raw, "Attribute"):
                self._attributes.add(attribute, group)
        if not group:
            return
        uuid = uuid_of(raw)
        name = text_of(raw, "name") or "object"
        own = self._draft.put(
            "grouping",
            uuid,
            raw,
            name=f"{name} (MISP object)",
            description=text_of(raw, "comment") or text_of(raw, "description"),
            context="unspecified",
            object_refs=list(dict.fromkeys(group)),
        )
        if uuid:
            self._draft.ids[uuid] = own

    def _file(self, raw: Raw, group: list[str]) -> None:
        """A file: its name and hashes are one pattern or one object; the rest are attributes of their own."""
        parts: list[tuple[Raw, list[tuple[str, str]]]] = []
        for attribute in rows_of(raw, "Attribute"):
            found = self._attributes.values(text_of(attribute, "type"), text_of(attribute, "value"))
            if found and all(k in _FILE_KINDS for k, _ in found) and not is_set(attribute, "deleted"):
                parts.append((attribute, found))
            else:
                self._attributes.add(attribute, group)
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
                made = [self._attributes.indicator(whole, uuid_of(first), text, "stix", found[0][1])]
            else:
                made = self._attributes.observed(whole, uuid_of(first), found)
            group += made
            for attribute, _ in mine:
                if uuid := uuid_of(attribute):
                    self._draft.ids[uuid] = made[0]
                self._attributes.around(attribute, made[0])
                if text_of(attribute, "data"):
                    self._draft.counts["attached files left out: only their names and hashes were read"] += 1

    def refer(self, raw: Raw) -> None:
        """Keep the references of one object, once every object of the event is there."""
        source = self._draft.ids.get(uuid_of(raw))
        for reference in rows_of(raw, "ObjectReference"):
            target = self._draft.ids.get(text_of(reference, "referenced_uuid").lower())
            if source is None or target is None or is_set(reference, "deleted"):
                self._draft.counts["object references left out: an end is not in the event"] += 1
                continue
            word = "-".join(text_of(reference, "relationship_type").lower().replace("_", "-").split()) or "related-to"
            kind = word if word.replace("-", "").isalnum() and word.isascii() else "related-to"
            self._draft.relate(kind, source, target, reference)
