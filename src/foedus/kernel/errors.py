"""One tree of errors. An error says who is to blame and what to do, in one sentence each.

Example: `Refused([Fault("missing-property", "a report needs `published`", "report--…", 3, "published")])`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

Blame = Literal["caller", "peer", "node"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with one object of the input."""

    code: str  # stable, kebab-case: "duplicate-key", "invalid-timestamp"
    message: str  # for a person: what is wrong and what would be right
    object_id: str = ""  # the STIX id, where the object has a usable one
    index: int = -1  # position among the objects of the input, from 0; -1: the input as a whole
    path: str = ""  # the property inside the object: "external_references[0].url"
    notice: bool = False  # worth saying, refuses nothing: "hxxp read as http"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        place = self.object_id or (f"object {self.index}" if self.index >= 0 else "input")
        return f"{place}: {self.path + ': ' if self.path else ''}{self.message} [{self.code}]"


class FoedusError(Exception):
    """Root of the tree. `status` is what HTTP faces answer; `exit_code` what the command line returns."""

    blame: ClassVar[Blame] = "node"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def as_dict(self) -> dict[str, Any]:
        out: dict[str, Any] = {"error": self.code, "message": self.message}
        if self.hint:
            out["hint"] = self.hint
        return out


class Refused(FoedusError):
    """The caller's input has faults; nothing of the faulty objects was kept."""

    blame = "caller"
    status = 422
    exit_code = 2
    code = "refused"

    def __init__(self, faults: Sequence[Fault] | Iterable[Fault], message: str = "", *, hint: str = "") -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__(message or "; ".join(str(f) for f in self.faults[:5]) or "refused", hint=hint)

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "faults": [f.as_dict() for f in self.faults]}


class TooLarge(Refused):
    """A limit of `config.Limits` was met; the message names it."""

    status = 413
    code = "too-large"


class NotFound(FoedusError):
    """Absent, or not permitted: the same answer for both, always with the same message."""

    blame = "caller"
    status = 404
    exit_code = 3
    code = "not-found"

    def __init__(self) -> None:
        super().__init__("not found")


class NotAuthenticated(FoedusError):
    blame = "caller"
    status = 401
    exit_code = 4
    code = "not-authenticated"


class NotPermitted(FoedusError):
    """The subject's role or token scope does not allow the verb (never used for the visibility of records)."""

    blame = "caller"
    status = 403
    exit_code = 4
    code = "not-permitted"


class TooMany(FoedusError):
    """A rate limit; `retry_after` seconds."""

    blame = "caller"
    status = 429
    exit_code = 5
    code = "too-many-requests"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class LabelRefused(Refused):
    """A label that its policy calls invalid; the fault names the rule that it breaks."""

    code = "label-refused"


class PolicyRefused(Refused):
    """A policy file, label or clearance document that cannot be read."""

    code = "policy-refused"


class PeerFault(FoedusError):
    """A peer sent something that cannot be verified."""

    blame = "peer"
    status = 400
    code = "peer-fault"


class Damaged(FoedusError):
    """Stored data are not what was written. `seq` is the first entry concerned, -1 where unknown."""

    status = 503
    exit_code = 6
    code = "damaged"

    def __init__(self, message: str, seq: int = -1, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.seq = seq


class StorageFull(FoedusError):
    """The disk is full or read-only: nothing was acknowledged, nothing was lost."""

    status = 503
    exit_code = 7
    code = "storage-unavailable"


class Busy(FoedusError):
    """Another process holds the node's folder, or the node is stopping."""

    status = 503
    exit_code = 8
    code = "busy"
