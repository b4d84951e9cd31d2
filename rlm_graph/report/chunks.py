"""Sub-calls as columns of JSON, turn by turn, for the script of the page.

A chunk is what one turn of the root model has caused: its sub-calls, those of children after the call that they answer,
each column a list. Times are milliseconds since the run began; -1 where there is none, or not yet. A chunk has a hash,
so that a page that follows a run asks only for those that have changed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from typing import Any

from rlm_graph.report.texts import fitting_limit, highlighted, visible
from rlm_graph.story import Cell, Story, SubCall, Turn

COLUMNS = (
    *(
        "id",
        "up",
        "cell",
        "kind",
        "model",
        "start",
        "end",
        "in",
        "out",
        "cost",
        "requests",
        "failed",
        "prompt",
        "answer",
    ),
    *("slices", "child"),
)
"""`up`: number of the call in the chunk whose child asked for it, or -1. `cell`: number of the cell, in the turn or in
the child. `prompt`, `answer`: a text, or [its beginning, how many characters it has]. `slices`: document, start, end,
and where in the prompt. `child`: turns of the child, without their calls, which come next."""


class Chunks:
    """The chunks of a story."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._origin = story.started_at or 0.0
        self.models = list(dict.fromkeys([*story.models, *(c.model for _, c in story.calls() if c.model)]))
        """Names, in the order in which they are numbered."""
        self._limit = fitting_limit(
            length for _, call in story.calls() for length in (len(call.prompt), len(call.answer))
        )

    def of(self, turn: Turn) -> dict[str, Any]:
        """The chunk of a turn."""
        rows: list[list[Any]] = []
        for number, cell in enumerate(turn.cells):
            self._add(rows, cell.calls, number, -1)
        chunk = {
            "iteration": turn.iteration,
            "start": self._at(turn.started_at),
            "replied": self._at(turn.reply_ended_at),
            "end": self._at(turn.ended_at),
            "model": self._model(turn.model),
            "cells": [[self._at(cell.started_at), self._at(cell.ended_at)] for cell in turn.cells],
            "calls": dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True)) if rows else {},
        }
        return {**chunk, "hash": hashlib.sha256(json.dumps(chunk).encode()).hexdigest()[:12]}

    def _add(self, rows: list[list[Any]], calls: Sequence[SubCall], cell: int, up: int) -> None:
        for call in calls:
            number = len(rows)
            rows.append(self._row(call, cell, up))
            below = 0
            for turn in call.child:
                for inside in turn.cells:
                    self._add(rows, inside.calls, below, number)
                    below += 1

    def _row(self, call: SubCall, cell: int, up: int) -> list[Any]:
        return [
            call.id,
            up,
            cell,
            call.kind,
            self._model(call.model),
            self._at(call.started_at),
            self._at(call.ended_at),
            call.input_tokens,
            call.output_tokens,
            call.cost_usd,
            call.requests,
            call.failed,
            self._text(call.prompt),
            self._text(call.answer),
            [[one.document, one.start, one.end, one.at] for one in call.slices],
            [self._child(turn) for turn in call.child],
        ]

    def _child(self, turn: Turn) -> dict[str, Any]:
        return {
            "reasoning": visible(turn.reasoning),
            "model": self._model(turn.model),
            "cells": [self._cell(cell) for cell in turn.cells],
        }

    def _cell(self, cell: Cell) -> dict[str, Any]:
        return {
            "code": highlighted(cell.code),
            "stdout": self._text(cell.stdout),
            "chars": cell.stdout_chars,
            "error": None if cell.error is None else visible(cell.error),
        }

    def _text(self, text: str) -> str | list[Any]:
        if len(text) <= self._limit:
            return visible(text)
        return [visible(text[: self._limit]), len(text)]

    def _model(self, name: str | None) -> int:
        return self.models.index(name) if name in self.models else -1

    def _at(self, time: float | None) -> int:
        return at(time, self._origin)


def at(time: float | None, origin: float) -> int:
    """Milliseconds since the run began; -1 where there is none."""
    return -1 if not time else max(0, round(1000 * (time - origin)))


def clock_of(story: Story) -> dict[str, Any]:
    """What has not ended is drawn by this: until when, whether it goes on, and since when the root model thinks."""
    runs = story.status == "running"
    origin = story.started_at or 0.0
    return {
        "runs": runs,
        "until": at(time.time() if runs else story.ended_at, origin),
        "thinks": at(thinks_since(story), origin),
    }


def thinks_since(story: Story) -> float | None:
    """Since when the root model has been asked for a reply that is not there; None if it has not been."""
    if story.status != "running" or story.context is None:
        return None
    if not story.turns:
        return story.started_at
    last = story.turns[-1]
    return last.ended_at if last.observation and all(cell.ended for cell in last.cells) else None


def parts(story: Story) -> dict[str, Any]:
    """The documents of the context: how long they are, and their names where they have some."""
    named = any(part.name for part in story.parts)
    return {
        "chars": [part.chars for part in story.parts],
        "names": [visible(part.name or "") for part in story.parts] if named else None,
    }
