"""How reliable is the source, how credible is the information: the two scales of STANAG 2511 and AJP-2.1.

Reliability (A to F) belongs to a source, an `identity`, and to a report as the source was when it was written;
credibility (1 to 6) belongs to the information. Both travel in one STIX property extension. A reader grades
another's report in a note of their own, because only its originator makes new versions of a record.

Example: `display(read(report))` is "B2".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from foedus.domains.intelligence.extensions import GRADING
from foedus.domains.intelligence.objects import make, revise, seed_of, type_of, visible
from foedus.kernel.domain import Output, Reader, Text
from foedus.kernel.errors import Fault

EXTENSION: str = GRADING["id"]

RELIABILITY: Mapping[str, Text] = {
    "A": {"en": "Completely reliable", "fr": "Totalement fiable"},
    "B": {"en": "Usually reliable", "fr": "Habituellement fiable"},
    "C": {"en": "Fairly reliable", "fr": "Assez fiable"},
    "D": {"en": "Not usually reliable", "fr": "Habituellement peu fiable"},
    "E": {"en": "Unreliable", "fr": "Non fiable"},
    "F": {"en": "Reliability cannot be judged", "fr": "Fiabilité impossible à évaluer"},
}
CREDIBILITY: Mapping[int, Text] = {
    1: {"en": "Confirmed by other sources", "fr": "Confirmé par d'autres sources"},
    2: {"en": "Probably true", "fr": "Probablement vrai"},
    3: {"en": "Possibly true", "fr": "Peut-être vrai"},
    4: {"en": "Doubtful", "fr": "Douteux"},
    5: {"en": "Improbable", "fr": "Improbable"},
    6: {"en": "Truth cannot be judged", "fr": "Véracité impossible à évaluer"},
}
# A source is graded for reliability only; these hold information as well.
INFORMATION = frozenset(
    {"report", "note", "indicator", "incident", "sighting", "observed-data", "grouping", "malware-analysis", "campaign"}
)
SOURCES = frozenset({"identity"})


@dataclass(frozen=True, slots=True)
class Grading:
    """What a record says. "" and 0 where it says nothing."""

    reliability: str = ""
    credibility: int = 0
    reason: str = ""

    def __bool__(self) -> bool:
        return bool(self.reliability or self.credibility)


def read(record: Mapping[str, Any]) -> Grading:
    """The grading that a record carries; an empty one where it carries none or a faulty one."""
    extensions = record.get("extensions")
    part = extensions.get(EXTENSION) if isinstance(extensions, Mapping) else None
    if not isinstance(part, Mapping) or check(record):
        return Grading()
    return Grading(
        part.get("source_reliability", ""), part.get("information_credibility", 0), str(part.get("grading_reason", ""))
    )


def write(record: Mapping[str, Any], grading: Grading) -> dict[str, Any]:
    """The `extensions` of a record with this grading in place of any it had."""
    part: dict[str, Any] = {"extension_type": "property-extension"}
    if grading.reliability:
        part["source_reliability"] = grading.reliability
    if grading.credibility:
        part["information_credibility"] = grading.credibility
    if grading.reason:
        part["grading_reason"] = grading.reason
    return {**(record.get("extensions") or {}), EXTENSION: part}


def display(grading: Grading) -> str:
    """As people write it: "B2", "B–" where only the source is graded, "–2", and "" where nothing is."""
    if not grading:
        return ""
    return f"{grading.reliability or '–'}{grading.credibility or '–'}"


def explain(grading: Grading, lang: str = "en") -> str:
    """In words: "Usually reliable; probably true"."""
    parts = []
    if grading.reliability:
        parts.append(RELIABILITY[grading.reliability][lang if lang == "fr" else "en"])
    if grading.credibility:
        parts.append(CREDIBILITY[grading.credibility][lang if lang == "fr" else "en"])
    return "; ".join(parts)


def check(record: Mapping[str, Any]) -> list[Fault]:
    """Faults of the grading extension of a record: letters, figures, and where each belongs."""
    extensions = record.get("extensions")
    if not isinstance(extensions, Mapping) or EXTENSION not in extensions:
        return []
    part, own = extensions[EXTENSION], str(record.get("id", ""))
    place = f"extensions.{EXTENSION}"
    if not isinstance(part, Mapping):
        return [Fault("invalid-grading", "the grading extension is an object", own, path=place)]
    found = []
    letter, figure = part.get("source_reliability"), part.get("information_credibility")
    if letter is not None and (not isinstance(letter, str) or letter not in RELIABILITY):
        found.append(Fault("invalid-reliability", "reliability is a letter from A to F", own, path=place))
    if figure is not None and (isinstance(figure, bool) or not isinstance(figure, int) or figure not in CREDIBILITY):
        found.append(Fault("invalid-credibility", "credibility is an integer from 1 to 6", own, path=place))
    if letter is None and figure is None:
        found.append(Fault("empty-grading", "a grading gives reliability, credibility or both", own, path=place))
    if figure is not None and str(record.get("type")) in SOURCES:
        found.append(
            Fault(
                "misplaced-credibility", "credibility belongs to information; a source has reliability", own, path=place
            )
        )
    return found


class Grade(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Grade a source or a piece of information."""

    target: Annotated[str, msgspec.Meta(description="the record to grade: an identity or a report", max_length=400)]
    reliability: Literal["", "A", "B", "C", "D", "E", "F"] = ""
    credibility: Literal[0, 1, 2, 3, 4, 5, 6] = 0
    reason: Annotated[str, msgspec.Meta(description="why, in a sentence", max_length=4000)] = ""
    in_note: Annotated[
        bool, msgspec.Meta(description="keep it in a note of our own: for a record that another originator made")
    ] = False


