"""2,000 batched sub-calls of 100 ms at concurrency 256: how near to ideal, and what it takes of memory.

    make bench        # or: python benchmarks/batched.py [--peer-python .venv-rlms/bin/python]

Ideal is calls x latency / concurrency. The server is a process of its own on this machine, so on two cores it and the
client share them: where anything else runs beside it, read the time of the processor. The bare LangChain client does
nothing but the same calls at the same concurrency. The official `rlms` runs the same cell.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import textwrap
from pathlib import Path

CALLS, LATENCY_S, CONCURRENCY = 2_000, 0.1, 256
IDEAL_S = CALLS * LATENCY_S / CONCURRENCY

CELL = f"out = llm_query_batched([f'question {{i}}' for i in range({CALLS})])\\nprint(len(out))"

SERVER = f"""
    import sys
    from rlm_graph.testing import Reply, ScriptedServer
    def reply(request):
        if any("question " in str(m["content"])[:12] for m in request.messages[-1:]):
            return Reply(text="an answer", delay_s={LATENCY_S})
        if any(m["role"] == "assistant" for m in request.messages):
            return "```repl\\nanswer['content'] = str(len(out))\\nanswer['ready'] = True\\n```"
        return "```repl\\n{CELL}\\n```"
    with ScriptedServer(reply) as server:
        print(server.base_url, flush=True)
        sys.stdin.read()
"""

BARE = f"""
    import asyncio
    from langchain_openai import ChatOpenAI
    model = ChatOpenAI(model="m", base_url=URL, api_key="x", max_retries=0)
    loop = asyncio.new_event_loop()
    def run():
        async def go():
            slots = asyncio.Semaphore({CONCURRENCY})
            async def one(i):
                async with slots:
                    return await model.ainvoke(f"question {{i}}")
            return await asyncio.gather(*(one(i) for i in range({CALLS})))
        assert len(loop.run_until_complete(go())) == {CALLS}
"""

OURS = f"""
    from langchain_openai import ChatOpenAI
    from rlm_graph import RLMConfig, create_rlm
    model = ChatOpenAI(model="m", base_url=URL, api_key="x", max_retries=0)
    rlm = create_rlm(model, config=RLMConfig(max_sub_calls=100_000, max_concurrency={CONCURRENCY}))
    def run():
        result = rlm.invoke({{"query": "What?", "context": "some context"}})
        assert result["answer"] == "{CALLS}", result["answer"]
"""

RLMS = f"""
    from rlm import RLM
    def run():
        model = {{"model_name": "m", "base_url": URL, "api_key": "x"}}
        answer = RLM(backend="openai", backend_kwargs=model, environment="local").completion("c", root_prompt="What?")
        assert answer.response == "{CALLS}", answer.response
"""

HARNESS = """
    import json, time
    def rss_mb():
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    before, walls, cpus = rss_mb(), [], []
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    print(json.dumps([min(walls), min(cpus), rss_mb() - before]))
"""


def measured(python: str, code: str, url: str) -> list[float]:
    """Seconds and seconds of the processor of the best of three runs, and the growth of peak memory in MB."""
    script = f"URL = {url!r}\n" + textwrap.dedent(code) + textwrap.dedent(HARNESS)
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    figures: list[float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=".venv-rlms/bin/python", help="a Python with `rlms` installed")
    peer = parser.parse_args().peer_python
    server = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    contenders = {"bare client": (sys.executable, BARE), "rlm_graph": (sys.executable, OURS)}
    if Path(peer).exists():
        contenders["rlms"] = (peer, RLMS)
    print(f"{CALLS:,} batched calls of {LATENCY_S * 1000:.0f} ms, concurrency {CONCURRENCY}: ideal {IDEAL_S:.2f} s")
    for name, (python, code) in contenders.items():
        wall_s, cpu_s, grown_mb = measured(python, code, url)
        per_call_ms = cpu_s / CALLS * 1000
        print(
            f"  {name:12} {wall_s:6.2f} s, {IDEAL_S / wall_s:4.0%} of ideal; "
            f"{per_call_ms:.2f} ms of the processor for a call; memory +{grown_mb:.0f} MB"
        )
    server.communicate()


if __name__ == "__main__":
    main()
