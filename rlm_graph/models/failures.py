"""From whatever a provider's client raises, or gives in place of an answer, to an error that says what to do."""

from __future__ import annotations

import json

from langchain_core.messages import AIMessage

from rlm_graph.errors import (
    ModelAuthError,
    ModelError,
    ModelRateLimitError,
    ModelResponseError,
    ModelServerError,
    ModelUnreachableError,
    UnknownModelError,
)
from rlm_graph.models import retries


def model_error(error: Exception, name: str) -> ModelError:
    """The error of ours for whatever a provider's client raised."""
    status, reason = retries.status_of(error), first_line(error)
    if status in (401, 403):
        return ModelAuthError(f"the server of {name} refuses the API key (HTTP {status}): {reason}")
    if status == 404:
        return UnknownModelError(f"the server knows no model {name!r} (HTTP 404): {reason}")
    if status == 429:
        return ModelRateLimitError(
            f"the server of {name} says: too many requests, or no quota left (HTTP 429): {reason}"
        )
    if status is not None and status >= 400:
        return ModelServerError(f"the server of {name} failed (HTTP {status}): {reason}")
    kinds = {kind.__name__ for link in _chain(error) for kind in type(link).__mro__}
    if any("Timeout" in kind for kind in kinds):
        return ModelUnreachableError(f"{name} gave no answer in time: {reason}")
    if kinds & {"APIConnectionError", "ConnectError", "ConnectionError", "TransportError", "NetworkError"}:
        return ModelUnreachableError(f"no connection to the server of {name}: {reason}")
    if isinstance(error, ValueError | TypeError | AttributeError | LookupError | json.JSONDecodeError):
        return ModelResponseError(f"the server of {name} answered with something that is no chat completion: {reason}")
    return ModelError(f"{name} failed: {type(error).__name__}: {reason}")


def no_answer_in(reply: AIMessage, name: str) -> ModelResponseError | None:
    """The error for a reply without text that is none because of what happened; a model may also have nothing to say.

    Not covered: a reply that broke off in the middle, or that declines in words: it is a text like others.
    """
    if str(reply.text).strip() or reply.tool_calls or reply.invalid_tool_calls:
        return None
    refusal = reply.additional_kwargs.get("refusal")
    if refusal:
        return ModelResponseError(f"{name} refuses to answer: {str(refusal)[:300]}")
    told = reply.response_metadata
    reason = str(next((told[key] for key in _END_KEYS if told.get(key)), "")).lower()
    if reason in _OUT_OF_TOKENS:
        return ModelResponseError(
            f"{name} gave no text: it had used up its output tokens before (by thinking); ask for less at once, or "
            f"allow more (sub_max_tokens)"
        )
    if reason in _HELD_BACK:
        return ModelResponseError(f"{name} gave no text: its server held the answer back ({reason})")
    return None


_END_KEYS = ("finish_reason", "stop_reason", "done_reason")
"""Where the servers say why a reply ended: OpenAI and Google, Anthropic, Ollama."""

_OUT_OF_TOKENS = frozenset({"length", "max_tokens"})

_HELD_BACK = frozenset({"content_filter", "refusal", "safety", "prohibited_content", "blocklist", "recitation", "spii"})


def _chain(error: BaseException | None) -> list[BaseException]:
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links


def first_line(error: BaseException) -> str:
    """One line for a person, not a page of HTML."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


__all__ = ["first_line", "model_error", "no_answer_in"]
