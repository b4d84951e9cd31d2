"""Shell completion: the scripts for three shells, and what they are offered."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import command_line
import pytest
from command_line import BIN, Outcome

no_models = command_line.no_models
cli = command_line.cli

Cli = Callable[..., Outcome]

ASKING = {
    "bash": lambda words: {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)},
    "zsh": lambda words: {"_TYPER_COMPLETE_ARGS": words},
    "fish": lambda words: {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
}


def offered(shell: str, words: str) -> str:
    """What a shell is offered when Tab is pressed behind these words."""
    surroundings = {**os.environ, "_RLM_GRAPH_COMPLETE": f"complete_{shell}", **ASKING[shell](words)}
    command = [BIN / "rlm-graph"]
    ran = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=20)
    assert ran.stderr == ""
    return ran.stdout


@pytest.fixture
def runs(cli: Cli, tmp_path: Path) -> None:
    """Two runs."""
    (tmp_path / "c.txt").write_text("abc\n")
    for name in ("nightly", "nice-one"):
        assert cli("ask", "How many lines are there?", str(tmp_path / "c.txt"), "--offline", "--run", name).code == 0


@pytest.mark.parametrize("shell", ASKING)
def test_names_are_completed(runs: None, shell: str) -> None:
    """Commands, options, runs (with their questions, where the shell shows them) and models."""
    assert "resume" in offered(shell, "rlm-graph res")
    assert "--max-iterations" in offered(shell, "rlm-graph ask q c --max-it")
    found = offered(shell, "rlm-graph show ni")
    assert "nightly" in found
    assert "nice-one" in found
    assert ("How many lines are there?" in found) == (shell != "bash")
    assert "nice-one" not in offered(shell, "rlm-graph resume nig")
    models = offered(shell, "rlm-graph ask q c --model openai:gpt-4.1-m").replace("\\", "")  # zsh wants colons escaped
    assert "openai:gpt-4.1-mini" in models


def test_names_that_were_given_are_not_offered_again(runs: None) -> None:
    """To `rm`, which takes several."""
    assert offered("bash", "rlm-graph rm nightly n").split() == ["nice-one"]


@pytest.mark.parametrize("shell", ASKING)
def test_where_there_are_no_runs_nothing_is_offered(shell: str) -> None:
    """And nothing is made: no folder, no database; a store that cannot be read is no error."""
    home = Path(os.environ["RLM_GRAPH_HOME"])
    assert "night" not in offered(shell, "rlm-graph show night")
    assert not (home / "journal.sqlite").exists()
    home.mkdir(exist_ok=True)
    (home / "journal.sqlite").write_text("no database")
    assert "night" not in offered(shell, "rlm-graph show night")


@pytest.mark.parametrize("shell", ASKING)
def test_there_is_a_script_for_each_shell(shell: str) -> None:
    """As `--show-completion` prints it; bash takes it as it is."""
    surroundings = {**os.environ, "_RLM_GRAPH_COMPLETE": f"source_{shell}"}
    ran = subprocess.run([BIN / "rlm-graph"], env=surroundings, capture_output=True, text=True, timeout=20)
    assert ran.returncode == 0, ran.stderr
    assert f"complete_{shell}" in ran.stdout
    if shell == "bash":
        test = f"{ran.stdout}\ncomplete -p rlm-graph"
        done = subprocess.run(["bash", "-c", test], capture_output=True, text=True)
        assert "rlm-graph" in done.stdout, done.stderr


def test_pressing_tab_imports_nothing_heavy(runs: None) -> None:
    """Whoever presses it waits for it."""
    code = (
        "import sys; from rlm_graph.cli.completion import model_names, run_names; import types; "
        "assert run_names(types.SimpleNamespace(params={}), 'ni'); assert model_names('openai:'); "
        "sys.exit(' '.join({'langgraph', 'langchain', 'langchain_core', 'openai'} & set(sys.modules)) or 0)"
    )
    began = time.monotonic()
    assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == 0
    assert time.monotonic() - began < 10


def tab_in_bash(line: str, expected: str, tmp_path: Path) -> str:
    """What an interactive bash makes of a line when Tab is pressed behind it, up to what is expected."""
    script = subprocess.run(
        [BIN / "rlm-graph"],
        env={**os.environ, "_RLM_GRAPH_COMPLETE": "source_bash"},
        capture_output=True,
        text=True,
        timeout=20,
    ).stdout
    start = tmp_path / "bashrc"
    start.write_text(f"PATH={BIN}:$PATH\nPS1='$ '\nbind 'set enable-bracketed-paste off'\n{script}\n")
    pid, terminal = pty.fork()
    if not pid:
        os.execvp("bash", ["bash", "--noprofile", "--rcfile", str(start), "-i"])
    shown = b""
    try:
        os.write(terminal, f"{line}\t".encode())
        deadline = time.monotonic() + 20
        while expected not in shown.decode(errors="replace") and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.5)[0]:
                shown += os.read(terminal, 4096)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
    return shown.decode()


def test_bash_completes_names_with_colons(tmp_path: Path) -> None:
    """Though a colon ends a word there."""
    expected = "--model openai:gpt-4.1-nano "
    assert expected in tab_in_bash("rlm-graph ask q c --model openai:gpt-4.1-n", expected, tmp_path)
