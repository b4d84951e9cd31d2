"""`rlm-graph serve`, asked with LangGraph's own client, MCP's and plain HTTP: uploads, attacks, streams, people."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk.errors import APIStatusError, BadRequestError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from rlm_graph import ConfigError, ContextStore
from rlm_graph.server.settings import served_config
from rlm_graph.testing import Request, ScriptedServer
from tests.agent_server import AgentServer, surroundings

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SECRET = "the salary of somebody else is 4711"
SLOW = threading.Event()
"""Until it is set, sub-calls that say so do not come back."""

HELD_UP: list[str] = []
"""Their prompts."""

CELLS = {
    "What is in it?": ["print(type(context).__name__)\nFINAL(str(context))"],
    "Which documents?": ["FINAL(' '.join(f'{doc.name}:{len(doc)}' for doc in context))"],
    "What came before?": ["FINAL(str(history))"],
    "Which variables?": ["mine = 'a variable'", "FINAL(mine)"],
    "And now?": ["FINAL(mine)"],
    "What does it say?": ["said = llm_query('note ' + context)\nprint(said)", "FINAL(said)"],
    "Are you slow?": ["print('at once')", "FINAL(llm_query('slow'))"],
    "What would you ask?": ["FINAL('they say ' + ask_user('which one?'))"],
    "What do the parts say?": ["FINAL(rlm_query('What is in it?', context='a part'))"],
    "What does a thief see?": [
        "FINAL(rlm_query('What is in it?', context={'context_ref': {'sha256': context}}))",
    ],
}
"""The cells that the root model writes, question by question."""


def root(request: Request) -> str:
    """The root model: the next cell of the last question that it is asked."""
    asked = [(at, message["content"]) for at, message in enumerate(request.messages) if message["role"] == "user"]
    at, question = max((at, known) for at, text in asked for known in CELLS if known in text)
    written = sum(message["role"] == "assistant" for message in request.messages[at:])
    return f"I look.\n```repl\n{CELLS[question][written]}\n```"


async def sub(request: Request) -> str:
    """The sub-model."""
    text = str(request.messages[-1]["content"])
    if "What is in it?" in text:  # as the root model of a child
        return root(request)
    if "slow" in text:
        HELD_UP.append(text)
        while not SLOW.is_set():
            await asyncio.sleep(0.01)
    return f"noted: {text}"


@pytest.fixture(scope="module")
def models() -> Iterator[ScriptedServer]:
    """The models."""
    with ScriptedServer({"root": root, "sub": sub, "other": "```repl\nFINAL('the other one')\n```"}) as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's home, with a folder that callers may read beside it."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "open").mkdir()
    (folder / "open" / "may.txt").write_text("a text of May")
    (folder / "secret.txt").write_text(SECRET)
    (folder / "open" / "leak.txt").symlink_to(folder / "secret.txt")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path, models: ScriptedServer) -> Iterator[AgentServer]:
    """The server, as its users start it."""
    env = surroundings(
        folder,
        OPENAI_BASE_URL=models.base_url,
        OPENAI_API_KEY="any",
        RLM_GRAPH_MODEL="openai:root",
        RLM_GRAPH_SUB_MODEL="openai:sub",
        RLM_GRAPH_MODELS="openai:other",
        RLM_GRAPH_SETTINGS=json.dumps({"max_recursion_depth": 2}),
        RLM_GRAPH_LIMITS=json.dumps({"max_iterations": 30}),
        RLM_GRAPH_CONTEXT_ROOTS=str(folder / "open"),
        RLM_GRAPH_MAX_UPLOAD_MB="1",
    )
    server = AgentServer(folder, env).start()
    yield server
    SLOW.set()
    server.stop()


@pytest.fixture
def http(server: AgentServer) -> Iterator[httpx.Client]:
    """A client of the routes beside LangGraph's own."""
    with httpx.Client(base_url=server.url) as client:
        yield client


@pytest.fixture
def client(server: AgentServer) -> Iterator[Any]:
    """LangGraph's own client."""
    with server.client() as client:
        yield client


