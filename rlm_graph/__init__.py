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
    from rlm_graph.agents import ChatRLM, LargeContextMiddleware, create_rlm_tool, rlm_sub_agent
    from rlm_graph.config import RLMConfig
    from rlm_graph.context import ContextRef, ContextStore, Document, load_context
    from rlm_graph.context.roots import ContextRoots
    from rlm_graph.errors import (
        BudgetExceeded,
        ConfigError,
        ContextEmptyError,
        ContextError,
        ContextNotFoundError,
        ContextTypeError,
        ContextUnreadableError,
        JournalError,
        JournalVersionError,
        MaxIterationsExceeded,
        MaxSubCallsExceeded,
        MissingExtraError,
        MissingKeyError,
        ModelAuthError,
        ModelError,
        ModelRateLimitError,
        ModelResponseError,
        ModelServerError,
        ModelUnreachableError,
        NeedsLanguageModelError,
        REPLExecutionError,
        RLMError,
        RunBusyError,
        RunNotFoundError,
        RunStopped,
        SandboxTimeout,
        ToolError,
        UnknownModelError,
    )
    from rlm_graph.events import RLMEvent
    from rlm_graph.graph import create_rlm
    from rlm_graph.journal import Journal
    from rlm_graph.models.sub_models import SubModel
    from rlm_graph.prices import Price
    from rlm_graph.profiles import Profile, load_profile
    from rlm_graph.repl.executor import Executor, ExecutorFactory
    from rlm_graph.repl.process import ProcessExecutors
    from rlm_graph.served_config import ServedConfig
    from rlm_graph.state import Citation
    from rlm_graph.story import read_story
    from rlm_graph.wrapper import HistoryEntry, RLMResponse, RLMWrapper

_HOMES = {
    "BudgetExceeded": "errors",
    "ChatRLM": "agents",
    "Citation": "state",
    "ConfigError": "errors",
    "ContextEmptyError": "errors",
    "ContextError": "errors",
    "ContextNotFoundError": "errors",
    "ContextRef": "context",
    "ContextRoots": "context.roots",
    "ContextStore": "context",
    "ContextTypeError": "errors",
    "ContextUnreadableError": "errors",
    "Document": "context",
    "Executor": "repl.executor",
    "ExecutorFactory": "repl.executor",
    "HistoryEntry": "wrapper",
    "Journal": "journal",
    "JournalError": "errors",
    "JournalVersionError": "errors",
    "LargeContextMiddleware": "agents",
    "MaxIterationsExceeded": "errors",
    "MaxSubCallsExceeded": "errors",
    "MissingExtraError": "errors",
    "MissingKeyError": "errors",
    "ModelAuthError": "errors",
    "ModelError": "errors",
    "ModelRateLimitError": "errors",
    "ModelResponseError": "errors",
    "ModelServerError": "errors",
    "ModelUnreachableError": "errors",
    "NeedsLanguageModelError": "errors",
    "Price": "prices",
    "ProcessExecutors": "repl.process",
    "Profile": "profiles",
    "REPLExecutionError": "errors",
    "RLMConfig": "config",
    "RLMError": "errors",
    "RLMEvent": "events",
    "RLMResponse": "wrapper",
    "RLMWrapper": "wrapper",
    "RunBusyError": "errors",
    "RunNotFoundError": "errors",
    "RunStopped": "errors",
    "SandboxTimeout": "errors",
    "ServedConfig": "served_config",
    "SubModel": "models.sub_models",
    "ToolError": "errors",
    "UnknownModelError": "errors",
    "create_rlm": "graph",
    "create_rlm_tool": "agents",
    "load_context": "context",
    "load_profile": "profiles",
    "read_story": "story",
    "rlm_sub_agent": "agents",
}

__version__ = "0.1.0"

__all__ = [
    "BudgetExceeded",
    "ChatRLM",
    "Citation",
    "ConfigError",
    "ContextEmptyError",
    "ContextError",
    "ContextNotFoundError",
    "ContextRef",
    "ContextRoots",
    "ContextStore",
    "ContextTypeError",
    "ContextUnreadableError",
    "Document",
    "Executor",
    "ExecutorFactory",
    "HistoryEntry",
    "Journal",
    "JournalError",
    "JournalVersionError",
    "LargeContextMiddleware",
    "MaxIterationsExceeded",
    "MaxSubCallsExceeded",
    "MissingExtraError",
    "MissingKeyError",
    "ModelAuthError",
    "ModelError",
    "ModelRateLimitError",
    "ModelResponseError",
    "ModelServerError",
    "ModelUnreachableError",
    "NeedsLanguageModelError",
    "Price",
    "ProcessExecutors",
    "Profile",
    "REPLExecutionError",
    "RLMConfig",
    "RLMError",
    "RLMEvent",
    "RLMResponse",
    "RLMWrapper",
    "RunBusyError",
    "RunNotFoundError",
    "RunStopped",
    "SandboxTimeout",
    "ServedConfig",
    "SubModel",
    "ToolError",
    "UnknownModelError",
    "__version__",
    "create_rlm",
    "create_rlm_tool",
    "load_context",
    "load_profile",
    "read_story",
    "rlm_sub_agent",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
