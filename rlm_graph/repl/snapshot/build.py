"""Objects from columns.

First every object is made, in an order in which each one's head (a class's bases, a tuple's items, ...) is made before
it; the way there is a list of what waits, not the Python stack, so depth does not matter. Then they are filled: lists
and attributes, then classes, then what looks at its keys, for a key's own `__hash__` may look at its attributes.
That `__hash__` and `__eq__` are the only code of a cell that can run, and only for keys that are instances of classes
that define them: CPython has no way to put a key into a dict without. They run in the worker, under its policy, and the
caller sets the time limit. If one raises, its dict is not whole, and that is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise
from typing import Any

from rlm_graph.repl.snapshot import classes
from rlm_graph.repl.snapshot.kinds import KINDS, World
from rlm_graph.repl.snapshot.packing import Reader, SnapshotError, decoded
from rlm_graph.repl.snapshot.walk import (
    BIG_INT,
    BYTES,
    COMPLEX,
    CONSTANT,
    CONSTANTS,
    DICT,
    FLOAT,
    FOREIGN,
    FROZENSET,
    INSTANCES,
    INT,
    LIST,
    LONG_BYTES,
    LONG_STR,
    OTHER,
    SET,
    STR,
    TUPLE,
    Column,
    LongTexts,
    Place,
    Unit,
)

_DIGEST_BYTES = 32
_MAX_KEY_DEPTH = 500
"""Tuples in tuples in a key: Python hashes them by recursion."""


@dataclass
class _Read:
    """A column as it was read: references are numbers in the one table of all units."""

    column: Column
    unit: int
    start: int
    """The number of its first object."""

    references: list[int] = field(default_factory=list)
    values: list[int] = field(default_factory=list)
    bounds: list[tuple[int, int]] = field(default_factory=list)
    """Where each object's references begin and end."""


_UNMADE: Any = object()


