"""`rlm-graph export` and `rlm_graph.export`: the story of a run in the forms of other programs."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import command_line
import pytest
from command_line import Outcome
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from scripts import turn_of
from web_server import Page, WebServer

from rlm_graph.cli import main
from rlm_graph.export.chrome import trace
from rlm_graph.story import Cell, Story, SubCall, Totals, Turn
from rlm_graph.testing import Reply, Request, ScriptedServer

no_models = command_line.no_models
cli = command_line.cli

Cli = Callable[..., Outcome]

TURNS = [
    "I ask.\n```repl\nparts = llm_query_batched([f'part {i}' for i in range(6)])\nprint('x' * 2000)\n```",
    "```repl\ndeep = rlm_query('what is deeper?', context='something deep')\nprint(1 / 0)\n```",
    "```repl\nFINAL(' '.join(parts) + deep)\n```",
]
ANSWER = " ".join(f"<part {i}>" for i in range(6)) + "<in the deep>"


def root(request: Request) -> str:
    """The root model."""
    return TURNS[turn_of(request)]


def sub(request: Request) -> Reply:
    """The sub-model, which takes its time, and the root model of children."""
    text = "```repl\nFINAL(llm_query('in the deep'))\n```" if request.system else f"<{request.text}>"
    return Reply(text=text, delay_s=0.1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run `r` that is complete. Tests only read it."""
    folder = tmp_path_factory.mktemp("home")
    context = folder / "c.txt"
    context.write_text("the context, with a secret end")
    with ScriptedServer({"gpt-4.1": root, "gpt-4.1-mini": sub}) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in (("RLM_GRAPH_HOME", str(folder)), ("OPENAI_BASE_URL", server.base_url)):
            patch.setenv(name, value)
        patch.setenv("OPENAI_API_KEY", "sk-test")
        models = ["--model", "openai:gpt-4.1", "--sub-model", "openai:gpt-4.1-mini", "--max-recursion-depth", "2"]
        assert main(["ask", 'What is "it"?', str(context), "--run", "r", *models]) == 0
    return folder


@pytest.fixture
def run(cli: Cli, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line over that folder; nobody can be asked any more."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RLM_GRAPH_HOME", str(home))
    return cli


# rlms


def test_the_log_of_rlms_has_its_fields(run: Cli) -> None:
    """As `rlm.logger.RLMLogger` of `rlms` 0.1.3 writes them, name by name; more are in the calls."""
    assert run("export", "r", "--format", "rlms", "-o", "r.jsonl").code == 0
    metadata, *iterations = map(json.loads, Path("r.jsonl").read_text().splitlines())
    assert metadata.pop("timestamp").startswith("20")
    assert metadata == {
        "type": "metadata",
        "root_model": "gpt-4.1",
        "max_depth": 2,
        "max_iterations": 25,
        "backend": "openai",
        "backend_kwargs": {"model_name": "gpt-4.1"},
        "environment_type": "rlm_graph",
        "environment_kwargs": {},
        "other_backends": ["gpt-4.1-mini"],
    }
    fields = ["type", "iteration", "timestamp", "prompt", "response", "code_blocks", "final_answer", "iteration_time"]
    assert [list(one) for one in iterations] == [fields] * 3
    assert [one["iteration"] for one in iterations] == [1, 2, 3]
    assert [one["response"] for one in iterations] == TURNS
    assert [one["final_answer"] for one in iterations] == [None, None, ANSWER]
    assert all(one["iteration_time"] > 0 for one in iterations)
    (block,) = iterations[0]["code_blocks"]
    assert block["code"].startswith("parts = llm_query_batched")
    assert list(block["result"]) == ["stdout", "stderr", "locals", "execution_time", "rlm_calls", "final_answer"]
    assert block["result"]["stdout"] == "x" * 2000 + "\n"
    assert "parts" in block["result"]["locals"]
    assert "ZeroDivisionError" in iterations[1]["code_blocks"][0]["result"]["stderr"]


