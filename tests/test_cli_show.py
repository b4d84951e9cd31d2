"""`rlm-graph show`: the story of a run in a terminal, in a pipe, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import command_line
import pytest
from command_line import Outcome
from scripts import turn_of

from rlm_graph.testing import Reply, Request, ScriptedServer, Usage, failures

no_models = command_line.no_models
cli = command_line.cli

Cli = Callable[..., Outcome]

TURNS = [
    "I look.\n```repl\nprint('\\n'.join(f'line {i}' for i in range(300)))\n```",
    """I ask.
```repl
parts = []
for i in range(3):
    try:
        parts.append(llm_query(f'part {i}'))
    except Exception:
        parts.append('none')
x = 1 / 0
```""",
    "I go deeper.\n```repl\ndeep = rlm_query('what is deeper?', context='something deep')\n```",
    "```repl\nFINAL(' '.join(parts) + deep)\n```",
]


def root(request: Request) -> Reply:
    """The root model."""
    text = TURNS[turn_of(request)]
    return Reply(text=text, usage=Usage(1000, 100))


def sub(request: Request) -> Reply:
    """The sub-model, and the root model of children."""
    if request.system:
        return Reply(text="```repl\nFINAL(llm_query('in the deep'))\n```")
    return failures.server_error() if request.text == "part 1" else Reply(text=f"<{request.text}>")


@pytest.fixture
def run(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line, with a run `r` that is complete."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.txt").write_text("one")
    (tmp_path / "docs/b.txt").write_text("two")
    with ScriptedServer({"gpt-4.1": root, "gpt-4.1-mini": sub}) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        words = ["--model", "openai:gpt-4.1", "--sub-model", "openai:gpt-4.1-mini", "--max-recursion-depth", "2"]
        outcome = cli("ask", "What is it?", "docs", "--run", "r", "--max-retries", "0", *words)
    assert outcome.code == 0, outcome.err
    monkeypatch.delenv("OPENAI_API_KEY")  # nobody is asked any more
    return cli


def test_a_run_is_shown(run: Cli) -> None:
    """Question, status, figures; each iteration with what was thought, run, printed and asked; the answer."""
    outcome = run("show", "r")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0].startswith("r  complete  4 iterations, 5 sub-calls, ")
    assert "$0.01" in lines[0]
    assert lines[1] == "question  What is it?"
    assert lines[2] == "context   2 documents, 6 characters"
    assert lines[3].startswith("model     gpt-4.1, 4 requests, 4,000 tokens in, 400 out, $0.01")
    assert next(line for line in lines if line.startswith("-- ")).startswith("-- iteration 1, ")
    text = outcome.out
    assert "1,000 tokens in, 100 out" in text
    assert "I look.\n│ print(" in text
    assert "printed 2,590 characters, the root model saw 1,000\n│ line 0\n│ line 1\n" in text
    assert "line 6" not in text
    assert "more characters, see --full]" in text
    assert "3 sub-calls, 1 failed, the longest 0." in text
    assert "│ ZeroDivisionError: division by zero\n" in text
    assert "Traceback" not in text
    assert text.endswith("-- answer --\n<part 0> none <part 2><in the deep>\n")


def test_full_shortens_nothing(run: Cli) -> None:
    """All that was printed, what the root model saw of it, each sub-call with its answer, children's turns."""
    text = run("show", "r", "--full").out
    assert "│ line 299\n" in text
    assert "│ Traceback" in text
    assert "the root model saw\n" in text
    assert "  > part 0\n  < <part 0>\n" in text
    assert "llm_query, gpt-4.1-mini, 0." in text
    assert "-- iteration 1, " in text.split("what is deeper?")[-1]
    assert "  > in the deep\n" in text


def test_one_iteration_is_shown(run: Cli) -> None:
    """Nothing before it and nothing after it; one that there is not is refused, with those that there are."""
    text = run("show", "r", "--at", "2").out
    assert text.splitlines()[1].startswith("-- iteration 2, ")
    assert "I look" not in text
    assert "I go deeper" not in text
    outcome = run("show", "r", "--at", "7")
    assert outcome.code == 2
    assert "--at: 7 is not allowed: run 'r' has the iterations 1 to 4" in outcome.error


def test_json_has_the_whole_story(run: Cli) -> None:
    """Turns, cells, calls, children, and which parts of the context were read."""
    story = json.loads(run("show", "r", "--json").out)
    assert (story["run"], story["status"], story["answer"]) == ("r", "complete", "<part 0> none <part 2><in the deep>")
    assert len(story["turns"]) == 4
    calls = story["turns"][1]["cells"][0]["calls"]
    assert [call["failed"] for call in calls] == [None, "ModelServerError", None]
    assert story["turns"][2]["cells"][0]["calls"][0]["child"][0]["model"] == "gpt-4.1-mini"
    assert [part["name"] for part in story["parts"]] == ["a.txt", "b.txt"]
    assert [turn["iteration"] for turn in json.loads(run("show", "r", "--json", "--at", "3").out)["turns"]] == [3]


def test_a_run_that_has_no_answer_is_shown(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as it has come, with what it waits for; a run that there is not is told with those that are near."""
    (tmp_path / "c.txt").write_text("c")
    with ScriptedServer({"root": [TURNS[0], Reply(status=400), TURNS[0]]}) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        ask = ["ask", "q", str(tmp_path / "c.txt"), "--model", "openai:root"]
        assert cli(*ask, "--run", "cut").code == 25
        assert cli(*ask, "--run", "held", "--approve-cells").code == 55
    outcome = cli("show", "cut")
    assert outcome.out.startswith("cut  failed  1 iteration, ")
    assert outcome.out.endswith("-- no answer --\n")
    outcome = cli("show", "held")
    assert outcome.out.startswith("held  waiting  1 iteration, ")
    assert "-- waits for a person --\n" in outcome.out
    assert "has not ended" in outcome.out
    assert cli("show", "cat").code == 53
    assert "did you mean cut?" in cli("show", "cat").error


def test_what_a_model_wrote_cannot_move_the_cursor(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Escapes are shown as such, in the question, the reply, the code, the output, the error and the answer."""
    (tmp_path / "c.txt").write_text("c")
    reply = "\x1b[2Jthink\n```repl\nprint('\x1b[1A')\ny = llm_query('\x1b[3A')\nraise ValueError('\x1b[4A')\n```"
    with ScriptedServer({"root": [reply, "```repl\nFINAL('\x1b[5A')\n```"], "sub": "\x1b[6A"}) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        models = ["--model", "openai:root", "--sub-model", "openai:sub"]
        assert cli("ask", "q \x1b[0A", str(tmp_path / "c.txt"), "--run", "r", *models).code == 0
    text = cli("show", "r", "--full").out
    assert "\x1b" not in text
    for number in range(7):
        assert f"\\x1b[{number}" in text
