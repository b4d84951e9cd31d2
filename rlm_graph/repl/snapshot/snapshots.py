"""What a REPL holds between its cells, as bytes, and a REPL that holds it again.

Each variable is a *unit*: its value and all that no earlier unit owns, as one blob. Objects that several variables
share belong to one unit, and the others refer to it. Long texts are blobs of their own. The root says which names
there are, in their order, and which blobs they need; it is the only thing that changes with every cell.

A save looks at each unit once, by identity, level by level: the same objects in the same places mean that nothing has
changed. So a save costs a few nanoseconds per object, and stores what is new.

Kept by name: builtins, facades and what is in them, `llm_query` and its like. Kept by place: code (`cells.py`) and
parts of the context (`context.py`). Not kept, and named: what runs or is open. Inside another value, a `Lost` stands
for it. What a cell changes in the context itself is not kept.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from types import CodeType, MappingProxyType
from typing import Any

from rlm_graph.repl.snapshot.build import Builder
from rlm_graph.repl.snapshot.cells import Cells
from rlm_graph.repl.snapshot.context import ContextIndex
from rlm_graph.repl.snapshot.hosts import Hosts, NamedFunctions
from rlm_graph.repl.snapshot.kinds import World
from rlm_graph.repl.snapshot.packing import Reader, SnapshotError, Writer
from rlm_graph.repl.snapshot.walk import OTHER, LongTexts, Place, Unit, Walk, encoded, is_atom, is_same

_MAGIC = b"RLMS\x01"
_INLINE_BYTES = 64
"""A unit of at most so many bytes is in the root itself."""

_NO_VARIABLES = ("__builtins__", "__name__")

_ATOMS = 0
"""The number of the unit of all variables that are numbers, constants or short texts."""


@dataclass
class Saved:
    """A REPL between two cells."""

    root: bytes
    """What `load` begins with. It names the blobs by their SHA-256."""

    blobs: Iterator[tuple[str, bytes]]
    """New blobs by their SHA-256, made one by one; to be read before the next cell runs."""

    lost: dict[str, str]
    """Variables, or things in them, that a restored REPL would not have: the name, and what it was."""


@dataclass
class Loaded:
    """What a restored REPL begins with."""

    lost: dict[str, str]
    """Variables, or things in them, that are gone."""

    sources: dict[int, str]
    """The cells that functions and classes are from."""

    cells: int
    """The number of the last cell that was run."""


@dataclass
class _Names:
    """The names of a REPL, in their order, and where their values are."""

    places: dict[str, Place] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)


class Snapshots:
    """Saves and restores one REPL. Lives as long as it does, in its worker."""

    def __init__(
        self,
        *,
        context: Any,
        reserved: Mapping[str, Any],
        importer: Callable[..., Any],
        compile_cell: Callable[[str, str], CodeType],
        added: NamedFunctions | None = None,
    ) -> None:
        """Prepare for a REPL.

        Args:
            context: the context, or a `ContextIndex` of it that was made before the worker was forked.
            reserved: the builtins of the namespace: host functions and builtins by name.
            importer: gives a facade, as `__import__` does.
            compile_cell: compiles a cell's source under the policy.
            added: the functions that runs add to the reserved ones; they too are kept by name.
        """
        index = context if isinstance(context, ContextIndex) else ContextIndex(context)
        self._cells = Cells(compile_cell)
        self._world = World(Hosts(reserved, importer, added), self._cells, index)
        self._units: dict[int, Unit] = {}
        self._by_root: dict[int, int] = {}
        self._owners: dict[int, Place] = {}
        self._atoms: list[Any] = []
        self._long = LongTexts()
        self._stored: set[bytes] = set()
        self._dropped: dict[int, Unit] = {}
        self._last_number = _ATOMS
        self._last_cell = self._saved_cell = 0
        self._saved_root = b""

    def note_cell(self, number: int, source: str, code: CodeType | None = None) -> None:
        """Remember the source of a cell, before it runs. `code` is what it was compiled to, if that is at hand."""
        self._cells.add(number, source, code)
        self._last_cell = number

    # Saving. --------------------------------------------------------------------------------------------------------

    def save(self, namespace: dict[str, Any], *, left_out: Mapping[str, str] = MappingProxyType({})) -> Saved:
        """Save what has changed since the last save or load. Runs no code of a cell.

        Args:
            namespace: the REPL's.
            left_out: names that are not to be saved, with the reason; they are lost.

        Raises:
            RuntimeError: a thread that a cell left behind changes what is being saved. The next save begins anew.
        """
        self._world.namespace = namespace
        try:
            with _no_collections():
                return self._save(namespace, left_out)
        except BaseException:  # interrupted, or a thread of the cell changed a dict meanwhile: begin anew next time
            self._forget_all()
            raise

    def _save(self, namespace: dict[str, Any], left_out: Mapping[str, str]) -> Saved:
        variables = {
            name: value
            for name, value in namespace.items()
            if type(name) is str and name not in _NO_VARIABLES and name not in left_out
        }
        atoms = [value for value in variables.values() if is_atom(value)]
        others = [value for value in variables.values() if not is_atom(value)]
        self._drop_changed(atoms, others)
        self._add_new(atoms, others)
        names = self._names(variables)
        names.lost.update(left_out)
        sources = self._sources()
        root = self._root(names, sources, self._saved_cell)
        if root != self._saved_root:  # a cell that changed nothing leaves no trace, not even its number
            self._saved_cell = self._last_cell
            self._saved_root = root = self._root(names, sources, self._saved_cell)
        needed = self._needed(sources)
        new = needed - self._stored
        self._stored = needed
        self._long.forget_others(self._units.values())
        return Saved(root, self._blobs(new, sources, self._long.values(new)), names.lost)

    def _forget_all(self) -> None:
        self._units, self._by_root, self._owners, self._dropped = {}, {}, {}, {}
        self._atoms, self._long, self._stored = [], LongTexts(), set()

    def forget_stored(self) -> None:
        """The last blobs were not stored: the next save gives all of them again."""
        self._stored = set()

    def _drop_changed(self, atoms: list[Any], others: list[Any]) -> None:
        bound = set(map(id, others))
        for number, unit in list(self._units.items()):
            if number == _ATOMS:
                if len(atoms) != len(self._atoms) or not all(map(is_same, atoms, self._atoms)):
                    self._drop(unit)
            elif id(unit.root) not in bound or not unit.is_unchanged(self._world):
                self._drop(unit)

    def _drop(self, unit: Unit) -> None:
        del self._units[unit.number]
        self._by_root.pop(id(unit.root), None)
        self._dropped[id(unit.root)] = unit
        for key, place in unit.owned():
            if self._owners.get(key) == place:
                del self._owners[key]

    def _add_new(self, atoms: list[Any], others: list[Any]) -> None:
        """Walk what has no unit; then what referred to objects that are elsewhere now, until nothing does."""
        while True:
            if atoms and _ATOMS not in self._units:
                self._atoms = atoms
                self._add(_ATOMS, atoms)
            for value in sorted(others, key=_order):
                if id(value) not in self._owners and id(value) not in self._by_root:
                    self._add(self._number_for(value), value)
            stale = [unit for unit in self._units.values() if self._is_stale(unit)]
            if not stale:
                break
            for unit in stale:
                self._drop(unit)
        self._dropped.clear()

    def _number_for(self, value: Any) -> int:
        """A unit that is written again keeps its number, so that references to it stay true."""
        before = self._dropped.get(id(value))
        if before is not None and before.root is value:
            return before.number
        self._last_number += 1
        return self._last_number

    def _add(self, number: int, value: Any) -> None:
        unit = Walk(self._world, self._owners, self._long).unit(number, value)
        self._units[number] = unit
        self._by_root[id(value)] = number
        self._owners.update(unit.owned())

    def _is_stale(self, unit: Unit) -> bool:
        return any(self._owners.get(key) != place for key, place in unit.foreign.items())

    def _names(self, variables: dict[str, Any]) -> _Names:
        names = _Names()
        position = 0
        for name, value in variables.items():
            if is_atom(value):
                names.places[name] = (_ATOMS, position)
                position += 1
                continue
            number = self._by_root.get(id(value))
            unit = self._units[self._owners[id(value)][0] if number is None else number]
            if number is not None and _is_lost(unit):
                names.lost[name] = unit.lost[0]
                continue
            names.places[name] = self._owners[id(value)] if number is None else (number, unit.index)
            if unit.lost and number is not None:
                names.lost[name] = "in it: " + ", ".join(dict.fromkeys(unit.lost))
        return names

    def _sources(self) -> dict[int, bytes]:
        needed = {number for unit in self._units.values() for number in unit.cells}
        return {number: self._cells.sources[number].encode("utf-8", "surrogatepass") for number in sorted(needed)}

    def _root(self, names: _Names, sources: dict[int, bytes], last_cell: int) -> bytes:
        out = Writer()
        out.data += _MAGIC
        out.number(last_cell)
        out.number(self._last_number)
        out.number(len(sources))
        for number, source in sources.items():
            out.number(number)
            out.data += sha256(source).digest()
        out.number(len(self._units))
        for number, unit in sorted(self._units.items()):
            out.number(number)
            if len(unit.data) <= _INLINE_BYTES:
                out.chunk(unit.data)
            else:
                out.number(0)
                out.data += unit.digest
        for table in (names.places, names.lost):
            out.number(len(table))
            for name, found in table.items():
                out.text(name)
                if isinstance(found, str):
                    out.text(found)
                else:
                    out.number(found[0])
                    out.number(found[1])
        return bytes(out.data)

    def _needed(self, sources: dict[int, bytes]) -> set[bytes]:
        """Digests of all blobs of the last save."""
        needed = {sha256(source).digest() for source in sources.values()}
        for unit in self._units.values():
            if len(unit.data) > _INLINE_BYTES:
                needed.add(unit.digest)
            needed.update(unit.long)
        return needed

    def _blobs(self, new: set[bytes], sources: dict[int, bytes], long: dict[bytes, Any]) -> Iterator[tuple[str, bytes]]:
        for source in sources.values():
            if sha256(source).digest() in new:
                yield sha256(source).hexdigest(), source
        for unit in list(self._units.values()):
            if unit.digest in new and len(unit.data) > _INLINE_BYTES:
                yield unit.digest.hex(), unit.data
            for digest in unit.long:
                if digest in new and digest in long:
                    yield digest.hex(), encoded(long.pop(digest))

    # Restoring. -----------------------------------------------------------------------------------------------------

    def load(self, root: bytes, fetch: Callable[[str], bytes], namespace: dict[str, Any]) -> Loaded:
        """Give a namespace that has nothing but its builtins the variables of a saved one.

        Raises:
            SnapshotError: the bytes are no snapshot of this version, a blob is not what its name says, or what they
                describe cannot be made. The namespace is then as it was.
        """
        self._world.namespace = namespace
        before = dict(namespace)
        try:
            with _no_collections():
                return self._load(Reader(root), _checked(fetch), namespace)
        except BaseException as error:
            self._forget_all()
            namespace.clear()
            namespace.update(before)
            if not isinstance(error, Exception) or isinstance(error, SnapshotError):
                raise
            # hostile bytes can ask for anything; what fails then is not for us to foresee
            raise SnapshotError(f"a snapshot that cannot be restored: {type(error).__name__}") from error

    def _load(self, reader: Reader, fetch: Callable[[bytes], bytes], namespace: dict[str, Any]) -> Loaded:
        if bytes(reader.take(len(_MAGIC))) != _MAGIC:
            raise SnapshotError("no snapshot, or one of another version")
        last_cell, last_number = reader.number(), reader.number()
        sources = [(reader.number(), bytes(reader.take(32))) for _ in range(reader.count(33))]
        for number, digest in sources:
            self._cells.add(number, str(fetch(digest), "utf-8", "surrogatepass"))
        units = [self._read_unit(reader, fetch) for _ in range(reader.count(2))]
        places = {reader.text(): (reader.number(), reader.number()) for _ in range(reader.count(3))}
        lost = {reader.text(): reader.text() for _ in range(reader.count(2))}
        if reader.left:
            raise SnapshotError(f"{reader.left} bytes too many")
        builder = Builder(self._world, fetch, self._long)
        for number, data in units:
            builder.read(number, data)
        builder.build(lambda: namespace.update({name: _value(builder, place) for name, place in places.items()}))
        for name, (number, _) in places.items():
            if number in builder.failures:
                lost[name] = f"in it: entries whose keys' own __hash__ or __eq__ raised {builder.failures[number]}"
        self._adopt(builder, units)
        self._last_cell = self._saved_cell = last_cell
        self._last_number = max([last_number, *(number for number, _ in units)])
        self._stored = self._needed(
            {number: self._cells.sources[number].encode("utf-8", "surrogatepass") for number, _ in sources}
        )
        return Loaded(lost, dict(self._cells.sources), last_cell)

    @staticmethod
    def _read_unit(reader: Reader, fetch: Callable[[bytes], bytes]) -> tuple[int, bytes]:
        number = reader.number()
        return number, reader.chunk() or fetch(bytes(reader.take(32)))

    def _adopt(self, builder: Builder, units: list[tuple[int, bytes]]) -> None:
        """Go on from here: what was restored need not be saved again."""
        for number, data in units:
            unit = builder.unit(number, data, sha256(data).digest())
            self._units[number] = unit
            self._by_root[id(unit.root)] = number
            self._owners.update(unit.owned())
            if number == _ATOMS:
                self._atoms = list(unit.root)
        self._long.forget_others(self._units.values())


@contextmanager
def _no_collections() -> Iterator[None]:
    """Objects are made by the million, and none of them is garbage."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _value(builder: Builder, place: Place) -> Any:
    if place[0] != _ATOMS:
        return builder.object(place)
    atoms = builder.root(_ATOMS)
    if type(atoms) is not list or place[1] >= len(atoms):
        raise SnapshotError("a name without a value")
    return atoms[place[1]]


def _is_lost(unit: Unit) -> bool:
    lost = [column for column in unit.columns if column.tag == OTHER and column.name == "lost"]
    return any(value is unit.root for column in lost for value in column.objects)


def _order(value: Any) -> tuple[int, int]:
    """Classes and functions before what refers to them; then large things, of which others are often parts."""
    if isinstance(value, type) or callable(value):
        return 0, 0
    return 1, -len(value) if type(value) in (list, dict, tuple, set) else 0


def _checked(fetch: Callable[[str], bytes]) -> Callable[[bytes], bytes]:
    """`fetch` by digest; what comes is what the digest says."""

    def checked(digest: bytes) -> bytes:
        try:
            data = fetch(digest.hex())
        except LookupError as error:
            raise SnapshotError(f"the blob {digest.hex()} is missing") from error
        if sha256(data).digest() != digest:
            raise SnapshotError(f"the blob {digest.hex()} is not what its name says")
        return data

    return checked
