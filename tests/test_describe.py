"""Values in few words: bounded, exact where they fit, and never a text's contents where they must not be told."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from rlm_graph.repl.describe import bounded_repr, describe

VALUES = [
    1,
    "it's",
    b"x",
    [],
    [1, [2, (3,)]],
    {"a": {1}},
    (),
    frozenset({4}),
    None,
    2.5,
    range(3),
    {1: ()},
    set(),
    [[]],
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_small_value_is_its_repr(value: Any) -> None:
    """Exactly as a prompt would show it."""
    assert bounded_repr(value, 1000) == repr(value)


@pytest.mark.parametrize("limit", [1, 5, 17])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_longer_one_is_its_beginning(value: Any, limit: int) -> None:
    """At most `limit` characters of it, and a mark where something is left out."""
    whole, shown = repr(value), bounded_repr(value, limit)
    if len(whole) <= limit:
        assert shown == whole
    else:
        assert shown.endswith("…")
        assert len(shown) <= limit + 1


def test_a_huge_value_costs_nothing() -> None:
    """Neither many items, nor long texts, nor depth, nor a cycle."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    cycle: list[Any] = [1]
    cycle.append(cycle)
    started = time.monotonic()
    for value in ([0] * 10_000_000, "x" * 100_000_000, ["y" * 10_000_000] * 50, deep, {i: i for i in range(10**6)}):
        assert len(bounded_repr(value, 100)) <= 101
    assert bounded_repr(cycle, 100) == "[1, [...]]"
    assert time.monotonic() - started < 5


def test_a_repr_that_fails_is_told() -> None:
    """A class of the model's code may raise there; a huge int cannot be printed at all."""

    class Bad:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert "Bad" in bounded_repr([Bad()], 100)
    assert "bits" in bounded_repr(10**50_000, 100)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (42, "int 42"),
        (None, "NoneType None"),
        ("secret", "str of 6 chars"),
        (["secret"] * 1200, "list of 1,200"),
        ({"secret": 1}, "dict of 1"),
        (Counter("secret"), "Counter of 5"),
        (b"secret", "bytes of 6"),
        (int, "class int"),
        (len, "builtin_function_or_method"),
    ],
)
def test_a_description_tells_type_and_size(value: Any, words: str) -> None:
    """And a number itself, but no text: that may be a piece of the context."""
    assert describe(value) == words
