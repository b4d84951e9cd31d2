"""How a prompt that is too long for a model becomes a question and a context.

The short parts of the conversation stay, word for word; each long part is taken out and becomes a document of the
context, and in its place stands which one. Of a long text, a first and a last paragraph that are short stay too: that
is where people say what they want. Where there are none, its beginning and its end are shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from langchain_core.messages import BaseMessage

from rlm_graph.context import Document
from rlm_graph.errors import ContextEmptyError, ContextTypeError
from rlm_graph.state import RLMInput

KEPT_CHARS: Final = 1_500
"""Characters of a part, or of a paragraph around a long text, up to which it stays in the question."""

SHOWN_CHARS: Final = 300
"""Characters of a long text's beginning and end that are shown where it has no short paragraphs."""

TRANSCRIPT_CHARS: Final = 5_000
"""Characters of the earlier conversation up to which it stays in the question."""

_SPEAKERS: Final = {"system": "instructions", "human": "user", "ai": "assistant", "tool": "result of a tool"}


@dataclass(frozen=True)
class LongPrompt:
    """A prompt, taken apart."""

    question: str
    """What is asked, with the short parts of the conversation."""

    documents: list[Document]
    """The long parts."""

    @property
    def context(self) -> str | list[Document]:
        """What the RLM is given: the text itself if there is only one."""
        return str(self.documents[0]) if len(self.documents) == 1 else self.documents

    @property
    def input(self) -> RLMInput:
        """What the RLM is asked."""
        return {"query": self.question, "context": self.context}

    def with_answer(self, answer: str) -> str:
        """A short prompt: the question, and what was found."""
        read = "[The long texts cannot be shown here. They were read for you, and this was found:]"
        return f"{self.question}\n\n{read}\n\n{answer}"


def chars(messages: Sequence[BaseMessage]) -> int:
    """Characters of all texts in messages, with the arguments of tool calls."""
    return sum(len(part.text) for part in _parts(messages, strict=False))


def take_apart(messages: Sequence[BaseMessage], question: str | None = None) -> LongPrompt:
    """A prompt as a question and a context.

    Args:
        messages: The conversation.
        question: What is asked, if the caller says it: then all texts of the conversation are the context.

    Raises:
        ContextTypeError: something in it is no text.
        ContextEmptyError: there is no text in it.
    """
    parts = list(_parts(messages, strict=True))
    if not parts:
        raise ContextEmptyError("the prompt has no text: there is nothing to ask, and nothing to ask about")
    if question is not None:
        return LongPrompt(question, [Document(part.text, part.name) for part in parts])
    limit = min(KEPT_CHARS, max(len(part.text) for part in parts) - 1)  # the longest one is taken out in any case
    documents = [Document(part.text, part.name) for part in parts if len(part.text) > limit]
    shown = _shown(parts, limit, is_alone=len(documents) == 1)
    instructions = [part.text for part in shown if part.speaker == "instructions"]
    spoken = [part for part in shown if part.speaker != "instructions"]
    if len({part.message for part in spoken}) <= 1:
        return LongPrompt("\n\n".join([*instructions, *(part.text for part in spoken)]), documents)
    transcript = _transcript(spoken)
    if len(transcript) <= TRANSCRIPT_CHARS:
        asked = [*instructions, transcript, "[Give the assistant's next message in this conversation.]"]
        return LongPrompt("\n\n".join(asked), documents)
    spoken = [part for part in _shown(parts, limit, is_alone=False) if part.speaker != "instructions"]
    asked_last = max((part.message for part in spoken if part.speaker == "user"), default=spoken[-1].message)
    last = [part.text for part in spoken if part.message == asked_last]
    wanted = (
        f"[That is the last question of a conversation. Give the assistant's next message in it; "
        f"`context[{len(documents)}]` holds what was said up to now.]"
    )
    return LongPrompt(
        "\n\n".join([*instructions, *last, wanted]), [*documents, Document(_transcript(spoken), "the conversation")]
    )


def _shown(parts: Sequence[_Part], limit: int, *, is_alone: bool) -> list[_Part]:
    """The parts, with what is shown of the long ones; `is_alone`: the only long one is the whole context."""
    shown = []
    taken = 0
    for part in parts:
        if len(part.text) > limit:
            place = "`context`" if is_alone else f"`context[{taken}]`"
            shown.append(replace(part, text=_around(part.text, place)))
            taken += 1
        else:
            shown.append(part)
    return shown


def _transcript(parts: Sequence[_Part]) -> str:
    return "\n\n".join(f"{part.speaker}: {part.text}" for part in parts)


@dataclass(frozen=True)
class _Part:
    """A text in a conversation."""

    message: int
    speaker: str
    name: str
    text: str


def _parts(messages: Sequence[BaseMessage], *, strict: bool) -> Iterator[_Part]:
    """The texts in messages, in order; `strict`: what is none is an error."""
    for number, message in enumerate(messages):
        speaker = _SPEAKERS.get(message.type, message.type)
        name = f"message {number} ({speaker})"
        for block in message.content_blocks:
            match block["type"]:
                case "text" | "text-plain":
                    text = str(block.get("text") or "")
                    if text:
                        yield _Part(number, speaker, str(block.get("title") or name), text)
                case "tool_call":
                    arguments = json.dumps(block.get("args"), ensure_ascii=False, default=str)
                    yield _Part(number, speaker, name, f"(calls the tool {block.get('name')} with {arguments})")
                case "reasoning":
                    pass  # of the model that gave it, and not said
                case other if strict:
                    raise ContextTypeError(
                        f"{name} holds a block of type {other!r}: a prompt that is too long for the model can hold "
                        f"texts only; send it in a shorter prompt, or as text"
                    )


def _around(text: str, place: str) -> str:
    """What is shown of a long text: what is said before and after it, and where it is."""
    first, last = text.split("\n\n", 1)[0].strip(), text.rsplit("\n\n", 1)[-1].strip()
    head = first if 0 < len(first) <= KEPT_CHARS and first != text.strip() else f"{text[:SHOWN_CHARS]} ..."
    tail = last if 0 < len(last) <= KEPT_CHARS and last != text.strip() else f"... {text[-SHOWN_CHARS:]}"
    return f"{head}\n\n[... a text of {len(text):,} characters: it is whole in {place}]\n\n{tail}"


__all__ = ["LongPrompt", "chars", "take_apart"]
