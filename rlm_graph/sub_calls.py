"""Sub-calls: what the code of a cell asks the host for, each answered as soon as the cell has asked.

`llm_query` is a LangChain tool over the sub-model, `rlm_query` a child RLM, a tool is a function of the user's, and
`ask_user` is a question to a person.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, get_type_hints

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig, ensure_config
from langchain_core.tools import BaseTool, StructuredTool

from rlm_graph import prompts
from rlm_graph.answers import Entry, Key, Place, child_path, digest
from rlm_graph.config import RLMConfig
from rlm_graph.errors import (
    BudgetExceeded,
    MaxSubCallsExceeded,
    ModelAuthError,
    ModelError,
    ToolError,
    UnknownModelError,
)
from rlm_graph.events import emit
from rlm_graph.models.listeners import is_heard
from rlm_graph.models.model import Model
from rlm_graph.models.sub_models import Askable
from rlm_graph.models.tool_loop import ToolLoop
from rlm_graph.repl.executor import Call, Executor, FailureKind
from rlm_graph.schema import SchemaError, ask_with_schema
from rlm_graph.tools import Tools
from rlm_graph.tree import Tree

AskChild = Callable[[str, Any, Key, Tree, RunnableConfig], Awaitable[str]]
"""Runs the child RLM of a key over `(prompt, context)`, in its parent's tree, and returns its answer."""

NO_STREAM_TAG = "nostream"
"""LangGraph's tag for calls whose tokens stay out of the messages stream: a thousand sub-calls are no chat."""


