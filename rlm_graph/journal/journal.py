"""The journal of runs, and the sessions that write it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import threading
import uuid
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from rlm_graph.errors import JournalError, RunBusyError
from rlm_graph.journal.database import Database
from rlm_graph.journal.keys import Entry, Key
from rlm_graph.journal.processes import open_here
from rlm_graph.journal.writer import CLOSING_PATIENCE_S, Writer, apply

if TYPE_CHECKING:
    import sqlalchemy as sa
    from typing_extensions import Unpack

    from rlm_graph.journal.entries import Packed, Recording
    from rlm_graph.journal.runs import Notes, Run

T = TypeVar("T")

Referred: TypeAlias = Literal["context", "snapshot"]
"""What a run can refer to."""

Reference: TypeAlias = "tuple[str, Referred, frozenset[str]]"
"""Run, kind and ids."""

logger = logging.getLogger("rlm_graph")


class Journal:
    """What runs have asked and got, in SQLite or Postgres: nothing in it is paid for twice.

    It is opened when it is first used, and serves any number of event loops, threads and processes. Its async methods
    do their work in threads of their own, its other methods in the thread that calls them.

    Args:
        where: A path or ``sqlite:///PATH`` (file and folder are made when they are not there, for their owner's eyes
            only), or ``postgresql://USER@HOST/DATABASE`` (several machines may share it; the tables' names begin with
            ``rlm_``).

    Raises:
        ConfigError: `where` is none of these.
    """

    def __init__(self, where: str | Path) -> None:
        self._database = Database(where)
        self._lock = threading.Lock()
        self._writers: dict[int, Writer] = {}  # by process: a fork writes for itself
        weakref.finalize(self, _shut, self._database, self._writers)

    def __repr__(self) -> str:
        return f"Journal({self.name!r})"

    @property
    def name(self) -> str:
        """Its path, or its URL without what may be secret."""
        return self._database.name

    async def open_session(self, run: str) -> Session:
        """Begin to carry out a run. The session must be closed.

        Raises:
            JournalError: the journal cannot be opened or written.
        """
        session = Session(self, self._writer(), run)
        await session.open()
        return session

    def runs(self) -> list[Run]:
        """The runs that the journal knows, newest activity first."""
        from rlm_graph.journal import runs

        return self.read(runs.read)

    def run(self, name: str) -> Run | None:
        """A run, if the journal knows it."""
        from rlm_graph.journal import runs

        return next(iter(self.read(lambda connection: runs.read(connection, name))), None)

    async def story(self, run: str) -> list[tuple[str, Key, Entry]]:
        """All that the journal has of a run, as scope, key and entry, in the order in which it was begun.

        Prompts are in it, and entries of kind "cell": one for each cell of code that has ended, whose value is JSON:
        `code`, `stdout` (its first 20,000 characters), `stdout_chars`, `error`, `elapsed_s`, `ran_ahead`, and
        `variables`, the `repr` of each that has changed, by name. Of one that runs for longer than a second the value
        is `asked`, how many things it has asked for that are not answered, and there is no end.

        Raises:
            JournalError: the journal cannot be read.
        """

        def read(connection: sa.Connection) -> list[tuple[str, Key, Entry]]:
            from rlm_graph.journal import entries

            return entries.story(connection, run)

        return await asyncio.to_thread(self.read, read)

    def remove_run(self, name: str) -> None:
        """Remove a run with all that the journal has of it; what it has cost is forgotten.

        Raises:
            RunNotFoundError: there is no such run.
            RunBusyError: somebody carries it out.
        """
        from rlm_graph.journal import runs

        self.write(lambda connection: runs.remove(connection, name))

    def references(self, kind: Referred) -> set[str]:
        """The ids that any run refers to."""
        from rlm_graph.journal import runs

        return self.read(lambda connection: runs.referred(connection, kind))

    def references_of(self, run: str, kind: Referred) -> set[str]:
        """The ids that a run refers to."""
        from rlm_graph.journal import runs

        return self.read(lambda connection: runs.referred(connection, kind, run))

    def unsettled(self, names: Iterable[str] | None = None) -> dict[str, float]:
        """Contexts of runs whose last snapshots may be referred to by checkpoints, but not here yet.

        A cell does not wait until its snapshot is referred to, so a run that was killed may have put one that
        :meth:`references` does not tell. Whoever deletes snapshots leaves those that are over these contexts and not
        older (:meth:`ContextStore.snapshots_over`).

        Args:
            names: Of these runs only.

        Returns:
            By the sha256 of the context, when the first session was opened that goes on, or was broken off.
        """
        from rlm_graph.journal import runs

        return self.read(lambda connection: runs.unsettled_contexts(connection, names))

    def close(self) -> None:
        """End what is open, and wait for that. What uses the journal after this fails with a JournalError."""
        _shut(self._database, self._writers)
        if os.getpid() in self._writers:
            self._writers[os.getpid()].join()

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Read in a transaction, in this thread."""
        return self._database.read(work)

    def write(self, work: Callable[[sa.Connection], T], *, durable: bool = True) -> T:
        """Write in a transaction, in this thread."""
        return self._database.write(work, durable=durable)

    async def awrite(self, work: Callable[[sa.Connection], T], *, durable: bool = True) -> T:
        """Read or write in a transaction, in the journal's thread."""
        return await self._writer().ask(apply, work, durable=durable)

    def _writer(self) -> Writer:
        with self._lock:
            if os.getpid() not in self._writers:
                self._writers[os.getpid()] = Writer(self._database)
            return self._writers[os.getpid()]


