"""What faults and decisions say on a page: the French of their code with the original words after it.

The kernel speaks English and quotes the values concerned; its codes are stable. `i18n/fr/faults.toml` has a sentence a
code, and what has none is said in English. Faults that the pages find themselves have codes of their own, which stand
in no catalogue: they speak the page's language already.
"""

from __future__ import annotations

from typing import Protocol

from markupsafe import Markup, escape

from foedus.faces.web.language import Words


class Coded(Protocol):
    """A Fault, a Reason or a FoedusError."""

    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...


def said(t: Words, what: Coded) -> Markup:
    """One sentence in the page's language. Where that is not English, the original follows: it names the values."""
    key = f"said.{what.code}"
    if not t.has(key):
        return escape(what.message)
    return Markup('{} <span class="said-as" lang="en">{}</span>').format(t(key), what.message)
