"""What the scout makes of objects of the code's own classes: their attributes and methods, and new ones.

Only of classes that keep their attributes in a dict and change nothing of how Python looks for them. Their methods are
gone through like functions. What Python itself would call of them (`__str__`, `__eq__`, `__len__`...) is not followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from rlm_graph.repl.guards import is_made_class
from rlm_graph.repl.run_ahead.evaluation import Steps
from rlm_graph.repl.run_ahead.iteration import Many, Stream
from rlm_graph.repl.run_ahead.memory import UNSET, UNSURE, Stop
from rlm_graph.repl.run_ahead.methods import Methods

_CHANGING_ACCESS = frozenset(
    ("__getattr__", "__getattribute__", "__setattr__", "__delattr__", "__slots__", "__new__", "__dir__")
)
"""Methods with which an object is not what it seems."""

_METHODS = frozenset((FunctionType, staticmethod, classmethod))

_TRUTH = ("__bool__", "__len__")


@dataclass(eq=False)
class Instance:
    """An object that the code will make."""

    of: type
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Method:
    """A function with the object, or the class, that it is a method of."""

    function: FunctionType
    owner: Any


@dataclass(frozen=True, eq=False)
class Partial:
    """What `functools.partial` gives."""

    function: Any
    arguments: Sequence[Any]
    named: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Getter:
    """An attribute that is what a method gives."""

    method: Method


class Objects(Methods):
    """Evaluates attributes and methods of objects."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._simple: dict[type, bool] = {}
        self._named_tuples: dict[type, bool] = {}
        self._tables: dict[int, tuple[Any, dict[str, Any]]] = {}

    def class_of(self, value: Any) -> type:
        """The class of a value."""
        return value.of if isinstance(value, Instance) else type(value)

    def is_simple(self, of: type) -> bool:
        """Is it a class of the code's own, whose objects are what is in their dicts?"""
        if of not in self._simple:
            bases = [base for base in of.__mro__ if base is not object]
            self._simple[of] = all(
                type(base) is type
                and is_made_class(base)
                and not (base.__dict__.keys() - _frozen(base)) & _CHANGING_ACCESS
                for base in bases
            )
        return self._simple[of]

    def _is_named_tuple(self, of: type) -> bool:
        """Is it made by `namedtuple` or `NamedTuple`, and nothing more?"""
        if of not in self._named_tuples:
            own = of.__dict__
            is_made = type(of) is type and of.__bases__ == (tuple,) and is_made_class(of)
            is_plain = type(own.get("_fields")) is tuple and not own.keys() & {"__iter__", "__getitem__", "__len__"}
            self._named_tuples[of] = is_made and is_plain
        return self._named_tuples[of]

    def _table(self, value: Any) -> dict[str, Any] | None:
        """The attributes of an object, as they are where the scout is; None: it is no simple one."""
        if isinstance(value, Instance):
            return value.values
        if not self.is_simple(type(value)) or isinstance(value, type):
            return None
        if id(value) not in self._tables:
            self._tables[id(value)] = (value, dict(object.__getattribute__(value, "__dict__")))
        return self._tables[id(value)][1]

    def has_attributes(self, value: Any) -> bool:
        """Is it an object, or a class, whose attributes are known?"""
        return (type(value) is type and self.is_simple(value)) or self._table(value) is not None

    # Attributes. ----------------------------------------------------------------------------------------------------

    def attribute(self, value: Any, name: str) -> Any:
        """`value.name`: of a property a `Getter`, of a method a `Method`."""
        of = self.class_of(value)
        if self._is_named_tuple(of) and name in of.__dict__["_fields"]:
            return self._parts(value)[of.__dict__["_fields"].index(name)]
        is_class = type(value) is type and self.is_simple(value)
        table = None if is_class else self._table(value)
        if not is_class and table is None:
            return super().attribute(value, name)
        if name.startswith("__"):
            raise Stop(f"the attribute `{name}`")
        of = value if is_class else of
        found = self._in_class(of, name)
        if type(found) is property:
            if is_class or type(found.fget) is not FunctionType:
                raise Stop(f"the property `{name}` of a class")
            return Getter(Method(found.fget, value))
        if found is not UNSET and type(found) not in _METHODS and hasattr(type(found), "__get__"):
            raise Stop(f"the descriptor `{name}`")
        here = UNSET if table is None else table.get(name, UNSET)
        if here is UNSURE:
            raise Stop(f"`{name}` may not be set")
        if here is not UNSET:
            return self.memory.load(here)
        if type(found) is FunctionType:
            return found if is_class else Method(found, value)
        if type(found) is staticmethod:
            return found.__func__
        if type(found) is classmethod and type(found.__func__) is FunctionType:
            return Method(found.__func__, of)
        if found is not UNSET:
            return self.memory.load(found)
        raise Stop(f"the attribute `{name}` of a {of.__name__}")

    def got(self, value: Any, name: str) -> Steps:
        """`value.name`, also where a method of the code's own gives it."""
        found = yield from super().got(value, name)
        if isinstance(found, Getter):
            return (yield from self.invoke(found.method, [], {}))
        return found

    def _in_class(self, of: type, name: str) -> Any:
        return next((base.__dict__[name] for base in of.__mro__ if name in base.__dict__), UNSET)

    def set_attribute(self, value: Any, name: str, new: Any) -> None:
        """`value.name = new`."""
        table = self._table(value)
        of = self.class_of(value)
        if table is None or name.startswith("__") or self._is_named_tuple(of):
            raise Stop(f"an attribute of a {of.__name__} is set")
        if hasattr(type(self._in_class(of, name)), "__set__") or any(map(_frozen, of.__mro__)):
            raise Stop(f"the attribute `{name}` cannot simply be set")
        self.named += 1
        self.memory.bind(table, name, new)

    # New objects, and what can be called. ---------------------------------------------------------------------------

    def can_be_called(self, value: Any) -> bool:
        """Is it a class, a method or an object of the code's own?"""
        if type(value) is type:
            return value is partial or self.is_simple(value) or self._is_named_tuple(value)
        if (
            isinstance(value, Method | Partial)
            or type(value) is partial
            or (type(value) is MethodType and type(value.__func__) is FunctionType)
        ):
            return True
        return self._table(value) is not None

    def call_own(self, value: Any, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        """What it gives when it is called."""
        if isinstance(value, Method):
            return (yield from self.invoke(value.function, [value.owner, *arguments], named))
        if type(value) is MethodType:
            return (yield from self.invoke(value.__func__, [value.__self__, *arguments], named))
        if value is partial:
            function, *first = arguments
            return Partial(function, first, named)
        if type(value) is partial:
            first = [self.memory.load(one) for one in value.args]
            by_name = {name: self.memory.load(one) for name, one in value.keywords.items()}
            value = Partial(value.func, first, by_name)
        if isinstance(value, Partial):
            return (yield from self.invoke(value.function, [*value.arguments, *arguments], {**value.named, **named}))
        if type(value) is type:
            return (yield from self._make(value, arguments, named))
        function = self._in_class(self.class_of(value), "__call__")
        if type(function) is not FunctionType:
            raise Stop(f"a call of a {self.class_of(value).__name__}")
        return (yield from self.invoke(function, [value, *arguments], named))

    def _make(self, of: type, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        made = Instance(of)
        if self._is_named_tuple(of):
            names, defaults = of.__dict__["_fields"], of.__dict__["_field_defaults"]
            made.values |= self._by_name(names, arguments, named, defaults)
            return made
        base = next((base for base in of.__mro__ if "__init__" in base.__dict__), object)
        init = base.__dict__["__init__"]
        if "__dataclass_fields__" in base.__dict__ and init.__code__.co_filename == "<string>":
            yield from self._fill(made, base, arguments, named)
        elif type(init) is FunctionType:
            yield from self.invoke(init, [made, *arguments], named)
        elif arguments or named:
            raise Stop("arguments that a class does not take")
        return made

    def _fill(self, made: Instance, of: type, arguments: list[Any], named: Mapping[str, Any]) -> Steps:
        """What the `__init__` of a dataclass does."""
        fields = [one for one in of.__dict__["__dataclass_fields__"].values() if _field_type(one) != "_FIELD_CLASSVAR"]
        if any(_field_type(one) != "_FIELD" for one in fields):
            raise Stop("a dataclass with fields of another sort")
        names = [one.name for one in fields if one.init and not one.kw_only]
        if len(arguments) > len(names) or not named.keys() <= {one.name for one in fields if one.init}:
            raise Stop("arguments that a dataclass does not take")
        given = dict(zip(names, arguments, strict=False))
        if given.keys() & named.keys():
            raise Stop("an argument that is given twice")
        given |= named
        for one in fields:
            if one.name in given:
                value = given[one.name]
            elif not _is_missing(one.default_factory):
                value = yield from self.invoke(one.default_factory, [], {})
            elif not _is_missing(one.default):
                value = self.memory.load(one.default)
            elif one.init:
                raise Stop(f"no argument for `{one.name}`")
            else:
                continue
            made.values[one.name] = value
        after = self._in_class(made.of, "__post_init__")
        if after is not UNSET:
            yield from self.invoke(after, [made], {})

    def _by_name(
        self, names: Sequence[str], arguments: Sequence[Any], named: Mapping[str, Any], defaults: Mapping[str, Any]
    ) -> dict[str, Any]:
        given = dict(zip(names, arguments, strict=False))
        if len(arguments) > len(names) or named.keys() & given.keys() or not named.keys() <= set(names):
            raise Stop("arguments that a named tuple does not take")
        given = {name: self.memory.load(value) for name, value in defaults.items()} | given | dict(named)
        if len(given) != len(names):
            raise Stop("a named tuple without all of its values")
        return {name: given[name] for name in names}

    # Named tuples are tuples. ---------------------------------------------------------------------------------------

    def _parts(self, value: Any) -> tuple[Any, ...]:
        if isinstance(value, Instance):
            return tuple(value.values.values())
        return tuple(map(self.memory.load, tuple.__iter__(value)))

    def iterator(self, value: Any) -> Steps:
        """What `for` takes the items from."""
        if self._is_named_tuple(self.class_of(value)):
            value = self._parts(value)
        source: Stream | Many | Iterator[Any] = yield from super().iterator(value)
        return source

    def item(self, container: Any, index: Any) -> Any:
        """`container[index]`."""
        if self._is_named_tuple(self.class_of(container)):
            container = self._parts(container)
        return super().item(container, index)

    def truth(self, value: Any) -> Any:
        """Is a value true? A `bool`, or an unknown one."""
        if isinstance(value, Instance) or self._table(value) is not None:
            of = self.class_of(value)
            if any(self._in_class(of, name) is not UNSET for name in _TRUTH) or self._is_named_tuple(of):
                raise Stop(f"is a {of.__name__} true?")
            return True
        return super().truth(value)


def _frozen(of: type) -> frozenset[str]:
    """What a frozen dataclass has to be that."""
    parameters = of.__dict__.get("__dataclass_params__")
    return frozenset(("__setattr__", "__delattr__")) if parameters is not None and parameters.frozen else frozenset()


def _field_type(one: Any) -> str:
    name = one._field_type.name  # noqa: SLF001 - nothing else tells a class variable from a field
    assert type(name) is str
    return name


def _is_missing(value: Any) -> bool:
    return value is MISSING