class Session:
    """An invocation of the graph that carries out a run; :meth:`Journal.open_session` makes it.

    A session that is collected without having been closed ends then.

    Raises:
        JournalError: from any method but :meth:`close`: the journal cannot be written.
    """

    def __init__(self, journal: Journal, writer: Writer, run: str) -> None:
        self.id = uuid.uuid4().hex
        self.run = run
        self._journal = journal  # it stays open as long as its sessions do
        self._writer = writer
        self._referring: list[Reference] = []  # what is not in the journal yet
        self._ahead: dict[str, asyncio.Future[dict[Key, Entry]]] = {}  # by scope: claims that were made ahead
        self._end = weakref.finalize(self, _end, writer, self.id)
        self._end.atexit = False  # the process's end says the same

    async def open(self) -> None:
        """Make it known to others."""
        self._writer.sessions.add(self.id)
        open_here.add(self.id)
        try:
            await self._writer.ask(apply, functools.partial(_open, session=self.id, run=self.run), durable=False)
        except BaseException:
            self._end()
            raise

    async def enter(self, scope: str) -> dict[Key, Entry]:
        """Claim a step, until the session is closed, and return what earlier attempts at it have left.

        Raises:
            RunBusyError: somebody else carries it out.
        """
        from rlm_graph.journal import entries

        ahead = self._ahead.pop(scope, None)
        if ahead is not None:
            with contextlib.suppress(RunBusyError):  # whoever had it then may have ended
                return await ahead
        return await self._writer.ask(entries.enter, (self.id, scope), durable=False)

    def entered(self, scope: str) -> dict[Key, Entry] | None:
        """What `enter` would return, where it has been done ahead; None: it has to be awaited."""
        ahead = self._ahead.get(scope)
        if ahead is None or not ahead.done() or ahead.cancelled() or ahead.exception() is not None:
            return None
        return self._ahead.pop(scope).result()

    def enter_later(self, scopes: Sequence[str]) -> None:
        """Enter steps that will be entered, without waiting for it: by then it has been done."""
        from rlm_graph.journal import entries

        for scope in scopes:
            self._ahead[scope] = self._writer.begin(entries.enter, (self.id, scope), soon=True)

    async def record(self, scope: str, key: Key, entry: Entry) -> Entry:
        """Write an entry of a step that was entered, and wait until it is on the disk.

        Returns:
            The entry that the journal has under the key now, without its prompt: what was written first stays.

        Raises:
            RunBusyError: the step was taken over while this process was suspended. Nothing was written.
        """
        return await self.begin_record(scope, key, entry)

    def begin_record(self, scope: str, key: Key, entry: Entry) -> asyncio.Future[Entry]:
        """As `record`, for who waits in a way of its own. It is written also if that future is cancelled."""
        from rlm_graph.journal import entries

        recording = entries.Recording(self.id, self.run, scope, key, entry)
        return self._writer.begin(entries.record, recording, prepare=_pack, durable=True)

    def record_later(self, scope: str, key: Key, entry: Entry) -> None:
        """Write an entry that only the story of the run needs, together with what is written next, or soon.

        Nobody waits for it. What was written last stays.
        """
        from rlm_graph.journal import entries

        recording = entries.Recording(self.id, self.run, scope, key, entry, is_told=True)
        self._writer.post(entries.record, recording, prepare=_pack, soon=True)

    async def refer(self, kind: Referred, ids: Iterable[str]) -> None:
        """Write down that the run refers to these contexts or snapshots. The next entry brings it to the disk too."""
        from rlm_graph.journal import runs

        await self._writer.ask(runs.refer_all, (self.run, kind, frozenset(ids)), durable=False)

    def refer_later(self, kind: Referred, ids: Iterable[str]) -> None:
        """As `refer`, without waiting: together with what is written next, or soon, at the latest when this ends.

        Until then, and where this is never closed, :meth:`Journal.unsettled` tells that there may be more.
        """
        from rlm_graph.journal import runs

        reference = (self.run, kind, frozenset(ids))
        self._referring.append(reference)
        written = self._writer.begin(runs.refer_all, reference, soon=True)
        written.add_done_callback(lambda ended: self._referred(reference, ended))

    def _referred(self, reference: Reference, ended: asyncio.Future[None]) -> None:
        if not ended.cancelled() and ended.exception() is None:
            self._referring.remove(reference)

    async def note(self, **notes: Unpack[Notes]) -> None:
        """Note what lists of runs show. What is not given stays as it is."""
        from rlm_graph.journal import runs

        await self._writer.ask(apply, lambda connection: runs.note(connection, self.run, notes), durable=False)

    async def close(self) -> None:
        """Give up what was claimed. If that cannot be written, it is logged: others find out by themselves."""
        if self._end.detach() is None:
            return
        _forget(self._writer, self.id)
        try:
            work = functools.partial(_settle, session=self.id, referring=list(self._referring))
            await self._writer.ask(apply, work, durable=False, patience_s=CLOSING_PATIENCE_S)
        except JournalError as error:
            logger.warning("the session of run %r could not be closed in the journal: %s", self.run, error)


def _shut(database: Database, writers: dict[int, Writer]) -> None:
    writer = writers.get(os.getpid())
    if writer is None:
        database.close()
    else:
        writer.close()  # it closes the database when it has done what it has to


def _pack(recording: Recording) -> Packed:
    return recording.pack()


def _open(connection: sa.Connection, *, session: str, run: str) -> None:
    from rlm_graph.journal import claims  # in the journal's thread: SQLAlchemy is imported here

    claims.open_session(connection, session, run)


def _close(connection: sa.Connection, *, session: str) -> None:
    from rlm_graph.journal import claims

    claims.close_sessions(connection, [session])


def _settle(connection: sa.Connection, *, session: str, referring: list[Reference]) -> None:
    from rlm_graph.journal import claims, runs

    runs.refer_all(connection, referring)  # again, perhaps
    claims.settle(connection, session)
    claims.close_sessions(connection, [session])


def _end(writer: Writer, session: str) -> None:
    _forget(writer, session)
    writer.post(apply, functools.partial(_close, session=session))


def _forget(writer: Writer, session: str) -> None:
    writer.sessions.discard(session)
    open_here.discard(session)
