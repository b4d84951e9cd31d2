"""The loop of a model and its tools, over a real server, with tools of every kind."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.tools import BaseTool, ToolException, tool
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from langgraph.errors import GraphInterrupt
from pydantic import BaseModel

from rlm_graph.errors import ConfigError, ModelResponseError, ToolError
from rlm_graph.ledger import Usage
from rlm_graph.models.metering import Estimate
from rlm_graph.models.model import Model
from rlm_graph.models.tool_loop import ANSWER_NOW, ToolLoop
from rlm_graph.testing import Reply, Request, ScriptedServer, ToolCall
from rlm_graph.tools import Tools

Serve = Callable[..., ScriptedServer]

QUESTION = [HumanMessage("a question")]


@tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def a_loop(server: ScriptedServer, tools: Sequence[Any], **options: Any) -> ToolLoop:
    """A loop over the server's model."""
    return ToolLoop(Model(server.chat_model("sub"), temperature=0, max_tokens=100, timeout_s=5), tools, **options)


def calls(*called: tuple[str, Any]) -> Reply:
    """A reply that asks for tools, by name and arguments."""
    return Reply(tool_calls=[ToolCall(name, arguments) for name, arguments in called])


def results(request: Request) -> list[str]:
    """What a request says that tools gave."""
    return [str(message["content"]) for message in request.messages if message["role"] == "tool"]


async def second_request(serve: Serve, tools: Sequence[Any], *called: tuple[str, Any]) -> list[str]:
    """The results that the model sees after it asked for these tools."""
    server = serve([calls(*called), "the answer"])
    reply = await a_loop(server, tools).ask(QUESTION, {})
    assert reply.text == "the answer"
    return results(server.requests[1])


async def test_a_tool_is_run_and_its_result_goes_back(serve: Serve) -> None:
    """Under the id of the call; the tools are offered each time."""
    server = serve([calls(("add", {"a": 1, "b": 2})), calls(("add", {"a": 3, "b": 4})), "10"])
    assert (await a_loop(server, [add]).ask(QUESTION, {})).text == "10"
    assert results(server.requests[2]) == ["3", "7"]
    *_, asked, answered = server.requests[1].messages
    assert asked["tool_calls"][0]["id"] == answered["tool_call_id"]
    assert all(request.body["tools"][0]["function"]["name"] == "add" for request in server.requests)


async def test_without_tools_a_question_is_one_request(serve: Serve) -> None:
    """Which offers none: some servers refuse an empty list."""
    server = serve(["the answer"])
    assert (await a_loop(server, []).ask(QUESTION, {})).text == "the answer"
    assert "tools" not in server.requests[0].body


async def test_a_functions_docstring_makes_it_a_tool(serve: Serve) -> None:
    """Sync and async ones."""

    def double(n: int) -> int:
        """Twice a number."""
        return 2 * n

    async def half(n: int) -> float:
        """Half a number."""
        return n / 2

    assert await second_request(serve, [double, half], ("double", {"n": 4}), ("half", {"n": 4})) == ["8", "2.0"]


async def test_a_tools_error_goes_back_to_the_model(serve: Serve) -> None:
    """With its type; a long one is cut."""

    @tool
    def broken(n: int) -> str:
        """Fails."""
        raise ValueError("no good " + "x" * n)

    short, long = await second_request(serve, [broken], ("broken", {"n": 1}), ("broken", {"n": 9000}))
    assert short == "ValueError: no good x"
    assert len(long) == 2000


async def test_what_the_model_calls_wrongly_goes_back_to_it(serve: Serve) -> None:
    """An unknown name, arguments that do not fit, arguments that are no JSON."""
    unknown, misfit, no_json = await second_request(
        serve, [add], ("subtract", {"a": 1}), ("add", {"a": "x", "b": 2}), ("add", '{"a": 1, "b"')
    )
    assert unknown == "there is no tool 'subtract'; there are: add"
    assert "unable to parse string as an integer" in misfit
    assert no_json.startswith("the arguments are no JSON object: ")


async def test_a_reply_whose_only_call_is_broken_is_no_answer(serve: Serve) -> None:
    """LangChain keeps such calls apart from those that it can read."""
    assert len(await second_request(serve, [add], ("add", "{"))) == 1


