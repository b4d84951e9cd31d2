"""What `doctor` shows: the layers that confine the REPL on this machine."""

from __future__ import annotations

import textwrap

from rlm_graph.cli.screen import Screen, printable, terminal_columns, write_answer, write_json
from rlm_graph.repl.confine.layer import LayerStatus
from rlm_graph.repl.confine.report import doctor as try_layers

UNCONFINED = 1

MIN_COLUMNS = 20
"""Columns that the last column needs beside the others; where there are fewer, it stands below them."""


def doctor(*, as_json: bool) -> int:
    """Print the table to stdout, and return 0 if all required layers are there."""
    layers = try_layers()
    missing = [layer.name for layer in layers if layer.required and not layer.is_available]
    if as_json:
        write_json({"is_confined": not missing, "layers": [layer._asdict() for layer in layers]})
    else:
        write_answer(table(layers, terminal_columns()))
    if not missing:
        return 0
    Screen().problem("error", f"this machine cannot confine the REPL: it lacks {', '.join(missing)}")
    return UNCONFINED


def table(layers: list[LayerStatus], columns: int | None = None) -> str:
    """One line for each layer: whether it is on, its name, what it does, and why it is not on.

    Args:
        layers: The layers.
        columns: Of the terminal, at which the last column is wrapped; None: it is not.
    """
    rows = [("state", "layer", "needed", "the process that runs the model's code ...")]
    for layer in layers:
        why = f"  [{printable(layer.why)}]" if layer.why else ""
        rows.append((layer.state, layer.name, "yes" if layer.required else "no", layer.does + why))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = []
    for row in rows:
        first = "".join(f"{cell.ljust(width)}  " for cell, width in zip(row[:3], widths, strict=True))
        if columns is None:
            lines.append(first + row[3])
        elif (left := columns - len(first)) >= MIN_COLUMNS:
            texts = textwrap.wrap(row[3], left)
            lines += [(" " * len(first) if number else first) + text for number, text in enumerate(texts)]
        else:
            lines += [first.rstrip(), *textwrap.indent(textwrap.fill(row[3], columns - 2), "  ").splitlines()]
    return "\n".join(lines)
