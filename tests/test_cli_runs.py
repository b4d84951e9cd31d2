"""Runs by the command line: stopped and gone on with, listed, forked, answered by a person, removed."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import command_line
import pytest
from command_line import Outcome, Play, process, wait_until
from scripts import thread, turns

from rlm_graph import ContextStore, create_rlm
from rlm_graph.cli.person import ask_person
from rlm_graph.cli.removal import seconds
from rlm_graph.cli.run_names import checked_name, invented_name
from rlm_graph.cli.runs import Listed, table
from rlm_graph.cli.screen import Screen
from rlm_graph.errors import ConfigError
from rlm_graph.human import Interruption
from rlm_graph.journal import Journal, Run
from rlm_graph.testing import Reply, Request, ScriptedServer, Usage, failures

ASK = ["ask", "What is it?", "--model", "openai:root", "--sub-model", "openai:sub"]
CELL = "```repl\nprint(len(context))\n```"
ANSWER = "```repl\nFINAL('forty-two')\n```"
PARTS = "```repl\nparts = [llm_query(f'part {i}') for i in range(8)]\nprint('read')\n```"
TOLD = "```repl\nFINAL(' '.join(parts))\n```"
READ = " ".join(f"<part {i}>" for i in range(8))

no_models = command_line.no_models
text = command_line.text
cli = command_line.cli
play = command_line.play

Cli = Callable[..., Outcome]


@pytest.fixture
def home() -> Path:
    """Where this test's runs are."""
    return Path(os.environ["RLM_GRAPH_HOME"])


def slow(*, after: int) -> Callable[[Request], Reply]:
    """A sub-model that answers so many prompts, and takes its time for the next three, which are in flight then.

    Its answers tell which prompts they belong to.
    """
    numbers = count()
    return lambda request: Reply(text=f"<{request.text}>", delay_s=0.8 if after <= next(numbers) < after + 3 else 0)


def counts(server: ScriptedServer) -> Counter[str]:
    """How often each prompt was asked."""
    return Counter(f"{request.model}: {request.text}" for request in server.requests)


def listed(cli: Cli) -> dict[str, dict[str, Any]]:
    """The runs that there are, by name."""
    return {run["run"]: run for run in json.loads(cli("runs", "--json").out)["runs"]}


def stored(home: Path) -> list[str]:
    """The files of a store."""
    folders = ("blobs", "manifests", "snapshots")
    return sorted(str(path) for folder in folders for path in (home / folder).rglob("*") if path.is_file())


def threads(home: Path) -> set[str]:
    """The runs that have checkpoints."""
    with closing(sqlite3.connect(home / "checkpoints.sqlite")) as connection:
        return {thread for (thread,) in connection.execute("SELECT thread_id FROM checkpoints")}


# Stopped, killed, and gone on with


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_printed_command_goes_on_and_asks_nothing_twice(
    cli: Cli, play: Play, text: str, sent: signal.Signals, code: int
) -> None:
    """Answers that were on their way when it stopped count; nobody else can touch the run while it goes on."""
    server = play(turns(PARTS, TOLD), slow(after=3))
    with process(*ASK, text, "--run", "nightly", "--max-concurrency", "3", "--json") as running:
        wait_until(lambda: server.count("sub") >= 4)
        for command in ("resume", "rm"):
            outcome = cli(command, "nightly")
            assert outcome.code == 52
            assert f"process {running.pid} on " in outcome.error
        began = time.monotonic()
        running.send_signal(sent)
        out, err = running.communicate(timeout=10)
        assert time.monotonic() - began < 5
    assert running.returncode == code
    line = err.decode().splitlines()[-1]
    assert line == "stopped; go on with: rlm-graph resume nightly"
    told = json.loads(out)
    assert (told["run"], told["error"]["exit_code"]) == ("nightly", code)
    assert shlex.join(told["resume"]) == line.removeprefix("stopped; go on with: ")
    run = listed(cli)["nightly"]
    assert (run["status"], run["iterations"]) == ("stopped", 1)
    assert run["sub_calls"] == server.count("sub") < 8

    outcome = cli(*told["resume"][1:])
    assert (outcome.code, outcome.out) == (0, f"{READ}\n")
    assert "after 1 iteration" in outcome.err
    assert set(counts(server).values()) == {1}
    assert len(counts(server)) == 10
    run = listed(cli)["nightly"]
    assert (run["status"], run["iterations"], run["sub_calls"]) == ("complete", 2, 8)


