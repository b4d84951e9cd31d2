"""Chat completions over the wire: what a `ChatOpenAI` would send and make of the answer, at a tenth of the cost.

A call through LangChain and OpenAI's client takes 4 ms of the processor, so a thousand sub-calls at once wait for each
other. Here the chat model is asked once for the request that it would send, with a mark in place of the prompt; each
call then puts its prompt there, or a conversation, and posts the bytes. A plain answer is read here. Whatever else
comes back (an error, a refusal, a page of HTML, no answer at all) is given to the same chat model as if its own client
had received it: so what it says, and what it raises, is its own.

Covered: `ChatOpenAI` and `AzureChatOpenAI` as they are, asked with texts, by chat completions, not streamed.
Not covered, and left to LangChain (`learn` gives None): subclasses; HTTP clients, proxies, socket options or callbacks
of the user's; keys that are functions; tools, streams, answer formats and the Responses API.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import sys
import urllib.request
import uuid
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import openai
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.runnables import RunnableConfig
from langchain_openai import AzureChatOpenAI, ChatOpenAI
from openai import AsyncAzureOpenAI, AsyncOpenAI

from rlm_graph.models.chat_models import changed
from rlm_graph.models.connections import (
    Answer,
    AnswerTimedOut,
    ConnectionFailed,
    ConnectTimedOut,
    NotConnected,
    Server,
    connections_to,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_KINDS: tuple[type[SystemMessage] | type[HumanMessage] | type[AIMessage], ...] = (
    SystemMessage,
    HumanMessage,
    AIMessage,
)
"""Messages of which a conversation consists."""

_from_json: Callable[[bytes], Any] = json.loads
with contextlib.suppress(ImportError):
    from orjson import loads as _from_json  # comes with LangGraph's SDK, and is five times as fast

log = logging.getLogger("rlm_graph")

_OTHER_WAYS = ("tools", "functions", "response_format", "modalities", "audio", "input")
"""Fields of a request whose answers are more than a text."""

_MORE_THAN_TEXT = ("tool_calls", "function_call", "audio", "refusal")
"""Fields of a message that LangChain makes something of, beside its text."""

_HTTP_CLIENTS = ("AsyncHttpxClientWrapper", "_AsyncHttpxClientWrapper")
"""What OpenAI's and LangChain's packages make where the user gives no client."""

_OWN_HEADERS = (b"content-length", b"transfer-encoding", b"accept-encoding")
"""Headers that are not taken over: nothing compressed can be read here."""

_UNHEARD: RunnableConfig = {"callbacks": []}
"""Who streams the messages of the run listens to what is around, and would have the answer in pieces."""

_to_json = json.JSONEncoder(ensure_ascii=False).encode  # as OpenAI's client writes texts


class Completions:
    """Calls of one chat model; `learn` makes it."""

    def __init__(self, request: _Request, replay: BaseChatModel, model_version: str) -> None:
        self._request = request
        self._replay = replay
        self._model_version = model_version

    def can_ask(self, messages: Sequence[BaseMessage]) -> bool:
        """Whether all of them are texts, of kinds whose spelling is known, and nothing more."""
        return bool(messages) and all(
            _is_a_text(message) and message.type in self._request.spelt for message in messages
        )

    async def ask(self, messages: Sequence[BaseMessage]) -> AIMessage | None:
        """The model's answer to a text or a conversation; None if the server sends us where only the chat model goes.

        It raises what the chat model raises.
        """
        request = self._request
        body = request.body(messages)
        head = b"%bcontent-length: %d\r\n\r\n" % (request.head, len(body))
        connections = await connections_to(request.server)
        came: Answer | ConnectionFailed
        try:
            came = await connections.post(
                head, body, connect_s=request.connect_s, read_s=request.read_s, keep=request.keeps_open
            )
        except ConnectionFailed as failure:
            came = failure
        else:
            if 300 <= came.status < 400:
                return None  # the server has done nothing yet
            reply = _read(came, self._model_version)
            if reply is not None:
                return reply
        token = _came.set(came)
        try:
            return await self._replay.ainvoke(list(messages), _UNHEARD)
        finally:
            _came.reset(token)


async def learn(model: BaseChatModel) -> Completions | None:
    """How calls of a chat model look on the wire; None where they are left to it. Nothing is sent."""
    client: Any = getattr(model, "root_async_client", None)
    if not _is_plain(model, client):
        return None
    transport: Any = _Replay()  # of no base class: that would be one of two libraries'
    # Without retries: the answer that is replayed stays the same, and who is asked for its request has none.
    copied = client.with_options(max_retries=0, http_client=openai.DefaultAsyncHttpxClient(transport=transport))
    clients = {"root_async_client": copied, "async_client": copied.chat.completions}
    replay = changed(model, {**clients, "rate_limiter": None, "cache": False})
    mark = f"a prompt {uuid.uuid4().hex}"
    captured = {kind: await _captured(replay, kind(mark)) for kind in _KINDS}
    if captured[HumanMessage] is None:
        return None
    # In a thread: certificates are read from files.
    request = await asyncio.to_thread(_taken_apart, captured[HumanMessage], mark, model)
    if request is None:
        return None
    for kind, other in captured.items():
        around = None if other is None else _around(other.content, mark)
        if around is not None and (around[0], around[3]) == (request.before, request.after):
            request.spelt[kind(mark).type] = around[1], around[2]
    return Completions(request, replay, str(getattr(model, "model_version", "") or ""))


async def _captured(replay: BaseChatModel, message: BaseMessage) -> Any:
    """The request (httpx's) in which a message would be sent; None if it would not be."""
    token = _came.set(captured := _Captured())
    try:
        await replay.ainvoke([message], _UNHEARD)
    except Exception as error:  # that nobody was asked; anything else, the call itself will meet again
        log.debug("asked for its request: %r", error)
    finally:
        _came.reset(token)
    return captured.request


def _is_a_text(message: BaseMessage) -> bool:
    if type(message) is AIMessage:
        has_more = bool(message.tool_calls or message.invalid_tool_calls or message.additional_kwargs)
    else:
        has_more = bool(message.additional_kwargs.keys() - {"rlm"})  # a mark of ours, which is not sent
    return type(message) in _KINDS and type(message.content) is str and message.name is None and not has_more


def _is_plain(model: Any, client: Any) -> bool:
    """Whether nothing about a chat model is the user's but settings."""
    if type(model) not in (ChatOpenAI, AzureChatOpenAI) or type(client) not in (AsyncOpenAI, AsyncAzureOpenAI):
        return False
    http: Any = getattr(client, "_client", None)
    return not (
        model.callbacks
        or model.verbose
        or getattr(model, "custom_get_token_ids", None)
        or callable(model.openai_api_key)
        or getattr(model, "azure_ad_token_provider", None)
        or getattr(model, "azure_ad_async_token_provider", None)
        or model.http_client is not None
        or model.http_async_client is not None
        or getattr(model, "http_socket_options", None) is not None
        or model.streaming
        or model.include_response_headers
        or getattr(model, "output_version", None) not in (None, "v0")
        or type(http).__name__ not in _HTTP_CLIENTS
        or any(not _is_of_openai(hook) for hooks in http.event_hooks.values() for hook in hooks)
        or "create" in vars(model.async_client)  # a wrapper for tracing
        or "create" in vars(client.chat.completions)
    )


def _is_of_openai(hook: Any) -> bool:
    return str(getattr(hook, "__module__", "")).startswith("openai.")


# The request, taken apart. ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Request:
    """A request with a place for the messages."""

    server: Server
    head: bytes
    """Without its end: the length of the body."""
    before: bytes
    after: bytes
    """The body before and after the messages, which are JSON."""
    connect_s: float | None
    read_s: float | None
    keeps_open: bool
    """Whether the connection can have other requests."""
    spelt: dict[str, tuple[bytes, bytes]]
    """What stands before and after the text in a message, by LangChain's type of it."""

    def body(self, messages: Sequence[BaseMessage]) -> bytes:
        """The body with these messages."""
        spelt = [(self.spelt[message.type], _to_json(message.content).encode()) for message in messages]
        written = b",".join(b"%b%b%b" % (begin, text, end) for (begin, end), text in spelt)
        return b"%b%b%b" % (self.before, written, self.after)


def _taken_apart(request: Any, mark: str, model: Any) -> _Request | None:
    """The request that a chat model would send for a mark (httpx's); None if calls are not made like this."""
    around, sent = _around(request.content, mark), json.loads(request.content)
    url, headers = request.url, request.headers.raw
    key = model.openai_api_key.get_secret_value() if model.openai_api_key else None
    shown = (request.headers.get("authorization"), request.headers.get("api-key"))
    if (
        around is None
        or request.method != "POST"
        or not url.path.endswith("/chat/completions")
        or sent.get("stream")
        or any(name in sent for name in _OTHER_WAYS)
        or url.scheme not in ("http", "https")
        or key is None
        or shown not in ((f"Bearer {key}", None), (None, key))  # else who knows how long it is good for
        or any(byte in field for header in headers for field in header for byte in b"\r\n\0")
        or _is_proxied(url.scheme, url.host)
    ):
        return None
    kept = [(name, value) for name, value in headers if name.lower() not in _OWN_HEADERS]
    lines = [b"POST %b HTTP/1.1" % url.raw_path, *(b"%b: %b" % header for header in kept)]
    tls = None
    if url.scheme == "https":
        tls = _library(request).create_ssl_context()
        tls.set_alpn_protocols(["http/1.1"])
    timeouts = request.extensions.get("timeout") or {}
    return _Request(
        Server(url.host, url.port or (443 if tls else 80), tls),
        b"\r\n".join([*lines, b"accept-encoding: identity", b""]),
        around[0],
        around[3],
        timeouts.get("connect"),
        timeouts.get("read"),
        "close" not in request.headers.get("connection", "").lower(),
        {},
    )


def _around(body: bytes, mark: str) -> tuple[bytes, bytes, bytes, bytes] | None:
    """What stands around a message whose text is the mark: before it, in it before its text and behind it, behind it.

    None if that is spelt in another way than is known here.
    """
    parts = body.split(_to_json(mark).encode())
    begin, end = parts[0].rfind(b"[{") + 1, parts[-1].find(b"}]") + 1
    if len(parts) != 2 or not begin or not end:
        return None
    before, after = parts[0][:begin], parts[1][end:]
    try:
        is_known = {**json.loads(body), "messages": []} == json.loads(before + after)
    except ValueError:
        return None
    return (before, parts[0][begin:], parts[1][:end], after) if is_known else None


def _is_proxied(scheme: str, host: str) -> bool:
    """Whether requests to a host may go through a proxy, as the environment says."""
    proxies = urllib.request.getproxies()
    if not (proxies.get(scheme) or proxies.get("all")):
        return False
    spared = [entry.strip().lower() for entry in proxies.get("no", "").split(",")]
    return not any(entry and (entry == host or host.endswith("." + entry.lstrip("."))) for entry in spared)


# The answer. --------------------------------------------------------------------------------------------------------


def _read(answer: Answer, model_version: str) -> AIMessage | None:
    """The message in a plain answer, as LangChain reads it; None where there is more to it."""
    if answer.status != 200 or not (answer.header(b"content-type") or b"").startswith(b"application/json"):
        return None
    try:
        said = _from_json(answer.body)
        (choice,) = said["choices"]
        message, usage = choice["message"], _usage(said.get("usage"))
        text, reason = message["content"], choice.get("finish_reason")
        plain = (
            not said.get("error")
            and said.get("service_tier") not in ("priority", "flex")  # counted under other names
            and message["role"] == "assistant"
            and type(text) is str
            and reason != "content_filter"
            and not any(message.get(name) for name in _MORE_THAN_TEXT)
            and choice.get("logprobs") is None
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    if not plain:
        return None
    named = said.get("model")
    metadata = {
        "model_provider": "openai",
        "model_name": f"{named}-{model_version}" if model_version else named,
        "system_fingerprint": said.get("system_fingerprint"),
        "id": said.get("id"),
        "finish_reason": reason,
    }
    run_id = uuid.UUID(int=random.getrandbits(128), version=4)  # uuid4 asks the system for it
    return AIMessage(text, id=f"lc_run--{run_id}-0", response_metadata=metadata, usage_metadata=usage)


def _usage(told: Any) -> UsageMetadata | None:
    """Tokens as LangChain counts them.

    Raises:
        ValueError: they are told in another way.
    """
    if told is None:
        return None
    counted, written = told["prompt_tokens"], told["completion_tokens"]
    total = told.get("total_tokens", counted + written)
    if not type(counted) is type(written) is type(total) is int:
        raise ValueError("no numbers")
    details_in, details_out = told.get("prompt_tokens_details") or {}, told.get("completion_tokens_details") or {}
    of_input = {
        "audio": details_in.get("audio_tokens"),
        "cache_read": details_in.get("cached_tokens"),
        "cache_creation": details_in.get("cache_write_tokens"),
    }
    of_output = {"audio": details_out.get("audio_tokens"), "reasoning": details_out.get("reasoning_tokens")}
    return UsageMetadata(
        input_tokens=counted,
        output_tokens=written,
        total_tokens=total,
        input_token_details=cast("Any", {name: count for name, count in of_input.items() if count is not None}),
        output_token_details=cast("Any", {name: count for name, count in of_output.items() if count is not None}),
    )


# What the chat model's own client is given. -------------------------------------------------------------------------


class _Captured:
    """Stands for an answer: the request is kept, and not sent."""

    request: Any = None


_came: ContextVar[Answer | ConnectionFailed | _Captured] = ContextVar("rlm_graph_came")


class _Replay:
    """A transport of httpx that sends nothing: it answers with what has come already."""

    async def handle_async_request(self, request: Any) -> Any:
        """The answer that has come to a request, or an exception for why none has."""
        came, library = _came.get(), _library(request)
        if isinstance(came, Answer):
            stream = library.ByteStream(came.body)
            return library.Response(came.status, headers=came.headers, stream=stream)
        if isinstance(came, _Captured):
            came.request = request
            raise library.ConnectError("nothing is sent", request=request)
        kinds = {ConnectTimedOut: "ConnectTimeout", AnswerTimedOut: "ReadTimeout", NotConnected: "ConnectError"}
        raise getattr(library, kinds.get(type(came), "RemoteProtocolError"))(str(came), request=request) from came

    async def aclose(self) -> None:
        """Nothing is open."""


def _library(request: Any) -> Any:
    """The library that a request is of: OpenAI's client has httpx in some versions, httpx2 in others."""
    return sys.modules[type(request).__module__.partition(".")[0]]


__all__ = ["Completions", "learn"]
