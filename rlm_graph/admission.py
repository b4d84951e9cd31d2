"""What remote callers send to a graph, looked at before it has any effect: inputs, commands, edited states.

`ContextGate` decides; here is where references can stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langgraph.types import Command, Send, StateUpdate

from rlm_graph.context.gate import ContextGate, needs_thread


def refers_to_thread(given: Any) -> bool:
    """Whether an input holds references that only the state of the caller's thread can vouch for."""
    return any(needs_thread(values) for values in _values(given))


def admitted(gate: ContextGate, given: Any, held: Mapping[str, Any]) -> Any:
    """An input or a command as it may go on.

    Raises:
        ContextError: it refers to something that is not the caller's, or cannot be read.
    """
    if isinstance(given, dict):
        return gate.admitted(given, held)
    if not isinstance(given, Command):
        return given
    goto = [Send(to.node, admitted(gate, to.arg, held)) if isinstance(to, Send) else to for to in _goals(given)]
    update = given.update
    if isinstance(update, list | tuple):
        update = [pair for name, value in update for pair in gate.admitted({name: value}, held).items()]
    return replace(given, update=admitted(gate, update, held), goto=goto)


def admitted_updates(
    gate: ContextGate, supersteps: Sequence[Sequence[StateUpdate]], held: Mapping[str, Any]
) -> list[list[StateUpdate]]:
    """Edits of a state, in the same way."""
    return [
        [update._replace(values=admitted(gate, update.values, held)) for update in superstep]
        for superstep in supersteps
    ]


def _values(given: Any) -> Iterator[Mapping[str, Any]]:
    """All dicts of values for channels in an input or a command."""
    if isinstance(given, dict):
        yield given
    elif isinstance(given, StateUpdate):
        yield from _values(given.values)
    elif isinstance(given, Command):
        if isinstance(given.update, list | tuple):
            yield from ({name: value} for name, value in given.update)
        yield from _values(given.update)
        for to in _goals(given):
            if isinstance(to, Send):
                yield from _values(to.arg)


def _goals(command: Command[Any]) -> Sequence[Any]:
    """Where a command goes. From LangGraph's server, a command that goes nowhere has None there."""
    if isinstance(command.goto, list | tuple):
        return command.goto
    return [command.goto] if command.goto else []


__all__ = ["admitted", "admitted_updates", "refers_to_thread"]
