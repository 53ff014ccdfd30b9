"""kill -9 of a real server at random instants, under load and while it starts: nothing acknowledged is lost, nothing
half-written appears, and the next start needs no repair.

A seed fixes what the clients send and when the kills are due, not how the machine's clock and theirs interleave: a
failure, which names its seed, is repeated with `FOEDUS_SEED=<seed> pytest tests/breakage/test_kill.py`, several times.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.breakage.serving import LOADED
from tests.breakage.store import Store
from tests.forking import Forks

ROUNDS = 25  # with one store: the check of everything stays cheap
SEEDS = [int(os.environ["FOEDUS_SEED"])] if "FOEDUS_SEED" in os.environ else list(range(1, 9))


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks(*LOADED) as made:
        yield made


def rounds(folder: Path, seed: int, forks: Forks, count: int) -> Counter[str]:
    """So many rounds with a store of their own; what was done."""
    began = time.monotonic()
    store = Store(folder, seed, forks)
    number = 0
    try:
        while number < count:
            number += 1
            store.round()
        done = store.finish()
    except BaseException as error:
        error.add_note(f"seed {seed}, round {number} of {count}\n{store.log()}")
        raise
    finally:
        store.close()
    print(f"seed {seed}: {count} rounds in {time.monotonic() - began:.0f} s:", dict(sorted(done.items())))
    return done


def test_kills(tmp_path: Path, forks: Forks) -> None:
    done = rounds(tmp_path, 100, forks, 6)
    assert done["objects"] and done["searches"], done


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_two_hundred_kills(tmp_path: Path, forks: Forks, seed: int) -> None:
    done = rounds(tmp_path, seed, forks, ROUNDS)
    assert done["kills under load"] == ROUNDS
    for what, least in (("envelopes", 25), ("publications", 1), ("recalls", 1), ("searches", 25), ("pages", 25)):
        assert done[what] >= least, (what, done)
