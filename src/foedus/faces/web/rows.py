"""Records as lists show them: one Row each, with the titles of what they refer to looked up in one go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from foedus.domains.intelligence import grading
from foedus.faces.web.snippet import snippet
from foedus.faces.web.titles import own_name, title, wanted
from foedus.kernel.searchtext import SearchText
from foedus.node.answers import Found, Marking

if TYPE_CHECKING:
    from foedus.faces.web.visit import Visit

_MAX_NAMES = 500  # titles looked up for one page


@dataclass(frozen=True, slots=True)
class Row:
    """One record in a list."""

    id: str
    type: str
    title: str
    snippet: Markup
    markings: list[Marking]
    originator: str
    origins: int
    grading: str
    at: int  # of the version; of its release to this reader where the type has no versions
    obj: dict[str, Any]


class Names:
    """Titles of records that a page refers to, where this reader may see them, and their markings."""

    def __init__(self, v: Visit, ids: Iterable[str]) -> None:
        asked = list(dict.fromkeys(ids))[:_MAX_NAMES]
        self._v = v
        self._found = v.view.many(asked) if asked else {}
        self._titles = {i: own_name(f.obj) or title(f.obj) for i, f in self._found.items()}

    def __call__(self, stix_id: str) -> str | None:
        return self._titles.get(stix_id)

    def beyond(self, stix_id: str, labels: Sequence[str]) -> list[Marking]:
        """The markings of a record whose title stands on a page under these labels, where they are others."""
        found = self._found.get(stix_id)
        return [] if found is None or set(found.labels) <= set(labels) else self._v.markings(found)


def names(v: Visit, ids: Iterable[str]) -> Names:
    """Titles of these records, looked up in one go."""
    return Names(v, ids)


def rows(v: Visit, found: Sequence[Found], search: SearchText | None = None) -> list[Row]:
    """Rows in the same order, with snippets around what was searched for."""
    objects = [f.obj for f in found]
    name_of = names(v, wanted(objects))
    text = search or SearchText()
    return [
        Row(
            id=f.id,
            type=f.type,
            title=title(obj, name_of),
            snippet=snippet(obj, text),
            markings=v.markings(f),
            originator=f.originator,
            origins=len(f.origins),
            grading=grading.display(grading.read(obj)),
            at=f.version or f.released,
            obj=obj,
        )
        for f, obj in zip(found, objects, strict=True)
    ]
