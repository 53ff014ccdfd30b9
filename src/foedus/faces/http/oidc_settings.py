"""`oidc.json` in the node's folder: the OpenID provider that people may sign in with, where there is one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from foedus.faces.http.openid import OidcSettings
from foedus.kernel.errors import Fault, Refused

NAME = "oidc.json"


def load(data: Path) -> OidcSettings | None:
    """The settings, None where no provider is set. Raises Refused where they cannot be read."""
    path = data / NAME
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=OidcSettings, dec_hook=_decode)
    except (OSError, ValueError, msgspec.DecodeError) as error:
        raise Refused([Fault("invalid-settings", f"{path} cannot be read: {error}")]) from error


def save(data: Path, settings: OidcSettings) -> None:
    """Write the settings; the secret stays in the file that they name."""
    new = data / f"{NAME}.new"
    new.write_bytes(msgspec.json.format(msgspec.json.encode(settings, enc_hook=str), indent=2) + b"\n")
    new.chmod(0o600)
    os.replace(new, data / NAME)


def remove(data: Path) -> None:
    """Nobody signs in through a provider any more, from the next start on."""
    (data / NAME).unlink(missing_ok=True)


def _decode(kind: type, value: Any) -> Any:
    if issubclass(kind, Path):
        return Path(value)
    raise NotImplementedError(kind)
