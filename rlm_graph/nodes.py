"""The nodes of the graph: each is one line of Algorithm 1 of the paper (arXiv 2512.24601, section 2)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.runtime import get_runtime

from rlm_graph import profiles, prompts
from rlm_graph.acceptance import Acceptance
from rlm_graph.answers import Place, digest
from rlm_graph.cells import Cells
from rlm_graph.compaction import fits_directly
from rlm_graph.config import RLMConfig
from rlm_graph.context import ContextRef
from rlm_graph.context.materialize import load
from rlm_graph.errors import ConfigError
from rlm_graph.events import emit
from rlm_graph.models.chat_models import model_name
from rlm_graph.models.model import Model
from rlm_graph.models.sub_models import SubModels
from rlm_graph.repl.executor import Done, Functions
from rlm_graph.repl.pool import ReplPool, Scope
from rlm_graph.response import Form
from rlm_graph.served_config import ServedConfig
from rlm_graph.state import AnsweredBy, Outcome, RLMState, Status, marked, role
from rlm_graph.steps import SCOPE_KEY, Steps, configurable
from rlm_graph.sub_calls import AskChild, SubCalls
from rlm_graph.tools import Tools
from rlm_graph.tree import Tree
from rlm_graph.turns import Turn

if TYPE_CHECKING:
    from rlm_graph.journal import Session

MAX_NOTED_CHARS = 500
"""Characters of the question that the list of runs shows."""


@dataclass(frozen=True)
class Parts:
    """What the nodes of all levels of the tree of calls share."""

    models: SubModels
    config: RLMConfig
    profile: profiles.Profile | None
    """The user's own; None: the one that the settings name."""

    repls: ReplPool
    steps: Steps
    tools: Tools
    """For the code in the REPL."""

    sub_tools: Mapping[str, BaseTool]
    """For the sub-model."""

    form: Form | None = None
    """What the run's answer must be; children's answers are free."""


