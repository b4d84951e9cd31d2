"""What the compiled code of a cell calls at run time: the guards of attributes, classes and formats.

Attribute names are of four kinds (`kind_of`). *Native* ones are safe on every object that a cell can reach, and stay
plain attribute loads: there is no guard to pay for. *Guarded* ones are safe after a look at the value. *Private* ones
(`_x`) are the cell's own business on objects whose class was made in a cell, and nobody's elsewhere. All the rest is
refused. Names are exact `str` objects, so that no subclass can be one name when checked and another when used.

A class was made in a cell when its `__module__` is `__main__`: the compiler lets no code bind that name, so only
classes made by a cell's statements have it. `MADE` remembers them; the compiled code looks there first.

Covered: frames, code, modules, function globals, metaclasses and class dictionaries are not reached; nothing is
written to an object that the host made. Not covered: time, memory, what a user's own methods answer.
"""

from __future__ import annotations

import _string  # type: ignore[import-not-found] # the parser that str.format itself uses
import abc
import builtins
import contextlib
import decimal
import enum
import functools
import threading
import types
from collections import ChainMap, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from csv import DictReader, DictWriter
from textwrap import TextWrapper
from typing import Any, Literal

# Names of the guards in the builtins of a cell. No Python source can spell them, so nothing can shadow them. --------

READ, OWN, WRITE, MADE_SET, TYPE_OF, SHOW = "<read>", "<own>", "<write>", "<made>", "<type>", "<show>"

# Names of attributes. -----------------------------------------------------------------------------------------------

Kind = Literal["native", "guarded", "private", "refused"]


def _dunders(words: str) -> frozenset[str]:
    return frozenset(f"__{word}__" for word in words.split())


_OPERATORS = "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or"

DEFINABLE = _dunders(
    "init new post_init init_subclass class_getitem call repr str bytes format hash bool len length_hint "
    "getitem setitem delitem missing iter next reversed contains lt le eq ne gt ge neg pos abs invert complex int "
    "float index round trunc floor ceil enter exit copy deepcopy replace getstate setstate sizeof fspath dir "
    "getattr setattr delattr get set delete set_name slots doc all version author"
) | frozenset(
    f"__{prefix}{word}__" for prefix in ("", "r", "i") for word in _OPERATORS.split() if prefix + word != "idivmod"
)
"""Dunder names that a cell may bind: the methods of its classes. `__del__` runs at times nobody foresees, `__reduce__`,
`__class__` and `__getattribute__` mislead the host's own code about what an object is."""

_NATIVE_DUNDERS = DEFINABLE - _dunders(
    "getattr setattr delattr get set delete set_name init_subclass getstate setstate"
) | _dunders(
    "name qualname module match_args members abstractmethods isabstractmethod wrapped cause context "
    "suppress_context notes parameters metadata bound constraints covariant contravariant supertype total "
    "required_keys optional_keys value type_params text_signature debug"
)
_OWN_DUNDERS = _dunders("get set delete set_name init_subclass")
_STORABLE_DUNDERS = DEFINABLE - _dunders("slots") | _dunders(
    "name qualname wrapped cause context suppress_context notes dict"
)
_REFUSED = frozenset(
    [
        "gi_frame",
        "gi_code",
        "gi_yieldfrom",
        "cr_frame",
        "cr_code",
        "cr_await",
        "cr_origin",
        "ag_frame",
        "ag_code",
        "ag_await",
        "tb_frame",
        "tb_next",
        "f_back",
        "f_builtins",
        "f_code",
        "f_globals",
        "f_locals",
        "f_trace",
        "f_generator",
        "co_code",
        "co_consts",
        "mro",
        "exc_traceback",
    ]
)
LOADABLE_NAMES = DEFINABLE | _dunders("name doc class import debug")
"""Dunder names that a cell may read as plain variables."""


def kind_of(name: str) -> Kind:
    """What reading an attribute of this name takes."""
    if name in _GUARDED:
        return "guarded"
    if not name.startswith("_"):
        return "refused" if name in _REFUSED else "native"
    if is_dunder(name):
        return "native" if name in _NATIVE_DUNDERS else "private" if name in _OWN_DUNDERS else "refused"
    return "private"


