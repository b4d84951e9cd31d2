"""Connections: what comes over them, when they are kept, and what is said when they fail. The servers are sockets."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rlm_graph.models.connections import (
    AnswerBroken,
    AnswerTimedOut,
    ConnectionFailed,
    Connections,
    ConnectTimedOut,
    NotConnected,
    Server,
    connections_to,
)

HEAD = b"POST /v1 HTTP/1.1\r\nhost: a-server\r\ncontent-length: 5\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nfour"

Play = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Peer:
    """A server that reads requests of one size and plays bytes; counts who came and who hung up."""

    def __init__(self, *plays: bytes | Play) -> None:
        self.plays = list(plays)
        self.accepted = 0
        self.asked: list[bytes] = []
        self.hung_up = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client: an answer for each request, the last one again and again."""
        self.accepted += 1
        try:
            while True:
                self.asked.append(await reader.readexactly(len(HEAD) + 5))
                play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
                if isinstance(play, bytes):
                    writer.write(play)
                else:
                    await play(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.hung_up.set()
            writer.close()


@asynccontextmanager
async def peer(*plays: bytes | Play, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Peer, int]]:
    """A peer that runs, and its port."""
    playing = Peer(*plays)
    server = await asyncio.start_server(playing.serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield playing, server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def post(connections: Connections, **limits: float | bool) -> tuple[int, bytes]:
    """Status and body of an answer."""
    answer = await connections.post(HEAD, b"12345", **limits)  # type: ignore[arg-type]
    return answer.status, answer.body


@asynccontextmanager
async def connected(*plays: bytes | Play, idle_s: float = 5.0) -> AsyncIterator[tuple[Peer, Connections]]:
    """A peer, and connections to it."""
    async with peer(*plays) as (playing, port):
        connections = Connections(Server("127.0.0.1", port, None), idle_s=idle_s)
        yield playing, connections
        connections.close()


# What comes. --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 200\r\nCONTENT-LENGTH:4\r\n\r\nfour",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nfo\r\n2\r\nur\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\nX-After: 1\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK,
    ],
    ids=["length", "no reason", "chunks", "trailer", "1xx before"],
)
async def test_an_answer_is_read_however_it_is_cut(answer: bytes) -> None:
    """At once, and byte by byte; the connection is used again."""

    async def dripping(writer: asyncio.StreamWriter) -> None:
        for at in range(len(answer)):
            writer.write(answer[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)

    async with connected(answer, dripping, answer) as (playing, connections):
        assert [await post(connections) for _ in range(3)] == [(200, b"four")] * 3
        assert playing.accepted == 1
        assert playing.asked == [HEAD + b"12345"] * 3


async def test_an_answer_may_end_with_the_connection() -> None:
    """Without a length; the next request has a connection of its own."""

    async def ending(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nfour")
        writer.close()

    async with connected(ending) as (playing, connections):
        assert [await post(connections) for _ in range(2)] == [(200, b"four")] * 2
        assert playing.accepted == 2


async def test_headers_are_given_as_they_came() -> None:
    """In their order; asked for in lower case."""
    async with connected(OK) as (_, connections):
        answer = await connections.post(HEAD, b"12345")
    assert answer.headers == [(b"Content-Type", b"text/plain"), (b"Content-Length", b"4")]
    assert answer.header(b"content-type") == b"text/plain"
    assert answer.header(b"retry-after") is None


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nfour",
        b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nfour",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nfour",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nfo\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nfour\r\n",
        b"x" * 300_000,
    ],
)
async def test_what_is_no_answer_is_refused(garbage: bytes) -> None:
    """At once, and in words; who sends it loses the connection."""
    async with connected(garbage) as (playing, connections):
        with pytest.raises(AnswerBroken, match="an answer "):
            await post(connections)
        await asyncio.wait_for(playing.hung_up.wait(), 2)


# When connections are kept. -----------------------------------------------------------------------------------------


async def test_requests_at_once_have_a_connection_each() -> None:
    """And those after them use the same ones."""
    async with connected(OK) as (playing, connections):
        for _ in range(3):
            await asyncio.gather(*(post(connections) for _ in range(20)))
        assert playing.accepted == 20


