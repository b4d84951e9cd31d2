"""Runs plain Python in a process with some layers of the confinement and no others, and prints what it printed.

    python confined.py "LAYER, LAYER, ..." SOURCE

"" is no layer at all, "all" is every one that this machine has. A layer that it lacks is told on stderr.
The source gets `libc` (for system calls) and runs with 256 MB beside what it starts with.
"""

from __future__ import annotations

import ctypes
import io
import mmap  # noqa: F401 - this and what follows is loaded so that the source meets the kernel, not a missing module
import os
import resource  # noqa: F401
import signal
import socket  # noqa: F401
import sys
import threading  # noqa: F401
import traceback
from contextlib import redirect_stdout

from rlm_graph.repl.confine import Confinement, all_layers


def run(source: str) -> str:
    """What the source prints, and the last line of its traceback."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        try:
            exec(compile(source, "<source>", "exec"), {"libc": ctypes.CDLL(None, use_errno=True), "ctypes": ctypes})
        except BaseException as error:
            print("".join(traceback.format_exception_only(error)).strip())
    return printed.getvalue()


def main(names: list[str], source: str) -> None:
    """Confine a fork, as a zygote does."""
    layers = all_layers(256 << 20)
    confinement = Confinement(
        "strict", [layer for layer in layers if layer.name in names] if names != ["all"] else layers
    )
    lacking = [f"{status.name}: {status.why}" for status in confinement.try_out() if status.state != "on"]
    if lacking and names != ["all"]:
        sys.exit(f"not here: {', '.join(lacking)}")
    confinement.prepare()
    pid = os.fork()
    if pid == 0:
        try:
            confinement.apply()
            os.write(1, run(source).encode())
        finally:
            os._exit(0)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        print(signal.Signals(os.WTERMSIG(status)).name)


if __name__ == "__main__":
    main(sys.argv[1].split(", "), sys.argv[2])