def test_a_killed_run_goes_on(cli: Cli, play: Play, text: str) -> None:
    """`kill -9` leaves an interrupted run, which is listed with what was answered, and asks again what was not."""
    server = play(turns(PARTS, TOLD), slow(after=3))
    with process(*ASK, text, "--max-concurrency", "2") as running:
        wait_until(lambda: [run["sub_calls"] for run in listed(cli).values()] == [3])
        ((name, run),) = listed(cli).items()
        assert run["status"] == "running"
        running.kill()
    ((name, run),) = listed(cli).items()
    assert (run["status"], run["iterations"], run["sub_calls"]) == ("interrupted", 1, 3)
    asked = server.count("sub")
    outcome = cli("resume", name)
    assert (outcome.code, outcome.out) == (0, f"{READ}\n")
    assert server.count("root") == 2
    assert server.count("sub") - asked == 8 - run["sub_calls"]
    assert listed(cli) == {}  # nobody has named it, and it has its answer


def test_a_terminal_that_is_closed_stops_the_run(cli: Cli, play: Play, text: str) -> None:
    """As SIGTERM does (a shell sends SIGHUP): at a safe point; that nobody can read what it says is no error."""
    server = play(turns(PARTS, TOLD), slow(after=0))
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a nohup around the tests would be the command's, too
    try:
        terminal = Terminal(*ASK, text, "--run", "r", "--max-concurrency", "3")
    finally:
        signal.signal(signal.SIGHUP, inherited)
    wait_until(lambda: server.count("sub") == 3)
    terminal.close()
    time.sleep(0.3)  # in which it is written to, and nothing fails by that
    terminal.process.send_signal(signal.SIGHUP)
    assert terminal.process.communicate(timeout=10) == (b"", None)
    assert terminal.process.returncode == 129
    run = listed(cli)["r"]
    assert (run["status"], run["sub_calls"]) == ("stopped", server.count("sub"))


def test_another_host_goes_on(cli: Cli, play: Play, text: str, tmp_path: Path, postgres_url: str) -> None:
    """With a store and a database that both reach, an empty home folder is enough; the printed command names them."""
    server = play(turns(PARTS, TOLD), slow(after=3))
    places = ["--store", (tmp_path / "our store").as_uri(), "--database", postgres_url]
    with process(*ASK, text, *places, "--run", "shared", "--max-concurrency", "3") as running:
        wait_until(lambda: server.count("sub") >= 4)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=10)
    words = shlex.split(err.decode().splitlines()[-1].removeprefix("stopped; go on with: "))
    assert words == ["rlm-graph", "resume", "shared", *places]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RLM_GRAPH_HOME", str(tmp_path / "another host"))
        Path(text).unlink()
        (run,) = json.loads(cli("runs", *places, "--json").out)["runs"]
        assert (run["status"], run["iterations"], run["sub_calls"]) == ("stopped", 1, server.count("sub"))
        outcome = cli(*words[1:])
    assert (outcome.code, outcome.out) == (0, f"{READ}\n")
    assert set(counts(server).values()) == {1}
    assert cli("runs").err == "there are no runs\n"
    assert "shared  complete" in cli("runs", *places).out
    assert cli("rm", "shared", *places).code == 0
    assert stored(tmp_path / "our store") == []


