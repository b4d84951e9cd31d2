"""`rlm-graph batch`: many questions, each a run of its own; nothing is asked twice, whatever happens in between."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import command_line
import pytest
from command_line import Outcome, Play, process, wait_until

from rlm_graph.cli.questions import BadLine, parse
from rlm_graph.cli.results import Results
from rlm_graph.errors import ConfigError
from rlm_graph.testing import Reply, Request, ScriptedServer, Usage, failures

no_models = command_line.no_models
text = command_line.text
cli = command_line.cli
play = command_line.play

Cli = Callable[..., Outcome]
MODELS = ["--model", "openai:root", "--sub-model", "openai:sub"]


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def write(*lines: Any, name: str = "questions.jsonl") -> str:
    """A file of questions."""
    Path(name).write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return name


def results(name: str = "results.jsonl") -> list[dict[str, Any]]:
    """The results that are there."""
    return [json.loads(line) for line in Path(name).read_text().splitlines()]


def answers(name: str = "results.jsonl") -> dict[Any, Any]:
    """The answers, by id."""
    return {result["id"]: result["answer"] for result in results(name)}


def echo(request: Request) -> str:
    """A root model that answers with the question and what the sub-model says to it."""
    question = re.findall(r"topic (\w+)", str(request.messages))[0]
    return f"```repl\nFINAL(f'{question} ' + llm_query('sub {question}') + f' {{len(context)}}')\n```"


def batch(cli: Cli, *words: str, questions: str = "questions.jsonl") -> Outcome:
    """Runs it."""
    return cli("batch", questions, *words, "-o", "results.jsonl", *MODELS)


def counts(server: ScriptedServer) -> Counter[str]:
    """How often the sub-model was asked what."""
    return Counter(request.text for request in server.requests if request.model == "sub")


THREE = [{"id": name, "query": f"topic {name}"} for name in ("a", "b", "c")]


# Answers


def test_each_question_has_its_result(cli: Cli, play: Play, text: str) -> None:
    """In the order of the questions, with its figures; the summary is a table, and JSON for programs."""
    play(echo)
    write(*THREE, {"query": "topic d", "context": "four", "metadata": {"level": 2}})
    outcome = batch(cli, text, "--json")
    assert outcome.code == 0, outcome.err
    assert answers() == {"a": "a yes 3000", "b": "b yes 3000", "c": "c yes 3000", None: "d yes 4"}
    first, *_, last = results()
    assert first["status"] == "complete"
    assert (first["line"], first["query"], first["model"], first["sub_calls"]) == (1, "topic a", "openai:root", 1)
    assert (last["line"], last["metadata"]) == (4, {"level": 2})
    summary = json.loads(outcome.out)
    assert (summary["questions"], summary["answered"], summary["failed"], summary["sub_calls"]) == (4, 4, 0, 4)
    lines = outcome.err.splitlines()
    assert (
        sum(bool(re.match(r"\d/4 (a|b|c|line 4): complete, 1 iteration, 1 sub-call, \d", line)) for line in lines) == 4
    )
    assert re.search(r"^ +this time +in all$", outcome.err, re.MULTILINE)
    assert re.search(r"^answered +4 +4$", outcome.err, re.MULTILINE)
    assert lines[-1] == "results: results.jsonl"


def test_begun_again_it_changes_nothing_and_costs_nothing(cli: Cli, play: Play, text: str) -> None:
    """Not the file's bytes, not even its time; also when the results have gone, or the runs."""
    server = play(echo)
    write(*THREE)
    batch(cli, text)
    before = Path("results.jsonl").read_bytes(), Path("results.jsonl").stat().st_mtime_ns
    asked = len(server.requests)
    outcome = batch(cli, text, "--json")
    assert outcome.code == 0
    assert (Path("results.jsonl").read_bytes(), Path("results.jsonl").stat().st_mtime_ns) == before
    assert json.loads(outcome.out)["answered"] == 3
    assert json.loads(outcome.out)["this_time"]["answered"] == 0

    Path("results.jsonl").unlink()
    batch(cli, text)
    assert Path("results.jsonl").read_bytes() == before[0]

    cli("rm", *(result["run"] for result in results()))
    batch(cli, text)
    assert Path("results.jsonl").read_bytes() == before[0]
    assert len(server.requests) == asked


