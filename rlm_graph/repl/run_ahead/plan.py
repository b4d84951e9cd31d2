"""The calls that the scout has found, in the order in which the code will reach them, and what has become of each.

A call is asked ahead as soon as it is certain, that is when its prompt and the conditions under which the code makes it
are known. It is never the only one: the next call of the code is left to the code.
"""

from __future__ import annotations

import json
import time
from bisect import insort
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from rlm_graph.repl.calls import BudgetExceeded, Host
from rlm_graph.repl.run_ahead.memory import Stop
from rlm_graph.repl.run_ahead.shields import Shield
from rlm_graph.repl.run_ahead.unknown import Answer, Condition, Never, NotYet, known

MAX_WAITING = 16
"""For each call that may be asked ahead, so many may be known of: the later ones of chains that wait for an answer."""

MAX_SECONDS = 0.2
"""Seconds for which the scout may keep the code from going on."""

Key = tuple[str, str, str]
"""What makes two calls the same: function, text, options as JSON."""


class State(Enum):
    """What has become of a call."""

    WAITING = 0
    """It hangs on answers that have not come."""

    READY = 1
    """It is certain, and has not been asked."""

    ASKED = 2

    ANSWERED = 3

    GONE = 4
    """The code has reached it, or will not."""


class Entry:
    """A call that the code will make, if its conditions hold."""

    def __init__(
        self,
        number: int,
        function: str,
        text: Any,
        options: Any,
        *,
        answer: Answer,
        conditions: Sequence[Condition],
        shields: Sequence[Shield],
        ways: Sequence[Shield],
        read: Any = None,
    ) -> None:
        self.number = number
        self.function = function
        self.text = text
        self.options = options
        self.answer = answer
        self.conditions = conditions
        self.shields = tuple(shields)
        """The `try` statements in whose bodies it is,"""
        self.ways = tuple(ways)
        """and those that, if they catch something before it, keep the code from reaching it."""
        self.read = read
        """What makes the answer of the text that comes; None: the text is it."""
        self.is_tolerated = False
        """Its failure is a value for the code."""
        self.last = number
        """The last call that the code makes even if this one fails: the last of a batch."""
        self.is_direct = False
        """It was certain at once."""
        self.is_ahead = False
        """It was asked ahead of the code."""
        self.state = State.WAITING
        self.key: Key = ("", "", "")
        self.id = 0
        self.text_answered = ""
        self.error: Exception | None = None

    def __lt__(self, other: Entry) -> bool:
        return self.number < other.number

    def come(self, text: str) -> list[Entry]:
        """The answer is there; returns the calls that wait for it."""
        self.text_answered = text
        try:
            self.answer.value = text if self.read is None else self.read(text)
        except Exception as error:  # a schema that the answer does not fit: the code's own call fails by that
            self.answer.error = error
        return self._end()

    def fail(self, error: Exception) -> list[Entry]:
        """The call has failed; returns the calls that wait for that."""
        self.error = self.answer.error = error
        return self._end()

    def _end(self) -> list[Entry]:
        self.answer.has_come = True
        if self.state is not State.GONE:
            self.state = State.ANSWERED
        waiting, self.answer.waiting = self.answer.waiting, []
        return waiting


