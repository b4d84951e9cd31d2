"""What a worker tells the host of calls, checked as coming from an attacker: odd ones end the cell or are refused."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from rlm_graph.repl import told, wire
from rlm_graph.repl.executor import Call

PROMPT = memoryview(b"prompt")


def header(function: Any = "llm_query", **more: Any) -> dict[str, Any]:
    """The header of a call."""
    return {"kind": "call", "id": 1, "function": function, "ahead": False, **more}


def part(options: Any) -> memoryview:
    """Options as they travel."""
    return memoryview(json.dumps(options).encode())


def test_a_call_has_all_options_of_its_function() -> None:
    """Those that were not given are None, or nothing."""
    assert told.call(header(), [PROMPT]) == Call(1, "llm_query", "prompt", {"model": None, "schema": None})
    given = {"schema": {"type": "string"}}
    assert told.call(header(), [PROMPT, part(given)]).options == {"model": None, **given}
    assert told.call(header("rlm_query"), [PROMPT]).options == {"context": None}
    assert told.call(header("tool"), [PROMPT]).options == {"arguments": {}}
    assert told.call(header("ask_user", ahead=True), [PROMPT]) == Call(1, "ask_user", "prompt", {}, ahead=True)


@pytest.mark.parametrize("context", ["text", ["a", "b"], {"a": 1}, 5, 2.5, True, None, [], {}, "\ud800 \x00"])
def test_a_context_may_be_anything_that_json_has(context: Any) -> None:
    """As it was."""
    assert told.call(header("rlm_query"), [PROMPT, part({"context": context})]).options["context"] == context


@pytest.mark.parametrize(
    ("head", "options"),
    [
        (header("eval"), None),
        (header("FINAL"), None),
        (header(id="1"), None),
        (header(id=True), None),
        (header(ahead=1), None),
        (header(function=["llm_query"]), None),
        ({"kind": "call", "id": 1, "function": "llm_query"}, None),
        (header(), []),
        (header(), "text"),
        (header(), {"model": 5}),
        (header(), {"model": ["m"]}),
        (header(), {"schema": "text"}),
        (header(), {"schema": [1]}),
        (header(), {"context": "x"}),
        (header(), {"model": "m", "__class__": 1}),
        (header("rlm_query"), {"model": "m"}),
        (header("tool"), {"arguments": ["x"]}),
        (header("tool"), {"arguments": None}),
        (header("ask_user"), {}),
    ],
    ids=str,
)
def test_a_call_that_no_worker_makes_is_no_call(head: dict[str, Any], options: Any) -> None:
    """Another function, options of another, fields of other types: the worker is not ours any more."""
    with pytest.raises(wire.FrameError):
        told.call(head, [PROMPT] if options is None else [PROMPT, part(options)])


@pytest.mark.parametrize("parts", [[], [PROMPT, PROMPT, PROMPT]])
def test_a_call_has_one_part_or_two(parts: list[memoryview]) -> None:
    """The text, and what else it was given."""
    with pytest.raises(wire.FrameError):
        told.call(header(), parts)


@pytest.mark.parametrize("function", wire.MAX_OPTIONS_BYTES)
def test_options_are_bounded(function: str) -> None:
    """Before they are read: what a worker of ours sends has been checked there."""
    size = wire.MAX_OPTIONS_BYTES[function]
    with pytest.raises(wire.FrameError, match=f"{size + 1} bytes"):
        told.call(header(function), [PROMPT, memoryview(bytes(size + 1))])


def _nested(depth: int, opening: str, closing: str) -> memoryview:
    return memoryview(f'{{"context": {opening * depth}1{closing * depth}}}'.encode())


@pytest.mark.parametrize(
    "options",
    [
        _nested(told.MAX_DEPTH + 1, "[", "]"),
        _nested(told.MAX_DEPTH + 1, '{"a":', "}"),
        _nested(10_000, "[", "]"),
        _nested(1_000_000, "[", "]"),
        memoryview(b'{"context": [' + b"[]," * 1_000_001 + b"1]}"),
        memoryview(b'{"context": ' + b"9" * 5000 + b"}"),
        memoryview(b'{"context": '),
        memoryview(b""),
        memoryview(b"{'context': 1}"),
    ],
    ids=range(9),
)
def test_values_that_would_hurt_are_the_cells_mistake(options: memoryview) -> None:
    """Nested beyond the stack, of a million lists, numbers of thousands of digits: refused, and cheaply."""
    started = time.monotonic()
    with pytest.raises(told.UnreadableOptionsError) as caught:
        told.call(header("rlm_query", id=77), [PROMPT, options])
    assert caught.value.call_id == 77
    assert time.monotonic() - started < 2


def test_values_at_the_limits_pass() -> None:
    """As deep as may be, and brackets in texts are no lists."""
    assert told.call(header("rlm_query"), [PROMPT, _nested(told.MAX_DEPTH, "[", "]")])
    texts = ['[{"\\' * 10, "]"] * 200_000
    assert told.call(header("rlm_query"), [PROMPT, part({"context": texts})]).options["context"] == texts


def test_cancelled_calls_are_numbers() -> None:
    """Exactly so."""
    assert told.cancelled({"kind": "cancel", "ids": [1, 2]}) == [1, 2]
    for ids in (None, "12", [1.0], [True], [[1]], {"1": 2}):
        with pytest.raises(wire.FrameError):
            told.cancelled({"kind": "cancel", "ids": ids})
