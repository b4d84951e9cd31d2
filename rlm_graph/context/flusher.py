"""Files that reach the disk soon after they were written: who wrote them does not wait for it.

A cell's snapshot is written so. Waiting for the disk would take longer than most cells do: for its bytes, for its name,
perhaps for the name of its folder. Several together take hardly longer than one. If the machine dies, the last of them
may be missing; if the process dies, none is.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

DELAY_S = 0.2
"""Seconds that files wait for others."""

logger = logging.getLogger("rlm_graph")


class Flusher:
    """Brings files to the disk, in a thread of its own; the end of the process waits for what was added."""

    def __init__(self) -> None:
        self.begin_anew()
        atexit.register(self.wait)

    def begin_anew(self) -> None:
        """Forget what was added: in a fork, which has none of the threads. Its parent sees to it."""
        self._changed = threading.Condition()
        self._waiting: dict[Path, None] = {}  # in order, and once: a folder is flushed for all files in it
        self._thread: threading.Thread | None = None
        self._is_flushing = False
        self._is_hurried = False

    def add(self, paths: Iterable[Path]) -> None:
        """Bring files, or the names in folders, to the disk."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="rlm-graph-flush", daemon=True)
                self._thread.start()
            self._waiting.update(dict.fromkeys(paths))
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait until all that was added is on the disk, which is done at once."""
        with self._changed:
            self._is_hurried = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting and not self._is_flushing)
            self._is_hurried = False

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                self._changed.wait_for(lambda: self._is_hurried, DELAY_S)
                paths, self._waiting, self._is_flushing = self._waiting, {}, True
            for path in paths:
                _try_to_flush(path)
            with self._changed:
                self._is_flushing = False
                self._changed.notify_all()


def flush(path: Path) -> None:
    """Bring a file's bytes, or the names in a folder, to the disk."""
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _try_to_flush(path: Path) -> None:
    try:
        with suppress(FileNotFoundError):  # deleted since
            flush(path)
    except OSError as error:
        logger.warning("%s may not have reached the disk: %s", path, error)


flusher = Flusher()
"""That of the process."""

os.register_at_fork(after_in_child=flusher.begin_anew)
