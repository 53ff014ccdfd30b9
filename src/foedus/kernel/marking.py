"""The words a person reads: a label's display marking and its banner colours, from the policy file alone.

    display(label, policy)         "NATO RESTRICTED Releasable to Japan, Switzerland, Ukraine"
    display(label, policy, "fr")   "NATO DIFFUSION RESTREINTE Communicable a Japon, Suisse, Ukraine"

Order of the parts: policy (or the phrase that replaces it), classification, then each tag in the policy's order with
its prefix, values and suffix. What a language does not say is taken from the entry without a language.

Source: Open XML SPIF 2.1 (markingData, markingQualifier), ADatP-4774.1 chapter 3.5.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from foedus.kernel.label import Label
from foedus.kernel.policyindex import Slot
from foedus.kernel.policymodel import Classification, Marking, Phrase, Tag
from foedus.kernel.securitypolicy import Policy

_BOTTOM = frozenset({"pagebottom", "pagetopbottom"})
_TOP = frozenset({"pagetop"})
_PLACES = _BOTTOM | _TOP | {
    "documentstart", "documentend", "firstlineoftext", "lastlineoftext", "subject", "xheader", "portionmarking",
    "inputtitle", "watermark", "nomarkingdisplay",
}  # fmt: skip
_COLOURS = {
    "aqua": "#00FFFF", "black": "#000000", "blue": "#0000FF", "fuchsia": "#FF00FF", "fuschia": "#FF00FF",
    "gold": "#FFD700", "gray": "#808080", "grey": "#808080", "green": "#008000", "lime": "#00FF00",
    "maroon": "#800000", "navy": "#000080", "olive": "#808000", "orange": "#FFA500", "purple": "#800080",
    "red": "#FF0000", "silver": "#C0C0C0", "teal": "#008080", "white": "#FFFFFF", "yellow": "#FFFF00",
}  # fmt: skip
_NEUTRAL = "#4A4A4A"


def display(label: Label, policy: Policy, lang: str = "en") -> str:
    """The marking in this language (BCP 47: "fr", "fr-CA"). The label's names are the policy's own (`resolve`).

    A label whose classification the policy does not know is shown by its names, so that nothing goes unmarked.
    """
    level = policy.classification(label.classification)
    slots = policy.slots_of(label)
    separator = qualifier(policy.marking, "separator", lang) or " "
    parts = [policy_phrase(policy, level, slots, lang)]
    if not any(suppresses_class(s, lang) for s in slots):
        parts.append(class_phrase(level, policy, lang) if level else label.classification)
    parts += [tag_phrase(group, lang) for group in by_tag(slots)]
    said = separator.join(p for p in parts if p)
    return qualifier(policy.marking, "prefix", lang) + said + qualifier(policy.marking, "suffix", lang)


def policy_phrase(policy: Policy, level: Classification | None, slots: Sequence[Slot], lang: str) -> str:
    """What stands for the policy: its name, or what the policy, the classification or a category puts in its place."""
    markings = [policy.marking, *([level.marking] if level else []), *(s.value.marking for s in slots)]
    names = [policy.name, *([level.name] if level else []), *(s.value.name for s in slots)]
    for marking, name in zip(markings, names, strict=True):
        if (phrase := _coded(marking, "replacepolicy", lang)) is not None:
            return name if phrase.text is None else phrase.text
    return policy.name


def class_phrase(level: Classification, policy: Policy, lang: str) -> str:
    """The classification's words in this language."""
    return _words(level.marking, level.name, lang)


def value_phrase(slot: Slot, lang: str) -> str:
    """A category value's words; "" where the policy hides it."""
    return _words(slot.value.marking, slot.value.name, lang)


def hidden(slot: Slot) -> bool:
    """Whether the value never shows in a marking."""
    return _coded(slot.value.marking, "nonamedisplay", "") is not None


def suppresses_class(slot: Slot, lang: str) -> bool:
    """Whether the value takes the classification's place in the marking."""
    return _coded(slot.value.marking, "suppressclassname", lang) is not None


