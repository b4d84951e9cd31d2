"""An RLM as a tool of an agent: its answers and failures, streams, usage, interrupts, and parallel calls."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import agent_lives
import pytest
from agent_lives import Held, Life, Lives, asked_again, chain
from langchain.agents import create_agent
from langchain.agents.middleware import ToolRetryMiddleware
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import ToolException
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command
from scripts import code, thread, turn_of

from rlm_graph import (
    ConfigError,
    ContextNotFoundError,
    ContextStore,
    ModelAuthError,
    ModelServerError,
    RLMConfig,
    create_rlm,
)
from rlm_graph.agents import create_rlm_tool
from rlm_graph.events import read_event
from rlm_graph.graph import RLMGraph
from rlm_graph.testing import Reply, Request, ScriptedServer, ToolCall, failures

lives = agent_lives.lives

THREAD = thread("agent")

TEXT = "alpha beta gamma"


def calls(*queries: str, name: str = "ask_documents", **arguments: str) -> Callable[[Request], Reply | str]:
    """An agent's model that calls the tool with each question at once, and then tells what it got."""

    def reply(request: Request) -> Reply | str:
        results = [message["content"] for message in request.messages if message["role"] == "tool"]
        if results:
            return " | ".join(results)
        return Reply(tool_calls=[ToolCall(name=name, arguments={"query": query, **arguments}) for query in queries])

    return reply


Make = Callable[..., tuple[RLMGraph, ScriptedServer]]


@pytest.fixture
def make(serve: Callable[..., ScriptedServer], store: ContextStore) -> Iterator[Make]:
    """Makes an RLM, and the server that plays the agent's model, the root model and the sub-model."""
    made: list[RLMGraph] = []

    def make(agent: Any, root: Any, sub: Any = "five", **options: Any) -> tuple[RLMGraph, ScriptedServer]:
        server = serve({"agent": agent, "root": root, "sub": sub})
        models = {"model": server.chat_model("root"), "sub_model": server.chat_model("sub")}
        made.append(create_rlm(**{**models, "context_store": store, **options}))
        return made[-1], server

    yield make
    for rlm in made:
        rlm.close()


def tool_messages(result: Any) -> list[ToolMessage]:
    """Those of a result."""
    return [message for message in result["messages"] if isinstance(message, ToolMessage)]


ASK = code("FINAL(llm_query(context[:5]))")


def test_an_agent_gets_the_answer_and_the_program_the_figures(make: Make) -> None:
    """The tool message holds the answer; its artifact the figures of the run."""
    rlm, server = make(calls("What is it?"), ASK)
    agent = create_agent(server.chat_model("agent"), [create_rlm_tool(rlm, context=TEXT)])
    result = agent.invoke({"messages": "What is in the text?"})
    (message,) = tool_messages(result)
    assert message.content == "five"
    assert message.status == "success"
    figures = {name: message.artifact[name] for name in ("answer", "status", "iterations", "sub_calls", "requests")}
    assert figures == {"answer": "five", "status": "complete", "iterations": 1, "sub_calls": 1, "requests": 2}
    assert result["messages"][-1].content == "five"


async def test_it_works_in_async_agents(make: Make) -> None:
    """The same with `ainvoke`."""
    rlm, server = make(calls("What is it?"), ASK)
    agent = create_agent(server.chat_model("agent"), [create_rlm_tool(rlm, context=TEXT)])
    result = await agent.ainvoke({"messages": "What is in the text?"})
    assert result["messages"][-1].content == "five"


def test_a_tool_over_a_fixed_context_has_one_argument_and_tells_what_it_is_over(make: Make, tmp_path: Path) -> None:
    """The agent's model cannot choose another context, and is told the size and names of this one."""
    for name in ("one.txt", "two.txt"):
        (tmp_path / "docs").mkdir(exist_ok=True)
        (tmp_path / "docs" / name).write_text(f"the text of {name}")
    rlm, _ = make("", "")
    tool = create_rlm_tool(rlm, context=tmp_path / "docs")
    assert list(tool.tool_call_schema.model_json_schema()["properties"]) == ["query"]
    assert "2 items (38 characters): one.txt, two.txt" in tool.description
    other = create_rlm_tool(rlm)
    assert list(other.tool_call_schema.model_json_schema()["properties"]) == ["query", "context", "handle"]


