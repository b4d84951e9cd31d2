"""Landlock: what the kernel refuses this process of files, TCP ports, signals and sockets, without any exception."""

from __future__ import annotations

import ctypes
import os

from rlm_graph.repl.confine.layer import Layer
from rlm_graph.repl.confine.libc import syscall

# The same numbers on every architecture.
LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 444, 446
_ASK_FOR_VERSION = 1

_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""Version of Landlock: how many rights over files it has, as bits from 0 on."""

_TCP_BIND_AND_CONNECT = 0b11  # from version 4
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11  # from version 6


class _Ruleset(ctypes.Structure):
    """`struct landlock_ruleset_attr`: what is refused unless a rule allows it; there will be no rules."""

    _fields_ = [(part, ctypes.c_uint64) for part in ("files", "network", "scopes")]


class Landlock(Layer):
    """Refuses all that this kernel's Landlock can refuse."""

    name = "landlock"
    does = "opens no file, lists no directory, uses no TCP port, signals no process outside"

    def prepare(self) -> None:
        """Ask the kernel which rights it knows."""
        version = syscall(LANDLOCK_CREATE_RULESET, 0, 0, _ASK_FOR_VERSION)
        rights = max(bits for since, bits in _FILE_RIGHTS.items() if since <= version)
        self._ruleset = _Ruleset(
            (1 << rights) - 1,
            _TCP_BIND_AND_CONNECT if version >= 4 else 0,
            _ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0,
        )
        # A kernel that knows fewer fields takes a longer struct as long as the rest of it is 0.
        self._size = ctypes.sizeof(self._ruleset)

    def apply(self) -> None:
        """Take all of them from this process; needs no_new_privs."""
        rules = syscall(LANDLOCK_CREATE_RULESET, ctypes.byref(self._ruleset), self._size, 0)
        try:
            syscall(LANDLOCK_RESTRICT_SELF, rules, 0)
        finally:
            os.close(rules)