def tag_phrase(slots: Sequence[Slot], lang: str) -> str:
    """The values of one tag with its prefix, separator and suffix; "" where all of them are hidden."""
    words = [w for s in slots if (w := value_phrase(s, lang))]
    if not words:
        return ""
    prefix, separator, suffix = tag_qualifiers(slots[0].tag, lang)
    return prefix + separator.join(words) + suffix


def tag_qualifiers(tag: Tag, lang: str) -> tuple[str, str, str]:
    """Prefix, separator ("/" where the policy states none) and suffix of a tag's values."""
    marking = tag.marking
    return (
        qualifier(marking, "prefix", lang),
        qualifier(marking, "separator", lang) or "/",
        qualifier(marking, "suffix", lang),
    )


def by_tag(slots: Sequence[Slot]) -> list[list[Slot]]:
    """The slots, which are in the policy's order, grouped by tag."""
    groups: dict[int, list[Slot]] = {}
    for slot in slots:
        groups.setdefault(slot.key, []).append(slot)
    return list(groups.values())


def languages(policy: Policy) -> tuple[str, ...]:
    """The languages that the policy's markings know, "en" first."""
    found = {"en"}
    markings = [policy.marking, *(c.marking for c in policy.classifications)]
    markings += [m for s in policy.tag_sets for t in s.tags for m in (t.marking, *(v.marking for v in t.values))]
    for marking in markings:
        found.update(p.lang for p in marking.phrases if p.lang)
        found.update(q.lang for q in marking.qualifiers if q.lang)
    return tuple(sorted(found, key=lambda lang: (lang != "en", lang)))


def qualifier(marking: Marking, place: str, lang: str) -> str:
    """The prefix, separator or suffix in this language, else the one without a language."""
    for wanted in _languages(lang):
        for q in marking.qualifiers:
            if q.place == place and q.lang == wanted:
                return q.text
    return ""


def colours(label: Label, policy: Policy) -> tuple[str, str]:
    """Background and text colour of the banner, as #RRGGBB. Black or white, whichever contrasts more: always at least
    4.5 to 1 (WCAG 2.2, level AA)."""
    level = policy.classification(label.classification)
    background = _hex(level.colour) if level else _NEUTRAL
    light = _luminance(background)
    # The contrast with white falls below the contrast with black at luminance 0.179; there both are 4.58.
    return background, "#000000" if light > 0.1791 else "#FFFFFF"


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two #RRGGBB colours (WCAG 2.2)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _words(marking: Marking, name: str, lang: str) -> str:
    """A name's words at the foot of the page, else at its head, else the name."""
    if _coded(marking, "nonamedisplay", lang) is not None:
        return ""
    phrase = _placed(marking, lang)
    if phrase is None or phrase.text is None or "replacepolicy" in phrase.codes:
        return name
    return phrase.text


def _placed(marking: Marking, lang: str) -> Phrase | None:
    for wanted in _languages(lang):
        spoken = [p for p in marking.phrases if p.lang == wanted]
        for places in (_BOTTOM, _TOP):
            for phrase in spoken:
                # A phrase without a place stands at the foot of the page.
                if phrase.codes & places or (places is _BOTTOM and not phrase.codes & _PLACES):
                    if "replacepolicy" in phrase.codes:
                        continue  # it speaks of the policy, not of this name
                    return phrase
    return None


def _coded(marking: Marking, code: str, lang: str) -> Phrase | None:
    """The phrase with this code, in this language first; a code without a language holds in all of them."""
    for wanted in _languages(lang):
        for phrase in marking.phrases:
            if phrase.lang == wanted and code in phrase.codes:
                return phrase
    return None


def _languages(lang: str) -> tuple[str, ...]:
    lang = lang.casefold().replace("_", "-")
    return tuple(dict.fromkeys((lang, lang.split("-")[0], "")))


def _hex(colour: str) -> str:
    colour = colour.strip()
    if re.fullmatch(r"#[0-9A-Fa-f]{6}", colour):
        return colour.upper()
    if re.fullmatch(r"#[0-9A-Fa-f]{3}", colour):
        return "#" + "".join(c * 2 for c in colour[1:]).upper()
    return _COLOURS.get(colour.casefold(), _NEUTRAL)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
