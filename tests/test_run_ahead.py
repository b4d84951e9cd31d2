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
from run_ahead_cells import CELLS
from run_ahead_loops import ALL_AT_ONCE, BEFORE, CONTEXT, NO_FURTHER, ONE_AT_A_TIME
from run_ahead_programs import Programs, answer_of, fails

from rlm_graph import ContextStore
from rlm_graph.context import Document
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


@pytest.mark.parametrize("name", CELLS)
async def test_a_cell_as_models_write_it_runs_ahead(
    name: str, repl: Executor, make_repl: Callable[..., Executor]
) -> None:
    """All of its calls but so many; and it does what it does without run-ahead."""
    rest, code = CELLS[name]
    played = await Host(repl).run(code)
    assert played.done.error is None
    assert played.done.ran_ahead >= len(played.calls) - rest
    assert not played.cancelled
    await assert_as_written(make_repl, code, played)


@pytest.mark.parametrize("name", NO_FURTHER)
async def test_nothing_is_asked_that_the_code_does_not_come_to(
    name: str, repl: Executor, make_repl: Callable[..., Executor]
) -> None:
    """An iterator is used as far as the code uses it, an object does what its class says: no call is cancelled."""
    played = await Host(repl).run(NO_FURTHER[name])
    assert not played.cancelled
    await assert_as_written(make_repl, NO_FURTHER[name], played)


# Any program. ---------------------------------------------------------------------------------------------------------


async def play_both(make_repl: Callable[..., Executor], randomness: random.Random) -> None:
    """A random program runs with and without run-ahead, and nobody can tell the difference."""
    code = Programs(randomness).program()
    rarely = randomness.choice([0, 0, 0, 7, 13, 25])
    calls_left = randomness.choice([None, None, None, 3, 6, 12, 30]) if not rarely else None
    room = randomness.choice([2, 4, 8, 64])

    def answer(call: Call) -> Any:
        return ("sub_call", f"failed {call.text[:9]}") if fails(call.text, rarely) else answer_of(call.text)

    async def run(ahead: int) -> Played:
        executor = make_repl()
        host = Host(executor, answer, order=random.Random(1) if ahead else None)
        played = await host.run(code, ahead=ahead, calls_left=calls_left, timeout_s=2)
        await executor.close()
        return played

    plain, ran_ahead = await asyncio.gather(run(0), run(room))  # most of their time is their workers'
    if (plain.done.error or "").startswith(("TimeoutError", "SandboxTimeout")):
        return  # it did not get as far as it would have
    assert outcome(plain.done) == outcome(ran_ahead.done), code
    assert not plain.kept - ran_ahead.kept, code
    if not any(fails(call.text, rarely) for call in ran_ahead.calls):
        assert plain.kept == ran_ahead.kept, code
        assert not ran_ahead.cancelled, code


@settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
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


# Order, room and chains. ----------------------------------------------------------------------------------------------


async def test_the_calls_of_a_loop_are_asked_in_its_order(repl: Executor) -> None:
    """And no more at once than there is room for, beside the one that the code waits for."""
    played = await Host(repl, hold=5).run("out = [llm_query(c) for c in chunks]", ahead=4)
    assert [call.text for call in played.calls] == [c[:40] for c in CONTEXT]
    assert played.most == 5
    assert played.done.ran_ahead == len(CONTEXT)


async def test_each_chain_goes_on_by_itself(repl: Executor) -> None:
    """The second call of an item is asked when its first is answered, while the code waits for another item."""
    asked: list[str] = []
    step = await repl.run_cell(
        "for c in chunks[:3]:\n    a = llm_query('a ' + c[:6])\n    b = llm_query(f'b {a}')", timeout_s=20, ahead=8
    )
    calls: dict[str, Call] = {}
    for _ in range(3):
        assert isinstance(step, Call)
        calls[step.text] = step
        step_to_come = asyncio.ensure_future(repl.next_step())
        if len(calls) == 3:
            break
        step = await step_to_come
    await repl.reply(calls["a text 2"].id, "two")
    step = await step_to_come
    assert isinstance(step, Call)
    assert (step.text, step.ahead) == ("b two", True)
    asked.append(step.text)
    await repl.reply(step.id, "done")
    while not isinstance(step := await _after_answering(repl, calls), Done):
        assert isinstance(step, Call)
        asked.append(step.text)
        calls[step.text] = step
    assert sorted(asked) == ["b re:a text 0", "b re:a text 1", "b two"]


