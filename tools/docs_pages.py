"""A hook of the documentation's build: every page in docs/how-to and docs/decisions is in the navigation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
