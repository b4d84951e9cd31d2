"""Processes in which an agent with an RLM inside lives: what the tests of agents kill.

`python tests/agent_lives.py` reads lives from stdin, one JSON object per line with the fields of `Life`, and forks a
process for each: a fresh one would spend more time on importing LangChain than on the run. Its other end is `Lives`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from forks import Fork, Forks, leave, serve
from langchain.agents import create_agent
from langchain_core.runnables import RunnableConfig
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command

from rlm_graph import RLMConfig, create_rlm
from rlm_graph.agents import ChatRLM, LargeContextMiddleware, create_rlm_tool, rlm_sub_agent
from rlm_graph.context import home_store
from rlm_graph.testing import Reply, Request, ScriptedServer

TEXT = "\n".join(f"line {number} of a long text" for number in range(5_000))
"""The context."""


@dataclass(frozen=True)
class Life:
    """One process of an agent's run: the first begins it, the others go on with it."""

    kind: str
    """Which agent (`AGENTS`)."""

    server: str
    """Base URL of the server with the models `agent`, `root` and `sub`."""

    folder: str
    """Where everything is kept, and `answer.json` is left."""

    question: str = "What is in the texts?"
    loses_checkpoints: bool = False
    """Whether no checkpoint is written after that of the question, as on a disk that is slow: it is to be killed."""

    decision: Any = None
    """What a person has decided, for a run that was interrupted."""

    settings: dict[str, Any] = field(default_factory=dict)
    """The RLM's."""

    @property
    def answer(self) -> Path:
        """The last message, or the error: whole, or not there."""
        return Path(self.folder, "answer.json")

    @property
    def log(self) -> Path:
        """What the process said."""
        return Path(self.folder, "log.txt")

    def model(self, name: str) -> ChatOpenAI:
        """A model."""
        headers = {"Connection": "close"}
        return ChatOpenAI(
            model=name,
            base_url=self.server,
            api_key="any",  # type: ignore[arg-type]
            max_retries=0,
            default_headers=headers,
            stream_usage=True,
        )

    @property
    def rlm(self) -> dict[str, Any]:
        """What an RLM is made of."""
        return {"sub_model": self.model("sub"), "config": RLMConfig(**self.settings)}


def _tool(life: Life, saver: SqliteSaver) -> Any:
    tool = create_rlm_tool(life.model("root"), context=TEXT, **life.rlm)
    return create_agent(life.model("agent"), [tool], checkpointer=saver)


def _middleware(life: Life, saver: SqliteSaver) -> Any:
    def read_log(name: str) -> str:
        """Read a log."""
        return f"the log {name}\n{TEXT}"

    large = LargeContextMiddleware(life.model("root"), **life.rlm)
    return create_agent(life.model("agent"), [read_log], middleware=[large], checkpointer=saver)


def _deep(life: Life, saver: SqliteSaver) -> Any:
    from deepagents import create_deep_agent  # it takes seconds, which the others need not spend

    rlm = create_rlm(life.model("root"), **life.rlm, context_store=home_store())
    reader = rlm_sub_agent(rlm, context=TEXT)
    return create_deep_agent(life.model("agent"), subagents=[reader], checkpointer=saver)


def _chat(life: Life, saver: SqliteSaver) -> Any:
    model = ChatRLM(model=life.model("root"), long_above_chars=10_000, **life.rlm)
    return create_agent(model, checkpointer=saver)


AGENTS: dict[str, Callable[[Life, SqliteSaver], Any]] = {
    "tool": _tool,
    "middleware": _middleware,
    "deep": _deep,
    "chat": _chat,
}


def live(life: Life) -> Any:
    """Begin the run, or go on with it, and return the text of its last message, or what it asks a person."""
    with contextlib.closing(sqlite3.connect(Path(life.folder, "agent.sqlite"), check_same_thread=False)) as connection:
        agent = AGENTS[life.kind](life, LateSaver(connection) if life.loses_checkpoints else SqliteSaver(connection))
        thread: RunnableConfig = {"configurable": {"thread_id": "agent"}}
        given = None if agent.get_state(thread).values else {"messages": life.question}
        if life.decision is not None:
            given = Command(resume=life.decision)
        result = agent.invoke(given, thread)
        asked = [stop.value["rlm_requests"] for stop in result.get("__interrupt__", [])]
        return asked or str(result["messages"][-1].text)


