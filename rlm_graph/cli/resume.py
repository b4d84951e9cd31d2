"""What `rlm-graph resume` does: a run goes on where it was, with what it was begun with, and what is given now."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import rlm_graph
from rlm_graph.blocking import run_blocking
from rlm_graph.cli.beginning import Beginning
from rlm_graph.cli.ending import WayOn
from rlm_graph.cli.model_choice import choose_again
from rlm_graph.cli.run_names import FINISHED
from rlm_graph.cli.screen import Output, Screen, counted
from rlm_graph.cli.settings import as_words
from rlm_graph.cli.storage import Storage
from rlm_graph.context.ref import is_sha256
from rlm_graph.errors import ConfigError, ContextError, REPLExecutionError
from rlm_graph.repl.snapshot_store import SnapshotStore

if TYPE_CHECKING:
    from rlm_graph.cli.carrying import Run
    from rlm_graph.cli.person import Decided
    from rlm_graph.graph import RLMGraph

_UNLIMITED_AT_ZERO = frozenset(
    ("max_input_tokens", "max_output_tokens", "max_usd", "max_seconds", "max_errors_in_a_row", "approve_above_usd")
)

_SPENT = (
    *("sub_calls", "requests", "cache_hits", "ran_ahead", "total_input_tokens", "total_output_tokens", "cost_usd"),
    *("models", "elapsed_s", "approved_usd"),
)
"""Channels with what the last question took too, which is not undone."""


def resume(
    name: str,
    *,
    store: str | None,
    database: str | None,
    model: str | None,
    sub_model: str | None,
    offline: bool,
    decided: Decided,
    output: Output,
    settings: Mapping[str, Any],
    way_on: WayOn,
) -> int:
    """Go on with a run, and return the exit code.

    Raises:
        RLMError: one of its kinds, each with an exit code of its own.
    """
    screen = Screen()
    output.check()
    with screen.logs(logging.INFO if output.verbose else logging.WARNING), Storage(store, database) as storage:
        found = storage.find(name)
        storage.refuse_busy(name)
        begun = Beginning.from_options(name, found.options)
        config = rlm_graph.RLMConfig(**{**begun.settings, **settings})
        choice = choose_again(begun.models, model, sub_model, offline=offline)
        beginning = replace(begun, models=choice, settings=config.model_dump())

        from rlm_graph.cli.carrying import Run  # LangGraph, from here on
        from rlm_graph.cli.telling import tell_result

        before = storage.state(name)
        run = Run(name, found.named, beginning, config, storage, screen, output, way_on, decided or None, before)
        way_on.lead_to(name, storage.words)
        is_begun = before.get("query", beginning.question) == beginning.question  # or it is a fork without its question
        is_finished = is_begun and before.get("status") in FINISHED
        if decided and (is_finished or found.status != "waiting"):
            raise ConfigError(f"--answer, --approve, --reject: run {name!r} waits for nobody")
        if is_finished and not is_raised(before, config):
            if unused := _as_words(model, sub_model, settings, offline=offline):
                why = _why_over(name, before, [*storage.words, *unused])
                screen.problem("warning", f"{shlex.join(unused)} changes nothing: {why}")
            as_it_was = replace(run, beginning=begun, config=rlm_graph.RLMConfig(**begun.settings))
            return tell_result(as_it_was, before, 0.0)
        screen.say(f"model: {choice}")
        check_storage(run, name)
        rlm = run.graph()
        if not output.quiet:
            screen.say(_where(before), style="dim")
        if is_finished:
            run_blocking(go_back(run, rlm))
        question: dict[str, Any] = {"query": beginning.question}
        if not before:  # it was stopped before its first checkpoint
            question["context"] = storage.contexts.open(beginning.context)
        return run.carry_out(rlm, None if before and is_begun else question)


def _where(before: Mapping[str, Any]) -> str:
    if not before.get("iterations"):
        return "from its beginning"
    done = [counted(before["iterations"], "iteration")]
    done += [counted(before["sub_calls"], "sub-call")] if before["sub_calls"] else []
    return f"after {', '.join(done)}"


def _as_words(model: str | None, sub_model: str | None, settings: Mapping[str, Any], *, offline: bool) -> list[str]:
    """What the command line says about how to go on."""
    words = ["--offline"] if offline else []
    for option, name in (("--model", model), ("--sub-model", sub_model)):
        words += [] if name is None else [option, name]
    return [*words, *as_words(settings)]


def _why_over(name: str, before: Mapping[str, Any], words: Sequence[str]) -> str:
    """Why a run does not go on, and what does; `words`: the options that another run would take."""
    if before["status"] != "complete":
        return f"{before['exhausted'] or 'max_iterations'} ran out, and is not raised"
    return f"run {name!r} has its answer; another way: {shlex.join(['rlm-graph', 'fork', name, '--at', 'N', *words])}"


def is_raised(before: Mapping[str, Any], config: Any) -> bool:
    """Whether the limit that a run has come to is higher now."""
    if before["status"] == "complete":
        return False
    ran_out = before["exhausted"]
    if ran_out is None:
        return bool(config.max_iterations > before["iterations"])
    limit = getattr(config, ran_out)
    return bool(limit > before["exhausted_at"] or (not limit and ran_out in _UNLIMITED_AT_ZERO))


def check_storage(run: Run, name: str) -> None:
    """See that the context and the REPL's variables of a run's last state are there, before anything is asked.

    Args:
        run: What goes on from that state.
        name: The run that the state is of.

    Raises:
        ContextError: the context, or a part of it, is gone or corrupt.
        REPLExecutionError: the variables are.
    """
    contexts, snapshot = run.storage.contexts, snapshot_of(run.before)
    try:
        contexts.local_manifest(contexts.open(run.beginning.context))
    except ContextError as error:
        sources = shlex.join(run.beginning.sources)
        again = f" (ask something about {sources}, and it is there again)" if sources else ""
        raise type(error)(f"{error}{again}") from error
    if snapshot is None:
        return
    snapshots = SnapshotStore(contexts.files)
    variables = f"the REPL's variables after iteration {run.before['iterations']} of run {name!r}"
    way_on = f"from an earlier iteration on: rlm-graph fork {name} --at N"
    if not snapshots.has(snapshot):
        raise REPLExecutionError(
            f"{variables} are gone: {contexts.root} has no snapshot {snapshot}; is it the store that the run was begun "
            f"with? If so, {way_on}"
        )
    try:
        snapshots.check(snapshot)
    except REPLExecutionError as error:
        raise REPLExecutionError(f"{variables} cannot be used: {error} ({way_on})") from error


def snapshot_of(state: Mapping[str, Any]) -> str | None:
    """The snapshot that a state refers to; None before the first cell."""
    repl = state.get("repl")
    return repl if is_sha256(repl) else None


async def go_back(run: Run, rlm: RLMGraph) -> None:
    """Back to before the last question, with all that was spent since."""
    with run.storage.clear_errors():
        async for state in rlm.aget_state_history(run.thread):
            if state.next == ("generate_code",) and not state.values["last_question"]:
                break
        spent = {name: run.before[name] for name in _SPENT if name in run.before}
        update = {**spent, "exhausted": None, "exhausted_at": 0.0}
        await rlm.aupdate_state(state.config, update, as_node="truncate_observation")
