"""The pages under docs/: their Python runs, their links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rlm_graph.testing import Request, ScriptedServer

ROOT = Path(__file__).parent.parent


def test_the_python_of_sub_calls_runs(serve: Callable[..., ScriptedServer], tmp_path: Path) -> None:
    """As it stands, with a server in the place of the models'."""

    def reply(request: Request) -> str:
        program = "FINAL([search_archive('x', limit=1), llm_query('a', model='strong'), llm_query('b', model='cheap')])"
        return f"```repl\n{program}\n```" if request.system else f"a part of {request.model}"

    (block,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/sub_calls.md").read_text(), re.DOTALL | re.MULTILINE)
    surroundings = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "OPENAI_API_KEY": "x",
        "OPENAI_BASE_URL": serve(reply).base_url,
    }
    command = [sys.executable, "-W", "error", "-c", block]
    ran = subprocess.run(command, env=surroundings, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert '[["Annual report 2024"], "a part of gpt-4.1", "a part of gpt-4.1-nano"]' in ran.stdout


@pytest.mark.parametrize(
    "page", sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]), ids=lambda page: page.name
)
def test_links_lead_somewhere(page: Path) -> None:
    """Those to files of this repository."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target
