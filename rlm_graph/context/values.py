"""Dicts and lists as JSON text, written in pieces, with an error that says where a value of a wrong type is.

Not `json.dumps`: it makes strings of integer keys in silence, says nothing about the place of a wrong value,
and builds the whole text at once. Tuples become lists and NaN stays NaN, as in Python's `json`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rlm_graph.errors import ContextTypeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONG_STRING_CHARS: Final = 4096
MAX_DEPTH: Final = 200

_PREVIEW_CHARS = 100
_PIECES = 1000
# Python refuses to convert integers of more than 4300 digits to decimal; hexadecimal has no limit.
_MAX_INT_BITS = 12_000
# The same escapes as json.dumps(ensure_ascii=False), in C: two lone surrogates side by side stay two.
_quoted = json.encoder.encode_basestring


class JSONText:
    """One dict or list on its way to JSON text; long strings are left out, to be stored as texts of their own."""

    def __init__(self, value: Mapping[Any, Any] | list[Any] | tuple[Any, ...], *, name: str = "context") -> None:
        self.patches: list[tuple[list[str | int], str]] = []
        """Where the values that were left out belong, and what they are: "str", or "int" (in hexadecimal)."""
        self.texts: list[str] = []
        """The values that were left out, in the order of `patches`."""
        self._value = value
        self._name = name
        self._path: list[str | int] = []
        self._out: list[str] = []

    def pieces(self) -> Iterator[str]:
        """Yield the text; `patches` and `texts` are complete at the end.

        Raises:
            ContextTypeError: a value or key is of a type that JSON has not; the message names its place.
        """
        yield from self._members(self._value)
        yield "".join(self._out)

    def _members(self, value: Any) -> Iterator[str]:
        """Write a dict's or list's members, giving the text away whenever there is enough of it."""
        opening, closing, members = self._container(value)
        self._out.append(opening)
        separator = ""
        self._path.append(0)
        for key, member in members:
            self._path[-1] = key
            self._out.append(separator if opening == "[" else f"{separator}{self._key(key)}:")
            if isinstance(member, Mapping | list | tuple):
                yield from self._members(member)
            else:
                self._out.append(self._leaf(member))
            separator = ","
            if len(self._out) >= _PIECES:
                yield "".join(self._out)
                self._out.clear()
        self._path.pop()
        self._out.append(closing)

    def _container(self, value: Any) -> tuple[str, str, Iterator[tuple[Any, Any]]]:
        if len(self._path) >= MAX_DEPTH:
            raise ContextTypeError(
                f"{self._name}{_steps(self._path[:8])}… is nested more than {MAX_DEPTH} levels deep, or contains itself"
            )
        if isinstance(value, Mapping):
            return "{", "}", iter(value.items())
        return "[", "]", iter(enumerate(value))

    def _key(self, key: object) -> str:
        if isinstance(key, str):
            return _quoted(key)
        del self._path[-1]
        raise ContextTypeError(
            f"{self._name}{_steps(self._path)} has the key {_short(key)} of type {type(key).__name__}: keys are strings"
        )

    def _leaf(self, value: object) -> str:
        match value:
            case str() if len(value) > LONG_STRING_CHARS:
                self._leave_out("str", value)
                return _quoted(value[:_PREVIEW_CHARS] + "…")  # seen only in the prefix that the root model is shown
            case str():
                return _quoted(value)
            case None:
                return "null"
            case bool():
                return "true" if value else "false"
            case int() if value.bit_length() > _MAX_INT_BITS:
                self._leave_out("int", f"{int(value):x}")
                return "0"
            case int():
                return int.__repr__(value)
            case float() if value != value:
                return "NaN"
            case float() if value in (float("inf"), float("-inf")):
                return "Infinity" if value > 0 else "-Infinity"
            case float():
                return float.__repr__(value)
        raise ContextTypeError(
            f"{self._name}{_steps(self._path)}: a value of type {type(value).__name__} is no context; "
            f"it holds str, int, float, bool, None, list and dict"
        )

    def _leave_out(self, kind: str, text: str) -> None:
        self.patches.append((self._path.copy(), kind))
        self.texts.append(text)


def _steps(path: list[str | int]) -> str:
    return "".join(f"[{_short(key)}]" for key in path)


def _short(key: object) -> str:
    shown = repr(key)
    return shown if len(shown) <= 60 else shown[:60] + "…"


def shape(value: Mapping[Any, Any] | list[Any] | tuple[Any, ...]) -> str:
    """How a dict or list is built, in words for whoever writes code against it without having seen it."""
    if isinstance(value, Mapping):
        keys = list(itertools.islice(value, _SHAPE_KEYS + 1))
        return f"its keys are {_keys(keys)}; its values are {_types(value.values())}"
    sample = value[:_SHAPE_ITEMS]
    if not all(isinstance(item, Mapping) for item in sample):
        return f"its items are {_types(value)}"
    keys = list(dict.fromkeys(key for item in sample for key in item))
    everywhere = all(len(item) == len(keys) for item in sample)
    return f"each item is a dict with {'the' if everywhere else 'some of the'} keys {_keys(keys)}"


_SHAPE_ITEMS = 100
_SHAPE_KEYS = 12


def _keys(keys: list[Any]) -> str:
    shown = ", ".join(
        repr(key if len(str(key)) <= _PREVIEW_CHARS else f"{key[:_PREVIEW_CHARS]}…") for key in keys[:_SHAPE_KEYS]
    )
    return f"{shown}, ..." if len(keys) > _SHAPE_KEYS else shown


def _types(values: Iterable[Any]) -> str:
    names = sorted({type(item).__name__ for item in itertools.islice(values, _SHAPE_ITEMS)})
    return " or ".join(f"`{name}`" for name in names)
