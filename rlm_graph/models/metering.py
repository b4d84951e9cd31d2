"""One request to a model: what it may come to, what is held for it, and its clock.

A meter lets requests through and counts them. It is asked right before a request is sent, however the call is made.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from langchain_core.language_models import BaseChatModel
from langchain_core.rate_limiters import BaseRateLimiter

from rlm_graph.ledger import Usage


@dataclass(frozen=True)
class Estimate:
    """What one request may come to, before it is made: so many tokens and so much money can be held back for it."""

    input_tokens: int
    """About as many as the messages and tools have: a quarter of their bytes."""

    output_tokens: int
    """As many as the model may write."""

    cost_usd: float | None
    """The price of both; None where the price of the model is not known."""


class Reservation(Protocol):
    """What is held for one request."""

    def settle(self, usage: Usage | None) -> None:
        """The request has ended. Called once, also when the call was cancelled, so it does not wait for anything.

        Args:
            usage: What it took; None if it failed, and nobody knows what it took.
        """


class Meter(Protocol):
    """Lets requests to models through, and counts them."""

    async def reserve(self, estimate: Estimate) -> Reservation:
        """Called before each request; may wait (for a free slot, for money), or raise whatever ends the call."""


class Attempt:
    """One request of a call: what is held for it, and its clock, which runs from when it may be sent."""

    def __init__(self, meter: Meter | None, estimate: Estimate, left_s: float) -> None:
        self._meter = meter
        self._estimate = estimate
        self._left_s = left_s
        self._reservation: Reservation | None = None
        self._begun_at: float | None = None
        self.timer = asyncio.timeout(None)
        self.refusal: Exception | None = None
        """What the meter raised."""

    async def begin(self) -> None:
        """Wait for the meter, and start the clock; once, however many ways of making the request are tried."""
        if self.has_begun:
            return
        if self._meter is not None:
            try:
                self._reservation = await self._meter.reserve(self._estimate)
            except Exception as refusal:  # whatever it is: it goes to who gave the meter
                self.refusal = refusal
                raise
        self._begun_at = asyncio.get_running_loop().time()
        self.timer.reschedule(self._begun_at + self._left_s)

    def settle(self, usage: Usage | None) -> None:
        """Tell the meter, once."""
        reservation, self._reservation = self._reservation, None
        if reservation is not None:
            reservation.settle(usage)

    @property
    def has_begun(self) -> bool:
        """Whether it could be sent."""
        return self._begun_at is not None

    @property
    def took_s(self) -> float:
        """Seconds since then."""
        return 0.0 if self._begun_at is None else asyncio.get_running_loop().time() - self._begun_at

    @property
    def has_timed_out(self) -> bool:
        """Whether its clock ended it."""
        return self.timer.expired()


current_attempt: ContextVar[Attempt] = ContextVar("rlm_graph_attempt")
"""That of the call that is being made: how a gate finds it."""


class Gate:
    """Stands where a chat model has its rate limiter.

    LangChain asks a rate limiter after it has looked into its cache, right before the request. That is when the meter
    is to be asked: what the cache has costs nothing, and who waits for a rate limiter holds nothing.
    """

    def __init__(self, rate_limiter: BaseRateLimiter | None) -> None:
        self._rate_limiter = rate_limiter

    async def aacquire(self, *, blocking: bool = True) -> bool:
        """Wait for the chat model's own rate limiter, then for the meter."""
        if self._rate_limiter is not None:
            await self._rate_limiter.aacquire(blocking=blocking)
        await current_attempt.get().begin()
        return True


_WAY_TO_GATE = ("ainvoke", "agenerate_prompt", "agenerate", "_agenerate_with_cache")
"""Methods of a chat model that lead to its rate limiter."""


def passes_gate(model: BaseChatModel) -> bool:
    """Whether LangChain's own methods carry out a call; those of another class may not ask the rate limiter."""
    return all(getattr(type(model), name) is getattr(BaseChatModel, name) for name in _WAY_TO_GATE)


__all__ = ["Attempt", "Estimate", "Gate", "Meter", "Reservation", "current_attempt", "passes_gate"]
