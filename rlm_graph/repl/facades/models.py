"""`pydantic`, as far as code in a cell uses it: classes with checked fields, written anew in plain Python.

The real one is compiled code that evaluates annotations and makes classes by a metaclass. Here a model is an ordinary
class. What it is, is read from its annotations and class attributes when it is needed, so that a class that comes back
from a snapshot needs nothing else.

Covered: fields with defaults, `Field` with limits, aliases and descriptions, nested and inherited models, validators,
`extra`, validation with all problems at once, dumps, copies, schemas. Not covered: serializers, computed fields,
discriminators, `RootModel`, `TypeAdapter`, generic parameters.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import functools
import json
import pathlib
import types
import typing
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rlm_graph.repl import guards, schema
from rlm_graph.repl.facades import copies
from rlm_graph.repl.schema import specs
from rlm_graph.repl.schema.annotations import CALLED, resolved
from rlm_graph.repl.schema.shapes import LIMITS, Limited, Misfit, Record, Shape, Where, misfit
from rlm_graph.repl.schema.shapes import Field as ShapedField

NOT_GIVEN: Any = dataclasses.MISSING
"""In place of a default; snapshots know it."""

_TOLD = ("title", "description", "examples")
_WITHOUT_EFFECT = frozenset(("json_schema_extra", "repr", "frozen", "strict", "init", "kw_only", "deprecated"))


class ValidationError(ValueError):
    """A value that does not fit a model; `errors()` says what and where."""

    def __init__(self, title: str, problems: Sequence[tuple[Where, str]]) -> None:
        self.title = title
        self._problems = [(tuple(where), what) for where, what in problems]
        count = len(self._problems)
        lines = [f"{'.'.join(map(str, where)) or title}\n  {what}" for where, what in self._problems]
        super().__init__("\n".join([f"{count} validation error{'s' * (count != 1)} for {title}", *lines]))

    def errors(self) -> list[dict[str, Any]]:
        """The problems: `loc` says where, `msg` what."""
        return [{"loc": where, "msg": what, "type": "value_error"} for where, what in self._problems]

    def error_count(self) -> int:
        """How many there are."""
        return len(self._problems)


class FieldInfo:
    """What `Field` says of a field."""

    __slots__ = ("alias", "default", "default_factory", "limits", "told")

    def __init__(self, default: Any, factory: Any, alias: Any, limits: Mapping[str, Any], told: Any) -> None:
        self.default = default
        self.default_factory = factory
        self.alias = alias
        self.limits = limits
        self.told = told

    @property
    def description(self) -> str | None:
        """What the field is."""
        description: str | None = self.told.get("description")
        return description

    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is NOT_GIVEN and self.default_factory is None

    def __repr__(self) -> str:
        return f"FieldInfo(required={self.is_required()}, description={self.description!r})"


def Field(  # noqa: N802 - the name in pydantic
    default: Any = NOT_GIVEN,
    *,
    default_factory: Callable[[], Any] | None = None,
    alias: str | None = None,
    validation_alias: str | None = None,
    **options: Any,
) -> Any:
    """`pydantic.Field`."""
    limits = {name: options.pop(name) for name in LIMITS if options.get(name) is not None}
    told = {name: options.pop(name) for name in _TOLD if options.get(name) is not None}
    unknown = [name for name, value in options.items() if name not in _WITHOUT_EFFECT and value is not None]
    if unknown:
        have = ", ".join(("default_factory", "alias", *LIMITS, *_TOLD))
        raise TypeError(f"Field() has no `{unknown[0]}` here; it has: {have}")
    is_given = default is not ... and default is not NOT_GIVEN
    return FieldInfo(default if is_given else NOT_GIVEN, default_factory, alias or validation_alias, limits, told)


def _limited(shape: Shape, info: FieldInfo) -> Shape:
    return Limited(shape, info.limits, info.told) if info.limits or info.told else shape


specs.NOTES[FieldInfo] = _limited
CALLED.append(Field)


class Validator:
    """A method that `field_validator` or `model_validator` has marked."""

    __slots__ = ("fields", "function", "mode")

    def __init__(self, fields: tuple[str, ...], mode: str, function: Any) -> None:
        if type(function) is not types.FunctionType or not guards.is_made(function):
            raise TypeError("a validator must be a method of the class")
        self.fields = fields
        self.mode = mode
        self.function = function

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        is_for_instances = not self.fields and self.mode == "after"
        return types.MethodType(self.function, instance if is_for_instances and instance is not None else owner)


def field_validator(field: str, /, *fields: str, mode: str = "after", check_fields: Any = None) -> Any:  # noqa: ARG001
    """`pydantic.field_validator`, before or after the field's own validation."""
    return _marker((field, *fields), mode)


