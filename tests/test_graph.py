"""The graph as its users run it: real nodes, real worker processes, real checkpointers; only the model is scripted."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document as LangChainDocument
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run as TracedRun
from langgraph.checkpoint.memory import InMemorySaver
from scripts import code, echo, thread, turns

from rlm_graph import (
    ConfigError,
    MaxSubCallsExceeded,
    ModelError,
    REPLExecutionError,
    RLMConfig,
    create_rlm,
    load_context,
)
from rlm_graph.blocking import run_blocking
from rlm_graph.errors import ContextEmptyError, ContextTypeError, MissingKeyError, ModelAuthError, UnknownModelError
from rlm_graph.testing import Reply, Request
from tests import reference

MakeRLM = Callable[..., Any]


TRAJECTORIES: dict[str, tuple[list[str], Any]] = {
    "answer at once": ([code("FINAL(len(context))")], "some text"),
    "probe, loop, answer": (
        [
            code("print(type(context).__name__, len(context))"),
            code("answers = []\nfor part in context:\n    answers.append(llm_query('read ' + part))\nprint(answers)"),
            code("FINAL('; '.join(answers))"),
        ],
        ["a", "b", "c"],
    ),
    "an error in the middle": (
        [
            code("kept = 5\nprint('before')\nraise ValueError('oops')\nprint('after')"),
            code("print(kept)"),
            code("FINAL(kept)"),
        ],
        "text",
    ),
    "batched": (
        [code("r = llm_query_batched([f'{i}:{w}' for i, w in enumerate(context.split())])"), code("FINAL(r[-1])")],
        "one two three",
    ),
    "functions and classes live on": (
        [
            code("class Box:\n    def __init__(self, n):\n        self.n = n"),
            code("def grow(box):\n    box.n += 1\n    return box"),
            code("box = grow(grow(Box(1)))\nprint(box.n)"),
            code("FINAL(str(box.n))"),
        ],
        "text",
    ),
    "nothing is submitted in a branch that is not taken": (
        [code("if len(context) > 100:\n    FINAL('long')\nprint('short')"), code("FINAL('it was short')")],
        "text",
    ),
}


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_the_graph_is_the_algorithm(make_rlm: MakeRLM, checkpointer: Any, name: str) -> None:
    """Answer, iterations, output and sub-calls are those of the plain loop, with every checkpointer."""
    replies, context = TRAJECTORIES[name]
    expected = reference.run(replies, context, lambda prompt: f"re:{prompt}")
    rlm = make_rlm(replies, echo, checkpointer=checkpointer)
    events = []
    result: dict[str, Any] = {}
    question = {"query": "What is it?", "context": context}
    for mode, chunk in rlm.stream(question, thread(), stream_mode=["custom", "values"]):
        events += [chunk["rlm_event"]] if mode == "custom" else []
        result = chunk if mode == "values" else result
    assert result["answer"] == str(expected.answer)
    assert (result["iterations"], result["sub_calls"]) == (expected.iterations, len(expected.prompts))
    assert [e["detail"]["stdout"] for e in events if e["type"] == "code_executed"] == expected.stdouts
    asked = [request.text for request in rlm.server.requests if request.model == "sub"]
    assert sorted(asked) == sorted(expected.prompts)
    assert (result["status"], result["answered_by"]) == ("complete", "submitted")
    assert result["messages"][-1].text == result["answer"]


@pytest.mark.parametrize("name", TRAJECTORIES)
async def test_async_runs_are_the_same(make_rlm: MakeRLM, async_checkpointer: Any, name: str) -> None:
    """`ainvoke` gives what `invoke` gives."""
    replies, context = TRAJECTORIES[name]
    expected = reference.run(replies, context, lambda prompt: f"re:{prompt}")
    rlm = make_rlm(replies, echo, checkpointer=async_checkpointer)
    result = await rlm.ainvoke({"query": "What is it?", "context": context}, thread())
    assert (result["answer"], result["iterations"]) == (str(expected.answer), expected.iterations)


def test_batches_run_side_by_side(make_rlm: MakeRLM) -> None:
    """`batch` gives each question its own answer."""
    rlm = make_rlm(lambda request: code("FINAL(context.upper())"))
    results = rlm.batch([{"query": "?", "context": text} for text in "abcdef"])
    assert [result["answer"] for result in results] == list("ABCDEF")


async def test_async_batches_run_side_by_side(make_rlm: MakeRLM) -> None:
    """`abatch` likewise."""
    rlm = make_rlm(lambda request: code("FINAL(context.upper())"))
    results = await rlm.abatch([{"query": "?", "context": text} for text in "abcdef"])
    assert [result["answer"] for result in results] == list("ABCDEF")


async def test_invoke_works_inside_a_running_event_loop(make_rlm: MakeRLM) -> None:
    """A notebook calls sync code from async code."""
    rlm = make_rlm([code("FINAL(1)")])
    assert rlm.invoke({"query": "?", "context": "text"})["answer"] == "1"


def test_tokens_of_the_root_model_stream(make_rlm: MakeRLM) -> None:
    """LangGraph's mode `messages` gives the root's tokens; sub-calls, which may be thousands, stay out of it."""
    rlm = make_rlm([Reply(chunks=["Work", "ing.\n```repl\n", "FINAL(llm_query('x'))\n```"])], "secret of the sub-model")
    tokens = [chunk.text for chunk, _ in rlm.stream({"query": "?", "context": "text"}, stream_mode="messages")]
    assert "Work" in tokens
    assert sum("secret of the sub-model" in token for token in tokens) <= 1  # only the answer itself


# --- What goes in --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("context", "probe", "expected"),
    [
        ("a text", "repr(context)", "'a text'"),
        (["a", "b"], "repr(context)", "['a', 'b']"),
        ({"k": ["v", 1, None]}, "repr(context)", "{'k': ['v', 1, None]}"),
        ("cr\r\n nul\x00 \ud800 \N{GRINNING FACE}", "str([ord(c) for c in context])", None),
        (
            [LangChainDocument("text one", metadata={"source": "one.txt", "page": 3})],
            "f'{context[0]} {context[0].name} {context[0].metadata} {context[0][:4]}'",
            None,
        ),
    ],
    ids=["str", "list", "dict", "bytes for byte", "documents"],
)
def test_contexts_reach_the_repl(make_rlm: MakeRLM, context: Any, probe: str, expected: str | None) -> None:
    """Each kind of context is the value that it was, byte for byte."""
    result = make_rlm([code(f"FINAL({probe})")]).invoke({"query": "?", "context": context})
    if isinstance(context, str) and expected is None:
        expected = str([ord(c) for c in context])
    if expected is None:
        assert result["answer"].startswith("text one one.txt")
        assert "'page': 3" in result["answer"]
    else:
        assert result["answer"] == expected


def test_a_path_is_a_context_when_it_is_named_as_one(make_rlm: MakeRLM, tmp_path: Path) -> None:
    """A `Path` and `load_context` read a folder; its documents know their names."""
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("alpha")
    (folder / "sub" / "b.md").write_text("beta")
    for context in (folder, load_context(str(folder))):
        rlm = make_rlm([code("FINAL([[d.name, d.upper()] for d in context])")])
        result = rlm.invoke({"query": "?", "context": context})
        assert json.loads(result["answer"]) == [["a.txt", "ALPHA"], ["sub/b.md", "BETA"]]


def test_a_text_is_never_a_path(make_rlm: MakeRLM, tmp_path: Path) -> None:
    """A remote caller must not read the host's files: a str in the input is the text itself."""
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    for text in (str(secret), f"file://{secret}"):
        assert make_rlm([code("FINAL(context)")]).invoke({"query": "?", "context": text})["answer"] == text


