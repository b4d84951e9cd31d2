"""The nodes of the graph: each is one line of Algorithm 1 of the paper (arXiv 2512.24601, section 2)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import get_runtime

from rlm_graph import prompts
from rlm_graph.config import RLMConfig
from rlm_graph.context import ContextRef
from rlm_graph.errors import ConfigError
from rlm_graph.events import emit
from rlm_graph.ledger import Ledger, usage_of
from rlm_graph.models import Model, model_name
from rlm_graph.parser import parse_reply, typed_answer_cell, typed_answer_text
from rlm_graph.repl.executor import Call, Done, Executor
from rlm_graph.repl.pool import ReplPool, Scope
from rlm_graph.state import Outcome, RLMState, role
from rlm_graph.sub_calls import AskChild, SubCalls

SCOPE_KEY = "__rlm_scope"
LEDGER_KEY = "__rlm_ledger"
"""Where a run's objects travel in `config["configurable"]`: with two underscores they reach no checkpoint."""

MAX_SHOWN_QUERY_CHARS = 8000
"""A longer question is itself the context, if there is no other; of it the root model sees both ends."""


class Nodes:
    """What the nodes share: models, settings, and the REPLs that are alive."""

    def __init__(
        self,
        root_model: BaseChatModel,
        sub_model: BaseChatModel,
        *,
        config: RLMConfig,
        repls: ReplPool,
        ask_child: AskChild | None = None,
    ) -> None:
        self.config = config
        self.repls = repls
        self._root_model = root_model
        self._sub_model = sub_model
        self._ask_child = ask_child  # runs a child RLM; None at the last level
        self._models: dict[tuple[int, float, int, float], Model] = {}  # they learn what their servers refuse

    async def init_repl(self, state: RLMState, config: RunnableConfig) -> RLMState:
        """state ← InitREPL(context); hist ← [Metadata(state)]. Also resets what belonged to the last question."""
        messages = state.get("messages", [])
        asked = [
            at for at, message in enumerate(messages) if message.type == "human" and role(message) != "observation"
        ]
        query = state.get("query") or (str(messages[asked[-1]].text) if asked else "")
        if not query.strip():
            raise ConfigError("query: '' is not allowed: must be a question (or give `messages` with a human message)")
        context = await self._context(state.get("context"), query)
        repl, variables, scope = state.get("repl"), state.get("repl_variables", {}), _configurable(config, SCOPE_KEY)
        if not await self.repls.adopt(repl, context, scope):
            repl, variables = await self.repls.open(context, scope), {}
        return {
            "query": query,
            "context": context.to_state(),
            "messages": [] if asked else [HumanMessage(query, id=str(uuid.uuid4()))],
            "turn_start": asked[-1] if asked else len(messages),
            **_blank_turn(),
            "repl": repl,
            "repl_variables": variables,
        }

    async def _context(self, given: Any, query: str) -> ContextRef:
        store = self.repls.store
        if ContextRef.is_ref_state(given):
            return await asyncio.to_thread(store.open, ContextRef.from_state(given).sha256)
        # A state that was written past the graph's input (update_state), or a chat without any context.
        return await asyncio.to_thread(store.put, query if given is None else given)

    async def generate_code(self, state: RLMState, config: RunnableConfig) -> RLMState:
        """code ← LLM(hist)."""
        settings = self._settings()
        iteration = state["iterations"] + 1
        last_question = iteration > settings.max_iterations
        asked: list[AnyMessage] = [_marked(HumanMessage(prompts.LAST_QUESTION), "observation")] if last_question else []
        verbose = settings.verbose
        emit("iteration_start", iteration, f"iteration {iteration} of {settings.max_iterations}", verbose=verbose)
        model = self._model(self._root_model, settings.temperature, settings.root_max_tokens, settings)
        reply = await model.ask([*_history(state, settings), *asked], config)
        ledger = _ledger(state, config, settings)
        ledger.spend(usage_of(reply, model.name))
        text = prompts.sendable(str(reply.text))
        parsed = parse_reply(text)
        emit("code_generated", iteration, text, verbose=verbose, full_text=text, cells=len(parsed.cells))
        cells, typed = list(parsed.cells), None
        if parsed.typed_answer is not None:
            variables = frozenset(state["repl_variables"])
            cell = typed_answer_cell(parsed.typed_answer, variables)
            cells, typed = ([cell], None) if cell else ([], typed_answer_text(parsed.typed_answer))
        elif not cells and last_question:
            typed = text.strip() or None
        codeless = 0 if cells or typed is not None else state["codeless"] + 1
        written = reply.model_copy(update={"content": text, "id": reply.id or str(uuid.uuid4())})
        return {
            "messages": [*asked, _marked(written, "code")],
            "cells": cells,
            "typed_answer": typed,
            "codeless": codeless,
            # The first reply without code costs a reminder, not a turn.
            "iterations": state["iterations"] if codeless == 1 or last_question else iteration,
            "last_question": last_question,
            **_totals(ledger),
        }

    async def execute_repl(self, state: RLMState, config: RunnableConfig) -> RLMState:
        """(state, stdout) ← REPL(state, code)."""
        settings = self._settings()
        if state["typed_answer"] is not None:
            return {"outcomes": [], "answer": state["typed_answer"]}
        if not state["cells"]:
            return {"outcomes": []}
        ledger, scope = _ledger(state, config, settings), _configurable(config, SCOPE_KEY)
        context = ContextRef.from_state(state["context"])
        executor, lost = await self.repls.take(state["repl"], context, scope)
        try:
            done = await self._run_cells(executor, state["cells"], state["iterations"], settings, ledger, config)
        except BaseException:
            await self.repls.discard(executor)
            raise
        notes = [] if lost == {} else [prompts.repl_lost(lost)]
        return {
            "outcomes": [_outcome(end, settings, notes if not at else []) for at, end in enumerate(done)],
            "answer": None if done[-1].answer is None else prompts.sendable(done[-1].answer),
            "repl": await self.repls.put_back(executor, done[-1].snapshot),
            "repl_variables": {name: prompts.sendable(value) for name, value in done[-1].variables.items()},
            **_totals(ledger),
        }

    async def _run_cells(
        self,
        executor: Executor,
        cells: Sequence[str],
        iteration: int,
        settings: RLMConfig,
        ledger: Ledger,
        config: RunnableConfig,
    ) -> list[Done]:
        """Run cells in order, up to the first that fails or answers."""
        sub_calls = SubCalls(
            self._sub_models(settings),
            ledger=ledger,
            max_concurrency=settings.max_concurrency,
            max_input_chars=settings.sub_call_max_input_chars,
            ask_child=self._ask_child if settings.max_recursion_depth > 1 else None,
        )
        child_config = _with_configurable(config, {LEDGER_KEY: ledger})
        ends: list[Done] = []
        for code in cells:
            end = await _run_cell(executor, code, sub_calls, settings, iteration, child_config)
            ends.append(end)
            emit(
                "code_executed",
                iteration,
                end.error or end.stdout,
                verbose=settings.verbose,
                code=code,
                stdout=end.stdout,
                stdout_chars=end.stdout_chars,
                error=end.error,
                elapsed_s=end.elapsed_s,
                variables=dict(end.reprs),
            )
            if end.error is not None or end.answer is not None:
                break
        return ends

    async def truncate_observation(self, state: RLMState, config: RunnableConfig) -> RLMState:  # noqa: ARG002
        """hist ← hist ‖ code ‖ Metadata(stdout)."""
        printed = sum(outcome["stdout_chars"] for outcome in state["outcomes"])
        if state["answer"] is not None and not printed:
            return {"cells": [], "outcomes": []}
        if not state["outcomes"]:
            if state["last_question"]:
                return {"cells": []}
            return {"messages": [_marked(HumanMessage(prompts.REMINDER), "observation")]}
        settings = self._settings()
        outcomes = [Done(**_as_done(outcome)) for outcome in state["outcomes"]]
        used = {"iterations": state["iterations"], "sub_calls": state["sub_calls"]}
        text = prompts.sendable(prompts.observation(outcomes, len(state["cells"]), settings, **used))
        return {"messages": [_marked(HumanMessage(text), "observation")], "outcomes": [], "cells": []}

    async def finalize(self, state: RLMState, config: RunnableConfig) -> RLMState:
        """Return state[Final], and say how it came about."""
        scope = _configurable(config, SCOPE_KEY)
        if isinstance(scope, Scope):
            scope.answered = True
        answer, forced = state["answer"], state["last_question"]
        if answer is None:
            text = (
                f"No answer: the {self._settings().max_iterations} iterations ran out, and the last question gave none."
            )
            message = _marked(AIMessage(text), "answer", status="no_answer")
            return {"messages": [message], "status": "no_answer", "answered_by": None}
        emit("final_answer", state["iterations"], answer, verbose=self._settings().verbose, answer_chars=len(answer))
        status: Literal["out_of_iterations", "complete"] = "out_of_iterations" if forced else "complete"
        message = _marked(AIMessage(answer), "answer", status=status)
        return {"messages": [message], "status": status, "answered_by": "forced" if forced else "submitted"}

    def _settings(self) -> RLMConfig:
        """The settings of this run: those that it was given (`context=` of invoke, in LangGraph's words) come first."""
        given: Any = get_runtime().context
        if isinstance(given, RLMConfig):
            return self.config.model_copy(update={name: getattr(given, name) for name in given.model_fields_set})
        return self.config

    def _sub_models(self, settings: RLMConfig) -> Mapping[str, Model]:
        """The models that a cell may ask, by name; the sub-model first."""
        return {
            model_name(model): self._model(model, settings.sub_temperature, settings.sub_max_tokens, settings)
            for model in (self._sub_model, self._root_model)
        }

    def _model(self, model: BaseChatModel, temperature: float, max_tokens: int, settings: RLMConfig) -> Model:
        key = (id(model), temperature, max_tokens, settings.call_timeout)
        if key not in self._models:
            self._models[key] = Model(
                model, temperature=temperature, max_tokens=max_tokens, timeout_s=settings.call_timeout
            )
        return self._models[key]


