"""What a run has spent, and what it may still spend: one ledger for the root, its sub-calls and its children."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

# On Python 3.11 the server shows no schema for typing's own TypedDict.
from typing_extensions import TypedDict

from rlm_graph.config import RLMConfig
from rlm_graph.errors import BudgetExceeded, MaxSubCallsExceeded
from rlm_graph.journal.keys import Entry, Key

MAX_KEPT = 0.25
"""Share of a budget that is kept for the last question, at the most."""

LAST_OUTPUT_TOKENS = 1000
"""Tokens that the reply to it is expected to have."""


class ModelTotals(TypedDict):
    """What one model was asked."""

    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


@dataclass(frozen=True)
class Usage:
    """Tokens and money of one call of a model."""

    input_tokens: int = 0
    output_tokens: int = 0

    cost_usd: float | None = 0.0
    """None where the price of the model is not known."""

    def __add__(self, other: Usage) -> Usage:
        tokens = (self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens)
        return Usage(*tokens, _sum(self.cost_usd, other.cost_usd))


@dataclass(frozen=True)
class Budgets:
    """Limits of a whole run; 0 means no limit, except for sub-calls."""

    sub_calls: int
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    seconds: float = 0.0

    @classmethod
    def of(cls, config: RLMConfig) -> Budgets:
        """Those that the settings of a run say."""
        return cls(
            config.max_sub_calls,
            config.max_input_tokens,
            config.max_output_tokens,
            config.max_usd,
            config.max_seconds,
        )


@dataclass(eq=False)
class Reserved:
    """What a request that is in flight may come to; it is held back from the budgets until it is settled."""

    input_tokens: int
    output_tokens: int
    usd: float


@dataclass
class Ledger:
    """The run's totals. Changed by one event loop only, so nothing needs a lock.

    A budget of tokens or money is never exceeded by more than the output of one request, which nobody can foretell:
    a request that is alone in flight is made if its input fits; beside others, only if what those may come to at most
    fits too, else it waits for them.
    """

    budgets: Budgets
    sub_calls: int = 0
    requests: int = 0
    """Requests to models, those of the root and those that failed among them."""

    cache_hits: int = 0
    ran_ahead: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    cost_usd: float | None = 0.0
    """None from the first call on whose price is not known: a sum with an unknown part is unknown."""

    elapsed_s: float = 0.0
    """Seconds that the run had worked when this ledger was opened."""

    exhausted: str | None = None
    """The budget that ran out."""

    exhausted_at: float = 0.0
    """The limit that it had."""

    is_closing: bool = False
    """The last question is being asked: it may be asked although the time is over."""

    models: dict[str, ModelTotals] = field(default_factory=dict)
    """Requests, tokens and money by model."""

    _opened_at: float = field(default_factory=time.monotonic)
    _kept: Reserved = field(default_factory=lambda: Reserved(0, 0, 0.0))
    _reserved: set[Reserved] = field(default_factory=set)

    @property
    def reserved_usd(self) -> float:
        """What the requests in flight may come to."""
        return sum(one.usd for one in self._reserved)

    @property
    def worked_s(self) -> float:
        """Seconds that the run has worked, pauses not counted."""
        return self.elapsed_s + time.monotonic() - self._opened_at

    def take_back_sub_call(self) -> None:
        """A sub-call that was counted is not made after all."""
        self.sub_calls -= 1

    def reserve_sub_call(self) -> None:
        """Count a sub-call before it is made, so that a thousand at once cannot exceed the limit.

        Raises:
            BudgetExceeded: there are none left, or another budget has run out.
        """
        if self.sub_calls >= self.budgets.sub_calls:
            if self.budgets.sub_calls:
                self.exhaust("max_sub_calls", self.budgets.sub_calls)
            raise MaxSubCallsExceeded(self.sub_calls, self.budgets.sub_calls)
        self.sub_calls += 1

    def check_time(self) -> None:
        """Raise BudgetExceeded when the run has worked as long as it may."""
        if self.budgets.seconds and not self.is_closing and self.worked_s >= self.budgets.seconds:
            raise self._exceeded("max_seconds", round(self.worked_s, 1), self.budgets.seconds)

    def reserve(self, reserved: Reserved) -> bool:
        """Hold back what a request may come to; False if that has to wait for others that are in flight.

        Raises:
            BudgetExceeded: it does not fit, and no request is in flight that could give something back.
        """
        if not (self.budgets.input_tokens or self.budgets.output_tokens or self.budgets.usd):
            self._reserved.add(reserved)
            return True
        kept = Reserved(0, 0, 0.0) if self.is_closing else self._kept
        for name, limit, spent, own, back in (
            (
                "max_input_tokens",
                self.budgets.input_tokens,
                self.input_tokens,
                reserved.input_tokens,
                kept.input_tokens,
            ),
            ("max_output_tokens", self.budgets.output_tokens, self.output_tokens, 1, kept.output_tokens),
            ("max_usd", self.budgets.usd, self.cost_usd or 0.0, reserved.usd * _input_share(reserved), kept.usd),
        ):
            if limit and own and spent + own + min(back, MAX_KEPT * limit) > limit:
                raise self._exceeded(name, round(spent, 6), limit)
        if self._reserved and not self._fits_beside_others(reserved):
            return False
        self._reserved.add(reserved)
        return True

    def _fits_beside_others(self, reserved: Reserved) -> bool:
        everyone = [*self._reserved, reserved]
        return not (
            (
                self.budgets.input_tokens
                and self.input_tokens + sum(one.input_tokens for one in everyone) > self.budgets.input_tokens
            )
            or (
                self.budgets.output_tokens
                and self.output_tokens + sum(one.output_tokens for one in everyone) > self.budgets.output_tokens
            )
            or (self.budgets.usd and (self.cost_usd or 0.0) + sum(one.usd for one in everyone) > self.budgets.usd)
        )

    def keep_for_last_question(self, turn: Reserved) -> None:
        """Keep back what the question for the best answer may take, but no more than a quarter of a budget.

        Args:
            turn: What its last turn may have come to.
        """
        whole = turn.input_tokens + turn.output_tokens
        output_tokens = min(turn.output_tokens, LAST_OUTPUT_TOKENS)
        share = (turn.input_tokens + output_tokens) / whole if whole else 0.0
        self._kept = Reserved(turn.input_tokens, output_tokens, turn.usd * share)

    def release(self, reserved: Reserved) -> None:
        """Give back what was held for a request that has ended."""
        self._reserved.discard(reserved)

    def spend(self, usage: Usage, *, model: str = "", requests: int = 1, cache_hits: int = 0) -> None:
        """Add what a call took."""
        self.requests += requests
        self.cache_hits += cache_hits
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.cost_usd = _sum(self.cost_usd, usage.cost_usd)
        if model:
            of_model = self.models.setdefault(
                model, {"requests": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}
            )
            of_model["requests"] += requests
            of_model["input_tokens"] += usage.input_tokens
            of_model["output_tokens"] += usage.output_tokens
            of_model["cost_usd"] = _sum(of_model["cost_usd"], usage.cost_usd)

    def take(self, key: Key, entry: Entry) -> None:
        """Count an answer that an earlier attempt at this step has paid for, whether or not it is needed again."""
        if key.kind == "llm_query":
            self.sub_calls += entry.requests
        elif key.kind == "rlm_query":
            self.sub_calls += 1
        usage = Usage(entry.input_tokens, entry.output_tokens, entry.cost_usd)
        self.spend(usage, model=entry.model or "", requests=entry.requests, cache_hits=int(is_cache_hit(key, entry)))

    def spent(self) -> dict[str, Any]:
        """The totals, for events."""
        return {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens, "cost_usd": self.cost_usd}

    def left(self) -> dict[str, str]:
        """What is left of each budget that there is, in words for the root model."""
        lines = {}
        if self.budgets.input_tokens:
            lines["input tokens"] = f"{max(0, self.budgets.input_tokens - self.input_tokens):,}"
        if self.budgets.output_tokens:
            lines["output tokens"] = f"{max(0, self.budgets.output_tokens - self.output_tokens):,}"
        if self.budgets.usd:
            lines["money"] = f"${max(0.0, self.budgets.usd - (self.cost_usd or 0.0)):.4g}"
        if self.budgets.seconds:
            lines["time"] = f"{max(0.0, self.budgets.seconds - self.worked_s):.0f} s"
        return lines

    def _exceeded(self, budget: str, spent: float, limit: float) -> BudgetExceeded:
        self.exhaust(budget, limit)
        return BudgetExceeded(budget, spent, limit)

    def exhaust(self, budget: str, limit: float) -> None:
        """Note that a budget has run out; the first one counts."""
        if self.exhausted is None:
            self.exhausted, self.exhausted_at = budget, limit


def is_cache_hit(key: Key, entry: Entry) -> bool:
    """Whether an answer cost no request, because the cache across runs had it."""
    return key.kind in ("root", "llm_query", "direct") and not entry.requests and entry.failed is None


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _input_share(reserved: Reserved) -> float:
    """Which part of a request's price is its input, at least: output tokens cost no less than input tokens."""
    whole = reserved.input_tokens + reserved.output_tokens
    return reserved.input_tokens / whole if whole else 0.0


__all__ = ["Budgets", "Ledger", "Reserved", "Usage", "is_cache_hit"]