def test_messages_are_a_question(make_rlm: MakeRLM) -> None:
    """As a chat graph: the last human message asks; without a context its text is the context."""
    rlm = make_rlm([code("FINAL(context[-3:])")])
    result = rlm.invoke({"messages": [{"role": "user", "content": "What ends this? xyz"}]})
    assert result["answer"] == "xyz"
    assert isinstance(result["messages"][0], HumanMessage)
    assert isinstance(result["messages"][-1], AIMessage)
    assert result["messages"][-1].text == "xyz"


def test_it_is_a_node_of_a_larger_graph(make_rlm: MakeRLM) -> None:
    """As a sub-agent: messages go in, the answer is the last message; its REPL ends with the run."""
    from langgraph.graph import END, START, MessagesState, StateGraph

    rlm = make_rlm([code("print(1)")] * 20 + [code("FINAL('done')")])
    parent = StateGraph(MessagesState).add_node("rlm", rlm).add_edge(START, "rlm").add_edge("rlm", END).compile()
    result = parent.invoke({"messages": [("user", "Do it")]})
    assert result["messages"][-1].text == "done"


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"query": "?", "context": ""}, ContextEmptyError, "empty"),
        ({"query": "?", "context": []}, ContextEmptyError, "empty"),
        ({"query": "?", "context": {1, 2}}, ContextTypeError, "set"),
        ({"query": "?", "context": 5}, ContextTypeError, "int"),
        ({"query": " ", "context": "text"}, ConfigError, "query"),
        ({"context": "text"}, ConfigError, "query"),
    ],
)
def test_bad_input_is_refused(make_rlm: MakeRLM, given: Any, error: type[Exception], words: str) -> None:
    """With what was wrong, before any model is called."""
    rlm = make_rlm(["unused"])
    with pytest.raises(error, match=words):
        rlm.invoke(given)
    assert not rlm.server.requests


