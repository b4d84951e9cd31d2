"""Tools: functions of the user's, as LangChain has them, for the code in the REPL or for the sub-model.

They run in the host, never in the REPL's process, and each call is made once: its result is in the journal.
"""

from __future__ import annotations

import builtins
import inspect
import json
import keyword
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp
from pydantic import ValidationError

from rlm_graph import prompts
from rlm_graph.errors import ConfigError, ToolError
from rlm_graph.models.tool_loop import as_tools
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
        self._tools = as_tools(tools)
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
        """What a tool returns, as JSON; what is no JSON value becomes a text.

        Raises:
            ToolError: there is no such tool, the arguments do not fit, or it failed; the message says which.
        """
        chosen = self._tools.get(name)
        if chosen is None:
            raise ToolError(f"there is no tool {name[:80]!r}; there are: {', '.join(self._tools) or 'none'}")
        try:
            return json.dumps(await chosen.ainvoke(dict(arguments), config), default=str)
        except ValidationError as error:
            raise ToolError(f"{name}: the arguments do not fit: {_fields(error)}") from error
        except GraphBubbleUp:  # `interrupt()` in a tool stops the graph
            raise
        except Exception as error:  # a tool is anybody's code
            raise ToolError(f"{name}: {type(error).__name__}: {error}") from error


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
