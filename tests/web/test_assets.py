"""What the browser loads comes from this node, is pinned, and carries its licence."""

from __future__ import annotations

import json
import re
from pathlib import Path

from foedus.faces.web.markings import MAX_PAIRS, Colours, pair
from foedus.faces.web.static_files import static_files, static_url

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "src" / "foedus" / "faces" / "web"
VENDOR = WEB / "static" / "vendor"


def test_vendored_scripts_are_those_of_the_lock() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"]
    for name, version in json.loads((VENDOR / "versions.json").read_text("utf-8")).items():
        assert lock[f"node_modules/{name}"]["version"] == version
        assert (VENDOR / f"{name.removesuffix('.org')}.LICENSE").stat().st_size > 100


def test_the_lock_names_no_host() -> None:
    text = (ROOT / "package-lock.json").read_text("utf-8")
    assert "resolved" not in text
    assert "registry" not in text


def test_templates_load_nothing_from_elsewhere_and_hold_no_script_or_style() -> None:
    for template in WEB.glob("templates/**/*.html"):
        text = template.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=\"\{\{ static_url)", text), template
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", text), template
        assert not re.search(r"(src|href)=[\"']https?:", text), template


def test_every_icon_that_is_named_is_drawn() -> None:
    drawn = set(re.findall(r'id="i-([a-z0-9-]+)"', (WEB / "static" / "icons.svg").read_text("utf-8")))
    for template in WEB.glob("templates/**/*.html"):
        for name in re.findall(r"\bicon\(\"([a-z0-9-]+)\"[,)]", template.read_text("utf-8")):
            assert name in drawn, (template.name, name)


def test_addresses_change_with_the_content() -> None:
    for path, file in static_files().items():
        assert static_url(path).endswith(f"?v={file.tag}")


def test_colours_are_bounded_and_never_free_text() -> None:
    colours = Colours()
    assert colours.css_class("#FF0000", "#ffffff") == "mk-ff0000-ffffff"
    assert pair("red;}", "#ffffff") == "444444-ffffff"
    for i in range(200):
        colours.css_class(f"#{i:06x}", "#000000")
    assert colours.sheet.count("+") == MAX_PAIRS - 1