# --- What the root model sees --------------------------------------------------------------------------------------


def test_the_context_is_seen_by_nobody(make_rlm: MakeRLM, caplog: pytest.LogCaptureFixture) -> None:
    """A canary in the context is in no root message, checkpoint, log or trace, unless the code printed it."""
    caplog.set_level(logging.DEBUG)
    canary = "CANARY-7f3a"
    context = "x" * 5000 + canary + "y" * 5000
    saver, tracer, config = InMemorySaver(), Tracer(), thread()
    replies = [
        code("kept = context\npart = context[4990:5020]\nparts = [part]\nprint(len(kept))"),
        code("FINAL(len(part))"),
    ]
    rlm = make_rlm(replies, checkpointer=saver, config=RLMConfig(verbose=True))
    server = rlm.server
    rlm.invoke({"query": "How long?", "context": context}, {**config, "callbacks": [tracer]})
    checkpoints = repr([(c.checkpoint, c.metadata, c.pending_writes) for c in saver.list(config)])
    seen = repr([request.body for request in server.requests]) + checkpoints + repr(saver.blobs) + repr(saver.writes)
    assert rlm.get_state(config).values["repl_variables"]["part"] == "str of 30 chars"
    assert tracer.runs
    assert canary not in caplog.text
    assert canary not in repr([(run.inputs, run.outputs) for run in tracer.runs])
    assert canary not in seen
    rlm.close()


