"""What a context is, how it is loaded, and the content-addressed store that keeps it.

A context is text (``str``, ``list[str]``), JSON-like data (``dict``, ``list``) or documents. It is put into a
:class:`ContextStore` once, and from then on it is a :class:`ContextRef`: small, safe in a checkpoint, and
enough for the REPL's process to load the value itself (``materialize.load``).

Names are imported when they are first used: the REPL's process imports this package for ``Document`` and
``materialize`` only, and must not pay for fsspec.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlm_graph.context.document import Document
    from rlm_graph.context.home import Home, default_home, home_store
    from rlm_graph.context.load import load_context
    from rlm_graph.context.ref import ContextRef
    from rlm_graph.context.store import ContextStore, process_store
    from rlm_graph.context.sweep import Pile, Swept

__all__ = [
    "ContextRef",
    "ContextStore",
    "Document",
    "Home",
    "Pile",
    "Swept",
    "default_home",
    "home_store",
    "load_context",
    "process_store",
]

_MODULES = {
    "ContextRef": "ref",
    "ContextStore": "store",
    "Document": "document",
    "Home": "home",
    "Pile": "sweep",
    "Swept": "sweep",
    "default_home": "home",
    "home_store": "home",
    "load_context": "load",
    "process_store": "store",
}


def __getattr__(name: str) -> Any:
    """Import the module that holds `name`."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
