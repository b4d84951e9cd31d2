"""The settings: names, defaults, descriptions, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rlm_graph import ConfigError, RLMConfig, RLMError

DEFAULTS = {
    "max_iterations": 25,
    "max_sub_calls": 500,
    "max_recursion_depth": 1,
    "metadata_prefix_chars": 1000,
    "sub_call_max_input_chars": 500_000,
    "temperature": 0.6,
    "sub_temperature": 0.4,
    "root_max_tokens": 16384,
    "sub_max_tokens": 8192,
    "sandbox_timeout": 120,
    "verbose": False,
    "max_concurrency": 32,
    "call_timeout": 600,
}


def test_defaults_are_those_of_the_original_package() -> None:
    """Name by name, with ours behind them."""
    assert RLMConfig().model_dump() == DEFAULTS


def test_every_setting_has_a_sentence() -> None:
    """Studio and `--help` show it."""
    for name, field in RLMConfig.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"max_iterations": 0}, ["max_iterations", "0", "from 1 to 10000"]),
        ({"max_iterations": 2.5}, ["max_iterations", "2.5", "a whole number"]),
        ({"max_iterations": "many"}, ["max_iterations", "'many'", "a whole number"]),
        ({"max_sub_calls": -1}, ["max_sub_calls", "-1", "from 0"]),
        ({"temperature": 2.1}, ["temperature", "2.1", "from 0", "to 2"]),
        ({"temperature": math.nan}, ["temperature", "nan", "a number"]),
        ({"sandbox_timeout": 0}, ["sandbox_timeout", "0", "above 0"]),
        ({"sandbox_timeout": math.inf}, ["sandbox_timeout", "inf", "86400"]),
        ({"verbose": "yes"}, ["verbose", "'yes'", "true or false"]),
        ({"root_max_tokens": None}, ["root_max_tokens", "None", "a whole number"]),
        ({"max_iteration": 3}, ["max_iteration", "no such setting", "max_iterations"]),
        ({"max_iterations": 0, "verbose": 3}, ["max_iterations", "verbose"]),
    ],
)
def test_bad_values_are_refused_with_field_value_and_range(setting: dict[str, Any], words: list[str]) -> None:
    """When the config is made, in one line, as an error that is both ours and a ValueError."""
    with pytest.raises(ConfigError) as refused:
        RLMConfig(**setting)
    message = str(refused.value)
    assert all(word in message for word in words), message
    assert "\n" not in message
    assert isinstance(refused.value, RLMError)
    assert isinstance(refused.value, ValueError)


def test_a_config_does_not_change() -> None:
    """It can be shared between runs."""
    with pytest.raises(ValueError, match="frozen"):
        RLMConfig().max_iterations = 3  # type: ignore[misc]
