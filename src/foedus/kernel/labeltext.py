"""TEXT, the short form of labels and clearances that people type. docs/labels.md defines it for users.

A label is a display marking, in any language of the policy, or the explicit form, which has a semicolon:

    NATO RESTRICTED Releasable to Japan, Switzerland, Ukraine
    NATO SECRET; Context: NATO, Releasable; Releasable To: NATO, FIN

A clearance names one classification (it means that one and all below it) or, after `=`, exactly those given:

    NATO SECRET; Context: NATO; Releasable To: NATO, FIN; Only: FIN + TLP AMBER
    ALLIANCE = SECRET; Context: all
    ALLIANCE SECRET for FIN

Grammar of the explicit form; words are compared without case, `"…"` quotes (a quote inside is doubled):

    label      = policy classification ";" [ part { ";" part } ]
    part       = tag-set [ "(" type ")" ] ":" value { "," value }
               | "privacy mark" "=" words | "successor" time "=" "(" label ")"
    clearances = clearance { " + " clearance }
    clearance  = policy ( classification | "=" classification { "," classification } ) [ "for" nation ] { ";" part }
    nation     = [ "member" | "partner" ] value
    value      = a value's name, or its words in a marking; in clearances `all`
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from foedus.kernel import marking, stanag4774
from foedus.kernel.errors import Fault, LabelRefused, PolicyRefused, Refused, TooLarge
from foedus.kernel.label import Category, Clearance, Label, Succession, TagType, merged
from foedus.kernel.markingtext import CONTEXT, ONLY, RELEASABLE, RELEASABLE_TO, read_marking
from foedus.kernel.policyindex import Slot, categories_of
from foedus.kernel.policymodel import Classification, TagSet, fold
from foedus.kernel.policyset import PolicySet
from foedus.kernel.securitypolicy import Policy

_MOST = 16_384  # characters of one text
_DEPTH = 16  # successors inside successors
_SPECIAL = frozenset(';,:="()')


def read_label(text: str, policies: PolicySet, *, valid: bool = True) -> Label:
    """The label that a text means, resolved. Raises LabelRefused where it cannot be read, could mean two labels, or
    (with `valid`) breaks a rule of its policy; the faults say what to write instead."""
    label = _read(_checked(text), policies, 0)
    faults = policies.of(label).faults(label, new=False) if valid else []
    if faults:
        raise LabelRefused(faults)
    return label


def read_labels(text: str, policies: PolicySet, *, valid: bool = True) -> tuple[Label, ...]:
    """A label set: labels joined by ` + `, each read as `read_label` does."""
    return tuple(read_label(part, policies, valid=valid) for part in _split(_checked(text), " + "))


def write_label(label: Label, policies: PolicySet, lang: str = "en") -> str:
    """The display marking where reading it gives the same label, else the explicit form. Raises PolicyRefused for a
    label that is not under these policies."""
    policy = policies.of(label)
    label = policies.resolve(label)
    shown = marking.display(label, policy, lang)
    if not label.privacy_mark and label.succession is None and " + " not in shown:
        try:
            if read_label(shown, policies, valid=False) == label:
                return shown
        except Refused:
            pass
    return _write_explicit(label, policies)


def read_clearance(text: str, policies: PolicySet) -> tuple[Clearance, ...]:
    """The clearances that a text means, resolved. Raises PolicyRefused; its faults say what to write instead."""
    return tuple(_clearance(part, policies) for part in _split(_checked(text), " + "))


def write_clearance(clearances: Sequence[Clearance], policies: PolicySet) -> str:
    """The text that `read_clearance` reads back as the same clearances. Raises PolicyRefused for unknown names."""
    return " + ".join(_write_clearance(c, policies) for c in clearances)


# Labels


def _read(text: str, policies: PolicySet, depth: int) -> Label:
    return _explicit(text, policies, depth) if len(_split(text, ";")) > 1 else _marking(text, policies)


def _marking(text: str, policies: PolicySet) -> Label:
    candidates: list[Label] = []
    failures = []
    for policy in policies:
        labels, failure = read_marking(text, policy)
        candidates += labels
        failures.append((failure, policy))
    sound = [c for c in candidates if not policies.of(c).faults(c, new=False)]
    found = sound or candidates
    if len(found) == 1:
        return found[0]
    if found:
        forms = " | ".join(_write_explicit(c, policies) for c in found[:3])
        raise _refused("ambiguous-marking", f"{text!r} can mean {len(found)} labels; write the explicit form: {forms}")
    if not failures:
        raise _refused("unknown-policy", "no security policy is known here")
    failure, policy = max(failures, key=lambda f: f[0].far)
    if not failure.far:
        names = ", ".join(p.name for p in policies)
        raise _refused("unknown-policy", f"{text!r} does not begin with a policy's name or marking; known: {names}")
    near = f"; near it: {', '.join(repr(n.upper()) for n in failure.near)}" if failure.near else ""
    raise _refused(
        "unreadable-marking",
        f"{text!r} is no marking of {policy.name}: {failure.rest or 'more'!r} is not expected{near}",
    )


def _explicit(text: str, policies: PolicySet, depth: int) -> Label:
    if depth > _DEPTH:
        raise _refused("succession", f"more than {_DEPTH} successors in a row")
    head, *parts = _split(text, ";")
    policy, level = _head(_unquoted(head), policies)
    categories: list[Category] = []
    mark = ""
    succession: Succession | None = None
    for part in filter(str.strip, parts):
        name, equals, rest = _cut(part, "=")
        if equals and fold(name) == "privacy mark":
            mark = _unquoted(rest)
        elif equals and fold(name).startswith("successor "):
            inner = rest.strip()
            if not (inner.startswith("(") and inner.endswith(")")):
                raise _refused("succession", f"write the successor in parentheses: {part.strip()!r}")
            at = stanag4774.read_time(name.split(maxsplit=1)[1])
            succession = Succession(at, _read(inner[1:-1].strip(), policies, depth + 1))
        else:
            categories.append(_category(part, policy, every=False))
    return policies.resolve(Label(policy.name, level.name, merged(categories), mark, succession, policy.id))


def _write_explicit(label: Label, policies: PolicySet) -> str:
    policy = policies.of(label)
    text = _quoted(f"{policy.name} {label.classification}", ';"()') + ";"
    parts = [_write_category(c, policy) for c in label.categories]
    if label.privacy_mark:
        parts.append(f"privacy mark = {_quoted(label.privacy_mark)}")
    if label.succession is not None:
        inner = write_label(label.succession.label, policies)
        parts.append(f"successor {stanag4774.write_time(label.succession.at)} = ({inner})")
    return text + (" " + "; ".join(parts) if parts else "")


# Clearances


def _clearance(text: str, policies: PolicySet) -> Clearance:
    head, *parts = _split(text, ";")
    head, nation = _cut_nation(head, policies)
    name, equals, rest = _cut(head, "=")
    if equals:
        policy = _policy(_unquoted(name), policies)
        levels = frozenset(_level(_unquoted(w), policy).name for w in _split(rest, ","))
    else:
        policy, top = _head(_unquoted(head), policies)
        levels = _up_to(top, policy)
    categories = [_category(part, policy, every=True) for part in filter(str.strip, parts)]
    if nation:
        categories += _national(nation, policy)
    return Clearance(policy.name, levels, merged(categories), policy.id)


def _up_to(top: Classification, policy: Policy) -> frozenset[str]:
    return frozenset(c.name for c in policy.classifications if c.hierarchy <= top.hierarchy)


def _cut_nation(head: str, policies: PolicySet) -> tuple[str, str]:
    """Split "ALLIANCE SECRET for FIN", unless the whole is a classification's name."""
    at = head.casefold().rfind(" for ")
    if at < 0:
        return head, ""
    try:
        _head(_unquoted(head), policies)
    except Refused:
        return head[:at], head[at + 5 :].strip()
    return head, ""


