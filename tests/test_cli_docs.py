"""The page on the command line: its commands run, one after the other, and its table of commands is complete."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import command_line
import pages
import typer
from pages import ROOT, Ran, blocks, commands

from rlm_graph.cli.app import app

no_models = command_line.no_models
surroundings = pages.surroundings
carry_out = pages.carry_out

PAGE = ROOT / "docs" / "cli.md"


def test_the_commands_of_the_page_run(
    carry_out: Callable[..., Ran], surroundings: dict[str, str], tmp_path: Path
) -> None:
    """As they stand, in a folder with contracts."""
    for command in commands("".join(blocks("sh", PAGE))):
        carry_out(command, surroundings)
    results = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [result["id"] for result in results] == ["end", "two", "own"]
    assert [result["answer"] for result in results] == [f"an answer about {kind}" for kind in ("list", "str", "str")]
    assert results[2]["metadata"] == {"level": 2}
    assert (tmp_path / "nightly.json").exists()
    assert carry_out("rlm-graph runs", surroundings).stderr == "there are no runs\n"


def test_every_command_is_in_the_table() -> None:
    """By its name."""
    table = PAGE.read_text().split("| --- | --- |\n")[1].split("\n\n")[0]
    told = set(re.findall(r"`([a-z]+)`", "\n".join(row.split("|")[1] for row in table.splitlines())))
    assert set(typer.main.get_group(app).commands) <= told
