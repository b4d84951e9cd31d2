"""Calls of a cell to the host, from any of its threads, and the alarm that ends the cell.

This is the worker's end of the socket. A signal must not cut a frame in two, so the alarm waits while the main thread
is in the middle of one.
"""

from __future__ import annotations

import itertools
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rlm_graph.repl import wire

EARLY_BYTES = 64 * 1024
"""Bytes that are read at once."""


class CellTimeout(BaseException):
    """The cell has used up its time. No `Exception`, so that `except Exception` in a loop does not swallow it."""


class SubCallError(Exception):
    """A sub-call failed; the message says why. Cells see it under this name."""


class MaxSubCallsExceeded(Exception):  # noqa: N818 - the name that the host gives the same thing
    """The run has no sub-calls left. Cells see it under this name."""


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
        self._ids = itertools.count(1)

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

    def ask(self, function: str, prompt: str, second: str | None) -> int:
        """Start a call and return its id, for `result`."""
        call_id = next(self._ids)
        texts = [wire.encode(text) for text in (prompt, second) if text is not None]
        self.send({"kind": "call", "id": call_id, "function": function, "has_second": second is not None}, *texts)
        return call_id

    def result(self, call_id: int) -> str:
        """Wait for the reply to a call. Of the threads that wait, one reads the socket for all."""
        with self._alarm.held():
            header, parts = self._reply(call_id)
        text = wire.decode(parts[0])
        if header["kind"] == "fail":
            raise _failure(header["failure"], text)
        return text

    def _reply(self, call_id: int) -> tuple[dict[str, Any], list[memoryview]]:
        while True:
            with self._changed:
                while call_id not in self._replies and self._someone_reads:
                    self._changed.wait()
                if call_id in self._replies:
                    return self._replies.pop(call_id)
                self._someone_reads = True
            try:
                header, parts = self.receive()
            finally:
                with self._changed:
                    self._someone_reads = False
                    self._changed.notify_all()
            with self._changed:
                self._replies[header["id"]] = (header, parts)

    def fetch(self, digest: str) -> bytes:
        """A part of a snapshot, from the host; only between cells, when nobody else reads."""
        self.send({"kind": "fetch", "sha256": digest})
        return bytes(self.receive()[1][0])

    def forget_replies(self) -> None:
        """Drop what belonged to a cell that has ended."""
        with self._changed:
            self._replies.clear()


def _failure(kind: str, message: str) -> BaseException:
    """The exception that a failed call raises in the cell."""
    if kind == "interrupted":
        return CellTimeout()
    kinds = {"limit": MaxSubCallsExceeded, "value": ValueError, "sub_call": SubCallError}
    return kinds[kind](message)
