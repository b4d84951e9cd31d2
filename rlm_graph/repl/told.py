"""What a worker tells the host, checked as coming from an attacker: plain values, of the right types, and not too much.

Raises:
    FrameError: from any function, when a frame says anything else.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

from rlm_graph.repl import wire
from rlm_graph.repl.executor import Call, Citation, Done, Evidence, FunctionName

MAX_OUTCOME_BYTES = 4_000_000
"""The longest description of a worker's variables."""

MAX_DEPTH = 200
"""How deep the values that a call is given may be nested: whoever walks through them must not run out of stack."""

MAX_CONTAINERS = 1_000_000
"""Lists and dicts in them: an empty one is 2 bytes of JSON, and 64 of the host's memory."""

_TEXTS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')

_NOT_GIVEN: dict[str, dict[str, Any]] = {
    "llm_query": {"model": None, "schema": None},
    "rlm_query": {"context": None},
    "tool": {"arguments": {}},
    "ask_user": {},
}
_TYPES: dict[str, tuple[type, ...]] = {
    "model": (str, type(None)),
    "schema": (dict, type(None)),
    "context": (str, list, dict, int, float, bool, type(None)),
    "arguments": (dict,),
}


class UnreadableOptionsError(ValueError):
    """A call whose values a cell has made such that they cannot be read: the cell's mistake, not the worker's."""

    def __init__(self, call_id: int, what: str) -> None:
        self.call_id = call_id
        super().__init__(f"{what}: hand over less, or a str that was made of it")


def call(header: dict[str, Any], parts: list[memoryview]) -> Call:
    """The call that a cell makes.

    Raises:
        UnreadableOptionsError: its options are text, but no JSON that can be read.
    """
    function, ahead = wire.field(header, "function", str), wire.field(header, "ahead", bool)
    if function not in _NOT_GIVEN or not 1 <= len(parts) <= 2:
        raise wire.FrameError(f"a call of {function[:40]!r} with {len(parts)} parts")
    call_id, text = wire.field(header, "id", int), wire.decode(parts[0])
    options = dict(_NOT_GIVEN[function])
    if len(parts) == 2:
        if len(parts[1]) > wire.MAX_OPTIONS_BYTES[function]:
            raise wire.FrameError(f"a call of {function} with options of {len(parts[1])} bytes")
        options |= _options(function, call_id, parts[1])
    return Call(call_id, cast("FunctionName", function), text, options, ahead)


def _options(function: str, call_id: int, data: memoryview) -> dict[str, Any]:
    if _containers(bytes(data)) > MAX_CONTAINERS:
        raise UnreadableOptionsError(call_id, f"a value with more than {MAX_CONTAINERS:,} lists and dicts in it")
    try:
        options: Any = json.loads(wire.decode(data))
    except RecursionError as error:
        raise UnreadableOptionsError(call_id, f"a value nested more than {MAX_DEPTH} levels deep") from error
    except ValueError as error:
        raise UnreadableOptionsError(call_id, f"a value that cannot be read as JSON ({error})") from error
    if type(options) is not dict or not all(
        name in _NOT_GIVEN[function] and type(value) in _TYPES[name] for name, value in options.items()
    ):
        raise wire.FrameError(f"a call of {function} with other options than it has")
    if _is_deep(options):
        raise UnreadableOptionsError(call_id, f"a value nested more than {MAX_DEPTH} levels deep")
    return options


def _containers(data: bytes) -> int:
    """Lists and dicts in a JSON text, or a number that is small enough."""
    brackets = data.count(b"[") + data.count(b"{")
    if brackets <= MAX_CONTAINERS:
        return brackets
    outside = _TEXTS.sub(b"", data)  # it costs a second for 100 MB, so only where it matters
    return outside.count(b"[") + outside.count(b"{")


def _is_deep(value: Any) -> bool:
    """Is it nested deeper than `MAX_DEPTH`? Looked at level by level: nothing here calls itself."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):  # the options themselves are the first level
        items = (item for held in level for item in (held.values() if type(held) is dict else held))
        level = [item for item in items if type(item) is dict or type(item) is list]
        if not level:
            return False
    return True


def cancelled(header: dict[str, Any]) -> list[int]:
    """The calls that a cell will not reach."""
    ids = wire.field(header, "ids", list)
    if not all(type(call_id) is int for call_id in ids):
        raise wire.FrameError("a cancellation of what are no calls")
    return list(ids)


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
        ran_ahead=wire.field(header, "ran_ahead", int),
    )


def _outcome(data: memoryview) -> dict[str, Any]:
    """What is told of the namespace, from the JSON of a `done` frame: plain text, and not too much of it."""
    try:
        told: Any = json.loads(bytes(data)) if len(data) <= MAX_OUTCOME_BYTES else None
        tables, lists = (told["variables"], told["reprs"]), (told["changed"], told["notes"])
        texts = [text for table in tables for item in table.items() for text in item] + [t for ts in lists for t in ts]
        are_text = all(type(text) is str for text in texts)
        evidence = _evidence(told["evidence"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise wire.FrameError("a malformed description of the variables") from error
    if not are_text:
        raise wire.FrameError("a description of the variables that is no text")
    told = {"variables": tables[0], "reprs": tables[1], "changed": tuple(lists[0]), "notes": tuple(lists[1])}
    return {**told, "evidence": evidence}


def _evidence(found: Any) -> Evidence | None:
    """What was given with an answer. That it is in the context is the worker's word; that it adds up is seen here."""
    if found is None:
        return None
    citations, problems = tuple(Citation(*citation) for citation in found["citations"]), tuple(found["problems"])
    for one in citations:
        add_up = type(one.start) is type(one.end) is int and 0 <= one.start == one.end - len(one.text)
        are_plain = type(one.document) in (int, str) and type(one.name) in (str, type(None)) and type(one.text) is str
        if not (are_plain and add_up and type(one.occurrences) is int and one.occurrences > 0):
            raise wire.FrameError("a citation that does not add up")
    if not all(type(problem) is str for problem in problems):
        raise wire.FrameError("a problem with evidence that is no text")
    return Evidence(citations, problems)


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
