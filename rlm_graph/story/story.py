"""What a story is made of. All of it is frozen, and holds texts as they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rlm_graph.context import ContextRef
    from rlm_graph.ledger import ModelTotals

SubCallKind = Literal["llm_query", "rlm_query", "tool", "ask_user"]

StoryStatus = Literal[
    "complete",
    "out_of_iterations",
    "out_of_budget",
    "no_answer",
    "running",
    "waiting",
    "stopped",
    "failed",
    "interrupted",
    "unfinished",
]
"""The first four are those of a run that has come to its end (`rlm_graph.state.Status`). `running`: somebody carries
it out at this moment; `waiting`: for a person; `stopped`: at a safe point, by Ctrl-C for one; `failed`: with an error;
`interrupted`: it was killed; `unfinished`: the story was asked for as it stood in the middle of the run, or nothing
says what became of it."""


@dataclass(frozen=True)
class Slice:
    """Characters of the context that stand in a prompt."""

    document: int
    """Index of the text or document in the context; 0 where the context is one text."""

    name: str | None
    """The document's name, or the key of a member of a dict; None where it has none."""

    start: int
    """The first character."""

    end: int
    """The one after the last."""

    at: int = 0
    """Where in the prompt they begin."""


@dataclass(frozen=True)
class SubCall:
    """One thing that the code of a cell asked for."""

    id: str
    """Names it within the story: 16 hex digits, the same each time the story is read."""

    kind: SubCallKind
    prompt: str
    """What was asked; of a tool its name and arguments. Empty where the journal has not kept it."""

    answer: str
    """What came back, or the words of the failure; empty while nothing has come."""

    failed: str | None
    """Kind of the failure; None: it is an answer."""

    model: str | None
    """The model that was asked; None if none was, or many were (`rlm_query`)."""

    requests: int
    """Requests that it took; 0: a cache had the answer, or no model was asked. Of a child: with all below it."""

    input_tokens: int
    output_tokens: int

    cost_usd: float | None
    """None where the price of a model is not known."""

    started_at: float
    """Seconds since 1970."""

    ended_at: float | None
    """Likewise; None while it goes on: that is told of children only, and a little later than it begins."""

    child: tuple[Turn, ...] = ()
    """The turns of the child that answered an `rlm_query`."""

    slices: tuple[Slice, ...] = ()
    """Which parts of the context stand in the prompt."""


@dataclass(frozen=True)
class Cell:
    """One block of code."""

    code: str
    stdout: str
    """The beginning of what it printed."""

    stdout_chars: int
    """Characters that it printed in all."""

    shown_chars: int
    """How many of them the root model was shown."""

    error: str | None
    """The traceback, or why the answer that it submitted was not accepted; None if there was neither."""

    elapsed_s: float | None
    """Seconds that it ran; None where that is not known, or it has not ended."""

    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables that it set or changed, each with its repr or its type and size."""

    ran_ahead: int = 0
    """Sub-calls that were made before the code reached them."""

    calls: tuple[SubCall, ...] = ()
    """What it asked for, in the order of starting."""

    started_at: float | None = None
    """Seconds since 1970; None if that is not known."""

    ended_at: float | None = None
    """Likewise."""

    ended: bool = True
    """False: it has not begun, runs at this moment, or was cut off."""

    asked: int = 0
    """Of one that has not ended: sub-calls that were not answered yet when it last told, which it does each second.
    Children that were at work then are among them, and among the `calls`."""


@dataclass(frozen=True)
class Turn:
    """One turn of the root model, and what became of its code."""

    iteration: int
    """Its number, from 1. A first reply without code does not count, and has the number of the turn before it."""

    prompt: str
    """The messages that were new to the root model in this turn, as text; empty where they are not known."""

    reply: str
    """What it wrote, whole; empty where it was not asked, because no budget was left."""

    reasoning: str
    """The same without its code."""

    model: str | None
    started_at: float | None
    """When it was asked; seconds since 1970. None if that is not known."""

    ended_at: float | None
    """When its last cell had ended; None if that is not known, or it has not."""

    input_tokens: int
    """Of the root model in this turn, notes on older turns included; those of sub-calls are theirs."""

    output_tokens: int

    cost_usd: float | None
    """Likewise; None where the price is not known."""

    cells: tuple[Cell, ...]
    observation: str
    """What the root model saw of it, exactly; empty where it was shown nothing."""

    checkpoint_id: str | None
    """Of the state before this turn, for a fork; None for the turns of children, and those from before a fork."""

    reply_ended_at: float | None = None
    """When the reply was there."""


@dataclass(frozen=True)
class Totals:
    """What the whole run has taken so far; the figures of its state, with what the step at hand has added."""

    iterations: int
    sub_calls: int
    requests: int
    cache_hits: int
    ran_ahead: int
    input_tokens: int
    output_tokens: int

    cost_usd: float | None
    """None where the price of a model is not known."""

    elapsed_s: float
    """Seconds that the run has worked, pauses not counted."""


@dataclass(frozen=True)
class Part:
    """One text or document of the context."""

    name: str | None
    chars: int


@dataclass(frozen=True)
class Story:
    """The story of one question: the last one of its run, up to a checkpoint."""

    run: str
    """The name of the run: the thread's id."""

    question: str
    context: ContextRef | None
    """None before the run has stored it."""

    status: StoryStatus
    answered_by: str | None
    """`submitted`, `forced` or `direct`; None where there is no answer."""

    answer: str | None
    profile: str | None
    started_at: float | None
    """Seconds since 1970; None if that is not known."""

    ended_at: float | None
    """None if the run goes on, or it is not known."""

    turns: tuple[Turn, ...]
    totals: Totals
    models: Mapping[str, ModelTotals]
    """Requests, tokens and money by model."""

    exhausted: str | None
    """The setting of the budget that ran out; None if none did."""

    checkpoint_id: str | None
    """Of the state that the story ends with."""

    parts: tuple[Part, ...] = ()
    """The documents of the context, with their lengths; empty where it could not be loaded, or nobody asked."""

    waiting: tuple[str, ...] = ()
    """What the run asks a person."""

    from_command_line: bool = False
    """Whether `rlm-graph ask` or `fork` began the run, so that `resume` and `fork` know how to go on with it."""

    notes: tuple[str, ...] = ()
    """What could not be told, and why."""

    def calls(self) -> Iterator[tuple[Turn, SubCall]]:
        """All sub-calls with their turns, those of children after the call that they answer."""
        yield from _calls(self.turns)


def _calls(turns: tuple[Turn, ...]) -> Iterator[tuple[Turn, SubCall]]:
    for turn in turns:
        for cell in turn.cells:
            for call in cell.calls:
                yield turn, call
                yield from _calls(call.child)