def test_a_tool_without_a_context_takes_a_text(make: Make) -> None:
    """What the agent's model gives as `context` is the context."""
    rlm, server = make(calls("Which?", context=TEXT), code("FINAL(context.split()[1])"))
    agent = create_agent(server.chat_model("agent"), [create_rlm_tool(rlm)])
    assert agent.invoke({"messages": "?"})["messages"][-1].content == "beta"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"query": " "}, "query: ' ' is not allowed: must be a question"),
        ({"query": "q"}, "give one of them"),
        ({"query": "q", "context": "a", "handle": "ctx:1"}, "give one of them"),
        ({"query": "q", "handle": "ctx:0123456789ab"}, "none of this conversation; there are: none"),
    ],
)
def test_a_call_that_is_no_question_is_an_error_that_the_agent_reads(
    make: Make, arguments: dict[str, str], why: str
) -> None:
    """No model is asked for it."""
    agent_model = [Reply(tool_calls=[ToolCall(name="ask_documents", arguments=arguments)]), "I see"]
    rlm, server = make(agent_model, "")
    result = create_agent(server.chat_model("agent"), [create_rlm_tool(rlm)]).invoke({"messages": "?"})
    (message,) = tool_messages(result)
    assert message.status == "error"
    assert why in message.content
    assert server.count("root") == 0


def test_a_question_without_an_answer_is_an_error_that_the_agent_reads(make: Make) -> None:
    """It says what ran out, and its artifact what was spent."""
    rlm, server = make(calls("?"), [code("1"), ""], config=RLMConfig(max_iterations=1))
    result = create_agent(server.chat_model("agent"), [create_rlm_tool(rlm, context=TEXT)]).invoke({"messages": "?"})
    (message,) = tool_messages(result)
    assert (message.status, message.artifact["status"]) == ("error", "no_answer")
    assert message.content.startswith("No answer: the only iteration ran out")
    assert message.artifact["requests"] == 2


def test_outside_of_an_agent_it_returns_text_and_raises(make: Make) -> None:
    """`invoke` gives the answer; a failure is an exception, never an answer."""
    rlm, _ = make("", [ASK, code("1"), ""], config=RLMConfig(max_iterations=1))
    tool = create_rlm_tool(rlm, context=TEXT)
    assert tool.invoke({"query": "What?"}) == "five"
    with pytest.raises(ToolException, match="No answer"):
        tool.invoke({"query": "And now?"})


def test_a_graph_with_a_checkpointer_answers_where_there_is_no_thread(make: Make) -> None:
    """Nobody could come back to such a run; in a thread, it is that graph's."""
    rlm, _ = make("", [ASK, ASK], checkpointer=InMemorySaver())
    tool = create_rlm_tool(rlm, context=TEXT)
    assert tool.invoke({"query": "What?"}) == "five"
    assert not list(rlm.get_state_history(THREAD))
    assert tool.invoke({"query": "What?"}, THREAD) == "five"
    assert rlm.get_state(THREAD).values["answer"] == "five"


def test_what_the_operator_must_mend_is_an_exception(make: Make, tmp_path: Path) -> None:
    """A refused key, a folder that is not there, arguments that contradict each other."""
    rlm, server = make(calls("?"), failures.unauthorized("any"))
    tool = create_rlm_tool(rlm, context=TEXT)
    with pytest.raises(ModelAuthError):
        create_agent(server.chat_model("agent"), [tool]).invoke({"messages": "?"})
    told = ToolRetryMiddleware(max_retries=0, on_failure="continue")  # LangChain's way to have the agent read it
    agent = create_agent(server.chat_model("agent"), [tool], middleware=[told])
    (message,) = tool_messages(agent.invoke({"messages": "?"}))
    assert message.status == "error"
    assert "ModelAuthError: the server of root refuses the API key (HTTP 401)" in message.content
    with pytest.raises(ContextNotFoundError):
        create_rlm_tool(rlm, context=tmp_path / "missing")
    with pytest.raises(ConfigError, match="config: not allowed beside a graph"):
        create_rlm_tool(rlm, config=RLMConfig())
    with pytest.raises(ConfigError, match="rlm: RunnableRetry is not allowed: must be what create_rlm returned"):
        create_rlm_tool(rlm.with_retry())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="max_answer_chars: -1"):
        create_rlm_tool(rlm, max_answer_chars=-1)


