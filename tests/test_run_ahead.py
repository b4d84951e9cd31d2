"""Run-ahead: loops of sub-calls run at the speed of a batch, and do exactly what they do one call after another.

Through real workers. The host of these tests answers when it is told to, and counts what is in flight.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from run_ahead_loops import ALL_AT_ONCE, BEFORE, CONTEXT, ONE_AT_A_TIME
from run_ahead_programs import Programs, answer_of, fails

from rlm_graph import ContextStore
from rlm_graph.repl.executor import Call, Cancel, Done, Executor
from rlm_graph.repl.process import ProcessExecutors
from rlm_graph.repl.snapshot_store import SnapshotStore

ROOM = 64
"""Calls that may be asked ahead at once, where a test says nothing else."""

STUCK_S = 1.0
"""Seconds without a call after which no more are expected to come before there is an answer."""

Answer = Callable[[Call], Any]
"""Text, or `(kind, message)` of a failure."""


def answer_plainly(call: Call) -> str:
    """`re:` and the prompt; a number or JSON where the prompt asks for it."""
    number = re.search(r"# n: (\d+)", call.text)
    if "# json" in call.text:
        return json.dumps({"label": call.text})
    return number.group(1) if number else f"re:{call.text}"


@dataclass
class Played:
    """A cell that was run."""

    done: Done
    calls: list[Call] = field(default_factory=list)
    cancelled: set[int] = field(default_factory=set)
    most: int = 0
    """Calls that were in flight at once."""

    @property
    def kept(self) -> Counter[tuple[str, str, str]]:
        """The calls that were not cancelled."""
        kept = [call for call in self.calls if call.id not in self.cancelled]
        return Counter((call.function, call.text, json.dumps(dict(call.options))) for call in kept)


class Host:
    """Answers the calls of cells.

    Args:
        repl: Whose.
        answer: What it answers.
        hold: It answers nothing before so many calls are in flight; then each at once, as if it had taken long.
        order: A source of randomness for the order in which it answers what it holds; None: the order of the calls.
    """

    def __init__(
        self, repl: Executor, answer: Answer = answer_plainly, *, hold: int = 1, order: random.Random | None = None
    ) -> None:
        self._repl = repl
        self._answer = answer
        self._hold = hold
        self._order = order

    async def run(
        self, code: str, *, ahead: int = ROOM, calls_left: int | None = None, timeout_s: float = 20
    ) -> Played:
        """Run a cell to its end."""
        played = Played(Done())
        flight: dict[int, Call] = {}
        made = 0
        coming = asyncio.ensure_future(
            self._repl.run_cell(code, timeout_s=timeout_s, ahead=ahead, calls_left=calls_left)
        )
        while True:
            await asyncio.wait({coming}, timeout=STUCK_S if flight else None)
            if coming.done():
                step = coming.result()
                if isinstance(step, Done):
                    played.done = step
                    return played
                coming = asyncio.ensure_future(self._repl.next_step())
                if isinstance(step, Cancel):
                    played.cancelled.update(step.ids)
                    for call_id in step.ids:
                        flight.pop(call_id, None)
                    made -= len(step.ids)
                    continue
                played.calls.append(step)
                made += 1
                if calls_left is not None and made > calls_left:
                    await self._repl.fail(step.id, "limit", "no calls are left")
                    continue
                flight[step.id] = step
                played.most = max(played.most, len(flight))
                if len(flight) < self._hold:
                    continue
                self._hold = 1
            await self._answer_all(flight)

    async def _answer_all(self, flight: dict[int, Call]) -> None:
        calls = list(flight.values())
        flight.clear()
        if self._order is not None:
            self._order.shuffle(calls)
        for call in calls:
            answered = self._answer(call)
            if isinstance(answered, tuple):
                await self._repl.fail(call.id, *answered)
            else:
                await self._repl.reply(call.id, answered)


@pytest.fixture(scope="module")
def make_repl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Executor]]:
    """Makes REPLs over `CONTEXT`, or another context; those over the same are forked from one zygote."""
    store = ContextStore(tmp_path_factory.mktemp("run_ahead"))
    executors, snapshots = ProcessExecutors(), SnapshotStore(store.files)
    manifests: dict[int, Path] = {}

    def make(context: Any = CONTEXT) -> Executor:
        if id(context) not in manifests:
            manifests[id(context)] = store.local_manifest(store.put(context))
        return executors(manifests[id(context)], snapshots)

    yield make
    executors.close()


@pytest.fixture
async def repl(make_repl: Callable[..., Executor]) -> AsyncIterator[Executor]:
    """A REPL that has run `BEFORE`."""
    executor = make_repl()
    await executor.run_cell(BEFORE, timeout_s=20)
    yield executor
    await executor.close()


async def assert_as_written(make_repl: Callable[..., Executor], code: str, played: Played) -> None:
    """Without run-ahead the same is printed, raised and left in the variables, after the same calls."""
    plain = make_repl()
    await plain.run_cell(BEFORE, timeout_s=20)
    expected = await Host(plain).run(code, ahead=0)
    await plain.close()
    assert not any(call.ahead for call in expected.calls)
    assert outcome(played.done) == outcome(expected.done)
    assert played.kept == expected.kept


def outcome(done: Done) -> tuple[Any, ...]:
    """What a cell has come to. Where an object lies in memory is its own business."""
    reprs = {name: re.sub(r"0x[0-9a-f]+", "0x", text) for name, text in done.reprs.items()}
    return done.stdout, done.error, done.answer, dict(done.variables), reprs


# Loops as models write them. ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL_AT_ONCE)
async def test_all_items_of_a_loop_are_in_flight_at_once(
    name: str, repl: Executor, make_repl: Callable[..., Executor]
) -> None:
    """As many calls as the list says, before any is answered; and the loop does what it does without run-ahead."""
    at_once, code = ALL_AT_ONCE[name]
    played = await Host(repl, hold=at_once).run(code)
    assert played.done.error is None
    assert played.most == at_once
    assert not played.cancelled
    assert played.done.ran_ahead >= at_once
    await assert_as_written(make_repl, code, played)


@pytest.mark.parametrize("name", ONE_AT_A_TIME)
async def test_what_hangs_on_an_answer_waits_for_it(
    name: str, repl: Executor, make_repl: Callable[..., Executor]
) -> None:
    """Nothing is asked ahead; the reason is in the name."""
    played = await Host(repl).run(ONE_AT_A_TIME[name])
    assert not any(call.ahead for call in played.calls)
    assert played.done.ran_ahead == 0
    await assert_as_written(make_repl, ONE_AT_A_TIME[name], played)


# Any program. ---------------------------------------------------------------------------------------------------------


async def play_both(make_repl: Callable[..., Executor], randomness: random.Random) -> None:
    """A random program runs with and without run-ahead, and nobody can tell the difference."""
    code = Programs(randomness).program()
    rarely = randomness.choice([0, 0, 0, 7, 13, 25])
    calls_left = randomness.choice([None, None, None, 3, 6, 12, 30]) if not rarely else None
    room = randomness.choice([2, 4, 8, 64])

    def answer(call: Call) -> Any:
        return ("sub_call", f"failed {call.text[:9]}") if fails(call.text, rarely) else answer_of(call.text)

    outcomes, played = [], []
    for ahead in (0, room):
        executor = make_repl()
        host = Host(executor, answer, order=random.Random(1) if ahead else None)
        played.append(await host.run(code, ahead=ahead, calls_left=calls_left, timeout_s=2))
        await executor.close()
        done = played[-1].done
        if done.error is not None and done.error.startswith(("TimeoutError", "SandboxTimeout")):
            return  # it did not get as far as it would have
        outcomes.append((*outcome(done), done.error))
    plain, ran_ahead = played
    assert outcomes[0] == outcomes[1], code
    assert not plain.kept - ran_ahead.kept, code
    if not any(fails(call.text, rarely) for call in ran_ahead.calls):
        assert plain.kept == ran_ahead.kept, code
        assert not ran_ahead.cancelled, code


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_nobody_can_tell_that_calls_ran_ahead(make_repl: Callable[..., Executor], randomness: random.Random) -> None:
    """Any program: the same values, prints and exceptions, after the same calls; more only where one fails."""
    asyncio.run(play_both(make_repl, randomness))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@settings(max_examples=4000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_nobody_can_tell_for_long(make_repl: Callable[..., Executor], randomness: random.Random) -> None:
    """Likewise, for thousands of programs."""
    asyncio.run(play_both(make_repl, randomness))
