"""The graph that `langgraph.json` names: what LangGraph Studio draws and an Agent Server runs.

    langgraph dev         offline, without any key: the rules of `rlm_graph.offline` answer
    RLM_GRAPH_MODEL       the root model, such as openai:gpt-4.1; left out, what `rlm-graph ask` would choose
    RLM_GRAPH_SUB_MODEL   the model that `llm_query` asks
    RLM_GRAPH_HOME        the folder that keeps the contexts of the server's threads

The server brings checkpointer and store. It also copies the graph for each request, and all copies share the REPLs of
this one; so it is made once, when the server starts, and a model that cannot be used is a server that does not start.
"""

from __future__ import annotations

import logging

from rlm_graph import create_rlm
from rlm_graph.cli.model_choice import choose_models
from rlm_graph.context import home_store
from rlm_graph.graph import RLMGraph

logger = logging.getLogger("rlm_graph.studio")


def _graph() -> RLMGraph:
    choice = choose_models(None, None, offline=False)
    for note in choice.notes:
        logger.warning(note)
    logger.info("model: %s", choice)
    return create_rlm(
        choice.model or choice.name,
        sub_model=None if choice.sub_name == choice.name else choice.sub_name,
        context_store=home_store(),  # a thread outlives this process, and its context with it
    )


rlm = _graph()
