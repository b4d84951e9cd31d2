"""What commands look like: on a terminal of 80 columns, with NO_COLOR, and in a pipe."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import command_line
import pytest
from command_line import Outcome, read_all
from rich.text import Text
from scripts import turn_of

from rlm_graph.cli.doctor import table as layers_table
from rlm_graph.cli.models import Listed
from rlm_graph.cli.models import table as models_table
from rlm_graph.repl.confine.layer import LayerStatus
from rlm_graph.testing import Reply, Request, ScriptedServer

no_models = command_line.no_models
cli = command_line.cli

Cli = Callable[..., Outcome]

TURNS = [
    """I think about this for a while, in a line that is longer than a terminal is wide, so that it has to be wrapped.
```repl
parts = [llm_query(f'part {i}: ' + 'a long question that goes on and on ' * 4) for i in range(3)]
print('a long line ' * 20)
```""",
    "```repl\nFINAL('the answer, which is a long sentence too, because answers are what all of this is about')\n```",
]

COMMANDS = [
    ["show", "r"],
    ["show", "r", "--full"],
    ["runs"],
    ["models"],
    ["doctor"],
    ["resume", "r"],
    ["batch", "q.jsonl", "c.txt", "-o", "r.jsonl", "--offline"],
]


@pytest.fixture
def _run(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run `r`, and a file of questions."""
    monkeypatch.chdir(tmp_path)
    Path("c.txt").write_text("abc\n" * 100)
    Path("q.jsonl").write_text('{"id": "lines", "query": "How many lines are there?"}\n{"query": "Why is it so?"}\n')

    def root(request: Request) -> Reply:
        return Reply(text=TURNS[turn_of(request)])

    with ScriptedServer({"root": root, "sub": "yes, " * 30}) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        models = ["--model", "openai:root", "--sub-model", "openai:sub"]
        assert cli("ask", "What is this about, and why is it so?", "c.txt", "--run", "r", *models).code == 0
    monkeypatch.delenv("OPENAI_BASE_URL")


def on_terminal(*words: str, **surroundings: str) -> str:
    """What a command writes to a terminal of 80 columns, stdout and stderr."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    command = [sys.executable, "-m", "rlm_graph", *words]
    options = {"stdin": subprocess.DEVNULL, "stdout": theirs, "stderr": theirs, "env": environment | surroundings}
    with subprocess.Popen(command, **options) as running:
        os.close(theirs)
        written = read_all(ours)
        os.close(ours)
        assert running.wait(timeout=30) in (0, 40)
    return written


def colours(written: str) -> set[str]:
    """The colours and styles that were used: numbers of escape sequences."""
    return {number for codes in re.findall(r"\x1b\[([\d;]+)m", written) for number in codes.split(";")} - {"0"}


def lines(written: str) -> list[str]:
    """The lines that stay, without colours."""
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", written).replace("\r\n", "\n")
    return [line.rpartition("\r")[2] for line in plain.split("\n")]


@pytest.mark.usefixtures("_run")
def test_a_terminal_of_80_columns_is_enough() -> None:
    """For whatever has columns, bars or rules: no line is wider. Sentences may be, terminals wrap those."""
    for words in (["show", "r", "--full"], ["runs"], ["models"], ["doctor"]):
        shown = lines(on_terminal(*words, OPENAI_API_KEY="x", ANTHROPIC_API_KEY="y"))
        assert [line for line in shown if Text(line).cell_len > 80] == [], words
        assert words[0] != "show" or any(line.startswith("│ ") and len(line) > 60 for line in shown)


def test_a_terminal_that_is_narrow_loses_nothing() -> None:
    """The tables break their lines: a model's figures and a layer's sentence stand below their names."""
    listed = [Listed("openai:gpt-4.1-mini", "OPENAI_API_KEY", 1_000_000, 0.4, 1.6, "sub")]
    assert models_table(listed, 40).splitlines() == [
        "model  because",
        "  window  in/Mtok  out/Mtok  use",
        "openai:gpt-4.1-mini  OPENAI_API_KEY",
        "      1M    $0.40     $1.60  sub",
    ]
    layers = [LayerStatus("ends with its parent", "is killed when its zygote ends, in whatever way", True, "on", "")]
    assert layers_table(layers, 40).splitlines()[-3:] == [
        "on     ends with its parent  yes",
        "  is killed when its zygote ends, in",
        "  whatever way",
    ]


def test_nothing_that_a_model_wrote_drives_the_terminal(tmp_path: Path) -> None:
    """Escapes in an answer, in a reply and in what was printed are shown; in a pipe the answer is as it is."""
    context = tmp_path / "c.txt"
    context.write_text("abc")
    cell = "```repl\nprint('\\x1b[2J' + 'y' * 100)\nFINAL('a\\x1b[2Jb\\x07')\n```"
    with ScriptedServer({"root": cell}) as server:
        surroundings = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "sk-test", "NO_COLOR": "1"}
        words = ["ask", "What is it?", str(context), "--model", "openai:root", "--run", "r", "--verbose"]
        written = on_terminal(*words, **surroundings)
        assert lines(written)[-2] == r"a\x1b[2Jb\x07"
        assert "│ " + r"\x1b[2J" + "y" * 71 + "\n│ " + "y" * 29 + "\n" in "\n".join(lines(written))
        assert "\x1b[2J" not in written
        command = [sys.executable, "-m", "rlm_graph", "resume", "r"]
        assert subprocess.run(command, capture_output=True).stdout == b"a\x1b[2Jb\x07\n"


@pytest.mark.usefixtures("_run")
def test_there_are_colours_on_a_terminal_and_none_where_nobody_wants_them() -> None:
    """`NO_COLOR` takes the colours (bold and dim are none), `TERM=dumb` everything."""
    assert {"32", "94"} <= colours(on_terminal("show", "r"))
    assert colours(on_terminal("show", "r", NO_COLOR="1")) <= {"1", "2"}
    shown = on_terminal(*COMMANDS[-1], NO_COLOR="1")
    assert colours(shown) <= {"1", "2"}
    assert "1/2 " in shown
    assert "\x1b" not in on_terminal(*COMMANDS[-1], TERM="dumb")


@pytest.mark.usefixtures("_run")
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_pipe_gets_plain_lines(cli: Cli, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    """No escapes, no carriage returns, nothing that was cut off, no spaces at ends of lines."""
    monkeypatch.delenv("NO_COLOR")
    outcome = cli(*words)
    for written in (outcome.out, outcome.err):
        assert "\x1b" not in written
        assert "\r" not in written
        assert (
            "\N{HORIZONTAL ELLIPSIS}" not in written or "--full" in words
        )  # of a variable the REPL tells the beginning
    if words[0] != "show":  # which shows what models wrote as it is
        assert not re.search(r" +$", outcome.out + outcome.err, re.MULTILINE)


@pytest.mark.usefixtures("_run")
def test_a_pipe_that_closes_early_is_no_error() -> None:
    """`rlm-graph show r --full | head -1`, and other commands whose readers have seen enough."""
    for words in ("show r --full", "models --all", "export r -f chrome", "runs"):
        command = f"{sys.executable} -m rlm_graph {words} | head -c 1"
        ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30)
        assert (ran.returncode, ran.stderr) == (0, ""), words
