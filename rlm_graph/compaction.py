"""What fits into the root model's window, and what is done when its own messages no longer do.

The oldest turns of a question (a reply and its observations) give way to one message with notes on them, which the
root model itself writes. The question and the last turns stay. Nothing is lost: the REPL's variables are not touched,
and what was removed is given back, to be read in the REPL as `history`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, RemoveMessage
from langchain_core.messages.utils import count_tokens_approximately

from rlm_graph import prompts
from rlm_graph.context import ContextRef
from rlm_graph.errors import ModelError
from rlm_graph.profiles import CHARS_PER_TOKEN
from rlm_graph.state import append_messages, role

COMPACT_AT = 0.75
"""Share of the window that the messages may fill."""

KEEP_TURNS = 4
"""Turns that are kept as they are, at the most."""

KEEP_SHARE = 0.25
"""Share of the window that the kept turns may fill, if there are several of them."""

KEEP_LAST_SHARE = 0.5
"""Share of the window that the last turn may fill alone: the root model has not yet seen what it printed."""

LEAST_SHARE = 0.1
"""Share of the window that must come free, for a call to be spent on it."""

MAX_SUMMARY_CHARS = 8000
"""Characters of the notes, at the most."""

LEAST_OUTLINE_CHARS = 100
"""Characters that the outline of one turn gets, at the least; if there are too many turns, the first get none."""

DIRECT_PROMPT_TOKENS = 1000
"""Tokens of a direct question, beside its context."""

MAX_SCALE = 4.0
"""How far a model's own count of tokens may be above four characters a token: one a token, as in Chinese."""

Ask = Callable[[list[BaseMessage]], Awaitable[str]]
"""Asks the root model, and returns the text of its reply."""


@dataclass(frozen=True)
class Compacted:
    """A conversation after compaction."""

    messages: list[AnyMessage]
    """All messages, with the notes in the place of the turns that were removed."""

    writes: list[BaseMessage]
    """What the channel `messages` is to be given for that."""

    removed: list[dict[str, str]]
    """What `history` grows by: `role` ("code", "observation", or "summary" of an earlier compaction), `content`."""

    by_model: bool
    """Whether the root model wrote the notes; if not, they are an outline made without it."""


