"""Text with marks that count outside quotes and parentheses only, as the short form of labels and clearances has it.

split('a; "b; c"; (d; e)', ";")      ['a', ' "b; c"', ' (d; e)']
quoted("a; b")                       '"a; b"'
"""

from __future__ import annotations

from collections.abc import Iterable

from foedus.kernel.errors import Fault, LabelRefused, TooLarge
from foedus.kernel.policymodel import fold

_MOST = 16_384  # characters of one text
_SPECIAL = frozenset(';,:="()')


def checked(text: str) -> str:
    """The text with its white space collapsed. Raises LabelRefused where it is empty or holds control characters,
    TooLarge beyond 16,384 characters."""
    if len(text) > _MOST:
        raise TooLarge([Fault("too-large", f"a label of {len(text)} characters; at most {_MOST} are read")])
    strange = next((c for c in text if (ord(c) < 32 and c not in "\t\r\n") or 0xD800 <= ord(c) <= 0xDFFF), "")
    if strange:
        raise refused("control-character", f"the label holds the control character U+{ord(strange):04X}")
    if not text.strip():
        raise refused("no-label", "the label is empty")
    return " ".join(text.split())


def split(text: str, mark: str) -> list[str]:
    """The parts between the marks that stand outside quotes and parentheses. Raises LabelRefused for an open quote."""
    parts: list[str] = []
    start = depth = at = 0
    inside = False
    while at < len(text):
        c = text[at]
        if c == '"':
            inside = not inside
        elif not inside and c in "()":
            depth += 1 if c == "(" else -1
        elif not inside and depth <= 0 and text.startswith(mark, at):
            parts.append(text[start:at])
            at += len(mark)
            start = at
            continue
        at += 1
    if inside:
        raise refused("quote", 'a quote " is not closed')
    return [*parts, text[start:]]


def cut(text: str, mark: str) -> tuple[str, str, str]:
    """What stands before and behind the first such mark, as `str.partition` gives it."""
    first, *rest = split(text, mark)
    return (first, mark, mark.join(rest)) if rest else (first, "", "")


def unquoted(text: str) -> str:
    """What a word means: what stands in its quotes, where it has them."""
    text = text.strip()
    if len(text) >= 2 and text.startswith('"') and text.endswith('"'):
        return text[1:-1].replace('""', '"')
    return text


def quoted(text: str, special: Iterable[str] = _SPECIAL) -> str:
    """The word that `unquoted` reads back: in quotes where it holds what would count as a mark."""
    plain = text == text.strip() and not any(c in text for c in special) and " + " not in text and fold(text) != "all"
    return text if plain else '"' + text.replace('"', '""') + '"'


def refused(code: str, message: str) -> LabelRefused:
    """A LabelRefused with one fault."""
    return LabelRefused([Fault(code, message, path="label")])
