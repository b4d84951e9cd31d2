"""How the scout evaluates expressions.

An expression whose variables are plain data is evaluated as Python does (`pure.py`). Otherwise its parts are looked at
one by one; what hangs on an answer becomes an unknown value of a certain kind, if nothing can fail.

Everything that may call a function of the code is a generator: it yields where the scout may pause, in loops.
"""

from __future__ import annotations

import ast
import operator
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from rlm_graph.context.document import Document
from rlm_graph.repl.guards import Facade
from rlm_graph.repl.run_ahead import kinds
from rlm_graph.repl.run_ahead.frames import MODULE, Frame, Function, Scope, Sources, scope_of
from rlm_graph.repl.run_ahead.kinds import (
    ATOMS,
    BOOL,
    CONTAINERS,
    INT,
    MAPPINGS,
    NONE,
    NUMBERS,
    PLAIN,
    STR,
    Kind,
    either,
    join,
)
from rlm_graph.repl.run_ahead.memory import UNSET, UNSURE, Memory, Stop, Unfit
from rlm_graph.repl.run_ahead.pure import OPERATORS, TYPES, Native, is_pure, native
from rlm_graph.repl.run_ahead.unknown import (
    MAX_DEPTH,
    Condition,
    Derived,
    Is,
    Unknown,
    depth_of,
    may_change,
)

MAX_STEPS = 30_000
"""Parts of the code that the scout looks at between two calls: about 50 ms."""

Steps = Generator[None, None, Any]
"""The scout at work: it yields where it may pause, and returns a value."""

SLOW: Any = object()
"""An expression is not to be evaluated as it is."""


class CodeError(Exception):
    """The code raises this exception, here."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


@dataclass(frozen=True)
class Item:
    """In the steps of a stream: the next item. Of one that is not `certain` the number of items is not known."""

    value: Any
    certain: bool = True


class Stream:
    """An iterator of the code: what is left of it."""

    def __init__(self, steps: Iterator[Item | None], depth: int) -> None:
        self.steps = steps
        self.depth: int | None = depth
        """Ways that were open when it was made: on another way it must not be used up. None: nobody else has it."""


@dataclass(frozen=True)
class Many:
    """Any number of items, of which each is as certain as `item`."""

    item: Any


@dataclass(frozen=True)
class View:
    """`items()`, `keys()` or `values()` of a dict."""

    of: Any
    name: str


@dataclass(frozen=True, eq=False)
class Closure:
    """A function or lambda that the scout has met on its way."""

    node: Function
    frame: Frame | None
    defaults: tuple[Any, ...] = ()
    keyword_defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Point:
    """Something in the body of a `try` that may raise: an answer, when its call fails, or what is made of one."""

    conditions: tuple[Condition, ...]
    """The code gets there if all of these hold."""

    value: Unknown
    inner: tuple[Shield, ...]
    """The `try` statements inside this one that it is in, too."""

    def error(self) -> Exception | None:
        """What is raised, if anything is that the inner `try` statements do not catch.

        Raises:
            NotYet: an answer that it needs has not come.
            Never: it cannot be known.
        """
        if not all(condition.holds() for condition in self.conditions):
            return None
        error = self.value.failure()
        if error is None or any(shield.catches(error) is not None for shield in self.inner):
            return None
        return error


@dataclass(eq=False)
class Shield:
    """A `try` statement: the scout is in its body, or goes the way on which nothing is raised there."""

    handlers: tuple[tuple[type[BaseException], ...], ...]
    """What each of them catches."""

    points: list[Point] = field(default_factory=list)

    has_operations: bool = False
    """Some of the points are no calls: what follows them is certain only when they are known."""

    leaving: set[int] = field(default_factory=set)
    """Handlers after which the code does not go on as the scout does: a call that fails there ends the plan."""

    is_open: bool = True
    """The scout is in the body."""

    failed: int | None = None
    """The handler that has caught the failure of a call."""

    def catches(self, error: type[BaseException] | BaseException) -> int | None:
        """The handler that catches an exception; None if none does."""
        kind = error if isinstance(error, type) else type(error)
        return next((at for at, types in enumerate(self.handlers) if issubclass(kind, types)), None)


NOTHING_RAISED = -1


class Raised(Unknown):
    """Which handler catches what the first points of a `try` raise; `NOTHING_RAISED` if they do not."""

    __slots__ = ("_points", "_shield")

    def __init__(self, shield: Shield) -> None:
        super().__init__(INT)
        self._shield = shield
        self._points = tuple(shield.points)

    @property
    def is_knowable(self) -> bool:  # type: ignore[override] # of a value that is derived it is a constant
        """Are all of them?"""
        return all(
            point.value.is_knowable and all(condition.is_knowable for condition in point.conditions)
            for point in self._points
        )

    def known(self) -> int:
        """The handler's place."""
        for point in self._points:
            error = point.error()
            if error is not None:
                found = self._shield.catches(error)
                return NOTHING_RAISED if found is None else found
        return NOTHING_RAISED


