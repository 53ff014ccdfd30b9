"""One node: its journals, projections, people and policies, and the verbs that every face calls.

Opened by the composition root and the command line; holds the folder's lock until it is closed. Thread-safe.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from foedus.config import Limits, Settings
from foedus.kernel.canonical import canonical
from foedus.kernel.domain import Domain, RecordType, domains
from foedus.kernel.errors import Fault, LabelRefused, NotFound, PolicyRefused, Refused
from foedus.kernel.label import Clearance, Label
from foedus.kernel.labelcheck import read_label_input
from foedus.kernel.ports import Clock, Head, Item, Kind, Random, Verification
from foedus.kernel.record import Input, Valid, read_input, read_objects, version_of
from foedus.node import authorship, care, setup
from foedus.node.access import Access
from foedus.node.answers import ImportReport, Marking, Published, Seen
from foedus.node.bulk import LARGE, Bulk
from foedus.node.clock import SystemClock, SystemRandom
from foedus.node.contract import OnProgress
from foedus.node.definitions import Definitions
from foedus.node.envelopes import envelope
from foedus.node.follow import items
from foedus.node.forms import label_choices
from foedus.node.ingest import Ingest, whole_input_fault
from foedus.node.live import Live
from foedus.node.mending import discard, or_anew
from foedus.node.people import COMMAND_LINE
from foedus.node.projector import Projector
from foedus.node.reader import DomainReader
from foedus.node.recall import Recalls, finish_recalls
from foedus.node.registry import LabelRegistry
from foedus.node.releases import ReleaseLog
from foedus.node.searching import Searching
from foedus.node.sights import Sights
from foedus.node.subject import Subject
from foedus.node.view import View
from foedus.node.writer import Draft, Writer
from foedus.storage.accounts import Accounts
from foedus.storage.labels import LabelTable
from foedus.storage.segments import SegmentJournal

_SUCCESS_WAIT = 5.0  # seconds that a publisher waits for links and full text at most


class Node:
    """Implements `contract.Verbs`. Use `Node.open`; close it when done."""

    def __init__(
        self,
        settings: Settings,
        file: setup.NodeFile,
        signers: setup.Signers,
        registry: LabelRegistry,
        clock: Clock,
        random: Random,
        *,
        own_projector: bool,
    ) -> None:
        self.settings = settings
        self.limits: Limits = settings.limits
        self.file = file
        self.owner, self.owner_name = file.owner, file.owner_name
        self.clock, self.random = clock, random
        self.registry = registry
        self.live = Live(self.limits.live_subscribers)
        data, limits = settings.data, settings.limits
        self.journal = SegmentJournal.open(
            data / "journal", signer=signers.journal, clock=clock, random=random, limits=limits
        )
        try:
            release_journal = SegmentJournal.open(
                data / "releases", signer=signers.releases, clock=clock, random=random, limits=limits
            )
            projections = data / "projections"
            projections.mkdir(mode=0o700, exist_ok=True)
            self.released = ReleaseLog(release_journal, projections / "releases.sqlite")
            self.accounts = Accounts(data / "accounts.sqlite", clock, random, limits)
            self.access = Access(self.accounts, clock, random, limits)
            self.table = self._open_table(projections)
            self.table_lock = threading.RLock()
            self._catch_up_table()
            finish_recalls(self.journal, self.table)
            self.definitions = Definitions(self.journal, self.table, registry)
            self.definitions.follow()
            self.sights = Sights(self.table, registry, self.definitions, clock, self.table_lock)
            self.projector = Projector(
                projections, self.journal, self.table, self.limits, self.live.notify, own=own_projector
            )
            self.searching = Searching(self, self.projector)
            self.writer = Writer(self.journal, self.table, self.table_lock, self.limits, self._committed)
            self.recalls = Recalls(self)
        except BaseException:
            self.journal.close()
            raise
        self.envelope: Callable[[tuple[str, ...]], bytes] = lru_cache(maxsize=65_536)(
            lambda labelset: envelope(self.owner, labelset)
        )

    @classmethod
    def open(
        cls,
        settings: Settings,
        *,
        clock: Clock | None = None,
        random: Random | None = None,
        own_projector: bool = True,
    ) -> Node:
        """Raises Refused (no node there), Busy (another process has it), Damaged, StorageFull."""
        file, signers, policies = setup.load(settings.data)
        return cls(
            settings,
            file,
            signers,
            LabelRegistry(policies),
            clock or SystemClock(),
            random or SystemRandom(),
            own_projector=own_projector,
        )

    def close(self) -> None:
        """Finish what was acknowledged or waits, then let go of the folder."""
        self.writer.close()
        self.projector.close()
        self.table.close()
        self.released.close()
        self.accounts.close()
        self.journal.close()

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- reading

    def view(self, subject: Subject, face: str) -> View:
        """The one way to read."""
        subject.require("read")
        return View(self, subject, face)

    def domains(self) -> tuple[Domain, ...]:
        return domains()

    def decode(self, body: bytes) -> dict[str, Any]:
        """A stored body as an object."""
        decoded: dict[str, Any] = msgspec.json.decode(body)
        return decoded

    def new_uuid(self) -> str:
        """A random UUID (version 4) from the node's source of randomness."""
        return str(uuid.UUID(bytes=self.random.bytes(16), version=4))

    # -- labels

    def read_label(self, text: str | bytes) -> Label:
        """TEXT or XML as a valid label under one of the node's policies. Raises LabelRefused."""
        policies = self.registry.policies
        try:
            label = policies.resolve(read_label_input(text, policies))
        except PolicyRefused as error:
            raise LabelRefused(error.faults, error.message, hint=error.hint) from error
        faults = policies.of(label).faults(label, new=True)
        if faults:
            raise LabelRefused(faults)
        return label

    def default_label(self, subject: Subject | None) -> Label:
        """For unmarked objects: the most restrictive label, within the writer's own clearance where there is one."""
        if subject is None and self.file.default_label:
            return self.read_label(self.file.default_label)
        for clearance in subject.clearances if subject is not None else ():
            policy = self.registry.policies.find(clearance.policy, clearance.policy_id)
            if policy is not None:
                return self.registry.most_restrictive(policy, self.owner, clearance)
        return self.registry.most_restrictive(self.registry.policies.policies[0], self.owner, None)

    def label_marking(self, label: Label, lang: str = "en") -> Marking:
        return self.registry.marking_of_label(label, lang)

    def label_choices(self, subject: Subject, lang: str = "en") -> dict[str, Any]:
        return label_choices(self.registry.policies, self.default_label(subject), lang)

    def label_audience(self, label: Label, subject: Subject) -> dict[str, Any] | None:
        now = self.clock.now()
        permits: Callable[[tuple[Clearance, ...]], bool] = lru_cache(
            lambda clearances: self.registry.permits(label, clearances, now)
        )
        if not (subject.may("publish") and permits(subject.clearances)):
            return None
        names = [one.name for one in self.access.everyone() if permits(one.clearances)]
        return {"accounts": names, "count": len(names)}

    # -- writing

    def begin_ingest(
        self,
        subject: Subject | None,
        data: bytes,
        label: str | bytes | None = None,
        *,
        partial: bool = False,
        upgrade: bool = False,
        format: str = "",
        name: str = "",
        envelope: bool = False,
    ) -> Ingest:
        """The first steps of an import: read, validate, label, hand over. Raises LabelRefused, NotPermitted."""
        given, default = self._labels_of_import(subject, label)
        notices: list[str] = []
        try:
            read = self._read(data, upgrade, format, name, notices, stix_only=envelope)
        except Refused as error:
            if envelope:
                raise
            read = whole_input_fault(error)
        return Ingest(self, read, given, default, subject=subject, partial=partial, notices=notices)

    def ingest(
        self,
        subject: Subject | None,
        data: bytes,
        label: str | bytes | None = None,
        *,
        partial: bool = False,
        upgrade: bool = False,
        format: str = "",
        name: str = "",
        on_progress: OnProgress | None = None,
    ) -> ImportReport:
        started = self.clock.now()
        if on_progress is not None:
            on_progress(care.step("reading", 0, len(data), started, started))
        bulk = Bulk.opened(data) if len(data) > LARGE and care.importer_for(data, format, name) is None else None
        if bulk is not None:
            given, default = self._labels_of_import(subject, label)
            return bulk.run(
                self, given, default, subject=subject, partial=partial, upgrade=upgrade, on_progress=on_progress
            )
        ingest = self.begin_ingest(subject, data, label, partial=partial, upgrade=upgrade, format=format, name=name)
        outcomes = []
        total = ingest.count
        for future in ingest.futures:
            outcomes.append(future.result())
            if on_progress is not None:
                done = sum(len(batch) for batch in outcomes)
                on_progress(care.step("storing", done, total, started, self.clock.now()))
        return ingest.finish(outcomes)

    def _labels_of_import(self, subject: Subject | None, label: str | bytes | None) -> tuple[Label | None, Label]:
        """The label given, and the one for what is unmarked. Raises NotPermitted where the subject may not import."""
        if subject is not None:
            subject.require("import")
        given = self.read_label(label) if label else None
        return given, given or self.default_label(subject)

    def publish(
        self, subject: Subject, objects: Sequence[dict[str, Any]], label: str | None = None, *, wait: bool = True
    ) -> list[Published]:
        subject.require("publish")
        given = self.read_label(label) if label else None
        author = authorship.identity(self.owner, self.owner_name)
        own = [authorship.signed(self._marked(obj, given, subject), author["id"]) for obj in objects]
        read = read_objects(own, self.limits)
        ingest = Ingest(self, read, None, given or self.default_label(subject), subject=subject, partial=False)
        if ingest.faults:
            raise Refused(ingest.faults)
        outcomes = [outcome for future in ingest.futures for outcome in future.result()]
        self._keep_beside(ingest, author)
        if wait and outcomes:
            self.projector.wait_for(max(outcome.seq for outcome in outcomes) + 1, _SUCCESS_WAIT)
        return [
            Published(valid.id, valid.version, known)
            for valid, known in zip(ingest.good, ingest.known(outcomes), strict=True)
        ]

    def introduce(
        self,
        needed: Mapping[str, Mapping[str, Any]],
        definitions: Mapping[str, Mapping[str, Any]],
        subject: Subject | None,
    ) -> None:
        """Make label definitions known before the entries that name them: ours get an entry of their own.

        Those that came with the records (`definitions`) are entries before them in the same import. Where one changes
        what a marking means that is known, who sent it (None: the operator) stands in the administrative log first.
        """
        fresh = [one for marking_id, one in needed.items() if not self.registry.is_settled(marking_id)]
        by = COMMAND_LINE.name if subject is None else subject.name
        for one in (*fresh, *definitions.values()):
            change = self.registry.with_definition(one)
            if change is not None:
                was, now = map(self.registry.described, change)
                self.accounts.record(by, "", "marking", {"id": str(one["id"]), "was": was, "now": now})
        if fresh:
            drafts = [
                Draft(
                    Kind.LABEL,
                    self.envelope(()),
                    canonical(one),
                    Head(str(one["id"]), str(one["type"]), 0, self.owner, "", ()),
                )
                for one in fresh
            ]
            self.writer.submit(drafts).result()

    def recall(self, subject: Subject, stix_id: str, reason: str = "") -> int:
        """Withdraw every version that the subject may see. NotFound, NotPermitted; Refused for marking definitions."""
        return self.recalls.withdraw(subject, stix_id, reason)

    # -- domains

    def run(self, subject: Subject, domain: str, verb: str, arguments: dict[str, Any]) -> list[Published]:
        """Run a domain's verb and publish what it answers. NotFound, NotPermitted, Refused."""
        declared = next((v for d in domains() if d.name == domain for v in d.verbs if v.name == verb), None)
        if declared is None:
            raise NotFound
        subject.require_role(declared.roles, verb)
        view = self.view(subject, "web")
        label = arguments.pop("label", None) or None
        try:
            command: Any = msgspec.convert(arguments, declared.command, strict=False)
        except msgspec.ValidationError as error:
            raise Refused([Fault("invalid-command", str(error))]) from error
        output = declared.run(DomainReader(view), command, self.clock.now())
        hard = [fault for fault in output.faults if not fault.notice]
        if hard:
            raise Refused(hard)
        inherited = sorted({one for source in output.sources for one in view.get(source).labels})
        records = [{**record, **_inherit(record, inherited)} for record in output.records]
        return self.publish(subject, records, label or output.label or None)

    def ask(self, subject: Subject, domain: str, query: str, arguments: dict[str, Any]) -> Any:
        """Ask a domain's question. NotFound, Refused."""
        declared = next((q for d in domains() if d.name == domain for q in d.queries if q.name == query), None)
        if declared is None:
            raise NotFound
        try:
            command: Any = msgspec.convert(arguments, declared.command, strict=False)
        except msgspec.ValidationError as error:
            raise Refused([Fault("invalid-command", str(error))]) from error
        return declared.run(DomainReader(self.view(subject, "web")), command, self.clock.now())

    def domain_faults(self, valid: Sequence[Valid]) -> list[Fault]:
        """Faults that only the domains know."""
        checks = _checks()
        out: list[Fault] = []
        for one in valid:
            check = checks.get(one.type)
            if check is not None and check.check is not None and (one.extended or not check.extended):
                out += [Fault(f.code, f.message, one.id, f.index, f.path) for f in check.check(one.obj) if not f.notice]
        return out

    # -- audit and care

    def releases(self, subject: Subject, *, limit: int = 100, before: int | None = None) -> list[dict[str, Any]]:
        subject.require("releases")
        return [{"number": number, "at": at, **note} for number, at, note in self.released.newest(limit, before)]

    def seen(self, subject: Subject, stix_id: str) -> list[Seen]:
        return self.view(subject, "audit").seen(stix_id)

    def verify(self, on_progress: OnProgress | None = None) -> dict[str, Verification]:
        self.recalls.settle()
        return {
            "journal": self.journal.verify(care.counter("journal", on_progress, self.clock)),
            "releases": self.released.journal.verify(care.counter("releases", on_progress, self.clock)),
        }

    def reindex(self, on_progress: OnProgress | None = None) -> None:
        """Drop every projection and rebuild it from the journal. Writing waits meanwhile."""
        with self.table_lock:
            self.table.drop()
            self._catch_up_table(on_progress)
        self.projector.rebuild(on_progress)

    def backup(self, target: str, on_progress: OnProgress | None = None) -> None:
        care.backup(self, target, on_progress)

    def export(self, subject: Subject, types: frozenset[str] | None, format: str, emit: OnProgress) -> Iterator[bytes]:
        """An export as chunks: a STIX bundle, or a domain's exporter over the same records."""
        return care.export(self, subject, types, format, emit)

    def status(self) -> dict[str, Any]:
        return {
            "owner": self.owner,
            "entries": self.journal.size,
            "projected": self.projector.cursor,
            "releases": self.released.journal.size,
            "label_sets": self.table.labelsets,
        }

    # -- inside

    def _read(
        self, data: bytes, upgrade: bool, format: str, name: str, notices: list[str], *, stix_only: bool
    ) -> Input:
        importer = None if stix_only else care.importer_for(data, format, name)
        if importer is None:
            most = self.limits.max_objects_per_request if stix_only else None
            return read_input(data, self.limits, upgrade=upgrade, most_objects=most)
        read_at = importer.read_on
        objects, faults = importer.read(data) if read_at is None else read_at(data, self.clock.now())
        read = read_objects(objects, self.limits)
        notices += [str(fault) for fault in faults if fault.notice]
        hard = [fault for fault in faults if not fault.notice]
        return Input("list", read.valid, [*hard, *read.faults], read.total + len({f.index for f in hard}))

    def _marked(self, obj: dict[str, Any], given: Label | None, subject: Subject) -> dict[str, Any]:
        """A record of our own points at its labels: the given one, else its markings, else the default."""
        refs = obj.get("object_marking_refs", ())
        if given is None:
            senses = [self.registry.meaning_of(one) for one in refs]
            if any(sense is None or sense.labels for sense in senses):
                return obj
        definition = self.registry.definition(given or self.default_label(subject))
        marking_id = str(definition["id"])
        self._publish_definition(marking_id, definition, subject)
        return {**obj, "object_marking_refs": sorted({*refs, marking_id})}

    def _publish_definition(self, marking_id: str, definition: Mapping[str, Any], subject: Subject) -> None:
        """A definition that records point at is a record itself, for whoever its own label permits."""
        self.introduce({marking_id: definition}, {}, subject)
        head = Head(marking_id, "marking-definition", version_of(dict(definition)), self.owner, "", (marking_id,))
        self.writer.submit([Draft(Kind.RECORD, self.envelope((marking_id,)), canonical(definition), head)])

    def _keep_beside(self, ingest: Ingest, author: dict[str, Any]) -> None:
        """The author and definitions that these records rely on, under the same label sets; equal ones are left out."""
        needed: dict[tuple[str, ...], dict[str, dict[str, Any]]] = {}
        for valid, labels in zip(ingest.good, ingest.label_sets, strict=True):
            beside = needed.setdefault(labels, {})
            if valid.created_by == author["id"]:
                beside[author["id"]] = author
            beside.update((one["id"], one) for one in authorship.relied_on(valid.obj, domains()))
        for labels, objects in needed.items():
            valid_ones = read_objects(list(objects.values()), self.limits).valid
            drafts = [
                Draft(Kind.RECORD, self.envelope(labels), one.body, one.head(self.owner, labels)) for one in valid_ones
            ]
            if drafts:
                self.writer.submit(drafts).result()

    def _committed(self, batch: Sequence[Item]) -> None:
        if any(item.head is not None and item.head.type == "marking-definition" for item in batch):
            with self.table_lock:
                self.definitions.follow()
        self.projector.wake()
        self.live.notify()

    def _open_table(self, projections: Path) -> LabelTable:
        """The label table, begun anew where it is damaged or not of this journal; the others hash by its seed."""
        folder = projections / "table"

        def opened() -> LabelTable:
            if not (folder / "header.json").exists():
                discard(projections, "table", "links.sqlite*", "text")
            folder.mkdir(mode=0o700, exist_ok=True)
            table = LabelTable(folder, int.from_bytes(self.random.bytes(8)))
            if table.cursor > self.journal.size:
                table.close()
                raise ValueError(f"{table.cursor} rows of a journal with {self.journal.size} entries")
            return table

        return or_anew("label table", opened, lambda: discard(projections, "table", "links.sqlite*", "text"))

    def _catch_up_table(self, on_progress: OnProgress | None = None) -> None:
        for batch in items(self.journal, self.table.cursor):
            self.table.apply(batch)
            if on_progress is not None:
                on_progress(care.step("labels", self.table.cursor, self.journal.size, 0, 0))


@lru_cache(maxsize=1)
def _checks() -> dict[str, RecordType]:
    return {record.type: record for domain in domains() for record in domain.records if record.check is not None}


def _inherit(record: Mapping[str, Any], inherited: Sequence[str]) -> dict[str, Any]:
    if not inherited:
        return {}
    return {"object_marking_refs": sorted({*record.get("object_marking_refs", ()), *inherited})}
