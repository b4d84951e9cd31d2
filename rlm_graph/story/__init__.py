"""The story of a run: what was asked, thought, run, read and paid, put together from its checkpoints and the journal.

One source for whatever shows a run after the fact or while it goes on: the report, `show`, `export`, `watch`.

    from rlm_graph.story import read_story

    story = read_story(rlm, "contracts")
    print(story.answer, len(story.turns), story.totals.cost_usd)

    story.py        what a story is made of
    reading.py      read_story: from a graph and the name of a run
    lineage.py      the checkpoints that lead to a state, and the step that follows it
    entries.py      what the journal has of a step, as cells, sub-calls and children
    slices.py       which characters of the context stand in a prompt
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlm_graph.story.reading import StoryReader, read_story
    from rlm_graph.story.story import Cell, Part, Slice, Story, SubCall, Totals, Turn

__all__ = ["Cell", "Part", "Slice", "Story", "StoryReader", "SubCall", "Totals", "Turn", "read_story"]


def __getattr__(name: str) -> Any:
    """Import the module that holds `name`: reading a story needs LangGraph, showing one does not."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "reading" if name in ("StoryReader", "read_story") else "story"
    return getattr(import_module(f"{__name__}.{module}"), name)
