"""What others see of a run: tracers, LangSmith, OpenTelemetry, logs, events. One tree, and never the whole context."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import command_line
import pytest
from command_line import Outcome
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run
from openai import OpenAI
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from scripts import turn_of, turns
from web_server import Page, WebServer

from rlm_graph import RLMConfig, RLMWrapper
from rlm_graph.events import RLMEvent, read_event
from rlm_graph.testing import Request, ScriptedServer

no_models = command_line.no_models
cli = command_line.cli

NEEDLE = "the-end-of-the-context"
CONTEXT = "abc def gh " * 1_000_000 + NEEDLE
"""11 million characters."""

MOST_CHARS = 20_000
"""No input or output of a span has more."""

ROOT = [
    """I ask.
```repl
parts = llm_query_batched([f'part {i}: {context[:20]}' for i in range(2)])
deep = rlm_query('what is deeper?', context=context)
print(shout('a'))
```""",
    "```repl\nFINAL(' '.join(parts) + deep)\n```",
]


def shout(text: str) -> str:
    """The text, louder."""
    return text.upper()


def sub(request: Request) -> str:
    """The sub-model, and the root model of children."""
    return "```repl\nFINAL(llm_query('in the deep'))\n```" if request.system else f"<{request.text[:6]}>"


def by_turn(request: Request) -> str:
    """The root model of who has no tool."""
    return ROOT[turn_of(request)].replace("print(shout('a'))", "")


ASKED = {"query": "What is it?", "context": CONTEXT}
DEEP = RLMConfig(max_recursion_depth=2)


# Tracers


class Collector(BaseTracer):
    """Keeps the roots of what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.roots: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.roots.append(run)


def tree(run: Run) -> list[Any]:
    """The names of a run and of what is below it, without LangGraph's own steps; parallel ones in order of names."""
    below = [tree(child) for child in run.child_runs]
    return [run.name, *(sorted(below, key=str) if run.name == "execute_repl" else below)]


def every(run: Run) -> Iterator[Run]:
    """A run and all below it."""
    yield run
    for child in run.child_runs:
        yield from every(child)


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_tracer_sees_one_tree(make_rlm: Callable[..., Any], is_async: bool) -> None:
    """The nodes below the run, models and calls below their nodes, each model below the call that it answers."""
    rlm, tracer = make_rlm(ROOT, sub, config=DEEP, tools=[shout]), Collector()
    if is_async:
        result = await rlm.ainvoke(ASKED, {"callbacks": [tracer]})
    else:
        result = rlm.invoke(ASKED, {"callbacks": [tracer]})
    assert result["answer"] == "<part 0> <part 1><in the>"
    (root,) = tracer.roots
    call = ["llm_query", ["ChatOpenAI"]]
    turn = ["generate_code", ["ChatOpenAI"]]
    observation = ["truncate_observation", ["route"]]
    child = ["rlm_query_2", ["init_repl"], turn, ["execute_repl", call], observation, ["finalize"]]
    assert tree(root) == [
        "rlm",
        ["init_repl"],
        turn,
        ["execute_repl", call, call, child, ["shout"]],
        observation,
        turn,
        ["execute_repl"],
        observation,
        ["finalize"],
    ]
    runs = list(every(root))
    assert {run.run_type for run in runs if run.name in ("llm_query", "shout")} == {"tool"}
    assert {run.trace_id for run in runs} == {root.id}


def test_a_tracer_never_sees_the_context(make_rlm: Callable[..., Any]) -> None:
    """No input, output or metadata of 11 million characters' run is long, nor has the context's end; a child's too."""
    rlm, tracer = make_rlm(ROOT, sub, config=DEEP, tools=[shout]), Collector()
    rlm.invoke(ASKED, {"callbacks": [tracer]})
    for run in every(tracer.roots[0]):
        for told in (run.inputs, run.outputs, run.extra, run.serialized, run.events):
            assert len(str(told)) < MOST_CHARS, run.name
            assert NEEDLE not in str(told), run.name


