"""Functions and classes of the standard library that are made anew, or wrapped, because the real ones go past a guard.

Each says why. What they promise is what the real ones do, for what a cell may do at all.
"""

from __future__ import annotations

import abc
import dataclasses
import enum
import functools
import operator
import random
import types
import typing
import uuid
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from rlm_graph.repl import guards

# dataclasses: the real one compiles text made of field names. They are identifiers, because only annotations in a class
# body make them, and a default cannot pass for a Field: nothing in a cell misleads isinstance.


def dataclass(cls: Any = None, /, **options: Any) -> Any:
    """`dataclasses.dataclass`, for classes made in cells."""
    if cls is None:
        return lambda decorated: dataclass(decorated, **options)
    _check_made(cls, "dataclass")
    return _without_unsafe_match_args(dataclasses.dataclass(**options)(cls))


def make_dataclass(cls_name: str, fields: Any, *, bases: tuple[type, ...] = (), **options: Any) -> Any:
    """`dataclasses.make_dataclass`, by names and types."""
    if "namespace" in options or "module" in options:
        raise TypeError("make_dataclass() takes no `namespace` and no `module` here: write a class statement instead")
    specified = [(field, Any) if isinstance(field, str) else tuple(field) for field in fields]
    for name in (cls_name, *(field[0] for field in specified)):
        if type(name) is not str or not name.isidentifier() or guards.is_dunder(name):
            raise TypeError(f"{name!r} cannot be a name of a dataclass or of a field")
    base = guards.build_class(_blank_class(cls_name), cls_name, *bases) if bases else object
    cls = type(
        cls_name, (base,), {"__module__": guards.CELL_MODULE, "__annotations__": {f[0]: f[1] for f in specified}}
    )
    for field in specified:
        if len(field) == 3:
            setattr(cls, field[0], field[2])
    return dataclass(cls, **options)


def _check_made(cls: Any, function: str) -> None:
    if not (isinstance(cls, type) and guards.is_made_class(cls)):
        shown = cls.__name__ if isinstance(cls, type) else type(cls).__name__
        raise TypeError(f"{function} needs a class made here, not `{shown}`: it changes the class")


def _without_unsafe_match_args(cls: Any) -> Any:
    """A field named `format` is no positional pattern: a pattern reads the attribute without a guard."""
    if any(guards.kind_of(name) != "native" for name in cls.__dict__.get("__match_args__", ())):
        setattr(cls, "__match_args__", ())  # noqa: B010 - mypy knows it as final
    return cls


# enum: the functional form makes class attributes of any name. This metaclass looks at them.

_BY_COMPILER = frozenset(
    f"__{word}__"
    for word in [
        "module",
        "qualname",
        "annotations",
        "annotate",
        "classcell",
        "classdictcell",
        "firstlineno",
        "static_attributes",
        "type_params",
        "orig_bases",
        "conditional_annotations",
    ]
)


_REAL_ENUMS: dict[Any, type] = {}


class _EnumType(enum.EnumType):
    def __new__(metacls, cls: str, bases: Any, classdict: Any, **options: Any) -> Any:
        for name in classdict:
            if type(name) is not str:
                raise TypeError(f"{name!r} cannot be a name in an Enum")
            if guards.is_dunder(name) and name not in guards.DEFINABLE and name not in _BY_COMPILER:
                raise TypeError(f"`{name}` cannot be defined in an Enum")
        return super().__new__(metacls, cls, bases, classdict, **options)

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _REAL_ENUMS.get(cls, ())) or super().__instancecheck__(value)

    def __subclasscheck__(cls, value: type) -> bool:
        return issubclass(value, _REAL_ENUMS.get(cls, ())) or super().__subclasscheck__(value)


class Enum(enum.Enum, metaclass=_EnumType):
    """`enum.Enum`."""


class Flag(enum.Flag, metaclass=_EnumType):
    """`enum.Flag`."""


class IntEnum(enum.IntEnum, metaclass=_EnumType):
    """`enum.IntEnum`."""


class StrEnum(enum.StrEnum, metaclass=_EnumType):
    """`enum.StrEnum`."""


