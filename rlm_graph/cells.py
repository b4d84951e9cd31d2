"""The cells of one reply: each is run in the REPL, and the calls that it makes are answered on the side."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rlm_graph import prompts
from rlm_graph.answering import Answering, cancelled
from rlm_graph.answers import Answers, Entry, Key, Place, digest
from rlm_graph.config import RLMConfig
from rlm_graph.events import emit
from rlm_graph.human import CellsDecision
from rlm_graph.ledger import Ledger
from rlm_graph.repl.executor import Call, Done, Executor, Functions
from rlm_graph.sub_calls import SubCalls
from rlm_graph.tree import Tree

MAX_FRUITLESS = 3
"""How often a cell is run whose process somebody kills before anything more is answered; one that gets on goes on."""

TELL_EVERY_S = 1.0
"""Seconds between what the journal is told of a cell that runs on."""

MAX_TOLD_CHARS = 20_000
"""Characters of a cell's stdout that the journal keeps."""

MAX_TOLD_CHILDREN = 100
"""Children at work that the journal is told of while a cell runs."""

MAX_TOLD_PROMPT_CHARS = 1000
"""Characters of what each of them was asked; the whole is told with its answer."""

CALLS_AT_ONCE = 8
"""Calls of a cell that are taken before those that were taken begin: the first requests do not wait for the last."""

AHEAD_PER_SLOT = 2
"""Calls that may have been asked ahead of the code, for each that can be in flight: the next ones stand ready."""

READY = 32
"""Plain calls that have begun beyond those that can be in flight: each costs the garbage collector time."""


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
        """The cells to be run: what a person makes of them, where the settings want one to.

        Or wanted: who resumes a run may have left its settings out, and a rejected cell must not run for that.
        """
        request_id = f"cells-{digest(place.path, place.cell, *self.codes)[:16]}"
        if not (self.settings.approve_cells or tree.desk.has_asked(request_id)):
            return CellsDecision(tuple(self.codes))
        decision = await tree.ask_person(
            {
                "id": request_id,
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
            where, started_at = Place(place.path, f"{place.cell} {at}"), time.time()
            key = where.key("cell", digest(code))
            running = _Running(tree.answers, where, key, started_at)
            try:
                end = await self._run_one(executor, code, tree, where)
            finally:
                running.stop()
            tree.answers.record_later(key, _entry(code, end, started_at))
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
        left = MAX_FRUITLESS
        while True:
            before = tree.answers.count
            end = await self._attempt(executor, code, tree, Place(place.path, place.cell))
            left = left - 1 if tree.answers.count == before else MAX_FRUITLESS
            if not (end.killed and left):
                return end

    async def _attempt(self, executor: Executor, code: str, tree: Tree, place: Place) -> Done:
        sub_calls = self.sub_calls(tree, place)
        answering = Answering(partial(sub_calls.answer, executor), plain_at_once=self.settings.max_concurrency + READY)
        stepping = asyncio.create_task(self._steps(executor, code, tree, answering))
        try:
            watched: set[asyncio.Future[Any]] = {stepping, answering.failed}
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            if answering.failed.done():
                answering.failed.result()  # raises what the code can do nothing about
            done = stepping.result()
            if done.killed:
                await answering.leave(tree.answers)
            return done
        finally:
            await cancelled([stepping])
            await answering.close()

    async def _steps(self, executor: Executor, code: str, tree: Tree, answering: Answering) -> Done:
        """Run a cell to its end, and have its calls answered meanwhile."""
        step = await executor.run_cell(
            code,
            timeout_s=self.settings.sandbox_timeout,
            functions=self.functions,
            ahead=AHEAD_PER_SLOT * self.settings.max_concurrency if self.settings.run_ahead else 0,
            calls_left=_left(tree.ledger),
        )
        calls = 0
        while not isinstance(step, Done):
            if isinstance(step, Call):
                answering.begin(step)
                calls += 1
                if calls % CALLS_AT_ONCE == 0:
                    await asyncio.sleep(0)
            else:
                await answering.cancel(step.ids)
            step = await executor.next_step()
        return step


class _Running:
    """Tells the journal of a cell that runs, for who follows the run from elsewhere; its end takes the place of that.

    Not of each call that begins: that would be a row for each, and the answers tell it a little later.
    """

    def __init__(self, answers: Answers, place: Place, key: Key, started_at: float) -> None:
        self._answers = answers
        self._place = place
        self._key = key
        self._started_at = started_at
        self._told: dict[str, Any] | None = None
        self._wait()

    def stop(self) -> None:
        """It has ended."""
        self._timer.cancel()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TELL_EVERY_S, self._tell)

    def _tell(self) -> None:
        children = self._answers.children_in(self._place)[:MAX_TOLD_CHILDREN]
        told = {
            "asked": self._answers.asked_in(self._place),
            "children": [
                [key.digest, key.occurrence, began, prompt[:MAX_TOLD_PROMPT_CHARS]] for key, began, prompt in children
            ],
        }
        if told != self._told:
            self._told = told
            self._answers.record_later(self._key, Entry(json.dumps(told), started_at=self._started_at))
        self._wait()


def _entry(code: str, end: Done, started_at: float) -> Entry:
    """What the journal keeps of a cell for the story of the run."""
    told = {
        "code": code,
        "stdout": end.stdout[:MAX_TOLD_CHARS],
        "stdout_chars": end.stdout_chars,
        "error": end.error,
        "elapsed_s": end.elapsed_s,
        "ran_ahead": end.ran_ahead,
        "variables": {name: end.reprs[name] for name in end.changed if name in end.reprs},
    }
    return Entry(json.dumps(told), started_at=started_at, ended_at=time.time())


def _left(ledger: Ledger) -> int:
    return max(0, ledger.budgets.sub_calls - ledger.sub_calls)


__all__ = ["Cells"]
