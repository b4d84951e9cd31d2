"""An RLM as a sub-agent of Deep Agents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

# Deep Agents reads a plain dict; on Python 3.11 the server shows no schema for typing's own TypedDict.
from typing_extensions import TypedDict

from rlm_graph.agents import nesting
from rlm_graph.graph import RLMGraph
from rlm_graph.state import RLMInput

State = Mapping[str, Any]


class SubAgent(TypedDict):
    """What `create_deep_agent(subagents=[...])` takes: its `CompiledSubAgent`."""

    name: str
    description: str
    runnable: Runnable[Any, Any]


def rlm_sub_agent(
    rlm: RLMGraph,
    *,
    name: str = "reader",
    description: str = "Answers questions about the documents, however long they are. It knows nothing else: put all "
    "that the question needs into the task.",
    context: Any | Callable[[State], Any],
) -> SubAgent:
    """An RLM as a sub-agent: the task that the agent writes is the question.

    Interrupts, streams and the checkpointer reach through, as for any sub-agent. Give `rlm` a lasting `context_store`
    if the agent's checkpointer lasts.

    Args:
        rlm: What `create_rlm` returned, without a checkpointer of its own: the agent's is used.
        name: What the agent calls it.
        description: When to use it, for the agent's model.
        context: The context of all tasks; or a function of the agent's state that gives it, such as
            `lambda state: {path: file["content"] for path, file in state["files"].items()}`.

    Raises:
        ContextError: the context cannot be used.
    """
    return {"name": name, "description": description, "runnable": _OverContext(rlm, context)}


class _OverContext(Runnable[Any, Any]):
    """The graph, given a context with each task."""

    def __init__(self, rlm: RLMGraph, context: Any) -> None:
        self._rlm = rlm
        self._context = context if callable(context) else rlm.repls.store.put(context)

    def invoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> dict[str, Any]:  # noqa: A002
        """Carry out a task."""
        with _begun(input) as nested:
            return nesting.run(self._rlm, self._asked(input), _both(config, nested))

    async def ainvoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> dict[str, Any]:  # noqa: A002
        """As `invoke`."""
        asked = await asyncio.to_thread(self._asked, input)
        with _begun(input) as nested:
            return await nesting.arun(self._rlm, asked, _both(config, nested))

    def _asked(self, state: State) -> RLMInput:
        context = self._context(state) if callable(self._context) else self._context
        return {"messages": state["messages"], "context": context}


def _begun(state: State) -> AbstractContextManager[RunnableConfig]:
    return nesting.begun("rlm", nesting.task(), str(state["messages"][-1].text))


def _both(config: RunnableConfig | None, nested: RunnableConfig) -> RunnableConfig:
    given = config or {}
    return {**given, "configurable": {**given.get("configurable", {}), **nested.get("configurable", {})}}


__all__ = ["SubAgent", "rlm_sub_agent"]
