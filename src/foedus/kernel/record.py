"""Raw in, valid out: what becomes of input before anything is stored.

    raw text -> strict JSON (canonical) -> STIX 2.1 (stix) -> Valid objects and Faults

Input comes in one of the forms that `container` names. A fault in one object never loses the others: the caller decides
whether the good ones are kept. What cannot be read at all raises Refused with one report.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from foedus.config import Limits
from foedus.kernel.canonical import (
    Numbers,
    canonical_of_read,
    check_size,
    colons,
    faults_of,
    faulty_objects,
    read_quickly,
    split_quickly,
)
from foedus.kernel.container import LEVELS, Container, check_count, open_container, without_objects
from foedus.kernel.errors import Fault, Refused
from foedus.kernel.ids import format_time, timestamp
from foedus.kernel.json_faults import explain, not_json
from foedus.kernel.objectsize import too_large
from foedus.kernel.ports import Head
from foedus.kernel.stix import UPGRADE_HINT
from foedus.kernel.stix.checks import Problems, problem
from foedus.kernel.stix.patterns import SlowBudget
from foedus.kernel.stix.upgrade import needs_upgrade
from foedus.kernel.stix.upgrade import upgrade as upgraded
from foedus.kernel.stix.validate import as_faults, problems_of
from foedus.kernel.stix.vocabulary import SCO_TYPES


class Valid(msgspec.Struct, frozen=True, gc=False):
    """A STIX 2.1 object without faults.

    `version`: `modified` (of a marking definition `created`) in microseconds, 0 where the type has none.
    `markings`: ids of every marking that it refers to, for the whole object or a part of it, in order of appearance.
    `extended`: whether it has extensions.
    """

    body: bytes  # canonical
    id: str
    type: str
    version: int
    created_by: str  # created_by_ref, "" where absent
    markings: tuple[str, ...]
    extended: bool

    @property
    def obj(self) -> dict[str, Any]:
        """The object decoded (each call decodes)."""
        decoded: dict[str, Any] = msgspec.json.decode(self.body)
        return decoded

    def head(self, originator: str, labels: Sequence[str]) -> Head:
        """What projections order and filter by; `labels` are the ids of the record's label set."""
        return Head(self.id, self.type, self.version, originator, self.created_by, tuple(sorted(labels)))


class Input(msgspec.Struct, frozen=True):
    """What one input held. `total` counts its objects, good, bad and repeated ones."""

    container: Container
    valid: list[Valid]
    faults: list[Fault]
    total: int


class _Report:
    """Faults up to a limit, and a count of the others."""

    def __init__(self, limit: int, faults: Sequence[Fault] = (), more: int = 0) -> None:
        self.limit, self.faults, self.more = limit, list(faults), more

    def add(self, obj: Any, index: int, problems: Problems) -> None:
        room = self.limit - len(self.faults)
        self.faults += as_faults(obj, index, problems[:room])
        self.more += max(0, len(problems) - room)

    def close(self) -> list[Fault]:
        self.faults.sort(key=lambda fault: fault.index)
        if self.more:
            self.faults.append(Fault("more-faults", f"{self.more} further faults are not listed"))
        return self.faults


def version_of(obj: dict[str, Any]) -> int:
    """Microseconds of `modified`, else of `created`; 0 for cyber-observables and where neither is a time."""
    text = obj.get("modified") or obj.get("created")
    if type(text) is not str or obj.get("type") in SCO_TYPES:
        return 0
    try:
        return timestamp(text)
    except ValueError:
        return 0


def created_by_of(obj: dict[str, Any]) -> str:
    """`created_by_ref`, "" where it is absent. Observables have none: whatever stands there may be no text."""
    name = obj.get("created_by_ref")
    return name if type(name) is str else ""


def markings_of(obj: dict[str, Any]) -> tuple[str, ...]:
    """Ids of the markings of a valid object: its own, those of its parts, those of observables inside it."""
    refs: list[str] = obj.get("object_marking_refs") or []
    granular = obj.get("granular_markings")
    inside = obj.get("objects") if obj.get("type") == "observed-data" else None
    if not granular and not inside:
        return tuple(refs) if len(refs) < 2 else tuple(dict.fromkeys(refs))
    refs = refs + [marking["marking_ref"] for marking in granular or () if "marking_ref" in marking]
    for member in inside.values() if inside else ():
        refs = refs + list(markings_of(member))
    return tuple(dict.fromkeys(refs))


def read_input(
    data: bytes,
    limits: Limits | None = None,
    *,
    upgrade: bool = False,
    known_types: frozenset[str] | None = None,
    most_objects: int | None = None,
) -> Input:
    """Reads and judges one input. `upgrade` raises STIX 2.0 to 2.1; `known_types`: the only types taken (None: all).

    `most_objects` bounds their number before any of them is judged.

    Raises Refused where the text cannot be read as JSON at all, TooLarge beyond `limits.max_import_file`.
    """
    limits = limits or Limits()
    check_size(data, limits)
    with _NoCollection(), SlowBudget():
        quick = (split_quickly(data) or read_quickly(data)) if not_json(data) is None else None
        if quick is not None:
            check_count(quick.tree, most_objects)
            batch = _Batch(quick.numbers, limits, upgrade, known_types, _Report(limits.max_faults_reported))
            with suppress(RecursionError, msgspec.MsgspecError, UnicodeDecodeError):
                out = _judge(batch, quick.tree, set())
                if batch.lost_nothing(data):
                    return out
        explained = explain(data, limits)
        if not explained.readable:
            raise Refused(faults_of(explained))
        check_count(explained.tree, most_objects)
        faults = [fault for fault in faults_of(explained) if fault.code != "more-faults"]
        report = _Report(limits.max_faults_reported, faults, explained.more)
        numbers = Numbers()
        numbers.plain = False  # they may be anything
        return _judge(_Batch(numbers, limits, upgrade, known_types, report), explained.tree, faulty_objects(explained))


