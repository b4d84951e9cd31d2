"""The graph that an Agent Server runs, made from the operator's environment.

    RLM_GRAPH_MODEL, _SUB_MODEL             the models; left out, those of `rlm-graph ask`: without a key, rules
    RLM_GRAPH_HOME, _STORE, _DATABASE       where contexts, REPLs and answers are kept (docs/durability.md)
    RLM_GRAPH_MODELS, _SETTINGS, _LIMITS    what callers may choose (`settings.py`)
    RLM_GRAPH_CONTEXT_ROOTS                 the places that callers' URIs may name (`context/roots.py`); none by default

The server brings checkpointer and store. It also copies the graph for each request, and all copies share the REPLs of
this one; so it is made once, when the server starts, and a model that cannot be used is a server that does not start.
"""

from __future__ import annotations

import functools
import logging

from rlm_graph import create_rlm
from rlm_graph.cli.model_choice import choose_models
from rlm_graph.context import Home
from rlm_graph.context.roots import ContextRoots
from rlm_graph.graph import RLMGraph
from rlm_graph.server.settings import offered_models, served_config

logger = logging.getLogger("rlm_graph.server")


@functools.cache
def served_graph() -> RLMGraph:
    """The graph; the same one for all who ask in this process.

    Raises:
        ConfigError: a variable of the environment has a value that is not allowed.
        ModelError: a model cannot be used.
        ContextError: the folder that keeps contexts cannot be made.
        MissingExtraError: an optional package that a root or the store needs is not installed.
    """
    choice = choose_models(None, None, offline=False)
    for note in choice.notes:
        logger.warning(note)
    logger.info("model: %s", choice)
    offered, roots, home = offered_models(), ContextRoots.from_environment(), Home.from_environment()
    logger.info("models that callers may choose: %s; %r", ", ".join(offered) or "none", roots)
    return create_rlm(
        choice.model or choice.name,
        sub_model=None if choice.sub_name == choice.name else choice.sub_name,
        offered_models={name: name for name in offered},
        config=served_config(offered),
        context_store=home.context_store(),  # a thread outlives this process, and its context with it
        context_roots=roots,
        journal=home.journal,
    )


__all__ = ["served_graph"]
