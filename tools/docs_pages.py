"""Hooks of the documentation's build: every page is in the navigation, and no page fetches anything from elsewhere."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

# The theme takes this script from elsewhere, for the search in pages opened as files; ours is iframe-worker 1.0.4.
_SHIM = "https://unpkg.com/iframe-worker/shim"
_ELSEWHERE = re.compile(r"""<(?:script|img|iframe)[^>]+src=["']?https?:|<link[^>]+stylesheet[^>]+href=["']?https?:""")

# The order in which people meet them; a page that is not named here comes after these, by name.
_FIRST = (
    "reading",
    "publishing",
    "import-and-export",
    "bad-input",
    "people",
    "administration",
    "openid-connect",
    "taxii-client",
    "follow-a-feed",
    "reverse-proxy",
    "backup-and-restore",
    "verify",
    "upgrade-and-reindex",
)


def on_config(config: Any) -> Any:
    """Fills the two empty sections."""
    docs = Path(config["docs_dir"])
    for section, folder in (("How to", "how-to"), ("Decisions", "decisions")):
        for entry in config["nav"]:
            if section in entry:
                entry[section] = [f"{folder}/{name}.md" for name in _names(docs / folder)]
    return config


def _names(folder: Path) -> list[str]:
    names = {path.stem for path in folder.glob("*.md")}
    known = [name for name in _FIRST if name in names]
    return known + sorted(names - set(known))


def on_post_build(config: Any) -> None:
    """Raises ValueError where a page still fetches something from elsewhere."""
    site = Path(config["site_dir"])
    for page in site.rglob("*.html"):
        own = os.path.relpath(site / "javascripts" / "iframe-worker.js", page.parent)
        text = page.read_text(encoding="utf-8").replace(_SHIM, own)
        if found := _ELSEWHERE.search(text):
            raise ValueError(f"{page.relative_to(site)} fetches from elsewhere: {found.group()}")
        page.write_text(text, encoding="utf-8")
