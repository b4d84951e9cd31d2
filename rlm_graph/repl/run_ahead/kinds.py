"""What is certain of a value that is not known yet: the type that it will have, and the types of what is in it.

That is enough to say that an operation cannot fail: `answer.strip()` never does, `int(answer)` may. A kind is about
exact builtin types only; of anything else a plan knows nothing.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rlm_graph.context.document import Document

NONE = type(None)

ATOMS: frozenset[type] = frozenset(
    (str, int, float, bool, NONE, bytes, complex, range, slice, re.Pattern, re.Match, re.RegexFlag, Document)
)
"""Types whose values never change and hold nothing but such values."""

CONTAINERS: frozenset[type] = frozenset((list, tuple, dict, set, frozenset, Counter, OrderedDict, defaultdict, deque))
"""Types whose values are plain when what is in them is."""

MAPPINGS: frozenset[type] = frozenset((dict, Counter, OrderedDict, defaultdict))

MUTABLE: frozenset[type] = CONTAINERS - {tuple, frozenset}

NUMBERS: frozenset[type] = frozenset((int, float, bool))

_DEPTH = 4
"""Levels of a nested value that are looked at."""

_ITEMS = 10_000
"""Items of one that are."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is certain of a value."""

    types: frozenset[type]
    """Its exact type is one of these; `object` stands for any plain data, as JSON has it."""

    item: Kind | None = None
    """Of what is in it, of a dict the values; None: there is nothing in it."""

    key: Kind | None = None
    """Of the keys of a dict; None: there are none."""

    least: int = 0
    """It has at least so many items."""

    fields: tuple[tuple[Any, Kind], ...] = ()
    """Keys that a dict has for certain, and groups of a match, with the kinds of their values."""

    number: int = 0
    """If it is text: 1 if `float` takes it, 2 if `int` does, too."""

    is_exact: bool = False
    """It has no more than `least` items."""

    holds: frozenset[str] = frozenset()
    """If it is text: what is in it."""

    is_json: bool = False
    """It is what `json.loads` gives, or in that."""

    def only(self, *types: type) -> bool:
        """Is it certainly of one of these types?"""
        return self.types <= frozenset(types)

    def within(self, types: frozenset[type]) -> bool:
        """Is it certainly of one of these types?"""
        return self.types <= types


def of_type(*types: type) -> Kind:
    """Any value of these types, if they hold nothing."""
    return Kind(frozenset(types))


STR, INT, BOOL, FLOAT = of_type(str), of_type(int), of_type(bool), of_type(float)
NOTHING = of_type(NONE)
PLAIN = of_type(object)
JSON = Kind(frozenset((object,)), is_json=True)
ERROR = of_type(Exception)
ERROR_CLASS = of_type(type)


class Opaque:
    """Stands in a kind for anything that is no plain data."""


OPAQUE = of_type(Opaque)
DIGITS = Kind(frozenset((str,)), number=2)
DECIMAL = Kind(frozenset((str,)), number=1)


def list_of(item: Kind | None, least: int = 0) -> Kind:
    """A list of such items."""
    return Kind(frozenset((list,)), item, least=least)


def join(first: Kind | None, second: Kind | None) -> Kind | None:
    """What is certain of a value that is of one of two kinds."""
    if first is None or second is None or first == second:
        return second if first is None else first
    shared = tuple(
        (name, either(kind, dict(second.fields)[name])) for name, kind in first.fields if name in dict(second.fields)
    )
    return Kind(
        first.types | second.types,
        join(first.item, second.item),
        join(first.key, second.key),
        min(first.least, second.least),
        shared,
        min(first.number, second.number),
        first.is_exact and second.is_exact and first.least == second.least,
        first.holds & second.holds,
        first.is_json and second.is_json,
    )


def either(first: Kind, second: Kind) -> Kind:
    """`join` of two that are there."""
    joined = join(first, second)
    assert joined is not None
    return joined