def is_dunder(name: str) -> bool:
    """Is it of the form `__x__`?"""
    return len(name) > 4 and name.startswith("__") and name.endswith("__")


def is_storable(name: str) -> bool:
    """May a cell set or delete an attribute of this name, on an object that is its own?"""
    return name in _STORABLE_DUNDERS if is_dunder(name) else name not in _REFUSED


def refusal(name: str) -> str:
    """The sentence for an attribute that cannot be read."""
    return f"the attribute `{name}` is not available: {_INSTEAD.get(name, 'it reaches into the interpreter')}"


_INSTEAD = {
    "__dict__": "it exists here only on instances of your own classes; use getattr(obj, name)",
    "__getattribute__": "define or call `__getattr__` instead",
    "__self__": "keep the object in a variable of its own",
    "__func__": "call the method through its class instead",
    "__base__": "use `__bases__`",
    "mro": "use `__mro__`",
    "__code__": "keep what you need to know of a function in a variable",
    "__defaults__": "keep what you need to know of a function in a variable",
    "__globals__": "use the variable itself, or globals()",
    "__builtins__": "the builtins can be used by their names",
    "__traceback__": "use traceback.format_exc()",
    "tb_frame": "use traceback.format_exc()",
    "tb_next": "use traceback.format_exc()",
    "__reduce__": "use copy.deepcopy or json.dumps",
    "__reduce_ex__": "use copy.deepcopy or json.dumps",
}

# What was made in a cell. -------------------------------------------------------------------------------------------

MADE: set[type] = set()
"""Classes made in cells, as far as a guard has met them."""

CELL_MODULE = "__main__"

_WRITABLE: tuple[type, ...] = (
    types.SimpleNamespace,
    BaseException,
    threading.Thread,
    threading.local,
    decimal.Context,
    defaultdict,
    ChainMap,
    TextWrapper,
    DictReader,
    DictWriter,
    functools.partial,
    type(functools.lru_cache(lambda: None)),
)
"""Classes of the host whose instances a cell makes for itself, and whose public attributes programs do set."""

CONTENTS: tuple[type, ...] = (types.SimpleNamespace, BaseException)
"""Classes of the host whose instances hold in `__dict__` nothing but what a cell put there."""


def is_made_class(value: type) -> bool:
    """Was this class made in a cell?"""
    if value in MADE:
        return True
    module = value.__module__
    if type(module) is str and module == CELL_MODULE:
        MADE.add(value)
        return True
    return False


def is_made(value: object) -> bool:
    """Was this object made in a cell: an instance of its classes, such a class, or a function?"""
    kind = type(value)
    if issubclass(kind, type):
        return is_made_class(value)  # type: ignore[arg-type] # a class: its type is a subclass of `type`
    if kind is types.FunctionType:
        return OWN in value.__builtins__  # type: ignore[attr-defined] # only a cell's functions have these builtins
    return is_made_class(kind)


def own(value: Any, name: str) -> Any:
    """`value`, when the cell may read its private attribute `name`."""
    kind = type(value)
    if kind in MADE or is_made(value):
        return value
    if kind is super:
        own(super.__self__.__get__(value), name)  # type: ignore[attr-defined] # not to be answered by a user's class
        return value
    if name in _NAMEDTUPLE_API and (issubclass(kind, tuple) or (isinstance(value, type) and issubclass(value, tuple))):
        return value
    if name == "self":
        raise TypeError(f"`self` must be an instance of a class made here, not {kind.__name__}")
    raise AttributeError(
        f"the private attribute `{name}` of a {kind.__name__} is not available: use the public attributes"
    )


_NAMEDTUPLE_API = frozenset({"_asdict", "_replace", "_fields", "_make", "_field_defaults"})


def write(value: Any, name: str) -> Any:
    """`value`, when the cell may set or delete its attribute `name` (`is_storable` holds already)."""
    kind = type(value)
    if kind in MADE or is_made(value):
        return value
    if issubclass(kind, _WRITABLE) and (not name.startswith("_") or issubclass(kind, BaseException)):
        return value
    if issubclass(kind, Facade):
        raise TypeError(f"cannot set or delete `{name}` on {value!r}: modules cannot be changed; use a variable")
    what = f"the class `{value.__name__}`" if issubclass(kind, type) else f"a {kind.__name__} object"
    raise TypeError(
        f"cannot set or delete `{name}` on {what}: only objects of classes made here can be changed; "
        f"make a class of your own (a subclass, for instance), or keep the value in a variable or a dict"
    )