def test_the_evidence_of_a_typed_answer_is_in_the_artifact(make: Make) -> None:
    """All of it plain values: a checkpointer keeps them."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    root = code("FINAL({'n': 1}, evidence=['beta'])")
    rlm, server = make(calls("?"), root, config=RLMConfig(citations=True), response_format=schema)
    tool = create_rlm_tool(rlm, context=TEXT)
    agent = create_agent(server.chat_model("agent"), [tool], checkpointer=InMemorySaver())
    agent.invoke({"messages": "?"}, THREAD)
    (message,) = tool_messages(agent.get_state(THREAD).values)
    assert message.content == message.artifact["answer"] == '{"n": 1}'
    (citation,) = message.artifact["citations"]
    assert (citation["start"], citation["end"], citation["text"]) == (6, 10, "beta")
    assert message.artifact["evidence_problems"] == []


def test_the_same_question_is_asked_anew_whenever_it_comes(make: Make) -> None:
    """Twice in one turn of the agent, and again in the next."""

    def agent_model(request: Request) -> Reply | str:
        if request.messages[-1]["role"] == "tool":
            return "done"
        return Reply(tool_calls=[ToolCall("ask_documents", {"query": query}) for query in ("a?", "b?", "a?")])

    def root(request: Request) -> str:
        return code(f"FINAL(llm_query({'a' if 'a?' in request.text else 'b'!r}))")

    rlm, server = make(agent_model, root, lambda r: f"{r.text}{r.model_index}")
    agent = create_agent(server.chat_model("agent"), [create_rlm_tool(rlm, context=TEXT)], checkpointer=InMemorySaver())
    agent.invoke({"messages": "?"}, THREAD)
    answers = [str(message.content) for message in tool_messages(agent.invoke({"messages": "?"}, THREAD))]
    assert [answer[0] for answer in answers] == ["a", "b", "a"] * 2
    assert sorted(answer[1] for answer in answers) == list("012345")


def test_a_long_answer_is_cut_for_the_agent_and_whole_for_the_program(make: Make) -> None:
    """The agent is told how much is missing."""
    rlm, server = make(calls("?"), code("FINAL('x' * 100_000)"))
    tool = create_rlm_tool(rlm, context=TEXT, max_answer_chars=1_000)
    (message,) = tool_messages(create_agent(server.chat_model("agent"), [tool]).invoke({"messages": "?"}))
    assert message.content == "x" * 1_000 + "\n[... 99,000 more characters of 100,000: ask for less to see the rest]"
    assert message.artifact["answer"] == "x" * 100_000


def test_an_answer_that_a_budget_forced_says_so(make: Make) -> None:
    """The agent must not take it for a finished one."""
    rlm, server = make(calls("?"), [code("1"), code("FINAL('perhaps')")], config=RLMConfig(max_iterations=1))
    (message,) = tool_messages(
        create_agent(server.chat_model("agent"), [create_rlm_tool(rlm, context=TEXT)]).invoke({"messages": "?"})
    )
    assert message.content == "perhaps\n[max_iterations ran out before this was finished: it is the best answer so far]"


def test_the_agents_callbacks_count_all_tokens(make: Make) -> None:
    """As many as the server has counted, model by model."""
    rlm, server = make(calls("?"), ASK)
    handler = UsageMetadataCallbackHandler()
    agent = create_agent(server.chat_model("agent"), [create_rlm_tool(rlm, context=TEXT)])
    agent.invoke({"messages": "?"}, {"callbacks": [handler]})
    assert sorted(handler.usage_metadata) == ["agent", "root", "sub"]
    for model, usage in handler.usage_metadata.items():
        asked = [request.usage for request in server.requests if request.model == model and request.usage]
        assert usage["input_tokens"] == sum(each.prompt_tokens for each in asked)
        assert usage["output_tokens"] == sum(each.completion_tokens for each in asked)


EVENTS = ["iteration_start", "code_generated", "sub_call_start", "sub_call_end", "code_executed", "final_answer"]


@pytest.mark.parametrize("subgraphs", [False, True])
async def test_the_runs_events_come_through_the_agents_stream(make: Make, subgraphs: bool) -> None:
    """In mode `custom`, each once, whether subgraphs are streamed or not; sync and async."""
    rlm, server = make(calls("?"), ASK)
    agent = create_agent(server.chat_model("agent"), [create_rlm_tool(rlm, context=TEXT)])
    chunks = list(agent.stream({"messages": "?"}, stream_mode="custom", subgraphs=subgraphs))
    events = [read_event(chunk[1] if subgraphs else chunk) for chunk in chunks]
    assert [event.type for event in events if event] == EVENTS
    streamed = agent.astream({"messages": "?"}, stream_mode="custom", subgraphs=subgraphs)
    events = [read_event(chunk[1] if subgraphs else chunk) async for chunk in streamed]
    assert [event.type for event in events if event] == EVENTS


def test_subgraph_streams_show_the_run_under_the_tools_name(make: Make) -> None:
    """Its nodes' updates and its root model's tokens."""
    rlm, server = make(calls("?"), ASK)
    agent = create_agent(server.chat_model("agent"), [create_rlm_tool(rlm, context=TEXT)])
    streamed = list(agent.stream({"messages": "?"}, stream_mode=["updates", "messages"], subgraphs=True))
    inner = {place[1].partition(":")[0] for place, _, _ in streamed if len(place) > 1}
    assert inner == {"ask_documents"}
    nodes = [next(iter(chunk)) for place, mode, chunk in streamed if len(place) == 2 and mode == "updates"]
    assert nodes == ["init_repl", "generate_code", "execute_repl", "truncate_observation", "finalize"]
    tokens = "".join(
        str(chunk[0].text)
        for place, mode, chunk in streamed
        if len(place) == 2 and mode == "messages" and chunk[1]["langgraph_node"] == "generate_code"
    )
    assert ASK in tokens


# A person. ----------------------------------------------------------------------------------------------------------


def requests_of(result: Any) -> list[str]:
    """What a person is asked in a result: the kinds."""
    return [request["kind"] for stop in result["__interrupt__"] for request in stop.value["rlm_requests"]]


def test_a_person_is_asked_through_the_agent(make: Make) -> None:
    """Code is approved, a question is answered, and the run goes on inside; no model is asked twice."""
    root = code("told = ask_user('Which one?')\nFINAL(llm_query(told))")
    rlm, server = make(
        calls("?"), root, lambda r: f"about {r.text}", config=RLMConfig(approve_cells=True, ask_user=True)
    )
    tool = create_rlm_tool(rlm, context=TEXT)
    agent = create_agent(server.chat_model("agent"), [tool], checkpointer=InMemorySaver())
    assert requests_of(agent.invoke({"messages": "?"}, THREAD)) == ["approve_cells"]
    assert requests_of(agent.invoke(Command(resume="approve"), THREAD)) == ["ask_user"]
    result = agent.invoke(Command(resume="the second"), THREAD)
    assert result["messages"][-1].content == "about the second"
    assert (server.count("agent"), server.count("root"), server.count("sub")) == (2, 1, 1)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_decisions_of_two_parallel_calls_are_not_mixed_up(make: Make, asynchronous: bool) -> None:
    """Each interrupt has an id of its own, and its decision reaches the call that asked."""

    def root(request: Request) -> str:
        name = "one" if "one?" in request.text else "two"
        return code(f"FINAL({name!r} + ask_user('which {name}?'))")

    rlm, server = make(calls("one?", "two?"), root, config=RLMConfig(ask_user=True))
    tool = create_rlm_tool(rlm, context=TEXT)
    agent = create_agent(server.chat_model("agent"), [tool], checkpointer=InMemorySaver())
    given: Any = {"messages": "?"}
    stopped = await agent.ainvoke(given, THREAD) if asynchronous else agent.invoke(given, THREAD)
    asked = {stop.value["rlm_requests"][0]["text"]: stop.id for stop in stopped["__interrupt__"]}
    given = Command(resume={asked["which two?"]: " B", asked["which one?"]: " A"})
    result = await agent.ainvoke(given, THREAD) if asynchronous else agent.invoke(given, THREAD)
    assert [message.content for message in tool_messages(result)] == ["one A", "two B"]
    assert server.count("root") == 2


# Failures on the way. -----------------------------------------------------------------------------------------------


def test_a_call_that_failed_and_is_made_again_goes_on(make: Make) -> None:
    """A middleware calls the tool again: what was answered before the server failed is not asked again."""
    root = [code("a = llm_query('first')"), failures.server_error(), code("FINAL(a)")]
    rlm, server = make(calls("?"), root, config=RLMConfig(max_retries=0))
    agent = create_agent(
        server.chat_model("agent"),
        [create_rlm_tool(rlm, context=TEXT)],
        middleware=[ToolRetryMiddleware(max_retries=1, initial_delay=0.01)],
        checkpointer=InMemorySaver(),
    )
    assert agent.invoke({"messages": "?"}, THREAD)["messages"][-1].content == "five"
    assert (server.count("root"), server.count("sub")) == (3, 1)


def test_a_time_travel_to_before_a_call_finds_its_answers(make: Make) -> None:
    """The agent makes the same call again, and no model is asked for it."""
    rlm, server = make(calls("?"), ASK)
    tool = create_rlm_tool(rlm, context=TEXT)
    agent = create_agent(server.chat_model("agent"), [tool], checkpointer=InMemorySaver())
    agent.invoke({"messages": "?"}, THREAD)
    before = next(state for state in agent.get_state_history(THREAD) if state.next == ("tools",))
    assert agent.invoke(None, before.config)["messages"][-1].content == "five"
    assert (server.count("root"), server.count("sub")) == (1, 1)


def test_two_calls_in_one_node_are_kept_apart(make: Make, tmp_path: Path) -> None:
    """A `ToolNode` that makes parallel calls in one task: each resumes as what it was, in whatever order they come."""
    mended = threading.Event()

    def root(request: Request) -> str | Reply:
        name = "one" if "one?" in str(request.messages) else "two"
        if request.model_index >= 2 and not mended.is_set():
            return failures.server_error()
        return code("FINAL(kept)") if turn_of(request) else code(f"kept = llm_query({name!r})")

    rlm, server = make("", root, lambda r: f"about {r.text}", config=RLMConfig(max_retries=0))
    tool = create_rlm_tool(rlm, context=TEXT)
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode([tool], handle_tool_errors=False))
    graph.add_edge(START, "tools")
    asked = AIMessage(
        "",
        tool_calls=[
            {"name": "ask_documents", "args": {"query": f"{name}?"}, "id": f"call-{name}", "type": "tool_call"}
            for name in ("one", "two")
        ],
    )
    with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver:
        outer = graph.compile(checkpointer=saver)
        with pytest.raises(ModelServerError):
            outer.invoke({"messages": [asked]}, THREAD)
        mended.set()
        result = outer.invoke(None, THREAD)
    assert [message.content for message in tool_messages(result)] == ["about one", "about two"]
    assert server.count("sub") == 2


def test_a_question_inside_holds_no_process_when_it_is_answered(make: Make) -> None:
    """Nobody can come back to it, though the agent's checkpointer keeps it."""
    rlm, server = make(calls("one?", "two?"), ASK)
    tool = create_rlm_tool(rlm, context=TEXT)
    create_agent(server.chat_model("agent"), [tool], checkpointer=InMemorySaver()).invoke({"messages": "?"}, THREAD)
    assert rlm.repls.alive == 0


