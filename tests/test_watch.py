"""`rlm-graph report` and `rlm-graph watch`: the report of a run, as a file, and served while the run goes on."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import command_line
import pytest
from browser import chromium, opened
from command_line import Outcome, process, wait_until
from playwright.sync_api import expect
from scripts import code

from rlm_graph.testing import Request, ScriptedServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

no_models = command_line.no_models
text = command_line.text
cli = command_line.cli


REPLIES = [code("a = llm_query('one of ' + context[:50])", "print(a)"), code("FINAL(a)")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for all tests of this file."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run `done` of two iterations. Tests only read it."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "notes.txt").write_text("abc def gh\n" * 272)
    with ScriptedServer({"root": [*REPLIES], "sub": "an answer"}) as server:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RLM_GRAPH_")},
            "RLM_GRAPH_HOME": str(folder),
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_API_KEY": "sk-test",
        }
        words = ["ask", "What is it?", str(folder / "notes.txt"), "--run", "done"]
        models = ["--model", "openai:root", "--sub-model", "openai:sub"]
        command = [sys.executable, "-m", "rlm_graph", *words, *models]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    return folder


@pytest.fixture
def answered(cli: Callable[..., Outcome], home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """A command line over that folder."""
    monkeypatch.setenv("RLM_GRAPH_HOME", str(home))
    return cli


def test_a_report_is_written_to_a_file(answered: Callable[..., Outcome], tmp_path: Path) -> None:
    """And how large it is, to stderr."""
    path = tmp_path / "page.html"
    found = answered("report", "done", "-o", str(path))
    assert (found.code, found.out) == (0, "")
    assert f"wrote {path}" in found.err
    html = path.read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert "What is it?" in html
    assert "rlm-graph fork done --at 1" in html


def test_without_a_name_the_file_has_that_of_the_run(
    answered: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the current folder."""
    monkeypatch.chdir(tmp_path)
    assert answered("report", "done").code == 0
    assert (tmp_path / "done.html").exists()


def test_a_report_goes_to_stdout(answered: Callable[..., Outcome]) -> None:
    """For a pipe."""
    found = answered("report", "done", "-o", "-")
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("<!doctype html>")


def test_a_report_can_end_after_an_iteration(answered: Callable[..., Outcome]) -> None:
    """As the run stood then."""
    html = answered("report", "done", "-o", "-", "--at", "1").out
    assert "As it stood in the middle of the run" in html
    assert 'id="t1"' in html
    assert 'id="t2"' not in html
    assert 'id="t1"' not in answered("report", "done", "-o", "-", "--at", "0").out
    assert "Answered" in answered("report", "done", "-o", "-", "--at", "2").out
    wrong = answered("report", "done", "--at", "7")
    assert wrong.code == 2
    assert wrong.error == "--at: 7 is not allowed: run 'done' has the iterations 0 (before the first) to 2"


@pytest.mark.parametrize("command", ["report", "watch"])
def test_a_run_that_is_not_there_is_not_shown(cli: Callable[..., Outcome], command: str) -> None:
    """As for all commands."""
    found = cli(command, "nobody")
    assert found.code == 53
    assert "there is no run 'nobody'" in found.error


def test_a_file_that_cannot_be_written_is_said(answered: Callable[..., Outcome], tmp_path: Path) -> None:
    """With its name."""
    found = answered("report", "done", "-o", str(tmp_path / "no" / "such.html"))
    assert found.code == 2
    assert "such.html' cannot be written: No such file or directory" in found.error
    assert answered("report", "done", "-o", "-", "--open").code == 2


# watch. ---------------------------------------------------------------------------------------------------------------


