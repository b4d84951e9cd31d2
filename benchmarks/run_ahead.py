"""200 sub-calls of 100 ms in loops as models write them, concurrency 32: how near to a batch.

    make bench        # or: python benchmarks/run_ahead.py [--peer-python .venv-rlms/bin/python]
                      #        [--other-python .venv-recursive-llm/bin/python]   # both are named `rlm`

Ideal is calls x latency / concurrency; at most 1.5 times it is wanted. The root model is scripted, so that everybody
runs the same cells. The server is a process of its own on this machine. The others run one call after the other.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

CALLS, LATENCY_S, CONCURRENCY = 200, 0.1, 32
IDEAL_S = CALLS * LATENCY_S / CONCURRENCY

LOOPS = {
    "for loop": """
out = []
for i, part in enumerate(parts):
    out.append(llm_query(f"part {i}: {part}").strip())
""",
    "comprehension": """
out = [llm_query(f"part {i}: {part}") for i, part in enumerate(parts)]
""",
    "helper function": """
def ask(i):
    prompt = f"part {i}: " + parts[i]
    return llm_query(prompt)
out = []
for i in range(len(parts)):
    out.append(ask(i))
""",
    "index loop": """
out = {}
i = 0
while i < len(parts):
    start = i * 20
    out[i] = llm_query(f"part {i}: {text[start:start + 20]}")
    i = i + 1  # recursive-llm's Python has no `+=`
""",
}

SETUP = f"text = 'some words of a text ' * {CALLS}\nparts = [text[i * 20:i * 20 + 20] for i in range({CALLS})]"

CELLS = {name: f"{SETUP}{loop}total = str(len(out))\nprint(total)" for name, loop in LOOPS.items()}

SERVER = f"""
    import sys
    from rlm_graph.testing import Reply, ScriptedServer
    CELLS = {CELLS!r}
    def reply(request):
        last = str(request.messages[-1]["content"])
        if "part " in last[:5]:
            return Reply(text="an answer", delay_s={LATENCY_S})
        plain = request.model == "recursive"
        if any(message["role"] == "assistant" for message in request.messages):
            if plain:
                return "FINAL_VAR(total)"
            return "```repl\\nanswer['content'] = total\\nanswer['ready'] = True\\n```"
        cell = next(cell for name, cell in CELLS.items() if f"<{{name}}>" in str(request.messages))
        return cell if plain else f"```repl\\n{{cell}}\\n```"
    with ScriptedServer(reply) as server:
        print(server.base_url, flush=True)
        sys.stdin.read()
"""

OURS = f"""
    from langchain_openai import ChatOpenAI
    from rlm_graph import RLMConfig, create_rlm
    model = ChatOpenAI(model="m", base_url=URL, api_key="x", max_retries=0)
    rlm = create_rlm(model, config=RLMConfig(max_concurrency={CONCURRENCY}))
    ROUNDS = 3
    def run(name):
        result = rlm.invoke({{"query": f"<{{name}}>", "context": "some context"}})
        assert result["ran_ahead"] == {CALLS}, result["ran_ahead"]
        return result["answer"]
"""

RLMS = """
    from rlm import RLM
    ROUNDS = 1
    def run(name):
        model = {"model_name": "m", "base_url": URL, "api_key": "x"}
        rlm = RLM(backend="openai", backend_kwargs=model, environment="local")
        return rlm.completion("some context", root_prompt=f"<{name}>").response
"""

OTHER = """
    from rlm import RLM
    ROUNDS = 1
    def run(name):
        rlm = RLM(model="openai/recursive", api_base=URL, api_key="x", max_depth=2, repl_timeout=600)
        return rlm.complete(query=f"<{name}>", context="some context")
"""

HARNESS = f"""
    if __name__ == "__main__":
        import json, time
        def seconds(name):
            started = time.perf_counter()
            answer = run(name)
            assert answer == "{CALLS}", answer
            return time.perf_counter() - started
        print(json.dumps({{name: min(seconds(name) for _ in range(ROUNDS)) for name in {list(LOOPS)!r}}}))
"""


def measured(python: str, code: str, url: str) -> dict[str, float]:
    """Seconds of each loop."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "contender.py"  # a file, because some start processes that import it
        script.write_text(f"URL = {url!r}\n" + textwrap.dedent(code) + textwrap.dedent(HARNESS), encoding="utf-8")
        done = subprocess.run([python, str(script)], capture_output=True, text=True, timeout=900)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=".venv-rlms/bin/python", help="a Python with `rlms` installed")
    parser.add_argument(
        "--other-python", default=".venv-recursive-llm/bin/python", help="a Python with `recursive-llm` installed"
    )
    given = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    contenders = {"rlm_graph": (sys.executable, OURS)}
    if Path(given.peer_python).exists():
        contenders["rlms"] = (given.peer_python, RLMS)
    if Path(given.other_python).exists():
        contenders["recursive-llm"] = (given.other_python, OTHER)
    title = f"{CALLS} calls of {LATENCY_S * 1000:.0f} ms in a loop, concurrency {CONCURRENCY}"
    print(f"{title}: ideal {IDEAL_S:.2f} s; ours at most 1.5 times that")
    for name, (python, code) in contenders.items():
        for loop, seconds in measured(python, code, url).items():
            print(f"  {name:14} {loop:16} {seconds:6.2f} s, {seconds / IDEAL_S:5.2f} times ideal")
    server.communicate()


if __name__ == "__main__":
    main()
