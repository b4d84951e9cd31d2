"""The database that a journal is in, SQLite or Postgres: where it is, how it is opened, transactions, errors.

Covered: a transaction that fails because the connection was lost, the server restarts, or another process has locked
the database, is tried again from its beginning for half a minute, so what runs in one must do no harm when it runs
twice. A durable transaction has reached the disk when it returns (Postgres: as far as the server's settings say).
Not covered: SQLite on a network file system, where its locks do not hold; use Postgres between machines.
"""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from rlm_graph.errors import ConfigError, JournalError

if TYPE_CHECKING:
    import sqlalchemy as sa

T = TypeVar("T")

PATIENCE_S = 30.0
"""Seconds for which a transaction is tried again."""

OPENING_PATIENCE_S = 2.0
"""Likewise at the first use: there a database that cannot be reached is more likely a mistake than an accident."""

BUSY_TIMEOUT_S = 1.0
"""Seconds that one attempt waits for SQLite's lock."""

_PAUSES_S = (0.0, 0.05, 0.1, 0.2, 0.5)  # between attempts; the last one again and again

# Postgres: a connection lost (08), a server that stops or starts (57P), too many connections (53300), deadlock and
# serialisation (40), a lock not had in time (55P03), a transaction that was idle too long (25P03).
_PASSING_STATES = re.compile("08...|57P..|53300|40...|55P03|25P03")

# What libpq is told where the URL says nothing else: a server that has vanished is noticed.
_LIBPQ_OPTIONS = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# A process that is suspended in the middle of a transaction must not hold its locks for ever.
_POSTGRES_SETTINGS = "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '10s'"

_OTHER_TABLES = "its tables are not those that its version has: move them away, or name another journal"
_SQLITE_ADVICE = {
    "SQLITE_BUSY": "another program keeps it locked: end that program (a backup? a database browser?)",
    "SQLITE_READONLY": "let this user write the file and its folder, or name another place",
    "SQLITE_CANTOPEN": "it must be a file that this user can write, in a folder likewise; or name another place",
    "SQLITE_FULL": "make room on the disk",
    "SQLITE_IOERR": "see to the disk",
    "SQLITE_NOTADB": "the file is no SQLite database: move it away, or name another place",
    "SQLITE_ERROR": _OTHER_TABLES,
    "SQLITE_CORRUPT": "the file is damaged: move it away, or restore it from a backup",
}


