"""The process that checks replies against JSON Schemas. It has nothing of value in it, and can be ended at any time.

A schema comes from code that a model wrote, and can be made to take for ever: a regular expression that backtracks, a
reference to itself, branches that double. Python's regular expressions hold the interpreter's lock, so in a thread one
of them would stop the whole host, and no timeout would help. Here it ends this process, and the host starts another.

Covered: time (of the processor, per request), memory, references that go elsewhere (nothing is fetched).
Not covered: many schemas at once, each just below the limits; they wait for one another.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import math
import re
import resource
import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from functools import lru_cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError, best_match
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, EMPTY_REGISTRY

MEMORY_BYTES = 1 << 30
"""Address space of this process."""

MAX_VALUES = 16
"""JSON values of one reply that are looked at."""

MAX_BROKEN = 50
"""Places in a reply that look like the beginning of JSON, and are not."""

MAX_UNCLOSED = 3
"""Those of them that have no end: each costs a look at all the rest."""

MAX_PROBLEMS = 5
"""Problems of one value that are told."""

MAX_PROBLEM_CHARS = 300

_FENCED = re.compile(r"```[^\n`]*\n(.*?)```", re.DOTALL)
_OPENING = re.compile(r"[{\[]")
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)


class BadSchemaError(ValueError):
    """The schema cannot be used."""


def main() -> None:
    """Answer requests, a line of JSON each, until there are no more.

    `cpu_seconds` of a request is the time of the processor that it may take. At its end the process ends, by SIGPROF.
    """
    with contextlib.suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        # The kernel ends the process, whatever its Python is busy with.
        signal.setitimer(signal.ITIMER_PROF, request.pop("cpu_seconds"))
        answer = json.dumps(judged(**request))
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()


def judged(schema: str, reply: str | None) -> dict[str, Any]:
    """What is to be said of a reply.

    Args:
        schema: The schema, as JSON.
        reply: A model's reply; None: only the schema is looked at.

    Returns:
        `value`: the JSON in the reply, which fits; or `problems`, in words; or `bad_schema`, in words; or nothing.
    """
    try:
        validator = _validator(schema)
        return {} if reply is None else _fitting(validator, reply)
    except BadSchemaError as error:
        return {"bad_schema": str(error)}
    except RecursionError:
        return {"bad_schema": "it refers to itself without end, or is nested too deeply"}
    except MemoryError:
        return {"bad_schema": "it takes too much memory"}
    except Exception as error:  # the schema is a program that a model wrote
        return {"bad_schema": f"{type(error).__name__}: {error}"[:MAX_PROBLEM_CHARS]}


@lru_cache(maxsize=64)
def _validator(text: str) -> Draft202012Validator:
    schema = json.loads(text)
    if not isinstance(schema, dict):
        raise BadSchemaError(f"it is no dict, but {text[:40]}")
    schema.pop("$schema", None)  # any draft is read as 2020-12, or the keywords of subschemas would be another's
    _refuse_other_documents(schema)
    wrong = best_match(_schemas().iter_errors(schema))
    if wrong is not None:
        raise BadSchemaError(_words(wrong))
    validator = Draft202012Validator(schema, registry=EMPTY_REGISTRY, format_checker=_formats())
    resolver = EMPTY_REGISTRY.resolver_with_root(DRAFT202012.create_resource(schema))
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except Unresolvable as error:
            raise BadSchemaError(f"there is no {reference[:80]!r} in it") from error
    return validator


@lru_cache(maxsize=1)
def _schemas() -> Draft202012Validator:
    """What checks schemas; their patterns too."""
    checks = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(Draft202012Validator.META_SCHEMA, format_checker=checks)


def _refuse_other_documents(schema: Any) -> None:
    for reference in _references(schema):
        if not reference.startswith("#"):
            raise BadSchemaError(
                f"it refers to {reference[:80]!r}; only references within it (#/$defs/...) are followed"
            )
    for keyword in ("$id", "$schema"):
        if any(isinstance(part.get(keyword), str) for part in _parts(schema) if part is not schema):
            raise BadSchemaError(f"a part of it has {keyword!r}: leave that out")


def _references(schema: Any) -> Iterator[str]:
    for part in _parts(schema):
        for keyword in ("$ref", "$dynamicRef"):
            if isinstance(part.get(keyword), str):
                yield part[keyword]


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every dict in it; also those that are no schemas, such as constants: they are not told apart."""
    unseen = [schema]
    while unseen:
        part = unseen.pop()
        if isinstance(part, dict):
            yield part
            unseen.extend(part.values())
        elif isinstance(part, list):
            unseen.extend(part)