class Tracer(BaseTracer):
    """Keeps every run that LangChain traces."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[TracedRun] = []

    def _persist_run(self, run: TracedRun) -> None:
        self.runs += [run, *self._below(run)]

    def _below(self, run: TracedRun) -> list[TracedRun]:
        return [found for child in run.child_runs for found in (child, *self._below(child))]


def test_output_is_cut_and_its_length_told(make_rlm: MakeRLM) -> None:
    """The first `metadata_prefix_chars` characters, and how many there were."""
    rlm = make_rlm([code("print('z' * 5000)"), code("FINAL(1)")], config=RLMConfig(metadata_prefix_chars=100))
    rlm.invoke({"query": "?", "context": "text"})
    observation = rlm.server.requests[-1].text
    assert observation.count("z") == 100
    assert "5,001" in observation


def test_the_model_may_mend_its_code(make_rlm: MakeRLM) -> None:
    """An error is an observation with the line and the reason; variables set before it are kept."""
    rlm = make_rlm([code("a = 1\nb = a / 0"), code("FINAL(a)")])
    result = rlm.invoke({"query": "?", "context": "text"})
    observation = rlm.server.requests[-1].text
    assert "line 2" in observation
    assert "ZeroDivisionError" in observation
    assert result["answer"] == "1"


def test_a_reply_without_code_gets_a_reminder_and_costs_no_turn(make_rlm: MakeRLM) -> None:
    """One iteration is enough when the first reply was prose."""
    rlm = make_rlm(["I think about it.", code("FINAL('here')")], config=RLMConfig(max_iterations=1))
    result = rlm.invoke({"query": "?", "context": "text"})
    assert (result["answer"], result["status"], result["iterations"]) == ("here", "complete", 1)
    assert "no code" in rlm.server.requests[-1].text


def test_prose_for_ever_ends(make_rlm: MakeRLM) -> None:
    """Only the first reply without code is free."""
    rlm = make_rlm(["prose"] * 4, config=RLMConfig(max_iterations=2))
    result = rlm.invoke({"query": "?", "context": "text"})
    assert (result["answer"], result["answered_by"]) == ("prose", "forced")


@pytest.mark.parametrize("content", ["", None])
def test_empty_replies_do_not_crash(make_rlm: MakeRLM, content: str | None) -> None:
    """An empty or missing content is a reply without code."""
    body = {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}]}
    empty = Reply(raw_body=json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "root", **body}))
    result = make_rlm([empty, code("FINAL(1)")]).invoke({"query": "?", "context": "text"})
    assert result["answer"] == "1"


def test_several_blocks_run_in_order_up_to_the_first_error(make_rlm: MakeRLM) -> None:
    """The blocks after the error are not run, and the model is told."""
    reply = "```repl\nlog = ['a']\n```\n```repl\nlog.append(1 / 0)\n```\n```repl\nlog.append('c')\n```"
    rlm = make_rlm([reply, code("FINAL(log)")])
    assert rlm.invoke({"query": "?", "context": "text"})["answer"] == '["a"]'
    assert "block 2 of 3" in rlm.server.requests[-1].text


# --- Answers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replies", "answer"),
    [
        ([code("FINAL('x')")], "x"),
        ([code("r = 'v'\nFINAL_VAR('r')")], "v"),
        ([code("r = 'v'"), "FINAL_VAR(r)"], "v"),
        ([code("r = 'v'"), "FINAL(r)"], "v"),
        (["FINAL(plain words)"], "plain words"),
        ([code("answer['content'] = 'a'\nanswer['ready'] = True")], "a"),
        ([code("SUBMIT('s')")], "s"),
        ([code("SUBMIT(answer='s')")], "s"),
        ([code("Final = 'f'")], "f"),
        ([code("FINAL({'a': [1, 'é']})")], '{"a": [1, "é"]}'),
        ([code("FINAL(3.5)")], "3.5"),
        ([code("FINAL('')"), code("FINAL('unused')")], ""),
        ([code("try:\n    FINAL('first')\nexcept BaseException:\n    FINAL('second')")], "first"),
        ([code("FINAL_VAR('nope')"), code("FINAL('mended')")], "mended"),
        ([code("print(1)") + "\nFINAL(made up)", code("FINAL('seen')")], "seen"),
        ([code("FINAL('\\ud800')")], "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_every_form_of_answer_is_understood(make_rlm: MakeRLM, replies: list[str], answer: str) -> None:
    """One form is taught, all forms that models know are taken; the value comes back as it was."""
    result = make_rlm(replies).invoke({"query": "?", "context": "text"})
    assert (result["answer"], result["answered_by"]) == (answer, "submitted")


def test_an_answer_can_be_longer_than_any_reply(make_rlm: MakeRLM) -> None:
    """It is a value of the REPL, which no model retypes."""
    result = make_rlm([code("FINAL('ab' * 2_000_000)")]).invoke({"query": "?", "context": "text"})
    assert result["answer"] == "ab" * 2_000_000


@pytest.mark.parametrize(
    ("last", "answer"),
    [("FINAL(best guess)", "best guess"), (code("FINAL(x)"), "3"), ("It is probably 3.", "It is probably 3.")],
)
def test_when_the_iterations_run_out_the_best_answer_is_asked_for(make_rlm: MakeRLM, last: str, answer: str) -> None:
    """Once, and the result says that it was."""
    rlm = make_rlm([code("x = 3"), code("print(x)"), last], config=RLMConfig(max_iterations=2))
    result = rlm.invoke({"query": "?", "context": "text"})
    assert (result["answer"], result["status"], result["answered_by"]) == (answer, "out_of_iterations", "forced")
    assert result["iterations"] == 2
    assert "no turns left" in rlm.server.requests[-1].text


def test_no_answer_is_no_answer(make_rlm: MakeRLM) -> None:
    """A failure is never returned as an answer."""
    rlm = make_rlm([code("x = 3"), ""], config=RLMConfig(max_iterations=1))
    result = rlm.invoke({"query": "?", "context": "text"})
    assert (result["answer"], result["status"], result["answered_by"]) == (None, "no_answer", None)


# --- Sub-calls -----------------------------------------------------------------------------------------------------


def test_batched_sub_calls_run_at_once(make_rlm: MakeRLM) -> None:
    """Up to `max_concurrency` of them, in order in the result."""
    rlm = make_rlm(
        [code("r = llm_query_batched([str(i) for i in range(20)])\nFINAL(r)")],
        lambda request: Reply(text=request.text, delay_s=0.2),
        config=RLMConfig(max_concurrency=8),
    )
    assert json.loads(rlm.invoke({"query": "?", "context": "t"})["answer"]) == [str(i) for i in range(20)]
    assert 4 < rlm.server.in_flight_max <= 8


def test_threads_in_the_cell_run_at_once(make_rlm: MakeRLM) -> None:
    """Each thread gets the answer to its own prompt."""
    program = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(8) as pool:\n    r = list(pool.map(llm_query, [str(i) for i in range(24)]))\nFINAL(r)"
    )
    rlm = make_rlm([code(program)], lambda request: Reply(text="re:" + request.text, delay_s=0.05))
    assert json.loads(rlm.invoke({"query": "?", "context": "t"})["answer"]) == [f"re:{i}" for i in range(24)]
    assert rlm.server.in_flight_max >= 4


def test_the_number_of_sub_calls_is_limited(make_rlm: MakeRLM) -> None:
    """The one too many raises in the cell, which may catch it; the server never sees it."""
    program = (
        "done = []\ntry:\n    for i in range(10):\n        done.append(llm_query(str(i)))\n"
        "except MaxSubCallsExceeded as error:\n    FINAL([len(done), str(error)])"
    )
    rlm = make_rlm([code(program)], config=RLMConfig(max_sub_calls=3))
    result = rlm.invoke({"query": "?", "context": "t"})
    count, message = json.loads(result["answer"])
    assert (count, result["sub_calls"], rlm.server.count(model="sub")) == (3, 3, 3)
    assert str(MaxSubCallsExceeded(3, 3)) in message


def test_the_size_of_a_prompt_is_limited(make_rlm: MakeRLM) -> None:
    """A prompt that is too long raises ValueError with both numbers."""
    program = "try:\n    llm_query('x' * 101)\nexcept ValueError as error:\n    FINAL(str(error))"
    result = make_rlm([code(program)], config=RLMConfig(sub_call_max_input_chars=100)).invoke(
        {"query": "?", "context": "t"}
    )
    assert "101" in result["answer"]
    assert "100" in result["answer"]
    assert result["sub_calls"] == 0


def test_a_failed_sub_call_raises(make_rlm: MakeRLM) -> None:
    """It is never a string among the answers."""
    program = "try:\n    r = llm_query('x')\nexcept SubCallError as error:\n    FINAL('failed: ' + str(error))"
    result = make_rlm([code(program)], Reply(status=400, text="no good")).invoke({"query": "?", "context": "t"})
    assert result["answer"].startswith("failed: ")
    assert "400" in result["answer"]


def test_a_failed_call_of_a_batch_raises_after_the_others(make_rlm: MakeRLM) -> None:
    """All others have finished by then."""
    program = "try:\n    llm_query_batched(['a', 'bad', 'c'])\nexcept SubCallError as error:\n    FINAL('failed')"
    rlm = make_rlm([code(program)], lambda r: Reply(status=400) if r.text == "bad" else "fine")
    assert rlm.invoke({"query": "?", "context": "t"})["answer"] == "failed"
    assert rlm.server.count(model="sub") == 3


@pytest.mark.parametrize("call", ["llm_query(5)", "llm_query_batched('text')", "llm_query_batched([1])"])
def test_wrong_arguments_are_told(make_rlm: MakeRLM, call: str) -> None:
    """A TypeError that says what is wanted."""
    rlm = make_rlm([code(f"try:\n    {call}\nexcept TypeError as error:\n    FINAL(str(error))")])
    assert "prompt" in rlm.invoke({"query": "?", "context": "t"})["answer"]


def test_a_model_can_be_chosen_by_name(make_rlm: MakeRLM) -> None:
    """Root or sub-model; another name is refused with those that there are."""
    program = (
        "try:\n    llm_query('x', model='other')\nexcept ValueError as error:\n    said = str(error)\n"
        "FINAL([llm_query('x', model='sub'), said])"
    )
    answer, said = json.loads(make_rlm([code(program)], "from sub").invoke({"query": "?", "context": "t"})["answer"])
    assert answer == "from sub"
    assert "'other'" in said
    assert "sub, root" in said


def test_children_have_a_repl_of_their_own(make_rlm: MakeRLM) -> None:
    """`rlm_query` is a child RLM while `max_recursion_depth` allows, and shares the ledger."""

    def sub(request: Request) -> str:
        return code("FINAL('child saw ' + str(len(context)))") if request.messages[0]["role"] == "system" else "plain"

    root = [code("a = rlm_query('count', context='x' * 77)\nb = rlm_query('count', context=['y', 'z'])\nFINAL([a, b])")]
    rlm = make_rlm(root, sub, config=RLMConfig(max_recursion_depth=2))
    result = rlm.invoke({"query": "?", "context": "t"})
    assert json.loads(result["answer"]) == ["child saw 77", "child saw 2"]
    assert result["sub_calls"] == 2
    assert result["total_output_tokens"] == rlm.server.usage.completion_tokens


@pytest.mark.parametrize("call", ["rlm_query('count', context='')", "rlm_query(' ', context='x')", "rlm_query('c', 5)"])
def test_a_child_that_cannot_be_asked_is_the_codes_mistake(make_rlm: MakeRLM, call: str) -> None:
    """An empty context or question, or a number: a ValueError that the code can catch, and the run goes on."""
    program = f"try:\n    {call}\nexcept ValueError as error:\n    FINAL(str(error))"
    answer = make_rlm([code(program)], config=RLMConfig(max_recursion_depth=2)).invoke({"query": "?", "context": "t"})
    assert "context" in answer["answer"] or "query" in answer["answer"]


def test_at_the_last_level_a_child_is_a_plain_call(make_rlm: MakeRLM) -> None:
    """With depth 1, `rlm_query` is `llm_query` with the context in the prompt."""
    rlm = make_rlm([code("FINAL(rlm_query('sum up', context='the text'))")], echo)
    assert rlm.invoke({"query": "?", "context": "t"})["answer"] == "re:sum up\n\nContext:\nthe text"


def test_tokens_are_counted_as_the_server_counts_them(make_rlm: MakeRLM) -> None:
    """Root and sub-calls; an unknown price is unknown, not 0."""
    rlm = make_rlm([code("x = llm_query_batched(['a', 'b', 'c'])"), code("FINAL(1)")])
    result = rlm.invoke({"query": "?", "context": "t"})
    usage = rlm.server.usage
    assert (result["total_input_tokens"], result["total_output_tokens"]) == (
        usage.prompt_tokens,
        usage.completion_tokens,
    )
    assert result["cost_usd"] is None


# --- The REPL between cells, runs and threads ----------------------------------------------------------------------


def test_a_cell_that_runs_for_ever_is_stopped(make_rlm: MakeRLM) -> None:
    """At the limit softly, with the variables; the run goes on."""
    rlm = make_rlm([code("kept = 1\nwhile True: pass"), code("FINAL(kept)")], config=RLMConfig(sandbox_timeout=0.3))
    started = time.monotonic()
    assert rlm.invoke({"query": "?", "context": "t"})["answer"] == "1"
    assert time.monotonic() - started < 5
    assert "time" in rlm.server.requests[-1].text


def test_a_cell_that_runs_for_ever_after_a_sub_call_is_stopped(make_rlm: MakeRLM) -> None:
    """The clock goes on when the answer is there."""
    replies = [code("kept = llm_query('x')\nwhile True: pass"), code("FINAL(kept)")]
    rlm = make_rlm(replies, Reply(text="fine", delay_s=0.3), config=RLMConfig(sandbox_timeout=0.3))
    assert rlm.invoke({"query": "?", "context": "t"})["answer"] == "fine"


def test_waiting_for_sub_calls_is_not_counted(make_rlm: MakeRLM) -> None:
    """`sandbox_timeout` is the cell's own time."""
    rlm = make_rlm(
        [code("FINAL(llm_query('slow'))")], Reply(text="done", delay_s=0.8), config=RLMConfig(sandbox_timeout=0.3)
    )
    assert rlm.invoke({"query": "?", "context": "t"})["answer"] == "done"


