"""One value and all that it holds, as columns: taken apart, written, and later compared with what it is then.

The walk is breadth first, and each level is handled by type: the children of all lists of a level at once, of all dicts
at once, ... so that 200,000 dicts cost a few calls and not a million. Where a million levels hold one object each, as
in a linked list, it goes down object by object. Every object gets a number, by identity; numbers and texts by value, so
that the same content gives the same bytes. What another unit owns, or what the host or the context has, is a reference
and is not entered.

Nothing here asks an object anything that its class could answer: exact types, methods of Python's own types, identity.
"""

from __future__ import annotations

import operator
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain, count, repeat
from typing import Any

from rlm_graph.repl.snapshot import classes
from rlm_graph.repl.snapshot.context import LONG_CHARS
from rlm_graph.repl.snapshot.kinds import KIND_OF_TYPE, KINDS, Parts, Unkeepable, World, unkeepable
from rlm_graph.repl.snapshot.packing import Writer

# Tags of the columns. ------------------------------------------------------------------------------------------------

CONSTANT, INT, BIG_INT, FLOAT, COMPLEX, STR, BYTES, LONG_STR, LONG_BYTES, FOREIGN = range(10)
LIST, TUPLE, SET, FROZENSET, DICT, INSTANCES, OTHER = range(10, 17)

CONSTANTS: list[Any] = [None, True, False, Ellipsis, NotImplemented]
_CONSTANT_NUMBER = {id(value): number for number, value in enumerate(CONSTANTS)}
_CONSTANT_TYPES = {type(value) for value in CONSTANTS}

_MAX_SMALL = 1 << 63

_CHANGED = "a thread changes what is being saved"

_TAG_OF_SEQUENCE: dict[type, int] = {list: LIST, tuple: TUPLE, set: SET, frozenset: FROZENSET}

_FEW = 16
"""Levels of at most so many objects are taken apart object by object."""

Place = tuple[int, int]
"""A unit's number and an object's number in it."""


@dataclass
class Column:
    """Objects of one type, and what they hold, as they were when they were saved."""

    tag: int
    objects: list[Any]
    children: list[Any] = field(default_factory=list)
    """Items, or the keys of dicts; the parts of other objects."""

    values: list[Any] = field(default_factory=list)
    """The values of dicts."""

    sizes: list[int] = field(default_factory=list)
    name: str = ""
    """The name of the kind, of other objects."""

    def is_unchanged(self, world: World) -> bool:
        """Do they hold the same objects as before?"""
        if self.tag == DICT:
            return (
                list(map(len, self.objects)) == self.sizes
                and all(map(operator.is_, chain.from_iterable(self.objects), self.children))
                and all(map(operator.is_, chain.from_iterable(map(dict.values, self.objects)), self.values))
            )
        if self.tag in (LIST, SET):
            return list(map(len, self.objects)) == self.sizes and all(
                map(operator.is_, chain.from_iterable(self.objects), self.children)
            )
        if self.tag == INSTANCES:
            return all(map(operator.is_, map(_dict_of(self.values[0]), self.objects), self.children))
        if self.tag == OTHER and KINDS[self.name].head is not None:
            return self._has_same_parts(world)
        return True

    def _has_same_parts(self, world: World) -> bool:
        take = KINDS[self.name].take
        old = iter(self.children)
        for value, size in zip(self.objects, self.sizes, strict=True):
            try:
                parts = take(value, world)
            except Unkeepable:
                return False
            if len(parts) != size or not all(map(is_same, parts, old)):
                return False
        return True


def is_same(new: Any, old: Any) -> bool:
    """The same object, or the same number or text: parts are partly made when they are taken."""
    if new is old:
        return True
    kind = type(new)
    if kind is not type(old):
        return False
    if kind is float:
        return array("d", [new]).tobytes() == array("d", [old]).tobytes()
    if kind is tuple:
        return len(new) == len(old) and all(map(operator.is_, new, old))
    return kind in (int, str, bytes) and bool(new == old)


def _dict_of(kind: type) -> Callable[[Any], dict[str, Any]]:
    """What gives the attributes of an instance."""
    owner = next(owner for owner in classes.ancestors_of(kind) if "__dict__" in classes.contents_of(owner))
    getter: Callable[[Any], dict[str, Any]] = classes.contents_of(owner)["__dict__"].__get__
    return getter