class IntFlag(enum.IntFlag, metaclass=_EnumType, boundary=enum.KEEP):
    """`enum.IntFlag`."""


_REAL_ENUMS.update({Enum: enum.Enum, Flag: enum.Flag})  # others derive from these in `enum`, but not here

_ENUMS: tuple[Any, ...] = (Enum, Flag, IntEnum, StrEnum, IntFlag)
for _enum in _ENUMS:
    _enum.__module__ = "enum"
guards.SUBCLASSABLE.update(_ENUMS)

# functools: the real ones read and set attributes by names that they are given, and evaluate annotations.


def update_wrapper(
    wrapper: Any,
    wrapped: Any,
    assigned: Any = ("__name__", "__qualname__", "__doc__"),
    updated: Any = ("__dict__",),
) -> Any:
    """`functools.update_wrapper`."""
    for name in assigned:
        if guards.has_attribute(wrapped, name) and guards.is_storable(name):
            guards.set_attribute(wrapper, name, guards.get_attribute(wrapped, name))
    for name in updated:
        if guards.is_made(wrapped) and guards.has_attribute(wrapped, name):
            guards.get_attribute(wrapper, name).update(guards.get_attribute(wrapped, name))
    if type(wrapper) is types.FunctionType and type(wrapped) is types.FunctionType and guards.is_made(wrapper):
        wrapper.__annotations__ = dict(wrapped.__annotations__)
    guards.set_attribute(wrapper, "__wrapped__", wrapped)
    return wrapper


def wraps(wrapped: Any, *arguments: Any, **keywords: Any) -> Callable[[Any], Any]:
    """`functools.wraps`."""
    return lambda wrapper: update_wrapper(wrapper, wrapped, *arguments, **keywords)


def total_ordering(cls: Any) -> Any:
    """`functools.total_ordering`, for classes made in cells."""
    _check_made(cls, "total_ordering")
    return functools.total_ordering(cls)


def singledispatch(func: Any) -> Any:
    """`functools.singledispatch`, which reads an annotation only if it is a class."""
    dispatcher: Any = functools.singledispatch(func)
    register_for = dispatcher.register

    def register(cls: Any, func: Any = None) -> Any:
        if _is_dispatchable(cls):
            return (lambda method: register(cls, method)) if func is None else register_for(cls, func)
        if func is not None or type(cls) is not types.FunctionType:
            raise TypeError(f"register() needs a class, not {type(cls).__name__}")
        annotation = next(iter(cls.__annotations__.values()), None)
        if not _is_dispatchable(annotation):
            raise TypeError("annotate the first parameter with a class, or use @function.register(SomeClass)")
        return register_for(annotation, cls)

    dispatcher.register = register
    return dispatcher


def _is_dispatchable(cls: Any) -> bool:
    return isinstance(cls, type) or (
        isinstance(cls, types.UnionType) and all(isinstance(part, type) for part in typing.get_args(cls))
    )


class singledispatchmethod:  # noqa: N801 - the name in functools
    """`functools.singledispatchmethod`, over the `singledispatch` above."""

    def __init__(self, func: Any) -> None:
        self._dispatcher = singledispatch(func)
        self._function = func

    def register(self, cls: Any, method: Any = None) -> Any:
        """Register a method for a class."""
        return self._dispatcher.register(cls, method)

    def __get__(self, obj: Any, cls: Any = None) -> Callable[..., Any]:
        def method(*arguments: Any, **keywords: Any) -> Any:
            return self._dispatcher.dispatch(type(arguments[0])).__get__(obj, cls)(*arguments, **keywords)

        method.__name__ = self._function.__name__
        return method


# operator: the real ones read attributes by name, and `type(attrgetter("x"))` would give the real one back.


def attrgetter(attr: str, /, *attrs: str) -> Callable[[Any], Any]:
    """`operator.attrgetter`."""
    paths = [_path(name) for name in (attr, *attrs)]

    def get(obj: Any) -> Any:
        found = tuple(functools.reduce(guards.get_attribute, path, obj) for path in paths)
        return found if attrs else found[0]

    return get


