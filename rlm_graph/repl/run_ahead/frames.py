"""Where the code's variables are: which are a function's own, and what the code of a function is."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

Function = ast.FunctionDef | ast.Lambda
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Scope:
    """The names that a function, lambda or comprehension binds."""

    names: frozenset[str]
    """Its own."""

    is_function: bool = True
    """No comprehension: `:=` in those binds outside of them."""

    shared: frozenset[str] = frozenset()
    """Those that it declares `global`,"""

    outer: frozenset[str] = frozenset()
    """or `nonlocal`."""

    is_generator: bool = False


MODULE = Scope(frozenset())


@dataclass
class Frame:
    """A function that the scout is in, or the cell itself, or a comprehension."""

    scope: Scope
    parent: Frame | None = None
    """The one around it, in the text; None: the cell's variables are next."""

    values: dict[str, Any] = field(default_factory=dict)
    """What the scout has bound here."""

    real: Mapping[str, Any] | None = None
    """What the code had bound where the scout began, or the variables of the functions around a function."""

    is_fixed: bool = False
    """Variables around a real function: the scout cannot bind them."""


def scope_of(node: Function | ast.expr) -> Scope:
    """The scope of a function, or of a comprehension."""
    if isinstance(node, _COMPREHENSIONS):
        targets = [part for generator in node.generators for part in ast.walk(generator.target)]
        return Scope(frozenset(part.id for part in targets if isinstance(part, ast.Name)), is_function=False)
    assert isinstance(node, Function)
    parameters = {part.arg for part in _arguments(node.args)}
    body: Iterable[ast.AST] = node.body if isinstance(node, ast.FunctionDef) else [node.body]
    parts = [part for statement in body for part in inside(statement)]
    shared = {name for part in parts if isinstance(part, ast.Global) for name in part.names}
    outer = {name for part in parts if isinstance(part, ast.Nonlocal) for name in part.names}
    bound = {name for part in parts for name in _bound(part)}
    return Scope(
        frozenset((bound | parameters) - shared - outer),
        shared=frozenset(shared),
        outer=frozenset(outer),
        is_generator=any(isinstance(part, ast.Yield | ast.YieldFrom) for part in parts),
    )


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    starred = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]


def inside(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what is in it, but not what is in functions and classes in it."""
    yield node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(node, _COMPREHENSIONS) and isinstance(child, ast.comprehension):
            for part in (child.iter, *child.ifs):  # its targets are its own
                yield from inside(part)
        else:
            yield from inside(child)


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a node itself binds."""
    match node:
        case ast.Name(ctx=ast.Store() | ast.Del()):
            yield node.id
        case ast.FunctionDef() | ast.ClassDef() | ast.AsyncFunctionDef():
            yield node.name
        case ast.Import() | ast.ImportFrom():
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        case (
            ast.ExceptHandler(name=str() as name) | ast.MatchAs(name=str() as name) | ast.MatchStar(name=str() as name)
        ):
            yield name
        case ast.MatchMapping(rest=str() as name):
            yield name


class Sources:
    """The syntax trees of cells, from their sources where tracebacks find them, and of functions by their code."""

    def __init__(self) -> None:
        self._functions: dict[str, dict[tuple[int, str], list[Function]]] = {}

    def put(self, filename: str, tree: ast.Module) -> None:
        """Remember a cell."""
        functions: dict[tuple[int, str], list[Function]] = {}
        for node in ast.walk(tree):
            if isinstance(node, Function):
                name = node.name if isinstance(node, ast.FunctionDef) else "<lambda>"
                decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
                first = min((part.lineno for part in decorators), default=node.lineno)
                functions.setdefault((first, name), []).append(node)
        self._functions[filename] = functions

    def function(self, code: CodeType) -> Function | None:
        """The function that a piece of code is of; None if it cannot be told."""
        if code.co_filename not in self._functions:
            lines = linecache.getlines(code.co_filename) if code.co_filename.startswith("<cell ") else []
            if not lines:
                return None
            self.put(code.co_filename, ast.parse("".join(lines)))
        found = self._functions[code.co_filename].get((code.co_firstlineno, code.co_name), [])
        return found[0] if len(found) == 1 else None
