"""Long work that a page started: it runs beside the requests, belongs to whoever began it, and is bounded.

A task is found by its id by the same person only; for everybody else it does not exist. Answers are kept for an hour,
in memory: what an import stored is in the journal, its report is for the one who waits for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from foedus.faces.web.visit import Visit
from foedus.kernel.errors import FoedusError, NotFound, TooMany
from foedus.node.answers import Progress
from foedus.node.contract import OnProgress
from foedus.node.node import Node

_log = logging.getLogger("foedus.web")
_AT_ONCE = 2
_OF_ONE_PERSON = 4  # waiting and running
_IN_ALL = 32
_KEPT = 200
_KEPT_FOR = 3600 * 1_000_000
_lock = threading.Lock()

Work = Callable[[OnProgress], Any]


@dataclass(slots=True)
class Task:
    """One piece of work. `state`: waiting, running, done, failed. `about` is what its page shows beside it."""

    id: str
    kind: str
    owner: str
    title: str
    started: int
    about: dict[str, Any] = field(default_factory=dict)
    state: str = "waiting"
    progress: Progress | None = None
    result: Any = None
    error: FoedusError | None = None
    ended: int = 0

    @property
    def over(self) -> bool:
        return self.state in ("done", "failed")


class Tasks:
    """The tasks of one node's web face."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="web-task")
        self._tasks: dict[str, Task] = {}
        self._lock = threading.Lock()

    def begin(self, owner: str, kind: str, title: str, work: Work, **about: Any) -> Task:
        """Put work in the queue. Raises TooMany where the person, or the node, has enough to do."""
        now = self._node.clock.now()
        with self._lock:
            self._forget(now)
            active = [t for t in self._tasks.values() if not t.over]
            if len(active) >= _IN_ALL or sum(t.owner == owner for t in active) >= _OF_ONE_PERSON:
                raise TooMany("too much is under way already; wait for it to end", 10)
            task = Task(self._node.random.bytes(16).hex(), kind, owner, title, now, about)
            self._tasks[task.id] = task
        self._pool.submit(self._run, task, work)
        return task

    def get(self, owner: str, task_id: str, kind: str) -> Task:
        """The task as it stands at this moment, so that one page tells one story. Raises NotFound for what is absent
        and what is another's."""
        with self._lock:
            task = self._tasks.get(task_id)
        if task is None or task.owner != owner or task.kind != kind:
            raise NotFound
        return replace(task)  # the state is read before the result, which is there before the state says so

    def of(self, owner: str, kind: str) -> list[Task]:
        """This person's, newest first."""
        with self._lock:
            mine = [t for t in self._tasks.values() if t.owner == owner and t.kind == kind]
        return sorted(mine, key=lambda t: t.started, reverse=True)

    def _run(self, task: Task, work: Work) -> None:
        def on_progress(progress: Progress) -> None:
            task.progress = progress

        task.state = "running"
        try:
            task.result = work(on_progress)
            task.state = "done"
        except FoedusError as error:
            task.error, task.state = error, "failed"
        except Exception:
            _log.exception("task %s", task.kind)
            task.state = "failed"
        finally:
            task.ended = self._node.clock.now()

    def _forget(self, now: int) -> None:
        over = sorted((t for t in self._tasks.values() if t.over), key=lambda t: t.ended)
        surplus = max(0, len(self._tasks) - _KEPT)
        for number, task in enumerate(over):
            if number < surplus or now - task.ended > _KEPT_FOR:
                del self._tasks[task.id]


def tasks_of(v: Visit) -> Tasks:
    """The tasks of the node that answers this request; made with the first one."""
    state = v.request.app.state
    with _lock:
        if "web_tasks" not in state:
            state["web_tasks"] = Tasks(state.node)
        found: Tasks = state["web_tasks"]
        return found