@contextmanager
def watching(name: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`rlm-graph watch` as a process, and its address."""
    with process("watch", name) as watch:
        assert watch.stderr is not None
        line = watch.stderr.readline().decode()
        assert line.startswith("http://127.0.0.1:"), line + watch.stderr.read().decode()
        yield watch, line.split()[0]


def get(address: str, **headers: str) -> tuple[int, str]:
    """Status and body."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_only_who_has_the_address_sees_the_page(answered: Callable[..., Outcome]) -> None:
    """Not who guesses it, nor a page of another name that leads here; Ctrl-C ends it."""
    del answered
    with watching("done") as (watch, address):
        status, html = get(address)
        assert (status, html[:15]) == (200, "<!doctype html>")
        assert "connect-src &#39;self&#39;" in html
        news = json.loads(get(address + "data?have=")[1])
        assert (news["goes_on"], len(news["turns"])) == (False, 2)
        root = address.rsplit("/", 2)[0]
        for wrong in (f"{root}/", f"{root}/x/", f"{root}/x/data", f"{address}other", f"{root}//"):
            assert get(wrong)[0] == 404, wrong
        assert get(address, Host="evil.example")[0] == 404
        port = int(root.rpartition(":")[2])
        strange = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        strange.request("GET", "nothing")
        assert strange.getresponse().status == 404
        strange.close()
        watch.send_signal(signal.SIGINT)
        assert watch.wait(20) == 0


def test_a_page_follows_a_run_of_another_process(
    serve: Callable[..., ScriptedServer], text: str, browser: Browser
) -> None:
    """Sub-calls appear while their cell runs, then turns, then the answer; what was opened stays open."""
    goes_on = threading.Event()

    async def sub(request: Request) -> str:
        while request.text == "slow" and not goes_on.is_set():
            await asyncio.sleep(0.02)
        return f"answer to {request.text}"

    first = code("a = llm_query('quick')", "print(a)", "b = llm_query('slow' if a else '')")
    server = serve({"root": [code("x = 1", "print('x' * 2000)"), first, code("FINAL(b)")], "sub": sub})
    with process("What is it?", text, "--run", "slow", "--sub-model", "openai:sub", server=server) as run:
        wait_until(lambda: any(request.text == "slow" for request in server.requests))
        with watching("slow") as (_, address):
            shown = opened(browser, address)
            expect(shown.locator(".status")).to_have_text("Running 1 sub-call under way", timeout=20_000)
            label = shown.inner_text("#t2 .cell .label")
            assert re.fullmatch(r"Code runs since \d\d:\d\d:\d\d · 1 sub-call under way", label), label
            expect(shown.locator("#tree .row.call")).to_have_count(1, timeout=20_000)
            assert shown.inner_text("#tree .row.call .reply") == "answer to quick"
            shown.click("#t1 details.variables summary")
            shown.focus("#tree")
            goes_on.set()
            expect(shown.locator(".answer")).to_have_text("answer to slow", timeout=30_000)
            expect(shown.locator("#following")).to_have_text("ended", timeout=20_000)
            assert run.wait(20) == 0
            assert shown.inner_text(".status") == "Answered"
            assert "under way" not in shown.inner_text("main")
            assert shown.locator("#turns > article").count() == 3
            assert shown.locator("#contents-turns li").count() == 3
            expect(shown.locator("#tree .row.call")).to_have_count(2)
            assert shown.evaluate("document.querySelector('#t1 details.variables').open")
            assert shown.evaluate("document.activeElement.id") == "tree"
            assert not shown.problems  # type: ignore[attr-defined]


def test_a_page_says_when_its_server_is_gone(
    cli: Callable[..., Outcome], serve: Callable[..., ScriptedServer], text: str, browser: Browser
) -> None:
    """And keeps what it has."""
    server = serve({"root": [code("a = ask_user('Which?')", "FINAL(a)")], "sub": "sub"})
    waits = cli("What is it?", text, "--run", "waits", "--ask-user", "--sub-model", "openai:sub", server=server)
    assert waits.code == 55, waits.err
    with watching("waits") as (watch, address):
        shown = opened(browser, address)
        assert shown.inner_text(".waits .text") == "Which?"
        watch.kill()
        watch.wait()
        began = time.monotonic()
        expect(shown.locator("#following")).to_have_text("the server does not answer", timeout=30_000)
        assert time.monotonic() - began < 30
        assert shown.inner_text("h1") == "What is it?"