def needs_compaction(
    messages: Sequence[BaseMessage], window_tokens: int | None, max_output_tokens: int, *, share: float = COMPACT_AT
) -> bool:
    """Whether the messages are near the root model's window.

    Args:
        messages: What is about to be sent: the root prompt, the question, the turns (as the state has them: what the
            model reported with its replies is read).
        window_tokens: Tokens that the model reads and writes in one call; None or 0 if that is not known: then never.
        max_output_tokens: Tokens that its reply may have. They need room too, up to half the window.
        share: Share of the window that the messages may fill.
    """
    if not window_tokens:
        return False
    return tokens(messages) > min(share * window_tokens, window_tokens - min(max_output_tokens, window_tokens // 2))


def tokens(messages: Sequence[BaseMessage]) -> int:
    """About how many tokens messages have: four characters a token, or what the model itself counted if that is more.

    With its last reply it reported the tokens of all messages before; those after it are measured by the same scale.
    A report from before a compaction says nothing of what is there now.
    """
    counted = count_tokens_approximately(messages)
    for at in range(len(messages) - 1, _first_after_compaction(messages) - 1, -1):
        message = messages[at]
        if isinstance(message, AIMessage) and message.usage_metadata:
            reported = message.usage_metadata["input_tokens"]
            scale = min(MAX_SCALE, max(1.0, reported / max(1, count_tokens_approximately(messages[:at]))))
            return max(counted, reported + math.ceil(scale * count_tokens_approximately(messages[at:])))
    return counted


def _first_after_compaction(messages: Sequence[BaseMessage]) -> int:
    """Index of the first message that came after the last compaction; 0 if there was none."""
    until = next((mark["until"] for mark in map(_summary_mark, reversed(messages)) if mark), None)
    return next((at + 1 for at, message in enumerate(messages) if until and message.id == until), 0)


def _summary_mark(message: BaseMessage) -> Mapping[str, Any] | None:
    """What a message with notes says of them: `turns`, how many they are about, and `until`, the last message then."""
    mark: Mapping[str, Any] = message.additional_kwargs.get("rlm") or {}
    return mark if "until" in mark else None


async def compact(
    messages: Sequence[AnyMessage],
    ask: Ask,
    *,
    turn_start: int,
    head: Sequence[BaseMessage],
    variables: Mapping[str, str],
    window_tokens: int | None,
) -> Compacted | None:
    """Replace the oldest turns of this question by notes that the root model writes.

    To be called where a reply of the root model comes next, so that no turn is half there.

    Args:
        messages: All messages of the state.
        ask: Asks the root model for the notes. If it fails with a ModelError, or says nothing, the notes are an
            outline made without it.
        turn_start: Index of this question in `messages`; what stands before it, and the question, is kept.
        head: What is sent in front of the turns: root prompt, earlier questions and answers, the question.
        variables: What is in the REPL now, described.
        window_tokens: Tokens of the root model's window. None: they are not known, and the model has just refused the
            messages as too many.

    Returns:
        None if there is too little to be removed.
    """
    turns = _turns(messages[turn_start + 1 :])
    shown = [*head, *messages[turn_start + 1 :]]
    total = tokens(shown)
    scale = total / max(1, count_tokens_approximately(shown))
    room = window_tokens or total
    removed = turns[: len(turns) - _kept(turns, room, scale)]
    gone = [message for turn in removed for message in turn]
    freed = scale * count_tokens_approximately(gone)
    if not _replies(gone) or (window_tokens and freed < LEAST_SHARE * room):
        return None
    max_chars = min(MAX_SUMMARY_CHARS, room // 2)  # an eighth of the window
    request = [*head, *gone, HumanMessage(prompts.summary_request(max_chars))]
    limit = COMPACT_AT * room if window_tokens else room / 2
    notes = await _notes(ask, _shortened(request, int(limit / scale)), max_chars)
    by_model = bool(notes)
    earlier = sum(mark["turns"] for mark in map(_summary_mark, gone) if mark)
    told = prompts.summary(
        notes or _outlines(removed, earlier, max_chars), earlier + _replies(gone), variables, by_model=by_model
    )
    mark = {"role": "observation", "turns": earlier + _replies(gone), "until": messages[-1].id}
    # In the place of the first one, by its id: a message with an id of its own would go to the end.
    summary = HumanMessage(prompts.sendable(told), id=gone[0].id, additional_kwargs={"rlm": mark})
    writes = [summary, *(RemoveMessage(id=str(message.id)) for message in gone[1:])]
    return Compacted(append_messages(list(messages), [writes]), writes, [_plain(m) for m in gone], by_model)


def _turns(messages: Sequence[BaseMessage]) -> list[list[BaseMessage]]:
    """The turns: each a reply with its observations. Notes from before are one of their own.

    What somebody else wrote in between is in none of them, and so is never removed.
    """
    turns: list[list[BaseMessage]] = []
    for message in messages:
        if role(message) == "code" or (role(message) == "observation" and not turns):
            turns.append([message])
        elif role(message) == "observation":
            turns[-1].append(message)
    return turns


def _replies(messages: Sequence[BaseMessage]) -> int:
    return sum(role(message) == "code" for message in messages)


def _kept(turns: Sequence[Sequence[BaseMessage]], room: int, scale: float) -> int:
    """How many of the last turns stay."""
    kept, used = 0, 0.0
    for turn in reversed(turns):
        used += scale * count_tokens_approximately(turn)
        if kept == KEEP_TURNS or used > room * (KEEP_SHARE if kept else KEEP_LAST_SHARE):
            break
        kept += 1
    return kept


def _shortened(messages: Sequence[BaseMessage], max_tokens: int) -> list[BaseMessage]:
    """Messages with the middle of the longest ones cut out, so that all together have so many tokens."""
    if count_tokens_approximately(messages) <= max_tokens:
        return list(messages)
    left = 4 * max_tokens
    longest = 0
    for rank, length in enumerate(sorted(len(message.text) for message in messages)):
        longest = max(LEAST_OUTLINE_CHARS, left // (len(messages) - rank))
        if length > longest:
            break
        left -= length
    return [
        message.model_copy(update={"content": f"{text[: longest // 2]}\n[...]\n{text[-longest // 2 :]}"})
        if len(text := str(message.text)) > longest
        else message
        for message in messages
    ]


async def _notes(ask: Ask, request: list[BaseMessage], max_chars: int) -> str:
    """What the root model writes; empty if it cannot."""
    try:
        reply = await ask(request)
    except ModelError:
        return ""
    notes = re.split(r"</think(?:ing)?>", reply)[-1].strip()
    if notes.startswith("<think"):  # it thought until it had no tokens left
        return ""
    return notes if len(notes) <= max_chars else f"{notes[:max_chars]} [...]"


def _outlines(turns: Sequence[Sequence[BaseMessage]], earlier: int, max_chars: int) -> str:
    """The turns in a few lines each; in front of them what the notes from before said."""
    before = "".join(prompts.notes_of(str(first.text)) for first, *_ in turns if _summary_mark(first))
    before = before[: max_chars // 2]
    replies = [turn for turn in turns if not _summary_mark(turn[0])]
    told = replies[-max(1, max_chars // LEAST_OUTLINE_CHARS) :]
    share = (max_chars - len(before)) // len(told)
    lines = [before] if before else []
    for number, (reply, *observations) in enumerate(told, start=earlier + len(replies) - len(told) + 1):
        seen = "\n\n".join(str(observation.text) for observation in observations)
        lines.append(f"Turn {number}: {prompts.outline(str(reply.text), seen, share)}")
    return "\n".join(lines)


def _plain(message: BaseMessage) -> dict[str, str]:
    kind = "summary" if _summary_mark(message) else role(message) or message.type
    return {"role": kind, "content": str(message.text)}


def fits_directly(
    context: ContextRef, below_chars: int, window_tokens: int | None, *, max_output_tokens: int = 0
) -> bool:
    """Whether a question about this context can be answered in one call that holds all of it.

    Args:
        context: The context.
        below_chars: It must have fewer characters (`direct_below_chars`); 0 means never.
        window_tokens: Tokens that the root model reads and writes in one call; None or 0 if that is not known.
        max_output_tokens: Tokens that its answer may have. They need room too, up to half the window.
    """
    if context.chars >= below_chars:
        return False
    if not window_tokens:
        return True
    room = window_tokens - min(max_output_tokens, window_tokens // 2) - DIRECT_PROMPT_TOKENS
    # By the byte, not by the character: a Chinese one is three bytes, and a token or more.
    return context.bytes / CHARS_PER_TOKEN <= room
