"""Scripts for the models of a test, the run that they are played in, and what of it the root model was shown.

A root model's script looks at the conversation, and not at how often it was asked: a run that is resumed or forked gets
the reply of a turn again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from rlm_graph.testing import Reply, Request


def code(*lines: str) -> str:
    """A reply with one block of code."""
    return "\n".join(["Working.", "```repl", *lines, "```"])


def turn_of(request: Request) -> int:
    """Which turn of its run a root model is asked for, from 0: as many replies of its own it is shown."""
    return sum(message["role"] == "assistant" for message in request.messages)


def turns(*replies: str | Reply) -> Callable[[Request], str | Reply]:
    """A root model that plays a reply for each turn."""
    return lambda request: replies[turn_of(request)]


def echo(request: Request) -> str:
    """A sub-model whose answer tells the prompt."""
    return f"re:{request.text}"


def thread(name: str | None = None) -> Any:
    """A config with a thread of that name; without one, of a name of its own."""
    return {"configurable": {"thread_id": name or str(uuid.uuid4())}}


def observations(rlm: Any) -> list[str]:
    """What the root model was shown in its last request, after the question."""
    return [str(m["content"]) for m in rlm.server.requests[-1].messages if m["role"] == "user"][1:]
