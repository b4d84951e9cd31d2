"""A trace that Perfetto (ui.perfetto.dev) and chrome://tracing open: the Trace Event Format, as JSON.

Each level of the tree of calls is a process: the run, its children, theirs. In it a lane for what happens one after the
other (iterations, in them the root model and the cells), and below as many lanes as calls were under way at once, so
that parallel calls stand below each other. Times are in microseconds since the run began.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlm_graph.story import Cell, Story, SubCall, Turn

SHOWN_CHARS = 1000
"""Characters of a text that an event has."""

_FAILED = "terrible"
"""The viewers' name for red."""


def trace(story: Story) -> str:
    """The whole file."""
    builder = _Builder(story)
    builder.add_turns(story.turns, level=0, lane=0, after=0, before=builder.end)
    events = [*builder.names(), *sorted(builder.events, key=lambda event: (event["ts"], -event["dur"]))]
    about = {"run": story.run, "question": _shown(story.question), "status": story.status}
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms", "otherData": about})


@dataclass
class _Lanes:
    """Lanes in which no two things overlap."""

    ends: list[int] = field(default_factory=list)

    def take(self, start: int, end: int) -> int:
        """The first lane that is free then."""
        for lane, busy_until in enumerate(self.ends):
            if busy_until <= start:
                self.ends[lane] = end
                return lane
        self.ends.append(end)
        return len(self.ends) - 1


class _Builder:
    def __init__(self, story: Story) -> None:
        starts = [turn.started_at for turn in story.turns if turn.started_at]
        self._origin = min([*starts, *([story.started_at] if story.started_at else [])], default=0.0)
        self._end = max(_ends(story), default=self._origin)
        self.end = self._at(self._end)
        self._calls: dict[int, _Lanes] = {}  # by level
        self._children: dict[int, _Lanes] = {}
        self.events: list[dict[str, Any]] = []

    def names(self) -> Iterator[dict[str, Any]]:
        """What the viewers call processes and lanes, and their order."""
        for pid in sorted({event["pid"] for event in self.events}):
            name = "run" if pid == 1 else f"children at depth {pid}"
            yield _about("process_name", pid, 0, name=name)
            yield _about("process_sort_index", pid, 0, sort_index=pid)
        for pid, tid in sorted({(event["pid"], event["tid"]) for event in self.events}):
            if tid < _FIRST_CALL_LANE:
                name = "root model and cells" if pid == 1 else f"child {tid + 1}"
            else:
                name = f"calls {tid - _FIRST_CALL_LANE + 1}"
            yield _about("thread_name", pid, tid, name=name)
            yield _about("thread_sort_index", pid, tid, sort_index=tid)

    def add_turns(self, turns: Sequence[Turn], *, level: int, lane: int, after: int, before: int) -> None:
        """Turns, one after the other, with their cells and sub-calls.

        Args:
            turns: Of the run or a child.
            level: In the tree of calls, from 0.
            lane: In which they are drawn.
            after: Microseconds at which they begin, at the earliest. Clocks are set back, and a child's last note is
                written after its answer: a lane must nest all the same.
            before: Microseconds at which they end, at the latest.
        """
        for turn in turns:
            if turn.started_at is None:
                continue
            start = _within(self._at(turn.started_at), after, before)
            after = end = _within(self._at(turn.ended_at or self._end), start, before)
            self._add(f"iteration {turn.iteration}", "turn", start, end, level, lane, _of_turn(turn))
            replied = _within(self._at(turn.reply_ended_at), start, end) if turn.reply_ended_at else end
            self._add(turn.model or "root model", "root", start, replied, level, lane, _of_reply(turn))
            for number, cell in enumerate(turn.cells, 1):
                replied = self._add_cell(cell, f"cell {number}", replied, end, level, lane)

    def _add_cell(self, cell: Cell, name: str, after: int, before: int, level: int, lane: int) -> int:
        """A cell with its sub-calls; returns when it ended."""
        began = cell.started_at or min((call.started_at for call in cell.calls), default=None)
        start = after if began is None else _within(self._at(began), after, before)
        ended = self._at(cell.ended_at) if cell.ended_at else start + _micro(cell.elapsed_s or 0.0)
        end = _within(ended, start, before) if cell.ended else before
        args = {"code": _shown(cell.code), "stdout": _shown(cell.stdout), "stdout_chars": cell.stdout_chars}
        if cell.error:
            args["error"] = _shown(cell.error[-SHOWN_CHARS:])
        if cell.calls or cell.elapsed_s is not None:
            self._add(name, "cell", start, end, level, lane, args, failed=bool(cell.error))
        for call in sorted(cell.calls, key=lambda call: call.started_at):
            self._add_call(call, level)
        return end

    def _add_call(self, call: SubCall, level: int) -> None:
        start = self._at(call.started_at)
        end = max(start, self._at(call.ended_at or self._end))
        lane = _FIRST_CALL_LANE + self._calls.setdefault(level, _Lanes()).take(start, end)
        name = call.kind if call.model is None else f"{call.kind} {call.model}"
        self._add(name, call.kind, start, end, level, lane, _of_call(call), failed=call.failed is not None)
        if call.child:
            lane = self._children.setdefault(level + 1, _Lanes()).take(start, end)
            self.add_turns(call.child, level=level + 1, lane=lane, after=start, before=end)

    def _add(
        self,
        name: str,
        category: str,
        start: int,
        end: int,
        level: int,
        lane: int,
        args: dict[str, Any],
        *,
        failed: bool = False,
    ) -> None:
        event = {
            "name": name,
            "cat": category,
            "ph": "X",
            "ts": start,
            "dur": end - start,
            "pid": level + 1,
            "tid": lane,
            "args": args,
        }
        self.events.append({**event, "cname": _FAILED} if failed else event)

    def _at(self, seconds: float) -> int:
        return max(0, _micro(seconds - self._origin))


_FIRST_CALL_LANE = 1000
"""Lanes below are those of turns: more children than that are not under way at once."""


def _ends(story: Story) -> Iterator[float]:
    yield story.ended_at or 0.0
    for turn, call in story.calls():
        yield max(turn.ended_at or 0.0, turn.started_at or 0.0, call.ended_at or 0.0, call.started_at)
    for turn in story.turns:
        yield max(turn.ended_at or 0.0, turn.reply_ended_at or 0.0, turn.started_at or 0.0)


def _of_turn(turn: Turn) -> dict[str, Any]:
    calls = sum(len(cell.calls) for cell in turn.cells)
    return {"reasoning": _shown(turn.reasoning), "cells": len(turn.cells), "sub_calls": calls}


def _of_reply(turn: Turn) -> dict[str, Any]:
    return {
        "reply": _shown(turn.reply),
        "input_tokens": turn.input_tokens,
        "output_tokens": turn.output_tokens,
        "cost_usd": turn.cost_usd,
    }


def _of_call(call: SubCall) -> dict[str, Any]:
    return {
        "prompt": _shown(call.prompt),
        "answer": _shown(call.answer),
        "failed": call.failed,
        "model": call.model,
        "requests": call.requests,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "cost_usd": call.cost_usd,
    }


def _about(kind: str, pid: int, tid: int, **args: Any) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": pid, "tid": tid, "args": args}


def _micro(seconds: float) -> int:
    return round(seconds * 1e6)


def _within(value: int, least: int, most: int) -> int:
    return max(least, min(most, value))


def _shown(text: str) -> str:
    return (
        text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]} [... {len(text) - SHOWN_CHARS:,} more characters]"
    )