def test_a_second_question_on_a_thread_starts_anew_with_the_variables(make_rlm: MakeRLM) -> None:
    """Not with the first answer; the context is the thread's, the variables are there, the first answer is told."""
    saver, config = InMemorySaver(), thread()
    rlm = make_rlm([code("kept = 41\nFINAL('first')"), code("FINAL([kept + 1, context])")], checkpointer=saver)
    assert rlm.invoke({"query": "one?", "context": "the text"}, config)["answer"] == "first"
    second = rlm.invoke({"query": "two?"}, config)
    assert json.loads(second["answer"]) == [42, "the text"]
    assert second["iterations"] == 1
    shown = [message["content"] for message in rlm.server.requests[-1].messages]
    assert shown[1:3] == ["one?", "first"]
    assert "kept" in shown[3]


def test_a_second_question_may_bring_another_context(make_rlm: MakeRLM) -> None:
    """Then it gets a REPL over that one."""
    config = thread()
    rlm = make_rlm([code("old = 1\nFINAL(context)")] * 2, checkpointer=InMemorySaver())
    assert rlm.invoke({"query": "?", "context": "first"}, config)["answer"] == "first"
    second = rlm.invoke({"query": "?", "context": "second"}, config)
    assert second["answer"] == "second"
    assert "Variables from" not in rlm.server.requests[-1].text


