"""The server's checkpoints for code that is not async: a server's checkpointer needs to have async methods only.

It also belongs to the event loop that it was made in, like the connections of a Postgres one. So it is asked there,
while the thread that reads a story waits.
"""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

# The server has no public name for this, which its own routes use.
from langgraph_api._checkpointer import get_checkpointer  # type: ignore[import-untyped]


class ServerCheckpoints(BaseCheckpointSaver[Any]):
    """Reads the server's checkpoints, from any thread but that of the event loop in which it was made."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """A checkpoint with what was written next.

        Raises:
            Exception: whatever the server's checkpointer raises.
        """
        return asyncio.run_coroutine_threadsafe(self.aget_tuple(config), self._loop).result()

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Likewise."""
        checkpointer = await get_checkpointer()  # for each question one, as the server has it
        found: CheckpointTuple | None = await checkpointer.aget_tuple(config)
        return found


__all__ = ["ServerCheckpoints"]
