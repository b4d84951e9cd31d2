"""The sub-model and its tools: the usual loop around a question, until the model answers instead of asking for one."""

from __future__ import annotations

import asyncio
import inspect
import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langchain_core.tools import tool as make_tool
from langgraph.errors import GraphBubbleUp

from rlm_graph.errors import ConfigError, ModelResponseError, ToolError
from rlm_graph.models.metering import Meter
from rlm_graph.models.model import Model

RunTool = Callable[[str, Mapping[str, Any], Callable[[], Awaitable[str]]], Awaitable[str]]
"""Gives the result of a tool, from its name, its arguments and a function that runs it: so a result can be kept, and
given again without running the tool. A tool that failed is a ToolError, from the function and from this."""

AskModel = Callable[[Model, Sequence[BaseMessage]], Awaitable[AIMessage]]
"""Gives a reply of a model, likewise."""

MAX_ERROR_CHARS = 2000
"""Characters of a tool's error that the model is shown."""

ANSWER_NOW = "No more tools can be called. Answer now, from what you know."
"""The end of the last request, which offers no tools."""


class ToolLoop:
    """A model with tools.

    A tool's error goes back to the model, which may try something else. What a tool raises to stop the graph
    (`interrupt()`) goes through. Tools that the model asks for in one reply run at once; a tool without an async form
    runs in a thread, with the context variables of the call.

    Not covered: tools that want the graph's state or its `ToolRuntime`, tools that answer with a `Command`, and
    `return_direct`, which is not looked at; what is no text in a tool's result is left out, and the model is told so.

    Args:
        model: The model.
        tools: LangChain tools, or functions with a docstring. Those of MCP servers come through langchain-mcp-adapters.
            With none, a question is one request.
        max_rounds: How often the model may ask for tools. Then it is asked once more, without any, to answer.

    Raises:
        ConfigError: something is no tool, two have one name, or the model can be given none.
    """

    def __init__(self, model: Model, tools: Iterable[BaseTool | Callable[..., Any]], *, max_rounds: int = 8) -> None:
        if max_rounds < 1:
            raise ConfigError(f"max_rounds: {max_rounds!r} is not allowed: must be 1 or more")
        self.name = model.name
        self._tools = as_tools(tools)
        self._max_rounds = max_rounds
        self._without_tools = model
        self._model = model.with_tools(list(self._tools.values())) if self._tools else model

    def digest(self, messages: Sequence[BaseMessage]) -> str:
        """What the question is: as that of the model, with its tools."""
        return self._model.digest(messages)

    async def ask(
        self,
        messages: Sequence[BaseMessage],
        config: RunnableConfig,
        *,
        meter: Meter | None = None,
        run_tool: RunTool | None = None,
        ask_model: AskModel | None = None,
    ) -> AIMessage:
        """The model's answer.

        Args:
            messages: What it is asked.
            config: LangChain's, for callbacks and streams.
            meter: Lets each request through and counts it.
            run_tool: Each result of a tool passes through it.
            ask_model: Each reply of the model passes through it; the meter is then its own business.

        Raises:
            ModelError: one of its kinds says what went wrong and what to do.
        """

        async def ask(model: Model, said: Sequence[BaseMessage]) -> AIMessage:
            if ask_model is not None:
                return await ask_model(model, said)
            return await model.ask(said, config, meter=meter)

        said = list(messages)
        for _ in range(self._max_rounds):
            reply = _with_ids(await ask(self._model, said))
            if not reply.tool_calls and not reply.invalid_tool_calls:
                return reply
            said += [reply, *await self._results(reply, config, run_tool)]
        reply = await ask(self._without_tools, [*messages, *_as_texts(said[len(messages) :])])
        if not str(reply.text).strip() and (reply.tool_calls or reply.invalid_tool_calls):
            raise ModelResponseError(
                f"{self.name} asked for tools {self._max_rounds} times, and then again instead of answering"
            )
        return reply

    async def _results(self, reply: AIMessage, config: RunnableConfig, run_tool: RunTool | None) -> list[ToolMessage]:
        """One message for each tool that the reply asks for."""
        wrong = [
            ToolMessage(
                f"the arguments are no JSON object: {str(call['error'] or call['args'])[:MAX_ERROR_CHARS]}",
                name=call["name"] or "",
                tool_call_id=str(call["id"]),
                status="error",
            )
            for call in reply.invalid_tool_calls
        ]
        # All of them end before anything is raised: what a tool has done is kept by `run_tool`, and not done again.
        ends = await asyncio.gather(
            *(self._result(call["name"], call["args"], str(call["id"]), config, run_tool) for call in reply.tool_calls),
            return_exceptions=True,
        )
        results = []
        for end in ends:
            if isinstance(end, BaseException):
                raise end
            results.append(end)
        return [*results, *wrong]

    async def _result(
        self, name: str, arguments: dict[str, Any], call_id: str, config: RunnableConfig, run_tool: RunTool | None
    ) -> ToolMessage:
        async def run() -> str:
            return await call_tool(self._tools[name], arguments, config, call_id=call_id)

        if name not in self._tools:
            text = f"there is no tool {name[:80]!r}; there are: {', '.join(self._tools) or 'none'}"
            return ToolMessage(text, name=name, tool_call_id=call_id, status="error")
        try:
            text = await (run() if run_tool is None else run_tool(name, arguments, run))
        except ToolError as error:
            return ToolMessage(str(error), name=name, tool_call_id=call_id, status="error")
        return ToolMessage(text, name=name, tool_call_id=call_id)


