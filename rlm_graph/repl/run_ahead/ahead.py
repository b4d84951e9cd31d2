"""The worker's side of run-ahead: sends the scout off, and gives the code the calls that are under way.

It stands between the functions of the REPL and the host: they `ask` and wait for the `result` here as they would
there.
"""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from rlm_graph.repl.calls import Alarm, BudgetExceeded, Host
from rlm_graph.repl.run_ahead.asking import Asking
from rlm_graph.repl.run_ahead.evaluation import Cache
from rlm_graph.repl.run_ahead.frames import Frame, Sources
from rlm_graph.repl.run_ahead.plan import Entry, Plan
from rlm_graph.repl.run_ahead.sites import ASKING, Site, names_that_ask, place_hooks
from rlm_graph.repl.run_ahead.statements import Scout

MAX_IN_VAIN = 5
"""Times that the scout sets off in vain from one place; after that, in this cell, no more."""

_COUNTED = frozenset(("llm_query", "rlm_query"))


class RunAhead:
    """Runs calls of the running cell ahead.

    Args:
        host: Whom the calls go to.
        alarm: Ends the cell; never while something is done here.
    """

    def __init__(self, host: Host, alarm: Alarm) -> None:
        self._host = host
        self._alarm = alarm
        self._main = threading.get_ident()
        self._lock = threading.Lock()
        self._asked = 0  # sub-calls of this cell
        self._plan: Plan | None = None
        self._taken: dict[int, Entry] = {}  # calls that the code waits for, or will
        self._sites: dict[tuple[str, int], Site] = {}
        self._names = ASKING
        self._sources = Sources()
        self._cache = Cache()
        self._namespace: Mapping[str, Any] = {}
        self._builtins: Mapping[str, Any] = {}
        self._functions: Mapping[str, Any] = {}

    def use(self, namespace: Mapping[str, Any], builtins: Mapping[str, Any], functions: Mapping[str, Any]) -> None:
        """The variables of the cells, what is beside them, and the functions that ask, by their names."""
        self._namespace, self._builtins, self._functions = namespace, builtins, functions

    # Compiling. -----------------------------------------------------------------------------------------------------

    def prepare(self, tree: ast.Module, source: str, filename: str) -> None:
        """Put the places where the scout sets off into a cell that is being compiled."""
        if not any(name in source for name in self._names):
            return
        text = ast.parse(source, filename)
        self._names = names_that_ask(text, self._names)
        self._sources.put(filename, text)
        for number, site in enumerate(place_hooks(tree, text, self._names)):
            self._sites[filename, number] = site

    def learn(self, source: str) -> None:
        """Take note of what asks, in a cell that was run before."""
        if any(name in source for name in self._names):
            self._names = names_that_ask(ast.parse(source), self._names)

    # One cell. ------------------------------------------------------------------------------------------------------

    def begin_cell(self) -> None:
        """Forget the last one."""
        self._asked = 0
        self._taken.clear()
        for site in self._sites.values():
            site.tries_in_vain = 0

    def end_cell(self) -> None:
        """Give up what is under way."""
        if self._plan is not None:
            with self._alarm.held():
                self._end()

    def _end(self) -> None:
        plan, self._plan = self._plan, None
        if plan is not None:
            plan.end()
            with self._lock:
                self._asked += plan.asked

    def hook(self) -> Callable[[int], None]:
        """What stands in front of statements that may ask: a plain closure."""

        def ahead(number: int) -> None:
            if self._plan is None and self._host.ahead:
                self._set_off(number, sys._getframe(1))  # noqa: SLF001 - the variables of the code that is there

        return ahead

    def _set_off(self, number: int, place: FrameType) -> None:
        site = self._sites.get((place.f_code.co_filename, number))
        if site is None or site.tries_in_vain >= MAX_IN_VAIN:
            return
        if threading.get_ident() != self._main or threading.active_count() > 1:
            return  # another thread could change what the scout looks at
        with self._alarm.held():
            plan = Plan(self._host, self._host.ahead, self._calls_left())
            scout = Scout(self._namespace, self._builtins, self._sources, self._cache)
            asks = Asking(plan).functions()
            scout.asks = {function: asks[name] for name, function in self._functions.items() if name in asks}
            frame = scout.module
            if site.function is not None:
                frame = Frame(scout.scope(site.function), real=dict(place.f_locals))
                if frame.scope.is_generator:  # whoever takes its items may stop at any of them
                    return
            plan.begin(scout.suite(site.rest, frame))
            if plan.is_promising:
                site.tries_in_vain = 0
                self._plan = plan
            else:
                site.tries_in_vain += 1
                plan.end()

    def _calls_left(self) -> int | None:
        left = self._host.calls_left
        return None if left is None else left - self._asked

    # What the functions of the REPL call. ---------------------------------------------------------------------------

    def ask(self, function: str, text: str, options: Mapping[str, Any]) -> int:
        """Start a call, or find it under way; returns its id, for `result`."""
        plan = self._plan
        if plan is None or function not in _COUNTED or threading.get_ident() != self._main:
            if function in _COUNTED:
                with self._lock:
                    self._asked += 1
            return self._host.ask(function, text, options)
        with self._alarm.held():
            plan.settle()
            entry = plan.take(function, text, options)
            if entry is None or not entry.id:
                with self._lock:
                    self._asked += 1
                call_id = self._host.ask(function, text, options)
            else:
                call_id = entry.id
            if entry is not None:
                entry.id = call_id
                self._taken[call_id] = entry
            plan.go_on()
            self._look_whether_over()
        return call_id

    def _look_whether_over(self) -> None:
        if self._plan is not None and self._plan.is_over:
            self._end()

    def result(self, call_id: int) -> str:
        """Wait for the answer to a call.

        Raises:
            Exception: the call failed.
        """
        if threading.get_ident() != self._main:
            return self._host.result(call_id)
        entry = self._taken.pop(call_id, None)
        plan = self._plan
        if entry is not None and entry.answer.has_come:
            return _outcome(entry)
        try:
            text = self._wait(call_id, entry)
        except Exception as error:
            if plan is not None:
                with self._alarm.held():
                    plan.failed_unseen() if entry is None else plan.failed(entry, error)
                    plan.settle()
                    self._look_whether_over()
            raise
        if plan is not None and entry is not None:
            with self._alarm.held():
                plan.answered(entry, text)
                plan.settle()
                plan.go_on()
                self._look_whether_over()
        return text

    def _wait(self, call_id: int, entry: Entry | None) -> str:
        """The answer to a call. Whether there is a budget for it is decided when the code has got there."""
        plan = self._plan
        meanwhile = self._meanwhile if plan is not None else None
        try:
            return self._host.result(call_id, meanwhile=meanwhile)
        except BudgetExceeded:
            if entry is None or not entry.is_ahead or plan is None:
                raise
        with self._alarm.held(), self._lock:
            plan.refused(entry)
            self._asked += 1
            entry.id = self._host.ask(entry.function, entry.text, entry.options)
        return self._host.result(entry.id, meanwhile=meanwhile)

    def _meanwhile(self) -> None:
        """The code waits for a call; answers to others may have come."""
        if self._plan is None:
            return
        with self._alarm.held():
            self._plan.settle(the_code_waits=True)
            self._plan.go_on(the_code_waits=True)
            self._look_whether_over()


def _outcome(entry: Entry) -> str:
    """What a call has given. A failure is raised anew, in the place where the code is now."""
    if entry.error is not None:
        raise type(entry.error)(*entry.error.args)
    return entry.text_answered
