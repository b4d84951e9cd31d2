"""Steps of a run: which one a node carries out, and what has to be there when it does.

A step is the same after a crash, and another one on a fork. LangGraph's ids of tasks follow from those of checkpoints,
and a checkpoint that was not written when the process died is made again under another id. So steps are named by the
way that leads to them: each by the step before it, which the state holds, and its node. Where a checkpoint stands
between two steps that no step of ours has made (an input, a fork, an edited state), its id is part of the name: there
the ways divide.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp, GraphDrained
from langgraph.runtime import get_runtime

from rlm_graph.answers import Answers, Place
from rlm_graph.config import RLMConfig
from rlm_graph.errors import ConfigError
from rlm_graph.human import Desk
from rlm_graph.ledger import Budgets, Ledger
from rlm_graph.safe_point import Brake, SafePoint
from rlm_graph.state import RLMState
from rlm_graph.tree import AnswerCache, Tree

if TYPE_CHECKING:
    from langchain_core.caches import BaseCache

    from rlm_graph.journal import Journal, Session
    from rlm_graph.repl.pool import Scope

T = TypeVar("T")
Work = Callable[[Tree, Place], Coroutine[Any, Any, T]]
"""The work of a step: it asks, and runs code, at a place in the tree of calls."""

SCOPE_KEY = "__rlm_scope"
TREE_KEY = "__rlm_tree"
PATH_KEY = "__rlm_path"
BEGUN_AS_KEY = "__rlm_begun_as"
"""Where a run's objects travel in `config["configurable"]`: with two underscores they reach no checkpoint."""


@dataclass(frozen=True)
class Step:
    """A step of a run."""

    scope: str
    """Its name: 32 hex digits."""

    number: int
    """LangGraph's count of steps in the thread."""

    run: str | None
    """The thread's id; None where nothing is checkpointed."""

    @property
    def trail(self) -> str:
        """What the state holds of it."""
        return f"{self.number}:{self.scope}"

    def next_scopes(self, *nodes: str) -> list[str]:
        """The names of the steps that follow, if they are those of these nodes."""
        scope, scopes = self.scope, []
        for node in nodes:
            scope = _scope(self.run, scope, node)
            scopes.append(scope)
        return scopes


def current_step(node: str, state: Mapping[str, Any], config: RunnableConfig) -> Step:
    """The step that a node is about to carry out. Needs the node's runtime."""
    info = get_runtime().execution_info
    number = int(config.get("metadata", {}).get("langgraph_step", 0))
    trail = str(state.get("trail") or ":")
    checkpoint = "" if info is None else info.checkpoint_id
    scope: Scope | None = configurable(config, SCOPE_KEY)
    if trail.endswith(":") and scope is not None and scope.begun_as:
        checkpoint = scope.begun_as
    thread = None if info is None else info.thread_id
    return Step(scope_after(trail, node, number, run=thread, checkpoint=checkpoint), number, thread)


def scope_after(trail: str, node: str, number: int, *, run: str | None, checkpoint: str) -> str:
    """The name of the step that a node carries out from a checkpoint.

    Args:
        trail: What the checkpoint's state holds of the step that made it (`Step.trail`).
        node: The node.
        number: LangGraph's count of the step.
        run: The thread's id.
        checkpoint: The checkpoint's id, which counts where no step of ours has made it.
    """
    last_number, _, last_scope = trail.partition(":")
    return _scope(run, last_scope, node, "" if last_number == str(number - 1) else checkpoint)


def _scope(run: str | None, last_scope: str, node: str, checkpoint: str = "") -> str:
    spelt = "\n".join((run or "", last_scope, node, checkpoint))
    return hashlib.sha256(spelt.encode()).hexdigest()[:32]


