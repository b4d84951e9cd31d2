"""The REPL's own times: cells, sub-calls through the pipe, new workers, snapshots.

    python benchmarks/repl.py [--gb 1]

The model's own time is not in any of them. Limits: an empty cell 0.5 ms; a sub-call beside the model's time 0.2 ms for
10 KB, 5 ms for 1 MB, ASCII or not; a new worker 15 ms over 1 MB, 50 ms over 1 GB; a zygote over 1 GB ready in 4 s; a
snapshot after a cell that changed one small variable beside 100 MB of others 5, 20, 100 ms, and 4 KB more stored.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from memory import pss_bytes, tree

from rlm_graph import ContextStore
from rlm_graph.repl.executor import Done, Executor
from rlm_graph.repl.process import ProcessExecutors
from rlm_graph.repl.snapshot_store import SnapshotStore
from rlm_graph.testing.executor_cases import ReplUnderTest, open_repl


@asynccontextmanager
async def opened(folder: Path, context: str) -> AsyncIterator[ReplUnderTest]:
    """A REPL over a context, which ends with the block."""
    store, executors = ContextStore(folder), ProcessExecutors()
    manifest, snapshots = store.local_manifest(store.put(context)), SnapshotStore(store.files)
    async with open_repl(lambda: executors(manifest, snapshots)) as repl:
        yield repl
    executors.close()


async def median_ms(times: int, run: Callable[[], Awaitable[object]]) -> float:
    """Median of some runs, in milliseconds."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        await run()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def show(name: str, value: float, limit: float, unit: str = "ms") -> None:
    print(f"  {name:62} {value:8.2f} {unit} (at most {limit:g})")


async def cells(folder: Path) -> None:
    async with opened(folder, "x" * 1_000_000) as repl:
        await repl.run("x = 1")
        show("an empty cell, saved", await median_ms(300, lambda: repl.run("")), 0.5)
        for name, prompt, limit in (
            ("10 KB", "'a' * 10_000", 0.2),
            ("1 MB", "'a' * 1_000_000", 5),
            ("1 MB, not ASCII", "'é' * 500_000", 5),
        ):
            await repl.run(f"p = {prompt}\nr = llm_query(p)")
            hundred = await median_ms(5, lambda: repl.run("for _ in range(100): r = llm_query(p)"))
            show(f"a sub-call of {name} through the pipe", hundred / 100, limit)


KINDS = {
    "one string": ("big = 'x' * 100_000_000", 5),
    "25,000 strings": ("big = [str(i) * (4000 // len(str(i))) for i in range(25_000)]", 20),
    "200,000 small dicts": (
        "big = [{'id': i, 'name': f'n{i}', 'score': i / 7, 'ok': i % 2 == 0} for i in range(200_000)]",
        100,
    ),
}


async def snapshot(folder: Path, name: str) -> None:
    make, limit = KINDS[name]
    async with opened(folder, "text") as repl:
        started = time.perf_counter()
        done = await repl.run(make)
        first = time.perf_counter() - started
        assert done.error is None, done.error
        assert not done.notes, done.notes
        before, numbers = _stored(folder), iter(range(1000))
        times = await median_ms(20, lambda: repl.run(f"small = {next(numbers)}"))
        show(f"a cell beside {name} (the first took {first:.2f} s)", times, limit)
        show("  stored for it", (_stored(folder) - before) / 20 / 1024, 4, "KB")


def _stored(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def workers(folder: Path, size: int, limit: float) -> None:
    store, name = ContextStore(folder), f"{size / 1e6:,.0f} MB"
    manifest, kept = store.local_manifest(store.put("some text\n" * (size // 10))), SnapshotStore(store.files)
    executors = ProcessExecutors()
    started = time.perf_counter()
    first = executors(manifest, kept)
    await first.start()
    show(f"a zygote over {name} is ready", time.perf_counter() - started, 4, "s")

    async def new() -> None:
        executor = executors(manifest, kept)
        await executor.start()
        await executor.close()

    show(f"a new worker over {name}", await median_ms(20, new), limit)
    if size > 100_000_000:
        await _peak(executors, manifest, kept, size)
    await first.close()
    executors.close()


WORK = """
n = sum(context.count(w) for w in ('some', 'text'))
parts = [context[i:i + 1000] for i in range(0, 10**7, 1000)]
"""


async def _peak(executors: ProcessExecutors, manifest: Path, kept: SnapshotStore, size: int) -> None:
    three: list[Executor] = [executors(manifest, kept) for _ in range(3)]
    peak = 0
    for executor in three:
        await executor.start()
        step = await executor.run_cell(WORK, timeout_s=100)
        assert isinstance(step, Done)
        assert step.error is None, step.error
        peak = max(peak, sum(map(pss_bytes, tree(os.getpid()))) - pss_bytes(os.getpid()))
    show("peak memory of zygote and three workers, of the context's", peak / size, 1.5, "times")
    for executor in three:
        await executor.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=1)
    gigabytes = parser.parse_args().gb
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(cells(Path(folder) / "cells"))
        asyncio.run(workers(Path(folder) / "small", 1_000_000, 15))
        asyncio.run(workers(Path(folder) / "large", int(gigabytes * 1e9), 50))
        for number, name in enumerate(KINDS):
            asyncio.run(snapshot(Path(folder) / str(number), name))


if __name__ == "__main__":
    main()