class Builder:
    """Makes the objects of several units, which may refer to each other."""

    def __init__(self, world: World, fetch: Callable[[bytes], bytes], long: LongTexts) -> None:
        self._world = world
        self._fetch = fetch
        self._long = long
        self._objects: list[Any] = []
        self._starts: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        self._roots: dict[int, int] = {}
        self._read: list[_Read] = []
        self._foreign: list[tuple[int, int, Place]] = []
        self._by_unit: dict[int, list[_Read]] = {}
        self._places: dict[int, dict[int, Place]] = {}
        self._digests: dict[int, list[bytes]] = {}
        self._aliases: dict[int, int] = {}
        self._late: set[int] = set()
        self._is_second_round = False
        self._before_hashing: Callable[[], None] = _nothing
        self.failures: dict[int, str] = {}
        """Units of which a dict or set is not whole: a key's `__hash__` or `__eq__` raised this."""

    # Reading. -------------------------------------------------------------------------------------------------------

    def read(self, number: int, data: bytes) -> None:
        """Read the columns of a unit."""
        if number in self._starts:
            raise SnapshotError(f"unit {number} is there twice")
        self._starts[number] = len(self._objects)
        self._places[number], self._digests[number] = {}, []
        reader = Reader(data)
        self._roots[number] = reader.number()
        columns = [self._column(reader, number) for _ in range(reader.count())]
        if reader.left:
            raise SnapshotError(f"{reader.left} bytes too many in a unit")
        self._by_unit[number] = columns
        self._read += columns
        self._sizes[number] = len(self._objects) - self._starts[number]

    def _column(self, reader: Reader, unit: int) -> _Read:
        tag = reader.take(1)[0]
        size = reader.count(0)
        start = len(self._objects)
        if tag < LIST:
            objects = self._atoms(tag, size, reader, unit)
            self._objects += objects
            return _Read(Column(tag, objects), unit, start)
        if tag > OTHER or size > reader.left + 1:
            raise SnapshotError(f"a column of tag {tag} and {size} objects")
        first = self._starts[unit]
        read = _Read(Column(tag, []), unit, start)
        if tag == INSTANCES:
            read.values = [first + reader.number()]
            read.references = [first + number for number in reader.numbers(size)]
            self._objects += [_UNMADE] * size
            return read
        if tag == OTHER:
            read.column.name = reader.text()
            if read.column.name not in KINDS:
                raise SnapshotError(f"an object of kind {read.column.name[:80]!r}")
        sizes = reader.numbers(size)
        read.references = [first + number for number in reader.numbers(sum(sizes))]
        if tag == DICT:
            read.values = [first + number for number in reader.numbers(sum(sizes))]
        read.column.sizes = sizes
        read.bounds = list(pairwise(accumulate(sizes, initial=0)))
        self._objects += [_UNMADE] * size
        return read

    def _atoms(self, tag: int, size: int, reader: Reader, unit: int) -> list[Any]:
        if tag == CONSTANT:
            numbers = bytes(reader.take(size))
            if numbers and max(numbers) >= len(CONSTANTS):
                raise SnapshotError("an unknown constant")
            return [CONSTANTS[number] for number in numbers]
        if tag == INT:
            code = chr(reader.take(1)[0])
            if code not in "bhiq":
                raise SnapshotError(f"integers of width {code!r}")
            return reader.column(code, size)
        if tag == BIG_INT:
            return [int.from_bytes(reader.chunk(), "little", signed=True) for _ in range(size)]
        if tag == FLOAT:
            return reader.column("d", size)
        if tag == COMPLEX:
            parts = reader.column("d", 2 * size)
            return list(map(complex, parts[::2], parts[1::2]))
        if tag in (STR, BYTES):
            pieces = [reader.take(length) for length in reader.numbers(size)]
            return list(map(decoded if tag == STR else bytes, pieces))
        if tag in (LONG_STR, LONG_BYTES):
            return [self._long_text(tag, bytes(reader.take(_DIGEST_BYTES)), unit) for _ in range(size)]
        places = list(zip(reader.numbers(size), reader.numbers(size), strict=True))
        self._foreign += [(unit, len(self._objects) + i, place) for i, place in enumerate(places)]
        return [_UNMADE] * size

    def _long_text(self, tag: int, digest: bytes, unit: int) -> Any:
        data = self._fetch(digest)
        value = decoded(data) if tag == LONG_STR else data
        self._long.remember(value, digest)
        self._digests[unit].append(digest)
        return value

    # Making. --------------------------------------------------------------------------------------------------------

    def build(self, before_hashing: Callable[[], None]) -> None:
        """Make all objects and fill them. `before_hashing` is called before a cell's `__hash__` may run."""
        self._before_hashing = before_hashing
        for unit, alias, place in self._foreign:
            self._aliases[alias] = target = self.index(place)
            if target in self._aliases or place[0] == unit:
                raise SnapshotError("a reference to a reference")
        if any(alias in self._aliases for alias in self._aliases.values()):
            raise SnapshotError("a reference to a reference")
        self._check_references()
        self._make_shells()
        self._make_others()
        self._collect()
        self._fill()
        if self._late:  # their members can be hashed now
            self._is_second_round = True
            self._make_others()
            self._collect()
            self._fill()

    def index(self, place: Place) -> int:
        """The number, in the one table, of an object of a unit."""
        unit, number = place
        if not 0 <= number < self._sizes.get(unit, 0):
            raise SnapshotError(f"no object {number} in unit {unit}")
        return self._starts[unit] + number

    def object(self, place: Place) -> Any:
        """An object of a unit."""
        return self._objects[self.index(place)]

    def root(self, number: int) -> Any:
        """The value that a unit is of."""
        return self.object((number, self._roots.get(number, -1)))

    def _check_references(self) -> None:
        for number, columns in self._by_unit.items():
            end = self._starts[number] + self._sizes[number]
            for read in columns:
                if max(read.references, default=-1) >= end or max(read.values, default=-1) >= end:
                    raise SnapshotError("a reference to no object")

    def _make_shells(self) -> None:
        """What needs nothing to be made: lists, dicts and sets."""
        empty: dict[int, Callable[[], Any]] = {LIST: list, DICT: dict, SET: set}
        for read in self._read:
            make = empty.get(read.column.tag)
            if make is not None:
                size = len(read.bounds)
                self._objects[read.start : read.start + size] = [make() for _ in range(size)]

    def _make_others(self) -> None:
        """What needs others first; those come first, by a stack of our own."""
        owner: dict[int, tuple[_Read, int]] = {}
        unmade: list[int] = []
        for read in reversed(self._read):  # what is below was numbered later
            if read.column.tag in (TUPLE, FROZENSET, INSTANCES, OTHER):
                size = len(read.references) if read.column.tag == INSTANCES else len(read.bounds)
                owner.update((read.start + i, (read, i)) for i in range(size))
                unmade += range(read.start, read.start + size)
        entered: set[int] = set()
        for first in unmade:
            stack = [first]
            while stack:
                index = self._resolved(stack[-1])
                if self._objects[index] is not _UNMADE:
                    stack.pop()
                    continue
                read, position = owner[index]
                if index in self._late and not self._is_second_round:
                    stack.pop()
                    continue
                head = self._head(read, position)
                missing = [i for i in head if self._object(i) is _UNMADE]
                if not self._is_second_round and self._must_wait(read, head, missing):
                    self._late.add(index)
                    stack.pop()
                elif missing:
                    if index in entered:
                        raise SnapshotError("an object that is needed to make itself")
                    entered.add(index)
                    stack += missing
                else:
                    entered.discard(index)
                    self._objects[index] = self._made(read, position)
                    stack.pop()

    def _must_wait(self, read: _Read, head: list[int], missing: list[int]) -> bool:
        """A frozenset hashes its members when it is made: those of a cell's classes have to be filled first."""
        if any(self._resolved(index) in self._late for index in missing):
            return True
        return read.column.tag == FROZENSET and not missing and any(_is_hashed_late(self._object(i)) for i in head)

    def _resolved(self, index: int) -> int:
        return self._aliases.get(index, index)

    def _object(self, index: int) -> Any:
        return self._objects[self._aliases.get(index, index)]

    def _head(self, read: _Read, position: int) -> list[int]:
        """What an object needs to be made."""
        if read.column.tag == INSTANCES:
            return read.values
        start, end = read.bounds[position]
        if read.column.tag == OTHER:
            head = KINDS[read.column.name].head
            if head == -1:  # a class, the size of what follows, and that
                size = self._object(read.references[start + 1]) if end - start > 1 else None
                if type(size) is not int or not 0 <= size <= end - start - 2:
                    raise SnapshotError("a value without its size")
                head = 2 + size
            if head is not None:
                return read.references[start : min(end, start + head)]
        return read.references[start:end]

    def _made(self, read: _Read, position: int) -> Any:
        parts = [self._object(index) for index in self._head(read, position)]
        if read.column.tag == TUPLE:
            return tuple(parts)
        if read.column.tag == FROZENSET:
            self._check_keys(parts)
            return frozenset(parts)
        name = "instance" if read.column.tag == INSTANCES else read.column.name
        return KINDS[name].make(self._world, parts)

    # Filling. -------------------------------------------------------------------------------------------------------

    def _collect(self) -> None:
        """Objects in place of numbers: what they are filled with, and what a later save compares with."""
        for alias, target in self._aliases.items():
            self._objects[alias] = self._objects[target]
        get = self._objects.__getitem__
        for read in self._read:
            column = read.column
            size = len(read.references) if column.tag == INSTANCES else len(read.bounds)
            if column.tag >= LIST:
                column.objects = self._objects[read.start : read.start + size]
                column.children = list(map(get, read.references))
                column.values = list(map(get, read.values))
            elif column.tag == FOREIGN:
                column.objects = self._objects[read.start : read.start + len(column.objects)]

    def _turns(self, read: _Read) -> Iterator[tuple[Any, int, int]]:
        """The objects of a column that are filled in this round, and where what they hold begins and ends."""
        objects = read.column.objects
        bounds = [(i, i + 1) for i in range(len(objects))] if read.column.tag == INSTANCES else read.bounds
        for made, (start, end) in zip(objects, bounds, strict=True):
            if not self._late or self._waits(read, made, start, end) == self._is_second_round:
                yield made, start, end

    def _waits(self, read: _Read, made: Any, start: int, end: int) -> bool:
        held = chain(read.references[start:end], read.values[start:end] if read.column.tag == DICT else ())
        return made is _UNMADE or any(self._resolved(index) in self._late for index in held)

    def _fill(self) -> None:
        for read in self._read:
            if read.column.tag == LIST:
                for made, start, end in self._turns(read):
                    made += read.column.children[start:end]
            elif read.column.tag == DICT:
                _fill_dicts(read.column, self._turns(read), plain=True)
        self._fill_others(1)
        for read in self._read:
            if read.column.tag == INSTANCES:
                for made, start, _ in self._turns(read):
                    classes.set_dict(made, read.column.children[start])
        self._fill_others(2)
        self._before_hashing()
        for read in self._read:
            if read.column.tag in (DICT, SET):
                self._check_keys(read.column.children)
            try:
                self._fill_hashing(read)
            except Exception as error:  # whatever the cell's own `__hash__` raises
                self.failures[read.unit] = type(error).__name__
        self._fill_others(3)

    def _fill_hashing(self, read: _Read) -> None:
        """Fill what looks at its keys."""
        if read.column.tag == DICT:
            _fill_dicts(read.column, self._turns(read), plain=False)
        elif read.column.tag == SET:
            _fill_sets(read.column, self._turns(read))
        elif read.column.tag == OTHER and read.column.name == "instance":
            for made, parts in self._parts(read):
                classes.fill_keys(made, parts)

    def _fill_others(self, order: int) -> None:
        """Fill the objects of all kinds whose turn it is."""
        found = []
        for read in self._read:
            if read.column.tag == OTHER:
                kind = KINDS[read.column.name]
                if kind.fill is not None and kind.order == order:
                    found += [(made, parts, kind.fill) for made, parts in self._parts(read)]
        if order == 2:  # classes: each after those that it derives from
            found.sort(key=lambda one: len(classes.ancestors_of(one[0])))
        for made, parts, fill in found:
            fill(self._world, made, parts)

    def _parts(self, read: _Read) -> Iterator[tuple[Any, list[Any]]]:
        for made, start, end in self._turns(read):
            yield made, read.column.children[start:end]

    def _check_keys(self, keys: list[Any]) -> None:
        """Refuse keys that Python would hash by deep recursion."""
        level = [key for key in keys if type(key) in (tuple, frozenset)]
        for _ in range(_MAX_KEY_DEPTH):
            if not level:
                return
            inner = (item for item in chain.from_iterable(level) if type(item) in (tuple, frozenset))
            level = list({id(item): item for item in inner}.values())
        raise SnapshotError(f"a key of tuples nested more than {_MAX_KEY_DEPTH} levels deep")

    # What a later save needs. ----------------------------------------------------------------------------------------

    def unit(self, number: int, data: bytes, digest: bytes) -> Unit:
        """The unit as a walk would have left it."""
        columns = [read.column for read in self._by_unit[number]]
        for column in columns:
            if column.tag == SET:  # compared in the order in which they are now
                column.children = list(chain.from_iterable(column.objects))
        foreign = {id(self._objects[alias]): place for unit, alias, place in self._foreign if unit == number}
        others = [column for column in columns if column.tag == OTHER]
        lost = [str(parts) for column in others if column.name == "lost" for parts in column.children]
        cells = {
            column.children[start]
            for column in others
            if column.name == "function"
            for start in accumulate([0, *column.sizes[:-1]])
            if type(column.children[start]) is int
        }
        index = self._roots[number]
        return Unit(
            number, self.root(number), index, columns, foreign, data, digest, self._digests[number], lost, cells
        )


def _nothing() -> None:
    """What is done before hashing when nobody has said anything else."""


_Turns = Iterable[tuple[Any, int, int]]


_PLAIN_KEYS = {str, int, float, bytes, bool, type(None)}


def _fill_dicts(column: Column, turns: _Turns, *, plain: bool) -> None:
    """Fill those dicts whose keys are plain, as those of attributes are; or those that have other keys."""
    all_plain = set(map(type, column.children)) <= _PLAIN_KEYS
    if all_plain and not plain:
        return
    for made, start, end in turns:
        keys = column.children[start:end]
        if all_plain or (_PLAIN_KEYS.issuperset(map(type, keys)) == plain):
            made.update(zip(keys, column.values[start:end], strict=True))


def _fill_sets(column: Column, turns: _Turns) -> None:
    for made, start, end in turns:
        made.update(column.children[start:end])


def _is_hashed_late(value: Any) -> bool:
    """Does its hash depend on attributes that are filled in later?"""
    kind = type(value)
    if kind is tuple:
        return any(map(_is_hashed_late, value))
    return not issubclass(kind, type) and classes.is_made_class(kind)