# Modules, as a cell sees them. --------------------------------------------------------------------------------------


class Facade:
    """A module as a cell sees it: the listed functions, classes and constants; never a real module."""

    def __repr__(self) -> str:
        return f"<module {self.__dict__['__name__']!r}>"

    def __dir__(self) -> list[str]:
        return sorted(name for name in self.__dict__ if not name.startswith("_"))


class ExplainingFacade(Facade):
    """A facade that says why something is missing. Slower to read, so for modules that are not used in loops."""

    def __getattr__(self, name: str) -> Any:
        module = self.__dict__["__name__"]
        why = self.__dict__["_why"]
        raise AttributeError(f"`{module}.{name}` is not available here: {why}")


Facade.__name__ = ExplainingFacade.__name__ = "module"  # the name that a cell's errors give


def facade(name: str, contents: Mapping[str, Any], *, why: str = "") -> Any:
    """A facade of that name; `why` explains what is not in it."""
    kind = ExplainingFacade if why else Facade
    made = object.__new__(kind)
    public = tuple(key for key in contents if not key.startswith("_"))  # what `import *` binds: not to be changed
    made.__dict__.update(contents)
    made.__dict__.update(__name__=name, __all__=public, _why=why)
    return made


# Types, as a cell sees them. ----------------------------------------------------------------------------------------


class _TypeLike(type):
    """The type of the stand-ins for `type`, `ABCMeta` and `EnumMeta`: they tell, but they make no classes."""

    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        if cls is TYPE and len(arguments) == 1 and not keywords:
            return visible_type(type(arguments[0]))
        raise TypeError(f"`{cls.__name__}` makes no classes here: write a `class` statement instead")

    def __instancecheck__(cls, value: object) -> bool:
        return issubclass(type(value), _STANDS_FOR[cls])

    def __subclasscheck__(cls, value: type) -> bool:
        return value is cls or (cls is TYPE and value in _STANDS_FOR and issubclass(_STANDS_FOR[value], type))

    def __repr__(cls) -> str:
        return f"<class '{cls.__name__}'>"


def _subscripted(cls: type, item: Any) -> types.GenericAlias:
    return types.GenericAlias(cls, item)


TYPE = type.__new__(_TypeLike, "type", (), {"__class_getitem__": classmethod(_subscripted), "__module__": "builtins"})
"""`type` in a cell: one argument, and never a metaclass."""

_STANDS_FOR: dict[type, type] = {TYPE: type}


def _stand_in(name: str, real: type) -> type:
    """A class that can be compared with and named in `isinstance`, and does nothing else."""
    made: type = type.__new__(_TypeLike, name, (), {"__module__": real.__module__})
    _STANDS_FOR[made] = real
    return made


ABC_META = _stand_in("ABCMeta", abc.ABCMeta)
ENUM_META = _stand_in("EnumType", enum.EnumType)
FUNCTION = _stand_in("function", types.FunctionType)
MODULE = _stand_in("module", Facade)


def visible_type(kind: type) -> type:
    """`kind`, or what stands for it in a cell: nothing there makes classes, functions or facades."""
    if issubclass(kind, abc.ABCMeta):
        return ABC_META
    if issubclass(kind, enum.EnumType):
        return ENUM_META
    if issubclass(kind, type):
        return TYPE
    if issubclass(kind, Facade):
        return MODULE
    return FUNCTION if kind is types.FunctionType else kind


SUBCLASSABLE: set[type] = {
    value for value in vars(builtins).values() if isinstance(value, type) and value not in (type, super)
}
"""Classes of the host that a cell may derive from; `facades` adds what it gives. Exceptions always."""


