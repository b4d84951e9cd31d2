"""Objects that are neither plain data nor instances of classes: what each is made of, and how it is made again.

A kind takes an object apart into *parts*, which are objects in turn; some exist already, some (numbers, texts) are made
for the purpose. To make it again takes the first `head` parts, or all of them; `fill` puts the rest in when all objects
exist, so that cycles can be closed. Types are compared exactly and methods are those of Python's own types, so no code
of a cell runs here.
"""

# ruff: noqa: ARG001, ARG005 - all functions that take apart, make or fill have the same parameters

from __future__ import annotations

import array
import collections
import dataclasses
import datetime
import decimal
import functools
import gc
import io
import itertools
import operator
import re
import time
import types
import typing
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rlm_graph.context.document import Document
from rlm_graph.repl.facades.console import Logger
from rlm_graph.repl.snapshot.cells import Cells
from rlm_graph.repl.snapshot.context import ContextIndex
from rlm_graph.repl.snapshot.hosts import Hosts
from rlm_graph.repl.snapshot.packing import SnapshotError

Parts = list[Any]


class Unkeepable(Exception):  # noqa: N818 - it is no error: the message says what cannot be kept
    """An object that a snapshot cannot hold. The message names it: "a running generator"."""


@dataclass
class World:
    """What objects of a REPL refer to without holding it."""

    hosts: Hosts
    cells: Cells
    context: ContextIndex
    namespace: dict[str, Any] = field(default_factory=dict)
    """The globals of the cells' functions."""


@dataclass(frozen=True)
class Kind:
    """How objects of one kind are taken apart and made."""

    take: Callable[[Any, World], Parts]
    make: Callable[[World, Parts], Any]
    fill: Callable[[World, Any, Parts], None] | None = None
    head: int | None = None
    """How many of the first parts `make` is given; None means all of them, and that the object never changes."""

    order: int = 1
    """When it is filled: 1 what refers to objects only, 2 classes, 3 what looks into filled containers."""


class Lost:
    """Stands inside a restored value for what could not be kept: any use of it says so."""

    __slots__ = ("_why",)

    def __init__(self, why: str) -> None:
        self._why = why

    def __repr__(self) -> str:
        return f"<lost: {self._why}>"

    def _use(self, *_arguments: Any, **_keywords: Any) -> Any:
        raise RuntimeError(f"{self._why}, and was lost when the REPL was restarted: make it again")

    __getattr__ = __call__ = __iter__ = __next__ = __len__ = __getitem__ = __setitem__ = _use
    __enter__ = __exit__ = __contains__ = __bool__ = __add__ = __radd__ = _use


# Words for what is lost. -------------------------------------------------------------------------------------------

_WORDS = {
    "generator": "a running generator",
    "coroutine": "a coroutine",
    "ThreadPoolExecutor": "a thread pool",
    "Thread": "a thread",
    "lock": "a lock",
    "RLock": "a lock",
    "module": "a module",
    "frame": "a frame",
    "traceback": "a traceback",
    "Traceback": "a traceback",
    "code": "a piece of code",
    "function": "a function that was made outside the cells",
}


def unkeepable(value: object) -> Unkeepable:
    """What a value is, in words for the root model."""
    for ancestor in type.__dict__["__mro__"].__get__(type(value)):
        if type_name(ancestor) in _WORDS:
            return Unkeepable(_WORDS[type_name(ancestor)])
    name = type_name(type(value))
    if name.endswith("iterator") or type(value).__module__ == "itertools" or name.startswith("dict_"):
        return Unkeepable(f"an open iterator ({name})")
    return Unkeepable(f"{'an' if name[:1] in 'AEIOaeio' else 'a'} {name}")


def type_name(kind: type) -> str:
    """A class's name, without asking its metaclass."""
    name: str = type.__dict__["__name__"].__get__(kind)
    return name


# Functions. --------------------------------------------------------------------------------------------------------

_FUNCTION_HEAD = 4


def _take_function(value: Any, world: World) -> Parts:
    code, closure = value.__code__, value.__closure__
    details = [
        value.__name__,
        value.__qualname__,
        value.__defaults__,
        value.__kwdefaults__,
        value.__dict__,
        value.__annotations__,
        value.__doc__,
        value.__module__,
        getattr(value, "__type_params__", ()),  # Python 3.12
    ]
    if value.__globals__ is world.namespace:
        cell = world.cells.place(code)
        if cell is not None:
            return [cell[0], cell[1], closure, *details]
    maker = world.hosts.place(code)
    if maker is not None:
        return [maker[0], maker[1], closure, *details]
    made_for = value.__globals__.get("__name__")
    if type(made_for) is str and made_for.startswith("namedtuple_") and value.__name__ == "__new__":
        return [None, code.co_varnames[1 : code.co_argcount], None, *details]
    raise unkeepable(value)


