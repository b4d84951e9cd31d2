"""What happens during a run, told once: LangGraph's custom stream, `on_event` and the command line all read this."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any, Literal

from langgraph.config import get_stream_writer

EventType = Literal[
    "iteration_start",
    "code_generated",
    "code_executed",
    "sub_call_start",
    "sub_call_end",
    "answer_refused",
    "final_answer",
]

PREVIEW_CHARS = 120

logger = logging.getLogger("rlm_graph")


@dataclass(frozen=True)
class RLMEvent:
    """One thing that happened."""

    type: EventType
    """What happened."""

    iteration: int
    """The iteration in which it happened, from 1."""

    preview: str
    """The beginning of it, for a person; at most 120 characters."""

    detail: dict[str, Any] = field(default_factory=dict)
    """The figures and texts of it; which ones there are depends on `type`."""


def emit(type_: EventType, iteration: int, text: str, *, verbose: bool = False, **detail: Any) -> None:
    """Tell whoever streams the run in mode `custom`, and the log. Needs the node's context.

    The log says of sub-calls how large they were, not what was in them: their prompts hold pieces of the context.
    """
    preview = text[:PREVIEW_CHARS]
    get_stream_writer()({"rlm_event": {"type": type_, "iteration": iteration, "preview": preview, "detail": detail}})
    level = logging.INFO if verbose else logging.DEBUG
    if logger.isEnabledFor(level):
        sizes = {name: value for name, value in detail.items() if isinstance(value, int | float)}
        shown = sizes if type_.startswith("sub_call") else " ".join(preview.split())
        logger.log(level, "iteration %d: %s: %s", iteration, type_, shown)


def log_to_stderr() -> None:
    """Show the log where the program has set up none: what `verbose` means to who has never heard of logging."""
    if not logging.getLogger().handlers and not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        logger.addHandler(handler)
    logger.setLevel(min(logger.level or logging.INFO, logging.INFO))


def read_event(chunk: Any) -> RLMEvent | None:
    """The event in a chunk of the custom stream; None if it is somebody else's chunk."""
    if isinstance(chunk, dict) and isinstance(chunk.get("rlm_event"), dict):
        return RLMEvent(**chunk["rlm_event"])
    return None
