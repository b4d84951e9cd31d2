"""The REPL's backends: each shows the behaviours of the public list, and what is its own."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from rlm_graph import ContextStore, REPLExecutionError
from rlm_graph.repl.process import ProcessExecutors
from rlm_graph.repl.snapshot_store import SnapshotStore
from rlm_graph.testing.executor_cases import EXECUTOR_CASES, ExecutorCase, open_repl

BACKENDS = {"process": ProcessExecutors}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", EXECUTOR_CASES, ids=lambda case: case.__name__)
async def test_every_backend_behaves(case: ExecutorCase, backend: str, tmp_path: Path) -> None:
    """As the list says."""
    async with open_repl(BACKENDS[backend](), tmp_path) as repl:
        await case(repl)


def test_the_list_is_whole() -> None:
    """Every case of the module is in it."""
    from rlm_graph.testing import executor_cases

    cases = {name for name, value in vars(executor_cases).items() if asyncio.iscoroutinefunction(value)}
    assert {case.__name__ for case in EXECUTOR_CASES} == cases


async def test_a_context_that_is_gone_is_told(store: ContextStore, tmp_path: Path) -> None:
    """When the REPL starts, as an error of the REPL."""
    executors = ProcessExecutors()
    executor = executors(tmp_path / "no-such-manifest", SnapshotStore(store.files))
    with pytest.raises(REPLExecutionError, match="no-such-manifest"):
        await executor.start()
    executors.close()


async def test_the_worker_has_nothing_of_the_hosts(store: ContextStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """No environment, no descriptor but its socket; and it ends with the host's end of the socket."""
    monkeypatch.setenv("SECRET_CANARY", "canary")
    with (store_file := Path(os.devnull)).open() as inherited:
        os.set_inheritable(inherited.fileno(), True)
        executors = ProcessExecutors()
        executor = executors(store.local_manifest(store.put("text")), SnapshotStore(store.files))
        await executor.run_cell("", timeout_s=5)
        pid = executor._worker._pid  # type: ignore[union-attr]
        assert b"canary" not in Path(f"/proc/{pid}/environ").read_bytes()
        descriptors = {int(fd.name): str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
        assert {fd: target for fd, target in descriptors.items() if target != str(store_file)}.keys() == {3}
        executors.close()
        for _ in range(100):
            if not Path(f"/proc/{pid}").exists():
                break
            time.sleep(0.02)
        assert not Path(f"/proc/{pid}").exists()
        await executor.close()