def ask(client: Any, query: str, context: Any = None, thread: str | None = None, **settings: Any) -> Any:
    """Ask, and wait for the result, or for the error that ended the run."""
    given = {"query": query} if context is None else {"query": query, "context": context}
    return client.runs.wait(thread, "rlm", input=given, context=settings or None, raise_error=False)


def new_thread(client: Any) -> str:
    """A thread."""
    return str(client.threads.create()["thread_id"])


@pytest.fixture(scope="module")
def other(server: AgentServer) -> dict[str, Any]:
    """The state of a thread of somebody else's, whose context is a secret."""
    with server.client() as client:
        thread = new_thread(client)
        ask(client, "Which variables?", SECRET, thread)
        state: dict[str, Any] = client.threads.get_state(thread)["values"]
        return state


@pytest.fixture(scope="module")
def mine(server: AgentServer) -> str:
    """A thread of the caller's, which has variables."""
    with server.client() as client:
        thread = new_thread(client)
        ask(client, "Which variables?", "mine", thread)
        return thread


def hold_up() -> None:
    """From now on, sub-calls that are slow do not come back."""
    SLOW.clear()
    HELD_UP.clear()


def wait_until_held_up(calls: int) -> None:
    """Wait for that many of them."""
    deadline = time.monotonic() + 30
    while len(HELD_UP) < calls:
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Uploads. -----------------------------------------------------------------------------------------------------------


def test_a_body_becomes_a_text(http: httpx.Client, client: Any) -> None:
    """In its own charset; its handle is the context of a run."""
    sent = http.post(
        "/contexts", content="caf\xe9".encode("latin-1"), headers={"content-type": "text/plain; charset=latin-1"}
    )
    told = sent.json()
    assert (sent.status_code, told["kind"], told["items"], told["chars"], told["prefix"]) == (
        201,
        "str",
        1,
        4,
        "caf\xe9",
    )
    assert ask(client, "What is in it?", {"handle": told["handle"]})["answer"] == "caf\xe9"


def test_a_form_with_one_file_is_a_text_and_one_with_several_documents(http: httpx.Client, client: Any) -> None:
    """With their names, from which steps that lead elsewhere are taken."""
    one = http.post("/contexts", files={"file": ("notes.txt", b"some notes")}).json()
    assert (one["kind"], one["names"], one["chars"]) == ("str", ["notes.txt"], 10)
    files = [
        ("a", ("../../up/a.txt", b"one")),
        ("b", ("b\u202e.txt", b"three")),
        ("c", ("c.bin", bytes(range(256)) * 9)),
    ]
    tiny = [http.post("/contexts", files=[("file", ("tiny.txt", b"x"))]).json()["chars"]]
    tiny.append(http.post("/contexts", files=[("a", ("none.txt", b"")), ("b", ("tiny.txt", b"xy"))]).json()["chars"])
    assert tiny == [1, 2]
    several = http.post("/contexts", files=files).json()
    assert several["kind"] == "documents"
    assert several["names"] == ["up/a.txt", "b?.txt"]
    assert several["skipped"] == ["c.bin: binary"]
    assert ask(client, "Which documents?", {"handle": several["handle"]})["answer"] == "up/a.txt:3 b?.txt:5"


def test_a_word_file_is_read_as_its_text(http: httpx.Client) -> None:
    """By its content type, when its name says nothing."""
    pytest.importorskip("markitdown")
    document = io.BytesIO()
    with zipfile.ZipFile(document, "w") as archive:
        w = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
        office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
        package = "http://schemas.openxmlformats.org/package/2006"
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Override PartName="/word/document.xml" ContentType='
            '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r" Type="{office}" '
            'Target="word/document.xml"/></Relationships>',
        )
        archive.writestr(
            "word/document.xml",
            f'<w:document xmlns:w="{w}"><w:body><w:p><w:r><w:t>A word</w:t></w:r></w:p></w:body></w:document>',
        )
    told = http.post("/contexts", content=document.getvalue(), headers={"content-type": WORD})
    assert told.json()["prefix"] == "A word", told.text


