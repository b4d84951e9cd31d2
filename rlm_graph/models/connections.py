"""Kept-open HTTP/1.1 connections to a server, for requests whose bytes are ready.

A thousand sub-calls are a thousand small POSTs. A client library takes 0.2 to 1 ms of the processor for one; here it is
0.05 ms, because nothing is built that is not needed: `completions.py` has the head of the request from such a library.

Covered: TLS, answers with a length, in chunks or up to the end of the connection, 1xx before them.
Not covered: proxies, redirects, HTTP/2, compressed answers, cookies. Who needs them takes a client library.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, cast

IDLE_S = 5.0
"""Seconds that a connection is kept open without a request."""

MAX_HEAD_BYTES = 256 * 1024
"""Status line and headers of an answer together."""

AT_ONCE = 8
"""Answers that are handed out before others get a turn: with hundreds that come together, what follows the first one
(the next request, most of all) would otherwise wait until all are read."""

_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}")

_LOOK_AFTER_S = 0.05
"""Seconds without a request after which a connection is looked at before it is used: the server may have closed it."""

_KEEP_ALIVE = [
    (socket.IPPROTO_TCP, getattr(socket, name), value)
    for name, value in (
        ("TCP_KEEPIDLE", 60),
        ("TCP_KEEPINTVL", 10),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", 120_000),
    )
    if hasattr(socket, name)
]
"""Who waits ten minutes for an answer is told within two if the server's machine has gone."""


class ConnectionFailed(Exception):  # noqa: N818 - as its kinds
    """A request could not be made, or its answer did not come."""


class NotConnected(ConnectionFailed):
    """The server cannot be reached; nothing was sent."""


class ConnectTimedOut(NotConnected):
    """It took longer than it may."""


class AnswerTimedOut(ConnectionFailed):
    """No bytes of an answer came for longer than they may take."""


class AnswerBroken(ConnectionFailed):
    """The connection ended before the answer did, or what came is no HTTP."""


@dataclass(frozen=True)
class Server:
    """Where requests go."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    """What its certificate is checked with; None: plain HTTP."""

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address, and no name that may have several."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True


@dataclass(frozen=True, eq=False)
class Answer:
    """What a server has answered."""

    status: int
    headers: list[tuple[bytes, bytes]]
    """Names as they came, in their order."""
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        """The first header with a name, given in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), None)


