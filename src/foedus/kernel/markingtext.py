"""Reading a display marking back: "NATO RESTRICTED Releasable to Japan" to the label that it marks.

A marking shows less than the label holds: the policy hides values. They are implied, in this order, until nothing more
follows; only values that the policy hides are ever added:

1. what the policy requires all of, by the classification or by a value of the label;
2. the conventions of the policies in use: a label without a Context has the Context that is named like the policy;
   where Releasable To is used, Context gains Releasable and Releasable To repeats the Context.

A marking that could mean two labels is refused.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from foedus.kernel import marking
from foedus.kernel.label import Label
from foedus.kernel.policyindex import Slot, categories_of
from foedus.kernel.policymodel import Classification, Operation, fold
from foedus.kernel.securitypolicy import Policy

CONTEXT = "Context"
RELEASABLE = "Releasable"
RELEASABLE_TO = "Releasable To"
ONLY = "Only"

_STEPS = 20_000  # a marking that needs more trials than this is refused


def squash(text: str) -> str:
    """As `fold`, but white space at the ends counts, as one space."""
    folded = unicodedata.normalize("NFC", text).casefold()
    inner = " ".join(folded.split())
    if not inner:
        return " " if folded else ""
    return f"{' ' if folded[0].isspace() else ''}{inner}{' ' if folded[-1].isspace() else ''}"


@dataclass(frozen=True, slots=True)
class _Head:
    """What may stand at the place of the policy: words, and the value or classification that they imply."""

    words: str
    slot: Slot | None = None
    level: Classification | None = None


@dataclass(frozen=True, slots=True)
class _TagWords:
    prefix: str
    separator: str
    suffix: str
    values: tuple[tuple[str, Slot], ...]  # longest words first
    suppresses: frozenset[int]  # orders of the values that take the classification's place


@dataclass(frozen=True, slots=True)
class _Words:
    """Everything that a policy's markings say in one language, folded."""

    prefix: str
    separator: str
    suffix: str
    heads: tuple[_Head, ...]
    levels: tuple[tuple[str, Classification], ...]
    tags: tuple[_TagWords, ...]


class _TooManyTrials(Exception):
    """Not every way to read the text was tried: nobody can say that it means one label only."""


class _Reading:
    """One attempt at one text in one language. `far` is how much of the text made sense."""

    def __init__(self, text: str, words: _Words) -> None:
        self.text = text
        self.words = words
        self.far = 0
        self.expected: list[str] = []
        self.steps = 0

    def labels(self) -> Iterator[tuple[_Head, Classification | None, tuple[Slot, ...]]]:
        """Every way to read the text: (head, classification or None where a value takes its place, values)."""
        starts = [0]
        if self.words.prefix and self.text.startswith(self.words.prefix):
            starts.insert(0, len(self.words.prefix))
        for start in starts:
            end = len(self.text)
            suffix = self.words.suffix
            if suffix and self.text.endswith(suffix) and start:
                end -= len(suffix)
            for head in self.words.heads:
                if (at := self.match(start, head.words)) is not None:
                    yield from self.after_head(head, at, end, bool(head.words))

    def after_head(
        self, head: _Head, at: int, end: int, spaced: bool
    ) -> Iterator[tuple[_Head, Classification | None, tuple[Slot, ...]]]:
        begin = self.match(at, self.words.separator) if spaced else at
        if begin is not None:
            for words, level in self.words.levels:
                if head.level is not None and head.level.name != level.name:
                    continue
                if (after := self.match(begin, words)) is not None:
                    for slots in self.categories(after, end, 0):
                        if not any(s.order in t.suppresses for s in slots for t in self.words.tags):
                            yield head, level, slots
        for slots in self.categories(at, end, 0):
            if any(s.order in t.suppresses for s in slots for t in self.words.tags):
                yield head, head.level, slots

    def categories(self, at: int, end: int, tag: int) -> Iterator[tuple[Slot, ...]]:
        if at == end:
            yield ()
            return
        begin = self.match(at, self.words.separator)
        if begin is None:
            return
        for index in range(tag, len(self.words.tags)):
            words = self.words.tags[index]
            first = self.match(begin, words.prefix)
            if first is None:
                continue
            for after, slots in self.values(first, words, frozenset()):
                last = self.match(after, words.suffix)
                if last is not None and last <= end:
                    for more in self.categories(last, end, index + 1):
                        yield (*slots, *more)

    def values(self, at: int, words: _TagWords, seen: frozenset[int]) -> Iterator[tuple[int, tuple[Slot, ...]]]:
        for said, slot in words.values:
            if slot.order in seen:
                continue
            after = self.match(at, said)
            if after is None:
                continue
            following = self.match(after, words.separator)
            if following is not None:
                for end, slots in self.values(following, words, seen | {slot.order}):
                    yield end, (slot, *slots)
            yield after, (slot,)

    def match(self, at: int, words: str) -> int | None:
        self.steps += 1
        if self.steps > _STEPS:
            raise _TooManyTrials
        if self.text.startswith(words, at):
            if at + len(words) > self.far:
                self.far, self.expected = at + len(words), []
            return at + len(words)
        if at == self.far and words.strip():
            self.expected.append(words.strip())
        return None


