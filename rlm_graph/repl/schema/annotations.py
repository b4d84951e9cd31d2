"""Annotations that are text (`from __future__ import annotations`, a class that names itself), without evaluating it.

Read are names, attributes of modules, `X[Y, ...]`, `X | Y`, what may stand in a Literal, and `Field(...)`. Names are
the cell's.
"""

from __future__ import annotations

import ast
import operator
import sys
import typing
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from rlm_graph.repl import guards

_KNOWN = {kind.__name__: kind for kind in (str, int, float, bool, list, dict, tuple, set, frozenset)} | {
    "string": str,
    "text": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": None,
    "any": Any,
}
"""Also where no cell is on the stack; and as JSON schema calls them: some write `{"label": "string"}`."""


def resolved(annotation: Any, owner: type | None = None) -> Any:
    """What an annotation stands for; one that is no text is it itself.

    Args:
        annotation: As it is in `__annotations__`.
        owner: The class that it is of, which may name itself.

    Raises:
        TypeError: the text is of another form, or names what is not there.
    """
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if not isinstance(annotation, str):
        return annotation
    text = str.__str__(annotation)
    own = {} if owner is None else {owner.__name__: owner}
    try:
        return _read(text, own)
    except (SyntaxError, ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise TypeError(f"the annotation {text[:80]!r} cannot be read ({error})") from error


def _read(text: str, own: Mapping[str, Any]) -> Any:
    return _value(ast.parse(text.strip(), mode="eval").body, own)


def _value(node: ast.expr, own: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value):
            return _read(value, own) if isinstance(value, str) else value
        case ast.Name(name):
            return _named(name, own)
        case ast.Attribute(base, name):
            return guards.get_attribute(_value(base, own), name)
        case ast.Subscript(base, index):
            generic = _value(base, own)
            return generic[ast.literal_eval(index) if generic is typing.Literal else _value(index, own)]
        case ast.Call(function, arguments, keywords):
            if (call := _value(function, own)) not in CALLED:
                raise TypeError("only Field(...) can be called there")
            named = {keyword.arg: _argument(keyword.value, own) for keyword in keywords if keyword.arg}
            return call(*(_argument(argument, own) for argument in arguments), **named)
        case ast.BinOp(left, ast.BitOr(), right):
            return operator.or_(_value(left, own), _value(right, own))
        case ast.Tuple(items):
            return tuple(_value(item, own) for item in items)
        case ast.List(items):
            return [_value(item, own) for item in items]
    raise TypeError("write names, X[Y] and X | Y only")


def _argument(node: ast.expr, own: Mapping[str, Any]) -> Any:
    """A constant, in which a text is a text; else what may stand in an annotation."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _value(node, own)


CALLED: list[Callable[..., Any]] = []
"""What may be called in an annotation; `Field` of models is added where it is (`facades`)."""


def _named(name: str, own: Mapping[str, Any]) -> Any:
    if guards.is_dunder(name):
        raise TypeError(f"`{name}` is no type")
    namespace = _namespace()
    for names in (own, namespace, namespace.get("__builtins__", {}), _KNOWN):
        if name in names:
            return names[name]
    raise TypeError(f"there is no `{name}`")


def _namespace() -> dict[str, Any]:
    """The variables of the cell on whose behalf this runs."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - the way to it
    while frame is not None:
        if guards.OWN in frame.f_builtins:  # only a cell's code has these
            return frame.f_globals
        frame = frame.f_back
    return {}