def build_class(body: Any, name: str, /, *bases: Any, **keywords: Any) -> Any:
    """What a `class` statement calls: `__build_class__` without metaclasses and unknown bases."""
    if "metaclass" in keywords:
        metaclass = keywords["metaclass"]
        real = {TYPE: type, ABC_META: abc.ABCMeta}.get(metaclass) if type(metaclass) is _TypeLike else None
        if real is None:
            raise TypeError(
                f"class {name}: this metaclass is not available; use a base class with `__init_subclass__`, "
                f"or a class decorator"
            )
        keywords["metaclass"] = real
    for base in types.resolve_bases(bases):
        if type(base) is _TypeLike:
            raise TypeError(
                f"class {name}: metaclasses are not available; use `__init_subclass__` or a class decorator"
            )
        if not (isinstance(base, type) and _is_base(base)):
            shown = base.__name__ if isinstance(base, type) else type(base).__name__
            raise TypeError(f"class {name}: `{shown}` cannot be a base class here; hold an instance of it instead")
    return builtins.__build_class__(body, name, *bases, **keywords)


def _is_base(base: type) -> bool:
    return base in SUBCLASSABLE or is_made_class(base) or issubclass(base, BaseException)


# Reading the guarded names. -----------------------------------------------------------------------------------------


def read(value: Any, name: str) -> Any:
    """`value.name`, for a guarded name."""
    return _GUARDED[name](value, name)


def _read_format(value: Any, name: str) -> Any:
    found = getattr(value, name)
    kind = type(found)
    if kind is types.BuiltinMethodType and issubclass(type(found.__self__), str):
        return _safe_formatter(name, str.__str__(found.__self__))
    if kind is types.MethodDescriptorType and found.__objclass__ is str:
        return lambda text, /, *values, **named: _safe_formatter(name, _exact(text))(*values, **named)
    return found


def _safe_formatter(name: str, text: str) -> Callable[..., str]:
    """`text.format` or `text.format_map`, which first looks at the attributes that the fields name."""

    def formatted(*values: Any, **named: Any) -> str:
        check_format(text)
        method: Callable[..., str] = text.format if name == "format" else text.format_map
        return method(*values, **named)

    return formatted


def _exact(text: object) -> str:
    if not issubclass(type(text), str):
        raise TypeError(f"a str is needed, not {type(text).__name__}")
    return str.__str__(text)


def check_format(text: str) -> None:
    """Refuse a format string of which a field names an attribute that is not native.

    Raises:
        AttributeError: what was refused; `ValueError`, as `str.format` does, for a malformed string.
    """
    if "." not in text:
        return
    for _, field, spec, _ in _string.formatter_parser(text):
        if field and "." in field:
            for is_attribute, part in _string.formatter_field_name_split(field)[1]:
                if is_attribute and kind_of(part) != "native":
                    raise AttributeError(f"{refusal(part)}; in a format string, only plain attributes can be named")
        if spec and "{" in spec:
            check_format(spec)


def _read_register(value: Any, name: str) -> Any:
    found = getattr(value, name)
    if type(found) is not types.MethodType or found.__func__ is not abc.ABCMeta.register:
        return found

    def register(subclass: Any) -> Any:
        if not (isinstance(subclass, type) and is_made_class(subclass)):
            raise TypeError("only classes made here can be registered: derive from the abstract class instead")
        return found(subclass)

    return register


def _read_disclosed(value: Any, name: str) -> Any:
    return disclosed(getattr(value, name))


def disclosed(value: Any) -> Any:
    """`value` as a cell may see it: no modules, frames or code; stand-ins for metaclasses."""
    if isinstance(value, types.ModuleType | types.FrameType | types.CodeType | types.TracebackType | types.CellType):
        raise AttributeError(f"a {type(value).__name__} is not available here")  # noqa: TRY004 - so that hasattr is False
    if type(value) is tuple:
        return tuple(disclosed(item) for item in value)
    if isinstance(value, type) and issubclass(value, type):
        return visible_type(value)
    return value


def _read_class(value: Any, name: str) -> Any:  # noqa: ARG001 - all readers take the same
    return visible_type(type(value))


