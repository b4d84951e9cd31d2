"""Classes made in cells, and instances: of those, and of the host's classes whose state is known.

A class is made again empty, from its name and bases, before anything is in it; then its attributes are set one by one.
So no class body, decorator, `__init_subclass__` or `__set_name__` runs a second time, and a class that was changed,
replaced, or made in a function that has returned is what it was. Methods are functions with their code in a cell. Those
that `dataclasses` writes have none: it writes them again.

An instance is made by the `__new__` of the type of Python's own that it derives from, and its attributes and slots are
set past the class's own methods.
"""

# ruff: noqa: ARG001, ARG005 - all functions that take apart, make or fill have the same parameters

from __future__ import annotations

import abc
import calendar
import collections
import dataclasses
import datetime
import enum
import fractions
import functools
import graphlib
import ipaddress
import random
import statistics
import string
import textwrap
import types
import typing
import uuid
from _abc import _get_dump  # type: ignore[import-not-found]
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from difflib import Differ, SequenceMatcher
from typing import Any, NamedTuple

from rlm_graph.repl.facades import models, paths, rebuilt
from rlm_graph.repl.guards import CELL_MODULE, Formatter, is_dunder
from rlm_graph.repl.snapshot.kinds import KINDS, Kind, Parts, World, type_name, unkeepable
from rlm_graph.repl.snapshot.packing import SnapshotError

contents_of: Callable[[type], Any] = type.__dict__["__dict__"].__get__
"""A class's attributes, without asking its metaclass."""

ancestors_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__

_bases_of: Callable[[type], tuple[type, ...]] = type.__dict__["__bases__"].__get__
_qualname_of: Callable[[type], str] = type.__dict__["__qualname__"].__get__


_HEAP_TYPE = 1 << 9
"""The flag of classes that a class statement made."""


def is_made_class(value: type) -> bool:
    """Was it made in a cell?"""
    module = contents_of(value).get("__module__")
    return type(module) is str and module == CELL_MODULE


# Classes. ------------------------------------------------------------------------------------------------------------

_META: dict[str, type] = {
    "type": type,
    "abc": abc.ABCMeta,
    "enum": type(rebuilt.Enum),
    "protocol": type(typing.Protocol),
    "typed_dict": type(types.resolve_bases((typing.TypedDict,))[0]),
}
_META_NAMES = {meta: name for name, meta in _META.items()}
_CLASS_HEAD = 6
_MADE_BY_TYPE = frozenset(["__dict__", "__weakref__", "__abstractmethods__", "_abc_impl"])


def _take_class(value: Any, world: World) -> Parts:
    meta = _META_NAMES.get(type(value))
    if meta is None or not is_made_class(value):
        raise unkeepable(value)
    contents = contents_of(value)
    names = sorted(name for name in contents if is_dunder(name))  # making a class puts some of these first
    names += [name for name in contents if not is_dunder(name)]
    own = {name: contents[name] for name in names if name not in _MADE_BY_TYPE}
    slots = [name for name, item in own.items() if _is_own(item, value)]
    if "__slots__" in own:
        slots += [name for name in ("__dict__", "__weakref__") if name in contents]
    generated = [name for name, item in own.items() if _is_generated(name, item, contents, world)]
    parts: Parts = [
        meta,
        type_name(value),
        _bases_of(value),
        contents.get("__orig_bases__"),
        " ".join(slots) if "__slots__" in own else None,
        contents["__module__"],
        _qualname_of(value),
        contents.get("__abstractmethods__"),
        " ".join(generated),
        _registered_with(value),
    ]
    for name, item in own.items():
        if name not in slots and name not in generated:
            parts += [name, item]
    return parts


def _registered_with(value: Any) -> tuple[type, ...] | None:
    """The classes that an abstract one was told to take for its subclasses."""
    if not isinstance(value, abc.ABCMeta):
        return None
    registry = (reference() for reference in _get_dump(value)[0])
    return tuple(sorted((kind for kind in registry if kind is not None), key=type_name)) or None


def _is_own(item: object, owner: type) -> bool:
    return type(item) is types.MemberDescriptorType and item.__objclass__ is owner


