"""Entries of steps: written once, found again by whoever carries out the step again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import sqlalchemy as sa

from rlm_graph.errors import RunBusyError
from rlm_graph.journal import claims
from rlm_graph.journal.keys import Entry, Key, unpack
from rlm_graph.journal.schema import entries, insert

_KEY = [entries.c[name] for name in Key.__dataclass_fields__]
_ENTRY = [entries.c[name] for name in Entry.__dataclass_fields__]
_INSERT = insert(entries)
_READ_STEPS = sa.select(entries.c.scope, *_KEY, *_ENTRY).where(
    entries.c.scope.in_(sa.bindparam("scopes", expanding=True))
)


@dataclass(frozen=True)
class Recording:
    """An entry that is to be written."""

    session: str
    run: str
    scope: str
    key: Key
    entry: Entry
    value: bytes
    """That of the entry, packed."""


def enter(connection: sa.Connection, asked: Sequence[tuple[str, str]]) -> list[dict[Key, Entry] | RunBusyError]:
    """Claim steps, given as session and scope, and read what they have; all that ask at once share the queries."""
    refused = claims.claim(connection, asked)
    found: dict[str, dict[Key, Entry]] = {scope: {} for _, scope in asked}
    for row in connection.execute(_READ_STEPS, {"scopes": list(found)}):
        scope, *columns = row
        found[scope][Key(*columns[: len(_KEY)])] = _entry(columns[len(_KEY) :])
    return [error or dict(found[scope]) for (_, scope), error in zip(asked, refused, strict=True)]


def record(connection: sa.Connection, recordings: Sequence[Recording]) -> list[Entry | RunBusyError]:
    """Write entries whose sessions have their steps; return what is there now: what was written first stays."""
    lost = claims.lost(connection, {(recording.session, recording.scope) for recording in recordings})
    kept = [recording for recording in recordings if (recording.session, recording.scope) not in lost]
    if kept and connection.execute(_INSERT, [_row(recording) for recording in kept]).rowcount < len(kept):
        written = {(recording.scope, recording.key): _read(connection, recording) for recording in kept}
    else:
        written = {(recording.scope, recording.key): recording.entry for recording in kept}
    return [
        lost.get((recording.session, recording.scope)) or written[recording.scope, recording.key]
        for recording in recordings
    ]


def _row(recording: Recording) -> dict[str, Any]:
    return {
        "scope": recording.scope,
        "run": recording.run,
        "bytes": len(recording.value),
        **recording.key.__dict__,
        **recording.entry.__dict__,
        "value": recording.value,
    }


def _read(connection: sa.Connection, recording: Recording) -> Entry:
    key = zip(_KEY, astuple(recording.key), strict=True)
    found = connection.execute(
        sa.select(*_ENTRY).where(entries.c.scope == recording.scope, *(column == value for column, value in key))
    ).one()
    return _entry(found)


def _entry(columns: Sequence[Any]) -> Entry:
    value, *others = columns
    return Entry(unpack(value), *others)
