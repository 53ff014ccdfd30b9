"""The benchmarks are not installed: they are imported from the project's folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


@pytest.fixture(scope="session")
def peers() -> Path:
    """The interpreter of the peers' environment; nothing is installed for a test."""
    from benchmarks.environment import PeersMissing, peers_python

    try:
        return peers_python(install=False)
    except PeersMissing as error:
        pytest.skip(str(error))
