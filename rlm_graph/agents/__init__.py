"""RLMs inside larger agents: as a tool, a middleware, a Deep Agents sub-agent, a chat model.

    from rlm_graph.agents import create_rlm_tool

    agent = create_agent("openai:gpt-4.1", [create_rlm_tool("openai:gpt-4.1-mini", context=Path("contracts"))])

Names are imported when they are first used: LangChain's agents take a second to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlm_graph.agents.chat import ChatRLM
    from rlm_graph.agents.deep import rlm_sub_agent
    from rlm_graph.agents.middleware import LargeContextMiddleware
    from rlm_graph.agents.tool import create_rlm_tool

__all__ = ["ChatRLM", "LargeContextMiddleware", "create_rlm_tool", "rlm_sub_agent"]

_MODULES = {
    "ChatRLM": "chat",
    "LargeContextMiddleware": "middleware",
    "create_rlm_tool": "tool",
    "rlm_sub_agent": "deep",
}


def __getattr__(name: str) -> Any:
    """Import the module that holds `name`."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