@dataclass
class Unit:
    """One variable's value, with all that no other unit owns. Variables of the same object have one unit."""

    number: int
    root: Any
    index: int
    """The number of the root among the unit's objects."""

    columns: list[Column]
    foreign: dict[int, Place]
    """Objects of other units that this one refers to, by their ids."""

    data: bytes = b""
    """The unit as it is stored; empty when it is stored by its digest only."""

    digest: bytes = b""
    long: list[bytes] = field(default_factory=list)
    """Digests of long texts."""

    lost: list[str] = field(default_factory=list)
    """What is in it that could not be kept."""

    cells: set[int] = field(default_factory=set)
    """Numbers of the cells that its functions are from."""

    def is_unchanged(self, world: World) -> bool:
        """Does it hold the same objects as when it was saved?"""
        return all(column.is_unchanged(world) for column in self.columns)

    def owned(self) -> Iterator[tuple[int, Place]]:
        """Ids and places of the objects that other units may refer to."""
        start, found = 0, []
        for column in self.columns:
            if column.tag >= LIST:
                places = zip(repeat(self.number), count(start))
                found.append(zip(map(id, column.objects), places, strict=False))
            start += len(column.objects)
        return chain.from_iterable(found)


class LongTexts:
    """Digests of long texts, so that a text is encoded once in its life."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, bytes]] = {}
        self._used: dict[int, tuple[Any, bytes]] = {}

    def digest(self, value: Any) -> bytes:
        """The digest of a text's bytes."""
        entry = self._used.get(id(value)) or self._known.get(id(value))
        if entry is None:
            entry = (value, sha256(encoded(value)).digest())
        self._used[id(value)] = entry
        return entry[1]

    def remember(self, value: Any, digest: bytes) -> None:
        """A text that was read has this digest."""
        self._used[id(value)] = (value, digest)

    def forget_others(self, units: Iterable[Unit]) -> None:
        """Drop the texts that no unit holds any more."""
        alive = {digest for unit in units for digest in unit.long}
        self._known = {key: entry for key, entry in (self._known | self._used).items() if entry[1] in alive}
        self._used = {}

    def values(self, digests: set[bytes]) -> dict[bytes, Any]:
        """The texts of those digests, as far as they are long texts."""
        return {digest: value for value, digest in self._known.values() if digest in digests} if digests else {}


def encoded(value: Any) -> bytes:
    """A long text, or bytes, as it is stored."""
    return value if type(value) is bytes else value.encode("utf-8", "surrogatepass")