def model_validator(*, mode: str) -> Any:
    """`pydantic.model_validator`, before the fields are validated or after."""
    return _marker((), mode)


def _marker(fields: tuple[str, ...], mode: str) -> Callable[[Any], Validator]:
    if mode not in ("before", "after"):
        raise TypeError(f"mode={mode!r} is not available here; there are 'before' and 'after'")
    if not all(type(name) is str for name in fields):
        raise TypeError("write @field_validator('name of the field', ...)")

    def mark(method: Any) -> Validator:
        return Validator(fields, mode, method.__func__ if isinstance(method, classmethod) else method)

    return mark


def ConfigDict(**settings: Any) -> dict[str, Any]:  # noqa: N802 - the name in pydantic
    """`pydantic.ConfigDict`; `extra` has an effect here."""
    return settings


class _Fields:
    """`Model.model_fields`."""

    def __get__(self, instance: Any, owner: Any) -> dict[str, FieldInfo]:
        return {name: info for name, (_, info) in _record_of(_checked_class(owner)).declared.items()}


class BaseModel:
    """`pydantic.BaseModel`."""

    model_config: typing.ClassVar[Any] = {}
    model_fields = _Fields()

    def __init__(self, /, **data: Any) -> None:
        kind = _checked(self)
        _or_invalid(kind, lambda: _fill(self, kind, data))

    @classmethod
    def model_validate(cls, obj: Any) -> Any:
        """A model of a dict; an instance stays itself."""
        return _or_invalid(cls, lambda: _record_of(_checked_class(cls)).build(obj))

    @classmethod
    def model_validate_json(cls, json_data: str | bytes) -> Any:
        """A model of a JSON text."""
        try:
            data = json.loads(json_data)
        except json.JSONDecodeError as error:
            raise ValidationError(cls.__name__, [((), f"Invalid JSON: {error}")]) from error
        return cls.model_validate(data)

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        """Its JSON schema."""
        return schema.written(_record_of(_checked_class(cls)))

    def model_dump(
        self,
        *,
        mode: str = "python",
        include: Any = None,
        exclude: Any = None,
        by_alias: bool = False,
        exclude_none: bool = False,
    ) -> dict[str, Any]:
        """Its fields as a dict, and those of models in it."""
        _checked(self)
        plain = _Dump(mode, by_alias=by_alias, exclude_none=exclude_none)
        return {
            name: plain(value)
            for name, value in plain.fields(self)
            if (include is None or name in include) and not (exclude and name in exclude)
        }

    def model_dump_json(self, *, indent: int | None = None, **options: Any) -> str:
        """Its fields as a JSON text."""
        dumped = BaseModel.model_dump(self, mode="json", **options)
        separators = (",", ":") if indent is None else None
        return json.dumps(dumped, indent=indent, ensure_ascii=False, separators=separators)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Any:
        """A copy, with other values for some fields, which are not validated."""
        kind = _checked(self)
        made = object.__new__(kind)
        values = dict(self.__dict__)
        made.__dict__.update(copies.deepcopy(values) if deep else values)
        made.__dict__.update(update or {})
        return made

    def __eq__(self, other: object) -> bool:
        _checked(self)
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment] # as pydantic's

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        _checked(self)
        return iter(list(self.__dict__.items()))

    def __repr__(self) -> str:
        return f"{_checked(self).__name__}({', '.join(_shown(self))})"

    def __str__(self) -> str:
        _checked(self)
        return " ".join(_shown(self))


_OLD_NAMES = {
    "dict": "model_dump",
    "json": "model_dump_json",
    "copy": "model_copy",
    "parse_obj": "model_validate",
    "parse_raw": "model_validate_json",
    "schema": "model_json_schema",
}
for _old, _new in _OLD_NAMES.items():  # those of pydantic 1
    setattr(BaseModel, _old, BaseModel.__dict__[_new])
BaseModel.__module__ = ValidationError.__module__ = "pydantic"
guards.SUBCLASSABLE.add(BaseModel)