def test_a_context_that_is_written_into_a_state_goes_into_the_store(make_rlm: MakeRLM) -> None:
    """Studio's "edit state" and `update_state` write past the input."""
    config, saver = thread(), InMemorySaver()
    rlm = make_rlm([code("FINAL(context)")] * 2, checkpointer=saver)
    rlm.invoke({"query": "?", "context": "first"}, config)
    rlm.update_state(config, {"context": "CANARY-" + "x" * 1000 + "-5f1"})
    assert "x-5f1" not in repr(saver.blobs) + repr(saver.writes) + repr(rlm.get_state(config).values)
    assert rlm.invoke({"query": "again?"}, config)["answer"].endswith("x-5f1")


def test_an_empty_field_of_a_chat_form_is_no_context(make_rlm: MakeRLM) -> None:
    """The conversation is, as if it had been left out."""
    given = {"messages": [("user", "What is it?")], "context": ""}
    assert make_rlm([code("FINAL(context)")]).invoke(given)["answer"] == "What is it?"


def test_another_branch_has_the_variables_of_its_own_past(make_rlm: MakeRLM) -> None:
    """Time travel to before a cell: the REPL is as it was then, whatever another branch has done since."""
    saver, config = InMemorySaver(), thread()
    probe = code("FINAL([early, 'late' in globals()])")
    rlm = make_rlm(
        [code("early = [1]"), code("late = 2\nearly.append(late)"), code("FINAL(late)"), probe], checkpointer=saver
    )
    assert rlm.invoke({"query": "?", "context": "t"}, config)["answer"] == "2"
    before = next(
        s for s in rlm.get_state_history(config) if s.next == ("generate_code",) and s.values["iterations"] == 1
    )
    assert json.loads(rlm.invoke(None, before.config)["answer"]) == [[1], False]


