"""How a step of a run is stopped without losing anything: nothing new is asked, what is in flight comes back.

A step stops because somebody asks the run to stop (Ctrl-C, SIGTERM, a server that drains: LangGraph's `RunControl`), or
because something in it waits for a person. It stops within `DRAIN_S` seconds in the first case; requests that have not
come back by then are made again when the run is resumed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
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


class SafePoint:
    """Whether a step goes on, and what it has in flight.

    Args:
        drain_reason: Says why the run is to stop, None as long as it is not.
        is_committing: Says whether something that has come back is not in the journal yet.
    """

    def __init__(self, drain_reason: Callable[[], str | None], is_committing: Callable[[], bool]) -> None:
        self._drain_reason = drain_reason
        self._is_committing = is_committing
        self._stopping = asyncio.get_running_loop().create_future()
        self._reason: str | None = None
        self._in_flight = 0

    async def carry_out(self, work: Coroutine[Any, Any, T]) -> T:
        """Carry out the work of a step.

        Raises:
            Stopped: it was stopped, and the work cancelled.
        """
        working = asyncio.ensure_future(work)
        self._look()
        try:
            await asyncio.wait({working, self._stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if self._reason is None else DRAIN_S):
                        await self._quiet(working)
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
        if self._stopping.done():
            await asyncio.Event().wait()
        self._in_flight += 1

    def land(self) -> None:
        """End what `take_off` began."""
        self._in_flight -= 1

    def _look(self) -> None:
        """See whether the run is to stop, now and every `POLL_S` seconds."""
        self._reason = self._drain_reason()
        if self._reason is not None:
            self._stop()
        self._next_look = asyncio.get_running_loop().call_later(POLL_S, self._look)

    def _stop(self) -> None:
        if not self._stopping.done():
            self._stopping.set_result(None)

    async def _quiet(self, working: asyncio.Future[Any]) -> None:
        while not working.done():
            was_quiet = not self._in_flight
            await asyncio.sleep(QUIET_S)
            if was_quiet and not self._in_flight and not self._is_committing():
                return


__all__ = ["SafePoint", "Stopped"]
