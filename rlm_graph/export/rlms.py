"""The log of the official `rlms` package, which its viewer reads: a line of metadata, then one for each iteration.

The form is that of `rlm.logger.RLMLogger` in `rlms` 0.1.3. What that package has no place for is left out, or stands in
fields of its own, which its viewer ignores; the variables are those that a cell changed, as their reprs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlm_graph.story import Cell, Story, SubCall, Turn

_HERE = "rlm_graph"
"""What stands for the kind of REPL, and for the backend where no provider is known."""


def lines(story: Story, *, root_model: str | None = None, settings: Mapping[str, Any] | None = None) -> Iterator[str]:
    """The lines of the file, each with its newline.

    Args:
        story: Of the run.
        root_model: Its name as `provider:model`; None: as the story has it.
        settings: Those of `RLMConfig` that the run had, as far as they are known.
    """
    metadata = {
        "type": "metadata",
        "timestamp": _time(story.started_at),
        **_metadata(story, root_model, settings or {}),
    }
    for entry in (metadata, *_iterations(story.turns, story.question, story.answer)):
        yield json.dumps(entry) + "\n"


def _metadata(story: Story, root_model: str | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    provider, _, name = (root_model or "").rpartition(":")
    name = next((turn.model for turn in story.turns if turn.model), None) or name or "unknown"
    return {
        "root_model": name,
        "max_depth": settings.get("max_recursion_depth", 1),
        "max_iterations": settings.get("max_iterations", len(story.turns)),
        "backend": provider or _HERE,
        "backend_kwargs": {"model_name": name},
        "environment_type": _HERE,
        "environment_kwargs": {},
        "other_backends": [model for model in story.models if model != name] or None,
    }


def _iterations(turns: Sequence[Turn], question: str, answer: str | None) -> Iterator[dict[str, Any]]:
    # Where the viewer looks for the question.
    said = [{"role": "user", "content": f"""original query: "{question.replace('"', "'")}\""""}]
    for number, turn in enumerate(turns, 1):
        is_last = number == len(turns)
        said = [*said, {"role": "user", "content": turn.prompt}] if turn.prompt else said
        yield {
            "type": "iteration",
            "iteration": number,
            "timestamp": _time(turn.ended_at or turn.started_at),
            "prompt": said,
            "response": turn.reply,
            "code_blocks": [_block(cell, answer if is_last else None) for cell in turn.cells],
            "final_answer": answer if is_last else None,
            "iteration_time": _seconds(turn.started_at, turn.ended_at),
        }
        said = [*said, {"role": "assistant", "content": turn.reply}]
        if not turn.prompt and turn.observation:
            said = [*said, {"role": "user", "content": turn.observation}]


def _block(cell: Cell, answer: str | None) -> dict[str, Any]:
    return {
        "code": cell.code,
        "result": {
            "stdout": cell.stdout,
            "stderr": cell.error or "",
            "locals": dict(cell.variables),
            "execution_time": cell.elapsed_s or 0.0,
            "rlm_calls": [_call(call) for call in cell.calls],
            "final_answer": answer,
        },
    }


def _call(call: SubCall) -> dict[str, Any]:
    model = call.model or call.kind
    spent: dict[str, Any] = {
        "total_calls": call.requests,
        "total_input_tokens": call.input_tokens,
        "total_output_tokens": call.output_tokens,
    }
    if call.cost_usd is not None:
        spent["total_cost"] = call.cost_usd
    told: dict[str, Any] = {
        "root_model": model,
        "prompt": call.prompt,
        "response": "" if call.failed else call.answer,
        "usage_summary": {"model_usage_summaries": {model: spent}},
        "execution_time": _seconds(call.started_at, call.ended_at) or 0.0,
        "prompt_tokens": call.input_tokens,
        "completion_tokens": call.output_tokens,
    }
    if call.cost_usd is not None:
        told["usage_summary"]["total_cost"] = call.cost_usd
    if call.failed:
        told["error"] = call.answer
    if call.child:
        told["metadata"] = {
            "run_metadata": {
                "root_model": call.child[0].model or "unknown",
                "max_depth": 1,
                "max_iterations": len(call.child),
                "backend": _HERE,
                "backend_kwargs": {},
                "environment_type": _HERE,
                "environment_kwargs": {},
                "other_backends": None,
            },
            "iterations": list(_iterations(call.child, call.prompt, None if call.failed else call.answer)),
        }
    return told


def _time(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds or 0.0, UTC).replace(tzinfo=None).isoformat()


def _seconds(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(0.0, end - start)
