"""What a cell can give as a schema, and the shape that it stands for.

Types with their parameters, Literal, Enum, unions; dataclasses, TypedDict, NamedTuple, models; a dict of names and
types; a list of the values that are allowed; a JSON schema, which stays what it is.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import functools
import inspect
import types
import typing
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from rlm_graph.repl.schema.annotations import resolved
from rlm_graph.repl.schema.shapes import (
    AnyOf,
    DictOf,
    Field,
    Limited,
    ListOf,
    OneOf,
    Parsed,
    Raw,
    Record,
    Scalar,
    Shape,
    TupleOf,
)

READERS: dict[type, Callable[[Any], Shape]] = {}
"""Classes whose subclasses know their shape, and what reads it; models are added where they are (`facades`)."""

_ALLOWED = (
    "a type (str, int, float, bool, list[str], dict[str, int], Literal['a', 'b'], an Enum), a list of the values that "
    "are allowed, a dict of names and types, a dataclass, a TypedDict, a pydantic class, or a JSON schema"
)

_SCALARS = (str, int, float, bool, type(None))


def shape_of(spec: Any, owner: type | None = None) -> Shape:
    """The shape that a schema or an annotation stands for.

    Args:
        spec: See above.
        owner: The class that it is an annotation of.

    Raises:
        TypeError: it is none of those; the message says which there are.
    """
    spec = resolved(spec, owner)
    if spec is None or (isinstance(spec, type) and spec in _SCALARS):
        return Scalar(type(None) if spec is None else spec)
    if spec is Any or spec is object:
        return Shape()
    if isinstance(spec, dict):
        return Raw(spec) if _is_json_schema(spec) else _of_names(spec)
    if isinstance(spec, list | tuple | set | frozenset):
        return _of_values(list(spec))
    if isinstance(spec, typing.NewType):
        return shape_of(spec.__supertype__, owner)
    if isinstance(spec, typing.TypeVar):
        return Shape() if spec.__bound__ is None else shape_of(spec.__bound__, owner)
    if typing.get_origin(spec) is not None:
        return _of_generic(typing.get_origin(spec), typing.get_args(spec), spec, owner)
    if isinstance(spec, type):
        return _of_class(spec)
    raise _unknown(spec)


def _unknown(spec: Any) -> TypeError:
    shown = spec.__name__ if isinstance(spec, type) else repr(spec)[:80]
    return TypeError(f"schema: {shown} is not understood; it can be {_ALLOWED}")


# JSON schemas, dicts and lists. -------------------------------------------------------------------------------------

_JSON_TYPES = {"string", "integer", "number", "boolean", "array", "object", "null"}
_STRUCTURE: Mapping[str, type] = {
    "$ref": str, "$defs": dict, "properties": dict, "enum": list, "anyOf": list, "oneOf": list, "allOf": list,
}  # fmt: skip
_WORDS = """
    $ref $defs $schema $id $comment definitions type properties required items prefixItems enum const description title
    default examples format pattern minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength
    minItems maxItems uniqueItems contains minProperties maxProperties additionalProperties propertyNames
    patternProperties anyOf oneOf allOf not if then else nullable