def _make_function(world: World, parts: Parts) -> Any:
    where, place, closure, name = parts
    if where is None:
        made = _namedtuple_new(place)
    else:
        code, variables = (
            (world.cells.code(where, place), world.namespace) if type(where) is int else world.hosts.code(where, place)
        )
        made = types.FunctionType(code, variables, name, None, closure)
    return made


def _namedtuple_new(names: Any) -> Any:
    return collections.namedtuple("made_again", names).__new__


def _fill_function(world: World, made: Any, parts: Parts) -> None:
    name, qualname, defaults, kwdefaults, contents, annotations, doc, module, type_params = parts[3:]
    made.__name__, made.__qualname__, made.__doc__, made.__module__ = name, qualname, doc, module
    made.__defaults__, made.__kwdefaults__ = defaults, kwdefaults
    made.__dict__, made.__annotations__ = contents, annotations
    if type_params:
        made.__type_params__ = type_params


def _take_cell(value: Any, world: World) -> Parts:
    try:
        return [value.cell_contents]
    except ValueError:  # the variable has no value yet
        return []


def _fill_cell(world: World, made: Any, parts: Parts) -> None:
    if parts:
        made.cell_contents = parts[0]


def _take_lru_cache(value: Any, world: World) -> Parts:
    contents = value.__dict__
    parameters = contents.get("cache_parameters")
    if world.hosts.place(getattr(parameters, "__code__", None)) is None:  # type: ignore[arg-type] # None is not there
        raise unkeepable(value)
    told = parameters()
    return [told["maxsize"], told["typed"], contents["__wrapped__"], contents]


def _make_lru_cache(world: World, parts: Parts) -> Any:
    size, typed, function = parts
    return functools.lru_cache(size, typed)(function)


def _fill_lru_cache(world: World, made: Any, parts: Parts) -> None:
    own = made.__dict__["cache_parameters"]
    made.__dict__.clear()
    made.__dict__.update(parts[3])
    made.__dict__["cache_parameters"] = own


def _take_bound_builtin(value: Any, world: World) -> Parts:
    owner = value.__self__
    known = isinstance(owner, type) and world.hosts.is_class(owner)
    if not known and type(owner) not in _WITH_BOUND_METHODS:
        raise unkeepable(value)
    return [owner, value.__name__]


_WITH_BOUND_METHODS = frozenset(
    {list, dict, set, frozenset, tuple, str, bytes, bytearray, int, float, complex, re.Pattern, io.StringIO, io.BytesIO}
)


def _make_bound_builtin(world: World, parts: Parts) -> Any:
    owner, name = parts
    found = type.__getattribute__(owner, name) if isinstance(owner, type) else object.__getattribute__(owner, name)
    if type(found) not in (types.BuiltinMethodType, types.MethodWrapperType):
        raise SnapshotError(f"no builtin method {name!r}")
    return found


def _take_descriptor(value: Any, world: World) -> Parts:
    if not world.hosts.is_class(value.__objclass__):
        raise unkeepable(value)
    return [value.__objclass__, value.__name__]


def _make_descriptor(world: World, parts: Parts) -> Any:
    return type.__dict__["__dict__"].__get__(parts[0])[parts[1]]


def _take_cached_property(value: Any, world: World) -> Parts:
    return [value.func, value.attrname, value.__doc__]


def _make_cached_property(world: World, parts: Parts) -> Any:
    made: Any = functools.cached_property(_unset)
    made.func, made.attrname, made.__doc__ = parts
    return made


def _unset(*_arguments: Any) -> None:
    """Stands for a function until the real one is filled in."""


def _make_partial(world: World, parts: Parts) -> Any:
    return functools.partial(_unset)


def _fill_partial(world: World, made: Any, parts: Parts) -> None:
    function, arguments, keywords, contents = parts
    made.__setstate__((function, arguments, keywords, contents))


# Time. ---------------------------------------------------------------------------------------------------------------


def _take_datetime(v: Any, world: World) -> Parts:
    return [v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond, v.tzinfo, v.fold]


def _make_datetime(world: World, parts: Parts) -> Any:
    return datetime.datetime(*parts[:8], fold=parts[8])  # noqa: DTZ001 - with the time zone that it had, or none