def bomb() -> bytes:
    """A small file of Word's that unpacks to 32 MB."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(32 << 20))
    return packed.getvalue()


FIELDS = b"".join(b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\nx\r\n' for _ in range(101)) + b"--b--"
FIELD = b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n' + b"x" * 70_000 + b"\r\n--b--"


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"", {}, 422, "empty"),
        (bomb(), {"content-type": WORD}, 415, "unpack to 33,554,432"),
        (FIELDS, {"content-type": "multipart/form-data; boundary=b"}, 400, "Too many fields"),
        (FIELD, {"content-type": "multipart/form-data; boundary=b"}, 400, "maximum size"),
        (bytes(range(256)) * 20, {"content-type": "text/plain"}, 415, "binary"),
        (b"x", {"content-encoding": "gzip"}, 415, "Content-Encoding 'gzip'"),
        (b"\xff", {"content-type": "text/plain; charset=utf-8"}, 415, "not utf-8"),
        (b"x", {"content-type": "text/plain; charset=nonsense"}, 415, "no such encoding"),
        (b"x", {"content-type": "text/plain; charset=zlib"}, 415, "no such encoding"),
        (b"x", {"content-type": "multipart/form-data"}, 400, "boundary"),
        (b"--b\r\nnonsense", {"content-type": "multipart/form-data; boundary=b"}, 400, "form"),
        (b"x" * ((1 << 20) + 1), {}, 413, "longer than 1 MB"),
    ],
)
def test_a_bad_upload_is_refused_with_a_reason(
    http: httpx.Client, body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    """Each with the status that says so."""
    answer = http.post("/contexts", content=body, headers=headers)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text


def test_a_body_whose_length_is_not_told_is_refused_at_the_limit(http: httpx.Client) -> None:
    """It is counted on its way; a form too."""
    parts = iter([b"x" * 300_000] * 4)
    assert http.post("/contexts", content=parts).status_code == 413
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n\r\n'
    form = iter([head, *[b"x" * 300_000] * 4, b"\r\n--b--\r\n"])
    kind = {"content-type": "multipart/form-data; boundary=b"}
    assert http.post("/contexts", content=form, headers=kind).status_code == 413


def test_a_handle_tells_what_the_context_is_and_not_the_text(http: httpx.Client) -> None:
    """For whoever has it; another one is refused, right hash or not."""
    text = "a beginning " + "x" * 1000 + " the end"
    told = http.post("/contexts", content=text.encode()).json()
    looked_at = http.get(f"/contexts/{told['handle']}")
    assert looked_at.json() == told
    assert "the end" not in looked_at.text
    for wrong in (told["sha256"], f"rlm-{told['sha256']}-{'0' * 64}", told["handle"][:-1] + "g", "%2e%2e%2fkey"):
        assert http.get(f"/contexts/{wrong}").status_code == 404


def test_the_routes_are_documented(http: httpx.Client) -> None:
    """Beside the server's own."""
    paths = http.get("/openapi.json").json()["paths"]
    assert paths["/contexts"]["post"]["summary"] == "Upload a context"
    assert "/threads" in paths


# Contexts of callers. -----------------------------------------------------------------------------------------------


def test_a_uri_below_a_root_is_a_context(client: Any, folder: Path) -> None:
    """The operator has listed the folder."""
    assert ask(client, "What is in it?", {"uri": f"file://{folder}/open/may.txt"})["answer"] == "a text of May"


@pytest.mark.parametrize("uri", ["file://{0}/secret.txt", "file://{0}/open/leak.txt", "file://{0}/open/../secret.txt"])
def test_a_uri_outside_is_refused(client: Any, folder: Path, uri: str) -> None:
    """All that a URI can try is in test_context_roots.py."""
    ended = ask(client, "What is in it?", {"uri": uri.format(folder)})
    assert ended["__error__"]["error"] in ("ContextUnreadableError", "ContextTypeError")


