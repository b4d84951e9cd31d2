"""What `rlm-graph fork` does: a new run that goes another way from some iteration of another one on.

The new run begins with the state at the end of that iteration, which is copied from the other one's checkpoints: the
conversation, the REPL's variables and what has been spent. The other run stays as it is.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rlm_graph
from rlm_graph.blocking import run_blocking
from rlm_graph.cli.beginning import Beginning
from rlm_graph.cli.ending import WayOn
from rlm_graph.cli.model_choice import choose_again
from rlm_graph.cli.resume import check_storage, snapshot_of
from rlm_graph.cli.run_names import checked_name, invented_name
from rlm_graph.cli.screen import Output, Screen
from rlm_graph.cli.storage import Storage
from rlm_graph.errors import ConfigError

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from rlm_graph.cli.carrying import Run
    from rlm_graph.graph import RLMGraph


def fork(
    name: str,
    at: int,
    *,
    new_name: str | None,
    query: str | None,
    code: str | None,
    store: str | None,
    database: str | None,
    model: str | None,
    sub_model: str | None,
    offline: bool,
    output: Output,
    settings: Mapping[str, Any],
    way_on: WayOn,
) -> int:
    """Begin a run in the middle of another one, and carry it out; returns the exit code.

    Raises:
        RLMError: one of its kinds, each with an exit code of its own.
    """
    screen = Screen()
    output.check()
    if query is not None and code is not None:
        raise ConfigError("--query and --code exclude each other: code is an iteration of the question that is there")
    if query is not None and not query.strip():
        raise ConfigError(f"--query: {query!r} is not allowed: must be a question")
    if new_name is not None:
        checked_name(new_name, "--as")
    cell = None if code is None else _read_code(code)
    with screen.logs(logging.INFO if output.verbose else logging.WARNING), Storage(store, database) as storage:
        found = storage.find(name)
        if new_name is not None:
            storage.refuse_taken(new_name, "--as")
        beginning = Beginning.from_options(name, found.options)
        config = rlm_graph.RLMConfig(**{**beginning.settings, **settings})
        choice = choose_again(beginning.models, model, sub_model, offline=offline)
        question = query or beginning.question
        beginning = replace(beginning, question=question, models=choice, settings=config.model_dump())

        from rlm_graph.cli.carrying import Run  # LangGraph, from here on

        run = Run(new_name or "", new_name is not None, beginning, config, storage, screen, output, way_on)
        rlm = run.graph()
        with storage.clear_errors():
            run.before = run_blocking(_state_after(rlm, name, at, with_answer=query is not None))
        if run.before["answer"] is not None and query is None and code is None:
            raise ConfigError(f"--at: run {name!r} has its answer in iteration {at}: give --query, --code, or another")
        check_storage(run, name)
        screen.say(f"model: {choice}")
        if new_name is None:
            run.name = invented_name(lambda name: _begin(run, name))
            if not output.quiet:
                screen.say(f"run: {run.name}", style="dim")
        elif not _begin(run, new_name):
            storage.refuse_taken(new_name, "--as")  # somebody was faster
        way_on.lead_to(run.name, storage.words)
        with storage.clear_errors():
            run_blocking(_write(run, rlm, cell))
        return run.carry_out(rlm, None if query is None else {"query": query})


def _read_code(code: str) -> str:
    """The code in a file, or on standard input.

    Raises:
        ConfigError: it cannot be read, or there is none.
    """
    if code == "-" and sys.stdin is None:
        raise ConfigError("--code: '-': there is no standard input")
    try:
        text = sys.stdin.read() if code == "-" else Path(code).read_text()
    except OSError as error:
        raise ConfigError(f"--code: {code!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"--code: {code!r} cannot be read: {error}") from error
    if not text.strip():
        raise ConfigError(f"--code: there is no code in {code!r}")
    return text.strip("\n")


async def _state_after(rlm: RLMGraph, name: str, at: int, *, with_answer: bool) -> dict[str, Any]:
    """A run's state at the end of an iteration; 0: before the first.

    Args:
        rlm: The graph.
        name: The run.
        at: The iteration.
        with_answer: Whether the answer is to be in the conversation, if it is the last iteration.

    Raises:
        ConfigError: there is no such iteration.
    """
    thread: RunnableConfig = {"configurable": {"thread_id": name}}
    seen: list[int] = []
    answered, end = None, () if with_answer else ("finalize",)
    async for state in rlm.aget_state_history(thread):  # the newest first
        if state.next not in (("generate_code",), end):
            continue
        iterations = state.values["iterations"]
        seen.append(iterations)
        if iterations == at and state.next == end:
            answered = answered or dict(state.values)
        elif iterations == at and state.values["codeless"] != 1:  # that was no iteration, and left a state all the same
            return dict(state.values)
        if not iterations and state.next == ("generate_code",):
            break  # the beginning of the last question
    if answered is not None:
        return answered
    if not seen:
        raise ConfigError(f"--at: run {name!r} has not begun yet: resume it, or ask again")
    first = f"{min(seen)} (where it was forked from another run)" if min(seen) else "0 (before the first)"
    raise ConfigError(f"--at: {at} is not allowed: run {name!r} has the iterations {first} to {max(seen)}")


_OF_ANSWER: dict[str, Any] = {
    "structured_response": None,
    "citations": [],
    "evidence_problems": [],
    "repair": "none",
    "misfit": "",
}
"""Channels with what belongs to an answer, where there are such, as they are before it."""


def _begin(run: Run, name: str) -> bool:
    return run.storage.begin(name, run.beginning, named=run.named, snapshot=snapshot_of(run.before))


async def _write(run: Run, rlm: RLMGraph, cell: str | None) -> None:
    """Write the state to the new run, with code in the place of the root model's next reply if there is some."""
    from langchain_core.messages import AIMessage

    from rlm_graph.state import marked

    values = {**run.before, "answer": None, "typed_answer": None, "last_question": False, "status": "running"}
    values |= {name: blank for name, blank in _OF_ANSWER.items() if name in values}
    node = "truncate_observation"
    if cell is not None:
        node = "generate_code"
        fence = "````" if "```" in cell else "```"
        reply = marked(AIMessage(f"{fence}repl\n{cell}\n{fence}"), "code")
        values |= {
            "messages": [*values["messages"], reply],
            "cells": [cell],
            "codeless": 0,
            "iterations": values["iterations"] + 1,
        }
    await rlm.aupdate_state(run.thread, values, as_node=node)