def _or_invalid(kind: Any, make: Callable[[], Any]) -> Any:
    """What `make` gives. Its `Misfit` is no context of the error: a variable that holds that can be saved."""
    try:
        return make()
    except Misfit as error:
        problems = error.problems
    raise ValidationError(kind.__name__, problems)


def _shown(model: Any) -> list[str]:
    return [f"{name}={value!r}" for name, value in model.__dict__.items()]


def _checked_class(kind: Any) -> Any:
    if not issubclass(kind, BaseModel) or not guards.is_made_class(kind):
        raise TypeError("derive a class of your own from BaseModel, with fields")
    return kind


def _checked(model: Any) -> Any:
    """The class of an instance of a model: whatever else is handed to these methods, its insides stay its own."""
    return _checked_class(type(model))


# What a model is. ---------------------------------------------------------------------------------------------------


class _ModelRecord(Record):
    """A record that is made as the model's own code makes it."""

    @functools.cached_property
    def declared(self) -> dict[str, tuple[Any, FieldInfo]]:
        """The fields, and those that are inherited: annotation, and what is said of them."""
        return {} if self.kind is None else _declared(self.kind)

    def build(self, value: Any, *, strict: bool = False) -> Any:  # noqa: ARG002 - a dict is how it is written
        assert self.kind is not None
        if isinstance(value, self.kind):
            return value
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            raise misfit(f"a dict or a {self.title}", value)
        try:
            return self.kind(**value)
        except ValidationError as error:
            raise Misfit([(one["loc"], one["msg"]) for one in error.errors()]) from error


@functools.lru_cache(maxsize=1000)
def _record_of(kind: Any) -> _ModelRecord:
    allows_others = _config(kind).get("extra") == "allow"
    return _ModelRecord(kind.__name__, specs.doc_of(kind), lambda: _fields(kind), kind, kind, allows_others)


specs.READERS[BaseModel] = lambda kind: _record_of(_checked_class(kind))


def _config(kind: Any) -> Mapping[str, Any]:
    """The settings of a model: of pydantic 2, or of a class `Config` in it, as pydantic 1 had them."""
    old = getattr(kind, "Config", None)
    found = {**(vars(old) if isinstance(old, type) else {}), **dict(kind.model_config)}
    return MappingProxyType(found)


def _declared(kind: Any) -> dict[str, tuple[Any, FieldInfo]]:
    found = {}
    for owner in reversed(kind.__mro__):
        if owner is not BaseModel and issubclass(owner, BaseModel):
            for name, annotation in specs.annotations_of(owner).items():
                if not name.startswith("_") and name != "model_config":
                    found[name] = resolved(annotation, owner), _info(annotation, owner.__dict__.get(name, NOT_GIVEN))
    return found


def _info(annotation: Any, default: Any) -> FieldInfo:
    if isinstance(default, FieldInfo):
        return default
    if default is NOT_GIVEN and typing.get_origin(annotation) is typing.Annotated:
        notes = [note for note in typing.get_args(annotation) if isinstance(note, FieldInfo)]
        if notes:
            return notes[-1]
    return FieldInfo(default, None, None, {}, {})


def _fields(kind: Any) -> list[ShapedField]:
    fields = []
    for name, (annotation, info) in _record_of(kind).declared.items():
        shape = specs.shape_of(annotation, kind)
        if typing.get_origin(annotation) is not typing.Annotated:
            shape = _limited(shape, info)
        validators = [one for one in _validators(kind) if name in one.fields or "*" in one.fields]
        shape = _Validated(shape, validators, kind) if validators else shape
        fields.append(ShapedField(name, shape, info.is_required(), specs.told(info.default), info.alias))
    return fields


def _validators(kind: Any) -> list[Validator]:
    """Of a model and what it derives from; one that was overridden does not count."""
    found: dict[str, Validator] = {}
    for owner in reversed(kind.__mro__):
        for name, item in owner.__dict__.items():
            if isinstance(item, Validator):
                found[name] = item
            else:
                found.pop(name, None)
    return list(found.values())


@dataclasses.dataclass(frozen=True)
class _Validated(Shape):
    """The shape of a field that has validators."""

    shape: Shape
    validators: Sequence[Validator]
    owner: Any

    def schema(self, definitions: Any) -> dict[str, Any]:
        return self.shape.schema(definitions)

    def build(self, value: Any, *, strict: bool = False) -> Any:
        for validator in self.validators:
            if validator.mode == "before":
                value = _validated(validator, self.owner, value)
        value = self.shape.build(value, strict=strict)
        for validator in self.validators:
            if validator.mode == "after":
                value = _validated(validator, self.owner, value)
        return value


