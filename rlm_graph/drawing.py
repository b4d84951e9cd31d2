"""The graph as it is drawn, with the children that its cells can ask."""

from __future__ import annotations

from langchain_core.runnables.graph import Graph


def with_child(drawn: Graph, child: Graph) -> Graph:
    """Add the graph of a child, which a cell asks and which answers it: LangGraph does not see calls from code."""
    cell = drawn.nodes["execute_repl"]
    first, last = drawn.extend(child, prefix="rlm_query")
    assert first is not None
    assert last is not None
    drawn.add_edge(cell, first, data="rlm_query", conditional=True)
    drawn.add_edge(last, cell, conditional=True)
    return drawn


__all__ = ["with_child"]
