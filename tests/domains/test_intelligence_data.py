"""The intelligence domain over real STIX: 24,771 objects of ATT&CK."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from foedus.domains import intelligence
from foedus.domains.intelligence.records import summary
from foedus.domains.intelligence.similarity import candidates
from foedus.domains.intelligence.timeline import events


def test_real_records(shared_data: Path) -> None:
    raw = gzip.decompress((shared_data / "stix/attack/enterprise-attack-2.1.json.gz").read_bytes())
    records = json.loads(raw)["objects"]
    checks = {r.type: r.check for r in intelligence.RECORDS}
    assert not [f for r in records if r["type"] in checks for f in (checks[r["type"]] or (lambda _: []))(r)]
    assert all(summary(r) for r in records)
    named = [r for r in records if r["type"] in ("malware", "tool", "intrusion-set", "campaign")]
    found = candidates(named)
    assert all(p.kind == "name" for p in found) and len(found) < len(named) / 10
    assert len(events(named)) > len(named)
