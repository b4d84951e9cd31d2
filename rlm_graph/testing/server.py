"""An OpenAI-compatible server on 127.0.0.1 whose models are scripts."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping, Set
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from rlm_graph.testing import completion, failures
from rlm_graph.testing.connection import Connection, HTTPRequest, streamed_answer, whole_answer
from rlm_graph.testing.script import Reply, Request, Script, ScriptPlayer, Usage

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

Latency: TypeAlias = float | Callable[[Request], float]
"""Seconds before each answer, or a function that gives them."""

DEFAULT_MODELS = ("root", "sub")
"""The names in the list of models when one script answers for all: any other name works as well."""


class ScriptedServer:
    r"""Plays scripted replies to any client of the OpenAI chat completions API.

        cell = '```repl\nFINAL(llm_query("2 + 2"))\n```'
        with ScriptedServer({"root": [cell], "sub": "4"}) as server:
            rlm = create_rlm(server.chat_model("root"), sub_model=server.chat_model("sub"))
            assert rlm.invoke({"query": "How much?", "context": "..."})["answer"] == "4"
        assert server.count("sub") == 1

    A script is a list of replies, played in the order in which requests arrive; or one reply or function for
    every request; or a mapping from model names to scripts, and then other names are answered with a 404.
    A list that is used up answers an HTTP 500 that says how many replies there were.

    The server runs in one background thread, from `start` (or `with`, or `async with`) to `close`, which ends
    whatever still hangs. Served are `/v1/chat/completions` and `/v1/models`, also without the `/v1`.

    Args:
        script: what the models answer.
        api_key: the key that clients must send; None takes any or none.
        latency_s: seconds before each answer, or a function of the request; `Reply.delay_s` goes before it.
        refuses: parameters that are answered with a 400 (a temperature only when it is not 1), for all models
            or per model name: `{"temperature"}`, `{"root": {"temperature", "max_tokens"}}`.
        port: 0 takes a free one.
    """

    def __init__(
        self,
        script: Script | Mapping[str, Script],
        *,
        api_key: str | None = None,
        latency_s: Latency = 0.0,
        refuses: Set[str] | Mapping[str, Set[str]] = frozenset(),
        port: int = 0,
    ) -> None:
        if isinstance(script, Mapping):
            self._players = {name: ScriptPlayer(each) for name, each in script.items()}
            self._any_model: ScriptPlayer | None = None
        else:
            self._players = {}
            self._any_model = ScriptPlayer(script)
        self._api_key = api_key
        self._latency_s = latency_s
        self._refuses = refuses
        self._port = port

        # Written by the server's thread alone, and only appended to or replaced: readers need no lock.
        self._requests: list[Request] = []
        self._in_flight = 0
        self._in_flight_max = 0
        self._scripted: dict[str, int] = {}  # model -> requests that its script was asked

        self._connections: set[Connection] = set()
        self._accepting: set[asyncio.Task[Any]] = set()
        self._thread: threading.Thread | None = None
        self._stop = asyncio.Event()

    # Life

    def start(self) -> Self:
        """Bind the port and serve in a background thread.

        Raises:
            RuntimeError: the server was started before.
            OSError: the port is taken.
            OverflowError: the port is no port's number.
        """
        if self._thread is not None:
            raise RuntimeError("this server was started before; make a new one")
        listener = socket.create_server(("127.0.0.1", self._port), backlog=1024)
        listener.setblocking(False)
        # Its connections inherit this; without it each piece of a stream waits 40 ms for Nagle's algorithm.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port = listener.getsockname()[1]
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._run, args=(listener,), name="rlm_graph.testing", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Close all connections, also those that wait for an answer, and end the thread."""
        if self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    # What a test uses

    @property
    def base_url(self) -> str:
        """What clients take as their base URL: `http://127.0.0.1:PORT/v1`."""
        if self._thread is None:
            raise RuntimeError("the server has no address before it is started: use it in a `with` block")
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def requests(self) -> list[Request]:
        """All requests for completions so far in the order of their arrival, each with its reply."""
        return list(self._requests)

    @property
    def usage(self) -> Usage:
        """The tokens of all completions that were sent, added up."""
        return sum((request.usage for request in self.requests if request.usage), Usage())

    @property
    def in_flight(self) -> int:
        """Requests that wait for their answer now."""
        return self._in_flight

    @property
    def in_flight_max(self) -> int:
        """The most requests that have ever waited at once."""
        return self._in_flight_max

    def count(self, model: str | None = None) -> int:
        """How many requests for completions came, for one model or for all."""
        return sum(model in (None, request.model) for request in self.requests)

    def chat_model(self, name: str = "root", **kwargs: Any) -> ChatOpenAI:
        """A `ChatOpenAI` that talks to this server, with usage in streams and without retries.

        Args:
            name: the model's name.
            kwargs: anything that `ChatOpenAI` takes; `default_headers` are added to those that it has here.
        """
        from langchain_openai import ChatOpenAI  # here, because importing it takes seconds

        defaults: dict[str, Any] = {
            "model": name,
            "base_url": self.base_url,
            "api_key": self._api_key or "any",
            "stream_usage": True,
            "max_retries": 0,
        }
        # LangChain keeps its HTTP clients, up to 128 in a process, and an idle connection of an event loop that has
        # ended warns when its client is thrown away. So no connection outlives its request.
        headers = {"Connection": "close"} | dict(kwargs.pop("default_headers", None) or {})
        return ChatOpenAI(**defaults | kwargs, default_headers=headers)

    # The server's thread

    def _run(self, listener: socket.socket) -> None:
        with listener, asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        """Serve until told to stop, then close every connection.

        The listener is read here and not by `asyncio.Server`: closed while it accepts connections, that one
        fails with an AssertionError and leaves their sockets open (seen on CPython 3.11.7).
        """
        self._loop.add_reader(listener, self._accept, listener)
        await self._stop.wait()
        self._loop.remove_reader(listener)
        await asyncio.gather(*self._accepting)
        tasks = [connection.task for connection in self._connections]
        for connection in list(self._connections):
            connection.abort()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, listener: socket.socket) -> None:
        """Take one new connection."""
        try:
            client, _ = listener.accept()
        except OSError:
            return  # the client has gone again
        client.setblocking(False)
        connecting = self._loop.connect_accepted_socket(lambda: Connection(self._answer, self._connections), client)
        task = self._loop.create_task(connecting)
        self._accepting.add(task)
        task.add_done_callback(self._accepting.discard)

    async def _answer(self, connection: Connection, http: HTTPRequest) -> None:
        """Answer one HTTP request."""
        path = http.target.partition("?")[0]
        route = path.removeprefix("/v1").strip("/")
        if route == "chat/completions" and http.method == "POST":
            await self._chat(connection, http)
        else:
            reply = self._wrong_key(http.headers) or self._look_up(http.method, path, route)
            connection.write(_whole(reply, "-", reply.raw_body))

    def _look_up(self, method: str, path: str, route: str) -> Reply:
        """The list of models, or one model of it, or the error for a wrong URL."""
        place, _, name = route.partition("/")
        if place != "models":
            known = route == "chat/completions"
            problem = f"Not allowed to {method} on {path}." if known else f"Invalid URL ({method} {path})"
            return Reply(status=405 if known else 404, text=problem)
        if not name:
            return Reply(raw_body=completion.model_list(list(self._players) or DEFAULT_MODELS))
        if name in self._players or self._any_model:
            return Reply(raw_body=completion.model_card(name))
        return failures.model_not_found(name)

    async def _chat(self, connection: Connection, http: HTTPRequest) -> None:
        """Log a request for a completion, and answer it."""
        request = Request(
            body=_json_object(http.body),
            headers=http.headers,
            path=http.target,
            received_at=time.time(),
            index=len(self._requests),
        )
        request.model_index = self._scripted.get(request.model, 0)
        self._requests.append(request)
        self._in_flight += 1
        self._in_flight_max = max(self._in_flight_max, self._in_flight)
        try:
            reply = request.reply = await self._decide(request)
            await asyncio.sleep(self._delay_s(request, reply))
            *early, last = _pieces(request, reply)
            for piece in early:
                connection.write(piece)
                await asyncio.sleep(reply.chunk_delay_s)
            if reply.hang:
                await asyncio.Event().wait()  # until one side closes and this task is cancelled
            if reply.is_completion:
                request.usage = completion.count_usage(request, reply)
        finally:
            # Before the last bytes leave: a client that asks one thing after another must never count as two.
            self._in_flight -= 1
        connection.write(last)
        if reply.close_connection:
            connection.close()

    async def _decide(self, request: Request) -> Reply:
        """The refusal that a real server would send, or else the script's reply."""
        refusal = self._wrong_key(request.headers) or _invalid(request) or self._refusal(request)
        if refusal is not None:
            return refusal
        self._scripted[request.model] = request.model_index + 1
        return await (self._any_model or self._players[request.model]).reply(request)

    def _wrong_key(self, headers: Mapping[str, str]) -> Reply | None:
        key = headers.get("authorization", "").removeprefix("Bearer ")
        return None if self._api_key in (None, key) else failures.unauthorized(key)

    def _refusal(self, request: Request) -> Reply | None:
        """The error for an unknown model or for a parameter that the model refuses."""
        if self._any_model is None and request.model not in self._players:
            return failures.model_not_found(request.model)
        refuses = self._refuses
        refused = refuses.get(request.model, frozenset()) if isinstance(refuses, Mapping) else refuses
        for name in sorted(refused):
            value = request.body.get(name)
            if value is not None and not (name == "temperature" and value == 1):
                return failures.refused_parameter(name, value)
        return None

    def _delay_s(self, request: Request, reply: Reply) -> float:
        if reply.delay_s is not None:
            return reply.delay_s
        return self._latency_s(request) if callable(self._latency_s) else self._latency_s


