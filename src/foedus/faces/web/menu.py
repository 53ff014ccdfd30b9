"""The navigation: one tuple of entries, and the menu pages that domains declare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from foedus.kernel.domain import say

if TYPE_CHECKING:
    from foedus.faces.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Entry:
    """`key` names the words `menu.<key>`; `verb` empty: everyone. `title` overrides the words (domain pages)."""

    key: str
    path: str
    icon: str
    verb: str = ""  # of node.roles.VERBS
    title: str = ""
    group: str = "read"


ENTRIES = (
    Entry("home", "/", "home"),
    Entry("search", "/search", "search"),
    Entry("timeline", "/timeline", "timeline"),
    Entry("graph", "/graph", "graph"),
    Entry("requests", "/requests", "request"),
    Entry("searches", "/searches", "bell"),
    Entry("publish", "/publish", "publish", verb="publish", group="publish"),
    Entry("import", "/import", "import", verb="import", group="publish"),
    Entry("duplicates", "/duplicates", "copy", verb="work", group="publish"),
    Entry("audit", "/audit", "audit", verb="releases", group="office"),
    Entry("admin", "/admin", "admin", verb="verify", group="office"),
    Entry("account", "/account", "person", group="office"),
)


def entries(v: Visit) -> list[Entry]:
    """What this person's menu shows, the domains' pages after ours."""
    shown = [e for e in ENTRIES if not e.verb or v.may(e.verb)]
    for domain in v.verbs.domains():
        shown += [
            Entry(f"d-{domain.name}", f"/d/{domain.name}/{page.path.strip('/')}", "page", "", say(page.title, v.lang))
            for page in domain.pages
            if page.menu
        ]
    return shown
