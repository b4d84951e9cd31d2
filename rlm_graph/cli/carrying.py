"""A run is carried out: shown while it goes on, stopped when somebody asks for that, answered by a person, told."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import rlm_graph
from rlm_graph.blocking import run_blocking
from rlm_graph.cli.beginning import Beginning
from rlm_graph.cli.ending import WayOn
from rlm_graph.cli.screen import Output, Screen
from rlm_graph.cli.storage import Storage
from rlm_graph.cli.telling import tell_result, tell_waiting

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.runtime import RunControl

    from rlm_graph.cli.person import Decided
    from rlm_graph.cli.progress import Progress
    from rlm_graph.config import RLMConfig
    from rlm_graph.events import RLMEvent
    from rlm_graph.graph import RLMGraph
    from rlm_graph.human import Interruption
    from rlm_graph.journal import Session
    from rlm_graph.state import RLMOutput


class Follower(Protocol):
    """Whoever shows or counts what happens in a run."""

    def event(self, event: RLMEvent) -> None:
        """Something happened."""

    def totals(self, state: Mapping[str, Any]) -> None:
        """The run's own figures, after each of its steps."""

    def pause(self) -> None:
        """The run waits for a person."""


@dataclass
class Run:
    """A run that a command carries out."""

    name: str

    named: bool
    """Whether a person gave it its name; one that was given none is removed when it is complete."""

    beginning: Beginning
    config: RLMConfig
    storage: Storage
    screen: Screen
    output: Output
    way_on: WayOn

    decided: Decided | None = None
    """What the command line decides, if the run waits for that."""

    before: Mapping[str, Any] = field(default_factory=dict)
    """The run's last state, if it has gone on before."""

    @property
    def thread(self) -> RunnableConfig:
        """The run, as LangGraph's config names it."""
        return {"configurable": {"thread_id": self.name}}

    def graph(self, *, depth: int | None = None) -> RLMGraph:
        """The graph that carries it out.

        Args:
            depth: The `max_recursion_depth` of the deepest run that it carries out; None: that of this one.

        Raises:
            ModelError: there is no such model, or no key for it.
        """
        models = self.beginning.models
        config = self.config
        if depth is not None:
            config = config.model_copy(update={"max_recursion_depth": depth})
        return rlm_graph.create_rlm(
            models.model or models.name,
            sub_model=None if models.sub_name == models.name else models.sub_name,
            response_format=self.beginning.schema,
            config=config,
            checkpointer=self.storage.checkpoints,
            context_store=self.storage.contexts,
            journal=self.storage.journal,
        )

    def carry_out(self, rlm: RLMGraph, given: Any) -> int:
        """Carry it out to its end, or until it waits for somebody who is not there; returns the exit code.

        Args:
            rlm: The graph.
            given: Its input; None: it goes on from its last checkpoint.

        Raises:
            RLMError: one of its kinds, each with an exit code of its own.
        """
        from rlm_graph.cli.progress import Progress

        quiet = self.output.quiet
        progress = Progress(self.screen, self.config, before=self.before, quiet=quiet, verbose=self.output.verbose)
        how = "stopped after"
        session = run_blocking(self.storage.journal.open_session(self.name))
        try:
            run_blocking(session.note(status="running", options=self.beginning.to_options(), named=self.named))
            result, waits_for = self._go_on(rlm, given, progress, session)
            while waits_for is not None:
                run_blocking(session.note(status="waiting"))
                decisions = self._decisions(waits_for)
                if decisions is None:
                    how = "waits after"
                    break
                result, waits_for = self._go_on(rlm, _resuming(decisions), progress, session)
            else:
                how = "no answer after" if result["answer"] is None else "answered in"
        finally:
            rlm.close()  # the workers end before anything is said: whoever reads it may start the next run
            run_blocking(session.close())
            if progress.has_begun and not quiet:
                self.screen.say(progress.summary(how), style="dim")
        if waits_for is not None:
            return tell_waiting(self, waits_for)
        return tell_result(self, result, progress.elapsed_s)

    def _decisions(self, waits_for: Interruption) -> Mapping[str, Any] | None:
        """What a person decides, on the command line or at the terminal; None if nobody is there."""
        from rlm_graph.cli.person import ask_person, is_there

        if self.decided is not None:
            decided, self.decided = self.decided, None
            return decided.decisions(waits_for)
        return ask_person(waits_for, self.screen) if is_there(self.screen) else None

    def _go_on(
        self, rlm: RLMGraph, given: Any, progress: Progress, session: Session
    ) -> tuple[RLMOutput, Interruption | None]:
        """Let the graph go on; returns its result, and what it waits for if it has none yet."""
        from langgraph.errors import GraphDrained

        from rlm_graph.cli.stopping import Stopping

        with Stopping(self.screen) as stopping, progress, self.storage.clear_errors():
            try:
                return run_blocking(self.follow(rlm, given, progress, stopping.control))
            except GraphDrained:
                run_blocking(session.note(status="stopped"))
                stopping.raise_signal()

    async def follow(
        self,
        rlm: RLMGraph,
        given: Any,
        follower: Follower,
        control: RunControl,
        *,
        settings: RLMConfig | None = None,
    ) -> tuple[RLMOutput, Interruption | None]:
        """Let the graph go on; returns its result, and what it waits for if it has none yet.

        Args:
            rlm: The graph.
            given: Its input; None: it goes on from its last checkpoint.
            follower: Hears what happens.
            control: Stops it.
            settings: In place of the graph's own, where several runs share one; their depth is at most the graph's.

        Raises:
            GraphDrained: it was stopped at a safe point, by its control.
        """
        from rlm_graph.events import read_event

        result: RLMOutput = {}
        waits_for: Interruption | None = None
        modes = ["custom", "values"]
        stream: Any = rlm.astream(
            given, self.thread, stream_mode=modes, durability="sync", control=control, context=settings
        )
        async with aclosing(stream) as chunks:
            async for mode, chunk in chunks:
                if mode == "custom":
                    if event := read_event(chunk):
                        follower.event(event)
                elif interrupts := chunk.get("__interrupt__"):
                    follower.pause()
                    waits_for = interrupts[0].value
                else:
                    result = chunk
                    follower.totals(chunk)
        return result, waits_for


def _resuming(decisions: Mapping[str, Any]) -> Any:
    from langgraph.types import Command

    return Command(resume=dict(decisions))
