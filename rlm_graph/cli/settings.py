"""The settings of a run as options of a command.

They are written out here, although `RLMConfig` has them, because to import it (0.13 s) takes as long as all of
`rlm-graph --help`; a test compares the two. A value out of its range is refused by `RLMConfig`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from typer import Option

PANEL, SWITCHES = "Settings of the run", "Switches of the run"

Value = bool | int | float | str


@dataclass(frozen=True)
class Setting:
    """One field of `RLMConfig`."""

    name: str
    default: Value

    range: str
    """What its values are, in the words in which `RLMConfig` refuses others."""

    help: str

    choices: tuple[str, ...] = ()
    """Its values, where there are only a few."""


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
        "Sub-calls of the whole run, batched ones counted one by one, retries too; 0 means none.",
    ),
    Setting(
        "max_recursion_depth",
        1,
        "from 1 to 16",
        "Depth of the tree of calls: 1 means that sub-calls are plain calls of the sub-model.",
    ),
    Setting(
        "max_input_tokens",
        0,
        "from 0 to 1,000,000,000,000",
        "Input tokens of the whole run; 0 means no limit.",
    ),
    Setting(
        "max_output_tokens",
        0,
        "from 0 to 1,000,000,000,000",
        "Output tokens of the whole run; 0 means no limit.",
    ),
    Setting(
        "max_usd",
        0.0,
        "from 0 to 1,000,000",
        "Price of the whole run in US dollars; 0 means no limit. Every model's price must be known.",
    ),
    Setting(
        "max_seconds",
        0.0,
        "from 0 to 31,536,000",
        "Seconds that the whole run may work, pauses not counted; 0 means no limit.",
    ),
    Setting(
        "max_errors_in_a_row",
        0,
        "from 0 to 10,000",
        "Turns whose code failed, one after the other, before the last question; 0 means no limit.",
    ),
    Setting(
        "max_concurrency",
        32,
        "from 1 to 4,096",
        "Calls of models that are in flight at once, in the whole tree of calls.",
    ),
    Setting(
        "max_retries",
        2,
        "from 0 to 100",
        "Times that one call is asked again after a failure that may pass (HTTP 429, 5xx, no connection).",
    ),
    Setting(
        "run_ahead",
        True,
        "true or false",
        "Start the sub-calls of a loop before the loop reaches them, where they are certain to be made.",
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
        "direct_below_chars",
        0,
        "from 0 to 10,000,000",
        "A context of fewer characters is answered in one call, without a REPL; 0 means never.",
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
        "root_window_tokens",
        0,
        "from 0 to 1,000,000,000",
        "Tokens that the root model can read; near them its history is compacted. 0: as the model's profile says.",
    ),
    Setting(
        "profile",
        "auto",
        "a text",
        'Prompt profile: its name, or "auto": the one for the root model\'s family.',
    ),
    Setting(
        "sub_tool_rounds",
        8,
        "from 1 to 1,000",
        "Turns in which the sub-model may use its tools, in one sub-call.",
    ),
    Setting(
        "cache",
        "off",
        '"off" or "run" or "shared"',
        'Answers of the same question to the same model: "off": each is asked; "run": reused within the run; '
        '"shared": across runs too, where the model\'s temperature is 0.',
        ("off", "run", "shared"),
    ),
    Setting(
        "cache_sampled",
        False,
        "true or false",
        "Let a shared cache give answers that were sampled (temperature above 0) too.",
    ),
    Setting(
        "approve_cells",
        False,
        "true or false",
        "Interrupt before each reply's code runs: a person approves, edits or rejects it.",
    ),
    Setting(
        "approve_above_usd",
        0.0,
        "from 0 to 1,000,000",
        "Interrupt before the run costs more than this: a person approves more, or not; 0 means never.",
    ),
    Setting(
        "ask_user",
        False,
        "true or false",
        "Give the code `ask_user(question)`, which interrupts the run until a person answers.",
    ),
    Setting(
        "citations",
        False,
        "true or false",
        "Ask for evidence with the answer: exact quotations, which are looked up in the context; the result has where.",
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
        "Seconds that one call of a model may take, its retries counted in.",
    ),
)
"""All but `verbose`: the command line shows a run itself, instead of logging it."""


def settings_as_options(*, with_defaults: bool) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command that takes `**settings` an option for each of them: `max_iterations` is `--max-iterations`.

    Args:
        with_defaults: Whether an option that is not given has its default; else it is None: as it was before.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        signature = inspect.signature(command, eval_str=True)
        own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        options = [
            inspect.Parameter(
                setting.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=setting.default if with_defaults else None,
                annotation=_option(setting, is_optional=not with_defaults),
            )
            for setting in SETTINGS
        ]
        # Typer reads a command's options from its signature and its annotations.
        command.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in (*own, *options)}
        return command

    return decorate


def changed(settings: Mapping[str, Value]) -> dict[str, Value]:
    """Those that are not as they are by default."""
    defaults = {setting.name: setting.default for setting in SETTINGS}
    return {name: value for name, value in settings.items() if value != defaults[name]}


def as_words(settings: Mapping[str, Value]) -> list[str]:
    """Settings as words of a command line."""
    words = []
    for name, value in settings.items():
        option = name.replace("_", "-")
        words += [f"--{'' if value else 'no-'}{option}"] if isinstance(value, bool) else [f"--{option}", f"{value}"]
    return words


def _option(setting: Setting, *, is_optional: bool) -> Any:
    kind: Any = Literal[setting.choices] if setting.choices else type(setting.default)
    if is_optional:
        kind = kind | None
    name, text = setting.name.replace("_", "-"), setting.help
    if isinstance(setting.default, bool):
        return Annotated[kind, Option(f"--{name}/--no-{name}", help=text, rich_help_panel=SWITCHES)]
    if isinstance(setting.default, str):
        return Annotated[kind, Option(help=text, metavar="NAME", rich_help_panel=PANEL)]
    return Annotated[kind, Option(help=f"{text} A number {setting.range}.", metavar="N", rich_help_panel=PANEL)]
