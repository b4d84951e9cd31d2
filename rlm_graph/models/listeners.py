"""Whether anybody listens to calls of models and tools: then they are made through LangChain, which tells them."""

from __future__ import annotations

import inspect
import os
import sys
from types import FunctionType
from typing import Any

from langchain_core.callbacks import AsyncCallbackManager
from langchain_core.runnables import RunnableConfig

_DEAF = ("StreamMessagesHandler", "StreamMessagesHandlerV2")
"""LangGraph's own, which leave out what is tagged as sub-calls are."""

_WRAPPED = (
    ("langchain_core.language_models.chat_models", "BaseChatModel", ("ainvoke", "agenerate_prompt", "agenerate")),
    ("langchain_openai.chat_models.base", "BaseChatOpenAI", ("_agenerate", "_create_chat_result")),
    ("openai.resources.chat.completions", "AsyncCompletions", ("create",)),
    ("openai", "AsyncOpenAI", ("post", "request")),
    ("httpx", "AsyncClient", ("send",)),
    ("httpx", "AsyncHTTPTransport", ("handle_async_request",)),
    ("httpx2", "AsyncClient", ("send",)),
    ("httpx2", "AsyncHTTPTransport", ("handle_async_request",)),
    ("httpcore", "AsyncConnectionPool", ("handle_async_request",)),
    ("httpcore2", "AsyncConnectionPool", ("handle_async_request",)),
)
"""Methods that instrumentation and recorders of requests wrap, by module and class."""


def is_heard(config: RunnableConfig, *, streams: bool = False) -> bool:
    """Whether somebody would notice that a call is not made through LangChain and OpenAI's client.

    Covered: callbacks in the config and around the run, LangSmith, LangChain's debugging, and what wraps the methods on
    the way of a request to the network, as OpenTelemetry's instrumentations, respx and vcrpy do.

    Args:
        config: LangChain's, of the call.
        streams: Whether a stream of messages would have the call, too, as it has the root model's, and no sub-call.
    """
    manager = AsyncCallbackManager.configure(config.get("callbacks"))
    return any(streams or not _is_deaf(handler) for handler in manager.handlers) or _is_anything_wrapped()


def _is_deaf(handler: Any) -> bool:
    return type(handler).__name__ in _DEAF and type(handler).__module__.startswith("langgraph.")


def _is_anything_wrapped() -> bool:
    return any(
        not _is_own(getattr(sys.modules[module], name), method)
        for module, name, methods in _WRAPPED
        if hasattr(sys.modules.get(module), name)
        for method in methods
    )


def _is_own(kind: Any, method: str) -> bool:
    """Whether a method of a class, which it may have inherited, is the code of the package that it is from."""
    for base in getattr(kind, "__mro__", ()):
        if method in vars(base):
            function = inspect.getattr_static(base, method)
            file = sys.modules[base.__module__.partition(".")[0]].__file__ or ""
            inside = os.path.dirname(file) + os.sep  # noqa: PTH120 - Path is slow, and this is asked for each cell
            return isinstance(function, FunctionType) and function.__code__.co_filename.startswith(inside)
    return False


__all__ = ["is_heard"]
