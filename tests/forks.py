"""Processes that tests kill: forked from one that has imported everything, which takes longer than most of them live.

Such a program calls `serve`, and is started by the test as `Forks`. What a process is to do is a line of JSON; what it
comes to is left in a file.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self


def serve(be: Callable[[Any], None]) -> None:
    """Fork a process for each line of stdin, which is given what the line says; tell its pid. Ends with stdin."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them here
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            be(json.loads(line))
            return
        print(pid, flush=True)


def leave(result: Path, live: Callable[[], Any], *, log: Path) -> None:
    """Live, and leave what comes of it, or the error, as JSON: whole, or not there. What is printed is in the log."""
    with log.open("a") as opened:
        os.dup2(opened.fileno(), sys.stdout.fileno())
        os.dup2(opened.fileno(), sys.stderr.fileno())
    try:
        left = live()
    except Exception as error:  # whatever it is, the test must see it
        traceback.print_exc()
        left = {"error": type(error).__name__, "message": str(error)}
    written = result.with_suffix(".part")
    written.write_text(json.dumps(left))
    written.replace(result)


class Fork:
    """A process, as the test that kills it sees it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._exit = os.pidfd_open(pid)  # readable once it has ended; the pid is not used again before it is reaped

    def ended(self, within_s: float = 0.0) -> bool:
        """Whether it has ended, or ends within so many seconds."""
        return bool(select.select([self._exit], [], [], within_s)[0])

    def close(self) -> None:
        """Forget it."""
        os.close(self._exit)


class Forks:
    """Starts processes.

    Args:
        program: Calls `serve`.
        options: Of Python.
    """

    def __init__(self, program: str, *options: str) -> None:
        self._program = Path(program)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen([sys.executable, *options, program], env=environment, **pipes)

    def fork(self, told: Any) -> int:
        """A process that is given this; returns its pid."""
        _stream(self._process.stdin).write(json.dumps(told) + "\n")
        _stream(self._process.stdin).flush()
        pid = _stream(self._process.stdout).readline()
        assert pid, f"{self._program.name} could not be started; its reason is on stderr"
        return int(pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process as process:
            _stream(process.stdin).close()


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
