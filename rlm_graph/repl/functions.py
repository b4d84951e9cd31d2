"""The functions of a cell that ask the host: `llm_query` and its like, the tools of a run, `ask_user`.

They are plain closures over the host, so that no bound method leads from a cell to an object of ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rlm_graph.repl import schema as schemas
from rlm_graph.repl.calls import Host, SubCallError, ToolError
from rlm_graph.repl.facades.models import BaseModel, as_json

MAX_PROMPT_CHARS = 100_000_000
"""Characters of the longest prompt that any run allows (`sub_call_max_input_chars`); the host knows this run's own."""

Function = Callable[..., Any]


class Calls(Protocol):
    """Who takes calls: the host, or run-ahead in front of it."""

    def ask(self, function: str, text: str, options: Mapping[str, Any], /) -> int:
        """Start a call; returns its id."""

    def result(self, call_id: int, /) -> str:
        """Wait for the answer to a call.

        Raises:
            Exception: the call failed.
        """


def asking(host: Calls) -> dict[str, Function]:
    """The functions that every REPL has, by name."""

    def llm_query(prompt: str, model: str | None = None, *, schema: Any = None) -> Any:
        """Ask the sub-model; returns its answer, with a schema (a type, a dataclass, a dict ...) as such a value."""
        form = Form.of(schema, model)
        return form.read(host.result(host.ask("llm_query", _text(prompt, "llm_query(prompt)"), form.options)))

    def llm_query_batched(
        prompts: Iterable[str], model: str | None = None, *, schema: Any = None, return_errors: bool = False
    ) -> list[Any]:
        """Ask the sub-model all prompts at once; returns the answers in the order of the prompts."""
        texts = _texts(prompts, "llm_query_batched")
        form = Form.of(schema, model)
        ids = [host.ask("llm_query", text, form.options) for text in texts]
        return _results(host, ids, form, return_errors)

    def llm_map(
        items: Iterable[Any],
        prompt: str | Callable[[Any], str],
        schema: Any = None,
        *,
        model: str | None = None,
        return_errors: bool = False,
    ) -> list[Any]:
        """Ask the sub-model about each item, all at once. `prompt` has `{item}` in it, or makes a prompt of an item."""
        texts = [
            _text(_filled(prompt, item), "llm_map(items, prompt): the prompt")
            for item in _each(items, "llm_map(items, prompt) takes a list of items", "llm_query")
        ]
        form = Form.of(schema, model)
        ids = [host.ask("llm_query", text, form.options) for text in texts]
        return _results(host, ids, form, return_errors)

    def rlm_query(prompt: str, context: Any = None) -> str:
        """Ask a child that has a REPL of its own, over `context`; at the last level a plain llm_query."""
        return host.result(host.ask("rlm_query", _text(prompt, "rlm_query(prompt)"), _over(context)))

    def rlm_query_batched(prompts: Iterable[str], contexts: Any = None, *, return_errors: bool = False) -> list[Any]:
        """Ask a child for each prompt, all at once; `contexts` has one for each, or is one for all (a str or dict)."""
        texts = _texts(prompts, "rlm_query_batched")
        if not isinstance(contexts, list | tuple):
            contexts = [contexts] * len(texts)
        elif len(contexts) != len(texts):
            raise ValueError(
                f"rlm_query_batched(prompts, contexts): {len(contexts)} contexts for {len(texts)} prompts; "
                f"give one for each, or [shared] * len(prompts)"
            )
        ids = [host.ask("rlm_query", text, _over(context)) for text, context in zip(texts, contexts, strict=True)]
        return _results(host, ids, Form(), return_errors)

    functions: tuple[Function, ...] = (llm_query, llm_query_batched, llm_map, rlm_query, rlm_query_batched)
    return {function.__name__: function for function in functions}


# Prompts and what comes with them. ----------------------------------------------------------------------------------


def _text(value: Any, where: str) -> str:
    """An exact `str`: a subclass made in a cell could answer its methods with anything."""
    if not isinstance(value, str):
        raise TypeError(f"{where} must be a str, not {type(value).__name__}")
    text = str.__str__(value)
    if len(text) > MAX_PROMPT_CHARS:
        raise ValueError(f"{where} has {len(text):,} characters; no run takes more than {MAX_PROMPT_CHARS:,}: split it")
    return text


def _texts(prompts: Iterable[str], function: str) -> list[str]:
    each = _each(prompts, f"{function}(prompts) takes a list of prompts", function.removesuffix("_batched"))
    return [_text(prompt, f"{function}(prompts)[{at}]") for at, prompt in enumerate(each)]


def _each(values: Iterable[Any], takes: str, single: str) -> Iterator[Any]:
    """What a list, or anything that can be gone through, has in it; a text is one prompt, not its characters."""
    if isinstance(values, str):
        raise TypeError(f"{takes}; for one use {single}(prompt)")
    try:
        return iter(values)
    except TypeError:
        raise TypeError(f"{takes}, not {type(values).__name__}") from None


def _filled(prompt: Any, item: Any) -> Any:
    """The prompt for an item. Only `{item}` is replaced: other braces are the prompt's own."""
    if not isinstance(prompt, str):
        return prompt(item)
    template, text = str.__str__(prompt), as_text(item)
    return template.replace("{item}", text) if "{item}" in template else f"{template}\n\n{text}"


