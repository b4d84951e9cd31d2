"""All layers together: tried out before anything depends on them, prepared in the zygote, applied in each worker."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Literal

from rlm_graph.repl.confine.landlock import Landlock
from rlm_graph.repl.confine.layer import Layer, LayerStatus, NotNeededError, State
from rlm_graph.repl.confine.limits import TRIAL_THREADS, FirstToDie, Limits, ThreadLimit
from rlm_graph.repl.confine.privileges import EndsWithItsParent, NoCapabilities, NoNewPrivileges, NotDumpable, OwnUser
from rlm_graph.repl.confine.seccomp import Seccomp
from rlm_graph.repl.confine.surroundings import EmptyRoot, Namespaces

Sandbox = Literal["strict", "degraded"]
"""Whether a worker on Linux may start when a required layer is missing: not if it is "strict"."""

MEMORY_BYTES = 2 << 30
"""What a worker may use beyond its context, unless the caller says otherwise."""


def all_layers(memory_bytes: int = MEMORY_BYTES) -> list[Layer]:
    """Every layer, in the order in which they are applied: each leaves what the next ones need."""
    return [
        FirstToDie(),
        Namespaces(),
        EmptyRoot(),
        OwnUser(),
        NoCapabilities(),
        NoNewPrivileges(),
        NotDumpable(),
        EndsWithItsParent(),
        Landlock(),
        Limits(memory_bytes),
        ThreadLimit(),
        Seccomp(),
    ]


class ConfinementError(Exception):
    """This machine lacks a required layer; the message names it."""


class Confinement:
    """What one zygote does to its workers. The layers are all that there are; a test may give fewer."""

    def __init__(self, sandbox: Sandbox, layers: list[Layer]) -> None:
        self._sandbox = sandbox
        self._layers = layers
        self._on: list[Layer] = []

    def try_out(self) -> list[LayerStatus]:
        """Find out which layers this machine has; those are used from here on.

        Raises:
            ConfinementError: a required one is missing on Linux, and the sandbox is strict.
        """
        statuses, started = _trial(self._layers)
        missing = [s for s in statuses if s.required and not s.is_available]
        if missing and self._sandbox == "strict" and sys.platform == "linux":
            lacks = "; ".join(f"{status.name}: {status.why}" for status in missing)
            raise ConfinementError(
                f"this machine cannot confine the process that runs the model's code ({lacks}); "
                f'`rlm-graph doctor` shows all layers; sandbox="degraded" goes without them'
            )
        self._on = [layer for layer, status in zip(self._layers, statuses, strict=True) if status.state == "on"]
        for layer in self._on:
            if isinstance(layer, ThreadLimit):
                layer.counts_others = started == 0
        return statuses

    def prepare(self) -> None:
        """In the zygote, once, when everything is loaded."""
        for layer in self._on:
            layer.prepare()

    def apply(self) -> None:
        """In a worker. Whatever is raised here must end it."""
        for layer in self._on:
            layer.apply()


def trial(layers: list[Layer]) -> list[LayerStatus]:
    """Try the layers, each alone failing, in processes that end with this; nothing changes for the caller."""
    return _trial(layers)[0]


def _trial(layers: list[Layer]) -> tuple[list[LayerStatus], int]:
    """Also how many threads could be started under the trial's limit; only the kernel knows what it counts."""
    found: dict[str, tuple[State, str]] = {}
    started = 0
    ended = "it was not reached"
    for line in _lines_of(lambda tell: _try_as_zygote(layers, tell)):
        match line:
            case ["layer", name, state, why]:
                found[name] = (state, why)
            case ["threads", count]:
                started = count
            case ["ended", why]:
                ended = why
    if started > TRIAL_THREADS and ThreadLimit.name in found:
        found[ThreadLimit.name] = ("missing", "the kernel does not limit the threads of this user: root?")
    statuses = []
    for layer in layers:
        state, why = found.get(layer.name, ("missing", ended))
        statuses.append(LayerStatus(layer.name, layer.does, layer.required, state, why))
    return statuses, started


Tell = Callable[..., None]


def _lines_of(work: Callable[[Tell], None]) -> list[list[Any]]:
    """What `work` tells, in a process of its own."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            work(lambda *line: _write_line(writing, line))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as lines:
        told = [json.loads(line) for line in lines]
    os.waitpid(pid, 0)
    return told


def _write_line(descriptor: int, line: tuple[Any, ...]) -> None:
    os.write(descriptor, json.dumps(line).encode() + b"\n")


def _try_as_zygote(layers: list[Layer], tell: Tell) -> None:
    on = [layer for layer in layers if _try(layer.prepare, layer, tell)]
    pid = os.fork()
    if pid == 0:
        try:
            _try_as_worker(on, tell)
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        tell("ended", f"the process died of {signal.Signals(os.WTERMSIG(status)).name}")


def _try_as_worker(layers: list[Layer], tell: Tell) -> None:
    for layer in layers:
        if _try(layer.apply, layer, tell):
            tell("layer", layer.name, "on", "")
    tell("threads", ThreadLimit.threads_that_start())


def _try(step: Callable[[], None], layer: Layer, tell: Tell) -> bool:
    try:
        step()
    except NotNeededError as error:
        tell("layer", layer.name, "not needed", str(error))
    except AttributeError as error:  # another system's Python or libc has no such function
        tell("layer", layer.name, "missing", f"{sys.platform}: {error}")
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        tell("layer", layer.name, "missing", reason or str(error))
    else:
        return True
    return False
