"""Which process something belongs to, and whether that one is still there.

Seen from the same machine, a process is gone when its number is free, or belongs to another one that was started
later; a killed process is therefore gone at once. From elsewhere only its heartbeats tell.
"""

from __future__ import annotations

import functools
import os
import socket
from dataclasses import dataclass
from pathlib import Path

open_here: set[str] = set()
"""Ids of the sessions that are open in this process, of all its journals. Those that a fork inherits are not its own:
they belong to another process."""


@dataclass(frozen=True)
class Process:
    """A process on some machine."""

    host: str
    """The machine's name, for people."""

    boot_id: str
    """Which start of which machine; "" where the system does not say (it is not Linux)."""

    pid_namespace: str
    """In which the number counts: containers on one machine have their own."""

    pid: int

    process_started: int
    """Clock ticks between the machine's start and the process's; 0 if unknown."""

    @classmethod
    def this(cls) -> Process:
        """This process. Reads files: call it in a thread."""
        return _process(os.getpid())  # a fork is another process

    def is_gone(self, here: Process) -> bool | None:
        """Whether it has ended, as far as can be seen from another process; None if that cannot be seen."""
        if not here.boot_id or (self.boot_id, self.pid_namespace) != (here.boot_id, here.pid_namespace):
            return None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # it is there, and another user's
        try:
            state, started = _stat(self.pid)
        except OSError:
            return None  # /proc may be mounted so that other users' processes are hidden
        return state in "ZX" or started != self.process_started  # a zombie does nothing any more

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@functools.lru_cache(maxsize=1)
def _process(pid: int) -> Process:
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
        return Process(socket.gethostname(), boot_id, namespace, pid, _stat(pid)[1])
    except OSError:
        return Process(socket.gethostname(), "", "", pid, 0)


def _stat(pid: int) -> tuple[str, int]:
    """State and start of a process."""
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()  # its name may hold anything
    return fields[0].decode(), int(fields[19])
