"""A breached zygote (`breached.py`) that confines nothing: here the attacks must succeed, or they show nothing."""

from __future__ import annotations

from typing import Any

import breached

from rlm_graph.repl import zygote


def main(control_fd: int, manifest: str, **options: Any) -> None:
    """As the real zygote's."""
    zygote.all_layers = lambda _: []
    breached.main(control_fd, manifest, **options)
