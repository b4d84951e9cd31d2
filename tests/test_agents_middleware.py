"""Large tool results: kept out of the messages, asked about through handles, in their own thread only."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import agent_lives
import pytest
from agent_lives import TEXT, Held, Life, Lives, asked_again, chain
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command
from scripts import code, thread

from rlm_graph import ConfigError, ContextStore, Journal, create_rlm
from rlm_graph.agents import LargeContextMiddleware
from rlm_graph.testing import Reply, Request, ScriptedServer, ToolCall

lives = agent_lives.lives


def read_log(name: str) -> str:
    """Read a log."""
    return f"the log {name}\n" + "a line of it\n" * 10_000


def handles_in(request: Request) -> list[str]:
    """The handles that a model has been told, in order."""
    return list(dict.fromkeys(re.findall(r"ctx:[0-9a-f]{12}", str(request.messages))))


def reads_and_asks(request: Request) -> Reply | str:
    """An agent's model that reads two logs, asks about each, and tells what it was told."""
    results = [message["content"] for message in request.messages if message["role"] == "tool"]
    if not results:
        return Reply(tool_calls=[ToolCall("read_log", {"name": name}) for name in ("one", "two")])
    if len(results) == 2:
        asked = [{"handle": handle, "query": "Which log is it?"} for handle in handles_in(request)]
        return Reply(tool_calls=[ToolCall("ask_context", arguments) for arguments in asked])
    return " and ".join(results[2:])


ROOT = code("FINAL(context.splitlines()[0])")


@pytest.fixture
def make(serve: Callable[..., ScriptedServer], store: ContextStore) -> Iterator[Callable[..., Any]]:
    """Makes an agent with the middleware, and the server that plays its models."""
    made = []

    def make(agent: Any, tools: list[Any], *, root: Any = ROOT, saver: Any = None, **options: Any) -> Any:
        server = serve({"agent": agent, "root": root})
        rlm = create_rlm(server.chat_model("root"), context_store=store)
        made.append(rlm)
        large = LargeContextMiddleware(rlm, **options)
        made_agent = create_agent(server.chat_model("agent"), tools, middleware=[large], checkpointer=saver)
        return made_agent, server

    yield make
    for rlm in made:
        rlm.close()


def tool_messages(result: Any) -> list[ToolMessage]:
    """Those of a result."""
    return [message for message in result["messages"] if isinstance(message, ToolMessage)]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_large_result_becomes_a_handle_that_can_be_asked_about(
    make: Callable[..., Any], asynchronous: bool
) -> None:
    """The messages hold its size and beginning; the RLM has all of it."""
    agent, server = make(reads_and_asks, [read_log])
    given = {"messages": "Which logs are there?"}
    result = await agent.ainvoke(given) if asynchronous else agent.invoke(given)
    one, two, *answers = tool_messages(result)
    assert one.content.startswith("The result has 130,012 characters, too many to be shown. It is kept as ctx:")
    assert "It begins:\n\nthe log one\na line of it\n" in one.content
    assert len(one.content) < 1_300
    assert two.name == "read_log"
    assert [answer.content for answer in answers] == ["the log one", "the log two"]
    assert max(len(str(request.messages)) for request in server.requests if request.model == "agent") < 6_000


def test_a_short_result_and_that_of_an_excluded_tool_stay(make: Callable[..., Any]) -> None:
    """Up to the threshold, and by name."""

    def exact(chars: int) -> str:
        """Make a text."""
        return "x" * chars

    def other(chars: int) -> str:
        """Make a text."""
        return "y" * chars

    asked = [ToolCall("exact", {"chars": 100}), ToolCall("exact", {"chars": 101}), ToolCall("other", {"chars": 101})]
    options = {"threshold_chars": 100, "head_chars": 10, "exclude_tools": ["other"]}
    agent, _ = make([Reply(tool_calls=asked), "done"], [exact, other], **options)
    stays, goes, excluded = tool_messages(agent.invoke({"messages": "?"}))
    assert (stays.content, excluded.content) == ("x" * 100, "y" * 101)
    assert goes.content.endswith(f"It begins:\n\n{'x' * 10}")


