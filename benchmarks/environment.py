"""The peers' own environment: `.bench/venv`, made with uv from a lock with hashes, apart from the product's.

Example: `python -m benchmarks.environment` makes it and says where it is.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / ".bench"
LOCK = ROOT / "benchmarks" / "requirements.txt"


class PeersMissing(Exception):
    """The peers cannot be installed here (no uv, no package index); the message says why."""


def uv() -> Path:
    """The uv program: the project's own, the one on PATH, or the one in the product's environment."""
    tools = ROOT / ".tools"
    for candidate in (tools / "bin" / "uv", tools / "uv", shutil.which("uv"), ROOT / ".venv" / "bin" / "uv"):
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    raise PeersMissing("uv was found neither in .tools, nor on PATH, nor in .venv/bin")


def peers_python(install: bool = True) -> Path:
    """The interpreter that has the peers. Made when absent or when the lock has changed; raises PeersMissing."""
    python = BENCH / "venv" / "bin" / "python"
    stamp = BENCH / "venv" / "lock.sha256"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    if not install:
        raise PeersMissing("the peers are not installed: python -m benchmarks.environment")
    program = uv()
    BENCH.mkdir(exist_ok=True)
    run([program, "venv", "--quiet", "--clear", "--python", sys.executable, BENCH / "venv"])
    run([program, "pip", "sync", "--quiet", "--require-hashes", "--python", python, LOCK])
    stamp.write_text(wanted)
    return python


def run(command: list[str | Path]) -> None:
    """Run one uv command for at most ten minutes. Raises PeersMissing with what it said."""
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired as error:
        raise PeersMissing("installing the peers took more than ten minutes") from error
    if done.returncode:
        raise PeersMissing(f"the peers could not be installed: {done.stderr.strip()[-500:]}")


if __name__ == "__main__":
    print(peers_python().relative_to(ROOT))
