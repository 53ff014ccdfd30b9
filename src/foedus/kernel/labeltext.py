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

from foedus.kernel import marking, stanag4774
from foedus.kernel.errors import LabelRefused, Refused
from foedus.kernel.label import MAX_SUCCESSORS, Category, Label, Succession, merged
from foedus.kernel.markingtext import read_marking
from foedus.kernel.policymodel import fold
from foedus.kernel.policyset import PolicySet
from foedus.kernel.quoting import checked, cut, quoted, refused, split, unquoted
from foedus.kernel.textparts import read_category, read_head, write_category


def read_label(text: str, policies: PolicySet, *, valid: bool = True) -> Label:
    """The label that a text means, resolved. Raises LabelRefused where it cannot be read, could mean two labels, or
    (with `valid`) breaks a rule of its policy; the faults say what to write instead."""
    label = _read(checked(text), policies, 0)
    faults = policies.of(label).faults(label, new=False) if valid else []
    if faults:
        raise LabelRefused(faults)
    return label


def read_labels(text: str, policies: PolicySet, *, valid: bool = True) -> tuple[Label, ...]:
    """A label set: labels joined by ` + `, each read as `read_label` does."""
    return tuple(read_label(part, policies, valid=valid) for part in split(checked(text), " + "))


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


def _read(text: str, policies: PolicySet, depth: int) -> Label:
    return _explicit(text, policies, depth) if len(split(text, ";")) > 1 else _marking(text, policies)


def _marking(text: str, policies: PolicySet) -> Label:
    candidates: list[Label] = []
    failures = []
    for policy in policies:
        labels, failure = read_marking(text, policy)
        if failure.unfinished:
            raise refused("ambiguous-marking", f"{text!r} can be read in too many ways; write the explicit form")
        candidates += labels
        failures.append((failure, policy))
    sound = [c for c in candidates if not policies.of(c).faults(c, new=False)]
    found = sound or candidates
    if len(found) == 1:
        return found[0]
    if found:
        forms = " | ".join(_write_explicit(c, policies) for c in found[:3])
        raise refused("ambiguous-marking", f"{text!r} can mean {len(found)} labels; write the explicit form: {forms}")
    if not failures:
        raise refused("unknown-policy", "no security policy is known here")
    failure, policy = max(failures, key=lambda f: f[0].far)
    if not failure.far:
        names = ", ".join(p.name for p in policies)
        raise refused("unknown-policy", f"{text!r} does not begin with a policy's name or marking; known: {names}")
    near = f"; near it: {', '.join(repr(n.upper()) for n in failure.near)}" if failure.near else ""
    raise refused(
        "unreadable-marking",
        f"{text!r} is no marking of {policy.name}: {failure.rest or 'more'!r} is not expected{near}",
    )


def _explicit(text: str, policies: PolicySet, depth: int) -> Label:
    if depth > MAX_SUCCESSORS:
        raise refused("succession", f"more than {MAX_SUCCESSORS} successors in a row")
    head, *parts = split(text, ";")
    policy, level = read_head(unquoted(head), policies)
    categories: list[Category] = []
    mark = ""
    succession: Succession | None = None
    for part in filter(str.strip, parts):
        name, equals, rest = cut(part, "=")
        if equals and fold(name) == "privacy mark":
            mark = unquoted(rest)
        elif equals and fold(name).startswith("successor "):
            inner = rest.strip()
            if not (inner.startswith("(") and inner.endswith(")")):
                raise refused("succession", f"write the successor in parentheses: {part.strip()!r}")
            at = stanag4774.read_time(name.split(maxsplit=1)[1])
            succession = Succession(at, _read(inner[1:-1].strip(), policies, depth + 1))
        else:
            categories.append(read_category(part, policy, every=False))
    return policies.resolve(Label(policy.name, level.name, merged(categories), mark, succession, policy.id))


def _write_explicit(label: Label, policies: PolicySet) -> str:
    policy = policies.of(label)
    text = quoted(f"{policy.name} {label.classification}", ';"()') + ";"
    parts = [write_category(c, policy) for c in label.categories]
    if label.privacy_mark:
        parts.append(f"privacy mark = {quoted(label.privacy_mark)}")
    if label.succession is not None:
        inner = write_label(label.succession.label, policies)
        if any(c in inner for c in '"()'):
            inner = _write_explicit(policies.resolve(label.succession.label), policies)
        parts.append(f"successor {stanag4774.write_time(label.succession.at)} = ({inner})")
    return text + (" " + "; ".join(parts) if parts else "")
