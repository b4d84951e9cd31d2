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
}


def test_defaults_are_those_of_the_original_package() -> None:
    """Name by name."""
    assert RLMConfig().model_dump(include=set(DEFAULTS)) == DEFAULTS


def test_nothing_that_is_ours_is_on_by_default_that_limits_or_waits() -> None:
    """A run of the original package runs as it did: no further budget, nobody is asked, nothing is reused."""
    ours = RLMConfig().model_dump(exclude=set(DEFAULTS))
    working = {"max_concurrency": 32, "max_retries": 2, "run_ahead": True, "call_timeout": 600, "profile": "auto"}
    rest = {name: value for name, value in ours.items() if name not in {*working, "sub_tool_rounds", "cache"}}
    assert {name: ours[name] for name in working} == working
    assert not any(rest.values())
    assert ours["cache"] == "off"


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