def _fitting(validator: Draft202012Validator, reply: str) -> dict[str, Any]:
    values, problem = values_in(reply)
    problems: list[str] = []
    for value in values[:MAX_VALUES]:
        errors = list(islice(validator.iter_errors(value), MAX_PROBLEMS))
        if not errors:
            return {"value": value}
        problems = problems or [_words(error) for error in errors]
    return {"problems": problems or [problem]}


def _words(error: ValidationError) -> str:
    """Where, and what; for a value that fits none of several forms, what is wrong with the form that comes closest."""
    closest = best_match([error]) or error
    return f"at {closest.json_path}: {closest.message}"[:MAX_PROBLEM_CHARS]


# The JSON in a reply. -----------------------------------------------------------------------------------------------


def values_in(reply: str) -> tuple[list[Any], str]:
    """The JSON values in a reply, and what is wrong if there is none.

    The whole reply if it is JSON; else what stands in ``` fences, then objects and arrays between other text. The last
    comes first: models think before they answer.
    """
    whole = reply.strip()
    with contextlib.suppress(ValueError, RecursionError):
        return [_decoder.decode(whole)], ""
    answer = whole.rpartition("</think>")[2]
    fenced = []
    for block in reversed(_FENCED.findall(answer)):
        with contextlib.suppress(ValueError, RecursionError):
            fenced.append(_decoder.decode(block.strip()))
    bare, problem = _between_text(answer)
    return [*fenced, *reversed(bare)], problem


def _between_text(text: str) -> tuple[list[Any], str]:
    values: list[Any] = []
    problem, at, broken, unclosed = "there is no JSON in the reply", 0, 0, 0
    while broken < MAX_BROKEN and unclosed < MAX_UNCLOSED and (opening := _OPENING.search(text, at)):
        try:
            value, at = _decoder.raw_decode(text, opening.start())
            values.append(value)
        except (ValueError, RecursionError) as error:
            problem = f"what looks like JSON in the reply is none: {error}"[:MAX_PROBLEM_CHARS]
            broken += 1
            end = _closing(text, opening.start())
            unclosed += end is None
            # Past its end, or a part of what is broken would be taken for the answer.
            at = opening.end() if end is None else end
    return values, problem


def _closing(text: str, opening: int) -> int | None:
    """Where the bracket that is opened there is closed."""
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text, opening):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(found.group(), 0)
        if depth == 0:
            return found.end()
    return None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large a number")
    return value


def _no_constant(text: str) -> Any:
    raise ValueError(f"JSON has no {text}")


_decoder = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)


# Formats. -----------------------------------------------------------------------------------------------------------


def _formats() -> FormatChecker:
    """The formats that are checked; others are only told to the model. The same ones whatever else is installed."""
    checks: dict[str, Callable[[str], Any]] = {
        "date": lambda text: _shaped(r"\d{4}-\d\d-\d\d", text) and date.fromisoformat(text),
        "time": lambda text: _shaped(r"\d\d:\d\d.*", text) and time.fromisoformat(text),
        "date-time": lambda text: _shaped(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*", text) and datetime.fromisoformat(text),
        "email": lambda text: _shaped(r"[^@\s]+@[^@\s]+", text),
        "uuid": lambda text: _shaped(r"[0-9A-Fa-f-]{36}", text) and uuid.UUID(text),
        "ipv4": ipaddress.IPv4Address,
        "ipv6": ipaddress.IPv6Address,
    }
    checker = FormatChecker(formats=())
    for name, check in checks.items():
        checker.checks(name, raises=ValueError)(_for_texts(check))
    return checker


def _for_texts(check: Callable[[str], Any]) -> Callable[[object], bool]:
    def is_right(value: object) -> bool:
        if isinstance(value, str):
            check(value)
        return True

    return is_right


def _shaped(pattern: str, text: str) -> bool:
    if not re.fullmatch(pattern, text):
        raise ValueError(f"{text[:40]!r} has another form")
    return True
