"""How the process is set: freed memory goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc and Linux")

_HOLES = """
import sys
from foedus.node import process

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))

if sys.argv[1] == "set":
    process.start()
bytearray(30 << 20)  # a large block comes and goes: from now on glibc, left alone, keeps what is smaller
before = resident()
blocks = [bytearray(b"x" * (1 << 20)) for _ in range(60)]
del blocks[:-1]  # the last one stays, on top of all others
print(resident() - before)
"""


def _kept(how: str) -> int:
    """Kilobytes that the process keeps of 60 MB of which one megabyte is in use."""
    done = subprocess.run([sys.executable, "-c", _HOLES, how], capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout)


def test_freed_blocks_go_back_to_the_system_although_one_above_them_stays() -> None:
    assert _kept("set") < 4_000
    assert _kept("left alone") > 40_000, "the measurement does not show what it should"


_SMALL_PAGES = """
import sys
from foedus.node import process

if sys.argv[1] == "set":
    process.start()
import numpy as np

array = np.empty(64 << 20, np.uint8)  # numpy advises large pages for arrays of this size
array[:] = 1
with open("/proc/self/smaps") as maps:
    print(sum(int(line.split()[1]) for line in maps if line.startswith("AnonHugePages")))
"""


def test_arrays_fill_pages_of_the_ordinary_size() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SMALL_PAGES, "set"], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) == 0


def test_every_command_is_loaded_with_the_settings_in_force() -> None:
    code = (
        "import gc, sys; from foedus import main; import foedus.node.process as process\n"
        "started = process.start; process.start = lambda: (started(), print('foedus.faces' in sys.modules))\n"
        "sys.argv = ['foedus', '--help']\n"
        "try: main.main()\n"
        "finally: print(gc.get_threshold())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    assert (lines[0], lines[-1]) == ("False", "(50000, 10, 10)")


_SMALL_HOLES = """
import sys, time
from foedus.node import process

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))

process.start()
blocks = [bytearray(b"x" * 60_000) for _ in range(1_000)]
kept = blocks[::20]
process._LOOK = 0.1
if sys.argv[1] == "settled":
    process.settle()
full = resident()
del blocks
until = time.monotonic() + 20
while time.monotonic() < until and resident() > full - 40_000:
    sum(range(100_000))  # it works
    if sys.argv[1] != "settled" and time.monotonic() > until - 19:
        break
print(full - resident())
"""


def test_holes_between_small_blocks_go_back_while_the_process_works() -> None:
    given = {}
    for how in ("settled", "left alone"):
        code = [sys.executable, "-c", _SMALL_HOLES, how]
        given[how] = int(subprocess.run(code, capture_output=True, text=True, check=True, timeout=60).stdout)
    assert given["settled"] >= 40_000 > 20_000 > given["left alone"], given
