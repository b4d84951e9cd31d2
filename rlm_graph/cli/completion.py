"""What a shell offers when Tab is pressed, beside commands and options: names of runs, names of models.

Whoever presses Tab waits for it and reads no error: only files that are there are read, and where something cannot be
read, nothing is offered.
"""

from __future__ import annotations

from typing import Any

MANY = 200
"""Names that are offered at most."""


def run_names(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """The runs whose names begin so, newest activity first, each with its question."""
    from rlm_graph.cli.storage import Storage
    from rlm_graph.errors import RLMError

    given = ctx.params
    try:
        with Storage(given.get("store"), given.get("database")) as storage:
            if storage.is_new:
                return []
            found = [run for run in storage.journal.runs() if run.name.startswith(incomplete)]
    except (RLMError, OSError):
        return []
    taken = given.get("names") or ()
    return [(run.name, " ".join((run.question or "").split())) for run in found if run.name not in taken][:MANY]


def model_names(incomplete: str) -> list[str]:
    """The models whose names begin so, those that the environment names first."""
    from rlm_graph.cli.models import known_names

    return [name for name in known_names() if name.startswith(incomplete)][:MANY]