async def _after_answering(repl: Executor, calls: dict[str, Call]) -> Any:
    """Answer what is open, and give the next step."""
    for call in calls.values():
        await repl.reply(call.id, f"re:{call.text}")
    calls.clear()
    return await repl.next_step()


async def test_thousands_of_items_need_no_more_room_than_ten(make_repl: Callable[..., Executor]) -> None:
    """What is in flight is bounded, and so is what the worker keeps of it."""
    peaks = []
    for ahead in (0, 16):
        executor = make_repl()
        await executor.run_cell("words = 'some text ' * 300", timeout_s=20)
        code = "n = 0\nfor i in range(4_000):\n    n += len(llm_query(f'{i} {words}'))\nprint(n)"
        played = await Host(executor, lambda _: "four").run(code, ahead=ahead)
        assert played.done.stdout == "16000\n"
        assert played.most <= ahead + 1
        assert played.done.ran_ahead == (4_000 if ahead else 0)
        pid = executor._worker._pid  # type: ignore[attr-defined]
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        peaks.append(next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")))
        await executor.close()
    assert peaks[1] - peaks[0] < 4_000, "KB; all prompts together have 14,000"


# Failures. ------------------------------------------------------------------------------------------------------------


async def test_what_a_failed_call_makes_superfluous_is_cancelled(repl: Executor) -> None:
    """Nobody catches the failure: what is in flight is given up, the error is that of the loop as written."""
    code = "out = []\nfor i, c in enumerate(chunks):\n    out.append(llm_query(f'{i} {c}'))\nprint('never')"

    def answer(call: Call) -> Any:
        return ("sub_call", "no answer") if call.text.startswith("0 ") else answer_plainly(call)

    step = await repl.run_cell(code, timeout_s=20, ahead=ROOM)
    calls = []
    while not isinstance(step, Done):
        if isinstance(step, Call):
            calls.append(step)
            if len(calls) == len(CONTEXT):
                await repl.fail(calls[0].id, "sub_call", "no answer")
        else:
            assert isinstance(step, Cancel)
            assert sorted(step.ids) == [call.id for call in calls[1:]]
        step = await repl.next_step()
    assert step.ran_ahead == 1
    assert step.stdout == ""
    assert step.error is not None
    assert "line 3, in <module>" in step.error
    assert step.error.endswith("SubCallError: no answer")
    again = await Host(repl, answer).run("print(len(out))")
    assert again.done.stdout == "0\n"


async def test_a_failure_that_the_loop_catches_costs_no_other_call(
    repl: Executor, make_repl: Callable[..., Executor]
) -> None:
    """All the others go on; none is cancelled, and none is asked twice."""
    code = """
out = []
for i, c in enumerate(chunks):
    try:
        r = llm_query(f"{i} {c}")
    except SubCallError as e:
        print("failed", i, e)
        continue
    out.append(r)
"""

    def answer(call: Call) -> Any:
        return ("sub_call", "no answer") if call.text[0] in "2579" else answer_plainly(call)

    played = await Host(repl, answer, hold=len(CONTEXT)).run(code)
    assert played.most == len(CONTEXT)
    assert len(played.calls) == len(CONTEXT)
    assert not played.cancelled
    assert played.done.stdout == "".join(f"failed {i} no answer\n" for i in (2, 5, 7, 9))
    assert (await Host(repl).run("print(len(out))")).done.stdout == "8\n"


async def test_a_failed_attempt_is_followed_by_another_for_this_item_only(repl: Executor) -> None:
    """The other items are in flight meanwhile, and are asked once."""
    code = """
out = []
for c in chunks:
    for attempt in range(3):
        try:
            out.append(llm_query(c.split(":")[0]))
            break
        except Exception:
            print("again", c.split(":")[0], attempt)
"""
    failures = Counter({"text 3": 1, "text 5": 2})

    def answer(call: Call) -> Any:
        if failures[call.text]:
            failures[call.text] -= 1
            return ("sub_call", "no answer")
        return answer_plainly(call)

    played = await Host(repl, answer, hold=len(CONTEXT)).run(code)
    times = Counter(call.text for call in played.calls)
    assert times == {**{c.split(":")[0]: 1 for c in CONTEXT}, "text 3": 2, "text 5": 3}
    assert played.done.stdout == "again text 3 0\nagain text 5 0\nagain text 5 1\n"
    assert not played.cancelled


async def test_a_loop_in_a_try_ends_with_the_call_that_fails(
    repl: Executor, make_repl: Callable[..., Executor]
) -> None:
    """What is in flight of it is cancelled, and the code goes on after it, ahead again."""
    code = """
try:
    for c in chunks:
        llm_query("1 " + c[:6])
except SubCallError as e:
    print("ended", e)
out = [llm_query("2 " + c[:6]) for c in chunks]
"""

    def answer(call: Call) -> Any:
        return ("sub_call", call.text) if call.text == "1 text 4" else answer_plainly(call)

    played = await Host(repl, answer, hold=24).run(code)
    assert played.done.stdout == "ended 1 text 4\n"
    assert Counter(call.text for call in played.calls if call.id not in played.cancelled)["2 text 0"] == 1
    assert played.most == 24


async def test_an_error_that_is_none_of_a_call_has_its_line_and_reason(
    repl: Executor, make_repl: Callable[..., Executor]
) -> None:
    """As without run-ahead, in a helper too; and what comes after it is not asked."""
    code = """
def one(i):
    answer = llm_query(f"{i} {chunks[i]}")
    return answer
out = []
for i in range(20):
    out.append(one(i))
"""
    played = await Host(repl).run(code)
    assert played.done.error is not None
    assert "line 3, in one" in played.done.error
    assert "IndexError" in played.done.error
    assert len(played.calls) == len(CONTEXT)
    await assert_as_written(make_repl, code, played)


# Budgets. -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [0, 1, 5, 11, 12, 13])
async def test_no_more_is_asked_ahead_than_is_left(left: int, repl: Executor) -> None:
    """And the refusal comes where it comes without run-ahead."""
    code = "out = []\nfor i, c in enumerate(chunks):\n    out.append(llm_query(c))\n    print(i)"
    played = await Host(repl).run(code, calls_left=left)
    assert [call.ahead for call in played.calls].count(True) <= left
    assert len(played.calls) == min(left + 1, len(CONTEXT))
    assert played.done.stdout == "".join(f"{i}\n" for i in range(min(left, len(CONTEXT))))
    assert ("MaxSubCallsExceeded" in (played.done.error or "")) == (left < len(CONTEXT))


async def test_chains_stay_within_what_is_left(repl: Executor) -> None:
    """The second call of an item comes before the first of the next, in the budget too."""
    code = "for c in chunks:\n    a = llm_query('a ' + c[:6])\n    b = llm_query('b ' + a)"
    played = await Host(repl).run(code, calls_left=7)
    assert len(played.calls) == 8
    assert {call.text for call in played.calls} >= {"a text 3", "b re:a text 2"}
    assert "a text 4" not in {call.text for call in played.calls}


async def test_a_refusal_of_what_was_asked_ahead_is_asked_for_again(repl: Executor) -> None:
    """Whether there is a budget is decided when the code gets there."""
    refused: list[str] = []

    def answer(call: Call) -> Any:
        if call.ahead and not call.text.startswith("0 "):
            refused.append(call.text)
            return ("budget", "too much at once")
        return answer_plainly(call)

    code = "out = []\nfor i, c in enumerate(chunks):\n    out.append(llm_query(f'{i} {c}'))\nprint(len(out))"
    played = await Host(repl, answer).run(code, ahead=4)
    assert refused
    assert played.done.error is None
    assert played.done.stdout == "12\n"


async def test_a_refusal_while_the_code_waits_is_asked_for_again(repl: Executor) -> None:
    """Likewise, when it comes after the code has got there: what was asked ahead is asked by the code then."""
    step = await repl.run_cell("out = [llm_query(c) for c in chunks[:3]]\nprint(len(out))", timeout_s=20, ahead=8)
    calls = []
    for _ in range(3):
        assert isinstance(step, Call)
        calls.append(step)
        coming = asyncio.ensure_future(repl.next_step())
        if len(calls) < 3:
            step = await coming
    await repl.reply(calls[0].id, "one")
    await asyncio.sleep(0.1)  # the code has the first answer, and waits for the second
    await repl.fail(calls[1].id, "budget", "too much at once")
    again = await coming
    assert isinstance(again, Call)
    assert (again.text, again.ahead) == (calls[1].text, False)
    await repl.reply(again.id, "two")
    await repl.reply(calls[2].id, "three")
    done = await repl.next_step()
    assert isinstance(done, Done)
    assert (done.error, done.stdout) == (None, "3\n")


# What else there is in a cell. ----------------------------------------------------------------------------------------


async def test_a_cell_that_is_stopped_leaves_nothing_in_flight(repl: Executor) -> None:
    """Calls that were asked ahead are cancelled when the cell's time is up."""
    code = "for c in chunks:\n    llm_query(c)\n    while len(c) > 20:\n        pass"
    step = await repl.run_cell(code, timeout_s=0.3, ahead=4)
    open_calls: set[int] = set()
    while not isinstance(step, Done):
        if isinstance(step, Call):
            open_calls.add(step.id)
            await repl.reply(step.id, "fine")
            open_calls.discard(step.id)
        else:
            assert isinstance(step, Cancel)
            open_calls -= set(step.ids)
        step = await repl.next_step()
    assert step.error is not None
    assert "TimeoutError" in step.error
    assert not open_calls
    assert (await Host(repl).run("print(llm_query('x'))")).done.stdout == "re:x\n"


async def test_threads_of_a_cell_ask_for_themselves(repl: Executor) -> None:
    """Their calls are matched to no plan, and while there are threads there is none."""
    code = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(3) as pool:
    futures = [pool.submit(llm_query, c) for c in chunks]
    inside = [llm_query("inside " + c[:6]) for c in chunks[:3]]
    out = [future.result() for future in futures]
after = [llm_query("after " + c[:6]) for c in chunks]
print(len(out), len(inside), len(after))
"""
    played = await Host(repl).run(code)
    assert played.done.stdout == "12 3 12\n"
    assert {call.ahead for call in played.calls if not call.text.startswith("after")} == {False}
    assert {call.ahead for call in played.calls if call.text.startswith("after")} == {True}


async def test_a_generator_is_asked_for_no_more_than_is_taken_of_it(
    repl: Executor, make_repl: Callable[..., Executor]
) -> None:
    """Whoever takes its items may stop at any of them."""
    code = """
def answers():
    for c in chunks:
        yield llm_query(c)
for number, answer in enumerate(answers()):
    if number == 3:
        break
rest = [a for a, _ in zip(answers(), range(2))]
"""
    played = await Host(repl).run(code)
    await assert_as_written(make_repl, code, played)


async def test_helpers_come_back_from_a_snapshot(repl: Executor, make_repl: Callable[..., Executor]) -> None:
    """A helper of a restored REPL works ahead, in a new loop and in its own."""
    code = "def all_of(items):\n    out = []\n    for item in items:\n        out.append(ask(item))\n    return out"
    done = (await Host(repl).run(code)).done
    assert done.snapshot is not None
    restored = make_repl()
    await restored.start()
    await restored.restore(done.snapshot)
    for cell in ("a = [ask(c) for c in chunks]", "b = all_of(chunks)"):
        assert (await Host(restored, hold=len(CONTEXT)).run(cell)).most == len(CONTEXT)
    await restored.close()


async def test_documents_are_texts(make_repl: Callable[..., Executor]) -> None:
    """A loop over documents, their names in the prompts."""
    documents = [Document(f"text {i}", f"file{i}.txt") for i in range(8)]
    executor = make_repl(documents)
    code = "out = {}\nfor doc in context:\n    out[doc.name] = llm_query(f'{doc.name}: {doc[:4]} {len(doc)} ' + doc)"
    played = await Host(executor, hold=8).run(code)
    await executor.close()
    assert played.most == 8
    assert played.calls[3].text == "file3.txt: text 6 text 3"


async def test_what_the_code_calls_llm_query_is_what_it_is(repl: Executor) -> None:
    """A cell may give the name to something of its own, which is then called as often as it is written."""
    code = """
asked = []
def llm_query(prompt):
    asked.append(prompt)
    return "own"
out = [llm_query(c) for c in chunks]
print(len(asked), set(out))
"""
    played = await Host(repl).run(code)
    assert played.done.stdout == "12 {'own'}\n"
    assert not played.calls


async def test_nothing_of_the_code_is_run_or_changed_ahead(repl: Executor, make_repl: Callable[..., Executor]) -> None:
    """What the scout works on are copies: values, identities and the order of effects stay those of the loop."""
    code = """
log, seen = [], {}
alias = log
nested = {"a": [1], "b": {"c": set()}}
inner = nested["a"]
for i, c in enumerate(chunks):
    log.append(("before", i, len(log)))
    inner.append(i)
    nested["b"]["c"].add(i % 3)
    seen[c] = llm_query(f"{i} {len(log)} {nested} {alias[-1]}")
    log.append(("after", i, len(log)))
    print(i, len(log), inner is nested["a"], alias is log)
"""
    played = await Host(repl, hold=len(CONTEXT)).run(code)
    assert played.most == len(CONTEXT)
    await assert_as_written(make_repl, code, played)


async def test_a_cell_that_asks_nothing_is_compiled_as_it_was(repl: Executor) -> None:
    """And the name of the hook cannot be written."""
    from rlm_graph.repl.policy import compile_cell
    from rlm_graph.repl.run_ahead import HOOK
    from rlm_graph.repl.run_ahead.ahead import RunAhead

    prepare = RunAhead.__new__(RunAhead)
    prepare._names = frozenset({"llm_query"})
    source = "def f(rows):\n    return [row['n'] for row in rows]\nprint(f([]))"
    assert compile_cell(source, "<cell 1>", prepare.prepare) == compile_cell(source, "<cell 1>")
    played = await Host(repl).run(f"llm_query\n{HOOK}(0)")
    assert "SyntaxError" in (played.done.error or "")
    played = await Host(repl).run(f"llm_query\nprint({HOOK!r} in dir(), {HOOK!r} in globals(), {HOOK!r} in vars())")
    assert played.done.stdout == "False False False\n"


async def test_calls_that_cannot_be_told_ahead_do_not_confuse_those_that_can(
    repl: Executor, make_repl: Callable[..., Executor]
) -> None:
    """A prompt that hangs on what the scout does not follow, between others, even one that is the same text."""
    code = """
notes = []
for c in chunks[:6]:
    for line in llm_query("lines of " + c[:6]).split():
        notes.append(line)
    llm_query(f"{len(notes)}")
    llm_query("3")
    llm_query(f"end of {c[:6]}")
"""
    played = await Host(repl).run(code)
    assert played.done.ran_ahead >= 12
    await assert_as_written(make_repl, code, played)
