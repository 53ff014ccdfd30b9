"""Clearances in a form: TEXT, and controls that compose the usual ones; shown in the words of the policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foedus.faces.web.formdata import Form
from foedus.faces.web.labelpicker import Level, node_of
from foedus.faces.web.visit import Visit
from foedus.kernel.clearancetext import read_clearance, write_clearance
from foedus.kernel.errors import Fault, Refused
from foedus.kernel.label import Clearance, Label, TagType
from foedus.kernel.marking import class_phrase, colours, value_phrase
from foedus.kernel.markingtext import RELEASABLE_TO
from foedus.kernel.securitypolicy import Policy

_MANY = 12  # more values than this are counted, not named


@dataclass(frozen=True, slots=True)
class Held:
    """One clearance in words: the classifications in their colours, and the values of each tag set."""

    policy: str
    levels: tuple[Level, ...]
    values: tuple[tuple[str, tuple[str, ...], int], ...]  # tag set, words, how many in all


@dataclass(frozen=True, slots=True)
class ClearanceForm:
    """What to draw: TEXT, the choices of the controls, what it means or what is wrong."""

    text: str
    was: str
    levels: tuple[tuple[str, str], ...]
    nations: tuple[tuple[str, str], ...]
    palette: tuple[tuple[str, str], ...]  # every colour that a preview may need: its sheet comes with the page
    held: tuple[Held, ...]
    faults: tuple[Fault, ...] = ()
    clearances: tuple[Clearance, ...] = ()


def start(v: Visit, clearances: Sequence[Clearance] = ()) -> ClearanceForm:
    """A form with these clearances."""
    text = write_clearance(clearances, node_of(v).registry.policies) if clearances else ""
    return _form(v, text, text, tuple(clearances))


def read(v: Visit, form: Form) -> ClearanceForm:
    """The form as it was sent; `faults` say what cannot be read. An empty TEXT clears for nothing."""
    policies = node_of(v).registry.policies
    text, was = form.text("clearance"), form.text("clearance_was")
    if (text == was or form.text("clearance_by") == "controls") and form.text("clearance_level"):
        nation = form.text("clearance_nation")
        text = form.text("clearance_level") + (f" for {nation}" if nation else "")
    if not text:
        return _form(v, "", "", ())
    try:
        return _form(v, text, text, read_clearance(text, policies))
    except Refused as error:
        return _form(v, text, "", (), error.faults)


def _form(
    v: Visit, text: str, was: str, clearances: tuple[Clearance, ...], faults: tuple[Fault, ...] = ()
) -> ClearanceForm:
    policies = node_of(v).registry.policies
    levels = tuple(
        (f"{policy.name} {level.name}", f"{policy.name} {class_phrase(level, policy, v.lang) or level.name}")
        for policy in policies
        for level in sorted(policy.classifications, key=lambda one: one.hierarchy)
        if not (level.obsolete or level.unusable)
    )
    nations = {
        slot.value.name: value_phrase(slot, v.lang) or slot.value.name
        for policy in policies
        for slot in policy.slots()
        if slot.tag_set.name == RELEASABLE_TO and slot.tag.kind.type is TagType.PERMISSIVE
    }
    sorted_nations = tuple(sorted(nations.items(), key=lambda pair: pair[1].casefold()))
    palette = {colours(Label(p.name, c.name), p): None for p in policies for c in p.classifications}
    return ClearanceForm(text, was, levels, sorted_nations, tuple(palette), in_words(v, clearances), faults, clearances)


def in_words(v: Visit, clearances: Sequence[Clearance]) -> tuple[Held, ...]:
    """Clearances as a person reads them; those under a policy that is not known here by their plain names."""
    out = []
    for clearance in clearances:
        policy = node_of(v).registry.policies.find(clearance.policy, clearance.policy_id)
        if policy is None:
            plain = tuple(Level(n, n, n, "#4a4f57", "#ffffff", True) for n in sorted(clearance.classifications))
            out.append(Held(clearance.policy, plain, ()))
        else:
            out.append(_held(policy, clearance, v.lang))
    return tuple(out)


def _held(policy: Policy, clearance: Clearance, lang: str) -> Held:
    levels = tuple(
        Level(level.name, level.name, class_phrase(level, policy, lang) or level.name,
              *colours(Label(policy.name, level.name), policy), True)
        for level in sorted(policy.classifications, key=lambda one: one.hierarchy)
        if level.name in clearance.classifications
    )  # fmt: skip
    values = []
    for category in clearance.categories:
        words = [value_phrase(s, lang) or s.value.name for s in policy.compiled(category).slots]
        values.append((category.tag_set, tuple(words[:_MANY]), len(words)))
    return Held(policy.name, levels, tuple(values))
