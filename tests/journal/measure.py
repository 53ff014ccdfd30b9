"""Measure the journal: python tests/journal/measure.py [entries] [folder]. The figures in docs/journal-format.md."""

from __future__ import annotations

import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from foedus.kernel.checkpoint import Signer
from foedus.kernel.ports import Kind, NewEntry
from foedus.storage.segments import SegmentJournal

SIGNER = Signer("measure", bytes(32))


class SystemClock:
    def now(self) -> int:
        return time.time_ns() // 1_000


class SystemRandom:
    def bytes(self, count: int) -> bytes:
        return os.urandom(count)


def timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def spread(action: Callable[[], object], times: int = 101) -> str:
    found = sorted(timed(action) for _ in range(times))
    least, middle, most = (1e3 * found[n] for n in (0, times // 2, times * 95 // 100))
    return f"median {middle:.3f} ms, least {least:.3f}, 95 % {most:.3f}"


def reopened(folder: Path) -> SegmentJournal:
    return SegmentJournal.open(folder, signer=SIGNER, clock=SystemClock(), random=SystemRandom())


def main(count: int, base: Path) -> None:
    folder = base / "journal"
    journal = SegmentJournal.create(folder, "measure", SIGNER, SystemClock(), SystemRandom())
    batch = [NewEntry(Kind.RECORD, b"e" * 120, os.urandom(1_400)) for _ in range(1_000)]
    offsets: list[int] = []
    cpu = time.process_time()
    batches = sorted(timed(lambda: offsets.extend(journal.append(batch).offsets)) for _ in range(count // 1_000))
    cpu = time.process_time() - cpu
    print(f"append, batches of 1,000: {count / sum(batches):,.0f}/s; median {1e3 / batches[len(batches) // 2]:,.0f}/s")
    print(f"  processor time alone: {count / cpu:,.0f}/s")
    print(f"append, single: {1_000 / timed(lambda: [journal.append(batch[:1]) for _ in range(1_000)]):,.0f}/s")
    middle = count // 2
    near, lengths = offsets[middle : middle + 1_000], [1_400] * 1_000
    far = random.sample(offsets, 1_000)
    print("read 1,000 neighbours:", spread(lambda: journal.read(near, lengths)))
    print("read 1,000 scattered:", spread(lambda: journal.read(far, lengths)))
    print("inclusion proof:", spread(lambda: journal.inclusion(random.randrange(journal.size))))
    print("consistency proof:", spread(lambda: journal.consistency(random.randrange(1, journal.size))))
    print("one entry:", spread(lambda: journal.entry(random.randrange(journal.size))))
    assert journal._lock
    journal._lock.release()  # as a kill would
    journal._lock = None
    print(
        f"open after a kill, {journal._tree.pending} entries to read: {timed(lambda: reopened(folder).close()):.3f} s"
    )
    print(f"open after closing: {timed(lambda: reopened(folder).close()):.4f} s")
    journal = reopened(folder)
    print(f"scan: {journal.size / timed(lambda: [None for _ in journal.scan()]):,.0f}/s")
    verification = journal.verify()
    print(f"verify: {verification.entries / verification.seconds:,.0f}/s, {len(verification.damage)} damaged")
    print(f"memory at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
    print(f"copy: {timed(lambda: journal.copy_to(base / 'copy')):.1f} s")
    journal.close()
    shutil.rmtree(folder / "tree")
    print(f"rebuild the tree: {timed(lambda: reopened(folder).close()):.1f} s")
    print(f"memory at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as temporary:
        main(entries, Path(temporary))
