"""`foedus label check`: a label against policies and a clearance, without a node.

check([policy_file], label, clearance, lang="fr", now=...)
-> {"valid": True, "marking": "NATO DIFFUSION RESTREINTE", "decision": "permit", "reason": "…",
    "faults": [], "warnings": []}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foedus.kernel import clearancetext, labeltext, marking
from foedus.kernel.errors import Fault, FoedusError, Refused
from foedus.kernel.label import Clearance, Label
from foedus.kernel.nativelabel import read_any_clearance, read_any_label
from foedus.kernel.policy import decide, in_force
from foedus.kernel.policyset import PolicySet
from foedus.kernel.securitypolicy import Policy
from foedus.kernel.spif import read_policy


def check(
    policies: Sequence[bytes], label: bytes | str, clearance: bytes | str | None, lang: str, now: int
) -> dict[str, Any]:
    """Whether the label is valid, its marking at `now` (microseconds), and the decision where a clearance is given.

    `label` and `clearance` are STANAG 4774 XML, native XML or TEXT. Nothing is raised for bad input: `valid` is false,
    a decision that was asked for is "deny", and `reason` says why. `decision` is None without a clearance.
    """
    out: dict[str, Any] = {
        "valid": False, "marking": "", "decision": None if clearance is None else "deny", "reason": "",
        "faults": [], "warnings": [],
    }  # fmt: skip
    try:
        _check(out, policies, label, clearance, lang, now)
    except FoedusError as error:
        found = error.faults if isinstance(error, Refused) else (Fault(error.code, error.message),)
        _refuse(out, found)
    except Exception as error:  # whatever the input was, the answer is one line, not a trace
        _refuse(out, (Fault("error", f"the input could not be read: {type(error).__name__}"),))
    return out


def read_label_input(content: bytes | str, policies: PolicySet) -> Label:
    """A label in any form, resolved, valid or not. Raises Refused."""
    data = _xml(content)
    if data is not None:
        return read_any_label(data, policies)
    return labeltext.read_label(_text(content), policies, valid=False)


def read_clearance_input(content: bytes | str, policies: PolicySet) -> tuple[Clearance, ...]:
    """Clearances in any form, resolved. Raises Refused."""
    data = _xml(content)
    if data is not None:
        return (read_any_clearance(data, policies),)
    return clearancetext.read_clearance(_text(content), policies)


def _check(
    out: dict[str, Any],
    sources: Sequence[bytes],
    label: bytes | str,
    clearance: bytes | str | None,
    lang: str,
    now: int,
) -> None:
    loaded: list[Policy] = []
    for source in sources:
        policy = read_policy(source)
        out["warnings"] += [f"{policy.name}: {warning}" for warning in policy.warnings]
        loaded.append(policy)
    policies = PolicySet(loaded)
    stated = read_label_input(label, policies)
    held, _ = in_force(stated, now)
    held = policies.resolve(held)
    policy = policies.of(held)
    out["marking"] = marking.display(held, policy, lang)
    faults = policy.faults(held, new=False)
    if faults:
        _refuse(out, faults)
        return
    out["valid"] = True
    out["reason"] = "the label keeps every rule of its policy"
    out["warnings"] += [f.message for f in policy.faults(held, new=True)]
    if clearance is None:
        return
    try:
        clearances = read_clearance_input(clearance, policies)
    except Refused as error:
        # The label is sound; what cannot be read is who would read it.
        out["faults"] = [f.as_dict() for f in error.faults]
        out["reason"] = f"the clearance cannot be read: {error.message}"
        return
    decision = decide([stated], clearances, policies, now)
    out["decision"] = "permit" if decision.permit else "deny"
    out["reason"] = "; ".join(r.message for r in decision.reasons)


def _refuse(out: dict[str, Any], faults: Sequence[Fault]) -> None:
    out["valid"] = False
    out["faults"] = [f.as_dict() for f in faults]
    out["reason"] = "; ".join(f.message for f in faults)


def _xml(content: bytes | str) -> bytes | None:
    """The document where the content is XML, whatever its file was called."""
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data
    return data if data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<" else None


def _text(content: bytes | str) -> str:
    if isinstance(content, str):
        return content
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused([Fault("encoding", "the file is neither XML nor text in UTF-8")]) from None
