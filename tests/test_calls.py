"""Calls of a cell at the worker's end of the socket: asked, fetched, looked at and given up, from any thread."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from rlm_graph.repl import wire
from rlm_graph.repl.calls import Alarm, BudgetExceeded, CellTimeout, Host, MaxSubCallsExceeded, SubCallError, ToolError


class OtherEnd:
    """The host's end of a worker's socket."""

    def __init__(self, connection: socket.socket, host: Host) -> None:
        self.connection = connection
        self.host = host

    def answer(self, call_id: int, text: str, failure: str | None = None) -> None:
        """Answer a call, or let it fail."""
        head = (
            {"kind": "reply", "id": call_id} if failure is None else {"kind": "fail", "id": call_id, "failure": failure}
        )
        for piece in wire.frame(head, wire.encode(text)):
            self.connection.sendall(piece)

    def received(self) -> tuple[dict[str, Any], list[str]]:
        """The next frame of the worker."""
        head, body = wire.lengths(self._exactly(wire.LENGTHS.size))
        header, parts = wire.parse(self._exactly(head), self._exactly(body))
        return header, [wire.decode(part) for part in parts]

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += self.connection.recv(size - len(data))
        return data


@pytest.fixture
def other() -> Iterator[OtherEnd]:
    """Both ends of a worker's socket."""
    before = signal.getsignal(signal.SIGALRM)
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    host = Host(theirs, Alarm())
    host.begin_cell(ahead=10, calls_left=None)
    with ours, theirs:
        yield OtherEnd(ours, host)
    signal.signal(signal.SIGALRM, before)


def test_a_call_says_what_it_was_given(other: OtherEnd) -> None:
    """The text as it is, and the options as JSON if there are any."""
    other.host.ask("llm_query", "\ud800 'x'", {})
    header = {"kind": "call", "id": 1, "function": "llm_query", "ahead": False}
    assert other.received() == (header, ["\ud800 'x'"])
    other.host.ask("rlm_query", "p", {"context": ["é"]}, ahead=True)
    assert other.received() == (header | {"id": 2, "function": "rlm_query", "ahead": True}, ["p", '{"context":["é"]}'])


def test_options_that_are_too_long_are_not_sent(other: OtherEnd) -> None:
    """The code can catch it; nothing has gone out."""
    with pytest.raises(ValueError, match=r"schema: .* bytes as JSON, 1,048,576 are allowed"):
        other.host.ask("llm_query", "p", {"schema": {"title": "x" * (1 << 20)}})
    other.host.ask("llm_query", "p", {})
    assert other.received()[1] == ["p"]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        ("sub_call", SubCallError),
        ("limit", MaxSubCallsExceeded),
        ("limit", BudgetExceeded),
        ("budget", BudgetExceeded),
        ("value", ValueError),
        ("tool", ToolError),
        ("interrupted", CellTimeout),
    ],
)
def test_a_failure_is_an_exception(other: OtherEnd, failure: str, error: type[BaseException]) -> None:
    """Of the class that cells know."""
    call = other.host.ask("llm_query", "p", {})
    other.answer(call, "why", failure)
    with pytest.raises(error):
        other.host.result(call)


def test_looking_does_not_wait(other: OtherEnd) -> None:
    """What has come is filed, also in parts and in any order; the rest of it later."""
    calls = [other.host.ask("llm_query", "p", {}) for _ in range(3)]
    other.host.poll()
    assert not any(map(other.host.is_answered, calls))
    other.answer(calls[2], "two")
    pieces = b"".join(wire.frame({"kind": "reply", "id": calls[0]}, b"x" * 100_000))
    other.connection.sendall(pieces[:70_000])
    other.host.poll()
    assert [other.host.is_answered(call) for call in calls] == [False, False, True]
    other.connection.sendall(pieces[70_000:])
    other.host.poll()
    assert other.host.is_answered(calls[0])
    other.answer(calls[1], "one")
    assert [other.host.result(call) for call in calls] == ["x" * 100_000, "one", "two"]