def _take_time(v: Any, world: World) -> Parts:
    return [v.hour, v.minute, v.second, v.microsecond, v.tzinfo, v.fold]


# Text. ---------------------------------------------------------------------------------------------------------------


def _take_pattern(value: Any, world: World) -> Parts:
    return [value.pattern, value.flags & ~int(re.DEBUG)]  # DEBUG prints


def _take_match(value: Any, world: World) -> Parts:
    parts: Parts = [value.re, value.string, value.pos, value.endpos, value.start(), value.end()]
    for how in ("match", "fullmatch", "search"):
        again = _matched(how, *parts)
        if again is not None and again.regs == value.regs:
            return [how, *parts]
    raise unkeepable(value)


def _matched(how: str, pattern: Any, text: Any, pos: int, endpos: int, start: int, end: int) -> Any:
    """Find a match again: from where it begins, so that no text before it is searched; else as it was found."""
    if how == "match":
        return pattern.match(text, start, endpos)
    if how == "fullmatch":
        return pattern.fullmatch(text, start, end)
    return pattern.search(text, pos, endpos)


def _make_match(world: World, parts: Parts) -> Any:
    found = _matched(*parts)
    if type(found) is not re.Match:
        raise SnapshotError("a match that matches no more")
    return found


def _take_string_io(value: Any, world: World) -> Parts:
    try:
        text, newline, position, _ = value.__getstate__()
    except ValueError:
        raise Unkeepable("a closed StringIO") from None
    return [text, newline, position]


def _fill_string_io(world: World, made: Any, parts: Parts) -> None:
    made.__setstate__((*parts, None))


def _take_bytes_io(value: Any, world: World) -> Parts:
    try:
        return [value.getvalue(), value.tell()]
    except ValueError:
        raise Unkeepable("a closed BytesIO") from None


def _fill_bytes_io(world: World, made: Any, parts: Parts) -> None:
    made.__setstate__((*parts, None))


# Iterators: those that tell where they are. ---------------------------------------------------------------------------

_OVER_SEQUENCES: tuple[type, ...] = (
    type(iter([])), type(iter(())), type(iter("")), type(iter("\u0100")), type(iter(b"")), type(iter(range(0))),
    type(iter(range(1 << 70, (1 << 70) + 1))), type(iter(bytearray())), type(reversed([])),
)  # fmt: skip


def _take_sequence_iterator(value: Any, world: World) -> Parts:
    make, arguments, *state = value.__reduce__()
    sequence = arguments[0]
    return ["reversed" if make is reversed else "iter", sequence, state[0] if state else None]


def _make_sequence_iterator(world: World, parts: Parts) -> Any:
    how, sequence = parts
    if type(sequence) not in (list, tuple, str, bytes, bytearray, range):
        raise SnapshotError("an iterator over what is no sequence")
    return reversed(sequence) if how == "reversed" else iter(sequence)


def _fill_sequence_iterator(world: World, made: Any, parts: Parts) -> None:
    if parts[2] is not None:
        made.__setstate__(parts[2])


_COMBINED: dict[str, Any] = {"zip": zip, "map": map, "filter": filter, "enumerate": enumerate}


def _take_combined_iterator(value: Any, world: World) -> Parts:
    make, arguments, *state = value.__reduce__()
    if state and state[0] is not None:
        raise unkeepable(value)  # zip(strict=True)
    return [type_name(make), *arguments]


def _make_combined_iterator(world: World, parts: Parts) -> Any:
    name, *arguments = parts
    iterators = arguments if name == "zip" else arguments[:1] if name == "enumerate" else arguments[1:]
    if not all(type(part) in KIND_OF_TYPE for part in iterators):
        raise SnapshotError("an iterator over what is no iterator of Python's own")  # iter() would run code
    return _COMBINED[name](*arguments)


def _take_count(value: Any, world: World) -> Parts:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.12 says that copies of iterators will go in 3.14
        return list(value.__reduce__()[1])


# Types in annotations. ------------------------------------------------------------------------------------------------

_ALIASES: dict[str, type] = {
    kind.__name__: kind
    for name in (
        "_GenericAlias", "_UnionGenericAlias", "_CallableGenericAlias", "_LiteralGenericAlias", "_UnpackGenericAlias",
        "_ConcatenateGenericAlias",
    )
    if isinstance(kind := getattr(typing, name, None), type)
}  # fmt: skip


def _take_alias(v: Any, world: World) -> Parts:
    state = object.__getattribute__(v, "__dict__")
    return [type_name(type(v)), state["__origin__"], state["__args__"], state.get("_inst"), state.get("_name")]


