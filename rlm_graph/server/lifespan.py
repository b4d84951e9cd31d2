"""What is done while LangGraph's server runs, and when it ends."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from rlm_graph.cli.serve import STREAMS_END_S
from rlm_graph.safe_point import DRAIN_S
from rlm_graph.server.graph import served_graph
from rlm_graph.server.persistence import written


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Keep what the server writes whole; when it ends, let what its runs have asked come back before it cancels them.

    The server ends those that are around its own in the reverse order, so its runs go on yet. It begins them again
    when it is started.
    """
    async with written(app):
        try:
            yield
        finally:
            if served_graph.cache_info().currsize:  # else it could not be made
                await served_graph().brake.pull(within_s=DRAIN_S - STREAMS_END_S)


__all__ = ["lifespan"]
