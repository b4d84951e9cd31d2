"""Nothing is paid twice: every answer that one step of a run has got, from this attempt at the step or an earlier one.

A step (a turn of the root model, a cell) that is carried out again, after a kill, an error, an interrupt or the death
of its worker, asks for the same things under the same keys and finds what is there. A key says where in the tree of
calls something is asked, what exactly, and the how-manieth time; the order in which threads ask plays no part, and two
samples of one prompt stay two.

Covered: an answer is in the journal, committed, before anybody sees it.
Not covered: a request that was in flight when the process died. It is made again.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rlm_graph.journal.keys import Entry, Key, Kind

if TYPE_CHECKING:
    from rlm_graph.journal import Session
    from rlm_graph.ledger import Ledger

Ask = Callable[[], Awaitable[Entry]]


class Answers:
    """The answers of one step of the graph, those of its children too.

    Args:
        ledger: What earlier attempts at the step have paid for is counted there.
        scope: Identifies the step.
        session: Where answers are committed; None keeps them in memory only, for as long as the step takes.
        ahead: Steps that follow, and are claimed while the first answer is waited for.
    """

    def __init__(
        self, ledger: Ledger, *, scope: str = "", session: Session | None = None, ahead: Sequence[str] = ()
    ) -> None:
        self._ledger = ledger
        self._scope = scope
        self._session = session
        self._ahead = ahead
        self._known: dict[Key, Entry] = {}
        self._opening: asyncio.Future[None] | None = None
        self._asking: dict[Key, _Asking] = {}
        self._committing: set[asyncio.Future[Entry]] = set()

    async def open(self) -> None:
        """Claim the step, and get what earlier attempts at it have left. Everything that asks does this first.

        Raises:
            RunBusyError: somebody else carries it out.
        """
        if self._session is None:
            return
        if self._opening is None:
            known = self._session.entered(self._scope)
            if known is None:
                self._opening = asyncio.ensure_future(self._open(self._session))
            else:
                self._opening = asyncio.get_running_loop().create_future()
                self._opening.set_result(None)
                self._take(known)
        if not self._opening.done():
            await asyncio.shield(self._opening)
        self._opening.result()

    async def _open(self, session: Session) -> None:
        self._take(await session.enter(self._scope))

    def _take(self, known: dict[Key, Entry]) -> None:
        self._known = known
        for key, entry in known.items():
            self._ledger.take(key, entry)

    @property
    def is_committing(self) -> bool:
        """Whether an answer has come that is not in the journal yet."""
        return bool(self._committing)

    @property
    def count(self) -> int:
        """How many answers there are: it grows as long as the step gets on."""
        return len(self._known)

    @property
    def has_some(self) -> bool:
        """Whether anything has been answered, in this attempt or, once the step is open, in an earlier one."""
        return bool(self._known)

    def find(self, key: Key) -> Entry | None:
        """The answer under a key, if there is one, once the step is open."""
        return self._known.get(key)

    async def once(self, key: Key, ask: Ask, *, prompt: str = "") -> Entry:
        """The answer under a key; asked for if there is none, and committed before anybody gets it.

        Args:
            key: The key.
            ask: Asks for it.
            prompt: What is asked, for who looks on meanwhile (`children_in`).
        """
        if self._session is not None:
            await self.open()
        found = self._known.get(key)
        if found is not None:
            return found
        asking = self._asking.get(key)
        if asking is not None:  # since an earlier attempt at the cell
            return await asking.joined()
        asking = self._asking[key] = _Asking(prompt)
        try:
            entry = await self._ask(key, ask)
        except BaseException as error:
            asking.failed(error)
            raise
        finally:
            del self._asking[key]
        asking.answered(entry)
        if asking.is_left:
            raise asyncio.CancelledError
        return entry

    async def _ask(self, key: Key, ask: Ask) -> Entry:
        if self._session is not None and self._ahead:
            self._session.enter_later(self._ahead)
            self._ahead = ()
        return await self.record(key, await ask())

    def asked_in(self, place: Place) -> int:
        """How many things a cell has asked for that are not answered yet."""
        return sum(key.path == place.path and key.cell == place.cell for key in self._asking)

    def children_in(self, place: Place) -> list[tuple[Key, float, str]]:
        """The children that a cell has asked for and that are at work: key, since when, and what they were asked."""
        return [
            (key, asking.started_at, asking.prompt)
            for key, asking in self._asking.items()
            if key.kind == "rlm_query" and key.path == place.path and key.cell == place.cell
        ]

    def leave(self, tasks: Collection[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
        """An attempt at a cell is given up, and another one will be made: what its tasks ask for is asked to the end.

        The next attempt finds it, or joins it. The tasks end with that, and do nothing else any more.

        Returns:
            Those that ask for nothing now.
        """
        asking = {one.task: one for one in reversed(self._asking.values())}  # of each task, what it asked for first
        for task in tasks:
            if task in asking:
                asking[task].is_left = True
        return [task for task in tasks if task not in asking]

    async def record(self, key: Key, entry: Entry) -> Entry:
        """Commit an answer that is there. Whoever waits for it may be cancelled: it is committed all the same."""
        self._known[key] = entry if not entry.prompt else replace(entry, prompt="")  # which may be long
        if self._session is not None:
            committing = self._session.begin_record(self._scope, key, entry)
            self._committing.add(committing)
            committing.add_done_callback(partial(self._committed, key))
            await asyncio.shield(committing)
        return self._known[key]

    def _committed(self, key: Key, ended: asyncio.Future[Entry]) -> None:
        self._committing.discard(ended)
        if not ended.cancelled() and ended.exception() is None:
            self._known[key] = ended.result()

    def record_later(self, key: Key, entry: Entry) -> None:
        """Have something written that only the story of the run needs: nobody finds it here, nor waits for it."""
        if self._session is not None:
            self._session.record_later(self._scope, key, entry)

    async def close(self) -> None:
        """Give up what is being asked for, and wait until what has been answered is committed."""
        asking = {one.task for one in self._asking.values()}
        for task in asking:
            task.cancel()
        if asking:
            await asyncio.gather(*asking, return_exceptions=True)
        if self._committing:
            await asyncio.gather(*self._committing, return_exceptions=True)


class _Asking:
    """Something that is being asked for, by the task that makes this. Others may join it."""

    def __init__(self, prompt: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.task = task
        self.prompt = prompt
        self.started_at = time.time()
        self.is_left = False
        """Whether the task ends with it, and others get the answer."""
        self._joined: asyncio.Future[Entry] | None = None

    async def joined(self) -> Entry:
        """The answer that somebody else asks for."""
        if self._joined is None:
            self._joined = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._joined)

    def answered(self, entry: Entry) -> None:
        """It is there."""
        if self._joined is not None:
            self._joined.set_result(entry)

    def failed(self, error: BaseException) -> None:
        """It will not come."""
        if self._joined is None:
            return
        if isinstance(error, asyncio.CancelledError):
            self._joined.cancel()
        else:
            self._joined.set_exception(error)
            self._joined.exception()  # those who have joined may have gone


class Place:
    """Where in the tree of calls something is asked: makes the keys of one attempt at it.

    Args:
        path: That of the run or child: "" is the run itself.
        cell: Which turn or cell of it.
    """

    def __init__(self, path: str, cell: str) -> None:
        self.path = path
        self.cell = cell
        self._seen: Counter[tuple[Kind, str]] = Counter()

    def next_key(self, kind: Kind, digest: str) -> Key:
        """What `key` would give."""
        return Key(self.path, self.cell, kind, digest, self._seen[kind, digest])

    def key(self, kind: Kind, digest: str) -> Key:
        """The key of the next request with that digest."""
        key = self.next_key(kind, digest)
        self._seen[kind, digest] += 1
        return key


def child_path(key: Key) -> str:
    """The path of the child that answers a key; as long for a great-grandchild as for a child."""
    spelt = "\n".join((key.path, key.cell, key.kind, key.digest, str(key.occurrence)))
    return hashlib.sha256(spelt.encode()).hexdigest()[:32]


def digest(*parts: str) -> str:
    """A hash of texts, as 64 hex digits; lone surrogates are texts too."""
    hashed = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hashed.update(len(data).to_bytes(8, "big") + data)
    return hashed.hexdigest()


__all__ = ["Answers", "Ask", "Entry", "Key", "Kind", "Place", "child_path", "digest"]
