"""Runs that go on: after errors, on forks, on other threads, stopped at a safe point; nothing is paid twice."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from rlm_graph import ContextStore, Journal, ModelError, RLMConfig, RunBusyError, create_rlm
from rlm_graph.testing import Reply, Request, ScriptedServer

MakeRLM = Callable[..., Any]


def code(text: str) -> str:
    """A reply with one block of code."""
    return f"Working.\n```repl\n{text}\n```"


def thread() -> dict[str, Any]:
    """A config with a thread of its own."""
    return {"configurable": {"thread_id": str(uuid.uuid4())}}


def turns(*replies: str) -> Callable[[Request], str]:
    """A root model that plays a turn by the number of replies that it is shown, again and again the same."""

    def play(request: Request) -> str:
        return replies[sum(message["role"] == "assistant" for message in request.messages)]

    return play


def echo(request: Request) -> str:
    """A sub-model whose answer tells the prompt."""
    return f"re:{request.text}"


def asked(rlm: Any) -> Counter[str]:
    """How often each prompt was sent to the sub-model."""
    return Counter(request.text for request in rlm.server.requests if request.model == "sub")


def test_a_run_goes_on_after_an_error_of_a_model(make_rlm: MakeRLM, checkpointer: Any) -> None:
    """In the middle of a cell: what had been answered is not asked again, by the root or by sub-calls."""
    if checkpointer is None:
        pytest.skip("nothing is kept without a checkpointer")
    broken = [True]

    def sub(request: Request) -> Any:
        if request.text == "4" and broken[0]:
            return Reply(status=401)
        return echo(request)

    rlm = make_rlm(
        turns(code("x = 1"), code("out = [llm_query(str(i)) for i in range(8)]\nFINAL(out)")),
        sub,
        config=RLMConfig(run_ahead=False),
        checkpointer=checkpointer,
    )
    config = thread()
    with pytest.raises(ModelError):
        rlm.invoke({"query": "q", "context": "c"}, config)
    broken[0] = False
    result = rlm.invoke(None, config)
    assert result["answer"] == str([f"re:{i}" for i in range(8)]).replace("'", '"')
    assert asked(rlm) == Counter({**{str(i): 1 for i in range(8)}, "4": 2})
    assert sum(request.model == "root" for request in rlm.server.requests) == 2
    assert (result["sub_calls"], result["requests"]) == (8, 10)


def test_totals_are_what_the_server_counted(serve: Callable[..., ScriptedServer], store: ContextStore) -> None:
    """With failures that are asked again, and batches."""
    failing = Counter[str]()

    def sub(request: Request) -> Any:
        failing[request.text] += 1
        if request.text.startswith("flaky") and failing[request.text] < 2:
            return Reply(status=503, headers={"retry-after": "0"})
        return echo(request)

    root = turns(code("FINAL(llm_query_batched(['a', 'b', 'flaky 1', 'flaky 2']))"))
    server = serve({"root": root, "sub": sub})
    models = {"model": server.chat_model("root"), "sub_model": server.chat_model("sub", max_retries=2)}
    with create_rlm(**models, context_store=store, checkpointer=InMemorySaver()) as rlm:
        result = rlm.invoke({"query": "q", "context": "c"}, thread())
    assert result["answer"] == '["re:a", "re:b", "re:flaky 1", "re:flaky 2"]'
    assert result["requests"] == len(server.requests) == 7
    assert result["sub_calls"] == 6
    totals = server.usage
    assert (result["total_input_tokens"], result["total_output_tokens"]) == (
        totals.prompt_tokens,
        totals.completion_tokens,
    )
    assert {name: of["requests"] for name, of in result["models"].items()} == {"root": 1, "sub": 6}


def test_a_fork_asks_anew_and_has_the_repl_as_it_was(make_rlm: MakeRLM, checkpointer: Any) -> None:
    """From any checkpoint, on the same thread; the first branch's answers and variables stay its own."""
    if checkpointer is None:
        pytest.skip("nothing is kept without a checkpointer")
    count = [0]

    def sub(request: Request) -> str:
        count[0] += 1
        return f"{request.text}:{count[0]}"

    rlm = make_rlm(
        turns(code("xs = [llm_query('a')]"), code("xs.append(llm_query('b'))"), code("FINAL(xs)")),
        sub,
        checkpointer=checkpointer,
    )
    config = thread()
    assert rlm.invoke({"query": "q", "context": "c"}, config)["answer"] == '["a:1", "b:2"]'
    history = list(rlm.get_state_history(config))
    after_first = next(s for s in history if s.values.get("iterations") == 1 and s.next == ("generate_code",))
    for number in (3, 4):
        assert rlm.invoke(None, after_first.config)["answer"] == f'["a:1", "b:{number}"]'
    before_last = next(s for s in history if s.values.get("iterations") == 2 and s.next == ("generate_code",))
    assert rlm.invoke(None, before_last.config)["answer"] == '["a:1", "b:2"]'
    assert asked(rlm) == Counter({"a": 1, "b": 3})


