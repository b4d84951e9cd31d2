"""Who may use the routes beside the server's own: whoever may use the server."""

from __future__ import annotations

# The server has no public name for this.
from langgraph_api.config import LANGGRAPH_AUTH  # type: ignore[import-untyped]
from starlette.exceptions import HTTPException
from starlette.requests import Request


def demand_known(request: Request) -> None:
    """Refuse callers that a server with `auth` has not been asked to know here.

    Raises:
        HTTPException: 401: its `langgraph.json` lacks `http.enable_custom_route_auth`.
    """
    if LANGGRAPH_AUTH and "user" not in request.scope:
        raise HTTPException(401, "this server knows its callers, but not here: set http.enable_custom_route_auth")


__all__ = ["demand_known"]
