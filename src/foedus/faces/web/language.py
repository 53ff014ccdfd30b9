"""The words of the pages: one folder of TOML files a language, and the choice of the language for one request.

`i18n/en/reading.toml` with `[search] title = "Search"` gives the key `search.title`. Every file of a folder is merged,
so each group of pages keeps its own file. A key with a count has two forms, `….one` and `….other`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("en", "fr")
NAMES = {"en": "English", "fr": "Français"}
DEFAULT = "en"


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


@cache
def catalogue(lang: str) -> Mapping[str, str]:
    """Every key of one language. Raises ValueError where two files give one key."""
    out: dict[str, str] = {}
    folder = files("foedus.faces.web").joinpath("i18n", lang)
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".toml"):
            continue
        for key, words in _flat(tomllib.loads(file.read_text("utf-8"))):
            if key in out:
                raise ValueError(f"{lang}: {key} stands in two files")
            out[key] = words
    return out


class Words:
    """Says keys in one language: `t("search.title")`, `t.count("search.results", 3)`, `t.number(12000)`.

    A key that is missing is said in English; one that is missing there too raises KeyError (the tests find it).
    """

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self._words = catalogue(lang)

    def __call__(self, key: str, **values: object) -> str:
        text = self._words.get(key)
        if text is None:
            text = catalogue(DEFAULT)[key]
        return text.format(**values) if values else text

    def has(self, key: str) -> bool:
        return key in self._words or key in catalogue(DEFAULT)

    def maybe(self, key: str, otherwise: str) -> str:
        """The words where the key is known: names of types and properties that a standard may add to."""
        return self(key) if self.has(key) else otherwise

    def count(self, key: str, n: int, **values: object) -> str:
        """The singular or plural form with `{n}` filled in. French counts zero as singular."""
        single = n == 1 or (self.lang == "fr" and n == 0)
        return self(f"{key}.{'one' if single else 'other'}", n=self.number(n), **values)

    def number(self, n: int) -> str:
        """Grouped by thousands as the language does: 12,000 and 12 000 (narrow no-break space)."""
        grouped = f"{n:,}"
        return grouped.replace(",", "\u202f") if self.lang == "fr" else grouped


@cache
def words(lang: str) -> Words:
    return Words(lang if lang in LANGUAGES else DEFAULT)


def accepted(header: str) -> str:
    """The best of our languages for an Accept-Language header (RFC 9110, 12.5.4); "" where it names none of them."""
    best, best_q = "", 0.0
    for part in header[:512].split(","):
        tag, _, parameters = part.strip().partition(";")
        lang = tag.strip().lower().split("-")[0]
        try:
            q = float(parameters.strip().removeprefix("q=")) if parameters else 1.0
        except ValueError:
            continue
        if lang in LANGUAGES and q > best_q:
            best, best_q = lang, q
    return best


def choose(*candidates: str | None) -> str:
    """The first candidate that is one of our languages: asked for, then the cookie, the account, the browser."""
    return next((c for c in candidates if c in LANGUAGES), DEFAULT)