def widened(kind: Kind, types: frozenset[type], value: Kind | None, key: Kind | None) -> Kind:
    """The kind of an object when a value was put into something of some types in it, or into itself."""
    item = None if kind.item is None else widened(kind.item, types, value, key)
    if kind.types & types:
        return Kind(kind.types, join(item, value), join(kind.key, key))
    return Kind(kind.types, item, kind.key, number=kind.number)


def kind_of(value: Any, inner: Callable[[Any], Kind | None], depth: int = _DEPTH) -> Kind | None:
    """The kind of a value.

    Args:
        value: Any.
        inner: Says the kind of a value that is not known, or not as it seems; None where it is nothing special.
        depth: Levels that are looked at.

    Returns:
        None if there is something in it that is not plain data.
    """
    special = inner(value)
    if special is not None:
        return special
    kind = type(value)
    if kind in ATOMS:
        return of_type(kind)
    if kind not in CONTAINERS or depth == 0:
        return None
    values = value.values() if kind in MAPPINGS else value
    item, keys = _joined(values, inner, depth - 1), None
    if kind in MAPPINGS:
        keys = _joined(value, inner, depth - 1)
    if item is _UNFIT or keys is _UNFIT:
        return None
    return Kind(frozenset((kind,)), item, keys, least=len(value) if kind not in MAPPINGS else 0)


_UNFIT = Kind(frozenset())


def _joined(values: Iterable[Any], inner: Callable[[Any], Kind | None], depth: int) -> Kind | None:
    """The kind of each of some values; `_UNFIT` if one has none."""
    joined: Kind | None = None
    types = set(map(type, values))
    if types <= ATOMS:
        return Kind(frozenset(types)) if types else None
    for number, value in enumerate(values):
        kind = kind_of(value, inner, depth) if number < _ITEMS else None
        if kind is None:
            return _UNFIT
        joined = join(joined, kind)
    return joined


_PRINTABLE = ATOMS | CONTAINERS | {object, Exception}


def is_printable(kind: Kind | None) -> bool:
    """Can `str` and `repr` of such a value not fail?"""
    return kind is None or (kind.within(_PRINTABLE) and is_printable(kind.item) and is_printable(kind.key))


def is_plain(kind: Kind | None) -> bool:
    """Is such a value nothing but plain data?"""
    return kind is None or (kind.within(ATOMS | CONTAINERS | {object}) and is_plain(kind.item) and is_plain(kind.key))


def is_opaque(kind: Kind | None) -> bool:
    """May there be something in such a value that is no plain data?"""
    return kind is not None and (Opaque in kind.types or is_opaque(kind.item) or is_opaque(kind.key))


def is_hashable(kind: Kind | None) -> bool:
    """Can such a value be a key?"""
    return kind is None or (kind.within(ATOMS - {slice} | {tuple, frozenset}) and is_hashable(kind.item))


def are_ordered(kind: Kind | None) -> bool:
    """Can values of this kind be compared with `<`?"""
    return kind is None or kind.only(str) or kind.within(NUMBERS)


_SAMPLES: Mapping[type, Any] = {
    str: "", int: 0, float: 0.0, bool: False, NONE: None, bytes: b"", list: [], tuple: (), dict: {}, set: set(),
    frozenset: frozenset(),
}  # fmt: skip


def samples(kind: Kind) -> list[Any] | None:
    """A value of each type of a kind, the one with which most things go wrong; None where there is none for a type."""
    return [_SAMPLES[kind] for kind in kind.types] if all(kind in _SAMPLES for kind in kind.types) else None


def never_fails(function: Callable[..., Any], arguments: Iterable[list[Any] | None]) -> set[type] | None:
    """The types of what a function gives for all combinations of samples; None if it fails for one of them.

    Only for functions of which it is known that nothing but the types of their arguments, and numbers that are 0, can
    make them fail.
    """
    choices = list(arguments)
    if any(choice is None for choice in choices):
        return None
    types: set[type] = set()
    combinations: Iterator[tuple[Any, ...]] = itertools.product(*(choice or () for choice in choices))
    for combination in itertools.islice(combinations, 64):
        try:
            types.add(type(function(*combination)))
        except Exception:
            return None
    return types
