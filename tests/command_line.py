"""The command line as tests run it: in this process where that tells enough, else as a real one."""

from __future__ import annotations

import io
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rlm_graph.cli import main
from rlm_graph.testing import ScriptedServer

BIN = Path(sys.executable).parent
"""Where `rlm-graph` is."""


@pytest.fixture(autouse=True)
def no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, no server and no Ollama of whoever runs the tests, and no colours."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "ANTHROPIC_", "GOOGLE_", "RLM_GRAPH_", "OLLAMA_")) and name != "RLM_GRAPH_HOME":
            monkeypatch.delenv(name)
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def text(tmp_path: Path) -> str:
    """The name of a file with 3,000 characters."""
    path = tmp_path / "notes.txt"
    path.write_text("abc def gh\n" * 272 + "the end\n")
    return str(path)


@dataclass
class Outcome:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that says what went wrong; a second one may say how to go on."""
        assert "Traceback" not in self.err
        lines = self.err.splitlines()
        if lines[-1].startswith("go on with: rlm-graph resume "):
            lines.pop()
        assert [line.startswith("error: ") for line in lines].count(True) == 1, self.err
        return lines[-1].removeprefix("error: ")


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Runs a command line in this process; with a server, on its model `root`."""

    def run(*words: str, server: ScriptedServer | None = None, stdin: bytes | None = None) -> Outcome:
        if server is not None:
            monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
            monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
            words = ("ask", "--model", "openai:root", *words)
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        code = main(words)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


Play = Callable[..., ScriptedServer]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    """Starts a scripted server, and lets the commands that follow find it, in this process and in others."""
    with ExitStack() as stack:

        def start(root: Any, sub: Any = "yes", **more: Any) -> ScriptedServer:
            server = stack.enter_context(ScriptedServer({"root": root, "sub": sub, **more}))
            monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
            monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
            return server

        yield start


@contextmanager
def process(*words: str, server: ScriptedServer | None = None, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """The command line as a process of its own."""
    environment = dict(os.environ)
    if server is not None:
        environment |= {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "sk-test"}
        words = ("ask", "--model", "openai:root", *words)
    # A shell starts background jobs with SIGINT ignored; what is handled here is the default in the new process.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = subprocess.Popen([sys.executable, "-m", "rlm_graph", *words], env=environment, **pipes | options)
    signal.signal(signal.SIGINT, before)
    with running:
        try:
            yield running
        finally:
            running.kill()


def wait_until(condition: Callable[[], object], *, timeout_s: float = 20) -> None:
    """Poll, because another process does it."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited for {timeout_s} s"
        time.sleep(0.01)


def descendants(pid: int) -> list[int]:
    """The processes below a process, by /proc."""
    children: list[int] = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        children += map(int, tasks.read_text().split())
    return [one for child in children for one in (child, *descendants(child))]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def read_all(terminal: int) -> str:
    """What was written to a terminal until it closed."""
    data = b""
    while select.select([terminal], [], [], 30)[0]:
        try:
            data += os.read(terminal, 65536)
        except OSError:  # the other side has closed
            break
    return data.decode()
