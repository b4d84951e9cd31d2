"""What the scout needs to evaluate anything: the variables, and what becomes of values that are not known.

An expression whose variables are plain data is evaluated as Python does (`pure.py`). Otherwise its parts are looked at
one by one; what hangs on an answer becomes an unknown value of a certain kind, if nothing can fail.

Everything that may call a function of the code is a generator: it yields where the scout may pause, in loops.
"""

from __future__ import annotations

import ast
import csv
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from rlm_graph.repl.guards import Facade
from rlm_graph.repl.run_ahead import kinds
from rlm_graph.repl.run_ahead.frames import MODULE, Frame, Function, Scope, Sources, scope_of
from rlm_graph.repl.run_ahead.kinds import ATOMS, BOOL, CONTAINERS, NONE, PLAIN, STR, Kind, join
from rlm_graph.repl.run_ahead.memory import UNSET, UNSURE, Memory, Stop, Unfit
from rlm_graph.repl.run_ahead.pure import TYPES, Native, is_pure, native
from rlm_graph.repl.run_ahead.shields import NOTHING_RAISED, CodeError, Point, Raised, Shield
from rlm_graph.repl.run_ahead.unknown import MAX_DEPTH, Condition, Derived, Is, Unknown, depth_of, may_change

MAX_STEPS = 30_000
"""Parts of the code that the scout looks at between two calls: about 50 ms."""

Steps = Generator[None, None, Any]
"""The scout at work: it yields where it may pause, and returns a value."""

SLOW: Any = object()
"""An expression is not to be evaluated as it is."""


@dataclass
class Cache:
    """What is found out about the text of the code, once."""

    natives: dict[ast.AST, Native | None] = field(default_factory=dict)
    scopes: dict[ast.AST, Scope] = field(default_factory=dict)
    unknowns: dict[Kind, Unknown] = field(default_factory=dict)
    cases: dict[ast.Match, list[ast.stmt]] = field(default_factory=dict)

    def unknown(self, kind: Kind) -> Unknown:
        """A value of which only that is certain, the same one for each kind."""
        return self.unknowns.setdefault(kind, Unknown(kind))


@dataclass(frozen=True, eq=False)
class Closure:
    """A function or lambda that the scout has met on its way."""

    node: Function
    frame: Frame | None
    defaults: tuple[Any, ...] = ()
    keyword_defaults: Mapping[str, Any] = field(default_factory=dict)


