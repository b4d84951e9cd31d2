"""How the end of a run is told: its answer on stdout, and what else there is to know on stderr."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlm_graph.cli.ending import WAITING
from rlm_graph.cli.removal import remove_runs
from rlm_graph.cli.screen import write_answer, write_json
from rlm_graph.context import ContextRef
from rlm_graph.errors import BudgetExceeded, MaxIterationsExceeded

if TYPE_CHECKING:
    from rlm_graph.cli.carrying import Run
    from rlm_graph.human import Interruption

_SPENT = {
    "max_sub_calls": "sub_calls",
    "max_input_tokens": "total_input_tokens",
    "max_output_tokens": "total_output_tokens",
    "max_usd": "cost_usd",
    "max_seconds": "elapsed_s",
    "approve_above_usd": "cost_usd",
}
"""Where a result says how much of a budget was spent."""

_REPORTED = (
    *("answer", "status", "answered_by", "exhausted", "iterations", "sub_calls", "ran_ahead", "requests", "cache_hits"),
    *("total_input_tokens", "total_output_tokens", "cost_usd", "models", "profile", "repl_variables"),
)


IF_ASKED_FOR = ("structured_response", "citations", "evidence_problems")

SHOWN_CHARS = 200
"""Characters of a citation that stderr shows."""


def tell_result(run: Run, result: Mapping[str, Any], elapsed_s: float) -> int:
    """Tell a run's end, and return the exit code.

    Raises:
        MaxIterationsExceeded: it has no answer: the iterations ran out.
        BudgetExceeded: likewise, another budget.
    """
    ran_out = None if result["status"] == "complete" else result["exhausted"] or "max_iterations"
    if ran_out is not None:
        limit = getattr(run.config, ran_out)
        run.way_on.raising(ran_out, limit)
        if result["answer"] is None:
            raise _no_answer(result, ran_out, limit)
        what = "the iterations" if ran_out == "max_iterations" else ran_out
        run.screen.problem("warning", f"{what} ran out: this is the model's best answer, not one that it submitted")
        run.screen.say(f"for a better one, {run.way_on.line}")
    try:
        if run.output.as_json:
            write_json({**_report(run, result, elapsed_s), **(run.way_on.told() if ran_out else {"run": run.name})})
        else:
            is_typed = run.beginning.schema is not None
            write_answer(json.dumps(result["structured_response"]) if is_typed else result["answer"])
            _tell_citations(run, result)
    except BrokenPipeError:
        _forget(run, result)
        raise
    _forget(run, result)
    return 0


def _tell_citations(run: Run, result: Mapping[str, Any]) -> None:
    """Say on stderr what the answer rests on."""
    citations = result.get("citations") or []
    for number, one in enumerate(citations, 1):
        more = f" ({one['occurrences']:,} times)" if one["occurrences"] > 1 else ""
        text = " ".join(one["text"].split())
        where = f"{one['document'] if one['name'] is None else one['name']}, {one['start']}-{one['end']}{more}"
        run.screen.say(f"[{number}] {where}: {text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + '...'}")
    if run.config.citations and not citations:
        run.screen.say("no citations: the answer came without evidence")
    for problem in result.get("evidence_problems") or []:
        run.screen.problem("warning", f"evidence left out: {problem}")


def _forget(run: Run, result: Mapping[str, Any]) -> None:
    """Remove a run that nobody has named and that nothing can be added to, now that its answer has been told."""
    if not run.named and result["status"] == "complete":
        run.way_on.forget()
        remove_runs(run.storage, [run.name])


def _no_answer(result: Mapping[str, Any], ran_out: str, limit: float) -> BudgetExceeded | MaxIterationsExceeded:
    if ran_out == "max_iterations":
        return MaxIterationsExceeded(result["iterations"], int(limit))
    return BudgetExceeded(ran_out, result[_SPENT[ran_out]] if ran_out in _SPENT else limit, limit)


def _report(run: Run, result: Mapping[str, Any], elapsed_s: float) -> dict[str, Any]:
    """What --json prints."""
    context = run.storage.contexts.open(run.beginning.context)
    return {
        **{name: result[name] for name in _REPORTED},
        **{name: result[name] for name in IF_ASKED_FOR if name in result},
        "model": run.beginning.models.name,
        "sub_model": run.beginning.models.sub_name,
        "elapsed_s": round(elapsed_s, 3),
        "context": _described(context),
    }


def _described(context: ContextRef) -> dict[str, Any]:
    return {
        "kind": context.kind,
        "items": context.items,
        "chars": context.chars,
        "sha256": context.sha256,
        "skipped": list(context.skipped),
        "skipped_count": context.skipped_count,
    }


def tell_waiting(run: Run, waits_for: Interruption) -> int:
    """Tell what a run waits for, and how to answer, and return the exit code."""
    from rlm_graph.cli.person import is_there, show, ways

    requests = waits_for["rlm_requests"]
    if not is_there(run.screen):  # who is has seen it
        for request in requests:
            show(request, run.screen)
    run.screen.say(f"the run waits for a person; {run.way_on.line} {ways(requests)}")
    if run.output.as_json:
        write_json({"waiting": requests, **run.way_on.told()})
    return WAITING