class SubCallRefused(Exception):  # noqa: N818 - not an error of the operator: the cell is told
    """A sub-call is not made; the cell gets an exception that says why."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class NoChildAnswer(Exception):  # noqa: N818 - likewise
    """A child has come to its end without an answer."""


class SubCalls:
    """The sub-calls of one cell.

    Args:
        models: Those that the code may ask, by name; the first is asked where it names none.
        tools: The user's functions in the REPL.
        sub_tools: The user's functions for the sub-model.
        tree: What the step shares.
        place: Where the cell stands in the tree of calls.
        settings: Those of the run.
        ask_child: Runs a child; None at the last level.
        iteration: For events.
        config: LangGraph's, for callbacks and streams.
    """

    def __init__(
        self,
        models: Mapping[str, Askable],
        *,
        tools: Tools,
        sub_tools: Mapping[str, BaseTool],
        tree: Tree,
        place: Place,
        settings: RLMConfig,
        ask_child: AskChild | None,
        iteration: int,
        config: RunnableConfig,
    ) -> None:
        self._models = models
        self._tools = tools
        self._sub_tools = sub_tools
        self._tree = tree
        self._place = place
        self._settings = settings
        self._ask_child = ask_child
        self._iteration = iteration
        self._config = config
        self._loops: dict[int, ToolLoop] = {}

    async def answer(self, executor: Executor, call: Call) -> None:
        """Make the call that a cell waits for, and give it the result or an exception that it can catch.

        Raises:
            RLMError: what the code can do nothing about (a refused key, an unknown model): the run ends.
        """
        emit(
            "sub_call_start",
            self._iteration,
            call.text,
            verbose=self._settings.verbose,
            id=call.id,
            function=call.function,
            prompt_chars=len(call.text),
            child=call.function == "rlm_query" and self._ask_child is not None,
            ahead=call.ahead,
        )
        try:
            answer = await self._answer(call)
        except (ModelAuthError, UnknownModelError):
            raise
        except SubCallRefused as refused:
            await self._fail(executor, call, refused.kind, str(refused))
        except MaxSubCallsExceeded as limit:
            await self._fail(executor, call, "limit", prompts.sub_call_limit(limit))
        except BudgetExceeded as limit:
            await self._fail(executor, call, "budget", prompts.sub_call_limit(limit))
        except ToolError as failure:
            await self._fail(executor, call, "tool", str(failure))
        except ModelError as failure:
            await self._fail(executor, call, "sub_call", str(failure))
        else:
            spent = self._tree.ledger.spent()
            self._emit_end(answer, id=call.id, failed=False, answer_chars=len(answer), **spent)
            await executor.reply(call.id, answer)

    async def _fail(self, executor: Executor, call: Call, kind: FailureKind, message: str) -> None:
        self._emit_end(message, id=call.id, failed=True, **self._tree.ledger.spent())
        await executor.fail(call.id, kind, message)

    def _emit_end(self, text: str, **detail: Any) -> None:
        emit("sub_call_end", self._iteration, text, verbose=self._settings.verbose, **detail)

    async def _answer(self, call: Call) -> str:
        match call.function:
            case "llm_query":
                return await self._llm(call.text, call.options.get("model"), call.options.get("schema"))
            case "rlm_query":
                return await self._rlm(call.text, call.options.get("context"))
            case "tool":
                return await self._use_tool(call.text, call.options.get("arguments") or {})
            case "ask_user":
                return await self._ask_user(call.text)

    # llm_query. -----------------------------------------------------------------------------------------------------

    async def _llm(self, prompt: str, model: str | None, schema: dict[str, Any] | None) -> str:
        if len(prompt) > self._settings.sub_call_max_input_chars:
            raise SubCallRefused(
                "value", prompts.sub_call_too_long(len(prompt), self._settings.sub_call_max_input_chars)
            )
        if model is not None and model not in self._models:
            raise SubCallRefused("value", prompts.no_such_model(model, list(self._models)))
        if schema is None and not self._sub_tools:
            asked = [HumanMessage(prompts.sendable(prompt))]
            if not self._is_heard:
                return await self._llm_unheard(asked, model)
            # What an earlier attempt at the cell was answered is no new call of a tool: a thousand come back at once.
            found = self._tree.find(self._place, "llm_query", self._chosen(model).model, asked)
            if found is not None:
                return str(found.text)
        return str(await self._tool.ainvoke({"prompt": prompt, "model": model, "answer_schema": schema}, self._config))

    @cached_property
    def _is_heard(self) -> bool:
        return is_heard(self._config)

    def _chosen(self, model: str | None) -> Askable:
        return self._models[model] if model is not None else next(iter(self._models.values()))

    @cached_property
    def _tagged(self) -> RunnableConfig:
        """The config, for calls whose tokens stay out of the messages stream."""
        return {**self._config, "tags": [*(self._config.get("tags") or []), NO_STREAM_TAG]}

    async def _llm_unheard(self, asked: Sequence[BaseMessage], model: str | None) -> str:
        """The call without the tool that it is where somebody listens: the same, and a thousand take less time."""
        chosen = self._chosen(model)
        reply = await self._ask_model(model, chosen, chosen.model, asked, self._tagged)
        if reply.tool_calls or reply.invalid_tool_calls:  # of which there are none; the loop says so to the model
            reply = await self._go_on(reply, model, chosen, asked)
        return str(reply.text)

    async def _go_on(
        self, reply: AIMessage, model: str | None, chosen: Askable, asked: Sequence[BaseMessage]
    ) -> AIMessage:
        """The reply that ends what a first one has begun."""
        replies = [reply]

        async def ask_model(other: Model, said: Sequence[BaseMessage]) -> AIMessage:
            return replies.pop() if replies else await self._ask_model(model, chosen, other, said, self._tagged)

        return await self._loop(chosen).ask(asked, self._tagged, ask_model=ask_model, run_tool=self._keep_result)

    async def _ask_model(
        self, name: str | None, chosen: Askable, model: Model, said: Sequence[BaseMessage], config: RunnableConfig
    ) -> AIMessage:
        """A reply of the chosen model, which may have been given tools."""
        slots = self._own_slots(name, chosen)
        if slots is None:
            return await self._tree.ask(self._place, "llm_query", model, said, config, is_heard=self._is_heard)
        async with slots:
            return await self._tree.ask(self._place, "llm_query", model, said, config, is_heard=self._is_heard)

    @cached_property
    def _tool(self) -> StructuredTool:
        """Made when the first call comes: a cell without one does not pay for its schema."""
        description = "Ask the sub-model about a piece of the context."
        return StructuredTool.from_function(coroutine=self._llm_query, name="llm_query", description=description)

    async def _llm_query(
        self,
        prompt: str,
        config: RunnableConfig,
        model: str | None = None,
        answer_schema: dict[str, Any] | None = None,
    ) -> str:
        chosen = self._chosen(model)
        # LangChain hands in the config around the tool; that in it, whose calls stand below it, is the context's.
        callbacks, tags = ensure_config().get("callbacks"), [*(config.get("tags") or []), NO_STREAM_TAG]
        tagged: RunnableConfig = {**config, "callbacks": callbacks, "tags": tags}
        loop = self._loop(chosen)

        async def ask_model(asked: Model, said: Sequence[BaseMessage]) -> AIMessage:
            return await self._ask_model(model, chosen, asked, said, tagged)

        async def ask(said: Sequence[BaseMessage]) -> AIMessage:
            return await loop.ask(said, tagged, ask_model=ask_model, run_tool=self._keep_result)

        messages = [HumanMessage(prompts.sendable(prompt))]
        if answer_schema is None:
            return str((await ask(messages)).text)
        try:
            return json.dumps(await ask_with_schema(ask, messages, answer_schema))
        except SchemaError as error:
            raise SubCallRefused("value", str(error)) from error

    def _loop(self, chosen: Askable) -> ToolLoop:
        """The model with the tools that it may use; made once for a cell."""
        if id(chosen) not in self._loops:
            tools, rounds = self._sub_tools.values(), self._settings.sub_tool_rounds
            self._loops[id(chosen)] = ToolLoop(chosen.model, tools, max_rounds=rounds)
        return self._loops[id(chosen)]

    def _own_slots(self, name: str | None, chosen: Askable) -> asyncio.Semaphore | None:
        """The slots of the model's own, where it has a limit of its own."""
        if name is None or chosen.max_concurrency is None:
            return None
        return self._tree.own_slots.setdefault(name, asyncio.Semaphore(chosen.max_concurrency))

    # rlm_query, tools, ask_user. ------------------------------------------------------------------------------------

    async def _rlm(self, prompt: str, context: Any) -> str:
        if self._ask_child is None:  # the last level: a plain call, with the context in the prompt
            return await self._llm(prompts.last_level(prompt, context), None, None)
        if len(prompt) > self._settings.sub_call_max_input_chars:
            raise SubCallRefused(
                "value", prompts.sub_call_too_long(len(prompt), self._settings.sub_call_max_input_chars)
            )
        key = self._place.key("rlm_query", digest(prompt, json.dumps(context)))
        handed = prompt if context is None else context
        entry = await self._tree.answers.once(key, lambda: self._child(prompt, handed, key), prompt=prompt)
        if entry.failed is not None:
            raise ModelError(entry.value)
        return entry.value

    async def _child(self, prompt: str, context: Any, key: Key) -> Entry:
        assert self._ask_child is not None
        self._tree.ledger.reserve_sub_call()
        started_at = time.time()
        try:
            value, failed = await self._ask_child(prompt, context, key, self._tree, self._config), None
        except NoChildAnswer as error:
            value, failed = str(error), "NoChildAnswer"
        return Entry(value, failed=failed, started_at=started_at, ended_at=time.time(), prompt=prompt)

    async def _use_tool(self, name: str, arguments: Mapping[str, Any]) -> str:
        """What a tool of the code's returns, as JSON."""
        return await self._keep("code", name, arguments, lambda: self._tools.run(name, arguments, self._config))

    async def _keep_result(self, name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[str]]) -> str:
        """What a tool of the sub-model's returns, as text."""
        return await self._keep("sub-model", name, arguments, run)

    async def _keep(
        self, whose: str, name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[str]]
    ) -> str:
        """The result of a tool, which is run once: it may be found."""
        spelt = json.dumps(arguments, sort_keys=True, default=str)
        key = self._place.key("tool", digest(whose, name, spelt))

        async def make() -> Entry:
            started_at = time.time()
            await self._tree.safe_point.take_off()
            try:
                value, failed = await run(), None
            except ToolError as error:
                value, failed = str(error), "ToolError"
            finally:
                self._tree.safe_point.land()
            told = f"{name}({spelt})"
            return Entry(value, failed=failed, started_at=started_at, ended_at=time.time(), prompt=told)

        entry = await self._tree.answers.once(key, make)
        if entry.failed is not None:
            raise ToolError(entry.value)
        return entry.value

    async def _ask_user(self, question: str) -> str:
        key = self._place.key("ask_user", digest(question))
        request_id = f"question-{child_path(key)[:16]}"
        started_at = time.time()
        answer = str(await self._tree.ask_person({"id": request_id, "kind": "ask_user", "text": question}))
        entry = Entry(answer, started_at=started_at, ended_at=time.time(), prompt=question)
        self._tree.answers.record_later(key, entry)
        return answer


# LangChain reads a tool's annotations at each call, and compiles those that are text, as all in this file are.
SubCalls._llm_query.__annotations__ = get_type_hints(SubCalls._llm_query)  # noqa: SLF001 - our own


__all__ = ["AskChild", "NoChildAnswer", "SubCallRefused", "SubCalls"]