def test_the_reference_of_another_thread_is_refused_wherever_it_stands(
    client: Any, mine: str, other: dict[str, Any]
) -> None:
    """In an input, in a command, in what a command sends to a node, in an edited state, in a thread's first states."""
    forged = {"context": other["context"]}
    state = {**client.threads.get_state(mine)["values"], **forged, "cells": ["FINAL(str(context))"]}

    def commanded(**command: Any) -> Any:
        return client.runs.wait(new_thread(client), "rlm", input=None, command=command, raise_error=False)

    ways = [
        lambda: ask(client, "What is in it?", other["context"]),
        lambda: ask(client, "What is in it?", other["context"], mine),
        lambda: commanded(update=forged, goto="init_repl"),
        lambda: commanded(update=list(forged.items()), goto="init_repl"),
        lambda: commanded(goto={"node": "init_repl", "input": {"query": "What is in it?", **forged}}),
        lambda: commanded(goto={"node": "execute_repl", "input": state}),
    ]
    with ThreadPoolExecutor() as pool:
        tried = [pool.submit(way) for way in ways]
    for ended in tried:
        assert "not one of this thread's" in ended.result()["__error__"]["message"], ended.result()
    with pytest.raises(APIStatusError, match="not one of this thread's"):
        client.threads.update_state(mine, forged, as_node="truncate_observation")
    with pytest.raises(APIStatusError, match="not one of this thread's"):
        client.threads.create(graph_id="rlm", supersteps=[{"updates": [{"values": forged, "as_node": "init_repl"}]}])
    assert SECRET not in json.dumps(client.threads.get_state(mine)["values"])


@pytest.mark.parametrize("channel", ["repl", "history"])
def test_the_variables_and_the_history_of_another_thread_are_refused(
    client: Any, mine: str, other: dict[str, Any], channel: str
) -> None:
    """Both are named by hashes; a history is kept like a context, so the hash of a text would do."""
    forged = {channel: other["repl"] if channel == "repl" else other["context"]["context_ref"]["sha256"]}
    with pytest.raises(APIStatusError, match="not one of this thread's"):
        client.threads.update_state(mine, forged, as_node="truncate_observation")


def test_the_hash_of_a_guessed_text_is_no_way_to_it(client: Any, folder: Path, other: dict[str, Any]) -> None:
    """Neither is a handle that is made up."""
    guessed = ContextStore(folder / "elsewhere").put(SECRET)
    assert guessed.sha256 == other["context"]["context_ref"]["sha256"]
    for context in (guessed.to_state(), {"handle": f"rlm-{guessed.sha256}-{hashlib.sha256(b'').hexdigest()}"}):
        assert ask(client, "What is in it?", context)["__error__"]["error"].startswith("Context")


def test_code_in_the_repl_cannot_name_a_context_of_others(client: Any, other: dict[str, Any]) -> None:
    """What it hands to a child is data, also if it looks like a reference."""
    seen = ask(client, "What does a thief see?", other["context"]["context_ref"]["sha256"])
    assert seen["answer"].startswith("{'context_ref'")
    assert SECRET not in json.dumps(seen)


def test_a_form_that_sends_the_state_back_is_taken(client: Any) -> None:
    """As Studio does when a state is edited: the references in it are the thread's own. A fork goes its own way."""
    thread = new_thread(client)
    ask(client, "Which variables?", "abc", thread)
    history = client.threads.get_history(thread, limit=50)
    before = next(
        state for state in history if state["next"] == ["execute_repl"] and state["values"]["iterations"] == 2
    )
    edited = {**before["values"], "cells": ["FINAL(mine.upper())"]}
    forked = client.threads.update_state(thread, edited, checkpoint=before["checkpoint"], as_node="generate_code")
    ended = client.runs.wait(thread, "rlm", input=None, checkpoint=forked["checkpoint"])
    assert ended["answer"] == "A VARIABLE"
    assert ask(client, "And now?", thread=thread)["answer"] == "a variable"


