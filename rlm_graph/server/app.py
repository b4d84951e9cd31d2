"""The routes beside the server's own. `langgraph.json` names this app under `http`, and the server adds its own to it.

    POST /contexts            a file or text becomes a context; the answer has the handle by which an input names it
    GET  /contexts/{handle}   what it is, without the text
    GET  /report/{thread_id}/ the report of a thread, which follows it; .../data is what the page asks for

What the server demands of callers (`auth`), it demands here too (`enable_custom_route_auth`).
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from rlm_graph.context import ContextRef
from rlm_graph.context.gate import ContextGate
from rlm_graph.errors import (
    ContextEmptyError,
    ContextNotFoundError,
    ContextTypeError,
    ContextUnreadableError,
    MissingExtraError,
    RLMError,
    RunNotFoundError,
)
from rlm_graph.report.live import Following
from rlm_graph.server.callers import demand_known
from rlm_graph.server.graph import served_graph
from rlm_graph.server.lifespan import lifespan
from rlm_graph.server.reports import read
from rlm_graph.server.uploads import limit_bytes, put_body

_LIMIT = limit_bytes()  # an operator's mistake is told when the server starts

_STATUS: tuple[tuple[type[RLMError], int], ...] = (
    (ContextEmptyError, 422),
    (MissingExtraError, 501),
    (ContextUnreadableError, 415),
    (ContextNotFoundError, 404),
    (ContextTypeError, 404),
    (RunNotFoundError, 404),
)


async def upload(request: Request) -> Response:
    """Keep the body as a context; it is deleted by `rlm-graph gc` some time after no run refers to it.
    ---
    summary: Upload a context
    description: The body is one text, PDF, HTML or Office file (?name= is its name), or a form with one file or more.
    tags: [Contexts]
    responses:
      "201":
        description: The context's handle, which an input gives as its context, and what it looks like.
    """  # noqa: D205 - what follows the line is for the server's documentation
    demand_known(request)
    gate = await asyncio.to_thread(_gate)
    ref = await put_body(request, gate.store, limit=_LIMIT)
    return JSONResponse(await asyncio.to_thread(_described, gate, ref), status_code=201)


async def describe(request: Request) -> Response:
    """Tell what a context looks like.
    ---
    summary: Look at a context
    description: Everything but the text, for whoever has the handle.
    tags: [Contexts]
    responses:
      "200":
        description: The same as after the upload.
    """  # noqa: D205 - as above
    demand_known(request)
    gate = await asyncio.to_thread(_gate)
    ref = await asyncio.to_thread(gate.open, request.path_params["handle"])
    return JSONResponse(await asyncio.to_thread(_described, gate, ref))


async def report(request: Request) -> Response:
    """Show a thread.
    ---
    summary: Report of a thread's last run
    description: A page of HTML with every turn, cell and sub-call; it follows a run that goes on.
    tags: [Reports]
    responses:
      "200":
        description: The page.
    """  # noqa: D205 - as above
    if not request.url.path.endswith("/"):  # the page asks beside itself
        return RedirectResponse(f"{request.url.path}/")
    return HTMLResponse(await read(request, Following.page))


async def report_data(request: Request) -> Response:
    """Tell the page what has changed.
    ---
    summary: What a report's page asks for
    description: With the hashes of what it has in ?have=.
    tags: [Reports]
    responses:
      "200":
        description: What is new.
    """  # noqa: D205 - as above
    have = request.query_params.get("have", "")
    return Response(await read(request, lambda report: report.data(have)), media_type="application/json")


async def refuse(_: Request, error: Exception) -> Response:
    """What was wrong, as the server tells its own errors."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    return JSONResponse({"detail": str(error)}, status_code=status)


def _gate() -> ContextGate:
    gate = served_graph().gate
    assert gate is not None
    return gate


def _described(gate: ContextGate, ref: ContextRef) -> dict[str, Any]:
    shown = ("sha256", "kind", "items", "chars", "bytes", "prefix", "names", "skipped", "skipped_count")
    state = ref.to_state()["context_ref"]
    return {"handle": gate.handle(ref), **{name: state[name] for name in shown}}


app = Starlette(
    routes=[
        Route("/contexts", upload, methods=["POST"]),
        Route("/contexts/{handle}", describe, methods=["GET"]),
        Route("/report/{thread_id}", report, methods=["GET"]),
        Route("/report/{thread_id}/", report, methods=["GET"]),
        Route("/report/{thread_id}/data", report_data, methods=["GET"]),
    ],
    exception_handlers={RLMError: refuse},
    lifespan=lifespan,
)
