"""Who carries out what: sessions, which are invocations of the graph, and the steps of runs that they have claimed.

A step is claimed by one session, which keeps it until it ends. Nobody else may claim it as long as that session lives,
and whoever has lost a claim writes nothing under it any more.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from rlm_graph.errors import RunBusyError
from rlm_graph.journal.processes import Process, open_here
from rlm_graph.journal.schema import claims, insert, runs, sessions, unsettled

DEAD_AFTER_S = 20.0
"""Seconds without a heartbeat after which a session is dead, where its process cannot be looked at."""

FORGOTTEN_AFTER_S = 86_400.0
"""Seconds without a heartbeat after which such a session is forgotten; until then it may wake up and go on."""

# Built once: building them takes longer than the database does. What they read stays so until the commit.
_INSERT_SESSION, _INSERT_CLAIM, _INSERT_RUN = insert(sessions), insert(claims), insert(runs)
_INSERT_UNSETTLED = insert(unsettled)
_SCOPES = claims.c.scope.in_(sa.bindparam("scopes", expanding=True))
_HELD = sa.select(claims.c.session, claims.c.scope).where(_SCOPES).order_by(claims.c.scope).with_for_update(read=True)
_OWNERS = (
    sa.select(claims.c.scope, claims.c.session, sessions)
    .join_from(claims, sessions, claims.c.session == sessions.c.id, isouter=True)
    .where(_SCOPES)
    .order_by(claims.c.scope)
    .with_for_update(of=claims)
)


def open_session(connection: sa.Connection, session: str, run: str) -> None:
    """Make the session known, and its run if this is the first; forget sessions that are surely dead."""
    now = clock(connection)
    forget_dead(connection, now)
    ensure_run(connection, run, now)
    connection.execute(
        _INSERT_SESSION,
        {"id": session, "run": run, "started_at": now, "heartbeat_at": now, **asdict(Process.this())},
    )
    connection.execute(_INSERT_UNSETTLED, {"session": session, "run": run, "opened_at": now})


def close_sessions(connection: sa.Connection, ids: Collection[str]) -> None:
    """Forget sessions, and what they have claimed."""
    connection.execute(sa.delete(claims).where(claims.c.session.in_(ids)))
    connection.execute(sa.delete(sessions).where(sessions.c.id.in_(ids)))


def settle(connection: sa.Connection, session: str) -> None:
    """Note that a session has ended, and that all that it has put is referred to."""
    connection.execute(sa.delete(unsettled).where(unsettled.c.session == session))


def beat(connection: sa.Connection, ids: Collection[str]) -> None:
    """Show that sessions live."""
    connection.execute(sa.update(sessions).where(sessions.c.id.in_(ids)).values(heartbeat_at=clock(connection)))


def ensure_run(connection: sa.Connection, run: str, now: float) -> bool:
    """Make the run known, and that something happens in it; True if it is new."""
    empty = dict.fromkeys((column.name for column in runs.columns), None)
    is_new = connection.execute(_INSERT_RUN, {**empty, "run": run, "created_at": now, "updated_at": now}).rowcount
    if not is_new:
        touch(connection, [run], now)
    return bool(is_new)


def touch(connection: sa.Connection, names: Collection[str], now: float) -> None:
    """Note that something happens in runs."""
    connection.execute(sa.update(runs).where(runs.c.run.in_(names)).values(updated_at=now))


def claim(connection: sa.Connection, asked: Sequence[tuple[str, str]]) -> list[RunBusyError | None]:
    """Claim steps.

    Args:
        connection: In a transaction.
        asked: Session and scope, in the order of asking.

    Returns:
        For each, why it is not to be had; None: the session has it.
    """
    rows = {scope: {"scope": scope, "session": session} for session, scope in reversed(asked)}
    inserted = connection.execute(_INSERT_CLAIM, [rows[scope] for scope in sorted(rows)]).rowcount  # no deadlocks
    if inserted == len(asked):
        return [None] * len(asked)
    owners, now = _owners(connection, rows), clock(connection)
    refused: list[RunBusyError | None] = []
    for session, scope in asked:
        owner = owners[scope]
        if owner["session"] != session and not is_alive(owner, now):
            connection.execute(sa.update(claims).where(claims.c.scope == scope).values(session=session))
            owners[scope] = owner = _owners(connection, [scope])[scope]
        refused.append(None if owner["session"] == session else busy(owner))
    return refused


def holders(connection: sa.Connection, scopes: Collection[str]) -> dict[str, str]:
    """The sessions that have claimed some steps, by scope; these claims stay as they are until the commit."""
    return {scope: session for session, scope in connection.execute(_HELD, {"scopes": list(scopes)})}


def lost(connection: sa.Connection, gone: Collection[tuple[str, str]]) -> dict[tuple[str, str], RunBusyError]:
    """Why some claims, given as session and scope, are not the sessions' any more."""
    if not gone:
        return {}
    owners = _owners(connection, {scope for _, scope in gone})
    return {(session, scope): _lost_to(owners.get(scope)) for session, scope in gone}


def _lost_to(owner: sa.RowMapping | None) -> RunBusyError:
    if owner is not None and owner["id"] is not None:
        return busy(owner)
    return RunBusyError(
        "the step is not this session's, or not any more (it was taken over while this process slept): "
        "nothing was written"
    )


def living(connection: sa.Connection, run: str | None = None) -> list[sa.RowMapping]:
    """The sessions that live, of one run or of all."""
    now = clock(connection)
    mine = sa.true() if run is None else sessions.c.run == run
    rows = connection.execute(sa.select(sessions).where(mine)).mappings()
    return [row for row in rows if is_alive(row, now)]


def is_alive(session: sa.RowMapping, now: float) -> bool:
    """Whether a session lives."""
    if session["id"] is None:  # a claim of one that was forgotten
        return False
    owner, here = process_of(session), Process.this()
    if owner == here:
        return session["id"] in open_here
    gone = owner.is_gone(here)
    return now - session["heartbeat_at"] <= DEAD_AFTER_S if gone is None else not gone


def busy(session: sa.RowMapping) -> RunBusyError:
    """The error that says who has the run."""
    owner = process_of(session)
    since = datetime.fromtimestamp(session["started_at"]).astimezone().isoformat(" ", "seconds")
    who = "another call in this process" if owner == Process.this() else str(owner)
    return RunBusyError(
        f"the run {session['run']!r} is being carried out by {who}, since {since}: wait until it has ended, or end it; "
        f"one that was killed is noticed at once on the same machine, else after {DEAD_AFTER_S:g} s"
    )


def process_of(session: sa.RowMapping) -> Process:
    """The process that a session belongs to."""
    return Process(**{name: session[name] for name in Process.__dataclass_fields__})


def clock(connection: sa.Connection) -> float:
    """Seconds since 1970, by the clock that all users of the database share."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.scalar(sa.select(sa.extract("epoch", sa.func.clock_timestamp()))) or 0.0)


def forget_dead(connection: sa.Connection, now: float) -> None:
    """Forget sessions whose process has ended, or was silent for a day."""
    here = Process.this()
    dead = [
        row["id"]
        for row in connection.execute(sa.select(sessions)).mappings()
        if process_of(row).is_gone(here) or now - row["heartbeat_at"] > FORGOTTEN_AFTER_S
    ]
    if dead:
        close_sessions(connection, dead)


def _owners(connection: sa.Connection, scopes: Collection[str]) -> dict[str, sa.RowMapping]:
    """Who has some scopes; the claims stay as they are until the commit."""
    rows = connection.execute(_OWNERS, {"scopes": list(scopes)}).mappings()
    return {row["scope"]: row for row in rows}