def test_another_process_goes_on_with_the_variables(make_rlm: MakeRLM) -> None:
    """A second RLM over the same store and checkpoints, as after a restart."""
    saver, config = InMemorySaver(), thread()
    cells = [
        code("class Box:\n    def __init__(self, n):\n        self.n = n\nbox = Box(3)\nFINAL('first')"),
        code("FINAL([box.n, type(box).__name__])"),
    ]
    rlm = make_rlm(cells, checkpointer=saver)
    assert rlm.invoke({"query": "one?", "context": "the text"}, config)["answer"] == "first"
    rlm.close()
    other = create_rlm(rlm.server.chat_model("root"), checkpointer=saver, context_store=rlm.repls.store)
    with other:
        second = other.invoke({"query": "two?"}, config)
    assert json.loads(second["answer"]) == [3, "Box"]


def test_what_could_not_be_kept_is_told_when_it_is_lost(make_rlm: MakeRLM) -> None:
    """A running generator is gone when the REPL has to be brought back; the model learns its name."""
    saver, config = InMemorySaver(), thread()
    rlm = make_rlm(
        [code("gen = (i for i in [1])\nnext(gen)\nFINAL(1)"), code("print(1)"), code("FINAL(2)")], checkpointer=saver
    )
    rlm.invoke({"query": "one?", "context": "the text"}, config)
    rlm.close()
    rlm.invoke({"query": "two?"}, config)
    assert "gen" in rlm.server.requests[-1].text
    assert "generator" in rlm.server.requests[-1].text


def test_a_snapshot_that_was_changed_is_refused(make_rlm: MakeRLM, store: Any) -> None:
    """As an error of the REPL: the run goes on when the store is mended."""
    config = thread()
    rlm = make_rlm([code("x = 1\nFINAL(1)"), code("FINAL(x)")], checkpointer=InMemorySaver())
    rlm.invoke({"query": "one?", "context": "the text"}, config)
    rlm.close()
    (path,) = (Path(store.files.root) / "snapshots").glob("*/*")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(REPLExecutionError, match="was changed"):
        rlm.invoke({"query": "two?"}, config)


def test_no_process_is_left_behind(make_rlm: MakeRLM) -> None:
    """Workers end with a run that nobody can come back to, however it ends; zygotes with the graph."""
    rlm = make_rlm([code("FINAL(1)"), Reply(status=401), code("print(1)"), code("print(2)")])
    rlm.invoke({"query": "?", "context": "t"})
    with pytest.raises(ModelAuthError):
        rlm.invoke({"query": "?", "context": "t"})
    for _ in rlm.stream({"query": "?", "context": "t"}):
        break
    assert not rlm.repls.alive


def test_closing_ends_the_processes(make_rlm: MakeRLM) -> None:
    """The one that keeps the context loaded too; a closed RLM starts a new one when it is asked again."""
    before = _repl_processes()
    with make_rlm([code("FINAL(1)")] * 2) as rlm:
        rlm.invoke({"query": "?", "context": "t"})
        assert len(_repl_processes() - before) == 1
    assert _repl_processes() == before
    assert rlm.invoke({"query": "?", "context": "t"})["answer"] == "1"


