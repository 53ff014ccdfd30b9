"""casbin, in the peers' environment: `python decide_casbin.py QUESTION`; prints what `decide_cedar.py` prints.

The rules stand in a function that the matcher calls, which is faster than spelling them out in casbin's expression
language; labels and clearance are sets, made outside of the measurement. See `decide_cedar.py` for QUESTION.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import dataclass

import casbin

MODEL = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.act == p.act && released(r.sub, r.obj)
"""


@dataclass(frozen=True)
class Side:
    """A label's one classification or a clearance's many, and the values in each tag."""

    classifications: frozenset[str]
    tags: tuple[frozenset[str], ...]


def side(classifications: list[str], tags: list[list[str]]) -> Side:
    return Side(frozenset(classifications), tuple(frozenset(values) for values in tags))


def enforcer(types: list[str]) -> casbin.Enforcer:
    """An enforcer with one policy line that lets `read` through where the label is released to the reader."""
    restrictive = [kind == "RESTRICTIVE" for kind in types]

    def released(reader: Side, label: Side) -> bool:
        if not label.classifications <= reader.classifications:
            return False
        for strict, held, wanted in zip(restrictive, reader.tags, label.tags, strict=True):
            if wanted and (not wanted <= held if strict else held.isdisjoint(wanted)):
                return False
        return True

    with tempfile.NamedTemporaryFile("w", suffix=".conf") as model, tempfile.NamedTemporaryFile("w") as lines:
        model.write(MODEL)
        model.flush()
        lines.write("p, read\n")
        lines.flush()
        made = casbin.Enforcer(model.name, lines.name)
    made.add_function("released", released)
    return made


def main(path: str) -> None:
    with open(path) as file:
        question = json.load(file)
    made = enforcer([tag["type"] for tag in question["tags"]])
    reader = side(question["clearance"]["classifications"], question["clearance"]["tags"])
    labels = [side([label["classification"]], label["tags"]) for label in question["labels"]]

    def answers(wanted: list[Side]) -> str:
        return "".join("1" if made.enforce(reader, label, "read") else "0" for label in wanted)

    by_label = answers(labels)
    asked = [labels[n] for n in question["records"]]
    start = time.perf_counter()
    by_record = answers(asked)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "labels": by_label, "records": by_record}))


if __name__ == "__main__":
    main(sys.argv[1])
