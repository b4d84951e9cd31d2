"""The form in which a reply travels: a chat completion, whole or as a stream of events."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from rlm_graph.testing.script import Reply, Request, ToolCall, Usage, message_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_EQUAL_PIECES = 64
"""Pieces that a stream makes of a text for which the script gives no chunks."""


def count_usage(request: Request, reply: Reply) -> Usage:
    """The tokens that the script gives, or a quarter of the characters, rounded up."""
    if reply.usage is not None:
        return reply.usage
    asked = sum(len(message_text(m)) + _tool_call_chars(m.get("tool_calls")) for m in request.messages)
    answered = len(reply.content) + sum(len(c.name) + len(c.arguments_text) for c in reply.tool_calls)
    return Usage(prompt_tokens=math.ceil(asked / 4), completion_tokens=math.ceil(answered / 4))


def completion(request: Request, reply: Reply) -> bytes:
    """The JSON body of a completion that comes as a whole."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if reply.tool_calls and not reply.content else reply.content,
        "refusal": None,
    }
    if reply.tool_calls:
        message["tool_calls"] = [
            _tool_call(request, place, call, call.arguments_text) for place, call in enumerate(reply.tool_calls)
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(reply)}
    body = _common(request, "chat.completion") | {"choices": [choice], "usage": _usage(request, reply)}
    return json.dumps(body).encode()


def events(request: Request, reply: Reply) -> list[bytes]:
    """The server-sent events of a completion that comes as a stream; one that breaks off has no end."""
    head = _common(request, "chat.completion.chunk")
    options = request.body.get("stream_options")
    if with_usage := isinstance(options, dict) and options.get("include_usage") is True:
        head["usage"] = None  # every chunk has the field; the one after the last choice has the numbers

    payloads = [
        head | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]}
        for delta in _deltas(request, reply)
    ]
    if reply.breaks_off:
        return [_event(payload) for payload in payloads]

    end = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": _finish_reason(reply)}
    payloads.append(head | {"choices": [end]})
    if with_usage:
        payloads.append(head | {"choices": [], "usage": _usage(request, reply)})
    return [*map(_event, payloads), b"data: [DONE]\n\n"]


def model_list(names: Sequence[str]) -> bytes:
    """The JSON body of the list of models."""
    return json.dumps({"object": "list", "data": [_model(name) for name in names]}).encode()


def model_card(name: str) -> bytes:
    """The JSON body of one model of the list."""
    return json.dumps(_model(name)).encode()


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "rlm-graph"}


def _common(request: Request, kind: str) -> dict[str, Any]:
    """What a completion and each chunk of one begin with."""
    return {
        "id": f"chatcmpl-{request.index:08d}",
        "object": kind,
        "created": int(request.received_at),
        "model": request.model,
        "system_fingerprint": None,
    }


def _deltas(request: Request, reply: Reply) -> Iterator[dict[str, Any]]:
    """The reply in the steps in which a stream brings it."""
    yield {"role": "assistant", "content": None if reply.tool_calls and not reply.content else ""}
    for piece in reply.chunks or _equal_pieces(reply.text):
        yield {"content": piece}
    for place, call in enumerate(reply.tool_calls):
        # The name comes first and alone, then the arguments bit by bit: clients must put them together.
        yield {"tool_calls": [{"index": place, **_tool_call(request, place, call, "")}]}
        for piece in _equal_pieces(call.arguments_text):
            yield {"tool_calls": [{"index": place, "function": {"arguments": piece}}]}


def _equal_pieces(text: str) -> list[str]:
    """The text in at most 64 pieces, of 8 characters or more."""
    size = max(8, math.ceil(len(text) / MAX_EQUAL_PIECES))
    return [text[start : start + size] for start in range(0, len(text), size)]


def _tool_call(request: Request, place: int, call: ToolCall, arguments: str) -> dict[str, Any]:
    return {
        "id": call.id or f"call_{request.index:08d}_{place}",
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def _tool_call_chars(tool_calls: object) -> int:
    """Characters of the tool calls in a message of the history."""
    return len(json.dumps(tool_calls)) if tool_calls else 0


def _finish_reason(reply: Reply) -> str:
    return reply.finish_reason or ("tool_calls" if reply.tool_calls else "stop")


def _usage(request: Request, reply: Reply) -> dict[str, int]:
    usage = count_usage(request, reply)
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


def _event(payload: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"
