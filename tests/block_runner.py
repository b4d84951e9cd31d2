"""Runs the Python of pages, each block in a process of its own that does not begin with seconds of imports.

    python -W error tests/block_runner.py          # reads orders from stdin, a JSON object in each line

What blocks import is imported here once; then each block is a fork. A fork ends as a program does: it waits for its
threads, and what is registered for its end runs.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import traceback
import types
from importlib import import_module

import rlm_graph

IMPORTED = [
    "deepagents",
    "langchain.agents",
    "langchain_openai",
    "langgraph.checkpoint.sqlite",
    "openai.resources.chat.completions",
    "openinference.instrumentation.langchain",
    "opentelemetry.sdk.trace.export",
]


def main() -> None:
    """Carry out orders until stdin ends, or, in a fork, one of them. The answer is the exit code."""
    for name in IMPORTED:
        import_module(name)
    for name in rlm_graph.__all__:
        getattr(rlm_graph, name)  # loads its module
    gc.freeze()  # or each fork, at its end, looks for garbage among the million objects of these modules
    assert threading.active_count() == 1  # a fork has only the thread that forks
    for order in sys.stdin:
        if (child := os.fork()) == 0:
            _run(**json.loads(order))
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(block: str, folder: str, surroundings: dict[str, str], stdout: str, stderr: str) -> None:
    for descriptor, path in enumerate([os.devnull, stdout, stderr]):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(surroundings)
    program = types.ModuleType("__main__")
    sys.modules["__main__"] = program  # where the annotations of a block's classes are looked up
    sys.path[0] = ""  # as for `python -c`: what the tests have beside this file is not there
    try:
        exec(compile(block, "<page>", "exec"), program.__dict__)
    except Exception:
        traceback.print_exc()
        sys.exit(1)


if __name__ == "__main__":
    main()
