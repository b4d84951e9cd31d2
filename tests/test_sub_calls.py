"""What the code asks for: tools, several models, schemas, children; end to end."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.tools import StructuredTool, ToolException, tool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel
from scripts import code, echo, thread, turns

from rlm_graph import ConfigError, Price, RLMConfig, SubModel, ToolError, create_rlm
from rlm_graph.testing import Reply, Request, ToolCall
from rlm_graph.tools import Tools

MakeRLM = Callable[..., Any]


@tool
def lookup(word: str, limit: int = 3) -> list[str]:
    """Find a word in the dictionary."""
    return [f"{word} {i}" for i in range(limit)]


@tool
async def weather(city: str) -> dict[str, Any]:
    """The weather in a city."""
    await asyncio.sleep(0)
    return {"city": city, "degrees": 20}


@tool
def failing() -> str:
    """Always fails."""
    raise RuntimeError("no luck")


@dataclass
class Position:
    line: int
    column: int


class Found(BaseModel):
    name: str
    at: Position


CONTAINS_ITSELF: list[Any] = []
CONTAINS_ITSELF.append(CONTAINS_ITSELF)


def test_tools_are_functions_in_the_repl(make_rlm: MakeRLM, checkpointer: Any) -> None:
    """Sync and async, by position and by name; values come back as values; the root model is told of them."""
    program = (
        "a = lookup('x', limit=2)\nb = weather('Rome')['degrees'] + 1\n"
        "try:\n    failing()\nexcept ToolError as error:\n    c = str(error)\n"
        "try:\n    lookup(limit='many')\nexcept ToolError as error:\n    d = 'word' in str(error)\n"
        "FINAL([a, b, c, d])"
    )
    rlm = make_rlm([code(program)], tools=[lookup, weather, failing], checkpointer=checkpointer)
    result = rlm.invoke({"query": "q", "context": "c"}, thread("t"))
    a, b, c, d = json.loads(result["answer"])
    assert (a, b, d) == (["x 0", "x 1"], 21, True)
    assert "no luck" in c
    system = rlm.server.requests[0].messages[0]["content"]
    assert "lookup(word: str, limit: int = 3)" in system
    assert "Find a word in the dictionary." in system


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"at": {3}, "raw": b"x"}, {"at": "{3}", "raw": "b'x'"}),
        ({(1, 2): "x"}, "{(1, 2): 'x'}"),
        (CONTAINS_ITSELF, "[[...]]"),
        ([Found(name="n", at=Position(1, 2))], [{"name": "n", "at": {"line": 1, "column": 2}}]),
    ],
)
async def test_a_tools_result_becomes_what_json_has(result: Any, told: Any) -> None:
    """Models are dicts, other things texts; the whole of it where a key or a cycle stands in the way: it has run."""

    def find() -> Any:
        """Find it."""
        return result

    assert json.loads(await Tools([find]).run("find", {}, {})) == told


async def test_an_error_that_a_tool_handles_itself_is_an_exception_in_the_code() -> None:
    """It would tell a model in a text, which code takes for the result."""

    def find(word: str) -> str:
        """Find a word."""
        raise ToolException(f"no {word} here")

    handling = StructuredTool.from_function(find, handle_tool_error=True, handle_validation_error=True)
    tools = Tools([handling])
    with pytest.raises(ToolError, match=r"^find: no x here$"):
        await tools.run("find", {"word": "x"}, {})
    with pytest.raises(ToolError, match="word: Field required"):
        await tools.run("find", {}, {})
    assert handling.handle_tool_error  # the user's own is as it was


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["x"], ["'x'", "no tool"]),
        ([lookup, lookup], ["lookup"]),
        (lookup, ["lookup", "must be a list"]),
        (5, ["5", "must be a list"]),
    ],
)
def test_what_is_no_tool_is_refused(make_rlm: MakeRLM, given: list[Any], words: list[str]) -> None:
    """When the graph is made, with the name."""
    with pytest.raises(ConfigError) as refused:
        make_rlm([""], tools=given)
    assert all(word in str(refused.value) for word in words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sub_models": {" ": "openai:gpt-4.1"}}, "' ' is not allowed"),
        ({"sub_models": {"fast": SubModel("openai:gpt-4.1", max_concurrency=0)}}, "max_concurrency 0 of 'fast'"),
        ({"sub_models": {"fast": SubModel("openai:gpt-4.1", max_tokens=-1)}}, "max_tokens -1 of 'fast'"),
        ({"prices": {"sub": 5}}, "5 of 'sub' is not allowed: must be a Price"),
    ],
)
def test_bad_sub_models_and_prices_are_refused(make_rlm: MakeRLM, options: dict[str, Any], words: str) -> None:
    """When the graph is made, with the value and the name it has."""
    with pytest.raises(ConfigError, match=re.escape(words)):
        make_rlm([""], **options)


def test_reserved_names_are_refused(make_rlm: MakeRLM) -> None:
    """A tool cannot stand in the place of a function of the REPL."""

    def llm_query(prompt: str) -> str:
        """Mine."""
        return prompt

    with pytest.raises(ConfigError, match="'llm_query' is not allowed"):
        make_rlm([""], tools=[llm_query])


def test_the_sub_model_uses_its_tools(make_rlm: MakeRLM) -> None:
    """In a loop of its own, several at once; each request is counted."""

    def sub(request: Request) -> Any:
        results = [message for message in request.messages if message["role"] == "tool"]
        if not results:
            return Reply(tool_calls=[ToolCall("lookup", {"word": "a"}), ToolCall("weather", {"city": "Oslo"})])
        return "; ".join(str(message["content"]) for message in results)

    rlm = make_rlm([code("FINAL(llm_query('use them'))")], sub, sub_tools=[lookup, weather])
    result = rlm.invoke({"query": "q", "context": "c"})
    assert result["answer"] == 'a 0\na 1\na 2; {"city": "Oslo", "degrees": 20}'
    assert (result["sub_calls"], result["requests"]) == (2, 3)


def test_tools_are_used_once_although_the_cell_is_carried_out_again(make_rlm: MakeRLM) -> None:
    """Those of the code and those of the sub-model: what they returned is in the journal."""
    used, broken = Counter[str](), [True]

    @tool
    def count(name: str) -> str:
        """Count a name."""
        used[name] += 1
        return f"{name} {used[name]}"

    def sub(request: Request) -> Any:
        if request.messages[-1]["role"] == "tool":
            return Reply(status=401) if broken[0] else str(request.messages[-1]["content"])
        return Reply(tool_calls=[ToolCall("count", {"name": "theirs"})])

    rlm = make_rlm(
        turns(code("x = count('mine')\nFINAL([x, llm_query('p')])")),
        sub,
        tools=[count],
        sub_tools=[count],
        checkpointer=InMemorySaver(),
    )
    config = thread("t")
    with pytest.raises(Exception, match="401"):
        rlm.invoke({"query": "q", "context": "c"}, config)
    broken[0] = False
    assert rlm.invoke(None, config)["answer"] == '["mine 1", "theirs 1"]'
    assert used == Counter({"mine": 1, "theirs": 1})
    assert len(rlm.server.requests) == 4


def test_the_code_chooses_among_models(serve: Callable[..., Any], store: Any) -> None:
    """By the names that the user gave them, each with a description, a limit and a price of its own."""
    in_flight, most = [0], [0]

    async def strong(request: Request) -> str:
        in_flight[0] += 1
        most[0] = max(most[0], in_flight[0])
        await asyncio.sleep(0.05)
        in_flight[0] -= 1
        return "strong:" + request.text

    program = (
        "a = llm_query('x')\nb = llm_query_batched([str(i) for i in range(6)], model='strong')\n"
        "try:\n    llm_query('x', model='none')\nexcept ValueError as error:\n    c = 'fast' in str(error)\n"
        "FINAL([a, b, llm_query('y', model='fast'), c])"
    )
    server = serve({"root": [code(program)], "s": "sub", "f": "fast", "g": strong})
    rlm = create_rlm(
        server.chat_model("root"),
        sub_model=server.chat_model("s"),
        sub_models={
            "fast": server.chat_model("f"),
            "strong": SubModel(server.chat_model("g"), "for what is hard", max_concurrency=2, price=Price(1, 1)),
        },
        context_store=store,
    )
    with rlm:
        result = rlm.invoke({"query": "q", "context": "c"})
    assert json.loads(result["answer"]) == ["sub", [f"strong:{i}" for i in range(6)], "fast", True]
    assert most[0] == 2
    assert result["models"]["g"]["requests"] == 6
    assert result["models"]["g"]["cost_usd"] > 0
    assert result["cost_usd"] is None  # the price of the others is not known
    system = server.requests[0].messages[0]["content"]
    assert "for what is hard" in system


def test_answers_with_a_schema(make_rlm: MakeRLM) -> None:
    """`llm_query(schema=)` and `llm_map`: values of the form, in order; what does not fit is asked for again."""
    tries = Counter[str]()

    def sub(request: Request) -> str:
        item = next(line for line in str(request.messages[0]["content"]).splitlines() if line.startswith("item "))
        tries[item] += 1
        if item == "item 3" and tries[item] == 1:
            return '{"label": 7}'
        return 'Sure:\n```json\n{"label": "' + item + '", "score": 0.5}\n```'

    program = (
        "form = {'label': str, 'score': float}\n"
        "rows = llm_map([f'item {i}' for i in range(6)], 'Label this.\\n{item}\\nThanks', schema=form)\n"
        "one = llm_query('item 9', schema=form)\n"
        "FINAL([[row['label'] for row in rows], one['score']])"
    )
    rlm = make_rlm([code(program)], sub)
    result = rlm.invoke({"query": "q", "context": "c"})
    assert json.loads(result["answer"]) == [[f"item {i}" for i in range(6)], 0.5]
    assert tries["item 3"] == 2
    assert result["sub_calls"] == 8


def test_one_failure_in_a_batch_loses_nothing(make_rlm: MakeRLM) -> None:
    """Errors as values, or raised after all have finished; what has finished is in the exception."""

    def sub(request: Request) -> Any:
        return Reply(status=400) if request.text == "2" else echo(request)

    program = (
        "xs = llm_query_batched([str(i) for i in range(4)], return_errors=True)\n"
        "shown = [type(x).__name__ if isinstance(x, Exception) else x for x in xs]\n"
        "try:\n    llm_query_batched([str(i) for i in range(4)])\n"
        "except SubCallError as error:\n    kept = error.answers\n"
        "FINAL([shown, kept])"
    )
    rlm = make_rlm([code(program)], sub)
    shown, kept = json.loads(rlm.invoke({"query": "q", "context": "c"})["answer"])
    assert shown == ["re:0", "re:1", "SubCallError", "re:3"]
    assert kept == ["re:0", "re:1", None, "re:3"]


REFUSAL = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
REFUSED = {"model": "sub", "choices": [{"index": 0, "message": REFUSAL, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    ("form", "reply", "told"),
    [
        ("", Reply(finish_reason="length"), "it had used up its output tokens"),
        (", schema=list[str]", Reply(finish_reason="length"), "it had used up its output tokens"),
        ("", Reply(finish_reason="content_filter"), "held the answer back (content_filter)"),
        ("", Reply(raw_body=json.dumps(REFUSED)), "refuses to answer: I cannot help with that."),
        ("", Reply(), "'' is the answer"),
    ],
)
def test_no_text_is_an_answer_only_where_the_model_had_nothing_to_say(
    make_rlm: MakeRLM, form: str, reply: Reply, told: str
) -> None:
    """Else it is a failure. It was paid for, and is not asked for again."""
    program = (
        f"try:\n    said = repr(llm_query('p'{form})) + ' is the answer'\n"
        "except SubCallError as error:\n    said = str(error)\n"
        "FINAL(said)"
    )
    rlm = make_rlm([code(program)], lambda request: reply)
    result = rlm.invoke({"query": "q", "context": "c"})
    assert told in result["answer"]
    assert (result["sub_calls"], rlm.server.count("sub")) == (1, 1)
    assert result["total_input_tokens"] == rlm.server.usage.prompt_tokens


@pytest.mark.parametrize("call", ["llm_map(5, 'p')", "llm_query_batched(5)", "rlm_query_batched(5)"])
def test_a_batch_of_what_is_no_list_is_refused(make_rlm: MakeRLM, call: str) -> None:
    """The code is told what the function takes, and what it got."""
    program = f"try:\n    {call}\nexcept TypeError as error:\n    FINAL(str(error))"
    answer = make_rlm([code(program)]).invoke({"query": "q", "context": "c"})["answer"]
    assert answer.startswith(call.partition("(")[0])
    assert " takes a list of " in answer
    assert answer.endswith(", not int")


async def test_children_are_nested_runs(make_rlm: MakeRLM) -> None:
    """In LangGraph's streams: their steps and events come under a namespace of their own."""

    def sub(request: Request) -> str:
        if "REPL" in str(request.messages[0]["content"]):
            return code("FINAL('child of ' + context)")
        return "a"

    rlm = make_rlm(
        [code("FINAL(rlm_query_batched(['q1', 'q2'], ['p1', 'p2']))")], sub, config=RLMConfig(max_recursion_depth=2)
    )
    namespaces, events = set(), Counter[str]()
    async for namespace, mode, chunk in rlm.astream(
        {"query": "q", "context": "c"}, stream_mode=["updates", "custom"], subgraphs=True
    ):
        if mode == "updates":
            namespaces.add((namespace, next(iter(chunk))))
        elif namespace:
            events[chunk["rlm_event"]["type"]] += 1
    nested = {namespace for namespace, _ in namespaces if namespace}
    assert len(nested) == 2
    assert {node for namespace, node in namespaces if namespace} >= {"init_repl", "generate_code", "finalize"}
    assert events["final_answer"] == 2


def test_what_ran_ahead_is_counted(make_rlm: MakeRLM) -> None:
    """And can be switched off."""
    program = "out = []\nfor i in range(10):\n    out.append(llm_query(f'{i}'))\nFINAL(out)"
    counts = {}
    for run_ahead in (True, False):
        rlm = make_rlm([code(program)], echo, config=RLMConfig(run_ahead=run_ahead))
        result = rlm.invoke({"query": "q", "context": "c"})
        assert json.loads(result["answer"]) == [f"re:{i}" for i in range(10)]
        counts[run_ahead] = result["ran_ahead"]
    assert counts[False] == 0
    assert counts[True] >= 9
