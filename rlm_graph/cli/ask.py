"""What `rlm-graph ask` does, in the order in which it happens.

What imports LangGraph or LangChain comes late: a missing file is told at once.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from contextlib import aclosing, nullcontext
from typing import TYPE_CHECKING, Any

import rlm_graph
from rlm_graph.blocking import run_blocking
from rlm_graph.cli.model_choice import Choice, choose_models
from rlm_graph.cli.screen import Screen, counted, write_answer, write_json
from rlm_graph.errors import ConfigError, MaxIterationsExceeded

if TYPE_CHECKING:
    from rlm_graph.cli.progress import Meter, Progress
    from rlm_graph.config import RLMConfig
    from rlm_graph.context import ContextRef
    from rlm_graph.state import RLMOutput

SHOWN_SKIPPED = 3


def ask(
    question: str,
    sources: Sequence[str],
    *,
    encoding: str | None,
    model: str | None,
    sub_model: str | None,
    offline: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    settings: Mapping[str, float],
) -> int:
    """Answer a question about what `sources` name, and return the exit code.

    Raises:
        RLMError: one of its kinds, each with an exit code of its own.
    """
    screen = Screen()
    if quiet and verbose:
        raise ConfigError("--quiet and --verbose exclude each other")
    if not question.strip():
        raise ConfigError(f"question: {question!r} is not allowed: must be a question")
    config = rlm_graph.RLMConfig(**settings)
    with screen.logs(logging.INFO if verbose else logging.WARNING):
        context = _load(sources, encoding, screen, quiet=quiet)
        choice = choose_models(model, sub_model, offline=offline)
        for note in choice.notes:
            screen.say(note)
        screen.say(f"model: {choice}")
        result, elapsed_s = _run(question, context, choice, config, screen, quiet=quiet, verbose=verbose)
    if as_json:
        write_json(_report(result, context, choice, elapsed_s))
    else:
        write_answer(result["answer"] or "")
    return 0


def _load(sources: Sequence[str], encoding: str | None, screen: Screen, *, quiet: bool) -> ContextRef:
    from_keyboard = "-" in sources and sys.stdin is not None and sys.stdin.isatty()
    if from_keyboard:
        screen.say("reading the context from the terminal; Ctrl-D ends it")
    reading = nullcontext() if quiet or from_keyboard else screen.console.status("reading the context")
    with reading:
        context = rlm_graph.load_context(sources[0] if len(sources) == 1 else sources, encoding=encoding)
    if not quiet:
        items = f"{counted(context.items, 'document')}, " if context.kind == "documents" else ""
        screen.say(f"context: {items}{counted(context.chars, 'character')}", style="dim")
    if context.skipped_count:
        more = f"; and {context.skipped_count - SHOWN_SKIPPED:,} more" if context.skipped_count > SHOWN_SKIPPED else ""
        named = "; ".join(context.skipped[:SHOWN_SKIPPED])
        screen.problem("warning", f"{counted(context.skipped_count, 'file')} skipped: {named}{more}")
    return context


def _run(
    question: str,
    context: ContextRef,
    choice: Choice,
    config: RLMConfig,
    screen: Screen,
    *,
    quiet: bool,
    verbose: bool,
) -> tuple[RLMOutput, float]:
    """Run the graph and show how it goes; returns its result and the seconds that it took."""
    from rlm_graph.cli.progress import Meter, Progress

    sub_model = None if choice.sub_name == choice.name else choice.sub_name
    rlm = rlm_graph.create_rlm(choice.model or choice.name, sub_model=sub_model, config=config)
    meter = Meter()
    progress = Progress(screen, config, meter.spent, quiet=quiet, verbose=verbose)
    how = "stopped after"
    try:
        with progress:
            result = run_blocking(_follow(rlm, question, context, meter, progress))
        how = "answered in"
        if result["answer"] is None:
            how = "no answer after"
            raise MaxIterationsExceeded(result["iterations"], config.max_iterations)
    finally:
        rlm.repls.close()  # the workers end before anything is said: whoever reads it may start the next run
        if progress.has_begun and not quiet:
            screen.say(progress.summary(how), style="dim")
    if result["answered_by"] == "forced":
        screen.problem("warning", "the iterations ran out: this is the model's best answer, not one that it submitted")
    return result, progress.elapsed_s


async def _follow(rlm: Any, question: str, context: ContextRef, meter: Meter, progress: Progress) -> RLMOutput:
    """The result of a run, whose events and figures go to `progress` as they come."""
    from rlm_graph.events import read_event

    result: RLMOutput = {}
    stream = rlm.astream(
        {"query": question, "context": context}, {"callbacks": [meter]}, stream_mode=["custom", "values"]
    )
    async with aclosing(stream) as chunks:
        async for mode, chunk in chunks:
            if mode == "values":
                result = chunk
                progress.totals(chunk)
            elif event := read_event(chunk):
                progress.event(event)
    return result


def _report(result: RLMOutput, context: ContextRef, choice: Choice, elapsed_s: float) -> dict[str, Any]:
    """What --json prints."""
    return {
        "answer": result["answer"],
        "status": result["status"],
        "answered_by": result["answered_by"],
        "model": choice.name,
        "sub_model": choice.sub_name,
        "iterations": result["iterations"],
        "sub_calls": result["sub_calls"],
        "total_input_tokens": result["total_input_tokens"],
        "total_output_tokens": result["total_output_tokens"],
        "cost_usd": result["cost_usd"],
        "elapsed_s": round(elapsed_s, 3),
        "context": {
            "kind": context.kind,
            "items": context.items,
            "chars": context.chars,
            "sha256": context.sha256,
            "skipped": list(context.skipped),
            "skipped_count": context.skipped_count,
        },
        "repl_variables": result["repl_variables"],
    }
