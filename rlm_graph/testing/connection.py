"""HTTP/1.1 as far as a test server needs it, on asyncio: no dependency, a task per connection.

Covered: keep-alive, bodies with a length or in chunks, `Expect: 100-continue`, streamed answers.
Not covered: TLS, HTTP/1.0 and HTTP/2, compression, trailers. For this machine only, not for a network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import responses
from typing import TypeAlias, cast

MAX_HEAD_BYTES = 256 * 1024
"""Request line and headers together."""


@dataclass(frozen=True)
class HTTPRequest:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Connection(asyncio.Protocol):
    """One client's connection: reads its requests one after another and hands each to `answer`.

    When the client goes away, the answer that it waited for is cancelled.
    """

    def __init__(self, answer: Answer, connections: set[Connection]) -> None:
        self._answer = answer
        self._connections = connections
        self._reader = asyncio.StreamReader(limit=MAX_HEAD_BYTES)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to serve the new client."""
        self._transport = cast("asyncio.Transport", transport)
        self._reader.set_transport(transport)
        self._connections.add(self)
        self.task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._reader.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the base class's signature
        """The client has gone, or this side has closed."""
        self._connections.discard(self)
        self._reader.feed_eof()
        self.task.cancel()

    def abort(self) -> None:
        """Close at once, whatever is still to be sent."""
        self._transport.abort()

    def close(self) -> None:
        """Close when everything is sent."""
        self._transport.close()

    def write(self, data: bytes) -> None:
        """Send bytes that `whole_answer` or `streamed_answer` made."""
        self._transport.write(data)

    async def _serve(self) -> None:
        """Answer one request after another until one side has enough."""
        try:
            while request := await self._next_request():
                await self._answer(self, request)
                if request.headers.get("connection", "").lower() == "close":
                    break
        finally:
            self._transport.close()

    async def _next_request(self) -> HTTPRequest | None:
        """The next request; None when the client has closed, or sent what is answered with a 400."""
        try:
            return await self._read_request()
        except asyncio.IncompleteReadError:
            return None
        except (ValueError, asyncio.LimitOverrunError) as error:
            headers = {"content-type": "text/plain; charset=utf-8", "connection": "close"}
            self.write(whole_answer(400, headers, f"{error}\n".encode()))
            return None

    async def _read_request(self) -> HTTPRequest:
        """The next request.

        Raises:
            asyncio.IncompleteReadError: the client has closed.
            asyncio.LimitOverrunError: the head is too long.
            ValueError: this is no HTTP/1.1.
        """
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request_line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        method, target, version = request_line.split(" ")
        if version != "HTTP/1.1":
            raise ValueError(f"{version} is not served, only HTTP/1.1")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return HTTPRequest(method, target, headers, await self._read_body(headers))

    async def _read_body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return await self._reader.readexactly(int(headers.get("content-length", "0")))
        body = bytearray()
        while size := int((await self._reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            body += await self._reader.readexactly(size)
            await self._reader.readexactly(2)  # the line end that closes each chunk
        await self._reader.readuntil(b"\r\n")
        return bytes(body)


Answer: TypeAlias = Callable[[Connection, HTTPRequest], Awaitable[None]]
"""What a server does with a request: it sends the answer on the connection, or closes it."""


def whole_answer(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    """The bytes of an answer that is sent at once."""
    return _head(status, {"content-length": str(len(body)), **headers}) + body


def streamed_answer(headers: Mapping[str, str], pieces: Sequence[bytes], *, breaks_off: bool) -> list[bytes]:
    """The bytes of an answer that is sent in several steps; one that breaks off has no end."""
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    chunks[0] = _head(200, {"transfer-encoding": "chunked", **headers}) + chunks[0]
    if breaks_off:
        return [*chunks, b""]
    chunks[-1] += b"0\r\n\r\n"
    return chunks


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    """Status line and headers."""
    lines = [
        f"HTTP/1.1 {status} {responses.get(status, 'Unknown')}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
