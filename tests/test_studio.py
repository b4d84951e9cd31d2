"""LangGraph's own server on the exported graph: driven in process, and started as its users start it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.errors import APIStatusError

from rlm_graph import create_rlm
from rlm_graph.context import home_store
from rlm_graph.context.roots import ContextRoots
from rlm_graph.served_config import ServedConfig
from rlm_graph.testing import Request, ScriptedServer
from tests.agent_server import AgentServer, surroundings

PROJECT = Path(__file__).parent.parent
CANARY = "xyzzy-canary"  # that of studio_session.py, which can only be imported beside a langgraph.json

CELLS = {
    "How long is it?": [
        "total = len(context)\nprint(total, llm_query('a note'))",
        "FINAL(f'{total} characters')",
    ],
    "And twice that?": ["FINAL(total * 2)"],
    "How many?": ["FINAL(len(context))"],
    "What is it?": ["FINAL(context)"],
    "Can you stop?": ["print('not yet')", "FINAL('the best there is')"],
    "Are you stuck?": ["sum(range(10**12))", "FINAL('free again')"],
}
"""The cells that the root model writes, question by question."""


def root(request: Request) -> str:
    """The root model: the next cell of the last question that it is asked."""
    asked = [(at, message["content"]) for at, message in enumerate(request.messages) if message["role"] == "user"]
    at, question = max((at, known) for at, text in asked for known in CELLS if known in text)
    written = sum(message["role"] == "assistant" for message in request.messages[at:])
    return f"Working.\n```repl\n{CELLS[question][written]}\n```"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to serve from: the server writes its threads beside the `langgraph.json`."""
    if not find_spec("langgraph_api"):
        pytest.fail("these tests need the extra 'studio': pip install -e '.[studio]'")
    folder = tmp_path_factory.mktemp("served")
    shutil.copy(PROJECT / "langgraph.json", folder)
    shutil.copytree(PROJECT / "studio", folder / "studio", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "secret.txt").write_text("a secret of the host's")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ScriptedServer]:
    """The models of the session."""
    with ScriptedServer({"root": root, "sub": "noted"}) as server:
        yield server


