"""Fixtures: a store, a scripted server, and every checkpointer and journal that a run must work with."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import pytest
from postgres import PostgresServer
from s3 import S3Server

os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"  # before langgraph is imported: unknown types are refused
os.environ["LANGSMITH_TRACING"] = "false"

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from rlm_graph import ContextStore, create_rlm
from rlm_graph.journal import Journal
from rlm_graph.repl.executor import Executor
from rlm_graph.repl.process import ProcessExecutors
from rlm_graph.repl.snapshot_store import SnapshotStore
from rlm_graph.testing import ScriptedServer


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads the user's keys or writes to the user's folders."""
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_BASE_URL")) or name.startswith(("RLM_GRAPH_", "OLLAMA_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RLM_GRAPH_HOME", str(tmp_path / "home"))


@pytest.fixture
def store(tmp_path: Path) -> ContextStore:
    """A context store of the test's own."""
    return ContextStore(tmp_path / "store")


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Starts scripted servers, and ends them with the test."""
    with ExitStack() as stack:
        yield lambda script, **options: stack.enter_context(ScriptedServer(script, **options))


@pytest.fixture(scope="module")
def executors_over(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Any], Callable[[], Executor]]]:
    """Makes what makes REPLs over a context: all are forked from one process, which takes 0.2 s to start."""
    store = ContextStore(tmp_path_factory.mktemp("contexts"))
    executors, snapshots = ProcessExecutors(), SnapshotStore(store.files)

    def over(context: Any) -> Callable[[], Executor]:
        manifest = store.local_manifest(store.put(context))
        return lambda: executors(manifest, snapshots)

    yield over
    executors.close()


@pytest.fixture
def make_rlm(serve: Callable[..., ScriptedServer], store: ContextStore) -> Iterator[Callable[..., Any]]:
    """Makes an RLM whose root model plays a list of replies, and whose sub-model a list or a function.

    The server is its attribute `.server`; what the RLM started ends with the test.
    """
    graphs = []

    def make(root: Any, sub: Any = "sub", **options: Any) -> Any:
        server = serve({"root": root, "sub": sub})
        models = {"model": server.chat_model("root"), "sub_model": server.chat_model("sub")}
        rlm = create_rlm(**{**models, "context_store": store, **options})
        rlm.server = server
        graphs.append(rlm)
        return rlm

    yield make
    for rlm in graphs:
        rlm.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A Postgres server; it is started when a test of this process first asks for it."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def _s3_server() -> Iterator[S3Server]:
    """An S3 server; likewise."""
    with S3Server() as server:
        yield server


@pytest.fixture(scope="module")
def s3_server(_s3_server: S3Server) -> Iterator[S3Server]:
    """An S3 server, where each test has a bucket of its own. Clients are kept: to make one takes half a second."""
    import s3fs  # here, because importing it takes half a second

    yield _s3_server
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """A Postgres database of the test's own."""
    return postgres.new_database()


@pytest.fixture(params=["sqlite", "postgres"])
def journal_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a journal can be, in each database that there is for it."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite:///{tmp_path / 'journal.sqlite'}"


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    """A journal, in each database that there is for it."""
    journal = Journal(journal_url)
    yield journal
    journal.close()


@pytest.fixture(params=["none", "memory", "sqlite", "postgres"])
def checkpointer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Each checkpointer that sync runs work with, and none."""
    if request.param == "sqlite":
        with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver:
            yield saver
    elif request.param == "postgres":
        with PostgresSaver.from_conn_string(request.getfixturevalue("postgres_url")) as saver:
            saver.setup()
            yield saver
    else:
        yield InMemorySaver() if request.param == "memory" else None


@pytest.fixture(params=["none", "memory", "sqlite", "postgres"])
async def async_checkpointer(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    """Each checkpointer that async runs work with, and none."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            opened = AsyncSqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite"))
            yield await stack.enter_async_context(opened)
        elif request.param == "postgres":
            url = request.getfixturevalue("postgres_url")
            saver = await stack.enter_async_context(AsyncPostgresSaver.from_conn_string(url))
            await saver.setup()
            yield saver
        else:
            yield InMemorySaver() if request.param == "memory" else None
