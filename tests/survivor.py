"""A process in which a run is begun, or is gone on with: what the tests of survival kill.

`python tests/survivor.py` reads lives from stdin, one JSON object per line with the fields of `Life`, and forks a
process for each: a fresh one would spend more time on importing LangGraph than on the run. Its other end is
`Survivors`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from forks import Fork, Forks, leave, serve
from langchain_core.runnables import RunnableConfig
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command, StateSnapshot

from rlm_graph import ContextStore, RLMConfig, create_rlm
from rlm_graph.graph import RLMGraph

RESULT = ("answer", "status", "iterations", "sub_calls", "total_input_tokens", "total_output_tokens", "cost_usd")
"""What is kept of a result."""


@dataclass(frozen=True)
class Life:
    """One process of a run: the first begins it, the others go on with it."""

    number: int
    """Sent with each request, in the header `x-life`, so that the server can tell the lives apart."""

    server: str
    """Base URL of the server with the models `ROOT` and `SUB`."""

    thread: str
    """The run."""

    question: dict[str, Any]
    """What the run begins with."""

    config: dict[str, Any]
    """Its `RLMConfig`."""

    checkpoints: str
    """A path for SQLite, or the URL of a Postgres database."""

    journal: str
    """Likewise."""

    store: str
    """Root of the context store: a folder, or a URL."""

    home: str
    """Folder for whatever else is written; another one is another host. What the process prints is here too."""

    asynchronous: bool = False
    """Whether `ainvoke` runs it."""

    durability: str | None = None
    """LangGraph's durability; None is LangGraph's default."""

    checkpoint_s: float = 0.0
    """Seconds that each checkpoint takes longer, as on a slow disk (SQLite, sync): a kill loses the last ones."""

    environment: dict[str, str] = field(default_factory=dict)
    """Variables that it needs to find the store."""

    decision: Any = None
    """What a person has decided, for a run that was interrupted."""

    @property
    def result(self) -> Path:
        """The result, or the error, as JSON: whole, or not there."""
        return Path(self.home) / f"result-{self.number}.json"

    @property
    def log(self) -> Path:
        """What the process said."""
        return Path(self.home) / f"log-{self.number}.txt"


ROOT = "gpt-4.1"
SUB = "gpt-4.1-mini"
"""Models whose prices are known, so that sums of money can be compared."""


def live(life: Life) -> dict[str, Any]:
    """Begin the run, or go on with it, and return its result."""
    with _sync_saver(life) as saver, _rlm(life, saver) as rlm:
        config: Any = {"configurable": {"thread_id": life.thread}}
        state = rlm.get_state(config)
        if _has_ended(state):
            return _kept(state.values)
        return _kept(rlm.invoke(_given(life, state), config, **_options(life)))


async def live_async(life: Life) -> dict[str, Any]:
    """As `live`."""
    async with _async_saver(life.checkpoints) as saver:
        with _rlm(life, saver) as rlm:
            config: Any = {"configurable": {"thread_id": life.thread}}
            state = await rlm.aget_state(config)
            if _has_ended(state):
                return _kept(state.values)
            return _kept(await rlm.ainvoke(_given(life, state), config, **_options(life)))


def _has_ended(state: StateSnapshot) -> bool:
    """Whether the last process was killed after the end of the run.

    `next` does not tell: it is empty, too, when the last step had written its results but not its checkpoint.
    """
    return bool(state.values) and not state.tasks


def _given(life: Life, state: StateSnapshot) -> Any:
    if life.decision is not None:
        return Command(resume=life.decision)
    return None if state.values else life.question


def _rlm(life: Life, saver: BaseCheckpointSaver[Any]) -> RLMGraph:
    models = {"model": _model(life, ROOT), "sub_model": _model(life, SUB)}
    journal = life.journal if life.journal.startswith("postgresql:") else Path(life.journal)
    durable = {"checkpointer": saver, "journal": journal, "context_store": ContextStore(life.store)}
    return create_rlm(**models, **durable, config=RLMConfig(**life.config))


def _model(life: Life, name: str) -> ChatOpenAI:
    headers = {"Connection": "close", "x-life": str(life.number)}
    return ChatOpenAI(model=name, base_url=life.server, api_key="any", max_retries=0, default_headers=headers)


def _options(life: Life) -> Any:
    return {} if life.durability is None else {"durability": life.durability}


def _kept(result: Any) -> dict[str, Any]:
    asked = [interrupt.value for interrupt in result.get("__interrupt__", [])]
    return {name: result.get(name) for name in RESULT} | ({"asked": asked} if asked else {})


class SlowSaver(SqliteSaver):
    """Checkpoints that take so many seconds longer."""

    def __init__(self, connection: sqlite3.Connection, seconds: float) -> None:
        super().__init__(connection)
        self._seconds = seconds

    def put(self, *checkpoint: Any) -> RunnableConfig:
        """Write one."""
        time.sleep(self._seconds)
        return super().put(*checkpoint)


@contextlib.contextmanager
def _sync_saver(life: Life) -> Iterator[BaseCheckpointSaver[Any]]:
    if not life.checkpoints.startswith("postgresql:"):
        with contextlib.closing(sqlite3.connect(life.checkpoints, check_same_thread=False)) as connection:
            yield SlowSaver(connection, life.checkpoint_s)
        return
    with PostgresSaver.from_conn_string(life.checkpoints) as saver:
        saver.setup()
        yield saver


@contextlib.asynccontextmanager
async def _async_saver(where: str) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    if not where.startswith("postgresql:"):
        async with AsyncSqliteSaver.from_conn_string(where) as saver:
            yield saver
        return
    async with AsyncPostgresSaver.from_conn_string(where) as saver:
        await saver.setup()
        yield saver


def be(told: dict[str, Any]) -> None:
    """Live, and leave the result."""
    life = Life(**told)
    os.environ.update(life.environment, RLM_GRAPH_HOME=life.home, TMPDIR=life.home)
    leave(life.result, lambda: asyncio.run(live_async(life)) if life.asynchronous else live(life), log=life.log)


class Survivor(Fork):
    """A process that lives, as the test that disturbs it sees it."""

    def __init__(self, life: Life, pid: int) -> None:
        super().__init__(pid)
        self.life = life

    def below(self) -> list[int]:
        """All processes that it has started, and theirs."""
        found = [self.pid]
        for pid in found:
            found += children(pid)
        return found[1:]

    def zygotes(self) -> list[int]:
        """Its children: each has a context loaded, and is forked for the cells."""
        return children(self.pid)

    def workers(self) -> list[int]:
        """The processes that run the cells."""
        return [worker for zygote in self.zygotes() for worker in children(zygote)]

    def kill(self, pids: list[int]) -> None:
        """SIGKILL some of its processes, itself first if it is among them."""
        for pid in sorted(pids, key=lambda pid: pid != self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def result(self) -> dict[str, Any] | None:
        """What it has left: a result, or an error; None if it was killed before."""
        return json.loads(self.life.result.read_text()) if self.life.result.exists() else None


def children(pid: int) -> list[int]:
    """The processes that one has started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it has just ended
            found += map(int, task.read_text().split())
    return found


class Survivors(Forks):
    """Starts survivors, and ends those that are left."""

    def __init__(self) -> None:
        super().__init__(__file__, "-W", "error")
        self._all: list[Survivor] = []

    def start(self, life: Life) -> Survivor:
        """A process for a life."""
        Path(life.home).mkdir(parents=True, exist_ok=True)
        for left in (life.result, life.log):  # of another run in this home, which would pass for that of this one
            left.unlink(missing_ok=True)
        survivor = Survivor(life, self.fork(asdict(life)))
        self._all.append(survivor)
        return survivor

    def __exit__(self, *exception: object) -> None:
        for survivor in self._all:
            if not survivor.ended():
                survivor.kill([survivor.pid, *survivor.below()])
            survivor.close()
        super().__exit__(*exception)


if __name__ == "__main__":
    serve(be)