# Settings. ----------------------------------------------------------------------------------------------------------


def test_the_form_offers_models_instructions_and_the_operators_bounds(client: Any) -> None:
    """Every field has a title, a description and a default; models and prompts say at which node they are edited."""
    [assistant] = client.assistants.search()
    schemas = client.assistants.get_schemas(assistant["assistant_id"])
    for schema in (schemas["context_schema"], schemas["config_schema"]):
        fields = schema["properties"]
        assert all({"title", "description", "default", "type"} <= field.keys() for field in fields.values())
        assert fields["root_model"]["enum"] == ["", "openai:other"]
        assert fields["root_model"]["langgraph_nodes"] == ["generate_code"]
        assert fields["root_model"]["__template_metadata__"] == {"kind": "llm"}
        assert fields["sub_model"]["langgraph_nodes"] == ["execute_repl"]
        assert fields["instructions"]["langgraph_type"] == "prompt"
        assert fields["max_recursion_depth"]["default"] == 2
        assert (fields["max_iterations"]["minimum"], fields["max_iterations"]["maximum"]) == (1, 30)


def test_a_caller_chooses_among_the_operators_models_and_bounds(client: Any, models: ScriptedServer) -> None:
    """And no further; what the root model is told comes last in its prompt."""
    chosen = ask(client, "What is in it?", "abc", root_model="openai:other", instructions="Speak like a sailor.")
    assert chosen["answer"] == "the other one"
    prompt = models.requests[-1].messages[0]["content"]
    assert prompt.endswith("Instructions for this run, from whoever asks:\nSpeak like a sailor.")
    by_configurable = client.runs.wait(
        None,
        "rlm",
        input={"query": "What is in it?", "context": "abc"},
        config={"configurable": {"root_model": "openai:other"}},
    )
    assert by_configurable["answer"] == "the other one"
    for settings, words in (
        ({"root_model": "openai:gpt-5-pro"}, 'must be "" or "openai:other"'),
        ({"max_iterations": 31}, "from 1 to 30"),
    ):
        refused = ask(client, "What is in it?", "abc", **settings)
        assert (refused["__error__"]["error"], words in refused["__error__"]["message"]) == ("ConfigError", True)


def test_children_are_drawn_and_asked(client: Any) -> None:
    """With X-ray, by conditional edges from the cell and back."""
    drawn = client.assistants.get_graph("rlm", xray=True)
    edges = {(edge["source"], edge["target"], edge.get("conditional", False)) for edge in drawn["edges"]}
    assert {
        ("truncate_observation", "finalize", True),
        ("execute_repl", "rlm_query:__start__", True),
        ("rlm_query:__end__", "execute_repl", True),
        ("rlm_query:truncate_observation", "rlm_query:generate_code", True),
    } <= edges
    assert not any("rlm_query" in node["id"] for node in client.assistants.get_graph("rlm")["nodes"])
    assert ask(client, "What do the parts say?", "abc")["answer"] == "a part"


# Runs. --------------------------------------------------------------------------------------------------------------


def test_every_stream_mode_tells_its_own(client: Any) -> None:
    """All at once; none has the text of the context, but for the events of the graph's start, which have its input."""
    text = "short " * 200 + SECRET
    modes = ["values", "updates", "custom", "messages", "messages-tuple", "debug", "events", "tasks", "checkpoints"]
    seen: dict[str, list[Any]] = {}
    given = {"query": "Which variables?", "context": text}
    for chunk in client.runs.stream(new_thread(client), "rlm", input=given, stream_mode=modes):
        seen.setdefault(chunk.event, []).append(chunk.data)
    assert seen["values"][-1]["answer"] == "a variable"
    steps = ["generate_code", "execute_repl", "truncate_observation"]
    assert [node for update in seen["updates"] for node in update] == [
        "init_repl",
        *steps,
        *steps[:2],
        *steps[2:],
        "finalize",
    ]
    assert [chunk["rlm_event"]["type"] for chunk in seen["custom"]][:2] == ["iteration_start", "code_generated"]
    assert {chunk["type"] for chunk in seen["debug"]} >= {"task", "task_result"}
    assert {"init_repl", *steps, "finalize"} == {task["name"] for task in seen["tasks"]}
    assert seen["checkpoints"][-1]["values"]["answer"] == "a variable"
    assert "on_chat_model_stream" in {event["event"] for event in seen["events"]}
    tokens = [message["content"] for message, _ in seen["messages"] if message["type"] == "AIMessageChunk"]
    assert "mine = 'a variable'" in "".join(tokens)
    with_it = [(mode, data) for mode, told in seen.items() for data in told if SECRET in json.dumps(data)]
    assert {(mode, data["event"], data["name"]) for mode, data in with_it} <= {("events", "on_chain_start", "rlm")}


