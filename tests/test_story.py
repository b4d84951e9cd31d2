"""The story of a run: read from the checkpoints and the journal, for whoever shows it."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from scripts import code, thread, turn_of, turns

from rlm_graph import ConfigError, Document, RLMConfig, RunNotFoundError
from rlm_graph.blocking import run_blocking
from rlm_graph.journal import Entry, Journal, Key
from rlm_graph.story import Part, Slice, read_story
from rlm_graph.story.slices import SliceFinder
from rlm_graph.testing import Reply, Request

THREAD = thread("t")


def finder(*texts: str) -> SliceFinder:
    """An index of some texts."""
    return SliceFinder([Part(None, len(text)) for text in texts], texts)


def prose(seed: int, chars: int) -> str:
    """Words that are not repeated much."""
    chosen = random.Random(seed)
    words = []
    while sum(map(len, words)) < chars:
        words.append("".join(chosen.choice("etaoinshrdlu") for _ in range(chosen.randint(2, 9))) + " ")
    return "".join(words)[:chars]


# A run that has ended. ------------------------------------------------------------------------------------------------


@pytest.fixture
def told(make_rlm: Callable[..., Any]) -> Any:
    """A graph whose thread `t` has answered, with three turns and two sub-calls."""
    return tell(make_rlm, InMemorySaver())


def tell(make_rlm: Callable[..., Any], checkpointer: Any) -> Any:
    """Likewise."""
    replies = [
        "I have a plan, and no code.",
        code("answers = [llm_query('Label this: ' + text) for text in context]", "print('x' * 3000)"),
        code("print('a')") + "\nand\n" + code("FINAL(answers)"),
    ]
    documents = [Document(prose(at, 500), f"{at}.txt") for at in range(2)]
    rlm = make_rlm(replies, lambda request: request.text[-10:], checkpointer=checkpointer)
    rlm.invoke({"query": "What is in it?", "context": documents}, THREAD)
    return rlm


@pytest.mark.parametrize("checkpointer", ["memory", "sqlite", "postgres"], indirect=True)
def test_a_story_has_what_each_turn_wrote_ran_asked_and_saw(make_rlm: Callable[..., Any], checkpointer: Any) -> None:
    """With every checkpointer."""
    story = read_story(tell(make_rlm, checkpointer), "t")
    assert (story.run, story.question, story.status, story.answered_by) == (
        "t",
        "What is in it?",
        "complete",
        "submitted",
    )
    assert story.answer is not None
    assert story.answer.startswith("[")
    assert [turn.iteration for turn in story.turns] == [1, 1, 2]
    assert [turn.reasoning for turn in story.turns] == [
        "I have a plan, and no code.",
        "Working.",
        "Working.\n\nand\nWorking.",
    ]
    assert [len(turn.cells) for turn in story.turns] == [0, 1, 2]
    asked, last = story.turns[1], story.turns[2]
    assert asked.reply.startswith("Working.\n```repl\nanswers")
    assert asked.cells[0].code.startswith("answers = ")
    assert (asked.cells[0].stdout_chars, len(asked.cells[0].stdout), asked.cells[0].shown_chars) == (3001, 3001, 1000)
    assert set(asked.cells[0].variables) == {"answers"}
    assert asked.observation.startswith("Output, the first 1,000 of 3,001 characters:\nxxx")
    assert last.prompt == asked.observation
    assert "What is in it?" in story.turns[0].prompt
    assert [cell.stdout for cell in last.cells] == ["a\n", ""]
    calls = asked.cells[0].calls
    assert [call.prompt[:12] for call in calls] == ["Label this: "] * 2
    assert [call.answer for call in calls] == [call.prompt[-10:] for call in calls]
    assert {(call.kind, call.model, call.requests, call.failed) for call in calls} == {("llm_query", "sub", 1, None)}
    assert all(call.input_tokens > 100 and call.output_tokens > 0 for call in calls)


def test_times_follow_each_other(told: Any) -> None:
    """Question, replies, cells, sub-calls, end: as they went on."""
    story = read_story(told, "t")
    times = [story.started_at]
    for turn in story.turns:
        times += [turn.started_at, turn.reply_ended_at]
        times += [at for cell in turn.cells for at in (cell.started_at, cell.ended_at)]
    times.append(story.ended_at)
    assert None not in times
    assert times == sorted(times)  # type: ignore[type-var]
    (cell,) = story.turns[1].cells
    assert cell.started_at is not None
    for call in cell.calls:
        assert call.ended_at is not None
        assert cell.started_at <= call.started_at <= call.ended_at <= (cell.ended_at or 0)


def test_calls_are_told_without_their_waiting_for_a_slot(make_rlm: Callable[..., Any]) -> None:
    """No more go on at any moment than were under way: the next one begins when there is a slot for it."""

    def sub(request: Request) -> Reply:
        return Reply(text=request.text, delay_s=0.05)

    replies = [code("FINAL(llm_query_batched([f'part {i}' for i in range(8)]))")]
    rlm = make_rlm(replies, sub, checkpointer=InMemorySaver(), config=RLMConfig(max_concurrency=2))
    rlm.invoke({"query": "?", "context": "abc"}, THREAD)
    calls = [call for _, call in read_story(rlm, "t").calls()]
    assert len(calls) == 8
    edges = [(call.started_at, 1) for call in calls] + [(call.ended_at or 0.0, -1) for call in calls]
    under_way = list(accumulate(change for _, change in sorted(edges)))
    assert max(under_way) == 2
    assert all((call.ended_at or 0.0) - call.started_at >= 0.05 for call in calls)


def test_totals_are_those_of_the_state(told: Any) -> None:
    """To the token."""
    story, values = read_story(told, "t"), told.get_state(THREAD).values
    assert story.totals.input_tokens == values["total_input_tokens"]
    assert story.totals.requests == values["requests"] == 5
    assert story.totals.sub_calls == 2
    assert dict(story.models) == values["models"]
    of_parts = sum(turn.input_tokens for turn in story.turns) + sum(call.input_tokens for _, call in story.calls())
    assert of_parts == story.totals.input_tokens


def test_prompts_show_which_documents_they_read(told: Any) -> None:
    """By name, and to the character."""
    story = read_story(told, "t")
    assert story.parts == (Part("0.txt", 500), Part("1.txt", 500))
    slices = {one for _, call in story.calls() for one in call.slices}
    assert slices == {Slice(0, "0.txt", 0, 500, 12), Slice(1, "1.txt", 0, 500, 12)}
    assert all(not call.slices for _, call in read_story(told, "t", prompts=False).calls())


def test_a_checkpoint_ends_the_story(told: Any) -> None:
    """That of the state before a turn: the story has the turns before it."""
    whole = read_story(told, "t")
    half = read_story(told, "t", checkpoint_id=whole.turns[2].checkpoint_id)
    assert half.turns == whole.turns[:2]
    assert (half.status, half.answer, half.totals.iterations) == ("unfinished", None, 1)


def test_a_story_can_be_read_from_another_graph(told: Any, make_rlm: Callable[..., Any]) -> None:
    """With the same checkpointer, journal and store, of whatever models."""
    other = make_rlm(["never asked"], checkpointer=told.checkpointer, journal=told.journal)
    assert read_story(other, "t") == read_story(told, "t")


# Which way the run went. ----------------------------------------------------------------------------------------------


def test_only_the_last_question_of_a_thread_is_told(make_rlm: Callable[..., Any]) -> None:
    """The ones before it are other stories."""
    replies = [code("x = llm_query('one')", "FINAL(x)"), code("FINAL(x + llm_query('two'))")]
    rlm = make_rlm(replies, checkpointer=InMemorySaver())
    rlm.invoke({"query": "First?", "context": "abc"}, THREAD)
    rlm.invoke({"query": "Second?"}, THREAD)
    story = read_story(rlm, "t")
    assert story.question == "Second?"
    assert [call.prompt for _, call in story.calls()] == ["two"]


def test_only_the_way_that_leads_to_the_state_is_told(make_rlm: Callable[..., Any]) -> None:
    """A branch that was left is not part of it, and can be told by its own state."""
    replies = [code("a = llm_query('a')"), code("FINAL(llm_query('left'))"), code("FINAL(llm_query('taken'))")]
    rlm = make_rlm(replies, checkpointer=InMemorySaver())
    rlm.invoke({"query": "?", "context": "abc"}, THREAD)
    left = read_story(rlm, "t")
    checkpoint = left.turns[1].checkpoint_id
    rlm.invoke(None, {"configurable": {"thread_id": "t", "checkpoint_id": checkpoint}})
    taken = read_story(rlm, "t")
    assert [call.prompt for _, call in taken.calls()] == ["a", "taken"]
    assert [call.prompt for _, call in read_story(rlm, "t", checkpoint_id=left.checkpoint_id).calls()] == ["a", "left"]


def test_a_fork_tells_what_it_has_taken_over(make_rlm: Callable[..., Any]) -> None:
    """The conversation of the other run; its sub-calls are told there."""
    replies = [code("a = llm_query('a')", "print(a)"), code("FINAL('one')"), code("FINAL(llm_query('two'))")]
    rlm = make_rlm(replies, checkpointer=InMemorySaver())
    rlm.invoke({"query": "?", "context": "abc"}, THREAD)
    before = rlm.get_state(
        {"configurable": {"thread_id": "t", "checkpoint_id": read_story(rlm, "t").turns[1].checkpoint_id}}
    )
    fork = thread("fork")
    rlm.update_state(fork, before.values, as_node="truncate_observation")
    rlm.invoke(None, fork)
    story = read_story(rlm, "fork")
    assert [turn.iteration for turn in story.turns] == [1, 2]
    assert story.turns[0].cells[0].code == "a = llm_query('a')\nprint(a)"
    assert "sub" in story.turns[0].observation
    assert story.turns[0].checkpoint_id is None
    assert [call.prompt for _, call in story.calls()] == ["two"]
    assert len(story.notes) == 1


def test_code_that_a_person_has_put_in_is_told_as_a_turn(make_rlm: Callable[..., Any]) -> None:
    """As `fork --code` does."""
    from langchain_core.messages import AIMessage

    from rlm_graph.state import marked

    rlm = make_rlm([code("a = 1"), code("FINAL('one')")], checkpointer=InMemorySaver())
    rlm.invoke({"query": "?", "context": "abc"}, THREAD)
    turn = read_story(rlm, "t").turns[1]
    place = {"configurable": {"thread_id": "t", "checkpoint_ns": "", "checkpoint_id": turn.checkpoint_id}}
    reply = marked(AIMessage(code("FINAL(llm_query('by hand'))")), "code")
    values = {"messages": [reply], "cells": ["FINAL(llm_query('by hand'))"], "iterations": 2}
    rlm.update_state(place, values, as_node="generate_code")
    rlm.invoke(None, THREAD)
    story = read_story(rlm, "t")
    assert [one.iteration for one in story.turns] == [1, 2]
    assert story.turns[1].reply == reply.text
    assert [call.prompt for _, call in story.calls()] == ["by hand"]


def test_turns_that_were_compacted_are_told(make_rlm: Callable[..., Any]) -> None:
    """Each as it was when it was there."""

    def root(request: Request) -> str:
        if "notes" in request.messages[-1]["content"][:400].lower():
            return "I did a lot."
        return code(f"print('{turn_of(request)}' * 3000)") if request.model_index < 8 else code("FINAL('end')")

    config = RLMConfig(root_window_tokens=6_000, metadata_prefix_chars=6_000, root_max_tokens=500)
    rlm = make_rlm(root, checkpointer=InMemorySaver(), config=config)
    rlm.invoke({"query": "?", "context": "abc"}, THREAD)
    assert rlm.get_state(THREAD).values["history"] is not None
    story = read_story(rlm, "t")
    assert [turn.iteration for turn in story.turns] == list(range(1, len(story.turns) + 1))
    assert all(turn.cells[0].stdout_chars == 3001 and turn.observation for turn in story.turns[:-1])
    assert sum(turn.input_tokens for turn in story.turns) == story.totals.input_tokens


def test_a_direct_answer_is_one_turn(make_rlm: Callable[..., Any]) -> None:
    """Without code."""
    rlm = make_rlm(["It is red."], checkpointer=InMemorySaver(), config=RLMConfig(direct_below_chars=100))
    rlm.invoke({"query": "Which colour?", "context": "all is red"}, THREAD)
    story = read_story(rlm, "t")
    assert (story.answer, story.answered_by) == ("It is red.", "direct")
    (turn,) = story.turns
    assert (turn.iteration, turn.reply, turn.cells, turn.model) == (1, "It is red.", (), "root")


def test_a_last_question_is_a_turn_of_its_own(make_rlm: Callable[..., Any]) -> None:
    """And the status says why it was asked."""
    replies = [code("x = 1"), code("FINAL('the best there is')")]
    rlm = make_rlm(replies, checkpointer=InMemorySaver(), config=RLMConfig(max_iterations=1))
    rlm.invoke({"query": "?", "context": "abc"}, THREAD)
    story = read_story(rlm, "t")
    assert (story.status, story.answered_by) == ("out_of_iterations", "forced")
    assert [turn.iteration for turn in story.turns] == [1, 2]


# Sub-calls. -----------------------------------------------------------------------------------------------------------


def test_children_are_told_with_their_turns(make_rlm: Callable[..., Any]) -> None:
    """Each call of theirs below the one that it answers, and what they took with it."""
    child_turns = turns(code("part = llm_query('of the child')", "print(part)"), code("FINAL(part)"))

    def sub(request: Request) -> Reply | str:
        return child_turns(request) if request.system else "an answer"

    root = [code("FINAL(rlm_query('Look deeper', context=['x', 'y']))")]
    rlm = make_rlm(root, sub, checkpointer=InMemorySaver(), config=RLMConfig(max_recursion_depth=2))
    rlm.invoke({"query": "?", "context": "abc"}, THREAD)
    story = read_story(rlm, "t")
    (child,) = story.turns[0].cells[0].calls
    assert (child.kind, child.prompt, child.answer, child.requests) == ("rlm_query", "Look deeper", "an answer", 3)
    assert [turn.iteration for turn in child.child] == [1, 2]
    first, second = child.child
    assert [call.prompt for call in first.cells[0].calls] == ["of the child"]
    assert first.cells[0].stdout == "an answer\n"
    assert first.cells[0].shown_chars == len("an answer\n")
    assert first.observation == second.prompt
    assert second.cells[0].code == "FINAL(part)"
    assert child.input_tokens == sum(t.input_tokens for t in child.child) + first.cells[0].calls[0].input_tokens
    assert [call.kind for _, call in story.calls()] == ["rlm_query", "llm_query"]


def test_failures_tools_and_questions_are_told(make_rlm: Callable[..., Any]) -> None:
    """What was asked, and what came back, whatever it was."""

    def price(part: str) -> float:
        """The price of a part."""
        return len(part) / 2

    lines = [
        "try:",
        "    llm_query('no')",
        "except SubCallError as error:",
        "    print(error)",
        "found = price('screw')",
        "FINAL([found, ask_user('Which one?')])",
    ]
    config = RLMConfig(ask_user=True, max_retries=0)
    refused = Reply(status=400, text="not that")
    rlm = make_rlm([code(*lines)], lambda _: refused, checkpointer=InMemorySaver(), tools=[price], config=config)
    rlm.invoke({"query": "?", "context": "abc"}, THREAD)
    waiting = read_story(rlm, "t")
    assert (waiting.status, waiting.waiting) == ("waiting", ("Which one?",))
    rlm.invoke(Command(resume="the red one"), THREAD)
    story = read_story(rlm, "t")
    by_kind = {call.kind: call for _, call in story.calls()}
    assert by_kind["llm_query"].failed == "ModelServerError"
    assert "not that" in by_kind["llm_query"].answer
    assert (by_kind["tool"].prompt, by_kind["tool"].answer) == ('price({"part": "screw"})', "2.5")
    assert (by_kind["ask_user"].prompt, by_kind["ask_user"].answer) == ("Which one?", "the red one")


def test_cells_that_fail_are_told_with_their_error(make_rlm: Callable[..., Any]) -> None:
    """And the turn after them reads on."""
    rlm = make_rlm([code("print('before')", "1 / 0"), code("FINAL('end')")], checkpointer=InMemorySaver())
    rlm.invoke({"query": "?", "context": "abc"}, THREAD)
    (cell,) = read_story(rlm, "t").turns[0].cells
    assert cell.stdout == "before\n"
    assert cell.error is not None
    assert "ZeroDivisionError" in cell.error


# Runs that have not ended, and what is missing. -----------------------------------------------------------------------


def test_an_answer_that_is_refused_is_told_with_its_reason(make_rlm: Callable[..., Any]) -> None:
    """Beside the cell that submitted it, which ran to its end."""
    whole = {"title": "Count", "type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    rlm = make_rlm([code("FINAL('x')"), code("FINAL({'n': 1})")], checkpointer=InMemorySaver(), response_format=whole)
    rlm.invoke({"query": "?", "context": "abc"}, THREAD)
    first, second = [turn.cells[0] for turn in read_story(rlm, "t").turns]
    assert first.ended
    assert (first.error or "").startswith("The answer is not accepted.\nIt does not fit the JSON Schema:")
    assert second.error is None


def test_a_run_is_told_while_it_goes_on(make_rlm: Callable[..., Any]) -> None:
    """With the sub-calls that are answered, in the middle of a cell."""
    goes_on = threading.Event()

    async def sub(request: Request) -> str:
        while request.text == "slow" and not goes_on.is_set():
            await asyncio.sleep(0.02)
        return f"answer to {request.text}"

    rlm = make_rlm(
        [code("a = llm_query('quick')", "b = llm_query('slow')", "FINAL(a + b)")], sub, checkpointer=InMemorySaver()
    )
    running = threading.Thread(target=rlm.invoke, args=({"query": "?", "context": "abc"}, THREAD))
    running.start()
    try:
        until = time.monotonic() + 20
        story = None
        while story is None or not [*story.calls()]:
            assert time.monotonic() < until
            time.sleep(0.02)
            try:
                story = read_story(rlm, "t")
            except RunNotFoundError:
                story = None
    finally:
        goes_on.set()
        running.join()
    assert (story.status, story.answer, story.ended_at) == ("running", None, None)
    assert [(call.prompt, call.answer) for _, call in story.calls()] == [("quick", "answer to quick")]
    assert story.turns[0].cells[0].code.startswith("a = ")
    assert not story.turns[0].cells[0].ended
    assert story.totals.sub_calls == 1
    assert story.totals.requests == 2
    assert story.models["sub"]["requests"] == 1
    assert read_story(rlm, "t").status == "complete"


def test_children_are_told_while_they_work(make_rlm: Callable[..., Any]) -> None:
    """With their own turns and calls, and those of grandchildren, before any of them has answered."""
    goes_on = threading.Event()
    child = turns(code("a = llm_query('quick')"), code("FINAL(rlm_query('Deepest', context='z'))"))

    async def sub(request: Request) -> Reply | str:
        if request.system:
            is_deepest = "Deepest" in request.messages[1]["content"]
            return code("FINAL(llm_query('slow'))") if is_deepest else child(request)
        while request.text == "slow" and not goes_on.is_set():
            await asyncio.sleep(0.02)
        return f"answer to {request.text}"

    config = RLMConfig(max_recursion_depth=3)
    root = [code("FINAL(rlm_query('Look deeper', context=['x', 'y']))")]
    rlm = make_rlm(root, sub, checkpointer=InMemorySaver(), config=config)
    running = threading.Thread(target=rlm.invoke, args=({"query": "?", "context": "abc"}, THREAD))
    running.start()
    try:
        until = time.monotonic() + 20
        told: list[Any] = []
        while len(told) < 3 or not told[-1].child or not told[-1].child[0].cells[0].asked:
            assert time.monotonic() < until, told
            time.sleep(0.05)
            told = [] if rlm.journal.run("t") is None else [call for _, call in read_story(rlm, "t").calls()]
    finally:
        goes_on.set()
        running.join()
    look, quick, deepest = told
    assert [(call.kind, call.prompt) for call in (look, deepest)] == [
        ("rlm_query", "Look deeper"),
        ("rlm_query", "Deepest"),
    ]
    assert (look.answer, look.ended_at, deepest.ended_at) == ("", None, None)
    assert (look.requests, deepest.requests) == (4, 1)
    assert (quick.prompt, quick.answer) == ("quick", "answer to quick")
    assert [[cell.ended for cell in turn.cells] for turn in look.child] == [[True], [False]]
    assert [cell.asked for cell in look.child[1].cells] == [1]
    ended = [call for _, call in read_story(rlm, "t").calls()]
    assert [call.id for call in ended][:3] == [call.id for call in told]
    assert ended[0].answer == "answer to slow"


def test_a_run_that_failed_is_told_up_to_there(make_rlm: Callable[..., Any]) -> None:
    """With its status."""
    replies = [code("x = llm_query('a')"), Reply(status=401)]
    rlm = make_rlm(replies, checkpointer=InMemorySaver())
    with pytest.raises(Exception, match="401"):
        rlm.invoke({"query": "?", "context": "abc"}, THREAD)
    story = read_story(rlm, "t")
    assert (story.status, story.answer) == ("failed", None)
    assert [call.prompt for _, call in story.calls()] == ["a"]


def test_without_its_journal_a_run_is_told_by_its_states(make_rlm: Callable[..., Any], tmp_path: Path) -> None:
    """Code, the shown output, observations, tokens; no sub-calls."""
    saver = InMemorySaver()
    rlm = make_rlm([code("x = llm_query('a')", "print('y' * 3000)"), code("FINAL(x)")], checkpointer=saver)
    rlm.invoke({"query": "?", "context": "abc"}, THREAD)
    bare = make_rlm(["never"], checkpointer=saver, journal=Journal(tmp_path / "other.sqlite"))
    story = read_story(bare, "t")
    assert story.status == "complete"
    first = story.turns[0]
    assert (first.cells[0].stdout_chars, first.cells[0].shown_chars, first.cells[0].calls) == (3001, 1000, ())
    assert first.model is not None
    assert first.input_tokens > 0
    assert first.observation


def test_a_context_that_is_gone_leaves_a_note(make_rlm: Callable[..., Any], tmp_path: Path) -> None:
    """The rest of the story is told."""
    from rlm_graph import ContextStore

    saver = InMemorySaver()
    rlm = make_rlm([code("FINAL(llm_query('a'))")], checkpointer=saver)
    rlm.invoke({"query": "?", "context": "abc"}, THREAD)
    journal = rlm.journal
    other = make_rlm(["never"], checkpointer=saver, journal=journal, context_store=ContextStore(tmp_path / "empty"))
    story = read_story(other, "t")
    assert len([*story.calls()]) == 1
    assert "cannot be said" in story.notes[0]


def test_there_is_no_story_of_what_was_never_run(make_rlm: Callable[..., Any]) -> None:
    """Nor of a graph that keeps nothing."""
    rlm = make_rlm(["never"], checkpointer=InMemorySaver())
    with pytest.raises(RunNotFoundError, match="'nobody'"):
        read_story(rlm, "nobody")
    with pytest.raises(ConfigError, match="checkpointer"):
        read_story(make_rlm(["never"]), "t")


def test_ten_thousand_sub_calls_are_read_in_two_seconds(make_rlm: Callable[..., Any]) -> None:
    """With prompts of 1 KB, and which parts of a context of 1 MB they read."""
    texts = [prose(at, 950) for at in range(1000)]
    rlm = make_rlm([code("FINAL(1)")], checkpointer=InMemorySaver())
    rlm.invoke({"query": "?", "context": texts}, THREAD)
    scope = run_blocking(rlm.journal.story("t"))[-1][0]
    _write_calls(rlm.journal, scope, [f"Label this, please: {texts[at % 1000]} Thanks." for at in range(10_000)])
    began = time.process_time()
    story = read_story(rlm, "t")
    took_s = time.process_time() - began
    calls = [call for _, call in story.calls()]
    assert len(calls) == 10_000
    assert all(len(call.slices) == 1 for call in calls)
    assert took_s < 2.5, took_s


def _write_calls(journal: Journal, scope: str, prompts: Sequence[str]) -> None:
    async def write() -> None:
        session = await journal.open_session("t")
        for at, prompt in enumerate(prompts):
            key = Key("", "execute_repl 0", "llm_query", f"{at:064x}", 0)
            value = '{"type": "ai", "data": {"content": "an answer of some forty characters or so"}}'
            times = {"started_at": 1e9 + at / 100, "ended_at": 1e9 + at / 100 + 1.5}
            entry = Entry(value, model="sub", requests=1, input_tokens=250, output_tokens=10, prompt=prompt, **times)
            session.record_later(scope, key, entry)
        await session.close()

    run_blocking(write())


# Slices. --------------------------------------------------------------------------------------------------------------


def test_a_slice_is_found_to_the_character() -> None:
    """Wherever it begins, and whatever stands around it."""
    text = prose(1, 20_000)
    index = finder(text)
    for start, end in [(0, 50), (17, 400), (9_990, 12_345), (19_900, 20_000)]:
        start, end = _without_spaces(text, start, end)
        (found,) = index.find(f"What is this?\n\n{text[start:end]}\n\nAnswer in one word.")
        assert found == Slice(0, None, start, end, 15)


def _without_spaces(text: str, start: int, end: int) -> tuple[int, int]:
    """The nearest place whose ends are no spaces: to which text those belong cannot be said."""
    while text[start].isspace():
        start += 1
    while text[end - 1].isspace():
        end -= 1
    return start, end


def test_equal_texts_are_told_apart_by_what_stands_beside_them() -> None:
    """A log repeats its lines; the longest match is the place."""
    lines = [f"INFO request served in time, as always; count {at // 7}" for at in range(3000)]
    lines[1500] = "ERROR request 77 was lost between two hosts"
    text = "\n".join(lines)
    piece = "\n".join(lines[1490:1520])
    (found,) = finder(text).find(f"Read:\n{piece}")
    assert text[found.start : found.end] == piece
    assert found.start == text.index(piece)


def test_equal_documents_are_read_in_order() -> None:
    """A loop that goes through the same text three times has gone through three documents."""
    same = prose(3, 300)
    index = finder(same, same, same)
    assert [index.find(f"Read: {same}")[0].document for _ in range(3)] == [0, 1, 2]


def test_text_that_says_nothing_is_not_a_slice() -> None:
    """Short matches, and runs of one character, are chance."""
    text = prose(4, 5000) + "-" * 5000 + prose(5, 5000)
    assert finder(text).find("Answer briefly: " + text[100:118]) == ()
    assert finder(text).find("=" * 500) == ()
    found = finder(text).find("-" * 50)
    assert all(text[one.start : one.end] == "-" * 50 for one in found)


def test_whole_short_lines_are_found() -> None:
    """Where they stand once; a line of three letters says nothing."""
    index = finder("apples, 12 kg\npears, 3 kg\nfig\nsame line\nsame line")
    found = index.find("Which of these is fruit?\npears, 3 kg\nfig\nsame line")
    assert found == (Slice(0, None, 14, 25, 25),)


def test_a_prompt_can_hold_several_slices() -> None:
    """Of several documents, in the order in which they stand in it."""
    one, other = prose(6, 3000), prose(7, 3000)
    pieces = [
        (1, *_without_spaces(other, 100, 700)),
        (0, *_without_spaces(one, 2000, 2300)),
        (0, *_without_spaces(one, 0, 50)),
    ]
    texts = [(one, other)[number][start:end] for number, start, end in pieces]
    prompt = "Compare\n{}\nwith\n{}\nand\n{}".format(*texts)
    found = finder(one, other).find(prompt)
    assert [(slice_.document, slice_.start, slice_.end) for slice_ in found] == pieces
    for slice_ in found:
        text = (one, other)[slice_.document]
        assert prompt[slice_.at : slice_.at + slice_.end - slice_.start] == text[slice_.start : slice_.end]


@pytest.mark.parametrize(
    "alphabet",
    ["\N{GRINNING FACE}\N{FAMILY}ab ", "漢字仮名、。 ", "привет мир ", "\ud800\udfff\0 x", "ACGT"],
    ids=ascii,
)
def test_any_text_is_searched(alphabet: str) -> None:
    """Emoji, Chinese, Russian, lone surrogates, a genome on one line."""
    chosen = random.Random(8)
    text = "".join(chosen.choice(alphabet) for _ in range(20_000))
    start, end = _without_spaces(text, 5_000, 5_600)
    (found,) = finder(text).find("Read: |" + text[start:end])
    assert (found.start, found.end) == (start, end)


def test_a_large_context_is_searched_in_bounded_memory() -> None:
    """Pieces of a thousand characters are found in 20 MB."""
    lines = [prose(at, 200) for at in range(50)]
    text = "".join(f"{at} {lines[at % 50]}\n" for at in range(100_000))
    index = finder(text)
    assert len(index._blocks) <= 400_000
    chosen = random.Random(9)
    for _ in range(50):
        start = chosen.randrange(len(text) - 1000)
        assert any(
            one.start <= start + 100 and one.end >= start + 900 for one in index.find(text[start : start + 1000])
        )
