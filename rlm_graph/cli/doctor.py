"""What `doctor` shows: the layers that confine the REPL on this machine."""

from __future__ import annotations

from rlm_graph.cli.screen import Screen, printable, write_answer, write_json
from rlm_graph.repl.confine.layer import LayerStatus
from rlm_graph.repl.confine.report import doctor as try_layers

UNCONFINED = 1


def doctor(*, as_json: bool) -> int:
    """Print the table to stdout, and return 0 if all required layers are there."""
    layers = try_layers()
    missing = [layer.name for layer in layers if layer.required and not layer.is_available]
    if as_json:
        write_json({"is_confined": not missing, "layers": [layer._asdict() for layer in layers]})
    else:
        write_answer(table(layers))
    if not missing:
        return 0
    Screen().problem("error", f"this machine cannot confine the REPL: it lacks {', '.join(missing)}")
    return UNCONFINED


def table(layers: list[LayerStatus]) -> str:
    """One line for each layer: whether it is on, its name, what it does, and why it is not on."""
    rows = [("state", "layer", "needed", "the process that runs the model's code ...")]
    for layer in layers:
        why = f"  [{printable(layer.why)}]" if layer.why else ""
        rows.append((layer.state, layer.name, "yes" if layer.required else "no", layer.does + why))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    )
