"""Runs attacks in workers past the policy, and prints what became of each as JSON.

    python attack.py breached|unconfined|without_filter MANIFEST ATTACK.py...

The first word is the zygote: a module beside this one.

It needs the standard library, rlm_graph and RestrictedPython only, so that it can run as a user who can read little.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rlm_graph.repl import worker
from rlm_graph.repl.executor import Call, Done
from rlm_graph.repl.process import ProcessExecutors
from rlm_graph.repl.processes import Zygote

CANARY = Path("/tmp/rlm-canary")  # the attacks name it
PORT = 48999
INHERITED = 77
TIMEOUT_S = 2.0


def breached_executors(zygote: str, **options: Any) -> ProcessExecutors:
    """Makes REPLs without a policy; `zygote` is the module of theirs."""

    class BreachedZygote(Zygote):
        module = zygote

    class BreachedExecutors(ProcessExecutors):
        zygote_type = BreachedZygote

    return BreachedExecutors(**options)


@contextmanager
def canaries() -> Iterator[None]:
    """Everything that an attack would find on a machine that has something to lose."""
    with ExitStack() as stack:
        _wait_for("\0canary48999", stack.enter_context(socket.socket(socket.AF_UNIX)))
        shutil.rmtree(CANARY, ignore_errors=True)
        CANARY.mkdir()
        stack.callback(shutil.rmtree, CANARY, ignore_errors=True)
        CANARY.chmod(0o777)
        (CANARY / "secret.txt").write_text("CANARY-FILE-93b1")
        (CANARY / "victim").write_text("victim")
        shutil.copy(worker.__file__, CANARY / "worker_source.py")
        shutil.copy(worker.__file__, CANARY / "host_source.py")
        listeners = (
            (socket.AF_UNIX, str(CANARY / "sock")),
            (socket.AF_INET, ("127.0.0.1", PORT)),
        )
        for family, address in listeners:
            listener = stack.enter_context(socket.socket(family))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
        secret = stack.enter_context((CANARY / "secret.txt").open())
        os.dup2(secret.fileno(), INHERITED, inheritable=True)
        stack.callback(os.close, INHERITED)
        os.environ["CANARY_ENV"] = "CANARY-ENV-51aa"
        yield


def _wait_for(address: str, listener: socket.socket) -> None:
    """Listen there. The names of the canaries are fixed, so this is also the lock that keeps other tests away."""
    while True:
        try:
            listener.bind(address)
            return listener.listen()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            time.sleep(0.1)


class InMemory:
    """A snapshot store that needs no package."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def put_pack(self, parts: dict[str, bytes]) -> str:
        """Keep parts."""
        self._kept.update(parts)
        return "pack"

    def put(self, root: bytes, context: str, packs: list[str]) -> str:
        """Keep a root."""
        name = hashlib.sha256(context.encode() + root).hexdigest()
        self._kept[name] = root
        return name

    def open(self, snapshot: str) -> Any:
        """What was kept."""
        return SimpleNamespace(root=self._kept[snapshot], packs=["pack"], part=self._kept.__getitem__)


async def attack(executors: ProcessExecutors, manifest: Path, source: str) -> dict[str, Any]:
    """Run one attack in a worker of its own; then see that the REPL still works."""
    executor = executors(manifest, InMemory())
    step = await executor.run_cell(source, timeout_s=TIMEOUT_S)
    if not isinstance(step, Done):
        what = f"called {step.function}" if isinstance(step, Call) else "cancelled calls"
        outcome: dict[str, Any] = {"stdout": "", "error": f"it {what}", "undone": False}
        await executor.close()
    else:
        outcome = {"stdout": step.stdout, "error": step.error, "undone": step.undone}
    after = await executor.run_cell("print('still here')", timeout_s=TIMEOUT_S)
    outcome["after"] = getattr(after, "stdout", "")
    await executor.close()
    return outcome


async def main(zygote: str, manifest: Path, attacks: list[Path]) -> dict[str, Any]:
    """All of them, over one zygote."""
    executors = breached_executors(zygote, sandbox="degraded" if zygote == "without_filter" else "strict")
    outcomes = {path.stem[:3]: await attack(executors, manifest, path.read_text()) for path in attacks}
    executors.close()
    outcomes["host"] = {
        "uid": os.getuid(),
        "peak_kb": int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]),
        "untouched": (CANARY / "victim").read_text() == "victim" and len(list(CANARY.iterdir())) == 5,
    }
    return outcomes


if __name__ == "__main__":
    with canaries():
        print(json.dumps(asyncio.run(main(sys.argv[1], Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]]))))
