"""How the scout evaluates each form of expression."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import MappingProxyType
from typing import Any

from rlm_graph.context.document import Document
from rlm_graph.repl.guards import Facade
from rlm_graph.repl.run_ahead import kinds
from rlm_graph.repl.run_ahead.evaluation import Closure, Steps
from rlm_graph.repl.run_ahead.frames import Frame, Function
from rlm_graph.repl.run_ahead.iteration import Item, Iteration, Many, Stream
from rlm_graph.repl.run_ahead.kinds import BOOL, ERROR_CLASS, MAPPINGS, NONE, NUMBERS, PLAIN, STR, Kind, either, join
from rlm_graph.repl.run_ahead.memory import Stop
from rlm_graph.repl.run_ahead.pure import OPERATORS, TYPES, is_pure
from rlm_graph.repl.run_ahead.unknown import Is, Unknown


class Expressions(Iteration):
    """Evaluates expressions."""

    def _text(self, node: ast.JoinedStr, frame: Frame) -> Steps:
        return self.joined((yield from self.values(node.values, frame)))

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
        if isinstance(value, Unknown) and type(spec) is str and spec.endswith("c"):
            raise Stop("a format that not all numbers have")
        return self.operate(format, value, spec)

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

    def _choice(self, node: ast.IfExp, frame: Frame) -> Steps:
        truth = self.truth((yield from self.value(node.test, frame)))
        if not isinstance(truth, Unknown):
            return (yield from self.value(node.body if truth else node.orelse, frame))
        ways = [
            (Is(truth, True), lambda: self.value(node.body, self._narrowed(node.test, frame, True))),
            (Is(truth, False), lambda: self.value(node.orelse, self._narrowed(node.test, frame, False))),
        ]
        return (yield from self.either(ways))

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

    def _list(self, node: ast.List, frame: Frame) -> Steps:
        return (yield from self.values(node.elts, frame))

    def _tuple(self, node: ast.Tuple, frame: Frame) -> Steps:
        return tuple((yield from self.values(node.elts, frame)))

    def _set(self, node: ast.Set, frame: Frame) -> Steps:
        made: set[Any] = set()
        for value in (yield from self.values(node.elts, frame)):
            self.add_to_set(made, value)
        return self.memory.load(made)

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
        self.named += 1
        return value

    def _invocation(self, node: ast.Call, frame: Frame) -> Steps:
        return self.call(node, frame)

    def _attribute(self, node: ast.Attribute, frame: Frame) -> Steps:
        return (yield from self.got((yield from self.value(node.value, frame)), node.attr))

    def got(self, value: Any, name: str) -> Steps:
        """`value.name`, also where a method of the code's own gives it."""
        yield from ()
        return self.attribute(value, name)

    def attribute(self, value: Any, name: str) -> Any:
        """`value.name`, where it is not called."""
        if isinstance(value, Facade) and name in value.__dict__:
            return self.memory.load(value.__dict__[name])
        if type(value) is Document and name in ("name", "metadata"):
            return self.memory.load(getattr(value, name))
        if type(value) is type and value in TYPES and name == "__name__":
            return value.__name__
        if isinstance(value, Unknown) and value.kind == ERROR_CLASS and name == "__name__":
            return Unknown(STR)
        raise Stop(f"the attribute `{name}` of a {type(value).__name__}")

    # Comprehensions. --------------------------------------------------------------------------------------------------

    def _comprehension(self, node: Any, frame: Frame) -> Steps:
        inner = Frame(self.scope(node), frame)
        first = yield from self.iterator((yield from self.value(node.generators[0].iter, frame)))
        rows = Stream(self._rows(node.generators, inner, _Doubt(), first), self.memory.depth)
        made: list[tuple[Any, Any]] = []
        is_certain = True
        while (row := (yield from self.pull(rows))) is not None:
            with self._without_effects(row.certain):
                key = (yield from self.value(node.key, inner)) if isinstance(node, ast.DictComp) else None
                value = yield from self.value(node.value if isinstance(node, ast.DictComp) else node.elt, inner)
            if not isinstance(node, ast.ListComp) and not self.fits_as_key(value if key is None else key):
                raise Stop("a key that may not fit into a dict or set")
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
        held = self.held([value for _, value in made], kind)
        if isinstance(node, ast.ListComp):
            return Unknown(Kind(frozenset((list,)), kind), held)
        if not kinds.is_hashable(key_kind if isinstance(node, ast.DictComp) else kind):
            raise Stop("keys that may not fit into a dict or set")
        return Unknown(Kind(frozenset((dict if isinstance(node, ast.DictComp) else set,)), kind, key_kind), held)

    def _generator(self, node: ast.GeneratorExp, frame: Frame) -> Steps:
        inner = Frame(self.scope(node), frame)
        first = yield from self.iterator((yield from self.value(node.generators[0].iter, frame)))

        def items() -> Iterator[Item | None]:
            rows = Stream(self._rows(node.generators, inner, _Doubt(), first), self.memory.depth)
            while (row := (yield from self.pull(rows))) is not None:
                with self._without_effects(row.certain):
                    value = yield from self.value(node.elt, inner)
                yield Item(value, row.certain)

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
            with self._without_effects(not doubt.count):
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
    def _without_effects(self, is_certain: bool) -> Iterator[None]:
        """What happens inside may not happen, so it must leave nothing behind, unless it is certain."""
        before = self.effects
        yield
        if not is_certain and self.effects != before:
            raise Stop("a row that there may not be changes something")

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
        with self._without_effects(not doubt.count):
            truth = self.truth((yield from self.value(tests[0], frame)))
        if not isinstance(truth, Unknown):
            if truth:
                yield from self._chosen(tests[1:], clauses, frame, doubt)
            return
        self.guards.append(Is(truth, expected=True))
        doubt.count += 1
        for name, value in self.narrowed(tests[0], frame, True):
            if name in frame.scope.names:
                self.bind(frame, name, value)
        yield from self._chosen(tests[1:], clauses, frame, doubt)
        doubt.count -= 1
        self.guards.pop()

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


_WILD = frozenset((ast.Pow, ast.LShift, ast.RShift, ast.MatMult))
"""Operators that fail for some numbers."""