def test_the_agents_own_run_time_settings_do_not_disturb(make: Make) -> None:
    """What `context=` of the agent's `invoke` means is the agent's affair; if it is an `RLMConfig`, it is meant."""

    @dataclass
    class User:
        name: str

    rlm, server = make(calls("?"), code("1"), config=RLMConfig(max_iterations=2))
    tool = create_rlm_tool(rlm, context=TEXT)
    for schema, given, iterations in ((User, User("Ada"), 2), (RLMConfig, RLMConfig(max_iterations=1), 1)):
        agent: Any = create_agent(server.chat_model("agent"), [tool], context_schema=schema)
        (message,) = tool_messages(agent.invoke({"messages": "?"}, context=given))
        assert message.artifact["iterations"] == iterations


def test_an_rlm_can_have_another_as_a_tool_of_its_code(make: Make, store: ContextStore, tmp_path: Path) -> None:
    """Several questions at once in a cell, each a run of its own, in a sync run with a sync checkpointer."""
    inner, server = make("", lambda request: code(f"FINAL(llm_query({request.text.split()[1]!r}))"), Held("nothing"))
    program = """from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(3) as pool:
    FINAL(list(pool.map(lambda query: ask_documents(query=query, context='a'), ['q0', 'q1', 'q1'])))"""
    with (
        ScriptedServer(code(program)) as outer_server,
        SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver,
        create_rlm(
            outer_server.chat_model("root"),
            checkpointer=saver,
            context_store=store,
            tools=[create_rlm_tool(inner)],
        ) as outer,
    ):
        result = outer.invoke({"query": "?", "context": TEXT}, THREAD)
    assert result["answer"] == '["<q0>", "<q1>", "<q1>"]'
    assert server.count("sub") == 3


