"""The REPLs that are alive in this process: a cache of their snapshots.

The graph's state names the REPL state that it belongs to, and a cell makes a new one. An executor that is in that
state is used again; where there is none, a new one is restored from the snapshot. So a fork or a time travel never
meets the variables of another branch, and any REPL can be closed between two cells.
"""

from __future__ import annotations

import asyncio
import uuid
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlm_graph.context import ContextRef, ContextStore
from rlm_graph.repl.executor import Executor, ExecutorFactory
from rlm_graph.repl.snapshot_store import SnapshotStore

if TYPE_CHECKING:
    from rlm_graph.journal import Session

_BLANK = "blank-"
"""How the id of a state begins in which no cell has run yet."""

_UNSAVED = "unsaved-"
"""How the id of a state begins of which the backend keeps no snapshot."""


@dataclass(eq=False)
class Scope:
    """A run that is under way."""

    keeps: bool
    """Whether the thread may ask another question: then its REPL stays for it, while there is room."""

    answered: bool = False
    """Whether the run has come to its end. One that is paused, or has failed, holds no process while it waits."""

    has_begun: bool = False
    """Whether a step has been carried out in it."""

    begun_as: str = ""
    """What whoever has begun it calls it, where that outlives a checkpoint that is lost: a tool call of an agent.
    Nobody asks another question there."""

    session: Session | None = None
    """With the journal; opened when it is first needed."""


@dataclass
class _Live:
    """A REPL, the state and the context that it has, and the run that uses it."""

    executor: Executor
    state_id: str
    context: str
    """The context's sha256."""

    scope: Scope | None
    """None when the run has ended."""


class ReplPool:
    """REPLs between cells, the least recently used of which are closed when there are too many."""

    MAX_IDLE = 16
    """REPLs that stay alive between cells; the others come back from their snapshots."""

    def __init__(self, executors: ExecutorFactory, store: ContextStore) -> None:
        self.store = store
        self.snapshots = SnapshotStore(store.files)
        self._executors = executors
        self._idle: list[_Live] = []  # the most recently used last; equal states have equal ids
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
        live = _Live(await self._start(context), f"{_BLANK}{uuid.uuid4().hex}", context.sha256, scope)
        await self._keep(live)
        return live.state_id

    async def adopt(self, state_id: str | None, context: ContextRef, scope: Scope | None) -> bool:
        """Take a state over that context into a run; False if it is over another one, or gone."""
        live = self._find(state_id, scope)
        if live is None:
            return await self._is_saved(state_id, context)
        if live.context == context.sha256:
            live.scope = scope
            return True
        return False

    async def take(
        self, state_id: str | None, context: ContextRef, scope: Scope | None
    ) -> tuple[Executor, Mapping[str, str] | None]:
        """A REPL in that state, for one user at a time, and what could not be brought back.

        Returns:
            The executor, with the variables that are lost and why; None for all of them, when there is no snapshot.

        Raises:
            REPLExecutionError: the snapshot was changed or cannot be read.
        """
        live = self._find(state_id, scope)
        lost: Mapping[str, str] | None = {}
        if live is not None:
            self._idle.remove(live)
            live.scope = scope
        else:
            state_id = state_id or ""
            live = _Live(await self._start(context), state_id, context.sha256, scope)
            if await self._is_saved(state_id, context):
                try:
                    lost = await live.executor.restore(state_id)
                except BaseException:
                    await live.executor.close()
                    raise
            elif not state_id.startswith(_BLANK):
                lost = None
        self._busy[live.executor] = live
        return live.executor, lost

    async def put_back(self, executor: Executor, snapshot: str | None) -> str:
        """Give a REPL back after a cell; returns the id of the state that it is in now."""
        live = self._busy.pop(executor)
        live.state_id = snapshot or f"{_UNSAVED}{uuid.uuid4().hex}"
        await self._keep(live)
        return live.state_id

    async def discard(self, executor: Executor) -> None:
        """Close a REPL that was in the middle of a cell."""
        self._busy.pop(executor, None)
        await executor.close()

    async def end(self, scope: Scope) -> None:
        """A run has ended or waits: its REPLs are closed, or kept for the next question as long as there is room."""
        for executor in [executor for executor, live in self._busy.items() if live.scope is scope]:
            await self.discard(executor)
        for live in [live for live in self._idle if live.scope is scope]:
            live.scope = None
            if not (scope.keeps and scope.answered) or scope.begun_as:
                self._idle.remove(live)
                await live.executor.close()

    def _find(self, state_id: str | None, scope: Scope | None) -> _Live | None:
        """The REPL of this run in that state, else one that no run uses: equal states have equal ids."""
        found = [live for live in self._idle if live.state_id == state_id and live.scope in (scope, None)]
        return max(found, key=lambda live: live.scope is scope, default=None)

    async def _is_saved(self, state_id: str | None, context: ContextRef) -> bool:
        return state_id is not None and await asyncio.to_thread(self.snapshots.belongs, state_id, context.sha256)

    async def _start(self, context: ContextRef) -> Executor:
        manifest = await asyncio.to_thread(self.store.local_manifest, context)
        return await asyncio.to_thread(self._executors, manifest, self.snapshots)

    async def _keep(self, live: _Live) -> None:
        self._idle.append(live)
        can_come_back = [live for live in self._idle if live.scope is None or not live.state_id.startswith(_UNSAVED)]
        for old in can_come_back[: -self.MAX_IDLE]:
            self._idle.remove(old)
            await old.executor.close()
