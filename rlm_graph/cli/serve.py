"""`serve`: LangGraph's Agent Server on the graph of `rlm_graph.server`, as `langgraph dev` starts it, from anywhere."""

from __future__ import annotations

import os
from importlib.util import find_spec

from rlm_graph.context import default_home
from rlm_graph.errors import ConfigError, MissingExtraError

GRAPHS = {
    "rlm": {
        "path": "rlm_graph.server.served:rlm",
        "description": (
            "Answers a question about a context of any length: a root model writes Python over it in a REPL."
        ),
    }
}
STREAMS_END_S = 1
"""Whole seconds that callers who wait for a run keep the server from ending; its runs are stopped after that."""

HTTP = {"app": "rlm_graph.server.app:app", "enable_custom_route_auth": True}


def serve(*, host: str, port: int, browser: bool, jobs: int) -> int:
    """Serve until Ctrl-C.

    Args:
        host: Address to listen on.
        port: If it is taken, another one is.
        browser: Open Studio in a browser.
        jobs: Runs at once.

    Raises:
        MissingExtraError: LangGraph's server is not installed.
        ConfigError: a variable of the environment is not allowed, or the folder of the server's threads cannot be made.
        ModelError: a model cannot be used.
    """
    if not find_spec("langgraph_api") or not find_spec("langgraph_runtime_inmem"):
        raise MissingExtraError("serve needs LangGraph's server: pip install 'rlm-graph[studio]'")
    folder = default_home() / "server"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chdir(folder)  # the server keeps its threads below the working directory
    except OSError as error:
        raise ConfigError(f"the folder {folder} cannot be used: {error.strerror}; set RLM_GRAPH_HOME") from error
    os.environ.setdefault("LANGGRAPH_NO_VERSION_CHECK", "true")  # it would ask a package index

    from langgraph_api.cli import run_server  # type: ignore[import-untyped]

    from rlm_graph.server.graph import served_graph
    from rlm_graph.server.uploads import limit_bytes

    # Made now, in the same process: what is wrong is told in a sentence, and not in the middle of the server's log.
    served_graph()
    limit_bytes()
    run_server(
        host=host,
        port=port,
        graphs=GRAPHS,
        http=HTTP,
        n_jobs_per_worker=jobs,
        open_browser=browser,
        reload=False,
        timeout_graceful_shutdown=STREAMS_END_S,
    )
    return 0


__all__ = ["serve"]