def _over(context: Any) -> dict[str, Any]:
    return {} if context is None else {"context": context}


def as_text(value: Any) -> str:
    """Any Python value as text: a `str` as it is, lists, dicts, models as JSON, anything else as `str` gives it."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, dict | list | tuple | BaseModel):
        try:
            return json.dumps(value, ensure_ascii=False, default=as_json)
        except (TypeError, ValueError, RecursionError):
            pass
    return str.__str__(str(value))


def as_value(value: Any) -> str:
    """Any Python value as JSON.

    Raises:
        ValueError: JSON has nothing like it; the message says what.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=as_json)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"the answer must be a value that JSON has: {error}") from error


# Answers. -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Form:
    """What is wanted of an answer: the options of the call that says so, and how the answer is read."""

    options: Mapping[str, Any] = field(default_factory=dict)
    shape: schemas.Shape | None = None

    @classmethod
    def of(cls, schema: Any, model: Any) -> Form:
        """As `llm_query` is given them."""
        options = {} if model is None else {"model": _text(model, "model")}
        if schema is None:
            return cls(options)
        shape = schemas.shape_of(schema)
        return cls({**options, "schema": schemas.written(shape)}, shape)

    def read(self, answer: str) -> Any:
        """The value that an answer stands for."""
        if self.shape is None:
            return answer
        try:
            return self.shape.build(json.loads(answer))
        except schemas.Misfit as error:  # what JSON schema cannot say: a validator, a date that is none
            why = str(error)
        raise SubCallError(f"the answer is not as the schema says: {why}")


def _results(host: Calls, ids: Sequence[int], form: Form, return_errors: bool) -> list[Any]:
    """The answers to several calls, in their order.

    Raises:
        Exception: the first failure, when all have ended and unless failures are wanted in place of answers. Its
            `answers` are those that there are, with None for the others.
    """
    answers: list[Any] = []
    failures: list[Exception] = []
    for call_id in ids:  # all of them are waited for, so that a finished one is never asked again in vain
        try:
            answers.append(form.read(host.result(call_id)))
        except Exception as error:  # not only what the host says: the cell's own class is made of the answer
            failures.append(error)
            answers.append(_as_value(error) if return_errors else None)
    if failures and not return_errors:
        failures[0].answers = answers  # type: ignore[attr-defined] # so that nothing that was paid for is lost
        raise failures[0] from None
    return answers


def _as_value(error: Exception) -> SubCallError:
    """A failure in the place of its answer: always of one class, so that one `isinstance` finds them all."""
    return error if isinstance(error, SubCallError) else SubCallError(f"{type(error).__name__}: {error}")


# What a run adds. ---------------------------------------------------------------------------------------------------


class Added:
    """The tools of a run, and `ask_user` where somebody can be asked.

    There is one function for each name, whether there is such a tool or not: a variable may hold it longer than a run.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._parameters: dict[str, tuple[str, ...]] = {}  # of the tools that there are
        self._functions: dict[str, Function] = {}
        self._names: dict[int, str] = {}

    def offer(self, tools: Sequence[Mapping[str, Any]], *, ask_user: bool) -> dict[str, Function]:
        """What there is from now on, by name."""
        self._parameters.clear()
        for tool in tools:
            self._parameters[tool["name"]] = tuple(tool["parameters"])
            self.function(tool["name"]).__doc__ = tool["doc"]
        if ask_user:
            self._parameters[_ASK_USER] = ("question",)
        return {name: self.function(name) for name in self._parameters}

    def function(self, name: str) -> Function:
        """The function of that name."""
        if name not in self._functions:
            make = _asking_user if name == _ASK_USER else _calling_tool
            function = make(self._host, name, self._parameters)
            function.__name__ = function.__qualname__ = name
            self._functions[name] = function
            self._names[id(function)] = name
        return self._functions[name]

    def name_of(self, value: object) -> str | None:
        """The name of one of the functions; None for anything else."""
        return self._names.get(id(value))


_ASK_USER = "ask_user"


def _asking_user(host: Host, name: str, there_are: Mapping[str, Any]) -> Function:
    def ask_user(question: str) -> str:
        """Ask the person whose question this is; waits for the answer, which may take long."""
        if name not in there_are:
            raise ToolError("nobody can be asked in this run")
        return host.result(host.ask("ask_user", _text(question, "ask_user(question)"), {}))

    return ask_user


def _calling_tool(host: Host, name: str, there_are: Mapping[str, tuple[str, ...]]) -> Function:
    def tool(*values: Any, **named: Any) -> Any:
        if name not in there_are:
            raise ToolError(f"there is no tool `{name}` in this run")
        arguments = _bound(name, there_are[name], values, named)
        return json.loads(host.result(host.ask("tool", name, {"arguments": arguments})))

    return tool


def _bound(name: str, parameters: Sequence[str], values: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a tool by name."""
    if len(values) > len(parameters):
        raise TypeError(f"{name}() takes {len(parameters)} positional arguments but {len(values)} were given")
    bound = dict(zip(parameters, values, strict=False))
    for parameter, value in named.items():
        if parameter not in parameters:
            raise TypeError(f"{name}() got an unexpected argument '{parameter}'; it has: {', '.join(parameters)}")
        if parameter in bound:
            raise TypeError(f"{name}() got multiple values for argument '{parameter}'")
        bound[parameter] = value
    return bound
