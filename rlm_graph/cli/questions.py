"""The questions of a batch: a file with a JSON object on each line.

    {"query": "Which contracts end in 2027?"}
    {"id": "q2", "query": "Who signed it?", "files": "contracts/two.txt", "max_usd": 0.5}
    {"id": "q3", "query": "What does it say?", "context": "the text itself", "metadata": {"level": 2}}
    {"id": "q4", "query": "Who is it?", "schema": {"type": "object", "properties": {"name": {"type": "string"}}}}

`context` is the context itself; `files` are names of files, folders, globs and URIs, as the command line takes them,
seen from the folder that the questions are in. Every setting of a run is a field too. A field that is none is refused:
a setting that is misspelt would cost money.
"""

from __future__ import annotations

import difflib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from rlm_graph.cli.settings import SETTINGS
from rlm_graph.errors import ConfigError

SHOWN_PROBLEMS = 10
"""Bad lines that are named."""

_SETTINGS = frozenset(setting.name for setting in SETTINGS)
_TEXTS = ("query", "question", "model", "sub_model", "encoding")
_KNOWN = (*_TEXTS, "id", "context", "files", "schema", "metadata", *sorted(_SETTINGS))
_COMPARED = ("answer", "expected", "target", "label")


class BadLine(ValueError):  # noqa: N818 - read as what it is
    """A line is no question; the message says why, without the line's number."""


@dataclass(frozen=True)
class Line:
    """A question as its line has it."""

    number: int
    """The line's, from 1."""

    id: str | int | None
    query: str

    context: Any = None
    """The context itself; None: it is in `files`, or that of the whole batch."""

    files: tuple[str, ...] = ()
    encoding: str | None = None
    model: str | None = None
    sub_model: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    schema: dict[str, Any] | None = None
    """The JSON Schema that the answer must fit; None: that of the whole batch, if there is one."""

    metadata: Any = None
    """Handed through to the result."""


class Questions:
    """A file of questions, or standard input; it can be read more than once. A context manager.

    Args:
        name: The file's; `-` is standard input.

    Raises:
        ConfigError: it cannot be read.
    """

    def __init__(self, name: str) -> None:
        self._shown = "standard input" if name == "-" else name
        if name == "-" and sys.stdin is None:
            raise ConfigError("the questions cannot be read: there is no standard input")
        self._stack = ExitStack()
        self._file: IO[bytes]
        try:
            if name == "-":
                self._file = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is entered
                shutil.copyfileobj(sys.stdin.buffer, self._file)
                self._folder = Path()
            else:
                self._file = self._stack.enter_context(Path(name).open("rb"))  # noqa: SIM115 - likewise
                self._folder = Path(name).parent
        except OSError as error:
            raise ConfigError(f"the questions in {name!r} cannot be read: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[Line]:
        """The questions, in order.

        Raises:
            ConfigError: lines are no questions, or there are none; the message names the lines.
        """
        problems, ids = Problems(self._shown), dict[str | int, int]()
        self._file.seek(0)
        any_there = False
        for number, raw in enumerate(self._file, 1):
            if not raw.strip():
                continue
            any_there = True
            try:
                line = parse(number, raw.removeprefix(b"\xef\xbb\xbf"), self._folder)
            except BadLine as problem:
                problems.add(number, str(problem))
                continue
            if line.id is not None and ids.setdefault(line.id, number) != number:
                problems.add(number, f"the id {line.id!r} is that of line {ids[line.id]} too")
                continue
            yield line
        if not any_there:
            raise ConfigError(f"there are no questions in {self._shown}")
        problems.check()

    def problems(self) -> Problems:
        """Collects what else is wrong with lines."""
        return Problems(self._shown)


class Problems:
    """Lines that cannot be used, told together."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._found: list[str] = []
        self._count = 0

    def add(self, number: int, problem: str) -> None:
        """A line cannot be used."""
        self._count += 1
        if len(self._found) < SHOWN_PROBLEMS:
            self._found.append(f"line {number}: {problem}")

    def check(self) -> None:
        """Raise a ConfigError if there are any."""
        if self._found:
            more = f"; and {self._count - len(self._found):,} more lines" if self._count > len(self._found) else ""
            raise ConfigError(f"{self._shown}: {'; '.join(self._found)}{more}")


def parse(number: int, raw: bytes, folder: Path) -> Line:
    """The question of a line.

    Args:
        number: The line's.
        raw: The line.
        folder: What the names of its files are seen from.

    Raises:
        BadLine: it is none.
    """
    try:
        values = json.loads(raw)
    except ValueError as error:  # no JSON, or no UTF-8
        raise BadLine(f"no JSON: {error}") from error
    if not isinstance(values, dict):
        raise BadLine(f'a question is a JSON object such as {{"query": "..."}}, not {_short(values)}')
    for name in values:
        if name not in _KNOWN:
            raise BadLine(_unknown(name))
    given = {name: value for name, value in values.items() if value is not None}
    for name in _TEXTS:
        if not isinstance(given.get(name, ""), str):
            raise BadLine(f"{name} is {_short(given[name])}; it must be a text")
    if ("query" in given) == ("question" in given):
        raise BadLine("it has both query and question" if "query" in given else "it has no query")
    query = given.get("query", given.get("question", ""))
    if not query.strip():
        raise BadLine(f"the query is {query!r}; it must be a question")
    if "context" in given and "files" in given:
        raise BadLine("context and files exclude each other")
    return Line(
        number=number,
        id=_id(given.get("id")),
        query=query,
        context=_context(given.get("context")),
        files=_files(given.get("files", []), folder),
        encoding=given.get("encoding"),
        model=given.get("model"),
        sub_model=given.get("sub_model"),
        settings={name: value for name, value in given.items() if name in _SETTINGS},
        schema=_schema(given.get("schema")),
        metadata=values.get("metadata"),
    )


def _unknown(name: str) -> str:
    if name in _COMPARED:
        return f"{name!r} is no field: answers are not compared with others; put it under metadata"
    near = difflib.get_close_matches(name, _KNOWN, n=1)
    advice = f"did you mean {near[0]!r}?" if near else "what the results are to carry goes under metadata"
    return f"{name!r} is no field: {advice}"


def _id(given: Any) -> str | int | None:
    if given is not None and (not isinstance(given, str | int) or isinstance(given, bool) or given == ""):
        raise BadLine(f"the id is {_short(given)}; it must be a text or a whole number")
    return given


def _context(given: Any) -> Any:
    if given is not None and not isinstance(given, str | list | dict):
        raise BadLine(f"the context is {_short(given)}; it must be a text, a list or an object")
    return given


def _schema(given: Any) -> dict[str, Any] | None:
    if given is not None and not isinstance(given, dict):
        raise BadLine(f"the schema is {_short(given)}; it must be a JSON Schema, an object")
    return given


def _files(given: Any, folder: Path) -> tuple[str, ...]:
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise BadLine(f"files is {_short(given)}; it must be a name, or a list of names")
    if "-" in names:
        raise BadLine("files: '-' is standard input, which many questions cannot share; give it as CONTEXT")
    return tuple(name if "://" in name or name.startswith("~") else str(folder / name) for name in names)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:60] + "..."
