"""Ctrl-C and SIGTERM while a run goes on: the first lets it come to a safe point, the second ends it at once."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import NoReturn, Self

from langgraph.runtime import RunControl

from rlm_graph.cli.ending import Terminated
from rlm_graph.cli.screen import Screen

_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


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
        raise Terminated if self._signal == signal.SIGTERM else KeyboardInterrupt

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        is_first, self._signal = self._signal is None, number
        if not is_first:
            self.raise_signal()
        self.control.request_drain(_NAMES[signal.Signals(number)])
        self._screen.say("stopping at a safe point (again to stop at once)")
