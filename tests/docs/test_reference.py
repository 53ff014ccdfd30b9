"""The pages that are made from the code are those of this code, and every decision and page is where people look."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def _reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["commands.md", "limits.md"])
def test_the_reference_is_that_of_the_code(page: str) -> None:
    made = _reference().PAGES[page]()
    kept = (DOCS / "reference" / page).read_text(encoding="utf-8")
    assert kept == made, "run `.venv/bin/python tools/reference.py` and commit what it writes"


def test_every_command_and_limit_has_words() -> None:
    for page, make in _reference().PAGES.items():
        for line in make().splitlines():
            assert not re.match(r"\| `[\w-]+` \| *\|", line), f"{page}: {line}"


def test_each_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    page = (DOCS / "decisions" / "0002-dependencies.md").read_text(encoding="utf-8")
    wanted = [
        *project["project"]["dependencies"],
        *(d for group in project["dependency-groups"].values() for d in group),
    ]
    for one in wanted:
        name = re.split(r"[<>=!~\[; ]", one)[0]
        assert f"`{name}`" in page, f"{name} has no reason in docs/decisions/0002-dependencies.md"


def test_decisions_are_numbered_without_gaps_and_say_what_follows() -> None:
    files = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(file.name[:4])}. "), file.name
        for part in ("## Why", "## Decision", "## What follows"):
            assert part in text, f"{file.name}: {part}"


def test_links_between_pages_lead_somewhere() -> None:
    for page in (*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


def test_pages_name_no_machine() -> None:
    for page in (*DOCS.rglob("*.md"), ROOT / "README.md"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"/work/|/home/\w+/|/root/", text), page.name
