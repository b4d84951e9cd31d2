"""What the README says is so: its Python runs, its commands run, its table of settings is the settings."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rlm_graph import RLMConfig
from rlm_graph.cli import main
from rlm_graph.errors import RLMError
from rlm_graph.testing import Request, ScriptedServer

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DURABILITY = (ROOT / "docs" / "durability.md").read_text()
BIN = Path(sys.executable).parent


def blocks(language: str, page: str = README) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


@pytest.fixture
def surroundings(serve: Callable[..., ScriptedServer], tmp_path: Path) -> dict[str, str]:
    """A folder with the files that the README names, and a server in the place of OpenAI's."""

    def reply(request: Request) -> str:
        return "```repl\nFINAL('an answer about ' + type(context).__name__)\n```" if request.system else "a part"

    for name in ("logs/a.log", "logs/b.log", "contracts/one.txt", "contract.txt", "big.log"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"2024-01-01T00:00:00 ERROR service=pay timeout in {name}\n")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "OPENAI_API_KEY": "x",
        "OPENAI_BASE_URL": serve(reply).base_url,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "80",
    }


def test_there_is_something_to_test() -> None:
    """The blocks are found."""
    assert len(blocks("python")) == 5
    assert len(blocks("sh")) == 3
    assert (len(blocks("python", DURABILITY)), len(blocks("sh", DURABILITY))) == (1, 3)


@pytest.mark.parametrize("number", range(5))
def test_python_blocks_run(surroundings: dict[str, str], tmp_path: Path, number: int) -> None:
    """As they stand, with a server in the place of the model's."""
    code = blocks("python")[number]
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=surroundings, cwd=tmp_path, capture_output=True
    )
    assert ran.returncode == 0, ran.stderr.decode()
    assert number == 4 or b"an answer about" in ran.stdout


def test_the_first_commands_run_without_a_key(surroundings: dict[str, str], tmp_path: Path) -> None:
    """And leave the page that the picture shows."""
    keyless = {name: value for name, value in surroundings.items() if not name.startswith("OPENAI_")}
    ran = subprocess.run(["bash", "-ec", blocks("sh")[0]], env=keyless, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "pay" in ran.stdout
    assert "Which service logged the most ERROR lines?" in (tmp_path / "first.html").read_text()


@pytest.mark.parametrize("number", range(3))
def test_shell_commands_run(surroundings: dict[str, str], tmp_path: Path, number: int) -> None:
    """With a key."""
    command = blocks("sh")[1].splitlines()[number]
    ran = subprocess.run(["bash", "-c", command], env=surroundings, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("an answer about")


@pytest.mark.parametrize("commands", [blocks("sh")[2:], blocks("sh", DURABILITY)], ids=["README", "durability"])
def test_commands_on_runs_run(
    surroundings: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    commands: list[str],
) -> None:
    """One after another, in the same folder; they leave nothing."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, surroundings[name])
    for command in "".join(commands).splitlines():
        if "|" in command:  # else in this process, which has imported it all
            subprocess.run(["bash", "-c", command], env=surroundings, cwd=tmp_path, check=True, capture_output=True)
            continue
        assert main(shlex.split(command)[1:]) == 0, capsys.readouterr().err
    assert main(["runs"]) == 0
    assert "there are no runs" in capsys.readouterr().err


def test_the_python_of_durability_runs(surroundings: dict[str, str], tmp_path: Path) -> None:
    """It asks a person, goes on with what is decided, and answers."""
    command = [sys.executable, "-W", "error", "-c", blocks("python", DURABILITY)[0]]
    ran = subprocess.run(command, env=surroundings, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "FINAL('an answer about ' + type(context).__name__)" in ran.stdout
    assert ran.stdout.endswith("an answer about list\n")


@pytest.mark.parametrize(("number", "answer"), [(0, "pay"), (2, "2024-01-01")])
def test_counting_questions_run_without_a_key(
    surroundings: dict[str, str], tmp_path: Path, number: int, answer: str
) -> None:
    """By rules, which say so."""
    command = blocks("sh")[1].splitlines()[number]
    keyless = {name: value for name, value in surroundings.items() if not name.startswith("OPENAI_")}
    ran = subprocess.run(["bash", "-c", command], env=keyless, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert answer in ran.stdout
    assert "rules" in ran.stderr


def test_the_settings_are_those_of_the_table() -> None:
    """Name, default and sentence of each."""
    table = README.split("<!-- settings: begin -->\n")[1].split("<!-- settings: end -->")[0]
    rows = [
        f"| `{name}` | {field.default:,} | {(field.description or '').replace(chr(10), ' ')} |"
        if type(field.default) is int
        else f"| `{name}` | {field.default} | {(field.description or '').replace(chr(10), ' ')} |"
        for name, field in RLMConfig.model_fields.items()
    ]
    assert table.splitlines() == rows


def test_the_exit_codes_are_those_of_the_table() -> None:
    """Every error's code is told."""
    told = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", README, re.MULTILINE) for code in row.split(",")}
    codes = {kind.exit_code for kind in _below(RLMError)} - {1, 10, 20, 31}  # bases, and one that stays in the cell
    assert codes <= told
    assert told - codes == {0, 55, 130, 143}


def _below(kind: type[RLMError]) -> set[type[RLMError]]:
    return {kind}.union(*(_below(child) for child in kind.__subclasses__()))


def test_make_has_the_targets_that_are_named() -> None:
    """In the README and in CONTRIBUTING."""
    named = set(re.findall(r"\bmake ([a-z]+)\b", README + (ROOT / "CONTRIBUTING.md").read_text())) - {"sure"}
    assert named >= {"demo", "test", "check", "bench", "studio"}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets


def test_the_demo_answers() -> None:
    """The program behind `make demo`, which checks its own answer."""
    ran = subprocess.run([sys.executable, ROOT / "examples" / "demo.py"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "A plain loop" in ran.stdout
