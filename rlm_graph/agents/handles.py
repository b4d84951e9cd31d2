"""Handles of contexts: what stands for a long text in the messages of an agent.

A handle is a key of the agent's own state, and nothing else: what it stands for is looked up there. So a model that
guesses or is told the handle of another thread finds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired

from langchain.agents.middleware.types import AgentState, PrivateStateAttr

# On Python 3.11 the server shows no schema for typing's own TypedDict.
from typing_extensions import TypedDict

from rlm_graph.context import ContextRef

STATE_KEY = "rlm_contexts"
"""The channel with the handles. Who calls the agent can neither write nor read it."""


class Held(TypedDict):
    """What a handle stands for."""

    context: dict[str, Any]
    """Where it is: `ContextRef.to_state`."""

    source: str
    """What it came from, such as a tool's name."""


def merged(old: dict[str, Held] | None, new: dict[str, Held] | None) -> dict[str, Held]:
    """The handles of a thread, with those that a step has added."""
    return {**(old or {}), **(new or {})}


class HandlesState(AgentState[Any]):
    """The state of an agent whose messages have handles in them."""

    rlm_contexts: NotRequired[Annotated[dict[str, Held], PrivateStateAttr, merged]]
    """What the handles stand for. Written by the middleware."""


def handle_of(ref: ContextRef) -> str:
    """The handle of a context: the same when a tool that was interrupted runs again."""
    return f"ctx:{ref.sha256[:12]}"


def find(state: Any, handle: str) -> dict[str, Any] | None:
    """What a handle stands for in a state, as `ContextRef.to_state`; None if it is not one of that state."""
    held = _handles(state).get(handle.strip())
    return None if held is None else held["context"]


def unknown(state: Any, handle: str) -> str:
    """What an agent is told that uses another handle."""
    known = ", ".join(f"{name} ({held['source']})" for name, held in _handles(state).items())
    return f"handle: {handle!r} is none of this conversation; there are: {known or 'none'}"


def _handles(state: Any) -> Mapping[str, Held]:
    return (state.get(STATE_KEY) or {}) if isinstance(state, Mapping) else {}


__all__ = ["STATE_KEY", "HandlesState", "Held", "find", "handle_of", "unknown"]
