"""What `rlm-graph ask` does, in the order in which it happens.

What imports LangGraph or LangChain comes late: a missing file is told at once.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import rlm_graph
from rlm_graph.cli.beginning import Beginning
from rlm_graph.cli.ending import WayOn
from rlm_graph.cli.model_choice import choose_models
from rlm_graph.cli.run_names import checked_name, invented_name
from rlm_graph.cli.screen import Output, Screen, counted
from rlm_graph.cli.storage import Storage
from rlm_graph.context import ContextRef
from rlm_graph.errors import ConfigError, ContextNotFoundError, RLMError

SHOWN_SKIPPED = 3


def ask(
    question: str,
    sources: Sequence[str],
    *,
    encoding: str | None,
    schema: str | None,
    run: str | None,
    store: str | None,
    database: str | None,
    model: str | None,
    sub_model: str | None,
    offline: bool,
    output: Output,
    settings: Mapping[str, Any],
    way_on: WayOn,
) -> int:
    """Answer a question about what `sources` name, and return the exit code.

    Raises:
        RLMError: one of its kinds, each with an exit code of its own.
    """
    screen = Screen()
    output.check()
    if not question.strip():
        raise ConfigError(f"question: {question!r} is not allowed: must be a question")
    config = rlm_graph.RLMConfig(**settings)
    form = None if schema is None else read_schema(schema)
    if run is not None:
        checked_name(run, "--run")
    with screen.logs(logging.INFO if output.verbose else logging.WARNING), Storage(store, database) as storage:
        if run is not None:
            storage.refuse_taken(run, "--run")
        context = load(sources, encoding, storage, screen, quiet=output.quiet)
        choice = choose_models(model, sub_model, offline=offline)
        for note in choice.notes:
            screen.say(note, at_words=True)
        screen.say(f"model: {choice}", at_words=True)
        beginning = Beginning(question, context.sha256, choice, config.model_dump(), list(sources), encoding, form)
        name = run or invented_name(lambda name: storage.begin(name, beginning, named=False))
        if run is not None and not storage.begin(run, beginning, named=True):
            storage.refuse_taken(run, "--run")  # somebody was faster
        way_on.lead_to(name, storage.words)
        try:
            storage.contexts.renew(context.sha256)
        except ContextNotFoundError:  # an `rm` came in between; what is referred to now is safe from the next one
            if "-" in sources:
                raise
            load(sources, encoding, storage, screen, quiet=True)

        from rlm_graph.cli.carrying import Run  # LangGraph, from here on

        begun = Run(name, run is not None, beginning, config, storage, screen, output, way_on)
        try:
            rlm = begun.graph()
        except RLMError:  # no such model, no key: nothing has begun
            way_on.forget()
            storage.journal.remove_run(name)
            raise
        if run is None and not output.quiet:
            screen.say(f"run: {name}", style="dim")
        return begun.carry_out(rlm, {"query": question, "context": context})


def read_schema(name: str) -> dict[str, Any]:
    """The JSON Schema in a file; whether it is one is seen when the graph is made.

    Raises:
        ConfigError: it cannot be read, or holds no JSON object.
    """
    try:
        schema = json.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"--schema: {name!r} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"--schema: {name!r} holds no JSON: {error}") from error
    if not isinstance(schema, dict):
        raise ConfigError(f"--schema: {name!r} must hold a JSON object, the JSON Schema of the answer")
    return schema


def load(sources: Sequence[str], encoding: str | None, storage: Storage, screen: Screen, *, quiet: bool) -> ContextRef:
    """Put what sources name into the store, and say what was skipped.

    Raises:
        ContextError: it cannot be read, or there is nothing in it.
    """
    if "" in sources:
        raise ContextNotFoundError("a name of the context is empty: name a file, or . for this folder")
    from_keyboard = "-" in sources and sys.stdin is not None and sys.stdin.isatty()
    if from_keyboard:
        screen.say("reading the context from the terminal; Ctrl-D ends it")
    reading = nullcontext() if quiet or from_keyboard else screen.console.status("reading the context")
    with reading:
        source = sources[0] if len(sources) == 1 else sources
        context = rlm_graph.load_context(source, store=storage.contexts, encoding=encoding)
    if not quiet:
        items = f"{counted(context.items, 'document')}, " if context.kind == "documents" else ""
        screen.say(f"context: {items}{counted(context.chars, 'character')}", style="dim")
    if context.skipped_count:
        more = f"; and {context.skipped_count - SHOWN_SKIPPED:,} more" if context.skipped_count > SHOWN_SKIPPED else ""
        named = "; ".join(context.skipped[:SHOWN_SKIPPED])
        screen.problem("warning", f"{counted(context.skipped_count, 'file')} skipped: {named}{more}")
    return context
