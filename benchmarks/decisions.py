"""Release decisions: a million records that carry 1,848 distinct labels, one clearance, permit or deny for each record.

Foedus interns labels: it decides once per distinct label and looks the records up in that answer. The peers know no
such thing, and decide per record (on a sample of the records; their rates do not depend on the number). For fairness
a row of its own tells how they fare when somebody interns labels on their behalf. The answers of all must be equal
on every distinct label, on every record of the sample, and by the records' labels on all records.

Labels are drawn from the policy file that the product ships, at random from a fixed seed, and only valid ones are kept.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.environment import ROOT
from benchmarks.http_load import LoadFault
from benchmarks.load import Load
from benchmarks.plan import Plan
from benchmarks.report import Report, Row
from benchmarks.servers import PEERS, folder
from foedus.kernel.label import Category, Clearance, Label, TagType
from foedus.kernel.policy import decide
from foedus.kernel.policyset import PolicySet
from foedus.kernel.securitypolicy import Policy
from foedus.kernel.spif import read_policy

DISTINCT = 1_848
SEED = 4774
NOW = 1_767_225_600_000_000  # 2026-01-01, in microseconds
RUNS = 9

Key = tuple[str, TagType]


@dataclass(frozen=True, slots=True)
class Question:
    """What is decided: the policy, the distinct labels, the clearance, and each record's label by number."""

    policy: Policy
    labels: list[Label]
    clearance: Clearance
    records: NDArray[np.int32]


def run(plan: Plan, load: Load, report: Report) -> None:
    """The rows of decisions."""
    question = drawn(read_policy(policy_file().read_bytes()), plan.decisions)
    seconds, mask, permitted = ours(question, prepared=True)
    rate = plan.decisions / seconds
    unprepared = plan.decisions / ours(question, prepared=False)[0]
    what = f"decisions, {plan.decisions:,} records over {len(question.labels):,} labels"
    note = (
        f"decisions: {permitted.mean():.0%} of the labels and {mask.mean():.0%} of the records were permitted, "
        f"equal answers asserted; the peers decided {plan.decisions_sample:,} of the records; labels were prepared "
        "beforehand for all (parsed entities, sets, compiled labels), and the clearance was new to ours"
    )
    if not plan.peers:
        report.add(Row(what, "/s", rate, note=note))
        return
    for engine, name in (("cedar", "cedarpy"), ("casbin", "casbin")):
        theirs = peer(plan.peers, engine, question, permitted, plan.decisions_sample)
        interned = plan.decisions / (len(question.labels) / theirs + look_up_seconds(mask, question, permitted))
        report.add(Row(what, "/s", rate, name, theirs, 1000, note=note))
        report.add(Row("the same, our policy new to the labels, the peer not", "/s", unprepared, name, theirs))
        report.add(Row("the same, if labels were interned for the peer", "/s", rate, name, interned))


def policy_file() -> Path:
    """The product's own alliance policy: of the files in policies/ the one with the most to decide."""
    files = sorted((ROOT / "policies").glob("*.xml"), key=lambda file: file.stat().st_size)
    if not files:
        raise LoadFault("there is no policy file in policies/")
    return files[-1]


def drawn(policy: Policy, records: int) -> Question:
    """Labels, clearance and records from the fixed seed."""
    rng = random.Random(SEED)
    values = values_by_tag(policy)
    found: dict[Label, None] = {}
    for _ in range(200 * DISTINCT):
        label = draw_label(policy, values, rng)
        if label not in found and not policy.faults(label, new=True):
            found[label] = None
            if len(found) == DISTINCT:
                break
    else:
        raise LoadFault(f"only {len(found)} distinct valid labels could be drawn from {policy.name}")
    held = tuple(Category(tag_set, kind, frozenset(half(names, rng))) for (tag_set, kind), names in values.items())
    levels = [level.name for level in policy.classifications]
    clearance = Clearance(policy.name, frozenset(levels[: max(1, len(levels) - 1)]), ordered(held), policy.id)
    # A few labels mark most records, as in practice.
    weights = 1.0 / np.arange(1, DISTINCT + 1) ** 0.7
    numbers = np.random.default_rng(SEED).choice(DISTINCT, size=records, p=weights / weights.sum())
    return Question(policy, list(found), clearance, numbers.astype(np.int32))


