"""What is certain of the groups of a regular expression that has matched: that they are there, or numbers."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from re import _constants, _parser  # type: ignore[attr-defined] # there is no public way to read a pattern
from typing import Any

from rlm_graph.repl.run_ahead.kinds import DECIMAL, DIGITS, NONE, STR, Kind, of_type

_ONCE_OR_MORE = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)


@lru_cache(maxsize=256)
def groups(pattern: re.Pattern[str]) -> tuple[Kind, ...]:
    """The kinds of the groups of a match, that of the whole first."""
    parsed = _parser.parse(pattern.pattern, pattern.flags)
    found = {0: _kind(parsed)}
    _collect(parsed, found)
    return tuple(found.get(number, of_type(str, NONE)) for number in range(pattern.groups + 1))


def _collect(parsed: Any, found: dict[int, Kind]) -> None:
    """The groups that take part in every match."""
    for operation, argument in parsed:
        if operation is _constants.SUBPATTERN:
            number, _, _, inner = argument
            if number is not None:
                found[number] = _kind(inner)
            _collect(inner, found)
        elif operation in _ONCE_OR_MORE and argument[0] > 0:
            _collect(argument[2], found)


def _kind(parsed: Any) -> Kind:
    return DIGITS if _is_number(parsed) else DECIMAL if _is_decimal(parsed) else STR


def _is_decimal(parsed: Any) -> bool:
    r"""Does it match only what `float` takes: `\d+(?:\.\d+)?`, `[0-9]+\.?[0-9]*`, perhaps with a sign in front?"""
    parts = list(parsed)
    if parts and parts[0][0] in _ONCE_OR_MORE and _is_sign(parts[0][1]):
        parts = parts[1:]
    return _begins_with_digit(parts) and sum(map(_points, parts)) <= 1


def _begins_with_digit(parts: list[Any]) -> bool:
    if not parts:
        return False
    operation, argument = parts[0]
    if operation is _constants.SUBPATTERN:
        return _begins_with_digit(list(argument[3]))
    return operation in _ONCE_OR_MORE and argument[0] > 0 and _are_digits(parts[0])


def _points(part: Any) -> float:
    """How many decimal points there may be in what a part matches; infinite if there may be anything else."""
    operation, argument = part
    if operation is _constants.LITERAL and argument == ord("."):
        return 1
    if operation in _ONCE_OR_MORE:
        inner = sum(map(_points, argument[2]))
        return inner and inner * argument[1]
    if operation is _constants.SUBPATTERN:
        return sum(map(_points, argument[3]))
    if operation is _constants.BRANCH:
        return max(sum(map(_points, branch)) for branch in argument[1])
    return 0 if _are_digits(part) else math.inf


def _is_number(parsed: Any) -> bool:
    r"""Does it match only what `int` takes: `\d+`, `[0-9]+`, `\d{1,3}`, `10|[1-9]`, perhaps with a sign in front?"""
    parts = list(parsed)
    if parts and parts[0][0] in _ONCE_OR_MORE and _is_sign(parts[0][1]):
        parts = parts[1:]
    return parsed.getwidth()[0] > 0 and all(_are_digits(part) for part in parts)


def _is_sign(argument: Any) -> bool:
    lowest, highest, inner = argument
    signs = [(_constants.LITERAL, ord("-")), (_constants.LITERAL, ord("+"))]
    parts = list(inner)
    if len(parts) == 1 and parts[0][0] is _constants.IN:
        parts = parts[0][1]
    return (lowest, highest) == (0, 1) and all(part in signs for part in parts) and (len(inner) == 1)


def _are_digits(part: Any) -> bool:
    operation, argument = part
    if operation is _constants.LITERAL:
        return chr(argument).isdecimal()
    if operation is _constants.IN:
        return all(_is_digit_range(item) for item in argument)
    if operation in _ONCE_OR_MORE:
        return all(_are_digits(inner) for inner in argument[2])
    if operation is _constants.SUBPATTERN:
        return all(_are_digits(inner) for inner in argument[3])
    if operation is _constants.BRANCH:
        return all(_are_digits(inner) for branch in argument[1] for inner in branch)
    return operation is _constants.AT


def _is_digit_range(item: Any) -> bool:
    operation, argument = item
    if operation is _constants.RANGE:
        return all(chr(code).isdecimal() and code < 128 for code in argument)
    if operation is _constants.LITERAL:
        return chr(argument).isdecimal()
    return operation is _constants.CATEGORY and argument is _constants.CATEGORY_DIGIT
