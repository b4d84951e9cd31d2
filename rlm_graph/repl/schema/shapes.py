"""Shapes of values: each says itself as a JSON schema, and builds its value of what JSON, or a cell, gives.

What fits nearly is converted, as pydantic does it (`"3"` for an int, `3.0` for an int, `1` for a bool). Where several
shapes are allowed, the one that fits as it is comes first. All problems of a value are told at once.
"""

# ruff: noqa: ARG002, D102 - each shape has the methods that `Shape` describes

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

Where = tuple[str | int, ...]
"""The way to a value inside another: names of fields and places in lists."""


class Misfit(ValueError):  # noqa: N818 - what it says of a value
    """A value that has not the shape."""

    def __init__(self, problems: Sequence[tuple[Where, str]]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(f"{'.'.join(map(str, where))}: {what}".lstrip(": ") for where, what in problems))

    def inside(self, step: str | int) -> list[tuple[Where, str]]:
        """The problems, as those of a part of another value."""
        return [((step, *where), what) for where, what in self.problems]


def misfit(what: str, value: Any) -> Misfit:
    """`value` should have been something else."""
    kind = type(value)
    shown = f"{kind.__name__} {value!r:.60}" if kind in (str, int, float, bool) else kind.__name__
    return Misfit([((), f"should be {what}, not {shown}")])


class Definitions:
    """Writes schemas. Only what contains itself becomes a definition that is referred to."""

    def __init__(self) -> None:
        self.written: dict[str, Any] = {}
        self._open: list[Record] = []
        self._names: dict[Record, str] = {}

    def record(self, record: Record) -> dict[str, Any]:
        """The schema of a record, or a reference to it from inside of itself."""
        if record in self._open or record in self._names:
            return {"$ref": f"#/$defs/{self._name(record)}"}
        self._open.append(record)
        schema = record.own_schema(self)
        self._open.pop()
        if record not in self._names:
            return schema
        self.written[self._names[record]] = schema
        return {"$ref": f"#/$defs/{self._names[record]}"}

    def _name(self, record: Record) -> str:
        taken = self._names.values()
        names = (f"{record.title}{number or ''}" for number in range(len(taken) + 1))
        return self._names.setdefault(record, next(name for name in names if name not in taken))


class Shape:
    """Any value."""

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """As a JSON schema."""
        return {}

    def build(self, value: Any, *, strict: bool = False) -> Any:
        """The value of this shape that `value` stands for; nothing is converted when `strict`.

        Raises:
            Misfit: there is none.
        """
        return value

    def known(self, value: Any) -> int:
        """How many names in a mapping it knows."""
        return 0


@dataclass(frozen=True)
class Raw(Shape):
    """What a JSON schema describes: the host has checked it."""

    given: Mapping[str, Any]

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return dict(self.given)


@dataclass(frozen=True)
class Scalar(Shape):
    """A text, a number, a truth value or None."""

    kind: type

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return {"type": _SCALARS[self.kind][0]}

    def build(self, value: Any, *, strict: bool = False) -> Any:
        _, what, convert = _SCALARS[self.kind]
        if type(value) is self.kind or (self.kind is str and isinstance(value, str)):
            return value
        if self.kind is float and type(value) is int:
            return float(value)
        if not strict:
            try:
                return convert(value)
            except (ValueError, TypeError, KeyError, OverflowError):
                pass  # said below
        raise misfit(what, value)


def _never(value: Any) -> Any:
    raise ValueError(value)


def _as_int(value: Any) -> int:
    whole = int(value)
    if not isinstance(value, str) and whole != value:
        raise ValueError
    return whole


def _as_bool(value: Any) -> bool:
    return _TRUTHS[value.strip().lower() if isinstance(value, str) else str(_as_int(value))]


_TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}

_SCALARS: dict[type, tuple[str, str, Callable[[Any], Any]]] = {
    str: ("string", "a str", _never),
    int: ("integer", "an int", _as_int),
    float: ("number", "a float", float),
    bool: ("boolean", "True or False", _as_bool),
    type(None): ("null", "None", _never),
}


@dataclass(frozen=True)
class Parsed(Shape):
    """What JSON has as a text of some form: a date, a UUID, a Decimal."""

    kind: type
    parse: Callable[[Any], Any]
    written: Mapping[str, Any]

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return dict(self.written)

    def build(self, value: Any, *, strict: bool = False) -> Any:
        if isinstance(value, self.kind):
            return value
        try:
            return self.parse(value)
        except (ValueError, TypeError, ArithmeticError, AttributeError) as error:
            raise misfit(f"a {self.kind.__name__}", value) from error