def test_only_what_is_new_or_changed_is_asked(cli: Cli, play: Play, text: str) -> None:
    """A question, a context, a model or a setting that changes answers; not the order, the metadata or a limit."""
    server = play(echo, other="another")
    write(*THREE, {"id": "own", "query": "topic own", "files": "own.txt"})
    Path("own.txt").write_text("own")
    batch(cli, text)
    asked = len(server.requests)

    a, b, c = THREE
    own = {"id": "own", "query": "topic own", "files": ["own.txt"]}
    write({**c, "max_iterations": 99}, {**b, "metadata": 1}, own)
    batch(cli, text)
    assert len(server.requests) == asked
    assert [result["id"] for result in results()] == ["c", "b", "own"]
    assert results()[1]["metadata"] == 1

    Path("own.txt").write_text("other")
    write({**a, "temperature": 0.1}, {**b, "query": "topic bb"}, {**c, "sub_model": "openai:other"}, own)
    batch(cli, text)
    assert answers() == {"a": "a yes 3000", "b": "bb yes 3000", "c": "c another 3000", "own": "own yes 5"}
    assert len(server.requests) == asked + 8


def test_the_runs_of_a_batch_are_removed_at_once(cli: Cli, play: Play, text: str) -> None:
    """By a pattern for their names, which say the batch; a pattern that matches nothing is told."""
    play(echo)
    write(*THREE)
    batch(cli, text)
    batch(cli, text, "--name", "other")
    assert {run["run"].split(".")[0] for run in json.loads(cli("runs", "--json").out)["runs"]} == {"questions", "other"}
    assert cli("rm", "quest?ons.*", "--yes").err.startswith("removed 3 runs, ")
    assert {run["run"].split(".")[0] for run in json.loads(cli("runs", "--json").out)["runs"]} == {"other"}
    outcome = cli("rm", "other.a.*", "questions.*", "--yes")
    assert outcome.code == 53
    assert "there is no run 'questions.*'" in outcome.error
    assert len(json.loads(cli("runs", "--json").out)["runs"]) == 3


def test_the_same_question_twice_is_two_samples(cli: Cli, play: Play, text: str) -> None:
    """With an id or without; each is found again."""
    server = play(echo)
    write({"query": "topic a"}, {"query": "topic a"}, {"id": 7, "query": "topic a"})
    batch(cli, text)
    assert (len(results()), server.count("root")) == (3, 3)
    assert len({result["run"] for result in results()}) == 3
    batch(cli, text)
    assert server.count("root") == 3


def test_some_are_at_work_at_once(cli: Cli, play: Play, text: str) -> None:
    """As many as --jobs says, and no more."""
    at_once = most = 0
    three_came = asyncio.Event()

    async def sub(_: Request) -> str:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        if at_once == 3:
            three_came.set()
        await asyncio.wait_for(three_came.wait(), 20)
        await asyncio.sleep(0.2)  # in which a fourth would come
        at_once -= 1
        return "yes"

    play(echo, sub)
    write(*({"id": number, "query": f"topic q{number}"} for number in range(6)))
    batch(cli, text, "--jobs", "3")
    assert most == 3


def test_settings_and_models_may_be_those_of_a_line(cli: Cli, play: Play, text: str) -> None:
    """A line's come before those of the command line."""
    server = play(echo, big=echo)
    write({**THREE[0], "temperature": 0.1, "model": "openai:big"}, THREE[1])
    batch(cli, text, "--temperature", "0.3")
    asked = {(request.model, request.temperature) for request in server.requests if request.model != "sub"}
    assert asked == {("big", 0.1), ("root", 0.3)}


def test_answers_may_have_a_form_and_evidence(cli: Cli, play: Play) -> None:
    """A JSON Schema for all, or a line's own; what the answer rests on, if that is asked for."""
    server = play("```repl\nFINAL({'ends': 2027}, evidence=['ends in 2027'])\n```")
    Path("form.json").write_text('{"type": "object", "required": ["ends"]}')
    own = {"type": "object", "properties": {"ends": {"type": "integer"}}}
    contract = {"context": "It ends in 2027."}
    write({"id": 1, "query": "a", **contract}, {"id": 2, "query": "a", "schema": own, **contract})
    words = ["--schema", "form.json", "--citations"]
    assert batch(cli, *words).code == 0
    first, second = results()
    assert first["structured_response"] == second["structured_response"] == {"ends": 2027}
    assert [cited["text"] for cited in first["citations"]] == ["ends in 2027"]
    asked = len(server.requests)
    assert batch(cli, *words).code == 0
    assert results() == [first, second]
    assert len(server.requests) == asked
    Path("form.json").write_text('{"type": "nonsense"}')
    assert batch(cli, *words).code == 2
    assert len(server.requests) == asked


