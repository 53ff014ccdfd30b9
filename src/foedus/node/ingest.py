"""Import in three steps: read and label (no waiting), commit (futures of the writer), report.

The steps are apart so that an asynchronous face can wait for the commit without a thread.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from foedus.config import Limits
from foedus.kernel.errors import Fault, Refused
from foedus.kernel.label import Label
from foedus.kernel.ports import Head, Kind
from foedus.kernel.record import Input, Valid
from foedus.kernel.stixmarking import meaning_of_id
from foedus.node.answers import ImportReport
from foedus.node.labelling import Labelling
from foedus.node.subject import Subject
from foedus.node.writer import Commit, Draft, Outcome

if TYPE_CHECKING:
    from foedus.node.node import Node


class Ingest:
    """One import under way. Make it, wait for `futures`, then `finish`."""

    def __init__(
        self,
        node: Node,
        read: Input,
        given: Label | None,
        default: Label,
        *,
        subject: Subject | None,
        partial: bool,
        notices: Sequence[str] = (),
    ) -> None:
        self._started = time.perf_counter()
        self._node = node
        self._subject = subject  # who is told; None: the operator
        self._read = read
        self._notices = list(notices)
        beyond = node.domain_faults(read.valid)
        self.faults = [*read.faults, *beyond]
        self.good = self._taken(beyond, partial)
        self.count = len(self.good)
        self.futures: list[Commit] = []
        self.label_sets: list[tuple[str, ...]] = []  # one for each of `good`
        self._labelling: Labelling | None = None
        self._default = default
        if self.good:
            self._submit(given)

    def _taken(self, beyond: Sequence[Fault], partial: bool) -> list[Valid]:
        """What is to be stored, marking definitions first: they are known before they are named."""
        if self.faults and not partial:
            return []
        bad = {fault.object_id for fault in beyond}
        good = [v for v in self._read.valid if v.id not in bad] if bad else self._read.valid
        return sorted(good, key=lambda v: v.type != "marking-definition") if len(good) > 1 else good

    def _submit(self, given: Label | None) -> None:
        node = self._node
        definitions = {v.id: v.obj for v in self.good if v.type == "marking-definition"}
        self._labelling = labelling = Labelling(node.registry, given, self._default, definitions)
        self.label_sets = [labelling.label_set(valid.markings) for valid in self.good]
        drafts = [self._draft(valid, labels) for valid, labels in zip(self.good, self.label_sets, strict=True)]
        node.introduce(labelling.needed, definitions, self._subject)
        self.futures += [node.writer.submit(batch) for batch in batches(drafts, node.limits)]

    def _draft(self, valid: Valid, labelset: tuple[str, ...]) -> Draft:
        head = Head(valid.id, valid.type, valid.version, self._node.owner, valid.created_by, labelset)
        return Draft(Kind.RECORD, self._node.envelope(labelset), valid.body, head)

    @property
    def total(self) -> int:
        """How many objects the input held, good, bad and repeated ones."""
        return self._read.total

    @property
    def reported(self) -> Sequence[Fault]:
        """The faults, as many as a report names."""
        return self.faults[: self._node.limits.max_faults_reported + 1]

    def known(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """Which objects the subject could know to be there already: one that is hidden from them counts as new."""
        known = [outcome.known for outcome in outcomes]
        if self._subject is None or not any(known):
            return known
        with self._node.sights.of(self._subject) as sight:
            seen = sight.visible([outcome.seq for outcome in outcomes])
        return [one and bool(two) for one, two in zip(known, seen, strict=True)]

    def finish(self, outcomes: list[list[Outcome]]) -> ImportReport:
        """The report, from what the writer answered."""
        known = sum(self.known([outcome for batch in outcomes for outcome in batch]))
        unread = self._unread()
        labels: Counter[str] = Counter()
        for labelset, count in Counter(self.label_sets).items():
            labels[self._shown(labelset, unread)] += count
        return ImportReport(
            total=self.total,
            stored=len(self.good) - known,
            known=known,
            refused=self.total - len(self.good),
            faults=tuple(self.reported),
            notices=(*self._notices, *self._said(unread)),
            labels=dict(labels),
            seconds=time.perf_counter() - self._started,
            accepted=tuple((valid.id, valid.version) for valid in self.good),
        )

    def _unread(self) -> set[str]:
        """Markings among them that are not known here, or whose labels the subject may not read."""
        labelling = self._labelling
        return {one for one in labelling.named if not self._reads(one, labelling)} if labelling is not None else set()

    def _reads(self, marking_id: str, labelling: Labelling) -> bool:
        """Whether the subject knows what a marking means: by its id, by having sent it, or by being cleared for it.

        That a label is in use here is told to nobody else.
        """
        if meaning_of_id(marking_id) is not None or labelling.sent(marking_id):
            return True
        registry = self._node.registry
        sense = registry.meaning_of(marking_id)
        if sense is None or self._subject is None or not sense.labels:
            return sense is not None
        return registry.decide((marking_id,), self._subject.clearances, self._node.clock.now()).permit

    def _said(self, unread: set[str]) -> Iterator[str]:
        labelling = self._labelling
        unmarked = labelling.unmarked(valid.markings for valid in self.good) if labelling is not None else 0
        if unmarked:
            shown = self._node.label_marking(self._default).text
            yield (
                f"{unmarked:,} objects carried no confidentiality marking and no label was given: "
                f"they got the default, {shown}"
            )
        if unread:
            yield (
                f"{len(unread)} markings are not known here, or not to you; what carries them is seen by those "
                f"whom their definitions permit, once these are there: {', '.join(sorted(unread)[:5])}"
            )

    def _shown(self, labelset: tuple[str, ...], unread: set[str]) -> str:
        marking = self._node.registry.marking
        if not unread.isdisjoint(labelset):
            return marking("").text
        return " + ".join(marking(one).text for one in labelset)


def batches(drafts: Sequence[Draft], limits: Limits) -> Iterator[Sequence[Draft]]:
    """Runs of drafts that one commit takes, by number and by bytes."""
    start = size = 0
    for stop, draft in enumerate(drafts):
        size += len(draft.body)
        if stop > start and (stop - start >= limits.batch_entries or size > limits.batch_bytes // 4):
            yield drafts[start:stop]
            start, size = stop, len(draft.body)
    if start < len(drafts):
        yield drafts[start:]


def whole_input_fault(error: Refused) -> Input:
    """Input that could not be taken apart, as an Input with nothing in it but faults."""
    faults = list(error.faults) or [Fault(error.code, error.message)]
    return Input(
        container="object", valid=[], faults=faults, total=max(1, len({f.index for f in faults if f.index >= 0}))
    )