class Evaluation:
    """Evaluates what needs no more than its variables, and says what is certain of the rest."""

    def __init__(
        self, namespace: Mapping[str, Any], builtins_of_cells: Mapping[str, Any], sources: Sources, cache: Cache
    ) -> None:
        self.memory = Memory()
        self.module = Frame(MODULE)
        self.guards: list[Condition] = []
        self.shields: list[Shield] = []
        self.ways: list[Shield] = []
        self.uncounted = 0
        self.no_asking = False
        self.named = 0
        self.written: set[str] = set()
        self.steps = 0
        self._namespace = namespace
        self._builtins = builtins_of_cells
        self._sources = sources
        self._cache = cache

    # Variables. -------------------------------------------------------------------------------------------------------

    def lookup(self, frame: Frame, name: str) -> Any:
        """The value of a variable."""
        value = self._find(frame, name)
        if value is UNSET:
            raise CodeError(NameError(f"name '{name}' is not defined"))
        if value is UNSURE:
            raise Stop(f"`{name}` may not be bound")
        return self.memory.load(value)

    def _find(self, frame: Frame, name: str) -> Any:
        place: Frame | None = frame
        while place is not None and name not in place.scope.shared:
            if name in place.values:
                return place.values[name]
            if place.real is not None and name in place.real:
                return place.real[name]
            if name in place.scope.names:
                return UNSET
            place = place.parent
        for table in (self.module.values, self._namespace, self._builtins):
            if name in table:
                return table[name]
        return UNSET

    def _find_here(self, place: Frame, name: str) -> Any:
        """The value of a variable of this frame, or of the cell."""
        if place is not self.module:
            return UNSET if place.real is None else place.real.get(name, UNSET)
        return self._namespace.get(name, self._builtins.get(name, UNSET))

    def bind(self, frame: Frame, name: str, value: Any) -> None:
        """Give a variable a value, in the frame that it belongs to."""
        place: Frame | None = frame
        while place is not None and not place.scope.is_function and name not in place.scope.names:
            place.values.pop(name, None)  # what was more certain of it is so no more
            place = place.parent  # `:=` in a comprehension
        if place is not None and name in place.scope.outer:
            place = place.parent
            while place is not None and name not in place.scope.names:
                place = place.parent
            if place is None:
                raise Stop(f"nonlocal `{name}` of a function that the scout is not in")
        elif place is None or name in place.scope.shared or place.scope is MODULE:
            place = self.module
        if place.is_fixed:
            raise Stop(f"`{name}` of a function around a real one is bound")
        if place is not frame:
            self.named += 1
        if place is not self.module:
            self.written.add(name)
        if name not in place.values:  # what it was is what it will be on ways on which it is not bound
            place.values[name] = self._find_here(place, name)
        self.memory.bind(place.values, name, value)

    def scope(self, node: Function | ast.expr) -> Scope:
        """The scope of a function or comprehension."""
        if node not in self._cache.scopes:
            self._cache.scopes[node] = scope_of(node)
        return self._cache.scopes[node]

    # Expressions. -----------------------------------------------------------------------------------------------------

    def value(self, node: ast.expr, frame: Frame) -> Steps:
        """Evaluate an expression."""
        quick = self._quick(node, frame)
        if quick is not SLOW:
            return quick
        self.tick()
        way = self._FORMS.get(type(node))
        if way is None:
            raise Stop(f"`{type(node).__name__}`")
        result = yield from way(self, node, frame)
        if isinstance(result, Unknown) and not result.is_knowable and not may_change(result.kind):
            return self._knowable(node, frame, result)
        return result

    def _knowable(self, node: ast.expr, frame: Frame, result: Unknown) -> Unknown:
        """What is not known because of a step in between may follow from the variables all at once."""
        found = self._native(node)
        if found is None:
            return result
        values = [self._find(frame, name) for name in found.names]
        if any(value is UNSET or value is UNSURE for value in values):
            return result
        values = [self.memory.load(value) for value in values]
        if not found.accepts(values, lambda _: True):
            return result
        return self.derive(found.function, values, result.kind)

    def tick(self) -> None:
        """Count a step."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Stop("too much work between two calls")

    def _quick(self, node: ast.expr, frame: Frame) -> Any:
        """The value of an expression that can be evaluated as it is."""
        if type(node) is ast.Constant:
            return node.value
        if type(node) is ast.Name:
            return self.lookup(frame, node.id)
        found = self._native(node)
        if found is None:
            return SLOW
        values = [self._find(frame, name) for name in found.names]
        if any(value is UNSET or value is UNSURE for value in values):
            return SLOW
        values = list(map(self.memory.load, values))
        if any(isinstance(value, Unknown) for value in values) or not found.accepts(values, self.memory.is_plain):
            return SLOW
        self.tick()
        result = self.run(found.function, values)
        if type(result) in _READERS:  # over what nobody else has: it is made in the expression
            return self.streamed(result, values)
        return result if type(result) in _RESULTS else SLOW

    def _native(self, node: ast.expr) -> Native | None:
        if node not in self._cache.natives:
            self._cache.natives[node] = native(node)
        return self._cache.natives[node]

    @property
    def effects(self) -> int:
        """Something that differs when the scout has meanwhile done what the code could tell."""
        return self.named + self.memory.touched

    def run(self, function: Callable[..., Any], values: Sequence[Any], named: Mapping[str, Any] | None = None) -> Any:
        """What a pure function gives for plain values."""
        try:
            return function(*values, **(named or {}))
        except (MemoryError, RecursionError):
            raise Stop("out of memory or stack") from None
        except Exception as error:
            raise CodeError(error) from None

    def values(self, nodes: Iterable[ast.expr], frame: Frame) -> Steps:
        """The values of several expressions, those of `*x` one by one."""
        values = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                values += yield from self.listed((yield from self.value(node.value, frame)))
            else:
                values.append((yield from self.value(node, frame)))
        return values

    def gathered(self, several: Iterable[Steps]) -> Steps:
        """What several parts of the work give, one after the other."""
        results = []
        for steps in several:
            results += [(yield from steps)]
        return results

    # What is not known. -----------------------------------------------------------------------------------------------

    def derive(self, function: Callable[..., Any], values: Sequence[Any], kind: Kind) -> Unknown:
        """What a pure function will give, which is of a certain kind.

        What is derived is made of copies. So it is nothing derived if it may hold objects that the code can change.
        """
        shared = self._shared(values) if may_change(kind) else ()
        if shared:
            return Unknown(kind, shared)
        depth = 1 + max(map(depth_of, values), default=0)
        if depth > MAX_DEPTH or any(isinstance(value, Unknown) and not value.is_knowable for value in values):
            return Unknown(kind)
        try:
            frozen = [
                value if is_pure(value) or isinstance(value, Facade) else self.memory.frozen(value) for value in values
            ]
        except Unfit:
            return Unknown(kind)
        return Derived(function, frozen, kind, depth)

    def _shared(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Containers of the code with something in them that can be changed, which what is made of them may hold."""
        shared: list[Any] = []
        for value in values:
            if isinstance(value, Unknown):
                if not value.is_knowable and (value.kind.item is None or may_change(value.kind.item)):
                    shared.append(value)
            elif type(value) in CONTAINERS:
                kind = self.memory.kind(value)
                if kind is None or (kind.item is not None and may_change(kind.item)):
                    shared.append(value)
        return tuple(shared)

    def kind(self, value: Any) -> Kind:
        """What is certain of a value that is plain data, or will be.

        Raises:
            Stop: it is, or holds, something else.
        """
        return self.memory.kind_for_certain(value)

    def conditions(self) -> tuple[Condition, ...]:
        """What must hold for the code to get here, all of it."""
        raised = [Is(Raised(shield), NOTHING_RAISED) for shield in self.ways if shield.has_operations]
        return (*self.guards, *raised)

    def may_raise(self, result: Unknown, *errors: type[BaseException]) -> Unknown:
        """`result`, which may raise one of these instead; a `try` around it must catch them all."""
        for shield in reversed(self.shields):
            caught = [shield.catches(error) is not None for error in errors]
            if all(caught):
                shield.points.append(Point(self.conditions(), result, ()))
                shield.has_operations = True
                return result
            if any(caught):
                break
        raise Stop("what is made of an answer may raise an exception")

    def operate(self, function: Callable[..., Any], *values: Any) -> Any:
        """What an operator gives."""
        if all(map(self.memory.is_plain, values)):
            return self.run(function, values)
        of_all = [self.kind(value) for value in values]
        types = kinds.never_fails(function, [self.sample(value) for value in values])
        if not types:
            return self.may_raise(self.derive(function, values, PLAIN), Exception)
        if not types <= CONTAINERS:
            return self.derive(function, values, Kind(frozenset(types)))
        joined: Kind | None = None
        for one in of_all:
            joined = join(joined, one)
        assert joined is not None
        return self.derive(function, values, Kind(frozenset(types), joined.item, joined.key))

    def sample(self, value: Any) -> list[Any] | None:
        """What stands for a value when it is asked whether something can fail."""
        if self.memory.is_plain(value) and not (type(value) in CONTAINERS and len(value) > _LARGE):
            return [value]
        if type(value) is tuple and len(value) <= _LARGE:
            parts = [self.sample(item) for item in value]
            return None if any(not part for part in parts) else [tuple(part[0] for part in parts if part)]
        return kinds.samples(self.kind(value))

    def are_certain(self, *containers: Any) -> bool:
        """Is it known what is in some containers?"""
        return all(self.memory.vague_kind(container) is None for container in containers)

    def truth(self, value: Any) -> Any:
        """Is a value true? A `bool`, or an unknown one."""
        if isinstance(value, Unknown):
            if value.kind.only(NONE):
                return False
            if value.kind.least and value.kind.within(CONTAINERS):
                return True
            return value if value.kind.only(bool) else self.derive(bool, [value], BOOL)
        if type(value) in CONTAINERS:
            return bool(value) if self.memory.vague_kind(value) is None else Unknown(BOOL)
        if type(value) in ATOMS:
            return bool(value)
        if is_pure(value) or isinstance(value, Closure):
            return True
        raise Stop(f"is a {type(value).__name__} true?")

    def shown(self, function: Callable[[Any], str], value: Any) -> Any:
        """What `str`, `repr` or `format` makes of a value."""
        if self.memory.is_plain(value):
            return self.run(function, [value])
        if type(value) is type and value in TYPES:
            return function(value)
        if not kinds.is_printable(self.kind(value)):
            raise Stop("a value that may not be printable")
        return self.derive(function, [value], STR)

    def joined(self, parts: Sequence[Any]) -> Any:
        """The text that some texts make together."""
        if not any(isinstance(part, Unknown) for part in parts):
            return "".join(parts)
        return self.derive(lambda *texts: "".join(texts), parts, STR)

    # Ways that an expression may go. ----------------------------------------------------------------------------------

    def either(self, ways: Sequence[tuple[Condition, Callable[[], Steps]]]) -> Steps:
        """Evaluate an expression on each of several ways, of which the code goes one; the value is that one's."""
        memory, results = self.memory, []
        memory.open()
        for condition, steps in ways:
            self.guards.append(condition)
            try:
                value = yield from steps()
            except CodeError as error:
                raise Stop("one of two ways raises an exception") from error
            self.guards.pop()
            results.append((condition, value, memory.take_back()))
        memory.merge([(condition, change) for condition, _, change in results])
        memory.close()
        chosen = memory.choice([(condition, value) for condition, value, _ in results])
        if chosen is UNSURE:
            raise Stop("a value of which not even the kind is certain")
        return chosen

    def _with_truth(self, value: Any, truth: bool) -> Any:
        """A value of which it is known whether it is true: None is not."""
        if isinstance(value, Unknown) and truth and NONE in value.kind.types and value.is_knowable:
            kind = replace(value.kind, types=value.kind.types - {NONE})
            return self.derive(lambda known: known, [value], kind)
        return value

    def narrowed(self, test: ast.expr, frame: Frame, truth: bool) -> list[tuple[str, Unknown]]:
        """Variables of which more is certain where a test is true, or false: that they are not None."""
        held = _held(test, truth)
        if held is not None:
            return self._holding(frame, *held)
        match test:
            case ast.Name():
                found = self._find(frame, test.id)
                name, is_there = test.id, truth
            case ast.UnaryOp(op=ast.Not()):
                return self.narrowed(test.operand, frame, not truth)
            case ast.BoolOp(op=ast.And()) if truth:
                return [pair for part in test.values for pair in self.narrowed(part, frame, truth)]
            case ast.BoolOp(op=ast.Or()) if not truth:
                return [pair for part in test.values for pair in self.narrowed(part, frame, truth)]
            case ast.Compare(
                left=ast.Name(id=name), ops=[ast.Is() | ast.IsNot() as op], comparators=[ast.Constant(value=None)]
            ):
                found = self._find(frame, name)
                is_there = truth == isinstance(op, ast.IsNot)
            case ast.NamedExpr(target=ast.Name(id=name)):
                found, is_there = self._find(frame, name), truth
            case _:
                return []
        if not is_there or not isinstance(found, Unknown):
            return []
        value = self._with_truth(found, truth=True)
        return [] if value is found else [(name, value)]

    def _holding(self, frame: Frame, name: str, text: str) -> list[tuple[str, Unknown]]:
        """A variable in which a text is found."""
        found = self._find(frame, name)
        if not isinstance(found, Unknown) or not found.kind.only(str) or text in found.kind.holds:
            return []
        kind = replace(found.kind, holds=found.kind.holds | {text})
        return [(name, self.derive(lambda known: known, [found], kind))]

    def _narrowed(self, test: ast.expr, frame: Frame, truth: bool) -> Frame:
        """A frame in which that is so."""
        more = dict(self.narrowed(test, frame, truth))
        return Frame(Scope(frozenset(), is_function=False), frame, more) if more else frame

    def class_of(self, value: Any) -> type:
        """The class of a value."""
        return type(value)

    # What others say. -----------------------------------------------------------------------------------------------

    _FORMS: MappingProxyType[type, Callable[..., Steps]]
    """How each form of expression is evaluated."""

    def assign(self, target: ast.expr, value: Any, frame: Frame) -> Steps:
        """Give a target a value."""
        raise NotImplementedError

    def call(self, node: ast.Call, frame: Frame) -> Steps:
        """What a call gives."""
        raise NotImplementedError

    def invoke(self, function: Any, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        """What a function gives."""
        raise NotImplementedError

    def method(self, owner: Any, name: str, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        """What `owner.name(...)` gives, and does."""
        raise NotImplementedError

    def streamed(self, value: Iterator[Any], sources: Sequence[Any]) -> Any:
        """An iterator of Python that has been made of plain data, and nobody else has."""
        raise NotImplementedError

    def listed(self, value: Any) -> Steps:
        """All items of an iterable."""
        raise NotImplementedError


def _held(test: ast.expr, truth: bool) -> tuple[str, str] | None:
    """The variable, and the text that is in it: `":" in line`, `line.startswith("- ")`."""
    match test:
        case ast.Compare(
            left=ast.Constant(value=str() as text), ops=[ast.In() | ast.NotIn() as op], comparators=[ast.Name(id=name)]
        ):
            return (name, text) if truth == isinstance(op, ast.In) else None
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id=name), attr="startswith" | "endswith"),
            args=[ast.Constant(value=str() as text)],
            keywords=[],
        ):
            return (name, text) if truth else None
    return None


_LARGE = 100

_READERS = frozenset((csv.DictReader, type(csv.reader(()))))

_RESULTS = ATOMS | CONTAINERS
"""Types of what an expression may give that is evaluated as it is; a generator, for instance, is not used up."""
