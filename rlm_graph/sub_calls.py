"""Sub-calls: `llm_query` as a LangChain tool over the sub-model, made in the host when a cell asks for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import StructuredTool

from rlm_graph import prompts
from rlm_graph.errors import ModelAuthError, ModelError, RLMError, UnknownModelError
from rlm_graph.events import emit
from rlm_graph.ledger import Ledger, usage_of
from rlm_graph.models import Model
from rlm_graph.repl.executor import Call, Executor, FailureKind

AskChild = Callable[[str, Any, RunnableConfig], Awaitable[str]]
"""Runs a child RLM over `(prompt, context, config)` and returns its answer."""

NO_STREAM_TAG = "nostream"
"""LangGraph's tag for calls whose tokens stay out of the messages stream: a thousand sub-calls are no chat."""


class SubCallRefused(Exception):  # noqa: N818 - not an error of the operator: the cell is told
    """A sub-call is not made, or has failed; the cell gets an exception that says so."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class SubCalls:
    """The sub-calls of one cell after another: how many at once, how long a prompt, which model."""

    def __init__(
        self,
        models: Mapping[str, Model],
        *,
        ledger: Ledger,
        max_concurrency: int,
        max_input_chars: int,
        ask_child: AskChild | None,
    ) -> None:
        self._models = models  # the first one is the sub-model; the code may choose another by its name
        self._ledger = ledger
        self._max_input_chars = max_input_chars
        self._ask_child = ask_child
        self._free = asyncio.Semaphore(max_concurrency)

    @cached_property
    def _tool(self) -> StructuredTool:
        """Made when the first call comes: a cell without one does not pay for its schema."""
        description = "Ask the sub-model about a piece of the context."
        return StructuredTool.from_function(coroutine=self._llm_query, name="llm_query", description=description)

    async def answer(self, executor: Executor, call: Call, iteration: int, config: RunnableConfig) -> None:
        """Make the call that a cell waits for, and give it the result or an exception that it can catch.

        Raises:
            RLMError: what the code can do nothing about (a refused key, an unknown model): the run ends.
        """
        try:
            context = self._checked(call)
            self._ledger.reserve_sub_call()
        except SubCallRefused as refused:
            await executor.fail(call.id, refused.kind, str(refused))
            return
        except RLMError as limit:
            await executor.fail(call.id, "limit", prompts.sub_call_limit(limit))
            return
        try:
            answer = await self._ask(call, context, iteration, config)
        except (ModelAuthError, UnknownModelError):
            raise
        except (ModelError, SubCallRefused) as failure:
            emit("sub_call_end", iteration, str(failure), id=call.id, failed=True)
            kind = failure.kind if isinstance(failure, SubCallRefused) else "sub_call"
            await executor.fail(call.id, kind, str(failure))
            return
        emit("sub_call_end", iteration, answer, id=call.id, failed=False, answer_chars=len(answer))
        await executor.reply(call.id, answer)

    def _checked(self, call: Call) -> Any:
        """The context of an `rlm_query`, if there is one, when nothing speaks against the call."""
        prompt, other = call.args
        is_child = call.function == "rlm_query"
        size = len(prompt) + (len(other or "") if is_child and self._ask_child is None else 0)
        if size > self._max_input_chars:
            raise SubCallRefused("value", prompts.sub_call_too_long(size, self._max_input_chars))
        if not is_child and other is not None and other not in self._models:
            raise SubCallRefused("value", prompts.no_such_model(other, list(self._models)))
        return _context(other) if is_child else None

    async def _ask(self, call: Call, context: Any, iteration: int, config: RunnableConfig) -> str:
        prompt, model = call.args
        if call.function == "rlm_query":
            if self._ask_child is not None:
                emit("sub_call_start", iteration, prompt, id=call.id, prompt_chars=len(prompt), child=True)
                return await self._ask_child(prompt, prompt if context is None else context, config)
            # The last level: a plain call, with the context in the prompt.
            prompt, model = prompts.last_level(prompt, context), None
        async with self._free:
            emit("sub_call_start", iteration, prompt, id=call.id, prompt_chars=len(prompt), child=False)
            return str(await self._tool.ainvoke({"prompt": prompt, "model": model}, config))

    async def _llm_query(self, prompt: str, config: RunnableConfig, model: str | None = None) -> str:
        chosen = self._models[model] if model is not None else next(iter(self._models.values()))
        tagged: RunnableConfig = {**config, "tags": [*(config.get("tags") or []), NO_STREAM_TAG]}
        reply = await chosen.ask([HumanMessage(prompts.sendable(prompt))], tagged)
        self._ledger.spend(usage_of(reply, chosen.name))
        return str(reply.text)


def _context(text: str | None) -> Any:
    """The context that a cell hands to a child; it comes as JSON from a process that is not to be trusted."""
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SubCallRefused("value", prompts.bad_child_context()) from error