def test_a_run_that_has_failed_goes_on(cli: Cli, play: Play, text: str, home: Path) -> None:
    """After the error a line says how, with --json too; the key stands nowhere."""
    play([PARTS, failures.unauthorized("sk-test")], lambda request: f"<{request.text}>")
    outcome = cli(*ASK, text, "--json")
    assert outcome.code == 23
    told = json.loads(outcome.out)
    assert outcome.err.splitlines()[-1] == f"go on with: {shlex.join(told['resume'])}"
    assert listed(cli)[told["run"]]["status"] == "failed"
    server = play(TOLD)
    outcome = cli(*told["resume"][1:])
    assert (outcome.code, outcome.out) == (0, f"{READ}\n")
    assert (server.count("root"), server.count("sub")) == (1, 0)
    assert not any(b"sk-test" in path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_a_resumed_run_is_asked_as_it_was_begun(cli: Cli, play: Play, text: str) -> None:
    """Models and settings stay, but for those that are given now, which stay from then on."""
    server = play([CELL, Reply(status=400), CELL, Reply(status=400), ANSWER], other=Reply(status=400))
    cli(*ASK, text, "--run", "r", "--temperature", "0.25", "--root-max-tokens", "77")
    cli("resume", "r", "--root-max-tokens", "99")
    cli("resume", "r", "--model", "openai:other")
    outcome = cli("resume", "r", "--model", "openai:root")
    assert outcome.out == "forty-two\n"
    asked = [(request.model, request.temperature, request.max_tokens) for request in server.requests]
    assert asked == [
        ("root", 0.25, 77),
        ("root", 0.25, 77),
        ("root", 0.25, 99),
        ("root", 0.25, 99),
        ("other", 0.25, 99),
        ("root", 0.25, 99),
    ]


def test_a_finished_run_prints_its_answer_again(cli: Cli, play: Play, text: str) -> None:
    """It costs nothing: no server, no key, not even the context's file."""
    play([CELL, ANSWER])
    first = json.loads(cli(*ASK, text, "--run", "r", "--json").out)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OPENAI_API_KEY")
        patch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
        Path(text).unlink()
        assert cli("resume", "r").out == "forty-two\n"
        outcome = cli("resume", "r", "--json", "--model", "openai:other", "--max-usd", "3", "--no-run-ahead")
        again = json.loads(outcome.out)
    first.pop("elapsed_s"), again.pop("elapsed_s")
    assert again == first
    given = "--model openai:other --max-usd 3.0 --no-run-ahead"
    assert outcome.err == (
        f"warning: {given} changes nothing: run 'r' has its answer; another way: rlm-graph fork r --at N {given}\n"
    )


# Budgets


def test_a_budget_that_ran_out_can_be_raised(cli: Cli, play: Play, text: str) -> None:
    """The run goes on from before the last question, and pays for nothing again; the last question's cost counts."""
    turn = Reply(text="```repl\nanswer['content'] = 'a draft'\n```", usage=Usage(10_000, 1000))
    server = play([], **{"gpt-4.1": [turn, turn, ANSWER]})
    ask = ["ask", "What is it?", text, "--model", "openai:gpt-4.1", "--run", "r", "--json"]
    outcome = cli(*ask, "--max-usd", "0.06")
    told = json.loads(outcome.out)
    assert (told["answer"], told["status"], told["exhausted"]) == ("a draft", "out_of_budget", "max_usd")
    assert "warning: max_usd ran out: this is the model's best answer" in outcome.err
    assert told["resume"] == ["rlm-graph", "resume", "r", "--max-usd", "0.12"]
    assert listed(cli)["r"]["status"] == "out_of_budget"

    outcome = cli("resume", "r", "--json", "--max-iterations", "100")
    assert "--max-iterations 100 changes nothing: max_usd ran out, and is not raised" in outcome.err
    assert (json.loads(outcome.out)["answer"], server.count("gpt-4.1")) == ("a draft", 2)

    told = json.loads(cli(*told["resume"][1:], "--json").out)
    assert (told["answer"], told["status"], told["iterations"]) == ("forty-two", "complete", 3)
    assert (told["requests"], server.count("gpt-4.1")) == (3, 3)
    assert told["cost_usd"] > 2 * (10_000 * 2e-6 + 1000 * 8e-6)
    shown = [message["content"] for message in server.requests[-1].messages]
    assert len(shown) == 6
    assert "max_usd" not in shown[-1]


@pytest.mark.parametrize(("last_reply", "code"), [("FINAL(a guess)", 0), ("", 30)])
def test_iterations_that_ran_out_can_be_raised(cli: Cli, play: Play, text: str, last_reply: str, code: int) -> None:
    """Whether there is an answer or not, the run stays, though nobody has named it, until it has a better one."""
    server = play([CELL, last_reply, ANSWER])
    outcome = cli(*ASK, text, "--max-iterations", "1", "--json")
    assert outcome.code == code
    told = json.loads(outcome.out)
    assert told["resume"] == ["rlm-graph", "resume", told["run"], "--max-iterations", "2"]
    assert f"go on with: {shlex.join(told['resume'])}" in outcome.err.splitlines()[-1]
    status = listed(cli)[told["run"]]["status"]
    assert status == ("no_answer" if code else "out_of_iterations")
    assert cli("resume", told["run"]).code == code
    assert cli(*told["resume"][1:]).out == "forty-two\n"
    assert server.count("root") == 3
    assert listed(cli) == {}


# Names


@pytest.mark.parametrize("name", ["", "-x", ".x", "a b", "a/b", "é", "x" * 101, "a\n"])
def test_a_name_that_is_no_name_is_refused(cli: Cli, text: str, name: str) -> None:
    """Before anything is read."""
    outcome = cli("ask", "q", text, "--offline", f"--run={name}")
    assert outcome.code == 2
    assert f"--run: {name!r} is not allowed" in outcome.error


def test_names_are_letters_digits_and_three_marks() -> None:
    """An invented one is a name too, with the day in it, and none that is taken."""
    assert checked_name("Nightly_2.0-b", "--run") == "Nightly_2.0-b"
    taken: list[str] = []

    def take(name: str) -> bool:
        taken.append(checked_name(name, "--run"))
        return len(taken) == 100

    name = invented_name(take)
    assert name == taken[-1]
    assert name not in taken[:-1]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-[a-z]+-[a-z]+(-\d+)?", name)


def test_a_name_that_is_taken_is_refused(cli: Cli, play: Play, text: str) -> None:
    """With how that run stands, before the context is read, for a fork too."""
    play([ANSWER])
    cli(*ASK, text, "--run", "r")
    for words in ([*ASK, "missing.txt", "--run", "r"], ["fork", "r", "--at", "0", "--as", "r"]):
        outcome = cli(*words)
        assert outcome.code == 2
        assert "there is a run 'r' already (complete): resume it, fork it, or rm it" in outcome.error


def test_an_unknown_run_is_told_with_the_names_that_are_near(cli: Cli, play: Play, text: str) -> None:
    """Whatever is to be done with it."""
    assert "there are none" in cli("resume", "nightly").error
    play([ANSWER])
    cli(*ASK, text, "--run", "nightly")
    for words in (["resume", "nihgtly"], ["fork", "nihgtly", "--at", "1"], ["rm", "nihgtly", "nightly"]):
        outcome = cli(*words)
        assert outcome.code == 53
        assert "did you mean nightly?" in outcome.error
    assert "there is nightly" in cli("resume", "zzz").error
    assert listed(cli).keys() == {"nightly"}


def test_a_program_goes_on_with_its_runs_itself(cli: Cli, play: Play, home: Path) -> None:
    """They are listed, and their things are kept, but only the program has their models and checkpoints."""
    from langgraph.checkpoint.memory import InMemorySaver

    server = play([ANSWER])
    journal = Journal(home / "journal.sqlite")
    store = ContextStore(str(home))
    rlm = create_rlm(server.chat_model("root"), checkpointer=InMemorySaver(), journal=journal, context_store=store)
    rlm.invoke({"query": "q", "context": "text"}, thread("theirs"))
    rlm.close()
    journal.close()
    assert listed(cli)["theirs"]["status"] == "complete"
    assert "theirs  complete" in cli("runs").out
    outcome = cli("resume", "theirs")
    assert outcome.code == 2
    assert "was begun by a program" in outcome.error
    before = stored(home)
    assert cli("gc", "--older-than", "0").code == 0
    assert stored(home) == before


# What is there


def a_run(name: str, **fields: Any) -> Listed:
    blank = {"created_at": 0.0, "updated_at": time.time() - 3 * 86_400, "iterations": 3, "sub_calls": 4}
    more = {"cost_usd": 0.0, "options": {}, "named": True, "alive": False, "entries": 0, "bytes": 0}
    told = {"question": "Which service\nlogged the most ERROR lines?", "status": "complete"}
    return Listed(Run(name=name, **{**blank, **more, **told, **fields}), 123, 4567, 12.3456, 12_345_678)


def test_the_list_fits_a_terminal() -> None:
    """At 80 columns, each run has its question on a second line, cut off; wider, beside; a pipe gets all of it."""
    runs = [a_run("2026-11-22-tranquil-sparrow", status="out_of_budget"), a_run("n", question="q" * 200)]
    lines = table(runs, 80).plain.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines == [
        "run                          status         iter  calls    cost   size   active",
        "2026-11-22-tranquil-sparrow  out of budget   123  4,567  $12.35  12 MB  3 d ago",
        "  Which service logged the most ERROR lines?",
        "n                            complete        123  4,567  $12.35  12 MB  3 d ago",
        f"  {'q' * 77}…",
    ]
    assert max(map(len, table(runs, 130).plain.splitlines())) == 130
    piped = table(runs, None).plain.splitlines()
    assert len(piped) == 3
    assert piped[1].endswith("3 d ago  Which service logged the most ERROR lines?")
    assert piped[2].endswith("q" * 200)


def test_a_run_that_nobody_named_leaves_nothing(cli: Cli, play: Play, text: str, home: Path) -> None:
    """When it has its answer; what another run refers to stays."""
    play([PARTS, TOLD])
    assert cli(*ASK, text).code == 0
    assert listed(cli) == {}
    assert (stored(home), threads(home)) == ([], set())
    play(turns(CELL, ANSWER))
    assert cli(*ASK, text, "--run", "r").code == 0
    before = stored(home)
    assert cli(*ASK, text).code == 0
    assert listed(cli).keys() == {"r"}
    assert stored(home) == before


def test_rm_removes_what_only_that_run_refers_to(cli: Cli, play: Play, text: str, home: Path) -> None:
    """Two runs share a context, and a fork shares a snapshot: the last one takes them along."""
    play(turns(CELL, "```repl\nx = 1\n```", ANSWER))
    cli(*ASK, text, "--run", "one")
    alone = stored(home)
    cli(*ASK, text, "--run", "two", "--temperature", "0")
    cli("fork", "one", "--at", "2", "--as", "three")
    assert threads(home) == {"one", "two", "three"}
    outcome = cli("rm", "two", "three", "--json")
    assert json.loads(outcome.out)["removed"] == ["two", "three"]
    assert (stored(home), threads(home)) == (alone, {"one"})
    assert cli("resume", "one").out == "forty-two\n"
    outcome = cli("rm", "one")
    assert re.fullmatch(r"removed 1 run, \d+ files, [\d.]+ KB\n", outcome.err)
    assert (stored(home), threads(home), listed(cli)) == ([], set(), {})


def test_what_others_may_be_about_to_use_is_left_for_gc(cli: Cli, play: Play, text: str, home: Path) -> None:
    """Snapshots stay, with what they need, while another run over the same context has not ended: it may need them."""
    play(turns(CELL, ANSWER))
    cli(*ASK, text, "--run", "r")
    before = stored(home)
    hanging = play(Reply(hang=True))
    with process(*ASK, text, "--run", "other"):
        wait_until(lambda: hanging.count("root"))
        assert cli("rm", "r").err == "removed 1 run, 0 files, 0 B\n"
        assert stored(home) == before
    assert cli("gc", "--older-than", "0").code == 0
    assert stored(home) == before  # killed, it may go on
    assert cli("rm", "other", "--yes").code == 0
    assert cli("gc", "--older-than", "0").code == 0
    assert stored(home) == []


def test_gc_deletes_what_no_run_refers_to(cli: Cli, play: Play, text: str, home: Path) -> None:
    """And only that, and only what is old enough; a dry run deletes nothing, and says how much it would be."""
    play([ANSWER])
    cli(*ASK, text, "--run", "r")
    kept = stored(home)
    ContextStore(str(home)).put("nobody asks about this")
    orphans = set(stored(home)) - set(kept)
    assert json.loads(cli("gc", "--json").out)["files"] == 0
    told = json.loads(cli("gc", "--older-than", "0", "--dry-run", "--json").out)
    assert (told["files"], told["dry_run"]) == (len(orphans), True)
    assert set(stored(home)) - set(kept) == orphans
    outcome = cli("gc", "--older-than", "0")
    assert re.fullmatch(rf"deleted {len(orphans)} files, \d+ B\n", outcome.err)
    assert stored(home) == kept
    assert cli("resume", "r").out == "forty-two\n"


def test_lengths_of_time_are_read() -> None:
    """With a unit, or 0."""
    assert [seconds(text) for text in ("90s", "30m", "12h", "1d", "2w", "1.5h", "0")] == [
        *(90, 1800, 43_200, 86_400, 1_209_600, 5400, 0)
    ]
    with pytest.raises(ConfigError, match="'yesterday' is not allowed: must be like"):
        seconds("yesterday")


# Forks


def test_a_fork_goes_another_way(cli: Cli, play: Play, text: str) -> None:
    """From the state after that iteration, with the REPL as it was then; the run itself stays as it is."""
    server = play(turns("```repl\nx = 'one'\n```", "```repl\nx = 'two'\n```", "```repl\nFINAL(x)\n```"))
    cli(*ASK, text, "--run", "r")
    before = cli("runs", "--json").out
    assert server.count("root") == 3

    play(turns("", "```repl\nFINAL('other: ' + x)\n```"), other=ANSWER)
    assert cli("fork", "r", "--at", "1").out == "other: one\n"
    assert cli("fork", "r", "--at", "1", "--model", "openai:other", "--as", "b").out == "forty-two\n"
    assert listed(cli)["b"]["iterations"] == 2
    assert json.loads(before)["runs"][0] == listed(cli)["r"]
    assert cli("resume", "r").out == "two\n"


def test_a_fork_runs_code(cli: Cli, play: Play, text: str, tmp_path: Path) -> None:
    """In the place of the root model's next reply, which then sees what it printed."""
    play(turns("```repl\nx = 'one'\n```", "```repl\nFINAL(x)\n```"))
    cli(*ASK, text, "--run", "r")
    server = play("```repl\nFINAL(y)\n```")
    (tmp_path / "code.py").write_text("y = x.upper()\nprint('changed')\n")
    assert cli("fork", "r", "--at", "1", "--code", str(tmp_path / "code.py"), "--as", "f").out == "ONE\n"
    (request,) = server.requests
    assert "y = x.upper()" in str(request.messages[-2]["content"])
    assert "changed" in request.text
    assert listed(cli)["f"]["iterations"] == 3
    assert cli("fork", "r", "--at", "1", "--code", "-", stdin=b"FINAL(x * 2)").out == "oneone\n"
    assert cli("fork", "f", "--at", "2", "--code", "-", stdin=b"FINAL(x + y)").out == "oneONE\n"
    outcome = cli("fork", "f", "--at", "1")
    assert outcome.code == 2
    assert "run 'f' has the iterations 2 (where it was forked from another run) to 3" in outcome.error
    assert server.count("root") == 1


def test_a_fork_asks_another_question(cli: Cli, play: Play, text: str) -> None:
    """Over the same variables and the same context."""
    play(turns("```repl\nx = 'one'\n```", ANSWER))
    cli(*ASK, text, "--run", "r")
    server = play("```repl\nFINAL(x + str(len(context)))\n```")
    assert cli("fork", "r", "--at", "1", "--query", "And how long?", "--as", "f").out == "one3000\n"
    assert "And how long?" in str(server.requests[0].messages)
    assert listed(cli)["f"]["question"] == "And how long?"
    assert cli("fork", "f", "--at", "1", "--query", "And now?").out == "one3000\n"
    assert "forty-two" not in str(server.requests[-1].messages)
    assert cli("fork", "r", "--at", "2", "--query", "And now?").out == "one3000\n"
    assert "forty-two" in str(server.requests[-1].messages)
    assert cli("fork", "r", "--at", "2", "--code", "-", stdin=b"FINAL(x * 3)").out == "oneoneone\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--at", "7"], "--at: 7 is not allowed: run 'r' has the iterations 0 (before the first) to 2"),
        (["--at", "2"], "--at: run 'r' has its answer in iteration 2: give --query, --code, or another"),
        (["--at", "-1"], "--at: -1 is not allowed"),
        (["--at", "1", "--code", "missing.py"], "--code: 'missing.py' cannot be read: No such file"),
        (["--at", "1", "--code", "missing.py", "--query", "q"], "--query and --code exclude each other"),
        (["--at", "1", "--query", " "], "--query: ' ' is not allowed"),
        (["--at", "1", "--max-iterations", "0"], "max_iterations: 0 is not allowed"),
        ([], "--at"),
    ],
)
def test_a_fork_that_cannot_be_is_told(cli: Cli, play: Play, text: str, words: list[str], message: str) -> None:
    """And nothing is left of it."""
    play([CELL, ANSWER])
    cli(*ASK, text, "--run", "r")
    outcome = cli("fork", "r", *words)
    assert outcome.code == 2
    assert message in outcome.error
    assert listed(cli).keys() == {"r"}


