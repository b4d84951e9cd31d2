"""Makes `filters.py` of `allowed.py`, with libseccomp: nobody writes BPF by hand.

    pip install pyseccomp                        # and the system's libseccomp: apt-get install libseccomp2
    python -m rlm_graph.repl.confine.generate_filters

The filters of all machines are made on any of them. A test makes them again and compares.
"""

from __future__ import annotations

import ctypes
import errno
import importlib
import tempfile
from pathlib import Path
from typing import Any

from rlm_graph.repl.confine.allowed import ALLOWED, MACHINES, REFUSED_AS

_HEAD = '''"""The seccomp filters, made by generate_filters.py. One line is one BPF instruction."""

from __future__ import annotations

from typing import Final

LIBSECCOMP: Final = "{version}"
"""The library's version that made them; another one may arrange the same filter in another way."""

FILTERS: Final[dict[str, bytes]] = {{
'''


def make(machine: str) -> bytes:
    """The filter for one machine, as the kernel takes it.

    Raises:
        ImportError: pyseccomp is not installed.
        RuntimeError: libseccomp is not installed.
    """
    seccomp = _seccomp()
    filter_ = seccomp.SyscallFilter(defaction=seccomp.ERRNO(errno.EPERM))
    filter_.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)  # a 32-bit call on a 64-bit machine, x32
    architecture = getattr(seccomp.Arch, machine.upper())
    if not filter_.exist_arch(architecture):
        filter_.add_arch(architecture)
        filter_.remove_arch(seccomp.Arch.NATIVE)
    for name, ways in ALLOWED.items():
        if seccomp.resolve_syscall(architecture, name) < 0:
            continue  # aarch64 has no `poll` and no `time`: libc uses others there
        for conditions in ways:
            arguments = [seccomp.Arg(c.argument, seccomp.MASKED_EQ, c.mask, c.value) for c in conditions]
            filter_.add_rule(seccomp.ALLOW, name, *arguments)
    for name, error in REFUSED_AS.items():
        filter_.add_rule(seccomp.ERRNO(error), name)
    with tempfile.TemporaryFile() as file:
        filter_.export_bpf(file)
        file.seek(0)
        return file.read()


def version() -> str:
    """The version of libseccomp that is installed."""

    class _Version(ctypes.Structure):
        _fields_ = [(part, ctypes.c_uint) for part in ("major", "minor", "micro")]

    _seccomp()
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_version.restype = ctypes.POINTER(_Version)
    found = library.seccomp_version().contents
    return f"{found.major}.{found.minor}.{found.micro}"


def _seccomp() -> Any:
    return importlib.import_module("pyseccomp")  # which has no types, and need not be there


def main() -> None:
    """Write `filters.py` anew."""
    lines = [_HEAD.format(version=version())]
    for machine in MACHINES:
        code = make(machine).hex()
        lines += [f'    "{machine}": bytes.fromhex(\n', '        """\n']
        lines += [f"        {code[start : start + 16]}\n" for start in range(0, len(code), 16)]
        lines += ['        """\n', "    ),\n"]
    lines += ["}\n", '"""By `platform.machine()`."""\n']
    Path(__file__).with_name("filters.py").write_text("".join(lines))


if __name__ == "__main__":
    main()
