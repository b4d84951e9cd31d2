"""The process that every worker of a run is forked from.

Freshly executed, single-threaded, with the modules and the context loaded. It never runs model code. A fork of it
is a worker with the context in it: in milliseconds, and its pages are shared.

    host -> zygote    fork (with the worker's socket)      reap(pid, patience_s)
    zygote -> host    ready(lacks) | failed(message)       forked(pid) | reaped(status, by_itself)

Commands are lines of JSON on a Unix socket; the worker's socket comes as a passed descriptor. When the host is gone
the socket ends, and the zygote ends with all its workers.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlm_graph.repl.confine import Confinement, ConfinementError, Sandbox, all_layers

WORKER_FD = 3
"""The only descriptor that a worker keeps, beside /dev/null as 0, 1 and 2."""


Serve = Callable[[socket.socket], None]


def main(control_fd: int, manifest: str, *, sandbox: Sandbox, memory_bytes: int) -> None:
    """Load the context, then fork workers until the host hangs up."""
    control = socket.socket(fileno=control_fd)
    confinement = Confinement(sandbox, all_layers(memory_bytes))
    try:
        lacks = [(status.name, status.why) for status in confinement.try_out() if not status.is_available]
        serve = _load(Path(manifest))
        confinement.prepare()
    except ConfinementError as error:
        _tell(control, {"kind": "failed", "message": str(error)})
        return
    except Exception as error:
        message = f"the REPL could not load its context: {type(error).__name__}: {error}"
        _tell(control, {"kind": "failed", "message": message})
        return
    gc.collect()
    gc.freeze()  # so that a collection in a worker does not write to every page that it shares
    _tell(control, {"kind": "ready", "lacks": lacks})
    workers: set[int] = set()
    try:
        while True:
            data, descriptors, _, _ = socket.recv_fds(control, 4096, 1)
            if not data:
                return
            command = json.loads(data)
            if command["kind"] == "fork":
                pid = os.fork()
                if pid == 0:
                    _become_worker(descriptors[0], confinement, serve)
                os.close(descriptors[0])
                workers.add(pid)
                _tell(control, {"kind": "forked", "pid": pid})
            else:
                workers.discard(command["pid"])
                by_itself = _ends(command["pid"], command["patience_s"])
                _tell(control, {"kind": "reaped", "status": _end(command["pid"]), "by_itself": by_itself})
    finally:
        for pid in workers:
            _end(pid)


def _load(manifest: Path) -> Serve:
    """What serves cells over the context: all that a worker could need, for it can open nothing later."""
    # Imported here: whatever goes wrong while loading must reach the host as a sentence.
    from rlm_graph.context.materialize import load
    from rlm_graph.repl.confine.preload import preload
    from rlm_graph.repl.snapshot import ContextIndex, Hosts
    from rlm_graph.repl.worker import serve

    preload()
    context = load(manifest)
    index = ContextIndex(context)
    index.prepare()
    Hosts.prepare()
    return lambda connection: serve(connection, context, index)


def _tell(control: socket.socket, message: dict[str, Any]) -> None:
    control.sendall(json.dumps(message).encode() + b"\n")


def _ends(pid: int, patience_s: float) -> bool:
    """Does a worker end by itself within that time?"""
    deadline = time.monotonic() + patience_s
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.001)
    return True


def _end(pid: int) -> int:
    """Kill a worker, if it still lives, and return its wait status. Until here its pid cannot be used again."""
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def _become_worker(descriptor: int, confinement: Confinement, serve: Serve) -> None:
    """Go on as a worker: nothing of the zygote's is left but its memory. Never returns."""
    status = 1
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        os.dup2(descriptor, WORKER_FD)
        os.closerange(WORKER_FD + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        os.environ.clear()
        connection = socket.socket(fileno=WORKER_FD)  # asks the kernel what it is: not possible any more, once confined
        confinement.apply()
        serve(connection)
        status = 0
    finally:
        os._exit(status)
