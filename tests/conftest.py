"""Fixtures that every suite may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project; tests that need it skip where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("FOEDUS_SHARED", default))
    if not folder.is_dir():
        pytest.skip("the real data beside the project (../shared/data) are absent")
    return folder