def values_by_tag(policy: Policy) -> dict[Key, list[str]]:
    """The names of the values that new labels may carry, by tag set and type."""
    values: dict[Key, list[str]] = {}
    for slot in policy.slots():
        if not slot.value.obsolete:
            values.setdefault((slot.tag_set.name, slot.tag.kind.type), []).append(slot.value.name)
    return values


def draw_label(policy: Policy, values: dict[Key, list[str]], rng: random.Random) -> Label:
    """A label with a classification and up to six values in about half of the tags; perhaps not a valid one."""
    level = rng.choice([c.name for c in policy.classifications if not c.obsolete])
    categories = [
        Category(tag_set, kind, frozenset(rng.sample(names, min(len(names), rng.choice((1, 1, 1, 2, 3, 6))))))
        for (tag_set, kind), names in values.items()
        if rng.random() < 0.5
    ]
    return Label(policy.name, level, ordered(tuple(categories)), policy_id=policy.id)


def half(names: list[str], rng: random.Random) -> list[str]:
    """About half of the values, at least one."""
    return rng.sample(names, max(1, len(names) // 2))


def ordered(categories: tuple[Category, ...]) -> tuple[Category, ...]:
    return tuple(sorted(categories, key=lambda c: (c.tag_set, c.type)))


def ours(question: Question, prepared: bool) -> tuple[float, NDArray[np.bool_], NDArray[np.bool_]]:
    """(seconds for all records, median of some runs; the records' answers; the labels' answers).

    Each run starts from a policy set that has seen no clearance, so no answer is remembered. `prepared`: its policy
    knows the labels, as a node's does from the moment their records arrived; otherwise they are new to it too.
    """
    seconds = []
    text = policy_file().read_bytes()
    for _ in range(RUNS):
        policy = read_policy(text)
        if prepared:
            for label in question.labels:
                policy.compile(label)
        policies = PolicySet([policy])
        start = time.perf_counter()
        permitted = np.fromiter(
            (decide([label], [question.clearance], policies, NOW).permit for label in question.labels), np.bool_
        )
        mask = permitted[question.records]
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), mask, permitted


def look_up_seconds(mask: NDArray[np.bool_], question: Question, permitted: NDArray[np.bool_]) -> float:
    """Seconds of looking all records up in the labels' answers."""
    start = time.perf_counter()
    again = permitted[question.records]
    seconds = time.perf_counter() - start
    assert np.array_equal(again, mask)
    return seconds


def peer(python: Path, name: str, question: Question, permitted: NDArray[np.bool_], sample: int) -> float:
    """Decisions per second of a peer. Raises LoadFault where any of its answers differs from ours."""
    chosen = question.records[:sample]
    with folder("decisions") as place:
        file = place / "question.json"
        file.write_text(json.dumps(plain(question, chosen)))
        command = [str(python), str(PEERS / f"decide_{name}.py"), str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    if done.returncode:
        raise LoadFault(f"{name} failed: {done.stderr[-800:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    for given, expected in ((said["labels"], permitted), (said["records"], permitted[chosen])):
        theirs = np.frombuffer(given.encode(), np.uint8) == ord("1")
        if not np.array_equal(theirs, expected):
            raise LoadFault(f"{name} and Foedus differ on {int((theirs != expected).sum())} of {len(expected)} answers")
    return len(chosen) / float(said["seconds"])


def plain(question: Question, records: NDArray[np.int32]) -> dict[str, object]:
    """The question in words that any engine can read: per tag that decides, the values of a label or a clearance."""
    keys = sorted(key for key in values_by_tag(question.policy) if key[1] is not TagType.INFORMATIVE)
    return {
        "tags": [{"tag_set": tag_set, "type": kind.value} for tag_set, kind in keys],
        "clearance": {
            "classifications": sorted(question.clearance.classifications),
            "tags": by_tag(question.clearance.categories, keys),
        },
        "labels": [
            {"classification": label.classification, "tags": by_tag(label.categories, keys)}
            for label in question.labels
        ],
        "records": records.tolist(),
    }


def by_tag(categories: tuple[Category, ...], keys: list[Key]) -> list[list[str]]:
    """The values in each of these tags."""
    held = {(category.tag_set, category.type): sorted(category.values) for category in categories}
    return [held.get(key, []) for key in keys]
