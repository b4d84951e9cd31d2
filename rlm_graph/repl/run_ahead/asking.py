"""The functions of a cell that ask the host, as the scout knows them: what they ask, and what they give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rlm_graph.context.document import Document
from rlm_graph.repl.calls import BudgetExceeded, SubCallError
from rlm_graph.repl.functions import MAX_PROMPT_CHARS, Form
from rlm_graph.repl.run_ahead import kinds
from rlm_graph.repl.run_ahead.invocations import Ask, Invocations
from rlm_graph.repl.run_ahead.kinds import CONTAINERS, PLAIN, STR, Kind, of_type
from rlm_graph.repl.run_ahead.memory import Stop, Unfit
from rlm_graph.repl.run_ahead.plan import Entry, Plan
from rlm_graph.repl.run_ahead.pure import is_pure
from rlm_graph.repl.run_ahead.shields import Point, Shield
from rlm_graph.repl.run_ahead.unknown import Answer, Condition, Frozen, Unknown

Read = Callable[[str], Any]
"""What makes a value of the text of an answer."""

FAILURES: tuple[type[Exception], ...] = (SubCallError, BudgetExceeded, ValueError)
"""What a call may raise in the code."""

OR_ERROR = of_type(str, Exception)


class Asking:
    """Gives the scout what it may ask, and puts what it asks into a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def functions(self) -> dict[str, Ask]:
        """By the names of the REPL's functions."""
        return {
            "llm_query": self._llm_query,
            "rlm_query": self._rlm_query,
            "llm_query_batched": self._llm_query_batched,
            "rlm_query_batched": self._rlm_query_batched,
            "llm_map": self._llm_map,
        }

    def _llm_query(self, scout: Invocations, arguments: list[Any], named: Mapping[str, Any]) -> Any:
        prompt, model, schema = _bound(arguments, named, 2, "prompt", "model", "schema")
        form, kind = self._form(scout, model, schema)
        return self._one(scout, "llm_query", prompt, form.options, kind, form.read if schema is not None else None)

    def _rlm_query(self, scout: Invocations, arguments: list[Any], named: Mapping[str, Any]) -> Any:
        prompt, context = _bound(arguments, named, 2, "prompt", "context")
        return self._one(scout, "rlm_query", prompt, self._over(scout, context), STR)

    def _llm_query_batched(self, scout: Invocations, arguments: list[Any], named: Mapping[str, Any]) -> Any:
        prompts, model, schema, return_errors = _bound(
            arguments, named, 2, "prompts", "model", "schema", "return_errors"
        )
        form, kind = self._form(scout, model, schema)
        read = form.read if schema is not None else None
        calls = [("llm_query", prompt, form.options) for prompt in self._listed(scout, prompts)]
        return self._several(scout, calls, kind, read, return_errors)

    def _llm_map(self, scout: Invocations, arguments: list[Any], named: Mapping[str, Any]) -> Any:
        items, prompt, schema, model, return_errors = _bound(
            arguments, named, 3, "items", "prompt", "schema", "model", "return_errors"
        )
        if type(prompt) is not str:
            raise Stop("`llm_map` with a function")
        form, kind = self._form(scout, model, schema)
        read = form.read if schema is not None else None
        calls = []
        for item in self._listed(scout, items):
            if not scout.kind(item).only(str):
                raise Stop("`llm_map` of what is no text")
            parts = prompt.split("{item}") if "{item}" in prompt else [f"{prompt}\n\n", ""]
            texts = [part for at, one in enumerate(parts) for part in ((item, one) if at else (one,))]
            calls.append(("llm_query", scout.joined(texts), form.options))
        return self._several(scout, calls, kind, read, return_errors)

    def _rlm_query_batched(self, scout: Invocations, arguments: list[Any], named: Mapping[str, Any]) -> Any:
        prompts, contexts, return_errors = _bound(arguments, named, 2, "prompts", "contexts", "return_errors")
        texts = self._listed(scout, prompts)
        each = (
            list(contexts)
            if type(contexts) in (list, tuple) and scout.are_certain(contexts)
            else [contexts] * len(texts)
        )
        if len(each) != len(texts):
            raise Stop("as many contexts as prompts are needed")
        calls = [
            ("rlm_query", text, self._over(scout, scout.memory.load(context)))
            for text, context in zip(texts, each, strict=True)
        ]
        return self._several(scout, calls, STR, None, return_errors)

    # What they are given. -------------------------------------------------------------------------------------------

    def _listed(self, scout: Invocations, values: Any) -> list[Any]:
        if type(values) not in CONTAINERS - kinds.MAPPINGS or not scout.are_certain(values):
            raise Stop("a batch of what is not known")
        return [scout.memory.load(value) for value in values]

    def _form(self, scout: Invocations, model: Any, schema: Any) -> tuple[Form, Kind]:
        if (model is not None and type(model) is not str) or not _is_simple(scout, schema):
            raise Stop("a model or schema that is not known")
        return Form.of(schema, model), STR if schema is None else PLAIN

    def _over(self, scout: Invocations, context: Any) -> Any:
        """The options of a child: the context as it is now."""
        if context is None:
            return {}
        try:
            return Frozen(lambda parts: {"context": parts[0]}, [scout.memory.frozen(context)])
        except Unfit:
            return None

    # What they ask. -------------------------------------------------------------------------------------------------

    def _several(
        self,
        scout: Invocations,
        calls: Sequence[tuple[str, Any, Any]],
        kind: Kind,
        read: Read | None,
        return_errors: Any,
    ) -> Any:
        if type(return_errors) is not bool and return_errors is not None:
            raise Stop("`return_errors` that is not known")
        conditions = scout.conditions()  # those of all: the code asks them all before it waits for one
        entries = [self._add(scout, *call, kind, read, conditions) for call in calls]
        for entry in entries:
            entry.last = entries[-1].number
            entry.is_tolerated = bool(return_errors)
        if return_errors:
            return [Unknown(OR_ERROR) for _ in entries]
        for entry in entries:
            self._points(scout, entry.answer, conditions)
        return [entry.answer for entry in entries]

    def _one(
        self, scout: Invocations, function: str, text: Any, options: Any, kind: Kind, read: Read | None = None
    ) -> Unknown:
        """Ask once."""
        conditions = scout.conditions()
        entry = self._add(scout, function, text, options, kind, read, conditions)
        self._points(scout, entry.answer, conditions)
        return entry.answer

    def _add(
        self,
        scout: Invocations,
        function: str,
        text: Any,
        options: Any,
        kind: Kind,
        read: Read | None,
        conditions: Sequence[Condition],
    ) -> Entry:
        """Put a call into the plan."""
        if scout.no_asking:
            raise Stop("a call that may not be reached")
        if isinstance(text, Unknown):
            if not text.kind.only(str):
                raise Stop("a prompt that may be no text")
        elif type(text) not in (str, Document) or len(text) > MAX_PROMPT_CHARS:
            raise Stop("a prompt that is no text, or too long")
        else:
            text = str.__str__(text)
        scout.steps = 0
        answer = Answer(kind)
        number = self._plan.uncountable() if scout.uncounted else self._plan.number()
        entry = Entry(
            number,
            function,
            text,
            options,
            answer=answer,
            conditions=conditions,
            shields=scout.shields,
            ways=scout.ways,
            read=read,
        )
        is_knowable = options is not None and (not isinstance(text, Unknown) or text.is_knowable)
        answer.is_knowable = is_knowable and not scout.uncounted
        answer.is_knowable = self._plan.add(entry)
        return entry

    def _points(self, scout: Invocations, answer: Answer, conditions: tuple[Condition, ...]) -> None:
        """It may fail, and the code may catch that."""
        inner: list[Shield] = []
        for shield in reversed(scout.shields):
            caught = [shield.catches(error) is not None for error in FAILURES]
            if any(caught):
                shield.points.append(Point(conditions, answer, tuple(inner)))
            if all(caught):
                return
            inner.append(shield)


def _bound(arguments: list[Any], named: Mapping[str, Any], positional: int, *names: str) -> list[Any]:
    """The values of a function's parameters; None for what was left out."""
    if len(arguments) > positional or not named.keys() <= set(names[len(arguments) :]):
        raise Stop("arguments that do not fit")
    values = dict(zip(names, arguments, strict=False)) | dict(named)
    if names[0] not in values:
        raise Stop("no prompt")
    return [values.get(name) for name in names]


def _is_simple(scout: Invocations, schema: Any) -> bool:
    """Is it certain how a schema reads: is it made of plain data and Python's own types?"""
    if type(schema) is dict:
        return all(type(key) is str and _is_simple(scout, value) for key, value in schema.items())
    if type(schema) in (list, tuple):
        return all(_is_simple(scout, value) for value in schema)
    return scout.memory.is_plain(schema) or is_pure(schema) or type(schema) is type(list[str])