class Database:
    """A database, opened when it is first used; for any number of threads, and for forks of the process.

    Args:
        where: A path, or a URL: ``sqlite:///PATH``, ``postgresql://...``.

    Raises:
        ConfigError: `where` is neither.
    """

    def __init__(self, where: str | Path) -> None:
        self._path = _sqlite_path(where)
        self._url = "" if self._path is not None else _postgres_url(str(where))
        self.name = str(self._path or _without_password(self._url))
        """For messages."""
        self._lock = threading.RLock()  # a collected journal is closed in the middle of anything
        self._engines: dict[int, sa.Engine] = {}  # by process: a fork must neither use nor close its parent's
        self._given_up = threading.Event()
        self._closed = False

    def write(self, work: Callable[[sa.Connection], T], *, durable: bool = True, patience_s: float = PATIENCE_S) -> T:
        """Run `work` in a transaction.

        Args:
            work: May run more than once.
            durable: Whether it has reached the disk when this returns. If not, it outlives this process, but perhaps
                not a power failure.
            patience_s: Seconds for which it is tried again.

        Raises:
            JournalError: the database cannot be written.
            DataError: it does not take the values; from SQLAlchemy.
        """
        return self._attempt(work, "BEGIN IMMEDIATE", "FULL" if durable else "NORMAL", patience_s)

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work`, which only reads, in a transaction.

        Raises:
            JournalError: the database cannot be read.
        """
        return self._attempt(work, "BEGIN", "FULL", PATIENCE_S)

    def give_up(self) -> None:
        """Stop trying again, from now on."""
        self._given_up.set()

    def close(self) -> None:
        """Close the connections. What uses the database after this fails."""
        with self._lock:
            self._closed = True
            if os.getpid() in self._engines:
                self._engines.pop(os.getpid()).dispose()

    def _attempt(self, work: Callable[[sa.Connection], T], begin: str, synchronous: str, patience_s: float) -> T:
        from sqlalchemy.exc import DataError, DBAPIError

        if os.getpid() not in self._engines:
            patience_s = min(patience_s, OPENING_PATIENCE_S)
        give_up_at = time.monotonic() + patience_s
        for pause in _pauses():
            try:
                with self._engine().connect() as connection, connection.begin():
                    if self._path is not None:
                        _begin(connection, begin, synchronous)
                    return work(connection)
            except DataError:
                raise
            except DBAPIError as error:
                if not _may_pass(error) or time.monotonic() + pause > give_up_at or self._given_up.wait(pause):
                    raise self._error(error) from error
        raise AssertionError("the pauses have no end")

    def _engine(self) -> sa.Engine:
        with self._lock:
            if self._closed:
                raise JournalError(f"the journal {self.name} was closed, and something still uses it")
            if os.getpid() not in self._engines:
                self._engines[os.getpid()] = self._open()
            return self._engines[os.getpid()]

    def _open(self) -> sa.Engine:
        from rlm_graph.journal import schema

        engine = self._postgres() if self._path is None else self._sqlite(self._path)
        try:
            with engine.connect() as connection:
                is_ready = schema.version(connection) == schema.VERSION
            if not is_ready:
                with engine.connect() as connection, connection.begin():
                    if self._path is not None:
                        _begin(connection, "BEGIN IMMEDIATE", "FULL")
                    schema.prepare(connection, self.name)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _sqlite(self, path: Path) -> sa.Engine:
        import sqlalchemy as sa

        path = path.absolute()
        try:
            _make_private(path)
        except OSError as error:
            raise JournalError(
                f"the journal {self.name} cannot be made: {error.strerror or error} ({error.filename}); "
                f"{_SQLITE_ADVICE['SQLITE_CANTOPEN']}"
            ) from error
        engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), max_overflow=-1)
        sa.event.listen(engine, "connect", _set_up_sqlite)
        return engine

    def _postgres(self) -> sa.Engine:
        import sqlalchemy as sa

        try:
            url = sa.make_url(self._url)
            options = {name: value for name, value in _LIBPQ_OPTIONS.items() if name not in url.query}
            engine = sa.create_engine(url, max_overflow=-1, connect_args=options)
        except ImportError as error:
            raise JournalError(
                f"the journal {self.name} needs the Postgres driver: pip install 'rlm-graph[postgres]' ({error})"
            ) from error
        except (sa.exc.ArgumentError, ValueError) as error:
            raise ConfigError(f"the journal's URL {self.name} cannot be read: {error}") from error
        sa.event.listen(engine, "connect", _set_up_postgres)
        return engine

    def _error(self, error: sa.exc.DBAPIError) -> JournalError:
        words = " ".join(str(error.orig).split())
        if self._path is None:
            has_answered = (getattr(error.orig, "sqlstate", None) or "").startswith("42")  # no such table or column
            advice = _OTHER_TABLES if has_answered else "is the server running, and the URL right?"
        else:
            advice = sqlite_advice(error.orig)
        return JournalError(f"the journal {self.name} cannot be used: {words}" + (f"; {advice}" if advice else ""))


def sqlite_advice(error: BaseException | None) -> str:
    """What to do about an error of SQLite's; empty where that is not known."""
    return _SQLITE_ADVICE.get("_".join(getattr(error, "sqlite_errorname", "").split("_")[:2]), "")


def _sqlite_path(where: str | Path) -> Path | None:
    """The path, if it is one, or a URL with one."""
    if isinstance(where, str) and "://" in where and not where.startswith("sqlite:"):
        return None
    path = str(where)
    if path.startswith("sqlite:"):
        _, slashes, path = path.partition("sqlite:///")
        if not slashes:
            raise ConfigError(f"the journal {where!r} names no file: write sqlite:///PATH (an absolute one has four /)")
    if path in ("", ".", ":memory:"):
        raise ConfigError(f"the journal {str(where)!r} names no file: name one, so that it outlives the process")
    return Path(path).expanduser()


def _postgres_url(url: str) -> str:
    scheme, _, rest = url.partition("://")
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise ConfigError(
            f"the journal {_without_password(url)!r} is in no database that is known here: "
            f"name a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE"
        )
    return f"postgresql+psycopg://{rest}"


def _without_password(url: str) -> str:
    """Scheme, host and database; what else is in a URL may be secret."""
    parts = urlsplit(url)
    return f"{parts.scheme.partition('+')[0]}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _make_private(path: Path) -> None:
    """Make the file, if it is not there, for the eyes of its owner only; SQLite's own files beside it follow it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        return
    # Made under another name: closing a database's file drops all locks that this process has on it.
    file, aside = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}-")
    os.close(file)
    try:
        os.link(aside, path)
    except FileExistsError:
        pass  # another process was first
    finally:
        Path(aside).unlink()


def _set_up_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000:.0f}")
    connection.execute("PRAGMA journal_mode = WAL")


def _begin(connection: sa.Connection, begin: str, synchronous: str) -> None:
    if connection.info.get("synchronous") != synchronous:
        connection.exec_driver_sql(f"PRAGMA synchronous = {synchronous}")
        connection.info["synchronous"] = synchronous
    connection.exec_driver_sql(begin)


def _set_up_postgres(connection: Any, _: object) -> None:
    connection.execute(_POSTGRES_SETTINGS)
    connection.commit()


def _may_pass(error: sa.exc.DBAPIError) -> bool:
    """Whether the same may work a little later."""
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # no answer of a server: a connection that was not to be had, or is lost
        return error.connection_invalidated or type(error).__name__ == "OperationalError"
    return error.connection_invalidated or bool(_PASSING_STATES.fullmatch(state))


def _pauses() -> Iterator[float]:
    yield from _PAUSES_S
    while True:
        yield _PAUSES_S[-1]
