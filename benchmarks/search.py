"""Search on a large node: rare words, common words and phrases, ranked and filtered by the reader's labels.

The words are taken from the load itself by counting: rare ones occur in one object of the original, common ones in as
many as any, phrases are frequent pairs of neighbouring words. Each answer is checked: it must find something, and what
it finds must hold the words. Many different words are asked in turn, so that no cache of whole answers helps.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from benchmarks.http_load import Client, LoadFault, drive, expect, get, once
from benchmarks.plan import Plan
from benchmarks.report import Report, Row, quantile
from benchmarks.servers import Server

WORD = re.compile(r"[a-z]{5,}")
KINDS = 24  # different searches of each kind
DESCRIPTIONS = ("/api/schema/openapi.json", "/api/openapi.json", "/schema/openapi.json", "/openapi.json")


@dataclass(frozen=True, slots=True)
class Searches:
    """What to search for: words, or phrases in quotes."""

    rare: tuple[str, ...]
    common: tuple[str, ...]
    phrase: tuple[str, ...]


def searches(objects: Iterable[bytes]) -> Searches:
    """Rare, common and neighbouring words of the objects' names and descriptions."""
    words: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for raw in objects:
        obj = json.loads(raw)
        text = f"{obj.get('name', '')} . {obj.get('description', '')}".lower()
        found = WORD.findall(text)
        words.update(set(found))
        pairs.update({(a, b) for a, b in itertools.pairwise(found) if f"{a} {b}" in text})
    rare = sorted(word for word, count in words.items() if count == 1 and len(word) > 7)
    return Searches(
        tuple(rare[:: max(1, len(rare) // KINDS)][:KINDS]),
        tuple(word for word, _ in words.most_common(KINDS)),
        tuple(f'"{a} {b}"' for (a, b), _ in pairs.most_common(KINDS)),
    )


def measure(plan: Plan, server: Server, wanted: Searches, records: int, report: Report) -> None:
    """A row for each kind of search: median and 99th percentile."""
    path = search_path(server)
    for kind, texts in (("rare words", wanted.rare), ("common words", wanted.common), ("phrases", wanted.phrase)):
        seconds: list[float] = []
        drive(server.address, [searcher(server, path, texts, plan.requests, seconds)])
        slow = quantile(seconds, 0.99) * 1000
        what = f"search among {records:,} records, {kind}, median (99th percentile {slow:.3g} ms)"
        report.add(Row(what, "ms", quantile(seconds, 0.5) * 1000, target=10.0, sense="at most"))


def searcher(server: Server, path: str, texts: tuple[str, ...], requests: int, seconds: list[float]) -> Client:
    """Asks for these texts in turn on one connection; the first round warms up and is checked."""
    for number, text in enumerate(itertools.islice(itertools.cycle(texts), len(texts) + requests)):
        wanted = get(path + quote(text), server.authorization, "application/json")
        answer = expect((yield wanted), 200)
        if number < len(texts):
            check(text, json.loads(answer.body))
        else:
            seconds.append(answer.seconds)


def check(text: str, answer: Any) -> None:
    """Raises LoadFault unless there are results and each of them holds the words."""
    results = results_in(answer)
    if not results:
        raise LoadFault(f"the search for {text} found nothing")
    words = text.strip('"').split()
    for one in results:
        said = json.dumps(one, ensure_ascii=False).lower()
        if not all(word in said for word in words):
            raise LoadFault(f"the search for {text} found a record without it: {said[:200]}")


def results_in(answer: Any) -> list[Any]:
    """The list of results, under the name that the API gives it."""
    if isinstance(answer, list):
        return answer
    for name in ("results", "objects", "items"):
        if isinstance(answer.get(name), list):
            return list(answer[name])
    raise LoadFault(f"the search answered something else than results: {sorted(answer)}")


def search_path(server: Server) -> str:
    """Where the node's OpenAPI document says that searches go, up to the value of the text's parameter."""
    for place in DESCRIPTIONS:
        answer = once(server.address, get(place, server.authorization, "application/json"))
        if answer.status == 200:
            return path_in(json.loads(answer.body))
    raise LoadFault("the node's OpenAPI document was not found")


def path_in(document: Mapping[str, Any]) -> str:
    """The path of the shortest GET operation that ends in /search, with its text parameter."""
    for path, operations in sorted(document["paths"].items(), key=lambda item: len(item[0])):
        if path.rstrip("/").endswith("/search") and "get" in operations:
            names = [one["name"] for one in parameters(operations)]
            for name in ("q", "text", "query"):
                if name in names:
                    return f"{path}?{name}="
    raise LoadFault("the node's OpenAPI document has no search")


def parameters(operations: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The GET operation's parameters, those of the path included."""
    yield from operations.get("parameters", ())
    yield from operations["get"].get("parameters", ())
