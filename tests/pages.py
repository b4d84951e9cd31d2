"""What the README and the pages under docs/ hold: blocks of Python, commands; and how tests carry them out."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rlm_graph.cli import main
from rlm_graph.testing import Request, ScriptedServer

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
README = ROOT / "README.md"


def blocks(language: str, page: Path) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


def commands(script: str) -> list[str]:
    """The commands of a script; one with a here-document is several lines."""
    return [whole.group().strip() for whole in re.finditer(r"^.*<<'(\w+)'\n(?s:.*?)^\1$|^.+$", script, re.MULTILINE)]


@dataclass(frozen=True)
class Ran:
    """How a program ended."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def block_runner() -> Iterator[subprocess.Popen[str]]:
    """The process that runs blocks of Python: `block_runner.py`."""
    command = [sys.executable, "-W", "error", str(Path(__file__).parent / "block_runner.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as runner:
        yield runner


@pytest.fixture
def run_block(block_runner: subprocess.Popen[str], tmp_path: Path) -> Callable[[str, dict[str, str]], Ran]:
    """Runs a block of Python in the test's folder, in a process of its own."""

    def run(block: str, surroundings: dict[str, str]) -> Ran:
        said = {name: str(tmp_path / f"{name}.txt") for name in ("stdout", "stderr")}
        order = {"block": block, "folder": str(tmp_path), "surroundings": surroundings, **said}
        assert block_runner.stdin is not None
        assert block_runner.stdout is not None
        print(json.dumps(order), file=block_runner.stdin, flush=True)
        code = int(block_runner.stdout.readline())
        return Ran(code, *(Path(path).read_text() for path in said.values()))

    return run


@pytest.fixture
def surroundings(
    serve: Callable[..., ScriptedServer], tmp_path: Path, request: pytest.FixtureRequest
) -> dict[str, str]:
    """A folder with the files that the pages name, and a server in the place of OpenAI's.

    Its root model submits the test's parameter `program`, if that is there and not empty.
    """
    program = getattr(request, "param", "") or "'an answer about ' + type(context).__name__"

    def reply(asked: Request) -> str:
        return f"```repl\nFINAL({program})\n```" if asked.system else f"a part of {asked.model}"

    for name in ("logs/a.log", "logs/b.log", "contract.txt", "big.log"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"2024-01-01T00:00:00 ERROR service=pay timeout in {name}\n")
    (tmp_path / "contracts").mkdir()
    for name in ("one", "two"):
        (tmp_path / "contracts" / f"{name}.txt").write_text("This contract ends in 2027.\n")
    (tmp_path / "questions.jsonl").write_text('{"query": "Who signed them?"}\n')
    schema = {"type": "object", "properties": {"ends": {"type": "integer"}}, "required": ["ends"]}
    (tmp_path / "contract.json").write_text(json.dumps(schema))
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "RLM_GRAPH_MODEL": "openai:gpt-4.1",  # whose price is known
        "OPENAI_API_KEY": "x",
        "OPENAI_BASE_URL": serve(reply).base_url,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "80",
    }


@pytest.fixture
def carry_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Carries out a command in the test's folder: `rlm-graph` in this process, which has imported it, others in bash.

    It must end with the exit code that a comment behind it names (`# exit code 55`), else with 0.
    """
    monkeypatch.chdir(tmp_path)

    def run(command: str, surroundings: dict[str, str]) -> Ran:
        for name in ("RLM_GRAPH_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "COLUMNS"):
            if name in surroundings:
                monkeypatch.setenv(name, surroundings[name])
        before, pipe, last = command.rpartition(" | ")
        words = shlex.split(last, comments=True)
        if words[0] != "rlm-graph":
            shell = ["bash", "-ec", command]
            ended = subprocess.run(shell, env=surroundings, cwd=tmp_path, capture_output=True, text=True)
            assert ended.returncode == 0, ended.stderr
            return Ran(ended.returncode, ended.stdout, ended.stderr)
        if pipe:
            typed = subprocess.run(["bash", "-ec", before], cwd=tmp_path, check=True, stdout=subprocess.PIPE).stdout
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed)))
        capsys.readouterr()
        code = main(words[1:])
        ran = Ran(code, *capsys.readouterr())
        expected = re.search(r"# .*exit code (\d+)", last)
        assert code == (int(expected[1]) if expected else 0), f"{command}\n{ran.stderr}"
        return ran

    return run
