"""What one step of a run shares over its whole tree of calls: answers, ledger, slots, desk.

A step is one turn of the root model or the cells of one reply, with all sub-calls and children in it. Every request to
a model in it passes through here.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, message_to_dict, messages_from_dict
from langchain_core.outputs import ChatGeneration
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained

from rlm_graph import prompts
from rlm_graph.answers import Answers, Entry, Kind, Place
from rlm_graph.errors import BudgetExceeded, ConfigError, ModelAuthError, ModelError, UnknownModelError
from rlm_graph.human import Desk, Request, SpendDecision
from rlm_graph.ledger import Ledger, Reserved, Usage
from rlm_graph.models.failures import no_answer_in
from rlm_graph.safe_point import SafePoint, Stopped
from rlm_graph.state import role

if TYPE_CHECKING:
    from langchain_core.caches import BaseCache

    from rlm_graph.models.metering import Estimate
    from rlm_graph.models.model import Model

T = TypeVar("T")


@dataclass
class Tree:
    """See the module. Used by one event loop only."""

    ledger: Ledger
    answers: Answers
    desk: Desk
    safe_point: SafePoint
    slots: asyncio.Semaphore
    """For requests in flight (`max_concurrency`)."""

    own_slots: dict[str, asyncio.Semaphore] = field(default_factory=dict)
    """For those of models that have a limit of their own, by model."""

    cache: AnswerCache | None = None
    approved_usd: float = 0.0
    """What the run may cost before a person is asked; 0: no limit."""

    _waiting: list[asyncio.Event] = field(default_factory=list)  # for others to give back what was held for them

    async def carry_out(self, work: Coroutine[Any, Any, T]) -> T:
        """Carry out the step's work.

        Raises:
            GraphDrained: the run was asked to stop, and is at a safe point.
            GraphInterrupt: likewise, because a person has to decide something.
        """
        try:
            return await self.safe_point.carry_out(work)
        except Stopped as stopped:
            if stopped.drain_reason is not None:
                raise GraphDrained(stopped.drain_reason) from stopped
        finally:
            await self.answers.close()
        raise await self.desk.interruption()

    async def ask_person(self, request: Request) -> Any:
        """A person's decision. Where there is none yet, the step is stopped, and this never returns."""
        decision = await self.desk.decision(request)
        if decision is None:
            await self.safe_point.wait_for_ever()
        return decision

    def find(self, place: Place, kind: Kind, model: Model, messages: Sequence[BaseMessage]) -> AIMessage | None:
        """A reply that an earlier attempt at the step has left; None if it has to be asked for."""
        if not self.answers.has_some:
            return None
        digest = model.digest(messages)
        entry = self.answers.find(place.next_key(kind, digest))
        if entry is None or entry.failed is not None:
            return None
        place.key(kind, digest)
        return _read(entry.value)

    async def ask(
        self,
        place: Place,
        kind: Kind,
        model: Model,
        messages: Sequence[BaseMessage],
        config: RunnableConfig,
        *,
        is_heard: bool = True,
    ) -> AIMessage:
        """A reply of a model, made or found.

        Args:
            place: Where in the tree of calls.
            kind: What kind of question it is.
            model: Who is asked.
            messages: What.
            config: LangChain's, for callbacks and streams.
            is_heard: As for `Model.ask`.

        Raises:
            BudgetExceeded: there is not enough left for it.
            ModelError: one of its kinds. A failure of a sub-call is found again, as an answer is.
        """
        made: list[tuple[Entry, AIMessage]] = []
        make = partial(self._make, made, kind, model, messages, config, is_heard=is_heard)
        entry = await self.answers.once(place.key(kind, model.digest(messages)), make)
        if entry.failed is not None:
            raise ModelError(entry.value)
        return made[0][1] if made and made[0][0].value is entry.value else _read(entry.value)

    async def _make(
        self,
        made: list[tuple[Entry, AIMessage]],
        kind: Kind,
        model: Model,
        messages: Sequence[BaseMessage],
        config: RunnableConfig,
        *,
        is_heard: bool,
    ) -> Entry:
        """Make a call; an answer goes into `made` as well, as the message that it is."""
        is_sub_call = kind == "llm_query"
        meter = RequestMeter(self, model.name, prompt=_new_text(messages), is_sub_call=is_sub_call)
        reply = None if self.cache is None else await self.cache.find(model, messages)
        if reply is None:
            try:
                reply = await model.ask(messages, config, meter=meter, is_heard=is_heard)
                if is_sub_call and (failure := no_answer_in(reply, model.name)):
                    raise failure  # the code would take it for an answer; who asks a root model again says so to it
            except (ModelAuthError, UnknownModelError):
                raise
            except ModelError as error:
                if not is_sub_call:
                    raise  # it ends the run, and a new attempt may go better
                return meter.entry(str(error), failed=type(error).__name__)
            if self.cache is not None:
                await self.cache.keep(model, messages, reply)
        entry = meter.entry(_written(reply))
        made.append((entry, reply))
        return entry

    async def hold(self, model_name: str, estimate: Estimate) -> Reserved:
        """Hold back what a request may come to, as soon as there is room for it and nobody has to be asked.

        Raises:
            BudgetExceeded: there will be no room.
            ConfigError: there is a limit of money, and the model's price is not known.
        """
        self.ledger.check_time()
        if estimate.cost_usd is None and (self.approved_usd or self.ledger.budgets.usd):
            raise ConfigError(
                f"a limit of money cannot be kept: the price of {model_name!r} is not known; give it "
                f"(`prices={{{model_name!r}: Price(...)}}` of create_rlm), or set no max_usd and no approve_above_usd"
            )
        reserved = _most(estimate)
        while not (self._is_approved(reserved.usd) and self.ledger.reserve(reserved)):
            if self.approved_usd and reserved.usd and (self.ledger.cost_usd or 0.0) + reserved.usd > self.approved_usd:
                self.approved_usd = await self._approved_more()
            else:
                self._waiting.append(given_back := asyncio.Event())
                await given_back.wait()
        return reserved

    def _is_approved(self, usd: float) -> bool:
        """Whether so much more can be spent without asking a person, beside what others in flight may come to."""
        if not usd or not self.approved_usd:
            return True
        return (self.ledger.cost_usd or 0.0) + self.ledger.reserved_usd + usd <= self.approved_usd

    async def _approved_more(self) -> float:
        spent, limit = self.ledger.cost_usd or 0.0, self.approved_usd
        refusal = BudgetExceeded("approve_above_usd", round(spent, 6), limit)
        if self.ledger.exhausted == "approve_above_usd":  # a person has said so in an earlier step
            raise refusal
        decision = await self.ask_person(
            {
                "id": f"spend-{limit:g}",
                "kind": "approve_spend",
                "text": prompts.approve_spend(spent, limit),
                "spent_usd": spent,
                "limit_usd": limit,
            }
        )
        assert isinstance(decision, SpendDecision)
        if decision.up_to_usd is None:
            self.ledger.exhaust("approve_above_usd", limit)
            raise refusal
        return decision.up_to_usd

    def give_back(self, reserved: Reserved) -> None:
        """Give back what was held for a request that has ended."""
        self.ledger.release(reserved)
        waiting, self._waiting = self._waiting, []
        for given_back in waiting:
            given_back.set()