# Stopped, killed, failed


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_batch_that_was_stopped_goes_on(cli: Cli, play: Play, text: str, sent: signal.Signals) -> None:
    """What was answered is not asked again, not even within a question; Ctrl-C says how to go on."""
    code = "```repl\nparts = [llm_query(f'{i} of {context[:3]}') for i in range(4)]\nFINAL(parts)\n```"
    server = play(code, lambda request: Reply(text=f"<{request.text}>", delay_s=0.3))
    write(*({"id": number, "query": "question", "context": f"{number:03}"} for number in range(4)))
    words = ["batch", "questions.jsonl", "-o", "results.jsonl", *MODELS, "--jobs", "2", "--max-concurrency", "2"]
    with process(*words) as running:
        wait_until(lambda: server.count("sub") >= 10, timeout_s=60)
        running.send_signal(sent)
        _, err = running.communicate(timeout=30)
    asked = counts(server)
    assert len(asked) < 16
    if sent == signal.SIGINT:
        assert running.returncode == 130
        line = err.decode().splitlines()[-1]
        assert line.startswith(
            "stopped; go on with: rlm-graph batch questions.jsonl --output results.jsonl --jobs 2 --model "
        )
        assert line.endswith("--max-concurrency 2")
        assert re.search(r"^not answered +0 +[12]$", err.decode(), re.MULTILINE)
    outcome = cli(*words)
    assert outcome.code == 0, outcome.err
    assert answers() == {n: json.dumps([f"<{i} of {n:03}>" for i in range(4)]) for n in range(4)}
    assert len(results()) == 4  # each question once
    assert server.count("root") == 4
    again = {prompt: count for prompt, count in counts(server).items() if count > 1}
    assert len(again) <= (0 if sent == signal.SIGINT else 4)  # those that were in flight when it was killed


def test_a_question_that_fails_fails_alone(cli: Cli, play: Play, text: str) -> None:
    """Its result has the error, the exit code is its error's, and the next time it is asked again."""

    def root(request: Request) -> Reply:
        return failures.server_error() if is_down and "topic b" in str(request.messages) else Reply(text=echo(request))

    is_down = True
    server = play(root)
    write(*THREE)
    outcome = batch(cli, text, "--max-retries", "0")
    assert outcome.code == 25
    assert [result["status"] for result in results()] == ["complete", "failed", "complete"]
    error = results()[1]["error"]
    assert (error["type"], error["exit_code"]) == ("ModelServerError", 25)
    assert re.search(r"^\d/3 b: failed, .*: .*root", outcome.err, re.MULTILINE)
    assert outcome.err.splitlines()[-1] == "results: results.jsonl"
    is_down, asked = False, len(server.requests)
    outcome = batch(cli, text, "--max-retries", "0")
    assert outcome.code == 0
    assert [result["status"] for result in results()] == ["complete"] * 3
    assert len(server.requests) == asked + 2


def test_a_key_that_is_refused_ends_the_batch(cli: Cli, play: Play, text: str) -> None:
    """Nobody's question could be answered; it says how to go on."""
    server = play(failures.unauthorized("sk-test"))
    write(*({"id": number, "query": f"topic q{number}"} for number in range(50)))
    outcome = batch(cli, text)
    assert outcome.code == 23
    assert outcome.err.splitlines()[-1].startswith("go on with: rlm-graph batch questions.jsonl ")
    assert results() == []
    assert len(server.requests) <= 4


def test_a_server_that_is_down_ends_the_batch(cli: Cli, play: Play, text: str) -> None:
    """After ten questions in a row."""
    server = play(failures.server_error())
    write(*({"id": number, "query": f"topic q{number}"} for number in range(50)))
    outcome = batch(cli, text, "--max-retries", "0", "--jobs", "1")
    assert outcome.code == 20
    assert "10 questions in a row have failed" in outcome.err
    assert (len(results()), len(server.requests)) == (10, 10)


def test_a_question_without_an_answer_stays_one_until_its_limit_is_raised(cli: Cli, play: Play, text: str) -> None:
    """Then it goes on from before its last question; at the same limit nothing is asked."""
    server = play(["```repl\nprint(1)\n```", "", "```repl\nFINAL('at last')\n```"])
    write({"id": "a", "query": "topic a"})
    assert batch(cli, text, "--max-iterations", "1").code == 30
    assert (results()[0]["status"], results()[0]["answer"]) == ("no_answer", None)
    assert batch(cli, text, "--max-iterations", "1").code == 30
    assert server.count("root") == 2
    assert batch(cli, text, "--max-iterations", "5").code == 0
    assert answers() == {"a": "at last"}
    assert server.count("root") == 3


