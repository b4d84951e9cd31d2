"""What the README says is so: its Python runs, its commands run, its table of settings is the settings."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import command_line
import pages
import pytest
from pages import ROOT, Ran, blocks, commands

from rlm_graph import RLMConfig
from rlm_graph.errors import RLMError

README = pages.README.read_text()
FIRST, WITH_A_KEY, RUNS = (commands(block) for block in blocks("sh", pages.README))

no_models = command_line.no_models
surroundings = pages.surroundings
carry_out = pages.carry_out

CarryOut = Callable[..., Ran]


def without_a_key(surroundings: dict[str, str]) -> dict[str, str]:
    """Where no model is."""
    return {name: value for name, value in surroundings.items() if not name.startswith(("OPENAI_", "RLM_GRAPH_MODEL"))}


def test_the_first_python_block_runs(surroundings: dict[str, str], tmp_path: Path) -> None:
    """In a Python that has imported nothing."""
    command = [sys.executable, "-W", "error", "-c", blocks("python", pages.README)[0]]
    ran = subprocess.run(command, env=surroundings, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "an answer about" in ran.stdout


def test_the_first_screen_has_a_command_without_a_key_and_the_picture() -> None:
    """Before the first heading below the title."""
    first, *_ = README.split("\n## ")
    assert first.count("\n") < 30
    assert "make demo" in first
    assert FIRST[0] in first
    assert "--offline" in FIRST[0]
    assert "](docs/images/report.png)" in first


def test_the_first_commands_run_without_a_key(surroundings: dict[str, str], tmp_path: Path) -> None:
    """And leave the page that the picture shows."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    keyless, script = without_a_key(surroundings), "\n".join(FIRST)
    ran = subprocess.run(["bash", "-ec", script], env=keyless, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "docs/" in ran.stdout or ".md" in ran.stdout
    assert "Which file has the most lines containing" in (tmp_path / "first.html").read_text()


@pytest.mark.parametrize("number", range(3))
def test_shell_commands_run(carry_out: CarryOut, surroundings: dict[str, str], number: int) -> None:
    """With a key."""
    assert carry_out(WITH_A_KEY[number], surroundings).stdout.startswith("an answer about")


def test_commands_on_runs_run(carry_out: CarryOut, surroundings: dict[str, str]) -> None:
    """One after another, in the same folder; they leave nothing."""
    for command in RUNS:
        carry_out(command, surroundings)
    assert carry_out("rlm-graph runs", surroundings).stderr == "there are no runs\n"


@pytest.mark.parametrize(("number", "answer"), [(0, "pay"), (2, "2024-01-01")])
def test_counting_questions_run_without_a_key(
    carry_out: CarryOut, surroundings: dict[str, str], number: int, answer: str
) -> None:
    """By rules, which say so."""
    ran = carry_out(WITH_A_KEY[number], without_a_key(surroundings))
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
    assert told - codes == {0, 55, 129, 130, 143}


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
