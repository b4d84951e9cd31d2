"""What the worker gives up: its user, its capabilities, any way to get them back, and being looked into."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal

from rlm_graph.repl.confine.layer import Layer, NotNeededError
from rlm_graph.repl.confine.libc import capget, capset, prctl

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAP_SETPCAP = 8

FIRST_WORKER_ID = 1_900_000_000
"""A worker of pid n is the user and group FIRST_WORKER_ID + n: above all ranges that systemd and containers give out,
below 2**31. So no worker has the rights of another over it, and its threads are counted apart."""

NOBODY = 65534
"""The user and group where there are no others: a container that maps only so many."""


class OwnUser(Layer):
    """A user and a group that nobody else is, with no further groups."""

    name = "own user"
    does = "runs as a user and group of its own"

    def prepare(self) -> None:
        """Only root can."""
        if os.geteuid() != 0:
            raise NotNeededError(f"not started as root: the worker is user {os.geteuid()}, as you are")

    def apply(self) -> None:
        """Change real, effective and saved ids, groups first."""
        os.setgroups([])
        own = FIRST_WORKER_ID + os.getpid()
        try:
            os.setresgid(own, own, own)
            os.setresuid(own, own, own)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Capabilities(ctypes.Structure):
    """Two of them: the capabilities 0 to 31, and those from 32 on."""

    _fields_ = [(part, ctypes.c_uint32) for part in ("effective", "permitted", "inheritable")]


class NoCapabilities(Layer):
    """No capability, and none to be got."""

    name = "no capabilities"
    does = "has no capability of root's, and gets none"
    required = True

    _VERSION = 0x20080522

    def prepare(self) -> None:
        """Empty the bounding set of the zygote, which starts no program; who lacks the right to has no capability."""
        self._header = _CapabilityHeader(self._VERSION, 0)
        now = (_Capabilities * 2)()
        capget(ctypes.byref(self._header), ctypes.byref(now))
        if now[0].effective & 1 << CAP_SETPCAP:
            with contextlib.suppress(OSError):  # EINVAL: the kernel has no more capabilities
                for capability in range(64):
                    prctl(PR_CAPBSET_DROP, capability)
        self._none = (_Capabilities * 2)()

    def apply(self) -> None:
        """Drop those that it has."""
        with contextlib.suppress(OSError):  # before Linux 4.3 there are no ambient ones
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
        capset(ctypes.byref(self._header), ctypes.byref(self._none))


class NoNewPrivileges(Layer):
    """What it has given up stays so, whatever it would start; seccomp and Landlock ask for it."""

    name = "no new privileges"
    does = "gets no rights back by starting a program"
    required = True

    def apply(self) -> None:
        """Cannot be undone."""
        prctl(PR_SET_NO_NEW_PRIVS, 1)


class NotDumpable(Layer):
    """Its memory is closed to processes of the same user: no ptrace, no /proc/PID/mem, no core."""

    name = "not dumpable"
    does = "cannot be traced, read or dumped by processes of its user"
    required = True

    def apply(self) -> None:
        """After the change of user, which resets it."""
        prctl(PR_SET_DUMPABLE, 0)


class EndsWithItsParent(Layer):
    """A zygote that dies takes its workers with it, whatever they are doing."""

    name = "ends with its parent"
    does = "is killed when its zygote ends, in whatever way"
    required = True

    def prepare(self) -> None:
        """Remember the parent."""
        self._zygote = os.getpid()

    def apply(self) -> None:
        """After the change of user, which undoes it; and not too late."""
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._zygote:
            os._exit(1)