async def _run_cell(
    executor: Executor, code: str, sub_calls: SubCalls, settings: RLMConfig, iteration: int, config: RunnableConfig
) -> Done:
    """Run one cell to its end; each call that it makes is answered on the side, as soon as there is an answer."""
    calls: set[asyncio.Task[None]] = set()
    stepping = asyncio.ensure_future(executor.run_cell(code, timeout_s=settings.sandbox_timeout))
    try:
        while True:
            await asyncio.wait({stepping, *calls}, return_when=asyncio.FIRST_COMPLETED)
            for ended in [call for call in calls if call.done()]:
                calls.discard(ended)
                ended.result()  # raises what the code can do nothing about
            if not stepping.done():
                continue
            step = stepping.result()
            if not isinstance(step, Call):
                return step
            calls.add(asyncio.create_task(sub_calls.answer(executor, step, iteration, config)))
            stepping = asyncio.ensure_future(executor.next_step())
    finally:
        unfinished = [task for task in (stepping, *calls) if not task.done()]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)


def route(state: RLMState) -> Literal["generate_code", "finalize"]:
    """If state[Final] is set, return it; else go on, until the iterations have run out."""
    return "finalize" if state["answer"] is not None or state["last_question"] else "generate_code"


def _blank_turn() -> RLMState:
    """What belongs to one question, before its first iteration."""
    return {
        "iterations": 0,
        "codeless": 0,
        "cells": [],
        "typed_answer": None,
        "last_question": False,
        "outcomes": [],
        "answer": None,
        "status": "running",
        "answered_by": None,
        "sub_calls": 0,
        "total_input_tokens": 0,
        "total_output_tokens": 0,
        "cost_usd": 0.0,
    }


