"""How a step of a run is stopped without losing anything: nothing new is asked, what is in flight comes back.

A step stops because somebody asks the run to stop (Ctrl-C, SIGTERM: LangGraph's `RunControl`), or because something in
it waits for a person. It stops within `DRAIN_S` seconds in the first case; requests that have not come back by then are
made again when the run is resumed. A server that ends cancels its runs, which it begins again when it is started; it
pulls the brake of all of them before.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")

DRAIN_S = 4.0
"""Seconds that requests in flight have to come back when the run is to stop."""

QUIET_S = 0.02
"""Seconds without anything in flight that make a safe point."""

POLL_S = 0.1
"""Seconds between two looks whether the run is to stop."""


class Stopped(Exception):  # noqa: N818 - no error: the step is carried out again when the run is resumed
    """The step was stopped at a safe point."""

    def __init__(self, drain_reason: str | None) -> None:
        super().__init__(drain_reason)
        self.drain_reason = drain_reason
        """Why the run is to stop; None: because something waits for a person."""


class Brake:
    """Holds the steps of all runs of a graph, because the process is about to end: they ask nothing any more.

    A step that is held goes on as far as it gets with what it was answered; somebody has to cancel it.
    """

    def __init__(self) -> None:
        self.is_pulled = False
        self._working: set[SafePoint] = set()  # in whatever threads their event loops run

    async def pull(self, *, within_s: float = DRAIN_S) -> None:
        """Hold them, and wait until what they have in flight has come back, for at most so many seconds."""
        self.is_pulled = True
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await _quiet(lambda: any(step.is_busy for step in tuple(self._working)))

    @contextmanager
    def on(self, step: SafePoint) -> Iterator[None]:
        """While a step is carried out."""
        self._working.add(step)
        try:
            yield
        finally:
            self._working.discard(step)


class SafePoint:
    """Whether a step goes on, and what it has in flight.

    Args:
        brake: Holds it, with others.
        drain_reason: Says why the run is to stop, None as long as it is not.
        is_committing: Says whether something that has come back is not in the journal yet.
    """

    def __init__(self, brake: Brake, drain_reason: Callable[[], str | None], is_committing: Callable[[], bool]) -> None:
        self._brake = brake
        self._drain_reason = drain_reason
        self._is_committing = is_committing
        self._stopping = asyncio.get_running_loop().create_future()
        self._reason: str | None = None
        self._stops_by = math.inf  # in the event loop's time: who waits for a person may be asked to stop as well
        self._in_flight = 0

    @property
    def is_busy(self) -> bool:
        """Whether something is in flight, or has come back and is not in the journal yet."""
        return bool(self._in_flight) or self._is_committing()

    @property
    def _is_late(self) -> bool:
        return asyncio.get_running_loop().time() > self._stops_by

    async def carry_out(self, work: Coroutine[Any, Any, T]) -> T:
        """Carry out the work of a step.

        Raises:
            Stopped: it was stopped, and the work cancelled.
        """
        with self._brake.on(self):
            return await self._carry_out(work)

    async def _carry_out(self, work: Coroutine[Any, Any, T]) -> T:
        working = asyncio.ensure_future(work)
        self._look()
        try:
            await asyncio.wait({working, self._stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                await _quiet(lambda: self.is_busy and not working.done() and not self._is_late)
            if working.done():
                return working.result()
        finally:
            self._next_look.cancel()
            if not working.done():
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
        raise Stopped(self._reason)

    async def wait_for_ever(self) -> None:
        """Stop the step, because this goes on only when it is carried out again."""
        self._stop()
        await asyncio.Event().wait()

    async def take_off(self) -> None:
        """Begin something that is waited for when the step is to stop; not begun any more then."""
        if self._stopping.done() or self._brake.is_pulled:
            await asyncio.Event().wait()
        self._in_flight += 1

    def land(self) -> None:
        """End what `take_off` began."""
        self._in_flight -= 1

    def _look(self) -> None:
        """See whether the run is to stop, now and every `POLL_S` seconds."""
        self._reason = self._drain_reason()
        loop = asyncio.get_running_loop()
        if self._reason is not None:
            self._stops_by = min(self._stops_by, loop.time() + DRAIN_S)
            self._stop()
        self._next_look = loop.call_later(POLL_S, self._look)

    def _stop(self) -> None:
        if not self._stopping.done():
            self._stopping.set_result(None)


async def _quiet(is_busy: Callable[[], bool]) -> None:
    """Wait until nothing is in flight, which for a moment is so between two requests as well."""
    was_busy = True
    while was_busy or is_busy():
        was_busy = is_busy()
        await asyncio.sleep(QUIET_S)


__all__ = ["Brake", "SafePoint", "Stopped"]