def _make_alias(world: World, parts: Parts) -> Any:
    kind, origin, arguments, inst, name = parts
    return _ALIASES[kind](origin, arguments, inst=inst, name=name)


def _take_type_variable(v: Any, world: World) -> Parts:
    return [v.__name__, v.__constraints__, v.__bound__, v.__covariant__, v.__contravariant__]


def _make_type_variable(world: World, parts: Parts) -> Any:
    name, constraints, bound, covariant, contravariant = parts
    make: Any = typing.TypeVar
    return make(name, *constraints, bound=bound, covariant=covariant, contravariant=contravariant)


def _take_mapping_proxy(value: Any, world: World) -> Parts:
    inner = gc.get_referents(value)[0]
    if type(inner) is not dict:
        raise unkeepable(value)
    return [inner]


# Names instead of contents. -------------------------------------------------------------------------------------------


def _take_logger(value: Any, world: World) -> Parts:
    return [value.name, value._level]  # noqa: SLF001 - hidden from cells, not from here


def _make_logger(world: World, parts: Parts) -> Any:
    name, level = parts
    logger = world.hosts.find("logging:getLogger")(None if name == "root" else name)
    logger.setLevel(level)
    return logger


def _only_by_name(value: Any, world: World) -> Parts:
    raise unkeepable(value)


def _take_lost(value: Any, world: World) -> Parts:
    return [value._why]  # noqa: SLF001 - hidden from cells, not from here


def _taker(*names: str) -> Callable[[Any, World], Parts]:
    """Takes the attributes of those names, of an object of a builtin type."""

    def take(value: Any, world: World) -> Parts:
        return [getattr(value, name) for name in names]

    return take


def _maker(kind: Any) -> Callable[[World, Parts], Any]:
    return lambda world, parts: kind(*parts)


_TUPLE_GETTER: Any = type(vars(collections.namedtuple("Sample", "x"))["x"])
"""The type of a namedtuple's attributes."""

KINDS: dict[str, Kind] = {
    "host": Kind(_only_by_name, lambda world, parts: world.hosts.find(*parts)),
    "context": Kind(_only_by_name, lambda world, parts: world.context.find(*parts)),
    "lost": Kind(_take_lost, lambda world, parts: Lost(*parts)),
    "function": Kind(_take_function, _make_function, _fill_function, _FUNCTION_HEAD),
    "cell": Kind(_take_cell, lambda world, parts: types.CellType(), _fill_cell, 0),
    "method": Kind(lambda v, world: [v.__func__, v.__self__], _maker(types.MethodType)),
    "bound_builtin": Kind(_take_bound_builtin, _make_bound_builtin),
    "descriptor": Kind(_take_descriptor, _make_descriptor),
    "lru_cache": Kind(_take_lru_cache, _make_lru_cache, _fill_lru_cache, 3),
    "partial": Kind(
        lambda v, world: [v.func, v.args, v.keywords, v.__dict__ or None], _make_partial, _fill_partial, 0
    ),
    "property": Kind(_taker("fget", "fset", "fdel", "__doc__"), _maker(property)),
    "staticmethod": Kind(lambda v, world: [v.__func__], _maker(staticmethod)),
    "classmethod": Kind(lambda v, world: [v.__func__], _maker(classmethod)),
    "cached_property": Kind(_take_cached_property, _make_cached_property),
    "tuplegetter": Kind(lambda v, world: list(v.__reduce__()[1]), lambda world, parts: _TUPLE_GETTER(*parts)),
    "mappingproxy": Kind(_take_mapping_proxy, _maker(types.MappingProxyType)),
    "range": Kind(_taker("start", "stop", "step"), _maker(range)),
    "slice": Kind(_taker("start", "stop", "step"), _maker(slice)),
    "bytearray": Kind(
        lambda v, world: [bytes(v)], lambda world, parts: bytearray(), lambda world, made, parts: made.extend(*parts), 0
    ),
    "array": Kind(
        lambda v, world: [v.typecode, v.tobytes()],
        lambda world, parts: array.array(parts[0]),
        lambda world, made, parts: made.frombytes(parts[1]),
        1,
    ),
    "date": Kind(_taker("year", "month", "day"), _maker(datetime.date)),
    "time": Kind(
        _take_time, lambda world, parts: datetime.time(*parts[:5], fold=parts[5])
    ),
    "datetime": Kind(_take_datetime, _make_datetime),
    "timedelta": Kind(_taker("days", "seconds", "microseconds"), _maker(datetime.timedelta)),
    "timezone": Kind(lambda v, world: list(v.__getinitargs__()), _maker(datetime.timezone)),
    "struct_time": Kind(lambda v, world: [tuple(v), v.tm_gmtoff, v.tm_zone], lambda world, parts: _struct_time(*parts)),
    "decimal": Kind(lambda v, world: [decimal.Decimal.__str__(v)], _maker(decimal.Decimal)),
    "pattern": Kind(_take_pattern, lambda world, parts: re.compile(*parts)),
    "match": Kind(_take_match, _make_match),
    "string_io": Kind(_take_string_io, lambda world, parts: io.StringIO(), _fill_string_io, 0),
    "bytes_io": Kind(_take_bytes_io, lambda world, parts: io.BytesIO(), _fill_bytes_io, 0),
    "iterator": Kind(_take_sequence_iterator, _make_sequence_iterator, _fill_sequence_iterator, 2, order=3),
    "combined": Kind(_take_combined_iterator, _make_combined_iterator, lambda world, made, parts: None, 99),
    "count": Kind(_take_count, _maker(itertools.count), lambda world, made, parts: None, 99),
    "itemgetter": Kind(lambda v, world: list(v.__reduce__()[1]), _maker(operator.itemgetter)),
    "generic_alias": Kind(
        lambda v, world: [v.__origin__, v.__args__], lambda world, parts: types.GenericAlias(parts[0], parts[1])
    ),
    "union": Kind(lambda v, world: list(v.__args__), lambda world, parts: functools.reduce(operator.or_, parts)),
    "alias": Kind(_take_alias, _make_alias),
    "type_variable": Kind(_take_type_variable, _make_type_variable),
    "forward_ref": Kind(lambda v, world: [v.__forward_arg__], _maker(typing.ForwardRef)),
    "initvar": Kind(lambda v, world: [v.type], _maker(dataclasses.InitVar)),
    "weak_keys": Kind(lambda value, world: [], lambda world, parts: weakref.WeakKeyDictionary()),  # a cache
    "document": Kind(lambda v, world: [str.__str__(v), v.name, v.metadata], _maker(Document)),
    "logger": Kind(_take_logger, _make_logger),
}  # fmt: skip
"""Kinds by the name that a snapshot has for them; `classes.py` adds classes and their instances."""


