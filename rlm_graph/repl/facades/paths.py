"""`os`, `os.path` and `pathlib`, as far as they work on names of files and not on files."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from rlm_graph.repl.guards import SUBCLASSABLE

_NO_FILES = "files cannot be read or written here; the input is in the variable `context`"

_PATH_FUNCTIONS = "basename dirname join split splitext normpath commonprefix commonpath isabs relpath splitdrive"


def _relative(path: Any, start: Any) -> str:
    """`os.path.relpath`, which needs a start here: there is no current directory."""
    return posixpath.relpath(posixpath.join("/", path), posixpath.join("/", start))


class PurePath:
    """A path as text, with pathlib's operations that do not touch files."""

    __slots__ = ("_text",)

    def __init__(self, *parts: Any) -> None:
        self._text = str(PurePosixPath(*(_path_text(part) for part in parts)))

    def _real(self) -> PurePosixPath:
        """Made anew each time, so that no attribute of ours holds one: on Python 3.13 it leads to a module."""
        return PurePosixPath(self._text)

    def _made(self, real: PurePosixPath) -> PurePath:
        return type(self)(str(real))

    @property
    def name(self) -> str:
        """The last part."""
        return self._real().name

    @property
    def stem(self) -> str:
        """The last part without its suffix."""
        return self._real().stem

    @property
    def suffix(self) -> str:
        """The last part's suffix, with its dot."""
        return self._real().suffix

    @property
    def suffixes(self) -> list[str]:
        """All suffixes of the last part."""
        return self._real().suffixes

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts, in order."""
        return self._real().parts

    @property
    def parent(self) -> PurePath:
        """All but the last part."""
        return self._made(self._real().parent)

    @property
    def parents(self) -> list[PurePath]:
        """All parents, from the nearest."""
        return [self._made(parent) for parent in self._real().parents]

    def joinpath(self, *others: Any) -> PurePath:
        """This path and others behind it."""
        return type(self)(self, *others)

    def with_name(self, name: str) -> PurePath:
        """The same path with another last part."""
        return self._made(self._real().with_name(name))

    def with_stem(self, stem: str) -> PurePath:
        """The same path with another stem."""
        return self._made(self._real().with_stem(stem))

    def with_suffix(self, suffix: str) -> PurePath:
        """The same path with another suffix."""
        return self._made(self._real().with_suffix(suffix))

    def relative_to(self, other: Any) -> PurePath:
        """This path seen from another."""
        return self._made(self._real().relative_to(_path_text(other)))

    def is_relative_to(self, other: Any) -> bool:
        """Is this path below another?"""
        return self._real().is_relative_to(_path_text(other))

    def is_absolute(self) -> bool:
        """Does it begin with a slash?"""
        return self._real().is_absolute()

    def match(self, pattern: str) -> bool:
        """Does a pattern like `*.txt` match?"""
        return self._real().match(pattern)

    def as_posix(self) -> str:
        """The text of it."""
        return self._text

    def __truediv__(self, other: Any) -> PurePath:
        return type(self)(self, other)

    def __rtruediv__(self, other: Any) -> PurePath:
        return type(self)(other, self)

    def __deepcopy__(self, memo: object) -> PurePath:
        return self

    def __fspath__(self) -> str:
        return self._text

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PurePath) and self._real() == other._real()

    def __lt__(self, other: PurePath) -> bool:
        return self._real() < other._real()

    def __hash__(self) -> int:
        return hash(self._real())


class Path(PurePath):
    """`pathlib.Path`: what would touch files says why it does not."""

    __slots__ = ()


def _path_text(part: Any) -> str:
    text = os.fspath(part)
    if not isinstance(text, str):
        raise TypeError(f"a path is a str here, not {type(text).__name__}")
    return str.__str__(text)


def _refused(name: str) -> Callable[..., Any]:
    def refused(*_arguments: Any, **_keywords: Any) -> Any:
        raise PermissionError(f"`Path.{name}` is not available: {_NO_FILES}")

    refused.__name__ = name
    return refused


def _refuse(cls: type, names: Iterable[str]) -> None:
    for name in names:
        setattr(cls, name, _refused(name))


_refuse(
    Path,
    [
        "absolute",
        "chmod",
        "cwd",
        "exists",
        "expanduser",
        "glob",
        "home",
        "is_dir",
        "is_file",
        "iterdir",
        "mkdir",
        "open",
        "read_bytes",
        "read_text",
        "rename",
        "resolve",
        "rglob",
        "rmdir",
        "stat",
        "touch",
        "unlink",
        "walk",
        "write_bytes",
        "write_text",
    ],
)
SUBCLASSABLE.update((PurePath, Path))

PATHS: MappingProxyType[str, tuple[dict[str, Any], str]] = MappingProxyType(
    {
        "os": (
            {"sep": "/", "linesep": "\n", "extsep": ".", "pathsep": ":", "name": "posix", "fspath": os.fspath},
            f"{_NO_FILES}; of the system there is nothing to see",
        ),
        "os.path": (
            {name: getattr(posixpath, name) for name in _PATH_FUNCTIONS.split()}
            | {"sep": "/", "extsep": ".", "relpath": _relative},
            _NO_FILES,
        ),
        "pathlib": ({"Path": Path, "PurePath": PurePath, "PosixPath": Path, "PurePosixPath": PurePath}, _NO_FILES),
    }
)
"""Contents of each facade, and why the rest is missing."""
