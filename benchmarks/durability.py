"""What it costs that a run survives: bytes of checkpoints per iteration, and the time to resume as a run grows.

    make bench        # or: python benchmarks/durability.py

Bytes: a run of 100 iterations over a context of 10 MB that keeps a variable of 10 MB, with SQLite checkpoints; each
iteration changes a small variable. Time to resume: a cell has asked so many sub-calls when its run breaks off; another
process goes on, finds all answers in the journal and asks the last one. Imports are not counted.
"""

from __future__ import annotations

import argparse
import json
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import Any

ITERATIONS = 100
SUB_CALLS = (10, 100, 1_000, 5_000)
RESUME_LIMIT_S = 1.0

SETUP = """
    import json, sys, time
    from pathlib import Path
    from langgraph.checkpoint.sqlite import SqliteSaver
    from rlm_graph import ContextStore, RLMConfig, create_rlm
    from rlm_graph.testing import Reply, ScriptedServer
    folder, breaks_off, calls = Path(sys.argv[1]), sys.argv[2] == "begin", int(sys.argv[3])
    config = RLMConfig(max_sub_calls=1_000_000, max_concurrency=64, run_ahead=False)
    thread = {"configurable": {"thread_id": "the run"}}

    def root(request):
        return (
            "```repl\\n"
            f"out = llm_query_batched([f'question {{i}}' for i in range({calls})])\\n"
            "out.append(llm_query('the last one'))\\nFINAL(len(out))\\n```"
        )

    def sub(request):
        if breaks_off and request.text == "the last one":
            return Reply(status=401)
        return "An answer of a usual length, a sentence or two: " + "x" * 200
"""

RUN = """
    with ScriptedServer({"root": root, "sub": sub}, port=int(sys.argv[4])) as server:
        with SqliteSaver.from_conn_string(str(folder / "checkpoints.sqlite")) as saver:
            models = {"model": server.chat_model("root"), "sub_model": server.chat_model("sub")}
            rlm = create_rlm(**models, config=config, checkpointer=saver, context_store=ContextStore(folder / "store"))
            with rlm:
                started = time.perf_counter()
                try:
                    result = rlm.invoke({"query": "q", "context": "c"} if breaks_off else None, thread)
                    answer = result["answer"]
                except Exception as error:
                    answer = type(error).__name__
                taken = time.perf_counter() - started
            print(json.dumps([answer, taken, len(server.requests)]))
"""


def resume(calls: int) -> tuple[float, float]:
    """Seconds of a run up to where it breaks off, and of the process that resumes it."""
    with tempfile.TemporaryDirectory() as folder:
        code = textwrap.dedent(SETUP) + textwrap.dedent(RUN)
        port = str(_free_port())
        times = []
        for phase, expected, requests in (("begin", "ModelAuthError", calls + 2), ("resume", str(calls + 1), 1)):
            command = [sys.executable, "-c", code, folder, phase, str(calls), port]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            answer, taken, asked = json.loads(done.stdout)
            assert (answer, asked) == (expected, requests), (answer, asked)
            times.append(taken)
        return times[0], times[1]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def checkpoint_bytes() -> list[int]:
    """Bytes that each iteration added to the database of checkpoints."""
    from langgraph.checkpoint.sqlite import SqliteSaver

    from rlm_graph import ContextStore, RLMConfig, create_rlm
    from rlm_graph.testing import Request, ScriptedServer

    def root(request: Request) -> str:
        turn = sum(message["role"] == "assistant" for message in request.messages)
        if turn == 0:
            return "```repl\nkept = context.upper()\ncount = 0\n```"
        if turn == ITERATIONS - 1:
            return "```repl\nFINAL(count)\n```"
        return "```repl\ncount += 1\nprint(count, len(kept))\n```"

    sizes: list[int] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        ScriptedServer(root) as server,
        SqliteSaver.from_conn_string(str(Path(folder) / "checkpoints.sqlite")) as saver,
        create_rlm(
            server.chat_model("root"),
            config=RLMConfig(max_iterations=ITERATIONS),
            checkpointer=saver,
            context_store=ContextStore(Path(folder) / "store"),
        ) as rlm,
    ):
        thread: Any = {"configurable": {"thread_id": "t"}}
        asked = {"query": "q", "context": "0123456789" * 1_000_000}
        seen = 0
        for state in rlm.stream(asked, thread, stream_mode="values", durability="sync"):
            if state.get("iterations", 0) > seen:
                seen = state["iterations"]
                sizes.append(_stored(saver.conn))
        assert state["answer"] == str(ITERATIONS - 2)
    return [after - before for before, after in pairwise(sizes)]


def _stored(connection: sqlite3.Connection) -> int:
    """Bytes of the values in the tables: pages are larger, and as large whatever is in them."""
    total = 0
    for table, columns in (("checkpoints", ("checkpoint", "metadata")), ("writes", ("value",))):
        sums = " + ".join(f"coalesce(sum(length({column})), 0)" for column in columns)
        total += connection.execute(f"select {sums} from {table}").fetchone()[0]
    return total


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    grown = checkpoint_bytes()
    first, last = statistics.median(grown[4:14]), statistics.median(grown[-10:])
    print(f"checkpoints, {ITERATIONS} iterations, context and variable of 10 MB each")
    print(f"  bytes per iteration, medians: {first:,.0f} in iterations 5 to 14, {last:,.0f} in the last ten")
    print(f"  largest step: {max(grown):,} (LangGraph writes the messages whole now and then); all: {sum(grown):,}")
    print("time to resume, beyond imports")
    for calls in SUB_CALLS:
        began, resumed = resume(calls)
        limit = f" (at most {RESUME_LIMIT_S:g})" if calls == 1_000 else ""
        print(f"  {calls:6,} sub-calls: the run took {began:6.2f} s, resuming it {resumed:5.2f} s{limit}")


if __name__ == "__main__":
    main()
