"""What the tools of this package share: an RLM that is made when it is needed, and how an agent reads its answer."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import ToolException
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import ToolRuntime

from rlm_graph.agents import nesting
from rlm_graph.config import RLMConfig
from rlm_graph.context import ContextRef, ContextStore, home_store, process_store
from rlm_graph.errors import ConfigError
from rlm_graph.graph import RLMGraph, create_rlm
from rlm_graph.models.chat_models import resolve_model
from rlm_graph.state import RLMInput

logger = logging.getLogger("rlm_graph")

FIGURES: Final = (
    "answer",
    "status",
    "answered_by",
    "exhausted",
    "iterations",
    "sub_calls",
    "requests",
    "total_input_tokens",
    "total_output_tokens",
    "cost_usd",
    "elapsed_s",
)
"""What is kept of every result, beside the answer that the agent reads: the tool message's `artifact`."""

EVIDENCE: Final = ("citations", "evidence_problems")
"""What is kept of a result that has it."""


class Asker:
    """An RLM: one that is there, or a model of which one is made.

    Made ones keep their contexts and answers in the user's data folder where a checkpointer keeps the agent's run too,
    which may then go on in another process; else in a temporary folder that ends with this one.

    Args:
        rlm: What `create_rlm` returned, or a root model.
        sub_model: As for `create_rlm`, if `rlm` is a model.
        config: Likewise.
        context_store: Likewise; in place of both folders.

    Raises:
        ConfigError: `rlm` is a graph, and something is given that it already has; or it is neither.
        UnknownModelError: a model's name is not known.
        MissingKeyError: a model's provider wants an API key and none is set.
    """

    def __init__(
        self,
        rlm: RLMGraph | str | BaseChatModel,
        *,
        sub_model: str | BaseChatModel | None = None,
        config: RLMConfig | None = None,
        context_store: ContextStore | None = None,
    ) -> None:
        self._lock = threading.Lock()
        # By whether a checkpointer keeps their runs, and the form of their answers.
        self._made: dict[tuple[bool, str | None], RLMGraph] = {}
        self._has_warned = False
        self._store = context_store
        self._options: dict[str, Any] = {"sub_model": sub_model, "config": config}
        if isinstance(rlm, RLMGraph):
            for name, value in {**self._options, "context_store": context_store}.items():
                if value is not None:
                    raise ConfigError(f"{name}: not allowed beside a graph, which has its own: give it to create_rlm")
            self._store = rlm.repls.store
            self._made = {(True, None): rlm, (False, None): rlm}
        elif isinstance(rlm, Runnable) and not isinstance(rlm, BaseChatModel):  # a served graph, or one with retries
            raise ConfigError(f"rlm: {type(rlm).__name__} is not allowed: must be what create_rlm returned, or a model")
        else:
            self._options |= {"model": resolve_model(rlm), "sub_model": sub_model and resolve_model(sub_model)}

    def rlm(self, response_format: Mapping[str, Any] | None = None) -> RLMGraph:
        """The graph for a run that begins here: in a node of somebody else's graph, or outside of any.

        Args:
            response_format: The form of its answer, a JSON Schema; only for one that is made.
        """
        outer = nesting.checkpointer()
        keeps = bool(outer) and not isinstance(outer, InMemorySaver)
        key = (keeps, None if response_format is None else json.dumps(response_format, sort_keys=True))
        with self._lock:
            if key not in self._made:
                store = self._store or (home_store() if keeps else process_store())
                self._made[key] = create_rlm(**self._options, response_format=response_format, context_store=store)
            rlm = self._made[key]
        if keeps and not self._has_warned and rlm.repls.store is process_store():
            self._has_warned = True
            logger.warning(
                "a checkpointer keeps the agent's runs, but their contexts are in a temporary folder that ends with "
                "this process: give create_rlm a context_store to go on with them in another one"
            )
        return rlm

    def put(self, context: Any) -> ContextRef:
        """Store a context that all runs share."""
        return (self._store or process_store()).put(context)

    async def keep(self, text: str) -> ContextRef:
        """Store a context that this thread needs as long as it lasts."""
        rlm, thread = self.rlm(), nesting.thread_id()
        ref = await asyncio.to_thread(rlm.repls.store.put, text)
        if thread is not None:
            session = await rlm.journal.open_session(thread)
            try:
                await session.refer("context", [ref.sha256])  # else `rlm-graph gc` deletes it after a day
            finally:
                await session.close()
        return ref

    def answer(self, question: Question) -> tuple[str | ToolMessage, dict[str, Any]]:
        """What a tool returns for a question: the answer or why there is none, and the figures.

        Raises:
            RLMError: the operator has to mend something.
            ToolException: there is no answer, and no agent that could read why.
        """
        with question.begun() as config:
            return question.read(nesting.run(self.rlm(), question.input(), config))

    async def aanswer(self, question: Question) -> tuple[str | ToolMessage, dict[str, Any]]:
        """As `answer`."""
        with question.begun() as config:
            return question.read(await nesting.arun(self.rlm(), question.input(), config))