def as_tools(tools: Iterable[BaseTool | Callable[..., Any]]) -> dict[str, BaseTool]:
    """LangChain tools by their names.

    Args:
        tools: LangChain tools, or functions, of which name, docstring and annotations make one.

    Raises:
        ConfigError: something is no tool, or two have one name.
    """
    # One tool can be gone through too, as each model of pydantic can: it gives its fields.
    if isinstance(cast(object, tools), BaseTool) or not isinstance(tools, Iterable):
        raise ConfigError(f"{tools!r:.200} is not allowed as tools: must be a list of them")
    by_name: dict[str, BaseTool] = {}
    for given in tools:
        made = given if isinstance(given, BaseTool) else _made(given)
        if made.name in by_name:
            raise ConfigError(f"two tools have the name {made.name!r}: rename one of them")
        by_name[made.name] = made
    return by_name


def _made(given: Any) -> BaseTool:
    if not inspect.isroutine(given):
        raise ConfigError(f"{given!r:.200} is no tool: give a LangChain tool, or a function with a docstring")
    try:
        return make_tool(given)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{given.__name__} cannot be made a tool: {error}") from error


async def call_tool(
    tool: BaseTool, arguments: Mapping[str, Any], config: RunnableConfig, *, call_id: str | None = None
) -> str:
    """Run a tool.

    Args:
        tool: The tool.
        arguments: Its arguments, by name.
        config: LangChain's, for callbacks.
        call_id: The id of the model's call, for tools that want it; None makes one.

    Returns:
        The text of its result.

    Raises:
        ToolError: it failed, or was called wrongly.
        GraphBubbleUp: it stops the graph.
    """
    call = {"type": "tool_call", "name": tool.name, "args": dict(arguments), "id": call_id or str(uuid.uuid4())}
    try:
        result = await tool.ainvoke(call, config)
    except GraphBubbleUp:
        raise
    except Exception as error:  # the tool is the user's code
        raise ToolError(f"{type(error).__name__}: {error}"[:MAX_ERROR_CHARS]) from error
    if not isinstance(result, ToolMessage):
        raise ToolError(f"the tool gave a {type(result).__name__}, which has no meaning here")
    text = text_of(result.content)
    if result.status == "error":
        raise ToolError(text[:MAX_ERROR_CHARS])
    return text


def text_of(content: str | list[str | dict[str, Any]]) -> str:
    """The text of a result, which may be in parts: MCP tools give a list of them."""
    if isinstance(content, str):
        return content
    parts = []
    for part in content:
        if isinstance(part, str):
            parts.append(part)
        elif part.get("type") == "text":
            parts.append(str(part.get("text", "")))
        else:
            parts.append(f"[{part.get('type', 'something')} left out: only text can be read here]")
    return "\n".join(parts)


def _with_ids(reply: AIMessage) -> AIMessage:
    """The reply, with an id for each call of a tool that has none: some servers give none, and results need one."""
    if all(call["id"] for call in (*reply.tool_calls, *reply.invalid_tool_calls)):
        return reply
    calls = [{**call, "id": call["id"] or str(uuid.uuid4())} for call in reply.tool_calls]
    invalid = [{**call, "id": call["id"] or str(uuid.uuid4())} for call in reply.invalid_tool_calls]
    return reply.model_copy(update={"tool_calls": calls, "invalid_tool_calls": invalid})


def _as_texts(said: Sequence[BaseMessage]) -> list[BaseMessage]:
    """A conversation with tools as one without: some servers refuse the former in a request that offers no tools."""
    texts: list[BaseMessage] = []
    results: list[str] = []
    for message in said:
        if isinstance(message, ToolMessage):
            failed = " failed" if message.status == "error" else ""
            results.append(f"[result of {message.name}{failed}]\n{message.content}")
        elif isinstance(message, AIMessage):
            if results:
                texts.append(HumanMessage("\n\n".join(results)))
            results = []
            calls = [f"[calls {call['name']} with {json.dumps(call['args'])}]" for call in message.tool_calls]
            calls += [f"[calls {call['name']} with {call['args']}]" for call in message.invalid_tool_calls]
            texts.append(AIMessage("\n".join([text for text in (str(message.text).strip(),) if text] + calls)))
    return [*texts, HumanMessage("\n\n".join([*results, ANSWER_NOW]))]
