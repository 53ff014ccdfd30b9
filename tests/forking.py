"""Processes without the time that Python takes to load the product: one has loaded it and forks for each run.

Example:
    with Forks("foedus.faces.http.server") as forks:
        child = forks.run("tests.breakage.serving:serve", [str(data), "8440"], output=folder / "server.log")
        child.kill()

What runs in the child is the product itself, in a process of its own that can be killed like any other. The forking
process has no threads and has opened nothing: a child shares nothing with its siblings but loaded code.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[1]


class Forked:
    """A child of the forking process. Its id is not given to another process before `wait` has answered."""

    def __init__(self, forks: Forks, pid: int) -> None:
        self._forks = forks
        self._code: int | None = None
        self.pid = pid

    def kill(self) -> None:
        """SIGKILL, and its end."""
        self.signal(signal.SIGKILL)
        self.wait()

    def signal(self, number: int) -> None:
        if self._code is None:
            os.kill(self.pid, number)

    def ended(self) -> bool:
        """Whether it has ended, looked at without waiting."""
        if self._code is None:
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
            return state in "ZX"
        return True

    def wait(self) -> int:
        """Its exit code once it ended; negative: the signal that ended it."""
        if self._code is None:
            self._code = int(self._forks.ask({"wait": self.pid}))
        return self._code


class Forks:
    """The forking process, with these modules loaded. Ends with its children when it is closed or its parent dies."""

    def __init__(self, *modules: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forking", *modules],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._read() == "ready", "the modules cannot be loaded"

    def run(self, target: str, arguments: Sequence[str], output: Path) -> Forked:
        """Call `module:function` with these arguments in a new process; what it prints is added to `output`."""
        return Forked(self, int(self.ask({"run": target, "arguments": list(arguments), "output": str(output)})))

    def ask(self, order: dict[str, object]) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def __enter__(self) -> Forks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def main(modules: Sequence[str]) -> None:
    """The forking process: orders on standard input, one line each, until it ends."""
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # what the children share is not written to by their collectors
    children: set[int] = set()
    orders = os.fdopen(os.dup(0), "r")
    answers = os.fdopen(os.dup(1), "w")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    answers.write("ready\n")
    answers.flush()
    for line in orders:
        order = json.loads(line)
        if "run" in order:
            pid = os.fork()
            if pid == 0:
                _become(order["run"], order["arguments"], order["output"])
            children.add(pid)
            answers.write(f"{pid}\n")
        else:
            _, status = os.waitpid(order["wait"], 0)
            children.discard(order["wait"])
            answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _become(target: str, arguments: Sequence[str], output: str) -> None:
    """Never returns."""
    code = 70
    try:
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, 1)
        os.dup2(file, 2)
        # Not the parent's pipes: a child that held them would keep the forking process from noticing its end.
        for name in os.listdir("/proc/self/fd"):
            if int(name) > 2:
                with suppress(OSError):
                    os.close(int(name))
        module, _, function = target.partition(":")
        getattr(importlib.import_module(module), function)(*arguments)
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
