"""What the scout makes of Python's functions.

One that is given plain data is called. Of one that is given something unknown it is known whether it can fail, and what
it gives.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rlm_graph.repl.facades.listed import LISTED
from rlm_graph.repl.run_ahead import kinds
from rlm_graph.repl.run_ahead.evaluation import Steps
from rlm_graph.repl.run_ahead.iteration import GoesOn, Many, Stream, View
from rlm_graph.repl.run_ahead.iterators import Iterators
from rlm_graph.repl.run_ahead.kinds import (
    BOOL,
    CONTAINERS,
    ERROR,
    ERROR_CLASS,
    FLOAT,
    INT,
    JSON,
    MAPPINGS,
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
from rlm_graph.repl.run_ahead.pure import TYPES, is_pure
from rlm_graph.repl.run_ahead.shields import CodeError
from rlm_graph.repl.run_ahead.unknown import Unknown, may_change

_SEARCHES = tuple(LISTED["re"][name] for name in ("search", "match", "fullmatch", "findall", "sub", "split"))


class Functions(Iterators):
    """Evaluates calls of Python's functions."""

    def _print(self, arguments: list[Any], named: Mapping[str, Any]) -> None:
        if not named.keys() <= {"sep", "end", "flush"} or not all(map(self.memory.is_plain, named.values())):
            raise Stop("a `print` to somewhere else")
        if not all(type(named.get(name)) in (str, NONE) for name in ("sep", "end")):
            raise CodeError(TypeError("sep and end must be text"))
        for argument in arguments:
            self.shown(str, argument)

    def _type_of(self, value: Any) -> Any:
        if isinstance(value, Unknown) and value.kind == ERROR:
            return Unknown(ERROR_CLASS)
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
        if function in (min, max):
            return (yield from self._best(function, arguments, dict(named)))
        drained = yield from self._taken(function, arguments, named)
        given = [*drained, *named.values()]
        if all(self.memory.is_plain(value) or is_pure(value) for value in given):
            return self._result(self.run(function, drained, named), drained)
        known = self._FUNCTIONS.get(function)
        if known is not None:
            return (yield from known(self, function, drained, dict(named)))
        self._check_plain(given)
        if named or function in _STATEFUL:
            raise Stop(f"`{function.__name__}` with what is not known")
        return self.may_raise(self.derive(function, drained, PLAIN), Exception)

    def _taken(self, function: Any, arguments: Sequence[Any], named: Mapping[str, Any]) -> Steps:
        """The arguments of a function, with lists in the place of the iterators that it uses up."""
        if any(isinstance(value, Stream | View) for value in named.values()):
            raise Stop("an iterator is given by name")
        if not any(isinstance(value, Stream | View) for value in arguments):
            return list(arguments)
        goes_on: GoesOn = self._never_certain
        if function in (list, tuple, sorted, deque):
            goes_on = self._always
        elif function in (set, frozenset, Counter):
            goes_on = self._keys_fit
        elif function in (dict, OrderedDict):
            goes_on = self._pairs_fit
        elif function is sum:
            start = arguments[1] if len(arguments) > 1 else named.get("start", 0)
            goes_on = self._summable(start)
        elif function not in _TAKING_ALL and not all(isinstance(value, View) for value in arguments):
            raise Stop(f"`{function.__name__}` of an iterator")
        elif function not in _TAKING_ALL | {len, bool}:
            raise Stop(f"`{function.__name__}` of what is in a dict")
        return (yield from self.gathered(self.drained(value, goes_on) for value in arguments))

    def _always(self, taken: list[Any]) -> bool:  # noqa: ARG002 - whatever there is
        return True

    def _never_certain(self, taken: list[Any]) -> bool:  # noqa: ARG002
        return False

    def _keys_fit(self, taken: list[Any]) -> bool:
        return not taken or self.fits_as_key(taken[-1])

    def _pairs_fit(self, taken: list[Any]) -> bool:
        last = taken[-1] if taken else ("", "")
        return type(last) in (tuple, list) and self.are_certain(last) and len(last) == 2 and self.fits_as_key(last[0])

    def _summable(self, start: Any) -> GoesOn:
        types = NUMBERS if type(start) in NUMBERS else frozenset({type(start)} & {list, tuple})

        def goes_on(taken: list[Any]) -> bool:
            kind = self.memory.kind(taken[-1]) if taken else Kind(types)
            return kind is not None and kind.within(types)

        return goes_on

    def _check_plain(self, values: Iterable[Any]) -> None:
        for value in values:
            if not (is_pure(value) or kinds.is_plain(self.kind(value))):
                raise Stop("a value that is no plain data")

    def _any_or_all(self, function: Any, values: Any = ()) -> Steps:
        """They end with the first item that decides: of those after one that is not known, none may be a call."""
        source = yield from self.iterator(values)
        if isinstance(source, Many):
            self.truth(source.item)
            return Unknown(BOOL)
        unknown: list[Any] = []
        is_certain, before, effects = True, self.no_asking, 0
        while (item := (yield from self.pull(source))) is not None:
            yield
            self.tick()
            truth = self.truth(item.value)
            is_certain = is_certain and item.certain
            if not isinstance(truth, Unknown) and item.certain and not unknown and truth == (function is any):
                return truth
            if isinstance(truth, Unknown) or not item.certain:
                effects = effects if unknown else self.effects
                unknown.append(truth)
                self.no_asking = True
        self.no_asking = before
        if unknown and self.effects != effects:
            raise Stop("items that may not be looked at change something")
        if not unknown:
            return function is all
        return self.derive(function, [unknown], BOOL) if is_certain else Unknown(BOOL)

    def _best(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        """`min` and `max`: each item is compared with the best so far, before the next is taken."""
        value = list(arguments) if len(arguments) > 1 else arguments[0]
        if isinstance(value, View):
            value = yield from self.drained(value, self._always)
        if isinstance(value, Unknown) or not self.are_certain(value):
            return self._order_unknown(function, value, named)
        source = yield from self.iterator(value)
        key = named.get("key")
        items: list[Any] = []
        keys: list[Any] = []
        joined: Kind | None = None
        best: Any = _MISSING
        is_certain, before = True, self.no_asking
        while (item := (yield from self.pull(source))) is not None:
            yield
            self.tick()
            is_certain = is_certain and item.certain
            one = item.value if key is None else (yield from self.invoke(key, [item.value], {}))
            items.append(self.kept(items, item.value))
            keys.append(self.kept(keys, one))
            joined = join(joined, self.kind(one))
            if self.memory.is_plain(one) and (best is _MISSING or self.memory.is_plain(best)):
                best = one if best is _MISSING else self.run(function, [best, one])
            else:
                best = one
                self.no_asking = self.no_asking or not kinds.are_ordered(joined)
        self.no_asking = before
        if not is_certain:
            kind: Kind | None = None
            for value in items:
                kind = join(kind, self.kind(value))
            return self._order_unknown(function, Unknown(list_of(kind), self.held(items, kind)), named)
        return self._ordered(function, items, keys, named)

    # With something that is not known. --------------------------------------------------------------------------------

    def _len(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        yield from ()
        (value,) = arguments
        if type(value) in CONTAINERS and not named:
            return len(value) if self.are_certain(value) else Unknown(INT)
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
        if kind.within(NUMBERS - {float}) or (kind.only(str) and kind.number == 2):
            return result
        if function is float and (kind.within(NUMBERS) or (kind.only(str) and kind.number)):
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
        made = function()
        yield from self.method(made, "update", arguments, named)
        return self.memory.load(made)

    def _sorted(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        (value,) = arguments
        if isinstance(value, Unknown) or not self.are_certain(value):
            return self._order_unknown(function, value, named)
        items = yield from self.listed(value)
        keys, key = items, named.get("key")
        if key is not None:
            keys = yield from self.gathered(self.invoke(key, [item], {}) for item in items)
        return self._ordered(function, items, keys, named)

    def _order_unknown(self, function: Any, value: Any, named: Mapping[str, Any]) -> Any:
        """`sorted`, `min` or `max` of what is not known."""
        if named.get("key") is not None or not named.keys() <= {"reverse", "key"}:
            raise Stop("what is not known is put in order by a key")
        more = _reverse(named)
        kind = self.kind(value)
        if function is sorted and kind.within(CONTAINERS - MAPPINGS) and kinds.are_ordered(kind.item):
            return self.derive(lambda items: sorted(items, **more), [value], list_of(kind.item, kind.least))
        if kind.within(CONTAINERS - MAPPINGS) and kinds.are_ordered(kind.item) and kind.least and kind.item:
            return self.derive(function, [value], kind.item)
        return self.may_raise(self.derive(function, [value], PLAIN), Exception)

    def _ordered(self, function: Any, items: list[Any], keys: list[Any], named: Mapping[str, Any]) -> Any:
        """`sorted`, `min` or `max` of certain items, by certain keys."""
        more = _reverse(named)
        if all(map(self.memory.is_plain, keys)) and all(map(self.memory.is_plain, more.values())):
            if function is sorted:
                places = self.run(lambda: sorted(range(len(items)), key=keys.__getitem__, **more), [])
                return [items[place] for place in places]
            if not items:
                return named["default"] if "default" in named else self.run(function, [items])
            best = self.run(lambda: function(range(len(items)), key=keys.__getitem__), [])
            return items[best]
        joined: Kind | None = None
        for one in keys:
            joined = join(joined, self.kind(one))
        if not kinds.are_ordered(joined) or not all(map(self.memory.is_plain, more.values())):
            raise Stop("what is not known is put in order")
        kind = self.kind(items)
        result = kind if function is sorted else kind.item or PLAIN
        if may_change(kind.item or STR):
            return Unknown(result, tuple(items))
        if named.get("key") is not None:
            return Unknown(result)
        return self.derive(lambda known: function(known, **more), [items], result)

    def _sum(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        kind = self.kind(arguments[0])
        start = arguments[1] if len(arguments) > 1 else named.get("start", 0)
        if not kind.within(CONTAINERS - MAPPINGS):
            raise Stop("`sum` of what is not known")
        if type(start) in (list, tuple) and (kind.item is None or kind.item.only(type(start))):
            return (yield from self._concatenated(arguments[0], kind, start))
        if not self.memory.is_plain(start) or type(start) not in NUMBERS:
            raise Stop("`sum` from what is no number")
        result = self.derive(function, [arguments[0], start], FLOAT if _has_floats(kind.item, start) else INT)
        if kind.item is None or kind.item.within(NUMBERS):
            return result
        return self.may_raise(result, TypeError)

    def _concatenated(self, values: Any, kind: Kind, start: Any) -> Steps:
        """`sum` of lists, or of tuples."""
        inner = kind.item.item if kind.item is not None else None
        if isinstance(values, Unknown) or not self.are_certain(values, start):
            raise Stop("`sum` of lists that are not known")
        made: list[Any] = list(start)
        for value in (yield from self.listed(values)):
            if isinstance(value, Unknown) or not self.are_certain(value):
                if may_change(inner or STR):
                    raise Stop("`sum` of lists of lists that are not known")
                return Unknown(Kind(frozenset((type(start),)), join(inner, self.kind(start).item)))
            made += value
        return type(start)(made)

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
        if not all(type(one) is type for one in types):
            raise Stop("`isinstance` of what has a class of its own")
        if not isinstance(value, Unknown):
            return issubclass(self.class_of(value), types)
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
        return self.may_raise(self.derive(function, arguments, JSON), LISTED["json"]["JSONDecodeError"])

    def _to_json(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        yield from ()
        (value,) = arguments
        if not all(map(self.memory.is_plain, named.values())) or not named.keys() <= {"indent", "ensure_ascii"}:
            raise Stop("`json.dumps` with a function")
        result = self.derive(lambda known: function(known, **named), [value], STR)
        return result if _fits_json(self.kind(value)) else self.may_raise(result, Exception)

    def _regular(self, function: Any, arguments: list[Any], named: dict[str, Any]) -> Steps:
        yield from ()
        name = function.__name__
        has_count = name in ("sub", "split")
        if named.keys() - {"flags"} - ({"count"} if name == "sub" else set()):
            raise Stop("a regular expression with names")
        given = 3 if name == "sub" else 2
        rest = arguments[given:]
        if rest and named:
            raise Stop("a regular expression with options by place and by name")
        count = rest.pop(0) if has_count and rest else named.get("count", 0)
        flags = rest.pop(0) if rest else named.get("flags", 0)
        pattern = arguments[0]
        if type(pattern) not in (str, re.Pattern) or type(flags) not in (int, re.RegexFlag) or rest:
            raise Stop("a regular expression that is not known")
        if type(count) is not int:
            raise Stop("a regular expression with a count that is not known")
        compiled = self.run(re.compile, [pattern, flags])
        return self._search(name, [compiled, *arguments[1:given], *([count] if has_count else [])])

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
            several = Kind(frozenset((tuple,)), STR, least=compiled.groups, is_exact=True)
            return self.derive(call, values, list_of(one if compiled.groups < 2 else several))
        if name == "sub":
            return self.derive(call, values, STR)
        if name == "split":
            return self.derive(call, values, list_of(STR if not compiled.groups else of_type(str, NONE), least=1))
        raise Stop(f"`{name}` of what is not known")

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


_MISSING = object()

_STATEFUL = frozenset(LISTED["itertools"][name] for name in LISTED["itertools"]) | {LISTED["re"]["finditer"]}
"""What they give is used up."""

_TAKING_ALL = frozenset(
    [
        *(LISTED["itertools"][name] for name in ("product", "combinations", "permutations")),
        *(LISTED["heapq"][name] for name in ("nlargest", "nsmallest")),
        *(value for value in LISTED["statistics"].values() if is_pure(value)),
        LISTED["math"]["fsum"],
        bytes,
    ]
)
"""Functions that use up an iterator at once."""


def _has_floats(kind: Kind | None, start: Any) -> bool:
    return type(start) is float or (kind is not None and float in kind.types)


def _reverse(named: Mapping[str, Any]) -> dict[str, Any]:
    return {"reverse": named["reverse"]} if "reverse" in named else {}


def _fits_json(kind: Kind | None) -> bool:
    types: frozenset[type] = frozenset((str, int, float, bool, NONE, list, tuple, dict))
    return kind is None or (
        kind.within(types)
        and _fits_json(kind.item)
        and (kind.key is None or kind.key.within(types - {list, tuple, dict}))
    )