@pytest.fixture(scope="module")
def session(folder: Path, server: ScriptedServer) -> dict[str, Any]:
    """What a caller of the server sees; `log` is what the server wrote meanwhile."""
    models = {"RLM_GRAPH_MODEL": "openai:root", "RLM_GRAPH_SUB_MODEL": "openai:sub"}
    ended = subprocess.run(
        [sys.executable, str(PROJECT / "tests" / "studio_session.py")],
        cwd=folder,
        env=surroundings(folder / "home", OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY="any", **models),
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert ended.returncode == 0, ended.stderr[-5000:]
    return {**json.loads(ended.stdout), "log": ended.stderr}


def chunks(session: dict[str, Any], mode: str) -> list[Any]:
    """What the stream of the first run held in one of its modes."""
    return [data for event, data in session["chunks"] if event == mode]


def test_the_graph_is_offered_with_its_description(session: dict[str, Any]) -> None:
    """The server has one assistant: the graph of `langgraph.json`."""
    assert session["assistant"]["graph_id"] == session["assistant"]["name"] == "rlm"
    assert "question about a context" in session["assistant"]["description"]


def test_algorithm_1_is_drawn(session: dict[str, Any]) -> None:
    """Its lines are the nodes, and the one decision is two conditional edges."""
    edges = {(edge["source"], edge["target"], edge.get("conditional", False)) for edge in session["graph"]["edges"]}
    assert edges == {
        ("__start__", "init_repl", False),
        ("init_repl", "generate_code", False),
        ("generate_code", "execute_repl", False),
        ("execute_repl", "truncate_observation", False),
        ("truncate_observation", "generate_code", True),
        ("truncate_observation", "finalize", True),
        ("finalize", "__end__", False),
    }


def test_the_input_form_takes_a_question_a_context_and_messages(session: dict[str, Any]) -> None:
    """A context is a text, a list or an object; messages are messages, so that a chat can be had."""
    fields = session["schemas"]["input_schema"]["properties"]
    assert set(fields) == {"query", "context", "messages"}
    assert all(field["description"] for field in fields.values())
    assert fields["query"]["type"] == "string"
    assert fields["context"]["anyOf"][:2] == [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
    assert {"type": "object"} in fields["context"]["anyOf"]
    assert {"$ref": "#/$defs/HumanMessage"} in fields["messages"]["items"]["oneOf"]


def test_the_output_is_the_result_and_nothing_else(session: dict[str, Any]) -> None:
    """Each of its fields is described."""
    fields = session["schemas"]["output_schema"]["properties"]
    assert {"answer", "status", "answered_by", "messages", "iterations", "sub_calls"} <= set(fields)
    assert not {"context", "cells", "outcomes", "repl"} & set(fields)
    assert all(field["description"] for field in fields.values())


@pytest.mark.parametrize("schema", ["context_schema", "config_schema"])
def test_every_setting_is_shown_with_its_description_and_default(session: dict[str, Any], schema: str) -> None:
    """Under both names that the server has for run-time settings."""
    shown = session["schemas"][schema]["properties"]
    assert {name: field["default"] for name, field in shown.items()} == ServedConfig().model_dump()
    assert all(field["description"] and field["title"] for field in shown.values())


def test_a_graph_of_ones_own_shows_its_own_settings_and_models(server: ScriptedServer) -> None:
    """A form sends back what it has shown, so a limit must not be shown as none. What callers send outlives it."""
    own = ServedConfig(max_usd=2.0, root_model="small")
    offered = {"small": server.chat_model("sub")}
    with create_rlm(server.chat_model("root"), config=own, offered_models=offered, context_roots=ContextRoots()) as rlm:
        fields = rlm.get_context_jsonschema()["properties"]
        assert {name: field["default"] for name, field in fields.items()} == own.model_dump()
        assert fields["root_model"]["enum"] == fields["sub_model"]["enum"] == ["", "small"]
        assert fields["max_usd"]["description"] == ServedConfig.model_fields["max_usd"].description
        assert rlm.repls.store.root == home_store().root


def test_a_run_streams_in_every_mode(session: dict[str, Any]) -> None:
    """Values, each node's update, our events, and the root model's tokens as they come."""
    assert chunks(session, "values")[-1]["answer"] == "2012 characters"
    assert [node for update in chunks(session, "updates") for node in update] == [
        "init_repl",
        *("generate_code", "execute_repl", "truncate_observation") * 2,
        "finalize",
    ]
    events = [chunk["rlm_event"]["type"] for chunk in chunks(session, "custom")]
    cell = ["iteration_start", "code_generated"]
    sub_call = ["sub_call_start", "sub_call_end"]
    assert events == [*cell, *sub_call, "code_executed", *cell, "code_executed", "final_answer"]
    tokens = [message["content"] for message, _ in chunks(session, "messages") if message["type"] == "AIMessageChunk"]
    assert len(tokens) > 10
    assert "total = len(context)" in "".join(tokens)


def test_the_state_says_how_the_answer_came_about(session: dict[str, Any]) -> None:
    """A thread's state has the result, and the messages with their usage."""
    values = session["state"]["values"]
    told = {name: values[name] for name in ("answer", "status", "answered_by", "iterations", "sub_calls")}
    assert told == {
        "answer": "2012 characters",
        "status": "complete",
        "answered_by": "submitted",
        "iterations": 2,
        "sub_calls": 1,
    }
    usage = [message["usage_metadata"] for message in values["messages"] if message["type"] == "ai"]
    assert [bool(each) for each in usage] == [True, True, False]
    assert session["state"]["next"] == []


def test_the_history_has_a_checkpoint_for_every_step(session: dict[str, Any]) -> None:
    """Input, start and eight steps, the newest first."""
    nodes = [checkpoint["next"] for checkpoint in reversed(session["history"])]
    loop = [["generate_code"], ["execute_repl"], ["truncate_observation"]]
    assert nodes == [["__start__"], ["init_repl"], *loop, *loop, ["finalize"], []]


def test_the_context_is_in_no_checkpoint_stream_or_log(session: dict[str, Any], server: ScriptedServer) -> None:
    """It is behind a reference, and the root model was sent none of it."""
    assert session["state"]["values"]["context"]["context_ref"]["chars"] == 2012
    assert CANARY not in json.dumps(session)
    assert CANARY not in json.dumps([request.body for request in server.requests])


def test_a_second_question_has_the_variables_and_the_context_of_the_first(session: dict[str, Any]) -> None:
    """Asked as a chat would ask it, on the server's own checkpointer."""
    assert session["second"]["answer"] == "4024"
    assert session["second"]["iterations"] == 1
    questions = [m["content"] for m in session["second"]["messages"] if m["type"] == "human"]
    assert questions[0] == "How long is it?"
    assert questions[-1] == "And twice that?"
    assert session["second"]["messages"][-1]["content"] == "4024"


def test_a_list_is_a_list_in_the_repl(session: dict[str, Any]) -> None:
    """Three texts are three items."""
    assert session["list"]["answer"] == "3"


def test_a_text_that_names_a_file_of_the_host_is_only_text(session: dict[str, Any]) -> None:
    """A caller must not be able to read the host's files."""
    assert session["path"]["answer"].endswith("secret.txt")
    assert "a secret of the host's" not in json.dumps(session)


def test_a_run_takes_settings(session: dict[str, Any]) -> None:
    """After one iteration of one, the root model is asked for its best answer."""
    told = [session["settings"][name] for name in ("answer", "answered_by", "iterations")]
    assert told == ["the best there is", "forced", 1]


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("bad setting", "ConfigError", "max_iterations: 0 is not allowed: must be a whole number from 1 to 10000"),
        ("no question", "ConfigError", "query: '' is not allowed: must be a question"),
        ("no text", "ConfigError", "query: 5 is not allowed: must be a question"),
        ("empty context", "ContextEmptyError", "empty"),
    ],
)
def test_a_bad_input_ends_the_run_with_a_sentence(session: dict[str, Any], name: str, error: str, words: str) -> None:
    """The caller gets our error's name and words."""
    assert session[name]["__error__"]["error"] == error
    assert words in session[name]["__error__"]["message"]


