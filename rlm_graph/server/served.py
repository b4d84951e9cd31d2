"""`rlm_graph.server.served:rlm`: the graph that an Agent Server runs. Importing this makes it."""

from __future__ import annotations

from rlm_graph.server.graph import served_graph

rlm = served_graph()
