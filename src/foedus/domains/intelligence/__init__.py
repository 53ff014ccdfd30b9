"""Intelligence: STIX 2.1 as it is, gradings, independent origins, duplicates, timelines, requests for information."""

from __future__ import annotations

from foedus.domains.intelligence import grading, request_verbs, requests
from foedus.domains.intelligence.extensions import DEFINITIONS
from foedus.domains.intelligence.formats import csvtable, workbook
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
)
QUERIES = (
    Query(
        "requests",
        {"en": "Requests for information", "fr": "Demandes de renseignements"},
        request_verbs.Requests,
        request_verbs.requests,
    ),
    Query("gradings", {"en": "Gradings", "fr": "Évaluations"}, grading.Gradings, grading.gradings),
)

IMPORTERS = (
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