def _struct_time(fields: Any, offset: Any, zone: Any) -> time.struct_time:
    return time.struct_time((*fields, zone, offset))


KIND_OF_TYPE: dict[type, str] = {
    Lost: "lost",
    types.FunctionType: "function",
    types.CellType: "cell",
    types.MethodType: "method",
    types.BuiltinMethodType: "bound_builtin",
    types.MethodWrapperType: "bound_builtin",
    types.MethodDescriptorType: "descriptor",
    types.WrapperDescriptorType: "descriptor",
    types.ClassMethodDescriptorType: "descriptor",
    types.GetSetDescriptorType: "descriptor",
    types.MemberDescriptorType: "descriptor",
    type(functools.lru_cache(_unset)): "lru_cache",
    functools.partial: "partial",
    property: "property",
    staticmethod: "staticmethod",
    classmethod: "classmethod",
    functools.cached_property: "cached_property",
    _TUPLE_GETTER: "tuplegetter",
    types.MappingProxyType: "mappingproxy",
    range: "range",
    slice: "slice",
    bytearray: "bytearray",
    array.array: "array",
    datetime.date: "date",
    datetime.time: "time",
    datetime.datetime: "datetime",
    datetime.timedelta: "timedelta",
    datetime.timezone: "timezone",
    time.struct_time: "struct_time",
    decimal.Decimal: "decimal",
    re.Pattern: "pattern",
    re.Match: "match",
    io.StringIO: "string_io",
    io.BytesIO: "bytes_io",
    **dict.fromkeys(_OVER_SEQUENCES, "iterator"),
    zip: "combined",
    map: "combined",
    filter: "combined",
    enumerate: "combined",
    itertools.count: "count",
    operator.itemgetter: "itemgetter",
    types.GenericAlias: "generic_alias",
    types.UnionType: "union",
    **dict.fromkeys(_ALIASES.values(), "alias"),
    typing.TypeVar: "type_variable",
    typing.ForwardRef: "forward_ref",
    dataclasses.InitVar: "initvar",
    weakref.WeakKeyDictionary: "weak_keys",
    Document: "document",
    Logger: "logger",
}
"""The kind of objects of exactly these types."""