class Connections:
    """Connections to one server, all in one event loop; as many as there are requests in flight.

    `connections_to` gives those of the running loop. They end when they have not been used for `IDLE_S`, or with the
    loop, where it shuts its generators down as `asyncio.run` does.
    """

    def __init__(self, server: Server, *, idle_s: float = IDLE_S) -> None:
        self._server = server
        self._idle_s = idle_s
        self._loop = asyncio.get_running_loop()
        self._idle: deque[_Connection] = deque()  # the one that was used last is at the end
        self._sweep: asyncio.TimerHandle | None = None
        self._arrived: deque[_Connection] = deque()

    async def post(
        self,
        head: bytes,
        body: bytes,
        *,
        connect_s: float | None = None,
        read_s: float | None = None,
        keep: bool = True,
    ) -> Answer:
        """Send a request, and wait for the answer.

        Args:
            head: Request line and headers, with the empty line at the end.
            body: As many bytes as the head says.
            connect_s: Seconds that a new connection may take; None: any time.
            read_s: Seconds that may pass without a byte of the answer; None: any time.
            keep: Whether the connection may have other requests: False where the head says so.

        Raises:
            ConnectionFailed: one of its kinds.
        """
        connection = (self._reused() if keep else None) or await self._new(connect_s)
        try:
            return await connection.exchange(head + body, read_s)
        finally:
            if keep and connection.is_free:
                self._keep(connection)
            else:
                connection.end()

    def arrived(self, connection: _Connection) -> None:
        """An answer is complete, and is handed out in its turn."""
        if not self._arrived:
            self._loop.call_soon(self._hand_out)
        self._arrived.append(connection)

    def _hand_out(self) -> None:
        for _ in range(min(AT_ONCE, len(self._arrived))):
            self._arrived.popleft().hand_out()
        if self._arrived:
            self._loop.call_soon(self._hand_out)

    def _reused(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable(self._loop.time()):
                return connection
            connection.end()
        return None

    async def _new(self, connect_s: float | None) -> _Connection:
        server = self._server
        try:
            async with asyncio.timeout(connect_s):
                # uvloop, which LangGraph's server runs on, has no such argument; an address needs no race of addresses.
                races = isinstance(self._loop, asyncio.BaseEventLoop) and not server.is_address
                eyeballs: dict[str, Any] = {"happy_eyeballs_delay": 0.25} if races else {}
                _, connection = await self._loop.create_connection(
                    lambda: _Connection(self), server.host, server.port, ssl=server.tls, **eyeballs
                )
        except TimeoutError as error:
            raise ConnectTimedOut(f"no connection to {server.host} within {connect_s:g} s") from error
        except OSError as error:  # certificates that are refused are among them
            raise NotConnected(str(error)) from error
        made: _Connection = connection
        return made

    def _keep(self, connection: _Connection) -> None:
        """Keep a connection for the next request."""
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._idle_s, self._end_idle)

    def _end_idle(self) -> None:
        now, self._sweep = self._loop.time(), None
        while self._idle and self._idle[0].idle_since + self._idle_s <= now:
            self._idle.popleft().end()
        if self._idle:
            self._sweep = self._loop.call_at(self._idle[0].idle_since + self._idle_s, self._end_idle)

    def forget(self, connection: _Connection) -> None:
        """The server has closed a connection."""
        with contextlib.suppress(ValueError):
            self._idle.remove(connection)

    def close(self) -> None:
        """End the idle connections."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        while self._idle:
            self._idle.pop().end()


class _Connection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self, pool: Connections) -> None:
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._waiting: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._read_s: float | None = None
        self._answer: Answer | None = None
        self._failure: ConnectionFailed | None = None
        self.idle_since = 0.0
        self.is_free = False
        """Whether it can have another request."""

    # What the pool does with it.

    async def exchange(self, request: bytes, read_s: float | None) -> Answer:
        """Send a request, and wait for the answer."""
        self.is_free = False
        self._reading = _Reading()
        self._answer = None
        self._read_s = read_s
        self._waiting = self._loop.create_future()
        if self._failure is not None:
            raise self._failure
        self._transport.write(request)
        self._wind_up()
        try:
            return await self._waiting
        finally:
            self._waiting = None
            if self._timer is not None:
                self._timer.cancel()

    def is_usable(self, now: float) -> bool:
        """Whether it is still open. The loop may not have come to hear yet that the server has closed it."""
        if self._transport.is_closing():
            return False
        if now - self.idle_since < _LOOK_AFTER_S:
            return True
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not poll.poll(0)

    def hand_out(self) -> None:
        """Give the answer, or the failure, to who waits for it."""
        waiting = self._waiting
        if waiting is None or waiting.done():
            return  # cancelled
        if self._failure is not None:
            waiting.set_exception(self._failure)
        elif self._answer is not None:
            waiting.set_result(self._answer)

    def end(self) -> None:
        """Close it at once."""
        self.is_free = False
        self._transport.abort()

    # What the event loop tells it.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)
        connected = transport.get_extra_info("socket")
        if connected.family in (socket.AF_INET, socket.AF_INET6):
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option in _KEEP_ALIVE:
                connected.setsockopt(*option)

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer."""
        if self._waiting is None or self._answer is not None:  # nobody has asked
            self.end()
            return
        self._buffer += data
        try:
            answer = self._reading.take(self._buffer)
        except AnswerBroken as error:
            self._fail(error)
            return
        if answer is None:
            self._wind_up()
        else:
            self._complete(answer, keeps=self._reading.keeps_open and not self._buffer)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed, by the server or here."""
        self.is_free = False
        if self._waiting is None:
            self._pool.forget(self)
        elif self._answer is None and self._failure is None:
            answer = self._reading.at_end(self._buffer) if exc is None else None
            if answer is not None:
                self._complete(answer, keeps=False)
            else:
                self._fail(AnswerBroken(str(exc or "the server closed the connection before its answer was complete")))

    def _complete(self, answer: Answer, *, keeps: bool) -> None:
        self._answer, self.is_free = answer, keeps
        self._pool.arrived(self)

    def _fail(self, failure: ConnectionFailed) -> None:
        self._failure = failure
        self._pool.arrived(self)
        self._transport.abort()

    def _wind_up(self) -> None:
        """Begin to wait for the next bytes."""
        if self._read_s is not None:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(self._read_s, self._time_out)

    def _time_out(self) -> None:
        if self._answer is None and self._failure is None:
            self._fail(AnswerTimedOut(f"no answer within {self._read_s:g} s"))


class _Reading:
    """One answer as it comes."""

    def __init__(self) -> None:
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._length: int | None = None
        self._chunks: list[bytes] | None = None  # None: it does not come in chunks
        self._in_trailer = False
        self.keeps_open = False
        """Whether the server leaves the connection open afterwards."""

    def take(self, buffer: bytearray) -> Answer | None:
        """Take what has come out of a buffer; the answer, once it is complete.

        Raises:
            AnswerBroken: this is no HTTP.
        """
        while not self._status:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(buffer) > MAX_HEAD_BYTES:
                    raise AnswerBroken(f"an answer whose head has more than {MAX_HEAD_BYTES:,} bytes")
                return None
            self._read_head(bytes(buffer[:end]))
            del buffer[: end + 4]
        if self._chunks is not None:
            return self._take_chunks(buffer, self._chunks)
        if self._length is None or len(buffer) < self._length:
            return None
        body = bytes(buffer[: self._length])
        del buffer[: self._length]
        return Answer(self._status, self._headers, body)

    def at_end(self, buffer: bytearray) -> Answer | None:
        """The answer whose end is that of the connection; None if there should have been more."""
        if self._status and self._length is None and self._chunks is None:
            return Answer(self._status, self._headers, bytes(buffer))
        return None

    def _read_head(self, head: bytes) -> None:
        """Read status and headers; a 1xx comes before the answer, and says nothing here."""
        first, *lines = head.split(b"\r\n")
        version, _, rest = first.partition(b" ")
        if version not in (b"HTTP/1.1", b"HTTP/1.0") or not (rest[:3].isdigit() and rest[3:4] in (b" ", b"")):
            raise AnswerBroken(f"an answer that begins with {first[:80]!r}, which is no HTTP/1.1")
        status = int(rest[:3])
        if 100 <= status < 200:
            return
        coding = connection = b""
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon or not name or name[-1:].isspace() or name[:1].isspace():
                raise AnswerBroken(f"an answer with the header {line[:80]!r}, which is none")
            value = value.strip(b" \t")
            self._headers.append((name, value))
            match name.lower():
                case b"content-length":
                    self._length = self._read_length(value)
                case b"transfer-encoding":
                    coding += value.lower()
                case b"connection":
                    connection += value.lower()
        if coding:
            if coding != b"chunked":
                raise AnswerBroken(f"an answer with the transfer encoding {coding[:80]!r}: only chunked can be read")
            self._chunks = []
        elif status in (204, 304):
            self._length = 0
        is_kept = b"close" not in connection and (version == b"HTTP/1.1" or b"keep-alive" in connection)
        self.keeps_open = is_kept and (self._chunks is not None or self._length is not None)
        self._status = status

    def _read_length(self, value: bytes) -> int:
        if not value.isdigit() or self._length not in (None, int(value)):
            raise AnswerBroken(f"an answer with the length {value[:80]!r}")
        return int(value)

    def _take_chunks(self, buffer: bytearray, chunks: list[bytes]) -> Answer | None:
        at = 0
        try:
            while (end := buffer.find(b"\r\n", at)) >= 0:
                line = bytes(buffer[at:end])
                if self._in_trailer:
                    at = end + 2
                    if not line:
                        return Answer(self._status, self._headers, b"".join(chunks))
                    continue
                size = _chunk_size(line)
                if size == 0:
                    self._in_trailer, at = True, end + 2
                    continue
                start, past = end + 2, end + 2 + size
                if len(buffer) < past + 2:
                    return None
                if buffer[past : past + 2] != b"\r\n":
                    raise AnswerBroken("an answer with a chunk that is longer than it says")
                chunks.append(bytes(buffer[start:past]))
                at = past + 2
            if len(buffer) - at > MAX_HEAD_BYTES:
                raise AnswerBroken(f"an answer with a line of more than {MAX_HEAD_BYTES:,} bytes between its chunks")
            return None
        finally:
            del buffer[:at]


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not _CHUNK_SIZE.fullmatch(digits):
        raise AnswerBroken(f"an answer with a chunk of the size {line[:80]!r}")
    return int(digits, 16)


# The connections of an event loop. ----------------------------------------------------------------------------------


class _OfLoop:
    """All connections of one event loop, and what ends them with it."""

    def __init__(self) -> None:
        self.pools: dict[Server, Connections] = {}
        self.end = self._until_the_end()

    async def _until_the_end(self) -> AsyncGenerator[None, None]:
        """A generator that is begun and left: the loop ends it when it shuts its generators down."""
        try:
            yield
        finally:
            for pool in self.pools.values():
                pool.close()


_of_loops: dict[asyncio.AbstractEventLoop, _OfLoop] = {}
_lock = threading.Lock()


async def connections_to(server: Server) -> Connections:
    """The connections to a server in the event loop that runs."""
    loop = asyncio.get_running_loop()
    of_loop = _of_loops.get(loop)
    if of_loop is None:
        of_loop = _OfLoop()
        with _lock:
            for ended in [other for other in _of_loops if other.is_closed()]:
                del _of_loops[ended]
            _of_loops[loop] = of_loop
        await anext(of_loop.end)
    if server not in of_loop.pools:
        of_loop.pools[server] = Connections(server)
    return of_loop.pools[server]


__all__ = [
    "Answer",
    "AnswerBroken",
    "AnswerTimedOut",
    "ConnectTimedOut",
    "ConnectionFailed",
    "Connections",
    "NotConnected",
    "Server",
    "connections_to",
]