def _national(text: str, policy: Policy) -> tuple[Category, ...]:
    """What a cleared national holds: a member's the policy's own context, a partner's what is released to them."""
    word, _, rest = text.partition(" ")
    role = word.casefold() if word.casefold() in ("member", "partner") and rest else ""
    said = _unquoted(rest if role else text)
    tag_set = policy.tag_set(RELEASABLE_TO)
    if tag_set is None:
        raise _refused("no-nations", f"{policy.name} has no tag set {RELEASABLE_TO}; name the values one by one")
    nation = _value(said, tag_set, None).value.name
    if not role:
        if not policy.members:
            hint = f"write `for member {nation}` or `for partner {nation}`"
            raise _refused("no-members", f"{policy.name} does not say who its members are: {hint}")
        role = "member" if nation in policy.members else "partner"
    context = policy.name if role == "member" else RELEASABLE
    wanted = [(CONTEXT, context), (RELEASABLE_TO, nation), (ONLY, nation)]
    if role == "member":
        wanted.append((RELEASABLE_TO, policy.name))
    slots = [policy.slot(where, TagType.PERMISSIVE, name) for where, name in wanted]
    return categories_of(s for s in slots if s is not None)


def _write_clearance(clearance: Clearance, policies: PolicySet) -> str:
    policy = policies.of(clearance)
    clearance = policy.resolve_clearance(clearance)
    names = [c.name for c in policy.classifications if c.name in clearance.classifications]
    if not names:
        raise _refused("no-classification", "a clearance without a classification cannot be written")
    tops = [c for c in policy.classifications if _up_to(c, policy) == clearance.classifications]
    if tops:
        head = _quoted(f"{policy.name} {tops[0].name}", ';="()')
    else:
        head = f"{_quoted(policy.name)} = {', '.join(_quoted(n) for n in names)}"
    return "; ".join([head, *(_write_category(c, policy) for c in clearance.categories)])


