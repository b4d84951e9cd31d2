"""What a REPL backend is: the interface between the graph and whatever runs the model's code.

The graph drives a cell in steps. `run_cell` starts it and gives the first step; a `Call` is a function of the cell
that waits for the host (`llm_query`, ...); the graph answers it with `reply` or `fail`, in any order, and asks for
the `next_step` until that is `Done`. So the graph owns concurrency, budgets and interrupts at each call, and a
backend owns the namespace, the clock and the process.

    step = await executor.run_cell(code, timeout_s=120)
    while isinstance(step, Call):
        start answering step ...                      # reply(step.id, text) or fail(step.id, error)
        step = await executor.next_step()

Life cycle: made by an `ExecutorFactory`, `start`ed once, perhaps `restore`d once, any number of cells one after the
other, `close`d once. `close` may be called at any time, also in the middle of a cell or before `start` has ended; it
never raises.

A backend is only a cache of its last snapshot. After each cell it keeps the namespace in the `SnapshotStore` that its
factory was given, and names it in `Done.snapshot`; another REPL, in another process or on another host, is `restore`d
from it to the same variables. A cell that had to be killed leaves the REPL as it was before it.

Errors: the model's mistakes, and whatever its code does to its own process, are a `Done` with an `error`. A backend
raises `REPLExecutionError` only when it cannot run any cell at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from rlm_graph.repl.snapshot_store import SnapshotStore


FailureKind = Literal["sub_call", "limit", "value", "interrupted"]
"""Why a call failed, as the cell sees it: `SubCallError`, `MaxSubCallsExceeded`, `ValueError`, or the cell is ended."""


@dataclass(frozen=True)
class Call:
    """A function of the cell waits for the host."""

    id: int
    """Unique within the cell."""

    function: str
    """`llm_query` or `rlm_query`; a batched call comes as that many single ones."""

    args: tuple[str, str | None]
    """`(prompt, model)` of `llm_query`, `(prompt, context as JSON)` of `rlm_query`; None where it was left out."""


@dataclass(frozen=True)
class Done:
    """A cell has ended."""

    stdout: str = ""
    """The beginning of what it printed; `stdout_chars` says how much there was."""

    stdout_chars: int = 0
    """Characters that it printed in all."""

    stderr: str = ""
    """The beginning of what it wrote to stderr (logging and warnings too)."""

    error: str | None = None
    """The traceback, or what ended the cell; None if it ran to its end."""

    answer: str | None = None
    """The submitted answer as text; None if nothing was submitted."""

    variables: Mapping[str, str] = field(default_factory=dict)
    """All variables of the REPL after the cell: type and size of each value, never a piece of a text."""

    reprs: Mapping[str, str] = field(default_factory=dict)
    """The beginning of the `repr` of each, for the user; it may hold pieces of the context."""

    changed: tuple[str, ...] = ()
    """Names that the cell bound or rebound."""

    notes: tuple[str, ...] = ()
    """What else the root model must know, one sentence each (a reserved name was restored, ...)."""

    snapshot: str | None = None
    """The state of the REPL after the cell, in the snapshot store; None if the backend keeps none."""

    undone: bool = False
    """The cell had to be killed: the variables are those of before it."""

    elapsed_s: float = 0.0
    """Seconds of the cell's own time, waiting for calls not counted."""


Step = Call | Done


class Executor(Protocol):
    """One REPL: a namespace that lives across cells."""

    async def start(self) -> None:
        """Make the REPL ready: the context is loaded and bound to `context`.

        Raises:
            REPLExecutionError: it cannot be started.
        """

    async def restore(self, snapshot: str) -> Mapping[str, str]:
        """Bring a REPL that has run no cell yet to the state of a snapshot.

        Returns:
            What could not be kept: the names of variables, with the reason ("a running generator").

        Raises:
            REPLExecutionError: the snapshot is missing, was changed, or cannot be read.
        """

    async def run_cell(self, code: str, *, timeout_s: float) -> Step:
        """Run one cell up to its first call, or to its end. `timeout_s` is the cell's own time, calls not counted."""

    async def next_step(self) -> Step:
        """Wait for the next call, or for the end of the cell."""

    async def reply(self, call_id: int, text: str) -> None:
        """Give a call its answer. A call of a cell that has ended is ignored."""

    async def fail(self, call_id: int, kind: FailureKind, message: str) -> None:
        """Raise an exception from a call, inside the cell."""

    async def close(self) -> None:
        """End the REPL and whatever runs for it. Never raises; may be called twice."""


class ExecutorFactory(Protocol):
    """Makes REPLs. It may share work among those over the same context (a loaded process, an image)."""

    def __call__(self, manifest: Path, snapshots: SnapshotStore) -> Executor:
        """A REPL, not yet started, over the context that a manifest of the context store describes."""

    def close(self) -> None:
        """End everything that is still running for this factory. May be called twice."""
