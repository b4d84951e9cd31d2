"""The results of a batch: a file with a JSON object on each line, one for each question that has come to an end.

A line is added when its question ends, whole or not at all; a line that a crash has cut off is dropped when the file
is opened again. At the end of a batch the lines stand in the order of the questions, and those of questions that there
are no more are gone. The results of runs can always be had again from the runs, so the file is not synced to the disk.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rlm_graph.errors import ConfigError, RunBusyError


class Results:
    """The file, which one batch at a time writes; a context manager.

    Args:
        path: Where it is; it is made if it is not there.

    Raises:
        ConfigError: it cannot be written, or something else stands in it.
        RunBusyError: another process writes it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise ConfigError(f"--output: {str(path)!r} cannot be written: {error.strerror}") from error
        try:
            self._lock()
            self.found: dict[str, dict[str, Any]] = self._read()
            """The results that are there, by run."""
        except BaseException:
            os.close(self._descriptor)
            raise
        self._lines = {run: _line(result) for run, result in self.found.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def add(self, result: Mapping[str, Any]) -> None:
        """Add the result of a question, unless it stands there already."""
        line = _line(result)
        if self._lines.get(result["run"]) != line:
            self._lines[result["run"]] = line
            data = memoryview(line)
            while data:  # a disk that is nearly full takes a part
                data = data[os.write(self._descriptor, data) :]

    def finish(self, runs: Iterable[str]) -> None:
        """Put the results in the order of these runs, and drop all others; what is in order is left alone."""
        whole = b"".join(self._lines[run] for run in runs if run in self._lines)
        if self._content() == whole:
            return
        folder, name = self._path.resolve().parent, self._path.name
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{name}-", delete=False) as new:
            try:
                new.write(whole)
                os.fchmod(new.fileno(), os.fstat(self._descriptor).st_mode & 0o777)
                new.flush()
                Path(new.name).replace(self._path.resolve())
            except BaseException:
                Path(new.name).unlink(missing_ok=True)
                raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunBusyError(
                f"another process writes {str(self._path)!r}: wait for it, or give another -o"
            ) from error

    def _content(self) -> bytes:
        with open(self._descriptor, "rb", closefd=False) as file:
            file.seek(0)
            return file.read()

    def _read(self) -> dict[str, dict[str, Any]]:
        content = self._content()
        whole, _, torn = content.rpartition(b"\n")
        found = {}
        for number, line in enumerate(whole.split(b"\n") if whole else [], 1):
            result = _parsed(line)
            if result is None:
                raise ConfigError(
                    f"--output: line {number} of {str(self._path)!r} is no result of a batch: give another file, or "
                    f"move this one away"
                )
            found[result["run"]] = result
        if (last := _parsed(torn)) is not None:  # an editor has taken the newline away
            found[last["run"]] = last
            os.write(self._descriptor, b"\n")
        elif torn:
            if not found and not torn.startswith(b'{"id": '):
                raise ConfigError(f"--output: {str(self._path)!r} holds something else: give another file")
            os.ftruncate(self._descriptor, len(content) - len(torn))
        return found


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        result = json.loads(line)
    except ValueError:
        return None
    is_result = isinstance(result, dict) and isinstance(result.get("run"), str) and "status" in result
    return result if is_result else None


def _line(result: Mapping[str, Any]) -> bytes:
    """In ASCII, as all JSON that commands print: an answer can hold what no encoding has."""
    return json.dumps(result).encode() + b"\n"
