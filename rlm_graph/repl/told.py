"""What a worker tells the host, checked as coming from an attacker: plain values, of the right types, and not too much.

Raises:
    FrameError: from any function, when a frame says anything else.
"""

from __future__ import annotations

import json
from typing import Any

from rlm_graph.repl import wire
from rlm_graph.repl.executor import Call, Done

MAX_OUTCOME_BYTES = 4_000_000
"""The longest description of a worker's variables."""


def call(header: dict[str, Any], parts: list[memoryview]) -> Call:
    """The call that a cell makes."""
    function, has_second = wire.field(header, "function", str), wire.field(header, "has_second", bool)
    if function not in ("llm_query", "rlm_query") or len(parts) != 1 + has_second:
        raise wire.FrameError(f"a call of {function[:40]!r} with {len(parts)} arguments")
    second = wire.decode(parts[1]) if has_second else None
    return Call(wire.field(header, "id", int), function, (wire.decode(parts[0]), second))


def end_of_cell(header: dict[str, Any], parts: list[memoryview], elapsed_s: float) -> Done:
    """How a cell ended, from its `ended` frame."""
    stdout, stderr, error, answer = (wire.decode(part) for part in parts[:4])
    return Done(
        stdout=stdout,
        stdout_chars=max(wire.field(header, "stdout_chars", int), len(stdout)),
        stderr=stderr,
        error=error if wire.field(header, "failed", bool) else None,
        answer=answer if wire.field(header, "answered", bool) else None,
        **_outcome(parts[4]),
        elapsed_s=elapsed_s,
    )


def _outcome(data: memoryview) -> dict[str, Any]:
    """What is told of the namespace, from the JSON of a `done` frame: plain text, and not too much of it."""
    try:
        told: Any = json.loads(bytes(data)) if len(data) <= MAX_OUTCOME_BYTES else None
        tables, lists = (told["variables"], told["reprs"]), (told["changed"], told["notes"])
        texts = [text for table in tables for item in table.items() for text in item] + [t for ts in lists for t in ts]
        are_text = all(type(text) is str for text in texts)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise wire.FrameError("a malformed description of the variables") from error
    if not are_text:
        raise wire.FrameError("a description of the variables that is no text")
    return {"variables": tables[0], "reprs": tables[1], "changed": tuple(lists[0]), "notes": tuple(lists[1])}


def lost(data: memoryview) -> dict[str, str]:
    """Names and sentences, from the JSON of a `restored` frame."""
    try:
        told: Any = json.loads(bytes(data)) if len(data) <= MAX_OUTCOME_BYTES else None
        are_text = all(type(text) is str for item in told.items() for text in item)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise wire.FrameError("a malformed list of what was lost") from error
    if not are_text:
        raise wire.FrameError("a list of what was lost that is no text")
    return dict(told)
