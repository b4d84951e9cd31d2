"""How much the worker can consume."""

from __future__ import annotations

import _thread
import os
import resource
import sys
from pathlib import Path

from rlm_graph.repl.confine.layer import Layer

MAX_THREADS = 256
"""Threads of a worker; where the kernel counts them by user, workers of one user share them."""

MAX_DESCRIPTORS = 4
"""The numbers 0 to 3, which are taken: nothing can be opened."""

TRIAL_THREADS = 8
"""More than the processes of a trial have, fewer than those of a user have together."""

STACK_BYTES = 64 << 20
MAX_CPU_S = 7 * 24 * 3600
"""CPU time of a worker's life. A cell's own time is the host's to keep; this is for a host that does not."""

_NOTHING = ("CORE", "FSIZE", "MEMLOCK", "MSGQUEUE", "NICE", "RTPRIO", "SIGPENDING")
"""Core files, what is written to files, locked memory, message queues, priorities, queued signals."""


class Limits(Layer):
    """Resource limits, hard ones. Memory: what the zygote has, which is shared, and `memory_bytes` more.

    Address space is what the kernel can limit for one process without a cgroup: what is reserved counts too.
    """

    name = "limits"
    does = "has bounded memory and CPU time, opens no descriptor and writes no file"
    required = True

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes

    def prepare(self) -> None:
        """Work out the limits; the context is loaded."""
        limits = {name: 0 for name in _NOTHING if hasattr(resource, f"RLIMIT_{name}")}
        limits |= {"STACK": STACK_BYTES, "CPU": MAX_CPU_S, "NOFILE": MAX_DESCRIPTORS}
        if sys.platform == "linux":  # elsewhere RLIMIT_AS is not enforced
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            limits["AS"] = pages * resource.getpagesize() + self._memory_bytes
        self._limits = {name: _within_hard_limit(name, limit) for name, limit in limits.items()}

    def apply(self) -> None:
        """Set them; from here on nothing can be opened."""
        for name, limit in self._limits.items():
            _set(name, limit)


class ThreadLimit(Layer):
    """RLIMIT_NPROC: the kernel counts threads by user, in each user namespace (before Linux 5.14: on the machine).

    So where the worker is no user of its own, what else its user runs counts too. A trial finds out (`confinement.py`).
    """

    name = "thread limit"
    does = f"has at most {MAX_THREADS} threads"

    def __init__(self) -> None:
        self.counts_others: bool | None = None
        """Whether the user's other processes count. None in the trial, whose limit is so low that they exceed it."""

    def prepare(self) -> None:
        """Work it out."""
        limit = TRIAL_THREADS if self.counts_others is None else MAX_THREADS
        self._limit = _within_hard_limit("NPROC", limit + (_all_threads() if self.counts_others else 0))

    def apply(self) -> None:
        """Set it."""
        _set("NPROC", self._limit)

    @staticmethod
    def threads_that_start() -> int:
        """How many can be started, and a few more than a trial allows at most. They stay."""
        for started in range(2 * TRIAL_THREADS):
            try:
                _thread.start_new_thread(_stay, ())
            except RuntimeError:
                return started
        return 2 * TRIAL_THREADS


def _stay() -> None:
    lock = _thread.allocate_lock()
    lock.acquire()
    lock.acquire()


def _within_hard_limit(name: str, limit: int) -> int:
    hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1]
    return limit if hard == resource.RLIM_INFINITY else min(limit, hard)


def _set(name: str, limit: int) -> None:
    resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))


def _all_threads() -> int:
    """Threads on this machine: at least as many as this user has."""
    return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])


class FirstToDie(Layer):
    """When the machine runs out of memory, the kernel ends the worker, not the host."""

    name = "first to die"
    does = "is what the kernel ends first when the machine's memory runs out"

    _SCORE = "/proc/self/oom_score_adj"

    def prepare(self) -> None:
        """See that there is such a file."""
        Path(self._SCORE).stat()

    def apply(self) -> None:
        """While it can still open a file."""
        score = os.open(self._SCORE, os.O_WRONLY)
        os.write(score, b"1000")
        os.close(score)
