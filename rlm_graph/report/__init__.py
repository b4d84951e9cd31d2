"""The report of a run: one page of HTML that needs nothing else, of a run that has ended or goes on.

from pathlib import Path

from rlm_graph.report import render
from rlm_graph.story import read_story

Path("run.html").write_text(render(read_story(rlm, "contracts")), encoding="utf-8")

rendering.py    render: a story as a page
live.py         the page of a run that goes on, and what it asks for again and again
chunks.py       sub-calls as columns of JSON, turn by turn, for the page's script
texts.py        texts as a page can show them: control characters visible, long ones cut, code highlighted
commands.py     how to go on with a run, and how to fork it
page/           templates (jinja2), style and scripts, which become part of the page
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlm_graph.report.live import Following, data, page
    from rlm_graph.report.rendering import render

__all__ = ["Following", "data", "page", "render"]

_MODULES = {"Following": "live", "data": "live", "page": "live", "render": "rendering"}


def __getattr__(name: str) -> Any:
    """Import the module that holds `name`."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