# A person


def test_a_run_waits_for_a_person(cli: Cli, play: Play, text: str) -> None:
    """Without a terminal it says what it waits for, and how to answer; the answer comes with `resume`."""
    asks = "```repl\nname = ask_user('Which year?')\n```"
    server = play(turns(asks, "```repl\nFINAL(1)\n```", "```repl\nFINAL(name)\n```"))
    outcome = cli(*ASK, text, "--ask-user", "--approve-cells", "--run", "r", "--json")
    assert outcome.code == 55
    told = json.loads(outcome.out)
    assert told["resume"] == ["rlm-graph", "resume", "r"]
    assert told["waiting"][0]["cells"] == ["name = ask_user('Which year?')"]
    lines = outcome.err.splitlines()
    assert "│ name = ask_user('Which year?')" in lines
    assert lines[-1] == "the run waits for a person; go on with: rlm-graph resume r --approve (or --reject REASON)"
    assert listed(cli)["r"]["status"] == "waiting"

    assert cli("resume", "r").code == 55
    assert "give --approve (or --reject REASON)" in cli("resume", "r", "--answer", "2027").error
    assert "exclude each other" in cli("resume", "r", "--approve", "--reject", "no").error
    outcome = cli("resume", "r", "--approve")
    assert outcome.code == 55
    assert outcome.err.splitlines()[-1].endswith("go on with: rlm-graph resume r --answer TEXT")
    assert "Which year?" in outcome.err
    assert cli("resume", "r", "--answer", "2027").code == 55
    assert cli("resume", "r", "--reject", "say the year").code == 55
    assert "say the year" in server.requests[-1].text
    assert cli("resume", "r", "--approve").out == "2027\n"
    assert server.count("root") == 3
    assert "waits for nobody" in cli("resume", "r", "--approve").error