def _read_dict(value: Any, name: str) -> Any:
    kind = type(value)
    if issubclass(kind, type) and is_made_class(value):
        return types.MappingProxyType({key: item for key, item in vars(value).items() if not is_dunder(key)})
    if issubclass(kind, Facade):
        return {key: item for key, item in vars(value).items() if not key.startswith("_")}
    if not issubclass(kind, type) and (is_made(value) or issubclass(kind, CONTENTS)):
        return value.__dict__
    raise AttributeError(refusal(name))


def _read_bases(value: Any, name: str) -> Any:
    """Classes made in cells and builtin ones: between them may be the host's own, which are left out."""
    return tuple(c for c in getattr(value, name) if c.__module__ == "builtins" or is_made_class(c))


def _read_subclasses(value: Any, name: str) -> Any:
    if isinstance(value, type) and is_made_class(value):  # subclasses of such a class are such classes
        return getattr(value, name)
    raise AttributeError(f"`{name}` is available on classes made here only")


def _read_copy(value: Any, name: str) -> Any:
    found = getattr(value, name)
    return dict(found) if isinstance(found, Mapping) else {}


def _read_traceback(value: Any, name: str) -> Any:
    found = getattr(value, name)
    return Traceback(found) if isinstance(found, types.TracebackType) else None


def _read_getattr(value: Any, name: str) -> Any:
    found = getattr(value, name)
    if is_made(found) or (type(found) is types.MethodType and is_made(found.__func__)):
        return found
    raise AttributeError(refusal(name))


def _read_setter(value: Any, name: str) -> Any:
    """`object.__setattr__` and its like, checked as a plain assignment would be."""
    found = getattr(value, name)
    if is_made(found) or (type(found) is types.MethodType and is_made(found.__func__)):
        return found
    if type(found) is types.WrapperDescriptorType:
        return lambda target, attribute, /, *new: found(_writable(target, attribute), attribute, *new)
    if type(found) is types.MethodWrapperType:
        target = found.__self__
        return lambda attribute, /, *new: (_writable(target, attribute), found(attribute, *new))[1]
    if type(found) is types.MethodType and is_made(found.__self__):  # dataclass(frozen=True)
        target = found.__self__
        return lambda attribute, /, *new: (_writable(target, attribute), found(attribute, *new))[1]
    raise AttributeError(f"`{name}` is not available here: use setattr(obj, name, value)")


def _writable(target: Any, attribute: Any) -> Any:
    _check_name(attribute)
    if not is_storable(attribute):
        raise AttributeError(f"the attribute `{attribute}` cannot be set")
    return write(target, attribute)


_GUARDED: dict[str, Callable[[Any, str], Any]] = {
    "format": _read_format,
    "format_map": _read_format,
    "register": _read_register,
    "obj": _read_disclosed,  # AttributeError.obj may be anything that the host looked at
    "__class__": _read_class,
    "__dict__": _read_dict,
    "__mro__": _read_bases,
    "__bases__": _read_bases,
    "__subclasses__": _read_subclasses,
    "__annotations__": _read_copy,
    "__dataclass_fields__": _read_copy,
    "__origin__": _read_disclosed,
    "__args__": _read_disclosed,
    "__orig_bases__": _read_disclosed,
    "__traceback__": _read_traceback,
    "__getattr__": _read_getattr,
    "__setattr__": _read_setter,
    "__delattr__": _read_setter,
}


class Traceback:
    """Stands for a traceback in a cell: `traceback`'s functions take it, and it tells its line."""

    __slots__ = ("_real",)

    def __init__(self, real: types.TracebackType) -> None:
        self._real = real

    @property
    def tb_lineno(self) -> int:
        """The line in the frame that caught the exception."""
        return self._real.tb_lineno

    def __repr__(self) -> str:
        return "<traceback>"


def real_traceback(value: Any) -> types.TracebackType | None:
    """The traceback that a `Traceback` stands for."""
    real = value._real if type(value) is Traceback else None  # noqa: SLF001 - hidden from cells, not from here
    return real if isinstance(real, types.TracebackType) else None  # a cell can make a Traceback of anything


# The builtins that look at attributes. ------------------------------------------------------------------------------

_MISSING = object()


def _check_name(name: Any) -> None:
    if type(name) is not str:
        raise TypeError(f"attribute name must be string, not '{type(name).__name__}'")


