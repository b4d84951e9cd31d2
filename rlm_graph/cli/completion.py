"""What a shell offers when Tab is pressed, beside commands and options: names of runs, names of models.

Whoever presses Tab waits for it and reads no error: only files that are there are read, and where something cannot be
read, nothing is offered.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
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


@contextlib.contextmanager
def whole_words() -> Iterator[None]:
    """For bash, a colon ends a word (COMP_WORDBREAKS): inside, words are whole again, and what it has is not offered.

    `openai:gpt` comes as three words, and what is offered for it takes the place of the last one only.
    """
    words, at = os.environ.get("COMP_WORDS", "").split("\n"), os.environ.get("COMP_CWORD", "")
    joined = _joined(words[: int(at) + 1]) if at.isdigit() else words
    if len(joined) == len(words):
        yield
        return
    os.environ["COMP_WORDS"], os.environ["COMP_CWORD"] = "\n".join(joined), str(len(joined) - 1)
    written = io.StringIO()
    try:
        with contextlib.redirect_stdout(written):
            yield
    finally:
        there = joined[-1].rpartition(":")
        has = len(there[0] + there[1])
        print("\n".join(line[has:] for line in written.getvalue().splitlines()))


def _joined(words: list[str]) -> list[str]:
    whole: list[str] = []
    for word in words:
        if whole and (word == ":" or whole[-1].endswith(":")):
            whole[-1] += word
        else:
            whole.append(word)
    return whole


__all__ = ["model_names", "run_names", "whole_words"]
