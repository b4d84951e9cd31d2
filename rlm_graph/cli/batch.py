"""What `rlm-graph batch` does: many questions, each a run of its own, some of them at once.

A run's name says all that decides its answer: the batch, the question's id and text, its context, its models and those
settings that change what a model is asked. So a batch that is begun again finds its runs: what has its answer is not
asked again, what was stopped goes on, and a question that was changed is another run. Limits (of money, of time, of
iterations) are no part of the name: one that ran out can be raised.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rlm_graph
from rlm_graph.blocking import run_blocking
from rlm_graph.cli.ask import load, read_schema
from rlm_graph.cli.batch_progress import BatchProgress
from rlm_graph.cli.beginning import Beginning
from rlm_graph.cli.ending import WAITING, WayOn
from rlm_graph.cli.model_choice import Choice, choose_models
from rlm_graph.cli.questions import Line, Questions
from rlm_graph.cli.results import Results
from rlm_graph.cli.resume import check_storage, go_back, is_raised
from rlm_graph.cli.run_names import FINISHED
from rlm_graph.cli.screen import Output, Screen, write_json
from rlm_graph.cli.storage import Storage
from rlm_graph.cli.telling import IF_ASKED_FOR
from rlm_graph.context import ContextRef
from rlm_graph.errors import (
    BudgetExceeded,
    ConfigError,
    ContextError,
    JournalError,
    MaxIterationsExceeded,
    MissingKeyError,
    ModelAuthError,
    ModelError,
    NeedsLanguageModelError,
    RLMError,
    RunBusyError,
    UnknownModelError,
)
from rlm_graph.prices import price_of

if TYPE_CHECKING:
    from rlm_graph.cli.carrying import Run
    from rlm_graph.config import RLMConfig
    from rlm_graph.graph import RLMGraph

NAME_CHARS = 40
"""Characters of the batch's name, and of a question's id, in the name of a run."""

FAILURES_IN_A_ROW = 10
"""Questions that a model's server has failed, one after the other, before no more are asked."""

ANSWERED = ("complete", "out_of_iterations", "out_of_budget")
"""Statuses of a result that has an answer."""

_LIMITS = frozenset(
    (
        *("max_iterations", "max_sub_calls", "max_input_tokens", "max_output_tokens", "max_usd", "max_seconds"),
        *("max_errors_in_a_row", "max_concurrency", "max_retries", "run_ahead", "cache", "cache_sampled"),
        *("approve_cells", "approve_above_usd", "sandbox_timeout", "call_timeout", "verbose"),
    )
)
"""Settings that say how far, how fast and at what price, but not what is asked."""

_REPORTED = (
    *("answer", "status", "answered_by", "exhausted", "iterations", "sub_calls", "requests"),
    *("total_input_tokens", "total_output_tokens", "cost_usd", "elapsed_s"),
)
_NOT_BEGUN = {"iterations": 0, "sub_calls": 0, "requests": 0, "total_input_tokens": 0, "total_output_tokens": 0}


