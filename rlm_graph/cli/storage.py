"""Where the runs of a command are: contexts and snapshots, the journal, the checkpoints.

`--store` and `--database` say where, else RLM_GRAPH_STORE and RLM_GRAPH_DATABASE, else one folder (RLM_GRAPH_HOME, or
the user's data folder) holds all of it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit, urlunsplit

from rlm_graph.blocking import run_blocking
from rlm_graph.cli.run_names import shown_status, unknown_run
from rlm_graph.context import ContextStore
from rlm_graph.context.home import Home
from rlm_graph.errors import ConfigError, JournalError
from rlm_graph.journal import Journal
from rlm_graph.journal.database import sqlite_advice

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from sqlalchemy import Connection

    from rlm_graph.cli.beginning import Beginning
    from rlm_graph.journal import Run as JournaledRun


class Storage:
    """Opened piece by piece, when each is first used; a context manager.

    Args:
        store: What --store says; None: nothing.
        database: What --database says; None: nothing.

    Raises:
        ConfigError: one of them names no place.
    """

    def __init__(self, store: str | None, database: str | None) -> None:
        self.home = Home.from_environment(store=store, database=database)
        self.contexts: ContextStore = self.home.context_store()
        self.journal = Journal(self.home.journal)
        self.words = [
            *(("--store", store) if store else ()),
            *(("--database", _without_password(database)) if database else ()),
        ]
        """What a command line needs to find this storage; a password is left out: lines end up in logs."""

        self._stack = AsyncExitStack()
        self._saver: BaseCheckpointSaver[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run_blocking(self._stack.aclose())
        self.journal.close()

    @property
    def is_new(self) -> bool:
        """Whether nothing has been kept here yet: the journal is a file, and not there."""
        return isinstance(self.home.journal, Path) and not self.home.journal.exists()

    @property
    def checkpoints(self) -> BaseCheckpointSaver[Any]:
        """LangGraph's checkpointer, for use in `run_blocking`."""
        if self._saver is None:
            with self.clear_errors():
                self._saver = run_blocking(self._open_saver())
        return self._saver

    async def _open_saver(self) -> BaseCheckpointSaver[Any]:
        place = self.home.checkpoints
        if place.startswith("postgres"):
            try:
                from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
            except ImportError as error:
                raise JournalError(
                    f"{_without_password(place)} needs the Postgres driver: pip install 'rlm-graph[postgres]' ({error})"
                ) from error
            postgres = await self._stack.enter_async_context(AsyncPostgresSaver.from_conn_string(place))
            await postgres.setup()
            return postgres
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        await asyncio.to_thread(_make_private, Path(place))
        sqlite = await self._stack.enter_async_context(AsyncSqliteSaver.from_conn_string(place))
        await sqlite.setup()
        return sqlite

    @contextmanager
    def clear_errors(self) -> Iterator[None]:
        """Say which checkpoints cannot be used, and that what was paid for is not lost."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._error(error) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "psycopg":  # an optional package
                raise
            raise self._error(error) from error

    def _error(self, error: Exception) -> JournalError:
        reason, advice = " ".join(str(error).split()), sqlite_advice(error)
        return JournalError(
            f"the checkpoints in {_without_password(self.home.checkpoints)} cannot be used: {reason}"
            f"{f'; {advice}' if advice else ''}; what was answered before is in the journal"
        )

    def begin(self, run: str, beginning: Beginning, *, named: bool, snapshot: str | None = None) -> bool:
        """Make a new run known, with all that is needed to go on with it; False if there is one of that name.

        Args:
            run: Its name.
            beginning: How it begins.
            named: Whether a person has chosen the name.
            snapshot: Of the REPL that it begins with; None: with a new one.
        """
        from rlm_graph.journal import runs

        def work(connection: Connection) -> bool:
            notes: runs.Notes = {
                "question": beginning.question,
                "status": "running",
                "options": beginning.to_options(),
                "named": named,
            }
            if not runs.begin(connection, run, notes):
                return False
            runs.refer(connection, run, "context", [beginning.context])
            runs.refer(connection, run, "snapshot", [] if snapshot is None else [snapshot])
            return True

        return self.journal.write(work)

    def refuse_taken(self, run: str, option: str) -> None:
        """Refuse a name that a run has.

        Raises:
            ConfigError: one has it.
        """
        found = self.journal.run(run)
        if found is not None:
            raise ConfigError(
                f"{option}: there is a run {run!r} already ({shown_status(found)}): resume it, fork it, or rm it"
            )

    def find(self, run: str) -> JournaledRun:
        """A run.

        Raises:
            RunNotFoundError: there is none of that name.
        """
        found = self.journal.run(run)
        if found is None:
            raise unknown_run(run, [one.name for one in self.journal.runs()], self.journal.name)
        return found

    def refuse_busy(self, run: str) -> None:
        """Refuse a run that somebody carries out.

        Raises:
            RunBusyError: somebody does.
        """
        from rlm_graph.journal import claims

        for session in self.journal.read(lambda connection: claims.living(connection, run)):
            raise claims.busy(session)

    def paid(self, run: str) -> dict[str, Any]:
        """What a run has taken, by the names of a state's channels: with a step that was cut off, unlike its state."""
        import sqlalchemy as sa

        from rlm_graph.journal.runs import counted
        from rlm_graph.journal.schema import entries

        def work(connection: Connection) -> dict[str, Any]:
            figures = counted(connection, [run]).get(run)
            if figures is None:
                return {}
            sums = [sa.func.sum(entries.c[name]) for name in ("requests", "input_tokens", "output_tokens")]
            row = connection.execute(sa.select(*sums).where(entries.c.run == run)).one()
            return {
                "iterations": figures.iterations,
                "sub_calls": figures.sub_calls,
                "requests": int(row[0]),
                "total_input_tokens": int(row[1]),
                "total_output_tokens": int(row[2]),
                "cost_usd": figures.cost_usd,
            }

        return self.journal.read(work)

    def values(self, run: str) -> dict[str, Any] | None:
        """The last state of a run, without its messages; None where there is no checkpoint."""
        with self.clear_errors():
            found = run_blocking(self.checkpoints.aget_tuple({"configurable": {"thread_id": run}}))
        return None if found is None else dict(found.checkpoint["channel_values"])

    def state(self, run: str) -> dict[str, Any]:
        """As `values`, for who goes on from there; empty where the run has not begun.

        Raises:
            JournalError: it has begun, and its checkpoints are gone.
        """
        values = self.values(run) or {}
        if not values and self.paid(run).get("iterations"):
            raise JournalError(
                f"the checkpoints of run {run!r} are gone: there are none in "
                f"{_without_password(self.home.checkpoints)}, and from its beginning everything would be paid for "
                f"again; put them back (another RLM_GRAPH_HOME? a backup?), or rm the run and ask anew"
            )
        return values


def _make_private(path: Path) -> None:
    """Make the file, if it is not there, for the eyes of its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")))