def _json_object(body: bytes) -> dict[str, Any]:
    """The object in a request's body; an empty one if there is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _invalid(request: Request) -> Reply | None:
    """The error for a request that no model could answer."""
    if not request.body:
        return Reply(status=400, text="We could not parse the JSON body of your request.")
    if not request.model:
        return Reply(status=400, text="you must provide a model parameter")
    if not request.messages:
        return Reply(status=400, text="Missing required parameter: 'messages'.")
    if request.body.get("n") not in (None, 1):
        return Reply(status=400, text="Only n = 1 is played: a script gives one reply per request.")
    return None


def _pieces(request: Request, reply: Reply) -> list[bytes]:
    """The bytes of the answer, in the steps in which they are sent."""
    request_id = f"req_{request.index:08d}"
    if request.stream and (reply.is_completion or (reply.breaks_off and reply.chunks)):
        headers = _headers(reply, request_id, "text/event-stream; charset=utf-8")
        return streamed_answer(headers, completion.events(request, reply), breaks_off=reply.breaks_off)
    if reply.breaks_off:
        return [b""]
    if reply.is_completion:
        return [_whole(reply, request_id, completion.completion(request, reply))]
    return [_whole(reply, request_id, reply.raw_body)]


def _whole(reply: Reply, request_id: str, body: str | bytes | None) -> bytes:
    """The bytes of an answer that is sent at once; without a body, the error of the reply's status."""
    if body is None:
        body = failures.error_body(reply.status, reply.text)
    data = body.encode() if isinstance(body, str) else body
    return whole_answer(reply.status, _headers(reply, request_id, "application/json"), data)


def _headers(reply: Reply, request_id: str, content_type: str) -> dict[str, str]:
    """The server's headers, with those of the reply added or instead."""
    own = {name.lower(): value for name, value in reply.headers.items()}
    return {"content-type": content_type, "x-request-id": request_id} | own
