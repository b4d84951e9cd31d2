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


class Scope:
    """A run whose REPLs nobody can come back to: they are closed with it."""


@dataclass
class _Live:
    """A REPL, the context that it has, and the run that it ends with."""

    executor: Executor
    context: str
    """The context's sha256."""

    scope: Scope | None


class ReplPool:
    """Live REPLs between cells, the least recently used of which is closed when there are too many."""

    MAX_IDLE = 16
    """REPLs that stay alive between cells."""

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

    async def open(self, context: ContextRef, scope: Scope | None) -> str:
        """A new REPL over a context; returns the id of its state. It loads while its user goes on."""
        manifest = await asyncio.to_thread(self.store.local_manifest, context)
        executor = await asyncio.to_thread(self._executors, manifest)
        return await self._keep(_Live(executor, context.sha256, scope))

    @property
    def alive(self) -> int:
        """How many REPLs are alive."""
        return len(self._idle) + len(self._busy)

    def is_alive(self, state_id: str | None, context: ContextRef) -> bool:
        """Whether a REPL is in that state, over that context."""
        live = self._idle.get(state_id or "")
        return live is not None and live.context == context.sha256

    def take(self, state_id: str) -> Executor | None:
        """The REPL in that state, for one user at a time; None if there is none (any more)."""
        live = self._idle.pop(state_id, None)
        if live is None:
            return None
        self._busy[live.executor] = live
        return live.executor

    async def put_back(self, executor: Executor) -> str:
        """Give a REPL back after a cell; returns the id of the state that it is in now."""
        return await self._keep(self._busy.pop(executor))

    async def discard(self, executor: Executor) -> None:
        """Close a REPL that was in the middle of a cell."""
        self._busy.pop(executor, None)
        await executor.close()

    async def close_scope(self, scope: Scope) -> None:
        """Close the REPLs of a run that has ended."""
        ended = [state_id for state_id, live in self._idle.items() if live.scope is scope]
        for state_id in ended:
            await self._idle.pop(state_id).executor.close()
        for executor in [executor for executor, live in self._busy.items() if live.scope is scope]:
            await self.discard(executor)

    async def _keep(self, live: _Live) -> str:
        state_id = uuid.uuid4().hex
        self._idle[state_id] = live
        while len(self._idle) > self.MAX_IDLE:
            oldest = next(iter(self._idle))
            await self._idle.pop(oldest).executor.close()
        return state_id
