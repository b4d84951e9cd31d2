"""Tools: functions of the user's, as LangChain has them, for the code in the REPL or for the sub-model.

They run in the host, never in the REPL's process, and each call is made once: its result is in the journal.
"""

from __future__ import annotations

import builtins
import inspect
import json
import keyword
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, ToolException
from langgraph.errors import GraphBubbleUp
from pydantic import BaseModel, ValidationError

from rlm_graph import prompts
from rlm_graph.errors import ConfigError, ToolError
from rlm_graph.models.tool_loop import as_tools, text_of
from rlm_graph.repl.executor import Tool

RESERVED = frozenset(
    {
        *("context", "answer", "history", "llm_query", "llm_query_batched", "llm_map", "rlm_query"),
        *("rlm_query_batched", "ask_user", "FINAL", "FINAL_VAR", "SUBMIT", "Final"),
        *("SubCallError", "MaxSubCallsExceeded", "BudgetExceeded", "ToolError"),
    }
)
"""Names in the REPL that no tool can have."""

UserTool = BaseTool | Callable[..., Any]


class Tools:
    """Tools by their names.

    Args:
        tools: LangChain tools, or functions with a docstring, sync or async.

    Raises:
        ConfigError: something is no tool, or a name is reserved, used twice, or no Python name.
    """

    def __init__(self, tools: Sequence[UserTool] = ()) -> None:
        self._tools = {name: _raising(one) for name, one in as_tools(tools).items()}
        for name in self._tools:
            problem = _problem(name)
            if problem:
                raise ConfigError(f"tools: {name!r} is not allowed as a tool's name: {problem}")

    def functions(self) -> tuple[Tool, ...]:
        """What the REPL is told of them."""
        return tuple(Tool(one.name, tuple(one.args), one.description) for one in self._tools.values())

    def lines(self) -> tuple[prompts.ToolLine, ...]:
        """What the root model is told of them."""
        return tuple(prompts.ToolLine(_signature(one), one.description) for one in self._tools.values())

    async def run(self, name: str, arguments: Mapping[str, Any], config: RunnableConfig) -> str:
        """What a tool returns, as JSON: models and dataclasses as dicts, what else is no JSON value as a text.

        Raises:
            ToolError: there is no such tool, the arguments do not fit, or it failed; the message says which.
        """
        chosen = self._tools.get(name)
        if chosen is None:
            raise ToolError(f"there is no tool {name[:80]!r}; there are: {', '.join(self._tools) or 'none'}")
        try:
            return _as_json(await _result(chosen, arguments, config))
        except ValidationError as error:
            raise ToolError(f"{name}: the arguments do not fit: {_fields(error)}") from error
        except GraphBubbleUp:  # `interrupt()` in a tool stops the graph
            raise
        except ToolException as error:  # what it says is meant to be read as it is
            raise ToolError(f"{name}: {error}") from error
        except Exception as error:  # a tool is anybody's code
            raise ToolError(f"{name}: {type(error).__name__}: {error}") from error


def _raising(one: BaseTool) -> BaseTool:
    """The tool, whose failures are exceptions: code would take the text that a model is told instead for a result."""
    if not (one.handle_tool_error or one.handle_validation_error):
        return one
    return one.model_copy(update={"handle_tool_error": False, "handle_validation_error": False})


async def _result(one: BaseTool, arguments: Mapping[str, Any], config: RunnableConfig) -> Any:
    """What a tool gives, as a value: of an MCP server's, what it gives for programs, else its text."""
    if one.response_format != "content_and_artifact":
        return await one.ainvoke(dict(arguments), config)
    call = {"type": "tool_call", "name": one.name, "args": dict(arguments), "id": str(uuid.uuid4())}
    message = await one.ainvoke(call, config)
    if not isinstance(message, ToolMessage):
        return message
    given = message.artifact.get("structured_content") if isinstance(message.artifact, Mapping) else None
    if given is None:
        return text_of(message.content)
    # The servers' SDK puts what is no object into one: `{"result": 3}`.
    return given["result"] if given.keys() == {"result"} else given


def _as_json(result: Any) -> str:
    try:
        return json.dumps(result, default=_plain)
    except (TypeError, ValueError, RecursionError):  # keys that are no texts, something that contains itself
        return json.dumps(str(result))  # the tool has run: its result is not lost


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)


def _problem(name: str) -> str:
    if not name.isidentifier() or name.startswith("_"):
        return "it must be a Python name that does not begin with _"
    is_pythons = keyword.iskeyword(name) or hasattr(builtins, name)
    return "the REPL has that name already" if is_pythons or name in RESERVED else ""


def _signature(one: BaseTool) -> str:
    """`search(query: str, limit: int = 10)`."""
    function = getattr(one, "coroutine", None) or getattr(one, "func", None)
    if function is not None:
        signature = inspect.signature(function)
        shown = [
            parameter.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)
            for name, parameter in signature.parameters.items()
            if name in one.args
        ]
        if len(shown) == len(one.args):
            # Annotations that were written as text would stand in quotes.
            shown_as = signature.replace(parameters=shown, return_annotation=signature.empty)
            return re.sub(r": '([^']*)'", r": \1", f"{one.name}{shown_as}")
    arguments = ", ".join(f"{name}: {about.get('type', 'Any')}" for name, about in one.args.items())
    return f"{one.name}({arguments})"


def _fields(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg']}" for one in error.errors())


__all__ = ["RESERVED", "Tools", "UserTool"]