@dataclass(frozen=True)
class Question:
    """A question of a batch, with all that it takes to carry it out."""

    line: Line
    run: str
    context: ContextRef
    models: Choice
    config: RLMConfig
    sources: tuple[str, ...]

    schema: dict[str, Any] | None = None
    """The JSON Schema that its answer must fit; None: any text will do."""

    @property
    def shown_id(self) -> str:
        """What people call it."""
        return str(self.line.id) if self.line.id is not None else f"line {self.line.number}"

    @property
    def beginning(self) -> Beginning:
        """How its run begins."""
        return Beginning(
            self.line.query,
            self.context.sha256,
            self.models,
            self.config.model_dump(),
            [*self.sources],
            self.line.encoding,
            self.schema,
        )

    def result(self, state: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Its line among the results."""
        figures = {name: state.get(name, _NOT_BEGUN.get(name)) for name in _REPORTED}
        figures |= {name: state[name] for name in IF_ASKED_FOR if state.get(name)}
        metadata = {} if self.line.metadata is None else {"metadata": self.line.metadata}
        models = {"model": self.models.name, "sub_model": self.models.sub_name}
        asked = {"id": self.line.id, "line": self.line.number, "query": self.line.query, "run": self.run}
        return {**asked, **figures, **models, **more, **metadata}


@dataclass(frozen=True)
class Common:
    """What the command line says for all questions."""

    name: str
    """The batch's."""

    sources: Sequence[str]
    encoding: str | None
    model: str | None
    sub_model: str | None
    offline: bool
    settings: Mapping[str, Any]
    schema: dict[str, Any] | None


def batch(
    questions: str,
    sources: Sequence[str],
    *,
    results: str,
    name: str | None,
    jobs: int,
    max_total_usd: float,
    encoding: str | None,
    schema: str | None,
    store: str | None,
    database: str | None,
    model: str | None,
    sub_model: str | None,
    offline: bool,
    output: Output,
    settings: Mapping[str, Any],
    way_on: WayOn,
    words: list[str],
) -> int:
    """Answer the questions in a file, write their results to another one, and return the exit code.

    `words` is the command line, with which it goes on.

    Raises:
        RLMError: one of its kinds, each with an exit code of its own; a question that fails is none.
    """
    screen = Screen()
    output.check()
    if "-" in sources and questions == "-":
        raise ConfigError("'-' is standard input: it holds the questions or the context, not both")
    common = Common(
        _slug(name or ("batch" if questions == "-" else Path(questions).stem)) or "batch",
        sources,
        encoding,
        model,
        sub_model,
        offline,
        settings,
        None if schema is None else read_schema(schema),
    )
    logs = screen.logs(logging.INFO if output.verbose else logging.WARNING)
    with logs, Questions(questions) as given, Storage(store, database) as storage:
        asked = read_questions(given, common, storage, screen, quiet=output.quiet)
        _check_prices(asked, max_total_usd)
        with Results(Path(results)) as kept:
            if questions != "-":
                way_on.words = [*words, *storage.words]
            work = _Batch(asked, kept, storage, screen, output, jobs=jobs, max_total_usd=max_total_usd)
            try:
                code = work.carry_out()
            except BudgetExceeded as error:
                way_on.raising(error.budget, error.limit)
                raise
            finally:
                kept.finish([question.run for question in asked])
                work.progress.tell_summary(results)
            if output.as_json:
                write_json({"results": results, **work.progress.summary()})
            return code


# The questions. -----------------------------------------------------------------------------------------------------


def read_questions(
    given: Questions, common: Common, storage: Storage, screen: Screen, *, quiet: bool
) -> list[Question]:
    """The questions with their contexts in the store, all of them looked at before anything is spent.

    Raises:
        ConfigError: lines are no questions; the message names them.
        ContextError: the context of one cannot be used; likewise.
    """
    chosen: dict[tuple[str | None, str | None], Choice] = {}
    configs = []
    problems = given.problems()
    for line in given:  # all lines, before a context is read
        if line.context is None and not line.files and not common.sources:
            problems.add(line.number, "it has no context and no files, and the command line names none for all")
        try:
            configs.append(rlm_graph.RLMConfig(**{**common.settings, **line.settings}))
            models = (line.model or common.model, line.sub_model or common.sub_model)
            if models not in chosen:
                chosen[models] = choose_models(*models, offline=common.offline)
        except ConfigError as problem:
            problems.add(line.number, str(problem))
    problems.check()
    for choice in chosen.values():
        for note in choice.notes:
            screen.say(note, at_words=True)
        screen.say(f"model: {choice}", at_words=True)
    contexts = _Contexts(common, storage, screen, quiet=quiet)
    seen: dict[str, int] = {}
    asked = []
    for line, config in zip(given, configs, strict=True):
        context = contexts.of(line)
        choice = chosen[line.model or common.model, line.sub_model or common.sub_model]
        schema = line.schema or common.schema
        run = _run_name(common.name, line, context, choice, config, schema, seen)
        asked.append(Question(line, run, context, choice, config, line.files or tuple(common.sources), schema))
    return asked


class _Contexts:
    """Puts the contexts of questions into the store, each once."""

    def __init__(self, common: Common, storage: Storage, screen: Screen, *, quiet: bool) -> None:
        self._common = common
        self._storage = storage
        self._screen = screen
        self._quiet = quiet
        self._loaded: dict[tuple[tuple[str, ...], str | None], ContextRef] = {}

    def of(self, line: Line) -> ContextRef:
        try:
            if line.context is not None:
                return self._storage.contexts.put(line.context)
            sources = line.files or tuple(self._common.sources)
            encoding = line.encoding or self._common.encoding
            if (sources, encoding) not in self._loaded:
                self._loaded[sources, encoding] = self._load(sources, encoding, line)
            return self._loaded[sources, encoding]
        except ContextError as error:
            if not line.files and line.context is None:
                raise  # that of the command line
            raise type(error)(f"line {line.number}: {error}") from error

    def _load(self, sources: tuple[str, ...], encoding: str | None, line: Line) -> ContextRef:
        quiet = self._quiet or bool(line.files)  # a line about each of a thousand contexts is none to read
        return load(sources, encoding, self._storage, self._screen, quiet=quiet)


def _run_name(
    name: str,
    line: Line,
    context: ContextRef,
    choice: Choice,
    config: RLMConfig,
    schema: dict[str, Any] | None,
    seen: dict[str, int],
) -> str:
    defaults = type(config).model_fields
    changed = {
        name: value
        for name, value in config.model_dump().items()
        if name not in _LIMITS and value != defaults[name].default
    }
    told = [line.id, line.query, context.sha256, choice.name, choice.sub_name, changed]
    told += [] if schema is None else [schema]
    digest = _digest(told)
    seen[digest] = seen.get(digest, 0) + 1
    if seen[digest] > 1:  # the same question again, without an id: another sample
        digest = _digest([*told, seen[digest]])
    parts = [name, *([_slug(str(line.id))] if line.id is not None else []), digest[:12]]
    return ".".join(part for part in parts if part)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _slug(text: str) -> str:
    """What of a text may stand in a run's name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:NAME_CHARS].rstrip("-_")


def _check_prices(asked: Sequence[Question], max_total_usd: float) -> None:
    """Refuse a limit of money for all where the price of a model is not known."""
    if not max_total_usd:
        return
    models = {question.models.name for question in asked if question.models.by != "rules"}
    models |= {question.models.sub_name for question in asked if question.models.sub_name != question.models.name}
    for name in sorted(models):
        if price_of(name.partition(":")[2] or name) is None:
            raise ConfigError(f"--max-total-usd: the limit cannot be kept: the price of {name!r} is not known")


# Carrying them out. -------------------------------------------------------------------------------------------------


class _Batch:
    """Carries out the questions that have no result yet."""

    def __init__(
        self,
        asked: Sequence[Question],
        results: Results,
        storage: Storage,
        screen: Screen,
        output: Output,
        *,
        jobs: int,
        max_total_usd: float,
    ) -> None:
        self.progress = BatchProgress(screen, len(asked), quiet=output.quiet)
        self._asked = asked
        self._results = results
        self._storage = storage
        self._screen = screen
        self._output = output
        self._jobs = jobs
        self._max_total_usd = max_total_usd
        self._ends: dict[str, int] = {}  # exit codes of the questions that have come to an end, by run
        self._failures = 0
        self._fatal: BaseException | None = None
        self._graphs: dict[str, RLMGraph] = {}

    def carry_out(self) -> int:
        """Carry out all; returns the exit code: that of the first question that has failed, else 0."""
        unasked = self._without_result()
        if unasked:
            self._ask(unasked)
        codes = (self._ends.get(question.run, 0) for question in self._asked)
        return next((code for code in codes if code), 0)

    def _without_result(self) -> list[Question]:
        """The questions that have to be asked, or gone on with; the others' results are counted."""
        known = {run.name: run for run in self._storage.journal.runs()}
        unasked = []
        for question in self._asked:
            kept = self._results.found.get(question.run, {"status": None})
            if kept["status"] == "complete" or (kept["status"] in FINISHED and question.run not in known):
                self._found(question, question.result(kept))
                continue
            status = known[question.run].status if question.run in known else None
            state = self._storage.values(question.run) if status in FINISHED else None
            if state is not None and state["status"] in FINISHED and not is_raised(state, question.config):
                self._found(question, question.result(state))
            else:
                unasked.append(question)
        return unasked

    def _found(self, question: Question, result: dict[str, Any]) -> None:
        self._results.add(result)
        self.progress.found(result)
        self._ends[question.run] = _exit_code(result)

    def _ask(self, questions: Sequence[Question]) -> None:
        from rlm_graph.cli.carrying import Run  # LangGraph, from here on
        from rlm_graph.cli.stopping import Stopping

        depth = max(question.config.max_recursion_depth for question in questions)
        runs = []
        try:
            for question in questions:
                run = Run(
                    question.run,
                    True,
                    question.beginning,
                    question.config,
                    self._storage,
                    self._screen,
                    self._output,
                    WayOn(),
                )
                kind = json.dumps([question.models.name, question.models.sub_name, question.schema])
                if kind not in self._graphs:
                    self._graphs[kind] = run.graph(depth=depth)
                runs.append((question, run, self._graphs[kind]))
            with Stopping(self._screen) as stopping, self.progress:
                run_blocking(self._work(iter(runs), stopping))
                if self._fatal is not None:
                    raise self._fatal
                if stopping.was_asked:
                    stopping.raise_signal()
        finally:
            for rlm in self._graphs.values():
                rlm.close()
        if self._is_spent() and len(self._ends) < len(self._asked):
            raise BudgetExceeded("max_total_usd", round(self.progress.cost_usd, 6), self._max_total_usd)

    async def _work(self, runs: Iterator[tuple[Question, Run, RLMGraph]], stopping: Any) -> None:
        """Some at once, until there are no more, or it is to stop."""

        async def worker() -> None:
            for question, run, rlm in runs:
                if stopping.control.drain_requested or self._is_spent():
                    return
                try:
                    await self._carry_out_one(question, run, rlm, stopping.control)
                except BaseException as error:
                    self._fatal = self._fatal or error
                    stopping.control.request_drain("another question has failed for good")
                    return

        await asyncio.gather(*(worker() for _ in range(self._jobs)))

    def _is_spent(self) -> bool:
        return bool(self._max_total_usd) and self.progress.cost_usd >= self._max_total_usd

    async def _carry_out_one(self, question: Question, run: Run, rlm: RLMGraph, control: Any) -> None:
        """Carry out a question, and write down how it has ended.

        Raises:
            RLMError: no other question can be answered either.
        """
        from langgraph.errors import GraphDrained

        def stop_when_spent() -> None:
            if self._is_spent():
                control.request_drain("max_total_usd")

        follower = self.progress.begin(question, stop_when_spent)
        try:
            result = await self._result(question, run, rlm, follower, control)
        except GraphDrained:
            follower.totals(await asyncio.to_thread(self._storage.paid, run.name))
            follower.stopped()
            return
        except RunBusyError as error:
            follower.stopped()
            self._screen.problem("warning", f"{question.shown_id}: {error}")
            self._ends[question.run] = error.exit_code
            return
        except (MissingKeyError, UnknownModelError, ModelAuthError, JournalError):
            follower.stopped()
            raise  # nobody's question can be answered
        except RLMError as error:
            follower.totals(await asyncio.to_thread(self._storage.paid, run.name))
            result = question.result(follower.state, status="failed", error=_told(error))
            self._ends[question.run] = error.exit_code
            self._count_failure(error)
        else:
            self._failures = 0
            self._ends[question.run] = _exit_code(result)
        await asyncio.to_thread(self._results.add, result)
        follower.ended(result)
        if self._failures >= FAILURES_IN_A_ROW:
            raise ModelError(f"{self._failures} questions in a row have failed: no more are asked")

    def _count_failure(self, error: RLMError) -> None:
        is_servers = isinstance(error, ModelError) and not isinstance(error, NeedsLanguageModelError)
        self._failures = self._failures + 1 if is_servers else 0

    async def _result(self, question: Question, run: Run, rlm: RLMGraph, follower: Any, control: Any) -> dict[str, Any]:
        """The result of a question, whose run begins or goes on."""
        storage = self._storage
        run.before = await asyncio.to_thread(self._begun, run)
        if run.before:
            follower.goes_on({**run.before, **await asyncio.to_thread(storage.paid, run.name)})
            await asyncio.to_thread(check_storage, run, run.name)
        await asyncio.to_thread(storage.contexts.renew, question.context.sha256)
        session = await storage.journal.open_session(run.name)
        try:
            await session.note(status="running", options=run.beginning.to_options(), named=True)
            if run.before.get("status") in FINISHED:
                if not is_raised(run.before, run.config):  # somebody has gone on with it by `resume`
                    await session.note(status=run.before["status"])
                    return question.result(run.before)
                await go_back(run, rlm)
            given = None if run.before else {"query": question.line.query, "context": question.context}
            with storage.clear_errors():
                state, waits_for = await run.follow(rlm, given, follower, control, settings=run.config)
            if waits_for is None:
                return question.result(state)
            await session.note(status="waiting")
            texts = [request["text"] for request in waits_for["rlm_requests"]]
            return question.result(follower.state, status="waiting", waits_for=texts)
        finally:
            await session.close()

    def _begun(self, run: Run) -> Mapping[str, Any]:
        """The run's last state; it is made known if it is new."""
        if self._storage.begin(run.name, run.beginning, named=True):
            return {}
        self._storage.refuse_busy(run.name)
        return self._storage.state(run.name)


def _told(error: RLMError) -> dict[str, Any]:
    return {"type": type(error).__name__, "message": str(error), "exit_code": error.exit_code}


def _exit_code(result: Mapping[str, Any]) -> int:
    """What `ask` would have ended with."""
    if result["status"] in ANSWERED:
        return 0
    if result["status"] == "waiting":
        return WAITING
    return BudgetExceeded.exit_code if result.get("exhausted") else MaxIterationsExceeded.exit_code
