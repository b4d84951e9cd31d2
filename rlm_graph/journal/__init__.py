"""The journal: what runs have asked and got, so that a run that was killed goes on where it was and pays nothing twice.

Each answer is committed before its value is used. A *run* is a thread of LangGraph's; a *scope* is one step of its
graph, the same before and after a crash, another on every fork; a *session* is one invocation of the graph. To carry
out a step, a session claims its scope, and gets the entries that earlier attempts have left.

    journal.py, writer.py       Journal and Session; the thread that writes for them
    keys.py, entries.py         what is kept, and how it is written and found again
    claims.py, processes.py     who carries out what, and whether that process still lives
    runs.py, cache.py           what there is to list and to remove; answers that runs share
    database.py, schema.py      SQLite or Postgres, and the tables in it

Names are imported when they are first used: SQLAlchemy takes its time, and is imported when a journal is opened.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlm_graph.journal.cache import JournalCache
    from rlm_graph.journal.journal import Journal, Session
    from rlm_graph.journal.keys import Entry, Key
    from rlm_graph.journal.runs import Run

__all__ = ["Entry", "Journal", "JournalCache", "Key", "Run", "Session"]

_MODULES = {
    "Entry": "keys",
    "Journal": "journal",
    "JournalCache": "cache",
    "Key": "keys",
    "Run": "runs",
    "Session": "journal",
}


def __getattr__(name: str) -> Any:
    """Import the module that holds `name`."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