def _is_generated(name: str, item: Any, contents: Any, world: World) -> bool:
    """Is it a method that `dataclasses` wrote? Its code is in no cell and in no module."""
    if type(item) is not types.FunctionType or "__dataclass_params__" not in contents:
        return False
    if item.__globals__ is world.namespace and world.cells.place(item.__code__):
        return False
    return world.hosts.name(item) is None and name in _GENERATED


_GENERATED = frozenset(
    f"__{name}__" for name in ["init", "repr", "eq", "lt", "le", "gt", "ge", "hash", "setattr", "delattr", "replace"]
)


def _make_class(world: World, parts: Parts) -> Any:
    meta, name, bases, original_bases, slots, module = parts
    if type(name) is not str or type(bases) is not tuple or not all(isinstance(base, type) for base in bases):
        raise SnapshotError("a class without a name or bases")
    contents: dict[str, Any] = {"__module__": module}
    if original_bases is not None:
        contents["__orig_bases__"] = original_bases
    if slots is not None:
        contents["__slots__"] = tuple(slots.split(" ")) if slots else ()
    kind = _META[meta]
    if issubclass(kind, abc.ABCMeta):
        made = abc.ABCMeta.__new__(kind, name, bases, contents)
        type.__setattr__(made, "__abstractmethods__", frozenset())  # it has no methods yet; instances may be made first
        return made
    return type.__new__(kind, name, bases, contents)


def _fill_class(world: World, made: Any, parts: Parts) -> None:
    qualname, abstract, generated, registered = parts[_CLASS_HEAD : _CLASS_HEAD + 4]
    attributes = list(zip(parts[_CLASS_HEAD + 4 :: 2], parts[_CLASS_HEAD + 5 :: 2], strict=True))
    if generated:
        _generate_methods(made, dict(attributes), set(generated.split(" ")))
    for name, item in attributes:
        type.__setattr__(made, name, item)
    type.__setattr__(made, "__qualname__", qualname)
    if abstract is not None:
        type.__setattr__(made, "__abstractmethods__", abstract)
    for kind in registered or ():
        abc.ABCMeta.register(made, kind)


def _generate_methods(made: Any, attributes: dict[str, Any], generated: set[str]) -> None:
    """Have `dataclasses` write its methods again, from the fields that it found the first time."""
    fields, params = attributes["__dataclass_fields__"], attributes["__dataclass_params__"]
    annotations = attributes.get("__annotations__", {})
    slots = {name: item for name, item in contents_of(made).items() if _is_own(item, made)}
    before = {"__doc__": "", "__annotations__": annotations}  # a text, so that no signature is written
    if "__post_init__" in attributes:
        before["__post_init__"] = attributes["__post_init__"]
    for name, old in fields.items():
        if name in annotations:
            before[name] = _field_again(old, attributes.get(name, dataclasses.MISSING))
    for name, item in before.items():
        type.__setattr__(made, name, item)
    options = {name: getattr(params, name) for name in ("init", "repr", "eq", "order", "unsafe_hash", "frozen")}
    dataclasses.dataclass(match_args=False, **options)(made)
    for name, item in slots.items():
        type.__setattr__(made, name, item)
    for name in set(before) | (_GENERATED - generated):
        if name in contents_of(made) and name not in attributes and name not in slots:
            type.__delattr__(made, name)


def _field_again(old: Any, default: Any) -> Any:
    """A field as the class statement had it; for a ClassVar, its value."""
    if old._field_type is dataclasses._FIELD_CLASSVAR:  # type: ignore[attr-defined] # noqa: SLF001
        return default
    return dataclasses.field(
        default=old.default,
        default_factory=old.default_factory,
        init=old.init,
        repr=old.repr,
        hash=old.hash,
        compare=old.compare,
        metadata=old.metadata,
        kw_only=old.kw_only,
    )


# Instances. ----------------------------------------------------------------------------------------------------------


class Base(NamedTuple):
    """How instances of subclasses of a builtin type hold what that type holds."""

    take: Callable[[Any], Parts]
    new: Callable[..., Any]
    fill: Callable[[Any, Parts], None] | None
    """None: the content is given to `new`, and never changes."""

    hashes: bool = False
    """Filling it looks at keys or members."""


def _plain(kind: type) -> Base:
    return Base(lambda value: [], kind.__new__, lambda made, content: None)