def test_more_money_is_approved(cli: Cli, play: Play, text: str) -> None:
    """`--approve` is as much again; rejected, the budget has run out, and can be raised."""
    turn = Reply(text="```repl\nanswer['content'] = 'a draft'\n```", usage=Usage(10_000, 1000))
    server = play([], **{"gpt-4.1": [turn, turn, ANSWER]})
    words = ["ask", "What is it?", text, "--model", "openai:gpt-4.1", "--run", "r", "--root-max-tokens", "500"]
    outcome = cli(*words, "--approve-above-usd", "0.03")
    assert outcome.code == 55
    assert "$0.03" in outcome.err
    assert cli("resume", "r", "--approve").code == 55
    assert server.count("gpt-4.1") == 2
    outcome = cli("resume", "r", "--reject", "enough")
    assert (outcome.code, outcome.out) == (0, "a draft\n")
    assert outcome.err.splitlines()[-1].endswith("go on with: rlm-graph resume r --approve-above-usd 0.06")
    assert cli("resume", "r", "--approve-above-usd", "1").out == "forty-two\n"
    assert server.count("gpt-4.1") == 3


class Terminal:
    """A terminal of 80 columns, and a command line on it."""

    def __init__(self, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        self.shown, self._seen = "", 0
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rlm_graph", *words],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={**os.environ, "FORCE_COLOR": "1", "NO_COLOR": "", "COLORTERM": "truecolor"},
        )
        os.close(theirs)

    def see(self, what: str) -> None:
        """Wait until that is shown, after what was seen before."""
        deadline = time.monotonic() + 30
        while (at := self._plain().find(what, self._seen)) < 0:
            assert time.monotonic() < deadline, f"{what!r} is not in {self._plain()[self._seen :]!r}"
            if select.select([self._ours], [], [], 1)[0]:
                self.shown += os.read(self._ours, 65536).decode()
        self._seen = at + len(what)

    def _plain(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown)

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._ours, f"{text}\n".encode())

    def end(self) -> tuple[int, str]:
        """Exit code, and what went to stdout."""
        assert self.process.stdout is not None
        out = self.process.stdout.read().decode()
        code = self.process.wait(timeout=20)
        self.process.stdout.close()
        self.close()
        return code, out

    def close(self) -> None:
        """Close it."""
        os.close(self._ours)


