"""The projector's process is as small as its work: it loads nothing of the kernel's policies, XML and validation."""

from __future__ import annotations

import subprocess
import sys

_HEAVY = ("lxml", "asyncio", "uvicorn", "litestar", "typer", "rich", "argon2", "rapidfuzz", "foedus.kernel.policyset")


def test_the_follower_loads_what_it_needs() -> None:
    code = f"import sys, foedus.node.follower; print([name for name in {_HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
