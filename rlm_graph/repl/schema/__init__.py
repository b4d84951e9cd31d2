"""What a cell wants an answer to look like: as a JSON schema for the host, and as the value that the answer becomes.

Nothing here is believed by the host, which checks an answer against the schema by itself.
"""

from __future__ import annotations

from typing import Any

from rlm_graph.repl.schema.shapes import Definitions, Misfit, Shape
from rlm_graph.repl.schema.specs import shape_of

__all__ = ["Misfit", "Shape", "build", "json_schema", "shape_of", "written"]


def json_schema(spec: Any) -> dict[str, Any]:
    """The JSON schema of what a cell gave as a schema.

    Raises:
        TypeError: it is nothing that can be one; the message says what can.
    """
    return written(shape_of(spec))


def written(shape: Shape) -> dict[str, Any]:
    """The JSON schema of a shape."""
    definitions = Definitions()
    schema = shape.schema(definitions)
    return {**schema, "$defs": definitions.written} if definitions.written else schema


def build(spec: Any, value: Any) -> Any:
    """The value that `spec` describes, of the JSON value of an answer.

    Raises:
        Misfit: it is of another shape.
    """
    return shape_of(spec).build(value)