class Steps:
    """Carries out steps, each with its answers from the journal, its ledger and its desk.

    Args:
        journal: Where answers are committed.
        cache: Answers across cells and runs.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        cache: BaseCache,
    ) -> None:
        self.journal = journal
        self.brake = Brake()
        self._cache = cache

    async def carry_out(
        self, node: str, state: RLMState, config: RunnableConfig, settings: RLMConfig, work: Work[T]
    ) -> tuple[T, RLMState]:
        """Carry out a step; returns what the work gives, and the run's totals after it.

        A child's step is part of its parent's: it shares the tree.

        Raises:
            GraphDrained: the run was asked to stop.
            GraphInterrupt: a person has to decide something.
            RunBusyError: another process carries it out.
        """
        shared = configurable(config, TREE_KEY)
        if isinstance(shared, Tree):
            place = Place(configurable(config, PATH_KEY), f"{node} {len(state['messages'])}")
            return await work(shared, place), {}
        session = await self.session(config, settings)
        step = current_step(node, state, config)
        ledger = self.ledger(state, settings)
        cells, _, turn = step.next_scopes("execute_repl", "truncate_observation", "generate_code")
        ahead = (cells, turn) if node == "generate_code" else ()
        answers = Answers(ledger, scope=step.scope, session=session, ahead=ahead)
        if _may_have_been_tried(config):
            await answers.open()
        desk = Desk(answers)
        tree = Tree(
            ledger=ledger,
            answers=answers,
            desk=desk,
            safe_point=SafePoint(self.brake, _drain_reason(), lambda: answers.is_committing),
            slots=asyncio.Semaphore(settings.max_concurrency),
            cache=self._answer_cache(settings, step.run or ""),
            approved_usd=max(state.get("approved_usd", 0.0), settings.approve_above_usd),
        )
        try:
            result = await tree.carry_out(work(tree, Place("", node)))
        except GraphBubbleUp as stop:
            if session is not None:
                await session.note(
                    status="stopped" if isinstance(stop, GraphDrained) else "waiting",
                    iterations=state["iterations"],
                    sub_calls=ledger.sub_calls,
                    cost_usd=ledger.cost_usd,
                )
            raise
        return result, {**totals(ledger), "approved_usd": tree.approved_usd}

    async def session(self, config: RunnableConfig, settings: RLMConfig) -> Session | None:
        """This invocation's session with the journal, opened when it is first needed; None where nothing is kept.

        Raises:
            ConfigError: a setting makes the run wait for a person, but nothing of it would be kept meanwhile.
        """
        scope: Scope | None = configurable(config, SCOPE_KEY)
        if scope is not None and scope.session is not None:
            return scope.session
        info = get_runtime().execution_info
        if scope is None or not scope.keeps or info is None or info.thread_id is None:
            for setting in ("approve_cells", "approve_above_usd", "ask_user"):
                if getattr(settings, setting) and configurable(config, TREE_KEY) is None:
                    raise ConfigError(f"{setting}: the run would wait for a person, which needs a checkpointer")
            return None
        scope.session = await self.journal.open_session(info.thread_id)
        return scope.session

    def ledger(self, state: RLMState, settings: RLMConfig) -> Ledger:
        """The run's ledger, as it stands in a state. A budget that was raised since it ran out is no longer out."""
        exhausted = state["exhausted"]
        has_limit = exhausted in RLMConfig.model_fields and exhausted != "approve_above_usd"
        if exhausted is not None and has_limit and getattr(settings, exhausted) != state["exhausted_at"]:
            exhausted = None
        return Ledger(
            Budgets.of(settings),
            sub_calls=state["sub_calls"],
            requests=state["requests"],
            cache_hits=state["cache_hits"],
            ran_ahead=state["ran_ahead"],
            input_tokens=state["total_input_tokens"],
            output_tokens=state["total_output_tokens"],
            cost_usd=state["cost_usd"],
            elapsed_s=state["elapsed_s"],
            exhausted=exhausted,
            exhausted_at=state["exhausted_at"],
            models={name: {**of_model} for name, of_model in state["models"].items()},
        )

    def _answer_cache(self, settings: RLMConfig, run: str) -> AnswerCache | None:
        if settings.cache == "off":
            return None
        is_shared = settings.cache == "shared"
        return AnswerCache(self._cache, run, is_shared=is_shared, shares_sampled=settings.cache_sampled)


def _may_have_been_tried(config: RunnableConfig) -> bool:
    """Whether there may be an earlier attempt at this step: it is the first one of an invocation, or a node's retry."""
    scope: Scope | None = configurable(config, SCOPE_KEY)
    info = get_runtime().execution_info
    is_first = scope is not None and not scope.has_begun
    if scope is not None:
        scope.has_begun = True
    return is_first or (info is not None and info.node_attempt > 1)


def _drain_reason() -> Callable[[], str | None]:
    """Says why the run is to stop: LangGraph's `RunControl` of this run knows."""
    control = get_runtime().control
    return lambda: None if control is None else control.drain_reason


def totals(ledger: Ledger) -> RLMState:
    """What a state holds of a ledger."""
    return {
        "sub_calls": ledger.sub_calls,
        "requests": ledger.requests,
        "cache_hits": ledger.cache_hits,
        "ran_ahead": ledger.ran_ahead,
        "total_input_tokens": ledger.input_tokens,
        "total_output_tokens": ledger.output_tokens,
        "cost_usd": ledger.cost_usd,
        "elapsed_s": round(ledger.worked_s, 3),
        "exhausted": ledger.exhausted,
        "exhausted_at": ledger.exhausted_at,
        "models": ledger.models,
    }


def configurable(config: RunnableConfig, key: str) -> Any:
    """One of the run's objects that travel in the config; None if it is not there."""
    return config.get("configurable", {}).get(key)


def with_configurable(config: RunnableConfig, values: Mapping[str, Any]) -> RunnableConfig:
    """The config with more of them."""
    return {**config, "configurable": {**config.get("configurable", {}), **values}}


__all__ = ["Step", "Steps", "configurable", "current_step", "scope_after", "with_configurable"]