class Walk:
    """Takes a value apart."""

    def __init__(self, world: World, owners: dict[int, Place], long: LongTexts) -> None:
        self._world = world
        self._owners = owners
        self._long = long
        self._columns: dict[Any, Column] = {}
        self._seen: set[int] = set()
        self._by_value: dict[int, dict[Any, Any]] = {}
        self._met: dict[int, list[tuple[list[Any], list[Any]]]] = {}
        self._below: list[Any] = []
        self._attributes: dict[type, Callable[[Any], dict[str, Any]]] = {}  # of the classes that have a column
        self._numbers: dict[int, int] = {}
        self._foreign: dict[int, Place] = {}
        self._digests: list[bytes] = []
        self._lost: list[str] = []
        self._cells: set[int] = set()

    def unit(self, number: int, root: Any) -> Unit:
        """Take a value apart, and write it."""
        level = [root]
        while level:
            level = self._down(level)
            self._below = []
            self._level(level)
            level = self._below
        self._give_numbers()
        data = self._written(root)
        return Unit(
            number, root, self._numbers[id(root)], list(self._columns.values()), self._foreign, data,
            sha256(data).digest(), self._digests, self._lost, self._cells,
        )  # fmt: skip

    # Taking apart. --------------------------------------------------------------------------------------------------

    def _down(self, level: list[Any]) -> list[Any]:
        """Take containers apart as long as the levels are small; returns what is left to be taken apart.

        A level costs some microseconds however few objects it holds, and a linked list has as many levels as items.
        What is no plain container waits on the way, to be handled at once.
        """
        context = self._world.context
        in_context = [kind for kind in (list, dict, tuple) if context.may_hold(kind)]
        seen, owners, attributes = self._seen, self._owners, self._attributes
        waiting: list[Any] = []
        while level and len(level) <= _FEW:
            below: list[Any] = []
            for value in level:
                kind, key = type(value), id(value)
                if key in owners or (kind in in_context and context.number(value) is not None):
                    waiting.append(value)
                elif kind is list or kind is tuple:
                    if key not in seen:
                        seen.add(key)
                        items = [*value]
                        self._contain(LIST if kind is list else TUPLE, value, items)
                        below += items
                elif kind is dict:
                    if key not in seen:
                        seen.add(key)
                        keys, items = [*value], [*value.values()]
                        if len(keys) != len(items):
                            raise RuntimeError(_CHANGED)
                        self._contain(DICT, value, keys).values.extend(items)
                        below += keys
                        below += items
                elif kind in attributes:
                    if key not in seen:
                        seen.add(key)
                        below.append(self._instances(kind, [value])[0])
                else:
                    waiting.append(value)
            level = below
        return waiting + level

    def _level(self, objects: list[Any]) -> None:
        """Take the objects of one level apart; what they hold is the level below."""
        kinds = set(map(type, objects))
        if len(kinds) == 1:
            by_type = {kinds.pop(): objects}
        else:
            by_type = {}
            for value in objects:
                kind = type(value)
                if kind in by_type:
                    by_type[kind].append(value)
                else:
                    by_type[kind] = [value]
        for kind, values in by_type.items():
            atoms = self._ATOMS.get(kind)
            if atoms is not None:
                atoms(self, values)
            elif kind in _CONSTANT_TYPES:
                self._column(CONSTANT).objects += self._unseen(values)
            else:
                self._compounds(kind, self._not_elsewhere(self._unseen(values)))

    def _unseen(self, values: list[Any]) -> list[Any]:
        """Those that were not met yet, each once."""
        seen = self._seen
        new = dict(zip(map(id, values), values, strict=True))
        if not seen.isdisjoint(new):
            new = {key: value for key, value in new.items() if key not in seen}
        seen.update(new)
        return list(new.values())

    def _column(self, tag: int, key: Any = None, name: str = "") -> Column:
        """The column of that tag: one for each kind of other objects, and for each class of instances."""
        column = self._columns.get((tag, key))
        if column is None:
            column = self._columns[tag, key] = Column(tag, [], name=name)
        return column

    def _by_keys(self, tag: int, values: list[Any], keys: list[Any]) -> None:
        """Values of which those with equal keys are one."""
        known = self._by_value.setdefault(tag, {})
        new = {key: value for key, value in zip(keys, values, strict=True) if key not in known}
        if new:
            known.update(new)
            self._column(tag).objects += new.values()
        self._met.setdefault(tag, []).append((values, keys))

    def _ints(self, values: list[Any]) -> None:
        small = [value for value in values if -_MAX_SMALL <= value < _MAX_SMALL]
        if small:
            self._by_keys(INT, small, small)
        if len(small) < len(values):
            big = [value for value in values if not -_MAX_SMALL <= value < _MAX_SMALL]
            self._by_keys(BIG_INT, big, big)

    def _floats(self, values: list[Any]) -> None:
        keys: list[Any] = memoryview(array("d", values).tobytes()).cast("q").tolist()
        if any(map(operator.ne, values, values)):  # a NaN equals only itself: each stays the object that it is
            keys = [key if value == value else (key, id(value)) for key, value in zip(keys, values, strict=True)]
        self._by_keys(FLOAT, values, keys)

    def _complexes(self, values: list[Any]) -> None:
        self._by_keys(COMPLEX, values, [array("d", (value.real, value.imag)).tobytes() for value in values])

    def _texts(self, values: list[Any]) -> None:
        self._by_length(values, STR, LONG_STR)

    def _bytes(self, values: list[Any]) -> None:
        self._by_length(values, BYTES, LONG_BYTES)

    def _by_length(self, values: list[Any], short_tag: int, long_tag: int) -> None:
        if max(map(len, values)) < LONG_CHARS:
            self._by_keys(short_tag, values, values)
            return
        short = [value for value in values if len(value) < LONG_CHARS]
        if short:
            self._by_keys(short_tag, short, short)
        long = self._unseen([value for value in values if len(value) >= LONG_CHARS])
        if long_tag == LONG_STR:
            long = self._not_in_context(long)
        if long:
            digests = [self._long.digest(value) for value in long]
            self._digests += digests
            self._by_keys(long_tag, long, digests)

    _ATOMS: dict[type, Callable[[Walk, list[Any]], None]] = {  # noqa: RUF012 - a constant
        int: _ints,
        float: _floats,
        complex: _complexes,
        str: _texts,
        bytes: _bytes,
    }

    def _not_elsewhere(self, values: list[Any]) -> list[Any]:
        """Those that belong to no other unit; the others become references."""
        owners = self._owners
        theirs = [value for value in values if id(value) in owners] if owners else []
        if theirs:
            self._foreign |= {id(value): owners[id(value)] for value in theirs}
            self._column(FOREIGN).objects += theirs
            values = [value for value in values if id(value) not in owners]
        return self._not_in_context(values)

    def _not_in_context(self, values: list[Any]) -> list[Any]:
        """Those that are no part of the context; the others become references."""
        if not values or not self._world.context.may_hold(type(values[0])):
            return values
        number = self._world.context.number
        theirs = [(value, found) for value in values if (found := number(value)) is not None]
        if not theirs:
            return values
        for value, found in theirs:
            self._other("context", value, [found])
        taken = {id(value) for value, _ in theirs}
        return [value for value in values if id(value) not in taken]

    def _compounds(self, kind: type, values: list[Any]) -> None:
        if not values:
            return
        if kind is dict:
            keys = list(chain.from_iterable(values))
            items = list(chain.from_iterable(map(dict.values, values)))
            column = self._containers(DICT, values, keys)
            if len(keys) != len(items):
                raise RuntimeError(_CHANGED)
            column.values += items
            self._below += keys
            self._below += items
        elif kind in _TAG_OF_SEQUENCE:
            children = list(chain.from_iterable(values))
            self._containers(_TAG_OF_SEQUENCE[kind], values, children)
            self._below += children if kind in (list, tuple) else chain.from_iterable(map(in_order, values))
        elif self._is_bulk(kind):
            if kind not in self._attributes:
                self._attributes[kind] = _dict_of(kind)
                self._column(INSTANCES, kind).values = [kind]
            self._below.append(kind)
            self._below += self._instances(kind, values)
        else:
            for value in values:
                name, parts = self._described(value)
                self._other(name, value, parts)

    def _instances(self, kind: type, values: list[Any]) -> list[dict[str, Any]]:
        """Take instances of a class that has a column; returns their attributes."""
        column = self._columns[INSTANCES, kind]
        attributes = list(map(self._attributes[kind], values))
        column.children += attributes
        column.objects += values
        return attributes

    def _contain(self, tag: int, value: Any, children: list[Any]) -> Column:
        """Take one container, with what it holds."""
        column = self._column(tag)
        column.objects.append(value)
        column.sizes.append(len(children))
        column.children += children
        return column

    def _containers(self, tag: int, values: list[Any], children: list[Any]) -> Column:
        """Take containers of one type, with all that they hold."""
        column = self._column(tag)
        sizes = list(map(len, values))
        if sum(sizes) != len(children):
            raise RuntimeError(_CHANGED)
        column.objects += values
        column.sizes += sizes
        column.children += children
        return column

    def _is_bulk(self, kind: type) -> bool:
        """Do its instances hold nothing but a dict?"""
        return kind in self._attributes or (
            classes.is_made_class(kind)
            and classes.instance_kind(kind, self._world) == "instance"
            and classes.base_of(kind) is classes.BASES[object]
            and classes.has_dict(kind)
            and not classes.slots_of(kind)
        )

    def _other(self, name: str, value: Any, parts: Parts) -> None:
        column = self._column(OTHER, name, name)
        column.objects.append(value)
        column.children += parts
        column.sizes.append(len(parts))
        self._below += parts

    def _described(self, value: Any) -> tuple[str, Parts]:
        """The kind of an object, and its parts."""
        name = self._world.hosts.name(value)
        if name is not None:
            return "host", [name]
        try:
            kind = kind_of(value, self._world)
            if kind is None:
                raise unkeepable(value)
            parts = KINDS[kind].take(value, self._world)
        except Unkeepable as why:
            self._lost.append(str(why))
            return "lost", [f"this was {why}"]
        if kind == "function" and type(parts[0]) is int:
            self._cells.add(parts[0])
        return kind, parts

    # Writing. -------------------------------------------------------------------------------------------------------

    def _give_numbers(self) -> None:
        """Number all objects, column by column."""
        start = 0
        for (tag, _), column in self._columns.items():
            if tag in self._met:
                numbers = dict(zip(self._by_value[tag], count(start)))
                for values, keys in self._met[tag]:
                    self._numbers.update(zip(map(id, values), map(numbers.__getitem__, keys), strict=True))
            else:
                self._numbers.update(zip(map(id, column.objects), count(start)))
            start += len(column.objects)

    def _written(self, root: Any) -> bytes:
        out = Writer()
        out.number(self._numbers[id(root)])
        out.number(len(self._columns))
        for column in self._columns.values():
            out.data.append(column.tag)
            out.number(len(column.objects))
            self._write(column, out)
        return bytes(out.data)

    def _write(self, column: Column, out: Writer) -> None:
        objects = column.objects
        match column.tag:
            case 0:  # CONSTANT
                out.data += bytes(_CONSTANT_NUMBER[id(value)] for value in objects)
            case 1:  # INT
                _write_ints(objects, out)
            case 2:  # BIG_INT
                for value in objects:
                    out.chunk(value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))
            case 3:  # FLOAT
                out.column("d", objects)
            case 4:  # COMPLEX
                out.column("d", [part for value in objects for part in (value.real, value.imag)])
            case 5 | 6:  # STR, BYTES
                pieces = [value.encode("utf-8", "surrogatepass") for value in objects] if column.tag == STR else objects
                out.numbers(list(map(len, pieces)))
                out.data += b"".join(pieces)
            case 7 | 8:  # LONG_STR, LONG_BYTES
                out.data += b"".join(map(self._long.digest, objects))
            case 9:  # FOREIGN
                places = [self._foreign[id(value)] for value in objects]
                out.numbers([unit for unit, _ in places])
                out.numbers([number for _, number in places])
            case _:
                self._write_compounds(column, out)

    def _write_compounds(self, column: Column, out: Writer) -> None:
        if column.tag == OTHER:
            out.text(column.name)
        if column.tag == INSTANCES:
            out.number(self._numbers[id(column.values[0])])
            self._write_references(column.children, out)
            return
        out.numbers(column.sizes)
        children = column.children
        if column.tag in (SET, FROZENSET):
            children = list(chain.from_iterable(map(in_order, column.objects)))
        self._write_references(children, out)
        if column.tag == DICT:
            self._write_references(column.values, out)

    def _write_references(self, children: list[Any], out: Writer) -> None:
        out.numbers(list(map(self._numbers.__getitem__, map(id, children))))