def test_the_money_of_all_is_limited(cli: Cli, play: Play, text: str) -> None:
    """It stops at a safe point, with what earlier times have cost counted in, and goes on when the limit is raised."""
    code = "```repl\nFINAL([llm_query(f'{i}') for i in range(3)])\n```"
    turn = Reply(text=code, usage=Usage(10_000, 0))  # 2 cents
    part = Reply(text="x", usage=Usage(10_000, 0), delay_s=0.3)
    server = play([], **{"gpt-4.1": lambda request: turn if request.system else part})
    write(*({"id": number, "query": f"topic q{number}"} for number in range(4)))
    words = ["batch", "questions.jsonl", text, "-o", "results.jsonl", "--model", "openai:gpt-4.1", "--jobs", "1"]
    words += ["--max-concurrency", "1", "--no-run-ahead"]
    outcome = cli(*words, "--max-total-usd", "0.11")
    assert outcome.code == 34
    assert re.search(r"max_total_usd is 0.11: 0.1[24] of it is spent", outcome.err)  # 0.14: one was in flight
    asked = len(server.requests)
    assert (len(results()), asked) in ((1, 6), (1, 7))
    assert outcome.err.splitlines()[-1].startswith("go on with: rlm-graph batch ")
    assert "--max-total-usd 0.11" not in outcome.err
    assert outcome.err.endswith(" --max-total-usd 0.22\n")
    assert cli(*words, "--max-total-usd", "0.12").code == 34
    assert len(server.requests) == asked
    outcome = cli(*words, "--max-total-usd", "1", "--json")
    assert outcome.code == 0
    assert len(server.requests) == 16
    summary = json.loads(outcome.out)
    assert summary["cost_usd"] == pytest.approx(0.32)
    assert summary["this_time"]["cost_usd"] == pytest.approx(0.02 * (16 - asked))


def test_a_limit_of_money_wants_prices(cli: Cli, play: Play, text: str) -> None:
    """Before anything is asked."""
    server = play(echo)
    write(*THREE)
    outcome = batch(cli, text, "--max-total-usd", "1")
    assert outcome.code == 2
    assert "the price of 'openai:root' is not known" in outcome.error
    assert server.requests == []


def test_a_question_that_waits_for_a_person_is_told(cli: Cli, play: Play, text: str) -> None:
    """The others go on; when it is answered by `resume`, its result is found without another request."""
    server = play(echo)
    write(*THREE[:2])
    outcome = batch(cli, text, "--approve-cells")
    assert outcome.code == 55
    run = results()[0]["run"]
    assert [result["status"] for result in results()] == ["waiting", "waiting"]
    assert f"rlm-graph resume {run}" in outcome.err
    assert cli("resume", run, "--approve").out == "a yes 3000\n"
    asked = len(server.requests)
    assert batch(cli, text, "--approve-cells").code == 55
    assert [result["status"] for result in results()] == ["complete", "waiting"]
    assert len(server.requests) == asked


# What is refused before anything is spent


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "no JSON"),
        (b'{"query": "\xff"}', "no JSON"),
        ('"text"', "a question is a JSON object"),
        ("{}", "it has no query"),
        ('{"query": " "}', "must be a question"),
        ('{"query": 7}', "it must be a text"),
        ('{"query": "a", "question": "a"}', "both query and question"),
        ('{"query": "a", "max_iteration": 3}', "did you mean 'max_iterations'?"),
        ('{"query": "a", "expected": "b"}', "answers are not compared"),
        ('{"query": "a", "id": 1.5}', "the id is 1.5"),
        ('{"query": "a", "context": "a", "files": "a"}', "exclude each other"),
        ('{"query": "a", "context": 7}', "it must be a text, a list or an object"),
        ('{"query": "a", "files": [7]}', "it must be a name, or a list of names"),
        ('{"query": "a", "files": "-"}', "standard input"),
        ('{"query": "a", "schema": "int"}', "it must be a JSON Schema"),
    ],
)
def test_a_line_that_is_no_question_is_refused(line: str | bytes, problem: str) -> None:
    """With what is wrong with it."""
    with pytest.raises(BadLine, match=re.escape(problem)):
        parse(1, line if isinstance(line, bytes) else line.encode(), Path())


