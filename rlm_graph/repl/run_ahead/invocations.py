"""What the scout makes of calls: of the code's own functions, of those that ask the host, and of any other."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType
from typing import Any

from rlm_graph.repl.facades.listed import LISTED
from rlm_graph.repl.guards import Facade
from rlm_graph.repl.run_ahead.evaluation import Closure, Steps
from rlm_graph.repl.run_ahead.frames import Frame, Scope
from rlm_graph.repl.run_ahead.iteration import Item, Stream
from rlm_graph.repl.run_ahead.kinds import MAPPINGS, NUMBERS
from rlm_graph.repl.run_ahead.memory import Stop
from rlm_graph.repl.run_ahead.objects import Objects
from rlm_graph.repl.run_ahead.pure import TYPES, is_pure
from rlm_graph.repl.run_ahead.shields import Shield
from rlm_graph.repl.run_ahead.unknown import Condition, clock

MAX_CALLS = 25
"""Functions of the code inside of each other."""

Ask = Callable[["Invocations", list[Any], Mapping[str, Any]], Any]
"""A function of the REPL that asks the host, as the scout knows it: asks, and gives what will be given."""


@dataclass(frozen=True)
class Standing:
    """What the scout is in the middle of."""

    guards: tuple[Condition, ...]
    shields: tuple[Shield, ...]
    ways: tuple[Shield, ...]
    uncounted: int
    calls: int
    no_asking: bool


class Invocations(Objects):
    """Evaluates calls."""

    asks: Mapping[Any, Ask]
    """The functions of the REPL that ask, by themselves."""

    calls = 0
    """Functions of the code that the scout is in."""

    def standing(self) -> Standing:
        """Where the scout stands."""
        return Standing(
            tuple(self.guards), tuple(self.shields), tuple(self.ways), self.uncounted, self.calls, self.no_asking
        )

    def stand(self, standing: Standing) -> None:
        """Go back to where the scout stood, after an exception in between."""
        self.guards, self.shields, self.ways = list(standing.guards), list(standing.shields), list(standing.ways)
        self.uncounted, self.calls, self.no_asking = standing.uncounted, standing.calls, standing.no_asking

    def call(self, node: ast.Call, frame: Frame) -> Steps:
        """What a call gives."""
        function = node.func
        owner, is_own = None, False
        if isinstance(function, ast.Attribute):
            owner = yield from self.value(function.value, frame)
            if isinstance(owner, Facade):
                found = self.attribute(owner, function.attr)
            elif type(owner) is type and owner in TYPES:
                found = getattr(owner, function.attr, None)
            elif self.has_attributes(owner):
                found = yield from self.got(owner, function.attr)
                is_own = True
        else:
            found = yield from self.value(function, frame)
        arguments = yield from self.values(node.args, frame)
        named: dict[str, Any] = {}
        for keyword in node.keywords:
            value = yield from self.value(keyword.value, frame)
            if keyword.arg is not None:
                named[keyword.arg] = value
            elif type(value) is dict and self.are_certain(value) and all(type(name) is str for name in value):
                named |= {name: self.memory.load(value[name]) for name in value}
            else:
                raise Stop("named arguments that are not known")
        if isinstance(function, ast.Attribute) and not isinstance(owner, Facade) and not is_own:
            if type(owner) is type:
                return self._type_method(owner, function.attr, arguments, named)
            if function.attr == "setdefault" and _has_blank_default(node) and self._is_unsure_of(owner, arguments[0]):
                return self.unknown_default(owner, self.kind(arguments[0]), self.kind(arguments[1]))
            return (yield from self.method(owner, function.attr, arguments, named))
        return (yield from self.invoke(found, arguments, named))

    def _is_unsure_of(self, container: Any, key: Any) -> bool:
        """Is it a dict of which it is not known whether it has the key?"""
        return type(container) in MAPPINGS - {Counter} and not (
            self.are_certain(container) and self.memory.is_plain(key)
        )

    def invoke(self, function: Any, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        """What a function gives."""
        if isinstance(function, Closure):
            return (yield from self.enter(function, arguments, named))
        if type(function) is FunctionType and not is_pure(function):
            if function in self.asks:
                return self.asks[function](self, arguments, named)
            if function is self._builtins["print"]:
                return self._print(arguments, named)
            return (yield from self._enter_real(function, arguments, named))
        if function is self._builtins["type"] and len(arguments) == 1 and not named:
            return self._type_of(arguments[0])
        if type(function) is BuiltinFunctionType and function in _CLOCKS:
            return clock()
        if function is _SLEEP and len(arguments) == 1 and type(arguments[0]) in NUMBERS and arguments[0] >= 0:
            return None
        if self.can_be_called(function):
            return (yield from self.call_own(function, arguments, named))
        if not is_pure(function) and function is not next:
            raise Stop(f"a call of a {type(function).__name__}")
        return (yield from self._pure(function, arguments, named))

    # The code's own functions. ----------------------------------------------------------------------------------------

    def _enter_real(self, function: FunctionType, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        """Call a function that was there before the scout."""
        node = self._sources.function(function.__code__)
        if node is None or function.__globals__ is not self._namespace:
            raise Stop("a function whose source is not known")
        around = None
        if function.__closure__:
            names = function.__code__.co_freevars
            if self.written & set(names):
                raise Stop("a function that shares a variable with what the scout is in")
            cells = {
                name: cell.cell_contents for name, cell in zip(names, function.__closure__, strict=True) if _has(cell)
            }
            around = Frame(Scope(frozenset(names)), real=cells, is_fixed=True)
        defaults = tuple(map(self.memory.load, function.__defaults__ or ()))
        by_name = {name: self.memory.load(value) for name, value in (function.__kwdefaults__ or {}).items()}
        return (yield from self.enter(Closure(node, around, defaults, by_name), arguments, named))

    def enter(self, closure: Closure, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        """Call a function of the code."""
        node = closure.node
        frame = Frame(self.scope(node), closure.frame, bound(closure, arguments, named))
        if isinstance(node, ast.FunctionDef) and frame.scope.is_generator:
            return Stream(self.generated(node, frame), self.memory.depth)
        if self.calls >= MAX_CALLS:
            raise Stop("too many functions inside of each other")
        self.calls += 1
        if isinstance(node, ast.Lambda):
            value = yield from self.value(node.body, frame)
        else:
            value = yield from self.returned(node, frame)
        self.calls -= 1
        return value

    def returned(self, node: ast.FunctionDef, frame: Frame) -> Steps:
        """What the body of a function returns."""
        raise NotImplementedError

    def generated(self, node: ast.FunctionDef, frame: Frame) -> Iterator[Item | None]:
        """The items of a generator function."""
        raise NotImplementedError


_CLOCKS = frozenset(LISTED["time"][name] for name in ("time", "perf_counter", "monotonic", "process_time"))
_SLEEP = LISTED["time"]["sleep"]


def _has(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty one raises
    except ValueError:
        return False
    return True


def bound(closure: Closure, arguments: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a function with their values.

    Raises:
        Stop: they do not fit, or in a way that is too intricate.
    """
    parameters = closure.node.args
    positional = [*parameters.posonlyargs, *parameters.args]
    values = dict(zip([argument.arg for argument in positional], arguments, strict=False))
    rest = tuple(arguments[len(positional) :])
    if parameters.vararg is not None:
        values[parameters.vararg.arg] = rest
    elif rest:
        raise Stop("more arguments than a function takes")
    names = {argument.arg for argument in [*parameters.args, *parameters.kwonlyargs]}
    more = {}
    for name, value in named.items():
        if name in names and name not in values:
            values[name] = value
        elif parameters.kwarg is None or name in values:
            raise Stop(f"an argument `{name}` that a function does not take")
        else:
            more[name] = value
    if parameters.kwarg is not None:
        values[parameters.kwarg.arg] = more
    defaults = dict(zip(reversed([argument.arg for argument in positional]), reversed(closure.defaults), strict=False))
    for name in [argument.arg for argument in [*positional, *parameters.kwonlyargs]]:
        if name not in values:
            if name not in defaults and name not in closure.keyword_defaults:
                raise Stop(f"no argument for `{name}`")
            values[name] = defaults[name] if name in defaults else closure.keyword_defaults[name]
    return values


def _has_blank_default(node: ast.Call) -> bool:
    """Is its second argument a new, empty list or dict, to which nothing else refers?"""
    match node.args:
        case [_, ast.List(elts=[]) | ast.Dict(keys=[])]:
            return not node.keywords
    return False