def test_nothing_blocks_the_servers_event_loop(session: dict[str, Any]) -> None:
    """The server refuses blocking calls, and met none: also where a worker was killed."""
    assert session["blocking_is_refused"]
    assert session["stuck"]["answer"] == "free again"
    assert "BlockingError" not in session["log"]


def test_the_log_says_which_models_answer_and_why(session: dict[str, Any]) -> None:
    """Once, when the server starts."""
    assert session["log"].count("model: openai:root, sub-model openai:sub (RLM_GRAPH_MODEL is set)") == 1


AUTH = """
from langgraph_sdk import Auth

auth = Auth()


@auth.authenticate
async def known(headers):
    name = headers.get(b"x-name", b"").decode()
    if not name:
        raise Auth.exceptions.HTTPException(status_code=401, detail="who are you?")
    return name


@auth.on
async def own(ctx, value):
    if isinstance(value, dict):
        value.setdefault("metadata", {})["owner"] = ctx.user.identity
    return {"owner": ctx.user.identity}


@auth.on.assistants
async def everybodys(ctx, value):
    return None
"""
"""Callers are believed to be who they say; each has its own threads."""

CHECKPOINTER = """
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver


class AsyncOnly(BaseCheckpointSaver):
    def __init__(self):
        super().__init__()
        self.kept = InMemorySaver()

    async def aget_tuple(self, config):
        return await self.kept.aget_tuple(config)

    async def alist(self, config, **options):
        async for found in self.kept.alist(config, **options):
            yield found

    async def aput(self, config, checkpoint, metadata, new_versions):
        return await self.kept.aput(config, checkpoint, metadata, new_versions)

    async def aput_writes(self, config, writes, task_id, task_path=""):
        await self.kept.aput_writes(config, writes, task_id, task_path)


checkpointer = AsyncOnly()
"""
"""A server's own checkpointer has the async methods only; LangGraph's base class raises in the others."""


