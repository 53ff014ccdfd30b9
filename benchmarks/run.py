"""`make bench`: Foedus beside its peers, in one run, printing ratios.

    python benchmarks/run.py                      quick: a few minutes, 100,000 objects
    python benchmarks/run.py --full               a million objects, on a quiet machine
    python benchmarks/run.py --only ingest decisions
    python benchmarks/run.py --without peers      ours alone (or `--without foedus`: the peers alone)

The exit code is 0 also where a target is missed; it is 1 where an answer was wrong or a server broke.
Needs the real data beside the project (../shared/data) and, for the peers, a package index or uv's cache.
"""

from __future__ import annotations

import argparse
import dataclasses
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import bignode, decisions, ingest, pageout
from benchmarks.environment import BENCH, PeersMissing, peers_python
from benchmarks.http_load import LoadFault
from benchmarks.load import Load, LoadMissing
from benchmarks.plan import FULL, QUICK, Plan
from benchmarks.report import Report

Benchmark = Callable[[Plan, Load, Report], None]
BENCHMARKS: dict[str, Benchmark] = {
    "ingest": ingest.run,
    "pageout": pageout.run,
    "decisions": decisions.run,
    "bignode": bignode.run,
}


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="a million objects; the default is a quick run")
    parser.add_argument("--quick", action="store_true", help="the default")
    parser.add_argument("--only", nargs="+", choices=sorted(BENCHMARKS), default=list(BENCHMARKS), metavar="NAME")
    parser.add_argument("--without", choices=("peers", "foedus"), help="leave one side out")
    return parser.parse_args(argv)


def planned(options: argparse.Namespace, report: Report) -> Plan:
    """The plan, with the peers where they can be had."""
    plan = dataclasses.replace(FULL if options.full else QUICK, foedus=options.without != "foedus")
    if options.without == "peers":
        return plan
    try:
        return dataclasses.replace(plan, peers=peers_python())
    except PeersMissing as error:
        report.skipped.append(f"the peers: {error}")
        return plan


def main(argv: list[str] | None = None) -> int:
    options = arguments(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped on the way out
    report = Report("full" if options.full else "quick")
    plan = planned(options, report)
    try:
        load = Load.attack()
    except LoadMissing as error:
        print(f"nothing was measured: {error}")
        return 0
    try:
        for name in options.only:
            measure(name, plan, load, report)
    finally:  # also of a run that is cut off
        report.print()
        print(report.write(BENCH / "results").relative_to(BENCH.parent))
    return 1 if report.broken else 0


def measure(name: str, plan: Plan, load: Load, report: Report) -> None:
    """One benchmark; what breaks in it is reported and does not keep the others from running."""
    start = time.perf_counter()
    try:
        BENCHMARKS[name](plan, load, report)
    except (LoadFault, OSError, subprocess.TimeoutExpired) as error:
        report.fault(name, error)
    print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
