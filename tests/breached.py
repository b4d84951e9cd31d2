"""A zygote whose workers run any Python: the policy has fallen, the process is confined as ever.

Named as the module of a `Zygote` by `attack.py`; nothing in the package knows of it.
"""

from __future__ import annotations

import builtins
import ctypes  # noqa: F401 - this and what follows is loaded so that an attack meets the kernel, not a missing module
import fcntl  # noqa: F401
import mmap  # noqa: F401
import resource  # noqa: F401
import socket  # noqa: F401
import subprocess  # noqa: F401
from collections.abc import Callable
from types import CodeType
from typing import Any

from rlm_graph.repl import worker, zygote


def _compile(source: str, filename: str, prepare: object = None) -> CodeType:
    return compile(source, filename, "exec")


def _builtins(*, write: Callable[[str], int], **_: Any) -> dict[str, Any]:
    def show(*values: Any, **_: Any) -> None:
        write(" ".join(map(str, values)) + "\n")

    return {**vars(builtins), "print": show}


def main(control_fd: int, manifest: str, **options: Any) -> None:
    """As the real zygote's."""
    worker.compile_cell = _compile  # type: ignore[assignment]
    worker.build_builtins = _builtins  # type: ignore[assignment]
    zygote.main(control_fd, manifest, **options)
