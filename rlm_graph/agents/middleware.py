"""A middleware that keeps large tool results out of an agent's messages: it puts a handle in their place."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

from langchain.agents.middleware.types import AgentMiddleware, ToolCallRequest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, ToolMessage
from langgraph.types import Command
from pydantic import BaseModel, Field

from rlm_graph.agents import handles
from rlm_graph.agents.asking import Asker
from rlm_graph.agents.handles import STATE_KEY, HandlesState, Held
from rlm_graph.agents.tool import ContextTool
from rlm_graph.blocking import run_blocking
from rlm_graph.config import RLMConfig
from rlm_graph.context import ContextStore
from rlm_graph.errors import ConfigError
from rlm_graph.graph import RLMGraph
from rlm_graph.prompts import sendable

_DESCRIPTION: Final = (
    "Answers a question about a tool's result that was too long to be shown and was kept under a handle. It is read by "
    "a program, however long it is."
)


Result = ToolMessage | Command[Any]
"""What a tool's call gives; some give several of them, in a list."""


class OverHandle(BaseModel):
    """Arguments of `ask_context`."""

    handle: str = Field(description="The handle in the tool's result, such as ctx:0123456789ab.")
    query: str = Field(description="The question, complete in itself: nothing else of this conversation is known.")


class LargeContextMiddleware(AgentMiddleware[HandlesState, Any]):
    """Moves large tool results into the context store, and gives the agent a handle and a tool to ask about them.

    A result of more than `threshold_chars` characters is stored once; in the tool message stand its size, its beginning
    and a handle. `ask_context(handle, query)` answers questions about it with an RLM; an answer that is as long is kept
    the same way. A handle is good in the thread that it was made in, and nowhere else.

    Args:
        rlm: What `create_rlm` returned, or a root model, of which one is made. Give a graph that runs under a lasting
            checkpointer a lasting `context_store`, too.
        threshold_chars: Characters of a result up to which it stays as it is.
        head_chars: Characters of its beginning that stay in the message.
        exclude_tools: Names of tools whose results stay as they are.
        sub_model: As for `create_rlm`, if `rlm` is a model.
        config: Likewise.
        context_store: Likewise. Left out: the user's data folder where a checkpointer keeps the agent's runs, else a
            temporary one.

    Raises:
        ConfigError: an argument is not allowed.
        UnknownModelError: a model's name is not known.
        MissingKeyError: a model's provider wants an API key and none is set.
    """

    state_schema = HandlesState
    TOOL: Final = "ask_context"

    def __init__(
        self,
        rlm: RLMGraph | str | BaseChatModel,
        *,
        threshold_chars: int = 20_000,
        head_chars: int = 1_000,
        exclude_tools: Collection[str] = (),
        sub_model: str | BaseChatModel | None = None,
        config: RLMConfig | None = None,
        context_store: ContextStore | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= head_chars <= threshold_chars:
            raise ConfigError(f"head_chars: {head_chars} is not allowed: must be from 0 to threshold_chars")
        self._asker = Asker(rlm, sub_model=sub_model, config=config, context_store=context_store)
        self._threshold_chars = threshold_chars
        self._head_chars = head_chars
        self._excluded = frozenset(exclude_tools)
        self.tools = [ContextTool(self._asker, self.TOOL, 0).tool(_DESCRIPTION, OverHandle)]

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]) -> Any:
        """Call the tool, and keep its result if it is large."""
        result = handler(request)
        return run_blocking(self._moved(result)) if self._is_large(request, result) else result

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> Any:
        """As `wrap_tool_call`."""
        result = await handler(request)
        return await self._moved(result) if self._is_large(request, result) else result

    def _is_large(self, request: ToolCallRequest, result: Result | list[Result]) -> bool:
        if request.tool_call["name"] in self._excluded:
            return False
        return any(
            isinstance(message, ToolMessage) and len(str(message.text)) > self._threshold_chars
            for one in (result if isinstance(result, list) else [result])
            for message in _messages(one)
        )

    async def _moved(self, result: Result | list[Result]) -> Command[Any] | list[Command[Any]]:
        """The result, with what is large in it kept, and the state's handles."""
        if isinstance(result, list):
            return [await self._moved_one(one) for one in result]
        return await self._moved_one(result)

    async def _moved_one(self, result: Result) -> Command[Any]:
        held: dict[str, Held] = {}
        messages = [
            await self._kept(message, held) if isinstance(message, ToolMessage) else message
            for message in _messages(result)
        ]
        if isinstance(result, ToolMessage):
            return Command(update={"messages": messages, STATE_KEY: held})
        if not held:
            return result
        assert isinstance(result.update, dict)
        return dataclasses.replace(result, update={**result.update, "messages": messages, STATE_KEY: held})

    async def _kept(self, message: ToolMessage, held: dict[str, Held]) -> ToolMessage:
        text = str(message.text)
        if len(text) <= self._threshold_chars:
            return message
        ref = await self._asker.keep(text)
        handle = handles.handle_of(ref)
        held[handle] = {"context": ref.to_state(), "source": message.name or "a tool"}
        notice = (
            f"The result has {len(text):,} characters, too many to be shown. It is kept as {handle}; to ask about it, "
            f"call {self.TOOL}(handle={handle!r}, query=...). It begins:\n\n{sendable(text[: self._head_chars])}"
        )
        # What is no text (an image) stays: it is not what the RLM could read.
        others = [] if isinstance(message.content, str) else [block for block in message.content if not _is_text(block)]
        return message.model_copy(update={"content": [{"type": "text", "text": notice}, *others] if others else notice})


def _messages(result: Result) -> list[BaseMessage]:
    """The messages in a tool's result, in their order."""
    if isinstance(result, ToolMessage):
        return [result]
    return list(result.update.get("messages", [])) if isinstance(result.update, dict) else []


def _is_text(block: Any) -> bool:
    return isinstance(block, str) or block.get("type") == "text"


__all__ = ["LargeContextMiddleware"]
