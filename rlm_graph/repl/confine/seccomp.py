"""The layer that must be there: a filter of the system calls that the worker may make (`allowed.py`)."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys

from rlm_graph.repl.confine.filters import FILTERS
from rlm_graph.repl.confine.layer import Layer
from rlm_graph.repl.confine.libc import prctl

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2


class _Program(ctypes.Structure):
    """`struct sock_fprog`: a number of instructions of 8 bytes, and where they are."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


class Seccomp(Layer):
    """Refuses every system call but a few dozen harmless ones."""

    name = "seccomp"
    does = "makes no system call but those of memory, threads, time and its one socket"
    required = True

    def prepare(self) -> None:
        """Put the filter into the form that the kernel takes."""
        code = FILTERS.get(platform.machine())
        if code is None:
            raise OSError(errno.ENOSYS, f"there is no filter for {platform.machine()}")
        if sys.maxsize < 1 << 32:
            raise OSError(errno.ENOSYS, "there is no filter for a Python of 32 bits")
        self._code = code
        self._program = _Program(len(code) // 8, code)

    def apply(self) -> None:
        """Load the filter, and see that it is in force. Nothing can be confined or opened after it."""
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(self._program))
        try:
            os.getpriority(os.PRIO_PROCESS, 0)  # a call that is harmless, always allowed elsewhere, and refused here
        except PermissionError:
            return
        raise OSError(errno.ENOSYS, "the kernel took the filter and does not follow it")
