"""The settings of a run: plain values that Studio can show, a file can hold and a test can compare."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rlm_graph.errors import ConfigError


class RLMConfig(BaseModel):
    """Settings of one run. A bad value, or an unknown name, is refused with a ConfigError when one is made."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    max_iterations: int = Field(25, ge=1, le=10_000)
    """Turns of the root model before it is asked for its best answer."""

    max_sub_calls: int = Field(500, ge=0, le=10_000_000)
    """Sub-calls of the whole run, batched ones counted one by one; 0 means none."""

    max_recursion_depth: int = Field(1, ge=1, le=16)
    """Depth of the tree of calls: 1 means that sub-calls are plain calls of the sub-model."""

    max_concurrency: int = Field(32, ge=1, le=4096)
    """Sub-calls that are in flight at once."""

    metadata_prefix_chars: int = Field(1000, ge=1, le=1_000_000)
    """Characters of a cell's stdout that the root model is shown."""

    sub_call_max_input_chars: int = Field(500_000, ge=1, le=100_000_000)
    """Characters of the longest prompt that a sub-call may have."""

    temperature: float = Field(0.6, ge=0, le=2)
    """Sampling temperature of the root model; left out where a model refuses one."""

    sub_temperature: float = Field(0.4, ge=0, le=2)
    """Sampling temperature of the sub-model; left out where a model refuses one."""

    root_max_tokens: int = Field(16384, ge=1, le=10_000_000)
    """Output tokens of one turn of the root model."""

    sub_max_tokens: int = Field(8192, ge=1, le=10_000_000)
    """Output tokens of one sub-call."""

    sandbox_timeout: float = Field(120, gt=0, le=86_400)
    """Seconds that one cell may run; the clock stops while it waits for sub-calls."""

    call_timeout: float = Field(600, gt=0, le=86_400)
    """Seconds that one call of a model may take, its client's own retries counted in."""

    verbose: bool = False
    """Log each iteration, cell and sub-call at INFO level; False logs them at DEBUG."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(_sentence(error)) from error


def _sentence(error: ValidationError) -> str:
    """One line for a person: `max_iterations: 0 is not allowed: must be from 1 to 10000`."""
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"]) or "config"
        field = RLMConfig.model_fields.get(name)
        if problem["type"] == "extra_forbidden":
            lines.append(f"{name}: no such setting; there are {', '.join(RLMConfig.model_fields)}")
        elif field is None:
            lines.append(f"{name}: {problem['msg']}")
        else:
            lines.append(f"{name}: {problem['input']!r} is not allowed: must be {_range(name)}")
    return "; ".join(lines)


def _range(name: str) -> str:
    """What a field takes, in words: `a whole number from 1 to 10000`."""
    schema = RLMConfig.model_json_schema()["properties"][name]
    if schema["type"] == "boolean":
        return "true or false"
    kind = "a whole number" if schema["type"] == "integer" else "a number"
    low = f"above {schema['exclusiveMinimum']}" if "exclusiveMinimum" in schema else f"from {schema['minimum']}"
    joint = " and up to" if "exclusiveMinimum" in schema else " to"
    return f"{kind} {low}{joint} {schema['maximum']}"