def test_a_handle_is_good_in_its_own_thread_only(make: Callable[..., Any]) -> None:
    """Another thread's model that knows it is told that there is none, and no model reads the context."""

    def agent_model(request: Request) -> Reply | str:
        if request.text.startswith("ctx:"):
            if request.messages[-1]["role"] == "tool":
                return str(request.messages[-1]["content"])
            arguments = {"handle": request.text, "query": "What is in it?"}
            return Reply(tool_calls=[ToolCall("ask_context", arguments)])
        return reads_and_asks(request)

    agent, server = make(agent_model, [read_log], saver=InMemorySaver())
    first = agent.invoke({"messages": "Which logs are there?"}, thread("one"))
    (handle, *_) = re.findall(r"ctx:[0-9a-f]{12}", tool_messages(first)[0].content)
    asked = server.count("root")
    second = agent.invoke({"messages": handle}, thread("two"))
    (refused,) = tool_messages(second)
    assert refused.status == "error"
    assert refused.content == f"handle: '{handle}' is none of this conversation; there are: none"
    assert server.count("root") == asked
    third = agent.invoke({"messages": handle}, thread("one"))
    assert tool_messages(third)[-1].content == "the log one"


def test_a_caller_can_neither_give_handles_nor_see_them(make: Callable[..., Any], store: ContextStore) -> None:
    """They are private to the agent's state: no input makes a stored context readable, no output tells where it is."""
    secret = store.put("a secret of somebody else")
    held = {"ctx:000000000000": {"context": secret.to_state(), "source": "me"}}
    asks = ToolCall("ask_context", {"handle": "ctx:000000000000", "query": "What is it?"})
    agent, server = make([Reply(tool_calls=[asks]), "done"], [read_log])
    result = agent.invoke({"messages": "?", "rlm_contexts": held})
    assert "none of this conversation" in tool_messages(result)[0].content
    assert server.count("root") == 0
    assert "rlm_contexts" not in result
    assert "rlm_contexts" not in agent.get_input_jsonschema()["properties"]


def test_a_long_answer_becomes_a_handle_itself(make: Callable[..., Any]) -> None:
    """What the RLM answers is a tool's result like any other."""

    def agent_model(request: Request) -> Reply | str:
        found = handles_in(request)
        results = [message for message in request.messages if message["role"] == "tool"]
        if not found:
            return Reply(tool_calls=[ToolCall("read_log", {"name": "one"})])
        if len(results) < 3:
            return Reply(tool_calls=[ToolCall("ask_context", {"handle": found[-1], "query": "Again"})])
        return str(results[-1]["content"])

    root = [code("FINAL(context.upper())"), ROOT]
    agent, _ = make(agent_model, [read_log], root=root)
    assert agent.invoke({"messages": "?"})["messages"][-1].content == "THE LOG ONE"