def test_contexts_that_end_before_the_agents_run_are_warned_of(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A lasting checkpointer beside a temporary store: once."""
    _, server = make(calls("?"), ASK)
    with (
        create_rlm(server.chat_model("root"), sub_model=server.chat_model("sub")) as rlm,
        SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver,
    ):
        tool = create_rlm_tool(rlm, context=TEXT)
        agent = create_agent(server.chat_model("agent"), [tool], checkpointer=saver)
        agent.invoke({"messages": "?"}, THREAD)
        agent.invoke({"messages": "?"}, THREAD)
    (warning,) = [record.message for record in caplog.records if "temporary folder" in record.message]
    assert warning.endswith("give create_rlm a context_store to go on with them in another one")


# Kills. -------------------------------------------------------------------------------------------------------------


def two_turns(request: Request) -> str:
    """A root model that asks for three things in its first turn, and for two more in its second."""
    name = "one" if "one?" in str(request.messages) else "two"
    first, last = code("parts = ['']", chain(name, 0, 1, 2)), code(chain(name, 3, "last"), "FINAL(''.join(parts))")
    return last if turn_of(request) else first


@pytest.mark.parametrize(("held", "asked", "loses_checkpoints"), [("last", 10, False), ("2", 6, True)])
def test_two_parallel_questions_survive_a_kill(
    lives: Lives, serve: Callable[..., ScriptedServer], tmp_path: Path, held: str, asked: int, loses_checkpoints: bool
) -> None:
    """The agent goes on in both, in another process: nothing is asked again but what was in flight.

    That holds when the last checkpoints, of the agent and of the runs inside, were not written yet.
    """
    sub = Held(held)
    server = serve({"agent": calls("one?", "two?"), "root": two_turns, "sub": sub})
    life = Life("tool", server.base_url, str(tmp_path))
    answers = ["".join(f"<{name} {part}>" for part in (0, 1, 2, 3, "last")) for name in ("one", "two")]
    told = lives.end_after_a_kill(life, server, sub, asked=asked, loses_checkpoints=loses_checkpoints)
    assert told == " | ".join(answers)
    assert asked_again(server) == [f"one {held}", f"two {held}"]


def test_a_person_is_asked_by_one_process_and_answers_in_another(
    lives: Lives, serve: Callable[..., ScriptedServer], tmp_path: Path
) -> None:
    """The interrupt is in the agent's checkpoints, and the decision reaches the run inside."""
    root = code("first = llm_query('first')\nFINAL(first + ask_user('Which one?'))")
    server = serve({"agent": calls("?"), "root": root, "sub": Held("nothing")})
    life = Life("tool", server.base_url, str(tmp_path), settings={"ask_user": True})
    ((request,),) = lives.end(life)
    assert (request["kind"], request["text"]) == ("ask_user", "Which one?")
    assert lives.end(replace(life, decision=" and the second")) == "<first> and the second"
    assert asked_again(server) == []


def test_the_example_runs() -> None:
    """It prints the agent's answer and the figures of the run inside."""
    example = Path(__file__).parent.parent / "examples" / "agent_tool.py"
    ran = subprocess.run([sys.executable, "-W", "error", example], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "I have looked: 29 contracts end in 2027" in ran.stdout