def _path(name: Any) -> list[str]:
    if type(name) is not str:
        raise TypeError("attribute name must be a string")
    return name.split(".")


def methodcaller(name: str, /, *arguments: Any, **keywords: Any) -> Callable[[Any], Any]:
    """`operator.methodcaller`."""
    return lambda obj: guards.get_attribute(obj, name)(*arguments, **keywords)


def get_origin(tp: Any) -> Any:
    """`typing.get_origin`; never the real `type`."""
    return guards.disclosed(typing.get_origin(tp))


def get_args(tp: Any) -> Any:
    """`typing.get_args`; never the real `type`."""
    return guards.disclosed(typing.get_args(tp))


# random and uuid: where the real ones ask the kernel for chance, these ask a generator that the run seeds. A cell that
# runs again after its process was killed then draws the same.


class Chance:
    """What is drawn without a seed of the cell's own."""

    def __init__(self) -> None:
        self._generator = random.Random()  # noqa: S311 - nothing here is a secret
        self._is_used = False

    def seed(self, seed: Any = None) -> None:
        """Begin anew."""
        self._generator.seed(seed)
        self._is_used = False

    def bits(self, count: int) -> int:
        """So many."""
        self._is_used = True
        return self._generator.getrandbits(count)

    def state(self) -> Any:
        """What `restore` takes; None while nothing has been drawn."""
        return self._generator.getstate() if self._is_used else None

    def restore(self, state: Any) -> None:
        """Go on from there."""
        self._generator.setstate(state)
        self._is_used = True


CHANCE = Chance()
"""The REPL's."""


def seed(a: Any = None, version: int = 2) -> None:
    """`random.seed`."""
    random.seed(CHANCE.bits(256) if a is None else a, version)


class Random(random.Random):
    """`random.Random`."""

    def seed(self, a: Any = None, version: int = 2) -> None:
        """Begin anew."""
        super().seed(CHANCE.bits(256) if a is None else a, version)


Random.__module__ = "random"


def uuid4() -> uuid.UUID:
    """`uuid.uuid4`."""
    return uuid.UUID(int=CHANCE.bits(128), version=4)


def _blank_class(name: str) -> Any:
    """The body of an empty class, as the compiler gives it to `__build_class__`."""
    code = compile(f"class {name}: pass", "<make_dataclass>", "exec", dont_inherit=True)
    body = next(constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return types.FunctionType(body, {"__name__": guards.CELL_MODULE, "__builtins__": {}})


guards.SUBCLASSABLE.update((abc.ABC, typing.Generic, guards.Formatter, operator.itemgetter))
guards.SUBCLASSABLE.update((singledispatchmethod, Random))
guards.SUBCLASSABLE.update(
    types.resolve_bases((typing.NamedTuple, typing.TypedDict))  # the classes that these stand for as bases
)

REBUILT: MappingProxyType[str, dict[str, Any]] = MappingProxyType(
    {
        "abc": {"ABCMeta": guards.ABC_META},
        "dataclasses": {"dataclass": dataclass, "make_dataclass": make_dataclass},
        "enum": {"EnumMeta": guards.ENUM_META, "EnumType": guards.ENUM_META}
        | {enumeration.__name__: enumeration for enumeration in _ENUMS},
        "functools": {
            "WRAPPER_ASSIGNMENTS": ("__name__", "__qualname__", "__doc__"),
            "WRAPPER_UPDATES": ("__dict__",),
            "singledispatch": singledispatch,
            "singledispatchmethod": singledispatchmethod,
            "total_ordering": total_ordering,
            "update_wrapper": update_wrapper,
            "wraps": wraps,
        },
        "operator": {"attrgetter": attrgetter, "methodcaller": methodcaller},
        "random": {"Random": Random, "seed": seed},
        "string": {"Formatter": guards.Formatter},
        "types": {"FunctionType": guards.FUNCTION, "LambdaType": guards.FUNCTION, "ModuleType": guards.MODULE},
        "typing": {"Type": guards.TYPE, "get_origin": get_origin, "get_args": get_args},
        "uuid": {"uuid4": uuid4},
    }
)
"""Contents of facades, by module."""
