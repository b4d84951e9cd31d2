"""The story of a run that a command is asked for, read without any of its models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import rlm_graph
from rlm_graph.cli.storage import Storage
from rlm_graph.errors import ConfigError

if TYPE_CHECKING:
    from rlm_graph.story import Story, StoryReader, Turn


@contextmanager
def reader_of(storage: Storage, name: str, *, prompts: bool = True) -> Iterator[StoryReader]:
    """What reads the story of a run.

    Args:
        storage: Where the run is.
        name: Its name.
        prompts: Whether to find out which parts of the context stand in prompts.

    Raises:
        RunNotFoundError: there is no such run.
        JournalError: the journal or the checkpoints cannot be read.
    """
    storage.find(name)
    from rlm_graph.offline import OfflineRootModel
    from rlm_graph.story import StoryReader

    rlm = rlm_graph.create_rlm(
        OfflineRootModel(),  # which is not asked
        checkpointer=storage.checkpoints,
        context_store=storage.contexts,
        journal=storage.journal,
    )
    with rlm, storage.clear_errors():
        yield StoryReader(rlm, name, prompts=prompts)


def turns_at(story: Story, at: int | None) -> tuple[Turn, ...]:
    """All turns, or those of one iteration: a first reply without code and the one after the reminder have one number.

    Raises:
        ConfigError: there is no such iteration.
    """
    if at is None:
        return story.turns
    found = tuple(turn for turn in story.turns if turn.iteration == at)
    if not found:
        last = max((turn.iteration for turn in story.turns), default=0)
        there = f"the iterations 1 to {last}" if last else "none yet"
        raise ConfigError(f"--at: {at} is not allowed: run {story.run!r} has {there}")
    return found
