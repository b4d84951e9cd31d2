"""What a REPL backend is: the interface between the graph and whatever runs the model's code.

The graph drives a cell in steps. `run_cell` starts it and gives the first step; a `Call` is a function of the cell
that waits for the host (`llm_query`, ...); the graph answers it with `reply` or `fail`, in any order, and asks for
the `next_step` until that is `Done`. So the graph owns concurrency, budgets and interrupts at each call, and a
backend owns the namespace, the clock and the process.

    step = await executor.run_cell(code, timeout_s=120)
    while not isinstance(step, Done):
        start answering the Call ...                  # reply(step.id, text) or fail(step.id, kind, message)
        or stop answering those of the Cancel ...
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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from rlm_graph.repl.snapshot_store import SnapshotStore


FunctionName = Literal["llm_query", "rlm_query", "tool", "ask_user"]
"""What a cell can ask the host for; a batched call comes as that many single ones."""

FailureKind = Literal["sub_call", "limit", "budget", "value", "tool", "interrupted"]
"""Why a call failed, as the cell sees it: `SubCallError`, `MaxSubCallsExceeded`, `BudgetExceeded`, `ValueError`,
`ToolError`, or the cell is ended."""


@dataclass(frozen=True)
class Call:
    """A function of the cell waits for the host."""

    id: int
    """Unique within the cell."""

    function: FunctionName
    """Which."""

    text: str
    """The prompt of `llm_query` and `rlm_query`, the name of a tool, the question of `ask_user`."""

    options: Mapping[str, Any]
    """What else the function was given, plain JSON values: `model` (str or None) and `schema` (a JSON schema or None)
    of `llm_query`; `context` (any value) of `rlm_query`; `arguments` (a dict) of a tool; nothing of `ask_user`."""

    ahead: bool = False
    """Whether it was asked before the code reached it."""


@dataclass(frozen=True)
class Cancel:
    """The code will not reach these calls, which were asked ahead of it. Answers to them are ignored."""

    ids: tuple[int, ...]
    """Of calls that wait."""


@dataclass(frozen=True)
class Tool:
    """A function of the host that cells can call; its arguments and its result are JSON values."""

    name: str
    """Its name in the REPL."""

    parameters: tuple[str, ...] = ()
    """Names of its parameters, in the order in which arguments without a name are meant."""

    doc: str = ""
    """Its docstring."""


@dataclass(frozen=True)
class Functions:
    """What a run adds to what every REPL has. A restored REPL has none of it until it is told again."""

    tools: tuple[Tool, ...] = ()
    """Functions by their names."""

    ask_user: bool = False
    """Whether there is `ask_user(question)`."""

    history: Sequence[Mapping[str, str]] | None = None
    """The variable `history`: messages that were taken out of the conversation, with `role` and `content`."""

    seed: int | None = None
    """What `random` begins with in a REPL that has drawn nothing; the same in each process that runs a cell again."""

    typed: bool = False
    """Whether the answer is to be a value: `Done.answer` is its JSON then."""

    citations: bool = False
    """Whether the evidence that is given with an answer is looked up in the context (`Done.evidence`)."""


NO_FUNCTIONS = Functions()


@dataclass(frozen=True)
class Citation:
    """A piece of the context that an answer rests on."""

    document: int | str
    """Which text: its place in a list of texts, 0 for a context that is one text; the way to it in any other context,
    as a JSON pointer (`/reviews/3/text`)."""

    name: str | None
    """The document's name, if it has one."""

    start: int
    """Where the piece begins, in characters of the text (of its JSON, if it is no text)."""

    end: int
    """Where it ends."""

    text: str
    """What stands there."""

    occurrences: int = 1
    """How often the context has it; `start` and `end` are those of the first."""


@dataclass(frozen=True)
class Evidence:
    """What an answer was said to rest on, looked up."""

    citations: tuple[Citation, ...] = ()
    """What is there."""

    problems: tuple[str, ...] = ()
    """What is not, one sentence each."""


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
    """The submitted answer as text, or as JSON (`Functions.typed`); None if nothing was submitted."""

    evidence: Evidence | None = None
    """What was given as evidence with the answer, if it is looked up (`Functions.citations`); None if nothing was."""

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

    killed: bool = False
    """Somebody who is not the host, and not the cell, killed the process: the cell can be run again."""

    elapsed_s: float = 0.0
    """Seconds of the cell's own time, waiting for calls not counted."""

    ran_ahead: int = 0
    """Calls that were asked before the code reached them, those not counted that were cancelled."""


Step = Call | Cancel | Done


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

    async def run_cell(
        self,
        code: str,
        *,
        timeout_s: float,
        functions: Functions = NO_FUNCTIONS,
        ahead: int = 0,
        calls_left: int | None = None,
    ) -> Step:
        """Run one cell up to its first call, or to its end.

        Args:
            code: Python.
            timeout_s: Seconds of the cell's own time, waiting for calls not counted.
            functions: What there is in the REPL beside what every REPL has.
            ahead: Calls that may have been asked ahead of the code at once; 0: none.
            calls_left: Sub-calls that the run has left, None without limit: no more than these are asked ahead.
        """

    async def next_step(self) -> Step:
        """Wait for the next call or cancellation, or for the end of the cell."""

    async def reply(self, call_id: int, text: str) -> None:
        """Give a call its answer: text, or JSON for a tool and for an `llm_query` with a schema.

        A call that does not wait, because its cell has ended or it was cancelled, is ignored.
        """

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
