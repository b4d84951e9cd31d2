"""The settings of a run as options of a command.

They are written out here, although `RLMConfig` has them, because to import it (0.13 s) takes as long as all of
`rlm-graph --help`; a test compares the two. A value out of its range is refused by `RLMConfig`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from typer import Option

PANEL = "Settings of the run"


@dataclass(frozen=True)
class Setting:
    """One field of `RLMConfig`."""

    name: str
    default: int | float
    range: str
    """What its values are, in the words in which `RLMConfig` refuses others."""

    help: str


SETTINGS = (
    Setting(
        "max_iterations",
        25,
        "from 1 to 10,000",
        "Turns of the root model before it is asked for its best answer.",
    ),
    Setting(
        "max_sub_calls",
        500,
        "from 0 to 10,000,000",
        "Sub-calls of the whole run, batched ones counted one by one; 0 means none.",
    ),
    Setting(
        "max_recursion_depth",
        1,
        "from 1 to 16",
        "Depth of the tree of calls: 1 means that sub-calls are plain calls of the sub-model.",
    ),
    Setting(
        "max_concurrency",
        32,
        "from 1 to 4,096",
        "Sub-calls that are in flight at once.",
    ),
    Setting(
        "metadata_prefix_chars",
        1000,
        "from 1 to 1,000,000",
        "Characters of a cell's stdout that the root model is shown.",
    ),
    Setting(
        "sub_call_max_input_chars",
        500_000,
        "from 1 to 100,000,000",
        "Characters of the longest prompt that a sub-call may have.",
    ),
    Setting(
        "temperature",
        0.6,
        "from 0 to 2",
        "Sampling temperature of the root model; left out where a model refuses one.",
    ),
    Setting(
        "sub_temperature",
        0.4,
        "from 0 to 2",
        "Sampling temperature of the sub-model; left out where a model refuses one.",
    ),
    Setting(
        "root_max_tokens",
        16384,
        "from 1 to 10,000,000",
        "Output tokens of one turn of the root model.",
    ),
    Setting(
        "sub_max_tokens",
        8192,
        "from 1 to 10,000,000",
        "Output tokens of one sub-call.",
    ),
    Setting(
        "sandbox_timeout",
        120.0,
        "above 0 and up to 86,400",
        "Seconds that one cell may run; the clock stops while it waits for sub-calls.",
    ),
    Setting(
        "call_timeout",
        600.0,
        "above 0 and up to 86,400",
        "Seconds that one call of a model may take, its client's own retries counted in.",
    ),
)
"""All but `verbose`: the command line shows a run itself, instead of logging it."""


def settings_as_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command that takes `**settings` an option for each of them: `max_iterations` is `--max-iterations`."""
    signature = inspect.signature(command, eval_str=True)
    own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
    options = [
        inspect.Parameter(
            setting.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=setting.default,
            annotation=_option(setting),
        )
        for setting in SETTINGS
    ]
    # Typer reads a command's options from its signature and its annotations.
    command.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in (*own, *options)}
    return command


def _option(setting: Setting) -> Any:
    option = Option(help=f"{setting.help} A number {setting.range}.", metavar="N", rich_help_panel=PANEL)
    return Annotated[type(setting.default), option]