# Parts that labels and clearances share


def _head(text: str, policies: PolicySet) -> tuple[Policy, Classification]:
    """Policy and classification, by name or words in any language."""
    wanted = fold(text)
    known: list[str] = []
    for policy in policies:
        for name in (policy.name, policy.id, f"urn:oid:{policy.id}"):
            for said, level in _level_words(policy).items():
                if wanted in (f"{fold(name)} {said}", f"{fold(name)}:{said}"):
                    return policy, level
        known += [f"{policy.name} {c.name}" for c in policy.classifications]
    near = get_close_matches(text.strip().upper(), known, n=3, cutoff=0.5)
    hint = f"; near it: {', '.join(near)}" if near else f"; known policies: {', '.join(p.name for p in policies)}"
    raise _refused("unknown-classification", f"{text.strip()!r} is no policy with a classification{hint}")


def _policy(text: str, policies: PolicySet) -> Policy:
    policy = policies.find(text)
    if policy is None:
        names = ", ".join(p.name for p in policies) or "none"
        raise _refused("unknown-policy", f"the policy {text.strip()!r} is not known; known: {names}")
    return policy


def _level(text: str, policy: Policy) -> Classification:
    level = _level_words(policy).get(fold(text))
    if level is None:
        names = ", ".join(c.name for c in policy.classifications)
        raise _refused(
            "unknown-classification", f"{policy.name} has no classification {text.strip()!r}; it has {names}"
        )
    return level


def _level_words(policy: Policy) -> dict[str, Classification]:
    """A policy's classifications by name, alias and words; names go before words."""
    found = {fold(c.name): c for c in policy.classifications}
    for alias, name in policy.aliases:
        found.setdefault(fold(alias), found[fold(name)])
    for level in policy.classifications:
        for lang in marking.languages(policy):
            found.setdefault(fold(marking.class_phrase(level, policy, lang)), level)
    return found


def _category(part: str, policy: Policy, *, every: bool) -> Category:
    name, colon, rest = _cut(part, ":")
    if not colon:
        raise _refused("unreadable-part", f"{part.strip()!r} is not `tag set: value, value`")
    type: TagType | None = None
    words = name.strip()
    if words.endswith(")") and "(" in words and not words.startswith('"'):
        words, _, stated = words[:-1].rpartition("(")
        if stated.strip().upper() not in TagType.__members__:
            raise _refused("unknown-tag-type", f"{stated.strip()!r} is no type; write permissive or restrictive")
        type = TagType[stated.strip().upper()]
    tag_set = policy.tag_set(_unquoted(words))
    if tag_set is None:
        near = ", ".join(s.name for s in policy.tag_sets) or "none"
        raise _refused("unknown-tag-set", f"{policy.name} has no tag set {_unquoted(words)!r}; it has {near}")
    said = [w for w in _split(rest, ",") if w.strip()]
    if not said:
        raise _refused("no-value", f"{tag_set.name}: no value is given")
    found: list[Slot] = []
    for word in said:
        if every and fold(word) == "all":
            found += [s for s in policy.slots() if s.tag_set is tag_set and type in (None, s.tag.kind.type)]
        else:
            found.append(_value(_unquoted(word), tag_set, type, policy))
    types = {s.tag.kind.type for s in found}
    if len(types) > 1:
        kinds = " and ".join(sorted(t.lower() for t in types))
        raise _refused("several-types", f"{tag_set.name} has values of type {kinds}: write `{tag_set.name} (type): …`")
    return Category(tag_set.name, types.pop(), frozenset(s.value.name for s in found))