def get_attribute(value: Any, name: str, default: Any = _MISSING, /) -> Any:
    """The builtin `getattr`."""
    _check_name(name)
    try:
        return _get(value, name)
    except AttributeError:
        if default is _MISSING:
            raise
        return default


def _get(value: Any, name: str) -> Any:
    kind = kind_of(name)
    if kind == "refused":
        raise AttributeError(refusal(name))
    if kind == "guarded":
        return read(value, name)
    return getattr(own(value, name) if kind == "private" else value, name)


def has_attribute(value: Any, name: str, /) -> bool:
    """The builtin `hasattr`."""
    try:
        get_attribute(value, name)
    except AttributeError:
        return False
    return True


def set_attribute(target: Any, name: str, value: Any, /) -> None:
    """The builtin `setattr`."""
    setattr(_writable(target, name), name, value)


def delete_attribute(target: Any, name: str, /) -> None:
    """The builtin `delattr`."""
    delattr(_writable(target, name), name)


def attribute_names(value: Any) -> list[str]:
    """The builtin `dir`, of an object: the names that can be read."""
    names = dir(value)
    return [name for name in names if kind_of(name) in ("native", "guarded") or _is_readable(value, name)]


def _is_readable(value: Any, name: str) -> bool:
    if kind_of(name) != "private":
        return False
    with contextlib.suppress(AttributeError):
        return bool(own(value, name) is value)
    return False


# Formatter, written anew: the real one would be reachable through a class that derives from it. -----------------------


class Formatter:
    """`string.Formatter`, whose fields name attributes as a cell may read them."""

    def format(self, format_string: str, /, *args: Any, **kwargs: Any) -> str:
        """Format with positional and named values."""
        return self.vformat(format_string, args, kwargs)

    def vformat(self, format_string: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        """Format with values in a sequence and a mapping."""
        used: set[int | str] = set()
        text, _ = self._render(format_string, args, kwargs, used, 2, 0)
        self.check_unused_args(used, args, kwargs)
        return text

    def _render(
        self,
        template: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        used: set[int | str],
        depth: int,
        position: int | None,
    ) -> tuple[str, int | None]:
        """The text, and the next automatic number; None once fields are numbered by hand."""
        if depth < 0:
            raise ValueError("Max string recursion exceeded")
        pieces = []
        for literal, field, spec, conversion in self.parse(template):
            if literal:
                pieces.append(literal)
            if field is None:
                continue
            if field == "":
                if position is None:
                    raise ValueError("cannot switch from manual field specification to automatic field numbering")
                field, position = str(position), position + 1
            elif field.isdigit():
                if position:
                    raise ValueError("cannot switch from automatic field numbering to manual field specification")
                position = None
            found, key = self.get_field(field, args, kwargs)
            used.add(key)
            shown, position = self._render(spec or "", args, kwargs, used, depth - 1, position)
            pieces.append(self.format_field(self.convert_field(found, conversion), shown))
        return "".join(pieces), position

    def parse(self, format_string: str) -> Iterator[tuple[str, str | None, str | None, str | None]]:
        """The fields of a format string."""
        parsed: Iterator[tuple[str, str | None, str | None, str | None]] = _string.formatter_parser(format_string)
        return parsed

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
        """The value that a field names, and the argument that it begins with."""
        first, rest = _string.formatter_field_name_split(field_name)
        found = self.get_value(first, args, kwargs)
        for is_attribute, part in rest:
            found = get_attribute(found, part) if is_attribute else found[part]
        return found, first

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The argument of that number or name."""
        return args[key] if isinstance(key, int) else kwargs[key]

    def check_unused_args(self, used_args: set[int | str], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """To be overridden by those who want to know."""

    def format_field(self, value: Any, format_spec: str) -> str:
        """The builtin `format`."""
        return format(value, format_spec)

    def convert_field(self, value: Any, conversion: str | None) -> Any:
        """Apply `!r`, `!s` or `!a`."""
        if conversion is None:
            return value
        conversions: dict[str, Callable[[Any], str]] = {"s": str, "r": repr, "a": ascii}
        if conversion not in conversions:
            raise ValueError(f"Unknown conversion specifier {conversion!s}")
        return conversions[conversion](value)