@dataclass(frozen=True, slots=True)
class Failure:
    """How far a text could be read, and what could have stood there. `unfinished`: it takes too many trials."""

    far: int
    rest: str
    near: tuple[str, ...]
    unfinished: bool = False


def read_marking(text: str, policy: Policy) -> tuple[list[Label], Failure]:
    """Every label that the marking can mean under this policy, in any of its languages, invalid ones too."""
    wanted = squash(text).strip()
    found: dict[Label, None] = {}
    best = Failure(0, text, ())
    for lang in marking.languages(policy):
        reading = _Reading(wanted, _words(policy, lang))
        try:
            for head, level, slots in reading.labels():
                levels = [level] if level else [c for c in policy.classifications if not head.level or c == head.level]
                for each in levels:
                    found[_label(policy, head, each, slots)] = None
        except _TooManyTrials:
            return [], Failure(len(wanted), "", (), unfinished=True)
        if reading.far > best.far or not best.near:
            rest = wanted[reading.far :].strip()
            near = get_close_matches(rest, sorted(set(reading.expected)), n=3, cutoff=0.4) if rest else []
            best = Failure(reading.far, rest, tuple(near))
    return list(found), best


def implied(policy: Policy, level: Classification, slots: list[Slot]) -> list[Slot]:
    """The values with those that a marking hides and that follow from it, as the module says."""
    held = {s.order: s for s in slots}
    concealed = [s for s in policy.slots() if marking.hidden(s)]
    while True:
        missing = [s for s in concealed if s.order not in held and _follows(policy, level, s, held)]
        if not missing:
            return list(held.values())
        held.update((s.order, s) for s in missing)


def _follows(policy: Policy, level: Classification, slot: Slot, held: dict[int, Slot]) -> bool:
    wanted = [*level.requirements, *(r for s in held.values() for r in s.value.requirements)]
    for requirement in wanted:
        if requirement.operation is Operation.ALL and any(
            slot.order == s.order for r in requirement.references for s in policy.matching(r)
        ):
            return True
    where, name = fold(slot.tag_set.name), fold(slot.value.name)
    contexts = {fold(s.value.name) for s in held.values() if fold(s.tag_set.name) == fold(CONTEXT)}
    released = any(fold(s.tag_set.name) == fold(RELEASABLE_TO) for s in held.values())
    if where == fold(CONTEXT):
        # Releasable says that there is release, not whose information it is.
        own = name == fold(policy.name) and not contexts - {fold(RELEASABLE)}
        return own or (name == fold(RELEASABLE) and released)
    return where == fold(RELEASABLE_TO) and released and name in contexts


def _label(policy: Policy, head: _Head, level: Classification, slots: tuple[Slot, ...]) -> Label:
    start = [*slots, *([head.slot] if head.slot else [])]
    return Label(policy.name, level.name, categories_of(implied(policy, level, start)), policy_id=policy.id)


def _words(policy: Policy, lang: str) -> _Words:
    key = f"markingtext {lang}"
    if key not in policy.memo:
        policy.memo[key] = _collect(policy, lang)
    words: _Words = policy.memo[key]
    return words


def _collect(policy: Policy, lang: str) -> _Words:
    levels = [(squash(marking.class_phrase(c, policy, lang)), c) for c in policy.classifications]
    levels += [(squash(c.name), c) for c in policy.classifications]
    levels += [(squash(a), aliased) for a, n in policy.aliases if (aliased := policy.classification(n)) is not None]
    tags = []
    for slots in marking.by_tag(policy.slots()):
        prefix, separator, suffix = (squash(q) for q in marking.tag_qualifiers(slots[0].tag, lang))
        said = [(squash(w), s) for s in slots if (w := marking.value_phrase(s, lang))]
        suppressing = frozenset(s.order for s in slots if marking.suppresses_class(s, lang))
        tags.append(_TagWords(prefix, separator, suffix, tuple(sorted(said, key=lambda p: -len(p[0]))), suppressing))
    return _Words(
        squash(marking.qualifier(policy.marking, "prefix", lang)),
        squash(marking.qualifier(policy.marking, "separator", lang) or " "),
        squash(marking.qualifier(policy.marking, "suffix", lang)),
        tuple(_heads(policy, lang)),
        tuple(levels),
        tuple(tags),
    )


def _heads(policy: Policy, lang: str) -> list[_Head]:
    """Words for the policy. Where the same words stand for a value and for the policy's name they imply the value."""
    found: list[_Head] = []
    for slot in policy.slots():
        if any("replacepolicy" in p.codes for p in slot.value.marking.phrases):
            found.append(_Head(squash(marking.policy_phrase(policy, None, [slot], lang)), slot=slot))
    for level in policy.classifications:
        if any("replacepolicy" in p.codes for p in level.marking.phrases):
            found.append(_Head(squash(marking.policy_phrase(policy, level, [], lang)), level=level))
    known = {h.words for h in found}
    for words in (squash(marking.policy_phrase(policy, None, [], lang)), squash(policy.name)):
        if words not in known:
            known.add(words)
            found.append(_Head(words))
    return found