async def test_a_call_without_an_id_gets_one(serve: Serve) -> None:
    """Some servers send none; the result is for the call all the same."""
    call = {"type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    body = {"id": "x", "object": "chat.completion", "created": 0, "model": "sub", "choices": [{"message": message}]}
    server = serve([Reply(raw_body=json.dumps(body)), "3"])
    assert (await a_loop(server, [add]).ask(QUESTION, {})).text == "3"
    *_, asked, answered = server.requests[1].messages
    assert asked["tool_calls"][0]["id"] == answered["tool_call_id"] != "None"


async def test_tools_of_one_reply_run_at_once(serve: Serve) -> None:
    """Each of the two waits until the other is there; results are in the order of the calls."""
    both = asyncio.Barrier(2)

    @tool
    async def meet(name: str) -> str:
        """Meet the other."""
        async with asyncio.timeout(2):
            await both.wait()
        return name

    assert await second_request(serve, [meet], ("meet", {"name": "one"}), ("meet", {"name": "two"})) == ["one", "two"]


async def test_a_sync_tool_runs_in_a_thread_with_the_calls_context(serve: Serve) -> None:
    """The event loop goes on, and context variables are seen: functions, and classes with `_run` only."""
    user: ContextVar[str] = ContextVar("user", default="nobody")

    class Who(BaseTool):
        name: str = "who"
        description: str = "Says who asks."

        def _run(self) -> str:
            assert threading.current_thread() is not threading.main_thread()
            return user.get()

    @tool
    def who_else() -> str:
        """Says who asks."""
        assert threading.current_thread() is not threading.main_thread()
        return user.get()

    user.set("ada")
    assert await second_request(serve, [Who(), who_else], ("who", {}), ("who_else", {})) == ["ada", "ada"]


async def test_a_result_in_parts_becomes_its_text(serve: Serve) -> None:
    """Artifacts stay here; what is no text is named."""

    @tool(response_format="content_and_artifact")
    def look() -> tuple[list[Any], bytes]:
        """Looks."""
        return [{"type": "text", "text": "a cat"}, {"type": "image", "base64": "xx", "mime_type": "image/png"}], b"cat"

    assert await second_request(serve, [look], ("look", {})) == ["a cat\n[image left out: only text can be read here]"]


async def test_an_error_that_the_tool_handles_itself_is_an_error(serve: Serve) -> None:
    """`handle_tool_error`: its text, as the tool makes it."""

    @tool
    def careful() -> str:
        """Fails nicely."""
        raise ToolException("the reason")

    careful.handle_tool_error = lambda error: f"sorry: {error}"
    failed = []

    async def keep(name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[str]]) -> str:
        try:
            return await run()
        except ToolError as error:
            failed.append(str(error))
            raise

    server = serve([calls(("careful", {})), "the answer"])
    await a_loop(server, [careful]).ask(QUESTION, {}, run_tool=keep)
    assert failed == results(server.requests[1]) == ["sorry: the reason"]


# Rounds. ------------------------------------------------------------------------------------------------------------


async def test_after_the_last_round_the_model_has_to_answer(serve: Serve) -> None:
    """One more request, which offers no tools and tells in plain text what happened: every server takes that."""

    def play(request: Request) -> Reply:
        if "tools" in request.body:
            return Reply(text="let me see", tool_calls=[ToolCall("add", {"a": 1, "b": request.index})])
        return Reply(text="so be it")

    server = serve(play)
    reply = await a_loop(server, [add], max_rounds=2).ask(QUESTION, {})
    assert reply.text == "so be it"
    assert server.count() == 3
    asked = [(message["role"], message["content"]) for message in server.requests[2].messages]
    assert asked == [
        ("user", "a question"),
        ("assistant", 'let me see\n[calls add with {"a": 1, "b": 0}]'),
        ("user", "[result of add]\n1"),
        ("assistant", 'let me see\n[calls add with {"a": 1, "b": 1}]'),
        ("user", f"[result of add]\n2\n\n{ANSWER_NOW}"),
    ]


async def test_a_model_that_never_answers_is_an_error(serve: Serve) -> None:
    """It asks for a tool where none is offered: a failure is not returned as an answer."""
    server = serve(calls(("add", {"a": 1, "b": 1})))
    with pytest.raises(ModelResponseError, match="sub asked for tools 3 times, and then again instead of answering"):
        await a_loop(server, [add], max_rounds=3).ask(QUESTION, {})
    assert server.count() == 4


async def test_each_round_is_metered(serve: Serve) -> None:
    """Every request of the loop goes through the meter."""
    settled = []

    class Meter:
        async def reserve(self, estimate: Estimate) -> Meter:
            return self

        def settle(self, usage: Usage | None) -> None:
            settled.append(usage)

    server = serve([calls(("add", {"a": 1, "b": 1})), "2"])
    await a_loop(server, [add]).ask(QUESTION, {}, meter=Meter())
    used = server.usage
    assert sum(usage.input_tokens for usage in settled if usage) == used.prompt_tokens
    assert len(settled) == 2


# What passes through the caller. ------------------------------------------------------------------------------------


