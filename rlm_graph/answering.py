"""The calls of one cell, on their way to an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextvars import copy_context
from functools import partial
from typing import Any

from rlm_graph.answers import Answers
from rlm_graph.repl.executor import Call


class Answering:
    """Answers calls beside each other, as they come.

    Plain sub-calls beyond those that can soon be made wait as what they are: a hundred thousand tasks that wait for
    their turn would take the time of those that have it. Calls of models with a limit of their own, tools and children
    begin at once, so that they do not stand in the way of others, or others in theirs.

    Args:
        answer: Answers a call. What it raises ends the cell.
        plain_at_once: How many plain sub-calls may have begun.
    """

    def __init__(self, answer: Callable[[Call], Coroutine[Any, Any, None]], *, plain_at_once: int) -> None:
        self._answer = answer
        self._plain_at_once = plain_at_once
        self._context = copy_context()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._begun_plain = 0
        self._waiting: dict[int, Call] = {}  # in the order in which they came
        # Told by the calls themselves: to look through all of them at each step takes long where there are thousands.
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the answer to a call has raised what the code can do nothing about."""

    def begin(self, call: Call) -> None:
        """Answer a call, as soon as there is room for it."""
        if not _is_plain(call):
            self._start(call)
        elif self._begun_plain < self._plain_at_once:
            self._begun_plain += 1
            self._start(call)
        else:
            self._waiting[call.id] = call

    def _start(self, call: Call) -> None:
        task = self._tasks[call.id] = asyncio.create_task(self._answer(call))
        task.add_done_callback(partial(self._ended, call), context=self._context)  # else each makes a copy

    def _ended(self, call: Call, task: asyncio.Task[None]) -> None:
        was_left = self._tasks.pop(call.id, None) is None
        error = None if task.cancelled() else task.exception()
        if was_left:
            return
        if error is not None and not self.failed.done():
            self.failed.set_exception(error)
        if not _is_plain(call):
            return
        if self._waiting:
            self._start(self._waiting.pop(next(iter(self._waiting))))
        else:
            self._begun_plain -= 1

    async def cancel(self, ids: Iterable[int]) -> None:
        """Give up some calls, and wait until they have ended."""
        begun = [call_id for call_id in ids if self._waiting.pop(call_id, None) is None]
        await cancelled([self._tasks[call_id] for call_id in begun if call_id in self._tasks])

    async def leave(self, answers: Answers) -> None:
        """Give up all calls, but have asked to the end what is being asked for: the cell is run again."""
        self._waiting.clear()
        tasks, self._tasks = self._tasks, {}
        await cancelled(answers.leave(tasks.values()))

    async def close(self) -> None:
        """Give up all calls, and wait until they have ended."""
        self._waiting.clear()
        await cancelled([*self._tasks.values()])
        if self.failed.done():
            self.failed.exception()


def _is_plain(call: Call) -> bool:
    return call.function == "llm_query" and call.options.get("model") is None


async def cancelled(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel tasks, and wait until they have ended."""
    unfinished = [task for task in tasks if not task.done()]
    for task in unfinished:
        task.cancel()
    await asyncio.gather(*unfinished, return_exceptions=True)


__all__ = ["Answering", "cancelled"]
