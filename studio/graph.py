"""The graph that `langgraph.json` names: what LangGraph Studio draws and an Agent Server runs.

`rlm_graph/server/graph.py` makes it, and says which variables of the environment it reads. Without any, and without a
key, it answers offline, by rules.
"""

from __future__ import annotations

from rlm_graph.server.served import rlm

__all__ = ["rlm"]