def _validated(validator: Validator, target: Any, *value: Any) -> Any:
    """What a validator makes of a value. Those that want it are told no more than that there is an `info`."""
    wanted = validator.function.__code__.co_argcount
    info = [types.SimpleNamespace(data={}, context=None)] * (wanted - 1 - len(value))
    try:
        return validator.function(target, *value, *info)
    except Misfit:
        raise
    except (ValueError, AssertionError) as error:
        raise Misfit([((), f"Value error, {error}")]) from error


def _fill(model: Any, kind: Any, data: Mapping[str, Any]) -> None:
    """Give a new instance its fields."""
    of_model = [one for one in _validators(kind) if not one.fields]
    for validator in of_model:
        if validator.mode == "before":
            data = _validated(validator, kind, data)
    record = _record_of(kind)
    known = {name for one in record.fields for name in (one.name, one.given_as)}
    others = {name: value for name, value in data.items() if name not in known}
    extra = _config(kind).get("extra")
    if others and extra == "forbid":
        raise Misfit([((name,), "Extra inputs are not permitted") for name in others])
    values = record.values(data)
    filled = {name: values[name] if name in values else _default(info) for name, (_, info) in record.declared.items()}
    model.__dict__.update(filled | (others if extra == "allow" else {}))
    for validator in of_model:
        if validator.mode == "after":
            _validated(validator, model)
    after = getattr(model, "model_post_init", None)
    if after is not None:
        after(None)


def _default(info: FieldInfo) -> Any:
    if info.default_factory is not None:
        return info.default_factory()
    return copies.deepcopy(info.default)


# Dumps. -------------------------------------------------------------------------------------------------------------


class _Dump:
    """Turns models, and what is in them, into plain values; `mode="json"`: into such as JSON has."""

    def __init__(self, mode: str, *, by_alias: bool, exclude_none: bool) -> None:
        self._for_json = mode == "json"
        self._by_alias = by_alias
        self._exclude_none = exclude_none

    def fields(self, model: Any) -> list[tuple[str, Any]]:
        aliases = {one.name: one.given_as for one in _record_of(_checked(model)).fields} if self._by_alias else {}
        return [
            (aliases.get(name, name), value)
            for name, value in model.__dict__.items()
            if not (self._exclude_none and value is None)
        ]

    def __call__(self, value: Any) -> Any:
        if isinstance(value, BaseModel) and guards.is_made_class(type(value)):
            return {name: self(item) for name, item in self.fields(value)}
        if isinstance(value, Mapping):
            return {self(key): self(item) for key, item in value.items()}
        if isinstance(value, list | set | frozenset | tuple):
            items = [self(item) for item in value]
            is_named = isinstance(value, tuple) and hasattr(value, "_fields")
            if self._for_json or is_named:
                return items if self._for_json else type(value)(*items)
            return type(value)(items)
        return _for_json(value) if self._for_json else value


def _for_json(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | uuid.UUID | pathlib.PurePath):
        return str(value)
    return value


_VIEWS: tuple[type[Any], ...] = (type({}.keys()), type({}.values()), type({}.items()))

_LISTS: tuple[type[Any], ...] = (set, frozenset, collections.deque, range, *_VIEWS)
"""What is finite, and a list to whom it is handed."""


def as_json(value: Any) -> Any:
    """For `json.dumps(default=...)`: what programs mean by models, dataclasses, sets, views, dates and the like.

    Raises:
        TypeError: JSON has nothing like it.
    """
    if isinstance(value, BaseModel):
        return BaseModel.model_dump(value, mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return copies.asdict(value)
    if isinstance(value, _LISTS):
        return list(value)
    plain = _for_json(value)
    if plain is value:
        raise TypeError(
            f"{type(value).__name__} objects are nothing that JSON has: hand over str, numbers, lists, dicts"
        )
    return plain


MODELS: MappingProxyType[str, dict[str, Any]] = MappingProxyType(
    {
        "pydantic": {
            "BaseModel": BaseModel,
            "ConfigDict": ConfigDict,
            "Field": Field,
            "ValidationError": ValidationError,
            "field_validator": field_validator,
            "model_validator": model_validator,
        }
    }
)
"""Contents of facades, by module."""
