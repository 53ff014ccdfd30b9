"""The independent script agrees with the journal: sound is sound, and every flipped byte of a segment is found."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from foedus.config import Limits

from .conftest import Open
from .worlds import ORIGIN, SIGNER, records, tombstone

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "verify_journal.py"
VKEY = str(SIGNER.verifier)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_journal", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def written(create: Open, folder: Path) -> Path:
    journal = create(Limits(segment_bytes=1_200))
    for start in range(0, 9, 3):
        journal.append(records(start, 3))
    journal.append([tombstone(2, 5)])
    journal.erase([2, 5])
    journal.close()
    assert len(list(folder.glob("*.seg"))) > 1
    return folder


def test_it_needs_nothing_of_the_package(written: Path) -> None:
    ran = subprocess.run([sys.executable, "-I", str(SCRIPT), str(written), VKEY], capture_output=True, text=True)
    assert ran.returncode == 0
    assert "sound: 10 entries, 2 erased, 5 checkpoints\nsignatures: verified" in ran.stdout
    assert "foedus" not in SCRIPT.read_text().replace("Foedus", "").lower()


def test_without_cryptography_it_says_so(
    written: Path, script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "Ed25519PublicKey", None)
    script.main(written, VKEY)
    assert "signatures: NOT CHECKED" in capsys.readouterr().out


def test_every_flipped_byte(written: Path, script: ModuleType) -> None:
    for path in sorted(written.glob("*.seg")):
        original = path.read_bytes()
        for at in range(len(original)):
            damaged = bytearray(original)
            damaged[at] ^= 1 << at % 8
            path.write_bytes(damaged)
            with pytest.raises(SystemExit, match="DAMAGED"):
                script.main(written, VKEY)
        path.write_bytes(original)
    script.main(written, VKEY)


def test_another_key_and_no_journal(written: Path, script: ModuleType, tmp_path: Path) -> None:
    from foedus.kernel.checkpoint import Signer

    with pytest.raises(SystemExit, match="DAMAGED at entry 0"):
        script.main(written, str(Signer(ORIGIN, bytes(32)).verifier))
    with pytest.raises(SystemExit, match="DAMAGED"):
        script.main(tmp_path / "absent", VKEY)
    with pytest.raises(SystemExit, match="key text"):
        script.main(written, VKEY.replace("+0", "+1", 1))


def test_an_erasure_that_no_tombstone_names(create: Open, folder: Path, script: ModuleType) -> None:
    journal = create()
    journal.append(records(0, 3))
    journal.erase([1])
    journal.close()
    with pytest.raises(SystemExit, match="entry 1 is erased"):
        script.main(folder, VKEY)
