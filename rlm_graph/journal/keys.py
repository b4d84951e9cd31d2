"""What the journal keeps of a run: entries under keys.

A key says where in the tree of calls something was asked, what exactly, and the how-manieth time; an entry is what came
of it, and what that took.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal

Kind = Literal["root", "llm_query", "rlm_query", "tool", "ask_user", "interrupt", "direct", "compaction", "cell"]

PACKED_FROM_BYTES = 1024
"""Values of fewer bytes are kept as they are: compressing them saves nothing that a page of the database would show."""

PROMPT_PACKED_FROM_BYTES = 512
"""Likewise prompts, of which there are many more bytes than of answers."""


@dataclass(frozen=True)
class Key:
    """Under what an entry is found, within one step of the graph. The texts are ASCII, without NUL."""

    path: str
    """Where in the tree of calls: "" is the run itself, its children have longer ones."""

    cell: str
    """Which turn or cell there."""

    kind: Kind
    """What kind of thing was asked."""

    digest: str
    """Hash of all that decides the answer: model, parameters and prompt; or question, or arguments."""

    occurrence: int
    """The how-manieth time the same was asked in that cell, from 0: two samples of one prompt are two entries."""


@dataclass(frozen=True)
class Entry:
    """What came of something that was asked."""

    value: str
    """The answer, or the words of the failure; any ``str``, NUL and lone surrogates too."""

    failed: str | None = None
    """Kind of the failure; None: it is an answer."""

    model: str | None = None
    """Name of the model that was asked; None if none was."""

    requests: int = 0
    """Requests that it took, failed ones among them; 0: it was known already, or no model was asked."""

    input_tokens: int = 0
    output_tokens: int = 0

    cost_usd: float | None = 0.0
    """None where the price of the model is not known."""

    started_at: float = 0.0
    """Seconds since 1970."""

    ended_at: float = 0.0
    """Likewise."""

    prompt: str = ""
    """What was asked, for whoever tells the story of the run (:meth:`Journal.story`): the text of a sub-call; of a turn
    of the root model, the messages that were new to it. Who carries out a step again does not need it, and gets ""."""


def pack(text: str, packed_from: int = PACKED_FROM_BYTES) -> bytes:
    """Any text as bytes: a mark, then UTF-8 with lone surrogates passed through, compressed where that pays."""
    data = text.encode("utf-8", "surrogatepass")
    if len(data) >= packed_from:
        packed = zlib.compress(data, level=1)
        if len(packed) < 0.9 * len(data):
            return b"z" + packed
    return b"=" + data


def unpack(data: bytes) -> str:
    """The text of :func:`pack`."""
    plain = zlib.decompress(data[1:]) if data[:1] == b"z" else data[1:]
    return plain.decode("utf-8", "surrogatepass")
