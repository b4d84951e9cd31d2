"""The routes that `langgraph.json` adds to the server's own: uploads of contexts, reports of runs."""

from __future__ import annotations

from rlm_graph.server.app import app

__all__ = ["app"]