def grade(view: Reader, command: Grade, now: int) -> Output:
    """A new version of the record with the grading, or a note about it. NotFound where it cannot be seen."""
    record = view.get(command.target)
    kind = type_of(command.target)
    if kind not in INFORMATION | SOURCES:
        return Output(faults=(Fault("not-gradable", f"a {kind} is neither source nor information", command.target),))
    grading = Grading(command.reliability, command.credibility, command.reason)
    trial = {**record, "extensions": write(record, grading)}
    if faults := check(trial):
        return Output(faults=tuple(faults))
    if not command.in_note:
        return Output(records=(revise(trial, now),), sources=(command.target,))
    note = make(
        "note",
        now,
        *seed_of(command, now),
        abstract=f"Graded {display(grading)}",
        content=command.reason or explain(grading),
        object_refs=[command.target],
        extensions=write({}, grading),
    )
    return Output(records=(note,), sources=(command.target,))


class Gradings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that grades one record."""

    target: Annotated[str, msgspec.Meta(description="the graded record", max_length=400)]


def gradings(view: Reader, command: Gradings, now: int) -> list[dict[str, Any]]:
    """The record's own grading, that of its source, and those in notes about it, each with who gave it."""
    record = view.get(command.target)
    answer = [_line("record", record)]
    if (source := visible(view, str(record.get("created_by_ref", "")))) is not None:
        answer.append(_line("source", source))
    for link in view.links_to(command.target, "object"):
        if type_of(link["source"]) == "note" and (note := visible(view, link["source"])) is not None:
            answer.append(_line("note", note))
    return [line for line in answer if line["grading"]]


def _line(basis: str, record: Mapping[str, Any]) -> dict[str, Any]:
    grading = read(record)
    return {
        "basis": basis,
        "id": record["id"],
        "by": record.get("created_by_ref", ""),
        "at": record.get("modified", ""),
        "grading": display(grading),
        "reliability": grading.reliability,
        "credibility": grading.credibility,
        "reason": grading.reason,
        "words": {"en": explain(grading), "fr": explain(grading, "fr")},
    }