def _take_ordered(value: Any) -> Parts:
    """In the order of the OrderedDict, without hashing a key."""
    items = {id(key): (key, item) for key, item in dict.items(value)}
    return [part for key in OrderedDict.__iter__(value) for part in items[id(key)]]


def _fill_items(set_item: Callable[[Any, Any, Any], None]) -> Callable[[Any, Parts], None]:
    def fill(made: Any, content: Parts) -> None:
        for key, item in zip(content[::2], content[1::2], strict=True):
            set_item(made, key, item)

    return fill


def _take_items(value: Any) -> Parts:
    return [part for item in dict.items(value) for part in item]


def _fill_default(made: Any, content: Parts) -> None:
    made_default.__set__(made, content[0])
    _fill_items(dict.__setitem__)(made, content[1:])


made_default: Any = collections.defaultdict.__dict__["default_factory"]
_max_length: Any = deque.__dict__["maxlen"]


def _fill_deque(made: Any, content: Parts) -> None:
    deque.__init__(made, (), content[0])
    deque.extend(made, content[1:])


def _take_exception(value: Any) -> Parts:
    base: Any = BaseException
    flags = base.__suppress_context__.__get__(value)
    parts = [base.args.__get__(value), base.__cause__.__get__(value), base.__context__.__get__(value), flags]
    for name, descriptor in _exception_members(type(value)):
        try:
            parts += [name, descriptor.__get__(value)]
        except (AttributeError, TypeError):  # not set
            continue
    return parts


def _exception_members(kind: type) -> Iterable[tuple[str, Any]]:
    """What builtin exceptions hold beside their arguments (`OSError.errno`, ...)."""
    for owner in ancestors_of(kind):
        if owner is BaseException:
            return
        if contents_of(owner).get("__module__", "builtins") == "builtins":
            for name, item in contents_of(owner).items():
                if type(item) in (types.MemberDescriptorType, types.GetSetDescriptorType) and name != "__dict__":
                    yield name, item


def _fill_exception(made: Any, content: Parts) -> None:
    base: Any = BaseException
    arguments, cause, context, suppress = content[:4]
    base.args.__set__(made, arguments)
    base.__cause__.__set__(made, cause if isinstance(cause, BaseException) else None)  # it may have been lost
    base.__context__.__set__(made, context if isinstance(context, BaseException) else None)
    base.__suppress_context__.__set__(made, suppress)
    members = dict(_exception_members(type(made)))
    for name, item in zip(content[4::2], content[5::2], strict=True):
        if name in members and item is not None:
            try:
                members[name].__set__(made, item)
            except AttributeError:  # read only: ExceptionGroup's, which `new` has set
                continue


def _new_exception(kind: Any) -> Any:
    """By the `__new__` of the builtin exception that it derives from; the others refuse."""
    builtin: Any = next(c for c in ancestors_of(kind) if contents_of(c).get("__module__", "builtins") == "builtins")
    return builtin.__new__(kind)


def _take_group(value: Any) -> Parts:
    group: Any = BaseExceptionGroup
    return [group.message.__get__(value), group.exceptions.__get__(value), *_take_exception(value)]


def _new_group(kind: Any, content: Parts) -> Any:
    made = BaseExceptionGroup.__new__(kind, content[0], content[1])
    _fill_exception(made, content[2:])
    return made


def _sorted_set(value: Any) -> Parts:
    from rlm_graph.repl.snapshot.walk import in_order

    return in_order(value)


def _take_random(value: Any) -> Parts:
    return list(_BASE_RANDOM.getstate(value))


_BASE_RANDOM: Any = random.Random.__bases__[0]

