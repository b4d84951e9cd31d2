"""How to go on with a run, and how to go another way from one of its turns on: lines for a shell, or for Python."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import takewhile

from rlm_graph.story import Story, Turn

_ENDED = ("complete", "out_of_iterations", "out_of_budget", "no_answer")
_GOES_ON = ("waiting", "stopped", "failed", "interrupted", "out_of_iterations", "out_of_budget", "no_answer")


def go_on(story: Story, words: Sequence[str]) -> list[tuple[str, str]]:
    """What each command does, and the command.

    Args:
        story: Of the run.
        words: Options of the command line that say where its storage is.
    """
    if not story.from_command_line:
        thread = f'{{"configurable": {{"thread_id": {story.run!r}}}}}'
        found = [
            ("Ask another question, over the same context and variables", f'rlm.invoke({{"query": "..."}}, {thread})')
        ]
        if story.status in _GOES_ON[:4]:
            found.insert(0, ("Go on", f"rlm.invoke(None, {thread})"))
        return found
    found = []
    if story.status in _GOES_ON:
        more = [f"--{story.exhausted.replace('_', '-')}", "MORE"] if story.exhausted else []
        found.append(("Go on", _line("resume", story.run, *words, *more)))
    found.append(
        (
            "Ask another question, over the same variables",
            _line("fork", story.run, "--at", _last_ended(story), "--query", "...", *words),
        )
    )
    found.append(("Go another way from an iteration on", _line("fork", story.run, "--at", "N", *words)))
    found.append(("Write this page again", _line("report", story.run, "-o", "run.html", *words)))
    return found


def fork(story: Story, turn: Turn, words: Sequence[str]) -> str:
    """How to go another way from before a turn on."""
    if story.from_command_line:
        ended = any(
            one.iteration == turn.iteration and one.cells for one in takewhile(lambda one: one is not turn, story.turns)
        )
        return _line("fork", story.run, "--at", turn.iteration if ended else max(0, turn.iteration - 1), *words)
    place = f'"thread_id": {story.run!r}, "checkpoint_id": {turn.checkpoint_id!r}'
    return f'rlm.invoke(None, {{"configurable": {{{place}}}}})'


def _last_ended(story: Story) -> int:
    """The last iteration that has come to its end; the last question, when a budget ran out, is none."""
    if story.status in _ENDED:
        return story.totals.iterations
    return max((turn.iteration for turn in story.turns if turn.observation), default=0)


def _line(*words: object) -> str:
    return shlex.join(["rlm-graph", *map(str, words)])
