"""The REPL's backends: each shows the behaviours of the public list, and what is its own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import wait_until

from rlm_graph import ContextStore, REPLExecutionError
from rlm_graph.repl.executor import Call, Done, Executor
from rlm_graph.repl.process import ProcessExecutors
from rlm_graph.repl.snapshot_store import SnapshotStore
from rlm_graph.testing.executor_cases import CONTEXT, EXECUTOR_CASES, ExecutorCase, open_repl


@pytest.fixture(scope="module", params=["process"])
def make_executor(executors_over: Callable[[object], Callable[[], Executor]]) -> Callable[[], Executor]:
    """Makes REPLs of each backend."""
    return executors_over(CONTEXT)


@pytest.mark.parametrize("case", EXECUTOR_CASES, ids=lambda case: case.__name__)
async def test_every_backend_behaves(case: ExecutorCase, make_executor: Callable[[], Executor]) -> None:
    """As the list says."""
    async with open_repl(make_executor) as repl:
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


def _pid(executor: Any) -> int:
    return int(executor._worker._pid)


async def test_a_worker_that_somebody_kills_says_so(store: ContextStore) -> None:
    """In the middle of a computation, of a call, and between cells: the cell can run again, with what was before it."""
    executors = ProcessExecutors()
    executor = executors(store.local_manifest(store.put("text")), SnapshotStore(store.files))
    await executor.run_cell("kept = [7]", timeout_s=5)

    running = asyncio.ensure_future(executor.run_cell("kept.append(8)\nwhile True: pass", timeout_s=60))
    await asyncio.sleep(0.1)
    os.kill(_pid(executor), signal.SIGKILL)
    done = await running
    assert isinstance(done, Done)
    assert (done.killed, done.undone) == (True, True)
    assert "something outside" in (done.error or "")

    step = await executor.run_cell("kept.append(llm_query('x'))", timeout_s=5)
    assert isinstance(step, Call)
    os.kill(_pid(executor), signal.SIGKILL)
    await executor.reply(step.id, "too late")
    done = await executor.next_step()
    assert isinstance(done, Done)
    assert done.killed

    await executor.run_cell("1", timeout_s=5)
    os.kill(_pid(executor), signal.SIGKILL)
    await asyncio.sleep(0.1)
    done = await executor.run_cell("kept.append(8)", timeout_s=5)
    assert isinstance(done, Done)
    assert done.killed

    done = await executor.run_cell("print(kept)", timeout_s=5)
    assert isinstance(done, Done)
    assert (done.stdout, done.killed) == ("[7]\n", False)
    await executor.close()
    executors.close()


async def test_a_cell_that_the_host_kills_was_not_killed_by_somebody(store: ContextStore) -> None:
    """It would run into its limit again."""
    executors = ProcessExecutors()
    executor = executors(store.local_manifest(store.put("text")), SnapshotStore(store.files))
    done = await executor.run_cell("sum(range(10**12))", timeout_s=0.2)
    assert isinstance(done, Done)
    assert (done.killed, done.undone) == (False, True)
    await executor.close()
    executors.close()


async def test_a_zygote_that_somebody_kills_is_replaced(store: ContextStore) -> None:
    """Its workers are killed with it, in a cell or between two; the next cell starts another, and has the variables."""
    executors = ProcessExecutors()
    manifest = store.local_manifest(store.put("text"))
    executor = executors(manifest, SnapshotStore(store.files))
    await executor.run_cell("kept = [7]", timeout_s=5)
    step = await executor.run_cell("llm_query('x')", timeout_s=5)
    assert isinstance(step, Call)
    os.kill(executors.zygote(manifest)._process.pid, signal.SIGKILL)
    done = await executor.next_step()
    for _ in range(2):
        assert isinstance(done, Done)
        assert done.killed
        done = await executor.run_cell("print(kept, context)", timeout_s=5)
        assert isinstance(done, Done)
        assert done.stdout == "[7] text\n"
        os.kill(executors.zygote(manifest)._process.pid, signal.SIGKILL)
        await asyncio.sleep(0.1)
        done = await executor.run_cell("1", timeout_s=5)
    await executor.close()
    executors.close()


async def test_a_worker_that_is_killed_while_it_is_restored_is_restored_again(store: ContextStore) -> None:
    """Whoever asked for the snapshot does not learn of it."""
    executors = ProcessExecutors()
    manifest, snapshots = store.local_manifest(store.put("text")), SnapshotStore(store.files)
    executor = executors(manifest, snapshots)
    saved = await executor.run_cell("kept = [7]", timeout_s=5)
    assert isinstance(saved, Done)
    assert saved.snapshot is not None
    for victim in (_pid, lambda _: executors.zygote(manifest)._process.pid):
        other = executors(manifest, snapshots)
        await other.start()
        os.kill(victim(other), signal.SIGKILL)
        assert await other.restore(saved.snapshot) == {}
        done = await other.run_cell("print(kept)", timeout_s=5)
        if isinstance(done, Done) and done.killed:  # a worker can be restored before it hears that its zygote has died
            done = await other.run_cell("print(kept)", timeout_s=5)
        assert isinstance(done, Done)
        assert done.stdout == "[7]\n"
        await other.close()
    await executor.close()
    executors.close()


async def test_the_worker_has_nothing_of_the_hosts(store: ContextStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """No environment, no descriptor but its socket; and it ends with the host's end of the socket."""
    monkeypatch.setenv("SECRET_CANARY", "canary")
    with (store_file := Path(os.devnull)).open() as inherited:
        os.set_inheritable(inherited.fileno(), True)
        executors = ProcessExecutors()
        executor = executors(store.local_manifest(store.put("text")), SnapshotStore(store.files))
        await executor.run_cell("", timeout_s=5)
        pid = _pid(executor)
        assert b"canary" not in Path(f"/proc/{pid}/environ").read_bytes()
        descriptors = {int(fd.name): str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
        assert {fd: target for fd, target in descriptors.items() if target != str(store_file)}.keys() == {3}
        executors.close()
        wait_until(lambda: not Path(f"/proc/{pid}").exists())
        await executor.close()
