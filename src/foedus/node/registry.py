"""What marking definitions mean, and the decision on a set of them.

A record names its labels by the ids of marking definitions. Some ids are fixed (TLP), the others are learned from
the journal: our own definitions that carry STANAG 4774 content, and those that came with records. What is not known
denies.

An id can be claimed by anybody who may publish, so no definition widens what another one says. Where the id follows
from the label that the definition carries, that definition alone counts, whatever was sent under the id before or after
it. For any other id all the definitions that differ hold at once: a reader needs what each of them asks for. (STIX 2.1
does not version markings: those that differ are a fault or an attack.)
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from foedus.kernel.defaultlabel import most_restrictive
from foedus.kernel.errors import PolicyRefused
from foedus.kernel.label import Clearance, Decision, Label, Reason
from foedus.kernel.marking import colours, display
from foedus.kernel.policy import decide
from foedus.kernel.policyset import PolicySet
from foedus.kernel.securitypolicy import Policy
from foedus.kernel.stixmarking import (
    EXTENSION_ID,
    TLP1_IDS,
    TLP2_IDS,
    Meaning,
    Means,
    label_from_json,
    marking_for,
    meaning,
    meaning_of_id,
)
from foedus.kernel.stixmarking import marking_id as id_of
from foedus.node.answers import Marking

_GREY = ("#4a4f57", "#ffffff")
_NOT_KNOWN = Decision(False, (Reason("unknown-marking", "a marking of this record is not known here"),))
_NONE = Decision(False, (Reason("no-label", "the record carries no label"),))
_CACHE = 200_000
_REMEMBERED = 4_096  # labels whose definition and markings are kept: each import asks for the same few


class LabelRegistry:
    """Meanings by marking id with the moment at which each became known, and decisions, cached."""

    def __init__(self, policies: PolicySet) -> None:
        self.policies = policies
        self._known: dict[str, tuple[int, Meaning]] = {}
        for fixed in (*TLP1_IDS.values(), *TLP2_IDS.values()):
            sense = meaning_of_id(fixed)
            if sense is not None:
                self._known[fixed] = (-1, sense)
        self._settled = set(self._known)  # ids whose meaning no further definition touches
        self._unconfirmed: set[str] = set()  # learned, and not yet in the journal
        self._first_uses: dict[str, int] = {}  # since when records name a marking
        self._late: dict[str, int] = {}  # when a marking became known that records named before
        self._successions: set[int] = set()
        self._decisions: dict[tuple[tuple[str, ...], tuple[Clearance, ...]], tuple[int, Decision]] = {}  # since when
        self.edition = 0  # rises when what records that are there already mean has changed
        self._lock = threading.Lock()
        # Pure functions of policies that never change.
        self._definition = lru_cache(_REMEMBERED)(lambda label: marking_for(label, policies))
        self._marking = lru_cache(_REMEMBERED)(self._marked)
        self._restrictive: dict[tuple[str, str, Clearance | None], Label] = {}

    # -- learning

    def is_settled(self, marking_id: str) -> bool:
        """Whether it is known, and nothing that anybody sends can change what it means."""
        return marking_id in self._settled

    def meaning_of(self, marking_id: str) -> Meaning | None:
        held = self._known.get(marking_id)
        return held[1] if held else None

    def learn(self, obj: Mapping[str, Any], at: int) -> None:
        """A definition became known at this moment."""
        marking_id = str(obj["id"])
        with self._lock:
            if marking_id in self._settled:
                return
            held = self.meaning_of(marking_id)
            sense = self._resolved(meaning(obj))
            if _follows_from_label(obj):
                self._settled.add(marking_id)
            elif held is not None:
                sense = _both(held, sense)
            if sense == held:
                return
            if self._first_uses.get(marking_id, at) < at:
                self._late[marking_id] = at
            self._known[marking_id] = (at, sense)
            self._unconfirmed.add(marking_id)
            self._successions |= {moment for label in sense.labels for moment in _successions(label)}
            self._decisions = {}  # a new one: a decision under way ends in the old one
            self.edition += marking_id in self._first_uses

    def _resolved(self, sense: Meaning) -> Meaning:
        """Labels under their policies' own names; what no policy here knows stays as it is, and denies."""
        try:
            return replace(sense, labels=tuple(self.policies.resolve(label) for label in sense.labels))
        except PolicyRefused:
            return sense

    def want(self, labelset: Iterable[str], at: int) -> None:
        """Records with this label set are there since this moment."""
        for marking_id in labelset:
            self._first_uses.setdefault(marking_id, at)

    def confirm(self, marking_id: str, at: int) -> None:
        """What was learned stands in the journal since this moment: what a restart will find, and so what counts."""
        with self._lock:
            if marking_id not in self._unconfirmed:
                return
            self._unconfirmed.discard(marking_id)
            self._known[marking_id] = (at, self._known[marking_id][1])
            if marking_id in self._late:
                self._late[marking_id] = at

    def settle(self) -> None:
        """After start-up, when definitions were learned before their first uses were known: find the late ones."""
        self._unconfirmed.clear()
        for marking_id, since in list(self._first_uses.items()):
            at, _ = self._known.get(marking_id, (-1, None))
            if at > since:
                self._late[marking_id] = at

    def turns(self, now: int) -> tuple[int, ...]:
        """Moments up to now at which the decision on records that were there already may have changed."""
        if not self._late and not self._successions:
            return ()
        with self._lock:
            moments = {*self._late.values(), *self._successions}
        return tuple(sorted(t for t in moments if t <= now))

    # -- deciding

    def decide(self, labelset: Sequence[str], clearances: tuple[Clearance, ...], moment: int) -> Decision:
        """Every label of the set must permit, with the definitions that were not late at that moment."""
        if any(self._late.get(one, moment) > moment for one in labelset):
            return _NOT_KNOWN
        key = (tuple(labelset), clearances)
        decisions = self._decisions
        since, held = decisions.get(key, (moment, None))
        if held is not None and since <= moment and (held.until is None or moment < held.until):
            return held
        decision = self._decide(labelset, clearances, moment)
        with self._lock:
            if len(decisions) >= _CACHE:
                decisions.clear()
            decisions[key] = (moment, decision)
        return decision

    def _decide(self, labelset: Sequence[str], clearances: tuple[Clearance, ...], moment: int) -> Decision:
        labels: list[Label] = []
        for marking_id in labelset:
            sense = self.meaning_of(marking_id)
            if sense is None or sense.means is Means.UNKNOWN:
                return _NOT_KNOWN
            labels += sense.labels
        return decide(labels, clearances, self.policies, moment) if labels else _NONE

    def labels(self, labelset: Iterable[str]) -> list[Label]:
        """The labels of a set, without what has no label content."""
        return [label for one in labelset if (held := self._known.get(one)) is not None for label in held[1].labels]

    def permits(self, label: Label, clearances: tuple[Clearance, ...], moment: int) -> bool:
        """The decision on one label that need not be anybody's yet (a picker's audience)."""
        return decide([label], clearances, self.policies, moment).permit

    def definition(self, label: Label) -> dict[str, Any]:
        """The marking definition that carries this label: the same at every node."""
        found: dict[str, Any] = self._definition(label)
        return found

    def most_restrictive(self, policy: Policy, owner: str, clearance: Clearance | None) -> Label:
        """The label for objects that came without one (see `defaultlabel`), remembered."""
        key = (policy.name, owner, clearance)
        found = self._restrictive.get(key)
        if found is None:
            if len(self._restrictive) >= _REMEMBERED:
                self._restrictive.clear()
            found = self._restrictive[key] = most_restrictive(policy, owner, clearance)
        return found

    # -- for people

    def marking(self, marking_id: str, lang: str = "en") -> Marking:
        """How a label is shown; one that cannot be read says so in grey."""
        sense = self.meaning_of(marking_id)
        for label in sense.labels if sense is not None else ():
            return self.marking_of_label(label, lang, marking_id)
        return Marking(marking_id, "Marquage inconnu" if lang == "fr" else "Unknown marking", *_GREY)

    def marking_of_label(self, label: Label, lang: str = "en", marking_id: str = "") -> Marking:
        """How a label is shown; one of a policy that is not known here by its plain names."""
        return self._marking(label, lang, marking_id)

    def _marked(self, label: Label, lang: str, marking_id: str) -> Marking:
        policy = self.policies.find(label.policy, label.policy_id)
        if policy is None:
            return Marking(marking_id, f"{label.policy} {label.classification}", *_GREY)
        return Marking(marking_id, display(label, policy, lang), *colours(label, policy))


def _follows_from_label(obj: Mapping[str, Any]) -> bool:
    """Whether the definition says one label and nothing else, and has the id that follows from it."""
    try:
        ((extension, content),) = obj["extensions"].items()
        only = extension == EXTENSION_ID and "definition_type" not in obj
        return only and id_of(label_from_json(content)) == obj["id"]
    except Exception:  # as `meaning`: what cannot be read is no label
        return False


def _both(one: Meaning, other: Meaning) -> Meaning:
    """What two definitions of one id mean together: whoever reads needs what each asks for."""
    for sense in (one, other):
        if sense.means is Means.UNKNOWN:
            return sense
    labels = tuple(dict.fromkeys((*one.labels, *other.labels)))
    return Meaning(Means.LABELS, labels) if labels else one


def _successions(label: Label) -> Iterable[int]:
    held = label.succession
    while held is not None:
        yield held.at
        held = held.label.succession
