"""A server that is killed, or stopped, in the middle of a run: started again, it goes on, and asks nothing twice.

LangGraph's in-memory server writes its threads to files every ten seconds, and when it is stopped. What it has not
written when it is killed is lost to it; from there on, the journal has what was answered.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rlm_graph.testing import Request, ScriptedServer
from tests.agent_server import AgentServer, surroundings

CELL = """\
answers = []
for part in ["first", "second", "third"]:
    answers.append(llm_query(part + " of " + context))
FINAL(" | ".join(answers))"""


class Models:
    """The models of a server that is killed: the third sub-call comes back when it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._let_go = threading.Event()

    async def root(self, request: Request) -> str:
        """The root model."""
        self.asked.append(f"root {len(request.messages)}")
        return f"```repl\n{CELL}\n```"

    async def sub(self, request: Request) -> str:
        """The sub-model."""
        text = str(request.messages[-1]["content"])
        self.asked.append(text)
        while text.startswith("third") and not self._let_go.is_set():
            await asyncio.sleep(0.01)
        return text.split()[0]

    def wait_for(self, prompt: str) -> None:
        """Wait until it is asked."""
        deadline = time.monotonic() + 60
        while prompt not in self.asked:
            assert time.monotonic() < deadline, self.asked
            time.sleep(0.02)

    def let_go(self) -> list[str]:
        """From now on all calls come back; returns what was asked so far, and forgets it."""
        asked, self.asked = self.asked, []
        self._let_go.set()
        return asked

    def hold(self) -> None:
        """The next third call does not come back."""
        self._let_go.clear()
        self.asked = []


@pytest.fixture
def models() -> Models:
    """The models."""
    return Models()


@pytest.fixture
def server(tmp_path: Path, models: Models) -> Iterator[AgentServer]:
    """The server, started."""
    with ScriptedServer({"root": models.root, "sub": models.sub}) as scripted:
        env = surroundings(
            tmp_path,
            OPENAI_BASE_URL=scripted.base_url,
            OPENAI_API_KEY="any",
            RLM_GRAPH_MODEL="openai:root",
            RLM_GRAPH_SUB_MODEL="openai:sub",
            RLM_GRAPH_SETTINGS='{"run_ahead": false}',
        )
        server = AgentServer(tmp_path, env).start()
        yield server
        models.let_go()
        server.stop()


def begin(client: Any, context: str) -> tuple[str, str]:
    """Begin a run; returns its thread and its id."""
    thread = client.threads.create()["thread_id"]
    run = client.runs.create(thread, "rlm", input={"query": "What do the parts say?", "context": context})
    return thread, run["run_id"]


def wait_until_written(folder: Path, since: float) -> None:
    """Wait until the server has written all its files after that time, one after the other in each round."""
    files = [
        folder / "server" / ".langgraph_api" / name for name in (".langgraph_ops.pckl", ".langgraph_checkpoint.1.pckl")
    ]
    deadline = time.monotonic() + 40
    while any(not file.exists() or file.stat().st_mtime < since for file in files):
        assert time.monotonic() < deadline, [(file.name, file.stat().st_mtime - since) for file in files]
        time.sleep(0.05)
    time.sleep(0.5)  # the round's other files


def test_a_run_survives_stop_and_kill_of_its_server(server: AgentServer, models: Models, tmp_path: Path) -> None:
    """After a stop, as after a kill, the server itself goes on; what was in flight when it was stopped comes back."""
    with server.client() as client, ThreadPoolExecutor() as waiting:
        thread, run = begin(client, "one")
        waiting.submit(client.runs.join, thread, run)  # a caller who waits does not keep it from stopping
        models.wait_for("third of one")
        stopped_at = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(2)
        assert models.let_go() == ["root 2", "first of one", "second of one", "third of one"]
        server.process.wait()
        assert time.monotonic() - stopped_at < 5

    server.start()  # and the ten seconds begin
    with server.client() as client:
        assert client.runs.join(thread, run)["answer"] == "first | second | third"
        assert models.asked == []

        models.hold()
        thread, run = begin(client, "two")
        models.wait_for("third of two")
        wait_until_written(tmp_path, since=time.time())
    server.kill()
    assert models.let_go() == ["root 2", "first of two", "second of two", "third of two"]

    server.start()
    with server.client() as client:
        assert client.runs.join(thread, run)["answer"] == "first | second | third"
        assert models.asked == ["third of two"]
        messages = client.threads.get_state(thread)["values"]["messages"]
        assert [message["type"] for message in messages] == ["human", "ai", "ai"]
