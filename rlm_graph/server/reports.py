"""Reports of the server's threads: the page of `rlm_graph.report`, which asks for more while a run goes on.

Who may see a thread, may see its report: the server itself is asked for the thread, as the caller, before it is read.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, Final

# The server has no public names for these, which its own routes use.
from langgraph_api._checkpointer import get_checkpointer  # type: ignore[import-untyped]
from langgraph_api.config import LANGGRAPH_AUTH  # type: ignore[import-untyped]
from langgraph_api.utils import with_user  # type: ignore[import-untyped]
from langgraph_sdk import get_client
from langgraph_sdk.errors import APIStatusError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from rlm_graph.report.live import Following
from rlm_graph.server.graph import served_graph
from rlm_graph.story import StoryReader

MAX_READ_AT_ONCE: Final = 16
"""Threads whose stories are kept for the next look; each has searched its context."""

_followed: OrderedDict[str, Following] = OrderedDict()


async def followed(request: Request) -> Following:
    """The report of the thread that a request names, for a caller that may see it.

    Raises:
        HTTPException: there is no such thread for this caller, or the server's checkpointer cannot be read here.
    """
    thread: str = request.path_params["thread_id"]
    if LANGGRAPH_AUTH and "user" not in request.scope:
        raise HTTPException(401, "this server knows its callers, but not here: set http.enable_custom_route_auth")
    try:
        # The server's handlers of `auth.on` decide for the user that this sets: a client in the server has none.
        async with with_user(request.scope.get("user"), request.scope.get("auth")):
            await get_client().threads.get(thread)
    except APIStatusError as error:
        raise HTTPException(error.status_code, "there is no such thread, or not for you") from error
    checkpointer: Any = await get_checkpointer()
    return await asyncio.to_thread(_follow, thread, checkpointer)


def _follow(thread: str, checkpointer: Any) -> Following:
    if thread not in _followed:
        reader = StoryReader(served_graph().copy(update={"checkpointer": checkpointer}), thread)
        _followed[thread] = Following(reader.read, reader.version)
        while len(_followed) > MAX_READ_AT_ONCE:
            _followed.popitem(last=False)
    _followed.move_to_end(thread)
    return _followed[thread]


__all__ = ["followed"]
