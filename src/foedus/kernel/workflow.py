"""Workflows are tables: state x action -> state, who may, what it needs. Diagrams in the docs are drawn from them.

Example: `Workflow("request-for-information", "asked", (Step("asked", "assign", "assigned", roles=("analyst",)), …))`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from foedus.kernel.errors import Fault


@dataclass(frozen=True, slots=True)
class Step:
    source: str
    action: str
    target: str
    roles: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()  # properties the command must give


@dataclass(frozen=True, slots=True)
class Workflow:
    """A state machine as a table. Malformed tables are refused when the module is loaded."""

    name: str
    initial: str
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        seen: set[tuple[str, str]] = set()
        for step in self.steps:
            if (step.source, step.action) in seen:
                raise ValueError(f"{self.name}: {step.action!r} leaves {step.source!r} twice")
            seen.add((step.source, step.action))
        reached = self._reachable()
        lost = self.states - reached
        if lost:
            raise ValueError(f"{self.name}: no way leads to {sorted(lost)}")

    @property
    def states(self) -> frozenset[str]:
        return frozenset({self.initial} | {s.source for s in self.steps} | {s.target for s in self.steps})

    @property
    def final(self) -> frozenset[str]:
        return self.states - {s.source for s in self.steps}

    def _reachable(self) -> frozenset[str]:
        reached, frontier = {self.initial}, [self.initial]
        while frontier:
            here = frontier.pop()
            for step in self.steps:
                if step.source == here and step.target not in reached:
                    reached.add(step.target)
                    frontier.append(step.target)
        return frozenset(reached)

    def actions(self, state: str, roles: Iterable[str]) -> tuple[Step, ...]:
        """What somebody with these roles may do from this state."""
        held = set(roles)
        return tuple(s for s in self.steps if s.source == state and (not s.roles or held & set(s.roles)))

    def take(self, state: str, action: str) -> Step | Fault:
        """The step, or a fault that says what is possible instead."""
        for step in self.steps:
            if step.source == state and step.action == action:
                return step
        possible = ", ".join(s.action for s in self.steps if s.source == state) or "nothing"
        return Fault("wrong-state", f"{action} is not possible from {state}; possible: {possible}")

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram, for the docs."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        lines += [f"    {s.source} --> {s.target}: {s.action}" for s in self.steps]
        lines += [f"    {state} --> [*]" for state in sorted(self.final)]
        return "\n".join(lines)
