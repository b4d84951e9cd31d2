"""Prices: the caller's own, the list's, and none."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rlm_graph.errors import ConfigError
from rlm_graph.prices import Price, price_of


def test_the_callers_own_price_goes_before_the_list() -> None:
    """A million tokens of input and half a million of output, at the price that was given."""
    own = {"gpt-4.1": Price(3, 10.5)}
    assert price_of("gpt-4.1", own).of(1_000_000, 500_000) == 8.25  # type: ignore[union-attr]
    assert price_of("gpt-4.1").of(1_000_000, 500_000) == 6.0  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["gpt-4.1", "gpt-4.1-2025-04-14", "openai/gpt-4.1", "models/gemini-2.5-flash"])
def test_a_model_is_found_under_each_of_its_names(name: str) -> None:
    """A dated version, and the prefixes that gateways and Google's client use."""
    price = price_of(name)
    assert price is not None
    assert price.of(1000, 1000) > 0  # type: ignore[operator]


@pytest.mark.parametrize("name", ["", "root", "my-own-model", "my/own-model"])
def test_an_unknown_price_is_none(name: str) -> None:
    """And never 0."""
    assert price_of(name, {"other": Price(1, 1)}) is None


def test_input_from_the_providers_cache_costs_what_the_list_says() -> None:
    """OpenAI charges a quarter for it; an own price knows no difference."""
    listed, own = price_of("gpt-4.1"), Price(2, 8)
    assert listed.of(1_000_000, 0, cache_read_tokens=1_000_000) == 0.5  # type: ignore[union-attr]
    assert own.of(1_000_000, 0, cache_read_tokens=1_000_000) == 2.0


def test_a_count_that_cannot_be_has_no_price() -> None:
    """More tokens from the cache than tokens: not known, instead of an error at the end of a paid call."""
    assert price_of("gpt-4.1").of(10, 10, cache_read_tokens=50) is None  # type: ignore[union-attr]


@pytest.mark.parametrize("bad", [-1, math.nan, math.inf, "2", True, None])
def test_a_price_that_is_none_is_refused(bad: Any) -> None:
    """The error names the field and the value."""
    with pytest.raises(ConfigError, match=r"output_usd_per_mtok: .* is not allowed"):
        Price(1, bad)
