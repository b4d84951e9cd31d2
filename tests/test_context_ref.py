"""What a state holds in place of a context, and what is refused when it comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rlm_graph.context import ContextRef
from rlm_graph.errors import ContextTypeError

REF = ContextRef(
    uri="file:///x/manifests/aa/" + "a" * 64,
    sha256="a" * 64,
    kind="documents",
    items=2,
    chars=10,
    bytes=11,
    prefix="hello",
    names=("a.txt", "b.txt"),
    skipped=("c.bin: binary",),
    skipped_count=1,
)


def test_state_round_trip() -> None:
    """A reference survives JSON, which makes lists of its tuples."""
    state = json.loads(json.dumps(REF.to_state()))
    assert ContextRef.is_ref_state(state)
    assert ContextRef.from_state(state) == REF


def test_state_has_nothing_that_postgres_refuses() -> None:
    """NUL and lone surrogates in the prefix or a name become U+FFFD in the state."""
    ref = ContextRef("u", "b" * 64, "str", 1, 3, 5, "a\0\ud800b", names=("n\0",))
    state = ref.to_state()["context_ref"]
    assert (state["prefix"], state["names"]) == ("a\ufffd\ufffdb", ["n\ufffd"])
    json.dumps(state, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sha256", "../../etc/passwd"),
        ("sha256", "A" * 64),
        ("sha256", "a" * 64 + "\n"),
        ("kind", "pickle"),
        ("kind", ["str"]),
        ("items", -1),
        ("items", True),
        ("chars", 1.0),
        ("prefix", "x" * 501),
        ("prefix", None),
        ("uri", 3),
        ("names", ["x"] * 21),
        ("names", "abc"),
        ("skipped", [1]),
    ],
)
def test_a_bad_field_is_refused_by_name(name: str, value: Any) -> None:
    """Every field of a state that came from outside is checked."""
    state = REF.to_state()
    state["context_ref"][name] = value
    with pytest.raises(ContextTypeError, match=name):
        ContextRef.from_state(state)


@pytest.mark.parametrize(
    "state", [None, {}, "x", {"context_ref": 1}, {"context_ref": {}, "more": 1}, {"context_ref": {}}]
)
def test_what_is_no_reference_is_refused(state: object) -> None:
    """Another shape, or missing fields, is a ContextTypeError."""
    with pytest.raises(ContextTypeError):
        ContextRef.from_state(state)