class LateSaver(SqliteSaver):
    """Checkpoints that come too late, but for those of the question."""

    def put(self, config: RunnableConfig, checkpoint: Any, metadata: Any, versions: Any) -> RunnableConfig:
        """Write one."""
        if config["configurable"]["checkpoint_ns"] or metadata["step"] > 0:
            time.sleep(60)
        return super().put(config, checkpoint, metadata, versions)


def be(told: dict[str, Any]) -> None:
    """Live, and leave the answer."""
    life = Life(**told)
    os.environ.update(RLM_GRAPH_HOME=life.folder, TMPDIR=life.folder, LANGGRAPH_STRICT_MSGPACK="true")
    leave(life.answer, lambda: live(life), log=life.log)


class Held:
    """A sub-model that answers with its prompt, but holds those with a word as long as it is told to."""

    def __init__(self, word: str) -> None:
        self._word = word
        self.is_holding = True

    def __call__(self, request: Request) -> Reply | str:
        """The reply."""
        if self.is_holding and self._word in request.text:
            return Reply(hang=True)
        return f"<{request.text}>"


class Lives(Forks):
    """Starts such processes, and ends those that are left."""

    def __init__(self) -> None:
        super().__init__(__file__)
        self._all: list[Fork] = []

    def end(self, life: Life) -> Any:
        """Start a process, wait for its end, and return its answer."""
        assert self._start(life).ended(within_s=60), life.log.read_text()
        assert life.answer.exists(), life.log.read_text()
        return json.loads(life.answer.read_text())

    def end_after_a_kill(
        self, life: Life, server: ScriptedServer, sub: Held, *, asked: int, loses_checkpoints: bool = False
    ) -> Any:
        """Kill a process when the sub-model was asked so often, and return the answer of another one."""
        process = self._start(replace(life, loses_checkpoints=loses_checkpoints))
        _wait_for(server, "sub", asked)
        os.kill(process.pid, signal.SIGKILL)
        assert process.ended(within_s=10)
        sub.is_holding = False
        return self.end(life)

    def _start(self, life: Life) -> Fork:
        life.answer.unlink(missing_ok=True)
        self._all.append(Fork(self.fork(asdict(life))))
        return self._all[-1]

    def __exit__(self, *exception: object) -> None:
        for process in self._all:
            if not process.ended():
                os.kill(process.pid, signal.SIGKILL)
            process.close()
        super().__exit__(*exception)


@pytest.fixture(scope="module")
def lives() -> Iterator[Lives]:
    """Starts the processes that are killed."""
    with Lives() as started:
        yield started


def chain(name: str, *parts: object) -> str:
    """Code that asks for one thing after the other, each when it has the answer before: so that is in the journal."""
    return f"for part in {parts!r}:\n    parts.append(llm_query(f'{name} {{part}}' + parts[-1][:0]))"


def asked_again(server: ScriptedServer) -> list[str]:
    """What was asked more than once: the end of each such request's last message, for each time after the first."""
    times = Counter((request.model, json.dumps(request.messages)) for request in server.requests)
    texts = {(request.model, json.dumps(request.messages)): request.text for request in server.requests}
    return sorted(texts[key][-40:] for key, count in times.items() for _ in range(count - 1))


def _wait_for(server: ScriptedServer, model: str, count: int, within_s: float = 30) -> None:
    """Wait until so many requests for a model have come."""
    deadline = time.monotonic() + within_s
    while server.count(model) < count:
        assert time.monotonic() < deadline, [(request.model, request.text[-200:]) for request in server.requests]
        time.sleep(0.01)


if __name__ == "__main__":
    serve(be)