def _value(text: str, tag_set: TagSet, type: TagType | None, policy: Policy | None = None) -> Slot:
    """A value by its name, else by its words in a marking."""
    slots = [s for s in policy.slots() if s.tag_set is tag_set] if policy else _slots_of(tag_set)
    slots = [s for s in slots if type in (None, s.tag.kind.type)]
    named = [s for s in slots if fold(s.value.name) == fold(text)]
    if not named:
        named = [s for s in slots if any(fold(p.text or "") == fold(text) for p in s.value.marking.phrases)]
    if len(named) == 1:
        return named[0]
    if named:
        kinds = ", ".join(sorted({s.tag.kind.type.lower() for s in named}))
        raise _refused("several-types", f"{tag_set.name}: {text!r} means several values ({kinds}); give the type")
    known = [s.value.name for s in slots] + [p.text for s in slots for p in s.value.marking.phrases if p.text]
    near = get_close_matches(text.strip(), known, n=3, cutoff=0.5) or known[:5]
    raise _refused("unknown-category", f"{tag_set.name} has no value {text.strip()!r}; near it: {', '.join(near)}")


def _slots_of(tag_set: TagSet) -> list[Slot]:
    return [Slot(tag_set, tag, value, 0, 0) for tag in tag_set.tags for value in tag.values]


def _write_category(category: Category, policy: Policy) -> str:
    tag_set = policy.tag_set(category.tag_set)
    name = _quoted(category.tag_set)
    others = [t for t in tag_set.tags if t.kind.type is not category.type] if tag_set else []
    if any(fold(v.name) in {fold(c) for c in category.values} for t in others for v in t.values):
        name += f" ({category.type.lower()})"
    slots = policy.compiled(category).slots
    values = [s.value.name for s in slots] or sorted(category.values)
    return f"{name}: {', '.join(_quoted(v) for v in values)}"


# Text


def _checked(text: str) -> str:
    if len(text) > _MOST:
        raise TooLarge([Fault("too-large", f"a label of {len(text)} characters; at most {_MOST} are read")])
    strange = next((c for c in text if (ord(c) < 32 and c not in "\t\r\n") or 0xD800 <= ord(c) <= 0xDFFF), "")
    if strange:
        raise _refused("control-character", f"the label holds the control character U+{ord(strange):04X}")
    if not text.strip():
        raise _refused("no-label", "the label is empty")
    return " ".join(text.split())


def _split(text: str, mark: str) -> list[str]:
    """Split at a mark that stands outside quotes and parentheses."""
    parts: list[str] = []
    start = depth = at = 0
    quoted = False
    while at < len(text):
        c = text[at]
        if c == '"':
            quoted = not quoted
        elif not quoted and c in "()":
            depth += 1 if c == "(" else -1
        elif not quoted and depth <= 0 and text.startswith(mark, at):
            parts.append(text[start:at])
            at += len(mark)
            start = at
            continue
        at += 1
    if quoted:
        raise _refused("quote", 'a quote " is not closed')
    return [*parts, text[start:]]


def _cut(text: str, mark: str) -> tuple[str, str, str]:
    first, *rest = _split(text, mark)
    return (first, mark, mark.join(rest)) if rest else (first, "", "")


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text.startswith('"') and text.endswith('"'):
        return text[1:-1].replace('""', '"')
    return text


def _quoted(text: str, special: Iterable[str] = _SPECIAL) -> str:
    plain = text == text.strip() and not any(c in text for c in special) and " + " not in text and fold(text) != "all"
    return text if plain else '"' + text.replace('"', '""') + '"'


def _refused(code: str, message: str) -> LabelRefused | PolicyRefused:
    return LabelRefused([Fault(code, message, path="label")])