@dataclass(frozen=True)
class ListOf(Shape):
    """Any number of items, in a list, set, tuple or the like."""

    item: Shape
    kind: Callable[[list[Any]], Any] = list

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        items = self.item.schema(definitions)
        unique = {"uniqueItems": True} if self.kind in (set, frozenset) else {}
        return {"type": "array", **({"items": items} if items else {}), **unique}

    def build(self, value: Any, *, strict: bool = False) -> Any:
        items = _built(((at, self.item, item) for at, item in enumerate(_items(value))), strict)
        try:
            return self.kind(items)
        except TypeError as error:
            raise Misfit([((), f"cannot be made of these items ({error})")]) from error


@dataclass(frozen=True)
class TupleOf(Shape):
    """One item of each shape."""

    items: tuple[Shape, ...]

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        count = len(self.items)
        items = [item.schema(definitions) for item in self.items]
        return {"type": "array", "prefixItems": items, "items": False, "minItems": count, "maxItems": count}

    def build(self, value: Any, *, strict: bool = False) -> Any:
        items = _items(value)
        if len(items) != len(self.items):
            raise Misfit([((), f"should have {len(self.items)} items, not {len(items)}")])
        return tuple(_built(((at, *pair) for at, pair in enumerate(zip(self.items, items, strict=True))), strict))


def _items(value: Any) -> list[Any]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise misfit("a list", value)
    return list(value)


def _built(parts: Iterable[tuple[str | int, Shape, Any]], strict: bool) -> list[Any]:
    """The values of several parts; all of their problems at once."""
    built, problems = [], []
    for step, shape, value in parts:
        try:
            built.append(shape.build(value, strict=strict))
        except Misfit as error:
            problems += error.inside(step)
    if problems:
        raise Misfit(problems)
    return built


@dataclass(frozen=True)
class DictOf(Shape):
    """Any number of names, or of other keys that JSON has as names."""

    key: Shape
    value: Shape

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        values, names = self.value.schema(definitions), self.key.schema(definitions)
        return {
            "type": "object",
            **({"additionalProperties": values} if values else {}),
            **({"propertyNames": {"enum": names["enum"]}} if "enum" in names else {}),
        }

    def build(self, value: Any, *, strict: bool = False) -> Any:
        if not isinstance(value, Mapping):
            raise misfit("a dict", value)
        pairs = [(str(key), key, item) for key, item in value.items()]
        keys = _built(((step, self.key, key) for step, key, _ in pairs), strict=False)
        return dict(zip(keys, _built(((step, self.value, item) for step, _, item in pairs), strict), strict=True))


@dataclass(frozen=True)
class OneOf(Shape):
    """One of some values: those of a Literal, the members of an Enum."""

    choices: Sequence[tuple[Any, Any]]
    """What JSON has, and what it stands for."""

    others: Sequence[tuple[Any, Any]] = ()
    """What is understood, too."""

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        written = [given for given, _ in self.choices]
        kinds = {type(given) for given in written}
        kind = {"type": _SCALARS[kinds.pop()][0]} if len(kinds) == 1 else {}
        return {**kind, "enum": written}

    def build(self, value: Any, *, strict: bool = False) -> Any:
        for given, meant in (*self.choices, *self.others):
            is_same_kind = type(value) is type(given) or (isinstance(value, str) and isinstance(given, str))
            if value is meant or (is_same_kind and value == given):
                return meant
        raise misfit("one of " + ", ".join(repr(given) for given, _ in self.choices), value)


@dataclass(frozen=True)
class AnyOf(Shape):
    """A value of one of some shapes."""

    shapes: tuple[Shape, ...]

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return {"anyOf": [shape.schema(definitions) for shape in self.shapes]}

    def build(self, value: Any, *, strict: bool = False) -> Any:
        problems: list[tuple[Where, str]] = []
        shapes = sorted(self.shapes, key=lambda shape: -shape.known(value))  # of two classes, the one that is meant
        for exactly in (True, strict):
            problems.clear()
            for shape in shapes:
                try:
                    return shape.build(value, strict=exactly)
                except Misfit as error:
                    if shape != Scalar(type(None)):  # that it might be left out goes without saying
                        problems += error.problems
        raise Misfit(problems)


@dataclass(frozen=True)
class Limited(Shape):
    """A shape with limits, and with what is told of it."""

    shape: Shape
    limits: Mapping[str, Any]
    """Of `LIMITS`."""

    about: Mapping[str, Any] = field(default_factory=dict)
    """Of a JSON schema: its description, title, examples."""

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        schema = self.shape.schema(definitions)
        branches = schema.get("anyOf", [schema])
        limited = [{**branch, **self._written(branch)} for branch in branches]
        return {**(schema | {"anyOf": limited} if "anyOf" in schema else limited[0]), **self.about}

    def _written(self, branch: Mapping[str, Any]) -> dict[str, Any]:
        kind = branch.get("type")
        names = {limit: _KEYWORDS[limit].get(kind) for limit in self.limits}
        return {name: self.limits[limit] for limit, name in names.items() if name is not None}

    def build(self, value: Any, *, strict: bool = False) -> Any:
        built = self.shape.build(value, strict=strict)
        if built is not None:
            for limit, bound in self.limits.items():
                says, holds = LIMITS[limit]
                if not holds(built, bound):
                    raise Misfit([((), f"should {says} {bound!r}")])
        return built

    def known(self, value: Any) -> int:
        return self.shape.known(value)


