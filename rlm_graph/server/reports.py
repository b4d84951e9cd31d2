"""Reports of the server's threads: the page of `rlm_graph.report`, which asks for more while a run goes on.

Who may see a thread, may see its report: the server itself is asked for the thread, as the caller, before it is read.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

# The server has no public name for this, which its own routes use.
from langgraph_api.utils import with_user  # type: ignore[import-untyped]
from langgraph_sdk import get_client
from langgraph_sdk.errors import APIStatusError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from rlm_graph.report.live import Following
from rlm_graph.server.callers import demand_known
from rlm_graph.server.checkpoints import ServerCheckpoints
from rlm_graph.server.graph import served_graph
from rlm_graph.story import StoryReader

MAX_READ_AT_ONCE: Final = 16
"""Threads whose stories are kept for the next look; each has searched its context."""

# Of their own: a reader waits for the server's checkpointer, which may need a thread of the event loop's.
_readers = ThreadPoolExecutor(4, thread_name_prefix="rlm-report")
_followed: OrderedDict[str, Following] = OrderedDict()


async def read(request: Request, told: Callable[[Following], str]) -> str:
    """What the report of the thread that a request names tells a caller that may see it.

    Args:
        request: Of the caller.
        told: Takes it from the report; carried out in a thread.

    Raises:
        HTTPException: there is no such thread for this caller.
        RLMError: the story cannot be read.
    """
    demand_known(request)
    thread: str = request.path_params["thread_id"]
    try:
        # The server's handlers of `auth.on` decide for the user that this sets: a client in the server has none.
        async with with_user(request.scope.get("user"), request.scope.get("auth")):
            await get_client().threads.get(thread)
    except APIStatusError as error:
        raise HTTPException(error.status_code, "there is no such thread, or not for you") from error
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_readers, context.run, told, _follow(thread))


def _follow(thread: str) -> Following:
    if thread not in _followed:
        reader = StoryReader(served_graph().copy(update={"checkpointer": ServerCheckpoints()}), thread)
        _followed[thread] = Following(reader.read, reader.version)
        while len(_followed) > MAX_READ_AT_ONCE:
            _followed.popitem(last=False)
    _followed.move_to_end(thread)
    return _followed[thread]


__all__ = ["read"]
