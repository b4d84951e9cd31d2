"""The page of a run that goes on: the page itself, and what it asks for again and again.

Whoever serves it, an HTTP server of any kind, answers with `page` at one address, and at another with `data`, to which
it hands what the page sends as `have`. Both are plain functions of a story. `Following` is both, for a story that is
read anew when there is more of it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence

from rlm_graph.report.chunks import clock_of, parts
from rlm_graph.report.rendering import Shown, render
from rlm_graph.story import Story

GOES_ON = ("running", "waiting", "stopped", "failed", "interrupted", "unfinished")
"""Statuses after which more may happen: the page keeps asking."""


def page(story: Story, *, words: Sequence[str] = (), data_url: str = "data") -> str:
    """The page, which asks `data_url` for what happens next.

    Args:
        story: Of the run, as it stands now.
        words: Options of the command line that say where the run is kept.
        data_url: An address, relative to that of the page. It is asked by GET, with `have` in the query.
    """
    return render(story, live=True, words=words, data_url=data_url)


def data(story: Story, have: str = "", *, words: Sequence[str] = ()) -> str:
    """What has changed, as JSON.

    Args:
        story: Of the run, as it stands now.
        have: Hashes of the parts that the page has, with commas between them.
        words: As for `page`.
    """
    return _news(Shown(story, words), have)


class Following:
    """A page and its data, for a run that goes on. Used from any number of threads.

    Args:
        read: Reads the story.
        version: Says, in next to no time, whether there is more to be read: then it returns something else.
        words: As for `page`.
    """

    def __init__(self, read: Callable[[], Story], version: Callable[[], object], *, words: Sequence[str] = ()) -> None:
        self._read = read
        self._version = version
        self._words = words
        self._lock = threading.Lock()
        self._shown: tuple[object, Shown] | None = None

    def page(self) -> str:
        """The page.

        Raises:
            RLMError: the story cannot be read.
        """
        return page(self._now().story, words=self._words)

    def data(self, have: str) -> str:
        """What has changed, as JSON.

        Raises:
            RLMError: likewise.
        """
        return _news(self._now(), have)

    def _now(self) -> Shown:
        with self._lock:
            version = self._version()  # before the story: what comes between the two is read again
            if self._shown is None or self._shown[0] != version:
                self._shown = version, Shown(self._read(), self._words)
            return self._shown[1]


def _news(shown: Shown, have: str) -> str:
    story, known = shown.story, frozenset(have.split(","))
    return json.dumps(
        {
            "goes_on": story.status in GOES_ON,
            "status": story.status,
            "models": shown.models(),
            "clock": clock_of(story),
            "parts": None if f"parts-{len(story.parts)}" in known else parts(story),
            "sections": {name: one for name, one in shown.sections().items() if one["hash"] not in known},
            "contents": "".join(shown.contents()),
            "calls_lead": shown.calls_lead(),
            "turns": [one if one["hash"] not in known else {"hash": one["hash"]} for one in shown.turns],
            "chunks": [one if one["hash"] not in known else {"hash": one["hash"]} for one in shown.calls],
        },
        separators=(",", ":"),
    )


__all__ = ["Following", "data", "page"]
