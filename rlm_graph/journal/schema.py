"""The journal's tables, the same in SQLite and Postgres, where they may lie beside the tables of others."""

from __future__ import annotations

import re

import sqlalchemy as sa

from rlm_graph.errors import JournalVersionError

VERSION = 3
"""Of the tables below; it goes up with every change of them, together with a migration in :func:`prepare`."""

_UNSTORABLE = re.compile("[\\\\\0\ud800-\udfff]")
_ESCAPED = re.compile(r"\\([0-9a-f]{4})")
_CREATION_LOCK = 0x726C6D


class AnyText(sa.TypeDecorator[str]):
    r"""Any ``str`` as text that a person can read in the database.

    Postgres takes no NUL, and neither database lone surrogates: they, and backslashes, become ``\`` and four hex
    digits.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002 - the base's
        """To the database."""
        return None if value is None else _UNSTORABLE.sub(lambda found: f"\\{ord(found[0]):04x}", value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002 - the base's
        """From the database."""
        return None if value is None else _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)


metadata = sa.MetaData()

versions = sa.Table("rlm_journal", metadata, sa.Column("version", sa.Integer, primary_key=True, autoincrement=False))

runs = sa.Table(
    "rlm_runs",
    metadata,
    sa.Column("run", AnyText, primary_key=True),
    sa.Column("created_at", sa.Double, nullable=False),  # this and all times: seconds since 1970
    sa.Column("updated_at", sa.Double, nullable=False),
    sa.Column("question", AnyText),
    sa.Column("status", AnyText),
    sa.Column("iterations", sa.BigInteger),
    sa.Column("sub_calls", sa.BigInteger),
    sa.Column("cost_usd", sa.Double),
    sa.Column("options", sa.Text),  # JSON, in ASCII
    sa.Column("named", sa.Boolean),
)

sessions = sa.Table(
    "rlm_sessions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("run", AnyText, nullable=False, index=True),
    sa.Column("host", AnyText, nullable=False),
    sa.Column("boot_id", sa.Text, nullable=False),
    sa.Column("pid_namespace", sa.Text, nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("process_started", sa.BigInteger, nullable=False),  # clock ticks since the machine started
    sa.Column("started_at", sa.Double, nullable=False),
    sa.Column("heartbeat_at", sa.Double, nullable=False),
)

unsettled = sa.Table(  # sessions that have not ended properly: they may have put snapshots that no reference tells
    "rlm_unsettled",
    metadata,
    sa.Column("session", sa.Text, primary_key=True),
    sa.Column("run", AnyText, nullable=False, index=True),
    sa.Column("opened_at", sa.Double, nullable=False),
)

claims = sa.Table(
    "rlm_claims",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("session", sa.Text, nullable=False, index=True),
)

entries = sa.Table(
    "rlm_entries",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("cell", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("occurrence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("run", AnyText, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),  # of value and prompt
    sa.Column("failed", AnyText),
    sa.Column("model", AnyText),
    sa.Column("requests", sa.BigInteger, nullable=False),
    sa.Column("input_tokens", sa.BigInteger, nullable=False),
    sa.Column("output_tokens", sa.BigInteger, nullable=False),
    sa.Column("cost_usd", sa.Double),
    sa.Column("started_at", sa.Double, nullable=False),
    sa.Column("ended_at", sa.Double, nullable=False),
    # The last two, so that SQLite finds the others without them, and the value without the prompt.
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("prompt", sa.LargeBinary),  # NULL: none
    sa.Index("rlm_entries_of_run", "run", "bytes"),  # answers how many and how large without the rows
)

references = sa.Table(
    "rlm_references",
    metadata,
    sa.Column("run", AnyText, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("id", AnyText, primary_key=True),
)

answers = sa.Table(
    "rlm_answers",
    metadata,
    sa.Column("prompt", sa.Text, primary_key=True),  # this and model are hashes: an index takes no long texts
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("hits", sa.BigInteger, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
)


def insert(table: sa.Table, *, replacing: bool = False) -> sa.TextClause:
    """Insert whole rows; where a row with the same key is there, it stays, or is replaced.

    Both databases spell it alike, and SQLAlchemy has no construct for it that is the same for both.
    """
    names = [column.name for column in table.columns]
    others = [column.name for column in table.columns if not column.primary_key]
    keys = ", ".join(column.name for column in table.primary_key)
    action = f"UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in others)}" if replacing else "NOTHING"
    statement = sa.text(
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)}) "  # noqa: S608 - names of the tables above
        f"ON CONFLICT ({keys}) DO {action}"
    ).bindparams(*(sa.bindparam(column.name, type_=column.type) for column in table.columns))
    return statement.execution_options(preserve_rowcount=True)


def version(connection: sa.Connection) -> int | None:
    """The version of the journal in a database; None if there is no journal in it."""
    if not sa.inspect(connection).has_table(versions.name):
        return None
    found: int | None = connection.scalar(sa.select(sa.func.max(versions.c.version)))
    return found


def prepare(connection: sa.Connection, journal: str) -> None:
    """Make the tables, in a transaction that shuts out others who would; or see that they are of this version.

    Raises:
        JournalVersionError: they are of a newer one.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATION_LOCK)))
    found = version(connection)
    if found is None:
        metadata.create_all(connection)
        connection.execute(insert(versions), {"version": VERSION})
    elif found > VERSION:
        raise JournalVersionError(
            f"the journal {journal} is of version {found}, and this rlm-graph knows versions up to {VERSION}: "
            f"upgrade it (pip install --upgrade rlm-graph), or name another journal"
        )
    elif found < VERSION:  # from each version to the next, in this same transaction
        if found < 2:
            kind = entries.c.prompt.type.compile(connection.dialect)
            connection.execute(sa.text(f"ALTER TABLE {entries.name} ADD COLUMN prompt {kind}"))
        if found < 3:
            unsettled.create(connection, checkfirst=True)  # some journals of version 2 have it
        connection.execute(insert(versions), {"version": VERSION})
