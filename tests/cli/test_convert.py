"""Every form of a label and a clearance can be read back from every form that is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from foedus.faces.cli.app import app

LABEL = "ALLIANCE RESTRICTED Releasable to Japan, Switzerland"
CLEARANCE = "ALLIANCE SECRET for FIN"


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["label", "convert", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("form", ["xml", "native", "text"])
def test_a_label_survives_each_form(form: str, tmp_path: Path) -> None:
    path = tmp_path / "label.xml"
    path.write_text(_run(LABEL, "--to", form))
    assert _run(str(path), "--to", "text").strip() == LABEL


@pytest.mark.parametrize("form", ["xml", "native"])
def test_a_clearance_survives_each_form(form: str, tmp_path: Path) -> None:
    path = tmp_path / "clearance.xml"
    path.write_text(_run(CLEARANCE, "--clearance", "--to", form))
    assert _run(str(path), "--clearance", "--to", "text") == _run(CLEARANCE, "--clearance", "--to", "text")


def test_what_has_no_such_form_says_so() -> None:
    result = CliRunner().invoke(app, ["label", "convert", CLEARANCE, "--clearance", "--to", "stix"])
    assert result.exit_code == 2