def test_the_conversation_can_be_read(client: Any, models: ScriptedServer) -> None:
    """Code in fences, observations under that name, which is not sent to the model; as a stream of messages, too."""
    given = {"query": "Which variables?", "context": "abc"}
    chunks = list(client.runs.stream(None, "rlm", input=given, stream_mode=["messages", "values"]))
    messages = [chunk.data for chunk in chunks if chunk.event == "values"][-1]["messages"]
    partial = [chunk.data[0]["content"] for chunk in chunks if chunk.event == "messages/partial"]
    assert len(partial) > 10
    assert messages[1]["content"] in partial
    assert [(message["type"], message["name"]) for message in messages] == [
        ("human", None),
        ("ai", None),
        ("human", "observation"),
        ("ai", None),
        ("ai", None),
    ]
    assert "```repl\nmine = 'a variable'\n```" in messages[1]["content"]
    assert messages[2]["content"].startswith("Output")
    assert all("name" not in message for message in models.requests[-1].messages)


def test_a_chat_needs_messages_only(client: Any) -> None:
    """What is asked first is the context, unless there is one; a file, which nobody would read, is refused."""
    thread = new_thread(client)
    given: dict[str, Any] = {"messages": [{"role": "user", "content": "What is in it?"}], "context": ""}
    assert client.runs.wait(thread, "rlm", input=given)["messages"][-1]["content"] == "What is in it?"
    parts = [{"type": "text", "text": "What is in it?"}, {"type": "file", "mime_type": "text/plain", "data": "eA=="}]
    given["messages"][0]["content"] = parts
    refused = client.runs.wait(None, "rlm", input=given, raise_error=False)["__error__"]
    assert "'file' is not allowed: must be text" in refused["message"]


def test_code_waits_for_a_person_who_edits_it(client: Any) -> None:
    """The interrupt is in the result and in the thread; a wrong answer is told, a right one resumes the run."""
    thread = new_thread(client)
    waiting = ask(client, "Which variables?", "abc", thread, approve_cells=True)
    [request] = waiting["__interrupt__"][0]["value"]["rlm_requests"]
    assert (request["kind"], request["cells"]) == ("approve_cells", ["mine = 'a variable'"])
    assert client.threads.get(thread)["status"] == "interrupted"
    [task] = client.threads.get_state(thread)["tasks"]
    assert task["interrupts"][0]["value"]["rlm_requests"] == [request]

    def resume(value: Any) -> Any:
        return client.runs.wait(thread, "rlm", command={"resume": value}, context={"approve_cells": True})

    assert "expected" in resume("perhaps")["__interrupt__"][0]["value"]["error"]
    assert "__interrupt__" in resume({"action": "edit", "cells": ["mine = 'edited'"]})
    assert resume("approve")["answer"] == "edited"


def test_code_asks_a_person_and_goes_on_with_the_answer(client: Any) -> None:
    """In the middle of a cell."""
    thread = new_thread(client)
    waiting = ask(client, "What would you ask?", "abc", thread, ask_user=True)
    assert waiting["__interrupt__"][0]["value"]["rlm_requests"][0]["text"] == "which one?"
    ended = client.runs.wait(thread, "rlm", command={"resume": "the blue one"}, context={"ask_user": True})
    assert ended["answer"] == "they say the blue one"