def test_the_log_of_rlms_has_the_conversation_and_the_calls(run: Cli) -> None:
    """The prompt is what the root model had been told by then; a child is a log within the log."""
    lines = run("export", "r", "-f", "rlms").out.splitlines()
    _, first, second, third = map(json.loads, lines)
    assert first["prompt"][0]["content"] == "original query: \"What is 'it'?\""
    assert 'What is "it"?' in first["prompt"][1]["content"]
    assert [message["role"] for message in third["prompt"]] == [
        "user",
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]
    assert third["prompt"][2]["content"] == TURNS[0]
    assert third["prompt"][:4] == second["prompt"]
    calls = first["code_blocks"][0]["result"]["rlm_calls"]
    assert [call["prompt"] for call in calls] == [f"part {i}" for i in range(6)]
    assert [call["response"] for call in calls] == [f"<part {i}>" for i in range(6)]
    for call in calls:
        spent = call["usage_summary"]["model_usage_summaries"]["gpt-4.1-mini"]
        assert spent["total_calls"] == 1
        assert (spent["total_input_tokens"], spent["total_output_tokens"]) == (
            call["prompt_tokens"],
            call["completion_tokens"],
        )
        assert spent["total_cost"] == call["usage_summary"]["total_cost"] > 0
        assert 0.1 < call["execution_time"] < 5
        assert "error" not in call
    (child,) = second["code_blocks"][0]["result"]["rlm_calls"]
    assert child["response"] == "<in the deep>"
    (iteration,) = child["metadata"]["iterations"]
    assert child["metadata"]["run_metadata"]["root_model"] == "gpt-4.1-mini"
    assert iteration["final_answer"] == "<in the deep>"
    assert iteration["code_blocks"][0]["result"]["rlm_calls"][0]["prompt"] == "in the deep"


# Chrome


def chrome_events(run: Cli) -> list[dict[str, Any]]:
    """The events of the trace."""
    assert run("export", "r", "-f", "chrome", "-o", "r.json").code == 0
    told = json.loads(Path("r.json").read_text())
    assert told["displayTimeUnit"] == "ms"
    return list(told["traceEvents"])


def test_the_trace_shows_what_was_at_once(run: Cli) -> None:
    """Calls that overlap are in lanes of their own, a lane's calls do not overlap, and each lane has a name."""
    events = [event for event in chrome_events(run) if event["ph"] == "X"]
    calls = [event for event in events if event["cat"] == "llm_query" and event["pid"] == 1]
    assert len({event["tid"] for event in calls}) == 6
    assert all(event["args"]["answer"] == f"<{event['args']['prompt']}>" for event in calls)
    named = {(e["pid"], e["tid"]): e["args"]["name"] for e in chrome_events(run) if e["name"] == "thread_name"}
    assert {(event["pid"], event["tid"]) for event in events} == set(named)
    assert "root model and cells" in named.values()
    processes = {e["pid"]: e["args"]["name"] for e in chrome_events(run) if e["name"] == "process_name"}
    assert processes == {1: "run", 2: "children at depth 2"}


def test_the_trace_nests(run: Cli) -> None:
    """In a lane, of two events one is over before the other begins, or holds it: what viewers can draw."""
    events = [event for event in chrome_events(run) if event["ph"] == "X"]
    lanes = nested(events)
    assert [event["name"] for event in lanes[1, 0] if event["cat"] == "turn"] == [
        "iteration 1",
        "iteration 2",
        "iteration 3",
    ]
    failed = [event["name"] for event in events if event.get("cname") == "terrible"]
    assert failed == ["cell 1"]


def nested(events: list[dict[str, Any]]) -> dict[tuple[int, int], list[dict[str, Any]]]:
    """The events by lane, in which two of them are apart, or one holds the other; all of them in order of time."""
    assert [event["ts"] for event in events] == sorted(event["ts"] for event in events)
    lanes: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for event in events:
        assert event["ts"] >= 0
        assert event["dur"] >= 0
        assert {type(event[name]) for name in ("ts", "dur", "pid", "tid")} == {int}
        lanes.setdefault((event["pid"], event["tid"]), []).append(event)
    for lane in lanes.values():
        open_: list[int] = []
        for event in lane:  # in order of beginning, the longest first
            while open_ and open_[-1] <= event["ts"]:
                open_.pop()
            end = event["ts"] + event["dur"]
            assert not open_ or end <= open_[-1], event["name"]
            open_.append(end)
    return lanes


