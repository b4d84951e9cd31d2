"""What a run asks a person: to approve code, to approve money, to answer a question.

The request waits in the middle of whatever asks, a cell or a child; the step is stopped at a safe point with
LangGraph's `interrupt`, whose payload is an `Interruption`; `Command(resume=...)` brings the decision, the step is
carried out again, finds all that it had got in the journal, and comes to the same request, which has its decision now.
The code in a cell sees none of that and can neither swallow nor skip it.

A run that asks twice in one step is interrupted twice, in rounds. LangGraph hands resume values over by their order;
what each round asked is in the journal, so that a decision never lands at another request, in whatever order threads
ask.

Decisions, one for the only request, or a dict of them by the requests' ids:

    approve_cells   True, "approve"; False, "reject"; {"action": "edit", "cells": [code, ...]},
                    {"action": "reject", "reason": text}
    approve_spend   True (as much again), False, {"approve": True, "up_to_usd": 5.0}
    ask_user        the answer, a text
"""

from __future__ import annotations

import contextvars
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired

from langgraph.errors import GraphBubbleUp
from langgraph.types import interrupt

# On Python 3.11 the server shows no schema for typing's own TypedDict.
from typing_extensions import TypedDict

from rlm_graph.answers import Answers, Entry, Key

RequestKind = Literal["approve_cells", "approve_spend", "ask_user"]


class Request(TypedDict):
    """One thing that a person is asked."""

    id: str
    """Names it within its run; the same when the step is carried out again."""

    kind: RequestKind

    text: str
    """What is asked, for a person."""

    cells: NotRequired[list[str]]
    """The code that would run (`approve_cells`)."""

    spent_usd: NotRequired[float | None]
    """What the run has cost (`approve_spend`)."""

    limit_usd: NotRequired[float]
    """What it may cost without asking (`approve_spend`)."""


class Interruption(TypedDict):
    """The payload of an interrupt of ours."""

    rlm_requests: list[Request]
    """What waits for a decision."""

    error: NotRequired[str]
    """What was wrong with the last resume value."""


@dataclass(frozen=True)
class CellsDecision:
    """What becomes of a reply's code."""

    cells: tuple[str, ...]
    """The code to run; none if it was rejected."""

    edited: bool = False
    rejected: str | None = None
    """Why it was rejected."""


@dataclass(frozen=True)
class SpendDecision:
    """How much more a run may cost."""

    up_to_usd: float | None
    """None: no more."""


Decision = CellsDecision | SpendDecision | str