def _history(state: RLMState, settings: RLMConfig) -> list[BaseMessage]:
    """What the root model is shown: the root prompt, earlier questions and answers, this question's turns."""
    messages, start = state["messages"], state["turn_start"]
    earlier = [message for message in messages[:start] if role(message) not in ("code", "observation")]
    context = ContextRef.from_state(state["context"])
    variables = {} if state["iterations"] or len(messages) > start + 1 else state["repl_variables"]
    question = prompts.question(_shown(state["query"]), context, variables)
    return [
        SystemMessage(prompts.system(settings)),
        *earlier,
        HumanMessage(question, additional_kwargs={"rlm": {"role": "query", "query": state["query"]}}),
        *(_sent(message) for message in messages[start + 1 :]),
    ]


def _shown(query: str) -> str:
    if len(query) <= MAX_SHOWN_QUERY_CHARS:
        return query
    half = MAX_SHOWN_QUERY_CHARS // 2
    return f"{query[:half]}\n[... {len(query) - 2 * half:,} characters ...]\n{query[-half:]}"


def _sent(message: BaseMessage) -> BaseMessage:
    """A message as it goes to the model: some servers refuse an assistant's message without text."""
    text = str(message.text)
    if message.type == "ai":
        return AIMessage(text if text.strip() else "(no text)")
    return message


