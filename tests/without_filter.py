"""A breached zygote (`breached.py`) on a machine that no seccomp filter is shipped for."""

from __future__ import annotations

from typing import Any

import breached

from rlm_graph.repl.confine.filters import FILTERS


def main(control_fd: int, manifest: str, **options: Any) -> None:
    """As the real zygote's."""
    FILTERS.clear()
    breached.main(control_fd, manifest, **options)
