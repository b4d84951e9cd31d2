"""Ctrl-C, SIGTERM and SIGHUP while a run goes on: the first lets it come to a safe point, a second ends it at once."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import NoReturn, Self

from langgraph.runtime import RunControl

from rlm_graph.cli.ending import Terminated, drop_output
from rlm_graph.cli.screen import Screen

_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


class Stopping:
    """What a run is told to stop with; a context manager around it, in the main thread."""

    def __init__(self, screen: Screen) -> None:
        self.control = RunControl()
        """LangGraph's; the run looks at it."""

        self._screen = screen
        self._signal: int | None = None
        self._before = {number: signal.getsignal(number) for number in _NAMES}

    def __enter__(self) -> Self:
        for number, handler in self._before.items():
            if handler is not signal.SIG_IGN:  # a shell's background job is not meant by Ctrl-C
                signal.signal(number, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def was_asked(self) -> bool:
        """Whether a signal came."""
        return self._signal is not None

    def raise_signal(self) -> NoReturn:
        """Raise what the signal would have raised at once, now that the run has stopped."""
        if self._signal is None or self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        raise Terminated(self._signal)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        is_first, self._signal = self._signal is None, number
        if not is_first:
            self.raise_signal()
        self.control.request_drain(_NAMES[signal.Signals(number)])
        drop_output()  # what the run has to say must not fail with the terminal that was closed
        self._screen.say("stopping at a safe point (again to stop at once)")
