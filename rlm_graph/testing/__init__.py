"""The test double for code that calls chat models: an OpenAI-compatible server that plays scripts.

    from rlm_graph.testing import ScriptedServer

    with ScriptedServer(["first reply", "second reply"]) as server:
        client = OpenAI(base_url=server.base_url, api_key="any")
        ...
    assert server.requests[0].text == "the question"

Replies are texts, `Reply` objects (status, delay, tool calls, usage, raw bodies ...), or functions of the
`Request`; the failures of real servers are ready-made in `failures`. With `HandPlayedServer`, or
`python -m rlm_graph.testing FOLDER`, you play the models yourself and see exactly what they would see.
"""

from __future__ import annotations

from rlm_graph.testing import failures
from rlm_graph.testing.hand_played import HandPlayedServer, HandPlayer
from rlm_graph.testing.script import Reply, Request, Script, ToolCall, Usage
from rlm_graph.testing.server import ScriptedServer

__all__ = [
    "HandPlayedServer",
    "HandPlayer",
    "Reply",
    "Request",
    "Script",
    "ScriptedServer",
    "ToolCall",
    "Usage",
    "failures",
]