def test_calls_say_where_they_belong(make_rlm: Callable[..., Any]) -> None:
    """Iteration and depth; the caller's own tags and metadata are there too, on all of them."""
    rlm, tracer = make_rlm(ROOT, sub, config=DEEP, tools=[shout]), Collector()
    rlm.invoke(ASKED, {"callbacks": [tracer], "tags": ["nightly"], "metadata": {"customer": "c7"}})
    places = []
    for run in every(tracer.roots[0]):
        metadata = run.extra["metadata"]
        assert metadata["customer"] == "c7"
        assert "nightly" in (run.tags or [])
        if run.name in ("llm_query", "ChatOpenAI", "shout"):
            places.append((run.name, metadata["rlm_iteration"], metadata["rlm_depth"]))
    assert sorted(set(places)) == [
        ("ChatOpenAI", 1, 1),
        ("ChatOpenAI", 1, 2),
        ("ChatOpenAI", 2, 1),
        ("llm_query", 1, 1),
        ("llm_query", 1, 2),
        ("shout", 1, 1),
    ]


@pytest.mark.parametrize("is_traced", [False, True])
def test_the_messages_stream_has_no_tokens_of_sub_calls(make_rlm: Callable[..., Any], is_traced: bool) -> None:
    """Those of a thousand sub-calls are no chat: only the root model's and the answer; whoever the sub-model is."""
    rlm = make_rlm(["```repl\nFINAL(llm_query('x') + '!')\n```"], sub_model=FakeListChatModel(responses=["parrot"]))
    config = {"callbacks": [Collector()] if is_traced else []}
    stream = rlm.stream({"query": "q", "context": "c"}, config, stream_mode="messages")
    told = [str(message.content) for message, _ in stream if message.type != "human"]
    assert "".join(told).replace("parrot!", "") == "```repl\nFINAL(llm_query('x') + '!')\n```"
    assert "parrot!" in told


# OpenTelemetry


@contextmanager
def instrumented() -> Iterator[InMemorySpanExporter]:
    """OpenInference's instrumentation, and the spans that it makes."""
    provider, spans = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    instrumentor = LangChainInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        yield spans
    finally:
        instrumentor.uninstrument()
        provider.shutdown()


def test_opentelemetry_sees_one_tree(make_rlm: Callable[..., Any]) -> None:
    """Through OpenInference's instrumentation, which nobody tells that there is an RLM; and no context."""
    rlm = make_rlm(ROOT, sub, config=DEEP, tools=[shout])
    with instrumented() as exporter:
        rlm.invoke(ASKED)
    spans = {span.context.span_id: span for span in exporter.get_finished_spans() if span.context}
    assert len({span.context.trace_id for span in spans.values() if span.context}) == 1

    def path(span: ReadableSpan) -> list[str]:
        return [*(path(spans[span.parent.span_id]) if span.parent else []), span.name]

    kinds = {
        "/".join(path(span)): (span.attributes or {})["openinference.span.kind"]
        for span in spans.values()
        if span.name in ("llm_query", "ChatOpenAI", "shout", "rlm")
    }
    assert kinds == {
        "rlm": "CHAIN",
        "rlm/generate_code/ChatOpenAI": "LLM",
        "rlm/execute_repl/llm_query": "TOOL",
        "rlm/execute_repl/llm_query/ChatOpenAI": "LLM",
        "rlm/execute_repl/shout": "TOOL",
        "rlm/execute_repl/rlm_query_2/generate_code/ChatOpenAI": "LLM",
        "rlm/execute_repl/rlm_query_2/execute_repl/llm_query": "TOOL",
        "rlm/execute_repl/rlm_query_2/execute_repl/llm_query/ChatOpenAI": "LLM",
    }
    for span in spans.values():
        text = span.to_json()
        assert len(text) < 2 * MOST_CHARS
        assert NEEDLE not in text


# LangSmith


