"""The system calls that a worker may make; everything else is refused.

What Python needs once its modules are loaded: memory, threads, time, randomness and one socket. A call that is not
here fails with EPERM, a PermissionError in the cell, so that code which tries one goes on with its `except OSError`.
Killing the process instead would cost the model its variables, and gain nothing: a refused call has no effect.

Read by `generate_filters.py`, which makes the filters of it, and by the tests, which compare the two. A worker reads
the filters only.
"""

from __future__ import annotations

import errno
from typing import Final, NamedTuple


class Only(NamedTuple):
    """A condition on one argument: those bits of it that are in `mask` have this value."""

    argument: int
    mask: int
    value: int


ALL_BITS: Final = (1 << 64) - 1
LOW_BITS: Final = (1 << 32) - 1
"""An `int` argument: what is above it in the register means nothing, to the kernel neither."""

PROT_READ, PROT_WRITE = 1, 2
_NO_CODE = ALL_BITS & ~(PROT_READ | PROT_WRITE)

MAP_PRIVATE, MAP_FIXED, MAP_ANONYMOUS, MAP_NORESERVE, MAP_STACK = 0x2, 0x10, 0x20, 0x4000, 0x20000
_PRIVATE_MEMORY = MAP_PRIVATE | MAP_ANONYMOUS
_ANY_OF_THESE = MAP_FIXED | MAP_NORESERVE | MAP_STACK

MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE, MADV_NOHUGEPAGE = 4, 8, 14, 15

# CLONE_VM | FS | FILES | SIGHAND | THREAD | SYSVSEM | SETTLS | PARENT_SETTID | CHILD_CLEARTID, in musl DETACHED too.
_THREAD_OF_GLIBC, _THREAD_OF_MUSL = 0x3D0F00, 0x7D0F00

FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET = 0, 1, 3, 9, 10
_FUTEX_COMMAND = LOW_BITS & ~(128 | 256)  # without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME

_OWN_CLOCKS = Only(0, LOW_BITS & ~0xF, 0)  # the clocks 0 to 15; a negative one is that of another process

ALLOWED: Final[dict[str, tuple[tuple[Only, ...], ...]]] = {
    # The socket to the host, and what is open besides (/dev/null). Nothing can be opened.
    "read": ((),),
    "write": ((),),
    "recvfrom": ((),),
    "sendto": ((Only(4, ALL_BITS, 0),),),  # without an address: only where the socket is connected to
    "poll": ((),),
    "ppoll": ((),),
    "close": ((),),
    # Memory: anonymous, private, never executable.
    "brk": ((),),
    "mmap": ((Only(2, _NO_CODE, 0), Only(3, ALL_BITS & ~_ANY_OF_THESE, _PRIVATE_MEMORY)),),
    "mprotect": ((Only(2, _NO_CODE, 0),),),
    "mremap": ((),),
    "munmap": ((),),
    "madvise": tuple(
        (Only(2, LOW_BITS, advice),) for advice in (MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE, MADV_NOHUGEPAGE)
    ),
    # Threads of this process: no other flags, so no processes and no namespaces.
    "clone": ((Only(0, ALL_BITS, _THREAD_OF_GLIBC),), (Only(0, ALL_BITS, _THREAD_OF_MUSL),)),
    "exit": ((),),
    "exit_group": ((),),
    "futex": tuple(
        (Only(1, _FUTEX_COMMAND, command),)
        for command in (FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET)
    ),
    "getpid": ((),),
    "gettid": ((),),
    "rseq": ((),),
    "sched_getaffinity": ((Only(0, LOW_BITS, 0),),),  # its own: os.cpu_count()
    "sched_yield": ((),),
    "set_robust_list": ((),),
    "set_tid_address": ((),),  # musl's threads, at their end
    # Signals that reach it: handlers and masks. It can send none.
    "restart_syscall": ((),),
    "rt_sigaction": ((),),
    "rt_sigprocmask": ((),),
    "rt_sigreturn": ((),),
    "sigaltstack": ((),),
    # Time, most of which needs no system call where the kernel's vDSO has it.
    "clock_getres": ((_OWN_CLOCKS,),),
    "clock_gettime": ((_OWN_CLOCKS,),),
    "clock_nanosleep": ((_OWN_CLOCKS,),),
    "gettimeofday": ((),),
    "nanosleep": ((),),
    "time": ((),),
    # Randomness.
    "getrandom": ((),),
}
"""By name: the ways in which a call may be made, each a list of conditions; `()` is any way."""

REFUSED_AS: Final[dict[str, int]] = {
    "clone3": errno.ENOSYS,  # its flags lie in memory, where a filter cannot look: libc goes back to clone
}
"""What is refused with another error than EPERM, because libc has another way for that one only."""

MACHINES: Final = ("x86_64", "aarch64")
"""Names of `platform.machine()` that a filter is shipped for."""
