"""The declaration by which one field of the alliance's work joins: `DOMAIN` in `domains/<name>/__init__.py`.

From it follow forms, commands, HTTP operations, the TAXII collection, pages and the release tests; a new domain is one
new folder and no other edit. Verbs and queries are pure: they read through a View and return records or answers.

Example: `domains/intelligence/__init__.py`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any, Protocol

from foedus.kernel.errors import Fault
from foedus.kernel.workflow import Workflow

Text = Mapping[str, str]  # language -> words: {"en": "Reports", "fr": "Rapports"}


def say(text: Text, lang: str) -> str:
    """The words in this language, English where there are none."""
    return text.get(lang) or text["en"]


class Reader(Protocol):
    """What a domain sees of a View: permitted records only.

    A link is {"source", "kind", "target", "via"}: STIX ids, and in `via` the object that makes the link (the
    relationship or sighting, or the object that holds the reference). Revoked relationships make no links here.
    """

    def get(self, stix_id: str) -> dict[str, Any]:
        """The latest version. NotFound where absent or not permitted."""
        ...

    def find(self, **where: Any) -> Sequence[dict[str, Any]]:
        """Latest versions, newest first. `where`: type=, created_by=, limit= (each may be left out)."""
        ...

    def links_from(self, stix_id: str, kind: str = "") -> Sequence[dict[str, Any]]: ...
    def links_to(self, stix_id: str, kind: str = "") -> Sequence[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Output:
    """What a verb wants published. `sources` are the records it derives from: the label is at least as restricted."""

    records: tuple[dict[str, Any], ...] = ()
    faults: tuple[Fault, ...] = ()
    sources: tuple[str, ...] = ()
    label: str = ""  # short form; "" inherits the sources' label set


@dataclass(frozen=True, slots=True)
class RecordType:
    """A STIX type of this domain; `check` finds the faults that the STIX validation does not know.

    `check` runs on every record that comes in: where it concerns an extension, say so with `extended`.
    """

    type: str
    title: Text
    check: Callable[[Mapping[str, Any]], list[Fault]] | None = None
    fields: tuple[Mapping[str, Any], ...] = ()  # the form: {"name", "title", "widget", "choices", "required", …}
    summary: Callable[[Mapping[str, Any]], str] | None = None
    extension: Mapping[str, Any] | None = None  # the extension-definition object of a type of our own
    example: Mapping[str, Any] | None = None  # a whole, valid object: the docs show it, the contract suite checks it
    extended: bool = False  # `check` looks at `extensions` alone: it is not asked about a record without any


@dataclass(frozen=True, slots=True)
class Verb:
    """A command that publishes. `command` is a msgspec Struct: its fields give the form, the options, the schema."""

    name: str
    title: Text
    command: type
    run: Callable[[Any, Any, int], Output]  # (view, command, now in microseconds)
    roles: tuple[str, ...] = ("analyst",)
    help: Text = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """A question: (view, command, now) -> an answer that msgspec can encode."""

    name: str
    title: Text
    command: type
    run: Callable[[Any, Any, int], Any]
    help: Text = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """A web page of the domain: a template in its `templates/` and the query that fills it."""

    path: str  # below /d/<domain>/
    title: Text
    template: str
    fill: Callable[[Any, Mapping[str, str], int], Mapping[str, Any]]  # (view, parameters, now) -> context
    menu: bool = True


@dataclass(frozen=True, slots=True)
class Importer:
    """A foreign format in: bytes to STIX objects, or faults. It never raises for bad input.

    Equal input gives equal objects, so that importing twice changes nothing. A fault with `notice` refuses nothing.
    Where the input names no times, `read_on` gives its objects those of the import's day; `read` knows no day.
    """

    name: str  # "misp", "csv", "xlsx"
    title: Text
    suffixes: tuple[str, ...]
    sniff: Callable[[bytes], bool]
    read: Callable[[bytes], tuple[list[dict[str, Any]], list[Fault]]]
    read_on: Callable[[bytes, int], tuple[list[dict[str, Any]], list[Fault]]] | None = None  # (data, now in µs)


@dataclass(frozen=True, slots=True)
class Exporter:
    """A foreign format out: permitted STIX objects to bytes."""

    name: str
    title: Text
    suffix: str
    media_type: str
    write: Callable[[Sequence[Mapping[str, Any]]], bytes]


@dataclass(frozen=True, slots=True)
class Domain:
    """One field of the alliance's work. `types` are the STIX types whose records belong to it."""

    name: str
    title: Text
    types: tuple[str, ...]
    records: tuple[RecordType, ...] = ()
    workflows: tuple[Workflow, ...] = ()
    verbs: tuple[Verb, ...] = ()
    queries: tuple[Query, ...] = ()
    pages: tuple[Page, ...] = ()
    importers: tuple[Importer, ...] = ()
    exporters: tuple[Exporter, ...] = ()
    definitions: tuple[Mapping[str, Any], ...] = ()  # what records refer to: extension definitions, their author


def discover(package: ModuleType) -> tuple[Domain, ...]:
    """Every `DOMAIN` in the sub-packages, by name. Raises ValueError where two claim one STIX type."""
    found: dict[str, Domain] = {}
    owner: dict[str, str] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda i: i.name):
        if not info.ispkg:
            continue
        domain: Domain = importlib.import_module(f"{package.__name__}.{info.name}").DOMAIN
        found[domain.name] = domain
        for kind in domain.types:
            if kind in owner:
                raise ValueError(f"{kind} belongs to {owner[kind]} and to {domain.name}")
            owner[kind] = domain.name
    return tuple(found.values())


@cache
def domains() -> tuple[Domain, ...]:
    """The discovered domains of this installation."""
    return discover(importlib.import_module("foedus.domains"))
