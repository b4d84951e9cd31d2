"""What tokens cost: the caller's own prices, else those of the genai-prices data that is installed. No network."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Protocol

from rlm_graph.errors import ConfigError


class Tariff(Protocol):
    """What the tokens of one model cost."""

    def of(
        self, input_tokens: int, output_tokens: int, *, cache_read_tokens: int = 0, cache_write_tokens: int = 0
    ) -> float | None:
        """The price in US dollars; None where it cannot be said.

        Args:
            input_tokens: All tokens of the input, those that the provider had cached among them.
            output_tokens: All tokens of the output, those of the reasoning among them.
            cache_read_tokens: Input that the provider had in its prompt cache.
            cache_write_tokens: Input that it has put there.
        """


@dataclass(frozen=True)
class Price:
    """A caller's own price of a model.

    Raises:
        ConfigError: a price is negative or no number.
    """

    input_usd_per_mtok: float
    """US dollars for a million tokens of input; input from the provider's prompt cache costs the same."""

    output_usd_per_mtok: float
    """US dollars for a million tokens of output."""

    def __post_init__(self) -> None:
        for name in ("input_usd_per_mtok", "output_usd_per_mtok"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ConfigError(f"{name}: {value!r} is not allowed: must be a number of US dollars from 0")

    def of(
        self,
        input_tokens: int,
        output_tokens: int,
        *,
        cache_read_tokens: int = 0,  # noqa: ARG002 - as in Tariff
        cache_write_tokens: int = 0,  # noqa: ARG002 - as in Tariff
    ) -> float:
        """The price of so many tokens in US dollars."""
        return (input_tokens * self.input_usd_per_mtok + output_tokens * self.output_usd_per_mtok) / 1e6


@dataclass(frozen=True)
class _ListPrice:
    """The price that genai-prices has for a model; some depend on the size of the input."""

    model_name: str

    def of(
        self, input_tokens: int, output_tokens: int, *, cache_read_tokens: int = 0, cache_write_tokens: int = 0
    ) -> float | None:
        rates = None if cache_read_tokens or cache_write_tokens else _rates(self.model_name, _quarter_of_an_hour())
        if rates is not None:
            return float((input_tokens * rates[0] + output_tokens * rates[1]) / 1_000_000)
        listed = _price_list()
        usage = listed.Usage(
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cache_read_tokens=cache_read_tokens,
            cache_write_tokens=cache_write_tokens,
        )
        try:
            return float(listed.calc_price(usage, model_ref=self.model_name).total_price)
        except (LookupError, ValueError):  # no such model; more tokens from the cache than tokens
            return None


def price_of(model_name: str, prices: Mapping[str, Price] | None = None) -> Tariff | None:
    """What a model costs; None where that is not known, which is not the same as 0.

    Args:
        model_name: As the model is asked for: `gpt-4.1`.
        prices: The caller's own, by that name. They go before those of genai-prices.
    """
    own = (prices or {}).get(model_name)
    if own is not None:
        return own
    return _listed(model_name, _quarter_of_an_hour())


@lru_cache(maxsize=1000)
def _listed(model_name: str, quarter: int) -> _ListPrice | None:  # noqa: ARG001 - what is found is good for so long
    # Google's clients say `models/gemini-2.5-flash`, gateways `openai/gpt-4.1`.
    for name in dict.fromkeys((model_name, model_name.rpartition("/")[2])):
        listed = _ListPrice(name)
        if name and listed.of(1, 1) is not None:
            return listed
    return None


@lru_cache(maxsize=1000)
def _rates(model_name: str, quarter: int) -> tuple[Decimal, Decimal] | None:  # noqa: ARG001 - they are good for so long
    """US dollars for a million tokens of input and output; None where there is more to the price than these two.

    To ask genai-prices takes 0.5 ms, which is more than all else of a sub-call.
    """
    listed = _price_list()
    try:
        few, many = (
            listed.calc_price(listed.Usage(input_tokens=n, output_tokens=2 * n), model_ref=model_name) for n in (1, 997)
        )
    except (LookupError, ValueError):
        return None
    of_input, of_output = (getattr(few.model_price, name, None) for name in ("input_mtok", "output_mtok"))
    if not (isinstance(of_input, Decimal) and isinstance(of_output, Decimal)):  # in tiers
        return None
    one = (of_input + 2 * of_output) / 1_000_000
    return (of_input, of_output) if few.total_price == one and many.total_price == 997 * one else None


def _quarter_of_an_hour() -> int:
    """Which one it is: some prices depend on the time of the day."""
    return int(time.time() // 900)


async def load_price_list() -> None:
    """Read the price list in a thread, if it was not read yet: a server reads no files in its event loop."""
    if not _price_list.cache_info().currsize:
        await asyncio.to_thread(_price_list)


@cache
def _price_list() -> Any:
    """genai-prices, its data read. Imported here: `import rlm_graph` is not to wait for it."""
    import genai_prices

    genai_prices.calc_price(genai_prices.Usage(input_tokens=1), model_ref="gpt-4.1")
    return genai_prices
