"""Intelligence: STIX 2.1 as it is, gradings, independent origins, duplicates, timelines, requests for information."""

from __future__ import annotations

from foedus.domains.intelligence import duplicates, grading, origins, request_verbs, requests, timeline
from foedus.domains.intelligence.extensions import DEFINITIONS
from foedus.domains.intelligence.formats import csvtable, misp, workbook
from foedus.domains.intelligence.records import RECORDS, TYPES
from foedus.kernel.domain import Domain, Exporter, Importer, Query, Verb

VERBS = (
    Verb(
        "ask",
        {"en": "Ask for information", "fr": "Demander des renseignements"},
        request_verbs.Ask,
        request_verbs.ask,
        help={
            "en": "Put a question to others, with a time by which the answer is of value.",
            "fr": "Poser une question à d'autres, avec le délai utile de réponse.",
        },
    ),
    Verb(
        "assign",
        {"en": "Assign a request", "fr": "Attribuer une demande"},
        request_verbs.Assign,
        request_verbs.assign,
        help={"en": "Say who is to answer.", "fr": "Dire qui doit répondre."},
    ),
    Verb(
        "answer",
        {"en": "Answer a request", "fr": "Répondre à une demande"},
        request_verbs.Answer,
        request_verbs.answer,
        help={"en": "Link the reports that answer it.", "fr": "Relier les rapports qui y répondent."},
    ),
    Verb(
        "close",
        {"en": "Close a request", "fr": "Clore une demande"},
        request_verbs.Close,
        request_verbs.close,
        help={"en": "Say whether the answer was enough.", "fr": "Dire si la réponse a suffi."},
    ),
    Verb(
        "withdraw",
        {"en": "Withdraw a request", "fr": "Retirer une demande"},
        request_verbs.Withdraw,
        request_verbs.withdraw,
        help={"en": "Take a question back.", "fr": "Retirer une question."},
    ),
    Verb(
        "reopen",
        {"en": "Reopen a request", "fr": "Rouvrir une demande"},
        request_verbs.Reopen,
        request_verbs.reopen,
        help={"en": "Ask again.", "fr": "Poser la question à nouveau."},
    ),
    Verb(
        "grade",
        {"en": "Grade a source or report", "fr": "Évaluer une source ou un rapport"},
        grading.Grade,
        grading.grade,
        help={
            "en": "Reliability A to F, credibility 1 to 6 (AJP-2.1).",
            "fr": "Fiabilité de A à F, crédibilité de 1 à 6 (AJP-2.1).",
        },
    ),
    Verb(
        "merge",
        {"en": "Merge duplicates", "fr": "Fusionner des doublons"},
        duplicates.Merge,
        duplicates.merge,
        help={"en": "Link a duplicate to the record to keep.", "fr": "Relier un doublon à la fiche à garder."},
    ),
    Verb(
        "separate",
        {"en": "Undo a merge", "fr": "Annuler une fusion"},
        duplicates.Separate,
        duplicates.separate,
        help={"en": "Revoke the link between two duplicates.", "fr": "Révoquer le lien entre deux doublons."},
    ),
)
QUERIES = (
    Query(
        "origins",
        {"en": "Independent origins", "fr": "Origines indépendantes"},
        origins.Origins,
        origins.origins,
        help={
            "en": "How many sources stand behind it, repetition not counted.",
            "fr": "Combien de sources le soutiennent, répétitions non comptées.",
        },
    ),
    Query(
        "duplicates",
        {"en": "Possible duplicates", "fr": "Doublons possibles"},
        duplicates.Duplicates,
        duplicates.duplicates,
        help={"en": "Pairs of records for a person to review.", "fr": "Paires de fiches à examiner."},
    ),
    Query(
        "timeline",
        {"en": "Timeline", "fr": "Chronologie"},
        timeline.Timeline,
        timeline.timeline,
        help={"en": "What happened around a record, in order.", "fr": "Ce qui s'est passé, dans l'ordre."},
    ),
    Query(
        "requests",
        {"en": "Requests for information", "fr": "Demandes de renseignements"},
        request_verbs.Requests,
        request_verbs.requests,
    ),
    Query("gradings", {"en": "Gradings", "fr": "Évaluations"}, grading.Gradings, grading.gradings),
)

IMPORTERS = (
    Importer("misp", {"en": "MISP event", "fr": "Événement MISP"}, (".json",), misp.sniff, misp.read),
    Importer(
        "csv",
        {"en": "Indicators as CSV", "fr": "Indicateurs en CSV"},
        (".csv", ".tsv"),
        csvtable.sniff,
        csvtable.read,
        csvtable.read,
    ),
    Importer(
        "xlsx",
        {"en": "Indicators as a workbook", "fr": "Indicateurs dans un classeur"},
        (".xlsx",),
        workbook.sniff,
        workbook.read,
        workbook.read,
    ),
)
EXPORTERS = (
    Exporter(
        "csv",
        {"en": "Indicators as CSV", "fr": "Indicateurs en CSV"},
        ".csv",
        "text/csv; charset=utf-8",
        csvtable.write,
    ),
    Exporter(
        "xlsx",
        {"en": "Indicators as a workbook", "fr": "Indicateurs dans un classeur"},
        ".xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        workbook.write,
    ),
)

DOMAIN = Domain(
    name="intelligence",
    title={"en": "Intelligence", "fr": "Renseignement"},
    types=TYPES,
    records=RECORDS,
    workflows=(requests.WORKFLOW,),
    verbs=VERBS,
    queries=QUERIES,
    importers=IMPORTERS,
    exporters=EXPORTERS,
    definitions=DEFINITIONS,
)
