"""One turn of the root model: what it is asked, what is done when it cannot be, and how its reply is read."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig

from rlm_graph import prompts
from rlm_graph.answers import Place
from rlm_graph.compaction import Compacted, compact, needs_compaction
from rlm_graph.config import RLMConfig
from rlm_graph.context import ContextRef
from rlm_graph.errors import BudgetExceeded, ModelError
from rlm_graph.models.listeners import is_heard
from rlm_graph.models.model import Model
from rlm_graph.models.refusals import is_window_error
from rlm_graph.parser import parse_reply, typed_answer_cell, typed_answer_text, typed_answer_value
from rlm_graph.state import RLMState, marked, role
from rlm_graph.tree import Tree

MAX_SHOWN_QUERY_CHARS = 8000
"""A longer question is itself the context, if there is no other; of it the root model sees both ends."""


@dataclass(frozen=True)
class Turn:
    """One turn, with all that it depends on."""

    state: RLMState
    settings: RLMConfig
    model: Model
    abilities: prompts.Abilities
    keep: Callable[[list[dict[str, str]]], Awaitable[str]]
    """Adds messages that are taken out of the conversation to the run's history, and returns where that is."""

    async def take(self, tree: Tree, place: Place, config: RunnableConfig) -> RLMState:
        """Ask the root model, and read its reply."""
        if self.state["iterations"] < self.settings.max_iterations and tree.ledger.exhausted is None:
            try:
                return await self._taken([], tree, place, config)
            except BudgetExceeded:
                if tree.ledger.exhausted is None:
                    raise
        return await self._last(tree, place, config)

    async def answer_directly(self, text: str, tree: Tree, place: Place, config: RunnableConfig) -> RLMState:
        """Ask for the answer in one call that holds the whole context."""
        asked = prompts.direct(self.state["query"], text, self.abilities.form)
        reply = await tree.ask(place, "direct", self.model, asked, config)
        answer = prompts.sendable(str(reply.text))
        return {
            "messages": [marked(reply.model_copy(update={"content": answer}), "code")],
            "cells": [],
            "typed_answer": answer.strip() or None,
            "answered_by": "direct",
            "iterations": 1,
        }

    async def _last(self, tree: Tree, place: Place, config: RunnableConfig) -> RLMState:
        """The question for the best answer there is. Where no budget is left for it: what stands in `answer`."""
        tree.ledger.is_closing = True
        form, is_repair = self.abilities.form, self.state.get("repair") == "due"
        text = prompts.repair_question(form) if is_repair else prompts.last_question(tree.ledger.exhausted, form)
        repaired: RLMState = {"repair": "done"} if is_repair else {}
        try:
            return {**await self._taken([marked(HumanMessage(text), "observation")], tree, place, config), **repaired}
        except BudgetExceeded:
            draft: RLMState = {
                "cells": [prompts.DRAFT_CELL],
                "typed_answer": None,
                "codeless": 0,
                "last_question": True,
            }
            return {**draft, "repair": "done"} if form is not None else draft

    async def _taken(self, asked: list[AnyMessage], tree: Tree, place: Place, config: RunnableConfig) -> RLMState:
        """The reply to the conversation so far and what is asked now, read; with older turns compacted if need be."""
        window = self.settings.root_window_tokens or self.model.window_tokens
        turn, compacted = self, None
        # The replies as the state has them: what their model reported is read. It is sent without.
        at_hand = [*self._head(), *self.state["messages"][self.state["turn_start"] + 1 :], *asked]
        if needs_compaction(at_hand, window, self.settings.root_max_tokens):
            turn, compacted = await self._compacted(window, tree, place, config)
        try:
            reply = await turn._asked_root(asked, tree, place, config)  # noqa: SLF001
        except ModelError as error:
            if compacted is not None or not is_window_error(error):
                raise
            # None, because what was refused says more of the window than any profile.
            turn, compacted = await self._compacted(None, tree, place, config)
            if compacted is None:
                raise
            reply = await turn._asked_root(asked, tree, place, config)  # noqa: SLF001
        written = self._read(reply, asked)
        if compacted is None:
            return written
        messages: list[Any] = [*compacted.writes, *written["messages"]]
        return {
            **written,
            "messages": messages,
            "history": await self.keep(compacted.removed),
        }

    async def _asked_root(
        self, asked: Sequence[BaseMessage], tree: Tree, place: Place, config: RunnableConfig
    ) -> AIMessage:
        heard = is_heard(config, streams=True)
        return await tree.ask(place, "root", self.model, self._shown(asked), config, is_heard=heard)

    async def _compacted(
        self, window: int | None, tree: Tree, place: Place, config: RunnableConfig
    ) -> tuple[Turn, Compacted | None]:
        async def ask(messages: list[BaseMessage]) -> str:
            asked = [_sent(message) for message in messages]
            return str((await tree.ask(place, "compaction", self.model, asked, config)).text)

        compacted = await compact(
            self.state["messages"],
            ask,
            turn_start=self.state["turn_start"],
            head=self._head(),
            variables=self.state["repl_variables"],
            window_tokens=window,
        )
        if compacted is None:
            return self, None
        abilities = replace(self.abilities, history=True)
        return replace(self, state={**self.state, "messages": compacted.messages}, abilities=abilities), compacted

    def _shown(self, asked: Sequence[BaseMessage]) -> list[BaseMessage]:
        """What the root model is shown: the root prompt, earlier questions and answers, this question's turns."""
        turns = self.state["messages"][self.state["turn_start"] + 1 :]
        return [*self._head(), *(_sent(message) for message in [*turns, *asked])]

    def _head(self) -> list[BaseMessage]:
        state = self.state
        messages, start = state["messages"], state["turn_start"]
        earlier = [message for message in messages[:start] if role(message) not in ("code", "observation")]
        context = ContextRef.from_state(state["context"])
        variables = {} if state["iterations"] or len(messages) > start + 1 else state["repl_variables"]
        question = prompts.question(_shortened(state["query"]), context, variables)
        return [
            SystemMessage(prompts.system(self.settings, self.abilities)),
            *(_sent(message) for message in earlier),
            HumanMessage(question, additional_kwargs={"rlm": {"role": "query", "query": state["query"]}}),
        ]

    def _read(self, reply: AIMessage, asked: list[AnyMessage]) -> RLMState:
        """What a reply says: cells to run, or an answer in plain text."""
        state, last_question = self.state, bool(asked)
        text = prompts.sendable(str(reply.text))
        parsed = parse_reply(text)
        cells, typed = list(parsed.cells), None
        if parsed.typed_answer is not None:
            variables = frozenset(state["repl_variables"])
            cell = typed_answer_cell(parsed.typed_answer, variables)
            as_typed = typed_answer_text if self.abilities.form is None else typed_answer_value
            cells, typed = ([cell], None) if cell else ([], as_typed(parsed.typed_answer))
        elif not cells and last_question:
            typed = text.strip() or None
        codeless = 0 if cells or typed is not None else state["codeless"] + 1
        written = reply.model_copy(update={"content": text, "id": reply.id or str(uuid.uuid4())})
        return {
            "messages": [*asked, marked(written, "code")],
            "cells": cells,
            "typed_answer": typed,
            "codeless": codeless,
            # The first reply without code costs a reminder, not a turn.
            "iterations": state["iterations"] + (codeless != 1 and not last_question),
            "last_question": last_question,
        }


def _shortened(query: str) -> str:
    if len(query) <= MAX_SHOWN_QUERY_CHARS:
        return query
    half = MAX_SHOWN_QUERY_CHARS // 2
    return f"{query[:half]}\n[... {len(query) - 2 * half:,} characters ...]\n{query[-half:]}"


def _sent(message: BaseMessage) -> BaseMessage:
    """A message as it goes to the model: some servers refuse an assistant's message without text."""
    text = str(message.text)
    if message.type == "ai":
        return AIMessage(text if text.strip() else "(no text)")
    return message.model_copy(update={"name": None}) if role(message) == "observation" else message


__all__ = ["Turn"]