LIMITS: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "gt": ("be greater than", lambda value, bound: value > bound),
    "ge": ("be greater than or equal to", lambda value, bound: value >= bound),
    "lt": ("be less than", lambda value, bound: value < bound),
    "le": ("be less than or equal to", lambda value, bound: value <= bound),
    "multiple_of": ("be a multiple of", lambda value, bound: value % bound == 0),
    "min_length": ("have a length of at least", lambda value, bound: len(value) >= bound),
    "max_length": ("have a length of at most", lambda value, bound: len(value) <= bound),
    "pattern": ("match the pattern", lambda value, bound: re.search(bound, value) is not None),
}
"""Limits by the names that pydantic has for them: how they are told, and when they hold."""


def _numbers(name: str) -> dict[Any, str]:
    return {"integer": name, "number": name}


_KEYWORDS: Mapping[str, Mapping[Any, str]] = {
    "gt": _numbers("exclusiveMinimum"),
    "ge": _numbers("minimum"),
    "lt": _numbers("exclusiveMaximum"),
    "le": _numbers("maximum"),
    "multiple_of": _numbers("multipleOf"),
    "min_length": {"string": "minLength", "array": "minItems", "object": "minProperties"},
    "max_length": {"string": "maxLength", "array": "maxItems", "object": "maxProperties"},
    "pattern": {"string": "pattern"},
}
"""What JSON schema calls a limit, for each type."""


@dataclass(frozen=True)
class Field:
    """A field of a record."""

    name: str
    shape: Shape
    is_required: bool = True
    told: Mapping[str, Any] = field(default_factory=dict)
    """What its JSON schema tells beside its shape: a default."""

    alias: str | None = None
    """Its name in what is given, if that is another."""

    @property
    def given_as(self) -> str:
        """The name that it has in JSON."""
        return self.alias or self.name

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Its shape's, and what is told beside it."""
        return {**self.shape.schema(definitions), **self.told}


@dataclass(eq=False)
class Record(Shape):
    """Named fields: of a dataclass, a TypedDict, a NamedTuple, a model, or of no class."""

    title: str
    doc: str
    read: Callable[[], Sequence[Field]]
    """Gives the fields: when they are needed, since a record may contain itself."""

    make: Callable[..., Any]
    """Makes the value, of the fields that were given."""

    kind: type | None = None
    """Its instances are taken as they are."""

    allows_others: bool = False
    """Whether there may be other fields."""

    @cached_property
    def fields(self) -> Sequence[Field]:
        """Its fields."""
        return self.read()

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return definitions.record(self)

    def own_schema(self, definitions: Definitions) -> dict[str, Any]:
        """Its schema, written out."""
        return {
            "type": "object",
            **({"title": self.title} if self.kind else {}),
            **({"description": self.doc} if self.doc else {}),
            "properties": {one.given_as: one.schema(definitions) for one in self.fields},
            "required": [one.given_as for one in self.fields if one.is_required],
            "additionalProperties": self.allows_others,
        }

    def build(self, value: Any, *, strict: bool = False) -> Any:
        if self.kind is not None and isinstance(value, self.kind):
            return value
        if not isinstance(value, Mapping):
            raise misfit(f"a dict of {', '.join(one.given_as for one in self.fields)}", value)
        return self.make(**self.values(value, strict=strict))

    def values(self, given: Mapping[str, Any], *, strict: bool = False) -> dict[str, Any]:
        """The values of the fields that are given, by name.

        Raises:
            Misfit: some are missing, or have another shape.
        """
        found = {one.name: given[name] for one in self.fields for name in (one.name, one.given_as) if name in given}
        missing: list[tuple[Where, str]] = [
            ((one.given_as,), "is missing") for one in self.fields if one.is_required and one.name not in found
        ]
        parts = [(one, found[one.name]) for one in self.fields if one.name in found]
        try:
            built = _built(((one.given_as, one.shape, value) for one, value in parts), strict)
        except Misfit as error:
            raise Misfit([*missing, *error.problems]) from error
        if missing:
            raise Misfit(missing)
        return {one.name: value for (one, _), value in zip(parts, built, strict=True)}

    def known(self, value: Any) -> int:
        return sum(one.given_as in value for one in self.fields) if isinstance(value, Mapping) else 0
