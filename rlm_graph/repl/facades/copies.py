"""`copy`, and what of `dataclasses` copies: written anew.

The standard `copy` sets attributes on whatever an object's `__new__` returns, which may be a class of the host.
Here the copy of an object is an object of the same class, or there is none.
"""

from __future__ import annotations

import copyreg
import dataclasses
import types
from collections import defaultdict
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from rlm_graph.repl import guards

_ATOMIC: frozenset[type] = frozenset(
    (
        type(None), type(Ellipsis), type(NotImplemented), int, float, bool, complex, bytes, str, range, property,
        types.FunctionType, types.BuiltinFunctionType, guards.Facade, guards.ExplainingFacade,
    )
)  # fmt: skip
_NO_STATE = object()


def copy(x: Any) -> Any:
    """A shallow copy of `x`."""
    kind = type(x)
    if _is_atomic(kind):
        return x
    if kind in (list, dict, set, bytearray):
        return x.copy()
    if kind in (tuple, frozenset):
        return x
    special = getattr(kind, "__copy__", None)
    if special is not None:
        return special(x)
    return _rebuilt(x, lambda part: part, None)


def deepcopy(x: Any, memo: dict[int, Any] | None = None) -> Any:
    """A copy of `x` and of all that is in it; shared parts stay shared."""
    memo = {} if memo is None else memo
    known = memo.get(id(x), _NO_STATE)
    if known is not _NO_STATE:
        return known
    kind = type(x)
    if _is_atomic(kind):
        return x
    made = _deep(x, kind, memo)
    if made is not x:
        memo[id(x)] = made
        memo.setdefault(id(memo), []).append(x)  # so that its id is not used again
    return made


def _is_atomic(kind: type) -> bool:
    return kind in _ATOMIC or issubclass(kind, type)


def _deep(x: Any, kind: type, memo: dict[int, Any]) -> Any:
    if kind is list:
        made: Any = []
        memo[id(x)] = made
        made.extend(deepcopy(item, memo) for item in x)
        return made
    if kind is dict:
        made = {}
        memo[id(x)] = made
        for key, item in x.items():
            made[deepcopy(key, memo)] = deepcopy(item, memo)
        return made
    if kind is tuple:
        items = [deepcopy(item, memo) for item in x]
        if id(x) in memo:  # a cycle through this tuple has copied it
            return memo[id(x)]
        return tuple(items) if any(new is not old for new, old in zip(items, x, strict=True)) else x
    special = getattr(kind, "__deepcopy__", None)
    if special is not None:
        return special(x, memo)
    return _rebuilt(x, lambda part: deepcopy(part, memo), memo)


def _rebuilt(x: Any, part: Callable[[Any], Any], memo: dict[int, Any] | None) -> Any:
    """An object of the same class with the same parts: what pickle would do, without leaving the class."""
    kind = type(x)
    reduce = copyreg.dispatch_table.get(kind)
    reduced: Any = reduce(x) if reduce else x.__reduce_ex__(4)
    if isinstance(reduced, str):
        return x
    make, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
    made = make(*map(part, arguments))
    if type(made) is not kind:
        raise TypeError(f"a {kind.__name__} cannot be copied: its class makes objects of another class")
    if memo is not None:
        memo[id(x)] = made
    if state is not None:
        _check_state(kind, state)
        _set_state(made, part(state))
    for item in items or ():
        made.append(part(item))
    for key, item in pairs or ():
        made[part(key)] = part(item)
    return made


def _check_state(kind: type, state: Any) -> None:
    """The copies of an object's parts are in `memo`, which `__deepcopy__` sees: not those of the host's objects."""
    if guards.is_made_class(kind) or issubclass(kind, guards.CONTENTS):
        return
    for part in state if isinstance(state, tuple) else (state,):
        if isinstance(part, dict) and any(str(name).startswith("_") for name in part):
            raise TypeError(f"a {kind.__name__} cannot be copied")


def _set_state(made: Any, state: Any) -> None:
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return
    contents, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if contents:
        made.__dict__.update(contents)
    for name, value in (slots or {}).items():
        if type(name) is str and guards.is_storable(name):
            setattr(made, name, value)


def replace(obj: Any, /, **changes: Any) -> Any:
    """`copy.replace` of Python 3.13, for dataclasses, named tuples and whatever defines `__replace__`."""
    special = getattr(type(obj), "__replace__", None)
    if special is None:
        raise TypeError(f"replace() does not support {type(obj).__name__} objects")
    return special(obj, **changes)


def asdict(obj: Any, *, dict_factory: Callable[[list[tuple[str, Any]]], Any] = dict) -> Any:
    """The fields of a dataclass instance as a dict, also in the values."""
    _check_instance(obj, "asdict")
    return _as_dict(obj, dict_factory)


def _as_dict(obj: Any, factory: Callable[[list[tuple[str, Any]]], Any]) -> Any:
    if _is_instance(obj):
        return factory([(f.name, _as_dict(getattr(obj, f.name), factory)) for f in dataclasses.fields(obj)])
    return _converted(obj, lambda part: _as_dict(part, factory))


def astuple(obj: Any, *, tuple_factory: Callable[[list[Any]], Any] = tuple) -> Any:
    """The fields of a dataclass instance as a tuple, also in the values."""
    _check_instance(obj, "astuple")
    return _as_tuple(obj, tuple_factory)


def _as_tuple(obj: Any, factory: Callable[[list[Any]], Any]) -> Any:
    if _is_instance(obj):
        return factory([_as_tuple(getattr(obj, f.name), factory) for f in dataclasses.fields(obj)])
    return _converted(obj, lambda part: _as_tuple(part, factory))


def _converted(obj: Any, part: Callable[[Any], Any]) -> Any:
    kind: Any = type(obj)
    if isinstance(obj, tuple) and hasattr(obj, "_fields"):
        return kind(*[part(item) for item in obj])
    if isinstance(obj, list | tuple):
        return kind(part(item) for item in obj)
    if isinstance(obj, defaultdict):
        return kind(obj.default_factory, {part(key): part(item) for key, item in obj.items()})
    if isinstance(obj, dict):
        return kind((part(key), part(item)) for key, item in obj.items())
    return deepcopy(obj)


def _is_instance(obj: Any) -> bool:
    return hasattr(type(obj), "__dataclass_fields__")


def _check_instance(obj: Any, function: str) -> None:
    if not _is_instance(obj):
        raise TypeError(f"{function}() should be called on dataclass instances")


COPIES: MappingProxyType[str, dict[str, Any]] = MappingProxyType(
    {
        "copy": {"copy": copy, "deepcopy": deepcopy, "replace": replace, "Error": TypeError},
        "dataclasses": {"asdict": asdict, "astuple": astuple},
    }
)
"""Contents of facades, by module."""
