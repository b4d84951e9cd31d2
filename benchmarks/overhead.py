"""Overhead per iteration beyond the bare HTTP calls: rlm_graph, with SQLite checkpoints on, beside the official `rlms`.

    make bench        # or: python benchmarks/overhead.py [--peer-python .venv-rlms/bin/python]

One server on 127.0.0.1 plays the same 20 turns for all, without latency: each turn runs a small cell, the last one
answers. Each contender is a process of its own that runs the whole task several times after a warm-up; they take turns,
so that a drift of the machine's speed meets all. Overhead is a contender's time less the bare client's, per iteration.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import textwrap
from pathlib import Path

ITERATIONS = 20
ROUNDS = 5
RUNS_PER_ROUND = 3

SERVER = """
    import sys
    from rlm_graph.testing import ScriptedServer
    def reply(request):
        turn = sum(message["role"] == "assistant" for message in request.messages)
        if turn < {last}:
            return f"Step.\\n```repl\\nx{{turn}} = len(context) + {{turn}}\\nprint(x{{turn}})\\n```"
        return "```repl\\nanswer['content'] = 'done'\\nanswer['ready'] = True\\n```"
    with ScriptedServer(reply) as server:
        print(server.base_url, flush=True)
        sys.stdin.read()
"""

BARE = """
    from openai import OpenAI
    client = OpenAI(base_url=URL, api_key="x")
    def run():
        messages = [{"role": "system", "content": "s" * 3000}, {"role": "user", "content": "q"}]
        for _ in range(ITERATIONS):
            reply = client.chat.completions.create(model="m", messages=messages).choices[0].message.content
            messages += [{"role": "assistant", "content": reply}, {"role": "user", "content": "Output: 1"}]
"""

RLMS = """
    from rlm import RLM
    def run():
        model = {"model_name": "m", "base_url": URL, "api_key": "x"}
        rlm = RLM(backend="openai", backend_kwargs=model, environment="local")
        answer = rlm.completion("some context " * 100, root_prompt="What?").response
        assert answer == "done", answer
"""

OURS = """
    import tempfile, pathlib, uuid
    from langchain_openai import ChatOpenAI
    from langgraph.checkpoint.sqlite import SqliteSaver
    from rlm_graph import ContextStore, create_rlm
    folder = tempfile.TemporaryDirectory()
    opened = SqliteSaver.from_conn_string(str(pathlib.Path(folder.name) / "checkpoints.sqlite"))
    saver = opened.__enter__()
    model = ChatOpenAI(model="m", base_url=URL, api_key="x")
    rlm = create_rlm(model, checkpointer=saver, context_store=ContextStore(folder.name))
    def run():
        thread = {"configurable": {"thread_id": str(uuid.uuid4())}}
        answer = rlm.invoke({"query": "What?", "context": "some context " * 100}, thread)["answer"]
        assert answer == "done", answer
"""

HARNESS = """
    import json, sys, time
    run()
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            started = time.perf_counter()
            run()
            times.append(time.perf_counter() - started)
        print(json.dumps(times), flush=True)
"""


class Contender:
    """A process that runs the task when it is told to."""

    def __init__(self, python: str, code: str, url: str) -> None:
        head = f"URL = {url!r}\nITERATIONS = {ITERATIONS}\n"
        script = head + textwrap.dedent(code) + textwrap.dedent(HARNESS)
        self._process = subprocess.Popen(
            [python, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def times(self, runs: int) -> list[float]:
        """Seconds of each of some runs."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{runs}\n")
        self._process.stdin.flush()
        times: list[float] = json.loads(self._process.stdout.readline())
        return times

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=".venv-rlms/bin/python", help="a Python with `rlms` installed")
    peer = parser.parse_args().peer_python
    server_code = textwrap.dedent(SERVER).format(last=ITERATIONS - 1)
    server = subprocess.Popen(
        [sys.executable, "-c", server_code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    contenders = {
        "bare client": Contender(sys.executable, BARE, url),
        "rlm_graph": Contender(sys.executable, OURS, url),
    }
    if Path(peer).exists():
        contenders["rlms"] = Contender(peer, RLMS, url)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, contender in contenders.items():
            times[name] += contender.times(RUNS_PER_ROUND)
    for contender in contenders.values():
        contender.close()
    server.communicate()

    bare = statistics.median(times["bare client"])
    overheads = {name: (statistics.median(taken) - bare) / ITERATIONS for name, taken in times.items()}
    print(f"{ITERATIONS} iterations, no latency, {ROUNDS * RUNS_PER_ROUND} runs each, median (min to max)")
    for name, taken in times.items():
        spread = f"{statistics.median(taken):.3f} s ({min(taken):.3f} to {max(taken):.3f})"
        print(f"  {name:12} {spread}   overhead per iteration {overheads[name] * 1000:6.1f} ms")
    if "rlms" in overheads:
        print(
            f"  rlm_graph's overhead / rlms' overhead: {overheads['rlm_graph'] / overheads['rlms']:.2f} (at most 0.5)"
        )


if __name__ == "__main__":
    main()