def test_two_runs_go_on_at_once_and_a_cancelled_one_can_be_resumed(
    client: Any, http: httpx.Client, models: ScriptedServer
) -> None:
    """The other one is not held up; a run that is rolled back leaves the thread as it was before."""
    hold_up()
    kept, undone = new_thread(client), new_thread(client)
    ask(client, "Which variables?", "abc", undone)
    before = client.threads.get_state(undone)["values"]
    runs = [
        client.runs.create(thread, "rlm", input={"query": "Are you slow?", "context": "abc"})["run_id"]
        for thread in (kept, undone)
    ]
    wait_until_held_up(2)
    news = http.get(f"/report/{kept}/data").json()  # what its page asks for, meanwhile
    assert (news["status"], news["goes_on"], len(news["turns"])) == ("running", True, 2)
    assert "at once" in news["turns"][0]["html"]
    assert ask(client, "What is in it?", "meanwhile")["answer"] == "meanwhile"
    client.runs.cancel(kept, runs[0], wait=True)
    client.runs.cancel(undone, runs[1], wait=True, action="rollback")
    SLOW.set()
    assert client.threads.get_state(kept)["next"] == ["execute_repl"]
    asked = len(models.requests)
    assert client.runs.wait(kept, "rlm", input=None)["answer"] == "noted: slow"
    assert len(models.requests) == asked + 1  # the root model's turns are in the checkpoints and the journal
    assert client.threads.get_state(undone)["values"]["query"] == before["query"]
    assert ask(client, "And now?", thread=undone)["answer"] == "a variable"


def test_a_new_question_can_interrupt_a_run(client: Any) -> None:
    """By the caller's multitask strategy; another one is refused while the thread is busy."""
    hold_up()
    thread = new_thread(client)
    client.runs.create(thread, "rlm", input={"query": "Are you slow?", "context": "abc"})
    wait_until_held_up(1)
    given = {"query": "What is in it?", "context": "another"}
    with pytest.raises((APIStatusError, BadRequestError)):
        client.runs.create(thread, "rlm", input=given, multitask_strategy="reject")
    ended = client.runs.wait(thread, "rlm", input=given, multitask_strategy="interrupt")
    SLOW.set()
    assert ended["answer"] == "another"


# Other protocols. ---------------------------------------------------------------------------------------------------