@dataclass
class Cache:
    """What is found out about the text of the code, once."""

    natives: dict[ast.AST, Native | None] = field(default_factory=dict)
    scopes: dict[ast.AST, Scope] = field(default_factory=dict)
    unknowns: dict[Kind, Unknown] = field(default_factory=dict)

    def unknown(self, kind: Kind) -> Unknown:
        """A value of which only that is certain, the same one for each kind."""
        return self.unknowns.setdefault(kind, Unknown(kind))


class Expressions:
    """Evaluates expressions; see `Invocations` for calls, and `Scout` for statements."""

    def __init__(
        self, namespace: Mapping[str, Any], builtins_of_cells: Mapping[str, Any], sources: Sources, cache: Cache
    ) -> None:
        self.memory = Memory()
        self.module = Frame(MODULE)
        self.guards: list[Condition] = []
        self.shields: list[Shield] = []
        self.ways: list[Shield] = []
        self.uncounted = 0
        self.written: set[str] = set()
        self.steps = 0
        self._namespace = namespace
        self._builtins = builtins_of_cells
        self._sources = sources
        self._cache = cache

    # Variables. -----------------------------------------------------------------------------------------------------

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

    # Expressions. ---------------------------------------------------------------------------------------------------

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
        if not found.accepts(values, self.memory.is_plain):
            return SLOW
        self.tick()
        result = self.run(found.function, values)
        return result if type(result) in _RESULTS else SLOW

    def _native(self, node: ast.expr) -> Native | None:
        if node not in self._cache.natives:
            self._cache.natives[node] = native(node)
        return self._cache.natives[node]

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

    # What is not known. ---------------------------------------------------------------------------------------------

    def derive(self, function: Callable[..., Any], values: Sequence[Any], kind: Kind) -> Unknown:
        """What a pure function will give, which is of a certain kind."""
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

    # Each form of expression. ---------------------------------------------------------------------------------------

    def _text(self, node: ast.JoinedStr, frame: Frame) -> Steps:
        return self.joined((yield from self.values(node.values, frame)))

    def joined(self, parts: Sequence[Any]) -> Any:
        """The text that some texts make together."""
        if not any(isinstance(part, Unknown) for part in parts):
            return "".join(parts)
        return self.derive(lambda *texts: "".join(texts), parts, STR)

    def _formatted(self, node: ast.FormattedValue, frame: Frame) -> Steps:
        value = yield from self.value(node.value, frame)
        convert = {-1: None, 115: str, 114: repr, 97: ascii}[node.conversion]
        if convert is not None:
            value = self.shown(convert, value)
        if node.format_spec is None:
            return self.shown(format, value)
        spec = yield from self.value(node.format_spec, frame)
        if isinstance(spec, Unknown):
            raise Stop("a format that hangs on an answer")
        return self.operate(format, value, spec)

    def shown(self, function: Callable[[Any], str], value: Any) -> Any:
        """What `str`, `repr` or `format` makes of a value."""
        if self.memory.is_plain(value):
            return self.run(function, [value])
        if type(value) is type and value in TYPES:
            return function(value)
        if not kinds.is_printable(self.kind(value)):
            raise Stop("a value that may not be printable")
        return self.derive(function, [value], STR)

    def _binary(self, node: ast.BinOp, frame: Frame) -> Steps:
        left = yield from self.value(node.left, frame)
        right = yield from self.value(node.right, frame)
        return self.binary(type(node.op), left, right)

    def binary(self, form: type[ast.operator], left: Any, right: Any) -> Any:
        """What an operator of two values gives."""
        if form not in OPERATORS:
            raise Stop(f"the operator `{form.__name__}`")
        if type(left) is list and type(right) is list and form is ast.Add and self.are_certain(left, right):
            return left + right
        are_plain = self.memory.is_plain(left) and self.memory.is_plain(right)
        is_template = form is ast.Mod and isinstance(left, Unknown) and not left.kind.within(NUMBERS)
        if not are_plain and (form in _WILD or is_template):
            self.kind(left), self.kind(right)
            return self.may_raise(self.derive(OPERATORS[form], [left, right], PLAIN), Exception)
        return self.operate(OPERATORS[form], left, right)

    def are_certain(self, *containers: Any) -> bool:
        """Is it known what is in some containers?"""
        return all(self.memory.vague_kind(container) is None for container in containers)

    def _unary(self, node: ast.UnaryOp, frame: Frame) -> Steps:
        value = yield from self.value(node.operand, frame)
        if not isinstance(node.op, ast.Not):
            return self.operate(OPERATORS[type(node.op)], value)
        truth = self.truth(value)
        return self.derive(OPERATORS[ast.Not], [truth], BOOL) if isinstance(truth, Unknown) else not truth

    def _bool(self, node: ast.BoolOp, frame: Frame) -> Steps:
        """`a and b and ...`: the rest is evaluated only if the first says so."""
        return (yield from self._bool_from(node, 0, frame))

    def _bool_from(self, node: ast.BoolOp, at: int, frame: Frame) -> Steps:
        value = yield from self.value(node.values[at], frame)
        if at == len(node.values) - 1:
            return value
        goes_on = isinstance(node.op, ast.And)
        truth = self.truth(value)
        if not isinstance(truth, Unknown):
            return (yield from self._bool_from(node, at + 1, frame)) if truth == goes_on else value

        def rest() -> Steps:
            with_known = self._narrowed(node.values[at], frame, goes_on)
            return (yield from self._bool_from(node, at + 1, with_known))

        def first() -> Steps:
            yield from ()
            return self._with_truth(value, not goes_on)

        ways = [(Is(truth, goes_on), rest), (Is(truth, not goes_on), first)]
        return (yield from self.either(ways))

    def _with_truth(self, value: Any, truth: bool) -> Any:
        """A value of which it is known whether it is true: None is not."""
        if isinstance(value, Unknown) and truth and NONE in value.kind.types and value.is_knowable:
            kind = replace(value.kind, types=value.kind.types - {NONE})
            return self.derive(lambda known: known, [value], kind)
        return value

    def _choice(self, node: ast.IfExp, frame: Frame) -> Steps:
        truth = self.truth((yield from self.value(node.test, frame)))
        if not isinstance(truth, Unknown):
            return (yield from self.value(node.body if truth else node.orelse, frame))
        ways = [
            (Is(truth, True), lambda: self.value(node.body, self._narrowed(node.test, frame, True))),
            (Is(truth, False), lambda: self.value(node.orelse, self._narrowed(node.test, frame, False))),
        ]
        return (yield from self.either(ways))

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

    def narrowed(self, test: ast.expr, frame: Frame, truth: bool) -> list[tuple[str, Unknown]]:
        """Variables of which more is certain where a test is true, or false: that they are not None."""
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

    def _narrowed(self, test: ast.expr, frame: Frame, truth: bool) -> Frame:
        """A frame in which that is so."""
        more = dict(self.narrowed(test, frame, truth))
        return Frame(Scope(frozenset(), is_function=False), frame, more) if more else frame

    def _compare(self, node: ast.Compare, frame: Frame) -> Steps:
        left = yield from self.value(node.left, frame)
        right = yield from self.value(node.comparators[0], frame)
        result = self._compared(type(node.ops[0]), left, right)
        for comparison, comparator in zip(node.ops[1:], node.comparators[1:], strict=True):
            truth = self.truth(result)
            if not isinstance(truth, Unknown) and not truth:
                return result
            if isinstance(truth, Unknown) and self._native(comparator) is None:
                raise Stop("a chain of comparisons that calls something")
            left, right = right, (yield from self.value(comparator, frame))
            next_result = self._compared(type(comparison), left, right)
            if isinstance(truth, Unknown):
                result = self.derive(lambda one, two: one and two, [truth, self.truth(next_result)], BOOL)
            else:
                result = next_result
        return result

    def _compared(self, operator: type[ast.cmpop], left: Any, right: Any) -> Any:
        compare = OPERATORS[operator]
        if operator in (ast.Is, ast.IsNot):
            return self._is_same(compare, left, right)
        keys_are_known = operator in (ast.In, ast.NotIn) and type(right) in MAPPINGS and self.are_certain(right)
        if self.memory.is_plain(left) and (keys_are_known or self.memory.is_plain(right)):
            return self.run(compare, [left, right])
        if is_pure(left) and is_pure(right) and operator in (ast.Eq, ast.NotEq):
            return compare(left, right)
        first, second = self.kind(left), self.kind(right)
        if not (kinds.is_plain(first) and kinds.is_plain(second)):
            raise Stop("a comparison of what is no plain data")
        if operator in (ast.Eq, ast.NotEq):
            return self.derive(compare, [left, right], BOOL)
        if operator in (ast.In, ast.NotIn):
            if not self._may_be_in(first, second):
                return self.may_raise(self.derive(compare, [left, right], BOOL), TypeError)
            return self.derive(compare, [left, right], BOOL)
        if kinds.are_ordered(either(first, second)):
            return self.derive(compare, [left, right], BOOL)
        return self.may_raise(self.derive(compare, [left, right], BOOL), TypeError)

    def _may_be_in(self, item: Kind, container: Kind) -> bool:
        if container.only(str):
            return item.only(str)
        if container.within(kinds.MAPPINGS | {set, frozenset}):
            return kinds.is_hashable(item)
        return container.only(list, tuple)

    def _is_same(self, compare: Callable[..., Any], left: Any, right: Any) -> Any:
        if not isinstance(left, Unknown) and not isinstance(right, Unknown):
            return compare(left, right)
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Unknown) and other is None and object not in one.kind.types:
                if NONE not in one.kind.types:
                    return compare(one, None)
                if one.kind.only(NONE):
                    return compare(None, None)
        return self.derive(compare, [left, right], BOOL) if left is None or right is None else Unknown(BOOL)

    def _subscript(self, node: ast.Subscript, frame: Frame) -> Steps:
        container = yield from self.value(node.value, frame)
        index = yield from self.value(node.slice, frame)
        return self.item(container, index)

    def _slice(self, node: ast.Slice, frame: Frame) -> Steps:
        parts = [part or _NO_BOUND for part in (node.lower, node.upper, node.step)]
        bounds = yield from self.values(parts, frame)
        if any(isinstance(bound, Unknown) for bound in bounds):
            if bounds[2] not in (None, 1):
                raise Stop("a slice with a step")
            for bound in bounds[:2]:
                if isinstance(bound, Unknown) and not bound.kind.only(int, NONE):
                    raise Stop("a slice whose bounds are no numbers")
            return self.derive(slice, bounds, kinds.of_type(slice))
        return slice(*bounds)

    def item(self, container: Any, index: Any) -> Any:
        """`container[index]`."""
        if isinstance(container, Unknown) or not self.memory.is_plain(index) or not self.are_certain(container):
            return self._unknown_item(container, index)
        kind = type(container)
        if kind not in _INDEXED:
            raise Stop(f"an item of a {kind.__name__}")
        if kind is defaultdict and self.run(operator.contains, [container, index]) is False:
            value = self._missing(container)
            self.memory.changed(container, adds=True)[index] = value
            return value
        return self.memory.load(self.run(operator.getitem, [container, index]))

    def _missing(self, container: Any) -> Any:
        factory = container.default_factory
        if not is_pure(factory):
            raise Stop("a defaultdict with a function of the code")
        return factory()

    def _unknown_item(self, container: Any, index: Any) -> Any:
        kind = self.kind(container)
        get = operator.getitem
        is_slice = type(index) is slice or (isinstance(index, Unknown) and index.kind.only(slice))
        if is_slice and kind.only(str, list, tuple):
            return self.derive(get, [container, index], Kind(kind.types, kind.item))
        item = STR if kind.only(str) else kind.item or PLAIN
        aliases = self._aliases(container) if may_change(item) else ()
        result = Unknown(item, aliases) if aliases else self.derive(get, [container, index], item)
        if kind.only(list, tuple, str) and type(index) is int and -kind.least <= index < kind.least:
            return result
        if type(index) is str and kind.within(MAPPINGS) and index in dict(kind.fields):
            return self.derive(get, [container, index], dict(kind.fields)[index])
        index_kind = self.kind(index)
        if kind.only(Counter) and kinds.is_hashable(index_kind):
            return self.derive(get, [container, index], join(INT, kind.item) or INT)
        if type(container) is defaultdict and kinds.is_hashable(index_kind):
            return self._unknown_default(container, index_kind)
        if kind.only(list, tuple, str) and index_kind.within(kinds.NUMBERS):
            return self.may_raise(result, IndexError)
        if kind.within(MAPPINGS) and kinds.is_hashable(index_kind):
            return self.may_raise(result, KeyError)
        return self.may_raise(result, Exception)

    def _unknown_default(self, container: Any, index: Kind) -> Any:
        """An item of a defaultdict, which may make it."""
        made = self.kind(self._missing(container))
        one = Kind(frozenset((defaultdict,)), made, index)
        self.memory.make_vague(container, one)
        kind = self.kind(container).item
        assert kind is not None
        return Unknown(kind, self._aliases(container))

    def _aliases(self, container: Any) -> tuple[Any, ...]:
        """What an item of a container may be."""
        return container.aliases if isinstance(container, Unknown) else (container,)

    def _list(self, node: ast.List, frame: Frame) -> Steps:
        return (yield from self.values(node.elts, frame))

    def _tuple(self, node: ast.Tuple, frame: Frame) -> Steps:
        return tuple((yield from self.values(node.elts, frame)))

    def _set(self, node: ast.Set, frame: Frame) -> Steps:
        made: set[Any] = set()
        for value in (yield from self.values(node.elts, frame)):
            self.add_to_set(made, value)
        return self.memory.load(made)

    def add_to_set(self, target: Any, value: Any) -> None:
        """Put a value into a set."""
        if self.memory.is_plain(value) and self.are_certain(target):
            changed = self.memory.changed(target, adds=True)
            self.run(changed.add, [value])
            return
        kind = self.kind(value)
        if not kinds.is_hashable(kind):
            raise Stop("a value that may not fit into a set")
        self.memory.make_vague(target, Kind(frozenset((set,)), kind))

    def _dict(self, node: ast.Dict, frame: Frame) -> Steps:
        made: dict[Any, Any] = {}
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            key = None if key_node is None else (yield from self.value(key_node, frame))
            value = yield from self.value(value_node, frame)
            if key_node is None:
                if type(value) not in MAPPINGS or not self.are_certain(value):
                    raise Stop("a dict of what is not known")
                for inner in value:
                    self.put(made, inner, value[inner])
            else:
                self.put(made, key, value)
        return self.memory.load(made)

    def put(self, target: Any, key: Any, value: Any) -> None:
        """`target[key] = value`."""
        if isinstance(target, Unknown):
            kind = target.kind
            if target.is_knowable or not kind.within(MAPPINGS | {list}):
                raise Stop("an item of something that is made of an answer is set")
            if list in kind.types or not kinds.is_hashable(self.kind(key)):
                raise Stop("an item of a list that is not known is set")
            self.memory.make_all_vague(target.aliases)
            return
        kind_here = type(target)
        if kind_here not in MAPPINGS and kind_here is not list:
            raise Stop(f"an item of a {kind_here.__name__} is set")
        if self.are_certain(target) and self.memory.is_plain(key) and type(key) is not slice:
            adds = kind_here in MAPPINGS and not self.run(operator.contains, [target, key])
            self.run(operator.setitem, [self.memory.changed(target, adds=adds), key, self.kept(target, value)])
        elif kind_here is list:
            raise Stop("an item of a list, not known which, is set")
        else:
            key_kind = self.kind(key)
            if not kinds.is_hashable(key_kind):
                raise Stop("a key that may not fit into a dict")
            self.memory.make_vague(target, Kind(frozenset((kind_here,)), self.kind(value), key_kind))

    def kept(self, target: Any, value: Any) -> Any:
        """What is kept of a value in a long list or dict: of 100,000 answers only the kind."""
        if len(target) < MAX_KEPT or self.memory.is_plain(value):
            return value
        kind = self.memory.kind(value)
        return value if kind is None or may_change(kind) else self._cache.unknown(kind)

    def _lambda(self, node: ast.Lambda, frame: Frame) -> Steps:
        return (yield from self.closure(node, frame))

    def closure(self, node: Function, frame: Frame) -> Steps:
        """A function that is defined here."""
        defaults = yield from self.values(node.args.defaults, frame)
        named = {}
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
            if default is not None:
                named[argument.arg] = yield from self.value(default, frame)
        return Closure(node, frame, tuple(defaults), named)

    def _named(self, node: ast.NamedExpr, frame: Frame) -> Steps:
        value = yield from self.value(node.value, frame)
        self.bind(frame, node.target.id, value)
        return value

    def _invocation(self, node: ast.Call, frame: Frame) -> Steps:
        return self.call(node, frame)

    def call(self, node: ast.Call, frame: Frame) -> Steps:
        """What a call gives."""
        raise NotImplementedError

    def _attribute(self, node: ast.Attribute, frame: Frame) -> Steps:
        return self.attribute((yield from self.value(node.value, frame)), node.attr)

    def attribute(self, value: Any, name: str) -> Any:
        """`value.name`, where it is not called."""
        if isinstance(value, Facade) and name in value.__dict__:
            return self.memory.load(value.__dict__[name])
        if type(value) is Document and name in ("name", "metadata"):
            return self.memory.load(getattr(value, name))
        if type(value) is type and value in TYPES and name == "__name__":
            return value.__name__
        raise Stop(f"the attribute `{name}` of a {type(value).__name__}")

    # Comprehensions and what is iterated over. ----------------------------------------------------------------------

    def _comprehension(self, node: Any, frame: Frame) -> Steps:
        inner = Frame(self.scope(node), frame)
        first = yield from self.iterator((yield from self.value(node.generators[0].iter, frame)))
        rows = Stream(self._rows(node.generators, inner, _Doubt(), first), self.memory.depth)
        made: list[tuple[Any, Any]] = []
        is_certain = True
        while (row := (yield from self.pull(rows))) is not None:
            key = (yield from self.value(node.key, inner)) if isinstance(node, ast.DictComp) else None
            value = yield from self.value(node.value if isinstance(node, ast.DictComp) else node.elt, inner)
            is_certain = is_certain and row.certain
            made.append((key, self.kept(made, value)))
        if not is_certain:
            return self._uncertain(node, made)
        if isinstance(node, ast.ListComp):
            return [value for _, value in made]
        target: Any = {} if isinstance(node, ast.DictComp) else set()
        for key, value in made:
            if isinstance(node, ast.DictComp):
                self.put(target, key, value)
            else:
                self.add_to_set(target, value)
        return self.memory.load(target)

    def _uncertain(self, node: Any, made: Sequence[tuple[Any, Any]]) -> Unknown:
        """A list, set or dict of which it is not known which of these are in it."""
        kind: Kind | None = None
        key_kind: Kind | None = None
        for key, value in made:
            kind = join(kind, self.kind(value))
            key_kind = join(key_kind, self.kind(key)) if isinstance(node, ast.DictComp) else None
        if isinstance(node, ast.ListComp):
            return Unknown(Kind(frozenset((list,)), kind))
        if not kinds.is_hashable(key_kind if isinstance(node, ast.DictComp) else kind):
            raise Stop("keys that may not fit into a dict or set")
        return Unknown(Kind(frozenset((dict if isinstance(node, ast.DictComp) else set,)), kind, key_kind))

    def _generator(self, node: ast.GeneratorExp, frame: Frame) -> Steps:
        inner = Frame(self.scope(node), frame)
        first = yield from self.iterator((yield from self.value(node.generators[0].iter, frame)))

        def items() -> Iterator[Item | None]:
            rows = Stream(self._rows(node.generators, inner, _Doubt(), first), self.memory.depth)
            while (row := (yield from self.pull(rows))) is not None:
                yield Item((yield from self.value(node.elt, inner)), row.certain)

        return Stream(items(), self.memory.depth)

    def _rows(
        self,
        clauses: Sequence[ast.comprehension],
        frame: Frame,
        doubt: _Doubt,
        source: Stream | Many | None = None,
    ) -> Iterator[Any]:
        """An item for each row of a comprehension, its variables bound. Of the first clause the source may be given."""
        if not clauses:
            yield Item(None, certain=not doubt.count)
            return
        clause = clauses[0]
        if source is None:
            source = yield from self.iterator((yield from self.value(clause.iter, frame)))
        if isinstance(source, Many):
            with self.uncertain(doubt):
                yield from self.assign(clause.target, source.item, frame)
                yield from self._chosen(clause.ifs, clauses[1:], frame, doubt)
            return
        while (item := (yield from self.pull(source))) is not None:
            yield None  # the scout may pause here
            with nullcontext() if item.certain else self.uncertain(doubt):
                yield from self.assign(clause.target, item.value, frame)
                yield from self._chosen(clause.ifs, clauses[1:], frame, doubt)

    @contextmanager
    def uncertain(self, doubt: _Doubt) -> Iterator[None]:
        """What happens inside happens any number of times."""
        doubt.count += 1
        self.uncounted += 1
        yield  # on an exception both stay: a `try` sees by that that it may not have happened
        self.uncounted -= 1
        doubt.count -= 1

    def _chosen(
        self, tests: Sequence[ast.expr], clauses: Sequence[ast.comprehension], frame: Frame, doubt: _Doubt
    ) -> Iterator[Any]:
        """The rows of the clauses that follow, if all tests of this one are true."""
        if not tests:
            yield from self._rows(clauses, frame, doubt)
            return
        truth = self.truth((yield from self.value(tests[0], frame)))
        if not isinstance(truth, Unknown):
            if truth:
                yield from self._chosen(tests[1:], clauses, frame, doubt)
            return
        self.guards.append(Is(truth, expected=True))
        doubt.count += 1
        yield from self._chosen(tests[1:], clauses, frame, doubt)
        doubt.count -= 1
        self.guards.pop()

    def assign(self, target: ast.expr, value: Any, frame: Frame) -> Steps:
        """Give a target a value."""
        raise NotImplementedError

    def pull(self, stream: Stream) -> Steps:
        """The next item of a stream; None at its end."""
        depth = self.memory.depth
        if stream.depth not in (None, depth):
            raise Stop("an iterator is used where it is not certain that the code gets there")
        while True:
            shields, ways = self.shields, len(self.ways)
            try:
                step = next(stream.steps)
            except StopIteration:
                return None
            if step is not None:
                if depth != self.memory.depth or self.shields is not shields or len(self.ways) != ways:
                    raise Stop("a generator that may yield, or not, or in a `try`")
                return step
            yield

    def listed(self, value: Any) -> Steps:
        """All items of an iterable."""
        source = yield from self.iterator(value)
        if isinstance(source, Many):
            raise Stop("the items of what is not known")
        values = []
        while (item := (yield from self.pull(source))) is not None:
            if not item.certain:
                raise Stop("the items of what is not known")
            values.append(item.value)
            self.tick()
        return values

    def iterator(self, value: Any) -> Steps:
        """What `for` takes the items from."""
        yield from ()
        if isinstance(value, Stream | Many):
            return value
        if isinstance(value, Unknown):
            kind = value.kind
            if not kind.within(CONTAINERS | {str}):
                self.may_raise(Unknown(PLAIN), TypeError)
                return Many(Unknown(PLAIN))
            if kind.within(MAPPINGS):
                return Many(Unknown(kind.key or PLAIN))
            item = STR if kind.only(str) else kind.item or PLAIN
            return Many(Unknown(item, self._aliases(value) if may_change(item) else ()))
        if isinstance(value, View):
            return self._view_iterator(value)
        kind_here = type(value)
        if kind_here in CONTAINERS and not self.are_certain(value):
            vague = self.kind(value)
            item = (vague.key if kind_here in MAPPINGS else vague.item) or PLAIN
            return Many(Unknown(item, (value,) if may_change(item) else ()))
        if kind_here in (set, frozenset):
            if self.memory.is_changed(value):
                raise Stop("the order of a set that was changed")
            return Stream(map(Item, list(value)), self.memory.depth)
        if kind_here in (str, bytes, range, tuple) or kind_here is Document:
            return Stream((Item(self.memory.load(item)) for item in value), self.memory.depth)
        if kind_here is list:
            return Stream(self._list_items(value), self.memory.depth)
        if kind_here in MAPPINGS:
            return Stream(self._dict_items(value, "keys"), self.memory.depth)
        raise Stop(f"a {kind_here.__name__} is iterated over")

    def _list_items(self, value: Any) -> Iterator[Item]:
        at = 0
        while at < len(now := self.memory.load(value)):
            if not self.are_certain(now):
                raise Stop("a list that changes while it is iterated over")
            yield Item(self.memory.load(now[at]))
            at += 1

    def _view_iterator(self, view: View) -> Stream | Many:
        value = self.memory.load(view.of)
        if self.are_certain(value):
            return Stream(self._dict_items(value, view.name), self.memory.depth)
        kind = self.kind(value)
        item = kind.item or PLAIN
        inner = Unknown(item, (value,) if may_change(item) else ())
        key = Unknown(kind.key or PLAIN)
        return Many({"keys": key, "values": inner, "items": (key, inner)}[view.name])

    def _dict_items(self, value: Any, name: str) -> Iterator[Item]:
        keys = list(self.memory.load(value))
        for key in keys:
            now = self.memory.load(value)
            if not self.are_certain(now) or len(now) != len(keys):
                raise Stop("a dict that changes while it is iterated over")
            item = self.memory.load(now[key])
            yield Item({"keys": key, "values": item, "items": (key, item)}[name])

    _FORMS: MappingProxyType[type, Callable[..., Steps]] = MappingProxyType(
        {
            ast.JoinedStr: _text,
            ast.FormattedValue: _formatted,
            ast.BinOp: _binary,
            ast.UnaryOp: _unary,
            ast.BoolOp: _bool,
            ast.IfExp: _choice,
            ast.Compare: _compare,
            ast.Subscript: _subscript,
            ast.Slice: _slice,
            ast.List: _list,
            ast.Tuple: _tuple,
            ast.Set: _set,
            ast.Dict: _dict,
            ast.Lambda: _lambda,
            ast.NamedExpr: _named,
            ast.Call: _invocation,
            ast.Attribute: _attribute,
            ast.ListComp: _comprehension,
            ast.SetComp: _comprehension,
            ast.DictComp: _comprehension,
            ast.GeneratorExp: _generator,
        }
    )


_NO_BOUND = ast.Constant(None)


class _Doubt:
    """How many clauses of a comprehension make it uncertain whether there is a row."""

    count = 0


MAX_KEPT = 1_000
"""Answers that the scout's own copy of a list or dict holds; of more, only their kind is kept."""

_LARGE = 100

_INDEXED = MAPPINGS | {str, bytes, range, list, tuple, Document}

_RESULTS = ATOMS | CONTAINERS
"""Types of what an expression may give that is evaluated as it is; a generator, for instance, is not used up."""

_WILD = frozenset((ast.Pow, ast.LShift, ast.RShift, ast.MatMult))
"""Operators that fail for some numbers."""