def _repl_processes() -> set[str]:
    """Processes below this one that have a context loaded."""
    tasks = Path("/proc/self/task").glob("*/children")
    pids = [pid for task in tasks for pid in task.read_text().split()]
    return {pid for pid in pids if b"rlm_graph.repl.zygote" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def test_idle_repls_are_kept_up_to_a_number(make_rlm: MakeRLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are closed, and come back from their snapshots, also in the middle of a run."""

    root = turns(code("kept = context * 2", "def twice():", "    return kept * 2"), code("FINAL(twice())"))
    rlm = make_rlm(root, checkpointer=InMemorySaver())
    monkeypatch.setattr(rlm.repls, "MAX_IDLE", 3)
    runs = [rlm.stream({"query": "?", "context": f"{i} "}, thread(), stream_mode="values") for i in range(10)]
    answers: list[Any] = [None] * 10
    for _ in range(12):
        for number, run in enumerate(runs):
            answers[number] = next(run, {}).get("answer") or answers[number]
            assert rlm.repls.alive <= 4
    assert answers == [f"{i} " * 4 for i in range(10)]


def test_a_run_that_waits_holds_no_worker(make_rlm: MakeRLM) -> None:
    """Paused by an interrupt, or failed: it goes on with its variables all the same."""
    config = thread()
    replies = [code("kept = [1]"), Reply(status=401), code("kept.append(2)"), code("FINAL(kept)")]
    rlm = make_rlm(replies, checkpointer=InMemorySaver())
    rlm.invoke({"query": "?", "context": "t"}, config, interrupt_before=["truncate_observation"])
    assert rlm.repls.alive == 0
    with pytest.raises(ModelAuthError):
        rlm.invoke(None, config)
    assert rlm.repls.alive == 0
    assert rlm.invoke(None, config)["answer"] == "[1, 2]"
    assert rlm.repls.alive == 1


def test_an_abandoned_run_ends_when_it_is_collected(make_rlm: MakeRLM) -> None:
    """Also in the thread of the event loop, where nothing can be waited for."""
    rlm = make_rlm(lambda request: code("print(1)"))
    abandoned = [rlm.stream({"query": "?", "context": "t"}, stream_mode="updates")]
    next(abandoned[0])

    async def collect() -> None:
        abandoned.clear()

    run_blocking(collect())
    for _ in range(200):
        if not rlm.repls.alive:
            break
        time.sleep(0.01)
    assert not rlm.repls.alive


async def test_a_cancelled_run_ends_its_worker(make_rlm: MakeRLM) -> None:
    """Cancellation in the middle of a sub-call that hangs."""
    rlm = make_rlm([code("llm_query('x')")], Reply(hang=True))
    running = asyncio.ensure_future(rlm.ainvoke({"query": "?", "context": "t"}))
    while not rlm.server.count(model="sub"):
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not rlm.repls.alive


# --- Models --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        ("no-such-model", UnknownModelError, "no-such-model"),
        ("nobody:x", UnknownModelError, "nobody:x"),
        ("openai:gpt-4.1", MissingKeyError, "OPENAI_API_KEY"),
        ("", UnknownModelError, "openai:gpt-4.1"),
        (5, UnknownModelError, "5"),
    ],
)
def test_models_that_cannot_be_made_are_told(model: Any, error: type[Exception], words: str) -> None:
    """With the name and what to do, when the graph is made."""
    with pytest.raises(error, match=words):
        create_rlm(model)


@pytest.mark.parametrize("refused", ["temperature", "max_tokens", "max_completion_tokens"])
def test_settings_that_a_model_refuses_are_left_out(serve: Any, store: Any, refused: str) -> None:
    """Or sent under their other name; what was learnt is kept for the next call."""
    server = serve([code("print(1)"), code("FINAL(1)")], refuses={refused})
    rlm = create_rlm(server.chat_model("m"), context_store=store)
    assert rlm.invoke({"query": "?", "context": "t"})["answer"] == "1"
    # ChatOpenAI sends the limit as max_completion_tokens; what is refused costs one request, once.
    assert len(server.requests) == (2 if refused == "max_tokens" else 3)
    rlm.close()


def test_a_config_for_one_run_overrides_that_of_the_graph(make_rlm: MakeRLM) -> None:
    """Only where it says something (LangGraph calls it the run's context)."""
    rlm = make_rlm([code("print('z' * 99)"), code("x = 1"), "the end"], config=RLMConfig(metadata_prefix_chars=10))
    result = rlm.invoke({"query": "?", "context": "t"}, context={"max_iterations": 2})
    assert result["status"] == "out_of_iterations"
    assert rlm.server.requests[1].text.count("z") == 10


def test_errors_of_the_root_model_end_the_run(make_rlm: MakeRLM) -> None:
    """As exceptions: what the operator must mend is no observation."""
    with pytest.raises(ModelError, match="401"):
        make_rlm([Reply(status=401, text="bad key")]).invoke({"query": "?", "context": "t"})


def test_a_refused_key_of_the_sub_model_ends_the_run(make_rlm: MakeRLM) -> None:
    """The code can do nothing about it."""
    with pytest.raises(ModelAuthError):
        make_rlm([code("try:\n    llm_query('x')\nexcept Exception:\n    FINAL(1)")], Reply(status=401)).invoke(
            {"query": "?", "context": "t"}
        )
