"""How the scout goes through statements.

Where the code may go two ways, because an answer decides or a call may fail, both are gone, and what is certain after
both is kept. The ways part again if one of them leaves a loop or function: then the scout goes on with the other, and
they meet where the loop, or the function, ends.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from rlm_graph.repl.run_ahead import kinds
from rlm_graph.repl.run_ahead.evaluation import Steps
from rlm_graph.repl.run_ahead.frames import Frame
from rlm_graph.repl.run_ahead.invocations import Invocations
from rlm_graph.repl.run_ahead.iteration import Item, Many, Stream
from rlm_graph.repl.run_ahead.kinds import ERROR, MAPPINGS, PLAIN
from rlm_graph.repl.run_ahead.matching import as_ifs
from rlm_graph.repl.run_ahead.memory import UNSET, UNSURE, Change, Stop
from rlm_graph.repl.run_ahead.pure import is_pure
from rlm_graph.repl.run_ahead.shields import NOTHING_RAISED, CodeError, Raised, Shield
from rlm_graph.repl.run_ahead.unknown import All, AnyOf, Condition, Is, Unknown, may_change

MAX_OPEN = 4
"""Times that a loop may go round while it is not certain that it does: three attempts at a call, for instance."""

MAX_ROUNDS = 4
"""Times that the body of a loop over what is not known is gone through until it changes nothing more."""


@dataclass(frozen=True)
class Return:
    """A way has come to a `return`."""

    value: Any


BREAK = "break"
CONTINUE = "continue"

Signal = Return | str | None
"""How a statement ends; None: the next one follows."""


@dataclass(frozen=True)
class Way:
    """One of the ways that the code may go, from where they part."""

    condition: Condition
    """It goes this way if that holds."""

    signal: Signal
    change: Change

    waits: bool = True
    """Its calls are certain only when the condition is known. Not so where no call fails."""

    shields: tuple[Shield, ...] = ()
    """It is gone if these catch nothing."""

    handlers: tuple[tuple[Shield, int], ...] = ()
    """It is gone if these handlers catch the failure of a call."""


@dataclass(frozen=True)
class Split:
    """The ways have parted: the state is that of before, at a mark that is open."""

    ways: tuple[Way, ...]


class Scout(Invocations):
    """Goes through the code ahead of it."""

    def suite(self, body: Sequence[ast.stmt], frame: Frame) -> Steps:
        """Some statements, one after the other; returns how they end, or a `Split`."""
        for at, statement in enumerate(body, 1):
            self.tick()
            do = self._STATEMENTS.get(type(statement))
            if do is None:
                raise Stop(f"`{type(statement).__name__}`")
            result = yield from do(self, statement, frame)
            if isinstance(result, Split):
                return (yield from self._rest(result, body[at:], frame))
            if result is not None:
                return result
        return None

    # Ways that part and meet. ---------------------------------------------------------------------------------------

    def _rest(self, split: Split, rest: Sequence[ast.stmt], frame: Frame) -> Steps:
        """Go on, on the way that has not left."""
        staying = [way for way in split.ways if way.signal is None]
        if not staying:
            return split
        way = self._joined(staying)
        self.memory.apply(way.change)
        guards, ways = len(self.guards), len(self.ways)
        self._enter(way)
        result = yield from self.suite(rest, frame)
        del self.guards[guards:], self.ways[ways:]
        return self.settled([*self.ways_of(result, way), *(w for w in split.ways if w.signal is not None)])

    def _enter(self, way: Way) -> None:
        if way.waits:
            self.guards.append(way.condition)
        self.ways += way.shields

    def _joined(self, ways: Sequence[Way]) -> Way:
        """Several ways that have come to the same point as one. The state is that of the mark, before and after."""
        if len(ways) == 1:
            return ways[0]
        self.memory.merge([(way.condition, way.change) for way in ways])
        signal = ways[0].signal
        if isinstance(signal, Return):
            values = [(way.condition, way.signal.value) for way in ways if isinstance(way.signal, Return)]
            chosen = self.memory.choice(values)
            if chosen is UNSURE:
                raise Stop("a function that returns what is no plain data on one way")
            signal = Return(chosen)
        return Way(
            AnyOf([way.condition for way in ways]),
            signal,
            self.memory.take_back(),
            all(way.waits for way in ways),
            tuple(shield for shield in ways[0].shields if all(shield in way.shields for way in ways)),
            tuple(one for way in ways for one in way.handlers) if all(way.handlers for way in ways) else (),
        )

    def ways_of(self, result: Signal | Split, via: Way) -> list[Way]:
        """The ways that the code has gone since the open mark; the state is that of the mark again."""
        if not isinstance(result, Split):
            return [Way(via.condition, result, self.memory.take_back(), via.waits, via.shields, via.handlers)]
        self.memory.close()
        before = self.memory.take_back()
        return [
            Way(
                All([via.condition, way.condition]),
                way.signal,
                {**before, **way.change},
                via.waits or way.waits,
                via.shields + way.shields,
                via.handlers + way.handlers,
            )
            for way in result.ways
        ]

    def settled(self, ways: Sequence[Way]) -> Signal | Split:
        """How the ways end, if all end in the same way: they meet, and the mark is closed. Otherwise they part."""
        if len({type(way.signal) if isinstance(way.signal, Return) else way.signal for way in ways}) > 1:
            return Split(tuple(ways))
        way = self._joined(ways)
        self.memory.apply(way.change)
        self.memory.close()
        return way.signal

    def _with_signal(self, ways: Sequence[Way], old: Signal, new: Signal) -> list[Way]:
        return [
            Way(way.condition, new, way.change, way.waits, way.shields, way.handlers) if way.signal == old else way
            for way in ways
        ]

    # Statements. ----------------------------------------------------------------------------------------------------

    def _expression(self, node: ast.Expr, frame: Frame) -> Steps:
        if isinstance(node.value, ast.Yield | ast.YieldFrom):
            yield from self._yielded(node.value, frame)
        else:
            yield from self.value(node.value, frame)

    def _yielded(self, node: ast.Yield | ast.YieldFrom, frame: Frame) -> Generator[Any, None, None]:
        if isinstance(node, ast.Yield):
            value = None if node.value is None else (yield from self.value(node.value, frame))
            yield Item(value)
            return
        source = yield from self.iterator((yield from self.value(node.value, frame)))
        if isinstance(source, Many):
            raise Stop("`yield from` what is not known")
        while (item := (yield from self.pull(source))) is not None:
            yield item

    def _assignment(self, node: ast.Assign, frame: Frame) -> Steps:
        value = yield from self.value(node.value, frame)
        for target in node.targets:
            yield from self.assign(target, value, frame)

    def _annotated(self, node: ast.AnnAssign, frame: Frame) -> Steps:
        if node.value is not None:
            yield from self.assign(node.target, (yield from self.value(node.value, frame)), frame)

    def assign(self, target: ast.expr, value: Any, frame: Frame) -> Steps:
        """Give a target a value."""
        if isinstance(target, ast.Name):
            self.bind(frame, target.id, value)
        elif isinstance(target, ast.Subscript):
            container = yield from self.value(target.value, frame)
            self.put(container, (yield from self.value(target.slice, frame)), value)
        elif isinstance(target, ast.Tuple | ast.List):
            parts = yield from self._unpacked(target.elts, value)
            for part, item in zip(target.elts, parts, strict=True):
                yield from self.assign(part.value if isinstance(part, ast.Starred) else part, item, frame)
        elif isinstance(target, ast.Attribute):
            self.set_attribute((yield from self.value(target.value, frame)), target.attr, value)
        else:
            raise Stop(f"`{type(target).__name__}` is given a value")

    def _unpacked(self, targets: Sequence[ast.expr], value: Any) -> Steps:
        if isinstance(value, Unknown):
            return self._unpacked_unknown(targets, value)
        if isinstance(value, Stream) and not any(isinstance(target, ast.Starred) for target in targets):
            value = yield from self._first(value, len(targets) + 1)
        items = yield from self.listed(value)
        starred = [at for at, target in enumerate(targets) if isinstance(target, ast.Starred)]
        if not starred:
            if len(items) != len(targets):
                raise CodeError(ValueError(f"{len(items)} values for {len(targets)} variables"))
            return items
        after = len(targets) - starred[0] - 1
        if len(items) < len(targets) - 1:
            raise CodeError(ValueError(f"{len(items)} values for {len(targets) - 1} variables or more"))
        end = len(items) - after
        return [*items[: starred[0]], items[starred[0] : end], *items[end:]]

    def _first(self, source: Stream, count: int) -> Steps:
        """The first items of an iterator: to unpack it, one more is taken than there are variables."""
        items: list[Any] = []
        while len(items) < count and (item := (yield from self.pull(source))) is not None:
            if not item.certain:
                raise Stop("what may not be there is unpacked")
            items.append(item.value)
        return items

    def _unpacked_unknown(self, targets: Sequence[ast.expr], value: Unknown) -> list[Any]:
        item = value.kind.item or PLAIN
        if any(isinstance(target, ast.Starred) for target in targets) or may_change(item):
            raise Stop("what is not known is unpacked")
        whole: Unknown = value
        if not (value.kind.only(list, tuple) and value.kind.is_exact and value.kind.least == len(targets)):
            exact = self.derive(lambda known: _exactly(known, len(targets)), [value], value.kind)
            whole = self.may_raise(exact, ValueError, TypeError)
        return [self.derive(lambda known, at=at: known[at], [whole], item) for at in range(len(targets))]

    def _augmented(self, node: ast.AugAssign, frame: Frame) -> Steps:
        target = node.target
        if isinstance(target, ast.Name):
            old = self.lookup(frame, target.id)
            new = yield from self._in_place(node, old, frame)
            self.bind(frame, target.id, new)
        elif isinstance(target, ast.Subscript):
            container = yield from self.value(target.value, frame)
            index = yield from self.value(target.slice, frame)
            new = yield from self._in_place(node, self.item(container, index), frame)
            self.put(self.memory.load(container), index, new)
        elif isinstance(target, ast.Attribute):
            owner = yield from self.value(target.value, frame)
            new = yield from self._in_place(node, (yield from self.got(owner, target.attr)), frame)
            self.set_attribute(owner, target.attr, new)
        else:
            raise Stop(f"`{type(target).__name__}` is changed")

    def _in_place(self, node: ast.AugAssign, old: Any, frame: Frame) -> Steps:
        value = yield from self.value(node.value, frame)
        change = _IN_PLACE.get((type(old), type(node.op)))
        if change is not None:
            name, types = change
            if types and not self.kind(value).within(types):
                raise Stop("a set or dict is changed by something else")
            yield from self.method(old, name, [value], {})
            return self.memory.load(old)
        if type(old) in kinds.MUTABLE or (isinstance(old, Unknown) and may_change(old.kind)):
            raise Stop("a list or dict is changed in place")
        return self.binary(type(node.op), old, value)

    def _definition(self, node: ast.FunctionDef, frame: Frame) -> Steps:
        decorators = yield from self.values(node.decorator_list, frame)
        made = yield from self.closure(node, frame)
        for decorate in reversed(decorators):
            made = yield from self.invoke(decorate, [made], {})
        self.bind(frame, node.name, made)

    def _return(self, node: ast.Return, frame: Frame) -> Steps:
        return Return(None if node.value is None else (yield from self.value(node.value, frame)))

    def returned(self, node: ast.FunctionDef, frame: Frame) -> Steps:
        """What the body of a function returns."""
        result = yield from self.suite(node.body, frame)
        if isinstance(result, Split):
            result = self.settled(self._with_signal(result.ways, None, Return(None)))
        return result.value if isinstance(result, Return) else None

    def generated(self, node: ast.FunctionDef, frame: Frame) -> Iterator[Item | None]:
        """The items of a generator function."""
        if isinstance((yield from self.suite(node.body, frame)), Split):
            raise Stop("a generator that may have ended")

    def _import(self, node: ast.Import | ast.ImportFrom, frame: Frame) -> Steps:
        yield from ()
        load = self._builtins["__import__"]
        if isinstance(node, ast.Import):
            for alias in node.names:
                names = ("*",) if alias.asname else ()
                self.bind(
                    frame, alias.asname or alias.name.partition(".")[0], self.run(load, [alias.name, {}, {}, names])
                )
            return
        wanted = [alias.name for alias in node.names]
        if "*" in wanted or node.level:
            raise Stop("an import of everything")
        module = self.run(load, [node.module, {}, {}, wanted])
        for alias in node.names:
            self.bind(frame, alias.asname or alias.name, module.__dict__[alias.name])

    def _assertion(self, node: ast.Assert, frame: Frame) -> Steps:
        truth = self.truth((yield from self.value(node.test, frame)))
        if isinstance(truth, Unknown):
            self.may_raise(self.derive(_assert, [truth], kinds.NOTHING), AssertionError)
        elif not truth:
            raise CodeError(AssertionError())

    def _raise(self, node: ast.Raise, frame: Frame) -> Steps:
        error = node.exc
        name = error.func if isinstance(error, ast.Call) else error
        if not isinstance(name, ast.Name):
            raise Stop("`raise` of what was caught")
        found = self.lookup(frame, name.id)
        if not _is_python_error(found):
            raise Stop("an exception of the code's own")
        if isinstance(error, ast.Call):
            for value in (yield from self.values(error.args, frame)):
                self.shown(str, value)
        raise CodeError(found())

    def _deletion(self, node: ast.Delete, frame: Frame) -> Steps:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.lookup(frame, target.id)
                self.bind(frame, target.id, UNSET)
            elif isinstance(target, ast.Subscript):
                container = yield from self.value(target.value, frame)
                key = yield from self.value(target.slice, frame)
                if type(container) not in MAPPINGS or not self.memory.is_plain(key) or not self.are_certain(container):
                    raise Stop("an item is deleted")
                self.run(self.memory.changed(container).__delitem__, [key])
            else:
                raise Stop("an attribute is deleted")

    def _nothing(self, node: ast.stmt, frame: Frame) -> Steps:  # noqa: ARG002 - as all statements
        yield from ()

    def _break(self, node: ast.stmt, frame: Frame) -> Steps:  # noqa: ARG002
        yield from ()
        return BREAK

    def _continue(self, node: ast.stmt, frame: Frame) -> Steps:  # noqa: ARG002
        yield from ()
        return CONTINUE

    def _if(self, node: ast.If, frame: Frame) -> Steps:
        truth = self.truth((yield from self.value(node.test, frame)))
        if not isinstance(truth, Unknown):
            return (yield from self.suite(node.body if truth else node.orelse, frame))
        self.memory.open()
        ways: list[Way] = []
        for expected, body in ((True, node.body), (False, node.orelse)):
            condition = Is(truth, expected)
            self.guards.append(condition)
            for name, value in self.narrowed(node.test, frame, expected):
                self.bind(frame, name, value)
            try:
                result = yield from self.suite(body, frame)
            except CodeError as error:
                raise Stop("one of two ways raises an exception") from error
            self.guards.pop()
            ways += self.ways_of(result, Way(condition, None, {}))
        return self.settled(ways)

    def _match(self, node: ast.Match, frame: Frame) -> Steps:
        """`match`, by values: it is gone through like `if` and `elif`."""
        subject = yield from self.value(node.subject, frame)
        name = f"<{node.lineno}>"
        self.bind(frame, name, subject)
        if node not in self._cache.cases:
            self._cache.cases[node] = as_ifs(node.cases, name)
        return (yield from self.suite(self._cache.cases[node], frame))

    # Loops. ---------------------------------------------------------------------------------------------------------

    def _for(self, node: ast.For, frame: Frame) -> Steps:
        value = yield from self.value(node.iter, frame)
        source = yield from self.iterator(value)
        if isinstance(source, Many):
            return (yield from self._many(node, source.item, frame))
        if source is not value or self._is_own(node.iter, frame):
            source.depth = None

        def next_item() -> Steps:
            item = yield from self.pull(source)
            if item is None:
                return False
            if not item.certain:
                raise Stop("a loop over what may not be there")
            yield from self.assign(node.target, item.value, frame)
            return True

        return (yield from self._loop(node, next_item, frame))

    def _is_own(self, node: ast.expr, frame: Frame) -> bool:
        """Is it an iterator that nobody else has, because one of Python's functions makes it here?"""
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        return is_call and is_pure(self.lookup(frame, node.func.id))  # type: ignore[attr-defined] # a call of a name

    def _while(self, node: ast.While, frame: Frame) -> Steps:
        def test() -> Steps:
            truth = self.truth((yield from self.value(node.test, frame)))
            if isinstance(truth, Unknown):
                raise Stop("a loop whose condition hangs on an answer")
            return truth

        return (yield from self._loop(node, test, frame))

    def _loop(self, node: ast.For | ast.While, go_on: Callable[[], Steps], frame: Frame) -> Steps:
        """A loop. `left` are the ways that have left it, each at a mark of its own, beside the one that goes on."""
        left: list[tuple[Way, list[Way]]] = []
        guards, ways = len(self.guards), len(self.ways)
        result: Signal | Split = None
        while (yield from go_on()):
            yield  # the scout may pause here
            result = yield from self.suite(node.body, frame)
            if isinstance(result, Split):
                result = self._stay(result, left)
            if result not in (None, CONTINUE):
                break
        else:
            result = yield from self.suite(node.orelse, frame)
            if result in (BREAK, CONTINUE):
                raise Stop("`else` of a loop that ends the loop around it")
        del self.guards[guards:], self.ways[ways:]
        if isinstance(result, Split):
            result = Split(tuple(self._with_signal(result.ways, BREAK, None)))
        elif result == BREAK:
            result = None
        for way, others in reversed(left):
            result = self.settled([*self.ways_of(result, way), *self._with_signal(others, BREAK, None)])
        return result

    def _stay(self, split: Split, left: list[tuple[Way, list[Way]]]) -> Signal | Split:
        """After a round on which the ways parted: go on with those that stay in the loop."""
        all_ways = self._with_signal(split.ways, None, CONTINUE)
        staying = [way for way in all_ways if way.signal == CONTINUE]
        leaving = [way for way in all_ways if way.signal != CONTINUE]
        if not leaving or not staying:
            return self.settled(all_ways)
        way = self._joined(staying)
        if not way.waits and all(other.handlers for other in leaving):
            for other in leaving:
                self._give_up(other.handlers)
            self.memory.apply(way.change)
            self.memory.close()
            return None
        if len(left) >= MAX_OPEN:
            if not way.handlers:
                raise Stop("a loop that may end with each answer")
            self._give_up(way.handlers)
            return self.settled(leaving)
        left.append((way, leaving))
        self.memory.apply(way.change)
        self._enter(way)
        return None

    def _give_up(self, handlers: Sequence[tuple[Shield, int]]) -> None:
        """The scout does not follow the code where a call's failure is caught by these handlers: it ends the plan."""
        for shield, handler in handlers:
            if shield.has_operations:  # what is made of an answer fails without an end of the plan
                raise Stop("what is made of an answer may be caught, and the code go another way")
            shield.leaving.add(handler)
            if shield.failed == handler:
                raise Stop("a call has failed that must not")

    def _many(self, node: ast.For, item: Any, frame: Frame) -> Steps:
        """A loop over any number of items: what is certain after one round, and after two, until it stays the same."""
        if node.orelse:
            raise Stop("`else` of a loop over what is not known")
        self.uncounted += 1
        for _ in range(MAX_ROUNDS):
            before = self.memory.widened
            self.memory.open()
            yield from self.assign(node.target, item, frame)
            try:
                result = yield from self.suite(node.body, frame)
            except CodeError as error:
                raise Stop("what may happen, or not, raises an exception") from error
            ways = self.ways_of(result, Way(All([]), None, {}))
            if any(isinstance(way.signal, Return) for way in ways):
                raise Stop("a function that may return with each item")
            self.memory.close()
            differs = [self.memory.blur(way.change) for way in ways]
            if not any(differs) and self.memory.widened == before:
                self.uncounted -= 1
                return None
        raise Stop("a loop over what is not known that changes something each time")

    # try. -----------------------------------------------------------------------------------------------------------

    def _try(self, node: ast.Try, frame: Frame) -> Steps:
        if not node.finalbody:
            return (yield from self._tried(node, frame))
        shields, self.shields = self.shields, []  # what is raised through `finally` is not followed
        try:
            result = yield from self._tried(node, frame) if node.handlers else self.suite(node.body, frame)
        except CodeError as error:
            raise Stop("`finally` after an exception") from error
        self.shields = shields
        if isinstance(result, Split):
            raise Stop("`finally` after two ways")
        last = yield from self.suite(node.finalbody, frame)
        return result if last is None else last

    def _tried(self, node: ast.Try, frame: Frame) -> Steps:
        shield = Shield(tuple(self._caught(handler.type, frame) for handler in node.handlers))
        self.memory.open()
        depth, standing = self.memory.depth, self.standing()
        self.shields.append(shield)
        self.ways.append(shield)
        try:
            result = yield from self.suite(node.body, frame)
        except CodeError as error:
            is_certain = tuple(self.guards) == standing.guards and self.uncounted == standing.uncounted
            if not is_certain or self.memory.depth != depth or shield.points:
                raise Stop("an exception where it is not certain that the code gets there") from error
            self.stand(standing)
            self.memory.close()
            return (yield from self._handled(node, shield, error, frame))
        self.shields.pop()
        shield.is_open = False
        if node.orelse and isinstance(result, Split):
            result = yield from self._rest(result, node.orelse, frame)
        elif node.orelse and result is None:
            result = yield from self.suite(node.orelse, frame)
        self.ways.pop()
        if not shield.points:
            if isinstance(result, Split):
                result = self.settled(self.ways_of(result, Way(All([]), None, {}, waits=False)))
            else:
                self.memory.close()
            return result
        return (yield from self._handlers(node, shield, result, frame))

    def _handlers(self, node: ast.Try, shield: Shield, result: Signal | Split, frame: Frame) -> Steps:
        """The ways of a `try` statement: nothing was raised, or one of its handlers has caught it."""
        raised = Raised(shield)
        fine = Way(Is(raised, NOTHING_RAISED), None, {}, waits=shield.has_operations, shields=(shield,))
        ways = self.ways_of(result, fine)
        body = [way.change for way in ways]
        depth, standing = self.memory.depth, self.standing()
        for at, handler in enumerate(node.handlers):
            condition = Is(raised, at)
            for change in body:
                self.memory.blur(change)
            if handler.name:
                self.bind(frame, handler.name, Unknown(ERROR))
            self.guards.append(condition)
            way = Way(condition, None, {}, handlers=((shield, at),))
            try:
                ended = yield from self.suite(handler.body, frame)
                if handler.name and not isinstance(ended, Split):
                    self.bind(frame, handler.name, UNSET)
                new = self.ways_of(ended, way)
            except (Stop, CodeError) as error:
                if shield.has_operations:
                    raise Stop("after an exception it is not certain how the code goes on") from error
                self.memory.drop_to(depth)
                self._give_up([(shield, at)])
                new = []
            self.stand(standing)
            ways += new
        return self.settled(ways)

    def _caught(self, node: ast.expr | None, frame: Frame) -> tuple[type[BaseException], ...]:
        """The exceptions that a handler catches."""
        if node is None:
            return (BaseException,)
        types: list[Any] = []
        for part in node.elts if isinstance(node, ast.Tuple) else [node]:
            if isinstance(part, ast.Name):
                types.append(self.lookup(frame, part.id))
            elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
                types.append(self.attribute(self.lookup(frame, part.value.id), part.attr))
            else:
                raise Stop("what is caught is not known")
        if not all(type(one) is type and issubclass(one, BaseException) for one in types):
            raise Stop("what is caught is no exception")
        return tuple(types)

    def _handled(self, node: ast.Try, shield: Shield, raised: CodeError, frame: Frame) -> Steps:
        """An exception that the code certainly raises."""
        at = shield.catches(raised.error)
        if at is None:
            raise raised
        handler = node.handlers[at]
        if handler.name:
            self.bind(frame, handler.name, Unknown(ERROR))
        result = yield from self.suite(handler.body, frame)
        if handler.name and not isinstance(result, Split):
            self.bind(frame, handler.name, UNSET)
        return result

    _STATEMENTS: MappingProxyType[type, Callable[..., Steps]] = MappingProxyType(
        {
            ast.Expr: _expression,
            ast.Assign: _assignment,
            ast.AnnAssign: _annotated,
            ast.AugAssign: _augmented,
            ast.FunctionDef: _definition,
            ast.Return: _return,
            ast.Import: _import,
            ast.ImportFrom: _import,
            ast.Assert: _assertion,
            ast.Raise: _raise,
            ast.Delete: _deletion,
            ast.Pass: _nothing,
            ast.Global: _nothing,
            ast.Nonlocal: _nothing,
            ast.Break: _break,
            ast.Continue: _continue,
            ast.If: _if,
            ast.Match: _match,
            ast.For: _for,
            ast.While: _while,
            ast.Try: _try,
        }
    )


_SETS: frozenset[type] = frozenset((set, frozenset))

_IN_PLACE: MappingProxyType[tuple[type, type], tuple[str, frozenset[type]]] = MappingProxyType(
    {
        (list, ast.Add): ("extend", frozenset()),
        (deque, ast.Add): ("extend", frozenset()),
        (set, ast.BitOr): ("update", _SETS),
        (set, ast.BitAnd): ("intersection_update", _SETS),
        (set, ast.Sub): ("difference_update", _SETS),
        (dict, ast.BitOr): ("update", MAPPINGS),
    }
)
"""Operators that change what they are used on: the method that does the same, and with what they do it."""


def _exactly(value: Any, count: int) -> Any:
    """A value that has so many items."""
    if len(value) != count:
        raise ValueError(f"{len(value)} values for {count} variables")
    return value


def _assert(truth: bool) -> None:
    if not truth:
        raise AssertionError


def _is_python_error(value: Any) -> bool:
    return type(value) is type and issubclass(value, Exception) and value.__module__ == "builtins"
