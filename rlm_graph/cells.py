"""The cells of one reply: each is run in the REPL, and the calls that it makes are answered on the side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rlm_graph import prompts
from rlm_graph.answers import Place, digest
from rlm_graph.config import RLMConfig
from rlm_graph.events import emit
from rlm_graph.human import CellsDecision
from rlm_graph.ledger import Ledger
from rlm_graph.repl.executor import Call, Cancel, Done, Executor, Functions
from rlm_graph.sub_calls import SubCalls
from rlm_graph.tree import Tree

RERUNS = 3
"""How often a cell is run again whose process somebody has killed."""

AHEAD_PER_SLOT = 2
"""Calls that may have been asked ahead of the code, for each that can be in flight: the next ones stand ready."""


@dataclass(frozen=True)
class Cells:
    """The cells of one reply, with all that they depend on."""

    codes: Sequence[str]
    iteration: int
    settings: RLMConfig
    functions: Functions
    """What there is in the REPL beside the standard functions."""

    sub_calls: Callable[[Tree, Place], SubCalls]
    """Makes what answers the calls of a cell."""

    async def approved(self, tree: Tree, place: Place) -> CellsDecision:
        """The cells to be run: what a person makes of them, where the settings want one to."""
        if not self.settings.approve_cells:
            return CellsDecision(tuple(self.codes))
        decision = await tree.ask_person(
            {
                "id": f"cells-{digest(place.path, place.cell, *self.codes)[:16]}",
                "kind": "approve_cells",
                "text": prompts.approve_cells(len(self.codes), self.iteration),
                "cells": list(self.codes),
            }
        )
        assert isinstance(decision, CellsDecision)
        return decision

    async def run(self, executor: Executor, codes: Sequence[str], tree: Tree, place: Place) -> list[Done]:
        """Run cells in order, up to the first that fails or answers."""
        ends: list[Done] = []
        for at, code in enumerate(codes):
            end = await self._run_one(executor, code, tree, Place(place.path, f"{place.cell} {at}"))
            ends.append(end)
            tree.ledger.ran_ahead += end.ran_ahead
            emit(
                "code_executed",
                self.iteration,
                end.error or end.stdout,
                verbose=self.settings.verbose,
                code=code,
                stdout=end.stdout,
                stdout_chars=end.stdout_chars,
                error=end.error,
                elapsed_s=end.elapsed_s,
                ran_ahead=end.ran_ahead,
                variables=dict(end.reprs),
            )
            if end.error is not None or end.answer is not None:
                break
        return ends

    async def _run_one(self, executor: Executor, code: str, tree: Tree, place: Place) -> Done:
        """Run a cell. If somebody kills its process, it is run again, and what it was answered is found again."""
        for _ in range(RERUNS):
            end = await self._attempt(executor, code, tree, Place(place.path, place.cell))
            if not end.killed:
                return end
        return end

    async def _attempt(self, executor: Executor, code: str, tree: Tree, place: Place) -> Done:
        sub_calls = self.sub_calls(tree, place)
        calls: dict[int, asyncio.Task[None]] = {}
        # Told by the calls themselves: to look through all of them at each step takes long where there are thousands.
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def ended(call_id: int, task: asyncio.Task[None]) -> None:
            calls.pop(call_id, None)
            if not task.cancelled() and task.exception() is not None and not failed.done():
                failed.set_exception(task.exception() or AssertionError)

        stepping = asyncio.ensure_future(
            executor.run_cell(
                code,
                timeout_s=self.settings.sandbox_timeout,
                functions=self.functions,
                ahead=AHEAD_PER_SLOT * self.settings.max_concurrency if self.settings.run_ahead else 0,
                calls_left=_left(tree.ledger),
            )
        )
        try:
            while True:
                watched: set[asyncio.Future[Any]] = {stepping, failed}
                await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
                if failed.done():
                    failed.result()  # raises what the code can do nothing about
                match stepping.result():
                    case Call() as call:
                        task = asyncio.create_task(sub_calls.answer(executor, call))
                        calls[call.id] = task
                        task.add_done_callback(partial(ended, call.id))
                    case Cancel(ids):
                        await cancelled([calls[number] for number in ids if number in calls])
                    case done:
                        if done.killed:
                            with tree.answers.keep_asking():
                                await cancelled([*calls.values()])
                        return done
                stepping = asyncio.ensure_future(executor.next_step())
        finally:
            await cancelled([stepping, *calls.values()])
            if failed.done():
                failed.exception()


def _left(ledger: Ledger) -> int:
    return max(0, ledger.budgets.sub_calls - ledger.sub_calls)


async def cancelled(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel tasks, and wait until they have ended."""
    unfinished = [task for task in tasks if not task.done()]
    for task in unfinished:
        task.cancel()
    await asyncio.gather(*unfinished, return_exceptions=True)


__all__ = ["Cells"]
