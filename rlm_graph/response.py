"""Typed answers: the form that a run's answer must have, and values checked against it.

A form is what `create_agent` takes as `response_format`: a pydantic model, a dataclass, a TypedDict, any other type
that pydantic can check, or a JSON Schema. The state of a run holds the answer as plain JSON values; whoever gets a
result is given what was asked for: an instance of the class, a dict for a TypedDict or a JSON Schema.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from rlm_graph import schema as schemas
from rlm_graph.context.ref import storable
from rlm_graph.errors import ConfigError
from rlm_graph.prompts import sendable
from rlm_graph.schema import MisfitError, SchemaError

MAX_CHARS = 10_000_000
"""Characters of the longest typed answer, as JSON."""

CPU_SECONDS = 10.0
"""Time of the processor that checking one answer against a JSON Schema may take."""

MAX_PROBLEMS = 5
"""Problems of one value that are told."""

MAX_DEPTH = 100
"""How deep it may be nested: checkpoints refuse 500 levels."""

_TOO_DEEP = f"the answer is nested more than {MAX_DEPTH} levels deep"

_WRAPPED = ("schema", "parameters", "json_schema", "function")
_BESIDE = ("type", "name", "title", "description", "strict")
"""Where OpenAI's functions and `response_format` hold a schema, and what stands beside it."""

_SUSPECT = re.compile(r"\\u0000|\\ud[89a-f]|\d{19}")
"""Where a NUL, a lone surrogate, or a number of more than 64 bits may stand in JSON that is ASCII."""


class Form:
    """A form of answers.

    Args:
        given: What `create_rlm` is given as `response_format`. Of `create_agent`'s strategies, and of what providers
            wrap a JSON Schema in, the schema is taken: the value comes out of the REPL, and no provider has to be told
            how.

    Raises:
        ConfigError: it is nothing that answers can be checked against.
    """

    def __init__(self, given: Any) -> None:
        given = _unwrapped(given)
        self._adapter: TypeAdapter[Any] | None = None
        self.schema: Mapping[str, Any]
        """As a JSON Schema, for models."""
        if isinstance(given, Mapping):
            self.schema = given
            try:
                schemas.check(given)
            except SchemaError as error:
                raise ConfigError(f"response_format: {error}") from error
            return
        what = f"response_format: {given!r} is not allowed"
        if given is None or isinstance(given, str | bytes | int | float | list | tuple):
            raise ConfigError(f"{what}: must be a class (pydantic, dataclass, TypedDict) or a JSON Schema")
        try:
            self._adapter = TypeAdapter(given)
            self.schema = self._adapter.json_schema()
        except (PydanticUserError, TypeError, NameError, ValueError) as error:
            raise ConfigError(f"{what}: pydantic cannot check it ({str(error).splitlines()[0]})") from error

    def read(self, submitted: str, *, is_text: bool) -> Any:
        """The value of an answer, as plain JSON values. Blocks, up to seconds for a long one.

        Args:
            submitted: The answer: JSON; or, if `is_text`, what a model has written: the JSON alone, in a fence, or
                between other text.
            is_text: See `submitted`. A JSON string that does not fit is read as such a text too.

        Raises:
            MisfitError: it does not fit; its problems are for the model.
        """
        if len(submitted) > MAX_CHARS:
            raise MisfitError([f"the answer has {len(submitted):,} characters as JSON; {MAX_CHARS:,} are allowed"])
        if is_text:
            value: Any = storable(sendable(submitted))
        else:
            try:
                value = _plain(json.loads(submitted))
            except RecursionError as error:
                raise MisfitError([_TOO_DEEP]) from error
            except ValueError as error:
                raise MisfitError([f"the answer is no JSON: {error}"]) from error
        try:
            return self._fitting(value)
        except MisfitError:
            if not isinstance(value, str) or not _has_json(value):
                raise
        return self._read_text(value)

    def instance(self, value: Any) -> Any:
        """What a user is given for a value that `read` has returned."""
        if self._adapter is None or value is None:
            return value
        try:
            return self._adapter.validate_json(json.dumps(value))
        except ValidationError:  # it was kept under another form, by another version of the program
            return value

    def _read_text(self, text: str) -> Any:
        try:
            value = schemas.parse(text, self.schema, cpu_seconds=CPU_SECONDS)
        except SchemaError as error:
            raise MisfitError([str(error)]) from error
        except MisfitError:
            if self._adapter is None:
                raise
            value = schemas.parse(text, {})  # pydantic takes more than its schema says: "3" for an int
        return self._fitting(_plain(value))

    def _fitting(self, value: Any) -> Any:
        """The value, if it fits."""
        written = json.dumps(value)
        if self._adapter is None:
            try:
                return schemas.parse(written, self.schema, cpu_seconds=CPU_SECONDS)
            except SchemaError as error:
                raise MisfitError([str(error)]) from error
        try:
            made = self._adapter.validate_json(written)
        except ValidationError as error:
            raise MisfitError(_problems(error)) from error
        except Exception as error:  # a validator of the user's, which the model's value has led astray
            raise MisfitError([f"{type(error).__name__}: {error}"]) from error
        return self._as_made(made, value)

    def _as_made(self, made: Any, given: Any) -> Any:
        """What a class has made of a value, as JSON, defaults included; the value, if that cannot be read again."""
        assert self._adapter is not None
        try:
            written = _plain(self._adapter.dump_python(made, mode="json", by_alias=True, warnings=False))
            return written if self._adapter.validate_json(json.dumps(written)) == made else given
        except Exception:  # whatever serializers and validators of the user's do
            return given


