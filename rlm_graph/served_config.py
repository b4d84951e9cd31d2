"""Settings of a graph that is served: those of a run, and what its caller may choose besides.

    create_rlm(..., config=ServedConfig(), offered_models={"small": "openai:gpt-4.1-mini"})

Studio draws a form of them. `langgraph_nodes` says at which node a field is edited, `langgraph_type` that it is a
prompt, and `__template_metadata__` that it is a model.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

from pydantic import ConfigDict, Field, create_model
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from rlm_graph.config import RLMConfig

_NODES = {
    "generate_code": (
        *("root_model", "instructions", "profile", "temperature", "root_max_tokens", "root_window_tokens"),
        *("max_iterations", "direct_below_chars"),
    ),
    "execute_repl": (
        *("sub_model", "sub_temperature", "sub_max_tokens", "sub_call_max_input_chars", "sub_tool_rounds"),
        *("max_sub_calls", "max_recursion_depth", "max_concurrency", "run_ahead", "sandbox_timeout"),
        *("approve_cells", "ask_user"),
    ),
    "truncate_observation": ("metadata_prefix_chars", "max_errors_in_a_row"),
}

_MODEL: Final[JsonDict] = {"__template_metadata__": {"kind": "llm"}}
"""Marks a field as a model, as the templates of Studio do."""


def _at_nodes(schema: dict[str, Any]) -> None:
    for node, names in _NODES.items():
        for name in names:
            schema["properties"][name]["langgraph_nodes"] = [node]


class ServedConfig(RLMConfig):
    """Settings of one run of a graph that is served."""

    model_config = ConfigDict(json_schema_extra=_at_nodes)

    root_model: str = ""
    """The root model, one of those that the server offers; empty: the server's own."""

    sub_model: str = ""
    """The model that sub-calls ask, one of those that the server offers; empty: the server's own."""

    instructions: str = Field("", max_length=20_000, json_schema_extra={"langgraph_type": "prompt"})
    """What the root model is told beside its own prompt: about the domain, the language, the form of answers."""


def form_of(config: RLMConfig, offered: Iterable[str] = ()) -> type[RLMConfig]:
    """The type that a run's settings are read with, as a form shows it.

    Its defaults are the graph's own settings, since a form sends back what it has shown: a limit that it showed as
    absent would be lifted by whoever saves it.

    Args:
        config: The graph's own settings.
        offered: Names of the models that a `ServedConfig` lets callers choose.
    """
    kind, models = type(config), tuple(offered) if isinstance(config, ServedConfig) else ()
    fields: dict[str, Any] = {
        name: (field.annotation, FieldInfo.merge_field_infos(field, default=getattr(config, name)))
        for name, field in kind.model_fields.items()
        if getattr(config, name) != field.default
    }
    if models:
        choice: Any = Literal[("", *models)]
        for name in ("root_model", "sub_model"):
            told = kind.model_fields[name].description
            fields[name] = (choice, Field(getattr(config, name), description=told, json_schema_extra=_MODEL))
    return create_model(kind.__name__, __base__=kind, __module__=kind.__module__, **fields) if fields else kind


__all__ = ["ServedConfig", "form_of"]