def test_a_long_reply_that_has_begun_to_come_is_waited_for(other: OtherEnd) -> None:
    """Where the looking ended, the waiting goes on."""
    call = other.host.ask("llm_query", "p", {})
    pieces = b"".join(wire.frame({"kind": "reply", "id": call}, b"y" * 1_000_000))
    sending = threading.Thread(target=other.connection.sendall, args=(pieces,))
    sending.start()
    other.host.poll()
    assert other.host.result(call) == "y" * 1_000_000
    sending.join()


def test_whoever_waits_can_do_something_meanwhile(other: OtherEnd) -> None:
    """Before it waits, and when other replies come; what it asks then is answered, too."""
    first, second = (other.host.ask("llm_query", "p", {}, ahead=True) for _ in range(2))
    last = other.host.ask("llm_query", "q", {})
    seen: list[str] = []

    def meanwhile() -> None:
        other.host.poll()
        seen.extend(other.host.result(call) for call in (first, second) if other.host.is_answered(call))
        match len(seen):
            case 0:
                other.answer(first, "a")
            case 1:
                other.answer(second, "b")
            case 2:
                other.answer(last, "c")

    assert other.host.result(last, meanwhile=meanwhile) == "c"
    assert seen == ["a", "b"]


def test_threads_that_wait_read_for_each_other(other: OtherEnd) -> None:
    """Each gets its own, and what a thread does meanwhile happens for replies that another thread has read."""
    calls = [other.host.ask("llm_query", "p", {}) for _ in range(20)]
    results: dict[int, str] = {}
    threads = [
        threading.Thread(target=lambda call=call: results.update({call: other.host.result(call)})) for call in calls[1:]
    ]
    for thread in threads:
        thread.start()
    times = 0

    def meanwhile() -> None:
        nonlocal times
        times += 1

    for call in reversed(calls):
        other.answer(call, str(call))
    assert other.host.result(calls[0], meanwhile=meanwhile) == str(calls[0])
    for thread in threads:
        thread.join(5)
    assert results == {call: str(call) for call in calls[1:]}
    assert times >= 1


def test_what_is_given_up_is_told_and_forgotten(other: OtherEnd) -> None:
    """The host is told of those that have no reply; replies that were on their way are dropped."""
    calls = []
    for _ in range(2500):
        calls.append(other.host.ask("llm_query", "p", {}, ahead=True))
        other.received()
    other.answer(calls[0], "in time")
    other.host.poll()
    assert other.host.ran_ahead == 2500
    other.host.cancel(calls)
    told = [other.received()[0] for _ in range(3)]
    assert [one["kind"] for one in told] == ["cancel"] * 3
    assert [call for one in told for call in one["ids"]] == calls[1:]
    assert other.host.ran_ahead == 1
    other.answer(calls[1], "late")
    last = other.host.ask("llm_query", "q", {})
    other.answer(last, "answer")
    assert other.host.result(last) == "answer"
    assert not other.host.is_answered(calls[0])
    assert not other.host.is_answered(calls[1])


def test_a_cell_begins_without_what_was_left_of_the_last(other: OtherEnd) -> None:
    """Replies, cancellations and counts."""
    call = other.host.ask("llm_query", "p", {}, ahead=True)
    other.answer(call, "x")
    other.host.poll()
    other.host.begin_cell(ahead=3, calls_left=7)
    assert not other.host.is_answered(call)
    assert (other.host.ran_ahead, other.host.ahead, other.host.calls_left) == (0, 3, 7)


def test_a_host_that_has_gone_is_an_end(other: OtherEnd) -> None:
    """For whoever looks, and for whoever waits."""
    call = other.host.ask("llm_query", "p", {})
    other.received()
    other.connection.close()
    with pytest.raises(EOFError):
        other.host.poll()
    with pytest.raises(EOFError):
        other.host.result(call)
