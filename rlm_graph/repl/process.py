"""The default backend: each REPL is a process, forked from a zygote that has its context loaded.

Who owns what: `ProcessExecutors` owns one `Zygote` per context; a `ProcessExecutor` owns one worker, its socket and
its clock. Nothing here runs model code, and nothing that a worker sends is believed (`wire.py`).

The processes are in `processes.py`, what a worker says is read in `told.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rlm_graph.errors import ConfigError, REPLExecutionError
from rlm_graph.repl import told, wire
from rlm_graph.repl.confine import MEMORY_BYTES, Sandbox
from rlm_graph.repl.executor import NO_FUNCTIONS, Call, Cancel, Done, FailureKind, Functions, Step
from rlm_graph.repl.processes import Frame, Worker, Zygote

if TYPE_CHECKING:
    from rlm_graph.repl.snapshot_store import Snapshot, SnapshotStore

GRACE_S = 1.0
"""Seconds between the soft interrupt of a cell that used up its time, and the kill."""

MAX_SAVED_BYTES = 4 << 30
"""What one cell may add to the store: a worker that its code has taken over must not fill the disk."""

MAX_PACKS = 256
"""Packs that a snapshot may need; then its parts are stored anew, together."""

SAVE_TIMEOUT_S = 60.0
"""Seconds that the variables may take to be saved after a cell, or restored."""

MANY_CALLS = 16
GATHERED_S = 0.002
"""Where more calls than that wait, answers go to the worker together: it is woken a few hundred times a second only."""

ATTEMPTS = 6
"""How often a process is started that somebody else kills before it can run a cell."""

_TOO_LONG = (
    "SandboxTimeout: the cell ran for more than {limit:g} s, did not stop when it was interrupted, and was killed"
)
_TOO_LARGE = f"the variables could not be saved within {SAVE_TIMEOUT_S:g} s: keep less, or simpler things"

MIN_MEMORY_BYTES = 64 << 20
"""The least that a worker can be given: Python and a small cell need some."""


class ProcessExecutor:
    """One REPL in one worker process; see `Executor` for the contract."""

    def __init__(self, executors: ProcessExecutors, manifest: Path, snapshots: SnapshotStore) -> None:
        self._executors = executors
        self._manifest = manifest
        self._snapshots = snapshots
        self._worker: Worker | None = None
        self._waiting: dict[int, bool] = {}  # calls that the cell waits for, and whether they were asked ahead of it
        self._interrupted = False
        self._last = Done()  # how the last cell that was saved ended: what a new worker is restored to
        self._root, self._saved_as = b"", ""  # the last root, and the snapshot that it is
        self._packs: list[str] = []  # where its parts are
        self._saving_bytes = 0
        self._ended: Done | None = None  # how this cell ended, while its variables are being saved

    async def start(self) -> None:
        """Fork the worker."""
        self._functions = NO_FUNCTIONS  # what it has been told of
        self._worker = await asyncio.to_thread(self._fork)

    def _fork(self) -> Worker:
        left = ATTEMPTS
        while True:
            left -= 1
            zygote = self._executors.zygote(self._manifest)
            try:
                return Worker(zygote, *zygote.fork())
            except REPLExecutionError:
                if not left or not zygote.was_killed():
                    raise

    async def restore(self, snapshot: str) -> Mapping[str, str]:
        """Bring a new worker to the state of a snapshot."""
        opened = await asyncio.to_thread(self._snapshots.open, snapshot)
        left, lost = ATTEMPTS, None
        while lost is None:
            left -= 1
            if self._worker is None:
                await self.start()
            assert self._worker is not None
            try:
                lost = await self._restore(self._worker, opened)
            except (wire.FrameError, EOFError, OSError) as error:
                killed, _ = await asyncio.to_thread(self._worker.epitaph)
                await self.close()
                if not left or not killed:
                    reason = f"the REPL could not be restored from its snapshot {snapshot}: {error}"
                    raise REPLExecutionError(reason) from error
        self._last = replace(self._last, snapshot=snapshot)
        self._root, self._saved_as, self._packs = opened.root, snapshot, opened.packs
        return lost

    async def _restore(self, worker: Worker, opened: Snapshot) -> Mapping[str, str]:
        self._left_s, self._interrupted = SAVE_TIMEOUT_S, True
        worker.wake()
        await worker.send({"kind": "restore"}, opened.root)
        while (lost := await self._restored(worker, opened)) is None:
            pass
        worker.pause()
        return lost

    async def _restored(self, worker: Worker, opened: Snapshot) -> Mapping[str, str] | None:
        """Give the worker the part that it asks for (None), or take its word that it has all."""
        header, parts = await self._frame(worker)
        if header["kind"] == "restored" and len(parts) == 1:
            return told.lost(parts[0])
        if header["kind"] != "fetch":
            raise wire.FrameError(f"a {header['kind'][:40]!r} frame in place of a restored REPL")
        part = await asyncio.to_thread(opened.part, wire.field(header, "sha256", str))
        await worker.send({"kind": "part"}, part)
        return None

    async def run_cell(
        self,
        code: str,
        *,
        timeout_s: float,
        functions: Functions = NO_FUNCTIONS,
        ahead: int = 0,
        calls_left: int | None = None,
    ) -> Step:
        """Run one cell up to its first call or its end."""
        if self._worker is None:
            await self.start()
            if self._last.snapshot is not None:
                await self.restore(self._last.snapshot)
        assert self._worker is not None
        self._waiting.clear()
        self._interrupted, self._ended = False, None
        self._timeout_s = self._left_s = timeout_s
        self._ahead, self._ran_ahead = ahead, 0
        self._worker.wake()
        all_parts = len(self._packs) > MAX_PACKS
        if all_parts:
            self._packs = []
        header = {"kind": "run", "all_parts": all_parts, "ahead": ahead, "calls_left": calls_left}
        parts = [wire.encode(code)]
        if functions != self._functions:
            parts.append(wire.encode(json.dumps(asdict(functions), ensure_ascii=False)))
        with contextlib.suppress(OSError):  # the worker has died: next_step says so
            await self._worker.send(header, *parts)
        self._functions = functions
        return await self.next_step()

    async def next_step(self) -> Step:
        """Wait for what comes next, while the cell's clock runs if it waits for no call."""
        assert self._worker is not None
        killed = False
        try:
            while (step := await self._step(self._worker)) is None:
                pass
        except TimeoutError:
            reason = _TOO_LONG.format(limit=self._timeout_s) if self._ended is None else _TOO_LARGE
        except (EOFError, OSError) as error:
            killed, how = await asyncio.to_thread(self._worker.epitaph)
            who = "something outside of it" if killed else "the cell"
            reason = f"{who} ended the REPL's process ({how or error})"
        except wire.FrameError as error:
            reason = f"the REPL's process broke the protocol ({error}) and was killed"
        else:
            if isinstance(step, Done):
                self._worker.pause()
                self._last = step
            return step
        await self.close()
        printed = self._ended or Done()
        return replace(
            self._last,
            stdout=printed.stdout,
            stdout_chars=printed.stdout_chars,
            stderr=printed.stderr,
            error=reason,
            answer=None,
            changed=(),
            notes=(),
            undone=True,
            killed=killed,
            elapsed_s=printed.elapsed_s or self._timeout_s - max(self._left_s, 0),
            ran_ahead=self._ran_ahead,
        )

    async def _step(self, worker: Worker) -> Step | None:
        """What the worker's next frame means; None if there is more to come. Checked as coming from an attacker."""
        header, parts = await self._frame(worker)
        match header["kind"], len(parts):
            case "call", _:
                return await self._call(worker, header, parts)
            case "cancel", 0:
                return self._cancel(header)
            case "ended", 5 if self._ended is None:
                elapsed_s = self._timeout_s - (0.0 if self._interrupted else self._left_s)
                ended = told.end_of_cell(header, parts, elapsed_s)
                self._ended = replace(ended, ran_ahead=min(max(ended.ran_ahead, 0), self._ran_ahead))
                self._waiting.clear()
                self._saving_bytes = 0
                self._interrupted, self._left_s = True, SAVE_TIMEOUT_S  # from here on there is nothing to interrupt
                return None
            case "parts", count if self._ended is not None and count > 1 and len(parts[0]) == 32 * (count - 1):
                self._saving_bytes += sum(map(len, parts))
                if self._saving_bytes > MAX_SAVED_BYTES:
                    raise wire.FrameError(f"a snapshot of more than {MAX_SAVED_BYTES:,} bytes")
                names = [parts[0][at : at + 32].hex() for at in range(0, len(parts[0]), 32)]
                pack = dict(zip(names, map(bytes, parts[1:]), strict=True))
                self._packs.append(await asyncio.to_thread(self._snapshots.put_pack, pack))
                return None
            case "saved", 1 if self._ended is not None:
                return replace(self._ended, snapshot=await self._saved(bytes(parts[0])))
            case "unsaved", 1 if self._ended is not None:
                why = wire.decode(parts[0])[:200]
                note = f"The variables could not be saved ({why}): they live in this process only."
                return replace(self._ended, notes=(*self._ended.notes, note))
        raise wire.FrameError(f"a {header['kind'][:40]!r} frame of {len(parts)} parts")

    async def _call(self, worker: Worker, header: dict[str, Any], parts: list[memoryview]) -> Call | None:
        """The call that a cell makes; None if it has been answered here."""
        try:
            call = told.call(header, parts)
        except told.UnreadableOptionsError as error:
            await self._send_answer(worker, error.call_id, "fail", str(error), failure="value")
            return None
        if call.id in self._waiting:
            raise wire.FrameError(f"a second call {call.id}")
        if call.ahead and not self._ahead:
            raise wire.FrameError("a call ahead of the code, where none may be")
        if self._interrupted:
            await self._send_answer(worker, call.id, "fail", "", failure="interrupted")
            return None
        self._ran_ahead += call.ahead
        self._waiting[call.id] = call.ahead
        return call

    def _cancel(self, header: dict[str, Any]) -> Cancel | None:
        """Calls that the code will not reach; the answers to some may be on their way to it."""
        ids = tuple(call_id for call_id in dict.fromkeys(told.cancelled(header)) if self._waiting.get(call_id))
        for call_id in ids:
            del self._waiting[call_id]
        self._ran_ahead -= len(ids)
        return Cancel(ids) if ids else None

    async def _saved(self, root: bytes) -> str:
        """The id of the state that a root describes; most cells that only print have changed nothing."""
        if root != self._root or self._last.snapshot is None:
            context = self._manifest.name
            self._saved_as = await asyncio.to_thread(self._snapshots.put, root, context, self._packs)
            self._root = root
        return self._saved_as

    async def _frame(self, worker: Worker) -> Frame:
        """One frame; when the cell's own time is up it is interrupted, and `GRACE_S` later this is a TimeoutError.

        The clock stands while the cell waits for calls. The reply to the last of them nudges the worker, so that it
        goes on from there.
        """
        while True:
            clock_stands = bool(self._waiting) and not self._interrupted
            started = time.monotonic()
            frame, in_time = None, True
            try:
                frame = await worker.receive(None if clock_stands else max(self._left_s, 0))
            except TimeoutError:
                in_time = False
            if not clock_stands:
                self._left_s -= time.monotonic() - started
            if frame is not None:
                return frame
            if not in_time:
                if self._interrupted:
                    raise TimeoutError
                self._interrupted, self._left_s = True, GRACE_S
                worker.interrupt()

    async def reply(self, call_id: int, text: str) -> None:
        """Give a call its answer."""
        await self._answer(call_id, "reply", text)

    async def fail(self, call_id: int, kind: FailureKind, message: str) -> None:
        """Raise an exception from a call."""
        await self._answer(call_id, "fail", message, failure=kind)

    async def _answer(self, call_id: int, kind: str, text: str, **header: Any) -> None:
        worker = self._worker
        if worker is None or call_id not in self._waiting:
            return
        await self._send_answer(worker, call_id, kind, text, **header)
        self._waiting.pop(call_id, None)  # it may have been cancelled meanwhile
        if not self._waiting:
            worker.nudge()

    async def _send_answer(self, worker: Worker, call_id: int, kind: str, text: str, **header: Any) -> None:
        with contextlib.suppress(OSError):  # the worker has died: next_step says so
            data = wire.encode(text)
            if len(data) <= wire.ONE_PIECE_BYTES:
                within_s = GATHERED_S if len(self._waiting) > MANY_CALLS else 0.0
                worker.post({"kind": kind, "id": call_id, **header}, data, within_s=within_s)
            else:
                await worker.send({"kind": kind, "id": call_id, **header}, data)

    def _end_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()

    async def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            await asyncio.to_thread(self._end_worker)


