"""`match` statements by values, as the `if` statements that do the same."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from rlm_graph.repl.run_ahead.memory import Stop


def as_ifs(cases: Sequence[ast.match_case], subject: str) -> list[ast.stmt]:
    """The cases of a `match` as `if` statements.

    Raises:
        Stop: they are more than values, and names for all that remains.
    """
    if not cases:
        return []
    case, *rest = cases
    pattern: ast.pattern | None = case.pattern
    name = None
    if isinstance(case.pattern, ast.MatchAs):
        pattern, name = case.pattern.pattern, case.pattern.name
    if name is not None and case.guard is not None:
        raise Stop("a name with a condition in `match`")
    bound = [ast.Assign([ast.Name(name, ast.Store())], ast.Name(subject, ast.Load()))] if name is not None else []
    tests = [_as_test(pattern, subject)] if pattern is not None else []
    tests += [case.guard] if case.guard is not None else []
    body = [*bound, *case.body]
    if not tests:
        return body
    test = tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), tests)
    return [ast.If(test, body, as_ifs(rest, subject))]


def _as_test(pattern: ast.pattern, subject: str) -> ast.expr:
    here = ast.Name(subject, ast.Load())
    match pattern:
        case ast.MatchValue():
            return ast.Compare(here, [ast.Eq()], [pattern.value])
        case ast.MatchSingleton():
            return ast.Compare(here, [ast.Is()], [ast.Constant(pattern.value)])
        case ast.MatchOr():
            return ast.BoolOp(ast.Or(), [_as_test(part, subject) for part in pattern.patterns])
    raise Stop("a pattern in `match` that is more than a value")
