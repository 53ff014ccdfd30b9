"""What one person keeps at this node: how far they have looked, and the searches they saved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import parse_qsl

from foedus.faces.web import times
from foedus.faces.web.visit import Visit
from foedus.kernel.errors import Refused
from foedus.kernel.searchtext import SearchText, matches, parse
from foedus.node.answers import Found, SearchQuery
from foedus.storage.accounts import Accounts
from foedus.storage.keepsakes import SavedSearch

_SAME_VISIT = 30 * 60 * 1_000_000  # who comes back within half an hour continues the same visit


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved search with how many new records answer it."""

    name: str
    query: str
    notify: bool
    new: int


class Desk:
    """The signed-in person's own things. Values are release times of their own view."""

    def __init__(self, v: Visit) -> None:
        self._v = v
        self._accounts: Accounts = v.request.app.state.node.access.accounts

    @cached_property
    def _account(self) -> int:
        return self._accounts.get(self._v.subject.name).id

    def latest(self) -> int:
        """The release time of what arrived last for this reader."""
        return self._v.view.latest_release()

    def seen(self) -> int:
        """Up to where the person had read when their present visit began; moves by itself at the next visit."""
        marks = self._accounts.marks
        boundary, visit = marks.get(self._account, "home"), marks.get(self._account, "home-visit")
        since = int(boundary.value) if boundary else 0
        now_at = marks.set(self._account, "home-visit", str(self.latest())).at
        if visit is not None and now_at - visit.at > _SAME_VISIT and int(visit.value) > since:
            since = int(visit.value)
            marks.set(self._account, "home", str(since))
        return since

    def see_all(self) -> None:
        """Everything until now is known."""
        self._accounts.marks.set(self._account, "home", str(self.latest()))

    def save(self, name: str, query: str, notify: bool) -> None:
        """Raises Refused where a bound is passed or the search cannot be read."""
        parse(dict(parse_qsl(query)).get("q", ""))
        self._accounts.searches.save(self._account, name.strip(), query, notify=notify, cursor=str(self.latest()))

    def forget(self, name: str) -> None:
        self._accounts.searches.delete(self._account, name)

    def opened(self, name: str) -> str:
        """The query of a saved search, whose hits until now count as seen. Raises NotFound."""
        kept = self._accounts.searches.get(self._account, name)
        self._accounts.searches.advance(self._account, name, str(self.latest()))
        return kept.query

    def searches(self) -> list[SavedSearch]:
        """All saved searches, by name."""
        return self._accounts.searches.of(self._account)

    def saved(self) -> list[Saved]:
        """All saved searches with their new hits."""
        return [self._counted(search) for search in self.searches()]

    def _counted(self, search: SavedSearch) -> Saved:
        """Counted in the index: no record is released by it."""
        try:
            asked = asked_for(search.query)
            hits = self._v.view.search(replace(asked, released_after=int(search.cursor or 0), limit=0)).total
        except Refused:  # saved under an older syntax: it matches nothing, and its page says why
            hits = 0
        return Saved(search.name, search.query, search.notify, hits)


def asked_for(query: str) -> SearchQuery:
    """The search that the address of a search page asks for. Raises Refused where its text cannot be read."""
    values: dict[str, list[str]] = {}
    for key, value in parse_qsl(query):
        values.setdefault(key, []).append(value)
    text = values.get("q", [""])[0]
    parse(text)
    since, until = times.month(values.get("month", [""])[0])
    return SearchQuery(
        text=text,
        types=frozenset(values["type"]) if values.get("type") else None,
        originator=values.get("originator", [""])[0],
        label=values.get("label", [""])[0],
        since=since,
        until=until,
    )


class Matcher:
    """Whether a record that has just arrived answers the query of a search page."""

    def __init__(self, v: Visit, text: SearchText, query: dict[str, list[str]]) -> None:
        self._v, self._text, self._query = v, text, query

    def __call__(self, found: Found) -> bool:
        types, originator = self._query.get("type"), self._query.get("originator")
        label = self._query.get("label")
        if types and found.type not in types:
            return False
        if originator and found.originator != originator[0]:
            return False
        if label and label[0] not in found.labels:
            return False
        since, until = times.month(self._query.get("month", [""])[0])
        if since is not None and until is not None and not since <= found.version <= until:
            return False
        marking = " ".join(m.text for m in self._v.markings(found)) if self._text.filters.get("label") else ""
        return matches(self._text, found.obj, originator=found.originator, marking=marking)


def matcher(v: Visit, query: str) -> Matcher:
    """Raises Refused where the search text cannot be read."""
    values: dict[str, list[str]] = {}
    for key, value in parse_qsl(query):
        values.setdefault(key, []).append(value)
    return Matcher(v, parse(values.get("q", [""])[0]), values)
