"""The two catalogues say the same keys, and every key that a page or handler names is there."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import foedus.faces.web
from foedus.faces.web.language import LANGUAGES, accepted, catalogue, choose, words

WEB = Path(foedus.faces.web.__file__).parent
_USED = re.compile(r"""\bt(?:\.count)?\(\s*["']([a-z0-9_.\-]+)["']\s*[,)]""")
_COUNTED = re.compile(r"""\bt\.count\(\s*["']([a-z0-9_.\-]+)["']""")
_STARTED = re.compile(r"""\bt\(\s*f?["']([a-z0-9_.\-]+\.)(?:["']\s*~|\{)""")


def _sources() -> str:
    return "\n".join(p.read_text("utf-8") for p in WEB.rglob("*") if p.suffix in {".html", ".py"})


def test_both_languages_have_the_same_keys() -> None:
    said = {key for key in catalogue("fr") if key.startswith("said.")}  # in English the kernel speaks for itself
    assert said and set(catalogue("en")) == set(catalogue("fr")) - said


@pytest.mark.parametrize("key", sorted(catalogue("en")))
def test_both_languages_fill_in_the_same_values(key: str) -> None:
    def names(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text)} - {None}

    assert names(catalogue("en")[key]) == names(catalogue("fr")[key])


def test_every_key_that_is_used_exists() -> None:
    source, known = _sources(), catalogue("en")
    counted = set(_COUNTED.findall(source))
    plain = set(_USED.findall(source)) - counted
    missing = {k for k in plain if k not in known}
    missing |= {f"{k}.{form}" for k in counted for form in ("one", "other") if f"{k}.{form}" not in known}
    missing |= {p for p in _STARTED.findall(source) if not any(k.startswith(p) for k in known)}
    assert not missing


@pytest.mark.parametrize(
    ("header", "language"),
    [("fr-FR,fr;q=0.9,en;q=0.8", "fr"), ("de,en;q=0.5", "en"), ("de", ""), ("", ""), ("fr;q=x,en;q=0.1", "en")],
)
def test_accept_language_is_read_by_quality(header: str, language: str) -> None:
    assert accepted(header) == language


def test_the_first_known_choice_wins() -> None:
    assert choose("xx", None, "fr", "en") == "fr"
    assert choose(None, "") == "en"


def test_numbers_and_plurals_follow_the_language() -> None:
    assert words("en").number(12000) == "12,000"
    assert words("fr").number(12000) == "12\u202f000"
    assert set(LANGUAGES) == {"en", "fr"}
