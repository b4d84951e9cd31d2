"""The totals of a run are what the server was asked, model by model, whatever happened on the way."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from scripts import code, thread

from rlm_graph import Price, RLMConfig, SubModel
from rlm_graph.testing import Reply, Request, ToolCall
from rlm_graph.testing import Usage as Tokens

PRICES = {"root": Price(2, 8), "sub": Price(0.4, 1.6), "strong": Price(10, 30)}
"""US dollars for a million tokens of input and of output."""


def word_count(text: str) -> int:
    """The number of words in a text."""
    return len(text.split())


class Sub:
    """A sub-model that fails, uses tools, or plays a child's root model, as the prompt says."""

    def __init__(self) -> None:
        self._number = itertools.count()
        self._asked: dict[str, int] = {}

    def __call__(self, request: Request) -> Reply:
        """An answer whose tokens are unlike those of any other."""
        number, text = next(self._number), request.text
        tokens = Tokens(100 + number, 7 + number % 5)
        self._asked[text] = times = self._asked.get(text, 0) + 1
        if request.system:  # a child's turn
            return Reply(text=code("FINAL(llm_query('of a child') + llm_query_batched(['x', 'y'])[1])"), usage=tokens)
        if "busy" in text and times < 3:
            return Reply(status=429, headers={"Retry-After": "0"})
        if "broken" in text:
            return Reply(status=400, text="no such thing")
        if "tool" in text and request.messages[-1]["role"] == "user":
            return Reply(tool_calls=[ToolCall("word_count", {"text": "one two"})], usage=tokens)
        if "number" in request.messages[0]["content"]:
            return Reply(text="about seven" if len(request.messages) == 1 else "7", usage=tokens)
        return Reply(text=f"re:{text[:20]}", usage=tokens)


@dataclass(frozen=True)
class Case:
    """A run."""

    name: str
    cells: Sequence[str]
    """The root model's code, turn by turn."""

    settings: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    """Of `create_rlm`."""

    least: int = 1
    """Requests, so that what the case is about has happened."""

    decision: Any = None
    """Of a person, where the run is interrupted once."""

    def __str__(self) -> str:
        return self.name


THREADS = """
from concurrent.futures import ThreadPoolExecutor
answers = [llm_query(str(i)) for i in range(5)] + llm_query_batched(['p', 'q'])
with ThreadPoolExecutor(3) as pool:
    answers += pool.map(llm_query, 'xyz')
"""

CASES = [
    Case("calls, batches and threads", [THREADS, "FINAL(len(answers))"]),
    Case(
        "children of children",
        ["FINAL(rlm_query_batched(['one', 'two'], ['text one', 'text two']))"],
        {"max_recursion_depth": 3},
    ),
    Case("requests made again", ["FINAL([llm_query('busy'), llm_query_batched(['busy too', 'idle'])])"], least=8),
    Case(
        "failures",
        [
            "out = llm_query_batched(['broken', 'fine', 'broken too'], return_errors=True)",
            "try:\n    llm_query('broken again')\nexcept SubCallError as e:\n    print(e)",
            "llm_query('broken for good')",
            "FINAL(len(out))",
        ],
    ),
    Case(
        "a loop that breaks off while calls run ahead",
        ["for word in ['fine', 'broken', 'a', 'b', 'c', 'd']:\n    print(llm_query(word))", "FINAL('done')"],
    ),
    Case("a cache", ["FINAL([llm_query('same') for i in range(6)])"], {"cache": "run"}),
    Case(
        "tools of the sub-model",
        ["FINAL(llm_query_batched(['tool a', 'tool b']))"],
        options={"sub_tools": [word_count]},
        least=5,
    ),
    Case("answers of a form", ["FINAL(llm_query('a number', schema=int))"], least=3),
    Case("several models", ["FINAL([llm_query('a', model='strong'), llm_query('b')])"], options={"sub_models": True}),
    Case(
        "a person is asked in between",
        ["a = llm_query('before')\nb = ask_user('which?')\nFINAL(llm_query(a + b))"],
        {"ask_user": True},
        decision="this",
    ),
    Case("the last question", [*["print(llm_query('a'))"] * 2, "FINAL('the best there is')"], {"max_iterations": 2}),
    Case("a budget that runs out", ["out = [llm_query(str(i)) for i in range(30)]", "FINAL(1)"], {"max_sub_calls": 9}),
    Case("a direct answer", ["the answer"], {"direct_below_chars": 100}),
    Case(
        "messages that are compacted",
        [*["print(llm_query('long') * 800)"] * 7, "FINAL('done')"],
        {"root_window_tokens": 9000, "metadata_prefix_chars": 8000, "root_max_tokens": 500},
        least=16,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("way", ["sync", "async"])
async def test_totals_are_what_the_server_counted(
    serve: Callable[..., Any], make_rlm: Callable[..., Any], case: Case, way: str
) -> None:
    """Requests, tokens and money; of each model and of all."""
    sub, turns = Sub(), itertools.count()

    def root(request: Request) -> Reply:
        """Plays the cells in turn, and whatever else it is asked."""
        usage = Tokens(1000 + len(request.messages), 50)
        if "notes" in request.text.lower() and "```" not in request.text:
            return Reply(text="Notes: nothing special.", usage=usage)
        cell = case.cells[min(next(turns), len(case.cells) - 1)]
        return Reply(text=cell if case.settings.get("direct_below_chars") else code(cell), usage=usage)

    server = serve({"root": root, "sub": sub, "strong": sub})
    options = dict(case.options)
    if options.pop("sub_models", False):
        options["sub_models"] = {"strong": SubModel(server.chat_model("strong"), "for what is hard")}
    rlm = make_rlm(
        [],
        model=server.chat_model("root"),
        sub_model=server.chat_model("sub", max_retries=2),
        config=RLMConfig(**case.settings),
        checkpointer=InMemorySaver(),
        prices=PRICES,
        **options,
    )
    config = thread("t")
    given: Any = {"query": "What is there?", "context": "some text"}
    result: Any = rlm.invoke(given, config) if way == "sync" else await rlm.ainvoke(given, config)
    if case.decision is not None:
        assert result["__interrupt__"]
        resumed = Command(resume=case.decision)
        result = rlm.invoke(resumed, config) if way == "sync" else await rlm.ainvoke(resumed, config)

    assert result["answer"] is not None
    assert isinstance(result["messages"][-1], AIMessage)
    asked: dict[str, list[Request]] = {}
    for request in server.requests:
        asked.setdefault(request.model, []).append(request)
    counted = {model: figures for model, figures in result["models"].items() if figures["requests"]}
    assert set(counted) == set(asked)
    for model, requests in asked.items():
        used = sum((request.usage for request in requests if request.usage), Tokens())
        figures = counted[model]
        assert figures["requests"] == len(requests)
        assert (figures["input_tokens"], figures["output_tokens"]) == (used.prompt_tokens, used.completion_tokens)
        price = PRICES[model].of(used.prompt_tokens, used.completion_tokens)
        assert figures["cost_usd"] == pytest.approx(price)
    assert result["requests"] == len(server.requests) >= case.least
    assert result["total_input_tokens"] == server.usage.prompt_tokens
    assert result["total_output_tokens"] == server.usage.completion_tokens
    assert result["cost_usd"] == pytest.approx(sum(figures["cost_usd"] for figures in counted.values()))
