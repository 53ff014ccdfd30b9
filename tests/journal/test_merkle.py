"""The tree against the recursive definitions of RFC 9162, section 2.1."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foedus.kernel.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_path,
    fold,
    hash_leaf,
    hash_node,
    inclusion_path,
    root_at,
    verify_consistency,
    verify_inclusion,
)

MOST = 200
LEAVES = [hash_leaf(str(n).encode()) for n in range(MOST)]


def split(count: int) -> int:
    k = 1
    while k * 2 < count:
        k *= 2
    return k


@cache
def naive_root(begin: int, end: int) -> bytes:
    """MTH of the RFC over LEAVES[begin:end]."""
    if begin == end:
        return EMPTY_ROOT
    if end - begin == 1:
        return LEAVES[begin]
    k = split(end - begin)
    return hash_node(naive_root(begin, begin + k), naive_root(begin + k, end))


def naive_path(m: int, begin: int, end: int) -> list[bytes]:
    """PATH of the RFC."""
    if end - begin == 1:
        return []
    k = split(end - begin)
    if m < k:
        return [*naive_path(m, begin, begin + k), naive_root(begin + k, end)]
    return [*naive_path(m - k, begin + k, end), naive_root(begin, begin + k)]


def naive_subproof(m: int, begin: int, end: int, whole: bool) -> list[bytes]:
    """SUBPROOF of the RFC."""
    if m == end - begin:
        return [] if whole else [naive_root(begin, end)]
    k = split(end - begin)
    if m <= k:
        return [*naive_subproof(m, begin, begin + k, whole), naive_root(begin + k, end)]
    return [*naive_subproof(m - k, begin + k, end, False), naive_root(begin, begin + k)]


def node(level: int, index: int) -> bytes:
    return fold(LEAVES[index << level : (index + 1) << level])


sizes = st.integers(0, MOST)


def test_known_values() -> None:
    # The empty tree and the leaf of the empty string, as certificate transparency's test vectors have them.
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert hash_leaf(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@given(st.lists(st.integers(0, 40), max_size=8))
def test_a_frontier_grown_in_any_steps_has_the_naive_root(steps: list[int]) -> None:
    frontier, completed = Frontier(), {}
    for step in steps:
        step = min(step, MOST - frontier.size)
        for level, nodes in enumerate(frontier.extend(LEAVES[frontier.size : frontier.size + step])):
            first = (frontier.size >> level) - len(nodes)
            completed |= {(level, first + i): hashed for i, hashed in enumerate(nodes)}
        assert frontier.root() == naive_root(0, frontier.size)
    assert completed == {
        (level, i): node(level, i) for level in range(9) for i in range(frontier.size >> level) if frontier.size
    }


@given(sizes)
def test_a_stored_tree_gives_its_frontier_back(size: int) -> None:
    assert root_at(node, size) == naive_root(0, size)
    frontier = Frontier.of(size, node)
    frontier.extend(LEAVES[size:])
    assert frontier.root() == naive_root(0, MOST)


def test_a_frontier_refuses_peaks_of_another_size() -> None:
    with pytest.raises(ValueError):
        Frontier(2, [(0, LEAVES[0])])


@given(st.data(), st.integers(1, MOST))
def test_inclusion(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    path, root = inclusion_path(node, index, size), naive_root(0, size)
    assert path == naive_path(index, 0, size)
    assert verify_inclusion(LEAVES[index], index, size, path, root)
    other = data.draw(st.integers(0, MOST - 1))
    if other != index:
        assert not verify_inclusion(LEAVES[other], index, size, path, root)
        assert not verify_inclusion(LEAVES[index], other, size, path, root)
    assert not verify_inclusion(LEAVES[index], index, size, [*path, root], root)
    assert not path or not verify_inclusion(LEAVES[index], index, size, path[:-1], root)
    assert not verify_inclusion(LEAVES[index], size, size, path, root)


@given(st.data(), sizes)
def test_consistency(data: st.DataObject, new: int) -> None:
    old = data.draw(st.integers(0, new))
    path = consistency_path(node, old, new)
    old_root, new_root = naive_root(0, old), naive_root(0, new)
    assert path == ([] if old in (0, new) else naive_subproof(old, 0, new, True))
    assert verify_consistency(old, new, old_root, new_root, path)
    if 0 < old < new:
        assert not verify_consistency(old, new, new_root, new_root, path)
        assert not verify_consistency(old, new, old_root, old_root, path)
        assert not verify_consistency(old, new, old_root, new_root, path[:-1])
        assert not verify_consistency(old, new, old_root, new_root, [*path, new_root])
        for i in range(len(path)):
            bent = [*path[:i], hash_leaf(path[i]), *path[i + 1 :]]
            assert not verify_consistency(old, new, old_root, new_root, bent)
    assert not verify_consistency(new + 1, new, new_root, new_root, path)


@pytest.mark.parametrize(("index", "size"), [(3, 3), (-1, 3), (0, 0)])
def test_no_inclusion_outside_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError):
        inclusion_path(node, index, size)


def test_no_consistency_with_a_longer_tree() -> None:
    with pytest.raises(ValueError):
        consistency_path(node, 4, 3)