class Plan:
    """Asks ahead what the scout finds.

    Args:
        host: Whom.
        room: How many calls may be asked ahead at once.
        left: Calls that the run has left; None: any number.
    """

    def __init__(self, host: Host, room: int, left: int | None) -> None:
        self._host = host
        self._room = room
        self._left = left
        self._steps: Iterator[None] | None = None
        self._found = 0  # calls that the code may make, up to where the scout is
        self._direct = 0  # of those in the queue, the ones that were certain at once
        self._queue: deque[Entry] = deque()
        self._asked: dict[int, Entry] = {}
        self._ready: list[Entry] = []
        self._live = 0  # of those in the queue, the ones that do not wait
        self._may_ask = True
        self._blind = False  # there are calls that cannot be told from here
        self.asked = 0
        """How many calls it has asked, those not counted that were cancelled."""

    # The scout's side. ----------------------------------------------------------------------------------------------

    def begin(self, steps: Iterator[None]) -> None:
        """Send the scout off."""
        self._steps = steps
        self.go_on()

    def number(self) -> int:
        """The number of the next call.

        Raises:
            Stop: the run may have no calls left when the code gets there.
        """
        self._found += 1
        if self._left is not None and self._found > self._left:
            raise Stop("no calls are left")
        return self._found

    def uncountable(self) -> int:
        """The number of calls of which it is not known how many there are.

        Raises:
            Stop: the run has a limit.
        """
        if self._left is not None:
            raise Stop("any number of calls, where their number is limited")
        return self._found

    def add(self, entry: Entry) -> bool:
        """Take a call that the scout has found; False: it cannot be told ahead."""
        if any(shield.failed is not None for shield in entry.ways):  # the code has gone another way
            return False
        if not entry.answer.is_knowable or not all(condition.is_knowable for condition in entry.conditions):
            self._blind = True
            return False
        self._queue.append(entry)
        self._look(entry)
        entry.is_direct = entry.state is State.READY
        self._direct += entry.is_direct
        self._ask()
        return True

    @property
    def is_full(self) -> bool:
        """Should the scout pause?"""
        return self._direct >= self._room or len(self._queue) >= MAX_WAITING * self._room

    @property
    def is_over(self) -> bool:
        """Has the scout ended, and the code reached all calls that it has found?"""
        return self._steps is None and not self._queue

    def go_on(self, *, the_code_waits: bool = False) -> None:
        """Let the scout go on while there is room for what it finds.

        It is always ahead of the code, because what it has found last the code has not reached.
        """
        deadline = time.monotonic() + MAX_SECONDS
        while self._steps is not None and not self.is_full:
            try:
                next(self._steps)
            except StopIteration:
                self._steps = None
            except Exception:  # `Stop`, `CodeError`, and what nobody foresaw: it must not become the cell's
                self._steps = None
            if time.monotonic() > deadline:
                break
        if not self._queue:
            self._steps = None
        self._ask(the_code_waits=the_code_waits)

    @property
    def is_promising(self) -> bool:
        """May something be asked ahead?"""
        return len(self._queue) > 1

    def end(self) -> None:
        """Nothing more of it will be reached."""
        self._cut(0)

    # What becomes of calls. -----------------------------------------------------------------------------------------

    def _look(self, entry: Entry) -> None:
        """Is a call certain now?"""
        try:
            if not all(condition.holds() for condition in entry.conditions):
                self._drop([entry])
                return
            text, options = known(entry.text), known(entry.options)
        except NotYet as not_yet:
            not_yet.answer.waiting.append(entry)
            return
        except Never:
            self._drop([entry])
            return
        except Exception:  # the code's own operation fails: it will not make the call
            self._drop([entry])
            return
        entry.text, entry.options = text, options
        entry.key = key_of(entry.function, text, options)
        self._live += 1
        self._make_ready(entry)

    def _make_ready(self, entry: Entry) -> None:
        entry.state = State.READY
        insort(self._ready, entry)

    def _ask(self, *, the_code_waits: bool = False) -> None:
        """Ask what is ready, if the code has others to wait for."""
        if self._live + the_code_waits < 2 or not self._may_ask:
            return
        while self._ready and len(self._asked) < self._room:
            entry = self._ready.pop(0)
            entry.id = self._host.ask(entry.function, entry.text, entry.options, ahead=True)
            entry.state, entry.is_ahead = State.ASKED, True
            self._asked[entry.id] = entry
            self.asked += 1

    def settle(self, *, the_code_waits: bool = False) -> None:
        """Look what answers have come, and what follows from them."""
        self._host.poll()
        for entry in [entry for call_id, entry in self._asked.items() if self._host.is_answered(call_id)]:
            if entry.id not in self._asked:
                continue
            del self._asked[entry.id]
            try:
                text = self._host.result(entry.id)
            except BudgetExceeded:  # that is said to the code when it gets there, if it is still so
                self.refused(entry)
                self._make_ready(entry)
            except Exception as error:
                self.failed(entry, error)
            else:
                self.answered(entry, text)
        self._ask(the_code_waits=the_code_waits)

    def refused(self, entry: Entry) -> None:
        """There was no budget for a call ahead of the code: the code asks it, and no more is asked ahead."""
        entry.id, entry.is_ahead = 0, False
        self._may_ask = False
        self.asked -= 1

    def answered(self, entry: Entry, text: str) -> None:
        """A call has its answer."""
        waiting = entry.come(text)
        if entry.answer.error is not None:
            self._failed(entry, entry.answer.error)
        self._look_again(waiting)

    def failed(self, entry: Entry, error: Exception) -> None:
        """A call has failed."""
        waiting = entry.fail(error)
        self._failed(entry, error)
        self._look_again(waiting)

    def _look_again(self, waiting: Sequence[Entry]) -> None:
        for entry in waiting:
            if entry.state is State.WAITING:
                self._look(entry)

    def _failed(self, entry: Entry, error: Exception) -> None:
        """What follows a failed call: some of the calls after it, or all, will not be made."""
        if entry.is_tolerated:
            return
        for shield in reversed(entry.shields):
            handler = shield.catches(error)
            if handler is None:
                continue
            if handler in shield.leaving or shield.is_open:
                break
            shield.failed = handler
            self._drop([one for one in self._queue if one.number > entry.last and shield in one.ways])
            return
        self._cut(entry.last)

    def failed_unseen(self) -> None:
        """A call has failed of which it is not known which it was."""
        self._cut(0)

    def _cut(self, number: int) -> None:
        """Nothing after this call will be reached as the scout has it."""
        self._steps = None
        self._drop([entry for entry in self._queue if entry.number > number])

    def _drop(self, entries: Sequence[Entry]) -> None:
        """The code will not reach these."""
        asked = [entry.id for entry in entries if entry.state is State.ASKED]
        for entry in entries:
            self._remove(entry)
        gone = set(entries)
        self._queue = deque(entry for entry in self._queue if entry not in gone)
        if asked:
            for call_id in asked:
                del self._asked[call_id]
            self.asked -= len(asked)
            self._host.cancel(asked)

    def _remove(self, entry: Entry) -> None:
        if entry.state is State.READY:
            self._ready.remove(entry)
        self._live -= entry.state is not State.WAITING
        entry.state = State.GONE
        self._direct -= entry.is_direct
        entry.is_direct = False

    # The code's side. -----------------------------------------------------------------------------------------------

    def take(self, function: str, text: str, options: Mapping[str, Any]) -> Entry | None:
        """The call that the code has reached; None if it is none of these, but one that cannot be told ahead.

        All that the code has passed is known by now, so it can be the first that is certain only. A call that has been
        asked has an id; one that has not gets it from the caller.
        """
        entry = next((one for one in self._queue if one.state is not State.WAITING), None)
        if entry is None or entry.key != key_of(function, text, options):
            if not self._blind:  # the scout has been wrong
                self._cut(0)
            return None
        while (passed := self._queue[0]) is not entry:
            self._drop([passed])
        self._queue.popleft()
        self._asked.pop(entry.id, None)
        self._remove(entry)
        return entry


def key_of(function: str, text: str, options: Mapping[str, Any]) -> Key:
    """What a call is known by."""
    try:
        return function, text, _to_json(options) if options else ""
    except (TypeError, ValueError, RecursionError):  # a context that is no JSON: the host refuses it
        return function, text, "-"


_to_json = json.JSONEncoder(separators=(",", ":")).encode
