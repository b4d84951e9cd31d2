"""What the host gives to a cell, by name: builtins, facades and what is in them, `llm_query` and its like.

None of it is stored. A name is `module:path`: of a facade, of the builtins (`builtins:len`), of what a run adds to
them (`added:search`), or, with `!` before it, of one of the standard library's modules whose functions end up in
classes that a cell makes (`!enum:Enum.__new__`). A function that such a module's function made (what
`contextlib.contextmanager` returns) is known by the place of its code inside its maker.
"""

from __future__ import annotations

import functools
import sys
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import CodeType
from typing import Any, Protocol

from rlm_graph.repl.facades.copies import COPIES
from rlm_graph.repl.facades.listed import LISTED
from rlm_graph.repl.facades.models import MODELS
from rlm_graph.repl.facades.paths import PATHS
from rlm_graph.repl.facades.rebuilt import REBUILT
from rlm_graph.repl.snapshot.cells import code_at, places
from rlm_graph.repl.snapshot.packing import SnapshotError

_CONSOLE_MODULES = ("sys", "builtins", "logging", "warnings", "pprint", "traceback")

_INSIDE = (
    "abc", "calendar", "collections", "collections.abc", "contextlib",
    "csv", "dataclasses", "decimal", "difflib", "enum", "fractions",
    "functools", "graphlib", "re", "ipaddress", "json.decoder", "json.encoder", "queue", "random", "statistics",
    "operator", "string", "textwrap", "types", "typing", "urllib.parse", "uuid", "rlm_graph.context.document",
    "rlm_graph.repl.facades.console",
    "rlm_graph.repl.facades.copies", "rlm_graph.repl.facades.models", "rlm_graph.repl.facades.paths",
    "rlm_graph.repl.facades.rebuilt",
    "rlm_graph.repl.guards",
)  # fmt: skip
"""Modules whose own functions and classes are found in objects that a cell makes."""

_IN_CLOSURES = (types, weakref)
"""Modules that functions of those modules hold in closures (`functools.singledispatch`); cells do not reach them."""


class NamedFunctions(Protocol):
    """Functions of which there is one for each name, and which come and go while a REPL lives."""

    def function(self, name: str) -> Any:
        """The one of that name."""

    def name_of(self, value: object) -> str | None:
        """The name of one of them; None for anything else."""


class Hosts:
    """Objects of the host and their names, in both directions."""

    def __init__(
        self, builtins: Mapping[str, Any], importer: Callable[..., Any], added: NamedFunctions | None = None
    ) -> None:
        self._builtins = builtins
        self._importer = importer
        self._added = added

    @staticmethod
    def prepare() -> None:
        """Find the names in modules now: before a worker is forked, so that all share them, and no cell has run."""
        _inside()

    def name(self, value: object) -> str | None:
        """The name of an object of the host; None if it is none."""
        return self._names.get(id(value)) or _inside()[0].get(id(value)) or self._name_of_added(value)

    def _name_of_added(self, value: object) -> str | None:
        name = self._added.name_of(value) if self._added else None
        return name and f"added:{name}"

    def is_class(self, value: type) -> bool:
        """Is it a class of the host, or of Python itself?"""
        return self.name(value) is not None

    def find(self, name: str) -> Any:
        """The object of that name.

        Raises:
            SnapshotError: the host has none.
        """
        try:
            if name.startswith("!"):
                return _INSIDE_OBJECTS()[name]
            module, _, path = name.partition(":")
            if module == "added" and self._added and path.isidentifier():
                return self._added.function(path)
            if module == "builtins" and path:
                return self._builtins[path]
            facade = self._importer(module, None, None, ("*",))
            return facade.__dict__[path] if path else facade
        except (KeyError, ImportError, AttributeError, TypeError) as error:
            raise SnapshotError(f"the host has no {name[:80]!r}") from error

    @staticmethod
    def place(code: CodeType) -> tuple[str, str] | None:
        """The maker of a function of the host, and the place of its code in it; None if there is none."""
        return _inside()[1].get(code)

    @staticmethod
    def code(maker: str, place: str) -> tuple[CodeType, dict[str, Any]]:
        """The code at a place of a maker, and its globals.

        Raises:
            SnapshotError: there is none.
        """
        found = _INSIDE_OBJECTS().get(maker)
        if type(found) is not types.FunctionType or not place:
            raise SnapshotError(f"the host has no maker {maker[:80]!r}")
        return code_at(found.__code__, place), found.__globals__

    @functools.cached_property
    def _names(self) -> dict[int, str]:
        """Names by the id of the object, which lives as long as the REPL. The first of several names counts."""
        names: dict[int, str] = {}
        for name, value in self._builtins.items():
            names.setdefault(id(value), f"builtins:{name}")
        for module, facade in self._facades():
            names[id(facade)] = module + ":"
            for name, value in facade.__dict__.items():
                if _is_referred_to(value):
                    names.setdefault(id(value), f"{module}:{name}")
        return names

    def _facades(self) -> Iterator[tuple[str, Any]]:
        names = {*LISTED, *REBUILT, *COPIES, *MODELS, *PATHS, *_CONSOLE_MODULES}
        names |= {name.partition(".")[0] for name in names}
        for name in sorted(names):
            try:
                yield name, self._importer(name, None, None, ("*",))
            except ImportError:  # a REPL may have fewer
                continue


def _is_referred_to(value: object) -> bool:
    """Is it kept by its name? Plain data is kept by its content."""
    return type(value) not in (str, int, float, bool, bytes, tuple, list, dict, set, frozenset, complex)


@functools.cache
def _inside() -> tuple[dict[int, str], dict[CodeType, tuple[str, str]]]:
    """Names by id, and makers by the code of what they make."""
    objects = _INSIDE_OBJECTS()
    names: dict[int, str] = {}
    makers: dict[CodeType, tuple[str, str]] = {}
    for name, value in objects.items():
        names.setdefault(id(value), name)
        if type(value) is types.FunctionType:
            for code, place in places(value.__code__).items():
                if place:
                    makers.setdefault(code, (name, place))
    return names, makers


@functools.cache
def _INSIDE_OBJECTS() -> dict[str, Any]:  # noqa: N802 - a constant that is made when it is first needed
    found: dict[str, Any] = {f"!{module.__name__}:": module for module in _IN_CLOSURES}
    for module in _INSIDE:
        for name, value in sorted(vars(sys.modules[module]).items()):
            if isinstance(value, types.FunctionType | type) and value.__module__ == module:
                found[f"!{module}:{name}"] = value
            elif module in ("dataclasses", "typing", "enum") and type(value).__module__ == module:
                found[f"!{module}:{name}"] = value  # sentinels, special forms
            if isinstance(value, type) and value.__module__ == module:
                for inner, item in sorted(vars(value).items()):
                    function = item.__func__ if isinstance(item, classmethod | staticmethod) else item
                    if type(function) is types.FunctionType:
                        found[f"!{module}:{name}.{inner}"] = function
    return found
