"""Entries of steps: written once, and found again by whoever carries out the step again, or tells the run's story."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import sqlalchemy as sa

from rlm_graph.errors import RunBusyError
from rlm_graph.journal import claims
from rlm_graph.journal.keys import PROMPT_PACKED_FROM_BYTES, Entry, Key, pack, unpack
from rlm_graph.journal.schema import entries, insert

_KEY = [entries.c[name] for name in Key.__dataclass_fields__]
_ENTRY = [entries.c[name] for name in Entry.__dataclass_fields__ if name != "prompt"]
_INSERT, _REPLACE = insert(entries), insert(entries, replacing=True)
_READ_STEPS = sa.select(entries.c.scope, *_KEY, *_ENTRY).where(
    entries.c.scope.in_(sa.bindparam("scopes", expanding=True)), entries.c.kind != "cell"
)
_READ_STORY = (
    sa.select(entries.c.scope, *_KEY, *_ENTRY, entries.c.prompt)
    .where(entries.c.run == sa.bindparam("of_run", type_=entries.c.run.type))
    .order_by(entries.c.started_at, entries.c.ended_at, entries.c.scope, *_KEY)
)


@dataclass(frozen=True)
class Recording:
    """An entry that is to be written."""

    session: str
    run: str
    scope: str
    key: Key
    entry: Entry

    is_told: bool = False
    """It is for the story of the run only: what is written last stays, and the step need not have been claimed."""

    def pack(self) -> Packed:
        """What goes into the table."""
        value, prompt = pack(self.entry.value), self.entry.prompt
        packed_prompt = pack(prompt, PROMPT_PACKED_FROM_BYTES) if prompt else None
        row = {
            **self.key.__dict__,
            **self.entry.__dict__,
            "scope": self.scope,
            "run": self.run,
            "value": value,
            "prompt": packed_prompt,
            "bytes": len(value) + len(packed_prompt or b""),
        }
        return Packed(self, row)


@dataclass(frozen=True)
class Packed:
    """A recording, and its row in the table."""

    recording: Recording
    row: dict[str, Any]

    @property
    def claim(self) -> tuple[str, str]:
        """Session and scope."""
        return self.recording.session, self.recording.scope


def enter(connection: sa.Connection, asked: Sequence[tuple[str, str]]) -> list[dict[Key, Entry] | RunBusyError]:
    """Claim steps, given as session and scope, and read what they have; all that ask at once share the queries."""
    refused = claims.claim(connection, asked)
    found: dict[str, dict[Key, Entry]] = {scope: {} for _, scope in asked}
    for row in connection.execute(_READ_STEPS, {"scopes": list(found)}):
        scope, *columns = row
        found[scope][Key(*columns[: len(_KEY)])] = _entry(columns[len(_KEY) :])
    return [error or dict(found[scope]) for (_, scope), error in zip(asked, refused, strict=True)]


def record(connection: sa.Connection, recordings: Sequence[Packed]) -> list[Entry | RunBusyError]:
    """Write entries whose sessions have their steps; return what is there now: what was written first stays.

    Those for the story of the run are written where no other session has their steps.
    """
    holders = claims.holders(connection, {packed.recording.scope for packed in recordings})
    told = [packed for packed in recordings if packed.recording.is_told]
    asked = [packed for packed in recordings if not packed.recording.is_told]
    lost = claims.lost(
        connection, {packed.claim for packed in asked if holders.get(packed.recording.scope) != packed.claim[0]}
    )
    kept = [packed for packed in asked if packed.claim not in lost]
    all_new = not kept or connection.execute(_INSERT, [packed.row for packed in kept]).rowcount == len(kept)
    mine = [packed for packed in told if holders.get(packed.recording.scope) in (packed.claim[0], None)]
    if mine:  # in the place of another, perhaps: neither number nor size of the entries would tell who follows the run
        claims.touch(connection, {packed.recording.run for packed in mine}, claims.clock(connection))
        connection.execute(_REPLACE, [packed.row for packed in mine])
    there = {
        (packed.recording.scope, packed.recording.key): replace(packed.recording.entry, prompt="")
        if all_new
        else _read(connection, packed.recording)
        for packed in kept
    }
    return [
        lost.get(packed.claim) or there.get((packed.recording.scope, packed.recording.key)) or packed.recording.entry
        for packed in recordings
    ]


def story(connection: sa.Connection, run: str) -> list[tuple[str, Key, Entry]]:
    """All entries of a run with their scopes, in the order in which they were begun."""
    found = []
    for scope, *columns, prompt in connection.execute(_READ_STORY, {"of_run": run}):
        entry = _entry(columns[len(_KEY) :])
        text = "" if prompt is None else unpack(prompt)
        found.append((scope, Key(*columns[: len(_KEY)]), replace(entry, prompt=text)))
    return found


def _read(connection: sa.Connection, recording: Recording) -> Entry:
    key = zip(_KEY, astuple(recording.key), strict=True)
    found = connection.execute(
        sa.select(*_ENTRY).where(entries.c.scope == recording.scope, *(column == value for column, value in key))
    ).one()
    return _entry(found)


def _entry(columns: Sequence[Any]) -> Entry:
    value, *others = columns
    return Entry(unpack(value), *others)