async def test_branches_run_at_once(make_rlm: MakeRLM) -> None:
    """Of one thread, from one checkpoint: each has its own variables and its own answers."""

    def root(request: Request) -> str:
        turn = sum(message["role"] == "assistant" for message in request.messages)
        return [
            code("base = llm_query('base')\nseen = []"),
            code("seen.append(llm_query('which'))"),
            code("seen.append(llm_query('then ' + seen[0]))"),
            code("FINAL([base, *seen])"),
        ][turn]

    count = [0]

    def sub(request: Request) -> Any:
        if request.text == "which":
            count[0] += 1
            return Reply(text=f"branch {count[0]}", delay_s=0.05)
        return Reply(text=f"re:{request.text}", delay_s=0.02)

    rlm = make_rlm(root, sub, checkpointer=InMemorySaver())
    config = thread()
    await rlm.ainvoke({"query": "q", "context": "c"}, config)
    history = [state async for state in rlm.aget_state_history(config)]
    fork = next(s for s in history if s.values.get("iterations") == 1 and s.next == ("generate_code",))
    answers = await asyncio.gather(*(rlm.ainvoke(None, fork.config) for _ in range(4)))
    expected = [f'["re:base", "branch {i}", "re:then branch {i}"]' for i in range(2, 6)]
    assert sorted(answer["answer"] for answer in answers) == expected


def test_two_at_once_cannot_carry_out_one_step(make_rlm: MakeRLM) -> None:
    """One does it, the other is told; nothing is asked twice."""
    rlm = make_rlm(
        turns(code("FINAL(llm_query('slow'))")),
        lambda request: Reply(text="done", delay_s=1.0),
        checkpointer=InMemorySaver(),
    )
    config = thread()

    async def both() -> list[Any]:
        first = asyncio.create_task(rlm.ainvoke({"query": "q", "context": "c"}, config))
        while not asked(rlm):
            await asyncio.sleep(0.02)
        second = asyncio.create_task(rlm.ainvoke(None, config))
        return await asyncio.gather(first, second, return_exceptions=True)

    first, second = asyncio.run(both())
    assert first["answer"] == "done"
    assert isinstance(second, RunBusyError)
    assert asked(rlm) == Counter({"slow": 1})


@pytest.mark.parametrize("delay_s", [0.5, 30.0])
def test_a_run_stops_at_a_safe_point_and_goes_on(make_rlm: MakeRLM, delay_s: float) -> None:
    """Within 5 seconds; what came back in time is not asked again."""
    slow = [True]

    def sub(request: Request) -> Reply:
        return Reply(text=f"re:{request.text}", delay_s=delay_s if slow[0] and request.text == "2" else 0.0)

    rlm = make_rlm(
        turns(code("FINAL([llm_query(str(i)) for i in range(5)])")),
        sub,
        config=RLMConfig(run_ahead=False),
        checkpointer=InMemorySaver(),
    )
    config, control = thread(), RunControl()

    async def stopped() -> float:
        run = asyncio.create_task(rlm.ainvoke({"query": "q", "context": "c"}, config, control=control))
        while asked(rlm)["2"] == 0:
            await asyncio.sleep(0.02)
        started = time.monotonic()
        control.request_drain("SIGTERM")
        with pytest.raises(GraphDrained, match="SIGTERM"):
            await run
        return time.monotonic() - started

    assert asyncio.run(stopped()) < 5
    assert asked(rlm) == Counter({"0": 1, "1": 1, "2": 1})
    slow[0] = False
    assert rlm.invoke(None, config)["answer"] == str([f"re:{i}" for i in range(5)]).replace("'", '"')
    again = 1 if delay_s > 5 else 0
    assert asked(rlm) == Counter({"0": 1, "1": 1, "2": 1 + again, "3": 1, "4": 1})


