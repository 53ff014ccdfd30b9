"""MISP galaxy clusters as the STIX objects that they name: attack patterns, actors, malware, tools, places …"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foedus.domains.intelligence.formats import misp_types as names
from foedus.domains.intelligence.formats.misp_draft import Draft
from foedus.domains.intelligence.formats.misp_raw import Raw, each, rows_of, text_of
from foedus.domains.intelligence.objects import identify


def clusters(draft: Draft, raw: Raw) -> list[str]:
    """Keep the clusters of one galaxy; their ids. Those of a galaxy without a place in STIX become keywords."""
    kind = names.GALAXIES.get(text_of(raw, "type"))
    made = []
    for cluster in rows_of(raw, "GalaxyCluster"):
        value = text_of(cluster, "value")
        if not value:
            continue
        if kind is None:
            draft.counts[f"galaxy {text_of(raw, 'type')} kept as keywords"] += 1
            draft.labels.append(text_of(cluster, "tag_name") or value)
            continue
        made.append(_cluster(draft, kind, value, cluster))
    return made


def _cluster(draft: Draft, kind: str, value: str, raw: Raw) -> str:
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
    return draft.put(kind, uuid, {}, external_references=references, **properties)
