"""The runs that a journal knows: what they are about, what they refer to, and that they can be removed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import sqlalchemy as sa

from rlm_graph.errors import RunNotFoundError
from rlm_graph.journal import claims
from rlm_graph.journal.schema import entries, insert, references, runs, sessions, unsettled

QUESTION_CHARS = 200
"""Characters of a run's question that are kept."""

_INSERT_REFERENCE = insert(references)


class Notes(TypedDict, total=False):
    """What can be noted of a run; what is not given stays as it is."""

    question: str
    status: str
    iterations: int
    sub_calls: int
    cost_usd: float | None
    options: Mapping[str, Any]
    named: bool


@dataclass(frozen=True)
class Run:
    """A run, as the journal knows it. None where nothing was noted."""

    name: str
    """Its thread id."""

    created_at: float
    """Seconds since 1970."""

    updated_at: float
    """When something was last noted, a cell ended or ran on, or somebody began to carry it out; seconds since 1970."""

    question: str | None
    """Its beginning, at most 200 characters."""

    status: str | None
    """Such as "running" or "complete"; a run that was killed stays "running", and is not alive."""

    iterations: int | None
    sub_calls: int | None

    cost_usd: float | None
    """None where the price of a model is not known, too."""

    options: dict[str, Any]
    """How it was begun, as JSON values."""

    named: bool
    """Whether a person gave it its name."""

    alive: bool
    """Whether somebody carries it out at this moment."""

    entries: int
    """Answers and other things that the journal has of it."""

    bytes: int
    """Size of those."""


@dataclass(frozen=True)
class Figures:
    """What a run has come to, counted from its entries: those of a step that was not finished too."""

    iterations: int
    sub_calls: int

    cost_usd: float | None
    """None where the price of a model is not known."""


def begin(connection: sa.Connection, run: str, notes: Notes) -> bool:
    """Make a new run known; False if there is one of that name."""
    is_new = claims.ensure_run(connection, run, claims.clock(connection))
    if is_new:
        note(connection, run, notes)
    return is_new


def note(connection: sa.Connection, run: str, notes: Notes) -> None:
    """Change what is noted of a run."""
    columns: dict[str, Any] = dict(notes)
    if "question" in notes:
        columns["question"] = notes["question"][:QUESTION_CHARS]
    if "options" in notes:
        columns["options"] = json.dumps(notes["options"])
    claims.ensure_run(connection, run, claims.clock(connection))
    if columns:
        connection.execute(sa.update(runs).where(runs.c.run == run).values(columns))


def read(connection: sa.Connection, run: str | None = None) -> list[Run]:
    """All runs or one, newest activity first."""
    mine = sa.true() if run is None else entries.c.run == run
    sizes = (
        sa.select(entries.c.run, sa.func.count().label("entries"), sa.func.sum(entries.c.bytes).label("bytes"))
        .where(mine)
        .group_by(entries.c.run)
        .subquery()
    )
    found = connection.execute(
        sa.select(runs, sizes.c.entries, sizes.c.bytes)
        .join_from(runs, sizes, runs.c.run == sizes.c.run, isouter=True)
        .where(sa.true() if run is None else runs.c.run == run)
        .order_by(runs.c.updated_at.desc(), runs.c.run)
    ).mappings()
    alive = {row["run"] for row in claims.living(connection, run)}
    return [_run(row, is_alive=row["run"] in alive) for row in found]


def counted(connection: sa.Connection, names: Iterable[str]) -> dict[str, Figures]:
    """What runs have come to; those that have no entries are left out."""
    of_root = sa.and_(entries.c.kind.in_(("root", "direct")), entries.c.path == "")
    sub_calls = sa.case(
        (entries.c.kind == "llm_query", entries.c.requests), (entries.c.kind == "rlm_query", 1), else_=0
    )
    found = connection.execute(
        sa.select(
            entries.c.run,
            sa.func.sum(sa.case((of_root, 1), else_=0)).label("iterations"),
            sa.func.sum(sub_calls).label("sub_calls"),
            sa.func.sum(entries.c.cost_usd).label("cost_usd"),
            (sa.func.count() - sa.func.count(entries.c.cost_usd)).label("unknown"),
        )
        .where(entries.c.run.in_(list(names)))
        .group_by(entries.c.run)
    )
    return {
        row.run: Figures(int(row.iterations), int(row.sub_calls), None if row.unknown else row.cost_usd)
        for row in found
    }


def remove(connection: sa.Connection, run: str) -> None:
    """Remove a run, its entries and references.

    Raises:
        RunNotFoundError: there is none of that name.
        RunBusyError: somebody carries it out.
    """
    if connection.scalar(sa.select(runs.c.run).where(runs.c.run == run).with_for_update()) is None:
        raise RunNotFoundError(f"there is no run {run!r} in the journal")
    for living in claims.living(connection, run):
        raise claims.busy(living)
    dead = connection.scalars(sa.select(sessions.c.id).where(sessions.c.run == run)).all()
    claims.close_sessions(connection, dead)
    for table in (entries, references, unsettled, runs):
        connection.execute(sa.delete(table).where(table.c.run == run))


def refer(connection: sa.Connection, run: str, kind: str, ids: Iterable[str]) -> None:
    """Write down what a run refers to."""
    refer_all(connection, [(run, kind, ids)])


def refer_all(connection: sa.Connection, referring: Sequence[tuple[str, str, Iterable[str]]]) -> list[None]:
    """Write down what runs refer to: run, kind and ids."""
    rows = sorted({(run, kind, id_) for run, kind, ids in referring for id_ in ids})
    if rows:
        connection.execute(_INSERT_REFERENCE, [{"run": run, "kind": kind, "id": id_} for run, kind, id_ in rows])
    return [None] * len(referring)


def referred(connection: sa.Connection, kind: str, run: str | None = None) -> set[str]:
    """The ids of a kind that a run, or any run, refers to."""
    mine = sa.true() if run is None else references.c.run == run
    return set(connection.scalars(sa.select(references.c.id).where(references.c.kind == kind, mine)))


def unsettled_contexts(connection: sa.Connection, names: Iterable[str] | None = None) -> dict[str, float]:
    """Contexts of runs that go on, or were broken off, with the time when the first session of these was opened."""
    since = sa.func.min(unsettled.c.opened_at).label("since")
    mine = sa.true() if names is None else unsettled.c.run.in_(list(names))
    found = connection.execute(
        sa.select(references.c.id, since)
        .join_from(unsettled, references, unsettled.c.run == references.c.run)
        .where(references.c.kind == "context", mine)
        .group_by(references.c.id)
    )
    return {row.id: row.since for row in found}


def _run(row: sa.RowMapping, *, is_alive: bool) -> Run:
    same = ("created_at", "updated_at", "question", "status", "iterations", "sub_calls", "cost_usd")
    return Run(
        name=row["run"],
        **{name: row[name] for name in same},
        options=json.loads(row["options"] or "{}"),
        named=bool(row["named"]),
        alive=is_alive,
        entries=row["entries"] or 0,
        bytes=int(row["bytes"] or 0),
    )
