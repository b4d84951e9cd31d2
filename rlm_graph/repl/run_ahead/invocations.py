"""What the scout makes of calls: of the code's own functions, of Python's, of methods, and of those that ask the host.

A builtin function that is given plain data is called. Given something unknown, it is known of each whether it can fail,
and what it gives.
"""

from __future__ import annotations

import ast
import re
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MappingProxyType
from typing import Any

from rlm_graph.context.document import Document
from rlm_graph.repl.facades.listed import LISTED
from rlm_graph.repl.guards import Facade, check_format
from rlm_graph.repl.run_ahead import kinds
from rlm_graph.repl.run_ahead.expressions import (
    Closure,
    CodeError,
    Expressions,
    Item,
    Many,
    Shield,
    Steps,
    Stream,
    View,
)
from rlm_graph.repl.run_ahead.frames import Frame, Scope
from rlm_graph.repl.run_ahead.kinds import (
    ATOMS,
    BOOL,
    CONTAINERS,
    FLOAT,
    INT,
    MAPPINGS,
    MUTABLE,
    NONE,
    NUMBERS,
    PLAIN,
    STR,
    Kind,
    join,
    list_of,
    of_type,
)
from rlm_graph.repl.run_ahead.memory import Stop
from rlm_graph.repl.run_ahead.patterns import groups
from rlm_graph.repl.run_ahead.pure import METHODS, TYPES, is_pure
from rlm_graph.repl.run_ahead.unknown import Condition, Unknown, clock, may_change

MAX_CALLS = 25
"""Functions of the code inside of each other."""

_SEARCHES = tuple(LISTED["re"][name] for name in ("search", "match", "fullmatch", "findall", "sub", "split"))

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