def test_a_person_at_a_terminal_is_asked(
    cli: Cli, play: Play, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code is shown highlighted, and approved, rejected or edited; questions are answered; Ctrl-D leaves them open."""
    asks = "```repl\nyear = ask_user('Which year?')\n```"
    server = play(turns(asks, "```repl\nFINAL(1)\n```", "```repl\nFINAL('in ' + year)\n```"))
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nexec sed -i s/in/since/ "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    terminal = Terminal(*ASK, text, "--ask-user", "--approve-cells", "--run", "r")
    terminal.see("run it? (y)es, (e)dit, (n)o: ")
    assert "\x1b[" in terminal.shown.split("year")[1]  # colours
    terminal.type("what?")
    terminal.see("run it? (y)es, (e)dit, (n)o: ")
    terminal.type("y")
    terminal.see("answer: ")
    assert "Which year?" in terminal.shown
    terminal.type("2027")
    terminal.see("run it?")
    terminal.type("n")
    terminal.see("why not? ")
    terminal.type("say more")
    terminal.see("run it?")
    assert "say more" in server.requests[-1].text
    terminal.type("e")
    terminal.see("since")
    terminal.see("run it?")
    terminal.type("y")
    assert terminal.end() == (0, "since 2027\n")
    assert server.count("root") == 3

    terminal = Terminal(*ASK, text, "--ask-user", "--run", "open")
    terminal.see("answer: ")
    terminal.type("\x04")
    code, _ = terminal.end()
    assert code == 55
    assert listed(cli)["open"]["status"] == "waiting"


def spend(limit_usd: float) -> Interruption:
    """A request for more money."""
    return {"rlm_requests": [{"id": "s", "kind": "approve_spend", "text": "May it go on?", "limit_usd": limit_usd}]}


@pytest.mark.parametrize(
    ("typed", "decided"),
    [
        ("yes\n", {"s": True}),
        ("N\n", {"s": False}),
        ("what\n0.5\n$7\n", {"s": {"approve": True, "up_to_usd": 7.0}}),
        ("", None),
    ],
)
def test_money_is_asked_for_until_there_is_an_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, decided: Any
) -> None:
    """Yes, no, or how much, which must be more than it may cost already; the end of the input leaves it open."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert ask_person(spend(2.0), Screen()) == decided
    shown = capsys.readouterr().err
    assert "May it go on?" in shown
    assert "up to $4.00" in shown
    assert ("more than $2.00" in shown) == ("0.5" in typed)


class Interrupted(io.StringIO):
    """A terminal at which Ctrl-C is pressed."""

    def readline(self, _size: int | None = -1) -> str:
        raise KeyboardInterrupt


def test_what_follows_an_interrupted_question_has_a_line_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line of the question ends."""
    monkeypatch.setattr(sys, "stdin", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        ask_person(spend(2.0), Screen())
    shown = capsys.readouterr()
    assert (shown.out + shown.err).endswith("(n)o: \n")


def test_an_editor_that_fails_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told, and the person is asked again."""
    monkeypatch.setenv("EDITOR", "false --wait")
    monkeypatch.setattr(sys, "stdin", io.StringIO("e\ny\n"))
    cells: Interruption = {
        "rlm_requests": [{"id": "c", "kind": "approve_cells", "text": "Run?", "cells": ["print(1)"]}],
        "error": "what was given was no decision",
    }
    assert ask_person(cells, Screen()) == {"c": True}
    shown = capsys.readouterr().err
    assert "error: what was given was no decision" in shown
    assert "the editor false --wait failed" in shown


# Storage that cannot be used


def test_what_is_missing_is_told_before_anything_is_asked(
    cli: Cli, play: Play, text: str, home: Path, tmp_path: Path
) -> None:
    """A snapshot, a context, the checkpoints, the journal: each is named, with the way on, which leads on."""
    server = play([CELL, Reply(status=400), ANSWER])
    assert cli(*ASK, text, "--run", "r").code == 25
    (snapshot,) = (home / "snapshots").rglob("?" * 64)
    whole = snapshot.read_bytes()
    snapshot.write_bytes(whole[:-1] + b"?")
    outcome = cli("resume", "r")
    assert outcome.code == 32
    assert f"{snapshot} was changed" in outcome.error
    snapshot.write_bytes(whole)
    snapshot.rename(tmp_path / "aside")
    outcome = cli("resume", "r")
    assert outcome.code == 32
    assert f"has no snapshot {snapshot.name}" in outcome.error
    assert "rlm-graph fork r --at N" in outcome.error
    (tmp_path / "aside").rename(snapshot)

    (blob,) = (path for path in (home / "blobs").rglob("?" * 64) if path.stat().st_size == 3000)
    blob.write_bytes(b"cut off")
    outcome = cli("resume", "r")
    assert outcome.code == 10
    assert blob.name in outcome.error
    blob.unlink()
    outcome = cli("resume", "r")
    assert outcome.code == 11
    assert f"ask something about {text}, and it is there again" in outcome.error
    assert server.count("root") == 2

    outcome = cli("resume", "r", "--store", str(tmp_path / "elsewhere"))
    assert outcome.code == 11
    assert "elsewhere" in outcome.error

    assert cli("ask", "How many lines?", text, "--offline").out == "273 lines\n"
    assert cli("resume", "r").out == "forty-two\n"
    assert server.count("root") == 3


def test_checkpoints_that_cannot_be_used_are_named(cli: Cli, play: Play, text: str, home: Path) -> None:
    """And nothing that was paid for is asked again: the run goes on when they are back."""
    server = play([CELL, Reply(status=400), ANSWER])
    cli(*ASK, text, "--run", "r")
    checkpoints = home / "checkpoints.sqlite"
    whole = checkpoints.read_bytes()
    for damaged, why in (
        (b"no database" * 1000, "cannot be used: file is not a database; the file is no SQLite database"),
        (whole[:8192] + b"?" * (len(whole) - 8192), "cannot be used: database disk image is malformed"),
    ):
        checkpoints.write_bytes(damaged)
        for words in (["resume", "r"], ["fork", "r", "--at", "1"]):
            outcome = cli(*words)
            assert outcome.code == 50
            assert f"the checkpoints in {checkpoints} {why}" in outcome.error
    checkpoints.unlink()
    outcome = cli("resume", "r")
    assert outcome.code == 50
    assert f"the checkpoints of run 'r' are gone: there are none in {checkpoints}" in outcome.error
    assert server.count("root") == 2
    checkpoints.write_bytes(whole)
    assert cli("resume", "r").out == "forty-two\n"
    assert server.count("root") == 3


def test_a_journal_of_a_newer_version_is_refused(cli: Cli, home: Path, text: str) -> None:
    """By every command that reads it."""
    assert cli("runs").code == 0
    with closing(sqlite3.connect(home / "journal.sqlite")) as connection:
        connection.execute("UPDATE rlm_journal SET version = 99")
        connection.commit()
    for words in (
        ["runs"],
        ["gc"],
        ["rm", "r"],
        ["resume", "r"],
        ["fork", "r", "--at", "1"],
        ["ask", "How many lines?", text, "--offline"],
    ):
        outcome = cli(*words)
        assert outcome.code == 51
        assert "is of version 99" in outcome.error


@pytest.mark.parametrize("words", [["--store", "s3:nowhere"], ["--database", "mysql://somewhere/else"]])
def test_a_place_that_is_none_is_refused(cli: Cli, text: str, words: list[str]) -> None:
    """By its name and its value."""
    outcome = cli("ask", "How many lines?", text, "--offline", *words)
    assert outcome.code == 2
    assert words[1] in outcome.error


def test_no_password_is_printed(cli: Cli, play: Play, text: str) -> None:
    """The command that goes on has the database's address without it."""
    outcome = cli("runs", "--database", "postgresql://me:secret@127.0.0.1:9/runs")
    assert outcome.code == 50
    assert "127.0.0.1" in outcome.error
    assert "secret" not in outcome.err
