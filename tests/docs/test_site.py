"""The site builds strictly and fetches nothing from elsewhere. Needs `tools/bootstrap.sh docs`; skips without it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FETCHES = re.compile(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=[\"']?https?:")


def test_the_site_builds_strictly_and_works_without_a_network(tmp_path: Path) -> None:
    pytest.importorskip("material", reason="mkdocs-material is not here: tools/bootstrap.sh docs")
    mkdocs = Path(sys.executable).with_name("mkdocs")
    built = subprocess.run(
        [str(mkdocs), "build", "-q", "--strict", "-d", str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        found = FETCHES.search(page.read_text(encoding="utf-8"))
        assert found is None, f"{page.relative_to(tmp_path)}: {found.group() if found else ''}"
    everything = (tmp_path / "index.html").read_text(encoding="utf-8")
    for source in (*(ROOT / "docs").glob("how-to/*.md"), *(ROOT / "docs").glob("decisions/*.md")):
        assert f"{source.parent.name}/{source.stem}.html" in everything, f"{source.name} is not in the navigation"