def test_bad_lines_are_named_before_anything_is_spent(cli: Cli, play: Play, text: str) -> None:
    """All of them at once: what is no question, a setting out of its range, an id that is taken, a missing file."""
    server = play(echo)
    write(THREE[0], "", {"query": "a", "max_iterations": 0}, "nonsense", THREE[0])
    outcome = batch(cli, text)
    assert outcome.code == 2
    assert re.search(r"questions.jsonl: .*line 4: no JSON.*line 5: the id 'a' is that of line 1 too", outcome.error)
    write(THREE[0], {"query": "a", "max_iterations": 0}, {"query": "b", "max_usd": -1})
    assert "line 2: max_iterations: 0 is not allowed" in batch(cli, text).error
    assert "line 1: it has no context" in batch(cli).error
    write(THREE[0], {"query": "a", "files": "missing.txt"})
    outcome = batch(cli, text)
    assert (outcome.code, outcome.error.startswith("line 2: ")) == (11, True)
    write("")
    assert "there are no questions" in batch(cli, text).error
    Path("questions.jsonl").unlink()
    Path("questions.jsonl").mkdir()
    assert "'questions.jsonl' cannot be read: Is a directory" in batch(cli, text).error
    Path("questions.jsonl").rmdir()
    assert "cannot be read" in batch(cli, text, questions="missing.jsonl").error
    assert server.requests == []


def test_questions_may_come_from_standard_input(cli: Cli, play: Play, text: str) -> None:
    """And begin with a byte order mark."""
    play(echo)
    stdin = b"\xef\xbb\xbf" + "\n".join(map(json.dumps, THREE)).encode()
    outcome = cli("batch", "-", text, "-o", "results.jsonl", *MODELS, stdin=stdin)
    assert outcome.code == 0, outcome.err
    assert len(results()) == 3
    assert "go on with" not in outcome.err


def test_files_are_seen_from_the_folder_of_the_questions(cli: Cli, play: Play) -> None:
    """Wherever the command runs."""
    play(echo)
    Path("data").mkdir()
    Path("data/own.txt").write_text("own")
    write({"id": "a", "query": "topic a", "files": "own.txt"}, name="data/q.jsonl")
    assert batch(cli, questions="data/q.jsonl").code == 0
    assert answers() == {"a": "a yes 3"}


# The file of results


def test_a_file_that_holds_something_else_is_left_alone(cli: Cli, play: Play, text: str) -> None:
    """Whatever it is: a result file is never a text that somebody wrote."""
    server = play(echo)
    write(*THREE)
    for content in ("my notes", "my notes\n", '{"a": 1}\n'):
        Path("results.jsonl").write_text(content)
        outcome = batch(cli, text)
        assert outcome.code == 2
        assert "results.jsonl" in outcome.error
        assert Path("results.jsonl").read_text() == content
    assert batch(cli, text, "--jobs", "0").code == 2
    assert cli("batch", "questions.jsonl", text, "-o", "no/folder", *MODELS).code == 2
    assert server.requests == []


def test_a_line_that_was_cut_off_is_mended(tmp_path: Path) -> None:
    """It is dropped; the lines before it stay, and one that lacks only its newline too."""
    path, one, two = tmp_path / "r", {"id": 1, "run": "a", "status": "x"}, {"id": 2, "run": "b", "status": "y"}
    path.write_text(json.dumps(one) + "\n" + json.dumps(two)[:20])
    with Results(path) as kept:
        assert kept.found == {"a": one}
        kept.add(two)
    path.write_text(path.read_text().rstrip("\n"))
    with Results(path) as kept:
        assert kept.found == {"a": one, "b": two}
        kept.add({**one, "status": "z"})
        kept.finish(["b", "a"])
    assert [json.loads(line) for line in path.read_text().splitlines()] == [two, {**one, "status": "z"}]
    path.write_text('{"id": null, "ru')
    with Results(path) as kept:
        assert kept.found == {}
    assert path.read_text() == ""


def test_one_batch_at_a_time_writes_a_file(cli: Cli, play: Play, text: str) -> None:
    """The other one is refused."""
    play(echo)
    write(*THREE)
    descriptor = os.open("results.jsonl", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    outcome = batch(cli, text)
    os.close(descriptor)
    assert outcome.code == 52
    assert "another process writes 'results.jsonl'" in outcome.error


def test_results_cannot_go_to_a_folder(tmp_path: Path) -> None:
    """The message says so."""
    with pytest.raises(ConfigError, match="cannot be written"):
        Results(tmp_path)


def test_standard_input_that_is_closed_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """`<&-`, where the questions, or the code of a fork, are to come from there."""
    cli("ask", "How many lines are there?", text, "--offline", "--run", "r")
    monkeypatch.setattr("sys.stdin", None)
    for words in (["batch", "-", text, "-o", "results.jsonl"], ["fork", "r", "--at", "1", "--code", "-"]):
        outcome = cli(*words, "--offline")
        assert outcome.code == 2
        assert "there is no standard input" in outcome.error
