"""Calls of a cell to the host, from any of its threads, and the alarm that ends the cell.

This is the worker's end of the socket. A signal must not cut a frame in two, so the alarm waits while the main thread
is in the middle of one.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rlm_graph.repl import wire
from rlm_graph.repl.facades.models import as_json

EARLY_BYTES = 64 * 1024
"""Bytes that are read at once."""

CANCELLED_TOGETHER = 1000
"""Calls in one `cancel` frame."""

Reply = tuple[dict[str, Any], list[memoryview]]
"""The header and the parts of a frame that answers a call."""

# Made once. Not ASCII only: a context of another script would become twice as long.
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=as_json).encode


class CellTimeout(BaseException):
    """The cell has used up its time. No `Exception`, so that `except Exception` in a loop does not swallow it."""


class SubCallError(Exception):
    """A sub-call failed; the message says why. Cells see it under this name."""


class BudgetExceeded(Exception):  # noqa: N818 - the name that the host gives the same thing
    """The run has used up a budget of its own. Cells see it under this name."""


class MaxSubCallsExceeded(BudgetExceeded):
    """The run has no sub-calls left. Cells see it under this name."""


class ToolError(Exception):
    """A tool failed; the message says why. Cells see it under this name."""


CALL_ERRORS: tuple[type[Exception], ...] = (SubCallError, BudgetExceeded, MaxSubCallsExceeded, ToolError)
"""What a cell can catch by name, beside the exceptions of Python."""

for _error in CALL_ERRORS:
    _error.__module__ = "builtins"  # where a cell finds them: so a traceback names them as the cell does


class Alarm:
    """SIGALRM ends the running cell, but waits while the main thread is in the middle of a frame."""

    def __init__(self) -> None:
        self._armed = False
        self._holds = 0
        self._pending = False
        self._main = threading.get_ident()
        signal.signal(signal.SIGALRM, self._ring)

    def _ring(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's arguments
        if self._armed and self._holds:
            self._pending = True
        elif self._armed:
            raise CellTimeout

    @contextmanager
    def armed(self) -> Iterator[None]:
        """The alarm rings inside; what is left of it afterwards is forgotten."""
        self._pending, self._armed = False, True
        try:
            yield
        finally:
            self._armed = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """The alarm waits until the end of the block."""
        if threading.get_ident() != self._main:
            yield
            return
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
        if self._pending and not self._holds:
            self._pending = False
            raise CellTimeout


class Host:
    """The other end of the socket: commands come from it, calls go to it, from any thread of the cell."""

    def __init__(self, connection: socket.socket, alarm: Alarm) -> None:
        self._connection = connection
        self._alarm = alarm
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._someone_reads = False
        self._early = bytearray()  # bytes that have been read before they were asked for
        self._replies: dict[int, tuple[dict[str, Any], list[memoryview]]] = {}
        self._arrived = 0  # replies, since the worker began
        self._cancelled: set[int] = set()
        self._ids = itertools.count(1)
        self.ran_ahead = 0
        """Calls of this cell that were asked ahead of it, those not counted that were cancelled."""
        self.ahead = 0
        """How many calls may have been asked ahead of the cell at once."""
        self.calls_left: int | None = None
        """Sub-calls that the run had left when the cell began; None: any number."""

    def send(self, header: dict[str, Any], *parts: bytes) -> None:
        """Send one frame."""
        with self._alarm.held(), self._sending:
            for piece in wire.frame(header, *parts):
                self._connection.sendall(piece)

    def receive(self) -> tuple[dict[str, Any], list[memoryview]]:
        """Wait for one frame; only for whoever is the one that reads."""
        header_bytes, body_bytes = wire.lengths(self._exactly(wire.LENGTHS.size))
        return wire.parse(self._exactly(header_bytes), self._exactly(body_bytes))

    def _exactly(self, size: int) -> bytearray:
        """So many bytes. What comes with them is kept: a small frame is read at once."""
        while len(self._early) < size and size <= EARLY_BYTES:
            data = self._connection.recv(EARLY_BYTES)
            if not data:
                raise EOFError
            self._early += data
        taken = self._early[:size]
        del self._early[:size]
        if len(taken) < size:  # a large one is read into its place
            start = len(taken)
            taken.extend(bytes(size - start))
            view = memoryview(taken)[start:]
            while view:
                count = self._connection.recv_into(view)
                if not count:
                    raise EOFError
                view = view[count:]
        return taken

    def ask(self, function: str, text: str, options: Mapping[str, Any], *, ahead: bool = False) -> int:
        """Start a call and return its id, for `result`; `options` without those that were not given."""
        call_id = next(self._ids)
        parts = [wire.encode(text)]
        if options:
            parts.append(wire.encode(_to_json(options)))
            if len(parts[1]) > wire.MAX_OPTIONS_BYTES[function]:
                most = wire.MAX_OPTIONS_BYTES[function]
                raise ValueError(f"{', '.join(options)}: {len(parts[1]):,} bytes as JSON, {most:,} are allowed")
        self.send({"kind": "call", "id": call_id, "function": function, "ahead": ahead}, *parts)
        self.ran_ahead += ahead
        return call_id

    def result(self, call_id: int, *, meanwhile: Callable[[], None] | None = None) -> str:
        """Wait for the reply to a call. Of the threads that wait, one reads the socket for all.

        Args:
            call_id: As `ask` gave it. A reply can be fetched once.
            meanwhile: Is called in this thread before it waits, and whenever replies have come that are not this one.
        """
        arrived = self._arrived
        if meanwhile is not None:
            meanwhile()
        while (reply := self._wait(call_id, arrived if meanwhile else None)) is None:
            arrived = self._arrived
            assert meanwhile is not None  # only then does it come back without the reply
            meanwhile()
        header, parts = reply
        text = wire.decode(parts[0])
        if header["kind"] == "fail":
            raise _failure(header["failure"], text)
        return text

    def _wait(self, call_id: int, arrived: int | None) -> Reply | None:
        """The reply to a call; None when more than so many replies have arrived, and it is not among them."""
        with self._alarm.held():
            while True:
                with self._changed:
                    while call_id not in self._replies and self._someone_reads and arrived in (None, self._arrived):
                        self._changed.wait()
                    if call_id in self._replies:
                        return self._replies.pop(call_id)
                    if arrived not in (None, self._arrived):
                        return None
                    self._someone_reads = True
                try:
                    self._file(self.receive())
                finally:
                    self._stop_reading()

    def _file(self, reply: Reply) -> None:
        with self._changed:
            self._arrived += 1
            call_id = reply[0]["id"]
            if call_id in self._cancelled:
                self._cancelled.discard(call_id)
            else:
                self._replies[call_id] = reply

    def _stop_reading(self) -> None:
        with self._changed:
            self._someone_reads = False
            self._changed.notify_all()

    def poll(self) -> None:
        """Take the replies that have come, without waiting for any. Another thread that reads does it by itself."""
        with self._alarm.held():
            with self._changed:
                if self._someone_reads:
                    return
                self._someone_reads = True
            try:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        data = self._connection.recv(EARLY_BYTES, socket.MSG_DONTWAIT)
                        if not data:
                            raise EOFError
                        self._early += data
                while self._has_early_frame():
                    self._file(self.receive())
            finally:
                self._stop_reading()

    def _has_early_frame(self) -> bool:
        """Have all bytes of a frame been read before they were asked for?"""
        size = wire.LENGTHS.size
        return len(self._early) >= size and len(self._early) >= size + sum(wire.lengths(self._early[:size]))

    def is_answered(self, call_id: int) -> bool:
        """Has the reply to a call come, as far as anybody has looked? Then `result` does not wait."""
        return call_id in self._replies

    def cancel(self, ids: Collection[int]) -> None:
        """Give up calls that were asked ahead of the code; their replies, also those that have come, are dropped."""
        with self._changed:
            pending = [call_id for call_id in ids if self._replies.pop(call_id, None) is None]
            self._cancelled.update(pending)
        self.ran_ahead -= len(pending)
        for at in range(0, len(pending), CANCELLED_TOGETHER):
            self.send({"kind": "cancel", "ids": pending[at : at + CANCELLED_TOGETHER]})

    def fetch(self, digest: str) -> bytes:
        """A part of a snapshot, from the host; only between cells, when nobody else reads."""
        self.send({"kind": "fetch", "sha256": digest})
        return bytes(self.receive()[1][0])

    def begin_cell(self, *, ahead: int, calls_left: int | None) -> None:
        """Forget what belonged to the last cell; how many calls may be asked ahead of this one."""
        with self._changed:
            self._replies.clear()
            self._cancelled.clear()
            self.ran_ahead, self.ahead, self.calls_left = 0, ahead, calls_left


def _failure(kind: str, message: str) -> BaseException:
    """The exception that a failed call raises in the cell."""
    if kind == "interrupted":
        return CellTimeout()
    return _FAILURES[kind](message)


_FAILURES: dict[str, type[Exception]] = {
    "sub_call": SubCallError,
    "limit": MaxSubCallsExceeded,
    "budget": BudgetExceeded,
    "value": ValueError,
    "tool": ToolError,
}