BASES: dict[type, Base] = {
    list: Base(lambda v: list.__getitem__(v, slice(None)), list.__new__, lambda made, parts: list.extend(made, parts)),
    collections.OrderedDict: Base(_take_ordered, OrderedDict.__new__, _fill_items(OrderedDict.__setitem__), True),
    collections.defaultdict: Base(
        lambda v: [made_default.__get__(v), *_take_items(v)], collections.defaultdict.__new__, _fill_default, True
    ),
    dict: Base(_take_items, dict.__new__, _fill_items(dict.__setitem__), True),
    set: Base(_sorted_set, set.__new__, lambda made, parts: set.update(made, parts), True),
    deque: Base(lambda v: [_max_length.__get__(v), *deque.__iter__(v)], deque.__new__, _fill_deque),
    bytearray: Base(
        lambda v: [bytes(bytearray.__getitem__(v, slice(None)))],
        bytearray.__new__,
        lambda made, parts: bytearray.extend(made, *parts),
    ),
    frozenset: Base(_sorted_set, lambda kind, content: frozenset.__new__(kind, content), None),
    tuple: Base(lambda v: list(tuple.__iter__(v)), lambda kind, content: tuple.__new__(kind, content), None),
    str: Base(lambda v: [str.__str__(v)], lambda kind, content: str.__new__(kind, *content), None),
    bytes: Base(
        lambda v: [bytes.__getitem__(v, slice(None))], lambda kind, content: bytes.__new__(kind, *content), None
    ),
    int: Base(lambda v: [int.__int__(v)], lambda kind, content: int.__new__(kind, *content), None),
    float: Base(lambda v: [float.__float__(v)], lambda kind, content: float.__new__(kind, *content), None),
    BaseExceptionGroup: Base(_take_group, _new_group, None),
    BaseException: Base(_take_exception, _new_exception, _fill_exception),
    types.SimpleNamespace: _plain(types.SimpleNamespace),
    datetime.tzinfo: _plain(datetime.tzinfo),
    _BASE_RANDOM: Base(
        _take_random, _BASE_RANDOM.__new__, lambda made, parts: _BASE_RANDOM.setstate(made, tuple(parts))
    ),
    object: _plain(object),
}
"""In the order in which they are looked for."""


@dataclasses.dataclass
class _Sample:
    """Made to learn the types of what `dataclasses` leaves in a class."""


_KEPT_HOST_CLASSES: frozenset[Any] = frozenset(
    {
        object, collections.Counter, OrderedDict, collections.defaultdict, collections.ChainMap, deque,
        types.SimpleNamespace, types.DynamicClassAttribute, fractions.Fraction, uuid.UUID, rebuilt.Random,
        statistics.NormalDist, string.Template, textwrap.TextWrapper, calendar.Calendar, Differ, SequenceMatcher,
        graphlib.TopologicalSorter, functools.partialmethod, rebuilt.singledispatchmethod, Formatter,
        paths.PurePath, paths.Path, enum.property, enum.auto, enum.member, enum.nonmember, typing.NewType,
        models.FieldInfo, models.Validator, dataclasses.Field, type(vars(_Sample)["__dataclass_params__"]),
        ipaddress.IPv4Address, ipaddress.IPv4Network, ipaddress.IPv4Interface,
        ipaddress.IPv6Address, ipaddress.IPv6Network, ipaddress.IPv6Interface,
    }
)  # fmt: skip
"""Classes of the host whose instances hold all of their state in attributes and slots, or in a type of `BASES`."""


@functools.cache
def _is_kept_host_class(kind: type) -> bool:
    named_tuple = issubclass(kind, tuple) and any("_fields" in contents_of(c) for c in ancestors_of(kind))
    return kind in _KEPT_HOST_CLASSES or issubclass(kind, BaseException) or named_tuple


def base_of(kind: type) -> Base:
    """How instances of a class hold what its builtin base holds."""
    return next(BASES[ancestor] for ancestor in ancestors_of(kind) if ancestor in BASES)


def is_kept(kind: type, world: World) -> bool:
    """Are instances of this class taken apart by `_take_instance`?"""
    for ancestor in ancestors_of(kind):
        if not is_made_class(ancestor):
            break
    else:
        return False
    if ancestor is kind:
        return _is_kept_host_class(kind) and world.hosts.is_class(kind)
    rest = ancestors_of(kind)
    return all(is_made_class(c) or c in BASES or _is_harmless(c) for c in rest)


@functools.cache
def _is_harmless(kind: type) -> bool:
    """A class of the host that a made class may derive from, and which adds no hidden state."""
    if kind.__module__.partition(".")[0] in ("threading", "queue", "concurrent"):
        return False  # they hold locks and threads
    return _is_kept_host_class(kind) or bool(kind.__flags__ & _HEAP_TYPE)


