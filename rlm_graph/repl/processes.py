"""The processes of the REPL as the host sees them: a zygote with a context loaded, and the workers forked from it.

Blocking work (starting a process, a fork) is for a thread; a worker's socket is read without blocking, in the event
loop of whoever runs the cell.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections import deque
from pathlib import Path
from typing import Any, ClassVar

import rlm_graph
from rlm_graph.errors import REPLExecutionError
from rlm_graph.repl import wire
from rlm_graph.repl.confine import Sandbox

Frame = tuple[dict[str, Any], list[memoryview]]
"""The header and the parts of a frame."""

START_TIMEOUT_S = 600.0
"""Seconds that a zygote may take to load its context."""

ENDING_S = 1.0
"""Seconds that a process which has hung up may take to end by itself; its memory has gone before its socket."""

_BOOT = "import sys; sys.path[:0] = {path!r}; from {module} import main; main({fd}, {manifest!r}, **{options!r})"

log = logging.getLogger("rlm_graph")


class Zygote:
    """A process with one context loaded, of which workers are forked.

    Raises:
        REPLExecutionError: from any method, when the process cannot be started or has died.
    """

    module: ClassVar[str] = "rlm_graph.repl.zygote"
    """Whose `main` the process runs; a test has one that runs attackers."""

    def __init__(self, manifest: Path, *, sandbox: Sandbox, memory_bytes: int) -> None:
        self._lock = threading.Lock()  # one command at a time; also held while it starts
        self._ready = False
        self._manifest = manifest
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        ours, theirs = socket.socketpair()
        with theirs:
            options = {"sandbox": sandbox, "memory_bytes": memory_bytes}
            code = _BOOT.format(
                path=_import_path(), module=self.module, fd=theirs.fileno(), manifest=str(manifest), options=options
            )
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-s", "-c", code],
                env=_environment(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,  # Ctrl-C in the terminal is for the host, which decides what ends
            )
        self._control = ours
        self.close = weakref.finalize(self, _end_process, self._process, ours, self._log)

    def fork(self) -> tuple[int, socket.socket]:
        """A new worker: its pid, and the host's end of its socket. Waits until the context is loaded."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                answer = self._command({"kind": "fork"}, theirs.fileno())
            except BaseException:
                ours.close()
                raise
        return int(answer["pid"]), ours

    def reap(self, pid: int, patience_s: float = 0) -> tuple[int, bool]:
        """End a worker; one that is ending by itself has `patience_s` for it.

        Returns:
            Its wait status, and whether it had ended by itself.
        """
        answer = self._command({"kind": "reap", "pid": pid, "patience_s": patience_s})
        return int(answer["status"]), bool(answer["by_itself"])

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def was_killed(self) -> bool:
        """Whether somebody who is not the host killed the process, which has hung up."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.close.alive and self._process.wait(ENDING_S) == -signal.SIGKILL
        return False

    def _command(self, command: dict[str, Any], *descriptors: int) -> dict[str, Any]:
        with self._lock:
            try:
                if not self._ready:
                    self._control.settimeout(START_TIMEOUT_S)
                    _say_what_is_lacking(self._expect("ready")["lacks"])
                    self._ready = True
                socket.send_fds(self._control, [json.dumps(command).encode()], list(descriptors))
                return self._expect("forked" if descriptors else "reaped")
            except (OSError, ValueError) as error:
                raise REPLExecutionError(self._why(str(error) or type(error).__name__)) from error

    def _expect(self, kind: str) -> dict[str, Any]:
        data = b""
        while not data.endswith(b"\n"):
            more = self._control.recv(65536)
            if not more:
                raise REPLExecutionError(self._why("it ended"))
            data += more
        answer: dict[str, Any] = json.loads(data)
        if answer["kind"] == "failed":
            raise REPLExecutionError(answer["message"])
        if answer["kind"] != kind:
            raise REPLExecutionError(f"the REPL's process answered {answer['kind']!r}, not {kind!r}")
        return answer

    def _why(self, what: str) -> str:
        if self._log.closed:
            return f"the REPL's process was ended: {what}"
        self._log.seek(0)
        said = self._log.read()[-2000:].decode(errors="replace").strip()
        return f"the REPL's process failed: {what}" + (f"; it said: {said}" if said else "")


_said: set[str] = set()


def _say_what_is_lacking(lacks: list[tuple[str, str]]) -> None:
    """Which layers of the confinement this machine does not have: each once."""
    new = [f"{name} ({why})" for name, why in lacks if name not in _said]
    _said.update(name for name, _ in lacks)
    if new:
        log.warning("the REPL's process is confined without: %s; `rlm-graph doctor` shows all layers", ", ".join(new))


def _end_process(process: subprocess.Popen[bytes], control: socket.socket, log: Any) -> None:
    control.close()  # the zygote sees the end and kills its workers; should it be stuck, they die with it
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    log.close()


def _import_path() -> list[str]:
    """Where the zygote finds this package and what it imports: as this process does."""
    root = str(Path(rlm_graph.__file__).parent.parent)
    return [root, *(entry for entry in sys.path if entry and entry != root)]


def _environment() -> dict[str, str]:
    """Nothing of ours: a key in the environment must not reach the process that runs the model's code."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    # A fixed hash seed, so that a cell that runs again after a crash walks its sets in the same order.
    # One arena for all threads: each would reserve 64 MB of the address space that a worker may have.
    return {**kept, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1"}


class Worker:
    """A worker process and the host's end of its socket."""

    def __init__(self, zygote: Zygote, pid: int, connection: socket.socket) -> None:
        self._zygote = zygote
        self._pid = pid
        self._connection = connection
        connection.setblocking(False)
        self._unsent: deque[bytes] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._buffer = bytearray()
        self._readable: asyncio.Future[bool] | None = None  # done when there are bytes, or when nudged
        self._paused = False
        self.end = weakref.finalize(self, _end_worker, zygote, pid, connection)

    def wake(self) -> None:
        """Let it run: a cell begins. The next cell may come from another event loop."""
        self._sending = None
        if self._paused:
            self._signal(signal.SIGCONT)
            self._paused = False

    def pause(self) -> None:
        """Stop it between cells: threads that a cell left behind use no time."""
        self._signal(signal.SIGSTOP)
        self._paused = True

    def interrupt(self) -> None:
        """End the cell softly."""
        self._signal(signal.SIGALRM)

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal. The pid is the worker's until it is reaped, which only `end` does, or the zygote's death."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, number)

    async def send(self, header: dict[str, Any], *parts: bytes) -> None:
        """Send one frame, and wait until it is sent. A frame that was begun is sent, even if who waits is cancelled.

        Raises:
            OSError: the worker has ended.
        """
        self._unsent.extend(wire.frame(header, *parts))
        await asyncio.shield(self._sender())

    def post(self, header: dict[str, Any], *parts: bytes, within_s: float = 0.0) -> None:
        """Send a small frame soon, together with what else is posted meanwhile: each sending wakes the worker.

        Args:
            header: Of the frame.
            parts: Of the frame.
            within_s: Seconds in which others may join it, if it is the first.
        """
        if not self._unsent and within_s:
            asyncio.get_running_loop().call_later(within_s, self._send_posted)
        elif not self._unsent:
            asyncio.get_running_loop().call_soon(self._send_posted)
        self._unsent.extend(wire.frame(header, *parts))

    def _send_posted(self) -> None:
        if self._unsent and (self._sending is None or self._sending.done()):
            data = self._next_unsent()
            with contextlib.suppress(OSError):  # it takes nothing now, or it has ended: the sender will see
                data = data[self._connection.send(data) :]
            if data:
                self._unsent.appendleft(data)
            if self._unsent:
                self._sender()

    def _sender(self) -> asyncio.Task[None]:
        """The task that sends what is unsent: one at a time, so that frames are not mixed."""
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send_all())
            self._sending.add_done_callback(_forget_failure)
        return self._sending

    async def _send_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._unsent:
                await loop.sock_sendall(self._connection, self._next_unsent())
        except OSError:
            self._unsent.clear()
            raise

    def _next_unsent(self) -> bytes:
        """The pieces that are next, small ones together."""
        pieces = [self._unsent.popleft()]
        size = len(pieces[0])
        while self._unsent and size + len(self._unsent[0]) <= wire.ONE_PIECE_BYTES:
            pieces.append(self._unsent.popleft())
            size += len(pieces[-1])
        return b"".join(pieces) if len(pieces) > 1 else pieces[0]

    async def receive(self, timeout_s: float | None) -> Frame | None:
        """The next frame; None when the worker was nudged meanwhile. What has arrived is kept, whatever happens.

        Raises:
            TimeoutError: there was none in time.
            EOFError: the worker has ended.
            FrameError: it has sent something that is no frame.
        """
        deadline = None if timeout_s is None else asyncio.get_running_loop().time() + timeout_s
        while True:
            size = self._frame_bytes()
            if size <= len(self._buffer):
                return self._take(size)
            try:
                data = self._connection.recv(max(65536, min(size - len(self._buffer), 1 << 20)))
            except BlockingIOError:
                if not await self._is_readable(deadline):
                    return None
                continue
            if not data:
                raise EOFError("it ended")
            self._buffer += data

    def nudge(self) -> None:
        """End a `receive` that waits: there is something new to take into account."""
        if self._readable is not None and not self._readable.done():
            self._readable.set_result(False)

    async def _is_readable(self, deadline: float | None) -> bool:
        """Wait for bytes; False when nudged."""
        loop = asyncio.get_running_loop()
        readable: asyncio.Future[bool] = loop.create_future()
        self._readable = readable
        timer = None if deadline is None else loop.call_at(deadline, _set_timeout, readable)
        loop.add_reader(self._connection.fileno(), _set_true, readable)  # of a socket, asyncio would make a text first
        try:
            return await readable
        finally:
            loop.remove_reader(self._connection.fileno())
            if timer is not None:
                timer.cancel()

    def _frame_bytes(self) -> int:
        """Bytes of the frame that the buffer begins with, as far as it tells."""
        if len(self._buffer) < wire.LENGTHS.size:
            return wire.LENGTHS.size
        return wire.LENGTHS.size + sum(wire.lengths(self._buffer[: wire.LENGTHS.size]))

    def _take(self, size: int) -> Frame:
        header_bytes, _ = wire.lengths(self._buffer[: wire.LENGTHS.size])
        start = wire.LENGTHS.size + header_bytes
        head, body = self._buffer[wire.LENGTHS.size : start], self._buffer[start:size]
        del self._buffer[:size]
        return wire.parse(head, body)

    def epitaph(self) -> tuple[bool, str]:
        """Whether somebody else killed the process, which has hung up, and how it ended, in words.

        The worker cannot send itself SIGKILL: the confinement forbids it. With its zygote it is killed, too.
        """
        try:
            status, by_itself = self._zygote.reap(self._pid, ENDING_S)
        except REPLExecutionError as error:
            return self._zygote.was_killed(), str(error)
        self.end.detach()
        self._connection.close()
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            return by_itself and number == signal.SIGKILL, f"signal {signal.Signals(number).name}"
        return False, f"exit status {os.waitstatus_to_exitcode(status)}"


def _forget_failure(sending: asyncio.Task[None]) -> None:
    """Nobody may wait for it; who reads next is told that the worker has ended."""
    if not sending.cancelled():
        sending.exception()


def _set_true(future: asyncio.Future[bool]) -> None:
    if not future.done():
        future.set_result(True)


def _set_timeout(future: asyncio.Future[bool]) -> None:
    if not future.done():
        future.set_exception(TimeoutError())


def _end_worker(zygote: Zygote, pid: int, connection: socket.socket) -> None:
    connection.close()
    with contextlib.suppress(REPLExecutionError):  # the zygote has gone, and its workers with it
        zygote.reap(pid)
