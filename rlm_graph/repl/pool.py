"""The REPLs that are alive in this process: a cache, from the id of a REPL's state to the executor that is in it.

The graph's state names the REPL state that it belongs to, and a cell makes a new one. So an executor is found only
by a state that it is really in: a fork or a time travel never meets the variables of another branch.
"""

from __future__ import annotations

import asyncio
import uuid
import weakref
from dataclasses import dataclass

from rlm_graph.context import ContextRef, ContextStore
from rlm_graph.repl.executor import Executor, ExecutorFactory


@dataclass(frozen=True, eq=False)
class Scope:
    """A run that is under way; its REPLs stay alive until it ends."""

    keeps: bool
    """Whether the thread may come back to its REPL: else it is closed when the run ends."""


@dataclass
class _Live:
    """A REPL, the context that it has, and the run that it belongs to."""

    executor: Executor
    context: str
    """The context's sha256."""

    scope: Scope | None
    """None when the run has ended: then it may be closed to make room."""


class ReplPool:
    """Live REPLs between cells. Those of ended runs are kept for the thread's next question, up to a number."""

    MAX_IDLE = 16
    """REPLs of ended runs that stay alive; the least recently used is closed first."""

    def __init__(self, executors: ExecutorFactory, store: ContextStore) -> None:
        self.store = store
        self._executors = executors
        self._idle: dict[str, _Live] = {}
        self._busy: dict[Executor, _Live] = {}
        self._at_end = weakref.finalize(self, executors.close)

    def close(self) -> None:
        """End all REPLs, and what is kept for the next ones. The pool can be used again."""
        self._idle.clear()
        self._busy.clear()
        self._executors.close()

    @property
    def alive(self) -> int:
        """How many REPLs are alive."""
        return len(self._idle) + len(self._busy)

    async def open(self, context: ContextRef, scope: Scope | None) -> str:
        """A new REPL over a context; returns the id of its state. It loads while its user goes on."""
        manifest = await asyncio.to_thread(self.store.local_manifest, context)
        executor = await asyncio.to_thread(self._executors, manifest)
        return await self._keep(_Live(executor, context.sha256, scope))

    def adopt(self, state_id: str | None, context: ContextRef, scope: Scope | None) -> bool:
        """Take the REPL in that state, over that context, into a run; False if there is none (any more)."""
        live = self._idle.get(state_id or "")
        if live is None or live.context != context.sha256:
            return False
        live.scope = scope
        return True

    def take(self, state_id: str, scope: Scope | None) -> Executor | None:
        """The REPL in that state, for one user at a time; None if there is none (any more)."""
        live = self._idle.pop(state_id, None)
        if live is None:
            return None
        live.scope = scope
        self._busy[live.executor] = live
        return live.executor

    async def put_back(self, executor: Executor) -> str:
        """Give a REPL back after a cell; returns the id of the state that it is in now."""
        return await self._keep(self._busy.pop(executor))

    async def discard(self, executor: Executor) -> None:
        """Close a REPL that was in the middle of a cell."""
        self._busy.pop(executor, None)
        await executor.close()

    async def end(self, scope: Scope) -> None:
        """A run has ended: its REPLs are closed, or kept as long as there is room."""
        for executor in [executor for executor, live in self._busy.items() if live.scope is scope]:
            await self.discard(executor)
        for state_id, live in [(state_id, live) for state_id, live in self._idle.items() if live.scope is scope]:
            live.scope = None
            if not scope.keeps:
                await self._idle.pop(state_id).executor.close()
        await self._make_room()

    async def _keep(self, live: _Live) -> str:
        state_id = uuid.uuid4().hex
        self._idle[state_id] = live
        await self._make_room()
        return state_id

    async def _make_room(self) -> None:
        unused = [state_id for state_id, live in self._idle.items() if live.scope is None]
        for state_id in unused[: -self.MAX_IDLE]:
            await self._idle.pop(state_id).executor.close()