def test_samples_of_one_prompt_stay_apart(make_rlm: MakeRLM) -> None:
    """The same prompt asked twice is two answers, also after the cell was carried out again."""
    count, broken = [0], [True]

    def sub(request: Request) -> Any:
        if request.text == "fails":
            return Reply(status=401) if broken[0] else "ok"
        count[0] += 1
        return f"sample {count[0]}"

    rlm = make_rlm(
        turns(code("FINAL([llm_query('p'), llm_query('p'), llm_query('fails')])")),
        sub,
        config=RLMConfig(run_ahead=False),
        checkpointer=InMemorySaver(),
    )
    config = thread()
    with pytest.raises(ModelError):
        rlm.invoke({"query": "q", "context": "c"}, config)
    broken[0] = False
    assert rlm.invoke(None, config)["answer"] == '["sample 1", "sample 2", "ok"]'


@pytest.mark.parametrize(
    ("settings", "sampled", "first", "second"),
    [
        ({"cache": "off"}, False, 4, 4),
        ({"cache": "run"}, False, 3, 3),
        ({"cache": "shared"}, False, 3, 0),
        ({"cache": "shared"}, True, 3, 3),
        ({"cache": "shared", "cache_sampled": True}, True, 3, 0),
    ],
)
def test_the_cache(
    make_rlm: MakeRLM, tmp_path: Path, settings: dict[str, Any], sampled: bool, first: int, second: int
) -> None:
    """How many requests two runs with the same three prompts make, one of them asked twice; hits are counted."""
    temperature = 0.5 if sampled else 0.0
    # One after the other: calls that run at once all ask.
    config = RLMConfig(temperature=temperature, sub_temperature=temperature, run_ahead=False, **settings)
    program = "xs = [llm_query('a'), llm_query('b')]\nxs.append(llm_query('a'))\nFINAL(xs)"
    rlm = make_rlm(
        turns(code(program)), echo, config=config, journal=tmp_path / "j.sqlite", checkpointer=InMemorySaver()
    )
    requests = []
    for _ in range(2):
        before = len(rlm.server.requests)
        result = rlm.invoke({"query": "q", "context": "c"}, thread())
        assert result["answer"] == '["re:a", "re:b", "re:a"]'
        requests.append(len(rlm.server.requests) - before)
        assert result["requests"] == requests[-1]
        assert result["requests"] + result["cache_hits"] == 4
    assert requests == [first, second]


def test_the_journal_lists_the_run(make_rlm: MakeRLM, tmp_path: Path) -> None:
    """With its question, status and figures, and what it refers to."""
    journal = Journal(tmp_path / "j.sqlite")
    rlm = make_rlm(
        turns(code("x = llm_query('a')"), code("FINAL(x)")), echo, journal=journal, checkpointer=InMemorySaver()
    )
    config = thread()
    result = rlm.invoke({"query": "Which one?", "context": "c"}, config)
    (run,) = journal.runs()
    assert (run.name, run.question) == (config["configurable"]["thread_id"], "Which one?")
    assert (run.status, run.iterations, run.sub_calls, run.alive) == ("complete", 2, 1, False)
    assert run.entries == 3
    state = rlm.get_state(config).values
    assert journal.references("context") == {result_context(state)}
    assert state["repl"] in journal.references("snapshot")
    assert result["status"] == "complete"


def result_context(state: dict[str, Any]) -> str:
    """The hash of the context in a state."""
    found: str = state["context"]["context_ref"]["sha256"]
    return found
