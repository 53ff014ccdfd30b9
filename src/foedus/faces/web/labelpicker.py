"""The label picker: what it offers is what the policy files say, and what it makes is TEXT.

A form carries the picker as `label_class` (one), `label_tag` (many), `label_text` (the TEXT field) and `label_was` (the
TEXT that the controls showed). Without script a writer uses either: a changed TEXT counts, else the controls.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from foedus.faces.web.formdata import Form
from foedus.faces.web.visit import Visit
from foedus.kernel.errors import Fault, LabelRefused, Refused
from foedus.kernel.label import Label, TagType
from foedus.kernel.labeltext import read_label, write_label
from foedus.kernel.marking import class_phrase, colours, value_phrase
from foedus.kernel.policyindex import Slot, categories_of
from foedus.kernel.policyset import PolicySet
from foedus.kernel.securitypolicy import Policy
from foedus.node.answers import Marking
from foedus.node.node import Node

_SEARCHED_FROM = 12  # a longer list of values gets a search box


@dataclass(frozen=True, slots=True)
class Level:
    """A classification to choose, in the colours of its banner."""

    key: str
    name: str
    words: str
    background: str
    foreground: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A category value; `excluded` are the keys of classifications that it does not go with, `barred` their names
    where the chosen classification is one of them."""

    key: str
    words: str
    name: str
    chosen: bool
    excluded: tuple[str, ...]
    barred: str


@dataclass(frozen=True, slots=True)
class Group:
    """The values of one type in one tag set. `kind`: restrictive, permissive or informative."""

    title: str
    kind: str
    single: bool
    searched: bool
    choices: tuple[Choice, ...]

    @property
    def chosen(self) -> tuple[str, ...]:
        return tuple(c.words for c in self.choices if c.chosen)


