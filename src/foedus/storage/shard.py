"""One tantivy index over a run of entries, and how a record becomes a document of it.

Text is split into the words of `kernel.searchtext`: letters and digits, without case and diacritics. ASCII text is
split by tantivy itself, which gives the same words; other text is folded first. Nothing is stored, only indexed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from tantivy import (
    DocAddress,
    Document,
    Filter,
    Index,
    IndexWriter,
    Query,
    Schema,
    SchemaBuilder,
    TextAnalyzer,
    TextAnalyzerBuilder,
    Tokenizer,
)

from foedus.kernel.ports import Item
from foedus.kernel.searchtext import encoded_words, texts
from foedus.storage.hashing import Hashing
from foedus.storage.query import label_hash

MAX_TEXTS = 20_000  # strings of one record that are indexed
MAX_CHARACTERS = 400_000  # and their characters in all

# Between the texts of a record, so that no phrase reaches from one into the next: a word of the index that no text and
# no search has, because folding makes an "a" of it. One value costs a third less than one for every text.
_BREAK = " \u00aa "

_decode = msgspec.json.Decoder().decode


def schema() -> Schema:
    """The fields. `length` counts blanks, which tell the number of words well enough.

    Ids are looked up in the label table: each would be a term of its own, and cost as much as a third of the text.
    """
    builder = SchemaBuilder()
    builder.add_unsigned_field("seq", fast=True, indexed=True)
    builder.add_unsigned_field("labelset", fast=True, indexed=True)
    builder.add_unsigned_field("length", fast=True)
    builder.add_integer_field("version", fast=True)
    builder.add_text_field("type", fast=True, tokenizer_name="folded", index_option="basic")
    builder.add_text_field("originator", fast=True, tokenizer_name="folded", index_option="basic")
    builder.add_text_field("name", tokenizer_name="words", index_option="position")
    builder.add_text_field("body", tokenizer_name="words", index_option="position")
    return builder.build()


class _Deletes(msgspec.Struct):
    opstamp: int


class _Segment(msgspec.Struct):
    segment_id: str
    deletes: _Deletes | None = None


class _Meta(msgspec.Struct):
    """What is needed of tantivy's meta.json."""

    segments: list[_Segment]


