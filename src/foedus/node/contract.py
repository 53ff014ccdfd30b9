"""The verbs that faces call, as protocols. `node.py` and `view.py` are what stands behind them.

A face never touches storage: it gets a `View` for the subject of the request and the few writing verbs of `Verbs`.
All calls are synchronous and quick (milliseconds); long work reports through `progress`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from foedus.kernel.domain import Domain
from foedus.kernel.label import Label
from foedus.kernel.ports import Verification
from foedus.node.access import Subject
from foedus.node.answers import (
    Arrival,
    Audience,
    Found,
    ImportReport,
    LabelReason,
    Marking,
    Neighbours,
    Page,
    PageQuery,
    Progress,
    Proof,
    Provenance,
    Published,
    SearchAnswer,
    SearchQuery,
    Seen,
)

OnProgress = Callable[[Progress], None]


class View(Protocol):
    """The one way to read. What the subject may not see does not exist here: NotFound, absent from every count."""

    @property
    def subject(self) -> Subject: ...

    def get(self, stix_id: str, version: int | None = None) -> Found:
        """The latest visible version, or exactly that one. NotFound where absent or not permitted."""
        ...

    def versions(self, stix_id: str) -> list[Found]:
        """All visible versions, newest first. NotFound where there are none."""
        ...

    def many(self, stix_ids: Sequence[str]) -> dict[str, Found]:
        """The latest visible versions of these; the others are absent."""
        ...

    def page(self, query: PageQuery) -> Page: ...
    def count(self, types: frozenset[str] | None = None) -> int: ...
    def search(self, query: SearchQuery) -> SearchAnswer: ...
    def newest(
        self, types: frozenset[str] | None = None, limit: int = 25, since_released: int | None = None
    ) -> list[Found]:
        """Latest versions, most recently released first; with `since_released`, only later ones."""
        ...

    def latest_release(self) -> int:
        """The release time of what arrived last in this view, 0 where it is empty. Nothing is released by asking."""
        ...

    def neighbours(
        self, stix_id: str, *, kinds: frozenset[str] | None = None, limit: int = 50, cursor: str = ""
    ) -> Neighbours: ...
    def markings(self, found: Found, lang: str = "en") -> list[Marking]: ...
    def why(self, stix_id: str, lang: str = "en") -> list[LabelReason]: ...
    def provenance(self, stix_id: str, version: int | None = None) -> Provenance: ...
    def proof(self, stix_id: str, version: int | None = None) -> Proof:
        """Auditors and administrators only, and only of what they may see: NotPermitted otherwise."""
        ...

    def audience(self, stix_id: str) -> Audience:
        """Those who may publish for the originator node only: NotPermitted otherwise."""
        ...

    def arrivals(self, after_released: int, limit: int = 100) -> list[Arrival]:
        """What became visible after this moment, in release order: the body of live streams."""
        ...

    def export(self, types: frozenset[str] | None = None, on_progress: OnProgress | None = None) -> Iterator[bytes]:
        """A STIX bundle in chunks, latest versions in release order; the release is recorded."""
        ...


class Verbs(Protocol):
    """Writing and administration. The node checks role and scope: NotPermitted."""

    owner: str
    owner_name: str

    def view(self, subject: Subject, face: str) -> View: ...
    def domains(self) -> tuple[Domain, ...]: ...

    def read_label(self, text: str | bytes) -> Label:
        """TEXT, STANAG 4774 XML or native XML. LabelRefused names the rule it breaks."""
        ...

    def label_marking(self, label: Label, lang: str = "en") -> Marking: ...
    def label_choices(self, subject: Subject, lang: str = "en") -> dict[str, Any]:
        """For the label picker, from the policy file: classifications (name, phrase, colour), tag sets (name, type,
        single, values with phrase, excluded classifications, obsolete), the subject's default label as TEXT."""
        ...

    def label_audience(self, label: Label, subject: Subject) -> dict[str, Any] | None:
        """Who here would see a record with this label: {"accounts": [...], "count": n}.

        None for who may not publish, and where the subject would not see it: who is cleared for what one is not
        cleared for oneself is nobody's business. Otherwise the audience of each record would tell the same.
        """
        ...

    def publish(
        self, subject: Subject, objects: Sequence[dict[str, Any]], label: str | None = None, *, wait: bool = True
    ) -> list[Published]:
        """Make records of these objects. `label` TEXT; None: their markings, else the default. Refused, LabelRefused.
        With `wait` the caller's own View shows them (links and full text too) when this returns."""
        ...

    def ingest(
        self,
        subject: Subject | None,
        data: bytes,
        label: str | bytes | None = None,
        *,
        partial: bool = False,
        upgrade: bool = False,
        format: str = "",
        on_progress: OnProgress | None = None,
    ) -> ImportReport:
        """Import a bundle, envelope, list, single object or any importer's format. Refused where nothing was stored."""
        ...

    def recall(self, subject: Subject, stix_id: str, reason: str = "") -> int:
        """Withdraw a record: every version that the subject may see is erased. Answers how many. NotFound."""
        ...

    def run(self, subject: Subject, domain: str, verb: str, arguments: dict[str, Any]) -> list[Published]: ...
    def ask(self, subject: Subject, domain: str, query: str, arguments: dict[str, Any]) -> Any: ...
    def releases(self, subject: Subject, *, limit: int = 100, before: int | None = None) -> list[dict[str, Any]]:
        """The release log, newest first (auditors): {"at", "subject", "face", "what": count or ids, "reason"}."""
        ...

    def seen(self, subject: Subject, stix_id: str) -> list[Seen]: ...
    def verify(self, on_progress: OnProgress | None = None) -> dict[str, Verification]:
        """{"journal": …, "releases": …}."""
        ...

    def reindex(self, on_progress: OnProgress | None = None) -> None: ...
    def backup(self, target: str, on_progress: OnProgress | None = None) -> None: ...
    def status(self) -> dict[str, Any]:
        """For administrators and /healthz of the operator."""
        ...
