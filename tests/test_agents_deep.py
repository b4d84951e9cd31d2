"""An RLM as a sub-agent of Deep Agents: tasks, streams, interrupts, kills."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import agent_lives
import pytest
from agent_lives import TEXT, Held, Life, Lives, asked_again, chain
from deepagents import create_deep_agent
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from scripts import code, thread, turn_of

from rlm_graph import ContextNotFoundError, ContextStore, Document, RLMConfig, create_rlm
from rlm_graph.agents import rlm_sub_agent
from rlm_graph.events import read_event
from rlm_graph.testing import Reply, Request, ScriptedServer, ToolCall

lives = agent_lives.lives

THREAD = thread("deep")


def tasks(*descriptions: str) -> Callable[[Request], Reply | str]:
    """A deep agent's model that gives the reader these tasks at once, and then tells what it got."""

    def reply(request: Request) -> Reply | str:
        results = [message["content"] for message in request.messages if message["role"] == "tool"]
        if results:
            return " | ".join(results)
        asked = [{"description": text, "subagent_type": "reader"} for text in descriptions]
        return Reply(tool_calls=[ToolCall("task", arguments) for arguments in asked])

    return reply


@pytest.fixture
def make(serve: Callable[..., ScriptedServer], store: ContextStore) -> Iterator[Callable[..., Any]]:
    """Makes a deep agent with a reader, and the server that plays its models."""
    made = []

    def make(agent: Any, root: Any, *, context: Any = "alpha beta gamma", config: Any = None, saver: Any = None) -> Any:
        server = serve({"agent": agent, "root": root, "sub": Held("nothing")})
        models = {"model": server.chat_model("root"), "sub_model": server.chat_model("sub")}
        made.append(rlm := create_rlm(**models, context_store=store, config=config))
        reader = rlm_sub_agent(rlm, context=context)
        return create_deep_agent(server.chat_model("agent"), subagents=[reader], checkpointer=saver), server

    yield make
    for rlm in made:
        rlm.close()


ROOT = code("FINAL(llm_query(context.split()[1]))")


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_task_is_a_question_about_the_context(make: Callable[..., Any], asynchronous: bool) -> None:
    """Its answer is the task's result; the agent's callbacks count all tokens."""
    agent, server = make(tasks("What is the second word?"), ROOT)
    handler = UsageMetadataCallbackHandler()
    given: Any = {"messages": "Read it."}
    config: Any = {"callbacks": [handler]}
    result = await agent.ainvoke(given, config) if asynchronous else agent.invoke(given, config)
    (message,) = [message for message in result["messages"] if isinstance(message, ToolMessage)]
    assert message.content == "<beta>"
    assert "What is the second word?" in server.requests[1].text
    spent = sum(usage["total_tokens"] for usage in handler.usage_metadata.values())
    assert spent == sum(request.usage.total_tokens for request in server.requests if request.usage)


def test_the_context_can_come_from_the_agents_state(make: Callable[..., Any]) -> None:
    """The files that a deep agent keeps, for one."""
    files = {"/a.txt": {"content": "alpha", "encoding": "utf-8"}, "/b.txt": {"content": "beta", "encoding": "utf-8"}}

    def documents(state: Any) -> list[Document]:
        return [Document(file["content"], name) for name, file in state["files"].items()]

    agent, _ = make(tasks("Which files?"), code("FINAL([d.name for d in context])"), context=documents)
    assert agent.invoke({"messages": "?", "files": files})["messages"][-1].content == '["/a.txt", "/b.txt"]'


def test_a_context_that_is_not_there_is_told_at_once(make: Callable[..., Any], tmp_path: Path) -> None:
    """When the sub-agent is made."""
    with pytest.raises(ContextNotFoundError):
        make(tasks("?"), ROOT, context=tmp_path / "missing")


def test_streams_show_the_run_inside(make: Callable[..., Any]) -> None:
    """Its nodes with `subgraphs=True`, its events in mode `custom` in any case."""
    agent, _ = make(tasks("What?"), ROOT)
    streamed = list(agent.stream({"messages": "?"}, stream_mode="updates", subgraphs=True))
    nodes = [next(iter(chunk)) for place, chunk in streamed if place]
    assert nodes == ["init_repl", "generate_code", "execute_repl", "truncate_observation", "finalize"]
    events = [read_event(chunk) for chunk in agent.stream({"messages": "?"}, stream_mode="custom")]
    assert [event.type for event in events if event][-2:] == ["code_executed", "final_answer"]


def test_a_person_is_asked_through_the_deep_agent(make: Callable[..., Any]) -> None:
    """Code of two tasks at once is approved or rejected, each by its interrupt's id; then a question is answered."""

    def root(request: Request) -> str:
        if "rejected" in request.text:
            return code("FINAL('as you like')")
        return code(f"FINAL(ask_user('Which?') + {'one' if 'task one' in str(request.messages) else 'two'!r})")

    config = RLMConfig(approve_cells=True, ask_user=True)
    agent, server = make(tasks("task one", "task two"), root, config=config, saver=InMemorySaver())
    stopped = agent.invoke({"messages": "?"}, THREAD)
    cells = {stop.value["rlm_requests"][0]["cells"][0]: stop.id for stop in stopped["__interrupt__"]}
    one, two = (next(cells[cell] for cell in cells if name in cell) for name in ("'one'", "'two'"))
    stopped = agent.invoke(Command(resume={one: "approve", two: {"action": "reject", "reason": "no"}}), THREAD)
    kinds = {stop.value["rlm_requests"][0]["kind"]: stop.id for stop in stopped["__interrupt__"]}
    assert set(kinds) == {"ask_user", "approve_cells"}
    answers = {kinds["ask_user"]: "number ", kinds["approve_cells"]: "approve"}
    result = agent.invoke(Command(resume=answers), THREAD)
    assert result["messages"][-1].content == "number one | as you like"
    assert (server.count("agent"), server.count("root")) == (2, 3)


def test_tasks_survive_a_kill(lives: Lives, serve: Callable[..., ScriptedServer], tmp_path: Path) -> None:
    """Two at once: the deep agent goes on in both, in another process, and asks again only what was in flight."""

    def root(request: Request) -> str:
        name = "one" if "task one" in str(request.messages) else "two"
        first, last = code("parts = ['']", chain(name, 0, 1, 2)), code(chain(name, "last"), "FINAL(''.join(parts))")
        return last if turn_of(request) else first

    sub = Held("last")
    server = serve({"agent": tasks("task one", "task two"), "root": root, "sub": sub})
    life = Life("deep", server.base_url, str(tmp_path))
    answers = ["".join(f"<{name} {part}>" for part in (0, 1, 2, "last")) for name in ("one", "two")]
    assert lives.end_after_a_kill(life, server, sub, asked=8) == " | ".join(answers)
    assert asked_again(server) == ["one last", "two last"]
    assert len(TEXT) > max(len(str(request.messages)) for request in server.requests if request.model != "agent")


def test_the_example_runs() -> None:
    """It prints the code that was approved and the answer."""
    example = Path(__file__).parent.parent / "examples" / "deep_agent.py"
    ran = subprocess.run([sys.executable, "-W", "error", example], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "Anna is at home in Chapter 79." in ran.stdout
