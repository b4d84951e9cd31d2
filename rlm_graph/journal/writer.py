"""The thread that writes a journal.

All who wait at one time are one transaction, so that a thousand answers that arrive at once cost one flush of the disk.
The thread also sends the heartbeats of the sessions that are open.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from rlm_graph.errors import JournalError, RLMError
from rlm_graph.journal.database import PATIENCE_S, Database

if TYPE_CHECKING:
    import sqlalchemy as sa

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

Work: TypeAlias = "Callable[[sa.Connection, Sequence[Any]], Sequence[Any]]"
"""Does the same for several items, and returns a result or an `RLMError` for each. It may run more than once."""

HEARTBEAT_S = 5.0
"""Seconds between heartbeats."""

SOON_S = 0.2
"""Seconds that something which need not be done at once waits for something that must be: it costs next to nothing
beside that, and waking the thread for it would cost more than doing it."""

CLOSING_PATIENCE_S = 5.0
"""Seconds that the end of a session or a journal waits for the database: others notice it anyway."""

logger = logging.getLogger("rlm_graph")


def apply(connection: sa.Connection, works: Sequence[Callable[[sa.Connection], ResultT]]) -> list[ResultT]:
    """The work of those that cannot share it: one after the other."""
    return [work(connection) for work in works]


@dataclass(eq=False)
class _Request:
    work: Work
    item: Any
    durable: bool
    give_up_at: float
    """By `time.monotonic()`; what has waited in the queue has had its patience there."""
    answer: asyncio.Future[Any] | None
    """None: nobody waits for it."""
    prepare: Callable[[Any], Any] | None = None
    """Makes the item that the work is given, before the transaction begins."""


class Writer:
    """One thread over a database; asked from any event loop."""

    def __init__(self, database: Database) -> None:
        self.sessions: set[str] = set()
        """Ids of those that are open."""
        self._database = database
        self._queue: SimpleQueue[_Request | None] = SimpleQueue()  # None: look what else there is
        self._waiting: deque[_Request] = deque()  # to be done together with what comes next
        self._closing = threading.RLock()  # a collected session may be at the queue in the middle of anything
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="rlm-graph-journal", daemon=True)
        self._thread.start()

    async def ask(
        self,
        work: Callable[[sa.Connection, Sequence[ItemT]], Sequence[ResultT | RLMError]],
        item: ItemT,
        *,
        durable: bool,
        patience_s: float = PATIENCE_S,
    ) -> ResultT:
        """Have work done for an item, and return its result after the commit.

        Who asks for the same work at the same time shares it. It is done even if the caller is cancelled.

        Raises:
            JournalError: the database cannot be written.
            RLMError: the work's own error.
        """
        return await self.begin(work, item, durable=durable, patience_s=patience_s)

    def begin(
        self,
        work: Callable[[sa.Connection, Sequence[ItemT]], Sequence[ResultT | RLMError]],
        item: Any,
        *,
        prepare: Callable[[Any], ItemT] | None = None,
        durable: bool = False,
        soon: bool = False,
        patience_s: float = PATIENCE_S,
    ) -> asyncio.Future[ResultT]:
        """As `ask`, for who waits for the result in a way of its own, or not at all.

        Args:
            work: Is given the items of all who ask for it.
            item: One of them.
            prepare: Makes of it what the work is given, in the writer's thread and before the transaction.
            durable: As for `Database.write`.
            soon: It need not be done at once: it is, together with what comes next.
            patience_s: As for `Database.write`.

        Raises:
            JournalError: the journal was closed. What else goes wrong is in the result.
        """
        answer: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_note_exception)
        self._put(_Request(work, item, durable, time.monotonic() + patience_s, answer, prepare), soon=soon)
        return answer

    def post(
        self,
        work: Callable[[sa.Connection, Sequence[ItemT]], Sequence[object]],
        item: Any,
        *,
        prepare: Callable[[Any], ItemT] | None = None,
        soon: bool = False,
    ) -> None:
        """Have work done that nobody waits for, and that is no great loss; at once, or `soon`, with what comes next."""
        try:
            give_up_at = time.monotonic() + CLOSING_PATIENCE_S
            request = _Request(work, item, durable=False, give_up_at=give_up_at, answer=None, prepare=prepare)
            self._put(request, soon=soon)
        except JournalError:
            logger.debug("the journal was closed before a session of it ended")

    def close(self) -> None:
        """Do what waits, without trying it again, then end the open sessions, the database and the thread."""
        with self._closing:
            if not self._is_closed:
                self._is_closed = True
                self._queue.put(None)
                self._database.give_up()

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join()

    def _put(self, request: _Request, *, soon: bool = False) -> None:
        with self._closing:
            if self._is_closed:
                raise JournalError(f"the journal {self._database.name} was closed, and something still uses it")
            if not soon:
                self._queue.put(request)
                return
            if not self._waiting:
                asyncio.get_running_loop().call_later(SOON_S, self._do_what_waits)
            self._waiting.append(request)

    def _do_what_waits(self) -> None:
        if self._waiting:  # nothing has come that took it along
            self._queue.put(None)

    def _run(self) -> None:
        beat_at = time.monotonic() + HEARTBEAT_S
        while True:
            self._perform(self._next_batch(beat_at))
            if self._is_at_its_end():
                self._say("close_sessions")
                self._database.close()
                return
            if time.monotonic() >= beat_at:
                self._say("beat")
                beat_at = time.monotonic() + HEARTBEAT_S

    def _is_at_its_end(self) -> bool:
        with self._closing:
            return self._is_closed and self._queue.empty() and not self._waiting

    def _next_batch(self, beat_at: float) -> list[_Request]:
        """All that is asked, with what waits for that; when it is time for a heartbeat, what there is."""
        asked: list[_Request | None] = []
        try:
            asked.append(self._queue.get(timeout=max(0.0, beat_at - time.monotonic())))
            while True:
                asked.append(self._queue.get_nowait())
        except Empty:
            waited = [self._waiting.popleft() for _ in range(len(self._waiting))]
            return [*waited, *(request for request in asked if request is not None)]

    def _perform(self, batch: list[_Request]) -> None:
        """Do what is asked, in one transaction; what cannot be written must not harm those beside it."""
        if not batch:
            return
        together: defaultdict[Work, list[_Request]] = defaultdict(list)
        for request in batch:
            together[request.work].append(request)

        def work_all(connection: sa.Connection) -> list[tuple[_Request, Any]]:
            return [
                outcome
                for work, requests in together.items()
                for outcome in zip(requests, work(connection, [request.item for request in requests]), strict=True)
            ]

        try:
            for request in batch:
                if request.prepare is not None:
                    request.item, request.prepare = request.prepare(request.item), None
            outcomes = self._database.write(
                work_all,
                durable=any(request.durable for request in batch),
                patience_s=max(request.give_up_at for request in batch) - time.monotonic(),
            )
        except Exception as error:  # whatever it is, those who wait must get it
            if len(batch) > 1 and not isinstance(error, JournalError):
                for request in batch:
                    self._perform([request])
                return
            outcomes = [(request, error) for request in batch]
        _answer(outcomes)

    def _say(self, what: Literal["beat", "close_sessions"]) -> None:
        """That the open sessions live, or that they end. If it is not heard, others find out by themselves."""
        ids = list(self.sessions)

        def work(connection: sa.Connection) -> None:
            from rlm_graph.journal import claims

            getattr(claims, what)(connection, ids)

        if ids:
            self._perform([_Request(apply, work, durable=False, give_up_at=0.0, answer=None)])


def _answer(outcomes: Sequence[tuple[_Request, Any]]) -> None:
    """Give results to those who wait, waking each event loop once."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = defaultdict(list)
    for request, outcome in outcomes:
        if request.answer is not None:
            by_loop[request.answer.get_loop()].append((request.answer, outcome))
        elif isinstance(outcome, Exception):
            logger.debug("the journal: %s", outcome)
    for loop, answers in by_loop.items():
        try:
            loop.call_soon_threadsafe(_set, answers)
        except RuntimeError:
            logger.debug("an event loop was closed before the journal answered it")


def _note_exception(answer: asyncio.Future[Any]) -> None:
    """Nobody may ask for it."""
    if not answer.cancelled():
        answer.exception()


def _set(answers: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for answer, outcome in answers:
        if answer.done():  # cancelled
            continue
        if isinstance(outcome, JournalError):
            error = type(outcome)(*outcome.args)  # each its own: a raised exception keeps its traceback
            error.__cause__ = outcome.__cause__
            answer.set_exception(error)
        elif isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