@pytest.mark.parametrize("seed", range(40))
def test_a_trace_nests_whatever_the_clock_said(seed: int) -> None:
    """Clocks are set back while a run goes on, and what was cut off has no end."""
    chance = random.Random(seed)

    def at() -> float:
        return 1_700_000_000 + chance.random() * chance.choice([1e-5, 1, 100])

    def perhaps() -> float | None:
        return chance.choice([None, at(), at()])

    def turn(number: int, depth: int) -> Turn:
        cells = tuple(cell(depth) for _ in range(chance.randrange(3)))
        times = {"started_at": perhaps(), "ended_at": perhaps(), "reply_ended_at": perhaps()}
        figures: dict[str, Any] = {"input_tokens": 1, "output_tokens": 1, "cost_usd": None}
        told: dict[str, Any] = {"observation": "", "checkpoint_id": None}
        return Turn(number, "", "reply", "", "m", cells=cells, **times, **figures, **told)

    def cell(depth: int) -> Cell:
        calls = tuple(call(depth) for _ in range(chance.randrange(5)))
        took = chance.choice([None, chance.random()])
        return Cell("x", "", 0, 0, None, took, calls=calls, started_at=perhaps(), ended_at=perhaps(), ended=at() > 1)

    def call(depth: int) -> SubCall:
        child = tuple(turn(number, depth + 1) for number in range(chance.randrange(3))) if depth < 3 else ()
        kind: Any = "rlm_query" if child else "llm_query"
        return SubCall("0" * 16, kind, "p", "a", None, "m", 1, 1, 1, None, at(), perhaps(), child)

    turns = tuple(turn(number, 1) for number in range(4))
    totals = Totals(4, 0, 0, 0, 0, 0, 0, None, 0.0)
    blank: dict[str, Any] = dict.fromkeys(("context", "answered_by", "answer", "profile", "exhausted", "checkpoint_id"))
    story = Story(
        "r", "q", status="running", started_at=at(), ended_at=None, turns=turns, totals=totals, models={}, **blank
    )
    nested([event for event in json.loads(trace(story))["traceEvents"] if event["ph"] == "X"])


# OpenTelemetry


def test_spans_are_one_tree(run: Cli) -> None:
    """With OpenInference's kinds and GenAI's names; the times are those of the run; twice is the same trace."""
    lines = run("export", "r", "-f", "otel").out.splitlines()
    spans = {span["context"]["span_id"]: span for span in map(json.loads, lines)}
    assert len(spans) == len(lines)

    def path(span: dict[str, Any]) -> str:
        return (path(spans[span["parent_id"]]) + "/" if span["parent_id"] else "") + span["name"]

    kinds = {path(span): span["attributes"]["openinference.span.kind"] for span in spans.values()}
    assert kinds == {
        "rlm": "AGENT",
        **{f"rlm/iteration {i}": "CHAIN" for i in (1, 2, 3)},
        **{f"rlm/iteration {i}/gpt-4.1": "LLM" for i in (1, 2, 3)},
        **{f"rlm/iteration {i}/cell 1": "TOOL" for i in (1, 2, 3)},
        "rlm/iteration 1/cell 1/llm_query": "LLM",
        "rlm/iteration 2/cell 1/rlm_query": "AGENT",
        "rlm/iteration 2/cell 1/rlm_query/iteration 1": "CHAIN",
        "rlm/iteration 2/cell 1/rlm_query/iteration 1/gpt-4.1-mini": "LLM",
        "rlm/iteration 2/cell 1/rlm_query/iteration 1/cell 1": "TOOL",
        "rlm/iteration 2/cell 1/rlm_query/iteration 1/cell 1/llm_query": "LLM",
    }
    for span in spans.values():
        if span["parent_id"]:
            assert spans[span["parent_id"]]["start_time"] <= span["start_time"] <= span["end_time"]
    (whole,) = (span["attributes"] for span in spans.values() if span["name"] == "rlm")
    models = [span["attributes"] for span in spans.values() if span["attributes"]["openinference.span.kind"] == "LLM"]
    assert sum(model["llm.token_count.prompt"] for model in models) == whole["rlm.input_tokens"]
    assert sum(model["gen_ai.usage.output_tokens"] for model in models) == whole["rlm.output_tokens"]
    assert sum(model["llm.cost.total"] for model in models) == pytest.approx(whole["rlm.cost_usd"])
    assert {model["gen_ai.request.model"] for model in models} == {"gpt-4.1", "gpt-4.1-mini"}
    failed = [path(span) for span in spans.values() if span["status"]["status_code"] == "ERROR"]
    assert failed == ["rlm/iteration 2/cell 1"]
    assert {span["context"]["trace_id"] for span in spans.values()} == {
        json.loads(run("export", "r", "-f", "otel").out.splitlines()[0])["context"]["trace_id"]
    }


