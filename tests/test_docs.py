"""The pages under docs/: Python and commands run (the README's Python too), links lead somewhere, the site builds."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import command_line
import pages
import pytest
from command_line import process
from pages import PAGES, README, ROOT, Ran, blocks, commands
from policy_escapes import ESCAPES

from rlm_graph import create_rlm
from rlm_graph.repl.confine.allowed import ALLOWED
from rlm_graph.testing import ScriptedServer

no_models = command_line.no_models
block_runner = pages.block_runner
run_block = pages.run_block
surroundings = pages.surroundings
carry_out = pages.carry_out

ANSWERS = {
    "answers.md": "{'party': 'Acme', 'ends': 2027}, evidence=['ends in 2027']",
    "sub_calls.md": "[search_archive('x', limit=1), llm_query('a', model='strong'), llm_query('b', model='cheap')]",
}
"""What the programs of a page submit, where that is not the usual."""

SAYS = {
    "answers-0": ["2027"],
    "answers-1": ["ends in 2027"],
    "durability-0": ["FINAL('an answer about ' + type(context).__name__)", "\nan answer about list\n"],
    "sub_calls-0": ['[["Annual report 2024"], "a part of gpt-4.1", "a part of gpt-4.1-nano"]'],
    **{f"README-{number}": ["an answer about"] for number in (0, 1, 2, 3)},
}
"""What the blocks of Python print."""

PYTHON = {
    f"{page.stem}-{number}": (ANSWERS.get(page.name), f"{page.stem}-{number}", block)
    for page in [*PAGES, README]
    for number, block in enumerate(blocks("python", page))
}

NOT_RUN = {
    r"make .*": "the whole suite, or a server: test_readme.py looks whether they are there, and runs the demo",
    r"pip install .*": "takes packages from an index",
    r"curl .*": "test_server_app.py uploads in the same ways, and needs no curl",
    r"rlm-graph serve .*": "takes ten seconds: test_studio.py starts it",
    r"export RLM_GRAPH_.*": "names stores and databases of others: test_survival.py has such hosts",
    r"rlm-graph resume nightly +# on any of them": "is said on one of those hosts",
    r"export OPENAI_BASE_URL=.*": "names a server of the reader's: test_cli.py has such a one, without a key",
    r'rlm-graph ask "[^"]*" contracts': "asks that one",
    r"export LANGSMITH_.*": "sends what happens to a service",
}
"""Commands that stand in pages and are not run here, and why."""


@pytest.mark.parametrize(("surroundings", "name", "block"), PYTHON.values(), ids=PYTHON, indirect=["surroundings"])
def test_python_runs(
    run_block: Callable[[str, dict[str, str]], Ran], surroundings: dict[str, str], name: str, block: str
) -> None:
    """As it stands, with a server in the place of the models'."""
    ran = run_block(block, surroundings)
    assert ran.code == 0, ran.stderr
    for text in SAYS.get(name, []):
        assert text in ran.stdout


def test_what_is_said_is_said_by_a_block() -> None:
    """None was renamed or removed."""
    assert SAYS.keys() <= PYTHON.keys()


def is_run(command: str) -> bool:
    """Whether a command is carried out here."""
    return not any(re.fullmatch(known, command) for known in NOT_RUN)


SCRIPTS = {page: list(filter(is_run, commands("".join(blocks("sh", page))))) for page in PAGES}
COMMANDS = [
    pytest.param(ANSWERS.get(page.name), script, id=page.stem)
    for page, script in SCRIPTS.items()
    if script and page.name != "cli.md"  # test_cli_docs.py
]


@pytest.mark.parametrize(("surroundings", "script"), COMMANDS, indirect=["surroundings"])
def test_commands_run(
    carry_out: Callable[..., Ran], surroundings: dict[str, str], script: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they stand, one after another in the same folder; `watch` until Ctrl-C."""
    for command in script:
        if not command.startswith("rlm-graph watch"):
            carry_out(command, surroundings)
            continue
        monkeypatch.setenv("BROWSER", "true")  # a program that does nothing
        with process(*command.split()[1:]) as watching:
            assert watching.stderr is not None
            assert b"http://127.0.0.1:" in watching.stderr.readline()
            watching.send_signal(signal.SIGINT)
            assert watching.wait(20) == 0


@pytest.mark.parametrize("page", [*PAGES, README], ids=lambda page: page.name)
def test_commands_that_are_not_run_have_a_reason(page: Path) -> None:
    """What stands outside a block of `sh` is not run, so each command there has one."""
    unfenced = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    indented = re.findall(r"^ {4,}(\S.*)$", unfenced, re.MULTILINE)
    programs = ("rlm-graph ", "make ", "pip ", "python", "curl ", "export ", "git ", "langgraph ")
    assert [one for one in indented if one.startswith(programs) and is_run(one)] == []


@pytest.mark.parametrize("page", [*PAGES, README], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Those to files of this repository, and to headings in them."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        path, _, heading = target.partition("#")
        found = page.parent / path if path else page
        assert found.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}, target


def test_the_drawn_graph_is_the_graph(serve: Callable[..., ScriptedServer]) -> None:
    """Node by node, edge by edge."""
    picture = ElementTree.parse(ROOT / "docs" / "images" / "graph.svg")
    svg = "{http://www.w3.org/2000/svg}"
    nodes = {node.get("id"): node.findtext(f"{svg}text") for node in picture.iter(f"{svg}g")}
    edges = {
        (e.get("data-from"), e.get("data-to"), e.get("class") == "conditional") for e in picture.iter(f"{svg}path")
    }
    with create_rlm(serve("x").chat_model("root")) as rlm:
        graph = rlm.get_graph()
    assert nodes == {name: name for name in graph.nodes}
    assert edges == {(edge.source, edge.target, edge.conditional) for edge in graph.edges}


def test_the_figures_of_the_sandbox_are_true() -> None:
    """In the README and in the page on security."""
    security, readme = (page.read_text() for page in (ROOT / "docs" / "security.md", README))
    assert f"all but {len(ALLOWED)} system calls" in security
    assert f"a seccomp filter of {len(ALLOWED)} allowed calls" in readme
    assert f"{len(ESCAPES)} ways out of the dialect" in security


def test_the_site_has_every_page_and_builds(tmp_path: Path) -> None:
    """Without a warning."""
    config = tomllib.loads((ROOT / "zensical.toml").read_text())
    assert sorted(_pages(config["project"]["nav"])) == [page.name for page in PAGES]
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    command = [str(Path(sys.executable).parent / "zensical"), "build", "--strict"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    assert (tmp_path / "site" / "how_it_works" / "index.html").exists()


def _pages(entries: Any) -> list[str]:
    """The pages that a part of the navigation names."""
    if isinstance(entries, str):
        return [entries]
    return [page for entry in (entries.values() if isinstance(entries, dict) else entries) for page in _pages(entry)]
