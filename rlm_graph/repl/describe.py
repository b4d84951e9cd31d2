"""A value in few words: its type and size, or a `repr` that stops in time, however large or deep the value is."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable
from typing import Any

_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    dict: ("{", "}"),
}
_MAX_DEPTH = 20
_NUMBERS = frozenset({int, float, bool, complex, type(None)})
_SIZED = frozenset({*_BRACKETS, bytes, bytearray, range, Counter, defaultdict, deque, OrderedDict})

NUMBER_CHARS = 60
"""Characters of a number that a description shows."""


def describe(value: Any) -> str:
    """Type and size of a value, and a number itself: `list of 1,200`, `str of 5,000 chars`, `int 42`.

    Never a piece of a text: it may be a piece of the context, which nobody sees unless the code prints it.
    Runs no code of the value's own.
    """
    kind = type(value)
    if kind in _NUMBERS:
        return f"{kind.__name__} {bounded_repr(value, NUMBER_CHARS)}"
    if isinstance(value, str):
        return f"{kind.__name__} of {str.__len__(value):,} chars"
    if kind in _SIZED:
        return f"{kind.__name__} of {len(value):,}"
    if isinstance(value, type):
        return f"class {type.__dict__['__name__'].__get__(value)}"
    return kind.__name__


def bounded_repr(value: Any, limit: int) -> str:
    """`repr(value)`, exactly, when it has at most `limit` characters; else its beginning and `…`."""
    pieces = _Pieces(limit)
    _write(value, pieces, ())
    return pieces.text()


class _Pieces:
    """Text up to a limit."""

    def __init__(self, limit: int) -> None:
        self._pieces: list[str] = []
        self.room = limit + 1  # one more than is shown tells that there was more

    def add(self, text: str) -> bool:
        """Take `text`; False when there is no room for more."""
        self._pieces.append(text[: self.room])
        self.room -= len(text)
        return self.room > 0

    def text(self) -> str:
        text = "".join(self._pieces)
        return text if self.room > 0 else text[:-1] + "…"


def _write(value: Any, out: _Pieces, parents: tuple[int, ...]) -> bool:
    kind = type(value)
    if kind is str or kind is bytes:
        return out.add(repr(value if len(value) <= out.room else value[: out.room]))
    if kind not in _BRACKETS or not value:
        return out.add(_plain_repr(value))
    if id(value) in parents or len(parents) > _MAX_DEPTH:
        opening, closing = _BRACKETS[kind]
        return out.add(f"{opening}...{closing}")
    opening, closing = _BRACKETS[kind]
    if kind is tuple and len(value) == 1:
        closing = ",)"
    return out.add(opening) and _write_items(value, out, (*parents, id(value))) and out.add(closing)


def _write_items(value: Any, out: _Pieces, parents: tuple[int, ...]) -> bool:
    items: Iterable[Any] = value.items() if type(value) is dict else value
    for index, item in enumerate(items):
        if index and not out.add(", "):
            return False
        if type(value) is dict:
            key, item = item
            if not (_write(key, out, parents) and out.add(": ")):
                return False
        if not _write(item, out, parents):
            return False
    return True


def _plain_repr(value: Any) -> str:
    """`repr(value)` as an exact `str`; a value whose own `__repr__` fails is named instead."""
    if type(value) is int and value.bit_length() > 10_000:  # CPython refuses to print an int of over 4,300 digits
        return f"<int of {value.bit_length():,} bits>"
    try:
        return str.__str__(repr(value))
    except Exception:
        return f"<{type(value).__name__}, whose repr failed>"
