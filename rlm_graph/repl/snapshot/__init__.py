"""Snapshots of a REPL: what it holds between two cells, as bytes that only a worker makes and reads.

packing     numbers, texts and columns as bytes; `SnapshotError`
cells       where a function's code is, in which cell
context     parts of the context, by their place in it
hosts       what the host gives, by name
kinds       how functions, dates, patterns, iterators... are taken apart and made again
classes     the same for classes and instances
walk        a value as columns of bytes, and whether it has changed since
build       values from those bytes
snapshots   the namespace: `Snapshots`
"""

from __future__ import annotations

from rlm_graph.repl.snapshot.context import ContextIndex
from rlm_graph.repl.snapshot.hosts import Hosts
from rlm_graph.repl.snapshot.packing import SnapshotError
from rlm_graph.repl.snapshot.snapshots import Loaded, Saved, Snapshots

__all__ = ["ContextIndex", "Hosts", "Loaded", "Saved", "SnapshotError", "Snapshots"]