@dataclass(frozen=True, slots=True)
class PolicyPart:
    """One policy's part of the picker."""

    name: str
    chosen: bool
    levels: tuple[Level, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a label would mean: the marking in both languages and who here would see it."""

    english: Marking
    french: Marking
    names: tuple[str, ...] | None  # None: not for who would not see it themselves
    to_writer: bool


@dataclass(frozen=True, slots=True)
class Picker:
    """A picker to draw: the controls, the TEXT, what it shows or what is wrong with it."""

    parts: tuple[PolicyPart, ...]
    text: str
    was: str
    shown: Shown | None
    faults: tuple[Fault, ...] = ()


def node_of(v: Visit) -> Node:
    """The node whose policies the picker offers."""
    node: Node = v.request.app.state.node
    return node


def start(v: Visit, label: Label | None = None) -> Picker:
    """A picker that begins with this label, the writer's most restrictive one where none is given."""
    node = node_of(v)
    chosen = label if label is not None else node.default_label(v.subject)
    return _picker(v, chosen, write_label(chosen, node.registry.policies))


def read(v: Visit, form: Form) -> Picker:
    """The picker as a form sent it: never raises; `faults` say what is wrong with the label."""
    node = node_of(v)
    text, was = form.text("label_text"), form.text("label_was")
    by_controls = text == was or form.text("label_by") == "controls"
    if by_controls and (form.all("label_class") or form.all("label_tag")):
        return _from_controls(v, node, form, was)
    try:
        label = node.read_label(text) if text else node.default_label(v.subject)
    except Refused as error:
        return _unreadable(v, text, "", error.faults, form)  # it stays the text that counts
    return _picker(v, label, text or write_label(label, node.registry.policies))


def label_of(picker: Picker) -> str:
    """The TEXT to publish under. Raises LabelRefused with the picker's faults."""
    if picker.faults:
        raise LabelRefused(picker.faults)
    return picker.text


def _from_controls(v: Visit, node: Node, form: Form, was: str) -> Picker:
    policies = node.registry.policies
    try:
        label = _composed(policies, form, was)
    except Refused as error:
        return _unreadable(v, was, was, error.faults, form)
    text = write_label(label, policies)
    faults = policies.of(label).faults(label, new=True)
    if faults:
        return _unreadable(v, text, text, faults, form)
    return _picker(v, label, text)


def _composed(policies: PolicySet, form: Form, was: str) -> Label:
    """The label that the controls say. What they cannot say (privacy mark, successor) stays as TEXT said it."""
    keys = set(form.all("label_class"))
    for policy in policies:
        for level in policy.classifications:
            if _level_key(policy, level.name) not in keys:
                continue
            wanted = set(form.all("label_tag"))
            slots = [s for s in policy.slots() if _slot_key(policy, s) in wanted]
            made = Label(policy.name, level.name, categories_of(slots), policy_id=policy.id)
            return policies.resolve(_with_rest(policies, made, was))
    raise Refused([Fault("no-classification", "choose a classification", path="classification")])


def _with_rest(policies: PolicySet, label: Label, was: str) -> Label:
    try:
        before = read_label(was, policies, valid=False)
    except Refused:
        return label
    if before.policy != label.policy:
        return label
    return replace(label, privacy_mark=before.privacy_mark, succession=before.succession)


def _picker(v: Visit, label: Label, text: str) -> Picker:
    policies = node_of(v).registry.policies
    level = {_level_key(policies.of(label), label.classification)}
    tags = {_slot_key(policies.of(label), s) for s in policies.of(label).slots_of(label)}
    return Picker(_parts(v, policies, level, tags), text, text, shown(v, label))


def _unreadable(v: Visit, text: str, was: str, faults: Iterable[Fault], form: Form) -> Picker:
    policies = node_of(v).registry.policies
    levels, tags = set(form.all("label_class")), set(form.all("label_tag"))
    return Picker(_parts(v, policies, levels, tags), text, was, None, tuple(faults))


def shown(v: Visit, label: Label) -> Shown:
    """What the label would mean here."""
    node = node_of(v)
    audience = node.label_audience(label, v.subject)
    return Shown(
        node.label_marking(label, "en"),
        node.label_marking(label, "fr"),
        None if audience is None else tuple(audience["accounts"]),
        node.registry.permits(label, v.subject.clearances, node.clock.now()),
    )


def text_of(v: Visit, labels: Iterable[str]) -> str:
    """TEXT of the first label among these marking definitions, "" where none has one of a policy here."""
    policies = node_of(v).registry.policies
    for label in node_of(v).registry.labels(labels):
        try:
            return write_label(label, policies)
        except Refused:
            continue
    return ""


# The controls


def _level_key(policy: Policy, name: str) -> str:
    return f"{policy.name} {name}"


def _slot_key(policy: Policy, slot: Slot) -> str:
    return f"{policy.name}/{slot.tag_set.name}/{slot.tag.kind.type.value.lower()}/{slot.value.name}"


def _parts(v: Visit, policies: PolicySet, levels: set[str], tags: set[str]) -> tuple[PolicyPart, ...]:
    parts = []
    for number, policy in enumerate(policies):
        shown_levels = tuple(
            _level(v, policy, level.name, levels)
            for level in sorted(policy.classifications, key=lambda one: one.hierarchy)
            if not (level.obsolete or level.unusable) or _level_key(policy, level.name) in levels
        )
        chosen = next((one for one in shown_levels if one.chosen), None)
        here = chosen is not None or (number == 0 and not levels)
        parts.append(PolicyPart(policy.name, here, shown_levels, _groups(v, policy, chosen, tags)))
    return tuple(parts)


def _level(v: Visit, policy: Policy, name: str, levels: set[str]) -> Level:
    level = policy.classification(name)
    words = (class_phrase(level, policy, v.lang) if level else "") or name
    background, foreground = colours(Label(policy.name, name), policy)
    key = _level_key(policy, name)
    return Level(key, name, words, background, foreground, key in levels)


def _groups(v: Visit, policy: Policy, level: Level | None, tags: set[str]) -> tuple[Group, ...]:
    by_tag: dict[int, list[Slot]] = {}  # the unit of a decision is the tag: one set may have several
    for slot in policy.slots():
        usable = not (slot.value.obsolete or slot.value.unusable) or _slot_key(policy, slot) in tags
        if usable and slot.tag.kind.type is not TagType.UNKNOWN:
            by_tag.setdefault(slot.key, []).append(slot)
    return tuple(_group(v, policy, slots, level, tags) for slots in by_tag.values())


def _group(v: Visit, policy: Policy, slots: list[Slot], level: Level | None, tags: set[str]) -> Group:
    choices = tuple(_choice(v, policy, slot, level, tags) for slot in slots)
    tag = slots[0].tag
    return Group(
        tag_title(slots[0]), tag.kind.type.value.lower(), tag.most == 1, len(choices) >= _SEARCHED_FROM, choices
    )


def tag_title(slot: Slot) -> str:
    """What to call the tag of a value: its set's name, and its own where it has another."""
    name = slot.tag_set.name
    return name if slot.tag.name in ("", name) else f"{name}: {slot.tag.name}"


def _choice(v: Visit, policy: Policy, slot: Slot, level: Level | None, tags: set[str]) -> Choice:
    key = _slot_key(policy, slot)
    every = {one.name for one in policy.classifications}
    required = slot.value.required_classes
    excluded = set(slot.value.excluded_classes) | ((every - required) if required else set())
    barred = level.words if level is not None and level.name in excluded else ""
    words = value_phrase(slot, v.lang) or slot.value.name
    keys = tuple(sorted(_level_key(policy, one) for one in excluded))
    return Choice(key, words, slot.value.name, key in tags, keys, barred)