def read_objects(objs: Sequence[dict[str, Any]], limits: Limits | None = None) -> Input:
    """The same for objects that the program made. They go through the same text, so nothing but JSON passes."""
    try:
        data = msgspec.json.encode(list(objs))
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Refused([Fault("not-json", f"the objects are not JSON: {error}")]) from error
    return read_input(data, limits)


class _NoCollection:
    """The garbage collector walks every new dict again and again, and finds nothing: a quarter of the time."""

    __slots__ = ("_was_on",)

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was_on:
            gc.enable()


def _judge(batch: _Batch, tree: Any, unreadable: set[int]) -> Input:
    """`unreadable`: objects with faults in their text (-1: the container), which cannot be valid."""
    container, objects, found = open_container(tree)
    report = batch.report
    if container == "bundle" and tree.get("spec_version") == "2.0" and not batch.upgrade:
        report.add(None, -1, problem("stix-2.0", f"this is a STIX 2.0 bundle; {UPGRADE_HINT}", "spec_version"))
        return Input(container, [], report.close(), len(objects))
    if found:
        report.add(None, -1, found)
    if container != "object":
        batch.outside = without_objects(tree)
    batch.depth -= LEVELS[container]
    batch.take(objects, unreadable)
    valid = [] if -1 in unreadable else batch.result()
    return Input(container, valid, report.close(), len(objects))


class _Batch:
    """The objects of one input, judged one after the other."""

    def __init__(
        self, numbers: Numbers, limits: Limits, upgrade: bool, known_types: frozenset[str] | None, report: _Report
    ) -> None:
        self.numbers, self.limits, self.upgrade, self.known_types = numbers, limits, upgrade, known_types
        self.report = report
        self.depth = limits.max_depth  # levels that one object may have
        self.outside = b""  # the container without its objects
        self._bodies: list[bytes] = []  # every object in canonical form
        self._valid: dict[tuple[str, int], Valid] = {}
        self._conflicting: set[tuple[str, int]] = set()

    def take(self, objects: list[Any], unreadable: set[int]) -> None:
        """Judges every object; those in `unreadable` only for their faults. Raises MsgspecError, UnicodeDecodeError."""
        report, known, numbers = self.report, self.known_types, self.numbers
        depth, small = self.depth, min(self.limits.max_object_bytes, self.limits.max_string)
        valid, bodies = self._valid, self._bodies
        for index, raw in enumerate(self._decoded(objects)):
            obj, body = raw, canonical_of_read(raw, numbers.plain)
            bodies.append(body)
            if self.upgrade and needs_upgrade(raw):
                obj = upgraded(raw)
                body = canonical_of_read(obj, numbers.plain)
            problems = problems_of(obj)
            if problems:
                report.add(obj, index, problems)
                continue
            if known is not None and obj["type"] not in known:
                report.add(obj, index, problem("unknown-type", f"objects of type {obj['type']} are not taken", "type"))
                continue
            if index in unreadable:
                continue
            if body.count(b"{") + body.count(b"[") > depth or len(body) > small:
                problems = too_large(obj, body, depth, self.limits)
                if problems:
                    report.add(obj, index, problems)
                    continue
            identifier, version = obj["id"], version_of(obj)
            key = (identifier, version)
            earlier = valid.get(key)
            if earlier is None:
                created_by = created_by_of(obj)
                markings, extended = markings_of(obj), "extensions" in obj
                valid[key] = Valid(body, identifier, obj["type"], version, created_by, markings, extended)
            elif earlier.body != body:
                self._conflict(obj, index, key)

    def _decoded(self, objects: list[Any]) -> Iterable[Any]:
        """The objects; those that were left undecoded one after the other."""
        if objects and type(objects[0]) is msgspec.Raw:
            return map(msgspec.json.Decoder(float_hook=self.numbers.read).decode, objects)
        return objects

    def lost_nothing(self, data: bytes) -> bool:
        """Whether reading dropped no digit and no key of the input, as it does where one stands twice in an object.

        Either proof that `canonical` gives will do: equal lengths, which cost nothing, or equal numbers of colons.
        """
        if self.numbers.inexact:
            return False
        bodies, outside = self._bodies, self.outside
        length = sum(map(len, bodies)) + len(bodies) - 1 + len(outside)  # with commas between the objects
        if self.numbers.whole and length == len(data.strip(b" \t\r\n")):
            return True
        return outside.count(b":") + sum(body.count(b":") for body in bodies) == colons(data)

    def result(self) -> list[Valid]:
        """Every object once; of versions that contradict each other none, as nobody can say which is right."""
        return [item for key, item in self._valid.items() if key not in self._conflicting]

    def _conflict(self, obj: dict[str, Any], index: int, key: tuple[str, int]) -> None:
        self._conflicting.add(key)
        what = f"version {format_time(key[1])}" if key[1] else "object"
        text = f"the same {what} is in this input twice with different content; a change needs a later modified"
        self.report.add(obj, index, problem("conflicting-versions", text, "modified" if key[1] else "id"))
