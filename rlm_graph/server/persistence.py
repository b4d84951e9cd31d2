"""The files of LangGraph's in-memory server, which forgets to write those that were empty ten seconds after its start.

It writes its dictionaries to files every ten seconds, and gives up each that it finds empty. So a server that had no
run in its first seconds would keep the threads of the later ones, and none of their checkpoints, until it is stopped:
killed, it could not go on. Other servers' checkpointers are left alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import Any, Final

from langgraph.checkpoint.memory import PersistentDict

# The server has no public name for this, which its own routes use.
from langgraph_api._checkpointer import get_checkpointer  # type: ignore[import-untyped]

_EVERY_S: Final = 1.0


@contextlib.asynccontextmanager
async def written(_: Any) -> AsyncIterator[None]:
    """While the server runs, its checkpoints are among what it writes."""
    if not find_spec("langgraph_runtime_inmem"):
        yield
        return
    task = asyncio.create_task(_keep_registered(), name="rlm-graph: checkpoints are written")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep_registered() -> None:
    """Name the dictionaries to the server again and again, until none is empty: those it does not give up."""
    from langgraph_runtime_inmem._persistence import register_persistent_dict  # type: ignore[import-untyped]

    empty = True
    while empty:
        await asyncio.sleep(_EVERY_S)
        checkpointer = await get_checkpointer()
        kept = [getattr(checkpointer, name, None) for name in ("storage", "writes", "blobs")]
        files = [each for each in kept if isinstance(each, PersistentDict)]
        for each in files:
            register_persistent_dict(each)
        empty = any(not each for each in files)


__all__ = ["written"]
