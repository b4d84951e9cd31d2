"""What a scripted model is asked, and what it answers: requests, replies and scripts."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Usage:
    """The tokens of one completion, or of several added up."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.prompt_tokens + other.prompt_tokens, self.completion_tokens + other.completion_tokens)


@dataclass(frozen=True)
class ToolCall:
    """A tool that the model asks for in its reply."""

    name: str
    """The tool's name."""

    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    """The arguments; a `str` is sent as it is, which is how a model sends broken JSON."""

    id: str | None = None
    """The call's id; None makes one from the number of the request and the place in the reply."""

    @property
    def arguments_text(self) -> str:
        """The arguments in the form in which they travel."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(dict(self.arguments))


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the server answers to one request; a plain `str` stands for `Reply(text=...)`.

    Ready-made failures (rate limits, garbage, closed connections) are in `rlm_graph.testing.failures`.
    """

    text: str = ""
    """The reply's content; with an error status, the message of the error (empty: the usual one)."""

    chunks: Sequence[str] = ()
    """The content in the pieces in which a stream brings it, instead of `text`; empty: equal pieces."""

    chunk_delay_s: float = 0.0
    """Seconds between two pieces of a stream."""

    tool_calls: Sequence[ToolCall] = ()
    """Tools that the model asks for."""

    finish_reason: str | None = None
    """None: `tool_calls` if there are any, otherwise `stop`."""

    usage: Usage | None = None
    """Tokens; None: a quarter of the characters, rounded up, of the messages and of the reply."""

    status: int = 200
    """HTTP status; any but 200 is answered with an error body of OpenAI's form."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers that are added, or that replace the server's own."""

    delay_s: float | None = None
    """Seconds before the answer; None: the server's latency."""

    raw_body: str | bytes | None = None
    """The whole body as it is, instead of a completion or an error."""

    close_connection: bool = False
    """Close the connection instead of an answer; in a stream, after `chunks`."""

    hang: bool = False
    """Never answer, until the client or the server closes; in a stream, after `chunks`."""

    def __post_init__(self) -> None:
        if self.text and self.chunks:
            raise ValueError("a reply has text or chunks, not both: chunks are the text in pieces")

    @property
    def content(self) -> str:
        """The whole content, given as text or in chunks."""
        return self.text or "".join(self.chunks)

    @property
    def breaks_off(self) -> bool:
        """Whether the answer has no end."""
        return self.close_connection or self.hang

    @property
    def is_completion(self) -> bool:
        """Whether the model answers, so that there is something to pay for."""
        return self.status == 200 and self.raw_body is None and not self.breaks_off


@dataclass(eq=False)
class Request:
    """One request for a chat completion, and once it is decided, the reply."""

    body: dict[str, Any] = field(repr=False)
    """The JSON object that was sent; empty if the body was none."""

    headers: dict[str, str] = field(repr=False)
    """The HTTP headers, names in lower case."""

    path: str
    """The path, with the query."""

    received_at: float
    """When the request was complete, in seconds since the epoch."""

    index: int
    """How many requests the server had before this one."""

    model_index: int = 0
    """How many requests of this model its script had before; those refused with 400 or 401 do not count."""

    reply: Reply | None = None
    """What the server answers; None while the script has not decided."""

    usage: Usage | None = None
    """The tokens of the completion; None if there is none (yet)."""

    @property
    def model(self) -> str:
        """The model's name; empty if the request has none."""
        model = self.body.get("model")
        return model if isinstance(model, str) else ""

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages as they were sent; what is no message is left out."""
        messages = self.body.get("messages")
        return [m for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []

    @property
    def text(self) -> str:
        """The text of the last message of the user; empty if there is none."""
        texts = [message_text(message) for message in self.messages if message.get("role") == "user"]
        return texts[-1] if texts else ""

    @property
    def system(self) -> str:
        """The text of the system messages, or of the developer's, as newer models call them."""
        system = [m for m in self.messages if m.get("role") in ("system", "developer")]
        return "\n\n".join(message_text(message) for message in system)

    @property
    def temperature(self) -> float | None:
        """The sampling temperature; None if none was sent."""
        value = self.body.get("temperature")
        return value if isinstance(value, (int, float)) else None

    @property
    def max_tokens(self) -> int | None:
        """The limit of output tokens under either of its names; None if none was sent."""
        values = (self.body.get("max_completion_tokens"), self.body.get("max_tokens"))
        return next((value for value in values if isinstance(value, int)), None)

    @property
    def stream(self) -> bool:
        """Whether the reply is wanted in pieces."""
        return self.body.get("stream") is True


def message_text(message: Mapping[str, Any]) -> str:
    """The text of a message, whose content is a string, a list of parts, or null."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


Turn: TypeAlias = str | Reply | Callable[[Request], str | Reply | Awaitable[str | Reply]]
"""One reply, or a function (plain or async) that makes it.

A plain function is called on the server's thread, one request at a time, so it needs no locks and must not
wait: one that waits is async, or returns `Reply(delay_s=...)`.
"""

Script: TypeAlias = Turn | Sequence[Turn]
"""A list of turns, each played once, in the order in which requests arrive; or one turn for every request."""


class ScriptPlayer:
    """A script being played: it knows how many of its turns are used up."""

    def __init__(self, script: Script) -> None:
        self._always: Turn | None = None
        self._turns: tuple[Turn, ...] = ()
        if isinstance(script, (str, Reply)) or callable(script):
            self._always = script
        elif isinstance(script, Sequence):
            self._turns = tuple(script)
        else:
            raise TypeError(f"a script is a str, a Reply, a function or a list of these, not {script!r}")
        self._asked = 0

    async def reply(self, request: Request) -> Reply:
        """The reply to this request; a script that is used up or fails is an HTTP 500 that says so."""
        turn = self._always
        if turn is None:
            self._asked += 1
            if self._asked > len(self._turns):
                return _script_error(
                    f"the script for model {request.model!r} is used up: it has {len(self._turns)} "
                    f"replies and this is request {self._asked}"
                )
            turn = self._turns[self._asked - 1]
        try:
            return await _play(turn, request)
        except Exception as error:  # the script is the user's code: whatever it raises, its test must see
            log.exception("the script failed on request %d (model %r)", request.index, request.model)
            return _script_error(f"the script raised {type(error).__name__}: {error}")


async def _play(turn: Turn, request: Request) -> Reply:
    """The reply that one turn gives."""
    reply: object = turn(request) if callable(turn) else turn
    if inspect.isawaitable(reply):
        reply = await reply
    if isinstance(reply, str):
        return Reply(text=reply)
    if isinstance(reply, Reply):
        return reply
    raise TypeError(f"a script gives a str or a Reply, not {reply!r}")


def _script_error(message: str) -> Reply:
    """A fault of the script and not of a model, so a client that obeys the header does not try again."""
    return Reply(text=message, status=500, headers={"x-should-retry": "false"})
