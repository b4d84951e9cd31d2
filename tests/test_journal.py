"""Nothing that was recorded is lost or found in the wrong place, and a step is carried out by one session at a time."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from blockbuster import blockbuster_ctx
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.load import dumps
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.prompts import PromptTemplate
from postgres import PostgresServer

from rlm_graph.errors import ConfigError, JournalError, JournalVersionError, RunBusyError, RunNotFoundError
from rlm_graph.journal import Entry, Journal, JournalCache, Key, Session, runs
from rlm_graph.journal.claims import DEAD_AFTER_S
from rlm_graph.journal.keys import PACKED_FROM_BYTES, PROMPT_PACKED_FROM_BYTES, pack
from rlm_graph.journal.schema import VERSION, answers, entries, metadata, sessions
from rlm_graph.journal.writer import HEARTBEAT_S, SOON_S

KEY = Key(path="", cell="cell 1", kind="llm_query", digest="d" * 64, occurrence=0)
SCOPE = "5c09e"

LATE_S = 5.0
"""Seconds by which a busy machine may be late; nobody waits for them where it is not."""

TEXTS = {
    "empty": "",
    "ASCII": "an answer",
    "not ASCII": "é ∞ 😀" * 1000,
    "NUL": "\0a\0",
    "lone surrogates": "\ud800 \udfff",
    "a backslash": "\\d800 \\",
    "long": "x" * 3_000_000,
    "just compressed": "x" * PACKED_FROM_BYTES,
    "not to be compressed": random.Random(1).randbytes(5000).decode("latin-1"),
}


def key(number: int) -> Key:
    """One of many keys."""
    return replace(KEY, digest=f"{number:064x}")


async def found(journal: Journal, scope: str = SCOPE) -> dict[Key, Entry]:
    """What a later attempt at a step finds."""
    session = await journal.open_session("run")
    try:
        return await session.enter(scope)
    finally:
        await session.close()


async def opened(journal: Journal, run: str = "run", scope: str = SCOPE) -> Session:
    """A session that has claimed a step."""
    session = await journal.open_session(run)
    await session.enter(scope)
    return session


def change(journal: Journal, session: Session, **columns: Any) -> None:
    """Make a session look as if another process had written it."""
    mine = sessions.c.id == session.id
    journal.write(lambda connection: connection.execute(sa.update(sessions).where(mine).values(columns)))


# Entries


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_what_is_recorded_is_found_again(journal: Journal, text: str) -> None:
    """Every text in it comes back character by character, and every figure."""
    entry = Entry(text, text[:50], text[:50], 3, 2**40, 2**41, 0.1, 1795367053.6477406, 1795367054.25)
    session = await opened(journal, text[:50])
    assert await session.record(SCOPE, KEY, entry) == entry
    await session.close()
    assert await found(journal) == {KEY: entry}
    run = journal.run(text[:50])
    assert run is not None
    assert (run.name, run.entries) == (text[:50], 1)
    assert run.bytes <= max(len(text.encode("utf-8", "surrogatepass")), 2) + 1


async def told(journal: Journal, run: str = "run") -> dict[Key, Entry]:
    """What a run has asked, and its cells, without their scopes."""
    return {each: entry for _, each, entry in await journal.story(run)}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_prompts_are_kept_for_the_story_of_the_run(journal: Journal, text: str) -> None:
    """Every text comes back there, character by character, and counts as a part of the run's size.

    Whoever carries out the step again is not given them: a thousand prompts are as long as the context.
    """
    session = await opened(journal)
    assert await session.record(SCOPE, KEY, Entry("value", prompt=text)) == Entry("value")
    assert await session.enter(SCOPE) == {KEY: Entry("value")}
    await session.close()
    assert await told(journal) == {KEY: Entry("value", prompt=text)}
    run = journal.run("run")
    assert run is not None
    size = run.bytes - len("=value")
    length = len(text.encode("utf-8", "surrogatepass"))
    assert size <= (length + 1 if length < PROMPT_PACKED_FROM_BYTES else 0.9 * length + 1 + 5000)
    assert (size == 0) == (text == "")


async def test_a_story_is_told_in_order(journal: Journal) -> None:
    """Of when things began, whichever was written first; that of another run is not in it."""
    session, other = await opened(journal, scope="b"), await opened(journal, "another", "c")
    await session.enter("a")
    await session.record("b", key(2), Entry("third", started_at=3.0))
    await session.record("a", key(1), Entry("first", started_at=1.0))
    await session.record("b", key(3), Entry("second", started_at=2.0))
    await other.record("c", key(4), Entry("another's", started_at=1.5))
    await session.close()
    await other.close()
    story = await journal.story("run")
    assert [(scope, entry.value) for scope, _, entry in story] == [("a", "first"), ("b", "second"), ("b", "third")]
    assert await journal.story("no run") == []


CELL = replace(KEY, kind="cell")


async def test_what_is_recorded_later_comes_with_what_is_recorded_next(journal: Journal) -> None:
    """In the same transaction, though it was recorded without waiting; steps that were not claimed may have it too."""
    session = await opened(journal)
    session.record_later("not claimed", CELL, Entry("cell", prompt="p"))
    await session.record(SCOPE, KEY, Entry("answer"))
    assert await told(journal) == {CELL: Entry("cell", prompt="p"), KEY: Entry("answer")}
    await session.close()


async def test_what_is_recorded_later_is_there_soon_and_when_the_session_ends(journal: Journal) -> None:
    """Nothing more need be recorded for that."""
    session, started = await opened(journal), time.monotonic()
    session.record_later(SCOPE, CELL, Entry("cell"))
    assert not await told(journal) or time.monotonic() - started > SOON_S
    async with asyncio.timeout(SOON_S + LATE_S):
        while not await told(journal):
            await asyncio.sleep(0.02)
    assert await told(journal) == {CELL: Entry("cell")}
    session.record_later(SCOPE, replace(CELL, cell="cell 2"), Entry("next cell"))
    await session.close()
    assert set(await told(journal)) == {CELL, replace(CELL, cell="cell 2")}


async def test_a_cell_that_ran_again_is_told_once(journal: Journal) -> None:
    """As it ended last; and who carries out the step again is not bothered with it. Who looks on sees the change."""
    session = await opened(journal)
    seen = []
    for stdout in ("time 1", "time 2"):
        session.record_later(SCOPE, CELL, Entry(stdout))
        await session.record(SCOPE, KEY, Entry("answer"))
        seen.append(await asyncio.to_thread(journal.run, "run"))
    assert seen[0] != seen[1]
    assert await told(journal) == {CELL: Entry("time 2"), KEY: Entry("answer")}
    assert await session.enter(SCOPE) == {KEY: Entry("answer")}
    await session.close()


async def test_who_has_lost_a_step_tells_nothing_of_it(journal: Journal) -> None:
    """The cells are those of whoever carries it out now."""
    first, second = await opened(journal), await journal.open_session("run")
    second.record_later(SCOPE, CELL, Entry("a ghost's"))
    await second.close()
    assert await told(journal) == {}
    await first.close()


async def test_an_unknown_price_stays_unknown(journal: Journal) -> None:
    """None is not 0."""
    session = await opened(journal)
    await session.record(SCOPE, KEY, Entry("value", cost_usd=None))
    await session.close()
    assert (await found(journal))[KEY].cost_usd is None


async def test_every_part_of_a_key_tells_entries_apart(journal: Journal) -> None:
    """The same prompt asked twice, in another cell, by a child, ...: each has its own answer."""
    keys = [
        KEY,
        replace(KEY, occurrence=1),
        replace(KEY, path="child"),
        replace(KEY, cell="cell 2"),
        replace(KEY, kind="tool"),
        replace(KEY, digest="e" * 64),
    ]
    session = await opened(journal)
    for number, each in enumerate(keys):
        await session.record(SCOPE, each, Entry(str(number)))
    assert await session.enter(SCOPE) == {each: Entry(str(number)) for number, each in enumerate(keys)}
    await session.close()


async def test_a_fork_finds_nothing_of_the_other_branch(journal: Journal) -> None:
    """Steps of two branches have different scopes."""
    session = await opened(journal)
    await session.enter("other branch")
    await session.record(SCOPE, KEY, Entry("here"))
    await session.record("other branch", KEY, Entry("there"))
    await session.close()
    assert await found(journal) == {KEY: Entry("here")}
    assert await found(journal, "other branch") == {KEY: Entry("there")}


async def test_what_was_recorded_first_stays(journal: Journal) -> None:
    """One after the other, or at once: everybody gets the one entry that is in the journal."""
    session = await opened(journal)
    assert await session.record(SCOPE, KEY, Entry("first")) == Entry("first")
    assert await session.record(SCOPE, KEY, Entry("second")) == Entry("first")
    at_once = await asyncio.gather(*(session.record(SCOPE, key(1), Entry(str(n))) for n in range(20)))
    assert set(at_once) == {Entry("0")}
    await session.close()
    assert await found(journal) == {KEY: Entry("first"), key(1): Entry("0")}


async def test_a_thousand_at_once_are_a_few_transactions(journal: Journal) -> None:
    """Each has been committed when it returns, and they share the commits."""
    session = await opened(journal)
    recorded = await asyncio.gather(*(session.record(SCOPE, key(n), Entry(str(n))) for n in range(1000)))
    assert recorded == [Entry(str(n)) for n in range(1000)]
    await session.close()
    assert await found(journal) == {key(n): Entry(str(n)) for n in range(1000)}
    if journal.name.startswith("postgresql"):
        by_transaction = sa.text("SELECT count(DISTINCT xmin::text) FROM rlm_entries")
        assert journal.read(lambda connection: connection.scalar(by_transaction)) < 20


async def test_an_entry_that_cannot_be_written_does_not_harm_the_others(journal: Journal) -> None:
    """Though they are written together."""
    session = await opened(journal)
    wrong = replace(KEY, occurrence=2**70)
    recorded = await asyncio.gather(
        *(session.record(SCOPE, each, Entry("value")) for each in (key(1), wrong, key(2))), return_exceptions=True
    )
    assert isinstance(recorded[1], OverflowError | sa.exc.DataError)
    assert await session.enter(SCOPE) == {key(1): Entry("value"), key(2): Entry("value")}
    await session.close()


async def test_a_cancelled_task_has_recorded_all_the_same(journal: Journal) -> None:
    """What was paid for is kept, whoever does not want it any more."""
    session = await opened(journal)
    task = asyncio.create_task(session.record(SCOPE, KEY, Entry("paid")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await session.enter(SCOPE) == {KEY: Entry("paid")}
    await session.close()


def test_event_loops_share_a_journal(journal: Journal) -> None:
    """`invoke` has a loop of its own; a step's entries come from any of them."""

    async def record(number: int) -> None:
        session = await opened(journal, scope=f"scope {number}")
        await asyncio.gather(*(session.record(f"scope {number}", key(n), Entry(str(n))) for n in range(50)))
        await session.close()

    threads = [threading.Thread(target=lambda n=n: asyncio.run(record(n))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        assert len(asyncio.run(found(journal, f"scope {number}"))) == 50


async def test_no_event_loop_is_blocked(journal: Journal) -> None:
    """`langgraph dev` refuses what blocks."""
    with blockbuster_ctx():
        session = await journal.open_session("run")
        await session.enter(SCOPE)
        await asyncio.gather(*(session.record(SCOPE, key(n), Entry("x" * 20_000)) for n in range(5)))
        await session.note(status="running")
        await session.refer("context", ["a" * 64])
        await session.close()
        await JournalCache(journal).alookup("prompt", "model")


# Claims


async def test_a_second_session_is_told_who_has_the_step(journal: Journal) -> None:
    """Even in the same process; other steps of the run are free, and this one when the first session has ended."""
    first, second = await opened(journal, "the run"), await journal.open_session("the run")
    with pytest.raises(RunBusyError, match=r"'the run' is being carried out by another call in this process, since 20"):
        await second.enter(SCOPE)
    with pytest.raises(RunBusyError):
        await second.record(SCOPE, KEY, Entry("not mine"))
    assert await second.enter("another step") == {}
    assert await first.enter(SCOPE) == {}
    await first.close()
    assert await second.enter(SCOPE) == {}
    await second.close()


async def test_steps_are_entered_ahead(journal: Journal) -> None:
    """They are claimed then, with what they have; who had one of them then may have ended when it is needed."""
    first, second = await opened(journal, scope="taken"), await journal.open_session("run")
    await first.enter("has something")
    await first.record("has something", KEY, Entry("known"))
    await first.close()
    first = await opened(journal, scope="taken")
    second.enter_later(["has something", "taken"])
    assert second.entered("has something") is None  # it is not waited for
    await second.enter("here")  # takes them along
    assert second.entered("has something") == {KEY: Entry("known")}
    with pytest.raises(RunBusyError):
        await first.enter("has something")
    assert second.entered("taken") is None
    with pytest.raises(RunBusyError):
        await second.enter("taken")
    await first.close()
    assert await second.enter("taken") == {}
    await second.record("has something", key(1), Entry("new"))
    assert await second.enter("has something") == {KEY: Entry("known"), key(1): Entry("new")}
    await second.close()


async def test_of_many_that_ask_at_once_one_has_the_step(journal: Journal) -> None:
    """The others are told so."""
    asking = [await journal.open_session("run") for _ in range(10)]
    told = await asyncio.gather(*(session.enter(SCOPE) for session in asking), return_exceptions=True)
    assert told.count({}) == 1
    assert sum(isinstance(each, RunBusyError) for each in told) == 9
    for session in asking:
        await session.close()


async def test_journals_of_one_process_know_each_other(journal_url: str) -> None:
    """Two objects over one database are one journal."""
    first, second = Journal(journal_url), Journal(journal_url)
    session = await opened(first)
    with pytest.raises(RunBusyError, match="another call in this process"):
        await opened(second)
    await session.close()
    await (await opened(second)).close()
    first.close()
    second.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of what earlier tests left to collect
async def test_a_collected_session_has_ended(journal: Journal) -> None:
    """A graph that was abandoned does not keep its run."""
    await opened(journal)
    gc.collect()
    assert await found(journal) == {}


async def test_a_closed_journal_ends_its_sessions(journal_url: str) -> None:
    """What was claimed is free; what uses the journal after that is told so."""
    journal, other = Journal(journal_url), Journal(journal_url)
    session = await opened(journal)
    journal.close()
    with pytest.raises(JournalError, match="was closed, and something still uses it"):
        await session.record(SCOPE, KEY, Entry("late"))
    with pytest.raises(JournalError, match="was closed"):
        journal.runs()
    assert await found(other) == {}
    assert not any(run.alive for run in other.runs())
    other.close()


CHILD = """
import asyncio, sys
from rlm_graph.journal import Entry, Journal, Key
from rlm_graph.errors import RunBusyError

async def main(url, scope):
    session = await Journal(url).open_session("run")
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        await session.enter(scope)
    except RunBusyError as error:
        print("busy", flush=True)
    else:
        entry = Entry("of the killed one")
        await session.record(scope, Key("", "cell 1", "llm_query", "d" * 64, 0), entry)
        print("has it", flush=True)
    sys.stdin.readline()
    await session.close()

asyncio.run(main(*sys.argv[1:]))
"""


class Child:
    """Another process that wants the step."""

    def __init__(self, url: str, scope: str = SCOPE) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", CHILD, url, scope],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def says(self) -> str:
        """Its next line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go(self) -> None:
        """Let it take its next step."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@contextmanager
def children(url: str, number: int) -> Iterator[list[Child]]:
    """Processes that have a session and are ready to claim the step."""
    started = [Child(url) for _ in range(number)]
    try:
        assert [child.says() for child in started] == ["ready"] * number
        yield started
    finally:
        for child in started:
            child.process.kill()
            child.process.communicate()


async def test_of_processes_that_resume_at_once_one_does_it(journal: Journal, journal_url: str) -> None:
    """On a journal that all of them make at the same time, too."""
    with children(journal_url, 3) as started:
        for child in started:
            child.go()
        assert sorted(child.says() for child in started) == ["busy", "busy", "has it"]
    assert await found(journal) == {KEY: Entry("of the killed one")}


async def test_a_killed_process_is_noticed_at_once(journal: Journal, journal_url: str) -> None:
    """As long as it lives, the error says which one it is; a zombie does not live."""
    with children(journal_url, 1) as [child]:
        child.go()
        assert child.says() == "has it"
        with pytest.raises(
            RunBusyError, match=rf"carried out by process {child.process.pid} on {socket.gethostname()}"
        ):
            await found(journal)
        with pytest.raises(RunBusyError, match=f"process {child.process.pid} on"):
            journal.remove_run("run")
        child.process.kill()
        os.waitid(os.P_PID, child.process.pid, os.WEXITED | os.WNOWAIT)  # nobody has taken note of its end yet
        started = time.monotonic()
        assert await found(journal) == {KEY: Entry("of the killed one")}
        assert time.monotonic() - started < 1
    assert [run.alive for run in journal.runs()] == [False]


async def test_another_process_with_the_same_number_is_another(journal: Journal) -> None:
    """Numbers are used again."""
    session = await opened(journal)
    change(journal, session, pid=os.getppid(), process_started=1)
    assert await found(journal) == {}
    await session.close()


async def test_elsewhere_only_heartbeats_tell(journal: Journal) -> None:
    """A session on another machine is dead after 20 s without one; if it wakes up again, it writes nothing."""
    session = await opened(journal)
    await session.record(SCOPE, KEY, Entry("before"))
    change(journal, session, boot_id="of another machine", host="elsewhere", pid=1)
    with pytest.raises(RunBusyError, match=r"process 1 on elsewhere, .* else after 20 s"):
        await found(journal)
    change(journal, session, heartbeat_at=sessions.c.heartbeat_at - DEAD_AFTER_S - 1)
    successor = await journal.open_session("run")
    assert await successor.enter(SCOPE) == {KEY: Entry("before")}
    with pytest.raises(RunBusyError, match="another call in this process"):
        await session.record(SCOPE, key(1), Entry("a ghost's"))
    await successor.close()
    with pytest.raises(RunBusyError, match=r"taken over while this process slept\): nothing was written"):
        await session.record(SCOPE, key(1), Entry("a ghost's"))
    assert await found(journal) == {KEY: Entry("before")}
    await session.close()


async def test_a_sleeper_whose_step_nobody_took_goes_on(journal: Journal) -> None:
    """Being silent costs nothing by itself."""
    session = await opened(journal)
    change(journal, session, boot_id="of another machine", heartbeat_at=sessions.c.heartbeat_at - 3600)
    await (await opened(journal, "another run", "another step")).close()
    assert await session.record(SCOPE, KEY, Entry("awake")) == Entry("awake")
    await session.close()


async def test_heartbeats_are_sent(tmp_path: Path, postgres_url: str) -> None:
    """By the journal itself, as long as a session is open; in either database."""
    journals = [Journal(tmp_path / "journal.sqlite"), Journal(postgres_url)]
    held = [await journal.open_session("run") for journal in journals]

    def beats() -> list[float]:
        latest = sa.select(sessions.c.heartbeat_at)
        return [journal.read(lambda connection: connection.scalar(latest)) for journal in journals]

    first = beats()
    async with asyncio.timeout(HEARTBEAT_S + LATE_S):
        while any(after == before for before, after in zip(first, beats(), strict=True)):
            await asyncio.sleep(0.05)
    for before, after in zip(first, beats(), strict=True):
        assert HEARTBEAT_S - 1 < after - before < HEARTBEAT_S + 1
    for session, journal in zip(held, journals, strict=True):
        await session.close()
        journal.close()


FORK = """
import asyncio, os, sys
from rlm_graph.journal import Entry, Journal, Key

journal = Journal(sys.argv[1])

async def record(digest):
    session = await journal.open_session("run")
    known = await session.enter("of " + digest)
    await session.record("of " + digest, Key("", "", "tool", digest, 0), Entry(digest))
    return session

async def go_on(session):
    await session.record("of parent", Key("", "", "tool", "later", 0), Entry("later"))
    await session.close()

session = asyncio.run(record("parent"))
pid = os.fork()
if pid == 0:
    asyncio.run(record("child"))
    journal.close()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
asyncio.run(go_on(session))
journal.close()
"""


async def test_a_fork_writes_for_itself(journal: Journal, journal_url: str) -> None:
    """With connections of its own; its parent's stay as they are."""
    ran = subprocess.run([sys.executable, "-c", FORK, journal_url], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert len(await found(journal, "of parent")) == 2
    assert len(await found(journal, "of child")) == 1


# Runs and references


async def test_runs_are_listed_with_what_was_noted(journal: Journal) -> None:
    """Newest activity first; what is not noted again stays."""
    first, second = await opened(journal, "1st \0\ud800", "a"), await opened(journal, "2nd", "b")
    await second.note(named=True, cost_usd=None)
    await first.note(
        question="why \0\ud800" * 100, status="running", iterations=1, options={"model": "\ud800", "n": [1]}
    )
    await first.note(iterations=2, sub_calls=7, cost_usd=0.25)
    await first.record("a", KEY, Entry("x" * 10))
    newest, oldest = journal.runs()
    assert (newest.name, newest.question, newest.status) == ("1st \0\ud800", ("why \0\ud800" * 100)[:200], "running")
    assert (newest.iterations, newest.sub_calls, newest.cost_usd) == (2, 7, 0.25)
    assert (newest.options, newest.named, newest.alive) == ({"model": "\ud800", "n": [1]}, False, True)
    assert (newest.entries, newest.bytes) == (1, 11)
    assert time.time() - 60 < newest.created_at <= newest.updated_at <= time.time() + 1
    assert (oldest.name, oldest.question, oldest.iterations, oldest.named) == ("2nd", None, None, True)
    assert (oldest.entries, oldest.bytes, oldest.cost_usd, oldest.options) == (0, 0, None, {})
    await first.close()
    await second.close()
    assert [run.alive for run in journal.runs()] == [False, False]
    assert journal.run("2nd") == journal.runs()[1]
    assert journal.run("3rd") is None


def test_a_name_is_taken_once(journal: Journal) -> None:
    """A run that is begun under a name that another has changes nothing of that."""
    assert journal.write(lambda connection: runs.begin(connection, "name", {"question": "first"}))
    assert not journal.write(lambda connection: runs.begin(connection, "name", {"question": "second"}))
    assert [(run.name, run.question) for run in journal.runs()] == [("name", "first")]


async def test_an_unfinished_run_is_counted(journal: Journal) -> None:
    """From its entries: turns of the root, sub-calls with those that were tried again, money if all of it is known."""
    for name, cost_usd in (("known", 0.25), ("unknown", None)):
        session = await opened(journal, name, name)
        await session.record(name, replace(KEY, kind="root"), Entry("code", requests=1, cost_usd=0.5))
        await session.record(name, replace(KEY, kind="root", path="child"), Entry("code", requests=1))
        await session.record(name, KEY, Entry("answer", requests=2, cost_usd=cost_usd))
        await session.record(name, replace(KEY, kind="rlm_query"), Entry("answer of a child"))
        await session.close()
    await (await journal.open_session("nothing asked")).close()
    figures = journal.read(lambda connection: runs.counted(connection, ["known", "unknown", "nothing asked"]))
    assert figures == {"known": runs.Figures(1, 3, 0.75), "unknown": runs.Figures(1, 3, None)}


async def test_references_are_kept_by_run(journal: Journal) -> None:
    """For whoever deletes what nobody refers to."""
    first, second = await journal.open_session("1"), await journal.open_session("2")
    await first.refer("context", ["a", "b"])
    await first.refer("context", ["b"])
    await first.refer("snapshot", ["s"])
    await first.refer("snapshot", [])
    await second.refer("context", ["b", "c"])
    assert journal.references("context") == {"a", "b", "c"}
    assert journal.references_of("1", "context") == {"a", "b"}
    assert journal.references_of("2", "snapshot") == set()
    await first.close()
    journal.remove_run("1")
    assert journal.references("context") == {"b", "c"}
    assert journal.references("snapshot") == set()
    await second.close()


async def test_what_is_referred_to_later_is_there_soon_and_when_the_session_ends(journal: Journal) -> None:
    """And until then the run's contexts are told, whose snapshots must stay."""
    session = await journal.open_session("run")
    await session.refer("context", ["c"])
    started = time.monotonic()
    session.refer_later("snapshot", ["s"])
    assert not journal.references("snapshot") or time.monotonic() - started > SOON_S
    assert set(journal.unsettled()) == {"c"}
    async with asyncio.timeout(SOON_S + LATE_S):
        while not journal.references("snapshot"):
            await asyncio.sleep(0.02)
    assert journal.references("snapshot") == {"s"}
    session.refer_later("snapshot", ["t"])
    await session.close()
    assert journal.references("snapshot") == {"s", "t"}
    assert journal.unsettled() == {}


async def test_a_run_that_was_killed_stays_unsettled(journal: Journal, journal_url: str) -> None:
    """Though others forget its session, and somebody goes on with it; until it is removed."""
    started = time.time()
    with children(journal_url, 1) as [child]:
        session = await journal.open_session("run")
        await session.refer("context", ["c", "d"])
        await session.close()
        child.go()
        assert child.says() == "has it"
    other = await opened(journal, "other", "other")
    await other.refer("context", ["d", "e"])
    await (await opened(journal)).close()
    unsettled = journal.unsettled()
    assert set(unsettled) == {"c", "d", "e"}
    assert all(started <= opened_at <= time.time() for opened_at in unsettled.values())
    assert set(journal.unsettled(["run"])) == {"c", "d"}
    await other.close()
    assert set(journal.unsettled()) == {"c", "d"}
    journal.remove_run("run")
    assert journal.unsettled() == {}


async def test_a_removed_run_leaves_nothing(journal: Journal) -> None:
    """Once it has ended; other runs stay."""
    session, other = await opened(journal, "run", "a"), await opened(journal, "other", "b")
    await session.record("a", KEY, Entry("mine"))
    await other.record("b", KEY, Entry("another's"))
    with pytest.raises(RunBusyError, match="'run' is being carried out"):
        journal.remove_run("run")
    await session.close()
    journal.remove_run("run")
    assert [run.name for run in journal.runs()] == ["other"]
    left = journal.read(lambda connection: connection.scalars(sa.select(entries.c.run)).all())
    assert left == ["other"]
    with pytest.raises(RunNotFoundError, match="no run 'run'"):
        journal.remove_run("run")
    await other.close()


# Answers that runs share

GENERATION = ChatGeneration(
    message=AIMessage(
        "text \0\ud800",
        id="1",
        tool_calls=[{"name": "f", "args": {"a": [1]}, "id": "c"}],
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        response_metadata={"model_name": "m"},
    )
)


async def test_answers_are_shared(journal: Journal) -> None:
    """By prompt and model, with all that belongs to them."""
    cache = JournalCache(journal)
    assert cache.lookup("prompt \ud800", "model") is None
    cache.update("prompt \ud800", "model", [GENERATION, Generation(text="plain")])
    assert cache.lookup("prompt \ud800", "model") == [GENERATION, Generation(text="plain")]
    assert await cache.alookup("prompt \ud800", "model") == [GENERATION, Generation(text="plain")]
    assert cache.hits() == 2
    assert cache.lookup("prompt \ud800", "another") is None
    await cache.aupdate("prompt \ud800", "model", [GENERATION])
    assert cache.lookup("prompt \ud800", "model") == [GENERATION]
    await cache.aclear()
    assert await cache.alookup("prompt \ud800", "model") is None
    cache.update("1", "m" * 10_000, [GENERATION])  # longer than what an index takes
    cache.clear()
    assert cache.hits() == 0


def test_langchain_models_use_the_cache(journal: Journal) -> None:
    """As they use any other."""
    model = FakeListChatModel(responses=["first", "second"], cache=JournalCache(journal))
    assert [model.invoke("?").text, model.invoke("?").text, model.invoke("!").text] == ["first", "first", "second"]


def test_only_answers_are_read_back(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever can write to the database cannot have other objects made; the answer is asked for again."""
    cache = JournalCache(journal)
    for value in (json.dumps([dumps(PromptTemplate.from_template("x"))]), '["[1]"]', "[1]", "no JSON"):
        cache.update("prompt", "model", [GENERATION])
        assert cache.lookup("prompt", "model") == [GENERATION]
        stored = pack(value)
        journal.write(lambda connection, stored=stored: connection.execute(sa.update(answers).values(value=stored)))
        assert cache.lookup("prompt", "model") is None
        assert "cannot be read back" in caplog.text
        caplog.clear()


# Opening, and what goes wrong


def test_a_journal_is_for_its_owners_eyes(tmp_path: Path) -> None:
    """The folder that was made for it, and the files."""
    journal = Journal(tmp_path / "home" / "journal.sqlite")
    assert journal.runs() == []
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    files = list((tmp_path / "home").iterdir())
    assert len(files) == 3  # SQLite's own two beside it
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    journal.close()
    assert [file.name for file in (tmp_path / "home").iterdir()] == ["journal.sqlite"]


def test_a_relative_path_and_its_url_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the folder in which the journal is opened."""
    monkeypatch.chdir(tmp_path)
    for where in ("journal.sqlite", Path("journal.sqlite"), "sqlite:///journal.sqlite"):
        journal = Journal(where)
        journal.runs()
        assert repr(journal) == "Journal('journal.sqlite')"
        journal.close()
    assert [file.name for file in tmp_path.iterdir()] == ["journal.sqlite"]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("mysql://me:secret@host/db", r"'mysql://host/db' is in no database that is known here: .* postgresql://"),
        ("sqlite://", r"'sqlite://' names no file: write sqlite:///PATH"),
        ("sqlite:///:memory:", r"names no file: name one, so that it outlives the process"),
        ("", r"journal '' names no file"),
    ],
)
def test_what_is_no_journal_is_refused(where: str, message: str) -> None:
    """When it is named, not when it is used."""
    with pytest.raises(ConfigError, match=message):
        Journal(where)


def test_the_tables_are_those_of_their_version() -> None:
    """Whoever changes them raises VERSION, adds a migration and a case below, and then writes the new hash here."""
    columns = [
        f"{table.name}.{column.name} {column.type!r} {column.nullable} {column.primary_key}"
        for table in metadata.sorted_tables
        for column in table.columns
    ]
    indexes = sorted(
        f"{table.name} {index.name} {index.columns.keys()}"
        for table in metadata.sorted_tables
        for index in table.indexes
    )
    digest = hashlib.sha256("\n".join(columns + indexes).encode()).hexdigest()[:16]
    assert (VERSION, digest) == (3, "faf1c1b806b0edfa")


@pytest.mark.parametrize(
    ("version", "undone"),
    [
        (1, ["ALTER TABLE rlm_entries DROP COLUMN prompt", "DROP TABLE rlm_unsettled"]),
        (2, ["DROP TABLE rlm_unsettled"]),
        (2, []),
    ],
    ids=["1", "2", "2-with-unsettled"],
)
async def test_a_journal_of_an_older_version_is_brought_up_to_this_one(
    journal_url: str, version: int, undone: list[str]
) -> None:
    """With all that is in it, by whoever opens it, also if several do so at once."""
    made = sa.create_engine(journal_url.replace("postgresql://", "postgresql+psycopg://"))
    with made.begin() as connection:
        metadata.create_all(connection)
        for statement in undone:
            connection.execute(sa.text(statement))
        connection.execute(sa.text(f"INSERT INTO rlm_journal VALUES ({version})"))
        connection.execute(
            sa.text("INSERT INTO rlm_runs (run, created_at, updated_at) VALUES ('old', 1, 2)"),
        )
        row = {"value": b"=old", **KEY.__dict__}
        connection.execute(
            sa.text(
                "INSERT INTO rlm_entries (scope, path, cell, kind, digest, occurrence, run, bytes, requests, "
                "input_tokens, output_tokens, cost_usd, started_at, ended_at, value) "
                f"VALUES ('{SCOPE}', :path, :cell, :kind, :digest, :occurrence, 'old', 4, 1, 2, 3, 0.5, 6, 7, :value)"
            ),
            row,
        )
    made.dispose()
    journals = [Journal(journal_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        listed = list(pool.map(lambda journal: journal.runs(), journals))
    assert [[(run.name, run.entries, run.bytes) for run in runs] for runs in listed] == [[("old", 1, 4)]] * 4
    old = Entry("old", None, None, 1, 2, 3, 0.5, 6.0, 7.0)
    session = await journals[0].open_session("old")
    assert await session.enter(SCOPE) == {KEY: old}
    await session.record(SCOPE, key(1), Entry("new", prompt="of the new one"))
    await session.close()
    assert await told(journals[1], "old") == {key(1): Entry("new", prompt="of the new one"), KEY: old}
    for journal in journals:
        journal.close()


def test_a_newer_journal_is_refused(journal: Journal, journal_url: str) -> None:
    """Both versions are named, and what to do."""
    journal.write(lambda connection: connection.execute(sa.text(f"UPDATE rlm_journal SET version = {VERSION + 1}")))
    other = Journal(journal_url)
    with pytest.raises(JournalVersionError, match=rf"of version {VERSION + 1}, .* up to {VERSION}: upgrade it \(pip"):
        other.runs()
    other.close()


def test_a_journal_that_lacks_a_table_says_what_to_do(journal: Journal, journal_url: str) -> None:
    """Which no version of ours has made; the table is named."""
    journal.write(lambda connection: connection.execute(sa.text("DROP TABLE rlm_runs")))
    other = Journal(journal_url)
    with pytest.raises(JournalError, match=r"cannot be used: .*rlm_runs.*; its tables are not those"):
        other.runs()
    other.close()


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    """It may be somebody's work."""
    path = tmp_path / "thesis.txt"
    path.write_text("my thesis " * 1000)
    journal = Journal(path)
    with pytest.raises(JournalError, match=r"thesis.txt cannot be used: file is not a database; .* name another"):
        journal.runs()
    journal.close()
    assert path.read_text() == "my thesis " * 1000


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("file/journal.sqlite", r"cannot be made: (Not a directory|File exists)"),
        ("folder", r"cannot be used: unable to open database file; it must be a file that this user can write"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, where: str, message: str) -> None:
    """With what to do."""
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    journal = Journal(tmp_path / where)
    with pytest.raises(JournalError, match=rf"{where} {message}"):
        journal.runs()
    journal.close()


def test_a_locked_database_is_named(tmp_path: Path) -> None:
    """After a while: other processes keep it for moments only."""
    path = tmp_path / "journal.sqlite"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    journal = Journal(path)
    with pytest.raises(JournalError, match=r"database is locked; another program keeps it locked: end that program"):
        journal.runs()
    holder.close()
    assert journal.runs() == []
    journal.close()


FULL_DISK = """
import asyncio, resource, sys
from rlm_graph.errors import JournalError
from rlm_graph.journal import Entry, Journal, Key

async def main():
    session = await Journal(sys.argv[1]).open_session("run")
    await session.enter("a")
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    try:
        for number in range(10_000):
            await session.record("a", Key("", "", "tool", str(number), 0), Entry(str(number) * 1000))
    except JournalError as error:
        print(number, error)
    await session.close()

asyncio.run(main())
"""


async def test_a_disk_that_takes_no_more_is_an_error(tmp_path: Path) -> None:
    """What was recorded before is there."""
    path = tmp_path / "journal.sqlite"
    ran = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=True)
    number, message = ran.stdout.split(" ", 1)
    assert "journal.sqlite cannot be used: disk I/O error; see to the disk" in message
    journal = Journal(path)
    recorded = await found(journal, "a")
    assert {int(each.digest) for each in recorded} == set(range(int(number)))
    assert int(number) > 10
    journal.close()


def test_a_journal_is_imported_when_it_is_used(tmp_path: Path) -> None:
    """`--help` would pay for SQLAlchemy otherwise; without the driver, the error says what to install."""
    code = f"""
import sys
from rlm_graph import Journal, JournalError
journals = [Journal({str(tmp_path / "j.sqlite")!r}), Journal("postgresql://me:secret@host/db")]
assert repr(journals[1]) == "Journal('postgresql://host/db')"
assert not {{"sqlalchemy", "psycopg", "langchain_core"}} & set(sys.modules)
sys.modules["psycopg"] = None
try:
    journals[1].runs()
except JournalError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith(
        "the journal postgresql://host/db needs the Postgres driver: pip install 'rlm-graph[post"
    )


def test_a_server_that_is_not_there_is_named() -> None:
    """Soon, and without the password."""
    journal = Journal("postgresql://me:secret@127.0.0.1:1/db")
    with pytest.raises(
        JournalError, match=r"postgresql://127.0.0.1:1/db cannot be used: .* is the server running"
    ) as told:
        journal.runs()
    assert "secret" not in str(told.value)
    journal.close()


@pytest.mark.parametrize("end", [PostgresServer.stop, PostgresServer.kill], ids=["stopped", "killed"])
async def test_nothing_is_lost_when_postgres_restarts(
    postgres: PostgresServer, postgres_url: str, end: Callable[[PostgresServer], None]
) -> None:
    """Records wait until it is there again; all that were acknowledged are in it, once."""
    journal = Journal(postgres_url)
    session = await opened(journal)
    recorded: list[int] = []

    async def record(numbers: range) -> None:
        for number in numbers:
            assert await session.record(SCOPE, key(number), Entry(str(number))) == Entry(str(number))
            recorded.append(number)

    async def restart() -> None:
        while len(recorded) < 50:
            await asyncio.sleep(0.001)
        await asyncio.to_thread(end, postgres)
        had = len(recorded)
        await asyncio.sleep(0.2)
        assert len(recorded) <= had + 10  # those whose answers were on their way
        await asyncio.to_thread(postgres.start)

    await asyncio.gather(*(record(range(first, 200, 10)) for first in range(10)), restart())
    assert await session.enter(SCOPE) == {key(n): Entry(str(n)) for n in range(200)}
    await session.close()
    journal.close()


async def test_nothing_hangs_when_postgres_has_gone(
    postgres: PostgresServer, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Who waits gets an error when the journal is closed; a session's end is never one."""
    journal = Journal(postgres_url)
    session = await opened(journal)
    postgres.stop()
    try:
        waiting = asyncio.create_task(session.record(SCOPE, KEY, Entry("value")))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        journal.close()
        with pytest.raises(JournalError, match=r"cannot be used: .* is the server running"):
            await waiting
        await session.close()
        assert "the session of run 'run' could not be closed" in caplog.text
    finally:
        postgres.start()
