"""What a run has spent, and what it may still spend: one ledger for the root, its sub-calls and its children."""

from __future__ import annotations

from dataclasses import dataclass

from langchain_core.messages import AIMessage

from rlm_graph.errors import MaxSubCallsExceeded


@dataclass(frozen=True)
class Usage:
    """Tokens and money of one call of a model."""

    input_tokens: int = 0
    output_tokens: int = 0

    cost_usd: float | None = None
    """None where the price of the model is not known."""


@dataclass
class Ledger:
    """The run's totals. Changed by one event loop only, so nothing needs a lock."""

    max_sub_calls: int
    sub_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    cost_usd: float | None = 0.0
    """None from the first call on whose price is not known: a sum with an unknown part is unknown."""

    def reserve_sub_call(self) -> None:
        """Count a sub-call before it is made, so that a thousand at once cannot exceed the limit.

        Raises:
            MaxSubCallsExceeded: there are none left.
        """
        if self.sub_calls >= self.max_sub_calls:
            raise MaxSubCallsExceeded(self.sub_calls, self.max_sub_calls)
        self.sub_calls += 1

    def spend(self, usage: Usage) -> None:
        """Add what a call took."""
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        known = self.cost_usd is not None and usage.cost_usd is not None
        self.cost_usd = self.cost_usd + usage.cost_usd if known else None  # type: ignore[operator]


def usage_of(message: AIMessage, model_name: str) -> Usage:
    """Tokens that a reply reports, and their price by the genai-prices data that is installed."""
    tokens = message.usage_metadata
    if tokens is None:
        return Usage()
    counted = (tokens["input_tokens"], tokens["output_tokens"])
    return Usage(*counted, _price(*counted, str(message.response_metadata.get("model_name") or model_name)))


def _price(input_tokens: int, output_tokens: int, model_name: str) -> float | None:
    if not input_tokens and not output_tokens:
        return 0.0
    # Imported here: it reads its price list, which a run without a paid model does not need.
    import genai_prices

    usage = genai_prices.Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    try:
        return float(genai_prices.calc_price(usage, model_ref=model_name).total_price)
    except LookupError:
        return None