def kind_of(value: Any, world: World) -> str | None:
    """The name of the kind of an object that is no plain data; None if it cannot be kept."""
    kind = type(value)
    if kind in KIND_OF_TYPE:
        return KIND_OF_TYPE[kind]
    if issubclass(kind, type):
        return "class"
    return classes.instance_kind(kind, world)


_INT_CODES = ((1 << 7, "b"), (1 << 15, "h"), (1 << 31, "i"), (1 << 63, "q"))


def _write_ints(values: list[int], out: Writer) -> None:
    largest = max(max(values), ~min(values))
    code = next(code for limit, code in _INT_CODES if largest < limit)
    out.data += code.encode()
    out.column(code, values)


def in_order(members: Any) -> list[Any]:
    """The members of a set, in an order that is the same in every process, as far as they are plain data.

    Numbers stay as they are: put in again in this order, they nearly always have it again. (Not always: the order also
    depends on the size of the table, and that on how the set came about.) The order of texts depends on the process.
    """
    values = list(set.__iter__(members) if isinstance(members, set) else frozenset.__iter__(members))
    kinds = set(map(type, values))
    if len(kinds) == 1 and kinds <= {str, bytes}:
        return sorted(values)
    if kinds <= {int, float, bool}:
        return values
    try:
        return sorted(values, key=_sort_key)
    except _NotPlain:
        return values


class _NotPlain(Exception):  # noqa: N818 - it is no error
    """A member that has no place in an order."""


def _sort_key(value: Any, depth: int = 0) -> tuple[Any, ...]:
    kind = type(value)
    if kind in (str, bytes, int):
        return (kind.__name__, value)
    if kind is float or value is None or kind is bool:
        return (kind.__name__, repr(value))
    if kind is tuple and depth < 20:
        return (kind.__name__, tuple(_sort_key(item, depth + 1) for item in value))
    raise _NotPlain


def is_atom(value: Any) -> bool:
    """Is it a number, a constant or a short text?"""
    kind = type(value)
    if kind in (str, bytes):
        return len(value) <= 64
    return kind in _CONSTANT_TYPES or kind is float or (kind is int and value.bit_length() < 512)
