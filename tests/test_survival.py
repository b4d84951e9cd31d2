"""Runs that are disturbed: killed, left by their worker, their database or their server, resumed twice at once.

Each must end as if it had been left alone, with nothing asked twice but what was in flight.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from command_line import wait_until
from disturbed import (
    POSTGRES,
    POSTGRES_ASYNC,
    SLOW,
    SQLITE,
    STUCK_S,
    VARIANTS,
    Kill,
    Story,
    Telling,
    Variant,
    faults,
    kill_again_and_again,
    leave_alone,
    window_s,
)
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command
from long_run import BEGIN, CONFIG, cells
from postgres import PostgresServer
from s3 import S3Server
from survivor import SUB, Survivors

from rlm_graph import ModelError, RLMConfig
from rlm_graph.testing import Reply, Request, failures


@pytest.fixture(scope="module")
def survivors() -> Iterator[Survivors]:
    """Starts the processes that are disturbed."""
    with Survivors() as started:
        yield started


@pytest.fixture(scope="module")
def undisturbed(survivors: Survivors, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A run of 35 iterations and 351 sub-calls, left alone."""
    return leave_alone(survivors, tmp_path_factory.mktemp("undisturbed"), cells(rounds=3))


@pytest.fixture(scope="module")
def short(survivors: Survivors, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A third of it, left alone."""
    return leave_alone(survivors, tmp_path_factory.mktemp("short"), cells(rounds=1))


def test_a_run_that_is_killed_again_and_again_ends_as_if_left_alone(
    undisturbed: Story, survivors: Survivors, tmp_path: Path
) -> None:
    """Its answer and totals are those of the run that is left alone, and only what was in flight is asked again.

    The last checkpoints are not written yet when it is killed: it does the steps after them again, and pays nothing.
    """
    kill_again_and_again(survivors, SLOW, SLOW.life(tmp_path), undisturbed, kills=15)


def test_a_run_can_be_killed_again_and_again_with_other_databases(
    short: Story, survivors: Survivors, tmp_path: Path, postgres_url: str
) -> None:
    """Async, with checkpoints and journal in Postgres."""
    kill_again_and_again(survivors, POSTGRES_ASYNC, POSTGRES_ASYNC.life(tmp_path, postgres_url), short, kills=5)


@pytest.mark.parametrize("which", ["worker", "zygote"])
def test_a_run_whose_worker_is_killed_again_and_again_goes_on(
    which: Literal["worker", "zygote"], short: Story, survivors: Survivors, tmp_path: Path
) -> None:
    """Somebody else kills the processes that run the cells. Not even what was in flight then is asked again."""
    seed = random.randrange(1_000_000)
    with Telling(survivors, SQLITE.life(tmp_path), short.cells, seed=seed) as telling:
        survivor, requests = telling.live(), 0
        while telling.wait(survivor, requests := requests + telling.chance.randint(10, 20)):
            time.sleep(telling.chance.uniform(0, 0.02))
            telling.kill_below(survivor, which)
        story = telling.story(telling.result(survivor))
    assert len(story.kills) > 3
    assert not (found := faults(replace(story, kills=[]), short, window_s=0)), f"seed {seed}: {found}"


def test_a_database_that_is_restarted_is_waited_for(
    short: Story, survivors: Survivors, tmp_path: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    """The journal's Postgres ends three times in the middle of a run, which loses nothing and asks nothing twice."""
    life = replace(SQLITE.life(tmp_path), journal=postgres_url)
    with Telling(survivors, life, short.cells, seed=0) as telling:
        survivor = telling.live()
        for requests in (20, 50, 80):
            assert telling.wait(survivor, requests)
            postgres.restart()
        story = telling.story(telling.result(survivor))
    assert not faults(story, short, window_s=0)


def test_of_two_processes_that_resume_a_run_at_once_one_does_it(
    short: Story, survivors: Survivors, tmp_path: Path
) -> None:
    """The other is told, and asks nothing."""
    with Telling(survivors, SQLITE.life(tmp_path), short.cells, seed=0) as telling:
        first = telling.live()
        assert telling.wait(first, 50)
        telling.kill(first)
        both = [telling.live(), telling.live()]
        assert all(survivor.ended(within_s=STUCK_S) for survivor in both)
        results = [survivor.result() or {} for survivor in both]
        errors = [result["error"] for result in results if "error" in result]
        assert errors == ["RunBusyError"], [survivor.life.log.read_text() for survivor in both]
        [result] = [result for result in results if "error" not in result]
        assert 0 in [telling.models.count(survivor.life.number) for survivor in both]
        story = telling.story(result)
    assert not faults(story, short, window_s=window_s(short))


def test_answers_outlive_a_kill_though_nobody_has_used_them_yet(survivors: Survivors, tmp_path: Path) -> None:
    """Of a batch, of threads and of children that were killed while one of them waited, only that one asks again."""
    cell = """
def lane(n):
    for i in range(3):
        ask(f'lane {n} {i}')
    if n == 3:
        ask('lane held')
def child(n):
    ask_child(f'child {n}', ['one', 'two', 'held'] if n == 2 else ['one', 'two'])
with ThreadPoolExecutor(8) as pool:
    parts = [*[pool.submit(lane, n) for n in range(4)], *[pool.submit(child, n) for n in range(3)]]
    prompts = [*[f'batch {i}' for i in range(12)], 'batch held']
    for prompt, answer in zip(prompts, llm_query_batched(prompts)):
        learn(prompt, answer)
for part in parts:
    part.result()
FINAL([len(learnt), wrong])
"""
    with Telling(survivors, SQLITE.life(tmp_path), [BEGIN + cell], seed=0) as telling:
        telling.models.is_holding = True
        survivor = telling.live()
        assert telling.wait(survivor, 42)  # all but what follows the held ones
        with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as journal:
            paid = "SELECT count(*) FROM rlm_entries WHERE kind IN ('root', 'llm_query')"
            wait_until(lambda: journal.execute(paid).fetchone()[0] == 42 - 3)  # all that has been sent is received
        telling.kill(survivor)
        telling.models.is_holding = False
        result = telling.finish()
        asked = telling.models.asked
    assert json.loads(result["answer"]) == [13 + 13 + 7, []]
    again = Counter(key for key, times in Counter((a.key, a.label) for a in asked).items() if times > 1)
    assert sorted(label for _, label in again) == [
        f"{SUB}: {text!r}" for text in ("batch held", "child 2 reads held", "lane held")
    ]


def test_a_cell_that_asks_something_else_when_it_runs_again_gets_new_answers(
    survivors: Survivors, tmp_path: Path
) -> None:
    """The journal never gives an answer to another prompt, whatever was asked at that place before."""
    cell = """
import time
from concurrent.futures import ThreadPoolExecutor
for i in range(6):
    ask(f'it is {time.time_ns()}')
    ask('whatever the time')
prompts = [f'{i} at {time.time_ns()}' for i in range(6)]
for prompt, answer in zip(prompts, llm_query_batched(prompts)):
    learn(prompt, answer)
with ThreadPoolExecutor(3) as pool:
    list(pool.map(ask, [f'{i} in a thread at {time.time_ns()}' for i in range(6)]))
FINAL([len(learnt), wrong])
"""
    with Telling(survivors, SQLITE.life(tmp_path), [BEGIN + cell], seed=0) as telling:
        for requests in (4, 9, 14, 20):
            survivor = telling.live()
            telling.wait(survivor, requests)
            telling.kill(survivor)
        result = telling.finish()
        told_no_time = [asked for asked in telling.models.asked if "whatever" in asked.label]
    assert json.loads(result["answer"]) == [24, []]
    assert len(told_no_time) <= 6 + 4


_LANE = """
def lane(n):
    first = llm_query(f'{n} first')
    told = ask_user(f'{n}?')
    return [first, told, llm_query(f'{n} then {told}')]
"""


@pytest.mark.parametrize("who", ["threads", "children"])
def test_questions_to_a_person_in_the_middle_of_a_cell_disturb_no_sub_call(
    who: str, make_rlm: Callable[..., Any], tmp_path: Path
) -> None:
    """The cell runs again with each decision; every answer, a person's too, lands where it was asked for, and once."""
    begin = _LANE if who == "threads" else "import json\ndef lane(n): return json.loads(rlm_query(f'Lane {n}'))"
    cell = f"""
{begin}
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    lanes = list(pool.map(lane, range(4)))
told = ask_user('and now?')
FINAL([lanes, told, llm_query_batched([f'{{told}} {{i}}' for i in range(4)])])
"""

    async def sub(request: Request) -> str:
        await asyncio.sleep(random.uniform(0, 0.02))
        child = re.search("Question: Lane (.*)", request.text)
        return f"```repl\n{_LANE}\nFINAL(lane({child[1]}))\n```" if child else f"re:{request.text}"

    config = {"configurable": {"thread_id": "1"}}
    with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver:
        durable = {"checkpointer": saver, "journal": tmp_path / "journal.sqlite"}
        settings = RLMConfig(ask_user=True, max_recursion_depth=2)
        rlm = make_rlm([f"```repl{cell}```"], sub, **durable, config=settings)
        result = rlm.invoke({"query": "?", "context": "text"}, config)
        texts = []
        while "__interrupt__" in result and len(texts) < 10:
            asked = result["__interrupt__"][0].value["rlm_requests"]
            texts += [request["text"] for request in asked]
            decisions = {request["id"]: f"told {request['text']}" for request in reversed(asked)}
            result = rlm.invoke(Command(resume=decisions), config)
    lanes = [[f"re:{n} first", f"told {n}?", f"re:{n} then told {n}?"] for n in range(4)]
    last = [f"re:told and now? {i}" for i in range(4)]
    assert json.loads(result["answer"]) == [lanes, "told and now?", last]
    assert sorted(texts) == ["0?", "1?", "2?", "3?", "and now?"]  # in how many rounds, the clock decides
    assert result["sub_calls"] == (12 if who == "threads" else 16)
    bodies = Counter(json.dumps(request.body) for request in rlm.server.requests)
    assert bodies.total() == len(bodies) == result["sub_calls"] + 1


def test_what_a_person_has_decided_outlives_a_kill(survivors: Survivors, tmp_path: Path) -> None:
    """A run that is killed while it goes on with a decision does not ask for it again."""
    cell = """
told = ask('before')
user = ask_user('Which one?')
for i in range(8):
    ask(f'{user} {i}')
FINAL([user, len(learnt), wrong])
"""
    life = SQLITE.life(tmp_path, config={**CONFIG, "ask_user": True})
    with Telling(survivors, life, [BEGIN + cell], seed=0) as telling:
        [interruption] = telling.finish()["asked"]
        assert [request["text"] for request in interruption["rlm_requests"]] == ["Which one?"]
        survivor = telling.live(decision="the second")
        assert telling.wait(survivor, 3)
        telling.kill(survivor)
        result = telling.finish()
        asked = [asked.label for asked in telling.models.asked]
    assert json.loads(result["answer"]) == ["the second", 9, []]
    assert len(asked) <= 1 + 9 + CONFIG["max_concurrency"]
    assert sum("before" in label for label in asked) == 1


@pytest.mark.parametrize("failure", [failures.server_error(), failures.closed()], ids=["500", "no answer"])
def test_a_run_that_fails_is_resumed_and_asks_nothing_twice(
    failure: Reply, make_rlm: Callable[..., Any], tmp_path: Path
) -> None:
    """A root model that fails in the middle ends `invoke` with an error; `invoke(None)` goes on."""
    fails_at = {1, 2, 4}

    def root(request: Request) -> str | Reply:
        turn = sum(message["role"] == "assistant" for message in request.messages)
        if turn in fails_at:
            fails_at.remove(turn)
            return failure
        asks = (
            f"found = llm_query_batched([f'{turn} {{i}}' for i in range(8)])\nprint(found, llm_query('{turn} again'))"
        )
        return f"```repl\n{asks}\n```" if turn < 5 else "```repl\nFINAL(found)\n```"

    config = {"configurable": {"thread_id": "1"}}
    with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver:
        rlm = make_rlm(
            root, lambda request: f"re:{request.text}", checkpointer=saver, journal=tmp_path / "journal.sqlite"
        )
        given: Any = {"query": "?", "context": "text"}
        for _ in range(3):
            with pytest.raises(ModelError):
                rlm.invoke(given, config)
            given = None
        result = rlm.invoke(None, config)
    assert json.loads(result["answer"]) == [f"re:4 {i}" for i in range(8)]
    assert result["sub_calls"] == rlm.server.count("sub") == 5 * 9
    assert rlm.server.count("root") == 6 + 3


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_many_kills(
    variant: Variant, undisturbed: Story, survivors: Survivors, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """As the first test of this file, at length: over all variants 210 kills."""
    url = request.getfixturevalue("postgres_url") if variant.database == "postgres" else ""
    more = request.getfixturevalue("bucket") if variant.another_host else {}
    kills, runs = 0, 0
    while kills < 210 / len(VARIANTS):
        runs += 1
        life = variant.life(tmp_path, url, thread=f"run {runs}", **more)
        kills += len(kill_again_and_again(survivors, variant, life, undisturbed, kills=18).kills)


@pytest.fixture
def bucket() -> Iterator[dict[str, Any]]:
    """A store that several hosts share: what is told of it to a process."""
    with S3Server() as server:
        yield {"store": f"s3://{server.make_bucket()}/store", "environment": server.environment()}


@pytest.mark.soak
def test_a_run_outlives_its_database_and_its_process(
    short: Story, survivors: Survivors, tmp_path: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    """Checkpoints and journal are in a Postgres that is stopped or killed; the process dies of that, or is killed."""
    with Telling(survivors, POSTGRES.life(tmp_path, postgres_url), short.cells, seed=0) as telling:
        for number in range(8):
            survivor = telling.live()
            if telling.wait(survivor, 8):
                telling.kills.append(Kill(survivor.life.number, time.time()))
                (postgres.kill if number % 2 else postgres.stop)()
                if telling.chance.random() < 0.5:
                    telling.kill(survivor)
                postgres.start()
            assert survivor.ended(within_s=STUCK_S)
            telling.kills.append(Kill(survivor.life.number, time.time()))
        story = telling.story(telling.finish())
    assert not faults(story, short, window_s=window_s(short))