class Nodes:
    """The nodes of one level of the tree of calls: 1 is the run itself, 2 its children."""

    def __init__(self, parts: Parts, *, depth: int, ask_child: AskChild | None) -> None:
        self.repls = parts.repls
        self.journal = parts.steps.journal
        self.brake = parts.steps.brake
        self._parts = parts
        self._depth = depth
        self._ask_child = ask_child  # runs a child RLM; None at the last level
        self._roots: dict[tuple[Any, ...], Model] = {}  # by settings: they learn what their servers refuse

    async def init_repl(self, state: RLMState, config: RunnableConfig) -> RLMState:
        """state ← InitREPL(context); hist ← [Metadata(state)]. Also resets what belonged to the last question."""
        settings = self._settings()
        messages = state.get("messages", [])
        asked = [
            at for at, message in enumerate(messages) if message.type == "human" and role(message) != "observation"
        ]
        query = state.get("query") or (str(messages[asked[-1]].text) if asked else "")
        if not isinstance(query, str) or not query.strip():
            given = repr(query)[:100]
            raise ConfigError(f"query: {given} is not allowed: must be a question (or `messages` with a human message)")
        context = await self._context(state.get("context"), query)
        session = await self._parts.steps.session(config, settings)
        if session is not None:
            await session.refer("context", [context.sha256])
            await asyncio.to_thread(self.repls.store.renew, context.sha256)  # a sweep may not have seen that yet
            await session.note(question=query[:MAX_NOTED_CHARS], status="running")
        repl, variables, scope = state.get("repl"), state.get("repl_variables", {}), configurable(config, SCOPE_KEY)
        if not await self.repls.adopt(repl, context, scope):
            repl, variables = await self.repls.open(context, scope), {}
        return {
            "query": query,
            "context": context.to_state(),
            "messages": [] if asked else [HumanMessage(query, id=str(uuid.uuid4()))],
            "turn_start": asked[-1] if asked else len(messages),
            **_blank_turn(),
            **self._acceptance(settings).blank(state),
            "profile": self._chosen_profile(settings).name,
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
        iteration, verbose = state["iterations"] + 1, settings.verbose
        emit("iteration_start", iteration, f"iteration {iteration} of {settings.max_iterations}", verbose=verbose)
        model = self._root(settings)

        async def keep(removed: list[dict[str, str]]) -> str:
            return await self._keep_history(state, removed, await self._parts.steps.session(config, settings))

        turn = Turn(state, settings, model, self._abilities(state, settings), keep)

        async def work(tree: Tree, place: Place) -> RLMState:
            if self._is_direct(state, settings, model):
                text = prompts.as_text(await asyncio.to_thread(self._load, ContextRef.from_state(state["context"])))
                return await turn.answer_directly(text, tree, place, config)
            return await turn.take(tree, place, config)

        written, totals = await self._parts.steps.carry_out("generate_code", state, config, settings, work)
        text = str(written["messages"][-1].text) if written.get("messages") else ""
        emit("code_generated", iteration, text, verbose=verbose, full_text=text, cells=len(written["cells"]))
        return {**totals, **written}

    async def execute_repl(self, state: RLMState, config: RunnableConfig) -> RLMState:
        """(state, stdout) ← REPL(state, code)."""
        settings = self._settings()
        acceptance = self._acceptance(settings)
        if state["typed_answer"] is not None:
            refused, judged = await acceptance.of_text(state["typed_answer"], state)
            if refused is None:
                return {**judged, "outcomes": []}
            _tell_refused(refused, state, settings)
            return {**judged, "outcomes": [_outcome(refused, settings, [])]}
        if not state["cells"]:
            return {"outcomes": []}
        context, scope = ContextRef.from_state(state["context"]), configurable(config, SCOPE_KEY)
        cells = await self._cells(state, settings, config)
        session = await self._parts.steps.session(config, settings)

        async def work(tree: Tree, place: Place) -> RLMState:
            decision = await cells.approved(tree, place)
            if decision.rejected is not None:
                return {"outcomes": [_outcome(Done(error=prompts.rejected(decision.rejected)), settings, [])]}
            executor, lost = await self.repls.take(state["repl"], context, scope)
            try:
                done = await cells.run(executor, decision.cells, tree, place)
            except BaseException:
                await self.repls.discard(executor)
                raise
            notes = [] if lost == {} else [prompts.repl_lost(lost)]
            notes += [prompts.EDITED] if decision.edited else []
            repl = done[-1].snapshot
            if session is not None and repl is not None and repl != state["repl"]:
                session.refer_later("snapshot", [repl])
            submitted = done[-1].answer
            done[-1], judged = await acceptance.of_cell(done[-1], state)
            if submitted is not None and done[-1].answer is None:
                _tell_refused(done[-1], state, settings)
            return {
                **judged,
                "outcomes": [_outcome(end, settings, notes if not at else []) for at, end in enumerate(done)],
                "repl": await self.repls.put_back(executor, repl),
                "repl_variables": {name: prompts.sendable(value) for name, value in done[-1].variables.items()},
            }

        written, totals = await self._parts.steps.carry_out("execute_repl", state, config, settings, work)
        failed = written["outcomes"][-1]["error"] is not None
        return {**totals, **written, "errors": state["errors"] + 1 if failed else 0}

    def truncate_observation(self, state: RLMState, config: RunnableConfig) -> RLMState:  # noqa: ARG002
        """hist ← hist ‖ code ‖ Metadata(stdout)."""
        printed = sum(outcome["stdout_chars"] for outcome in state["outcomes"])
        if state["answer"] is not None and not printed:
            return {"cells": [], "outcomes": []}
        if not state["outcomes"]:
            if state["last_question"]:
                return {"cells": []}
            return {"messages": [marked(HumanMessage(prompts.REMINDER), "observation")]}
        settings = self._settings()
        outcomes = [Done(**_as_done(outcome)) for outcome in state["outcomes"]]
        used = {"iterations": state["iterations"], "sub_calls": state["sub_calls"]}
        left = self._parts.steps.ledger(state, settings).left()
        text = prompts.sendable(prompts.observation(outcomes, len(state["cells"]), settings, **used, left=left))
        written: RLMState = {"messages": [marked(HumanMessage(text), "observation")], "outcomes": [], "cells": []}
        limit = settings.max_errors_in_a_row
        if 0 < limit <= state["errors"] and state["exhausted"] is None:
            written |= {"exhausted": "max_errors_in_a_row", "exhausted_at": limit}
        return written

    async def finalize(self, state: RLMState, config: RunnableConfig) -> RLMState:
        """Return state[Final], and say how it came about."""
        scope = configurable(config, SCOPE_KEY)
        if isinstance(scope, Scope):
            scope.answered = True
        settings, answer = self._settings(), state["answer"]
        status, by = _how(state)
        session = await self._parts.steps.session(config, settings)
        if session is not None:
            iterations, sub_calls, cost_usd = state["iterations"], state["sub_calls"], state["cost_usd"]
            await session.note(status=status, iterations=iterations, sub_calls=sub_calls, cost_usd=cost_usd)
        if answer is None:
            misfit = None if self.form is None else state.get("misfit", "")
            answer = prompts.no_answer(state["exhausted"], settings.max_iterations, misfit)
        else:
            emit("final_answer", state["iterations"], answer, verbose=settings.verbose, answer_chars=len(answer))
        return {"messages": [marked(AIMessage(answer), "answer", status=status)], "status": status, "answered_by": by}

    # What they share. -----------------------------------------------------------------------------------------------

    def _settings(self) -> RLMConfig:
        """The settings of this run: those that it was given (`context=` of invoke, in LangGraph's words) come first."""
        given: Any = get_runtime().context
        if isinstance(given, RLMConfig):
            return self._parts.config.model_copy(update={name: getattr(given, name) for name in given.model_fields_set})
        return self._parts.config

    @property
    def form(self) -> Form | None:
        """What the answers of this level must be."""
        return self._parts.form if self._depth == 1 else None

    def _acceptance(self, settings: RLMConfig) -> Acceptance:
        """What is asked of the answers of this level."""
        return Acceptance(self.form, settings.citations and self._depth == 1)

    def _root(self, settings: RLMConfig) -> Model:
        chat_model = self._root_model(settings)
        key = (settings.temperature, settings.root_max_tokens, settings.call_timeout, settings.max_retries)
        if (id(chat_model), *key) not in self._roots:
            temperature, max_tokens, timeout_s, retries = key
            self._roots[id(chat_model), *key] = Model(
                chat_model,
                temperature=temperature,
                max_tokens=max_tokens,
                timeout_s=timeout_s,
                max_retries=retries,
                prices=self._parts.models.prices,
            )
        return self._roots[id(chat_model), *key]

    def _root_model(self, settings: RLMConfig) -> BaseChatModel:
        """The run's own, or that of the children, which is the sub-model."""
        models = self._parts.models
        return models.root(settings) if self._depth == 1 else models.default(settings)

    def _is_direct(self, state: RLMState, settings: RLMConfig, model: Model) -> bool:
        """Whether the question is answered in one call: the context is short, and all that there is to know."""
        context, query = ContextRef.from_state(state["context"]), state["query"]
        is_the_question = context.chars == len(query) and query.startswith(context.prefix)
        if state["iterations"] or context.skipped_count or is_the_question or self._acceptance(settings).citations:
            return False
        window = settings.root_window_tokens or model.window_tokens
        limit = settings.root_max_tokens
        return fits_directly(context, settings.direct_below_chars, window, max_output_tokens=limit)

    def _load(self, context: ContextRef) -> Any:
        return load(self.repls.store.local_manifest(context))

    async def _history(self, state: RLMState) -> list[dict[str, str]] | None:
        """The messages that were taken out of the conversation; None if there are none."""
        if state["history"] is None:
            return None
        kept = await asyncio.to_thread(self.repls.store.open, state["history"])
        return list(await asyncio.to_thread(self._load, kept))

    async def _keep_history(self, state: RLMState, removed: list[dict[str, str]], session: Session | None) -> str:
        grown = [*(await self._history(state) or []), *removed]
        kept = await asyncio.to_thread(self.repls.store.put, grown)
        if session is not None:
            await session.refer("context", [kept.sha256])
        return kept.sha256

    def _levels_below(self, settings: RLMConfig) -> int:
        return settings.max_recursion_depth - self._depth if self._ask_child is not None else 0

    def _chosen_profile(self, settings: RLMConfig) -> profiles.Profile:
        return self._parts.profile or profiles.choose(settings.profile, model_name(self._root_model(settings)))

    def _abilities(self, state: RLMState, settings: RLMConfig) -> prompts.Abilities:
        return prompts.Abilities(
            depth=max(0, self._levels_below(settings)),
            models=self._parts.models.lines(settings),
            tools=self._parts.tools.lines(),
            ask_user=settings.ask_user,
            run_ahead=settings.run_ahead,
            history=state["history"] is not None,
            form=None if self.form is None else self.form.schema,
            citations=self._acceptance(settings).citations,
            instructions=settings.instructions if isinstance(settings, ServedConfig) and self._depth == 1 else "",
            profile=self._chosen_profile(settings),
        )

    async def _cells(self, state: RLMState, settings: RLMConfig, config: RunnableConfig) -> Cells:
        functions = Functions(
            tools=self._parts.tools.functions(),
            ask_user=settings.ask_user,
            history=await self._history(state),
            # The same when the cell is run again: what it draws decides what it asks.
            seed=int(digest(ContextRef.from_state(state["context"]).sha256, state["query"])[:8], 16),
            typed=self.form is not None,
            citations=self._acceptance(settings).citations,
        )

        def sub_calls(tree: Tree, place: Place) -> SubCalls:
            return SubCalls(
                self._parts.models.askable(settings),
                tools=self._parts.tools,
                sub_tools=self._parts.sub_tools,
                tree=tree,
                place=place,
                settings=settings,
                ask_child=self._ask_child if self._levels_below(settings) > 0 else None,
                iteration=state["iterations"],
                config=config,
            )

        return Cells(state["cells"], state["iterations"], settings, functions, sub_calls)


def route(state: RLMState) -> Literal["generate_code", "finalize"]:
    """If state[Final] is set, return it; else go on, until the iterations have run out."""
    is_over = state["last_question"] and state.get("repair") != "due"
    return "finalize" if state["answer"] is not None or is_over else "generate_code"


def _how(state: RLMState) -> tuple[Status, AnsweredBy | None]:
    """How the run has come to its end."""
    if state["answer"] is None:
        return "no_answer", None
    if not state["last_question"]:
        return "complete", state["answered_by"] or "submitted"
    return "out_of_iterations" if state["exhausted"] is None else "out_of_budget", "forced"


def _blank_turn() -> RLMState:
    """What belongs to one question, before its first iteration."""
    return {
        "iterations": 0,
        "codeless": 0,
        "errors": 0,
        "cells": [],
        "typed_answer": None,
        "last_question": False,
        "outcomes": [],
        "history": None,
        "answer": None,
        "status": "running",
        "answered_by": None,
        "exhausted": None,
        "exhausted_at": 0.0,
        "approved_usd": 0.0,
        "sub_calls": 0,
        "ran_ahead": 0,
        "requests": 0,
        "cache_hits": 0,
        "total_input_tokens": 0,
        "total_output_tokens": 0,
        "cost_usd": 0.0,
        "models": {},
        "elapsed_s": 0.0,
    }


def _tell_refused(done: Done, state: RLMState, settings: RLMConfig) -> None:
    """That an answer was not accepted, which no cell has printed."""
    refusal = done.error or ""
    emit("answer_refused", state["iterations"], refusal, verbose=settings.verbose, refusal=refusal)


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


__all__ = ["Nodes", "route"]
