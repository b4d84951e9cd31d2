"""What `rlm-graph report` does: the story of a run as a page of HTML, in a file that needs no other."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from rlm_graph.cli.screen import Screen, size, write_answer
from rlm_graph.cli.storage import Storage
from rlm_graph.cli.stories import reader_of
from rlm_graph.errors import ConfigError

if TYPE_CHECKING:
    from rlm_graph.story import Story, StoryReader


def report(
    name: str, *, output: str | None, at: int | None, browse: bool, store: str | None, database: str | None
) -> int:
    """Write the report of a run, and return the exit code.

    Args:
        name: The run.
        output: The file, or - for stdout; None: the run's name, in the current folder.
        at: The iteration after which the report ends; None: it tells all.
        browse: Show it in a browser.
        store: As for all commands.
        database: Likewise.

    Raises:
        RunNotFoundError: there is no such run.
        ConfigError: there is no such iteration, or the file cannot be written.
    """
    if browse and output == "-":
        raise ConfigError("--open: a browser cannot show what goes to stdout: give -o a file")
    with Storage(store, database) as storage, reader_of(storage, name) as reader:
        story = reader.read()
        if at is not None:
            story = _after(reader, story, at)
        words = storage.words

    from rlm_graph.report import render

    page = render(story, words=words)
    if output == "-":
        write_answer(page)
        return 0
    path = Path(output or f"{name}.html").absolute()
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--output: {str(path)!r} cannot be written: {error.strerror or error}") from error
    Screen().say(f"wrote {output or path.name} ({size(path.stat().st_size)})")
    if browse:
        webbrowser.open(path.as_uri())
    return 0


def _after(reader: StoryReader, story: Story, at: int) -> Story:
    """The story up to the end of an iteration; 0: before the first."""
    last = story.turns[-1].iteration if story.turns else 0
    if not 0 <= at <= last:
        raise ConfigError(
            f"--at: {at} is not allowed: run {story.run!r} has the iterations 0 (before the first) to {last}"
        )
    following = next((turn for turn in story.turns if turn.iteration > at), None)
    if following is None:
        return story
    if following.checkpoint_id is None:
        raise ConfigError(
            f"--at: {at} is not allowed: that iteration is one of the run that {story.run!r} was forked from"
        )
    return reader.read(following.checkpoint_id)
