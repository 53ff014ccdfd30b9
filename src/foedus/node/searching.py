"""Search and neighbours as a View answers them: the index proposes, the sight decides, the journal shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from foedus.kernel.errors import Fault, Refused
from foedus.kernel.searchtext import SearchText, label_chosen, parse
from foedus.node.answers import Edge, Facet, Found, Neighbours, SearchAnswer, SearchQuery
from foedus.node.projector import Projector
from foedus.storage.query import Readable
from foedus.storage.searching import COUNTED
from foedus.storage.sight import Sight
from foedus.storage.sqlite import Neighbour

if TYPE_CHECKING:
    from foedus.node.node import Node
    from foedus.node.view import View

Rows = np.ndarray[Any, Any]
_DEGREE_CAP = 10_000
_ALL = SearchText()
_FACETS = 12
_HASH = re.compile(r"[0-9a-f]{1,16}")


class Searching:
    """The reading side of links and full text. Each call filters through the view's own sight."""

    def __init__(self, node: Node, projector: Projector) -> None:
        self._node = node
        self._projector = projector

    def search(self, view: View, query: SearchQuery) -> SearchAnswer:
        limit = max(0, min(query.limit, self._node.limits.max_page))
        words = parse(query.text, self._node.limits)
        with self._node.sights.of(view.subject) as sight:
            if words == _ALL:
                total, page, facets = self._everything(sight, query, limit)
            else:
                total, page, facets = self._matching(sight, words, query, limit)
        return SearchAnswer(total, view.rows(page), facets)

    def _everything(self, sight: Sight, query: SearchQuery, limit: int) -> tuple[int, Rows, dict[str, list[Facet]]]:
        """No words: the latest versions, newest released first."""
        rows = sight.current()
        rows = rows[self._narrow(sight, rows, query)]
        stop = max(0, len(rows) - query.offset)
        return len(rows), rows[max(0, stop - limit) : stop][::-1], self._facets(sight, rows)

    def _matching(
        self, sight: Sight, words: SearchText, query: SearchQuery, limit: int
    ) -> tuple[int, Rows, dict[str, list[Facet]]]:
        permitted = self._chosen(sight, words)
        readable = Readable(self._node.table.names("labelset"), permitted, self._bearing, self._bodies)
        keep = self._keep(sight, query)
        with self._projector.reading():
            text = self._projector.text
            if query.order == "newest":
                rows, complete = text.matching(words, readable, keep=keep)  # newest first
                if complete:
                    return len(rows), rows[query.offset : query.offset + limit], self._facets(sight, rows)
            hits = text.search(words, readable, keep=keep, limit=limit, offset=query.offset)
            page = np.array([seq for seq, _ in hits.hits], np.int64)
            if keep is None and hits.total > COUNTED:  # too many to look at one by one: the index counts them
                counted = text.facets(words, readable, columns=("type", "originator"))
                return hits.total, page, {name: _ranked(counts) for name, counts in counted.counts.items()}
            rows, _ = text.matching(words, readable, keep=keep)
        return hits.total, page, self._facets(sight, rows)

    def neighbours(self, view: View, stix_id: str, kinds: frozenset[str] | None, limit: int, cursor: str) -> Neighbours:
        centre = view.get(stix_id)
        if centre.type == "relationship":
            return self._ends(view, centre)
        limit = max(1, min(limit, self._node.limits.max_neighbours))
        hashed = self._node.table.hashing.of_id(stix_id)
        after = _read_cursor(cursor)
        with self._node.sights.of(view.subject) as sight:
            with self._projector.reading():
                links = self._projector.links
                found = links.neighbours(hashed, sight.is_current, kinds=kinds, limit=limit + 1, after=after)
                degree = links.degree(hashed, sight.is_current, cap=_DEGREE_CAP)
            more, found = len(found) > limit, found[:limit]
            others = {link.other for link in found}
            _, rows = self._node.table.rows_of_hashes(np.array(sorted(others), np.uint64))
            ends = np.unique(rows[sight.is_current(rows)]) if len(rows) else rows
        nodes = view.rows(ends)
        vias = view.entries([link.seq for link in found])
        edges = self._edges(centre, found, nodes, vias)
        return Neighbours(stix_id, nodes, edges, more, _cursor(found[-1]) if more and found else "", degree)

    # -- inside

    def _ends(self, view: View, centre: Found) -> Neighbours:
        """A relationship's neighbours are its two ends, as far as they are there for this reader."""
        obj = centre.obj
        source, target = str(obj["source_ref"]), str(obj["target_ref"])
        nodes = view.many([source, target])
        edges = [Edge(source, str(obj["relationship_type"]), target, centre.id)] if len(nodes) == 2 else []
        return Neighbours(centre.id, list(nodes.values()), edges, False, "", len(nodes))

    def _edges(self, centre: Found, found: list[Neighbour], nodes: list[Found], vias: dict[int, Found]) -> list[Edge]:
        """Links whose other end and whose statement (`vias`, by entry) are both there for this reader."""
        names = {self._node.table.hashing.of_id(node.id): node.id for node in nodes}
        out = []
        for link in found:
            other, via = names.get(link.other), vias.get(link.seq)
            if other is None or via is None:
                continue  # not in this reader's sight, or recalled since the index named it
            ends = (centre.id, other) if link.direction == "out" else (other, centre.id)
            out.append(Edge(ends[0], link.kind, ends[1], via.id))
        return list(dict.fromkeys(out))

    def _bearing(self, uuid: str) -> list[int]:
        """Entries of records whose id ends in this UUID, whatever their type."""
        table = self._node.table
        rows = table.rows_of_many(f"{name}--{uuid}" for name in table.names("type") if name)
        return [row for found in rows for row in found]

    def _bodies(self, rows: Rows) -> list[bytes]:
        """Of candidates of one search, whom the sight has let through."""
        table = self._node.table
        return self._node.journal.read(table.column("offset")[rows].tolist(), table.column("length")[rows].tolist())

    def _chosen(self, sight: Sight, words: SearchText) -> Rows:
        """Permitted label sets, narrowed by `label:` to those whose marking says so."""
        permitted: Rows = sight.permitted
        if "label" not in words.filters and "label" not in words.excluded_filters:
            return permitted
        names = self._node.table.names("labelset")
        registry = self._node.registry
        chosen = permitted.copy()
        for code in np.flatnonzero(permitted).tolist():
            markings = [registry.marking(one, lang).text for one in names[code] or () for lang in ("en", "fr")]
            chosen[code] = label_chosen(words, markings)
        return chosen

    def _keep(self, sight: Sight, query: SearchQuery) -> Callable[[Rows], Rows] | None:
        """Which matches count: current ones that pass the facet filters. None: all of them do."""
        narrowed = bool(query.types is not None or query.originator or query.created_by or query.label)
        narrowed = narrowed or any(one is not None for one in (query.since, query.until, query.released_after))
        if not narrowed:
            return sight.is_current if sight.has_versions else None

        def keep(rows: Rows) -> Rows:
            mask: Rows = sight.is_current(rows)
            places = np.flatnonzero(mask)
            mask[places] = self._narrow(sight, rows[places], query)
            return mask

        return keep

    def _narrow(self, sight: Sight, rows: Rows, query: SearchQuery) -> Rows:
        """Facet filters on the label table's columns."""
        table = self._node.table
        mask = np.ones(len(rows), bool)
        if query.types is not None:
            codes = [table.code("type", one) for one in query.types]
            mask &= np.isin(table.column("type")[rows], [code for code in codes if code >= 0])
        if query.originator:
            mask &= table.column("originator")[rows] == _known(table.code("originator", query.originator))
        if query.created_by:
            mask &= table.column("created_by")[rows] == _known(table.code("created_by", query.created_by))
        if query.label:
            sets = [i for i, names in enumerate(table.names("labelset")) if names and query.label in names]
            mask &= np.isin(table.column("labelset")[rows], sets)
        if query.since is not None:
            mask &= table.column("version")[rows] >= query.since
        if query.until is not None:
            mask &= table.column("version")[rows] <= query.until
        if query.released_after is not None:
            mask &= sight.times(rows) > query.released_after
        return mask

    def _facets(self, sight: Sight, rows: Rows) -> dict[str, list[Facet]]:
        facets = {
            "type": _ranked(sight.counts_by("type", rows)),
            "originator": _ranked(sight.counts_by("originator", rows)),
            "created_by": _ranked({k: v for k, v in sight.counts_by("created_by", rows).items() if k}),
        }
        labels: dict[str, int] = {}
        for names, count in sight.counts_by("labelset", rows).items():
            for one in names or ():
                labels[one] = labels.get(one, 0) + count
        facets["label"] = _ranked(labels)
        facets["month"] = self._months(rows)
        return facets

    def _months(self, rows: Rows) -> list[Facet]:
        """Versions by calendar month (UTC), oldest first."""
        versions = self._node.table.column("version")[rows]
        versions = versions[versions > 0]
        if not len(versions):
            return []
        months, counts = np.unique(versions.astype("datetime64[us]").astype("datetime64[M]"), return_counts=True)
        return [Facet(str(month), int(count)) for month, count in zip(months, counts, strict=True)]


def _known(code: int) -> int:
    """A name that no row has ever had matches nothing: -1 would match rows without one."""
    return code if code >= 0 else -2


def _ranked(counts: dict[Any, int]) -> list[Facet]:
    order = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
    return [Facet(str(name), count) for name, count in order[:_FACETS] if name is not None]


def _cursor(link: Neighbour) -> str:
    return f"{link.kind}~{link.other:x}~{link.direction}"


def _read_cursor(text: str) -> Neighbour | None:
    if not text:
        return None
    kind, _, rest = text.partition("~")
    other, _, direction = rest.partition("~")
    if not _HASH.fullmatch(other) or direction not in ("out", "in"):
        raise Refused([Fault("bad-cursor", "this is not a place that the node gave")])
    return Neighbour(int(other, 16), kind, direction, 2**62)
