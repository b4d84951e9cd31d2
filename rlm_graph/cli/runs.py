"""What `rlm-graph runs` shows: the runs that there are, newest activity first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from rlm_graph.cli.run_names import FINISHED, shown_status
from rlm_graph.cli.screen import (
    Screen,
    cut,
    money,
    printable,
    size,
    terminal,
    terminal_columns,
    write_answer,
    write_json,
)
from rlm_graph.cli.storage import Storage

if TYPE_CHECKING:
    from rlm_graph.journal import Run

_TITLES = ("run", "status", "iter", "calls", "cost", "size", "active")
_RIGHT = (False, False, True, True, True, True, True)

_COLOURS = {"complete": "green", "running": "cyan", "failed": "red", "no answer": "red"}

MIN_QUESTION_COLUMNS = 24
"""Columns that a question needs beside the others; where there are fewer, it has a line of its own."""


@dataclass(frozen=True)
class Listed:
    """A run, as the list shows it."""

    run: Run
    iterations: int
    sub_calls: int
    cost_usd: float | None
    size_bytes: int
    """Its answers in the journal, its context and its snapshots; what runs share counts for each."""

    def row(self, now: float) -> tuple[str, ...]:
        """Its columns, without the question."""
        cost = "" if not self.cost_usd else money(self.cost_usd)
        figures = (f"{self.iterations:,}", f"{self.sub_calls:,}", cost, size(self.size_bytes))
        return (self.run.name, shown_status(self.run), *figures, _ago(now - self.run.updated_at))

    def told(self) -> dict[str, Any]:
        """For --json."""
        return {
            "run": self.run.name,
            "status": shown_status(self.run).replace(" ", "_"),
            "question": self.run.question,
            "iterations": self.iterations,
            "sub_calls": self.sub_calls,
            "cost_usd": self.cost_usd,
            "size_bytes": self.size_bytes,
            "created_at": self.run.created_at,
            "updated_at": self.run.updated_at,
            "named": self.run.named,
        }


def runs(*, store: str | None, database: str | None, as_json: bool) -> int:
    """Print the list to stdout, and return the exit code."""
    with Storage(store, database) as storage:
        found = listed(storage)
    if as_json:
        write_json({"runs": [one.told() for one in found]})
    elif found and (columns := terminal_columns()) is not None:
        terminal().print(table(found, columns))
    elif found:
        write_answer(table(found, None).plain)
    else:
        Screen().say("there are no runs")
    return 0


def listed(storage: Storage) -> list[Listed]:
    """All runs with their figures: noted at their ends, else counted from what the journal has."""
    from rlm_graph.journal.runs import counted

    known = storage.journal.runs()
    unfinished = [run.name for run in known if run.alive or run.status not in FINISHED]
    figures = storage.journal.read(lambda connection: counted(connection, unfinished)) if unfinished else {}
    found = []
    for run in known:
        counts = figures.get(run.name, run)
        contexts, snapshots = (storage.journal.references_of(run.name, kind) for kind in ("context", "snapshot"))
        size_bytes = run.bytes + storage.contexts.size(contexts, snapshots)
        found.append(Listed(run, counts.iterations or 0, counts.sub_calls or 0, counts.cost_usd, size_bytes))
    return found


def table(found: Sequence[Listed], columns: int | None) -> Text:
    """A line for each run; on a terminal that is too narrow for the question, that has a second one.

    Args:
        found: The runs.
        columns: Of the terminal; None: it goes to a program, and nothing is cut off.
    """
    now = time.time()
    rows = [one.row(now) for one in found]
    widths = [max(len(row[column]) for row in [_TITLES, *rows]) for column in range(len(_TITLES))]
    left = None if columns is None else columns - sum(widths) - 2 * len(widths)
    is_beside = left is None or left >= MIN_QUESTION_COLUMNS
    lines = [Text.assemble(_line(_TITLES, widths), "  question" if is_beside else "", style="dim")]
    for row, one in zip(rows, found, strict=True):
        line = _line(row, widths, _COLOURS.get(row[1], "yellow"))
        question = printable(" ".join((one.run.question or "").split()))
        if is_beside:
            lines.append(line + Text(f"  {cut(question, left)}"))
        else:
            lines += [line, Text(f"  {cut(question, (columns or 0) - 2)}", "dim")]
    for line in lines:
        line.rstrip()
    return Text("\n").join(lines)


def _line(row: Sequence[str], widths: Sequence[int], status_style: str = "") -> Text:
    cells = [
        Text(cell.rjust(width) if right else cell.ljust(width))
        for cell, width, right in zip(row, widths, _RIGHT, strict=True)
    ]
    cells[1].stylize(status_style)
    return Text("  ").join(cells)


def _ago(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return "now"
