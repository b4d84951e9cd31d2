"""Where in a cell the scout sets off: in front of each statement in which something asks the host.

The statement itself stays as it is. In front of it stands a call of a function that no source can name, with the number
of the place. Which functions ask is known by their names: those of the REPL, and those in whose text one of them is
mentioned.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rlm_graph.repl.run_ahead.frames import Function

HOOK = "<ahead>"
"""The name of that function among the builtins of a cell."""

ASKING = frozenset(("llm_query", "llm_query_batched", "llm_map", "rlm_query", "rlm_query_batched"))

_Definition = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_NEVER = (*_Definition, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal)


@dataclass(eq=False)
class Site:
    """A place where the scout can set off."""

    rest: Sequence[ast.stmt]
    """What the code does from there, up to the end of the block."""

    function: Function | None
    """The function that it is in; None: the cell itself."""

    tries_in_vain: int = 0
    """How often, one after the other, the scout has found nothing that it could ask ahead."""


def names_that_ask(tree: ast.Module, known: frozenset[str]) -> frozenset[str]:
    """The names, known ones and those that a cell defines, of what asks the host."""
    definitions: list[tuple[set[str], set[str]]] = []  # names, and those that are mentioned in what they stand for
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            definitions.append(({node.name}, _mentioned(node.body)))
        elif isinstance(node, ast.Assign) and _may_be_function(node.value):
            names = {target.id for target in node.targets if isinstance(target, ast.Name)}
            definitions.append((names, _mentioned([node.value])))
    found = set(known)
    while True:
        new = {name for names, mentioned in definitions if mentioned & found for name in names}
        if new <= found:
            return frozenset(found) if len(found) > len(known) else known
        found |= new


def _mentioned(nodes: Iterable[ast.AST]) -> set[str]:
    parts = [part for node in nodes for part in ast.walk(node)]
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    return names | {part.attr for part in parts if isinstance(part, ast.Attribute)}


def _may_be_function(node: ast.expr) -> bool:
    """`ask = llm_query`, a lambda, `partial(llm_query, ...)`."""
    return isinstance(node, ast.Name | ast.Lambda | ast.Call | ast.Attribute)


def place_hooks(tree: ast.Module, text: ast.Module, names: frozenset[str]) -> list[Site]:
    """Put a call of the hook in front of each statement that may ask; `text` is the same tree, to be kept as it is."""
    sites: list[Site] = []
    for (body, _, in_class), (kept, function, _) in zip(_bodies(tree), _bodies(text), strict=True):
        if in_class:
            continue
        at = 0
        for number, statement in enumerate(kept):
            if not isinstance(statement, _NEVER) and _asks(statement, names):
                body.insert(at, _hook(len(sites), body[at]))
                sites.append(Site(kept[number:], function))
                at += 1
            at += 1
    return sites


def _bodies(tree: ast.Module) -> list[tuple[list[ast.stmt], Function | None, bool]]:
    """Each block of statements, with the function that it is in, and whether it is that of a class."""
    found: list[tuple[list[ast.stmt], Function | None, bool]] = []

    def visit(node: ast.AST, function: Function | None, in_class: bool) -> None:
        for _, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                found.append((value, function, in_class))
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.FunctionDef):
                    visit(child, child, False)
                elif isinstance(child, ast.ClassDef):
                    visit(child, function, True)
                elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
                    visit(child, function, in_class)

    visit(tree, None, False)
    return found


def _asks(statement: ast.stmt, names: frozenset[str]) -> bool:
    """Does it mention what asks, not counting the functions and classes that are defined in it?"""

    def parts(node: ast.AST) -> Iterator[ast.AST]:
        yield node
        if not isinstance(node, _Definition):
            for child in ast.iter_child_nodes(node):
                yield from parts(child)

    return any(
        (isinstance(part, ast.Name) and part.id in names) or (isinstance(part, ast.Attribute) and part.attr in names)
        for part in parts(statement)
    )


def _hook(number: int, place: ast.stmt) -> ast.stmt:
    call = ast.Expr(ast.Call(ast.Name(HOOK, ast.Load()), [ast.Constant(number)], []))
    for node in ast.walk(call):
        ast.copy_location(node, place)
        if isinstance(node, ast.expr | ast.stmt):
            node.end_lineno, node.end_col_offset = node.lineno, node.col_offset
    return call
