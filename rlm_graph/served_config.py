"""Settings of a graph that is served: those of a run, and what its caller may choose besides.

    create_rlm(..., config=ServedConfig(), offered_models={"small": "openai:gpt-4.1-mini"})

Studio draws a form of it. `langgraph_nodes` says at which node a field is edited, and `langgraph_type` that it is a
prompt.
"""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

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


__all__ = ["ServedConfig"]
