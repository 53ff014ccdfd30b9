"""What marking definitions mean, since when, and the decision on a set of them.

A record names its labels by the ids of marking definitions. Some ids are fixed (TLP), the others are learned from
the journal: our own definitions that carry STANAG 4774 content, and those that came with records. What is not known
denies.

An id can be claimed by anybody who may publish, so no definition widens what another one says. Where the id follows
from the label that the definition carries, that definition alone counts, whatever was sent under the id before or after
it. For any other id all the definitions that differ hold at once: a reader needs what each of them asks for. (STIX 2.1
does not version markings: those that differ are a fault or an attack.) More than `_LABELS` together deny.

What an id meant is kept with the moment from which it did: a decision about an earlier moment stays what it was.
"""

from __future__ import annotations

import threading
from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from operator import itemgetter
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
_LABELS = 16  # that the definitions of one id may name together
_EVER = 2**62
_REMEMBERED = 4_096  # labels whose definition and markings are kept: each import asks for the same few


class LabelRegistry:
    """Meanings by marking id, each with the moment from which it holds, and decisions, remembered."""

    def __init__(self, policies: PolicySet) -> None:
        self.policies = policies
        self._meanings: dict[str, list[tuple[int, Meaning]]] = {}  # oldest first
        for fixed in (*TLP1_IDS.values(), *TLP2_IDS.values()):
            sense = meaning_of_id(fixed)
            if sense is not None:
                self._meanings[fixed] = [(-1, sense)]
        self._settled = set(self._meanings)  # ids whose meaning no further definition touches
        self._changed: list[str] = []  # ids in the order in which their meaning changed
        self._due: list[tuple[int, str]] = []  # successions by moment, with the id whose label it is
        self._validity = sorted(
            {at for one in policies for at in (one.not_before, one.not_after + 1) if 0 < at < _EVER}
        )
        self._decisions: dict[tuple[tuple[str, ...], tuple[Clearance, ...]], tuple[int, int, Decision]] = {}
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
        """What it means now; None where no definition is known."""
        held = self._meanings.get(marking_id)
        return held[-1][1] if held else None

    def learn(self, obj: Mapping[str, Any], at: int) -> None:
        """A definition stands in the journal since this moment. In the journal's order; once more changes nothing."""
        marking_id = str(obj["id"])
        with self._lock:
            sense = self._with(obj)
            if sense is None or sense == self.meaning_of(marking_id):
                return
            if _follows_from_label(obj):
                self._settled.add(marking_id)
            held = self.meaning_of(marking_id)
            for moment in _turns(sense) - (_turns(held) if held else set()):
                insort(self._due, (moment, marking_id))
            self._meanings.setdefault(marking_id, []).append((at, sense))
            self._decisions = {}  # a new one: a decision under way ends in the old one
            self._changed.append(marking_id)

    def with_definition(self, obj: Mapping[str, Any]) -> tuple[Meaning, Meaning] | None:
        """What a marking that is known means now, and what it would mean with this definition; None: no change."""
        held, sense = self.meaning_of(str(obj["id"])), self._with(obj)
        return None if held is None or sense is None or sense == held else (held, sense)

    def _with(self, obj: Mapping[str, Any]) -> Meaning | None:
        """What the marking means once this definition is known besides the others; None where it is settled."""
        marking_id = str(obj["id"])
        if marking_id in self._settled:
            return None
        held, sense = self.meaning_of(marking_id), self._resolved(meaning(obj))
        return sense if held is None or _follows_from_label(obj) else _both(held, sense)

    def _resolved(self, sense: Meaning) -> Meaning:
        """Labels under their policies' own names; what no policy here knows stays as it is, and denies."""
        try:
            return replace(sense, labels=tuple(self.policies.resolve(label) for label in sense.labels))
        except PolicyRefused:
            return sense

    # -- what changes when

    @property
    def edition(self) -> int:
        """Rises with every change of a meaning."""
        return len(self._changed)

    def changed(self, edition: int) -> Sequence[str]:
        """Ids whose meaning changed since that edition."""
        return self._changed[edition:]

    def due(self, after: int, until: int) -> Sequence[str] | None:
        """Ids whose labels were succeeded in (after, until]; None: a policy began or ended, which is about them all."""
        if any(after < at <= until for at in self._validity):
            return None
        with self._lock:
            first, last = (bisect_right(self._due, at, key=itemgetter(0)) for at in (after, until))
            return [marking_id for _, marking_id in self._due[first:last]]

    def turns(self, labelset: Sequence[str]) -> list[int]:
        """Every moment from which the decision on this label set may be another one, rising."""
        moments = set(self._validity)
        for marking_id in labelset:
            for at, sense in self._meanings.get(marking_id, ()):
                moments |= {at, *_turns(sense)}
        return sorted(moments)

    # -- deciding

    def decide(self, labelset: Sequence[str], clearances: tuple[Clearance, ...], moment: int) -> Decision:
        """Every label of the set must permit, with the definitions that were known at that moment."""
        key = (tuple(labelset), clearances)
        decisions = self._decisions
        held = decisions.get(key)
        if held is not None and held[0] <= moment < held[1]:
            return held[2]
        turns = self.turns(labelset)
        place = bisect_right(turns, moment)
        since, until = turns[place - 1] if place else -_EVER, turns[place] if place < len(turns) else _EVER
        decision = self._decide(labelset, clearances, moment)
        with self._lock:
            if len(decisions) >= _CACHE:
                decisions.clear()
            decisions[key] = (since, until, decision)
        return decision

    def _decide(self, labelset: Sequence[str], clearances: tuple[Clearance, ...], moment: int) -> Decision:
        labels: list[Label] = []
        for marking_id in labelset:
            sense = self._meaning_at(marking_id, moment)
            if sense is None or sense.means is Means.UNKNOWN:
                return _NOT_KNOWN
            labels += sense.labels
        return decide(labels, clearances, self.policies, moment) if labels else _NONE

    def _meaning_at(self, marking_id: str, moment: int) -> Meaning | None:
        held = self._meanings.get(marking_id, ())
        return next((sense for at, sense in reversed(held) if at <= moment), None)

    def labels(self, labelset: Iterable[str]) -> list[Label]:
        """The labels of a set, without what has no label content."""
        return [label for one in labelset if (sense := self.meaning_of(one)) is not None for label in sense.labels]

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

    def described(self, sense: Meaning) -> list[str]:
        """A meaning in words, for the administrative log: a label each, or what it is instead."""
        return [self.marking_of_label(label).text for label in sense.labels] or [sense.means.value]

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
    if len(labels) > _LABELS:
        return Meaning(Means.UNKNOWN, reason=f"the definitions of this marking name more than {_LABELS} labels")
    return Meaning(Means.LABELS, labels) if labels else one


def _turns(sense: Meaning) -> set[int]:
    """When labels of this meaning are succeeded by others."""
    moments = set()
    for label in sense.labels:
        succession = label.succession
        while succession is not None:
            moments.add(succession.at)
            succession = succession.label.succession
    return moments
