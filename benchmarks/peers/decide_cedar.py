"""Cedar through cedarpy, in the peers' environment: `python decide_cedar.py QUESTION`.

Prints {"seconds", "labels", "records"}: how long the records took, and the answers.
QUESTION is the JSON file that `decisions.py` writes: the clearance, the distinct labels, the label of each record of
the sample. Cedar gets what is fastest for it: policies and all entities parsed once outside of the measurement, one
entity a distinct label, one batch call for all records. Answers are strings of 0 and 1.
"""

from __future__ import annotations

import json
import sys
import time

import cedarpy


def policy(tags: list[dict[str, str]]) -> str:
    """One permit rule: the classification is held, and every tag agrees."""
    rules = ["principal.classifications.contains(resource.classification)"]
    for number, tag in enumerate(tags):
        mine, theirs = f"principal.tag{number}", f"resource.tag{number}"
        if tag["type"] == "RESTRICTIVE":
            rules.append(f"{mine}.containsAll({theirs})")
        else:
            rules.append(f"({theirs}.isEmpty() || {mine}.containsAny({theirs}))")
    return "permit(principal, action, resource) when { " + " && ".join(rules) + " };"


def entity(kind: str, name: str, attributes: dict[str, object], tags: list[list[str]]) -> dict[str, object]:
    """A Cedar entity whose attribute `tagN` is the set of values in tag N."""
    sets = {f"tag{number}": values for number, values in enumerate(tags)}
    return {"uid": {"type": kind, "id": name}, "attrs": {**attributes, **sets}, "parents": []}


def main(path: str) -> None:
    with open(path) as file:
        question = json.load(file)
    clearance, labels, records = question["clearance"], question["labels"], question["records"]
    entities = [entity("Reader", "anna", {"classifications": clearance["classifications"]}, clearance["tags"])]
    for number, label in enumerate(labels):
        entities.append(entity("Label", str(number), {"classification": label["classification"]}, label["tags"]))
    policies = cedarpy.PolicySet.from_str(policy(question["tags"]))
    parsed = cedarpy.Entities.from_json_str(json.dumps(entities))
    requests = [
        {"principal": 'Reader::"anna"', "action": 'Action::"read"', "resource": f'Label::"{n}"', "context": {}}
        for n in range(len(labels))
    ]

    def answers(wanted: list[dict[str, object]]) -> str:
        decided = cedarpy.is_authorized_batch(wanted, policies, parsed)
        return "".join("1" if one.allowed else "0" for one in decided)

    by_label = answers(requests)
    asked = [requests[n] for n in records]
    start = time.perf_counter()
    by_record = answers(asked)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "labels": by_label, "records": by_record}))


if __name__ == "__main__":
    main(sys.argv[1])
