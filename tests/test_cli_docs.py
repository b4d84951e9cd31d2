"""The page on the command line: its commands run, one after the other, and its table of commands is complete."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import command_line
import typer
from command_line import BIN

from rlm_graph.cli.app import app
from rlm_graph.testing import Request, ScriptedServer

no_models = command_line.no_models

PAGE = (Path(__file__).parent.parent / "docs" / "cli.md").read_text()


def test_the_commands_of_the_page_run(serve: Callable[..., ScriptedServer], tmp_path: Path) -> None:
    """As they stand, in a folder with contracts."""

    def reply(request: Request) -> str:
        return "```repl\nFINAL(f'an answer about {type(context).__name__}')\n```" if request.system else "a part"

    (tmp_path / "contracts").mkdir()
    for name in ("one", "two"):
        (tmp_path / "contracts" / f"{name}.txt").write_text(f"contract {name}\n")
    first, *others = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert len(others) == 2
    (tmp_path / "questions.jsonl").write_text('{"query": "Who signed them?"}\n')
    surroundings = {
        **os.environ,
        "RLM_GRAPH_MODEL": "openai:gpt-4.1",  # whose price is known
        "OPENAI_API_KEY": "x",
        "OPENAI_BASE_URL": serve(reply).base_url,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    script = "set -e\n" + "\n".join([first, *others])
    ran = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=surroundings, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    results = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [result["id"] for result in results] == ["end", "two", "own"]
    assert [result["answer"] for result in results] == [f"an answer about {kind}" for kind in ("list", "str", "str")]
    assert results[2]["metadata"] == {"level": 2}
    assert (tmp_path / "nightly.json").exists()
    left = subprocess.run([BIN / "rlm-graph", "runs"], cwd=tmp_path, env=surroundings, capture_output=True, text=True)
    assert left.stderr == "there are no runs\n"


def test_every_command_is_in_the_table() -> None:
    """By its name."""
    table = PAGE.split("| --- | --- |\n")[1].split("\n\n")[0]
    told = set(re.findall(r"`([a-z]+)`", "\n".join(row.split("|")[1] for row in table.splitlines())))
    assert set(typer.main.get_group(app).commands) <= told