@dataclass(frozen=True)
class Question:
    """A question, as a tool call brings it."""

    tool: str
    """The tool's name."""

    query: str
    context: ContextRef | dict[str, Any] | str
    """The operator's; what an agent's state refers to, which is looked for in the graph's own store only; or a text."""

    runtime: ToolRuntime[Any, Any] | None
    """None where no agent calls."""

    max_answer_chars: int = 0
    """Characters of the answer that the agent is shown; 0 means no limit."""

    def input(self) -> RLMInput:
        """What the graph is given."""
        return {"query": self.query, "context": self.context}

    def begun(self) -> AbstractContextManager[RunnableConfig]:
        """The config that it is run with."""
        context = ContextRef.from_state(self.context) if isinstance(self.context, dict) else self.context
        context = context if isinstance(context, str) else context.sha256
        return nesting.begun(self.tool, *_place(self.runtime), self.query, context)

    def read(self, result: Mapping[str, Any]) -> tuple[str | ToolMessage, dict[str, Any]]:
        """What the tool returns of a result: what the agent reads, and the artifact."""
        kept = figures(result)
        if result["answer"] is None:
            return failure(self.tool, self.runtime, str(result["messages"][-1].text), kept)
        answer = str(result["answer"])
        shown = answer
        if 0 < self.max_answer_chars < len(answer):
            shown = (
                f"{answer[: self.max_answer_chars]}\n[... {len(answer) - self.max_answer_chars:,} more characters of "
                f"{len(answer):,}: ask for less to see the rest]"
            )
        if result["status"] != "complete":
            ran_out = result["exhausted"] or "max_iterations"
            shown += f"\n[{ran_out} ran out before this was finished: it is the best answer so far]"
        return shown, kept


def figures(result: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a result, all plain values: they go into somebody else's checkpoints.

    A typed answer is there as JSON: `answer`.
    """
    return {name: result.get(name) for name in FIGURES} | {name: result[name] for name in EVIDENCE if name in result}


def failure(
    tool: str, runtime: ToolRuntime[Any, Any] | None, why: str, figures: Mapping[str, Any] | None = None
) -> tuple[ToolMessage, dict[str, Any]]:
    """What a tool returns when it cannot answer: a message that the agent reads, and may mend.

    Raises:
        ToolException: no agent calls.
    """
    if runtime is None or not runtime.tool_call_id:
        raise ToolException(why)
    artifact = dict(figures or {})
    message = ToolMessage(why, name=tool, tool_call_id=runtime.tool_call_id, artifact=artifact, status="error")
    return message, artifact


def _place(runtime: ToolRuntime[Any, Any] | None) -> list[str]:
    """Where in its conversation a tool call stands. Some servers give ids again that they have given before."""
    if runtime is None or not runtime.tool_call_id:
        return [nesting.task()]
    messages = runtime.state.get("messages") if isinstance(runtime.state, Mapping) else None
    found = messages or []
    calls = next((message.tool_calls for message in reversed(found) if isinstance(message, AIMessage)), [])
    at = [number for number, call in enumerate(calls) if call["id"] == runtime.tool_call_id]
    return [runtime.tool_call_id, str(len(found)), str(at)]


__all__ = ["Asker", "Question", "failure", "figures"]