class Shard:
    """An index in a folder, for reading, and for writing once `writer` is called. Entries come in order.

    Raises FileNotFoundError where it `must_exist` and does not: an empty one in its place would answer wrongly.
    """

    def __init__(self, folder: Path, *, must_exist: bool = False) -> None:
        self.folder = folder
        held = folder.is_dir() and Index.exists(str(folder))
        if must_exist and not held:
            raise FileNotFoundError(f"{folder.name} of the full text is missing")
        self._index = Index.open(str(folder)) if held else _create(folder)
        self._index.register_tokenizer("words", _words())
        self._index.register_tokenizer("folded", _folded())
        # The column of the same field keeps the name as it is: facets show it.
        self._index.register_fast_field_tokenizer("folded", TextAnalyzerBuilder(Tokenizer.raw()).build())
        self._index.config_reader("manual")
        self._writer: IndexWriter | None = None
        self.reload()

    def reload(self) -> None:
        """See what was committed since."""
        self._index.reload()
        self.searcher = self._index.searcher()

    @property
    def last(self) -> int:
        """The highest entry that is committed, -1 where there is none."""
        hits = self.searcher.search(Query.all_query(), limit=1, count=False, order_by_field="seq").hits
        return int(hits[0][0]) if hits else -1

    def newest(self, query: Query, limit: int) -> tuple[int, list[tuple[int, DocAddress]]]:
        """How many documents match, and the newest of them: (entry, address), newest first."""
        result = self.searcher.search(query, limit=max(1, limit), count=True, order_by_field="seq")
        return int(result.count), result.hits[:limit]  # type: ignore[attr-defined]

    def facets(self, query: Query, columns: Sequence[str]) -> dict[str, dict[str, int]]:
        """How many matching documents have each value of a column, at most 1,000 values each."""
        asked = {column: {"terms": {"field": column, "size": 1_000}} for column in columns}
        answer = self.searcher.aggregate(query, asked)
        return {c: {str(b["key"]): int(b["doc_count"]) for b in answer[c]["buckets"]} for c in columns}

    def holders(self, field: str, word: str) -> int:
        """How many documents hold the word in this field, readable or not: to choose a way, never to rank."""
        return int(self.searcher.doc_freq(field, word))

    def labelsets(self, places: list[DocAddress]) -> NDArray[np.uint64]:
        """The number of each document's label set."""
        return np.array(self.searcher.fast_field_values("labelset", places), np.uint64)

    def lengths(self, places: list[DocAddress]) -> NDArray[np.int64]:
        """Words of each document, roughly."""
        return np.array(self.searcher.fast_field_values("length", places), np.int64)

    def holds(self, seq: int) -> bool:
        """Whether this entry is in the index, deleted or not: a deleted one's words are in the files still."""
        return int(self.searcher.doc_freq("seq", seq)) > 0

    def add(self, item: Item, hashing: Hashing, heap: int) -> None:
        """Add one record; it can be found after `commit`."""
        self._writing(heap).add_document(document(item, hashing))

    def commit(self) -> None:
        """Make what was added durable and visible."""
        if self._writer is not None:
            self._writer.commit()
        self.reload()

    def remove(self, seqs: list[int], heap: int) -> None:
        """Let nobody find these entries from now on. Their words stay in the files until the shard is rebuilt."""
        # By query: a term made from a Python int is a signed one, and would silently match nothing.
        self._writing(heap).delete_documents_by_query(Query.term_set_query(schema(), "seq", seqs))
        self.commit()

    def close(self) -> None:
        """Finish merging and give the writer's memory back; uncommitted documents are lost."""
        if self._writer is not None:
            self._writer.wait_merging_threads()
            self._writer = None
            self.reload()

    def _writing(self, heap: int) -> IndexWriter:
        if self._writer is None:
            self._clear_remains()
            # One thread: documents are committed in the order in which they came, so a crash leaves a prefix.
            self._writer = self._index.writer(heap, 1)
        return self._writer

    def _clear_remains(self) -> None:
        """Remove lists of deleted documents that no segment names: a commit that was cut off left them, and the next
        one would give its own the same name and find it taken."""
        meta = msgspec.json.decode((self.folder / "meta.json").read_bytes(), type=_Meta)
        named = {f"{one.segment_id.replace('-', '')}.{one.deletes.opstamp}.del" for one in meta.segments if one.deletes}
        for path in self.folder.glob("*.del"):
            if path.name not in named:
                path.unlink(missing_ok=True)


def document(item: Item, hashing: Hashing) -> Document:
    """The document of a record (an item with a head)."""
    head = item.head
    assert head is not None
    doc = Document()
    doc.add_unsigned("seq", item.seq)
    doc.add_unsigned("labelset", label_hash(hashing, head.labels))
    doc.add_text("type", head.type)
    doc.add_text("originator", head.originator)
    if head.version:
        doc.add_integer("version", head.version)
    record = item.record if item.record is not None else _decode(item.body)
    name = record.get("name")
    if isinstance(name, str):
        doc.add_text("name", _indexable(name[:MAX_CHARACTERS]))
    found = indexed_texts(record)
    body = _BREAK.join(found if all(map(str.isascii, found)) else map(_indexable, found))
    doc.add_text("body", body)
    doc.add_unsigned("length", body.count(" ") + 1)
    return doc


def indexed_texts(record: Any) -> list[str]:
    """The texts of a record that can be found: the first ones, and of them the first characters."""
    values = texts(record)
    if len(values) <= MAX_TEXTS and sum(map(len, values)) <= MAX_CHARACTERS:
        return values
    out, room = [], MAX_CHARACTERS
    for text in values[:MAX_TEXTS]:
        out.append(text[:room])
        room -= len(text)
        if room <= 0:
            break
    return out


def _indexable(text: str) -> str:
    """tantivy splits ASCII text as `encoded_words` does; other text is folded here."""
    return text if text.isascii() else b" ".join(encoded_words(text)).decode()


def _create(folder: Path) -> Index:
    folder.mkdir(parents=True, exist_ok=True)
    return Index(schema(), path=str(folder))


def _words() -> TextAnalyzer:
    return TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.lowercase()).build()


def _folded() -> TextAnalyzer:
    return TextAnalyzerBuilder(Tokenizer.raw()).filter(Filter.lowercase()).filter(Filter.ascii_fold()).build()
