"""The sync side of an async implementation: coroutines run in one event loop, in a thread of its own.

One loop for the whole process, so that the connections of a chat model's async client stay with the loop that
opened them, however many threads call `invoke` at once.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

CANCEL_TIMEOUT_S = 5.0
"""Seconds that a cancelled coroutine has to put things in order before its caller goes on."""

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None
_cleaning: set[asyncio.Task[None]] = set()  # an event loop holds its tasks weakly


def run_blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine from sync code and wait for it. It sees the caller's context variables.

    Ctrl-C, or any other exception in the waiting thread, cancels the coroutine and waits until it has cleaned up.
    """
    future = asyncio.run_coroutine_threadsafe(_ended(coroutine, ended := threading.Event()), _running_loop())
    try:
        return future.result()
    except BaseException:
        if future.cancel():
            ended.wait(CANCEL_TIMEOUT_S)
        raise


def clean_up(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine from sync code at the end of something, and wait for it where that is possible.

    An abandoned generator ends when it is collected, which may be in the event loop's own thread: there it only starts.
    """
    loop = _running_loop()
    if threading.current_thread() is _thread:
        _cleaning.add(task := loop.create_task(coroutine))
        task.add_done_callback(_cleaning.discard)
    else:
        run_blocking(coroutine)


async def _ended(coroutine: Coroutine[Any, Any, T], ended: threading.Event) -> T:
    """The coroutine, and a mark when it has ended: a cancelled future is done long before what it stood for."""
    try:
        return await coroutine
    finally:
        ended.set()


def _running_loop() -> asyncio.AbstractEventLoop:
    global _loop, _thread
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            _thread = threading.Thread(target=_loop.run_forever, name="rlm-graph", daemon=True)
            _thread.start()
            atexit.register(_stop, _loop, _thread)
        return _loop


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    loop.call_soon_threadsafe(loop.stop)
    thread.join(timeout=CANCEL_TIMEOUT_S)
    if not thread.is_alive():
        loop.close()
