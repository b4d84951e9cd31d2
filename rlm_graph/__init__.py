"""Recursive Language Models as a LangGraph graph: ask questions about contexts of any length.

    from rlm_graph import create_rlm

    rlm = create_rlm("openai:gpt-4.1", sub_model="openai:gpt-4.1-mini")
    result = rlm.invoke({"query": "Which documents mention climate change?", "context": documents})

Importing this package imports nothing else: each name below loads its module when it is first used, because
LangGraph takes seconds to import on a slow machine, and a worker process must not have it at all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlm_graph.config import RLMConfig
    from rlm_graph.context import ContextRef, ContextStore, Document, load_context
    from rlm_graph.errors import (
        ConfigError,
        ContextError,
        MaxIterationsExceeded,
        MaxSubCallsExceeded,
        ModelError,
        REPLExecutionError,
        RLMError,
        SandboxTimeout,
    )
    from rlm_graph.events import RLMEvent
    from rlm_graph.graph import create_rlm
    from rlm_graph.repl.executor import Executor, ExecutorFactory
    from rlm_graph.repl.process import ProcessExecutors
    from rlm_graph.wrapper import HistoryEntry, RLMResponse, RLMWrapper

_HOMES = {
    "ConfigError": "errors",
    "ContextError": "errors",
    "ContextRef": "context",
    "ContextStore": "context",
    "Document": "context",
    "Executor": "repl.executor",
    "ExecutorFactory": "repl.executor",
    "HistoryEntry": "wrapper",
    "MaxIterationsExceeded": "errors",
    "MaxSubCallsExceeded": "errors",
    "ModelError": "errors",
    "ProcessExecutors": "repl.process",
    "REPLExecutionError": "errors",
    "RLMConfig": "config",
    "RLMError": "errors",
    "RLMEvent": "events",
    "RLMResponse": "wrapper",
    "RLMWrapper": "wrapper",
    "SandboxTimeout": "errors",
    "create_rlm": "graph",
    "load_context": "context",
}

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "ContextError",
    "ContextRef",
    "ContextStore",
    "Document",
    "Executor",
    "ExecutorFactory",
    "HistoryEntry",
    "MaxIterationsExceeded",
    "MaxSubCallsExceeded",
    "ModelError",
    "ProcessExecutors",
    "REPLExecutionError",
    "RLMConfig",
    "RLMError",
    "RLMEvent",
    "RLMResponse",
    "RLMWrapper",
    "SandboxTimeout",
    "__version__",
    "create_rlm",
    "load_context",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