async def test_an_mcp_client_lists_the_graph_and_calls_it(server: AgentServer) -> None:
    """With a question and a context, or with what its form calls messages, a text."""
    async with (
        streamable_http_client(f"{server.url}/mcp") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        [tool] = (await session.list_tools()).tools
        assert tool.name == "rlm"
        assert set(tool.inputSchema["properties"]) == {"query", "context", "messages"}
        called = await session.call_tool("rlm", {"query": "What is in it?", "context": "a text"})
        assert "'answer': 'a text'" in called.content[0].text
        chatted = await session.call_tool("rlm", {"messages": "What is in it?"})
        assert "'answer': 'What is in it?'" in chatted.content[0].text
        refused = await session.call_tool("rlm", {"query": "What is in it?", "context": {"uri": "file:///etc/passwd"}})
        assert refused.isError


def test_an_agent_finds_the_card_and_sends_a_message(http: httpx.Client, client: Any) -> None:
    """A2A: the text is the question, a data part has the context."""
    [assistant] = client.assistants.search()
    card = http.get("/.well-known/agent-card.json", params={"assistant_id": assistant["assistant_id"]}).json()
    assert card["name"] == "rlm"
    assert card["skills"][0]["metadata"]["inputSchema"]["supportsA2A"]
    parts = [{"text": "What is in it?"}, {"data": {"context": "what an agent sends"}}]
    message = {"role": "ROLE_USER", "parts": parts, "messageId": "1"}
    sent = http.post(
        f"/a2a/{assistant['assistant_id']}",
        json={"jsonrpc": "2.0", "id": "1", "method": "SendMessage", "params": {"message": message}},
        headers={"accept": "application/json", "a2a-version": "1.0"},
        timeout=30,
    )
    assert "what an agent sends" in json.dumps(sent.json()["result"]), sent.text


def test_a_thread_has_a_report_that_follows_it(http: httpx.Client, client: Any) -> None:
    """With the question, the code and the answer; the page asks for what is new beside its own address."""
    thread = new_thread(client)
    ask(client, "What does it say?", "abc", thread)
    page = http.get(f"/report/{thread}", follow_redirects=True)
    assert page.url.path == f"/report/{thread}/"
    assert page.headers["content-type"].startswith("text/html")
    told = ("What does it say?", "noted: note abc", 'data-live="data"')
    assert [text for text in told if text not in page.text] == []
    news = http.get(f"/report/{thread}/data").json()
    assert (news["status"], len(news["turns"])) == ("complete", 2)
    ask(client, "Which variables?", "abc", thread)
    assert "a variable" in http.get(f"/report/{thread}/").text
    for unknown in ("00000000-0000-4000-8000-000000000000", "no-uuid"):
        assert http.get(f"/report/{unknown}/").status_code in (404, 422)


def test_nothing_has_blocked_the_servers_event_loop(server: AgentServer) -> None:
    """The server refuses blocking calls in async code: whatever the tests before have done, it met none."""
    assert "BlockingError" not in server.log
    assert "Starting queue" in server.log


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("RLM_GRAPH_LIMITS", '{"max_usd": 0}', "must be the most of a number"),
        ("RLM_GRAPH_LIMITS", '{"cache": "run"}', "must be the most of a number"),
        ("RLM_GRAPH_LIMITS", '{"max_iteration": 1}', "no such setting"),
        ("RLM_GRAPH_LIMITS", "max_usd=2", "is no JSON"),
        ("RLM_GRAPH_SETTINGS", "[]", "must be a JSON object"),
        ("RLM_GRAPH_SETTINGS", '{"max_iterations": 0}', "from 1 to 10000"),
        ("RLM_GRAPH_SETTINGS", '{"root_model": "openai:dear"}', "must be one of RLM_GRAPH_MODELS"),
    ],
)
def test_an_operators_mistake_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    """With what is wrong in it."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as refused:
        served_config(["openai:cheap"])
    assert str(refused.value).startswith(variable)
    assert words in str(refused.value)


def test_an_operators_limits_are_defaults_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that says nothing has them where it would have more, or no limit at all."""
    monkeypatch.setenv("RLM_GRAPH_LIMITS", '{"max_usd": 2, "max_iterations": 60, "max_sub_calls": 100}')
    config = served_config([])
    assert (config.max_usd, config.max_iterations, config.max_sub_calls) == (2, 25, 100)
    assert type(config)(max_sub_calls=0).max_sub_calls == 0
    for more in ({"max_usd": 0}, {"max_usd": 2.01}, {"max_iterations": 61}, {"max_sub_calls": 101}):
        with pytest.raises(ConfigError, match="is not allowed"):
            type(config)(**more)


def test_a_server_that_cannot_start_says_why_in_a_sentence(tmp_path: Path) -> None:
    """With the exit code of what is wrong."""
    env = surroundings(tmp_path, RLM_GRAPH_MODELS="nobody:knows")
    command = [sys.executable, "-m", "rlm_graph", "serve", "--no-browser"]
    ran = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, "nobody" in ran.stderr) == (21, True), ran.stderr[-1000:]
    assert "Traceback" not in ran.stderr


async def test_many_ask_at_once(server: AgentServer) -> None:
    """Ten runs side by side are ten answers."""

    async with server.async_client() as client:
        asked = [
            client.runs.wait(None, "rlm", input={"query": "What is in it?", "context": f"text {number}"})
            for number in range(10)
        ]
        answers = [ended["answer"] for ended in await asyncio.gather(*asked)]
    assert answers == [f"text {number}" for number in range(10)]