def test_langsmith_sees_the_runs_of_the_command_line(tmp_path: Path) -> None:
    """With its own variables, and nothing else; all of them have arrived when the command ends, without the context."""
    (tmp_path / "big.txt").write_text(CONTEXT)
    with ScriptedServer({"root": by_turn, "sub": sub}) as server, WebServer(Page(b"{}", 202)) as web:
        surroundings = {
            **os.environ,
            "OPENAI_API_KEY": "x",
            "OPENAI_BASE_URL": server.base_url,
            "LANGSMITH_TRACING": "true",
            "LANGSMITH_ENDPOINT": web.address,
            "LANGSMITH_API_KEY": "lsv2_x",
            "LANGSMITH_DISABLE_RUN_COMPRESSION": "true",
        }
        words = ["ask", "What is it?", "big.txt", "--model", "openai:root", "--sub-model", "openai:sub"]
        words += ["--max-recursion-depth", "2"]
        command = [sys.executable, "-m", "rlm_graph", *words]
        ran = subprocess.run(command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    sent = b"".join(web.received)
    assert NEEDLE.encode() not in sent
    assert all(len(body) < 50 * MOST_CHARS for body in web.received)
    started: dict[str, dict[str, Any]] = {}
    parts = re.findall(rb'name="post\.([0-9a-f-]+)(\.extra)?"\r\n.*?\r\n\r\n(.*?)\r\n--', sent, re.DOTALL)
    for id_, is_extra, part in parts:
        started.setdefault(id_.decode(), {}).update({"extra": json.loads(part)} if is_extra else json.loads(part))
    roots = [run for run in started.values() if run.get("parent_run_id") is None]
    assert [run["name"] for run in roots] == ["rlm"]
    assert roots[0]["extra"]["metadata"]["thread_id"]
    calls = [run for run in started.values() if run["name"] == "llm_query"]
    assert len(calls) == 3
    models = [run for run in started.values() if run["run_type"] == "llm"]
    assert sum(started[run["parent_run_id"]]["name"] == "llm_query" for run in models) == 3


# Logging


@pytest.mark.parametrize(("verbose", "level"), [(False, logging.DEBUG), (True, logging.INFO)])
def test_each_event_is_one_line_of_the_log(
    make_rlm: Callable[..., Any], caplog: pytest.LogCaptureFixture, verbose: bool, level: int
) -> None:
    """At DEBUG, with `verbose` at INFO; of sub-calls, figures only."""
    caplog.set_level(logging.DEBUG, logger="rlm_graph")
    rlm = make_rlm(ROOT, sub, config=DEEP.model_copy(update={"verbose": verbose}), tools=[shout])
    chunks = rlm.stream(ASKED, stream_mode="custom", subgraphs=True)  # those of children too
    told = [event for _, chunk in chunks if (event := read_event(chunk)) is not None]
    lines = [record for record in caplog.records if re.match(r"iteration \d+: [a-z_]+: ", record.message)]
    assert {record.levelno for record in lines} == {level}
    assert len(lines) == len(told)
    assert all("\n" not in record.message for record in lines)
    for event in told:
        what = " ".join(event.preview.split()) if not event.type.startswith("sub_call") else "{"
        assert any(record.message.startswith(f"iteration {event.iteration}: {event.type}: {what}") for record in lines)
    assert "part 0" not in "".join(record.message for record in lines if "sub_call" in record.message)


# One story


def story(events: list[RLMEvent]) -> list[Any]:
    """What events tell, but for times; of calls that are under way at once, the order does not count."""
    told = []
    for event in events:
        detail = {name: value for name, value in event.detail.items() if name not in ("elapsed_s", "id")}
        if event.type.startswith("sub_call"):
            detail = {name: detail.get(name) for name in ("function", "failed", "prompt_chars", "answer_chars")}
        told.append((event.iteration, event.type, event.preview, json.dumps(detail, sort_keys=True, default=str)))
    return sorted(told)


def test_callback_stream_and_command_line_tell_the_same(
    make_rlm: Callable[..., Any], cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`on_event`, LangGraph's custom stream, and each line that the command line shows of an iteration."""
    replies = [
        "I ask.\n```repl\nparts = [llm_query(f'part {i}') for i in range(3)]\nprint(parts)\n```",
        "```repl\nprint(1 / 0)\n```",
        "```repl\nFINAL(' '.join(parts))\n```",
    ]

    rlm = make_rlm(turns(*replies), "yes")
    chunks = rlm.stream({"query": "q", "context": "c"}, stream_mode="custom")
    streamed = [event for chunk in chunks if (event := read_event(chunk)) is not None]

    called: list[RLMEvent] = []
    with OpenAI(base_url=rlm.server.base_url, api_key="x") as client:
        wrapper = RLMWrapper(client, root_model="root", sub_model="sub")
        wrapper.generate("q", "c", on_event=called.append)
    assert story(called) == story(streamed)
    assert {event.type for event in streamed} == {
        "iteration_start",
        "code_generated",
        "code_executed",
        "sub_call_start",
        "sub_call_end",
        "final_answer",
    }

    (tmp_path / "c.txt").write_text("c")
    monkeypatch.setenv("OPENAI_BASE_URL", rlm.server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    models = ["--model", "openai:root", "--sub-model", "openai:sub"]
    outcome = cli("ask", "q", str(tmp_path / "c.txt"), *models)
    shown = [re.sub(r", [\d.]+ s$", "", line) for line in outcome.err.splitlines() if line.startswith("iteration ")]
    assert shown == [_as_line(number, streamed) for number in (1, 2, 3)]


@pytest.mark.parametrize("reply", ["```repl\nFINAL({'people': 'many'})\n```", "FINAL({'people': 'many'})"])
def test_a_refused_answer_is_told(
    cli: Callable[..., Outcome],
    make_rlm: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reply: str,
) -> None:
    """Submitted by code or typed: an event says so with the reason, and the command line's line of the iteration."""
    schema = {"type": "object", "properties": {"people": {"type": "integer"}}, "required": ["people"]}
    rlm = make_rlm(turns("```repl\nx = 1\n```", reply, "```repl\nFINAL({'people': 3})\n```"), response_format=schema)
    chunks = rlm.stream({"query": "q", "context": "c"}, stream_mode="custom")
    events = [event for chunk in chunks if (event := read_event(chunk)) is not None]
    (refused,) = (event for event in events if event.type == "answer_refused")
    assert refused.iteration == 2
    assert "'many' is not of type 'integer'" in refused.detail["refusal"]
    assert [event.type for event in events].count("final_answer") == 1

    (tmp_path / "c.txt").write_text("c")
    (tmp_path / "s.json").write_text(json.dumps(schema))
    monkeypatch.setenv("OPENAI_BASE_URL", rlm.server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    outcome = cli("ask", "q", str(tmp_path / "c.txt"), "--schema", str(tmp_path / "s.json"), "--model", "openai:root")
    line = next(line for line in outcome.err.splitlines() if line.startswith("iteration 2/"))
    assert "answer refused: at $.people: 'many' is not of type 'integer'" in line


def _as_line(iteration: int, events: list[RLMEvent]) -> str:
    of = [event for event in events if event.iteration == iteration]
    (cell,) = (event.detail for event in of if event.type == "code_executed")
    lines, calls = len(cell["code"].splitlines()), sum(event.type == "sub_call_end" for event in of)
    parts = [f"{lines} line{'s' if lines > 1 else ''} of code", *([f"{calls} sub-calls"] if calls else [])]
    if any(event.type == "final_answer" for event in of):
        parts.append("answer")
    else:
        parts.append(cell["error"].splitlines()[-1] if cell["error"] else f"printed {cell['stdout_chars']} characters")
    return f"iteration {iteration}/25: {', '.join(parts)}"