"""
_KEYWORDS = frozenset(_WORDS.split())


def _is_json_schema(spec: dict[Any, Any]) -> bool:
    """Is it one already, and no dict of names and types?"""
    if any(isinstance(spec.get(name), kind) for name, kind in _STRUCTURE.items()):
        return True
    if not all(name in _KEYWORDS and isinstance(value, (*_SCALARS, list, dict)) for name, value in spec.items()):
        return False
    kind = spec.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    return not spec or all(isinstance(one, str) and one in _JSON_TYPES for one in kinds)


def _of_names(spec: dict[Any, Any]) -> Record:
    """A dict of names and types; its value is a dict."""
    if not all(isinstance(name, str) for name in spec):
        raise TypeError(f"schema: the names of the fields must be str; it can be {_ALLOWED}")
    fields = [Field(str.__str__(name), shape_of(kind)) for name, kind in spec.items()]
    return Record("Answer", "", lambda: fields, dict)


def _of_values(spec: list[Any]) -> Shape:
    """`[str]` is a list of texts, `["yes", "no"]` one of the two."""
    if len(spec) == 1 and not isinstance(spec[0], str | int | float):
        return ListOf(shape_of(spec[0]))
    if spec and all(isinstance(value, _SCALARS) for value in spec):
        return OneOf([(value, value) for value in spec])
    raise _unknown(spec)


# Generic types. -----------------------------------------------------------------------------------------------------

_LISTS: Mapping[Any, Callable[[list[Any]], Any]] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.deque: collections.deque,
    collections.abc.Sequence: list,
    collections.abc.MutableSequence: list,
    collections.abc.Iterable: list,
    collections.abc.Collection: list,
    collections.abc.Set: set,
    collections.abc.MutableSet: set,
}
_DICTS: frozenset[Any] = frozenset(
    (dict, collections.abc.Mapping, collections.abc.MutableMapping, collections.OrderedDict, collections.defaultdict)
)
_WRAPPERS: frozenset[Any] = frozenset(
    getattr(typing, name) for name in ("Required", "NotRequired", "ReadOnly", "Final") if hasattr(typing, name)
)


def _of_generic(origin: Any, arguments: tuple[Any, ...], spec: Any, owner: type | None) -> Shape:
    if origin is Literal:
        return OneOf([(_written(value), value) for value in arguments])
    if origin is Annotated:
        return _annotated(shape_of(arguments[0], owner), arguments[1:])
    if origin in (typing.Union, types.UnionType):
        return AnyOf(tuple(shape_of(argument, owner) for argument in arguments))
    if origin in _WRAPPERS:
        return shape_of(arguments[0], owner)
    if origin in _LISTS:
        return ListOf(shape_of(arguments[0], owner) if arguments else Shape(), _LISTS[origin])
    if origin in _DICTS:
        key, value = arguments or (str, Any)
        return DictOf(shape_of(key, owner), shape_of(value, owner))
    if origin is tuple:
        if not arguments or arguments[1:] == (...,):
            return ListOf(shape_of(arguments[0], owner) if arguments else Shape(), tuple)
        return TupleOf(tuple(shape_of(argument, owner) for argument in arguments))
    if isinstance(origin, type) and any(issubclass(origin, base) for base in READERS):
        return _of_class(origin)  # a generic model: its parameters are anything
    raise _unknown(spec)


def _annotated(shape: Shape, notes: Sequence[Any]) -> Shape:
    """`Annotated[str, "what it is"]`; others that read their own kind of note are in `NOTES`."""
    for note in notes:
        if isinstance(note, str):
            shape = Limited(shape, {}, {"description": str.__str__(note)})
        for kind, limited in NOTES.items():
            if isinstance(note, kind):
                shape = limited(shape, note)
    return shape


NOTES: dict[type, Callable[[Shape, Any], Shape]] = {}
"""What says more of a type in `Annotated`, and what makes a shape of it."""


# Classes. -----------------------------------------------------------------------------------------------------------

_PARSED: Mapping[type, tuple[Callable[[Any], Any], Mapping[str, Any]]] = {
    datetime.datetime: (datetime.datetime.fromisoformat, {"type": "string", "format": "date-time"}),
    datetime.date: (datetime.date.fromisoformat, {"type": "string", "format": "date"}),
    datetime.time: (datetime.time.fromisoformat, {"type": "string", "format": "time"}),
    uuid.UUID: (uuid.UUID, {"type": "string", "format": "uuid"}),
    decimal.Decimal: (lambda value: decimal.Decimal(str(value)), {"type": ["number", "string"]}),
}


@functools.lru_cache(maxsize=1000)
def _of_class(spec: type) -> Shape:
    """One shape for each class: it may contain itself."""
    for base, read in READERS.items():
        if issubclass(spec, base):
            return read(spec)
    if spec in _PARSED:
        return Parsed(spec, *_PARSED[spec])
    if spec in _LISTS or spec in _DICTS or spec is tuple:
        return _of_generic(spec, (), spec, None)
    if isinstance(spec, enum.EnumType):
        return _of_enum(spec)
    if dataclasses.is_dataclass(spec):
        return Record(spec.__name__, doc_of(spec), lambda: _of_dataclass(spec), spec, spec)
    if issubclass(spec, dict) and hasattr(spec, "__required_keys__"):  # a TypedDict
        return Record(spec.__name__, doc_of(spec), lambda: _of_typed_dict(spec), dict)
    if issubclass(spec, tuple) and hasattr(spec, "_fields"):
        return Record(spec.__name__, doc_of(spec), lambda: _of_named_tuple(spec), spec, spec)
    raise _unknown(spec)


def doc_of(spec: type) -> str:
    """What its author wrote about it; `dataclass` and `NamedTuple` write the signature when there is nothing."""
    doc = spec.__dict__.get("__doc__")
    return doc.strip() if isinstance(doc, str) and not doc.startswith(f"{spec.__name__}(") else ""


def _of_enum(spec: Any) -> OneOf:
    """By its values if they are texts, which say something, else by its names."""
    members = list(spec)
    names, values = [(one.name, one) for one in members], [(_written(one.value), one) for one in members]
    if all(isinstance(value, str) for value, _ in values):
        return OneOf(values, names)
    return OneOf(names, values)


def _written(value: Any) -> Any:
    """A value of a Literal or an Enum as JSON has it."""
    return _written(value.value) if isinstance(value, enum.Enum) else value


def _of_dataclass(spec: Any) -> list[Field]:
    found = []
    for one in dataclasses.fields(spec):
        if one.init:
            is_required = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
            shape = shape_of(one.type, spec)
            if isinstance(description := one.metadata.get("description"), str):
                shape = Limited(shape, {}, {"description": description})
            found.append(Field(one.name, shape, is_required, told(one.default)))
    return found


def _of_typed_dict(spec: Any) -> list[Field]:
    required = spec.__required_keys__
    return [Field(name, shape_of(kind, spec), name in required) for name, kind in spec.__annotations__.items()]


def _of_named_tuple(spec: Any) -> list[Field]:
    kinds, defaults = inspect.get_annotations(spec), spec._field_defaults
    return [
        Field(name, shape_of(kinds.get(name, Any), spec), name not in defaults, told(defaults.get(name, ...)))
        for name in spec._fields
    ]


def told(default: Any) -> dict[str, Any]:
    """A default as a JSON schema tells it, if it is of a kind that JSON has."""
    return {"default": default} if type(default) in _SCALARS else {}


def annotations_of(owner: type) -> dict[str, Any]:
    """The annotations of a class's own fields, in their order; no ClassVar."""
    return {name: kind for name, kind in inspect.get_annotations(owner).items() if not _is_class_var(kind)}


def _is_class_var(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.startswith(("ClassVar", "typing.ClassVar"))
    return annotation is ClassVar or typing.get_origin(annotation) is ClassVar
