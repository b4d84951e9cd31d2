"""Runs that go on: after errors, on forks, on other threads, stopped at a safe point; nothing is paid twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from langgraph.types import Command
from scripts import code, echo, thread, turns
from survivor import children

from rlm_graph import (
    ConfigError,
    ContextStore,
    Journal,
    ModelAuthError,
    ModelError,
    RLMConfig,
    RunBusyError,
    create_rlm,
)
from rlm_graph.cli.removal import gc
from rlm_graph.testing import Reply, Request, ScriptedServer, failures

MakeRLM = Callable[..., Any]


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
    assert result["answer"] == json.dumps([f"re:{i}" for i in range(8)]).replace("'", '"')
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

    count = [0]

    def sub(request: Request) -> Any:
        if request.text == "which":
            count[0] += 1
            return Reply(text=f"branch {count[0]}", delay_s=0.05)
        return Reply(text=echo(request), delay_s=0.02)

    root = turns(
        code("base = llm_query('base')\nseen = []"),
        code("seen.append(llm_query('which'))"),
        code("seen.append(llm_query('then ' + seen[0]))"),
        code("FINAL([base, *seen])"),
    )
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
    other_ended = threading.Event()

    async def slow(_: Request) -> str:
        while not other_ended.is_set():
            await asyncio.sleep(0.02)
        return "done"

    rlm = make_rlm(turns(code("FINAL(llm_query('slow'))")), slow, checkpointer=InMemorySaver())
    config = thread()

    async def both() -> list[Any]:
        first = asyncio.create_task(rlm.ainvoke({"query": "q", "context": "c"}, config))
        while not asked(rlm):
            await asyncio.sleep(0.02)
        try:
            second = await asyncio.gather(rlm.ainvoke(None, config), return_exceptions=True)
        finally:
            other_ended.set()
        return [await first, *second]

    first, second = asyncio.run(both())
    assert first["answer"] == "done"
    assert isinstance(second, RunBusyError)
    assert asked(rlm) == Counter({"slow": 1})


@pytest.mark.parametrize("delay_s", [0.5, 30.0])
def test_a_run_stops_at_a_safe_point_and_goes_on(make_rlm: MakeRLM, delay_s: float) -> None:
    """Within 5 seconds; what came back in time is not asked again."""
    slow = [True]

    def sub(request: Request) -> Reply:
        return Reply(text=echo(request), delay_s=delay_s if slow[0] and request.text == "2" else 0.0)

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


async def test_a_run_that_waits_for_a_person_stops_as_soon(make_rlm: MakeRLM) -> None:
    """It waits without a limit for what is in flight before it asks, until it is to stop; the question is not lost."""
    cell = """\
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(1) as pool:
    slow = pool.submit(llm_query, "slow")
    llm_query("fast")
    who = ask_user("Who?")
    FINAL([slow.result(), who])"""
    delays_s = {"slow": [30.0, 0.0], "fast": [0.3]}
    rlm = make_rlm(
        turns(code(cell)),
        lambda request: Reply(text=echo(request), delay_s=delays_s[request.text].pop(0)),
        config=RLMConfig(ask_user=True),
        checkpointer=InMemorySaver(),
    )
    config, control = thread(), RunControl()
    run = asyncio.create_task(rlm.ainvoke({"query": "q", "context": "c"}, config, control=control))
    while asked(rlm).total() < 2:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.8)  # the question has come as well
    started = time.monotonic()
    control.request_drain("SIGTERM")
    with pytest.raises(GraphDrained, match="SIGTERM"):
        await run
    assert time.monotonic() - started < 5
    waiting = await rlm.ainvoke(None, config)
    assert [request["text"] for request in waiting["__interrupt__"][0].value["rlm_requests"]] == ["Who?"]
    assert (await rlm.ainvoke(Command(resume="me"), config))["answer"] == '["re:slow", "me"]'
    assert asked(rlm) == Counter({"slow": 2, "fast": 1})


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
    assert run.entries == 5  # two turns, two cells, one sub-call
    state = rlm.get_state(config).values
    assert journal.references("context") == {result_context(state)}
    assert state["repl"] in journal.references("snapshot")
    assert result["status"] == "complete"


def result_context(state: dict[str, Any]) -> str:
    """The hash of the context in a state."""
    found: str = state["context"]["context_ref"]["sha256"]
    return found


def test_the_journal_has_what_the_story_of_the_run_needs(make_rlm: MakeRLM, tmp_path: Path) -> None:
    """What was asked, of whom, and how each cell ended: of the root model, of sub-calls, of tools, and of children."""

    def price_of(part: str) -> int:
        """The price."""
        return len(part)

    def sub(request: Request) -> str:
        is_child = request.messages[0]["role"] == "system"
        return code("FINAL(context[0] + llm_query('of the child'))") if is_child else echo(request)

    journal = Journal(tmp_path / "j.sqlite")
    replies = [
        code("x = llm_query('one')\nprint('y' * 30_000)"),
        code("z = price_of('bolt')\nw = rlm_query('child?', ['its context'])\nraise ValueError(w)"),
        code("FINAL(w)"),
    ]
    rlm = make_rlm(
        [*replies, *replies],
        sub,
        tools=[price_of],
        config=RLMConfig(max_recursion_depth=2),
        journal=journal,
        checkpointer=InMemorySaver(),
    )
    config = thread()
    for query in ("Which one?", "And now?"):
        rlm.invoke({"query": query, "context": "c"}, config)
    story = asyncio.run(journal.story(config["configurable"]["thread_id"]))
    assert [entry.started_at for *_, entry in story] == sorted(entry.started_at for *_, entry in story)
    first = story[: len(story) // 2]
    assert [(len(key.path) > 0, key.kind, entry.model) for _, key, entry in first] == [
        (False, "root", "root"),
        (False, "cell", None),
        (False, "llm_query", "sub"),
        (False, "root", "root"),
        (False, "cell", None),
        (False, "tool", None),
        (False, "rlm_query", None),
        (True, "root", "sub"),
        (True, "cell", None),
        (True, "llm_query", "sub"),
        (False, "root", "root"),
        (False, "cell", None),
    ]
    asked = [entry.prompt for _, key, entry in first if key.kind != "cell"]
    sent = [request for request in rlm.server.requests if request.model == "root"]
    assert asked[0] == "\n\n".join(message["content"] for message in sent[0].messages)
    assert asked[1] == "one"
    assert asked[2] == sent[1].text
    assert asked[3:5] == ['price_of({"part": "bolt"})', "child?"]
    assert "its context" in asked[5]
    assert asked[6] == "of the child"
    assert asked[7] == sent[2].text
    second = [entry.prompt for _, key, entry in story[len(first) :] if key.kind == "root" and not key.path]
    system, *_, question = sent[3].messages
    assert second == [f"{system['content']}\n\n{question['content']}", sent[4].text, sent[5].text]
    cells = [json.loads(entry.value) for _, key, entry in first if key.kind == "cell"]
    assert (len(cells[0]["stdout"]), cells[0]["stdout_chars"], cells[0]["error"]) == (20_000, 30_001, None)
    assert cells[0]["variables"] == {"x": "'re:one'"}
    assert "ValueError: its contextre:of the child" in cells[1]["error"]
    assert cells[2]["code"].startswith("FINAL(context[0]")
    assert cells[3]["code"] == "FINAL(w)"


KILLED = """
import os, signal, sys
from langgraph.checkpoint.sqlite import SqliteSaver
from rlm_graph import ContextStore, create_rlm
from rlm_graph.testing import ScriptedServer

