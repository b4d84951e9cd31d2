"""What a question to a chat model is, as a digest: the model, what changes its answers, and the messages.

Two processes, on two versions of Python, come to the same digest for the same question; so the journal finds the answer
that another process has paid for. Not part of it: secrets (a new key does not make a new question), HTTP headers and
query parameters (they may hold secrets), what only says how a request is made (timeouts, retries, streaming), and the
ids of messages and tool calls, which are new each time.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel

_HOW_NOT_WHAT = frozenset(
    {
        *("name", "cache", "verbose", "callbacks", "tags", "metadata", "custom_get_token_ids", "profile"),
        *("max_retries", "timeout", "request_timeout", "default_request_timeout", "stream_chunk_timeout"),
        *("rate_limiter", "max_concurrent_requests", "http_socket_options", "openai_proxy", "anthropic_proxy"),
        *("stream", "streaming", "disable_streaming", "stream_usage", "include_response_headers"),
        *("default_headers", "default_query", "additional_headers", "client_args", "tiktoken_model_name"),
    }
)
"""Fields of chat models that change how a request is made, and not what it asks."""

_SECRET = re.compile(r"(^|_)(key|secret|password|credentials?|token)$")
"""Names of fields that hold secrets, also where they are plain texts."""

_PLAIN_TYPES = (HumanMessage, SystemMessage, AIMessage)

_LEFT_OUT = object()


def model_identity(model: BaseChatModel, name: str, options: Mapping[str, Any]) -> str:
    """A chat model and what changes its answers, as JSON.

    Args:
        model: The chat model.
        name: What it is called.
        options: What each call is given besides the messages: bound tools.
    """
    fields = {
        field: plain
        for field, info in type(model).model_fields.items()
        if not info.exclude
        # What is as the class has it is left out: a new field in the next version of a package changes nothing.
        and (plain := _plain(getattr(model, field))) not in (None, _LEFT_OUT)
        and plain != _plain(info.default)
    }
    parameters = _plain(getattr(model, "_identifying_params", {}))
    known = {**(parameters if isinstance(parameters, dict) else {}), **(_plain(model.model_extra or {})), **fields}
    said = {key: value for key, value in known.items() if key not in _HOW_NOT_WHAT and not _SECRET.search(key)}
    return _json([type(model).__name__, name, said, _addresses(model), _plain(options)])


def digest(identity: str, messages: Sequence[BaseMessage]) -> str:
    """SHA-256 in hex over a model's identity and the messages that it is asked."""
    hashed = _hashed(identity).copy()
    for message in messages:
        hashed.update(f"\n{_spelt(message)}".encode())
    return hashed.hexdigest()


@lru_cache(maxsize=64)
def _hashed(identity: str) -> hashlib._Hash:
    return hashlib.sha256(identity.encode())


def _spelt(message: BaseMessage) -> str:
    """What a message says, as JSON."""
    content = message.content
    if type(message) is HumanMessage and isinstance(content, str) and message.name is None:
        return f'["human",null,null,{json.encoder.encode_basestring_ascii(content)},[],null]'  # the same, and quicker
    return _json(_said(message))


def _said(message: BaseMessage) -> Any:
    """What a message says, without its ids."""
    content = message.content
    if isinstance(content, str) and type(message) in _PLAIN_TYPES and not getattr(message, "tool_calls", None):
        return [message.type, None, message.name, content, [], None]  # what follows gives the same, and takes longer
    if isinstance(content, list):
        content = [{k: v for k, v in part.items() if k != "id"} if isinstance(part, dict) else part for part in content]
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    status = message.status if isinstance(message, ToolMessage) else None
    role = getattr(message, "role", None)  # of a ChatMessage
    return _plain([message.type, role, message.name, content, [[call["name"], call["args"]] for call in calls], status])


def _addresses(model: BaseChatModel) -> list[str]:
    """Where a model's clients send their requests: some read it from the environment, and no field has it."""
    clients = [getattr(model, field) for field in type(model).model_fields]
    return sorted({str(url) for client in clients if (url := getattr(client, "base_url", None)) is not None})


def _plain(value: Any) -> Any:
    """A value as JSON has it; what JSON has not is left out, because its text may differ from process to process."""
    if value is None or isinstance(value, bool | int | float | str):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, type):
        return value.__qualname__
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, Mapping):
        pairs = ((str(key), _plain(item)) for key, item in value.items())
        return {key: item for key, item in pairs if item is not _LEFT_OUT}
    if isinstance(value, list | tuple):
        return [item for item in map(_plain, value) if item is not _LEFT_OUT]
    if isinstance(value, set | frozenset):
        return sorted((item for item in map(_plain, value) if item is not _LEFT_OUT), key=_json)
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    return _LEFT_OUT


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
