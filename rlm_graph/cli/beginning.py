"""How a run was begun: what has to be known to go on with it in another process, but for keys.

It stands in the journal, beside the run's name, from before the first request on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from rlm_graph.cli.model_choice import Choice
from rlm_graph.errors import ConfigError


@dataclass(frozen=True)
class Beginning:
    """See the module."""

    question: str

    context: str
    """The context's sha256 in the context store."""

    models: Choice

    settings: Mapping[str, Any]
    """All fields of `RLMConfig`: a default that changes in another version does not change the run."""

    sources: list[str] = field(default_factory=list)
    """What the context was loaded from, as the command line named it."""

    encoding: str | None = None

    schema: dict[str, Any] | None = None
    """The JSON Schema that the answer must fit; None: it may be any text."""

    def to_options(self) -> dict[str, Any]:
        """As JSON values for the journal."""
        return asdict(self)

    @classmethod
    def from_options(cls, run: str, options: Mapping[str, Any]) -> Beginning:
        """Read what `to_options` wrote.

        Raises:
            ConfigError: a program has begun the run, and not the command line.
        """
        if not {"question", "context", "models", "settings"} <= options.keys():
            raise ConfigError(
                f"run {run!r} was begun by a program, with models and a checkpointer of its own: go on with it there "
                f'(`rlm.invoke(None, {{"configurable": {{"thread_id": {run!r}}}}})`)'
            )
        known, of_models = ({field.name for field in fields(kind)} for kind in (cls, Choice))
        models = Choice(**{name: value for name, value in options["models"].items() if name in of_models})
        return cls(**{**{name: value for name, value in options.items() if name in known}, "models": models})