def with_instance(form: Form | None, chunk: Any, options: Mapping[str, Any]) -> Any:
    """A chunk of a graph's stream, with what users are given in the place of plain values.

    Args:
        form: The form of the graph's answers; None: the chunk is left as it is, and so is one without an answer.
        chunk: As LangGraph gives it.
        options: Those of the stream, which say what chunks are: `stream_mode`, `subgraphs`, `version`.
    """
    if form is None:
        return chunk
    if options.get("version") == "v2":
        if chunk["type"] != "values" or chunk["ns"]:
            return chunk
        return {**chunk, "data": _with_instance(form, chunk["data"])}
    modes = options.get("stream_mode")
    has_mode, has_namespace = isinstance(modes, list), options.get("subgraphs", False)
    *tags, payload = chunk if has_mode or has_namespace else (chunk,)
    mode, namespace = tags[-1] if has_mode else modes, tags[0] if has_namespace else ()
    if mode != "values" or namespace:
        return chunk
    values = _with_instance(form, payload)
    return (*tags, values) if tags else values


def _with_instance(form: Form, values: Any) -> Any:
    if not isinstance(values, Mapping) or values.get("structured_response") is None:
        return values
    return {**values, "structured_response": form.instance(values["structured_response"])}


def _unwrapped(given: Any) -> Any:
    """The schema in what is wrapped around it: as a JSON Schema, such a dict would take any value."""
    # Who gives one of `create_agent`'s strategies has imported their module; we do not.
    module = sys.modules.get("langchain.agents.structured_output")
    kinds = [getattr(module, name, None) for name in ("ToolStrategy", "ProviderStrategy", "AutoStrategy")]
    if any(isinstance(given, kind) for kind in kinds if kind is not None):
        return _unwrapped(given.schema)
    for held in _WRAPPED if isinstance(given, Mapping) else ():
        if isinstance(given.get(held), Mapping) and given.keys() <= {held, *_BESIDE}:
            return _unwrapped(given[held])
    return given


def _has_json(text: str) -> bool:
    try:
        schemas.parse(text, {})
    except MisfitError:
        return False
    return True


def _problems(error: ValidationError) -> Sequence[str]:
    told = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [f"at {_place(problem['loc'])}: {problem['msg']}" for problem in told[:MAX_PROBLEMS]]
    return [*lines, f"and {len(told) - MAX_PROBLEMS:,} more"] if len(told) > MAX_PROBLEMS else lines


def _place(steps: Sequence[str | int]) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _plain(value: Any) -> Any:
    """A JSON value that any checkpoint can hold: a NUL or a lone surrogate becomes U+FFFD.

    Raises:
        MisfitError: it is nested too deeply for one, or there is a number in it that none can hold.
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for held in level
            if type(held) in (list, dict)
            for item in (held.values() if type(held) is dict else held)
        ]
    if level:
        raise MisfitError([_TOO_DEEP])
    return _kept(value) if _SUSPECT.search(json.dumps(value)) else value


def _kept(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_kept(item) for item in value]
    if isinstance(value, dict):
        return {storable(name): _kept(item) for name, item in value.items()}
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        raise MisfitError([f"a whole number of {value.bit_length()} bits; 64 are allowed: make it a text"])
    return value


__all__ = ["Form"]