def test_images_and_artifacts_stay_in_the_message(make: Callable[..., Any]) -> None:
    """Only the text goes."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

    @tool(response_format="content_and_artifact")
    def look() -> tuple[list[Any], dict[str, int]]:
        """Look."""
        return [{"type": "text", "text": "seen " * 10_000}, image], {"width": 1}

    agent, _ = make([Reply(tool_calls=[ToolCall("look", {})]), "done"], [look])
    (message,) = tool_messages(agent.invoke({"messages": "?"}))
    assert [block["type"] for block in message.content] == ["text", "image_url"]
    assert message.artifact == {"width": 1}


def test_a_large_result_may_have_what_is_no_character(make: Callable[..., Any]) -> None:
    """No request and no checkpoint can carry a lone surrogate: its beginning has U+FFFD, the kept text has it."""

    def read_names() -> str:
        """Names of files, some of which are no text."""
        return "\udc80 " * 20_000

    call, ask = Reply(tool_calls=[ToolCall("read_names", {})]), code("FINAL(context.count('\\udc80'))")

    def agent_model(request: Request) -> Reply | str:
        handles = re.findall(r"ctx:[0-9a-f]{12}", str(request.messages))
        if request.messages[-1]["role"] == "tool" and request.messages[-1]["content"] == "20000":
            return "done"
        return Reply(tool_calls=[ToolCall("ask_context", {"handle": handles[0], "query": "?"})]) if handles else call

    agent, _ = make(agent_model, [read_names], root=ask, saver=InMemorySaver())
    kept, answer = tool_messages(agent.invoke({"messages": "?"}, thread("names")))
    assert kept.content.endswith("It begins:\n\n" + "\ufffd " * 500)
    assert answer.content == "20000"


@pytest.mark.parametrize("several", [False, True])
def test_results_that_are_commands_are_moved_too(make: Callable[..., Any], several: bool) -> None:
    """A tool may change the state with its message, at once or one by one; all of it arrives, in its order."""

    @tool
    def search(tool_call_id: Annotated[str, InjectedToolCallId]) -> Any:
        """Search."""
        found = ToolMessage("found " * 10_000, tool_call_id=tool_call_id, name="search")
        if several:
            return [Command(update={"messages": [found]}), Command(update={"messages": [HumanMessage("Note.")]})]
        return Command(update={"messages": [found, HumanMessage("Note.")], "jump_to": None})

    def agent_model(request: Request) -> Reply | str:
        found = handles_in(request)
        results = [message for message in request.messages if message["role"] == "tool"]
        if not found:
            return Reply(tool_calls=[ToolCall("search", {})])
        if len(results) == 1:
            return Reply(tool_calls=[ToolCall("ask_context", {"handle": found[0], "query": "?"})])
        return str(results[-1]["content"])

    agent, _ = make(agent_model, [search], root=code("FINAL(context.count('found'))"))
    _, call, moved, note, *_, last = agent.invoke({"messages": "?"})["messages"]
    assert (moved.tool_call_id, moved.artifact, note.content) == (call.tool_calls[0]["id"], None, "Note.")
    assert moved.content.startswith("The result has 60,000 characters")
    assert last.content == "10000"


def test_what_a_thread_has_kept_is_not_swept(make: Callable[..., Any], store: ContextStore, tmp_path: Path) -> None:
    """The journal knows that the thread needs it, also if nobody has asked about it yet."""
    with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver:
        agent, _ = make([Reply(tool_calls=[ToolCall("read_log", {"name": "one"})]), "done"], [read_log], saver=saver)
        agent.invoke({"messages": "?"}, thread("one"))
        (held,) = agent.get_state(thread("one")).values["rlm_contexts"].values()
    kept = held["context"]["context_ref"]["sha256"]
    journal = Journal(tmp_path / "store" / "journal.sqlite")
    assert journal.references_of("one", "context") == {kept}
    journal.close()


def test_a_kept_result_that_somebody_has_deleted_is_an_error_that_the_agent_reads(
    make: Callable[..., Any], store: ContextStore
) -> None:
    """It can call the tool again."""
    agent, server = make(reads_and_asks, [read_log], saver=InMemorySaver())
    stopped = agent.invoke({"messages": "?"}, thread("one"), interrupt_after=["tools"])
    assert len(tool_messages(stopped)) == 2
    store.sweep([], [], older_than_s=0)
    errors = tool_messages(agent.invoke(None, thread("one")))[2:]
    assert [error.status for error in errors] == ["error", "error"]
    assert "the context cannot be used: no context" in errors[0].content
    assert server.count("root") == 0


def test_a_reference_in_the_state_leads_to_no_other_store(
    make: Callable[..., Any], store: ContextStore, tmp_path: Path
) -> None:
    """A state may be written by others: only the graph's own store is read for it."""
    elsewhere = ContextStore(tmp_path / "elsewhere").put("a text of somebody else")
    held = {"ctx:000000000000": {"context": elsewhere.to_state(), "source": "me"}}
    asks = ToolCall("ask_context", {"handle": "ctx:000000000000", "query": "What is it?"})
    agent, server = make(["hello", Reply(tool_calls=[asks]), "done"], [read_log], saver=InMemorySaver())
    agent.invoke({"messages": "hello"}, thread("one"))
    agent.update_state(thread("one"), {"rlm_contexts": held}, as_node="model")
    (refused,) = tool_messages(agent.invoke({"messages": "?"}, thread("one")))
    assert refused.content.startswith("the context cannot be used: no context")
    assert server.count("root") == 0


def test_arguments_are_checked() -> None:
    """The message says what is wrong."""
    with pytest.raises(ConfigError, match="head_chars: 2000 is not allowed"):
        LargeContextMiddleware("openai:gpt-4.1", threshold_chars=1_000, head_chars=2_000)


def test_handles_and_answers_survive_a_kill(lives: Lives, serve: Callable[..., ScriptedServer], tmp_path: Path) -> None:
    """Another process goes on in the middle of two questions about results that the first one has kept."""
    root = code("parts = ['']", chain("{context.splitlines()[0]}", 0, 1, 2, "last"), "FINAL(''.join(parts))")
    sub = Held("last")
    server = serve({"agent": reads_and_asks, "root": root, "sub": sub})
    life = Life("middleware", server.base_url, str(tmp_path))
    answers = ["".join(f"<the log {name} {part}>" for part in (0, 1, 2, "last")) for name in ("one", "two")]
    assert lives.end_after_a_kill(life, server, sub, asked=8) == " and ".join(answers)
    assert asked_again(server) == ["the log one last", "the log two last"]
    assert len(TEXT) > max(len(str(request.messages)) for request in server.requests)


def test_the_example_runs() -> None:
    """It prints the conversation, with a handle in the place of the log."""
    example = Path(__file__).parent.parent / "examples" / "middleware.py"
    ran = subprocess.run([sys.executable, "-W", "error", example], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "On that day pay has the most errors: 1516." in ran.stdout
