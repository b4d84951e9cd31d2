"""The pages under docs/: their Python runs, their pictures are true, their links lead somewhere, the site builds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlm_graph import create_rlm
from rlm_graph.testing import Request, ScriptedServer

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
PYTHON = [
    pytest.param(page.name, block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE))
]
ANSWERS = {
    "answers.md": "{'party': 'Acme', 'ends': 2027}, evidence=['ends in 2027']",
    "sub_calls.md": "[search_archive('x', limit=1), llm_query('a', model='strong'), llm_query('b', model='cheap')]",
}
"""What the programs of a page submit, where that is not the usual."""

SAYS = {"answers.md": "2027", "sub_calls.md": '[["Annual report 2024"], "a part of gpt-4.1", "a part of gpt-4.1-nano"]'}
"""What the programs of a page print then."""


@pytest.mark.parametrize(("page", "block"), PYTHON)
def test_python_runs(serve: Callable[..., ScriptedServer], tmp_path: Path, page: str, block: str) -> None:
    """As it stands, with a server in the place of the models'."""

    def reply(request: Request) -> str:
        program = f"FINAL({ANSWERS.get(page, repr('an answer'))})"
        return f"```repl\n{program}\n```" if request.system else f"a part of {request.model}"

    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "one.txt").write_text("This contract ends in 2027.\n")
    surroundings = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "OPENAI_API_KEY": "x",
        "OPENAI_BASE_URL": serve(reply).base_url,
    }
    command = [sys.executable, "-W", "error", "-c", block]
    ran = subprocess.run(command, env=surroundings, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert SAYS.get(page, "") in ran.stdout


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Those to files of this repository."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target


def test_the_drawn_graph_is_the_graph(serve: Callable[..., ScriptedServer]) -> None:
    """Node by node, edge by edge."""
    page = (ROOT / "docs" / "how_it_works.md").read_text()
    (drawn,) = re.findall(r"^```mermaid\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    with create_rlm(serve("x").chat_model("root")) as rlm:
        assert drawn.strip() == rlm.get_graph().draw_mermaid().strip()


def test_the_site_has_every_page_and_builds(tmp_path: Path) -> None:
    """Without a warning."""
    config = tomllib.loads((ROOT / "zensical.toml").read_text())
    assert sorted(_pages(config["project"]["nav"])) == [page.name for page in PAGES]
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    command = [Path(sys.executable).parent / "zensical", "build", "--strict"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    assert (tmp_path / "site" / "how_it_works" / "index.html").exists()


def _pages(entries: Any) -> list[str]:
    """The pages that a part of the navigation names."""
    if isinstance(entries, str):
        return [entries]
    return [page for entry in (entries.values() if isinstance(entries, dict) else entries) for page in _pages(entry)]