class ProcessExecutors:
    """Makes process REPLs; those over the same context share a zygote.

    Args:
        sandbox: "strict": on Linux, no REPL starts where the kernel cannot confine its process. "degraded": it starts
            with what there is, and what is missing is logged once.
        memory_bytes: What a REPL may use beside its context.

    Raises:
        ConfigError: one of them has a bad value.
    """

    IDLE_ZYGOTES = 2
    """Contexts that stay loaded when no REPL uses them: the next question over one starts at once."""

    zygote_type: ClassVar[type[Zygote]] = Zygote

    def __init__(self, *, sandbox: Sandbox = "strict", memory_bytes: int = MEMORY_BYTES) -> None:
        if sandbox not in ("strict", "degraded"):
            raise ConfigError(f'sandbox: {sandbox!r} is not allowed: must be "strict" or "degraded"')
        if type(memory_bytes) is not int or memory_bytes < MIN_MEMORY_BYTES:
            at_least = f"must be a whole number from {MIN_MEMORY_BYTES}"
            raise ConfigError(f"memory_bytes: {memory_bytes!r} is not allowed: {at_least}")
        self._sandbox = sandbox
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._zygotes: dict[Path, Zygote] = {}
        self._users: weakref.WeakKeyDictionary[ProcessExecutor, Path] = weakref.WeakKeyDictionary()

    def __call__(self, manifest: Path, snapshots: SnapshotStore) -> ProcessExecutor:
        """A REPL over the context of a manifest."""
        executor = ProcessExecutor(self, manifest, snapshots)
        with self._lock:
            self._users[executor] = manifest
        self.zygote(manifest)  # it loads the context while the root model thinks
        return executor

    def zygote(self, manifest: Path) -> Zygote:
        """The zygote of a context, started if there is none that lives. Old ones that nobody uses are ended."""
        with self._lock:
            zygote = self._zygotes.pop(manifest, None)
            if zygote is None or not zygote.is_alive:
                zygote = self.zygote_type(manifest, sandbox=self._sandbox, memory_bytes=self._memory_bytes)
            self._zygotes[manifest] = zygote  # the most recent last
            used = set(self._users.values())
            idle = [path for path in self._zygotes if path not in used]
            ended = [self._zygotes.pop(path) for path in idle[: -self.IDLE_ZYGOTES]]
        for old in ended:
            old.close()
        return zygote

    def close(self) -> None:
        """End all zygotes, and with them all workers."""
        with self._lock:
            zygotes = list(self._zygotes.values())
            self._zygotes.clear()
        for zygote in zygotes:
            zygote.close()