def _marked(message: Any, kind: str, **more: str) -> Any:
    """A message with its role in the run, for whoever reads the conversation; it is not sent to a model."""
    kwargs = {**message.additional_kwargs, "rlm": {"role": kind, **more}}
    return message.model_copy(update={"additional_kwargs": kwargs, "id": message.id or str(uuid.uuid4())})


def _outcome(done: Done, settings: RLMConfig, notes: list[str]) -> Outcome:
    changed = {name: done.variables[name] for name in done.changed if name in done.variables}
    return {
        "stdout": prompts.sendable(done.stdout[: settings.metadata_prefix_chars]),
        "stdout_chars": done.stdout_chars,
        "stderr": prompts.sendable(done.stderr[: prompts.MAX_STDERR_CHARS]),
        "error": None if done.error is None else prompts.sendable(done.error[-prompts.MAX_ERROR_CHARS :]),
        "changed": {name: prompts.sendable(value) for name, value in list(changed.items())[: prompts.MAX_CHANGED + 1]},
        "notes": [*notes, *done.notes],
        "undone": done.undone,
    }


def _as_done(outcome: Outcome) -> dict[str, Any]:
    changed = outcome["changed"]
    return {**{k: v for k, v in outcome.items() if k != "changed"}, "variables": changed, "changed": tuple(changed)}


def _ledger(state: RLMState, config: RunnableConfig, settings: RLMConfig) -> Ledger:
    """The run's ledger: a child uses its parent's."""
    shared = _configurable(config, LEDGER_KEY)
    if isinstance(shared, Ledger):
        return shared
    return Ledger(
        settings.max_sub_calls,
        sub_calls=state["sub_calls"],
        input_tokens=state["total_input_tokens"],
        output_tokens=state["total_output_tokens"],
        cost_usd=state["cost_usd"],
    )


def _totals(ledger: Ledger) -> RLMState:
    return {
        "sub_calls": ledger.sub_calls,
        "total_input_tokens": ledger.input_tokens,
        "total_output_tokens": ledger.output_tokens,
        "cost_usd": ledger.cost_usd,
    }


def _configurable(config: RunnableConfig, key: str) -> Any:
    return config.get("configurable", {}).get(key)


def _with_configurable(config: RunnableConfig, values: Mapping[str, Any]) -> RunnableConfig:
    return {**config, "configurable": {**config.get("configurable", {}), **values}}