folder = sys.argv[1]

def root(request):
    turn = sum(message["role"] == "assistant" for message in request.messages)
    if turn == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return ["```repl\\nkept = ['first']\\n```", "```repl\\nkept.append('second')\\n```"][turn]

with ScriptedServer(root) as server, SqliteSaver.from_conn_string(f"{folder}/c.sqlite") as saver:
    rlm = create_rlm(server.chat_model("root"), checkpointer=saver, context_store=ContextStore(f"{folder}/store"))
    rlm.invoke({"query": "q", "context": "the context"}, {"configurable": {"thread_id": "run"}}, durability="sync")
"""


def test_a_sweep_spares_what_a_killed_run_has_put_last(
    serve: Callable[..., ScriptedServer], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody waited until the journal referred to it, but a checkpoint does; the run goes on with its variables."""
    subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False, stderr=subprocess.PIPE, text=True)
    store, path = ContextStore(tmp_path / "store"), tmp_path / "store" / "journal.sqlite"
    journal = Journal(path)
    forget = sa.text("DELETE FROM rlm_references WHERE kind = 'snapshot'")  # as if it had been killed sooner
    journal.write(lambda connection: connection.execute(forget))
    snapshots = [file.name for file in store.files.stored("snapshots")]
    assert len(snapshots) == 2
    assert gc(older_than="0", dry_run=False, store=store.root, database=str(path), as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["files"] == 0
    server = serve({"root": [code("kept.append('third')\nFINAL(kept)")]})
    with (
        SqliteSaver.from_conn_string(str(tmp_path / "c.sqlite")) as saver,
        create_rlm(server.chat_model("root"), checkpointer=saver, context_store=store) as rlm,
    ):
        result = rlm.invoke(None, {"configurable": {"thread_id": "run"}})
    assert result["answer"] == '["first", "second", "third"]'
    journal.remove_run("run")
    assert journal.unsettled() == {}
    journal.close()


HEARTBEAT = "UPDATE rlm_sessions SET heartbeat_at="
"""How the statement of a heartbeat begins."""


def test_an_iteration_is_one_transaction_of_the_journal(make_rlm: MakeRLM) -> None:
    """And what is written soon, but not then, is at most one more. Heartbeats come by the clock, and do not count."""
    commits = [0]
    statements: list[str] = []  # of the transaction that is under way: the journal has one writer

    def note(connection: Any, cursor: Any, statement: str, *_: object) -> None:
        statements.append(statement)

    def count(_: object) -> None:
        commits[0] += not all(statement.startswith(("BEGIN", "PRAGMA", HEARTBEAT)) for statement in statements)
        statements.clear()

    rlm = make_rlm(lambda request: code("x = len(context)\nprint(x)"), checkpointer=InMemorySaver())
    rlm.invoke({"query": "q", "context": "c"}, thread(), context=RLMConfig(max_iterations=1))
    sa.event.listen(sa.engine.Engine, "before_cursor_execute", note)
    sa.event.listen(sa.engine.Engine, "commit", count)
    try:
        for iterations in (5, 15):
            commits[0] = 0
            rlm.invoke({"query": "q", "context": "c"}, thread(), context=RLMConfig(max_iterations=iterations))
            begin_and_end = 4  # of the run
            assert iterations <= commits[0] <= 2 * iterations + begin_and_end
    finally:
        sa.event.remove(sa.engine.Engine, "commit", count)
        sa.event.remove(sa.engine.Engine, "before_cursor_execute", note)


def workers() -> set[int]:
    """The processes that run this process's cells, those that earlier tests have left among them."""
    return {worker for zygote in children(os.getpid()) for worker in children(zygote)}


def kill_workers(spared: set[int]) -> int:
    """SIGKILL them, some spared; tells how many there were."""
    found = workers() - spared
    for worker in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    return len(found)


def test_a_cell_whose_worker_somebody_kills_is_run_again_as_long_as_it_gets_on(make_rlm: MakeRLM) -> None:
    """However often, if one more call is answered each time; and no call is made twice."""
    kills: list[int] = []
    others = workers()

    def sub(request: Request) -> str:
        kills.append(kill_workers(others))
        return echo(request)

    cells = [code("x = 1"), code("FINAL([llm_query(str(i)) for i in range(8)])")]
    rlm = make_rlm(cells, sub, config=RLMConfig(run_ahead=False))
    assert rlm.invoke({"query": "q", "context": "c"})["answer"] == json.dumps([f"re:{i}" for i in range(8)])
    assert kills == [1] * 8
    assert asked(rlm) == Counter(map(str, range(8)))


def test_a_cell_whose_worker_is_killed_before_it_gets_on_is_run_three_times(make_rlm: MakeRLM) -> None:
    """Then the root model is told: perhaps it is the cell that makes the system kill it."""
    killed: list[int] = []
    ended = threading.Event()
    others = workers()

    def kill_again_and_again() -> None:
        while not ended.wait(0.2):
            killed.append(kill_workers(others))

    killing = threading.Thread(target=kill_again_and_again)

    def root(request: Request) -> str:
        if len(request.messages) == 2:
            return code("x = 1")
        if len(request.messages) == 4:
            killing.start()
            return code("while True: pass")
        ended.set()
        return code("FINAL(1)")

    rlm = make_rlm(root)
    result = rlm.invoke({"query": "q", "context": "c"})
    killing.join()
    told = rlm.server.requests[2].text
    assert "something outside of it ended the REPL" in told
    assert sum(killed) >= 3
    assert result["answer"] == "1"


def test_a_run_that_is_kept_needs_a_name(make_rlm: MakeRLM) -> None:
    """And says so, before anything is asked."""
    rlm = make_rlm([code("FINAL(1)")], checkpointer=InMemorySaver())
    for config in (None, {"configurable": {}}, {"configurable": {"thread_id": ""}}):
        with pytest.raises(ConfigError, match="thread_id"):
            rlm.invoke({"query": "q", "context": "c"}, config)
    assert not rlm.server.requests


def test_compacted_turns_can_be_read_in_the_repl(
    serve: Callable[..., ScriptedServer], store: ContextStore, tmp_path: Path
) -> None:
    """As `history`, with all of it, beside variables as they were; also when the run goes on in another RLM."""
    printing = [f"seen = {turn}\nprint('marker {turn} ' * 700)" for turn in range(8)]
    looking = """
said = "".join(one["content"] for one in history)
FINAL([seen, sorted({one["role"] for one in history}), ["marker 0" in said, "seen = 0" in said, "marker 7" in said]])
"""
    down, replies = [True], iter([*printing, looking])

    def root(request: Request) -> Reply | str:
        if "Write the notes" in request.text:
            return "Notes: there are markers."
        cell = next(replies)
        if cell is looking and down:
            replies_left.append(cell)
            return failures.unauthorized("any")
        return code(cell)

    replies_left: list[str] = []
    server = serve({"root": root})
    settings = RLMConfig(root_window_tokens=9000, metadata_prefix_chars=8000, root_max_tokens=500)
    config = thread()

    def go_on(given: Any) -> dict[str, Any]:
        with (
            SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver,
            create_rlm(server.chat_model("root"), context_store=store, checkpointer=saver, config=settings) as rlm,
        ):
            result: dict[str, Any] = rlm.invoke(given, config)
            return result

    with pytest.raises(ModelAuthError):
        go_on({"query": "What is there?", "context": "some text"})
    down.clear()
    replies = iter(replies_left)
    answer = go_on(None)["answer"]
    assert json.loads(answer) == [7, ["code", "observation", "summary"], [True, True, False]]
