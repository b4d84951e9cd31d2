"""The settings of a run: plain values that Studio can show, a file can hold and a test can compare."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rlm_graph.errors import ConfigError

MAX_RECURSION_DEPTH = 16
"""Levels that the tree of calls can have."""


class RLMConfig(BaseModel):
    """Settings of one run. A bad value, or an unknown name, is refused with a ConfigError when one is made."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    max_iterations: int = Field(25, ge=1, le=10_000)
    """Turns of the root model before it is asked for its best answer."""

    max_sub_calls: int = Field(500, ge=0, le=10_000_000)
    """Sub-calls of the whole run, batched ones counted one by one, retries too; 0 means none."""

    max_recursion_depth: int = Field(1, ge=1, le=MAX_RECURSION_DEPTH)
    """Depth of the tree of calls: 1 means that sub-calls are plain calls of the sub-model."""

    max_input_tokens: int = Field(0, ge=0, le=1_000_000_000_000)
    """Input tokens of the whole run; 0 means no limit."""

    max_output_tokens: int = Field(0, ge=0, le=1_000_000_000_000)
    """Output tokens of the whole run; 0 means no limit."""

    max_usd: float = Field(0, ge=0, le=1_000_000)
    """Price of the whole run in US dollars; 0 means no limit. Every model's price must be known."""

    max_seconds: float = Field(0, ge=0, le=31_536_000)
    """Seconds that the whole run may work, pauses not counted; 0 means no limit."""

    max_errors_in_a_row: int = Field(0, ge=0, le=10_000)
    """Turns whose code failed, one after the other, before the last question; 0 means no limit."""

    max_concurrency: int = Field(32, ge=1, le=4096)
    """Calls of models that are in flight at once, in the whole tree of calls."""

    max_retries: int = Field(2, ge=0, le=100)
    """Times that one call is asked again after a failure that may pass (HTTP 429, 5xx, no connection)."""

    run_ahead: bool = True
    """Start the sub-calls of a loop before the loop reaches them, where they are certain to be made."""

    metadata_prefix_chars: int = Field(1000, ge=1, le=1_000_000)
    """Characters of a cell's stdout that the root model is shown."""

    sub_call_max_input_chars: int = Field(500_000, ge=1, le=100_000_000)
    """Characters of the longest prompt that a sub-call may have."""

    direct_below_chars: int = Field(0, ge=0, le=10_000_000)
    """A context of fewer characters is answered in one call, without a REPL; 0 means never."""

    temperature: float = Field(0.6, ge=0, le=2)
    """Sampling temperature of the root model; left out where a model refuses one."""

    sub_temperature: float = Field(0.4, ge=0, le=2)
    """Sampling temperature of the sub-model; left out where a model refuses one."""

    root_max_tokens: int = Field(16384, ge=1, le=10_000_000)
    """Output tokens of one turn of the root model."""

    sub_max_tokens: int = Field(8192, ge=1, le=10_000_000)
    """Output tokens of one sub-call."""

    root_window_tokens: int = Field(0, ge=0, le=1_000_000_000)
    """Tokens that the root model can read; near them its history is compacted. 0: as the model's profile says."""

    profile: str = "auto"
    """Prompt profile: its name, or "auto": the one for the root model's family."""

    sub_tool_rounds: int = Field(8, ge=1, le=1000)
    """Turns in which the sub-model may use its tools, in one sub-call."""

    cache: Literal["off", "run", "shared"] = "off"
    """Answers of the same question to the same model: "off": each is asked; "run": reused within the run; "shared":
    across runs too, where the model's temperature is 0."""

    cache_sampled: bool = False
    """Let a shared cache give answers that were sampled (temperature above 0) too."""

    approve_cells: bool = False
    """Interrupt before each reply's code runs: a person approves, edits or rejects it."""

    approve_above_usd: float = Field(0, ge=0, le=1_000_000)
    """Interrupt before the run costs more than this: a person approves more, or not; 0 means never."""

    ask_user: bool = False
    """Give the code `ask_user(question)`, which interrupts the run until a person answers."""

    citations: bool = False
    """Ask for evidence with the answer: exact quotations, which are looked up in the context; the result has where."""

    sandbox_timeout: float = Field(120, gt=0, le=86_400)
    """Seconds that one cell may run; the clock stops while it waits for sub-calls."""

    call_timeout: float = Field(600, gt=0, le=86_400)
    """Seconds that one call of a model may take, its retries counted in."""

    verbose: bool = False
    """Log each iteration, cell and sub-call at INFO level; False logs them at DEBUG."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(_sentence(error, type(self))) from error


def _sentence(error: ValidationError, owner: type[RLMConfig]) -> str:
    """One line for a person: `max_iterations: 0 is not allowed: must be from 1 to 10000`."""
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"]) or "config"
        field = owner.model_fields.get(name)
        if problem["type"] == "extra_forbidden":
            lines.append(f"{name}: no such setting; there are {', '.join(owner.model_fields)}")
        elif field is None:
            lines.append(f"{name}: {problem['msg']}")
        else:
            lines.append(f"{name}: {repr(problem['input'])[:100]} is not allowed: must be {_range(name, owner)}")
    return "; ".join(lines)


def _range(name: str, owner: type[RLMConfig]) -> str:
    """What a field takes, in words: `a whole number from 1 to 10000`."""
    schema = owner.model_json_schema()["properties"][name]
    if "enum" in schema:
        return " or ".join(f'"{value}"' for value in schema["enum"])
    if schema["type"] == "boolean":
        return "true or false"
    if schema["type"] == "string":
        return f"a text of at most {schema['maxLength']} characters" if "maxLength" in schema else "a text"
    kind = "a whole number" if schema["type"] == "integer" else "a number"
    low = f"above {schema['exclusiveMinimum']}" if "exclusiveMinimum" in schema else f"from {schema['minimum']}"
    joint = " and up to" if "exclusiveMinimum" in schema else " to"
    return f"{kind} {low}{joint} {schema['maximum']}"