def test_spans_go_to_a_collector(run: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment names one, and no file is named; one that refuses them is told."""
    with WebServer(Page()) as web:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", web.address)
        outcome = run("export", "r", "-f", "otel")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", f"sent 21 spans to {web.address}\n")
    names = set()
    for body in web.received:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            services = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
            assert services == ["rlm-graph"]
            names |= {span.name for scope in resource.scope_spans for span in scope.spans}
    assert {"rlm", "iteration 1", "cell 1", "llm_query", "rlm_query", "gpt-4.1"} <= names
    with WebServer(Page(status=400)) as web:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", web.address)
        outcome = run("export", "r", "-f", "otel")
    assert outcome.code == 2
    assert f"the collector at {web.address} does not take the spans" in outcome.error
    assert outcome.err.count("\n") == 1


# All of them


def test_whatever_stands_in_a_run_can_be_written(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NUL, lone surrogates, line separators; a run that was cut short, and one that has no turn yet."""
    (tmp_path / "c.txt").write_text("c")
    odd = "print('\\0', chr(0xD800), '\\u2028')\nllm_query('a\\u2028b' + chr(0xD800))"
    with ScriptedServer({"root": [f"```repl\n{odd}\n```", Reply(status=400)], "sub": "yes"}) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        models = ["--model", "openai:root", "--sub-model", "openai:sub"]
        for name in ("cut-short", "not-begun"):
            assert cli("ask", "q\u2028", str(tmp_path / "c.txt"), "--run", name, *models).code == 25
    for (name, turns), form in product((("cut-short", 1), ("not-begun", 0)), ("rlms", "chrome", "otel")):
        outcome = cli("export", name, "--format", form)
        assert outcome.code == 0, outcome.err
        told = [json.loads(line) for line in outcome.out.encode().decode().split("\n") if line]
        if form == "rlms":
            assert len(told) == 1 + turns
        elif form == "chrome":
            assert len([event for event in told[0]["traceEvents"] if event["ph"] == "X"]) == 4 * turns
        else:
            assert len(told) == 1 + 4 * turns


def test_a_file_that_cannot_be_written_is_told(run: Cli) -> None:
    """And a run that there is not; and a form."""
    outcome = run("export", "r", "-f", "chrome", "-o", "no/such/folder.json")
    assert outcome.code == 2
    assert "--output: 'no/such/folder.json' cannot be written" in outcome.error
    assert run("export", "nobody", "-f", "chrome").code == 53
    assert run("export", "r", "-f", "pdf").code == 2


def test_without_opentelemetry_the_others_work(run: Cli, tmp_path: Path) -> None:
    """It is an extra, which the message names."""
    program = """import sys
sys.modules['opentelemetry'] = None
from rlm_graph.cli import main
print([main(['export', 'r', '-f', form, *words]) for form, *words in (('chrome', '-o', 'trace.json'), ('otel',))])
"""
    surroundings = {**os.environ, "LANGSMITH_TRACING": "false"}
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, cwd=tmp_path, env=surroundings, capture_output=True, text=True)
    assert ran.stdout == "[0, 15]\n", ran.stderr
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert "pip install 'rlm-graph[otel]'" in ran.stderr
