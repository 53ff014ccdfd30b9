"""The record types of intelligence: every STIX 2.1 type, and requests for information.

STIX's own rules are checked by the kernel; `check` adds what only this domain knows (gradings, requests).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foedus.domains.intelligence import grading, requests
from foedus.domains.intelligence.examples import EXAMPLES
from foedus.domains.intelligence.extensions import REQUEST
from foedus.domains.intelligence.forms import FORMS
from foedus.kernel.domain import RecordType

# STIX 2.1 sections 4 to 7, in the order in which people meet them.
TITLES: Mapping[str, tuple[str, str]] = {
    "report": ("Reports", "Rapports"),
    requests.TYPE: ("Requests for information", "Demandes de renseignements"),
    "indicator": ("Indicators", "Indicateurs"),
    "incident": ("Incidents", "Incidents"),
    "sighting": ("Sightings", "Observations"),
    "threat-actor": ("Threat actors", "Acteurs de menace"),
    "intrusion-set": ("Intrusion sets", "Ensembles d'intrusions"),
    "campaign": ("Campaigns", "Campagnes"),
    "malware": ("Malware", "Logiciels malveillants"),
    "tool": ("Tools", "Outils"),
    "attack-pattern": ("Attack patterns", "Modes opératoires"),
    "vulnerability": ("Vulnerabilities", "Vulnérabilités"),
    "infrastructure": ("Infrastructure", "Infrastructures"),
    "course-of-action": ("Courses of action", "Mesures à prendre"),
    "identity": ("Identities", "Identités"),
    "location": ("Locations", "Lieux"),
    "grouping": ("Groupings", "Regroupements"),
    "note": ("Notes", "Notes"),
    "opinion": ("Opinions", "Avis"),
    "observed-data": ("Observed data", "Données observées"),
    "malware-analysis": ("Malware analyses", "Analyses de logiciels malveillants"),
    "relationship": ("Relationships", "Relations"),
    "artifact": ("Artifacts", "Artefacts"),
    "autonomous-system": ("Autonomous systems", "Systèmes autonomes"),
    "directory": ("Directories", "Répertoires"),
    "domain-name": ("Domain names", "Noms de domaine"),
    "email-addr": ("E-mail addresses", "Adresses électroniques"),
    "email-message": ("E-mail messages", "Courriels"),
    "file": ("Files", "Fichiers"),
    "ipv4-addr": ("IPv4 addresses", "Adresses IPv4"),
    "ipv6-addr": ("IPv6 addresses", "Adresses IPv6"),
    "mac-addr": ("MAC addresses", "Adresses MAC"),
    "mutex": ("Mutexes", "Mutex"),
    "network-traffic": ("Network traffic", "Trafic réseau"),
    "process": ("Processes", "Processus"),
    "software": ("Software", "Logiciels"),
    "url": ("URLs", "URL"),
    "user-account": ("User accounts", "Comptes d'utilisateur"),
    "windows-registry-key": ("Windows registry keys", "Clés de registre Windows"),
    "x509-certificate": ("X.509 certificates", "Certificats X.509"),
    "marking-definition": ("Marking definitions", "Définitions de marquage"),
    "language-content": ("Translations", "Traductions"),
    "extension-definition": ("Extension definitions", "Définitions d'extension"),
}
TYPES = tuple(TITLES)


def summary(record: Mapping[str, Any]) -> str:
    """One line that tells a person which record this is; the id where nothing else does."""
    kind = record.get("type")
    if kind == "relationship":
        return f"{record.get('source_ref', '?')} {record.get('relationship_type', '?')} {record.get('target_ref', '?')}"
    if kind == "sighting":
        return f"{record.get('count', 1)} × {record.get('sighting_of_ref', '?')}"
    if kind == "opinion":
        return str(record.get("explanation") or record.get("opinion", ""))[:200]
    for name in ("name", "abstract", "value", "key", "path", "subject", "pattern", "content", "display_name", "number"):
        if value := record.get(name):
            line = str(value).strip().partition("\n")[0][:200]
            grade = grading.display(grading.read(record))
            return f"{line} ({grade})" if grade else line
    hashes = record.get("hashes")
    if isinstance(hashes, Mapping) and hashes:
        return str(next(iter(hashes.values())))
    return str(record.get("id", ""))


def _record(kind: str) -> RecordType:
    en, fr = TITLES[kind]
    ours = kind == requests.TYPE
    return RecordType(
        type=kind,
        title={"en": en, "fr": fr},
        check=requests.check if ours else grading.check,
        extended=not ours,
        fields=FORMS.get(kind, ()),
        summary=summary,
        extension=REQUEST if ours else None,
        example=EXAMPLES.get(kind),
    )


RECORDS = tuple(_record(kind) for kind in TYPES)