class Invocations(Expressions):
    """Evaluates calls."""

    asks: Mapping[Any, Ask]
    """The functions of the REPL that ask, by themselves."""

    calls = 0
    """Functions of the code that the scout is in."""

    no_asking = False
    """It is not certain that the code gets here, nor will it be known."""

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
        owner = None
        if isinstance(function, ast.Attribute):
            owner = yield from self.value(function.value, frame)
            if isinstance(owner, Facade):
                found = self.attribute(owner, function.attr)
            elif type(owner) is type and owner in TYPES:
                found = getattr(owner, function.attr, None)
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
        if isinstance(function, ast.Attribute) and not isinstance(owner, Facade):
            if type(owner) is type:
                return self._type_method(owner, function.attr, arguments, named)
            return (yield from self.method(owner, function.attr, arguments, named))
        return (yield from self.invoke(found, arguments, named))

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
        if not is_pure(function):
            raise Stop(f"a call of a {type(function).__name__}")
        return (yield from self._pure(function, arguments, named))

    # The code's own functions. --------------------------------------------------------------------------------------

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

    # Python's functions. --------------------------------------------------------------------------------------------

    def _print(self, arguments: list[Any], named: Mapping[str, Any]) -> None:
        if not named.keys() <= {"sep", "end", "flush"} or not all(map(self.memory.is_plain, named.values())):
            raise Stop("a `print` to somewhere else")
        for argument in arguments:
            self.shown(str, argument)

    def _type_of(self, value: Any) -> type:
        types = value.kind.types if isinstance(value, Unknown) else {type(value)}
        if len(types) != 1 or not types <= TYPES:
            raise Stop("the type of what is not known")
        return next(iter(types))

    def _pure(self, function: Any, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        lazy = self._LAZY.get(function)
        if lazy is not None:
            return (yield from lazy(self, arguments, named))
        if function in (any, all):
            return (yield from self._any_or_all(function, *arguments))
        drained = yield from self.all_drained(arguments)
        given = [*drained, *named.values()]
        if all(self.memory.is_plain(value) or is_pure(value) for value in given):
            return self._result(self.run(function, drained, named), drained)
        known = self._FUNCTIONS.get(function)
        if known is None:
            self._check_plain(given)
            return self.may_raise(self.derive(function, drained, PLAIN), Exception) if not named else _refuse()
        return (yield from known(self, function, drained, dict(named)))

    def _check_plain(self, values: Iterable[Any]) -> None:
        for value in values:
            if not (is_pure(value) or kinds.is_plain(self.kind(value))):
                raise Stop("a value that is no plain data")

    def _result(self, value: Any, sources: Sequence[Any]) -> Any:
        """What a function has given: an iterator is used up once, and only while what it is over stays the same."""
        if type(value) in ATOMS | CONTAINERS:
            return self.memory.load(value)
        if not isinstance(value, Iterator):
            raise Stop(f"a {type(value).__name__}")
        changes = self.memory.changes(sources)

        def items() -> Iterator[Item]:
            for item in value:
                if self.memory.changes(sources) != changes:
                    raise Stop("a list that changes while it is iterated over")
                yield Item(item)

        return Stream(items(), self.memory.depth)

    def _bound(self, owner: Any, name: str) -> Any:
        """A method of a plain value."""
        try:
            return getattr(owner, name)
        except AttributeError as error:
            raise CodeError(error) from None

    def all_drained(self, values: Iterable[Any]) -> Steps:
        """Values, with lists in the place of iterators."""
        return (yield from self.gathered(map(self.drained, values)))

    def drained(self, value: Any) -> Steps:
        """A value; in the place of an iterator a list, or an unknown list if it is not certain what is in it."""
        if not isinstance(value, Stream | View):
            return value
        source = yield from self.iterator(value)
        if isinstance(source, Many):
            return Unknown(list_of(self.kind(source.item)))
        made: list[Any] = []
        is_certain = True
        while (item := (yield from self.pull(source))) is not None:
            yield
            self.tick()
            is_certain = is_certain and item.certain
            made.append(self.kept(made, item.value))
        if is_certain:
            return made
        kind: Kind | None = None
        for value in made:
            kind = join(kind, self.kind(value))
        return Unknown(list_of(kind))

    def _any_or_all(self, function: Any, values: Any = ()) -> Steps:
        """They end with the first item that decides: of those after one that is not known, none may be a call."""
        source = yield from self.iterator(values)
        if isinstance(source, Many):
            self.truth(source.item)
            return Unknown(BOOL)
        unknown: list[Any] = []
        is_certain = True
        before = self.uncounted
        while (item := (yield from self.pull(source))) is not None:
            yield
            self.tick()
            truth = self.truth(item.value)
            is_certain = is_certain and item.certain
            if not isinstance(truth, Unknown) and item.certain and not unknown and truth == (function is any):
                return truth
            if isinstance(truth, Unknown) or not item.certain:
                unknown.append(truth)
                self.no_asking = True
        self.no_asking = False
        assert before == self.uncounted
        if not unknown:
            return function is all
        return self.derive(function, [unknown], BOOL) if is_certain else Unknown(BOOL)

    # Methods. -------------------------------------------------------------------------------------------------------

    def _type_method(self, owner: type, name: str, arguments: list[Any], named: Mapping[str, Any]) -> Any:
        if owner not in TYPES or name not in METHODS or not all(map(self.memory.is_plain, arguments)):
            raise Stop(f"{owner.__name__}.{name}")
        return self._result(self.run(self._bound(owner, name), arguments, named), arguments)

    def method(self, owner: Any, name: str, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        """What `owner.name(...)` gives, and does."""
        given = yield from self.all_drained(arguments)
        if type(owner) in MAPPINGS and name in ("items", "keys", "values") and not given:
            return View(owner, name)
        if isinstance(owner, Unknown):
            if owner.kind.within(MAPPINGS) and name in ("items", "keys", "values") and not given:
                return self._unknown_view(owner, name)
            return self._unknown_method(owner, name, given, named)
        if name in _CHANGES and type(owner) in MUTABLE:
            return (yield from self._change(owner, name, given, named))
        if name == "format" and type(owner) is str:
            return self._format(owner, given, named)
        if name not in METHODS or type(owner) not in ATOMS | CONTAINERS:
            raise Stop(f"the method `{name}` of a {type(owner).__name__}")
        values = [owner, *given, *named.values()]
        if all(map(self.memory.is_plain, values)):
            return self._result(self.run(self._bound(owner, name), given, named), values)
        if type(owner) in MAPPINGS and name == "get" and self.are_certain(owner) and self.memory.is_plain(given[0]):
            found = self.run(owner.get, [given[0], _MISSING])
            return self.memory.load(found) if found is not _MISSING else (given[1] if len(given) > 1 else None)
        if name == "copy" and self.are_certain(owner):
            return owner.copy()
        return self._unknown_method(owner, name, given, named)

    def _unknown_view(self, owner: Unknown, name: str) -> Many:
        item = owner.kind.item or PLAIN
        value = Unknown(item, owner.aliases if may_change(item) else ())
        key = Unknown(owner.kind.key or PLAIN)
        return Many({"keys": key, "values": value, "items": (key, value)}[name])

    def _format(self, template: str, values: list[Any], named: Mapping[str, Any]) -> Any:
        try:
            check_format(template)
        except Exception as error:
            raise CodeError(error) from None
        names = list(named)

        def formatted(*parts: Any) -> str:
            return template.format(*parts[: len(values)], **dict(zip(names, parts[len(values) :], strict=True)))

        given = [*values, *named.values()]
        if not all(map(self.memory.is_plain, given)) and _LOOKS_INSIDE.search(template):
            raise Stop("a format that looks into what is not known")
        return self.operate(formatted, *given)

    def _unknown_method(self, owner: Any, name: str, given: list[Any], named: Mapping[str, Any]) -> Any:
        """A method of something unknown, or with something unknown."""
        kind = self.kind(owner)
        if named and name not in ("split", "rsplit"):
            raise Stop(f"the method `{name}` with names")
        self._check_plain(given)
        if name in _CHANGES and kind.within(MUTABLE):
            return self._change_unknown(owner, name, given)
        arguments = [*given, *named.values()]
        names = list(named)

        def call(value: Any, *parts: Any) -> Any:
            return getattr(value, name)(*parts[: len(given)], **dict(zip(names, parts[len(given) :], strict=True)))

        values = [owner, *arguments]
        if kind.only(str, Document):
            if name == "join":
                return self._join(owner, given)
            result = _STR_METHODS.get(name)
            if result is not None and kinds.never_fails(call, [self.sample(value) for value in values]):
                if name in ("split", "rsplit") and given and given[0] is not None:
                    result = list_of(STR, least=1)
                return self.derive(call, values, result)
            if name in ("partition", "rpartition") and type(given[0]) is str and given[0]:
                whole = self.derive(call, values, Kind(frozenset((tuple,)), STR, least=3))
                return tuple(self.derive(lambda parts, at=at: parts[at], [whole], STR) for at in range(3))
        if kind.within(MAPPINGS) and name == "get" and kinds.is_hashable(self.kind(given[0])):
            default = self.kind(given[1]) if len(given) > 1 else of_type(NONE)
            item = join(kind.item, default) or default
            aliases = self._aliases(owner) + tuple(value for value in given[1:] if type(value) in MUTABLE)
            return Unknown(item, aliases) if may_change(item) else self.derive(call, values, item)
        if kind.only(re.Match) and name == "group":
            return self._group(kind, given, self.derive(call, values, of_type(str, NONE)))
        if kind.only(re.Pattern):
            return self._search(name, [owner, *arguments])
        if kind.only(list, tuple) and name in ("count", "copy"):
            return self.derive(call, values, INT if name == "count" else kind)
        if name not in METHODS:
            raise Stop(f"the method `{name}` of what is not known")
        if re.Match in kind.types:
            raise Stop(f"the method `{name}` of what may be a match")
        return self.may_raise(self.derive(call, values, PLAIN), Exception)

    def _group(self, match: Kind, given: list[Any], found: Unknown) -> Unknown:
        """What `match.group(...)` gives, if there is such a group."""
        number = given[0] if given else 0
        of_groups = dict(match.fields)
        if len(given) > 1 or isinstance(number, Unknown) or number not in of_groups:
            return self.may_raise(found, IndexError)
        return self.derive(lambda text: text, [found], of_groups[number])

    def _join(self, separator: Any, given: list[Any]) -> Any:
        if len(given) != 1 or not self.kind(separator).only(str):
            raise Stop("`join` of something else")
        kind = self.kind(given[0])
        values = [separator, given[0]]
        if kind.within(CONTAINERS - MAPPINGS) and (kind.item is None or kind.item.only(str, Document)):
            return self.derive(lambda text, parts: text.join(parts), values, STR)
        return self.may_raise(self.derive(lambda text, parts: text.join(parts), values, STR), TypeError)

    def _search(self, name: str, values: Sequence[Any]) -> Unknown:
        """What a function of `re` gives, of which a text is not known."""

        def call(*parts: Any) -> Any:
            return getattr(re, name)(*parts)

        pattern = values[0]
        if not self.memory.is_plain(pattern) or not kinds.never_fails(call, [self.sample(value) for value in values]):
            raise Stop(f"`{name}` with what may fail")
        compiled = re.compile(pattern)
        of_groups = groups(compiled)
        if name in ("search", "match", "fullmatch"):
            fields = dict(enumerate(of_groups)) | {key: of_groups[at] for key, at in compiled.groupindex.items()}
            return self.derive(call, values, Kind(frozenset((re.Match, NONE)), fields=tuple(fields.items())))
        if name == "findall":
            one = of_groups[-1] if len(of_groups) < 3 and of_groups[-1].only(str) else STR
            several = Kind(frozenset((tuple,)), STR, least=compiled.groups)
            return self.derive(call, values, list_of(one if compiled.groups < 2 else several))
        if name == "sub":
            return self.derive(call, values, STR)
        if name == "split":
            return self.derive(call, values, list_of(STR if not compiled.groups else of_type(str, NONE), least=1))
        raise Stop(f"`{name}` of what is not known")

    # Changes of lists, dicts and sets. ------------------------------------------------------------------------------

    def _change_unknown(self, owner: Any, name: str, given: list[Any]) -> Any:
        """A method that changes something of which it is not known what it is, or what is in it."""
        kind = self.kind(owner)
        value, key = None, None
        match name, given:
            case (("append" | "appendleft" | "add" | "discard" | "remove"), [item]):
                value = self.kind(item)
            case (("extend" | "update"), [items]) if not (self.kind(items).types & MAPPINGS):
                if not self.kind(items).within(CONTAINERS | {str}):
                    raise Stop(f"`{name}` with what is not known")
                value = STR if self.kind(items).only(str) else self.kind(items).item
            case "update", [items] if kind.within(MAPPINGS):
                value, key = self.kind(items).item, self.kind(items).key
            case "setdefault", [first, second]:
                value, key = self.kind(second), self.kind(first)
            case (("clear" | "sort" | "reverse"), []):
                if name == "sort" and not kinds.are_ordered(kind.item):
                    raise Stop("`sort` of what may not be ordered")
            case _:
                raise Stop(f"`{name}` of what is not known")
        if name == "remove":
            self.may_raise(Unknown(PLAIN), ValueError, KeyError)
        if (kind.types & {set} and not kinds.is_hashable(value)) or not kinds.is_hashable(key):
            raise Stop("what may not fit into a dict or set")
        if Counter in kind.types:
            value = join(INT, value)
        if isinstance(owner, Unknown):
            if owner.is_knowable or not kind.within(MUTABLE):
                raise Stop(f"`{name}` changes what is made of an answer")
            owner.kind = Kind(kind.types, join(kind.item, value), join(kind.key, key))
            self.memory.widened += owner.kind != kind
            self.memory.make_all_vague(owner.aliases)
            for alias in owner.aliases:
                self.memory.make_vague(alias, _widened(self.kind(alias), kind, value, key))
        else:
            self.memory.make_vague(owner, Kind(kind.types, value, key))
        if name != "setdefault":
            return None
        kind_now = self.kind(owner).item
        return Unknown(kind_now or PLAIN, (*self._aliases(owner), given[1]))

    def _change(self, owner: Any, name: str, given: list[Any], named: Mapping[str, Any]) -> Steps:
        """A method that changes a list, dict or set."""
        yield from ()
        if not self.are_certain(owner):
            if named:
                raise Stop(f"`{name}` with names")
            return self._change_unknown(owner, name, given)
        kind = type(owner)
        are_plain = all(map(self.memory.is_plain, given)) and all(map(self.memory.is_plain, named.values()))
        if kind is set or kind is Counter or name in ("popleft", "rotate", "most_common", "subtract", "popitem"):
            if not are_plain or not self.memory.is_plain(owner):
                return self._change_unknown(owner, name, given) if not named else _refuse()
            return self.run(self._bound(self.memory.changed(owner, adds=name in _ADDING), name), given, named)
        if kind in MAPPINGS:
            return self._change_mapping(owner, name, given, named)
        if name == "sort":
            return (yield from self._sort(owner, named))
        if name in ("extend", "extendleft") and not isinstance(given[0], Unknown) and self.are_certain(given[0]):
            for item in (yield from self.listed(given[0])):
                self.memory.changed(owner, adds=True).append(self.kept(owner, item))
            return None
        if isinstance(given[-1] if given else None, Unknown) and name in ("append", "appendleft"):
            changed = self.memory.changed(owner, adds=True)
            return self.run(self._bound(changed, name), [self.kept(changed, given[0])])
        if name in ("append", "appendleft", "clear", "reverse") or (are_plain and name in ("pop", "insert", "remove")):
            if name == "remove" and not self.memory.is_plain(owner):
                raise Stop("`remove` where not all is known")
            changed = self.memory.changed(owner, adds=name in _ADDING)
            kept = [self.kept(changed, value) for value in given]
            return self.memory.load(self.run(self._bound(changed, name), kept))
        if name == "insert" and self.memory.is_plain(given[0]):
            self.run(self.memory.changed(owner, adds=True).insert, given)
            return None
        return self._change_unknown(owner, name, given)

    def _sort(self, owner: Any, named: Mapping[str, Any]) -> Steps:
        made = yield from self._sorted(sorted, [owner], dict(named))
        if isinstance(made, Unknown):
            self.memory.make_vague(owner, made.kind)
        else:
            self.memory.changed(owner)[:] = made

    def _change_mapping(self, owner: Any, name: str, given: list[Any], named: Mapping[str, Any]) -> Any:
        if name == "update":
            for source in [*given, named]:
                if type(source) in MAPPINGS and self.are_certain(source):
                    for key in list(source):
                        self.put(owner, key, self.memory.load(source[key]))
                elif type(source) in (list, tuple) and self.are_certain(source):
                    for pair in source:
                        if type(pair) not in (tuple, list) or len(pair) != 2:
                            raise Stop("`update` with what are no pairs")
                        self.put(owner, pair[0], pair[1])
                else:
                    self._change_unknown(owner, name, [source])
            return None
        if named or not given or not self.memory.is_plain(given[0]):
            return self._change_unknown(owner, name, given)
        if name == "setdefault":
            if not self.run(lambda: given[0] in owner, []):
                self.put(owner, given[0], given[1] if len(given) > 1 else None)
            return self.memory.load(self.memory.load(owner)[given[0]])
        if name == "pop":
            found = self.run(self.memory.changed(owner).pop, given)
            return self.memory.load(found)
        raise Stop(f"`{name}` of a dict")

    # Functions of Python with something that is not known. ----------------------------------------------------------

    def _enumerate(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        start = named.get("start", arguments[1] if len(arguments) > 1 else 0)
        source = yield from self.iterator(arguments[0])
        if type(start) is not int:
            raise Stop("`enumerate` from what is no number")
        if isinstance(source, Many):
            return Many((Unknown(INT), source.item))

        def items() -> Iterator[Item | None]:
            number: Any = start
            while (item := (yield from self.pull(source))) is not None:
                if not item.certain:
                    number = Unknown(INT)
                yield Item((number, item.value), item.certain)
                number = number + 1 if type(number) is int else number

        return Stream(items(), self.memory.depth)

    def _zip(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        if any(named.get(name) for name in named):
            raise Stop("`zip` that may raise")
        sources = yield from self.gathered(map(self.iterator, arguments))
        if any(isinstance(source, Many) for source in sources):
            parts = []
            for source in sources:
                if isinstance(source, Stream):
                    source = yield from self.iterator((yield from self.drained(source)))
                    if isinstance(source, Stream):
                        source = Many(Unknown(self._item_of((yield from self.drained(source)))))
                parts.append(source.item)
            return Many(tuple(parts))

        def items() -> Iterator[Item | None]:
            while True:
                row = []
                for source in sources:
                    item = yield from self.pull(source)
                    if item is None:
                        return
                    if not item.certain:
                        raise Stop("`zip` of what may not be there")
                    row.append(item.value)
                yield Item(tuple(row))

        return Stream(items() if sources else iter(()), self.memory.depth)

    def _item_of(self, values: Any) -> Kind:
        return self.kind(values).item or PLAIN

    def _map(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        function = arguments[0]
        rows = yield from self._zip(arguments[1:], named)
        if isinstance(rows, Many):
            raise Stop("`map` over what is not known")

        def items() -> Iterator[Item | None]:
            while (row := (yield from self.pull(rows))) is not None:
                yield Item((yield from self.invoke(function, list(row.value), {})))

        return Stream(items(), self.memory.depth)

    def _filter(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:  # noqa: ARG002 - it has none
        function, source = arguments[0], (yield from self.iterator(arguments[1]))
        if isinstance(source, Many):
            raise Stop("`filter` of what is not known")

        def items() -> Iterator[Item | None]:
            while (item := (yield from self.pull(source))) is not None:
                result = item.value
                if function is not None:
                    result = yield from self.invoke(function, [item.value], {})
                truth = self.truth(result)
                if isinstance(truth, Unknown) or truth:
                    yield Item(item.value, item.certain and not isinstance(truth, Unknown))

        return Stream(items(), self.memory.depth)

    def _reversed(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:  # noqa: ARG002 - it has none
        value = arguments[0]
        if type(value) not in (list, tuple, str, range) or not self.are_certain(value):
            raise Stop("`reversed` of what is not known")
        items = [self.memory.load(item) for item in (yield from self.listed(value))]
        return self._result(reversed(items), [value])

    def _iter(self, arguments: list[Any], named: Mapping[str, Any]) -> Steps:  # noqa: ARG002 - it has none
        if len(arguments) != 1:
            raise Stop("`iter` with a sentinel")
        return (yield from self.iterator(arguments[0]))

    def _len(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        yield from ()
        (value,) = arguments
        if type(value) in CONTAINERS and self.are_certain(value):
            return len(value)
        kind = self.kind(value)
        result = self.derive(function, [value], INT)
        return result if kind.within(CONTAINERS | {str}) and not named else self.may_raise(result, TypeError)

    def _text_of(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        yield from ()
        if len(arguments) != 1 or named:
            raise Stop("`str` of several values")
        return self.shown(function, arguments[0])

    def _bool_of(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:  # noqa: ARG002
        yield from ()
        return self.truth(arguments[0])

    def _number(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        yield from ()
        kind = self.kind(arguments[0])
        result = self.derive(function, arguments, INT if function is int else FLOAT)
        if named or len(arguments) != 1:
            raise Stop("a number of another base")
        if kind.within(NUMBERS - {float}) or (kind.only(str) and kind.is_number):
            return result
        if kind.within(NUMBERS) and function is float:
            return result
        if kind.only(str):
            return self.may_raise(result, ValueError)
        if kind.within(NUMBERS):
            return self.may_raise(result, ValueError, OverflowError)
        return self.may_raise(result, Exception)

    def _collect(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        """`list`, `tuple`, `set`, `frozenset`, `Counter`, `deque`."""
        (value,) = arguments or ([],)
        if named:
            raise Stop(f"`{function.__name__}` with names")
        if function in (list, tuple) and type(value) in CONTAINERS and self.are_certain(value):
            return function((yield from self.listed(value)))
        kind = self.kind(value)
        if not kind.within(CONTAINERS | {str}):
            return self.may_raise(self.derive(function, [value], PLAIN), Exception)
        item = STR if kind.only(str) else kind.key if kind.within(MAPPINGS) else kind.item
        if function in (list, tuple, deque):
            of = Kind(frozenset((function,)), item, least=kind.least)
            return Unknown(of, self._aliases(value)) if may_change(item or STR) else self.derive(function, [value], of)
        if not kinds.is_hashable(item):
            raise Stop("keys that may not fit into a dict or set")
        if function is Counter:
            return self.derive(function, [value], Kind(frozenset((Counter,)), INT, item))
        return self.derive(function, [value], Kind(frozenset((function,)), item))

    def _dict_of(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        yield from ()
        made = function()
        self._change_mapping(made, "update", arguments, named)
        return self.memory.load(made)

    def _sorted(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        """`sorted`, `min` and `max`."""
        key = named.pop("key", None)
        if function is not sorted and len(arguments) > 1:
            arguments = [list(arguments)]
        (value,) = arguments
        if isinstance(value, Unknown) or not self.are_certain(value):
            if key is not None or not named.keys() <= {"reverse"}:
                raise Stop("what is not known is put in order by a key")
            kind = self.kind(value)
            if function is sorted and kind.within(CONTAINERS - MAPPINGS) and kinds.are_ordered(kind.item):
                return self.derive(lambda items: sorted(items, **named), [value], list_of(kind.item, kind.least))
            if kind.within(CONTAINERS - MAPPINGS) and kinds.are_ordered(kind.item) and kind.least and kind.item:
                return self.derive(function, [value], kind.item)
            return self.may_raise(self.derive(function, [value], PLAIN), Exception)
        items = yield from self.listed(value)
        keys = items
        if key is not None:
            keys = yield from self.gathered(self.invoke(key, [item], {}) for item in items)
        if all(map(self.memory.is_plain, keys)) and all(map(self.memory.is_plain, named.values())):
            places = self.run(lambda: sorted(range(len(items)), key=keys.__getitem__, **_reverse(named)), [])
            if function is sorted:
                return [items[place] for place in places]
            if not items:
                return named["default"] if "default" in named else self.run(function, [items])
            best = self.run(lambda: function(range(len(items)), key=keys.__getitem__), [])
            return items[best]
        joined: Kind | None = None
        for one in keys:
            joined = join(joined, self.kind(one))
        more = _reverse(named) if function is sorted else {}
        if not kinds.are_ordered(joined) or not all(map(self.memory.is_plain, more.values())):
            raise Stop("what is not known is put in order")
        kind = self.kind(items)
        if may_change(kind.item or STR):
            return Unknown(kind if function is sorted else kind.item or PLAIN, tuple(items))
        if key is not None:
            return Unknown(kind if function is sorted else kind.item or PLAIN)
        return self.derive(
            lambda known: function(known, **more), [items], kind if function is sorted else kind.item or PLAIN
        )

    def _sum(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        yield from ()
        kind = self.kind(arguments[0])
        if len(arguments) != 1 or named or not kind.within(CONTAINERS - MAPPINGS):
            raise Stop("`sum` of what is not known")
        result = self.derive(function, arguments, FLOAT if kind.item and float in kind.item.types else INT)
        if kind.item is None or kind.item.within(NUMBERS):
            return result
        return self.may_raise(result, TypeError)

    def _rounded(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        yield from ()
        kind = self.kind(arguments[0])
        if named or not all(map(self.memory.is_plain, arguments[1:])):
            raise Stop("`round` to what is not known")
        exact = kind.within(NUMBERS - {float})
        result = self.derive(
            function, arguments, INT if exact or (function is round and len(arguments) == 1) else FLOAT
        )
        if exact or (kind.within(NUMBERS) and (function is abs or (len(arguments) == 2 and type(arguments[1]) is int))):
            return result
        if kind.within(NUMBERS):
            return self.may_raise(result, ValueError, OverflowError)
        return self.may_raise(result, Exception)

    def _is_instance(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:  # noqa: ARG002
        yield from ()
        value, of = arguments
        types = of if type(of) is tuple else (of,)
        if not all(type(one) is type and one in TYPES for one in types):
            raise Stop("`isinstance` of a class that is not Python's own")
        if not isinstance(value, Unknown):
            return isinstance(value, types)
        if object in value.kind.types:
            return self.derive(lambda known: isinstance(known, types), [value], BOOL)
        found = {issubclass(one, types) for one in value.kind.types}
        if len(found) == 1:
            return found.pop()
        return self.derive(lambda known: isinstance(known, types), [value], BOOL)

    def _from_json(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        yield from ()
        if len(arguments) != 1 or named or not self.kind(arguments[0]).only(str):
            return self.may_raise(Unknown(PLAIN), Exception)
        return self.may_raise(self.derive(function, arguments, PLAIN), ValueError)

    def _to_json(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        yield from ()
        (value,) = arguments
        if not all(map(self.memory.is_plain, named.values())) or not named.keys() <= {"indent", "ensure_ascii"}:
            raise Stop("`json.dumps` with a function")
        result = self.derive(lambda known: function(known, **named), [value], STR)
        return result if _fits_json(self.kind(value)) else self.may_raise(result, Exception)

    def _regular(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        yield from ()
        if named.keys() - {"flags"}:
            raise Stop("a regular expression with names")
        pattern = arguments[0]
        flags = named.get("flags", 0)
        if not (type(pattern) is str or type(pattern) is re.Pattern) or not self.memory.is_plain(flags):
            raise Stop("a regular expression that is not known")
        count = 3 if function.__name__ == "sub" else 2
        if len(arguments) > count:
            if function.__name__ not in ("search", "match", "fullmatch", "findall"):
                raise Stop("a regular expression with a count")
            flags = arguments[2]
        compiled = self.run(re.compile, [pattern, flags])
        return self._search(function.__name__, [compiled, *arguments[1:count]])

    _LAZY: MappingProxyType[Any, Callable[..., Steps]] = MappingProxyType(
        {
            enumerate: _enumerate,
            zip: _zip,
            map: _map,
            filter: _filter,
            reversed: _reversed,
            iter: _iter,
        }
    )

    _FUNCTIONS: MappingProxyType[Any, Callable[..., Steps]] = MappingProxyType(
        {
            len: _len,
            str: _text_of,
            repr: _text_of,
            ascii: _text_of,
            bool: _bool_of,
            int: _number,
            float: _number,
            **dict.fromkeys((list, tuple, set, frozenset, Counter, deque), _collect),
            dict: _dict_of,
            OrderedDict: _dict_of,
            sorted: _sorted,
            min: _sorted,
            max: _sorted,
            sum: _sum,
            abs: _rounded,
            round: _rounded,
            isinstance: _is_instance,
            LISTED["json"]["loads"]: _from_json,
            LISTED["json"]["dumps"]: _to_json,
            **dict.fromkeys(_SEARCHES, _regular),
        }
    )
    """What these functions give when something that they are given is not known."""


_CHANGING = """
    append appendleft extend extendleft insert pop popleft popitem remove clear sort reverse rotate update setdefault
    add discard subtract
"""

_CHANGES = frozenset(_CHANGING.split())
"""Methods that change what they are methods of."""

_ADDING = frozenset(("append", "appendleft", "insert", "add", "extend"))
"""Those after which all that was there is there still."""

_TEXT_TO_TEXT = """
    strip lstrip rstrip lower upper title capitalize casefold swapcase replace removeprefix removesuffix zfill ljust
    rjust center expandtabs
"""
_TEXT_TO_BOOL = """
    startswith endswith isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace
    istitle isupper
"""

_STR_METHODS: MappingProxyType[str, Kind] = MappingProxyType(
    {
        **dict.fromkeys(_TEXT_TO_TEXT.split(), STR),
        **dict.fromkeys(_TEXT_TO_BOOL.split(), BOOL),
        **dict.fromkeys(("find", "rfind", "count"), INT),
        **dict.fromkeys(("split", "rsplit", "splitlines"), list_of(STR)),
    }
)
"""Methods of a text that fail for no text, if they do not fail for the empty one; and what they give."""

_CLOCKS = frozenset(LISTED["time"][name] for name in ("time", "perf_counter", "monotonic", "process_time"))
_SLEEP = LISTED["time"]["sleep"]

_LOOKS_INSIDE = re.compile(r"\{[^{}]*[\[.:!]")
"""A field of a format string that is more than a name or a number."""

_MISSING = object()


def _widened(kind: Kind | None, changed: Kind, value: Kind | None, key: Kind | None) -> Kind | None:
    """The kind of an object when a value has been put into something in it, or into itself, that is of a kind."""
    if kind is None:
        return None
    item = _widened(kind.item, changed, value, key)
    if kind.types & changed.types:
        return Kind(kind.types, join(item, value), join(kind.key, key))
    return Kind(kind.types, item, kind.key, is_number=kind.is_number)


def _has(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty one raises
    except ValueError:
        return False
    return True


def _refuse() -> Any:
    raise Stop("named arguments with what is not known")


def _reverse(named: Mapping[str, Any]) -> dict[str, Any]:
    return {"reverse": named["reverse"]} if "reverse" in named else {}


def _fits_json(kind: Kind | None) -> bool:
    types: frozenset[type] = frozenset((str, int, float, bool, NONE, list, tuple, dict))
    return kind is None or (
        kind.within(types)
        and _fits_json(kind.item)
        and (kind.key is None or kind.key.within(types - {list, tuple, dict}))
    )


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
