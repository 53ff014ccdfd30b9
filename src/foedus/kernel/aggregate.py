"""What a thing made of several labelled things is labelled with: the set of their labels.

The published rules for one dominant label leak: joining "RESTRICTED, Only CAN, DEU, USA" with "RESTRICTED" drops Only.
So an aggregate keeps every label of its sources, and every one of them must permit (`policy.decide`).

Example: `aggregate([a.labels, b.labels])`; `at_least(sources, wanted)` before publishing what derives from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from foedus.kernel.label import Category, Label, Succession

LabelSet = tuple[Label, ...]


def aggregate(sources: Iterable[Iterable[Label]]) -> LabelSet:
    """The union of the sources' label sets: each label once, in a stable order. Labels are resolved ones."""
    return tuple(sorted({label for source in sources for label in source}, key=sort_key))


def missing(sources: Iterable[Iterable[Label]], wanted: Iterable[Label]) -> LabelSet:
    """The sources' labels that `wanted` does not keep."""
    kept = set(wanted)
    return tuple(label for label in aggregate(sources) if label not in kept)


def at_least(sources: Iterable[Iterable[Label]], wanted: Sequence[Label]) -> bool:
    """Whether `wanted` keeps every label of every source, and so is at least as restricted as each of them.

    A source without any label denies everybody; no label set can keep that, so the answer is False.
    """
    listed = [tuple(source) for source in sources]
    return bool(wanted) and all(listed) and not missing(listed, wanted)


def sort_key(label: Label) -> tuple[object, ...]:
    """An order over labels that depends on their content alone."""
    return (label.policy, label.policy_id, label.classification, [_category(c) for c in label.categories],
            label.privacy_mark, _succession(label.succession))  # fmt: skip


def _category(category: Category) -> tuple[str, str, list[str]]:
    return category.tag_set, category.type.value, sorted(category.values)


def _succession(succession: Succession | None) -> tuple[object, ...]:
    return () if succession is None else (succession.at, sort_key(succession.label))
