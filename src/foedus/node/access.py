"""Authentication: from a credential to a Subject."""

from __future__ import annotations

from foedus.node.subject import FULL_SCOPE, Epoch, Subject, Via

__all__ = ["FULL_SCOPE", "Epoch", "Subject", "Via"]
