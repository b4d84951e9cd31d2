"""Prompt profiles: what the root prompt says to one family of root models beyond what it says to all.

A profile is data. Those that are shipped stand in `profiles.toml`, each element with what it was measured on; a user's
own is a file of the same form (`load_profile`) or a `Profile`. Here are also the numbers of the advice on batching,
which follow from the sub-model's real window.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from rlm_graph.errors import ConfigError

AUTO = "auto"
"""In the place of a profile's name: the one for the root model's family."""

CHARS_PER_TOKEN = 3
"""Characters of text that one token stands for, at the least: 4 in English prose, about 3 in code and tables."""

MAX_CHARS_PER_CALL = 200_000
"""Characters that a prompt is advised to have, at the most: the paper's figure. More is read less carefully."""

TOKENS_PER_LABEL = 40
"""Output tokens that one item's line in a sub-model's answer may take, with a margin."""

MAX_ITEMS_PER_CALL = 100
"""Items that a prompt is advised to have, at the most."""

_Text = Annotated[str, StringConstraints(min_length=1)]


class Profile(BaseModel):
    """What the root prompt says to one family of root models. A bad value or an unknown key is a ConfigError."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)

    name: _Text
    """Its name, as a run's result tells it."""

    matches: Annotated[tuple[_Text, ...], Field(strict=False)] = ()
    """Patterns of the names of the root models that it is for (`*qwen*`), in any case."""

    note: str = ""
    """A sentence or two of advice. `{items}` and `{chars}` in it stand for the run's numbers for one sub-call."""

    examples: Annotated[tuple[_Text, ...], Field(strict=False)] = ()
    """Worked examples, added to the one that every model gets; `{items}` and `{chars}` as in the note. One that uses a
    function which the run does not have (`llm_query`, `rlm_query`, `ask_user`) is left out; so is such a note."""

    chars_per_call: int | None = Field(None, ge=1, le=100_000_000)
    """Characters that a sub-call's prompt is advised to have. None: computed from the sub-model's window."""

    items_per_call: int | None = Field(None, ge=1, le=1_000_000)
    """Items that one sub-call is advised to label. None: computed from the length of the sub-model's answers."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(f"profile {values.get('name', '')!r}: {_sentence(error)}") from error


def _sentence(error: ValidationError) -> str:
    """One line for a person: `chars_per_call: 0 is not allowed: Input should be greater than or equal to 1`."""
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"{key}: no such key; there are {', '.join(Profile.model_fields)}")
        elif problem["type"] == "missing":
            lines.append(f"{key}: missing")
        else:
            lines.append(f"{key}: {str(problem['input'])[:80]!r} is not allowed: {problem['msg']}")
    return "; ".join(lines)


def load_profile(path: str | Path) -> Profile:
    """A profile of one's own, from a TOML file whose keys are the fields of `Profile`.

    Raises:
        ConfigError: the file cannot be read, is no TOML, or has an unknown key or a bad value.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"profile {str(path)!r} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # no UTF-8, or no TOML
        raise ConfigError(f"profile {str(path)!r} is no TOML file: {error}") from error
    try:
        return Profile(**values)
    except ConfigError as error:
        raise ConfigError(f"{error} (in {str(path)!r})") from error


def _shipped() -> dict[str, Profile]:
    """The profiles of `profiles.toml`, in their order."""
    text = resources.files("rlm_graph").joinpath("profiles.toml").read_text(encoding="utf-8")
    return {values["name"]: Profile(**values) for values in tomllib.loads(text)["profile"]}


# Read on import, not at first use: that is in an async node, where `langgraph dev` refuses to open files.
SHIPPED = _shipped()
"""The profiles that are shipped, by name."""

DEFAULT = SHIPPED["default"]
"""The profile of the root models that no other one matches."""


def choose(profile: str | Profile | None, root_name: str) -> Profile:
    """The profile of a run.

    Args:
        profile: A profile, the name of a shipped one, or None or "auto" for the first whose pattern matches.
        root_name: What the root model calls itself.

    Raises:
        ConfigError: there is no profile of that name.
    """
    if isinstance(profile, Profile):
        return profile
    if profile is None or profile == AUTO:
        return next((one for one in SHIPPED.values() if _is_for(one, root_name)), DEFAULT)
    if profile not in SHIPPED:
        raise ConfigError(
            f"profile: there is no {profile!r}; there are {', '.join([AUTO, *SHIPPED])}; "
            f"one of your own comes in as an object: load_profile(path)"
        )
    return SHIPPED[profile]


def _is_for(profile: Profile, root_name: str) -> bool:
    return any(fnmatchcase(root_name.lower(), pattern.lower()) for pattern in profile.matches)


@dataclass(frozen=True)
class BatchAdvice:
    """How much one sub-call takes."""

    max_chars: int
    """Characters of the longest prompt."""

    chars: int
    """Characters that a prompt to be read or searched is advised to have."""

    items: int
    """Items that one prompt is advised to have labelled."""


def batch_advice(
    window_tokens: int | None, max_input_chars: int, max_output_tokens: int, *, profile: Profile = DEFAULT
) -> BatchAdvice:
    """How much one sub-call takes, and how much of that is advised.

    Args:
        window_tokens: Tokens that the sub-model reads and writes in one call; None if that is not known.
        max_input_chars: Characters of the longest prompt that the run allows.
        max_output_tokens: Output tokens of one sub-call.
        profile: Its own numbers come first.
    """
    longest = max_input_chars
    share = 0.9  # room for the task beside the text
    if window_tokens is not None:
        # A small window cannot give all of its tokens to the answer, whatever the setting says.
        max_output_tokens = min(max_output_tokens, window_tokens // 2)
        in_window = CHARS_PER_TOKEN * (window_tokens - max_output_tokens)
        if in_window < longest:
            longest, share = (
                _round(in_window),
                0.5,
            )  # what a token stands for is a guess, and a full window is read badly
    chars = min(profile.chars_per_call or MAX_CHARS_PER_CALL, int(longest * share))
    items = profile.items_per_call or min(MAX_ITEMS_PER_CALL, max_output_tokens // TOKENS_PER_LABEL)
    return BatchAdvice(max(1, longest), max(1, _round(chars)), max(1, items))


def _round(number: int) -> int:
    """Down to two digits and zeros: it is advice."""
    unit: int = 10 ** max(0, len(str(number)) - 2)
    return number // unit * unit