def slots_of(kind: type) -> list[tuple[str, Any]]:
    """The slots of a class and its ancestors, under names that are unique among them."""
    return [
        (f"{depth}:{name}", item)
        for depth, owner in enumerate(reversed(ancestors_of(kind)))
        if owner.__flags__ & _HEAP_TYPE  # what C types hold is the business of `BASES`
        for name, item in contents_of(owner).items()
        if type(item) is types.MemberDescriptorType and item.__objclass__ is owner
    ]


def has_dict(kind: type) -> bool:
    """Do its instances have attributes of any name?"""
    return kind.__dictoffset__ != 0 if type(kind) is type else type.__dict__["__dictoffset__"].__get__(kind) != 0


def _take_instance(value: Any, world: World) -> Parts:
    kind = type(value)
    base = base_of(kind)
    content = base.take(value)
    attributes = object.__getattribute__(value, "__dict__") if has_dict(kind) else None
    slots: Parts = []
    for name, descriptor in slots_of(kind):
        try:
            slots += [name, descriptor.__get__(value)]
        except AttributeError:  # not set
            continue
    if base.fill is None:
        return [kind, len(content), *content, attributes, *slots]
    return [kind, attributes, len(content), *content, *slots]


def _make_instance(world: World, parts: Parts) -> Any:
    kind = parts[0]
    _check_class(kind, world)
    return base_of(kind).new(kind)


def _make_value(world: World, parts: Parts) -> Any:
    kind = parts[0]
    _check_class(kind, world)
    return base_of(kind).new(kind, parts[2:])


def _check_class(kind: Any, world: World) -> None:
    if not isinstance(kind, type) or not is_kept(kind, world):
        raise SnapshotError("an instance of what is no class")


def _fill_instance(world: World, made: Any, parts: Parts) -> None:
    _, attributes, size, *rest = parts
    base = base_of(type(made))
    if base.fill is not None and not base.hashes:
        base.fill(made, rest[:size])
    _fill_attributes(made, attributes, rest[size:])


def fill_keys(made: Any, parts: Parts) -> None:
    """Fill the part that hashes: when all attributes of all keys are there."""
    base = base_of(type(made))
    if base.fill is not None and base.hashes:
        base.fill(made, parts[3 : 3 + parts[2]])


def _fill_value(world: World, made: Any, parts: Parts) -> None:
    size = parts[1]
    _fill_attributes(made, parts[2 + size], parts[3 + size :])


def _fill_attributes(made: Any, attributes: Any, slots: Parts) -> None:
    if attributes is not None:
        if isinstance(made, types.SimpleNamespace):
            made.__dict__.update(attributes)
        else:
            set_dict(made, attributes)
    descriptors = dict(slots_of(type(made))) if slots else {}
    for name, item in zip(slots[::2], slots[1::2], strict=True):
        descriptors[name].__set__(made, item)


def set_dict(made: Any, attributes: dict[str, Any]) -> None:
    """Give an instance its attributes, past its class's own methods."""
    if isinstance(made, BaseException):
        BaseException.__dict__["__dict__"].__set__(made, attributes)
        return
    for owner in ancestors_of(type(made)):
        descriptor = contents_of(owner).get("__dict__")
        if type(descriptor) is types.GetSetDescriptorType:
            descriptor.__set__(made, attributes)
            return
    raise SnapshotError(f"a {type_name(type(made))} has no attributes")


def instance_kind(kind: type, world: World) -> str | None:
    """The kind by which instances of a class are kept; None if they are not."""
    if isinstance(kind, enum.EnumType) and not is_made_class(kind):
        return "host_member" if world.hosts.is_class(kind) else None
    if not is_kept(kind, world):
        return None
    return "value" if base_of(kind).fill is None else "instance"


def _take_host_member(value: Any, world: World) -> Parts:
    return [type(value), value._value_]


def _make_host_member(world: World, parts: Parts) -> Any:
    kind, value = parts
    if not (isinstance(kind, enum.EnumType) and world.hosts.is_class(kind)):
        raise SnapshotError("a member of what is no Enum of the host")
    return kind(value)


KINDS["host_member"] = Kind(_take_host_member, _make_host_member)
KINDS["class"] = Kind(_take_class, _make_class, _fill_class, _CLASS_HEAD, order=2)
KINDS["instance"] = Kind(_take_instance, _make_instance, _fill_instance, 1)
KINDS["value"] = Kind(_take_instance, _make_value, _fill_value, -1)