class Desk:
    """Where one step of a run, and the children in it, leave their requests.

    Args:
        answers: What the rounds asked is kept there.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._node = contextvars.copy_context()  # a child's node has no resume values: they are those of the run's node
        self._rounds = 0
        self._has_read = False
        self._decided: dict[str, Decision] = {}
        self._open: dict[str, Request] = {}  # those without a decision
        self._error: str | None = None  # what was wrong with the last resume value

    def _take_decisions(self) -> None:
        """Read what was decided in earlier rounds, in the order in which they were.

        Raises:
            GraphInterrupt: a round still waits.
        """
        while (asked := self._answers.find(_round_key(self._rounds))) is not None:
            interruption: Interruption = json.loads(asked.value)
            self._rounds += 1
            requests = interruption["rlm_requests"]
            try:
                self._decided |= decisions(requests, self._node.run(interrupt, interruption))
            except BadDecisionError as error:
                self._error = str(error)
            else:
                self._error = None

    def has_asked(self, request_id: str) -> bool:
        """Whether an earlier attempt at the step has put a request to a person."""
        rounds = 0
        while (asked := self._answers.find(_round_key(rounds))) is not None:
            if any(request["id"] == request_id for request in json.loads(asked.value)["rlm_requests"]):
                return True
            rounds += 1
        return False

    async def decision(self, request: Request) -> Decision | None:
        """What was decided of a request; None: it waits now, and the step is to be stopped.

        Raises:
            GraphInterrupt: a decision of an earlier round is not there yet.
        """
        await self._answers.open()
        if not self._has_read:
            self._has_read = True
            self._take_decisions()
        decided = self._decided.get(request["id"])
        if decided is None:
            self._open[request["id"]] = request
        return decided

    async def interruption(self) -> GraphBubbleUp:
        """What interrupts the run for all requests that wait, to be raised; they are in the journal by then."""
        interruption: Interruption = {"rlm_requests": list(self._open.values())}
        if self._error is not None:
            interruption["error"] = self._error
        asked_at = time.time()
        entry = Entry(json.dumps(interruption), started_at=asked_at, ended_at=asked_at)
        await self._answers.record(_round_key(self._rounds), entry)
        try:
            self._node.run(interrupt, interruption)
        except GraphBubbleUp as bubble:
            return bubble
        raise AssertionError("LangGraph has a resume value for a round that was never asked")


class BadDecisionError(ValueError):
    """A resume value that is no decision."""


def decisions(requests: Sequence[Request], value: Any) -> dict[str, Decision]:
    """The decisions in a resume value, by the requests' ids.

    Raises:
        BadDecisionError: it decides something else, or not all; the message says what was expected.
    """
    ids = [request["id"] for request in requests]
    if isinstance(value, Mapping) and set(value) == set(ids):
        by_id: Mapping[str, Any] = value
    elif len(requests) == 1:
        by_id = {ids[0]: value}
    else:
        raise BadDecisionError(f"resume value {_short(value)}: expected a dict with a decision for each of {ids}")
    return {request["id"]: _decision(request, by_id[request["id"]]) for request in requests}


def _decision(request: Request, value: Any) -> Decision:
    match request["kind"]:
        case "approve_cells":
            return _cells_decision(request, value)
        case "approve_spend":
            return _spend_decision(request, value)
        case "ask_user":
            if isinstance(value, str):
                return value
            raise BadDecisionError(f"resume value {_short(value)}: expected the answer to the question, a text")


def _cells_decision(request: Request, value: Any) -> CellsDecision:
    if isinstance(value, Mapping) and isinstance(value.get("decisions"), Sequence) and len(value["decisions"]) == 1:
        value = value["decisions"][0]  # as agent inboxes of LangChain send it
    action = value.get("action", value.get("type")) if isinstance(value, Mapping) else value
    if action is True or action in ("approve", "accept"):
        return CellsDecision(tuple(request["cells"]))
    if action is False or action in ("reject", "ignore"):
        given = value.get("reason", value.get("message")) if isinstance(value, Mapping) else None
        return CellsDecision((), rejected=str(given or "no reason was given"))
    if action == "edit":
        cells = value.get("cells")
        if isinstance(cells, list) and cells and all(isinstance(cell, str) for cell in cells):
            return CellsDecision(tuple(cells), edited=True)
    expected = '"approve", {"action": "reject", "reason": ...} or {"action": "edit", "cells": [code, ...]}'
    raise BadDecisionError(f"resume value {_short(value)}: expected {expected}")


def _spend_decision(request: Request, value: Any) -> SpendDecision:
    approve = value.get("approve") if isinstance(value, Mapping) else value
    up_to = value.get("up_to_usd") if isinstance(value, Mapping) else None
    if approve is True or approve == "approve":
        if up_to is None:
            return SpendDecision(2 * request["limit_usd"])
        if isinstance(up_to, int | float) and not isinstance(up_to, bool) and up_to > request["limit_usd"]:
            return SpendDecision(float(up_to))
    elif approve is False or approve == "reject":
        return SpendDecision(None)
    limit = request["limit_usd"]
    expected = f'True, False or {{"approve": True, "up_to_usd": more than {limit:g}}}'
    raise BadDecisionError(f"resume value {_short(value)}: expected {expected}")


def _round_key(number: int) -> Key:
    return Key("", "human", "interrupt", str(number), 0)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "..."


__all__ = ["BadDecisionError", "CellsDecision", "Decision", "Desk", "Interruption", "Request", "SpendDecision"]
