"""Long runs: left out by default, run by .ci/run (`make soak`)."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from scripts import code, echo, thread, turns

from rlm_graph import RLMConfig
from rlm_graph.testing import Reply, Request

pytestmark = pytest.mark.soak


def test_a_hundred_iterations_cost_no_more_at_the_end(make_rlm: Callable[..., Any], tmp_path: Path) -> None:
    """Checkpoints hold references and growth: not the context, not the variables, not all messages again."""
    path = tmp_path / "checkpoints.sqlite"
    sizes: list[int] = []

    def root(request: Request) -> str:
        sizes.append(_stored(path))
        turn = request.model_index
        return code("FINAL(len(big))") if turn == 120 else code("big = context * 2", f"print({turn})")

    with SqliteSaver.from_conn_string(str(path)) as saver:
        rlm = make_rlm(root, checkpointer=saver, config=RLMConfig(max_iterations=200))
        result = rlm.invoke({"query": "?", "context": "x" * 10_000_000}, thread("1"))
    assert result["answer"] == "20000000"
    early, late = sizes[30] - sizes[10], sizes[120] - sizes[100]
    assert late < 1.5 * early
    assert sizes[120] < 5_000_000


def _stored(path: Path) -> int:
    """Bytes of all rows."""
    with sqlite3.connect(path) as database:
        (checkpoints,) = database.execute(
            "select sum(length(checkpoint) + length(metadata)) from checkpoints"
        ).fetchone()
        (writes,) = database.execute("select sum(length(value)) from writes").fetchone()
    database.close()
    return int((checkpoints or 0) + (writes or 0))


def test_thousands_of_sub_calls_land_at_their_own_prompts(make_rlm: Callable[..., Any]) -> None:
    """Batches, threads and loops at once, with answers that come in any order."""
    program = """
from concurrent.futures import ThreadPoolExecutor
wrong = []
def check(prompts, answers):
    wrong.extend((p, a) for p, a in zip(prompts, answers) if a != 're:' + p)
for n in range(5):
    batch = [f'batch {n} {i}' for i in range(300)]
    check(batch, llm_query_batched(batch))
def lane(n):
    prompts = [f'lane {n} {i}' for i in range(20)]
    check(prompts, [llm_query(p) for p in prompts])
with ThreadPoolExecutor(40) as pool:
    list(pool.map(lane, range(40)))
FINAL([len(wrong), wrong[:3]])
"""

    async def sub(request: Request) -> Reply:
        await asyncio.sleep((hash(request.text) % 20) / 1000)
        return Reply(text=echo(request))

    config = RLMConfig(max_sub_calls=5000, max_concurrency=128, sandbox_timeout=600)
    rlm = make_rlm([code(program)], sub, config=config)
    result = rlm.invoke({"query": "?", "context": "text"})
    assert json.loads(result["answer"]) == [0, []]
    assert result["sub_calls"] == rlm.server.count(model="sub") == 2300


async def test_many_runs_at_once_share_one_loop(make_rlm: Callable[..., Any]) -> None:
    """Fifty runs over ten contexts, each with its own REPL and its own answer."""
    rlm = make_rlm(turns(code("kept = context * 2"), code("FINAL(kept)")))
    asked = [{"query": "?", "context": f"text {i % 10}"} for i in range(50)]
    results = await rlm.abatch(asked)
    assert [result["answer"] for result in results] == [f"text {i % 10}" * 2 for i in range(50)]
    assert not rlm.repls.alive


async def test_two_hundred_live_runs_hold_a_bounded_number_of_processes(make_rlm: Callable[..., Any]) -> None:
    """Idle workers are evicted, and come back with their variables; paused runs hold none of their own."""
    cells = ["kept = [context]\ndef twice(): return kept * 2", "kept.append(len(twice()))", "FINAL(kept)"]
    rlm = make_rlm(turns(*map(code, cells)), checkpointer=InMemorySaver())
    configs = [thread(str(number)) for number in range(200)]
    asked = [{"query": "?", "context": f"text {number % 5}"} for number in range(200)]
    for start in range(3):
        for question, config in zip(asked, configs, strict=True):
            given = None if start else question
            await rlm.ainvoke(given, config, interrupt_before=["generate_code"] if start < 2 else None)
            if start == 0:  # on to the cell, and paused again
                await rlm.ainvoke(None, config, interrupt_before=["generate_code"])
        assert rlm.repls.alive <= (rlm.repls.MAX_IDLE if start == 2 else 0)  # a run that waits holds no process
        assert _processes() <= rlm.repls.MAX_IDLE + 7  # and a zygote for each context
    for number, config in enumerate(configs):
        assert json.loads((await rlm.aget_state(config)).values["answer"]) == [f"text {number % 5}", 2]


def _processes() -> int:
    """Processes below this one."""
    found = [os.getpid()]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return len(found) - 1