class RequestMeter:
    """The requests of one call of a model, its retries among them: what they take goes to the ledger, one by one."""

    def __init__(self, tree: Tree, model_name: str, *, prompt: str, is_sub_call: bool) -> None:
        self.tree = tree
        self._model_name = model_name
        self._prompt = prompt
        self._is_sub_call = is_sub_call
        self._started_at = time.time()
        self._ended_at: float | None = None
        self._requests = 0
        self._usage = Usage()

    async def reserve(self, estimate: Estimate) -> RequestReservation:
        """A slot for one request, and room for it in the budgets.

        Raises:
            BudgetExceeded: there is no room.
        """
        tree = self.tree
        if self._is_sub_call:
            tree.ledger.reserve_sub_call()
        else:
            tree.ledger.keep_for_last_question(_most(estimate))
        try:
            reserved = await self._admitted(estimate)
        except BaseException:
            if self._is_sub_call:
                tree.ledger.take_back_sub_call()
            raise
        if not self._requests:  # what the call has waited for a slot is no part of it
            self._started_at = time.time()
        self._requests += 1
        return RequestReservation(self, reserved)

    async def _admitted(self, estimate: Estimate) -> Reserved:
        await self.tree.slots.acquire()
        try:
            reserved = await self.tree.hold(self._model_name, estimate)
            await self.tree.safe_point.take_off()
        except BaseException:
            self.tree.slots.release()
            raise
        return reserved

    def settle(self, usage: Usage) -> None:
        """Count what one request took."""
        self._ended_at = time.time()  # before the next one has its slot: the two do not seem to go on at once
        self._usage = self._usage + usage
        self.tree.ledger.spend(usage, model=self._model_name)

    def entry(self, value: str, failed: str | None = None) -> Entry:
        """What the journal keeps of the call."""
        if not self._requests and failed is None:
            self.tree.ledger.spend(Usage(), model=self._model_name, requests=0, cache_hits=1)
        return Entry(
            value,
            failed=failed,
            model=self._model_name,
            requests=self._requests,
            input_tokens=self._usage.input_tokens,
            output_tokens=self._usage.output_tokens,
            cost_usd=self._usage.cost_usd,
            started_at=self._started_at,
            ended_at=self._ended_at or time.time(),
            prompt=self._prompt,
        )


