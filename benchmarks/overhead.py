"""Overhead per iteration beyond the bare HTTP calls: rlm_graph, with SQLite checkpoints on, beside the official `rlms`.

    make bench        # or: python benchmarks/overhead.py [--peer-python .venv-rlms/bin/python]

One server on 127.0.0.1 plays the same 20 turns for all, without latency: each turn runs a small cell, the last one
answers. Each contender is a process of its own that runs the whole task several times after a warm-up; they take turns,
so that a drift of the machine's speed meets all. Overhead is a contender's time less the bare client's, per iteration.
Each cell sets a number of its own, so that variables are stored anew in each run. The processor's time is that of the
contender's process; where the machine is busy with other things, it says more than the clock.
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
    import itertools, sys
    from rlm_graph.testing import ScriptedServer
    numbers = itertools.count()
    def reply(request):
        turn = sum(message["role"] == "assistant" for message in request.messages)
        if turn < {last}:
            return f"Step.\\n```repl\\nx{{turn}} = len(context) + {{next(numbers)}}\\nprint(x{{turn}})\\n```"
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
            started = time.perf_counter(), time.process_time()
            run()
            times.append((time.perf_counter() - started[0], time.process_time() - started[1]))
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

    def times(self, runs: int) -> list[tuple[float, float]]:
        """Seconds of each of some runs: by the clock, and of the processor."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{runs}\n")
        self._process.stdin.flush()
        times: list[tuple[float, float]] = json.loads(self._process.stdout.readline())
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
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, contender in contenders.items():
            times[name] += contender.times(RUNS_PER_ROUND)
    for contender in contenders.values():
        contender.close()
    server.communicate()

    print(f"{ITERATIONS} iterations, no latency, {ROUNDS * RUNS_PER_ROUND} runs each; per iteration, in milliseconds")
    clock = {name: _per_iteration(taken, 0) for name, taken in times.items()}
    processor = {name: _per_iteration(taken, 1) for name, taken in times.items()}
    for name in contenders:
        print(
            f"  {name:12} median {clock[name][0]:6.1f}, least {clock[name][1]:6.1f}; of the processor "
            f"{processor[name][0]:6.1f}; overhead {clock[name][0] - clock['bare client'][0]:6.1f}"
        )
    if "rlms" in contenders:
        ratios = [(clock["rlm_graph"][at] - clock["bare client"][at]) for at in (0, 1)]
        ratios = [own / (clock["rlms"][at] - clock["bare client"][at]) for at, own in enumerate(ratios)]
        print(f"  rlm_graph's overhead / rlms' overhead: {ratios[0]:.2f} (at most 0.5); of the least {ratios[1]:.2f}")


def _per_iteration(taken: list[tuple[float, float]], at: int) -> tuple[float, float]:
    """Median and least, in milliseconds."""
    each = [times[at] / ITERATIONS * 1000 for times in taken]
    return statistics.median(each), min(each)


if __name__ == "__main__":
    main()
