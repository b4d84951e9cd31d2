"""Frames: what goes in comes out, and what a hostile worker sends is refused before it costs anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_graph.repl import wire

surrogates = st.text(alphabet=st.characters(exclude_categories=()))


def joined(header: dict[str, Any], *parts: bytes) -> tuple[bytes, bytes, bytes]:
    """The lengths, the header and the body of a frame."""
    data = b"".join(wire.frame(header, *parts))
    header_bytes, body_bytes = wire.lengths(data[: wire.LENGTHS.size])
    start = wire.LENGTHS.size + header_bytes
    assert len(data) == start + body_bytes
    return data[: wire.LENGTHS.size], data[wire.LENGTHS.size : start], data[start:]


@given(st.lists(surrogates, max_size=5))
def test_texts_come_back(texts: list[str]) -> None:
    """Any text, lone surrogates and NUL too, in any number of parts."""
    _, head, body = joined({"kind": "call", "id": 1}, *(wire.encode(text) for text in texts))
    header, parts = wire.parse(head, body)
    assert header == {"kind": "call", "id": 1}
    assert [wire.decode(part) for part in parts] == texts


@pytest.mark.parametrize("sizes", [(1, 0), (wire.MAX_HEADER_BYTES + 1, 0), (10, wire.MAX_BODY_BYTES + 1), (10, 2**63)])
def test_lengths_over_the_limit_are_refused(sizes: tuple[int, int]) -> None:
    """From twelve bytes, before anything is allocated."""
    with pytest.raises(wire.FrameError):
        wire.lengths(wire.LENGTHS.pack(*sizes))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "[]",
        "{",
        "{}",
        '{"kind": 5}',
        '{"kind": "x", "parts": [3]}',
        '{"kind": "x", "parts": [-1, 6]}',
        '{"kind": "x", "parts": [5.0]}',
        '{"kind": "x", "parts": {"a": 5}}',
        '{"kind": "x", "parts": [true, 4]}',
        "[" * 60_000,
    ],
)
def test_headers_that_lie_are_refused(header: str) -> None:
    """No JSON, no kind, or parts that are not those of the body (5 bytes)."""
    with pytest.raises(wire.FrameError):
        wire.parse(header.encode(), b"12345")


def test_fields_are_of_exactly_their_type() -> None:
    """A bool is no int here."""
    assert wire.field({"kind": "x", "n": 3}, "n", int) == 3
    for value in (True, "3", None, 3.0):
        with pytest.raises(wire.FrameError):
            wire.field({"kind": "x", "n": value}, "n", int)


def test_bytes_that_are_no_text_are_refused() -> None:
    """Not decoded by guessing."""
    with pytest.raises(wire.FrameError):
        wire.decode(b"\xff")


def test_a_long_text_is_not_escaped() -> None:
    """It travels raw, beside a small header."""
    text = wire.encode('"\n' * 500_000)
    _, head, body = joined({"kind": "call"}, text)
    assert body == text
    assert len(json.loads(head)) == 2
