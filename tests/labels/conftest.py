"""Policies that the suites share, the oracle, and random policies, labels and clearances from a seed."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from types import ModuleType

import pytest

from foedus.kernel.policyset import PolicySet
from foedus.kernel.spif import read_policy

ROOT = Path(__file__).resolve().parents[2]


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"labels_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    return _module("oracle")


@pytest.fixture(scope="session")
def rolls() -> ModuleType:
    """Random policies, labels and clearances."""
    return _module("rolls")


@pytest.fixture(scope="session")
def ours() -> PolicySet:
    """The two policies that the product ships."""
    return PolicySet(read_policy((ROOT / "policies" / f).read_bytes()) for f in ("alliance.xml", "tlp.xml"))


@pytest.fixture(scope="session")
def labels_data(shared_data: Path) -> Path:
    return shared_data / "labels"


@pytest.fixture(scope="session")
def shared(labels_data: Path, ours: PolicySet) -> PolicySet:
    """Our policies with the NATO and the food policy."""
    files = ("nato-4774-policy.xml", "food-policy.xml")
    return PolicySet([*ours, *(read_policy((labels_data / f).read_bytes()) for f in files)])


@pytest.fixture
def rng() -> random.Random:
    return random.Random(20251101)
