"""The file `erasing`: which frames are being overwritten, written durably before the first byte of them changes.

A crash in the middle of an erasure leaves frames whose checksum is wrong. They are told from damage by this file, which
holds only sequence numbers and addresses, and are finished at the next open. Erasure changes neither the
length nor any field that finishing it needs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from foedus.storage.files import read_exactly, replace_file, sync_folder

NAME = "erasing"
_MAX_BYTES = 256 * 1024 * 1024


def write(folder: Path, targets: Mapping[int, int]) -> None:
    """Record address -> sequence number of the frames to be erased. Durable on return. Raises OSError."""
    payload = json.dumps({str(address): seq for address, seq in targets.items()}).encode()
    replace_file(folder / NAME, f"{crc32(payload):08x}\n".encode() + payload)


def pending(folder: Path) -> dict[int, int]:
    """What is being erased, address -> sequence number; empty where nothing is.

    A file that is not whole cannot come from `write`; it names nothing, so that what it might hide counts as damage.
    """
    try:
        fd = os.open(folder / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return {}
    try:
        data = read_exactly(fd, 0, _MAX_BYTES)
    finally:
        os.close(fd)
    crc, _, payload = data.partition(b"\n")
    if crc != f"{crc32(payload):08x}".encode():
        return {}
    return {int(address): seq for address, seq in json.loads(payload).items()}


def clear(folder: Path) -> None:
    """The erasure is durable: forget it."""
    with suppress(FileNotFoundError):
        os.unlink(folder / NAME)
        sync_folder(folder)
