"""What callers of a server may choose, as its operator says in the environment.

    RLM_GRAPH_MODELS      models that a caller may choose in place of the server's own, with commas between them
    RLM_GRAPH_SETTINGS    settings of a run that says nothing else, as JSON: {"max_iterations": 40}
    RLM_GRAPH_LIMITS      the most that a caller may ask for, as JSON: {"max_usd": 2, "max_iterations": 60}

They become the defaults and the bounds of the form that Studio draws, and a run that asks for more is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from annotated_types import Ge
from pydantic import Field, create_model

from rlm_graph.errors import ConfigError
from rlm_graph.served_config import ServedConfig

MODELS_VARIABLE: Final = "RLM_GRAPH_MODELS"
SETTINGS_VARIABLE: Final = "RLM_GRAPH_SETTINGS"
LIMITS_VARIABLE: Final = "RLM_GRAPH_LIMITS"

_UNLIMITED_AT_0 = ("max_input_tokens", "max_output_tokens", "max_usd", "max_seconds", "max_errors_in_a_row")


def offered_models() -> tuple[str, ...]:
    """The names in `RLM_GRAPH_MODELS`."""
    names = [name.strip() for name in os.environ.get(MODELS_VARIABLE, "").split(",")]
    return tuple(dict.fromkeys(name for name in names if name))


def served_config(offered: Sequence[str]) -> ServedConfig:
    """The settings of a run that chooses nothing; their type has the limits of what may be chosen.

    Args:
        offered: Models that may be chosen, by name.

    Raises:
        ConfigError: a variable holds something else than what it should.
    """
    settings, limits = _json(SETTINGS_VARIABLE), _json(LIMITS_VARIABLE)
    for variable, values in ((SETTINGS_VARIABLE, settings), (LIMITS_VARIABLE, limits)):
        try:
            ServedConfig(**values)
        except ConfigError as error:
            raise ConfigError(f"{variable}: {error}") from error
    for name in ("root_model", "sub_model"):
        _demand_offered(name, settings.get(name), offered)
    fields: dict[str, Any] = {name: _with_limit(name, most, settings) for name, most in limits.items()}
    kind = cast("type[ServedConfig]", create_model("ServedConfig", __base__=ServedConfig, **fields))
    return kind(**{name: value for name, value in settings.items() if name not in limits})


def _json(variable: str) -> dict[str, Any]:
    text = os.environ.get(variable, "").strip()
    try:
        values = json.loads(text) if text else {}
    except ValueError as error:
        raise ConfigError(f"{variable}: {text[:100]!r} is no JSON: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f'{variable}: {text[:100]!r} is not allowed: must be a JSON object such as {{"max_usd": 2}}')
    return values


def _with_limit(name: str, most: Any, settings: Mapping[str, Any]) -> tuple[Any, Any]:
    """A field whose values end at `most`; one in which 0 means no limit begins above it."""
    field = ServedConfig.model_fields[name]
    ends_at_0 = name in _UNLIMITED_AT_0
    if field.annotation not in (int, float) or (ends_at_0 and most == 0):
        raise ConfigError(f"{LIMITS_VARIABLE}: {name}: {most!r} is not allowed: must be the most of a number")
    default = settings.get(name, field.default)
    if default > most or (ends_at_0 and default == 0):
        default = most
    lowest = next((bound.ge for bound in field.metadata if isinstance(bound, Ge)), None)
    bounds: dict[str, Any] = {"gt": 0} if ends_at_0 or lowest is None else {"ge": lowest}
    return field.annotation, Field(default, le=most, description=field.description, **bounds)


def _demand_offered(name: str, chosen: Any, offered: Sequence[str]) -> None:
    if chosen and chosen not in offered:
        raise ConfigError(
            f"{SETTINGS_VARIABLE}: {name}: {chosen!r} is not allowed: must be one of {MODELS_VARIABLE}, which are "
            f"{', '.join(offered) or 'none'}"
        )


__all__ = ["offered_models", "served_config"]
