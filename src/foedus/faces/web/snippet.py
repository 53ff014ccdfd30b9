"""A few words of a record around what was searched for, safe as HTML. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup, escape

from foedus.kernel.searchtext import SearchText, fold, texts

_WORD = re.compile(r"[^\W_]+")
_FIRST = ("description", "content", "abstract", "explanation", "question", "pattern")
_READ = 20_000  # characters of one text that are looked at
_LENGTH = 240


def _hit(word: str, search: SearchText) -> bool:
    plain = fold(word)
    if plain in search.terms or any(plain in phrase for phrase in search.phrases):
        return True
    return any(plain.startswith(p) for p in search.prefixes)


def highlight(text: str, search: SearchText) -> Markup:
    """The text escaped, the words that were searched for in <mark>."""
    out, end = [], 0
    for match in _WORD.finditer(text):
        if _hit(match[0], search):
            out += [escape(text[end : match.start()]), Markup("<mark>"), escape(match[0]), Markup("</mark>")]
            end = match.end()
    out.append(escape(text[end:]))
    return Markup("").join(out)


def _candidates(obj: Mapping[str, Any]) -> Iterator[str]:
    for name in _FIRST:
        if isinstance(obj.get(name), str):
            yield obj[name][:_READ]
    for text in texts({k: v for k, v in obj.items() if k not in _FIRST and k != "name"}):
        yield text[:_READ]


def snippet(obj: Mapping[str, Any], search: SearchText) -> Markup:
    """At most 240 characters around the first hit, or the beginning of the text; "" where there is none."""
    for text in _candidates(obj) if search.has_text else ():
        match = next((m for m in _WORD.finditer(text) if _hit(m[0], search)), None)
        if match:
            return highlight(_window(text, match.start()), search)
    start = next((obj[n] for n in _FIRST if isinstance(obj.get(n), str)), "")
    return highlight(_window(start[:_READ], 0), search)


def _window(text: str, around: int) -> str:
    start = max(0, around - _LENGTH // 3)
    if start:
        start = text.rfind(" ", 0, start + 1) + 1 or start
    end = min(len(text), start + _LENGTH)
    if end < len(text):
        end = text.rfind(" ", start + _LENGTH // 2, end + 1) if " " in text[start + _LENGTH // 2 : end + 1] else end
    part = " ".join(text[start:end].split())
    return f"{'… ' if start else ''}{part}{' …' if end < len(text) else ''}"