async def test_what_is_kept_is_not_asked_or_run_again(serve: Serve) -> None:
    """A journal in miniature: the second time, all replies and results, failures too, come from it."""
    ran = []

    @tool
    async def once(n: int) -> int:
        """Runs once."""
        ran.append(n)
        if n == 2:
            raise ValueError("two")
        return n

    kept: dict[str, Any] = {}

    async def ask_model(model: Model, messages: Sequence[BaseMessage]) -> AIMessage:
        key = model.digest(messages)
        if key not in kept:
            kept[key] = await model.ask(messages, {})
        return kept[key]  # type: ignore[no-any-return]

    async def run_tool(name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[str]]) -> str:
        key = f"{name}{arguments}"
        if key not in kept:
            try:
                kept[key] = await run()
            except ToolError as error:
                kept[key] = error
        if isinstance(kept[key], ToolError):
            raise kept[key]
        return str(kept[key])

    server = serve([calls(("once", {"n": 1}), ("once", {"n": 2})), "the answer"])
    for _ in range(2):
        reply = await a_loop(server, [once]).ask(QUESTION, {}, ask_model=ask_model, run_tool=run_tool)
        assert reply.text == "the answer"
    assert sorted(ran) == [1, 2]
    assert server.count() == 2
    assert results(server.requests[1]) == ["1", "ValueError: two"]


async def test_what_stops_the_graph_goes_through_when_the_other_tools_have_ended(serve: Serve) -> None:
    """What they have done can be kept, and is not done again when the graph goes on."""
    kept = []

    @tool
    async def ask_a_person() -> str:
        """Asks."""
        raise GraphInterrupt(())

    @tool
    async def slow() -> str:
        """Takes a while."""
        await asyncio.sleep(0.05)
        return "done"

    async def keep(name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[str]]) -> str:
        kept.append(await run())
        return kept[-1]

    server = serve([calls(("ask_a_person", {}), ("slow", {}))])
    with pytest.raises(GraphInterrupt):
        await a_loop(server, [ask_a_person, slow]).ask(QUESTION, {}, run_tool=keep)
    assert kept == ["done"]


async def test_a_cancelled_loop_cancels_its_tools(serve: Serve) -> None:
    """Nothing runs on by itself."""
    began, ended = asyncio.Event(), asyncio.Event()

    @tool
    async def endless() -> str:
        """Never ends."""
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    asking = asyncio.create_task(a_loop(serve([calls(("endless", {}))]), [endless]).ask(QUESTION, {}))
    await began.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert ended.is_set()


# What is a tool. ----------------------------------------------------------------------------------------------------


def no_docstring(n: int) -> int:
    return n


class ASchema(BaseModel):
    """Not a tool: nothing to run."""

    n: int


@pytest.mark.parametrize(
    ("tools", "words"),
    [
        ([{"type": "function", "function": {"name": "add"}}], "is no tool: give a LangChain tool, or a function"),
        ([ASchema], "is no tool"),
        (["add"], "'add' is no tool"),
        ([no_docstring], "no_docstring cannot be made a tool"),
        ([add, add], "two tools have the name 'add'"),
    ],
)
def test_what_is_no_tool_is_refused(serve: Serve, tools: Any, words: str) -> None:
    """Before anything is asked, with what to do."""
    with pytest.raises(ConfigError, match=words):
        a_loop(serve("x"), tools)


def test_no_rounds_are_refused(serve: Serve) -> None:
    """The message has the value."""
    with pytest.raises(ConfigError, match="max_rounds: 0 is not allowed"):
        a_loop(serve("x"), [add], max_rounds=0)


async def test_the_tools_of_an_mcp_server_work(serve: Serve, tmp_path: Path) -> None:
    """A real one, over its stdin and stdout: results, its errors, and what is no text; in code they give values."""
    program = tmp_path / "server.py"
    program.write_text(
        "from mcp.server.fastmcp import FastMCP, Image\n"
        "server = FastMCP('numbers', log_level='ERROR')\n"
        "@server.tool()\n"
        "def double(n: int) -> int:\n"
        "    'Twice a number.'\n"
        "    return 2 * n\n"
        "@server.tool()\n"
        "def broken() -> str:\n"
        "    'Fails.'\n"
        "    raise ValueError('the reason')\n"
        "@server.tool()\n"
        "def picture() -> Image:\n"
        "    'A picture.'\n"
        "    return Image(data=b'x', format='png')\n"
        "@server.tool()\n"
        "def count(words: list[str]) -> dict[str, int]:\n"
        "    'Count words.'\n"
        "    return {word: len(word) for word in words}\n"
        "server.run()\n"
    )
    client = MultiServerMCPClient(
        {"numbers": {"command": sys.executable, "args": [str(program)], "transport": "stdio"}}
    )
    async with client.session("numbers") as session:
        tools = await load_mcp_tools(session)
        double, broken, picture = await second_request(
            serve, tools, ("double", {"n": 21}), ("broken", {}), ("picture", {})
        )
        for_code = Tools(tools)
        values = [await for_code.run("double", {"n": 21}, {}), await for_code.run("count", {"words": ["ab"]}, {})]
        shown = await for_code.run("picture", {}, {})
        with pytest.raises(ToolError, match=r"^broken: .*the reason$"):
            await for_code.run("broken", {}, {})
    assert double == "42"
    assert "the reason" in broken
    assert picture == json.loads(shown) == "[image left out: only text can be read here]"
    assert [json.loads(value) for value in values] == [42, {"ab": 2}]