class RequestReservation:
    """What is held for one request."""

    def __init__(self, meter: RequestMeter, reserved: Reserved) -> None:
        self._meter = meter
        self._reserved = reserved

    def settle(self, usage: Usage | None) -> None:
        """The request has ended; None: it failed, and nobody knows what it took."""
        tree = self._meter.tree
        tree.safe_point.land()
        tree.give_back(self._reserved)
        tree.slots.release()
        self._meter.settle(usage or Usage())


class AnswerCache:
    """Answers across cells and, perhaps, across runs, in a cache of LangChain's.

    Args:
        cache: Where they are.
        run: The run's name, for answers that stay within it.
        is_shared: Whether answers go to other runs: those that were not sampled.
        shares_sampled: Whether sampled ones do too.
    """

    def __init__(self, cache: BaseCache, run: str, *, is_shared: bool, shares_sampled: bool) -> None:
        self._cache = cache
        self._run = run
        self._is_shared = is_shared
        self._shares_sampled = shares_sampled

    async def find(self, model: Model, messages: Sequence[BaseMessage]) -> AIMessage | None:
        """The reply to the same messages, if the cache has it."""
        generations = await self._cache.alookup(model.digest(messages), self._model(model))
        message = getattr(generations[0], "message", None) if generations else None
        return message if isinstance(message, AIMessage) else None

    async def keep(self, model: Model, messages: Sequence[BaseMessage], reply: AIMessage) -> None:
        """Keep a reply."""
        await self._cache.aupdate(model.digest(messages), self._model(model), [ChatGeneration(message=reply)])

    def _model(self, model: Model) -> str:
        crosses_runs = self._is_shared and (self._shares_sampled or not model.temperature)
        return model.name if crosses_runs else f"{model.name} in {self._run}"


def _most(estimate: Estimate) -> Reserved:
    """What a request may come to at most."""
    return Reserved(estimate.input_tokens, estimate.output_tokens, estimate.cost_usd or 0.0)


def _new_text(messages: Sequence[BaseMessage]) -> str:
    """The text of the messages that are new since the model's last reply; at a question, with the system prompt."""
    new: list[BaseMessage] = []
    for message in reversed(messages):
        if message.type == "ai":
            break
        new.append(message)
    if len(new) < len(messages) and any(role(message) == "query" for message in new):  # not the first of the thread
        new += [message for message in messages if message.type == "system"]
    return "\n\n".join(str(message.text) for message in reversed(new))


def _written(message: AIMessage) -> str:
    with suppress(ValueError):  # something that JSON has not
        return f'{{"type":"ai","data":{message.model_dump_json()}}}'  # the same, in a fifth of the time
    return json.dumps(message_to_dict(message), default=str)


def _read(value: str) -> AIMessage:
    (message,) = messages_from_dict([json.loads(value)])
    assert isinstance(message, AIMessage)
    return message


__all__ = ["AnswerCache", "Tree"]
