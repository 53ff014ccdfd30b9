"""What the publish and edit forms ask, type by type: enough for a face to draw them without knowing STIX.

A field is {"name", "title", "widget", "required", "choices", "types", "open"}:
widget  text | textarea | number | datetime | choice | choices | reference | references | list | key-value
choices [{"value", "title"}], from the open vocabularies of STIX 2.1 section 10; `open` allows words of one's own
types   the STIX types a reference may point at; () for any
Names of nested properties are dotted: "extensions.<id>.source_reliability".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foedus.domains.intelligence.grading import CREDIBILITY, EXTENSION, RELIABILITY
from foedus.domains.intelligence.requests import OUTCOMES, PRIORITIES

Field = Mapping[str, Any]
Fields = tuple[Field, ...]


def field(name: str, en: str, fr: str, widget: str = "text", required: bool = False, **more: Any) -> Field:
    """One field of a form."""
    return {"name": name, "title": {"en": en, "fr": fr}, "widget": widget, "required": required, **more}


def _choices(*rows: tuple[str, str, str]) -> tuple[Mapping[str, Any], ...]:
    return tuple({"value": value, "title": {"en": en, "fr": fr}} for value, en, fr in rows)


REPORT_TYPES = _choices(
    ("threat-report", "Threat report", "Rapport sur une menace"),
    ("attack-pattern", "Attack pattern", "Mode opératoire"),
    ("campaign", "Campaign", "Campagne"),
    ("identity", "Identity", "Identité"),
    ("indicator", "Indicators", "Indicateurs"),
    ("intrusion-set", "Intrusion set", "Ensemble d'intrusions"),
    ("malware", "Malware", "Logiciel malveillant"),
    ("observed-data", "Observed data", "Données observées"),
    ("threat-actor", "Threat actor", "Acteur de menace"),
    ("tool", "Tool", "Outil"),
    ("vulnerability", "Vulnerability", "Vulnérabilité"),
)
INDICATOR_TYPES = _choices(
    ("malicious-activity", "Malicious activity", "Activité malveillante"),
    ("anomalous-activity", "Anomalous activity", "Activité anormale"),
    ("compromised", "Compromised", "Compromis"),
    ("attribution", "Attribution", "Attribution"),
    ("anonymization", "Anonymisation", "Anonymisation"),
    ("benign", "Benign", "Bénin"),
    ("unknown", "Unknown", "Inconnu"),
)
PATTERN_TYPES = _choices(
    ("stix", "STIX pattern", "Motif STIX"),
    ("yara", "YARA", "YARA"),
    ("sigma", "Sigma", "Sigma"),
    ("snort", "Snort", "Snort"),
    ("suricata", "Suricata", "Suricata"),
    ("pcre", "PCRE", "PCRE"),
)
IDENTITY_CLASSES = _choices(
    ("individual", "Individual", "Personne"),
    ("group", "Group", "Groupe"),
    ("organization", "Organisation", "Organisation"),
    ("class", "Class", "Catégorie"),
    ("system", "System", "Système"),
    ("unknown", "Unknown", "Inconnue"),
)
SECTORS = _choices(
    ("defense", "Defence", "Défense"),
    ("government", "Government", "Administration"),
    ("energy", "Energy", "Énergie"),
    ("water", "Water", "Eau"),
    ("transportation", "Transport", "Transports"),
    ("telecommunications", "Telecommunications", "Télécommunications"),
    ("healthcare", "Health", "Santé"),
    ("financial-services", "Financial services", "Services financiers"),
    ("infrastructure", "Infrastructure", "Infrastructures"),
    ("emergency-services", "Emergency services", "Services de secours"),
    ("technology", "Technology", "Technologie"),
    ("education", "Education", "Éducation"),
)
REGIONS = _choices(
    ("northern-europe", "Northern Europe", "Europe du Nord"),
    ("western-europe", "Western Europe", "Europe de l'Ouest"),
    ("southern-europe", "Southern Europe", "Europe du Sud"),
    ("eastern-europe", "Eastern Europe", "Europe de l'Est"),
    ("northern-america", "Northern America", "Amérique du Nord"),
    ("northern-africa", "Northern Africa", "Afrique du Nord"),
    ("western-asia", "Western Asia", "Asie de l'Ouest"),
    ("central-asia", "Central Asia", "Asie centrale"),
    ("eastern-asia", "Eastern Asia", "Asie de l'Est"),
)
OPINIONS = _choices(
    ("strongly-agree", "Strongly agree", "Tout à fait d'accord"),
    ("agree", "Agree", "D'accord"),
    ("neutral", "Neutral", "Neutre"),
    ("disagree", "Disagree", "Pas d'accord"),
    ("strongly-disagree", "Strongly disagree", "Pas du tout d'accord"),
)
MALWARE_TYPES = _choices(
    ("backdoor", "Backdoor", "Porte dérobée"),
    ("bot", "Bot", "Robot"),
    ("downloader", "Downloader", "Téléchargeur"),
    ("dropper", "Dropper", "Injecteur"),
    ("keylogger", "Keylogger", "Enregistreur de frappe"),
    ("ransomware", "Ransomware", "Rançongiciel"),
    ("remote-access-trojan", "Remote access trojan", "Cheval de Troie d'accès à distance"),
    ("rootkit", "Rootkit", "Outil de dissimulation"),
    ("spyware", "Spyware", "Logiciel espion"),
    ("trojan", "Trojan", "Cheval de Troie"),
    ("virus", "Virus", "Virus"),
    ("webshell", "Web shell", "Webshell"),
    ("wiper", "Wiper", "Effaceur"),
    ("worm", "Worm", "Ver"),
    ("unknown", "Unknown", "Inconnu"),
)
RELATIONSHIP_TYPES = _choices(
    ("related-to", "Related to", "Lié à"),
    ("indicates", "Indicates", "Indique"),
    ("uses", "Uses", "Utilise"),
    ("targets", "Targets", "Vise"),
    ("attributed-to", "Attributed to", "Attribué à"),
    ("mitigates", "Mitigates", "Atténue"),
    ("based-on", "Based on", "Fondé sur"),
    ("located-at", "Located at", "Situé à"),
    ("communicates-with", "Communicates with", "Communique avec"),
    ("derived-from", "Derived from", "Tiré de"),
    ("duplicate-of", "Duplicate of", "Doublon de"),
    ("answered-by", "Answered by", "Répondu par"),
)
BOOLEANS = _choices(("true", "Yes", "Oui"), ("false", "No", "Non"))
_PRIORITIES = _choices(
    *zip(
        PRIORITIES,
        ("Routine", "Priority", "Immediate", "Flash"),
        ("Routine", "Prioritaire", "Immédiat", "Flash"),
        strict=True,
    )
)
_OUTCOMES = _choices(
    *zip(
        OUTCOMES,
        ("Satisfied", "Partly satisfied", "Not satisfied"),
        ("Satisfaite", "Partiellement satisfaite", "Non satisfaite"),
        strict=True,
    )
)

NAME = field("name", "Name", "Nom", required=True)
DESCRIPTION = field("description", "Description", "Description", "textarea")
LABELS = field("labels", "Keywords", "Mots-clés", "list")
CONFIDENCE = field("confidence", "Confidence (0 to 100)", "Confiance (0 à 100)", "number")
SOURCES = field("external_references", "Sources", "Sources", "references-external")
FIRST_SEEN = field("first_seen", "First seen", "Première observation", "datetime")
LAST_SEEN = field("last_seen", "Last seen", "Dernière observation", "datetime")
ALIASES = field("aliases", "Other names", "Autres noms", "list")
RELIABILITY_FIELD = field(
    f"extensions.{EXTENSION}.source_reliability",
    "Reliability of the source",
    "Fiabilité de la source",
    "choice",
    choices=tuple({"value": k, "title": {n: f"{k}: {w}" for n, w in v.items()}} for k, v in RELIABILITY.items()),
)
CREDIBILITY_FIELD = field(
    f"extensions.{EXTENSION}.information_credibility",
    "Credibility of the information",
    "Crédibilité de l'information",
    "choice",
    number=True,
    choices=tuple({"value": k, "title": {n: f"{k}: {w}" for n, w in v.items()}} for k, v in CREDIBILITY.items()),
)
GRADING = (RELIABILITY_FIELD, CREDIBILITY_FIELD)


def _objects(en: str, fr: str, required: bool = True) -> Field:
    return field("object_refs", en, fr, "references", required, types=())


FORMS: Mapping[str, Fields] = {
    "report": (
        NAME,
        DESCRIPTION,
        field("report_types", "Kind of report", "Genre de rapport", "choices", choices=REPORT_TYPES, open=True),
        field("published", "Published", "Publié", "datetime", True),
        _objects("Records it is about", "Fiches dont il traite"),
        *GRADING,
        CONFIDENCE,
        LABELS,
        SOURCES,
    ),
    "indicator": (
        field("name", "Name", "Nom"),
        DESCRIPTION,
        field("indicator_types", "Indicates", "Indique", "choices", choices=INDICATOR_TYPES, open=True),
        field("pattern", "Pattern", "Motif", "textarea", True),
        field(
            "pattern_type",
            "Language of the pattern",
            "Langage du motif",
            "choice",
            True,
            choices=PATTERN_TYPES,
            open=True,
        ),
        field("valid_from", "Valid from", "Valable à partir de", "datetime", True),
        field("valid_until", "Valid until", "Valable jusqu'au", "datetime"),
        *GRADING,
        CONFIDENCE,
        LABELS,
        SOURCES,
    ),
    "incident": (NAME, DESCRIPTION, *GRADING, CONFIDENCE, LABELS, SOURCES),
    "sighting": (
        field("sighting_of_ref", "What was seen", "Ce qui a été observé", "reference", True, types=()),
        FIRST_SEEN,
        LAST_SEEN,
        field("count", "How many times", "Combien de fois", "number"),
        field("where_sighted_refs", "Who saw it", "Qui l'a observé", "references", types=("identity", "location")),
        field("observed_data_refs", "Observed data", "Données observées", "references", types=("observed-data",)),
        DESCRIPTION,
        *GRADING,
        CONFIDENCE,
    ),
    "location": (
        field("name", "Name", "Nom"),
        DESCRIPTION,
        field("country", "Country (ISO 3166-1 alpha-2)", "Pays (ISO 3166-1 alpha-2)"),
        field("region", "Region", "Région", "choice", choices=REGIONS, open=True),
        field("administrative_area", "Administrative area", "Entité administrative"),
        field("city", "City", "Ville"),
        field("latitude", "Latitude (degrees)", "Latitude (degrés)", "number"),
        field("longitude", "Longitude (degrees)", "Longitude (degrés)", "number"),
        field("precision", "Precision (metres)", "Précision (mètres)", "number"),
        LABELS,
    ),
    "identity": (
        NAME,
        DESCRIPTION,
        field("identity_class", "Kind", "Genre", "choice", choices=IDENTITY_CLASSES, open=True),
        field("sectors", "Sectors", "Secteurs", "choices", choices=SECTORS, open=True),
        field("roles", "Roles", "Rôles", "list"),
        field("contact_information", "Contact", "Contact", "textarea"),
        RELIABILITY_FIELD,
        LABELS,
    ),
    "note": (
        field("abstract", "Title", "Titre"),
        field("content", "Text", "Texte", "textarea", True),
        field("authors", "Authors", "Auteurs", "list"),
        _objects("Records it is about", "Fiches dont elle traite"),
        *GRADING,
        CONFIDENCE,
        LABELS,
    ),
    "opinion": (
        field("opinion", "Opinion", "Avis", "choice", True, choices=OPINIONS),
        field("explanation", "Why", "Pourquoi", "textarea"),
        field("authors", "Authors", "Auteurs", "list"),
        _objects("Records it is about", "Fiches dont il traite"),
        CONFIDENCE,
    ),
    "malware": (
        NAME,
        DESCRIPTION,
        field("malware_types", "Kind", "Genre", "choices", choices=MALWARE_TYPES, open=True),
        field(
            "is_family",
            "A family rather than one instance",
            "Une famille plutôt qu'un spécimen",
            "choice",
            True,
            choices=BOOLEANS,
            boolean=True,
        ),
        ALIASES,
        FIRST_SEEN,
        LAST_SEEN,
        CONFIDENCE,
        LABELS,
        SOURCES,
    ),
    "campaign": (
        NAME,
        DESCRIPTION,
        ALIASES,
        FIRST_SEEN,
        LAST_SEEN,
        field("objective", "Objective", "Objectif", "textarea"),
        *GRADING,
        CONFIDENCE,
        LABELS,
        SOURCES,
    ),
    "relationship": (
        field("source_ref", "From", "De", "reference", True, types=()),
        field("relationship_type", "Link", "Lien", "choice", True, choices=RELATIONSHIP_TYPES, open=True),
        field("target_ref", "To", "Vers", "reference", True, types=()),
        DESCRIPTION,
        field("start_time", "From (time)", "Depuis", "datetime"),
        field("stop_time", "Until (time)", "Jusqu'à", "datetime"),
        CONFIDENCE,
    ),
    "request-for-information": (
        field("name", "Question", "Question", required=True),
        field("description", "Details", "Précisions", "textarea"),
        field("asked_of_refs", "Asked of", "Adressée à", "references", types=("identity",)),
        _objects("Records it is about", "Fiches concernées", required=False),
        field("priority", "Priority", "Priorité", "choice", choices=_PRIORITIES),
        field("needed_by", "Needed by", "Nécessaire avant le", "datetime"),
        field("outcome", "Outcome", "Résultat", "choice", choices=_OUTCOMES),
    ),
}
