"""System calls that Python has no function for, through libc, which is found when this is imported: in the zygote."""

from __future__ import annotations

import ctypes
import os
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, *arguments: Any) -> int:
    """The system call of this name.

    Raises:
        OSError: the kernel refuses it.
    """
    return _checked("prctl", option, *arguments, *[0] * (4 - len(arguments)))


def syscall(number: int, *arguments: Any) -> int:
    """A system call that libc has no function for.

    Raises:
        OSError: the kernel refuses it, or has no such call.
    """
    return _checked("syscall", number, *arguments)


def capget(header: Any, capabilities: Any) -> None:
    """The system call of this name.

    Raises:
        OSError: the kernel refuses it.
    """
    _checked("capget", header, capabilities)


def capset(header: Any, capabilities: Any) -> None:
    """The system call of this name.

    Raises:
        OSError: the kernel refuses it.
    """
    _checked("capset", header, capabilities)


def unshare(flags: int) -> None:
    """The system call of this name.

    Raises:
        OSError: the kernel refuses it.
    """
    _checked("unshare", flags)


def _checked(function: str, *arguments: Any) -> int:
    # A plain int would be passed as a C int, of 32 bits.
    words = [ctypes.c_ulong(a & (1 << 64) - 1) if isinstance(a, int) else a for a in arguments]
    result: int = getattr(_LIBC, function)(*words)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), function)
    return result