@pytest.mark.parametrize("close", [b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\n"])
async def test_a_connection_that_the_server_ends_is_not_used_again(close: bytes) -> None:
    """Whether it says so with the version or a header."""
    async with connected(close + b"Content-Length: 4\r\n\r\nfour") as (playing, connections):
        assert [await post(connections) for _ in range(2)] == [(200, b"four")] * 2
        assert playing.accepted == 2


async def test_a_connection_that_is_not_to_be_kept_is_closed() -> None:
    """After its answer, and not later."""
    async with connected(OK) as (playing, connections):
        await post(connections, keep=False)
        await asyncio.wait_for(playing.hung_up.wait(), 2)


async def test_a_connection_that_was_closed_meanwhile_is_not_used() -> None:
    """Also where the event loop had no time to hear of it."""

    async def answering_and_going(writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        asyncio.get_running_loop().call_later(0.02, writer.close)

    async with connected(answering_and_going) as (playing, connections):
        assert await post(connections) == (200, b"four")
        await asyncio.sleep(0.04)
        assert await post(connections) == (200, b"four")
        assert playing.accepted == 2


async def test_idle_connections_are_closed() -> None:
    """After a while; not the one that was used meanwhile."""
    async with connected(OK, idle_s=0.5) as (playing, connections):
        await post(connections)
        await asyncio.sleep(0.3)
        used_at = time.monotonic()
        await post(connections)
        await asyncio.wait_for(playing.hung_up.wait(), 20)
        assert time.monotonic() - used_at >= 0.5
        assert playing.accepted == 1


async def test_a_cancelled_request_ends_its_connection() -> None:
    """The server sees that nobody waits; the next request is not given the late answer."""

    async def late(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    async with connected(late, OK) as (playing, connections):
        asking = asyncio.create_task(post(connections))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await post(connections) == (200, b"four")
        await asyncio.wait_for(playing.hung_up.wait(), 2)
        assert playing.accepted == 2


def test_connections_end_with_their_event_loop() -> None:
    """Nothing is left open for the collector to warn of, and the next loop has connections of its own."""

    async def use() -> Connections:
        async with peer(OK) as (_, port):
            server = Server("127.0.0.1", port, None)
            connections = await connections_to(server)
            assert connections is await connections_to(server)
            assert await post(connections) == (200, b"four")
            return connections

    first, second = asyncio.run(use()), asyncio.run(use())
    assert first is not second
    del first, second
    gc.collect()


# What is said when nothing comes. -----------------------------------------------------------------------------------


async def test_a_server_that_is_not_there_is_told_from_one_that_does_not_answer() -> None:
    """Nothing was sent to the first."""
    async with peer(OK) as (_, port):
        pass
    with pytest.raises(NotConnected, match="Connect call failed"):
        await post(Connections(Server("127.0.0.1", port, None)))


async def test_a_server_that_hangs_up_is_reported() -> None:
    """Before the answer, and in the middle of it."""

    def hanging_up(data: bytes) -> Play:
        async def play(writer: asyncio.StreamWriter) -> None:
            writer.write(data)
            writer.close()

        return play

    for data in (b"", OK[:-1], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n"):
        async with connected(hanging_up(data)) as (_, connections):
            with pytest.raises(AnswerBroken, match="closed the connection before its answer was complete"):
                await post(connections)


async def test_the_time_between_bytes_is_limited() -> None:
    """An answer that drips is waited for; one that stops is not."""

    async def dripping(writer: asyncio.StreamWriter) -> None:
        for at in range(0, len(OK), 10):
            writer.write(OK[at : at + 10])
            await asyncio.sleep(0.1)

    async def stopping(writer: asyncio.StreamWriter) -> None:
        writer.write(OK[:20])

    async with connected(dripping, stopping) as (playing, connections):
        started = time.monotonic()
        assert await post(connections, read_s=0.5) == (200, b"four")
        assert time.monotonic() - started > 0.5
        with pytest.raises(AnswerTimedOut, match=r"no answer within 0\.5 s"):
            await post(connections, read_s=0.5)
        await asyncio.wait_for(playing.hung_up.wait(), 2)


async def test_the_time_to_connect_is_limited() -> None:
    """TLS is a part of it: here is a server that never begins with it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = Server("127.0.0.1", silent.getsockname()[1], ssl.create_default_context())
        with pytest.raises(ConnectTimedOut, match=r"within 0\.2 s"):
            await post(Connections(server), connect_s=0.2)


async def test_certificates_are_checked(tmp_path: Path) -> None:
    """One that is trusted is taken; one that is not is a server that cannot be reached."""
    certificate = _certificate(tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    async with peer(OK, tls=serving) as (playing, port):
        trusting = Connections(Server("127.0.0.1", port, ssl.create_default_context(cafile=certificate)))
        assert [await post(trusting) for _ in range(2)] == [(200, b"four")] * 2
        assert playing.accepted == 1
        trusting.close()
        with pytest.raises(ConnectionFailed, match="certificate verify failed"):
            await post(Connections(Server("127.0.0.1", port, ssl.create_default_context())))


def _certificate(folder: Path) -> Path:
    """A certificate of 127.0.0.1 with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + certificate.public_bytes(pem))
    return file