@pytest.fixture(scope="module")
def offline(folder: Path) -> Iterator[AgentServer]:
    """`langgraph dev` as its users start it, without model or key; callers are told apart, checkpoints are its own."""
    config = json.loads((folder / "langgraph.json").read_text())
    (folder / "studio" / "auth.py").write_text(AUTH)
    (folder / "studio" / "checkpointer.py").write_text(CHECKPOINTER)
    own = {
        "auth": {"path": "./studio/auth.py:auth"},
        "checkpointer": {"path": "./studio/checkpointer.py:checkpointer"},
    }
    (folder / "guarded.json").write_text(json.dumps({**config, **own}))
    command = [sys.executable, "-m", "langgraph_cli", "dev", "--config", "guarded.json", "--no-browser", "--no-reload"]
    server = AgentServer(folder, surroundings(folder / "home"), command).start()
    yield server
    server.stop()


def test_langgraph_dev_answers_offline_by_rules(offline: AgentServer) -> None:
    """Without model or key the server starts, says so, counts exactly, and refuses what needs a language model."""
    with get_sync_client(url=offline.url, headers={"x-name": "alice"}) as client:
        lines = "INFO started\nERROR disk full\nERROR disk full\n"
        counted = client.runs.wait(None, "rlm", input={"query": "How many lines contain ERROR?", "context": lines})
        assert "2 lines" in counted["answer"]  # type: ignore[call-overload]
        refused = client.runs.wait(
            None, "rlm", input={"query": "Is the author happy?", "context": lines}, raise_error=False
        )
        assert refused["__error__"]["error"] == "NeedsLanguageModelError"  # type: ignore[call-overload]
    assert "model: offline rules" in offline.log
    assert "Using custom checkpointer: AsyncOnly" in offline.log
    # What `make studio` shows: it is the same command.
    assert offline.url in offline.log
    assert "studio/?baseUrl=" in offline.log


def test_without_the_flag_that_lets_it_know_callers_here_everybody_is_refused(folder: Path) -> None:
    """A `langgraph.json` with `auth`, but without `enable_custom_route_auth`: nothing is open by an oversight."""
    code = (
        "from starlette.testclient import TestClient\n"
        "from rlm_graph.server.app import app\n"
        "asked = [('POST', '/contexts'), ('GET', '/contexts/x'), ('GET', '/report/x/'), ('GET', '/report/x/data')]\n"
        "print([TestClient(app).request(*each).status_code for each in asked])"
    )
    server = {"DATABASE_URI": ":memory:", "REDIS_URI": "fake", "MIGRATIONS_PATH": "__inmem"}
    edition = {"LANGGRAPH_RUNTIME_EDITION": "inmem", "LANGGRAPH_DISABLE_FILE_PERSISTENCE": "true"}
    env = surroundings(folder / "home", LANGGRAPH_AUTH='{"path": "./studio/auth.py:auth"}', **server, **edition)
    ran = subprocess.run([sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == "[401, 401, 401, 401]", ran.stderr[-2000:]


def test_what_the_server_demands_of_callers_its_other_routes_demand_too(offline: AgentServer) -> None:
    """Nobody uploads unknown, and nobody reads the report of a thread that is not theirs."""
    with httpx.Client(base_url=offline.url) as http:
        assert http.post("/contexts", content=b"a text").status_code == 401
        alice, bob = {"x-name": "alice"}, {"x-name": "bob"}
        assert http.post("/contexts", content=b"a text", headers=alice).status_code == 201
        with get_sync_client(url=offline.url, headers=alice) as client:
            thread = client.threads.create()["thread_id"]
            client.runs.wait(thread, "rlm", input={"query": "How many lines contain ERROR?", "context": "ERROR\n"})
        with get_sync_client(url=offline.url, headers=bob) as client, pytest.raises(APIStatusError):
            client.threads.get(thread)
        for data in ("", "data"):
            address = f"/report/{thread}/{data}"
            answers = [http.get(address, headers=headers) for headers in (alice, bob, {})]
            assert [answer.status_code for answer in answers] == [200, 404, 401]
            assert "How many lines" in answers[0].text
