"""The second layer: what the process that runs the model's code may do, whatever the code is.

The policy (`policy.py`) is the first layer and may fall. So this one assumes that the worker runs hostile machine
code, and lets the kernel refuse what it must not do. It is applied between the fork of a worker and its first cell,
in about a millisecond, and cannot be undone by the worker.

    allowed.py          the system calls that a worker may make
    generate_filters.py makes filters.py of it: the seccomp filters, for x86_64 and aarch64
    seccomp.py          the filter: the one layer without which, on Linux, no worker starts
    landlock.py         no files, TCP ports, signals and abstract sockets
    surroundings.py     empty namespaces, an empty root directory
    privileges.py       another user, no capabilities, no way back, not traceable
    limits.py           memory, threads, descriptors, CPU time, files
    preload.py          what Python would open on demand, opened before
    confinement.py      all layers: tried, prepared in the zygote, applied in a worker
    report.py           the table that `rlm-graph doctor` shows

Covered: files (read, write, list), environment, inherited descriptors, sockets of every kind, starting programs and
processes, signalling and tracing others, new executable memory, namespaces and mounts, kernel interfaces beyond the
calls in `allowed.py`, 32-bit and x32 calls; address space, threads, descriptors, CPU time of one worker.

Not covered: the memory of all workers together (each has `memory_bytes`; a container or cgroup around the host
bounds the sum); a bug of the kernel in one of the calls that are allowed; side channels through caches and timing,
for the clock is there; on other systems than Linux, everything but the limits.
"""

from __future__ import annotations

from rlm_graph.repl.confine.confinement import MEMORY_BYTES, Confinement, ConfinementError, Sandbox, all_layers
from rlm_graph.repl.confine.layer import Layer, LayerStatus

__all__ = [
    "MEMORY_BYTES",
    "Confinement",
    "ConfinementError",
    "Layer",
    "LayerStatus",
    "Sandbox",
    "all_layers",
]
